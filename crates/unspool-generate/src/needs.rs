//! What a step needs from a policy: the one place that tells it, for the generators and for the checks of policies alike.

use unspool_model::args::{Arg, Args, Family, text};
use unspool_model::event::Outcome;
use unspool_model::flags::{self, FlagNames};
use unspool_model::ids::ResourceId;
use unspool_model::step::{Action, Step, StepArgs, StepKind, Touch};
use unspool_model::syscalls::{FlagSet, Operation, Role, Syscall};
use unspool_model::world::{ResourceKind, World};

use crate::rights::Rights;
use crate::text::split_args;
use crate::users::{Owner, Users};

/// Something that a policy must allow for a step to happen as it was recorded.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Need {
    /// A system call, with the arguments that policies can compare.
    Call(CallNeed),
    /// Something done to a file.
    File {
        /// The file.
        resource: ResourceId,
        /// What was done.
        rights: Rights,
        /// Whether the name is read from user memory, not told by the kernel.
        claimed: bool,
    },
    /// A socket made: family and type without flags, as numbers of the kernel ABI.
    Socket {
        /// `AF_*`.
        family: u64,
        /// `SOCK_*`.
        kind: u64,
    },
    /// A name given to a socket, or connected to.
    Address {
        /// Whether it was bound; connected or sent to otherwise.
        bound: bool,
        /// Whether the socket is a stream of TCP.
        is_tcp: bool,
        /// Port of an internet address.
        port: Option<u16>,
        /// Whether it is a name of the abstract space of local sockets.
        is_abstract: bool,
    },
    /// A capability that the kernel asks for.
    Capability(&'static str),
    /// Namespaces made or entered: `CLONE_NEW*` bits.
    Namespaces(u64),
    /// Memory that is writable and executable, or was made executable later.
    WriteExecute,
    /// A signal to a process that the recording does not know.
    SignalOutside,
}

/// A call with the arguments that a filter may compare.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct CallNeed {
    /// Its name as printed.
    pub name: Vec<u8>,
    /// The argument of [`compared_argument`], when it is known as a number.
    pub value: Option<u64>,
}

/// Which argument of a call tells what it is for: small numbers, the same in every run.
pub fn compared_argument(name: &[u8]) -> Option<usize> {
    let place = COMPARED.iter().find(|(call, _)| call.as_bytes() == name)?;
    Some(place.1)
}

/// Calls and their telling arguments.
const COMPARED: &[(&str, usize)] = &[
    ("arch_prctl", 0),
    ("fcntl", 1),
    ("getrlimit", 0),
    ("ioctl", 1),
    ("keyctl", 0),
    ("madvise", 2),
    ("mmap", 2),
    ("mprotect", 2),
    ("personality", 0),
    ("prctl", 0),
    ("ptrace", 0),
    ("seccomp", 0),
    ("setns", 1),
    ("setrlimit", 0),
    ("socket", 0),
    ("socketpair", 0),
    ("unshare", 0),
];

/// `CLONE_NEW*` bits.
pub(crate) const NAMESPACE_FLAGS: u64 = 0x7e02_0080;
const CLONE_NEWUSER: u64 = 0x1000_0000;
const PROT_WRITE: u64 = 2;
const PROT_EXEC: u64 = 4;
const O_TRUNC: u32 = 0o1000;
const O_PATH: u32 = 0o10_000_000;
const O_DIRECTORY: u32 = 0o200_000;

/// Finds the needs of steps, which come in order: it knows who processes became and whose files are.
#[derive(Debug, Default)]
pub struct Needs {
    printed: Vec<u8>,
    found: Vec<Need>,
    users: Users,
}

impl Needs {
    /// What this step needs. `world` is that of the whole run.
    pub fn of(&mut self, step: &Step<'_>, world: &World) -> &[Need] {
        self.found.clear();
        let is_call = matches!(step.kind, StepKind::Syscall | StepKind::Folded);
        if !is_call && step.kind != StepKind::Exec {
            return &self.found;
        }
        let mut printed = std::mem::take(&mut self.printed);
        printed.clear();
        let text = match step.args {
            StepArgs::Text(text) => text,
            StepArgs::Call(..) => {
                step.args.print(&mut printed);
                &printed
            }
        };
        if is_call {
            self.call(step, text, world);
        }
        let succeeded = matches!(step.outcome, Outcome::Returned(_)) || step.kind == StepKind::Exec;
        if succeeded {
            for touch in [step.touch, step.second].into_iter().flatten() {
                self.file(step, &touch, text, world);
            }
        }
        if is_call {
            self.users.step(step, text, world);
        }
        self.printed = printed;
        &self.found
    }

    fn call(&mut self, step: &Step<'_>, text: &[u8], world: &World) {
        let value = compared_argument(step.name)
            .filter(|_| step.kind == StepKind::Syscall)
            .and_then(|index| number_of(step.syscall?, text, index));
        self.found.push(Need::Call(CallNeed {
            name: step.name.to_vec(),
            value,
        }));
        let Some(call) = step.syscall else { return };
        let succeeded = matches!(step.outcome, Outcome::Returned(_));
        match call.operation() {
            Operation::Socket | Operation::SocketPair => self.socket(call, text),
            Operation::Bind | Operation::Connect => self.address(step, call, text, world),
            Operation::Mmap | Operation::Mprotect => self.memory(call, text),
            Operation::Clone | Operation::Clone3 => {
                let flags = text::clone_flags(text).unwrap_or(0);
                self.namespaces(flags, succeeded);
            }
            Operation::Unshare => {
                let flags = number_of(call, text, 0).unwrap_or(0);
                self.namespaces(flags, succeeded);
            }
            Operation::SetNamespace if succeeded => {
                self.namespaces(number_of(call, text, 1).unwrap_or(0), true);
                self.found.push(Need::Capability("CAP_SYS_ADMIN"));
            }
            Operation::Kill if succeeded => self.signal(step, text, world),
            _ => {}
        }
        if succeeded && let Some(capability) = capability_of(call, text) {
            self.found.push(Need::Capability(capability));
        }
    }

    fn socket(&mut self, call: Syscall, text: &[u8]) {
        const SOCK_RAW: u64 = 3;
        const AF_PACKET: u64 = 17;
        let Some(family) = number_of(call, text, 0) else {
            return;
        };
        let words = split_args(text);
        let kind = words
            .get(1)
            .map_or(0, |word| text::flags(word, flags::SOCKET_TYPES))
            & 0xf;
        self.found.push(Need::Socket { family, kind });
        if family == AF_PACKET || (kind == SOCK_RAW && matches!(family, 2 | 10)) {
            self.found.push(Need::Capability("CAP_NET_RAW"));
        }
    }

    fn address(&mut self, step: &Step<'_>, call: Syscall, text: &[u8], world: &World) {
        const PRIVILEGED_BELOW: u16 = 1024;
        let index = call.row().position(Role::Sockaddr).unwrap_or(1);
        let address = match step.args {
            StepArgs::Call(args, _) => args.socket_address(index),
            StepArgs::Text(_) => {
                let mut args = Args::new(b"");
                args.push(Arg::Text(
                    split_args(text).get(index).copied().unwrap_or(b""),
                ));
                args.socket_address(0)
            }
        };
        let Some(address) = address else { return };
        let bound = call.operation() == Operation::Bind;
        let port = matches!(address.family, Family::Inet | Family::Inet6)
            .then(|| port_of(&address.text))
            .flatten();
        let socket = step
            .touch
            .and_then(|touch| world.resource(touch.resource?)?.socket.as_ref());
        let is_tcp =
            port.is_some() && socket.is_none_or(|socket| !socket.protocol.starts_with("UDP"));
        let succeeded = matches!(step.outcome, Outcome::Returned(_));
        if bound && succeeded && port.is_some_and(|port| port != 0 && port < PRIVILEGED_BELOW) {
            self.found.push(Need::Capability("CAP_NET_BIND_SERVICE"));
        }
        let is_abstract = address.family == Family::Unix && address.text.starts_with(b"@");
        if port.is_some() || is_abstract {
            self.found.push(Need::Address {
                bound,
                is_tcp,
                port,
                is_abstract,
            });
        }
    }

    fn memory(&mut self, call: Syscall, text: &[u8]) {
        let Some(protection) = number_of(call, text, 2) else {
            return;
        };
        let changed = call.operation() == Operation::Mprotect;
        let both = protection & PROT_EXEC != 0 && protection & PROT_WRITE != 0;
        // systemd refuses to make anything executable later, as well as both at once.
        if both || (changed && protection & PROT_EXEC != 0) {
            self.found.push(Need::WriteExecute);
        }
    }

    fn namespaces(&mut self, flags: u64, succeeded: bool) {
        let namespaces = flags & NAMESPACE_FLAGS;
        if namespaces == 0 {
            return;
        }
        self.found.push(Need::Namespaces(namespaces));
        if succeeded && namespaces & !CLONE_NEWUSER != 0 && namespaces & CLONE_NEWUSER == 0 {
            self.found.push(Need::Capability("CAP_SYS_ADMIN"));
        }
    }

    fn signal(&mut self, step: &Step<'_>, text: &[u8], world: &World) {
        let target = split_args(text)
            .first()
            .and_then(|word| text::int(word))
            .and_then(|pid| u32::try_from(pid).ok())
            .filter(|pid| *pid != 0);
        let known = target.and_then(|pid| {
            // A number that was used again: the life that was there.
            let lives = world.iter_processes().filter(|process| {
                process.pid.0 == pid
                    && process.start_ns <= step.time_ns
                    && process.end_ns.is_none_or(|end| end >= step.time_ns)
            });
            lives.last()
        });
        let is_of_run = target.is_some_and(|pid| {
            known.is_some() || world.iter_processes().any(|process| process.pid.0 == pid)
        });
        if !is_of_run {
            self.found.push(Need::SignalOutside);
        }
        if let Some(known) = known
            && self.users.sends_to_another(step.process, known.id, world)
        {
            self.found.push(Need::Capability("CAP_KILL"));
        }
    }

    fn file(&mut self, step: &Step<'_>, touch: &Touch, text: &[u8], world: &World) {
        let Some(id) = touch.resource else { return };
        let Some(resource) = world.resource(id) else {
            return;
        };
        let in_files = matches!(
            resource.kind,
            ResourceKind::File
                | ResourceKind::Directory
                | ResourceKind::Device
                | ResourceKind::Pipe
                | ResourceKind::Socket
                | ResourceKind::Unknown
        );
        if !in_files || !resource.name.starts_with(b"/") || resource.name.starts_with(b"/memfd:") {
            return;
        }
        let mut rights = rights_of(step, touch, text, resource.kind, world);
        match self.users.owner(step, id, text, world) {
            Some(Owner::Other) => self.found.push(Need::Capability("CAP_FOWNER")),
            Some(Owner::Unknown) => rights |= Rights::OWN,
            Some(Owner::Fits) | None => {}
        }
        if !rights.is_empty() {
            self.found.push(Need::File {
                resource: id,
                rights,
                claimed: touch.claimed,
            });
        }
    }
}

/// What a touch does to its file.
fn rights_of(
    step: &Step<'_>,
    touch: &Touch,
    text: &[u8],
    kind: ResourceKind,
    world: &World,
) -> Rights {
    match touch.action {
        Action::Open | Action::Create => open_rights(step, touch, text, kind, world),
        Action::Map => {
            let protection = step
                .syscall
                .and_then(|call| number_of(call, text, 2))
                .unwrap_or(0);
            if protection & PROT_EXEC != 0 {
                Rights::MAP_CODE
            } else {
                Rights::NONE
            }
        }
        Action::Execute => Rights::EXECUTE | Rights::READ,
        Action::Delete if step.name == b"rmdir" || argument_has(text, 2, b"AT_REMOVEDIR") => {
            Rights::REMOVE_FOLDER
        }
        Action::Delete => Rights::REMOVE,
        Action::RenameFrom => Rights::RENAME_FROM | refer(step, world),
        Action::RenameTo => Rights::RENAME_TO | refer(step, world),
        Action::LinkFrom => Rights::LINK_FROM | refer(step, world),
        Action::LinkTo if step.name.starts_with(b"symlink") => Rights::MAKE_SYMLINK,
        Action::LinkTo => Rights::LINK_TO | refer(step, world),
        Action::Truncate => Rights::TRUNCATE | Rights::WRITE,
        Action::Attributes => Rights::ATTRIBUTES,
        // What is asked of an open descriptor was allowed when it was opened.
        Action::Query if touch.fd.is_some() => Rights::NONE,
        Action::Query => Rights::QUERY,
        Action::List => Rights::LIST,
        Action::ChangeDirectory => Rights::CHANGE_DIRECTORY,
        Action::ChangeRoot => Rights::CHANGE_ROOT,
        Action::Connect => Rights::CONNECT,
        Action::Bind => Rights::MAKE_SOCKET,
        Action::MakeDirectory => Rights::MAKE_FOLDER,
        Action::Mount => Rights::MOUNT,
        Action::Control if step.name == b"ioctl" && kind == ResourceKind::Device => Rights::IOCTL,
        Action::Control if step.name == b"flock" || is_lock(text) => Rights::LOCK,
        _ => Rights::NONE,
    }
}

/// `REFER` when the two names of a step are in different folders.
fn refer(step: &Step<'_>, world: &World) -> Rights {
    let folder = |touch: Option<Touch>| {
        let resource = world.resource(touch?.resource?)?;
        Some(crate::text::parent(&resource.name))
    };
    match (folder(step.touch), folder(step.second)) {
        (Some(one), Some(other)) if one != other => Rights::REFER,
        _ => Rights::NONE,
    }
}

fn open_rights(
    step: &Step<'_>,
    touch: &Touch,
    text: &[u8],
    kind: ResourceKind,
    world: &World,
) -> Rights {
    if step.name.starts_with(b"mknod") {
        let place = step
            .syscall
            .and_then(|call| call.row().position(Role::Mode))
            .unwrap_or(1);
        return node_rights(split_args(text).get(place).copied().unwrap_or(b""));
    }
    let flags = touch
        .session
        .and_then(|id| world.session(id))
        .map_or(0, |session| session.flags);
    if flags & O_PATH != 0 {
        return Rights::QUERY;
    }
    let mut rights = match flags & 3 {
        _ if kind == ResourceKind::Directory || flags & O_DIRECTORY != 0 => Rights::LIST,
        0 => Rights::READ,
        1 => Rights::WRITE,
        _ => Rights::READ | Rights::WRITE,
    };
    if flags & O_TRUNC != 0 {
        rights |= Rights::TRUNCATE | Rights::WRITE;
    }
    if touch.action == Action::Create {
        rights |= Rights::CREATE;
    }
    rights
}

/// Whether argument `index` of a printed call holds this flag.
fn argument_has(printed: &[u8], index: usize, flag: &[u8]) -> bool {
    split_args(printed)
        .get(index)
        .is_some_and(|word| text::has_token(word, flag))
}

fn is_lock(printed: &[u8]) -> bool {
    let args = split_args(printed);
    args.get(1).is_some_and(|command| {
        command.starts_with(b"F_SETLK") || command.starts_with(b"F_OFD_SETLK")
    })
}

fn node_rights(mode: &[u8]) -> Rights {
    let has = |name: &[u8]| text::has_token(mode, name);
    match () {
        () if has(b"S_IFIFO") => Rights::MAKE_FIFO,
        () if has(b"S_IFSOCK") => Rights::MAKE_SOCKET,
        () if has(b"S_IFCHR") => Rights::MAKE_CHARACTER_DEVICE,
        () if has(b"S_IFBLK") => Rights::MAKE_BLOCK_DEVICE,
        () => Rights::CREATE,
    }
}

/// The port at the end of `127.0.0.1:80`.
fn port_of(address: &[u8]) -> Option<u16> {
    let digits = address.rsplit(|byte| *byte == b':').next()?;
    u16::try_from(text::int(digits)?).ok()
}

/// Argument `index` as a number, when every word of it is known.
pub(crate) fn number_of(call: Syscall, printed: &[u8], index: usize) -> Option<u64> {
    let args = split_args(printed);
    let word = *args.get(index)?;
    if word.is_empty() {
        return None;
    }
    if word.first().is_some_and(u8::is_ascii_digit) || word.starts_with(b"-") || word == b"NULL" {
        if let Some(place) = word.iter().position(|byte| *byte == b'|') {
            // `0x5401|...` mixes numbers and names: fall through to the names.
            if place > 0 {
                return sum_of(call, index, word);
            }
        }
        return text::int(word).map(i64::cast_unsigned);
    }
    sum_of(call, index, word)
}

fn sum_of(call: Syscall, index: usize, word: &[u8]) -> Option<u64> {
    let set = match (call.name(), index) {
        ("fcntl", 1) => FlagSet::Fcntl,
        _ => match call.args().get(index)? {
            Role::Flags(set) => *set,
            _ => return None,
        },
    };
    let table = match flags::names(set) {
        FlagNames::Bits(table, _) | FlagNames::Values(table) => table,
        FlagNames::Unknown => return None,
    };
    let mut sum = 0;
    for part in word.split(|byte| *byte == b'|') {
        let part = part.trim_ascii();
        let value = match part.first()? {
            b'0'..=b'9' => text::int(part)?.cast_unsigned(),
            _ if part == b"PROT_NONE" => 0,
            _ => table.iter().find(|row| row.0.as_bytes() == part)?.1,
        };
        sum |= value;
    }
    Some(sum)
}

/// Capability that a successful call asked for, as far as the call alone tells.
fn capability_of(call: Syscall, text: &[u8]) -> Option<&'static str> {
    let found = CAPABILITIES
        .iter()
        .find(|(name, _)| *name == call.name())?
        .1;
    // Changing nothing needs nothing: `chown(path, -1, -1)`.
    let changes_nothing = found == "CAP_CHOWN"
        && split_args(text)
            .iter()
            .filter(|word| **word == b"-1" || **word == b"4294967295")
            .count()
            == 2;
    (!changes_nothing).then_some(found)
}

/// Calls that need a capability to do what they are for (capabilities(7)).
const CAPABILITIES: &[(&str, &str)] = &[
    ("acct", "CAP_SYS_PACCT"),
    ("adjtimex", "CAP_SYS_TIME"),
    ("bpf", "CAP_BPF"),
    ("chown", "CAP_CHOWN"),
    ("chroot", "CAP_SYS_CHROOT"),
    ("clock_adjtime", "CAP_SYS_TIME"),
    ("clock_settime", "CAP_SYS_TIME"),
    ("delete_module", "CAP_SYS_MODULE"),
    ("fanotify_init", "CAP_SYS_ADMIN"),
    ("fchown", "CAP_CHOWN"),
    ("fchownat", "CAP_CHOWN"),
    ("finit_module", "CAP_SYS_MODULE"),
    ("fsmount", "CAP_SYS_ADMIN"),
    ("fsopen", "CAP_SYS_ADMIN"),
    ("init_module", "CAP_SYS_MODULE"),
    ("ioperm", "CAP_SYS_RAWIO"),
    ("iopl", "CAP_SYS_RAWIO"),
    ("kexec_file_load", "CAP_SYS_BOOT"),
    ("kexec_load", "CAP_SYS_BOOT"),
    ("lchown", "CAP_CHOWN"),
    ("mlockall", "CAP_IPC_LOCK"),
    ("mount", "CAP_SYS_ADMIN"),
    ("mount_setattr", "CAP_SYS_ADMIN"),
    ("move_mount", "CAP_SYS_ADMIN"),
    ("open_by_handle_at", "CAP_DAC_READ_SEARCH"),
    ("perf_event_open", "CAP_PERFMON"),
    ("pivot_root", "CAP_SYS_ADMIN"),
    ("process_vm_readv", "CAP_SYS_PTRACE"),
    ("process_vm_writev", "CAP_SYS_PTRACE"),
    ("quotactl", "CAP_SYS_ADMIN"),
    ("reboot", "CAP_SYS_BOOT"),
    ("setdomainname", "CAP_SYS_ADMIN"),
    ("setfsgid", "CAP_SETGID"),
    ("setfsuid", "CAP_SETUID"),
    ("setgid", "CAP_SETGID"),
    ("setgroups", "CAP_SETGID"),
    ("sethostname", "CAP_SYS_ADMIN"),
    ("setregid", "CAP_SETGID"),
    ("setresgid", "CAP_SETGID"),
    ("setresuid", "CAP_SETUID"),
    ("setreuid", "CAP_SETUID"),
    ("settimeofday", "CAP_SYS_TIME"),
    ("setuid", "CAP_SETUID"),
    ("swapoff", "CAP_SYS_ADMIN"),
    ("swapon", "CAP_SYS_ADMIN"),
    ("syslog", "CAP_SYSLOG"),
    ("umount2", "CAP_SYS_ADMIN"),
    ("vhangup", "CAP_SYS_TTY_CONFIG"),
];
