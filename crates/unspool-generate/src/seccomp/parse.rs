//! Reads profiles: those written here, and others of the same form as far as it is understood.

use serde_json::Value;

use crate::needs::{Need, compared_argument};
use crate::policy::{FileNeed, Judge, PolicyError, wrong};

/// A seccomp profile.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Profile {
    /// What happens to calls without a rule.
    pub default: Action,
    /// `SCMP_ARCH_*`; empty means the machine's own.
    pub architectures: Vec<String>,
    /// Rules; the first that fits decides.
    pub rules: Vec<Rule>,
}

/// One rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// Calls.
    pub names: Vec<String>,
    /// What happens to them.
    pub action: Action,
    /// Conditions, all of which must hold.
    pub conditions: Vec<Condition>,
}

/// What happens to a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// It is made.
    Allow,
    /// It is made and logged.
    Log,
    /// It fails with this error.
    Error(u16),
    /// The process gets `SIGSYS`.
    Trap,
    /// A tracer decides; without one it fails.
    Trace(u16),
    /// The thread is killed.
    KillThread,
    /// The process is killed.
    KillProcess,
}

impl Action {
    /// Whether the call is made.
    pub fn allows(self) -> bool {
        matches!(self, Self::Allow | Self::Log)
    }
}

/// A condition on an argument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Condition {
    /// Which argument, from 0 to 5.
    pub index: u8,
    /// How it is compared.
    pub comparison: Comparison,
    /// With what; the mask of [`Comparison::MaskedEqual`].
    pub value: u64,
    /// The value under the mask.
    pub value_two: u64,
}

/// Comparisons of unsigned 64-bit numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Comparison {
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `==`
    Equal,
    /// `>=`
    GreaterOrEqual,
    /// `>`
    Greater,
    /// `argument & value == value_two`
    MaskedEqual,
}

impl Comparison {
    /// Whether it holds.
    pub fn holds(self, argument: u64, value: u64, value_two: u64) -> bool {
        match self {
            Self::NotEqual => argument != value,
            Self::Less => argument < value,
            Self::LessOrEqual => argument <= value,
            Self::Equal => argument == value,
            Self::GreaterOrEqual => argument >= value,
            Self::Greater => argument > value,
            Self::MaskedEqual => argument & value == value_two,
        }
    }
}

/// `EPERM`, the error where the profile names none.
const EPERM: u16 = 1;

impl Profile {
    /// Reads a profile.
    pub fn parse(text: &[u8]) -> Result<Self, PolicyError> {
        let value: Value = serde_json::from_slice(text)
            .map_err(|error| wrong(format!("it is no JSON: {error}")))?;
        Self::from_json(&value)
    }

    /// From JSON that was read already.
    pub fn from_json(value: &Value) -> Result<Self, PolicyError> {
        let default = value
            .get("defaultAction")
            .and_then(Value::as_str)
            .ok_or_else(|| wrong("it has no `defaultAction`, so it is no seccomp profile"))?;
        let default = action(default, value.get("defaultErrnoRet"))?;
        let architectures = value.get("architectures").map_or(Ok(Vec::new()), strings)?;
        let listed = value.get("syscalls").and_then(Value::as_array);
        let mut rules = Vec::new();
        for entry in listed.into_iter().flatten() {
            rules.push(rule(entry)?);
        }
        Ok(Self {
            default,
            architectures,
            rules,
        })
    }

    /// What happens to a call whose arguments `argument` knows; `None` when that depends on one that it does not know.
    pub fn action_of(&self, name: &str, argument: &dyn Fn(u8) -> Option<u64>) -> Option<Action> {
        for rule in self
            .rules
            .iter()
            .filter(|rule| rule.names.iter().any(|known| known == name))
        {
            let mut holds = true;
            for condition in &rule.conditions {
                let value = argument(condition.index)?;
                holds &= condition
                    .comparison
                    .holds(value, condition.value, condition.value_two);
            }
            if holds {
                return Some(rule.action);
            }
        }
        Some(self.default)
    }
}

fn strings(value: &Value) -> Result<Vec<String>, PolicyError> {
    let list = value
        .as_array()
        .ok_or_else(|| wrong("a list of names is no list"))?;
    list.iter()
        .map(|name| {
            name.as_str()
                .map(str::to_owned)
                .ok_or_else(|| wrong("a name is no string"))
        })
        .collect()
}

fn rule(entry: &Value) -> Result<Rule, PolicyError> {
    for special in ["includes", "excludes"] {
        let is_there = entry
            .get(special)
            .and_then(Value::as_object)
            .is_some_and(|members| !members.is_empty());
        if is_there {
            return Err(wrong(format!(
                "a rule has `{special}`, which depends on the container engine; resolve it first"
            )));
        }
    }
    let names = match (
        entry.get("names"),
        entry.get("name").and_then(Value::as_str),
    ) {
        (Some(names), _) => strings(names)?,
        (None, Some(name)) => vec![name.to_owned()],
        (None, None) => return Err(wrong("a rule names no call")),
    };
    let named = entry.get("action").and_then(Value::as_str).ok_or_else(|| {
        wrong(format!(
            "the rule of `{}` has no action",
            names.join("`, `")
        ))
    })?;
    let action = action(named, entry.get("errnoRet"))?;
    let conditions = match entry.get("args").and_then(Value::as_array) {
        Some(list) => list.iter().map(condition).collect::<Result<_, _>>()?,
        None => Vec::new(),
    };
    Ok(Rule {
        names,
        action,
        conditions,
    })
}

fn action(name: &str, number: Option<&Value>) -> Result<Action, PolicyError> {
    let number = number
        .and_then(Value::as_u64)
        .and_then(|number| u16::try_from(number).ok());
    match name {
        "SCMP_ACT_ALLOW" => Ok(Action::Allow),
        "SCMP_ACT_LOG" => Ok(Action::Log),
        "SCMP_ACT_ERRNO" => Ok(Action::Error(number.unwrap_or(EPERM))),
        "SCMP_ACT_TRAP" => Ok(Action::Trap),
        "SCMP_ACT_TRACE" => Ok(Action::Trace(number.unwrap_or(EPERM))),
        "SCMP_ACT_KILL" | "SCMP_ACT_KILL_THREAD" => Ok(Action::KillThread),
        "SCMP_ACT_KILL_PROCESS" => Ok(Action::KillProcess),
        other => Err(wrong(format!("there is no action `{other}`"))),
    }
}

fn condition(entry: &Value) -> Result<Condition, PolicyError> {
    let number = |key: &str| entry.get(key).and_then(Value::as_u64);
    let index = number("index")
        .and_then(|index| u8::try_from(index).ok())
        .filter(|index| *index < 6)
        .ok_or_else(|| wrong("a condition has no `index` from 0 to 5"))?;
    let comparison = match entry.get("op").and_then(Value::as_str) {
        Some("SCMP_CMP_NE") => Comparison::NotEqual,
        Some("SCMP_CMP_LT") => Comparison::Less,
        Some("SCMP_CMP_LE") => Comparison::LessOrEqual,
        Some("SCMP_CMP_EQ") => Comparison::Equal,
        Some("SCMP_CMP_GE") => Comparison::GreaterOrEqual,
        Some("SCMP_CMP_GT") => Comparison::Greater,
        Some("SCMP_CMP_MASKED_EQ") => Comparison::MaskedEqual,
        other => {
            return Err(wrong(format!(
                "there is no comparison `{}`",
                other.unwrap_or("")
            )));
        }
    };
    let value = number("value").ok_or_else(|| wrong("a condition has no `value`"))?;
    Ok(Condition {
        index,
        comparison,
        value,
        value_two: number("valueTwo").unwrap_or(0),
    })
}

impl Judge for Profile {
    fn refuses(&self, need: &Need) -> Option<String> {
        let Need::Call(call) = need else { return None };
        let name = std::str::from_utf8(&call.name).ok()?;
        let telling = compared_argument(&call.name);
        let argument = |index: u8| call.value.filter(|_| telling == Some(usize::from(index)));
        let action = self.action_of(name, &argument)?;
        if action.allows() {
            return None;
        }
        let is_named = self
            .rules
            .iter()
            .any(|rule| rule.names.iter().any(|known| known == name));
        Some(match call.value {
            Some(value) if is_named => format!("the call is not allowed with {value:#x}"),
            _ => "the call is not allowed".to_owned(),
        })
    }

    fn refuses_file(&self, _file: &FileNeed<'_>) -> Option<String> {
        None
    }

    fn refuses_architecture(&self, architecture: &str) -> Option<String> {
        let wanted = match architecture {
            "x86_64" => "SCMP_ARCH_X86_64",
            "i386" => "SCMP_ARCH_X86",
            "aarch64" => "SCMP_ARCH_AARCH64",
            _ => return None,
        };
        // Without a list it is for the machine's own.
        let is_allowed = if self.architectures.is_empty() {
            architecture == std::env::consts::ARCH
        } else {
            self.architectures.iter().any(|known| known == wanted)
        };
        (!is_allowed && !self.default.allows())
            .then(|| format!("the profile does not name {wanted}"))
    }
}
