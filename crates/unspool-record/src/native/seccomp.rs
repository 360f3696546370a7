//! The seccomp filter for a reduced detail: wanted calls stop for the recorder, others run on in the kernel.

use super::roles::numbers_of;
use crate::options::{Detail, Filter, RecordOptions};
use unspool_decode::native::format::architecture;

/// Data of our `SECCOMP_RET_TRACE`, to tell our stops from those of a filter of the job's own.
pub(crate) const COOKIE: u16 = 0x5553;

/// `AUDIT_ARCH_*` of linux/audit.h.
pub(crate) const AUDIT_X86_64: u32 = 0xc000_003e;
/// 32-bit x86.
pub(crate) const AUDIT_I386: u32 = 0x4000_0003;
/// 64-bit Arm.
pub(crate) const AUDIT_AARCH64: u32 = 0xc000_00b7;

/// A filter in classic BPF.
#[derive(Debug)]
pub(crate) struct Program(Vec<libc::sock_filter>);

impl Program {
    /// As seccomp(2) takes it; valid as long as `self`.
    pub(crate) fn as_fprog(&self) -> libc::sock_fprog {
        libc::sock_fprog {
            len: u16::try_from(self.0.len()).unwrap_or(u16::MAX),
            filter: self.0.as_ptr().cast_mut(),
        }
    }
}

/// The filter that the options ask for.
pub(crate) fn program_for(options: &RecordOptions) -> Option<Program> {
    (options.filter == Filter::Seccomp)
        .then(|| program(options.detail))
        .flatten()
}

/// A filter for a thread that is to open no file: it is told that it may not.
pub(crate) fn without_files() -> Program {
    let line = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let number = u32::try_from(libc::SYS_openat).unwrap_or(u32::MAX);
    let refusal = libc::SECCOMP_RET_ERRNO | libc::EACCES.unsigned_abs();
    Program(vec![
        line(LOAD, 0, 0, 0),
        line(IF_EQUAL, 0, 1, number),
        line(RETURN, 0, 0, refusal),
        line(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
    ])
}

/// Instructions of classic BPF, whose numbers all fit 16 bits.
const LOAD: u16 = instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS);
const IF_EQUAL: u16 = instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K);
const JUMP: u16 = instruction(libc::BPF_JMP | libc::BPF_JA);
const RETURN: u16 = instruction(libc::BPF_RET | libc::BPF_K);

const fn instruction(code: u32) -> u16 {
    let [low, high, ..] = code.to_le_bytes();
    u16::from_le_bytes([low, high])
}

fn program(detail: Detail) -> Option<Program> {
    if matches!(detail, Detail::Tree | Detail::Full) {
        return None;
    }
    let line = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let allow = line(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW);
    let trace = line(RETURN, 0, 0, libc::SECCOMP_RET_TRACE | u32::from(COOKIE));
    let mut lines = vec![];
    for (audit, architecture) in [
        (AUDIT_X86_64, architecture::X86_64),
        (AUDIT_I386, architecture::I386),
        (AUDIT_AARCH64, architecture::AARCH64),
    ] {
        let numbers = numbers_of(detail, architecture)?;
        // Offset 4 of seccomp_data is the architecture, offset 0 the number. A conditional jump reaches 255 lines: the body of an
        // architecture is skipped by an unconditional one.
        lines.push(line(LOAD, 0, 0, 4));
        lines.push(line(IF_EQUAL, 1, 0, audit));
        let body_lines = 1 + 2 * numbers.len() + 1;
        lines.push(line(JUMP, 0, 0, u32::try_from(body_lines).ok()?));
        lines.push(line(LOAD, 0, 0, 0));
        for number in numbers {
            lines.push(line(IF_EQUAL, 0, 1, u32::from(number)));
            lines.push(trace);
        }
        lines.push(allow);
    }
    lines.push(allow);
    Some(Program(lines))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the few instructions that the filter uses.
    fn run(program: &Program, audit: u32, number: u32) -> u32 {
        let mut at = 0;
        let mut accumulator = 0;
        loop {
            let line = program.0[at];
            at += 1;
            match u32::from(line.code) {
                code if code == libc::BPF_LD | libc::BPF_W | libc::BPF_ABS => {
                    accumulator = if line.k == 4 { audit } else { number }
                }
                code if code == libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K => {
                    at += usize::from(if accumulator == line.k {
                        line.jt
                    } else {
                        line.jf
                    });
                }
                code if code == libc::BPF_JMP | libc::BPF_JA => at += line.k as usize,
                _ => return line.k,
            }
        }
    }

    #[test]
    fn wanted_calls_stop_and_others_do_not() {
        let program = program(Detail::Names).expect("a filter");
        assert!(program.0.len() < 4096, "BPF_MAXINSNS");
        let stops = |audit, number| {
            run(&program, audit, number) == libc::SECCOMP_RET_TRACE | u32::from(COOKIE)
        };
        assert!(stops(AUDIT_X86_64, 257), "openat");
        assert!(!stops(AUDIT_X86_64, 0), "read");
        assert!(stops(AUDIT_I386, 5), "open of i386");
        assert!(stops(AUDIT_AARCH64, 56), "openat of aarch64");
        assert!(!stops(0x1234, 257), "an unknown architecture");
    }
}
