//! Where a line of a file of a `-ff` set belongs among the lines of the other files.

use memchr::memmem;
use unspool_model::event::ClockKind;
use unspool_model::ids::Tid;

use super::call::{begins_at_once, name_len};
use super::clock::Clock;
use super::{prefix, tail};

/// Gives the lines of one file their places in time, which never go back.
#[derive(Clone, Debug)]
pub struct LineKey {
    clock: Clock,
    has_date: bool,
    last_ns: i64,
    has_time: bool,
    tie: Option<Tie>,
}

/// What a line says about the file of another thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tie {
    /// It was made by this call: its lines come later.
    Made(Tid),
    /// Its end was waited for: its lines come before.
    Ended(Tid),
}

impl LineKey {
    /// At the start of a file; `date_ns` is the midnight of its first time of day, when known.
    pub fn new(date_ns: Option<i64>) -> Self {
        Self {
            clock: Clock::new(date_ns),
            has_date: date_ns.is_some(),
            last_ns: i64::MIN,
            has_time: false,
            tie: None,
        }
    }

    /// Place of a line in nanoseconds: of an ordinary call its end, of one that makes, replaces or ends processes its
    /// start.
    pub fn of(&mut self, line: &[u8]) -> i64 {
        let prefix = prefix::parse(line);
        let (start_ns, _) = self.clock.stamp(prefix.time, self.has_date);
        let body = line.get(prefix.body..).unwrap_or(&[]);
        let (name, _) = body.split_at(name_len(body));
        self.has_time |= matches!(self.clock.kind(), ClockKind::Epoch | ClockKind::TimeOfDay);
        self.tie = tie(name, body);
        let key = if begins_at_once(name) {
            start_ns
        } else {
            let line = body.strip_suffix(b"\r").unwrap_or(body);
            start_ns.saturating_add(tail::duration(line).0.unwrap_or(0))
        };
        self.last_ns = self.last_ns.max(key);
        self.last_ns
    }

    /// Whether any line had a time that means the same in all files.
    pub fn has_time(&self) -> bool {
        self.has_time
    }

    /// What the last line says about another file. Without `-T` a wait has the time of its start alone.
    pub fn tie(&self) -> Option<Tie> {
        self.tie
    }
}

/// Looks at `wait4(-1, [{WIFEXITED(s) && WEXITSTATUS(s) == 0}], 0, NULL) = 11`,
/// `waitid(P_ALL, 0, {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=11, ...}, WEXITED, NULL) = 0`, `vfork() = 11`.
fn tie(name: &[u8], body: &[u8]) -> Option<Tie> {
    match name {
        b"wait4" | b"waitpid" => {
            let goes_on = [&b"WIFSTOPPED("[..], b"WIFCONTINUED("];
            let goes_on = goes_on
                .iter()
                .any(|words| memmem::find(body, words).is_some());
            result(body).filter(|_| !goes_on).map(Tie::Ended)
        }
        b"waitid" => {
            let ends = [&b"CLD_EXITED"[..], b"CLD_KILLED", b"CLD_DUMPED"];
            let has_ended = ends.iter().any(|code| memmem::find(body, code).is_some());
            let at = memmem::find(body, b"si_pid=")?;
            let tid = number(body.get(at + b"si_pid=".len()..)?);
            tid.filter(|_| has_ended).map(Tie::Ended)
        }
        b"clone" | b"clone3" | b"fork" | b"vfork" => result(body).map(Tie::Made),
        _ => None,
    }
}

/// The number that a call returned, if that may be a thread's.
fn result(body: &[u8]) -> Option<Tid> {
    let at = memchr::memrchr(b'=', body)?;
    number(body.get(at + 1..)?.trim_ascii_start())
}

fn number(text: &[u8]) -> Option<Tid> {
    let len = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let digits = std::str::from_utf8(text.get(..len)?).ok()?;
    digits.parse().ok().filter(|tid| *tid > 0).map(Tid)
}
