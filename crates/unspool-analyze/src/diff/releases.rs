//! Another release: the folder of a version (`releases/2.4`) has another version's name. What lies in it is compared as
//! one thing, as with every folder that only has another name; that the version is another one is told here.

use super::Joint;
use super::finding::{Finding, FindingKind};
use super::phrases::{say, who};
use super::profile::KeyKind;

/// Weight of another release.
const RELEASE: f64 = 2.7;

/// Folders of a version that all baselines used and the subject did not, with the one that it used.
pub(super) fn find(joint: &Joint<'_>, out: &mut Vec<Finding>) {
    for renamed in joint.folders(0) {
        let (from, to) = (renamed.from.as_slice(), renamed.to.as_slice());
        let is_release = is_version(super::roles::base(from)) && is_version(super::roles::base(to));
        let is_in_all = (1..joint.subject()).all(|side| joint.folders(side).contains(renamed));
        if !is_release || !is_in_all || super::is_system(to) {
            continue;
        }
        let first = joint
            .uses
            .iter()
            .filter_map(|((role, key), sides)| {
                let used = sides.get(joint.subject()).copied().flatten()?;
                let found = joint.key_of(*key, joint.subject())?;
                let name = found.name.strip_prefix(to)?;
                let is_file = found.kind == KeyKind::File && name.starts_with(b"/");
                (is_file && used.effective() > 0).then_some((used.first_ns, *role, *key, used))
            })
            .min_by_key(|(at_ns, role, key, _)| (*at_ns, *role, *key));
        let Some((_, role, key, used)) = first else {
            continue;
        };
        let folder = joint
            .key_of(key, joint.subject())
            .and_then(|found| {
                let below = found.name.strip_prefix(to)?;
                found.raw.strip_suffix(below)
            })
            .unwrap_or(to);
        let before = super::roles::base(from);
        out.push(
            Finding::new(FindingKind::Version, RELEASE, folder)
                .values(before, super::roles::base(to))
                .at(used.first_ns, Some(used.first_seq))
                .of(role, None)
                .says(say!(
                    who(joint, role),
                    " used another version: ",
                    folder,
                    ", before ",
                    before
                )),
        );
    }
}

/// `2.4`, `v1.10.3`, `app-2.4.1`: numbers with dots behind words, and nothing else.
fn is_version(name: &[u8]) -> bool {
    let end = name
        .iter()
        .rposition(|byte| !byte.is_ascii_digit() && *byte != b'.')
        .map_or(0, |at| at + 1);
    let number = name.get(end..).unwrap_or_default();
    let parts: Vec<&[u8]> = number.split(|byte| *byte == b'.').collect();
    (2..=4).contains(&parts.len()) && parts.iter().all(|part| (1..=4).contains(&part.len()))
}

#[cfg(test)]
mod tests {
    use super::is_version;

    #[test]
    fn versions_of_folders() {
        let are = [&b"2.4"[..], b"v1.10.3", b"app-2.4.1", b"python3.11"];
        assert!(are.iter().all(|name| is_version(name)));
        let are_not = [
            &b"2026"[..],
            b"run-17",
            b"4.",
            b"<D+0>",
            b"10.0.0.1.x",
            b"a.20260401",
        ];
        assert!(!are_not.iter().any(|name| is_version(name)));
    }
}
