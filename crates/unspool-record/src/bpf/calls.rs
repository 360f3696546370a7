//! The table of calls that the kernel's side reads: what to do with each, see `struct call` in `bpf/state.h`.

use unspool_decode::native::format::architecture;
use unspool_model::syscalls::{Architecture, Role as ModelRole, Syscall};

use crate::native::OWN_ARCHITECTURE;
use crate::native::roles::{ProcessCall, ResultRole, Role, RoleTable, Row};
use crate::options::Detail;

/// Calls of one architecture in the table.
pub(super) const CALLS_PER_ARCHITECTURE: usize = 512;
/// Places of the table: three architectures, and one place for calls that no table has.
pub(super) const CALLS: usize = 4 * CALLS_PER_ARCHITECTURE;
/// Bytes of one place.
pub(super) const CALL_BYTES: usize = 12;

/// Bits of a call, as `bpf/state.h` has them.
mod flag {
    pub(super) const WANTED: u16 = 1;
    pub(super) const READS_GIVEN: u16 = 2;
    pub(super) const READS_MADE: u16 = 4;
    pub(super) const OF_PROCESS: u16 = 8;
    pub(super) const ON_FILE: u16 = 16;
    pub(super) const FOLDED: u16 = 32;
    pub(super) const FOLDABLE: u16 = 64;
    pub(super) const MOVES_BYTES: u16 = 128;
    pub(super) const CLOSES: u16 = 256;
    pub(super) const EXECUTES: u16 = 512;
    pub(super) const CHANGES: u16 = 1024;
    pub(super) const QUICK: u16 = 2048;
}

/// Bits of what a number of a call tells alone, as `bpf/state.h` has them.
mod judged {
    pub(super) const PASSED_OVER: u8 = 1;
    pub(super) const QUICK: u8 = 2;
    pub(super) const OWN_BY_CODE: u8 = 4;
    pub(super) const PASSED_OVER_BY_CODE: u8 = 8;
    pub(super) const FOLDED: u8 = 16;
}

/// Calls of i386 that do not return, do nothing, or are not there in any kernel: whoever makes their number from code of the
/// machine's own architecture means the machine's own call, or gives nothing away.
const EMPTY_CALLS: &[&str] = &[
    "restart_syscall",
    "exit",
    "exit_group",
    "break",
    "stty",
    "gtty",
    "ftime",
    "prof",
    "lock",
    "mpx",
    "ulimit",
    "profil",
    "idle",
];

/// Arguments of a call that no table has.
const ARGUMENTS_MAX: u8 = 6;

/// Whether data that calls move are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Payload {
    Kept,
    Counted,
}

/// The whole table for a detail.
pub(super) fn table(detail: Detail, payload: Payload) -> Vec<[u8; CALL_BYTES]> {
    let roles = RoleTable::new();
    (0..CALLS)
        .map(|place| {
            let (architecture, number) = (
                place / CALLS_PER_ARCHITECTURE,
                place % CALLS_PER_ARCHITECTURE,
            );
            let architecture = u8::try_from(architecture).unwrap_or(u8::MAX);
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            let row = roles.row(architecture, u64::from(number));
            let known = Syscall::by_number(architecture_of(architecture), number);
            call(row, known, architecture, number, detail, payload)
        })
        .collect()
}

/// Whether a detail includes a native call.
pub(super) fn is_wanted(number: u16, detail: Detail) -> bool {
    let row = RoleTable::new().row(OWN_ARCHITECTURE, u64::from(number));
    row.map_or(Detail::Full, |row| row.detail) <= detail
}

/// What the number of a call tells, whatever its architecture is: what the kernel's side looks at first.
pub(super) fn numbers(detail: Detail, payload: Payload) -> [u8; CALLS_PER_ARCHITECTURE] {
    let table = table(detail, payload);
    let flags = |architecture: u8, number: usize| {
        let place = usize::from(architecture) * CALLS_PER_ARCHITECTURE + number;
        table
            .get(place)
            .map_or(0, |call| u16::from_le_bytes([call[0], call[1]]))
    };
    let special = flag::OF_PROCESS | flag::CLOSES | flag::EXECUTES;
    std::array::from_fn(|number| {
        let own = flags(OWN_ARCHITECTURE, number);
        // Of 32-bit programs only x86_64 knows the calls.
        let other = if cfg!(target_arch = "x86_64") {
            flags(architecture::I386, number)
        } else {
            0
        };
        let name = u32::try_from(number)
            .ok()
            .and_then(|number| Syscall::by_number(Architecture::I386, number))
            .map(|call| call.row().name);
        let own_by_code = cfg!(not(target_arch = "x86_64"))
            || name.is_some_and(|name| EMPTY_CALLS.contains(&name));
        let mut judged = 0;
        let is_folded = own & flag::FOLDED != 0;
        let mut set = |bit: u8, on: bool| judged |= if on { bit } else { 0 };
        let is_wanted = own & flag::WANTED != 0;
        set(judged::PASSED_OVER, !is_wanted && other & flag::WANTED == 0);
        set(judged::PASSED_OVER_BY_CODE, !is_wanted && own_by_code);
        set(judged::OWN_BY_CODE, own_by_code);
        // Of the other architecture it may be another call, whose time is needed.
        set(judged::FOLDED, is_folded && own_by_code);
        set(
            judged::QUICK,
            own & flag::QUICK != 0 && (own_by_code || other & special == 0),
        );
        judged
    })
}

fn architecture_of(number: u8) -> Architecture {
    match number {
        0 => Architecture::X86_64,
        1 => Architecture::Aarch64,
        2 => Architecture::I386,
        _ => Architecture::Other,
    }
}

/// One place of the table.
fn call(
    row: Option<&'static Row>,
    known: Option<Syscall>,
    architecture: u8,
    number: u32,
    detail: Detail,
    payload: Payload,
) -> [u8; CALL_BYTES] {
    let model_roles = known.map_or(&[][..], |call| call.row().args);
    let arguments = known.map_or(ARGUMENTS_MAX, |_| {
        u8::try_from(model_roles.len())
            .unwrap_or(ARGUMENTS_MAX)
            .min(ARGUMENTS_MAX)
    });
    let fd_place = fd_place(model_roles);
    let process = crate::native::roles::process_call(architecture, u64::from(number));
    let role_number = |role| role_number(role, payload);
    let mut roles = [0; 6];
    for &(index, role) in row.map_or(&[][..], |row| row.roles) {
        if let Some(place) = roles.get_mut(usize::from(index)) {
            *place = role_number(role);
        }
    }
    let mut flags = 0;
    let mut set = |bit: u16, on: bool| flags |= if on { bit } else { 0 };
    let least = row.map_or(Detail::Full, |row| row.detail);
    let moves_data = row.is_some_and(is_data);
    set(flag::WANTED, least <= detail);
    set(flag::OF_PROCESS, process.is_some());
    set(flag::EXECUTES, process == Some(ProcessCall::Exec));
    set(flag::ON_FILE, fd_place.is_some());
    set(flag::MOVES_BYTES, moves_data);
    set(
        flag::FOLDED,
        detail == Detail::Io && moves_data && payload == Payload::Counted,
    );
    let gives = row.is_some_and(|row| {
        row.roles.iter().any(|&(_, role)| {
            role_number(role) != 0 && (role.is_read_at_entry() || role == Role::Strings)
        })
    });
    let makes = row.is_some_and(|row| {
        row.result != ResultRole::Nothing
            || row.roles.iter().any(|&(_, role)| {
                role_number(role) != 0 && !role.is_read_at_entry() && role != Role::Strings
            })
    });
    set(flag::READS_GIVEN, gives);
    set(flag::READS_MADE, makes);
    let is_plain = !gives && (!makes || moves_data && is_only_data(row));
    set(
        flag::FOLDABLE,
        least >= Detail::Io && is_plain && process.is_none(),
    );
    set(
        flag::CLOSES,
        row.is_some_and(|row| matches!(row.name, "close" | "close_range" | "dup2" | "dup3")),
    );
    set(
        flag::CHANGES,
        process == Some(ProcessCall::Exec) || row.is_some_and(changes_descriptors),
    );
    let is_simple =
        !gives && !makes && process.is_none() && flags & (flag::CLOSES | flag::CHANGES) == 0;
    if is_simple && least <= detail && arguments == 3 && fd_place == Some(0) {
        flags |= flag::QUICK;
    }
    let [low, high] = flags.to_le_bytes();
    let mut bytes = [0; CALL_BYTES];
    bytes[..6].copy_from_slice(&[
        low,
        high,
        arguments,
        result_number(row),
        fd_place.unwrap_or(0),
        0,
    ]);
    bytes[6..].copy_from_slice(&roles);
    bytes
}

/// Which argument is the descriptor that a call works on: the first, or the fifth (mmap).
fn fd_place(roles: &[ModelRole]) -> Option<u8> {
    match roles {
        [ModelRole::Fd | ModelRole::DirFd, ..] => Some(0),
        [_, _, _, _, ModelRole::Fd, ..] => Some(4),
        _ => None,
    }
}

/// Whether the call moves as many bytes as it returns, between memory and one file.
fn is_data(row: &Row) -> bool {
    row.roles.iter().any(|(_, role)| {
        matches!(
            role,
            Role::DataIn | Role::DataOut | Role::VectorIn | Role::VectorOut
        )
    }) && row.detail == Detail::Io
        && !matches!(
            row.name,
            "vmsplice" | "process_vm_readv" | "process_vm_writev"
        )
}

/// Whether descriptors come or go with the call.
fn changes_descriptors(row: &Row) -> bool {
    let by_name = matches!(
        row.name,
        "close"
            | "close_range"
            | "dup2"
            | "dup3"
            | "socketcall"
            | "unshare"
            | "clone"
            | "clone3"
            | "execve"
            | "execveat"
    );
    let by_result = !matches!(
        row.result,
        ResultRole::Nothing | ResultRole::SocketOfFirst | ResultRole::WorkingDirectory
    );
    let by_role = row
        .roles
        .iter()
        .any(|(_, role)| matches!(role, Role::Pair | Role::MessageOut | Role::MessagesOut));
    by_name || by_result || by_role
}

/// Whether data are all that is read of a call.
fn is_only_data(row: Option<&Row>) -> bool {
    let is_data = |role| role_number(role, Payload::Counted) == 0;
    row.is_some_and(|row| {
        row.result == ResultRole::Nothing && row.roles.iter().all(|&(_, role)| is_data(role))
    })
}

/// `ROLE_...` of `bpf/state.h`; 0: nothing is read.
fn role_number(role: Role, payload: Payload) -> u8 {
    match role {
        Role::Path | Role::Text => 1,
        Role::Name => 2,
        Role::Strings => 3,
        Role::OpenHow => 4,
        Role::CloneArguments => 5,
        Role::CallArguments => 6,
        Role::AddressIn => 7,
        Role::AddressOut => 8,
        Role::MessageIn => 9,
        Role::MessageOut => 10,
        Role::MessagesIn | Role::MessagesOut => 11,
        Role::Pair => 12,
        Role::Status => 13,
        Role::SignalInfo => 14,
        _ if payload == Payload::Counted => 0,
        Role::DataIn | Role::DataOut => 15,
        Role::VectorIn | Role::VectorOut => 16,
    }
}

/// `RESULT_...` of `bpf/state.h`.
fn result_number(row: Option<&Row>) -> u8 {
    let Some(row) = row else {
        return 0;
    };
    match row.result {
        ResultRole::Nothing => 0,
        ResultRole::Descriptor if matches!(row.name, "dup" | "dup2" | "dup3" | "pidfd_getfd") => 2,
        ResultRole::Descriptor => 1,
        ResultRole::DescriptorOfFcntl => 3,
        ResultRole::AcceptedSocket => 4,
        ResultRole::SocketOfFirst => 5,
        ResultRole::WorkingDirectory => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(detail: Detail, architecture: usize, number: usize) -> u16 {
        let place = table(detail, Payload::Counted)[architecture * CALLS_PER_ARCHITECTURE + number];
        u16::from_le_bytes([place[0], place[1]])
    }

    #[test]
    fn details_want_what_they_say() {
        // read 0, getppid 110, openat 257, exit_group 231 of x86_64.
        let wanted =
            |detail| [0, 110, 257, 231].map(|number| flags(detail, 0, number) & flag::WANTED != 0);
        assert_eq!(wanted(Detail::Full), [true, true, true, true]);
        assert_eq!(wanted(Detail::Io), [true, false, true, true]);
        assert_eq!(wanted(Detail::Names), [false, false, true, true]);
        assert_eq!(flags(Detail::Io, 0, 0) & flag::FOLDED, flag::FOLDED);
        assert_eq!(flags(Detail::Full, 0, 0) & flag::FOLDED, 0);
        // A call beyond the tables is recorded with all its registers.
        let beyond = table(Detail::Full, Payload::Counted)[CALLS - 1];
        assert_eq!(beyond[..3], [1 | 64, 0, 6]);
    }

    #[test]
    fn payload_makes_calls_rich_and_leaves_them_foldable() {
        let read = table(Detail::Full, Payload::Kept)[0];
        let flags = u16::from_le_bytes([read[0], read[1]]);
        assert_eq!(read[6..9], [0, 15, 0]);
        assert_eq!(
            flags & (flag::READS_MADE | flag::FOLDABLE | flag::QUICK),
            flag::READS_MADE | flag::FOLDABLE
        );
        // recvmsg may bring descriptors.
        let receive = table(Detail::Full, Payload::Kept)[47];
        assert_eq!(
            u16::from_le_bytes([receive[0], receive[1]]) & flag::FOLDABLE,
            0
        );
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn numbers_tell_what_may_be_judged_by_them() {
        let full = numbers(Detail::Full, Payload::Counted);
        // read and write: i386 has restart_syscall and exit there. lseek is creat, munmap is execve, close is fstat there.
        assert_eq!(full[0], judged::QUICK | judged::OWN_BY_CODE);
        assert_eq!(full[1], judged::QUICK | judged::OWN_BY_CODE);
        assert_eq!(full[8], judged::QUICK);
        assert_eq!([full[11], full[3], full[257]], [0; 3]);
        let names = numbers(Detail::Names, Payload::Counted);
        assert_eq!(
            names[0],
            judged::PASSED_OVER | judged::PASSED_OVER_BY_CODE | judged::OWN_BY_CODE
        );
        // exit of i386 is recorded.
        assert_eq!(names[1], judged::PASSED_OVER_BY_CODE | judged::OWN_BY_CODE);
        // lseek could be creat.
        assert_eq!(names[8] & judged::PASSED_OVER, 0);
    }

    #[test]
    fn structural_calls_are_never_folded() {
        // openat, close, dup2, recvmsg (may bring descriptors), execve, wait4.
        for number in [257, 3, 33, 47, 59, 61] {
            assert_eq!(
                flags(Detail::Full, 0, number) & flag::FOLDABLE,
                0,
                "{number}"
            );
        }
        // read, write, lseek, mmap, getppid.
        for number in [0, 1, 8, 9, 110] {
            assert_ne!(
                flags(Detail::Full, 0, number) & flag::FOLDABLE,
                0,
                "{number}"
            );
        }
    }
}
