//! Records of calls: slots and items to arguments.

use unspool_model::args::{Arg, Args, print_descriptor};
use unspool_model::event::{Call, CallName, Errno, Event, EventSink, Kind, Outcome};
use unspool_model::flags::open_flags_from_aarch64;
use unspool_model::syscalls::{Architecture, FlagSet, Role, Syscall};

use super::files::Files;
use super::format::{INDEX_RESULT, LONG_DURATION, SLOT_RESULT, kind, tag};
use super::read::{Fields, Item, Items};
use super::record::{ItemsEnd, Record, State, architecture_of, strings, walk};
use super::socket;

/// Arguments of a call whose row is not known.
const SLOT_ARGS: usize = 6;
/// Socket items looked at in one record; more are ignored. A call has at most one per descriptor: 2 and the result.
const SOCKETS_MAX: usize = 4;

/// Parts of a call record that stand before its items.
pub(super) struct Head {
    pub(super) duration: u32,
    /// Of the call; only its name is made of it.
    pub(super) number: u16,
    /// Serial number of the file behind the first argument, 0: not told.
    pub(super) serial: u64,
    pub(super) architecture: Architecture,
    /// Six arguments and the result.
    pub(super) slots: [u64; SLOT_RESULT + 1],
}

impl Head {
    fn read(kind: u8, body: &mut Fields<'_>) -> Option<Self> {
        let duration = body.u32()?;
        let number = body.u16()?;
        let widths = body.u16()?;
        let serial = match kind {
            kind::CALL_ON_FILE => u64::from(body.u32()?),
            _ => 0,
        };
        let mut slots = [0; SLOT_RESULT + 1];
        for (slot, value) in slots.iter_mut().enumerate() {
            *value = match (widths >> (2 * slot)) & 3 {
                0 => 0,
                1 => u64::from(body.u32()?),
                2 => i64::from(body.i32()?).cast_unsigned(),
                _ => body.u64()?,
            };
        }
        Some(Self {
            duration,
            number,
            serial,
            architecture: architecture_of(widths.to_be_bytes()[0] >> 6),
            slots,
        })
    }

    fn result(&self) -> i64 {
        let [.., result] = self.slots;
        result.cast_signed()
    }
}

/// What the items of a call say.
#[derive(Default)]
struct Found<'a> {
    /// What stands behind the arguments, best first come.
    values: [Option<(u8, Arg<'a>)>; SLOT_ARGS],
    /// Paths of the descriptors at the arguments.
    paths: [Option<&'a [u8]>; SLOT_ARGS],
    result_path: &'a [u8],
    sockets: [Option<Item<'a>>; SOCKETS_MAX],
    long_duration: Option<u64>,
    is_without_result: bool,
    has_identity: bool,
    is_damaged: bool,
}

impl<'a> Found<'a> {
    /// Takes an item; false when its tag is not one of a call's.
    fn take(&mut self, item: Item<'a>) -> bool {
        match item.tag {
            tag::PATH if item.index == INDEX_RESULT => self.result_path = item.value,
            tag::PATH => {
                if let Some(path) = self.paths.get_mut(usize::from(item.index)) {
                    *path = Some(item.value);
                }
            }
            tag::SOCKET => {
                if let Some(free) = self.sockets.iter_mut().find(|socket| socket.is_none()) {
                    *free = Some(item);
                }
            }
            tag::LONG_DURATION => self.long_duration = item.fields().u64(),
            tag::NO_RESULT => self.is_without_result = true,
            tag::IDENTITY => self.has_identity = true,
            // The tracker resolves folders by itself; of an operation the arguments are in the head.
            tag::CWD | tag::ARGUMENTS => {}
            // Those of execve: a claim here, the record `exec` has the facts.
            tag::STRING
            | tag::STRING_CUT
            | tag::BUFFER
            | tag::SOCKADDR
            | tag::INTS
            | tag::STRINGS
            | tag::STATUS
            | tag::TOTAL
            | tag::STRUCT => self.value(item),
            _ => return false,
        }
        true
    }

    /// Keeps the item that tells most about its argument: a msghdr may have descriptors, an address and a total.
    fn value(&mut self, item: Item<'a>) {
        let Some((rank, arg)) = value_of(item) else {
            self.is_damaged = true;
            return;
        };
        if let Some(slot) = self.values.get_mut(usize::from(item.index))
            && slot.is_none_or(|(old, _)| rank < old)
        {
            *slot = Some((rank, arg));
        }
    }
}

/// The value of an item, and its rank: 0 tells most.
fn value_of(item: Item<'_>) -> Option<(u8, Arg<'_>)> {
    let bytes = item.value;
    Some(match item.tag {
        tag::INTS => (0, Arg::Ints(bytes)),
        tag::STATUS => (0, Arg::Status(item.fields().i32()?)),
        tag::STRING => (1, Arg::String { bytes, cut: false }),
        tag::STRING_CUT => (1, Arg::String { bytes, cut: true }),
        tag::STRINGS => (1, Arg::Strings(strings(item)?)),
        tag::SOCKADDR => (2, Arg::Sockaddr(bytes)),
        tag::STRUCT => (3, Arg::Struct(bytes)),
        tag::BUFFER => {
            let mut fields = item.fields();
            let len = fields.u64()?;
            let bytes = fields.rest;
            (4, Arg::Buffer { bytes, len })
        }
        _ => (5, Arg::Total(item.fields().u64()?)),
    })
}

impl State {
    pub(super) fn call(
        &mut self,
        record: &Record<'_>,
        sink: &mut dyn EventSink,
    ) -> Option<ItemsEnd> {
        let mut files = std::mem::take(&mut self.files);
        let end = self.call_with(record, &mut files, sink);
        self.files = files;
        end
    }

    fn call_with(
        &mut self,
        record: &Record<'_>,
        files: &mut Files,
        sink: &mut dyn EventSink,
    ) -> Option<ItemsEnd> {
        let mut body = record.body;
        let head = Head::read(record.kind, &mut body)?;
        let known = Syscall::by_number(head.architecture, u32::from(head.number));
        Some(self.call_of(record, &head, known, body, files, sink))
    }

    /// Gives the call that a head and items tell.
    pub(super) fn call_of(
        &mut self,
        record: &Record<'_>,
        head: &Head,
        known: Option<Syscall>,
        body: Fields<'_>,
        files: &mut Files,
        sink: &mut dyn EventSink,
    ) -> ItemsEnd {
        let is_begin = record.kind == kind::CALL_BEGIN;
        let mut found = Found::default();
        let mut end = walk(body, |item| found.take(item));
        end.damaged |= found.is_damaged;
        if found.has_identity {
            files.tell_all(body);
        }
        if let [first @ None, ..] = &mut found.paths
            && head.serial != 0
        {
            *first = Some(files.path(head.serial)).filter(|path| !path.is_empty());
        }

        self.text.clear();
        let sockets = socket_names(&found, &mut self.text);
        let roles: &[Role] = known.map_or(&[], Syscall::args);
        let passed = passed_text(&found, body, roles, &mut self.text);
        let name_start = self.text.len();
        if known.is_none() {
            unknown_name(head.number, &mut self.text);
        }
        for (index, from, to) in sockets.into_iter().flatten() {
            let name = self.text.get(from..to).unwrap_or(&[]);
            if index == INDEX_RESULT {
                found.result_path = name;
            } else if let Some(path) = found.paths.get_mut(usize::from(index)) {
                *path = Some(name);
            }
        }
        if let Some((index, from, to)) = passed
            && let Some(value) = found.values.get_mut(index)
        {
            *value = Some((0, Arg::Text(self.text.get(from..to).unwrap_or(&[]))));
        }
        let has_result = !is_begin && !found.is_without_result;
        let call = Call {
            name: known.map_or_else(
                || CallName::Other(self.text.get(name_start..).unwrap_or(&[])),
                CallName::Known,
            ),
            args: arguments(known, head, &found),
            outcome: if has_result {
                outcome(head.result())
            } else {
                Outcome::Unfinished
            },
            duration_ns: has_result.then(|| duration(head, &found)).flatten(),
            result_path: found.result_path,
            architecture: head.architecture,
        };
        let kind = if is_begin {
            self.stats.begins += 1;
            Kind::CallBegin(call)
        } else {
            self.stats.calls += 1;
            Kind::Call(call)
        };
        sink.event(&Event {
            time_ns: self.time(record.time),
            tid: record.tid,
            kind,
        });
        end
    }
}

fn duration(head: &Head, found: &Found<'_>) -> Option<i64> {
    match head.duration {
        LONG_DURATION => i64::try_from(found.long_duration?).ok(),
        short => Some(i64::from(short)),
    }
}

pub(super) fn outcome(result: i64) -> Outcome {
    match u16::try_from(result.unsigned_abs()) {
        Ok(errno @ 1..=4095) if result < 0 => Outcome::Failed(Errno(errno)),
        _ => Outcome::Returned(result),
    }
}

/// The arguments: as many as the row of the table has.
fn arguments<'a>(known: Option<Syscall>, head: &Head, found: &Found<'a>) -> Args<'a> {
    let roles: &[Role] = known.map_or(&[], |call| call.row().args);
    let count = known.map_or(SLOT_ARGS, |_| roles.len());
    let mut args = Args::new(&[]);
    for (index, slot) in head.slots.iter().take(count.min(SLOT_ARGS)).enumerate() {
        let path = found.paths.get(index).copied().flatten();
        let value = found.values.get(index).copied().flatten();
        let is_fd = matches!(roles.get(index), Some(Role::Fd | Role::DirFd));
        args.push(match (value, path) {
            (Some((_, arg)), _) => arg,
            (None, Some(path)) => Arg::Fd {
                fd: low_i32(*slot),
                path,
            },
            (None, None) if is_fd => Arg::Fd {
                fd: low_i32(*slot),
                path: &[],
            },
            (None, None) => Arg::Number(number(*slot, roles.get(index), head.architecture)),
        });
    }
    args
}

/// A register; open flags in the numbers of `x86_64`, which the tracker and the printer read.
fn number(slot: u64, role: Option<&Role>, architecture: Architecture) -> u64 {
    match (role, architecture) {
        (Some(Role::Flags(FlagSet::Open)), Architecture::Aarch64) => open_flags_from_aarch64(slot),
        _ => slot,
    }
}

/// A descriptor is an int: the kernel ignores the upper half of the register.
fn low_i32(slot: u64) -> i32 {
    let [a, b, c, d, ..] = slot.to_le_bytes();
    i32::from_le_bytes([a, b, c, d])
}

/// Index of an argument, start and end of its text.
type SocketName = Option<(u8, usize, usize)>;

/// Appends the names of the sockets of the call to `text`.
fn socket_names(found: &Found<'_>, text: &mut Vec<u8>) -> [SocketName; SOCKETS_MAX] {
    let mut names = [None; SOCKETS_MAX];
    for (name, item) in names.iter_mut().zip(found.sockets.iter().flatten()) {
        let path = match item.index {
            INDEX_RESULT => found.result_path,
            index => found
                .paths
                .get(usize::from(index))
                .copied()
                .flatten()
                .unwrap_or(&[]),
        };
        let start = text.len();
        if socket::print(item, path, text) {
            *name = Some((item.index, start, text.len()));
        }
    }
    names
}

/// Appends descriptors that a call stored, with the paths behind them: `[3<pipe:[1]>, 4<pipe:[1]>]`. Recorders write the paths
/// after the item `ints`, with its index and in its order; when one is missing, none can be told apart and `None` is given.
fn passed_text(
    found: &Found<'_>,
    body: Fields<'_>,
    roles: &[Role],
    text: &mut Vec<u8>,
) -> Option<(usize, usize, usize)> {
    let (index, ints) = found
        .values
        .iter()
        .enumerate()
        .find_map(|(index, value)| match value {
            Some((_, Arg::Ints(ints))) => Some((index, *ints)),
            _ => None,
        })?;
    found.paths.get(index)?.as_ref()?;
    let paths = || {
        Items::new(body.rest)
            .filter(|item| item.tag == tag::PATH && usize::from(item.index) == index)
            .map(|item| item.value)
    };
    if paths().count() != ints.len() / 4 {
        return None;
    }
    let is_message = roles.get(index) == Some(&Role::MsgHdr);
    let start = text.len();
    if is_message {
        text.extend_from_slice(
            b"{msg_control=[{cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS, cmsg_data=",
        );
    }
    text.push(b'[');
    for (place, (fd, path)) in ints.as_chunks::<4>().0.iter().zip(paths()).enumerate() {
        if place > 0 {
            text.extend_from_slice(b", ");
        }
        print_descriptor(i32::from_le_bytes(*fd), path, text);
    }
    text.push(b']');
    if is_message {
        text.extend_from_slice(b"}]}");
    }
    Some((index, start, text.len()))
}

/// `syscall_0x1f4`, as strace prints it.
fn unknown_name(number: u16, text: &mut Vec<u8>) {
    text.extend_from_slice(b"syscall_0x");
    let digits = (0..4).rev().map(|digit| (number >> (4 * digit)) & 0xf);
    let mut is_leading = true;
    for (place, digit) in digits.enumerate() {
        is_leading &= digit == 0 && place < 3;
        if !is_leading {
            text.push(
                b"0123456789abcdef"
                    .get(usize::from(digit))
                    .copied()
                    .unwrap_or(b'0'),
            );
        }
    }
}
