//! Folders in which each run finds other names: mail, documents of the day, segments of a log. That a name is new says
//! nothing there, or that one is gone.
//!
//! Names are compared by their form: the folder, and the name with words and numbers left out, so that `draft-17.odt` and
//! `offer-203.odt` are one thing. The folder or the one above may have any name: one a user, one a queue.

use std::collections::BTreeSet;

use unspool_model::map::{Map, hash_of};

use super::Joint;
use super::profile::{Group, KeyKind, Use};

/// Names that only one of two runs has, from which on both have their own.
const OWN_MIN: usize = 2;
/// Baselines from which on each of them says what is its own.
const LEARNT_MIN: usize = 2;
/// The same of names with versions: a folder of packages, of which a run makes some.
const PACKAGES_MIN: usize = 6;
/// How many times larger than the largest a new file has to be to be told, and how large at least.
const LARGE: u64 = 8;
const LARGE_MIN: u64 = 4096;
/// Digits of a hexadecimal number that is no word.
const HEX_MIN: usize = 8;

/// Forms of names that are others in each run, with the most bytes that a baseline read or wrote of one of them.
#[derive(Debug, Default)]
pub(super) struct Nightly {
    forms: Map<u64, u64>,
}

/// What the runs have of one form.
#[derive(Debug, Default)]
struct Seen {
    names: Vec<BTreeSet<u64>>,
    largest: u64,
    /// Whether it is a form of names with versions.
    is_package: bool,
    /// Runs that make one.
    makers: BTreeSet<usize>,
    is_mapped: bool,
}

impl Nightly {
    /// Finds the forms.
    pub(super) fn find(joint: &Joint<'_>) -> Self {
        let mut all: Map<u64, Seen> = Map::default();
        for ((_, key), sides) in &joint.uses {
            let Some(found) = joint.keys.get(*key as usize) else {
                continue;
            };
            if found.kind != KeyKind::File || super::is_system(&found.name) {
                continue;
            }
            let packages = package_forms(&found.name);
            let is_package = !packages.is_empty();
            let forms = [packages, forms(&found.name)].concat();
            let is_random = is_random(super::roles::base(&found.name));
            for (side, used) in sides.iter().enumerate() {
                let Some(used) = used.filter(|used| used.effective() > 0) else {
                    continue;
                };
                // The name that the run itself has: what was learnt makes one of two.
                let Some(own) = joint.key_of(*key, side) else {
                    continue;
                };
                let name = super::roles::base(if is_random { &own.raw } else { &own.name });
                for form in &forms {
                    let seen = all.entry(*form).or_default();
                    seen.is_package = is_package;
                    seen.names.resize(joint.runs.len(), BTreeSet::new());
                    if let Some(names) = seen.names.get_mut(side) {
                        names.insert(hash_of(name));
                    }
                    if own.created {
                        seen.makers.insert(side);
                    }
                    seen.is_mapped |= used.count(Group::Map) + used.count(Group::Execute) > 0;
                    if side != joint.subject() {
                        seen.largest = seen.largest.max(bytes(used));
                    }
                }
            }
        }
        let is_data = |seen: &Seen| seen.makers.len() == joint.runs.len() && !seen.is_mapped;
        let forms = all
            .into_iter()
            .filter(|(_, seen)| {
                if seen.is_package {
                    is_data(seen) && is_nightly(&seen.names, PACKAGES_MIN, PACKAGES_MIN)
                } else {
                    is_nightly(&seen.names, OWN_MIN, 1)
                }
            })
            .map(|(form, seen)| (form, seen.largest))
            .collect();
        Self { forms }
    }

    /// Whether a file of this name is one of many that each run has in other versions.
    pub(super) fn is_package(&self, name: &[u8]) -> bool {
        let mut forms = package_forms(name).into_iter();
        forms.any(|form| self.forms.contains_key(&form))
    }

    /// Whether a file of this name, used like this, is what a run may have and another may lack.
    pub(super) fn holds(&self, name: &[u8], used: &Use) -> bool {
        let forms = forms(name).into_iter().chain(package_forms(name));
        forms
            .filter_map(|form| self.forms.get(&form))
            .any(|largest| {
                let size = bytes(used);
                size < LARGE_MIN || size <= largest.saturating_mul(LARGE)
            })
    }
}

fn bytes(used: &Use) -> u64 {
    used.bytes_read.max(used.bytes_written)
}

/// Whether each baseline has so many names (`each_min`) that no other has; of a single one, whether it and the subject both
/// have `own_min`.
fn is_nightly(names: &[BTreeSet<u64>], own_min: usize, each_min: usize) -> bool {
    let Some((subject, baselines)) = names.split_last() else {
        return false;
    };
    if let [only] = baselines {
        return only.difference(subject).count() >= own_min
            && subject.difference(only).count() >= own_min;
    }
    let has_own = |place: usize, names: &BTreeSet<u64>| {
        let is_own = |name: &&u64| {
            let mut others = baselines.iter().enumerate();
            others.all(|(other, its)| other == place || !its.contains(*name))
        };
        names.iter().filter(is_own).take(each_min).count() == each_min
    };
    baselines.len() >= LEARNT_MIN
        && baselines
            .iter()
            .enumerate()
            .all(|(place, names)| has_own(place, names))
}

/// The forms of a name: in its folder, in all folders beside that, and in those of the same name one level up; none when
/// it has no number.
fn forms(name: &[u8]) -> Vec<u64> {
    let base = super::roles::base(name);
    let Some(shape) = shape(base) else {
        return Vec::new();
    };
    let folder = super::roles::folder(name).strip_suffix(b"/");
    let Some(folder) = folder.filter(|folder| !folder.is_empty()) else {
        return Vec::new();
    };
    let mut forms = vec![hash_of(&(folder, &b""[..], shape.as_slice()))];
    let last = super::roles::base(folder);
    let above = super::roles::folder(folder)
        .strip_suffix(b"/")
        .unwrap_or_default();
    if !above.is_empty() {
        forms.push(hash_of(&(above, &b"*"[..], shape.as_slice())));
        let top = super::roles::folder(above);
        if top.len() > 1 {
            forms.push(hash_of(&(top, last, shape.as_slice())));
        }
    }
    forms
}

/// The forms of a name with a version: its ending in its folder, and below the two above that; none of a library.
fn package_forms(name: &[u8]) -> Vec<u64> {
    let base = super::roles::base(name);
    let ending = base
        .iter()
        .rposition(|byte| *byte == b'.')
        .and_then(|dot| base.get(dot..))
        .filter(|ending| ending.get(1).is_some_and(u8::is_ascii_alphabetic));
    let Some(ending) = ending.filter(|_| is_version(base)) else {
        return Vec::new();
    };
    let mut forms = Vec::new();
    let mut rest = name;
    for depth in 0..3 {
        let folder = super::roles::folder(rest);
        let Some(above) = folder.strip_suffix(b"/").filter(|above| !above.is_empty()) else {
            break;
        };
        forms.push(hash_of(&(above, depth, ending)));
        rest = above;
    }
    forms
}

/// Whether a name has a number with a point in it and is no library's.
fn is_version(base: &[u8]) -> bool {
    has_dotted(base) && !super::contains(base, b".so.") && !base.ends_with(b".so")
}

/// Whether there is a number with a point in it.
pub(super) fn has_dotted(base: &[u8]) -> bool {
    base.windows(3).any(
        |part| matches!(part, [one, b'.', other] if one.is_ascii_digit() && other.is_ascii_digit()),
    )
}

/// Whether a placeholder of something random is part of it: then runs have other names where theirs are one.
fn is_random(base: &[u8]) -> bool {
    [&b"<N>"[..], b"<HASH>", b"<T>", b"<UUID>", b"<TMP>"]
        .iter()
        .any(|part| super::contains(base, part))
}

/// Length of the placeholder that `rest` begins with.
fn placeholder(rest: &[u8]) -> Option<usize> {
    let end = rest.iter().take(24).position(|byte| *byte == b'>')?;
    rest.starts_with(b"<").then_some(end + 1)
}

/// `offer-203.odt` as `a-#.odt`; `None` without a number, and for versions. Days stay: the file of another day is another.
pub(super) fn shape(base: &[u8]) -> Option<Vec<u8>> {
    if has_dotted(base) || super::contains(base, b".so.") {
        return None;
    }
    let dot = base
        .iter()
        .rposition(|byte| *byte == b'.')
        .filter(|dot| *dot > 0 && base.get(dot + 1).is_some_and(u8::is_ascii_alphabetic))
        .unwrap_or(base.len());
    let ending = base.get(dot..)?;
    let ending_len = ending
        .iter()
        .position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'.')
        .unwrap_or(ending.len());
    let mut out = Vec::new();
    let mut has_number = false;
    let mut rest = base.get(..dot)?;
    while let Some(first) = rest.first().copied() {
        let len = if let Some(len) = placeholder(rest) {
            let word = rest.get(..len)?;
            let is_day = matches!(word, [b'<', b'D' | b'M' | b'W', b'+' | b'-', ..]);
            out.extend_from_slice(if is_day { word } else { b"#" });
            has_number |= !is_day;
            len
        } else if !first.is_ascii_alphanumeric() {
            out.push(first);
            1
        } else {
            let len = |is: fn(&u8) -> bool| rest.iter().take_while(|byte| is(byte)).count();
            let hex = len(u8::is_ascii_hexdigit);
            let word = rest.get(..hex)?;
            let is_hex = hex >= HEX_MIN && word.iter().any(u8::is_ascii_digit);
            let is_number = is_hex || first.is_ascii_digit();
            out.push(if is_number { b'#' } else { b'a' });
            has_number |= is_number;
            match (is_hex, is_number) {
                (true, _) => hex,
                (_, true) => len(u8::is_ascii_digit),
                _ => len(u8::is_ascii_alphabetic),
            }
        };
        rest = rest.get(len..)?;
    }
    out.extend_from_slice(ending.get(..ending_len)?);
    has_number.then_some(out)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{OWN_MIN, forms, is_nightly, shape};

    #[track_caller]
    fn check(base: &str, expect: Option<&str>) {
        let found =
            shape(base.as_bytes()).map(|shape| String::from_utf8_lossy(&shape).into_owned());
        assert_eq!(found.as_deref(), expect, "{base}");
    }

    #[test]
    fn shapes_of_names() {
        check("offer-203.odt", Some("a-#.odt"));
        check("1787390400.M11406P8816.post:2,S", Some("#.a#a#.post"));
        check("<N>", Some("#"));
        check("segment-00A0F3D5", Some("a-#"));
        check("notes.txt", None);
        check("libz-1.2.so", None);
        check("<D-1>.csv", None);
        check("<D-1>-17.csv", Some("<D-1>-#.csv"));
    }

    #[test]
    fn folders_of_users_are_one_thing() {
        let common = |one: &str, other: &str| {
            let (one, other) = (forms(one.as_bytes()), forms(other.as_bytes()));
            one.iter().any(|form| other.contains(form))
        };
        assert!(common(
            "/srv/home/ann/papers/draft-1.odt",
            "/srv/home/bob/papers/plan-22.odt"
        ));
        assert!(common("/srv/queue/a/17.msg", "/srv/queue/b/18.msg"));
        assert!(!common(
            "/srv/home/ann/papers/draft-1.odt",
            "/srv/home/ann/papers/core.4711"
        ));
        assert!(!common("/srv/in/part-1.csv", "/data/in/part-2.csv"));
    }

    #[test]
    fn each_run_has_its_own() {
        let sets = |sets: &[&[u64]]| -> Vec<BTreeSet<u64>> {
            sets.iter()
                .map(|set| set.iter().copied().collect())
                .collect()
        };
        assert!(is_nightly(&sets(&[&[1, 2, 3], &[3, 4, 5]]), OWN_MIN, 1));
        // One file that has another name is a difference.
        assert!(!is_nightly(&sets(&[&[1, 2, 3], &[1, 2, 4]]), OWN_MIN, 1));
        assert!(is_nightly(
            &sets(&[&[1, 2], &[2, 3], &[2, 4, 5]]),
            OWN_MIN,
            1
        ));
        // The same names in all baselines.
        assert!(!is_nightly(
            &sets(&[&[1, 2], &[1, 2], &[1, 2, 3]]),
            OWN_MIN,
            1
        ));
    }
}
