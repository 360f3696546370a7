//! Numbers of the kernel and ids of ours, each its own type.

use std::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// Kernel process id: thread group id, in the recorder's pid namespace.
    Pid(u32)
);
number!(
    /// Kernel thread id, in the recorder's pid namespace.
    Tid(u32)
);
number!(
    /// File descriptor of a process.
    Fd(i32)
);
number!(
    /// Our id of a process life: dense, from 0, in the order in which lives were first seen.
    ProcessId(u32)
);
number!(
    /// Our id of an open file description's life: dense, from 0.
    SessionId(u32)
);
number!(
    /// Our id of a resource: dense, from 0.
    ResourceId(u32)
);

impl ProcessId {
    /// Place in a dense vector.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl SessionId {
    /// Place in a dense vector.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl ResourceId {
    /// Place in a dense vector.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl Pid {
    /// The main thread of the process has the same number.
    pub fn main_thread(self) -> Tid {
        Tid(self.0)
    }
}
