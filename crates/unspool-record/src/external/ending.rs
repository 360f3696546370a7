//! How the command ended, as the tracer's lines say it.

use crate::options::Exit;

/// Watches for the last line of the first process.
#[derive(Debug, Default)]
pub(super) struct Ending {
    /// Digits of the first process's number.
    first: Vec<u8>,
    exit: Option<Exit>,
}

/// Names of signals as tracers print them.
const SIGNALS: &[(&[u8], i32)] = &[
    (b"SIGABRT", libc::SIGABRT),
    (b"SIGALRM", libc::SIGALRM),
    (b"SIGBUS", libc::SIGBUS),
    (b"SIGFPE", libc::SIGFPE),
    (b"SIGHUP", libc::SIGHUP),
    (b"SIGILL", libc::SIGILL),
    (b"SIGINT", libc::SIGINT),
    (b"SIGIO", libc::SIGIO),
    (b"SIGKILL", libc::SIGKILL),
    (b"SIGPIPE", libc::SIGPIPE),
    (b"SIGPROF", libc::SIGPROF),
    (b"SIGPWR", libc::SIGPWR),
    (b"SIGQUIT", libc::SIGQUIT),
    (b"SIGSEGV", libc::SIGSEGV),
    (b"SIGSTKFLT", libc::SIGSTKFLT),
    (b"SIGSYS", libc::SIGSYS),
    (b"SIGTERM", libc::SIGTERM),
    (b"SIGTRAP", libc::SIGTRAP),
    (b"SIGUSR1", libc::SIGUSR1),
    (b"SIGUSR2", libc::SIGUSR2),
    (b"SIGVTALRM", libc::SIGVTALRM),
    (b"SIGXCPU", libc::SIGXCPU),
    (b"SIGXFSZ", libc::SIGXFSZ),
];

impl Ending {
    /// Looks at `6572  1795234873.73 +++ exited with 7 +++`, `6562 1795234873.57 +++ exited (status 3) +++`,
    /// `6562 1795234873.57 +++ killed by SIGKILL +++`.
    pub(super) fn line(&mut self, line: &[u8]) {
        let digits = line.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (pid, rest) = line.split_at(digits);
        if self.first.is_empty() {
            self.first = pid.to_vec();
        }
        if pid != self.first || self.exit.is_some() {
            return;
        }
        let time = rest.trim_ascii_start();
        let words = time
            .iter()
            .position(|byte| *byte == b' ')
            .map_or(&b""[..], |end| time[end..].trim_ascii_start());
        self.exit = words.strip_prefix(b"+++ ").and_then(exit);
    }

    /// Number of the first process, `None` before its first line.
    pub(super) fn pid(&self) -> Option<libc::pid_t> {
        std::str::from_utf8(&self.first)
            .ok()?
            .parse()
            .ok()
            .filter(|pid| *pid > 0)
    }

    /// How the first process ended, `None` while it runs or when the tracer did not say.
    pub(super) fn exit(&self) -> Option<Exit> {
        self.exit
    }
}

/// Reads `exited with 7 +++` and its like.
fn exit(text: &[u8]) -> Option<Exit> {
    if let Some(status) = text
        .strip_prefix(b"exited with ")
        .or_else(|| text.strip_prefix(b"exited (status "))
    {
        let len = status
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let status: i32 = std::str::from_utf8(&status[..len]).ok()?.parse().ok()?;
        return u8::try_from(status & 0xff).ok().map(Exit::Code);
    }
    let name = text
        .strip_prefix(b"killed by ")?
        .split(|byte| *byte == b' ')
        .next()?;
    let number = SIGNALS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, number)| *number);
    u8::try_from(number.or_else(|| real_time(name))?)
        .ok()
        .map(Exit::Signal)
}

/// Number of a real-time signal: strace counts `SIGRT_2` from the kernel's first, 32.
fn real_time(name: &[u8]) -> Option<i32> {
    let number: i32 = std::str::from_utf8(name.strip_prefix(b"SIGRT_")?)
        .ok()?
        .parse()
        .ok()?;
    (0..=32).contains(&number).then_some(32 + number)
}
