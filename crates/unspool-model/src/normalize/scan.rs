//! One pass over a name: at each place where a word begins, the first rule that fits replaces what it fits.

use super::dates::{Dated, date, digits, month_of, time, week_of, weekday, weekday_of};
use super::months::named;
use super::{Change, Context, Kind, Rule};

/// Dates further away than this from the run's day are part of the name: a version, a release.
const NEAR_DAYS: i64 = 45;
/// The same for seconds since 1970.
const NEAR_EPOCH_DAYS: i64 = 400;
/// Shortest hexadecimal number that is taken for a hash.
const HASH_LEN_MIN: usize = 16;
/// Shortest one that is taken for a hash when digits and letters are mixed well.
const MIXED_HASH_LEN_MIN: usize = 12;
/// Shortest one that is taken for a hash when it goes from digits to letters and back, as the short names of commits do.
const SHORT_HASH_LEN_MIN: usize = 7;
/// Shortest one between a name and its ending.
const BUILD_HASH_LEN_MIN: usize = 8;
/// Decimal numbers of so many digits are no counters.
const NUMBER_LEN_MIN: usize = 15;
/// How a long hexadecimal number begins that is no hash: a segment of a log, counted.
const FILLED: &[u8] = b"00000000";

/// Numbers below are those of processes, of this run or another; 1 is that of `init`.
const PROC: &[u8] = b"/proc/";

struct Found {
    len: usize,
    to: Vec<u8>,
    rule: Rule,
}

impl Found {
    #[expect(clippy::unnecessary_wraps, reason = "rules end with what they found")]
    fn new(len: usize, to: impl Into<Vec<u8>>, rule: Rule) -> Option<Self> {
        Some(Self {
            len,
            to: to.into(),
            rule,
        })
    }
}

/// The text after one pass, and what was replaced.
pub(super) fn pass(context: &Context, kind: Kind, name: &[u8]) -> (Vec<u8>, Vec<Change>) {
    let mut out = Vec::with_capacity(name.len());
    let mut changes = Vec::new();
    let mut at = 0;
    let temporary = kind == Kind::TemporaryPath || is_in_temporary(name);
    while let Some(rest) = name.get(at..).filter(|rest| !rest.is_empty()) {
        if let Some(len) = placeholder(rest) {
            out.extend_from_slice(rest.get(..len).unwrap_or_default());
            at += len;
            continue;
        }
        let before = at.checked_sub(1).and_then(|at| name.get(at)).copied();
        let place = Place {
            context,
            kind,
            name,
            at,
            before,
            temporary,
        };
        let Some(found) = place.find(rest) else {
            let len = word_len(rest);
            out.extend_from_slice(rest.get(..len).unwrap_or_default());
            at += len;
            continue;
        };
        changes.push(Change {
            from: rest.get(..found.len).unwrap_or_default().to_vec(),
            to: found.to.clone(),
            rule: found.rule,
        });
        out.extend_from_slice(&found.to);
        at += found.len.max(1);
    }
    (out, changes)
}

/// Length of what is passed when no rule fits: a run of digits, a run of letters, or one character.
fn word_len(rest: &[u8]) -> usize {
    match rest.first() {
        Some(byte) if byte.is_ascii_digit() => digits(rest),
        Some(byte) if byte.is_ascii_alphabetic() => rest
            .iter()
            .take_while(|byte| byte.is_ascii_alphabetic())
            .count(),
        _ => 1,
    }
}

/// Length of a placeholder at the beginning.
pub(super) fn placeholder(bytes: &[u8]) -> Option<usize> {
    if bytes.first() != Some(&b'<') {
        return None;
    }
    let end = bytes.iter().take(24).position(|byte| *byte == b'>')?;
    let inner = bytes.get(1..end)?;
    let fits = inner.first().is_some_and(u8::is_ascii_uppercase)
        && inner
            .iter()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"+-".contains(byte));
    fits.then_some(end + 1)
}

struct Place<'n> {
    context: &'n Context,
    kind: Kind,
    name: &'n [u8],
    at: usize,
    before: Option<u8>,
    /// Whether any part of the name is in a folder of temporary files.
    temporary: bool,
}

/// What folders of temporary files end in.
const TEMPORARY: [&[u8]; 4] = [b"tmp/", b"temp/", b"/dev/shm/", b"<TMPDIR>/"];

/// Whether a folder of temporary files is in a name, in front of anything.
fn is_in_temporary(name: &[u8]) -> bool {
    name.iter().enumerate().any(|(at, byte)| {
        let head = name.get(..=at).unwrap_or_default();
        *byte == b'/' && TEMPORARY.iter().any(|folder| head.ends_with(folder))
    })
}

impl Place<'_> {
    fn find(&self, rest: &[u8]) -> Option<Found> {
        let first = *rest.first()?;
        let open = self.before.is_none_or(|byte| !byte.is_ascii_alphanumeric());
        if open && let Some(found) = self.pattern(rest) {
            return Some(found);
        }
        if first == b'/' {
            return self.folder(rest);
        }
        if first == REDACTED[0] {
            return redacted(rest);
        }
        if self.kind == Kind::Word
            && let Some(found) = self.temporary_file(rest)
        {
            return Some(found);
        }
        if !first.is_ascii_alphanumeric() && first != b'_' {
            return None;
        }
        if open {
            let found = Self::uuid(rest)
                .or_else(|| self.hash(rest))
                .or_else(|| self.fan(rest))
                .or_else(|| self.weekday(rest))
                .or_else(|| self.named_date(rest))
                .or_else(|| self.temporary(rest))
                .or_else(|| self.who(rest));
            if found.is_some() {
                return found;
            }
        }
        if first.is_ascii_digit() && self.before.is_none_or(|byte| !byte.is_ascii_digit()) {
            return self
                .date(rest)
                .or_else(|| self.epoch(rest))
                .or_else(|| self.number(rest, open));
        }
        None
    }

    fn pattern(&self, rest: &[u8]) -> Option<Found> {
        self.context.patterns.iter().find_map(|pattern| {
            let len = pattern.match_len(rest)?;
            let to = pattern.placeholder();
            Found::new(len, to, Rule::Pattern(pattern.text().to_owned()))
        })
    }

    /// Working directory, home, folder of temporary files at the beginning of an absolute path.
    fn folder(&self, rest: &[u8]) -> Option<Found> {
        if self
            .before
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || b"/._-~>".contains(&byte))
        {
            return None;
        }
        let context = self.context;
        let folders = [
            (&context.cwd, &b"<CWD>"[..], Rule::WorkingDirectory),
            (&context.temporary, b"<TMPDIR>", Rule::TemporaryFolder),
            (&context.home, b"<HOME>", Rule::Home),
        ];
        folders.into_iter().find_map(|(folder, to, rule)| {
            // `/` and `/tmp` are no places of a run.
            if folder.len() < 2 || folder.as_slice() == b"/tmp" {
                return None;
            }
            let after = rest.strip_prefix(folder.as_slice())?;
            let ends = after
                .first()
                .is_none_or(|byte| !byte.is_ascii_alphanumeric() && !b"._-".contains(byte));
            ends.then(|| Found::new(folder.len(), to, rule))?
        })
    }

    fn uuid(rest: &[u8]) -> Option<Found> {
        const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
        let mut at = 0;
        for (index, len) in GROUPS.into_iter().enumerate() {
            if index > 0 {
                if rest.get(at) != Some(&b'-') {
                    return None;
                }
                at += 1;
            }
            if hex_len(rest.get(at..)?) != len {
                return None;
            }
            at += len;
        }
        ends_word(rest, at).then(|| Found::new(at, *b"<UUID>", Rule::Uuid))?
    }

    fn hash(&self, rest: &[u8]) -> Option<Found> {
        if rest.first() == Some(&b'0')
            && let Some(digits) = rest.strip_prefix(b"0x")
        {
            let len = hex_len(digits);
            return (len >= 6 && ends_word(digits, len))
                .then(|| Found::new(len + 2, *b"<ADDR>", Rule::Address))?;
        }
        // Nix: 32 characters of its own base 32, then the name that stays.
        let is_in_store = || {
            let before = self.name.get(..self.at).unwrap_or_default();
            before.ends_with(b"/nix/store/")
        };
        if self.before == Some(b'/') && is_in_store() {
            let len = rest
                .iter()
                .take_while(|byte| byte.is_ascii_alphanumeric())
                .count();
            return (len == 32).then(|| Found::new(32, *b"<HASH>", Rule::Hash))?;
        }
        let len = hex_len(rest);
        if len < SHORT_HASH_LEN_MIN || !ends_word(rest, len) {
            return None;
        }
        let word = rest.get(..len)?;
        if self.context.hashes.is_hash(word) || self.is_behind_date() && date(rest).is_none() {
            return Found::new(len, *b"<HASH>", Rule::Hash);
        }
        let numbers = word.iter().filter(|byte| byte.is_ascii_digit()).count();
        let letters = len - numbers;
        // `main.2feb9ea4.js`: what builders put between name and ending.
        let between =
            matches!(self.before, Some(b'.' | b'-' | b'_')) && rest.get(len) == Some(&b'.');
        if len < HASH_LEN_MIN && super::hashes::is_random(word) {
            return Found::new(len, *b"<HASH>", Rule::Hash);
        }
        if len < MIXED_HASH_LEN_MIN {
            let short = len >= BUILD_HASH_LEN_MIN && between && numbers >= 2 && letters >= 1;
            return short.then(|| Found::new(len, *b"<HASH>", Rule::Hash))?;
        }
        // A number that is filled up with zeros is counted, in whatever digits.
        if len >= HASH_LEN_MIN && word.starts_with(FILLED) {
            return Found::new(len, *b"<N>", Rule::Number);
        }
        let mixed = numbers >= 2 && letters >= 2;
        let is_hash = mixed || len >= HASH_LEN_MIN && letters > 0;
        is_hash.then(|| Found::new(len, *b"<HASH>", Rule::Hash))?
    }

    /// Whether a date that was replaced stands before it: `<D+0>-1234567`.
    fn is_behind_date(&self) -> bool {
        let before = self.name.get(..self.at).unwrap_or_default();
        let Some((b'-' | b'_' | b'.', before)) = before.split_last() else {
            return false;
        };
        let start = before.iter().rposition(|byte| *byte == b'<');
        let last = start.and_then(|start| before.get(start..));
        last.is_some_and(|last| {
            placeholder(last) == Some(last.len())
                && (last.starts_with(b"<D") || last == b"<TIME>" || last.starts_with(b"<M"))
        })
    }

    /// `weekly/Fri`: the day of the week as a distance from that of the run, -3 to 3. In small letters, as `sat` and `sun`
    /// are words, only beside a date: `sat-<D+0>`.
    fn weekday(&self, rest: &[u8]) -> Option<Found> {
        let (day, len) = weekday(rest).or_else(|| {
            let (first, tail) = rest.split_first()?;
            let word = [
                &[first.to_ascii_uppercase()],
                tail.get(..tail.len().min(9))?,
            ]
            .concat();
            let found = weekday(&word)?;
            let is_beside = self.is_behind_date()
                || matches!(rest.get(found.1), Some(b'-' | b'_' | b'.' | b' '))
                    && rest.get(found.1 + 1..)?.starts_with(b"<D");
            is_beside.then_some(found)
        })?;
        let distance = (day - weekday_of(self.context.anchor_days?) + 3).rem_euclid(7) - 3;
        Found::new(len, format!("<D{distance:+}>"), Rule::Date)
    }

    /// A date whose month is a word, near the run's day.
    fn named_date(&self, rest: &[u8]) -> Option<Found> {
        let anchor = self.context.anchor_days?;
        match named(rest, anchor)? {
            (Dated::Day(day), len) if (day - anchor).abs() <= NEAR_DAYS => {
                Found::new(len, format!("<D{:+}>", day - anchor), Rule::Date)
            }
            (Dated::Month(month), len) if (month - month_of(anchor)).abs() <= 2 => Found::new(
                len,
                format!("<M{:+}>", month - month_of(anchor)),
                Rule::Month,
            ),
            _ => None,
        }
    }

    /// A component that names a file which the run made and removed, as its path has it.
    fn temporary_file(&self, rest: &[u8]) -> Option<Found> {
        let files = &self.context.temporary_files;
        let begins = matches!(
            self.before,
            None | Some(b'/' | b'=' | b'@' | b' ' | b',' | b':' | b'"' | b'\'')
        );
        if files.is_empty() || !begins {
            return None;
        }
        let len = rest
            .iter()
            .position(|byte| matches!(byte, b'/' | b' ' | b',' | b':' | b'"' | b'\'' | b';' | b')'))
            .unwrap_or(rest.len());
        let word = rest.get(..len)?;
        let place = files
            .binary_search_by(|(name, _)| name.as_slice().cmp(word))
            .ok()?;
        let (_, name) = files.get(place)?;
        Found::new(len, name.clone(), Rule::Temporary)
    }

    /// A folder of two hexadecimal digits above names that are hashes: `objects/65/37e9...`.
    fn fan(&self, rest: &[u8]) -> Option<Found> {
        if self.before != Some(b'/') || hex_len(rest) != 2 || !super::hashes::is_fan(rest.get(..2)?)
        {
            return None;
        }
        let above = self.name.get(..self.at.saturating_sub(1))?;
        let fits = match rest.get(2) {
            None => self.context.hashes.is_fan_folder(above),
            Some(b'/') => {
                let below = rest.get(3..)?;
                let len = hex_len(below);
                below.starts_with(b"<HASH>")
                    || below.starts_with(b"<HH>/")
                    || len >= SHORT_HASH_LEN_MIN
                        && ends_word(below, len)
                        && super::hashes::is_random(below.get(..len)?)
                    || self.context.hashes.is_fan_folder(above)
            }
            _ => false,
        };
        fits.then(|| Found::new(2, *b"<HH>", Rule::Hash))?
    }

    fn date(&self, rest: &[u8]) -> Option<Found> {
        let (dated, len) = date(rest)?;
        let followed_by_digit = |len: usize| rest.get(len).is_some_and(u8::is_ascii_digit);
        let context = self.context;
        let (mut to, rule) = match (dated, context.anchor_days) {
            (Dated::Day(_), None) => ("<DATE>".to_owned(), Rule::Date),
            (Dated::Day(day), Some(anchor)) if (day - anchor).abs() <= NEAR_DAYS => {
                (format!("<D{:+}>", day - anchor), Rule::Date)
            }
            (Dated::Month(month), Some(anchor)) if (month - month_of(anchor)).abs() <= 2 => {
                (format!("<M{:+}>", month - month_of(anchor)), Rule::Month)
            }
            (Dated::Week(week), Some(anchor)) if (week - week_of(anchor)).abs() <= 6 => {
                (format!("<W{:+}>", week - week_of(anchor)), Rule::Week)
            }
            _ => return None,
        };
        if matches!(dated, Dated::Day(_)) {
            let gap = match rest.get(len) {
                Some(b'T' | b'_' | b'-' | b' ' | b'.') => 1,
                _ => 0,
            };
            // `2026-03-15-1234abc` has no time of day.
            let time = rest.get(len + gap..).and_then(|rest| {
                let ends = |time: &usize| !rest.get(*time).is_some_and(u8::is_ascii_alphanumeric);
                time(rest).filter(ends)
            });
            if let Some(time) = time {
                to.push_str("<TIME>");
                return Found::new(len + gap + time, to, rule);
            }
        }
        if followed_by_digit(len) {
            return None;
        }
        Found::new(len, to, rule)
    }

    fn epoch(&self, rest: &[u8]) -> Option<Found> {
        let start_days = self.context.start_ns?.div_euclid(86_400_000_000_000);
        let len = digits(rest);
        let per_day: u128 = match len {
            10 => 86_400,
            13 => 86_400_000,
            16 => 86_400_000_000,
            19 => 86_400_000_000_000,
            _ => return None,
        };
        let value: u128 = std::str::from_utf8(rest.get(..len)?).ok()?.parse().ok()?;
        let days = i64::try_from(value / per_day).ok()?;
        let near = (days - start_days).abs() <= NEAR_EPOCH_DAYS;
        near.then(|| Found::new(len, *b"<T>", Rule::Epoch))?
    }

    fn number(&self, rest: &[u8], open: bool) -> Option<Found> {
        let len = digits(rest);
        if !ends_word(rest, len) {
            return None;
        }
        if open && self.before == Some(b'[') && rest.get(len) == Some(&b']') {
            let before = self.name.get(..self.at).unwrap_or_default();
            if before.ends_with(b"pipe:[") || before.ends_with(b"socket:[") {
                return Found::new(len, *b"<N>", Rule::Inode);
            }
        }
        if len >= NUMBER_LEN_MIN {
            return Found::new(len, *b"<N>", Rule::Number);
        }
        let value: u32 = std::str::from_utf8(rest.get(..len)?).ok()?.parse().ok()?;
        let context = self.context;
        let whose = self.at == PROC.len() && self.name.starts_with(PROC) && value != 1;
        if open && whose {
            return Found::new(len, *b"<PID>", Rule::Pid);
        }
        let is_pid = len >= 3 && context.pids.binary_search(&value).is_ok();
        if open && is_pid && self.may_hold_pids() {
            return Found::new(len, *b"<PID>", Rule::Pid);
        }
        let port = u16::try_from(value).ok()?;
        let chosen = context.ports.binary_search(&port).is_ok()
            || self.before == Some(b':') && port >= super::EPHEMERAL_PORT_MIN;
        (self.kind == Kind::Word && chosen).then(|| Found::new(len, *b"<PORT>", Rule::Port))?
    }

    /// Whether a number that is also one of a process is likely to be meant as that.
    fn may_hold_pids(&self) -> bool {
        self.kind == Kind::TemporaryPath
            || self.in_temporary_folder()
            || self.name.starts_with(PROC)
            || self.name.starts_with(b"/run/")
            || self.name.starts_with(b"/var/run/")
            || self.kind == Kind::Word && self.is_behind_stem()
    }

    /// Whether a word of letters and a separator stand before: `figures.4711`, no part of a version.
    fn is_behind_stem(&self) -> bool {
        let before = self.name.get(..self.at).unwrap_or_default();
        matches!(before, [.., stem, b'.' | b'-' | b'_'] if stem.is_ascii_alphanumeric())
            && !matches!(before, [.., b'.', one, b'.'] if one.is_ascii_digit())
    }

    fn in_temporary_folder(&self) -> bool {
        let before = self.name.get(..self.at).unwrap_or_default();
        self.temporary && is_in_temporary(before)
    }

    /// Random parts: `tmp.Xk3fQ9aB2z`, `tmpab12cd_3`, `ccXk3fQ9.o`, `name.Xk3fQ9`.
    fn temporary(&self, rest: &[u8]) -> Option<Found> {
        if let Some(len) = self.context.hashes.tail_len(self.before, rest) {
            return Found::new(len, *b"<TMP>", Rule::Temporary);
        }
        if !self.temporary {
            return None;
        }
        let len = rest
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
            .count();
        let word = rest.get(..len)?;
        let temporary = self.kind == Kind::TemporaryPath || self.in_temporary_folder();
        if !temporary {
            return None;
        }
        let ends = rest
            .get(len)
            .is_none_or(|byte| !byte.is_ascii_alphanumeric());
        if !ends || len < 6 {
            return None;
        }
        // Python's tempfile: `tmp` and eight of a-z, 0-9 and _; gcc: `cc` and six.
        if word.starts_with(b"tmp") && len == 11 {
            return Found::new(len, *b"tmp<TMP>", Rule::Temporary);
        }
        if word.starts_with(b"cc") && len == 8 && matches!(rest.get(8), None | Some(b'.')) {
            return Found::new(len, *b"cc<TMP>", Rule::Temporary);
        }
        if let Some(found) = self.templated(rest, word) {
            return Some(found);
        }
        // What a run makes and removes in a folder for such things has a name by chance.
        if self.kind == Kind::TemporaryPath
            && is_chance(word)
            && len <= 16
            && self.before == Some(b'/')
            && rest.get(len).is_none()
        {
            return Found::new(len, *b"<TMP>", Rule::Temporary);
        }
        // The C library's semaphores before they have a name, and what Python shares between processes.
        let before = self.name.get(..self.at).unwrap_or_default();
        let shared = match len {
            6 => before.ends_with(b"/dev/shm/sem."),
            8 => before.ends_with(b"mp-"),
            _ => false,
        };
        if self.in_temporary_folder() && shared {
            return Found::new(len, *b"<TMP>", Rule::Temporary);
        }
        // What stands beside such names.
        if self.context.hashes.random_len(rest) == Some(len) {
            return Found::new(len, *b"<TMP>", Rule::Temporary);
        }
        // mktemp: `tmp.` and ten.
        let after_tmp = self
            .name
            .get(..self.at)
            .is_some_and(|before| before.ends_with(b"tmp."));
        // The X's behind a dot or dash: capitals or digits in a word that is as long as templates make it.
        let template = matches!(self.before, Some(b'.' | b'-' | b'_'))
            && matches!(len, 6 | 8 | 10)
            && (word.iter().skip(1).any(u8::is_ascii_uppercase)
                || word.iter().any(u8::is_ascii_digit))
            && word.iter().any(u8::is_ascii_lowercase);
        let stem_len = word
            .iter()
            .take_while(|byte| byte.is_ascii_lowercase())
            .count();
        let whole = looks_random(word) && !(stem_len >= 3 && len == stem_len.max(3) + 6);
        if after_tmp && len == 10 || template || whole {
            return Found::new(len, *b"<TMP>", Rule::Temporary);
        }
        // A fixed word before six random ones: `sedAb3xYz`, `sortK2j9Qw`.
        let split = len - 6;
        let (stem, random) = word.split_at(split);
        if (1..=8).contains(&split)
            && stem.iter().all(u8::is_ascii_lowercase)
            && looks_random(random)
        {
            let mut to = stem.to_vec();
            to.extend_from_slice(b"<TMP>");
            return Found::new(len, to, Rule::Temporary);
        }
        None
    }

    /// What a template of six X's behind a separator gave for a file that the run made and removed, whatever letters it
    /// gave: `tcl_Qzkrvg`, `job.Fbcdhe`.
    fn templated(&self, rest: &[u8], word: &[u8]) -> Option<Found> {
        if self.kind != Kind::TemporaryPath || !self.in_temporary_folder() {
            return None;
        }
        let (stem, random) = match word.iter().rposition(|byte| *byte == b'_') {
            Some(at) => word.split_at(at + 1),
            None if matches!(self.before, Some(b'.' | b'-' | b'_')) => (&word[..0], word),
            None => return None,
        };
        // Of a single letter nobody can tell whether it is random, too.
        let is_stem = stem.is_empty()
            || stem.len() > 2
                && stem.first() != Some(&b'_')
                && stem
                    .iter()
                    .all(|byte| byte.is_ascii_lowercase() || *byte == b'_');
        // `letter.Sorted` is no random word, `tcl_Sorted` of a program that makes its own may be one.
        let word_like = random
            .get(usize::from(stem.is_empty())..)
            .unwrap_or_default();
        let ends = matches!(rest.get(word.len()), None | Some(b'/'));
        if !ends || !is_stem || random.len() != TEMPLATE_LEN || !is_unlikely_word(word_like) {
            return None;
        }
        Found::new(word.len(), [stem, &b"<TMP>"[..]].concat(), Rule::Temporary)
    }

    /// User and host as whole words.
    fn who(&self, rest: &[u8]) -> Option<Found> {
        let context = self.context;
        let whole = |word: &[u8]| -> Option<usize> {
            if word.first() != rest.first() {
                return None;
            }
            let after = rest.strip_prefix(word).filter(|_| word.len() >= 4)?;
            after
                .first()
                .is_none_or(|byte| !byte.is_ascii_alphanumeric() && !b"_-".contains(byte))
                .then_some(word.len())
        };
        if let Some(len) = whole(&context.host) {
            return Found::new(len, *b"<HOST>", Rule::Host);
        }
        let len = whole(&context.user)?;
        // Names such as `root` and `daemon` are folders and programs too.
        let common: [&[u8]; 6] = [b"root", b"daemon", b"nobody", b"user", b"mail", b"backup"];
        if common.contains(&context.user.as_slice()) {
            return None;
        }
        Found::new(len, *b"<USER>", Rule::User)
    }
}

/// Whether a name is of small letters, digits and `_`, as long as programs make them or with a digit.
fn is_chance(word: &[u8]) -> bool {
    word.iter()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_')
        && (word.len() == 8 || word.iter().any(u8::is_ascii_digit))
}

/// Random characters of the templates of `mkstemp`.
const TEMPLATE_LEN: usize = 6;

/// Whether letters and digits are hardly a word: with capitals or digits, without a vowel, or with four other letters in a
/// row.
fn is_unlikely_word(word: &[u8]) -> bool {
    let is_vowel = |byte: &u8| b"aeiouy".contains(&byte.to_ascii_lowercase());
    let is_mixed = word.iter().any(|byte| !byte.is_ascii_lowercase());
    let is_hard = || !word.iter().any(is_vowel) || word.split(is_vowel).any(|run| run.len() >= 4);
    word.iter().all(u8::is_ascii_alphanumeric)
        && !word.iter().all(u8::is_ascii_digit)
        && (is_mixed || is_hard())
}

/// Whether letters and digits alternate as only random names do. `CamelCase`, `sha256sum` and `x86` do not.
pub(super) fn looks_random(word: &[u8]) -> bool {
    if !(6..=24).contains(&word.len()) {
        return false;
    }
    let class = |byte: &u8| match byte {
        b'a'..=b'z' => 0,
        b'A'..=b'Z' => 1,
        b'0'..=b'9' => 2,
        _ => 3,
    };
    let mut turns = 0;
    for pair in word.windows(2) {
        if let [one, other] = pair {
            let (one, other) = (class(one), class(other));
            // An upper-case letter before lower-case ones begins a word.
            if one != other && !(one == 1 && other == 0) {
                turns += 1;
            }
        }
    }
    let capitals_inside = word.windows(2).filter(|pair| {
        matches!(pair, [one, other] if one.is_ascii_uppercase() && other.is_ascii_uppercase())
    });
    turns >= 3 || turns >= 2 && capitals_inside.count() > 0
}

/// What the scrubber leaves of a secret; its number is another one in every run.
const REDACTED: &[u8] = "‹redacted:".as_bytes();

fn redacted(rest: &[u8]) -> Option<Found> {
    let hash = rest.strip_prefix(REDACTED)?;
    let len = hash
        .iter()
        .take(32)
        .take_while(|byte| byte.is_ascii_alphanumeric())
        .count();
    let close = "›".as_bytes();
    let closed = hash.get(len..)?.starts_with(close);
    closed.then(|| {
        Found::new(
            REDACTED.len() + len + close.len(),
            *b"<SECRET>",
            Rule::Secret,
        )
    })?
}

fn hex_len(bytes: &[u8]) -> usize {
    let lower = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte))
        .count();
    let upper = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit() || (b'A'..=b'F').contains(byte))
        .count();
    lower.max(upper)
}

fn ends_word(bytes: &[u8], len: usize) -> bool {
    len > 0
        && bytes
            .get(len)
            .is_none_or(|byte| !byte.is_ascii_alphanumeric())
}
