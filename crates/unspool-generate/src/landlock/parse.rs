//! Reads rules and judges by them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::access::{Access, NET_BIND_TCP, NET_CONNECT_TCP};
use crate::host::Host;
use crate::needs::Need;
use crate::policy::{FileNeed, Judge, PolicyError, wrong};
use crate::text::parent;

/// Rules as the file has them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ruleset {
    /// Rights on files that are refused where no rule gives them.
    pub handled: Access,
    /// Whether TCP ports are bound only by rule.
    pub handles_bind: bool,
    /// Whether TCP ports are connected to only by rule.
    pub handles_connect: bool,
    /// Whether abstract local sockets outside are out of reach.
    pub scopes_abstract: bool,
    /// Whether processes outside get no signals.
    pub scopes_signals: bool,
    /// Rules on paths.
    pub paths: Vec<PathRule>,
    /// Rules on ports.
    pub ports: Vec<PortRule>,
    /// Rights by real path, for judging.
    by_path: BTreeMap<Vec<u8>, Access>,
}

/// A rule on a path: it holds for the path and all below it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PathRule {
    /// Path.
    pub path: Vec<u8>,
    /// What is allowed.
    pub allow: Access,
}

/// A rule on a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PortRule {
    /// Port.
    pub port: u16,
    /// Whether it may be bound.
    pub bind: bool,
    /// Whether it may be connected to.
    pub connect: bool,
}

impl Ruleset {
    /// Reads rules. Links in their paths are followed on `host`, for judging.
    pub fn parse(text: &[u8], host: &Host) -> Result<Self, PolicyError> {
        let value: Value = serde_json::from_slice(text)
            .map_err(|error| wrong(format!("it is no JSON: {error}")))?;
        Self::from_json(&value, host)
    }

    /// From JSON that was read already.
    pub fn from_json(value: &Value, host: &Host) -> Result<Self, PolicyError> {
        if value.get("landlock").and_then(Value::as_u64) != Some(1) {
            return Err(wrong(
                "it has no member `landlock` of 1, so it is no list of Landlock rules",
            ));
        }
        let mut rules = Self::default();
        for word in words(value.get("handled_access_fs"))? {
            rules.handled |= access(&word)?;
        }
        for word in words(value.get("handled_access_net"))? {
            match word.as_str() {
                NET_BIND_TCP => rules.handles_bind = true,
                NET_CONNECT_TCP => rules.handles_connect = true,
                other => return Err(wrong(format!("there is no right `{other}`"))),
            }
        }
        for word in words(value.get("scoped"))? {
            match word.as_str() {
                "abstract_unix_socket" => rules.scopes_abstract = true,
                "signal" => rules.scopes_signals = true,
                other => return Err(wrong(format!("there is no scope `{other}`"))),
            }
        }
        for entry in list(value.get("paths"))? {
            let rule = path_rule(entry)?;
            *rules.by_path.entry(host.real(&rule.path)).or_default() |= rule.allow;
            rules.paths.push(rule);
        }
        for entry in list(value.get("ports"))? {
            rules.ports.push(port_rule(entry)?);
        }
        Ok(rules)
    }

    /// What the rules allow at a path.
    fn allowed(&self, path: &[u8]) -> Access {
        let mut allowed = Access::NONE;
        let mut at = path;
        loop {
            allowed |= self.by_path.get(at).copied().unwrap_or_default();
            if at == b"/" || at.is_empty() {
                return allowed;
            }
            at = parent(at);
        }
    }

    fn refuses_at(&self, path: &[u8], needed: Access) -> Option<String> {
        let needed = Access::from_bits(needed.bits() & self.handled.bits());
        let missing = needed.without(self.allowed(path));
        (!missing.is_empty()).then(|| {
            format!(
                "no rule allows {} at `{}`",
                missing.words().join(" "),
                crate::text::shown(path)
            )
        })
    }
}

fn list(value: Option<&Value>) -> Result<&[Value], PolicyError> {
    match value {
        None => Ok(&[]),
        Some(value) => value
            .as_array()
            .map(Vec::as_slice)
            .ok_or_else(|| wrong("a member that is a list is none")),
    }
}

fn words(value: Option<&Value>) -> Result<Vec<String>, PolicyError> {
    list(value)?
        .iter()
        .map(|word| {
            word.as_str()
                .map(str::to_owned)
                .ok_or_else(|| wrong("a right is no word"))
        })
        .collect()
}

fn access(word: &str) -> Result<Access, PolicyError> {
    Access::by_word(word).ok_or_else(|| wrong(format!("there is no right `{word}`")))
}

fn path_rule(entry: &Value) -> Result<PathRule, PolicyError> {
    let path = match (
        entry.get("path").and_then(Value::as_str),
        entry.get("path_bytes"),
    ) {
        (Some(path), _) => path.as_bytes().to_vec(),
        (None, bytes) => list(bytes)?
            .iter()
            .map(|byte| byte.as_u64().and_then(|byte| u8::try_from(byte).ok()))
            .collect::<Option<Vec<u8>>>()
            .ok_or_else(|| wrong("`path_bytes` holds something that is no byte"))?,
    };
    if !path.starts_with(b"/") {
        return Err(wrong("a rule has no absolute path"));
    }
    let mut allow = Access::NONE;
    for word in words(entry.get("allow"))? {
        allow |= access(&word)?;
    }
    Ok(PathRule { path, allow })
}

fn port_rule(entry: &Value) -> Result<PortRule, PolicyError> {
    let port = entry
        .get("port")
        .and_then(Value::as_u64)
        .and_then(|port| u16::try_from(port).ok())
        .ok_or_else(|| wrong("a rule has no port"))?;
    let words = words(entry.get("allow"))?;
    let has = |word: &str| words.iter().any(|known| known == word);
    Ok(PortRule {
        port,
        bind: has(NET_BIND_TCP),
        connect: has(NET_CONNECT_TCP),
    })
}

impl Judge for Ruleset {
    fn refuses(&self, need: &Need) -> Option<String> {
        match need {
            Need::Address {
                bound,
                is_tcp: true,
                port: Some(port),
                ..
            } => {
                let rules = self.ports.iter().filter(|rule| rule.port == *port);
                let allowed = if *bound {
                    !self.handles_bind || rules.into_iter().any(|rule| rule.bind)
                } else {
                    !self.handles_connect || rules.into_iter().any(|rule| rule.connect)
                };
                let what = if *bound {
                    NET_BIND_TCP
                } else {
                    NET_CONNECT_TCP
                };
                (!allowed).then(|| format!("no rule allows {what} of port {port}"))
            }
            Need::Address {
                is_abstract: true,
                bound: false,
                ..
            } if self.scopes_abstract => {
                Some("abstract local sockets outside are out of scope".to_owned())
            }
            Need::SignalOutside if self.scopes_signals => {
                Some("processes outside get no signals".to_owned())
            }
            _ => None,
        }
    }

    fn refuses_file(&self, file: &FileNeed<'_>) -> Option<String> {
        let own = Access::of_file(file.rights, file.is_folder);
        let folder = Access::of_folder(file.rights, file.is_folder);
        self.refuses_at(file.path, own)
            .or_else(|| self.refuses_at(file.folder, folder))
    }
}
