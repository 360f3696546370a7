//! Messages: lines that processes write to their standard streams, to log files and to the system's log. They are compared
//! as templates, without what differs in each line: numbers, times, names of the day.
//!
//! What is written is only there when it was recorded (`record --payload`, `import --payload`).

use std::collections::{BTreeMap, BTreeSet};

use unspool_model::map::Map;
use unspool_model::normalize::{Context, Kind};
use unspool_model::payload;
use unspool_model::step::{Action, Step};

use super::Joint;
use super::finding::{Finding, FindingKind};
use super::phrases::{say, times, who};
use super::processes::raw_command;
use super::profile::{KeyKind, VALUES_MAX};

/// Longest message that is looked at; the rest of a line is dropped.
const LINE_LEN_MAX: usize = 2048;
/// Longest template.
const TEMPLATE_LEN_MAX: usize = 200;
/// Writes without data after which there is none in the run.
const EMPTY_MAX: u32 = 512;
/// New messages of one stream that are shown.
const SHOWN_MAX: usize = 6;
/// New templates from which on what is written is the job's data.
const DATA_MIN: usize = 8;

/// Weight of a message about trouble, of another one, and of one among data.
const TROUBLE: f64 = 2.7;
const OTHER: f64 = 1.3;
const DATA: f64 = 0.6;
/// Weight of a message that is not written any more.
const GONE: f64 = 1.2;

/// Words of messages about trouble.
const TROUBLES: &[&[u8]] = &[
    b"error",
    b"fail",
    b"fatal",
    b"exception",
    b"traceback",
    b"warn",
    b"refused",
    b"denied",
    b"timeout",
    b"timed out",
    b"cannot",
    b"can't",
    b"could not",
    b"unable",
    b"not found",
    b"no such",
    b"panic",
    b"critical",
    b"abort",
    b"invalid",
    b"missing",
    b"killed",
    b"segmentation",
];

/// Where messages go.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Stream {
    /// Descriptor 1.
    Output,
    /// Descriptor 2.
    Error,
    /// A log file or the system's log, by its key.
    Log(u32),
}

/// Lines with one template.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) count: u64,
    /// The first of them.
    pub(super) line: Vec<u8>,
    pub(super) first_ns: i64,
    pub(super) first_seq: u64,
}

/// Messages of one role on one stream, by template.
pub(super) type Messages = BTreeMap<(u32, Stream), BTreeMap<Vec<u8>, Message>>;

/// Gathers the messages of a run.
#[derive(Debug, Default)]
pub(super) struct Collector {
    pub(super) messages: Messages,
    /// Whether any write had its data.
    pub(super) has_data: bool,
    empty: u32,
    /// Beginnings of lines.
    begun: Map<(u32, Stream), Vec<u8>>,
    data: Vec<u8>,
}

impl Collector {
    /// Takes what a step wrote, when it is a message. `key` is that of what it wrote to; `inner` says that this is a pipe
    /// which the job made for itself.
    pub(super) fn step(
        &mut self,
        step: &Step<'_>,
        role: u32,
        key: (u32, KeyKind, &[u8]),
        inner: bool,
        context: &Context,
    ) {
        let Some(touch) = step.touch else { return };
        if !matches!(touch.action, Action::Write | Action::Send) || self.empty >= EMPTY_MAX {
            return;
        }
        let Some(stream) = stream_of(touch.fd.map(|fd| fd.0), key, inner) else {
            return;
        };
        let mut data = std::mem::take(&mut self.data);
        data.clear();
        if payload::data(step, &mut data) {
            self.has_data = true;
            self.empty = 0;
            let is_whole = touch.bytes.is_none_or(|bytes| bytes <= data.len() as u64);
            self.lines(step, (role, stream), &data, is_whole, context);
        } else if !self.has_data {
            self.empty += 1;
        }
        self.data = data;
    }

    fn lines(
        &mut self,
        step: &Step<'_>,
        place: (u32, Stream),
        data: &[u8],
        is_whole: bool,
        context: &Context,
    ) {
        let mut begun = self.begun.remove(&place).unwrap_or_default();
        let mut rest = data;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            begun.extend_from_slice(rest.get(..end).unwrap_or_default());
            self.line(step, place, &begun, context);
            begun.clear();
            rest = rest.get(end + 1..).unwrap_or_default();
        }
        begun.extend_from_slice(rest);
        // A datagram is a message of its own, and the end of what was cut off is not known.
        let is_datagram = step.touch.is_some_and(|touch| touch.action == Action::Send);
        if !is_whole || is_datagram || begun.len() > LINE_LEN_MAX {
            self.line(step, place, &begun, context);
        } else if !begun.is_empty() {
            self.begun.insert(place, begun);
        }
    }

    fn line(&mut self, step: &Step<'_>, place: (u32, Stream), line: &[u8], context: &Context) {
        let line = line.get(..LINE_LEN_MAX).unwrap_or(line).trim_ascii();
        if line.is_empty() {
            return;
        }
        let template = template(line, context);
        let templates = self.messages.entry(place).or_default();
        if templates.len() >= VALUES_MAX && !templates.contains_key(&template) {
            return;
        }
        let message = templates.entry(template).or_insert_with(|| Message {
            count: 0,
            line: line.to_vec(),
            first_ns: step.time_ns,
            first_seq: step.seq,
        });
        message.count += 1;
    }
}

fn stream_of(fd: Option<i32>, key: (u32, KeyKind, &[u8]), inner: bool) -> Option<Stream> {
    let (id, kind, name) = key;
    let is_log = match kind {
        KeyKind::File => super::words::is_said(name),
        KeyKind::LocalSocket => is_system_log(name),
        _ => false,
    };
    match (fd, kind) {
        // The name of what the log of a tracer does not name.
        _ if name == b"stderr" => Some(Stream::Error),
        _ if name == b"stdout" => Some(Stream::Output),
        _ if is_log => Some(Stream::Log(id)),
        _ if inner => None,
        (Some(2), _) => Some(Stream::Error),
        // What a command writes into a file by its standard output is data.
        (Some(1), KeyKind::File | KeyKind::Peer | KeyKind::Listener) => None,
        (Some(1), _) => Some(Stream::Output),
        _ => None,
    }
}

fn is_system_log(name: &[u8]) -> bool {
    name == b"/dev/log" || name.starts_with(b"/run/systemd/journal/") || name == b"/run/log"
}

/// A line without what is different in each: the priority and date that syslog(3) puts before it, times, numbers.
fn template(line: &[u8], context: &Context) -> Vec<u8> {
    let line = without_syslog_head(line);
    let named = context.normalize(Kind::Word, line).text;
    let mut out: Vec<u8> = Vec::with_capacity(named.len().min(TEMPLATE_LEN_MAX));
    for byte in named {
        if out.len() >= TEMPLATE_LEN_MAX {
            break;
        }
        match byte {
            b'0'..=b'9' if out.last() == Some(&b'#') => {}
            b'0'..=b'9' if out.ends_with(b"#.") || out.ends_with(b"#,") || out.ends_with(b"#:") => {
                out.pop();
            }
            b'0'..=b'9' => out.push(b'#'),
            other => out.push(other),
        }
    }
    out
}

/// `<13>Oct 11 22:14:15 su: ...` (RFC 3164) without priority and time.
fn without_syslog_head(line: &[u8]) -> &[u8] {
    let inner = line
        .strip_prefix(b"<")
        .and_then(|rest| Some((rest.iter().position(|byte| *byte == b'>')?, rest)));
    let Some((end, rest)) = inner.filter(|(end, _)| *end <= 3) else {
        return line;
    };
    let rest = rest.get(end + 1..).unwrap_or_default();
    match rest {
        [
            _,
            _,
            _,
            b' ',
            _,
            _,
            b' ',
            _,
            _,
            b':',
            _,
            _,
            b':',
            _,
            _,
            b' ',
            message @ ..,
        ] => message,
        _ => rest,
    }
}

fn troubles(template: &[u8]) -> BTreeSet<&'static [u8]> {
    let small = template.to_ascii_lowercase();
    TROUBLES
        .iter()
        .copied()
        .filter(|word| super::contains(&small, word))
        .collect()
}

/// Whether two templates are one message about different things: as many words, most of them equal, the same trouble.
fn is_alike(one: &[u8], other: &[u8]) -> bool {
    let words = |text: &'_ [u8]| -> Vec<Vec<u8>> {
        text.split(u8::is_ascii_whitespace)
            .map(<[u8]>::to_vec)
            .collect()
    };
    let (words_one, words_other) = (words(one), words(other));
    if words_one.len() != words_other.len() || words_one.len() < 3 {
        return false;
    }
    let equal = words_one
        .iter()
        .zip(&words_other)
        .filter(|(one, other)| one == other)
        .count();
    equal * 5 >= words_one.len() * 3 && troubles(one) == troubles(other)
}

/// Whether all runs have the data of what they wrote.
pub(super) fn are_compared(joint: &Joint<'_>) -> bool {
    joint.runs.iter().all(|run| run.has_messages)
}

/// Messages that are new, and those that are not written any more.
pub(super) fn find(joint: &Joint<'_>, out: &mut Vec<Finding>) {
    if !are_compared(joint) {
        return;
    }
    let mut places: BTreeSet<(u32, Stream)> = BTreeSet::new();
    let by_side: Vec<Messages> = (0..joint.runs.len())
        .map(|side| joint_messages(joint, side))
        .collect();
    for messages in &by_side {
        places.extend(messages.keys());
    }
    let empty = BTreeMap::new();
    for (role, stream) in places {
        let is_everywhere = (0..joint.runs.len()).all(|side| joint.role_of(role, side).is_some());
        if !is_everywhere {
            continue;
        }
        let of = |messages: &'_ Messages| messages.get(&(role, stream)).cloned();
        let sides: Vec<BTreeMap<Vec<u8>, Message>> = by_side
            .iter()
            .map(|messages| of(messages).unwrap_or_else(|| empty.clone()))
            .collect();
        let Some((now, before)) = sides.split_last() else {
            continue;
        };
        let place = Place {
            joint,
            role,
            stream,
        };
        let is_known = |template: &[u8], in_run: &BTreeMap<Vec<u8>, Message>| {
            in_run.contains_key(template) || in_run.keys().any(|other| is_alike(template, other))
        };
        let new: Vec<(&Vec<u8>, &Message)> = now
            .iter()
            .filter(|(template, _)| !before.iter().any(|run| is_known(template, run)))
            .collect();
        let gone: Vec<(&Vec<u8>, &Message)> = before
            .first()
            .into_iter()
            .flatten()
            .filter(|(template, _)| {
                before.iter().all(|run| is_known(template, run)) && !is_known(template, now)
            })
            .collect();
        let is_data = new.len() >= DATA_MIN && new.len() * 2 > now.len();
        out.extend(place.told(FindingKind::LogNew, new, is_data));
        out.extend(place.told(FindingKind::LogGone, gone, is_data));
    }
}

/// The messages of a run by the numbers that all runs share.
fn joint_messages(joint: &Joint<'_>, side: usize) -> Messages {
    let mut all = Messages::new();
    let Some(run) = joint.runs.get(side) else {
        return all;
    };
    for ((role, stream), templates) in &run.messages {
        let stream = match stream {
            Stream::Log(key) => joint.joint_key(side, *key).map(Stream::Log),
            other => Some(*other),
        };
        if let (Some(role), Some(stream)) = (joint.joint_role(side, *role), stream) {
            let all = all.entry((role, stream)).or_default();
            for (template, message) in templates {
                all.entry(template.clone())
                    .or_insert_with(|| message.clone());
            }
        }
    }
    all
}

/// One stream of one role.
struct Place<'a, 'p> {
    joint: &'a Joint<'p>,
    role: u32,
    stream: Stream,
}

impl Place<'_, '_> {
    fn told(
        &self,
        kind: FindingKind,
        mut messages: Vec<(&Vec<u8>, &Message)>,
        is_data: bool,
    ) -> Option<Finding> {
        let is_trouble = |template: &[u8]| !troubles(template).is_empty();
        messages.sort_by_key(|(template, message)| (!is_trouble(template), message.first_seq));
        let (template, first) = *messages.first()?;
        let is_new = kind == FindingKind::LogNew;
        let score = match (is_new, is_trouble(template)) {
            (true, true) => TROUBLE,
            _ if is_data => DATA,
            (true, false) => OTHER,
            (false, _) => GONE,
        };
        let subject = self.subject();
        let command = self
            .joint
            .any_role(self.role)
            .map(raw_command)
            .unwrap_or_default();
        let count = say!("`", first.line, "` ", times(first.count));
        let (before, after, words) = if is_new {
            (
                b"no such message".to_vec(),
                count,
                " said what it did not say before: `",
            )
        } else {
            (
                count,
                b"no such message".to_vec(),
                " did not say what it said before: `",
            )
        };
        let mut finding = Finding::new(kind, score, &subject)
            .values(before, after)
            .evidence(say!("command: ", command))
            .of(self.role, self.key())
            .says(say!(
                who(self.joint, self.role),
                words,
                first.line,
                "` (",
                self.where_to(),
                ")"
            ));
        finding = if is_new {
            finding.at(first.first_ns, Some(first.first_seq))
        } else {
            let subject = self.joint.runs[self.joint.subject()];
            let end_ns = self
                .joint
                .role_of(self.role, self.joint.subject())
                .map_or(subject.end_ns, |role| role.last_ns);
            finding.at(end_ns, None)
        };
        for (_, message) in messages.iter().skip(1).take(SHOWN_MAX) {
            finding = finding.evidence(say!("also: `", message.line, "`"));
        }
        Some(finding)
    }

    fn key(&self) -> Option<u32> {
        match self.stream {
            Stream::Log(key) => Some(key),
            Stream::Output | Stream::Error => None,
        }
    }

    fn where_to(&self) -> Vec<u8> {
        match self.stream {
            Stream::Output => b"standard output".to_vec(),
            Stream::Error => b"standard error".to_vec(),
            Stream::Log(key) => self
                .joint
                .any_key(key)
                .map(|key| key.raw.clone())
                .unwrap_or_default(),
        }
    }

    fn subject(&self) -> Vec<u8> {
        match self.stream {
            Stream::Log(_) => self.where_to(),
            Stream::Output | Stream::Error => {
                say!(self.where_to(), " of ", who(self.joint, self.role))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use unspool_model::normalize::Context;

    use super::{is_alike, template};

    fn check(line: &str, expected: &str) {
        let template = template(line.as_bytes(), &Context::default());
        assert_eq!(String::from_utf8_lossy(&template), expected);
    }

    #[test]
    fn numbers_and_heads_are_no_part_of_a_message() {
        check("loaded 512 rows in 0.31 s", "loaded # rows in # s");
        check("loaded 7 rows in 12.5 s", "loaded # rows in # s");
        check(
            "<13>Oct 11 22:14:15 su: denied for 1000",
            "su: denied for #",
        );
        check("<13>su: denied", "su: denied");
        check("<html>", "<html>");
    }

    #[test]
    fn a_word_may_differ_but_not_the_trouble() {
        let alike = |one: &str, other: &str| is_alike(one.as_bytes(), other.as_bytes());
        assert!(alike("login of alice at desk", "login of bob at desk"));
        assert!(!alike("login of alice failed", "login of alice done"));
        assert!(!alike("ok", "no"));
    }
}
