//! Items that a job works on, of which others are due in each run: sites, accounts, parts. What happened to one of them
//! before is nothing new when it happens to another, as long as which ones it happens to differs from run to run, and not
//! to far more of them.

use std::collections::{BTreeMap, BTreeSet};

use unspool_model::event::Errno;
use unspool_model::map::{Map, hash_of};

use super::Joint;
use super::profile::{Ended, ExitKey, Failures, KeyKind, Role};

/// Items of one form in each baseline from which on more or fewer are the amount of a day.
const ITEMS_MIN: usize = 6;
/// The same where they are others in each run.
const OTHERS_MIN: usize = 2;
/// How many times as many items as in a baseline are an amount, and how many times as many may fail as others do.
const TIMES: usize = 2;
const FAIL_TIMES: usize = 4;
/// The same of names without a number: they have to fail in the same way.
const FAILING_MIN: usize = 2;

/// Joint keys of one form, in each run.
type Sides = Vec<BTreeSet<u32>>;

/// What roles did to the items of their work.
#[derive(Debug, Default)]
pub(super) struct Turnover {
    /// By role and form: items that were used.
    used: Map<(u32, u64), Sides>,
    /// By role, form and failure: items that failed so.
    failed: Map<(u32, u64, u8, Errno), Sides>,
    /// Forms of which a run makes or changes an item.
    made: BTreeSet<u64>,
}

impl Turnover {
    /// Finds the items of all roles.
    pub(super) fn find(joint: &Joint<'_>) -> Self {
        let mut all = Self::default();
        let runs = joint.runs.len();
        for ((role, key), sides) in &joint.uses {
            let Some(form) = form_of(joint, *key) else {
                continue;
            };
            let is_made = (0..runs)
                .filter_map(|side| joint.key_of(*key, side))
                .any(|key| key.created || key.modified);
            if is_made {
                all.made.insert(form);
            }
            for (side, used) in sides.iter().enumerate() {
                let Some(used) = used else { continue };
                if used.effective() > 0 {
                    insert(all.used.entry((*role, form)).or_default(), runs, side, *key);
                }
                for failures in &used.errors {
                    let way = (*role, form, failures.group as u8, failures.errno);
                    insert(all.failed.entry(way).or_default(), runs, side, *key);
                }
            }
        }
        all
    }

    /// Whether this failure is what items of that form meet in other runs, others in each.
    pub(super) fn fails(
        &self,
        joint: &Joint<'_>,
        role: u32,
        key: u32,
        failures: &Failures,
    ) -> bool {
        let Some(form) = form_of(joint, key) else {
            return false;
        };
        let way = (role, form, failures.group as u8, failures.errno);
        let least = if has_number(joint, key) {
            1
        } else {
            FAILING_MIN
        };
        self.failed
            .get(&way)
            .is_some_and(|sides| turns_over(sides, FAIL_TIMES) && most_before(sides) >= least)
    }

    /// Whether it is one of many items of that form, which runs make and of which others are there in each.
    pub(super) fn holds(&self, joint: &Joint<'_>, role: u32, key: u32) -> bool {
        let Some(form) = form_of(joint, key).filter(|form| self.made.contains(form)) else {
            return false;
        };
        let Some(sides) = self.used.get(&(role, form)) else {
            return false;
        };
        let with_role = (0..joint.runs.len())
            .filter(|side| joint.role_of(role, *side).is_some())
            .filter_map(|side| sides.get(side));
        let least = with_role.map(BTreeSet::len).min().unwrap_or(0);
        let is_many = least >= ITEMS_MIN && is_amount(sides, TIMES);
        has_number(joint, key) && (is_many || least >= OTHERS_MIN && turns_over(sides, TIMES))
    }
}

fn insert(sides: &mut Sides, runs: usize, side: usize, key: u32) {
    sides.resize(runs, BTreeSet::new());
    if let Some(items) = sides.get_mut(side) {
        items.insert(key);
    }
}

/// Items in the baseline with the most of them.
fn most_before<T>(sides: &[BTreeSet<T>]) -> usize {
    let baselines = sides.split_last().map_or(&[][..], |(_, before)| before);
    baselines.iter().map(BTreeSet::len).max().unwrap_or(0)
}

/// Whether the subject, which comes last, has not more than so many times as many as a baseline has.
fn is_amount<T>(sides: &[BTreeSet<T>], times: usize) -> bool {
    let now = sides.last().map_or(0, BTreeSet::len);
    now <= times * most_before(sides)
}

/// Whether which items there are differs among the baselines, or, where there is only one, whether it has some that the
/// subject lacks; and the subject has not far more.
fn turns_over<T: Ord>(sides: &[BTreeSet<T>], times: usize) -> bool {
    let Some((subject, baselines)) = sides.split_last() else {
        return false;
    };
    let varies = match baselines {
        [] => false,
        [only] => only.difference(subject).next().is_some(),
        [first, others @ ..] => others.iter().any(|other| other != first),
    };
    varies && is_amount(sides, times)
}

/// The form of a file's name; `None` for what is no file of the job.
fn form_of(joint: &Joint<'_>, key: u32) -> Option<u64> {
    let key = joint.keys.get(key as usize)?;
    if !matches!(key.kind, KeyKind::File | KeyKind::Folder) || super::is_system(&key.name) {
        return None;
    }
    item(&key.name).map(|form| hash_of(form.as_slice()))
}

fn has_number(joint: &Joint<'_>, key: u32) -> bool {
    joint
        .keys
        .get(key as usize)
        .is_some_and(|key| super::nightly::shape(super::roles::base(&key.name)).is_some())
}

/// A path with the words and numbers of its last component left out: `live/www-04.pem` as `live/a-#.pem`; without a number
/// only the ending stays.
fn item(name: &[u8]) -> Option<Vec<u8>> {
    let base = super::roles::base(name);
    let folder = super::roles::folder(name);
    if let Some(shape) = super::nightly::shape(base) {
        return Some([folder, &shape].concat());
    }
    let dot = base.iter().rposition(|byte| *byte == b'.')?;
    let ending = base.get(dot..).filter(|_| dot > 0)?;
    Some([folder, b"*", ending].concat())
}

/// Commands that failed in one way, in the baselines and the subject, by what they have in common.
pub(super) struct FailedCommands<'c> {
    forms: BTreeMap<Words, Vec<BTreeSet<&'c Words>>>,
}

/// Words of a command line.
type Words = Vec<Vec<u8>>;

impl<'c> FailedCommands<'c> {
    /// Of the commands of each baseline and of the subject.
    fn new<B, I>(baselines: B, subject: impl Iterator<Item = &'c Words>) -> Self
    where
        B: Iterator<Item = I>,
        I: Iterator<Item = &'c Words>,
    {
        let mut sides: Vec<Vec<&Words>> = baselines.map(Iterator::collect).collect();
        sides.push(subject.collect());
        let mut forms: BTreeMap<_, Vec<BTreeSet<_>>> = BTreeMap::new();
        for (side, commands) in sides.iter().enumerate() {
            for words in commands {
                let all = forms.entry(common(words)).or_default();
                all.resize(sides.len(), BTreeSet::new());
                if let Some(commands) = all.get_mut(side) {
                    commands.insert(*words);
                }
            }
        }
        Self { forms }
    }

    /// Of those of a role that ended in one way in each baseline, and in the subject.
    pub(super) fn of(
        baselines: impl Iterator<Item = &'c Role>,
        key: ExitKey,
        subject: &'c Ended,
    ) -> Self {
        let commands = |ended: &'c Ended| ended.commands.keys();
        let before = baselines.map(|role| role.exits.get(&key).into_iter().flat_map(commands));
        Self::new(before, commands(subject))
    }

    /// Whether a command failed as others for other items do, others in each run.
    pub(super) fn are_others(&self, words: &[Vec<u8>]) -> bool {
        self.forms
            .get(&common(words))
            .is_some_and(|sides| turns_over(sides, TIMES))
    }
}

/// Whether there are several commands of other items in each of these, as one that has `words` is.
pub(super) fn is_one_of_many(words: &[Vec<u8>], known: &BTreeSet<&Words>) -> bool {
    let form = common(words);
    form != words
        && known
            .iter()
            .filter(|other| common(other) == form)
            .nth(OTHERS_MIN - 1)
            .is_some()
}

/// Words with the items left out.
fn common(words: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let form = |word: &Vec<u8>| {
        let is_item = !word.starts_with(b"-") && word.iter().any(u8::is_ascii_digit);
        item(word)
            .filter(|_| is_item)
            .unwrap_or_else(|| word.clone())
    };
    words.iter().map(form).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{FailedCommands, TIMES, is_one_of_many, item, turns_over};

    #[track_caller]
    fn check(name: &str, expect: Option<&str>) {
        let found = item(name.as_bytes());
        let found = found.map(|form| String::from_utf8_lossy(&form).into_owned());
        assert_eq!(found.as_deref(), expect, "{name}");
    }

    #[test]
    fn items_have_forms() {
        check("live/www-04.shops.test.pem", Some("live/a-#.a.a.pem"));
        check("live/shop.pem", Some("live/*.pem"));
        check("live/README", None);
        check("conf/.profile", None);
    }

    fn sets(sets: &[&[u32]]) -> Vec<BTreeSet<u32>> {
        sets.iter()
            .map(|set| set.iter().copied().collect())
            .collect()
    }

    #[test]
    fn others_in_each_run() {
        assert!(turns_over(&sets(&[&[1, 2], &[2, 3]]), TIMES));
        // One more than on the only other day: nobody knows.
        assert!(!turns_over(&sets(&[&[1, 2], &[1, 2, 3]]), TIMES));
        // The same on all days, and today another.
        assert!(!turns_over(&sets(&[&[1, 2], &[1, 2], &[1, 3]]), TIMES));
        assert!(turns_over(&sets(&[&[1, 2], &[1], &[4]]), TIMES));
        // Far more.
        assert!(!turns_over(&sets(&[&[1], &[2], &[3, 4, 5]]), TIMES));
        assert!(!turns_over(&sets(&[&[], &[3]]), TIMES));
    }

    #[test]
    fn commands_for_other_items() {
        let command = |site: &str, days: &str| -> Vec<Vec<u8>> {
            ["check", "-days", days, "-in", site]
                .iter()
                .map(|word| word.as_bytes().to_vec())
                .collect()
        };
        let before = [
            command("live/www-01.pem", "30"),
            command("live/api-02.pem", "30"),
        ];
        let now = [
            command("live/www-03.pem", "30"),
            command("live/www-01.pem", "30"),
        ];
        let commands = FailedCommands::new([before.iter()].into_iter(), now.iter());
        assert!(commands.are_others(&now[0]));
        // Another program's failure, though for an item.
        assert!(!commands.are_others(&command("live/www-03.pem", "strict")));
        // Nothing turned over: one more fails.
        let now = [
            before[0].clone(),
            before[1].clone(),
            command("live/www-03.pem", "30"),
        ];
        let commands = FailedCommands::new([before.iter()].into_iter(), now.iter());
        assert!(!commands.are_others(&now[2]));
    }

    #[test]
    fn one_more_of_many() {
        let words = |text: &str| -> Vec<Vec<u8>> {
            text.split(' ')
                .map(|word| word.as_bytes().to_vec())
                .collect()
        };
        let known = [
            words("check live/www-01.pem"),
            words("check live/api-02.pem"),
        ];
        let known: BTreeSet<&Vec<Vec<u8>>> = known.iter().collect();
        assert!(is_one_of_many(&words("check live/pay-07.pem"), &known));
        assert!(!is_one_of_many(&words("check other/pay-07.pem"), &known));
        assert!(!is_one_of_many(&words("check -f live/pay-07.pem"), &known));
        assert!(!is_one_of_many(&words("check all"), &known));
    }
}
