//! Signals of Linux on x86 and Arm (signal(7)).

/// Name and number of the standard signals, in order of number from 1.
static SIGNALS: &[(&str, u32)] = &[
    ("SIGHUP", 1),
    ("SIGINT", 2),
    ("SIGQUIT", 3),
    ("SIGILL", 4),
    ("SIGTRAP", 5),
    ("SIGABRT", 6),
    ("SIGIOT", 6),
    ("SIGBUS", 7),
    ("SIGFPE", 8),
    ("SIGKILL", 9),
    ("SIGUSR1", 10),
    ("SIGSEGV", 11),
    ("SIGUSR2", 12),
    ("SIGPIPE", 13),
    ("SIGALRM", 14),
    ("SIGTERM", 15),
    ("SIGSTKFLT", 16),
    ("SIGCHLD", 17),
    ("SIGCONT", 18),
    ("SIGSTOP", 19),
    ("SIGTSTP", 20),
    ("SIGTTIN", 21),
    ("SIGTTOU", 22),
    ("SIGURG", 23),
    ("SIGXCPU", 24),
    ("SIGXFSZ", 25),
    ("SIGVTALRM", 26),
    ("SIGPROF", 27),
    ("SIGWINCH", 28),
    ("SIGIO", 29),
    ("SIGPWR", 30),
    ("SIGSYS", 31),
];

/// First real-time signal as the kernel counts (glibc keeps two for itself).
const REAL_TIME_MIN: u32 = 32;
/// Last real-time signal.
const REAL_TIME_MAX: u32 = 64;

/// Number of a signal by the name a tracer prints: `SIGCHLD`, `SIGRT_3` (strace), `SIGRTMIN+1`, `SIGRTMIN`.
pub fn number(name: &[u8]) -> Option<u32> {
    if let Some(row) = SIGNALS.iter().find(|row| row.0.as_bytes() == name) {
        return Some(row.1);
    }
    let offset = match name {
        b"SIGPOLL" => return Some(29),
        b"SIGRTMIN" => return Some(REAL_TIME_MIN),
        b"SIGRTMAX" => return Some(REAL_TIME_MAX),
        _ => name
            .strip_prefix(b"SIGRT_")
            .or_else(|| name.strip_prefix(b"SIGRTMIN+"))?,
    };
    let number = std::str::from_utf8(offset).ok()?.parse::<u32>().ok()?;
    let number = REAL_TIME_MIN.checked_add(number)?;
    (number <= REAL_TIME_MAX).then_some(number)
}

/// Name of a signal: `SIGCHLD`, `SIGRT_3`; `SIG99` for a number that Linux does not use.
pub fn name(number: u32) -> String {
    match SIGNALS.iter().find(|row| row.1 == number) {
        Some(row) => row.0.to_owned(),
        None if (REAL_TIME_MIN..=REAL_TIME_MAX).contains(&number) => {
            format!("SIGRT_{}", number - REAL_TIME_MIN)
        }
        None => format!("SIG{number}"),
    }
}
