//! What roles did to keys, in order of role and key. Flat lists: a run has hundreds of thousands of them.

use std::ops::RangeInclusive;

use super::profile::Use;

/// A role and a key.
pub(super) type Pair = (u32, u32);

/// What the roles of one run did.
#[derive(Clone, Debug, Default)]
pub(super) struct Uses {
    /// Sorted, with the place of the use.
    order: Vec<(Pair, u32)>,
    uses: Vec<Use>,
}

impl Uses {
    /// Of pairs with the place of each in `uses`.
    pub(super) fn new(pairs: impl Iterator<Item = (Pair, u32)>, uses: Vec<Use>) -> Self {
        let mut order: Vec<(Pair, u32)> = pairs
            .filter(|(_, place)| (*place as usize) < uses.len())
            .collect();
        order.sort_unstable();
        Self { order, uses }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// All, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Pair, &Use)> {
        self.between(0, self.order.len())
    }

    /// Those of a range of pairs, in order.
    pub(super) fn range(&self, pairs: RangeInclusive<Pair>) -> impl Iterator<Item = (&Pair, &Use)> {
        let start = self.order.partition_point(|(pair, _)| pair < pairs.start());
        let end = self.order.partition_point(|(pair, _)| pair <= pairs.end());
        self.between(start, end)
    }

    fn between(&self, start: usize, end: usize) -> impl Iterator<Item = (&Pair, &Use)> {
        let order = self.order.get(start..end).unwrap_or_default();
        order
            .iter()
            .filter_map(|(pair, place)| Some((pair, self.uses.get(*place as usize)?)))
    }
}

/// What each run did to one key in one role; `None` where it did nothing.
pub(super) type Sides<'p> = [Option<&'p Use>];

/// What the joint roles of all runs did.
#[derive(Debug, Default)]
pub(super) struct JointUses<'p> {
    /// Sorted.
    pairs: Vec<Pair>,
    /// By place of the pair and run.
    sides: Vec<Option<&'p Use>>,
    runs: usize,
    /// Places of the pairs by key, in order of the role.
    by_key: Vec<u32>,
    /// By key, where its places begin in `by_key`; one more at the end.
    starts: Vec<u32>,
}

impl<'p> JointUses<'p> {
    /// Of pairs with what one run did, several of each; of the same run, the last one counts. Keys are below `keys`.
    pub(super) fn new(mut all: Vec<(Pair, usize, &'p Use)>, runs: usize, keys: usize) -> Self {
        all.sort_by_key(|(pair, side, _)| (*pair, *side));
        let mut joint = Self {
            runs,
            ..Self::default()
        };
        for (pair, side, used) in all {
            if joint.pairs.last() != Some(&pair) {
                joint.pairs.push(pair);
                joint.sides.resize(joint.sides.len() + runs, None);
            }
            let start = joint.sides.len() - runs;
            if let Some(slot) = joint.sides.get_mut(start + side) {
                *slot = Some(used);
            }
        }
        joint.count_keys(keys);
        joint
    }

    fn count_keys(&mut self, keys: usize) {
        let mut starts = vec![0_u32; keys + 1];
        for (_, key) in &self.pairs {
            if let Some(count) = starts.get_mut(*key as usize + 1) {
                *count += 1;
            }
        }
        for key in 0..keys {
            starts[key + 1] += starts[key];
        }
        let mut next = starts.clone();
        self.by_key = vec![0; self.pairs.len()];
        for (place, (_, key)) in self.pairs.iter().enumerate() {
            if let Some(at) = next.get_mut(*key as usize) {
                self.by_key[*at as usize] = u32::try_from(place).unwrap_or(u32::MAX);
                *at += 1;
            }
        }
        self.starts = starts;
    }

    /// What each run did to a key in a role.
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "it is asked as a map is, with the pairs that its iterators give"
    )]
    pub(super) fn get(&self, pair: &Pair) -> Option<&Sides<'p>> {
        let places = self.places_of(pair.1);
        let role = |place: &u32| self.pairs.get(*place as usize).map(|(role, _)| *role);
        let at = places.partition_point(|place| role(place) < Some(pair.0));
        let place = places.get(at).filter(|place| role(place) == Some(pair.0))?;
        Some(self.sides_at(*place as usize))
    }

    /// What each run did to a key, by role.
    pub(super) fn of_key(&self, key: u32) -> impl Iterator<Item = &Sides<'p>> {
        let places = self.places_of(key).iter();
        places.map(|place| self.sides_at(*place as usize))
    }

    /// The roles that used a key, with what each run did.
    pub(super) fn of_key_by_role(&self, key: u32) -> impl Iterator<Item = (u32, &Sides<'p>)> {
        let role = |place: &u32| self.pairs.get(*place as usize).map(|(role, _)| *role);
        let places = self.places_of(key).iter();
        places.filter_map(move |place| Some((role(place)?, self.sides_at(*place as usize))))
    }

    /// All, in order.
    pub(super) fn iter(&self) -> Iter<'_, 'p> {
        self.between(0, self.pairs.len())
    }

    /// What a role did to each key in one run.
    pub(super) fn of_role_in(
        &self,
        role: u32,
        side: usize,
    ) -> impl Iterator<Item = (u32, &'p Use)> {
        self.of_role(role)
            .filter_map(move |((_, key), sides)| Some((*key, sides.get(side).copied().flatten()?)))
    }

    /// Those of a role, in order.
    pub(super) fn of_role(&self, role: u32) -> Iter<'_, 'p> {
        let start = self.pairs.partition_point(|pair| pair.0 < role);
        let end = self.pairs.partition_point(|pair| pair.0 <= role);
        self.between(start, end)
    }

    /// All pairs, in order.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Pair> {
        self.pairs.iter()
    }

    fn places_of(&self, key: u32) -> &[u32] {
        let start = |key: usize| self.starts.get(key).map(|start| *start as usize);
        let key = key as usize;
        match (start(key), start(key + 1)) {
            (Some(start), Some(end)) => self.by_key.get(start..end).unwrap_or_default(),
            _ => &[],
        }
    }

    fn sides_at(&self, place: usize) -> &Sides<'p> {
        let start = place * self.runs;
        self.sides.get(start..start + self.runs).unwrap_or_default()
    }

    fn between(&self, start: usize, end: usize) -> Iter<'_, 'p> {
        let pairs = self.pairs.get(start..end).unwrap_or_default();
        let sides = self.sides.get(start * self.runs..).unwrap_or_default();
        pairs.iter().zip(sides.chunks(self.runs.max(1)))
    }
}

/// Pairs with what each run did.
type Iter<'a, 'p> =
    std::iter::Zip<std::slice::Iter<'a, Pair>, std::slice::Chunks<'a, Option<&'p Use>>>;

impl<'a, 'p> IntoIterator for &'a JointUses<'p> {
    type Item = (&'a Pair, &'a Sides<'p>);
    type IntoIter = Iter<'a, 'p>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::{JointUses, Pair, Use, Uses};

    const RUNS: usize = 3;
    const KEYS: usize = 9;

    fn pairs() -> impl Strategy<Value = Vec<Vec<Pair>>> {
        let run = prop::collection::vec((0..5_u32, 0..9_u32), 0..40);
        prop::collection::vec(run, RUNS)
    }

    fn used(first_seq: usize) -> Use {
        Use {
            first_seq: first_seq as u64,
            ..Use::default()
        }
    }

    proptest! {
        #[test]
        fn joint_uses_are_those_of_a_map(runs in pairs()) {
            let uses: Vec<Vec<Use>> = runs.iter().map(|run| (0..run.len()).map(used).collect()).collect();
            let mut all = Vec::new();
            let mut map: BTreeMap<Pair, Vec<Option<&Use>>> = BTreeMap::new();
            for (side, (pairs, uses)) in runs.iter().zip(&uses).enumerate() {
                for (pair, used) in pairs.iter().zip(uses) {
                    all.push((*pair, side, used));
                    map.entry(*pair).or_insert_with(|| vec![None; RUNS])[side] = Some(used);
                }
            }
            let seqs = |sides: &[Option<&Use>]| -> Vec<Option<u64>> {
                sides.iter().map(|used| used.map(|used| used.first_seq)).collect()
            };
            let joint = JointUses::new(all, RUNS, KEYS);
            let found: Vec<_> = joint.iter().map(|(pair, sides)| (*pair, seqs(sides))).collect();
            let wanted: Vec<_> = map.iter().map(|(pair, sides)| (*pair, seqs(sides))).collect();
            prop_assert_eq!(&found, &wanted);
            prop_assert!(joint.keys().eq(map.keys()));
            for role in 0..6 {
                let found: Vec<Pair> = joint.of_role(role).map(|(pair, _)| *pair).collect();
                let wanted: Vec<Pair> = map.range((role, 0)..=(role, u32::MAX)).map(|(pair, _)| *pair).collect();
                prop_assert_eq!(found, wanted);
                for key in 0..10 {
                    let found = joint.get(&(role, key)).map(seqs);
                    prop_assert_eq!(found, map.get(&(role, key)).map(|sides| seqs(sides)));
                }
            }
            for key in 0..10 {
                let found: Vec<_> = joint.of_key(key).map(seqs).collect();
                let of_key = map.iter().filter(|((_, other), _)| *other == key);
                prop_assert_eq!(found, of_key.map(|(_, sides)| seqs(sides)).collect::<Vec<_>>());
            }
        }

        #[test]
        fn uses_of_a_run_are_those_of_a_map(pairs in prop::collection::btree_set((0..5_u32, 0..9_u32), 0..30), turn in 0..30_usize) {
            let mut folded: Vec<Pair> = pairs.iter().copied().collect();
            let turn = turn % folded.len().max(1);
            folded.rotate_left(turn);
            let places = folded.iter().copied().zip(0..);
            let uses = Uses::new(places, (0..folded.len()).map(used).collect());
            prop_assert_eq!(uses.len(), pairs.len());
            prop_assert!(uses.iter().map(|(pair, _)| *pair).eq(pairs.iter().copied()));
            for (pair, used) in uses.iter() {
                prop_assert_eq!(folded[usize::try_from(used.first_seq).unwrap()], *pair);
            }
            let range = (2, 3)..=(3, 1);
            prop_assert!(uses.range(range.clone()).map(|(pair, _)| *pair).eq(pairs.range(range).copied()));
        }
    }
}
