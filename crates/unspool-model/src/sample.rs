//! Resource use over intervals: of processes, control groups and the machine.

use crate::ids::{Pid, ProcessId};

/// What was used, over an interval (sums) or at its end (states). `None`: could not be read.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Usage {
    /// Time on CPUs, in nanoseconds.
    pub cpu_ns: Option<u64>,
    /// The part of it in the kernel, as finely as the recorder learns it (ptrace: hundredths of a second).
    pub system_ns: Option<u64>,
    /// Time spent ready to run and waiting for a CPU, in nanoseconds.
    pub run_delay_ns: Option<u64>,
    /// Memory resident at the end of the interval, in bytes.
    pub rss_bytes: Option<u64>,
    /// Most memory that was ever resident, in bytes.
    pub peak_rss_bytes: Option<u64>,
    /// Bytes that read calls returned (files, pipes, sockets, terminals).
    pub read_bytes: Option<u64>,
    /// Bytes that write calls took.
    pub written_bytes: Option<u64>,
    /// Bytes read from block devices.
    pub disk_read_bytes: Option<u64>,
    /// Bytes that will have to be written to block devices.
    pub disk_written_bytes: Option<u64>,
    /// Threads at the end of the interval; of a control group all its tasks.
    pub threads: Option<u64>,
    /// CPUs that there are. Of the machine only.
    pub cpus: Option<u64>,
}

/// One amount of [`Usage`].
#[derive(Clone, Copy, Debug)]
pub struct Amount {
    /// Name, as the column of the table.
    pub name: &'static str,
    /// Gives it.
    pub get: fn(&Usage) -> Option<u64>,
    /// Its place.
    pub place: fn(&mut Usage) -> &mut Option<u64>,
}

macro_rules! amounts {
    ($($name:ident),* $(,)?) => {
        /// The amounts, in the order of their numbers in the record format.
        pub static AMOUNTS: &[Amount] = &[$(Amount {
            name: stringify!($name),
            get: |usage| usage.$name,
            place: |usage| &mut usage.$name,
        }),*];
    };
}

amounts!(
    cpu_ns,
    system_ns,
    run_delay_ns,
    rss_bytes,
    peak_rss_bytes,
    read_bytes,
    written_bytes,
    disk_read_bytes,
    disk_written_bytes,
    threads,
    cpus,
);

/// Whose use it is, as a recorder says it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Subject<'a> {
    /// All CPUs and tasks of the machine.
    Machine,
    /// A process (its thread group id), without its children.
    Process(Pid),
    /// A control group with all below it, by its path.
    Group(&'a [u8]),
}

/// A sample as a recorder writes it. The event's time is the start of the interval.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SampleEvent<'a> {
    /// Whose.
    pub subject: Subject<'a>,
    /// Length of the interval.
    pub duration_ns: i64,
    /// Whether the process ended with it: what it used up to its end is in its samples.
    pub is_last: bool,
    /// What was used.
    pub usage: Usage,
}

/// A sample, with what the tracker knows about it.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Sample {
    /// Start of the interval.
    pub time_ns: i64,
    /// Length of the interval.
    pub duration_ns: i64,
    /// Process life; `None` for a control group and the machine.
    pub process: Option<ProcessId>,
    /// Path of the control group; empty for a process and the machine.
    pub group: Vec<u8>,
    /// Whether the process ended with it.
    pub is_last: bool,
    /// What was used.
    pub usage: Usage,
}

impl Sample {
    /// End of the interval.
    pub fn end_ns(&self) -> i64 {
        self.time_ns.saturating_add(self.duration_ns)
    }

    /// Whether it is about the whole machine.
    pub fn is_machine(&self) -> bool {
        self.process.is_none() && self.group.is_empty()
    }
}
