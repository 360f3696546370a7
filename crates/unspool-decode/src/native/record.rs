//! One record to one event.

use unspool_model::event::{
    Counts, Event, EventSink, Exec, ExitStatus, Folded, Fork, Group, Kind, ProcessState, Reason,
    Signal, Strings,
};
use unspool_model::ids::{Fd, Pid, Tid};
use unspool_model::syscalls::{Architecture, Syscall};

use super::files::Files;
use super::format::{HEAD_BYTES, VERSION, architecture, kind, tag};
use super::read::{Fields, Item, Items};
use super::{Stats, StreamInfo, diagnostic};

/// A whole record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    pub(super) kind: u8,
    pub(super) tid: Option<Tid>,
    pub(super) time: u64,
    /// Body and items.
    pub(super) body: Fields<'a>,
    bytes: &'a [u8],
    offset: u64,
}

impl<'a> Record<'a> {
    /// `None` when the head is not there.
    pub(super) fn new(bytes: &'a [u8], offset: u64) -> Option<Self> {
        let mut fields = Fields::new(bytes);
        let word = fields.u32()?;
        let tid = fields.u32()?;
        let time = fields.u64()?;
        debug_assert!(bytes.len() >= HEAD_BYTES);
        Some(Self {
            kind: word.to_le_bytes()[0],
            tid: (tid != 0).then_some(Tid(tid)),
            time,
            body: fields,
            bytes,
            offset,
        })
    }
}

/// What stays from record to record.
#[derive(Default, Debug)]
pub(super) struct State {
    pub(super) stats: Stats,
    pub(super) stream: Option<StreamInfo>,
    /// Added to a time of the stream it gives the epoch.
    offset_ns: i64,
    /// Descriptors of a `process` record in the form of `ProcessState::fds`.
    fds: Vec<u8>,
    pub(super) files: Files,
    /// Names of sockets and of unknown calls of one record.
    pub(super) text: Vec<u8>,
}

/// How the walk over the items of a record ended.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct ItemsEnd {
    pub(super) unknown: u64,
    pub(super) damaged: bool,
}

impl State {
    /// Decodes the record.
    pub(super) fn record(&mut self, record: &Record<'_>, sink: &mut dyn EventSink) {
        self.stats.records += 1;
        let done = match record.kind {
            kind::CALL | kind::CALL_BEGIN | kind::CALL_ON_FILE => self.call(record, sink),
            kind::FILE => self.file(record),
            // For a recorder that takes the place of one that died.
            kind::POSITION => {
                self.stats.steering += 1;
                Some(ItemsEnd::default())
            }
            kind::RING_OPERATION => self.operation(record, sink),
            kind::STREAM => self.start(record),
            kind::CLOCK => self.jump(record, sink),
            kind::EXEC => self.exec(record, sink),
            kind::PROCESS => self.process(record, sink),
            kind::SAMPLE => self.sample(record, sink),
            kind::FORK
            | kind::EXIT
            | kind::SIGNAL
            | kind::GAP
            | kind::FOLDED
            | kind::NOTE
            | kind::COUNTS
            | kind::STOP
            | kind::CONTINUE => self.small(record, sink),
            _ => {
                self.stats.unknown_kinds += 1;
                sink.diagnostic(of(record, Reason::UnknownKind));
                Some(ItemsEnd::default())
            }
        };
        let Some(end) = done else {
            self.stats.damaged += 1;
            sink.diagnostic(of(record, Reason::BadRecord));
            return;
        };
        self.stats.unknown_items += end.unknown;
        if end.damaged {
            sink.diagnostic(of(record, Reason::BadRecord));
        }
    }

    /// Nanoseconds since the epoch.
    pub(super) fn time(&self, time: u64) -> i64 {
        i64::try_from(time)
            .unwrap_or(i64::MAX)
            .saturating_add(self.offset_ns)
    }

    fn start(&mut self, record: &Record<'_>) -> Option<ItemsEnd> {
        let mut body = record.body;
        if body.u16()? != VERSION {
            return None;
        }
        let mut info = StreamInfo {
            architecture: architecture_of(body.u8()?),
            clock: body.u8()?,
            recorder: body.u32()?,
            host: Vec::new(),
            kernel: Vec::new(),
        };
        let offset_ns = body.i64()?;
        let end = walk(body, |item| {
            match item.tag {
                tag::HOST => info.host = item.value.to_vec(),
                tag::KERNEL => info.kernel = item.value.to_vec(),
                _ => return false,
            }
            true
        });
        self.offset_ns = offset_ns;
        self.stream = Some(info);
        self.stats.steering += 1;
        Some(end)
    }

    /// The wall clock jumped. Times go on without the jump: with it, what happened later could come earlier, and ends before
    /// their beginnings.
    fn jump(&mut self, record: &Record<'_>, sink: &mut dyn EventSink) -> Option<ItemsEnd> {
        let mut body = record.body;
        let jump_ns = i128::from(body.i64()?) - i128::from(self.offset_ns);
        let seconds = jump_ns / 1_000_000_000;
        let milliseconds = (jump_ns / 1_000_000 % 1000).unsigned_abs();
        let sign = if jump_ns < 0 { '-' } else { '+' };
        let text = format!(
            "the wall clock jumped to {sign}{}.{milliseconds:03} s of what it was when recording began; times here go on without the jump",
            seconds.unsigned_abs()
        );
        self.give(record, &Kind::Note(text.as_bytes()), sink);
        Some(walk(body, |_| false))
    }

    fn exec(&mut self, record: &Record<'_>, sink: &mut dyn EventSink) -> Option<ItemsEnd> {
        let mut body = record.body;
        let pid = Pid(body.u32()?);
        let caller = Tid(body.u32()?);
        let (image, end) = Image::read(body, |_| {});
        self.give(
            record,
            &Kind::Exec(Exec {
                pid,
                caller,
                exe: image.exe,
                argv: image.argv,
                env: image.env,
                cwd: image.cwd,
                user: image.user,
                group: image.group,
            }),
            sink,
        );
        Some(end)
    }

    fn process(&mut self, record: &Record<'_>, sink: &mut dyn EventSink) -> Option<ItemsEnd> {
        let mut body = record.body;
        let pid = Pid(body.u32()?);
        let parent = Pid(body.u32()?);
        let start = body.u64()?;
        let mut fds = std::mem::take(&mut self.fds);
        fds.clear();
        let (image, end) = Image::read(body, |item| {
            // An item is shorter than its record: the length fits.
            fds.extend_from_slice(&u32::try_from(item.value.len()).unwrap_or(0).to_le_bytes());
            fds.extend_from_slice(item.value);
        });
        let state = ProcessState {
            pid,
            parent,
            start_ns: (start != 0).then(|| self.time(start)),
            exe: image.exe,
            argv: image.argv,
            env: image.env,
            cwd: image.cwd,
            user: image.user,
            group: image.group,
            fds: &fds,
        };
        self.give(record, &Kind::Process(state), sink);
        self.fds = fds;
        Some(end)
    }

    /// Records that have few fields and at most a text.
    fn small(&mut self, record: &Record<'_>, sink: &mut dyn EventSink) -> Option<ItemsEnd> {
        let mut body = record.body;
        let mut text: &[u8] = &[];
        let mut untimed: &[u8] = &[];
        let mut kind = small_kind(record.kind, &mut body)?;
        let end = walk(body, |item| {
            match item.tag {
                tag::TEXT => text = item.value,
                tag::UNTIMED => untimed = item.value,
                tag::IDENTITY => {}
                _ => return false,
            }
            true
        });
        match &mut kind {
            Kind::Gap { reason, .. } => *reason = text,
            Kind::Note(note) => *note = text,
            Kind::Folded(folded) => {
                let untimed = untimed.try_into().map_or(0, u32::from_le_bytes);
                folded.untimed = u64::from(untimed).min(folded.calls);
            }
            _ => {}
        }
        self.give(record, &kind, sink);
        Some(end)
    }

    fn give(&mut self, record: &Record<'_>, kind: &Kind<'_>, sink: &mut dyn EventSink) {
        self.stats.others += 1;
        sink.event(&Event {
            time_ns: self.time(record.time),
            tid: record.tid,
            kind: *kind,
        });
    }
}

/// The event of a record with few fields, its text still empty.
fn small_kind<'a>(kind: u8, body: &mut Fields<'a>) -> Option<Kind<'a>> {
    Some(match kind {
        kind::FORK => {
            let event = Fork {
                child: Tid(body.u32()?),
                child_pid: Pid(body.u32()?),
                flags: u64::from(body.u32()?),
            };
            body.u32()?;
            Kind::Fork(event)
        }
        kind::EXIT => {
            body.u32()?;
            Kind::Exit(ExitStatus::from_wait(body.i32()?))
        }
        kind::SIGNAL => {
            let number = body.u32()?;
            let code = body.i32()?;
            let sender = body.u32()?;
            body.u32()?;
            Kind::Signal(Signal {
                number,
                sender: (sender != 0).then_some(Pid(sender)),
                code: Some(code),
                text: &[],
            })
        }
        kind::GAP => {
            let lost = body.u64()?;
            body.u64()?;
            body.u64()?;
            Kind::Gap { lost, reason: &[] }
        }
        kind::FOLDED => Kind::Folded(folded(body)?),
        kind::COUNTS => Kind::Counts(Counts {
            seen: body.u64()?,
            recorded: body.u64()?,
            folded: body.u64()?,
            lost: body.u64()?,
        }),
        kind::NOTE => Kind::Note(&[]),
        kind::STOP => {
            let signal = body.u32()?;
            body.u32()?;
            Kind::Stop(signal)
        }
        kind::CONTINUE => {
            body.u64()?;
            Kind::Continue
        }
        _ => return None,
    })
}

fn folded(body: &mut Fields<'_>) -> Option<Folded> {
    let number = body.u16()?;
    let architecture = architecture_of(body.u8()?);
    body.u8()?;
    let fd = body.i32()?;
    Some(Folded {
        call: Syscall::by_number(architecture, u32::from(number)),
        fd: (fd != -1).then_some(Fd(fd)),
        calls: body.u64()?,
        errors: body.u64()?,
        bytes: body.u64()?,
        total_ns: body.u64()?,
        untimed: 0,
    })
}

/// Items that `exec` and `process` share.
#[derive(Clone, Copy, Default)]
struct Image<'a> {
    exe: &'a [u8],
    argv: Strings<'a>,
    env: Strings<'a>,
    cwd: &'a [u8],
    user: Option<(u32, u32)>,
    group: Group<'a>,
}

impl<'a> Image<'a> {
    /// Reads the items; `fd` takes those of descriptors.
    fn read(body: Fields<'a>, mut fd: impl FnMut(Item<'a>)) -> (Self, ItemsEnd) {
        let mut image = Self::default();
        let mut bad = false;
        let mut end = walk(body, |item| {
            match item.tag {
                tag::EXE => image.exe = item.value,
                tag::CWD => image.cwd = item.value,
                tag::ARGV => bad |= strings(item).map(|list| image.argv = list).is_none(),
                tag::ENV => bad |= strings(item).map(|list| image.env = list).is_none(),
                tag::USER => {
                    let mut fields = item.fields();
                    image.user = fields.u32().zip(fields.u32());
                    bad |= image.user.is_none();
                }
                tag::FD => fd(item),
                tag::GROUP => image.group.path = Some(item.value),
                tag::CONTAINER => image.group.container = item.value,
                tag::IDENTITY => {}
                _ => return false,
            }
            true
        });
        end.damaged |= bad;
        (image, end)
    }
}

/// An array of strings: u32 true count, then u32 length and bytes each.
pub(super) fn strings(item: Item<'_>) -> Option<Strings<'_>> {
    let mut fields = item.fields();
    let count = fields.u32()?;
    Some(Strings {
        count,
        bytes: fields.rest,
    })
}

/// Gives each item to `take`, which says whether it knows the tag.
pub(super) fn walk<'a>(body: Fields<'a>, mut take: impl FnMut(Item<'a>) -> bool) -> ItemsEnd {
    let mut items = Items::new(body.rest);
    let mut unknown = 0;
    for item in &mut items {
        unknown += u64::from(!take(item));
    }
    ItemsEnd {
        unknown,
        damaged: items.damaged,
    }
}

/// Architecture by its number in the format.
pub(super) fn architecture_of(number: u8) -> Architecture {
    match number {
        architecture::X86_64 => Architecture::X86_64,
        architecture::AARCH64 => Architecture::Aarch64,
        architecture::I386 => Architecture::I386,
        _ => Architecture::Other,
    }
}

fn of(record: &Record<'_>, reason: Reason) -> unspool_model::event::Diagnostic {
    diagnostic(record.offset, reason, Some(record.bytes))
}
