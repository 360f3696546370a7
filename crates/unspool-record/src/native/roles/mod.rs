//! What the recorder looks at in each call: roles of arguments and of the result.

mod table;
#[cfg(test)]
mod tests;

use unspool_decode::native::format::architecture;

use crate::options::Detail;

/// A call that an architecture does not have.
const NONE: u16 = u16::MAX;
/// Call numbers above this are recorded without roles.
const NUMBERS: usize = 512;

/// What an argument points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A path, read at entry.
    Path,
    /// Another string, read at entry.
    Text,
    /// prctl: the new name of the thread if the first argument is `PR_SET_NAME`.
    Name,
    /// An array of strings, read when the call failed (when it succeeded, the exec record has the facts).
    Strings,
    /// `struct open_how`, its size in the next argument.
    OpenHow,
    /// `struct clone_args`, its size in the next argument.
    CloneArguments,
    /// socketcall of i386: its arguments.
    CallArguments,
    /// A socket address, its length in the next argument.
    AddressIn,
    /// A socket address the kernel wrote, a pointer to its length in the next argument.
    AddressOut,
    /// Bytes given to the kernel, as many as the result says.
    DataIn,
    /// Bytes the kernel gave, as many as the result says.
    DataOut,
    /// iovecs of bytes given, their count in the next argument.
    VectorIn,
    /// iovecs of bytes got, their count in the next argument.
    VectorOut,
    /// `struct msghdr` of a message sent.
    MessageIn,
    /// `struct msghdr` of a message received.
    MessageOut,
    /// `struct mmsghdr`s sent, as many as the result says.
    MessagesIn,
    /// `struct mmsghdr`s received, as many as the result says.
    MessagesOut,
    /// Two descriptors the kernel wrote.
    Pair,
    /// A wait status the kernel wrote.
    Status,
    /// `siginfo_t` the kernel wrote.
    SignalInfo,
}

impl Role {
    /// Whether the argument is read when the call is entered.
    pub(crate) const fn is_read_at_entry(self) -> bool {
        matches!(
            self,
            Self::Path
                | Self::Text
                | Self::Name
                | Self::OpenHow
                | Self::CloneArguments
                | Self::CallArguments
                | Self::AddressIn
        )
    }
}

/// What a successful result means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResultRole {
    /// Nothing to look at.
    Nothing,
    /// A new descriptor.
    Descriptor,
    /// A new descriptor if the command of fcntl says so.
    DescriptorOfFcntl,
    /// A new descriptor of a connected socket.
    AcceptedSocket,
    /// The socket in the first argument got an address.
    SocketOfFirst,
    /// The process has another working directory.
    WorkingDirectory,
}

/// One call.
#[derive(Debug)]
pub(crate) struct Row {
    /// Name, for tests and messages.
    pub(crate) name: &'static str,
    numbers: [u16; 3],
    /// The least detail that includes the call.
    pub(crate) detail: Detail,
    /// Arguments to look at.
    pub(crate) roles: &'static [(u8, Role)],
    /// What a successful result means.
    pub(crate) result: ResultRole,
    /// Whether something is read at entry.
    pub(crate) reads_at_entry: bool,
    /// Whether something is read at exit.
    pub(crate) reads_at_exit: bool,
}

const fn row(
    name: &'static str,
    numbers: [u16; 3],
    detail: Detail,
    roles: &'static [(u8, Role)],
    result: ResultRole,
) -> Row {
    let mut reads_at_entry = false;
    let mut reads_at_exit = !matches!(result, ResultRole::Nothing);
    let mut position = 0;
    while position < roles.len() {
        if roles[position].1.is_read_at_entry() {
            reads_at_entry = true;
        } else {
            reads_at_exit = true;
        }
        position += 1;
    }
    Row {
        name,
        numbers,
        detail,
        roles,
        result,
        reads_at_entry,
        reads_at_exit,
    }
}

/// Rows by architecture and number.
#[derive(Debug)]
pub(crate) struct RoleTable {
    rows: [Box<[Option<&'static Row>; NUMBERS]>; 3],
}

impl RoleTable {
    /// Builds the look-up, a few microseconds.
    pub(crate) fn new() -> Self {
        let mut rows = [
            Box::new([None; NUMBERS]),
            Box::new([None; NUMBERS]),
            Box::new([None; NUMBERS]),
        ];
        for row in table::ROWS {
            for (architecture, &number) in row.numbers.iter().enumerate() {
                if let Some(place) = rows[architecture].get_mut(usize::from(number)) {
                    *place = Some(row);
                }
            }
        }
        Self { rows }
    }

    /// What to look at in a call.
    #[inline]
    pub(crate) fn row(&self, architecture: u8, number: u64) -> Option<&'static Row> {
        let rows = self.rows.get(usize::from(architecture))?;
        *rows.get(usize::try_from(number).ok()?)?
    }
}

/// The least detail that includes a call, by its name.
pub(crate) fn least_detail(call: &[u8]) -> Detail {
    let row = table::ROWS.iter().find(|row| row.name.as_bytes() == call);
    row.map_or(Detail::Full, |row| row.detail)
}

/// Numbers of all calls that a detail includes, ascending; `None` when it includes all there are.
pub(crate) fn numbers_of(detail: Detail, architecture: u8) -> Option<Vec<u16>> {
    if detail == Detail::Full {
        return None;
    }
    let column = usize::from(architecture);
    let rows = table::ROWS.iter().filter(|row| row.detail <= detail);
    let mut numbers: Vec<u16> = rows
        .filter_map(|row| row.numbers.get(column).copied())
        .filter(|&number| number != NONE)
        .collect();
    numbers.sort_unstable();
    Some(numbers)
}

/// What a call does to processes, by number, where the recorder must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProcessCall {
    /// fork, vfork.
    Fork,
    /// clone.
    Clone,
    /// clone3.
    Clone3,
    /// execve, execveat.
    Exec,
    /// exit and `exit_group`.
    Exit,
}

/// Whether a call creates, replaces or ends processes.
#[inline]
pub(crate) fn process_call(arch: u8, number: u64) -> Option<ProcessCall> {
    use ProcessCall::{Clone, Clone3, Exec, Exit, Fork};
    match (arch, number) {
        (architecture::X86_64, 56) | (architecture::I386, 120) | (architecture::AARCH64, 220) => {
            Some(Clone)
        }
        (architecture::X86_64, 57 | 58) | (architecture::I386, 2 | 190) => Some(Fork),
        (architecture::X86_64, 59 | 322)
        | (architecture::I386, 11 | 358)
        | (architecture::AARCH64, 221 | 281) => Some(Exec),
        (architecture::X86_64, 60 | 231)
        | (architecture::I386, 1 | 252)
        | (architecture::AARCH64, 93 | 94) => Some(Exit),
        (_, 435) => Some(Clone3),
        _ => None,
    }
}
