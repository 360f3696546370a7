//! Learns from two sets of names what no grammar knows: folders that only have another name, counters, random words.

use super::scan::placeholder;
use crate::map::Map;

/// Names that are compared for folders, of each side.
const NAMES_MAX: usize = 20_000;
/// Deepest component that is looked at.
const DEPTH_MAX: usize = 12;
/// Names below two folders that must agree before the folders are taken for one.
const VOTES_MIN: usize = 3;
/// Shortest run of digits that is taken for a counter.
const COUNTER_LEN_MIN: usize = 3;

/// A name without one folder: what stands before and behind it.
type Hole<'n> = (&'n [u8], &'n [u8]);
/// Path of a folder on both sides.
type Folders<'n> = (&'n [u8], &'n [u8]);
/// Names below two folders that agree.
type Votes<'n> = Map<Folders<'n>, usize>;

/// A folder that has another name on the other side.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Renamed {
    /// Path of the folder in the first set.
    pub from: Vec<u8>,
    /// Path of the folder in the second.
    pub to: Vec<u8>,
}

/// Folders of the first set that are those of the second under another name: both sides have at least three names that
/// differ in this one component only, and neither side has the other's. The outermost come first.
pub fn folders(from: &[&[u8]], to: &[&[u8]]) -> Vec<Renamed> {
    // With component `depth` taken out: name -> component; ambiguous names vote for nothing.
    let mut votes: Votes<'_> = Map::default();
    for depth in 1..DEPTH_MAX {
        let mut by_hole: Map<Hole<'_>, Option<&[u8]>> = Map::default();
        for name in to.iter().take(NAMES_MAX) {
            if let Some((hole, whole)) = hole(name, depth) {
                by_hole
                    .entry(hole)
                    .and_modify(|only| *only = None)
                    .or_insert(Some(whole));
            }
        }
        for name in from.iter().take(NAMES_MAX) {
            if let Some((hole, whole)) = hole(name, depth)
                && let Some(Some(other)) = by_hole.get(&hole)
                && *other != whole
            {
                *votes.entry((whole, *other)).or_default() += 1;
            }
        }
    }
    best(&votes)
}

/// Mutually best pairs with enough votes.
fn best(votes: &Votes<'_>) -> Vec<Renamed> {
    let mut ranked: Vec<(&Folders<'_>, &usize)> = votes
        .iter()
        .filter(|(_, count)| **count >= VOTES_MIN)
        .collect();
    ranked.sort_by(|one, other| other.1.cmp(one.1).then_with(|| one.0.cmp(other.0)));
    let mut taken: Vec<Renamed> = Vec::new();
    for ((from, to), _) in ranked {
        if !taken
            .iter()
            .any(|pair| pair.from == *from || pair.to == *to)
        {
            taken.push(Renamed {
                from: from.to_vec(),
                to: to.to_vec(),
            });
        }
    }
    taken.sort_by(|one, other| {
        one.from
            .len()
            .cmp(&other.from.len())
            .then_with(|| one.cmp(other))
    });
    taken
}

/// Start and end of a component; the first one behind the root has depth 1.
fn component(name: &[u8], depth: usize) -> Option<(usize, usize)> {
    let mut start = 0;
    for _ in 0..depth {
        start += name.get(start..)?.iter().position(|byte| *byte == b'/')? + 1;
    }
    let end = name
        .get(start..)?
        .iter()
        .position(|byte| *byte == b'/')
        .map(|len| start + len)?;
    Some((start, end))
}

/// A name without one folder: what stands before and behind it; and the path down to that folder.
fn hole(name: &[u8], depth: usize) -> Option<(Hole<'_>, &[u8])> {
    let (start, end) = component(name, depth)?;
    let folder = name.get(start..end)?;
    // A placeholder with nothing else says all that differs.
    if placeholder(folder) == Some(folder.len()) {
        return None;
    }
    Some(((name.get(..start)?, name.get(end..)?), name.get(..end)?))
}

/// The name as the second set has it.
pub fn renamed(folders: &[Renamed], name: &[u8]) -> Option<Vec<u8>> {
    folders.iter().find_map(|folder| {
        let rest = name.strip_prefix(folder.from.as_slice())?;
        (rest.is_empty() || rest.starts_with(b"/")).then(|| [folder.to.as_slice(), rest].concat())
    })
}

/// Pairs of names (by place) that only one side has each, that belong to the same group and differ in counters or random
/// words alone. Where the sides have several of a form, they are paired in order.
pub fn pairs(from: &[(u64, &[u8])], to: &[(u64, &[u8])]) -> Vec<(usize, usize)> {
    let forms = |names: &[(u64, &[u8])]| {
        let mut forms: Map<(u64, Vec<u8>), Vec<usize>> = Map::default();
        for (place, (group, name)) in names.iter().enumerate() {
            if let Some(form) = skeleton(name) {
                forms.entry((*group, form)).or_default().push(place);
            }
        }
        forms
    };
    let ours = forms(from);
    let mut theirs = forms(to);
    let mut pairs = Vec::new();
    let sort = |places: &mut Vec<usize>, names: &[(u64, &[u8])]| {
        let name = |place: usize| names.get(place).map(|(_, name)| *name);
        places.sort_by(|one, other| name(*one).cmp(&name(*other)));
    };
    #[expect(clippy::iter_over_hash_type, reason = "the pairs are sorted below")]
    for (form, mut places) in ours {
        let Some(mut others) = theirs.remove(&form) else {
            continue;
        };
        sort(&mut places, from);
        sort(&mut others, to);
        pairs.extend(places.into_iter().zip(others));
    }
    pairs.sort_unstable();
    pairs
}

/// The name with counters as `#` and words of mixed letters and digits as `%`; `None` when it has neither. Versions
/// (`libz.so.1.2.13`, `python3.11`) are no counters: another version is a difference.
pub fn skeleton(name: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(name.len());
    let mut changed = false;
    let mut at = 0;
    while let Some(rest) = name.get(at..).filter(|rest| !rest.is_empty()) {
        if let Some(len) = placeholder(rest) {
            out.extend_from_slice(rest.get(..len)?);
            at += len;
            continue;
        }
        let len = rest
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric())
            .count();
        if len == 0 {
            out.push(*rest.first()?);
            at += 1;
            continue;
        }
        let word = rest.get(..len)?;
        let before = at.checked_sub(1).and_then(|at| name.get(at)).copied();
        let dotted = before == Some(b'.') || rest.get(len) == Some(&b'.') && is_version(rest, len);
        match form_of(word).filter(|_| !dotted || word.len() >= 6) {
            Some(form) => {
                out.extend_from_slice(&form);
                changed = true;
            }
            None => out.extend_from_slice(word),
        }
        at += len;
    }
    changed.then_some(out)
}

/// Whether digits follow behind a dot.
fn is_version(rest: &[u8], len: usize) -> bool {
    rest.get(len + 1).is_some_and(u8::is_ascii_digit)
}

fn form_of(word: &[u8]) -> Option<Vec<u8>> {
    let digits = word.iter().filter(|byte| byte.is_ascii_digit()).count();
    if digits == word.len() {
        return (digits >= COUNTER_LEN_MIN).then(|| b"#".to_vec());
    }
    let hex = word.iter().all(u8::is_ascii_hexdigit);
    if hex && digits >= 1 && word.len() >= 6 {
        return Some(b"%".to_vec());
    }
    // `run17`, `chunk0042`: a word and a counter.
    let stem = word
        .iter()
        .take_while(|byte| byte.is_ascii_alphabetic())
        .count();
    let rest = word.get(stem..)?;
    if stem >= 1 && rest.len() >= COUNTER_LEN_MIN && rest.iter().all(u8::is_ascii_digit) {
        return Some([word.get(..stem)?, b"#"].concat());
    }
    let turns = word
        .windows(2)
        .filter(
            |pair| matches!(pair, [one, other] if one.is_ascii_digit() != other.is_ascii_digit()),
        )
        .count();
    (turns >= 3 && word.len() >= 6).then(|| b"%".to_vec())
}
