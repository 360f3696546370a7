//! Profile to classic BPF, as seccomp(2) takes it.

use unspool_model::syscalls::{Architecture, Syscall};

use super::parse::{Action, Comparison, Condition, Profile, Rule};

/// One instruction: `struct sock_filter` of linux/filter.h.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FilterLine {
    /// Operation.
    pub code: u16,
    /// Lines to skip when a comparison holds.
    pub jump_true: u8,
    /// Lines to skip when it does not.
    pub jump_false: u8,
    /// Operand.
    pub operand: u32,
}

/// Why a profile cannot be compiled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CompileError {
    /// An architecture whose calls this version does not know.
    Architecture(String),
    /// More instructions than the kernel takes.
    TooLong(usize),
}

impl std::fmt::Display for CompileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Architecture(name) => write!(f, "the calls of `{name}` are not known"),
            Self::TooLong(lines) => write!(f, "{lines} instructions, the kernel takes {LINES_MAX}"),
        }
    }
}

impl std::error::Error for CompileError {}

/// `BPF_MAXINSNS`.
const LINES_MAX: usize = 4096;

// linux/bpf_common.h.
const LOAD: u16 = 0x20;
const AND: u16 = 0x54;
const JUMP: u16 = 0x05;
const IF_EQUAL: u16 = 0x15;
const IF_GREATER: u16 = 0x25;
const IF_GREATER_OR_EQUAL: u16 = 0x35;
const RETURN: u16 = 0x06;

// Offsets in `struct seccomp_data` of linux/seccomp.h.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const ARGUMENTS: u32 = 16;

/// First number of the x32 interface of `x86_64`, which no rule means.
const X32: u32 = 0x4000_0000;

/// Compiles for the architectures of the profile; for `own` when it names none.
pub fn compile(profile: &Profile, own: Architecture) -> Result<Vec<FilterLine>, CompileError> {
    let mut architectures = Vec::new();
    for name in &profile.architectures {
        architectures.extend(architecture(name)?);
    }
    if profile.architectures.is_empty() {
        architectures.push(own);
    }
    let mut lines = vec![line(LOAD, ARCHITECTURE)];
    for architecture in architectures {
        let body = body(profile, architecture);
        let audit = audit_number(architecture);
        lines.push(branch(IF_EQUAL, audit, 1, 0));
        lines.push(line(JUMP, u32::try_from(body.len()).unwrap_or(u32::MAX)));
        lines.extend(body);
    }
    // Calls of any other architecture have other numbers: nothing is known about them.
    lines.push(line(RETURN, kernel_action(profile.default)));
    if lines.len() > LINES_MAX {
        return Err(CompileError::TooLong(lines.len()));
    }
    Ok(lines)
}

fn architecture(name: &str) -> Result<Option<Architecture>, CompileError> {
    match name {
        "SCMP_ARCH_X86_64" => Ok(Some(Architecture::X86_64)),
        "SCMP_ARCH_X86" => Ok(Some(Architecture::I386)),
        "SCMP_ARCH_AARCH64" => Ok(Some(Architecture::Aarch64)),
        // Named beside x86_64 by many profiles; their calls are refused as those of every other architecture.
        "SCMP_ARCH_X32" | "SCMP_ARCH_ARM" => Ok(None),
        other => Err(CompileError::Architecture(other.to_owned())),
    }
}

/// `AUDIT_ARCH_*` of linux/audit.h.
fn audit_number(architecture: Architecture) -> u32 {
    match architecture {
        Architecture::X86_64 => 0xc000_003e,
        Architecture::I386 => 0x4000_0003,
        Architecture::Aarch64 => 0xc000_00b7,
        Architecture::Other => 0,
    }
}

fn body(profile: &Profile, architecture: Architecture) -> Vec<FilterLine> {
    let mut lines = vec![line(LOAD, NUMBER)];
    if architecture == Architecture::X86_64 {
        lines.push(branch(IF_GREATER_OR_EQUAL, X32, 0, 1));
        lines.push(line(RETURN, kernel_action(profile.default)));
    }
    for rule in &profile.rules {
        for name in &rule.names {
            let number =
                Syscall::by_name(name.as_bytes()).and_then(|call| call.row().number(architecture));
            if let Some(number) = number {
                lines.extend(rule_lines(rule, u32::from(number)));
            }
        }
    }
    lines.push(line(RETURN, kernel_action(profile.default)));
    lines
}

/// `if number == N { if conditions { return action } load number }`.
fn rule_lines(rule: &Rule, number: u32) -> Vec<FilterLine> {
    let mut inner = Vec::new();
    for condition in &rule.conditions {
        inner.extend(condition_lines(condition));
    }
    let body_len = inner.len();
    inner.push(line(RETURN, kernel_action(rule.action)));
    if !rule.conditions.is_empty() {
        // The number is loaded again for the rules behind.
        inner.push(line(LOAD, NUMBER));
    }
    // Where conditions fail: over the return.
    for (at, instruction) in inner.iter_mut().enumerate().take(body_len) {
        let over = u8::try_from(body_len - at).unwrap_or(u8::MAX);
        for jump in [&mut instruction.jump_true, &mut instruction.jump_false] {
            if *jump == FAIL {
                *jump = over;
            }
        }
    }
    let skip = u8::try_from(inner.len()).unwrap_or(u8::MAX);
    let mut lines = vec![branch(IF_EQUAL, number, 0, skip)];
    lines.extend(inner);
    lines
}

/// Stands for the distance to the line behind the return, until that is known.
const FAIL: u8 = u8::MAX;

fn condition_lines(condition: &Condition) -> Vec<FilterLine> {
    let low = ARGUMENTS + 8 * u32::from(condition.index);
    let halves = |value: u64| {
        let [a, b, c, d, e, f, g, h] = value.to_le_bytes();
        (
            u32::from_le_bytes([e, f, g, h]),
            u32::from_le_bytes([a, b, c, d]),
        )
    };
    let (value_high, value_low) = halves(condition.value);
    let load_high = line(LOAD, low + 4);
    let load_low = line(LOAD, low);
    match condition.comparison {
        Comparison::Equal => vec![
            load_high,
            branch(IF_EQUAL, value_high, 0, FAIL),
            load_low,
            branch(IF_EQUAL, value_low, 0, FAIL),
        ],
        Comparison::NotEqual => vec![
            load_high,
            branch(IF_EQUAL, value_high, 0, 2),
            load_low,
            branch(IF_EQUAL, value_low, FAIL, 0),
        ],
        Comparison::MaskedEqual => {
            let (high, low) = halves(condition.value_two);
            vec![
                load_high,
                line(AND, value_high),
                branch(IF_EQUAL, high, 0, FAIL),
                load_low,
                line(AND, value_low),
                branch(IF_EQUAL, low, 0, FAIL),
            ]
        }
        Comparison::Greater | Comparison::GreaterOrEqual => {
            let last = if condition.comparison == Comparison::Greater {
                IF_GREATER
            } else {
                IF_GREATER_OR_EQUAL
            };
            vec![
                load_high,
                branch(IF_GREATER, value_high, 3, 0),
                branch(IF_EQUAL, value_high, 0, FAIL),
                load_low,
                branch(last, value_low, 0, FAIL),
            ]
        }
        Comparison::Less | Comparison::LessOrEqual => {
            let last = if condition.comparison == Comparison::Less {
                IF_GREATER_OR_EQUAL
            } else {
                IF_GREATER
            };
            vec![
                load_high,
                branch(IF_GREATER, value_high, FAIL, 0),
                branch(IF_EQUAL, value_high, 0, 2),
                load_low,
                branch(last, value_low, FAIL, 0),
            ]
        }
    }
}

/// `SECCOMP_RET_*` of linux/seccomp.h.
fn kernel_action(action: Action) -> u32 {
    match action {
        Action::Allow => 0x7fff_0000,
        Action::Log => 0x7ffc_0000,
        Action::Error(errno) => 0x0005_0000 | u32::from(errno),
        Action::Trap => 0x0003_0000,
        Action::Trace(data) => 0x7ff0_0000 | u32::from(data),
        Action::KillThread => 0,
        Action::KillProcess => 0x8000_0000,
    }
}

fn line(code: u16, operand: u32) -> FilterLine {
    FilterLine {
        code,
        jump_true: 0,
        jump_false: 0,
        operand,
    }
}

fn branch(code: u16, operand: u32, jump_true: u8, jump_false: u8) -> FilterLine {
    FilterLine {
        code,
        jump_true,
        jump_false,
        operand,
    }
}
