//! Reads profiles as far as they are written here; what else stands in them is said, not judged.

use super::glob::Glob;
use super::{family_name, kind_name, missing, named};
use crate::needs::Need;
use crate::policy::{FileNeed, Judge, PolicyError, wrong};

/// A profile.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    files: Vec<(Glob, Vec<char>)>,
    capabilities: Vec<String>,
    networks: Vec<Vec<String>>,
    /// `signal,` without a peer.
    signals_outside: bool,
    notes: Vec<String>,
}

impl Profile {
    /// Reads a profile: its file rules, capabilities, networks, signals.
    pub fn parse(text: &[u8]) -> Result<Self, PolicyError> {
        let mut profile = Self::default();
        let mut inside = false;
        for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            if line.starts_with(b"#") || line.is_empty() {
                continue;
            }
            if !inside {
                inside = line.ends_with(b"{");
                continue;
            }
            if line == b"}" {
                inside = false;
                continue;
            }
            if !profile.rule(line) {
                profile.notes.push(format!(
                    "line {} is not understood and not judged",
                    number + 1
                ));
            }
        }
        if profile.files.is_empty()
            && profile.capabilities.is_empty()
            && profile.networks.is_empty()
        {
            return Err(wrong(
                "it has no rule that is understood, so it is no AppArmor profile",
            ));
        }
        Ok(profile)
    }

    /// Takes a rule; whether it was understood.
    fn rule(&mut self, line: &[u8]) -> bool {
        let Some(line) = line.strip_suffix(b",") else {
            return false;
        };
        let line = line.strip_prefix(b"owner ").unwrap_or(line);
        if matches!(line.first(), Some(b'/' | b'"' | b'@')) {
            return self.file_rule(line);
        }
        let Ok(text) = std::str::from_utf8(line) else {
            return false;
        };
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        match words.split_first() {
            Some((first, rest)) if first == "capability" => {
                self.capabilities.extend_from_slice(rest);
            }
            Some((first, rest)) if first == "network" => self.networks.push(rest.to_vec()),
            Some((first, [])) if first == "unix" => self.networks.push(vec!["unix".to_owned()]),
            Some((first, rest)) if first == "signal" => self.signals_outside |= rest.is_empty(),
            Some((first, _)) => {
                return ["ptrace", "mount", "umount", "pivot_root"].contains(&first.as_str());
            }
            None => return false,
        }
        true
    }

    fn file_rule(&mut self, line: &[u8]) -> bool {
        let (pattern, letters) = if let Some(rest) = line.strip_prefix(b"\"") {
            let mut escaped = false;
            let end = rest.iter().position(|byte| {
                let ends = *byte == b'"' && !escaped;
                escaped = *byte == b'\\' && !escaped;
                ends
            });
            let Some(end) = end else { return false };
            rest.split_at(end)
        } else {
            let end = line
                .iter()
                .position(|byte| *byte == b' ')
                .unwrap_or(line.len());
            line.split_at(end)
        };
        let letters = letters.strip_prefix(b"\"").unwrap_or(letters).trim_ascii();
        let Some(glob) = Glob::parse(pattern) else {
            return false;
        };
        // `ix`, `Px` and so on: how the profile goes on after an exec is not judged.
        let letters = letters
            .iter()
            .map(|byte| char::from(*byte))
            .filter(|letter| "rwmklxa".contains(*letter))
            .collect();
        self.files.push((glob, letters));
        true
    }
}

impl Judge for Profile {
    fn refuses(&self, need: &Need) -> Option<String> {
        match need {
            Need::Capability(name) => {
                let word = name.trim_start_matches("CAP_").to_ascii_lowercase();
                (!self.capabilities.contains(&word))
                    .then(|| format!("no rule allows capability {word}"))
            }
            Need::Socket { family, kind } => {
                let family = family_name(*family)?;
                let allowed = self.networks.iter().any(|words| {
                    words.first().is_none_or(|known| *known == family)
                        && words
                            .get(1)
                            .is_none_or(|known| Some(known.as_str()) == kind_name(*kind))
                });
                (!allowed).then(|| format!("no rule allows sockets of {family}"))
            }
            Need::SignalOutside if !self.signals_outside => {
                Some("no rule allows signals to other processes".to_owned())
            }
            _ => None,
        }
    }

    fn refuses_file(&self, file: &FileNeed<'_>) -> Option<String> {
        let mut folder = file.path.to_vec();
        folder.push(b'/');
        let mut given = Vec::new();
        for (glob, letters) in &self.files {
            if glob.fits(file.path) || (file.is_folder && glob.fits(&folder)) {
                given.extend_from_slice(letters);
            }
        }
        let wanted = missing(file.rights, &given)?;
        Some(format!("no rule allows {wanted} at `{}`", named(file.path)))
    }

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }
}
