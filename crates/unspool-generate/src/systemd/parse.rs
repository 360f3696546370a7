//! Reads drop-ins as far as they are written here.

use std::collections::BTreeSet;

use super::{Groups, NAMESPACES};
use crate::apparmor::family_name;
use crate::needs::Need;
use crate::policy::{FileNeed, Judge, PolicyError, wrong};
use crate::rights::Rights;
use crate::text::{is_within, shown};

/// A drop-in.
#[derive(Clone, Debug, Default)]
pub struct DropIn {
    calls: Option<BTreeSet<String>>,
    families: Option<BTreeSet<String>>,
    capabilities: Option<BTreeSet<String>>,
    /// `CLONE_NEW*` bits that may be made; `None` without a restriction.
    namespaces: Option<u64>,
    no_write_execute: bool,
    strict: bool,
    writable: Vec<Vec<u8>>,
    no_exec: bool,
    code: Vec<Vec<u8>>,
    no_homes: bool,
    no_bind: bool,
    ports: Vec<String>,
    notes: Vec<String>,
}

/// Settings that restrict what no need tells of.
const NOT_JUDGED: &[&str] = &[
    "SystemCallArchitectures",
    "SystemCallErrorNumber",
    "NoNewPrivileges",
    "PrivateTmp",
    "PrivateDevices",
    "PrivateNetwork",
    "ProtectKernelTunables",
    "ProtectControlGroups",
    "LockPersonality",
    "ProtectClock",
    "ProtectHostname",
    "ProtectKernelLogs",
    "ProtectKernelModules",
    "RestrictRealtime",
];

impl DropIn {
    /// Reads the `[Service]` part of a drop-in. `groups` tells what groups of calls stand for.
    pub fn parse(text: &[u8], groups: &Groups) -> Result<Self, PolicyError> {
        let text = String::from_utf8_lossy(text);
        let mut unit = Self::default();
        let mut settings = 0;
        let mut inside = false;
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            if line.starts_with('[') {
                inside = line == "[Service]";
                continue;
            }
            let Some((key, value)) = line.split_once('=').filter(|_| inside) else {
                continue;
            };
            settings += 1;
            if !unit.setting(key.trim(), value.trim(), groups) && !NOT_JUDGED.contains(&key.trim())
            {
                unit.notes.push(format!(
                    "line {}: `{}` is not judged",
                    number + 1,
                    shown(key.as_bytes())
                ));
            }
        }
        if settings == 0 {
            return Err(wrong("it has no setting in a part `[Service]`"));
        }
        Ok(unit)
    }

    /// Takes a setting; whether it is judged.
    fn setting(&mut self, key: &str, value: &str, groups: &Groups) -> bool {
        let is_on = matches!(value, "yes" | "true" | "1" | "on");
        match key {
            "SystemCallFilter" if value.starts_with('~') => return false,
            "SystemCallFilter" => {
                let calls = self.calls.get_or_insert_default();
                calls.extend(groups.get("@default").into_iter().flatten().cloned());
                for word in value.split_whitespace() {
                    let name = word.split(':').next().unwrap_or(word);
                    match (name.starts_with('@'), groups.get(name)) {
                        (true, Some(members)) => calls.extend(members.iter().cloned()),
                        (true, None) => self.notes.push(format!(
                            "the group `{}` is not known here",
                            shown(name.as_bytes())
                        )),
                        (false, _) => {
                            calls.insert(name.to_owned());
                        }
                    }
                }
            }
            "RestrictAddressFamilies" if value.starts_with('~') => return false,
            "RestrictAddressFamilies" => {
                let words = value.split_whitespace().filter(|word| *word != "none");
                self.families
                    .get_or_insert_default()
                    .extend(words.map(str::to_owned));
            }
            "CapabilityBoundingSet" if value.starts_with('~') => return false,
            "CapabilityBoundingSet" => {
                self.capabilities
                    .get_or_insert_default()
                    .extend(value.split_whitespace().map(str::to_owned));
            }
            "RestrictNamespaces" if value.starts_with('~') => return false,
            "RestrictNamespaces" => {
                let allowed = NAMESPACES
                    .iter()
                    .filter(|(name, _)| value.split_whitespace().any(|word| word == *name))
                    .fold(0, |bits, (_, bit)| bits | bit);
                self.namespaces = (is_on || allowed != 0).then_some(allowed);
            }
            "MemoryDenyWriteExecute" => self.no_write_execute = is_on,
            "ProtectSystem" => self.strict = value == "strict",
            "ProtectHome" => self.no_homes = is_on,
            "ReadWritePaths" => self.writable.extend(words(value)),
            "NoExecPaths" => self.no_exec |= words(value).iter().any(|path| path == b"/"),
            "ExecPaths" => self.code.extend(words(value)),
            "SocketBindDeny" => self.no_bind |= value == "any",
            "SocketBindAllow" => self.ports.push(value.to_owned()),
            _ => return false,
        }
        true
    }
}

/// Words of a value: quotes and escapes taken off, specifiers `%%` back, the `-` before paths away.
fn words(value: &str) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quoted = false;
    let mut rest = value.bytes().peekable();
    while let Some(byte) = rest.next() {
        match byte {
            b'"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            b' ' | b'\t' if !quoted => words.extend(word.take()),
            b'\\' if rest.peek() == Some(&b'x') => {
                rest.next();
                let digits: Vec<u8> = rest.by_ref().take(2).collect();
                let digits = String::from_utf8(digits).unwrap_or_default();
                word.get_or_insert_default()
                    .extend(u8::from_str_radix(&digits, 16).ok());
            }
            b'%' if rest.peek() == Some(&b'%') => {
                rest.next();
                word.get_or_insert_default().push(b'%');
            }
            byte => word.get_or_insert_default().push(byte),
        }
    }
    words.extend(word);
    words
        .iter()
        .map(|word| word.strip_prefix(b"-").unwrap_or(word).to_vec())
        .collect()
}

impl Judge for DropIn {
    fn refuses(&self, need: &Need) -> Option<String> {
        match need {
            Need::Call(call) => {
                let name = std::str::from_utf8(&call.name).ok()?;
                let calls = self.calls.as_ref()?;
                (!calls.contains(name)).then(|| "the call is not in SystemCallFilter".to_owned())
            }
            Need::Socket { family, .. } => {
                let name = format!("AF_{}", family_name(*family)?.to_ascii_uppercase());
                let families = self.families.as_ref()?;
                (!families.contains(&name))
                    .then(|| format!("{name} is not in RestrictAddressFamilies"))
            }
            Need::Capability(name) => {
                let set = self.capabilities.as_ref()?;
                (!set.contains(*name)).then(|| format!("{name} is not in CapabilityBoundingSet"))
            }
            Need::Namespaces(flags) => {
                let missing = flags & !self.namespaces?;
                (missing != 0).then(|| "RestrictNamespaces forbids it".to_owned())
            }
            Need::WriteExecute if self.no_write_execute => {
                Some("MemoryDenyWriteExecute forbids it".to_owned())
            }
            Need::Address {
                bound: true,
                is_tcp,
                port: Some(port),
                ..
            } if self.no_bind => {
                let protocol = if *is_tcp { "tcp" } else { "udp" };
                let exact = format!("{protocol}:{port}");
                let allowed = self.ports.iter().any(|rule| {
                    *rule == exact || rule == protocol || *rule == port.to_string() || rule == "any"
                });
                (!allowed).then(|| format!("SocketBindAllow does not have {exact}"))
            }
            _ => None,
        }
    }

    fn refuses_file(&self, file: &FileNeed<'_>) -> Option<String> {
        let within =
            |list: &[Vec<u8>], path: &[u8]| list.iter().any(|folder| is_within(path, folder));
        let is_home = ["/home", "/root", "/run/user"].iter().any(|folder| {
            is_within(file.path, folder.as_bytes()) && file.path != folder.as_bytes()
        });
        if self.no_homes && is_home && !file.rights.without(Rights::QUERY).is_empty() {
            return Some("ProtectHome hides it".to_owned());
        }
        let free = ["/dev", "/proc", "/sys"]
            .iter()
            .any(|folder| is_within(file.path, folder.as_bytes()));
        if self.strict && !free && file.rights.intersects(Rights::CHANGES) {
            let removes =
                Rights::REMOVE | Rights::REMOVE_FOLDER | Rights::RENAME_FROM | Rights::MAKES;
            let at = if file.rights.intersects(removes) {
                file.folder
            } else {
                file.path
            };
            if !within(&self.writable, at) {
                return Some(format!("`{}` is not in ReadWritePaths", shown(at)));
            }
        }
        let is_code = file.rights.intersects(Rights::EXECUTE | Rights::MAP_CODE);
        if self.no_exec && is_code && !within(&self.code, file.path) {
            return Some(format!("`{}` is not in ExecPaths", shown(file.path)));
        }
        None
    }

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }
}
