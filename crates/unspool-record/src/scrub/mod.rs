//! Removes secrets before anything reaches the disk.
//!
//! A secret becomes a token, `‹redacted:1f2e3d4c›`: the first digits of an HMAC-SHA256 with a key that lives as long as the
//! run. The same secret gives the same token in one run, so that joins and comparisons inside it still work, and another one
//! in the next run, so that nothing can be tried out across runs.
//!
//! What is taken for a secret:
//!
//! - the value of every environment variable that is not on a short list of harmless ones, and is no switch (`1`, `true`) or
//!   number of up to three digits; names stay;
//! - what follows `--password=`, `token:`, `?api_key=` and the like, authorization headers, the user part of URLs;
//! - options of some forty programs that take a secret without saying so (`mysql -pX`, `curl -u USER:X`), also inside the
//!   argument of `sh -c`;
//! - what looks like a secret by itself: PEM blocks, JSON web tokens, keys of AWS, GitHub, Slack and others;
//! - values that the command got and that were found to be secret, wherever they turn up again;
//! - the data of calls that read, write, send and receive, unless asked for, and of `/etc/shadow`, private keys and
//!   terminals even then.

mod argv;
mod escapes;
mod keys;
mod lanes;
mod learned;
mod line;
mod payload;
mod programs;
mod quick;
mod shapes;
mod sieve;
#[cfg(test)]
mod tests;
mod text;
mod token;

use crate::{Scrub, TextKind};
use keys::Keys;
use learned::Learned;
use line::{Call, Edits};
use quick::Look;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use text::Escapes;
use token::Tokens;

/// Threads whose interrupted call must not show data when it is resumed: at most so many are remembered.
const DENIED_THREADS_MAX: usize = 65_536;

/// A token may bring a secret to light that something else hid: scrubbing goes on until nothing changes, at most so often.
/// What then still changes was made to defeat the scrubber, and is replaced as a whole.
const PASSES_MAX: usize = 8;

/// Whether secrets are removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// Secrets become tokens.
    #[default]
    Default,
    /// Everything stays as it is. To be stamped into the run and every report.
    None,
}

/// Whether the data that calls move may be shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Payload {
    /// Its length only.
    #[default]
    Never,
    /// Scrubbed as other text is; never that of the files for which [`Scrubber::payload_allowed`] says no.
    Scrubbed,
}

/// What the user adds to the default rules.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Names whose values are secret as well, wherever they stand in a name: `licence_no`.
    pub secret_keys: Vec<Vec<u8>>,
    /// Environment variables whose value is kept as well.
    pub kept_environment: Vec<Vec<u8>>,
    /// Whether the data in lines of strace and ltrace may be shown.
    pub payload: Payload,
}

/// Removes secrets. See the module's description for what is one.
#[derive(Debug)]
pub struct Scrubber {
    policy: Policy,
    payload: Payload,
    tokens: Tokens,
    keys: Keys,
    learned: Learned,
    denied_threads: Mutex<BTreeSet<Vec<u8>>>,
}

impl Scrubber {
    /// A scrubber with the default rules. `key` has to come from the system's random source and to be new for every run.
    pub fn new(policy: Policy, key: [u8; 32]) -> Self {
        Self::with_rules(policy, key, &Rules::default())
    }

    /// A scrubber with the user's rules beside the default ones.
    pub fn with_rules(policy: Policy, key: [u8; 32], rules: &Rules) -> Self {
        let Rules {
            secret_keys,
            kept_environment,
            payload,
        } = rules;
        Self {
            policy,
            payload: *payload,
            tokens: Tokens::new(&key),
            keys: Keys::new(secret_keys, kept_environment),
            learned: Learned::default(),
            denied_threads: Mutex::default(),
        }
    }

    /// Whether secrets are removed at all.
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// Looks for the secrets of this command line wherever they turn up from now on.
    pub fn learn_argv(&mut self, argv: &[Vec<u8>]) {
        let words: Vec<&[u8]> = argv.iter().map(Vec::as_slice).collect();
        for (word, range) in argv::find(&words, &self.keys) {
            self.learned.add(&words[word][range]);
        }
    }

    /// Looks for the secrets of this environment, `NAME=value` each, wherever they turn up from now on.
    ///
    /// Only values whose name says that they are secret, or that look drawn at random: a value such as `/run/user/0` is hidden
    /// in the environment and would be a loss everywhere else.
    pub fn learn_env(&mut self, env: &[Vec<u8>]) {
        for entry in env {
            if let Some(range) = self.environment_value(entry) {
                let (name, value) = (&entry[..range.start - 1], &entry[range.clone()]);
                if self.keys.is_secret(name) || learned::looks_random(value) {
                    self.learned.add(value);
                }
            }
        }
    }

    /// Appends `line`, a line of strace or ltrace, to `out` without its secrets; gives whether it had any.
    ///
    /// Data of calls becomes `""...`, as with `strace -s 0`. Other text than that of a tracer is scrubbed as running text.
    /// Lines of one recording have to come in their order.
    pub fn scrub_line(&self, line: &[u8], out: &mut Vec<u8>) -> bool {
        if self.policy == Policy::None {
            out.extend_from_slice(line);
            return false;
        }
        let Some(mut scrubbed) = self.scrub_line_once(line) else {
            out.extend_from_slice(line);
            return false;
        };
        for _ in 1..PASSES_MAX {
            let Some(again) = self.scrub_line_once(&scrubbed) else {
                out.extend_from_slice(&scrubbed);
                return true;
            };
            scrubbed = again;
        }
        self.tokens.push(line, out);
        true
    }

    /// Puts the arguments of a call, as strace prints them, into `out` without their secrets; gives whether they had any,
    /// and leaves `out` alone when not.
    ///
    /// The same as [`Scrubber::scrub_line`] for `TID name(args) = 0`, and much quicker for the many calls that hold no
    /// secret. When the secrets took the shape of the line with them, nothing is left of the arguments.
    pub fn scrub_arguments(
        &self,
        tid: Option<u32>,
        name: &[u8],
        args: &[u8],
        out: &mut Vec<u8>,
    ) -> bool {
        if self.policy == Policy::None {
            return false;
        }
        match quick::look(self, name, args) {
            Look::Clean => false,
            Look::Blank(blank) => {
                out.extend_from_slice(&args[..blank.start]);
                out.extend_from_slice(line::BLANK);
                out.extend_from_slice(&args[blank.end..]);
                true
            }
            Look::Unsure => self.scrub_arguments_wholly(tid, name, args, out),
        }
    }

    /// [`Scrubber::scrub_arguments`] without the quick look.
    fn scrub_arguments_wholly(
        &self,
        tid: Option<u32>,
        name: &[u8],
        args: &[u8],
        out: &mut Vec<u8>,
    ) -> bool {
        const END: &[u8] = b") = 0";
        let mut line = tid.map_or_else(Vec::new, |tid| format!("{tid} ").into_bytes());
        for part in [name, b"(", args, END] {
            line.extend_from_slice(part);
        }
        let mut scrubbed = Vec::with_capacity(line.len());
        if !self.scrub_line(&line, &mut scrubbed) {
            return false;
        }
        let inside = memchr::memchr(b'(', &scrubbed)
            .and_then(|at| scrubbed.get(at + 1..))
            .and_then(|rest| rest.strip_suffix(END))
            .unwrap_or(&[]);
        out.extend_from_slice(inside);
        true
    }

    /// The line without the secrets that show in it, `None` when none does.
    fn scrub_line_once(&self, line: &[u8]) -> Option<Vec<u8>> {
        let mut edits = Edits::default();
        line::find(self, line, &mut edits);
        if edits.secrets.is_empty() && edits.blanks.is_empty() {
            return None;
        }
        let mut out = Vec::with_capacity(line.len());
        line::apply(self, line, edits, &mut out).then_some(out)
    }

    /// Whether data of the file behind a descriptor may be shown at all, when the user asked for data.
    pub fn payload_allowed(&self, path: &[u8]) -> bool {
        self.policy == Policy::None || payload::allows(path)
    }

    /// Whether the data of this call must not be shown. Keeps in mind the answer for the second half of an interrupted call.
    fn denies_data(&self, line: &[u8], call: Call<'_>) -> bool {
        if self.payload == Payload::Never {
            return true;
        }
        let mut threads = self
            .denied_threads
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if call.resumed {
            return threads.remove(line::thread_digits(line));
        }
        let denied = line::descriptor_path(line, &call).is_some_and(|path| !payload::allows(path));
        if denied
            && line.trim_ascii_end().ends_with(b"<unfinished ...>")
            && threads.len() < DENIED_THREADS_MAX
        {
            threads.insert(line::thread_digits(line).to_vec());
        }
        denied
    }

    fn shows_payload(&self) -> bool {
        self.payload == Payload::Scrubbed
    }

    /// The value in `NAME=value` when it is to be hidden.
    fn environment_value(&self, entry: &[u8]) -> Option<Range<usize>> {
        let equals = memchr::memchr(b'=', entry)?;
        let (name, value) = (&entry[..equals], &entry[equals + 1..]);
        let kept = self.keys.keeps_environment(name)
            || keys::is_harmless_setting(value) && !self.keys.is_secret(name);
        (!kept && equals + 1 < entry.len()).then_some(equals + 1..entry.len())
    }

    /// Puts tokens into `bytes` for the places `found`; gives whether it changed.
    fn replace(&self, bytes: &mut Vec<u8>, mut found: Vec<Range<usize>>) -> bool {
        token::settle(bytes, &mut found);
        if found.is_empty() {
            return false;
        }
        let mut scrubbed = Vec::with_capacity(bytes.len() + found.len() * token::TOKEN_LEN);
        let mut at = 0;
        for range in found {
            scrubbed.extend_from_slice(&bytes[at..range.start]);
            self.tokens.push(&bytes[range.clone()], &mut scrubbed);
            at = range.end;
        }
        scrubbed.extend_from_slice(&bytes[at..]);
        *bytes = scrubbed;
        true
    }

    /// Puts a token in place of the whole text.
    fn replace_all(&self, bytes: &mut Vec<u8>) {
        let whole = 0..bytes.len();
        self.replace(bytes, vec![whole]);
    }

    /// Scrubs running text.
    fn scrub_text(&self, bytes: &mut Vec<u8>) {
        for _ in 0..PASSES_MAX {
            let found = self.find_in_text(bytes);
            if !self.replace(bytes, found) {
                return;
            }
        }
        self.replace_all(bytes);
    }

    /// Scrubs the arguments once; gives whether anything changed.
    fn scrub_argv_once(&self, argv: &mut [Vec<u8>]) -> bool {
        let mut places: Vec<Vec<Range<usize>>> = vec![Vec::new(); argv.len()];
        let words: Vec<&[u8]> = argv.iter().map(Vec::as_slice).collect();
        for (word, range) in argv::find(&words, &self.keys) {
            places[word].push(range);
        }
        let mut changed = false;
        for (word, mut found) in argv.iter_mut().zip(places) {
            self.learned.find(word, &mut found);
            changed |= self.replace(word, found);
        }
        changed
    }

    fn find_in_text(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        text::find(bytes, Escapes::None, &self.keys, &mut found);
        self.learned.find(bytes, &mut found);
        found
    }
}

impl Scrub for Scrubber {
    fn argv(&self, argv: &mut Vec<Vec<u8>>) {
        if self.policy == Policy::None {
            return;
        }
        for _ in 0..PASSES_MAX {
            if !self.scrub_argv_once(argv) {
                return;
            }
        }
        for word in argv {
            self.replace_all(word);
        }
    }

    fn env(&self, env: &mut Vec<Vec<u8>>) {
        if self.policy == Policy::None {
            return;
        }
        for entry in env {
            if let Some(value) = self.environment_value(entry) {
                self.replace(entry, vec![value]);
            } else {
                self.scrub_text(entry);
            }
        }
    }

    fn text(&self, _kind: TextKind, bytes: &mut Vec<u8>) {
        if self.policy == Policy::Default {
            self.scrub_text(bytes);
        }
    }
}
