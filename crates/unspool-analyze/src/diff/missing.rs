//! Files that are not found: whether they were there before, or are looked for along a path, or only now.

use super::finding::{Finding, FindingKind};
use super::phrases::{say, who};
use super::profile::{Failures, Group, KeyKind, Use};
use super::resources::{HARD, Place};
use super::weight_of;
use super::words::{failure_text, stem};

impl Place<'_, '_> {
    pub(super) fn missing(&self, used: &Use, failures: &Failures, out: &mut Vec<Finding>) {
        let name = self.name();
        // What every run makes for itself was not there before: what kept it from being made is told by another finding.
        let is_made = (0..self.joint.subject())
            .filter_map(|side| self.joint.key_of(self.key, side))
            .any(|key| key.created);
        let refused = used
            .errors
            .iter()
            .any(|other| HARD.contains(&other.errno.0) && other.group == Group::Change);
        if is_made && refused {
            return;
        }
        if let Some(name) = super::words::probed(&name) {
            if !name.is_empty() {
                self.no_rule(&name, failures, out);
            }
            return;
        }
        let was_there = self.before().any(|before| self.is_reached(before));
        let elsewhere = !was_there && self.used_before_by_any();
        let found_later = self.is_reached(used);
        // What is written or renamed is not looked for.
        let made = used
            .errors
            .iter()
            .any(|failures| failures.group == Group::Change);
        let in_search = !was_there && !made && self.same_name_found(failures.first_ns);
        let had_content = self.before().any(|before| before.bytes_read > 0) && used.bytes_read == 0;
        let score = if was_there && (!found_later || had_content) {
            3.9
        } else if was_there {
            1.6
        } else if in_search
            || self.kind() == KeyKind::Folder && found_later
            || self.kind() == KeyKind::LocalSocket && !elsewhere
        {
            0.4
        } else if elsewhere {
            2.6
        } else if found_later {
            0.8
        } else if made {
            3.2
        } else {
            2.0
        };
        let before = if was_there || elsewhere {
            "there"
        } else {
            "not asked for"
        };
        let call = if failures.group == Group::Execute {
            " could not run "
        } else {
            " did not find "
        };
        out.push(
            Finding::new(
                FindingKind::FileMissing,
                score * weight_of(self.joint, self.key),
                &name,
            )
            .values(before, "not found")
            .at(failures.first_ns, Some(failures.first_seq))
            .of(self.role, Some(self.key))
            .evidence(failure_text(failures, &name))
            .says(say!(
                who(self.joint, self.role),
                call,
                name,
                match (was_there || elsewhere, is_made) {
                    (true, true) => b": before, it was made".to_vec(),
                    (true, false) => self.name_before(),
                    (false, _) => b": it was not asked for before".to_vec(),
                }
            )),
        );
    }

    /// That it was there, by the name that it had.
    fn name_before(&self) -> Vec<u8> {
        let before = (0..self.joint.subject())
            .rev()
            .find_map(|side| self.joint.key_of(self.key, side));
        let is_of_day = self
            .joint
            .keys
            .get(self.key as usize)
            .is_some_and(|key| key.name.windows(2).any(|part| part == b"<D"));
        match before {
            Some(before) if is_of_day && before.raw != self.name() => {
                say!(": before, there was ", before.raw)
            }
            _ => b": it was there before".to_vec(),
        }
    }

    /// `make` looks where version control systems kept files: it has no file of that name, and no rule to make it.
    fn no_rule(&self, name: &[u8], failures: &Failures, out: &mut Vec<Finding>) {
        let below = say!("/", name);
        let baselines = self.joint.runs.iter().take(self.joint.subject());
        let before = baselines
            .flat_map(|run| &run.keys)
            .any(|key| key.raw == name || key.raw.ends_with(&below));
        let score = if before { 3.6 } else { 0.6 };
        out.push(
            Finding::new(FindingKind::FileMissing, score, name)
                .values(if before { "there" } else { "not asked for" }, "not found")
                .at(failures.first_ns, Some(failures.first_seq))
                .of(self.role, None)
                .evidence(failure_text(failures, &self.name()))
                .says(say!(
                    who(self.joint, self.role),
                    " has no ",
                    name,
                    " and no rule to make it",
                    if before { ": it was there before" } else { "" }
                )),
        );
    }

    /// Whether the same role found a file of that name in another folder: a search along a path.
    /// Only what was found after it was missing counts.
    fn same_name_found(&self, missing_ns: i64) -> bool {
        let subject = self.joint.subject();
        let name = self.name();
        let wanted = stem(&name).to_vec();
        let Some(run) = self.joint.runs.get(subject) else {
            return false;
        };
        let Some(role) = self
            .joint
            .roles
            .get(self.role as usize)
            .and_then(|role| role.sides.get(subject).copied().flatten())
        else {
            return false;
        };
        let executed = run.uses.iter().any(|((_, key), used)| {
            used.count(Group::Execute) > 0
                && run
                    .keys
                    .get(*key as usize)
                    .is_some_and(|key| super::roles::base(&key.raw) == super::roles::base(&name))
        });
        executed
            || run
                .uses
                .range((role, 0)..=(role, u32::MAX))
                .any(|((_, key), used)| {
                    used.effective() > 0
                        && used.last_ns >= missing_ns
                        && run
                            .keys
                            .get(*key as usize)
                            .is_some_and(|key| key.raw != name && stem(&key.raw) == wanted)
                })
    }
}
