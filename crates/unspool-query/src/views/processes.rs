//! Processes, the programs that they ran, links between them, and their resource use.

use datafusion::logical_expr::{in_list, lit};

use super::{Columns, ViewColumn, column};
use crate::dictionary::Dictionary;
use crate::lookup::Whose;

/// Columns of `processes`.
#[rustfmt::skip]
pub(super) fn processes() -> Vec<ViewColumn> {
    vec![
        column("pid", "Process id.", |c| c.number("pid")),
        column("ppid", "Process id of its parent.", |c| c.pid("parent")),
        column("command", "Name of the last program that it ran.", |c| c.process("proc.name", "id")),
        column("cmdline", "Its arguments, joined by spaces.", |c| c.process("proc.cmdline", "id")),
        column("exe", "Path of the executable.", |c| c.process("proc.exepath", "id")),
        column("path", "Commands from the first process to this one: `sh/make/cc1`.", |c| c.look_up(Dictionary::ProcessPath, c.raw("id"))),
        column("started", "When it was made, or first seen.", |c| c.time_ns("start_ns")),
        column("ended", "When it ended, if it was seen to end.", |c| c.time_ns("end_ns")),
        column("duration_ns", "How long it lived, in nanoseconds.", |c| c.raw("end_ns") - c.raw("start_ns")),
        column("attached", "Whether recording began in mid-life.", |c| c.raw("attached")),
        column("exit_code", "Exit status.", |c| Columns::only_if(c.raw("exit").eq(lit(0u8)), c.number("exit_value"))),
        column("exit_signal", "Signal that ended it.", |c| Columns::only_if(in_list(c.raw("exit"), vec![lit(1u8), lit(2u8)], false), c.number("exit_value"))),
        column("cwd", "Working directory at its start.", |c| c.text("cwd")),
        column("uid", "User id.", |c| c.number("user")),
        column("cgroup", "Path of its control group.", |c| c.text("cgroup")),
        column("container_runtime", "What runs its container.", |c| c.text("container_runtime")),
        column("container_id", "Id of its container.", |c| c.text("container_id")),
        column("container_name", "Name of its container.", |c| c.text("container_name")),
        column("pod_uid", "Uid of its Kubernetes pod.", |c| c.text("pod_uid")),
        column("systemd_unit", "Service or scope of systemd.", |c| c.text("systemd_unit")),
        column("threads", "Threads that it had over its life.", |c| c.number("threads")),
        column("events", "Its events.", |c| c.number("events")),
        column("failed_calls", "Its calls that failed.", |c| c.number("failed_calls")),
        column("process_id", "Id of this life.", |c| c.number("id")),
        column("parent_id", "Id of the parent's life.", |c| c.number("parent")),
    ]
}

/// Columns of `execs`.
#[rustfmt::skip]
pub(super) fn execs() -> Vec<ViewColumn> {
    vec![
        column("seq", "Event from which on it ran.", |c| c.number("seq")),
        column("time", "When it began to run.", |c| c.time_ns("time_ns")),
        column("pid", "Process id.", |c| c.pid("process")),
        column("command", "Name of the program.", |c| c.image("proc.name", Whose::Own)),
        column("exe", "Path of the executable.", |c| c.text("exe")),
        column("cmdline", "Its arguments, joined by spaces.", |c| c.image("proc.cmdline", Whose::Own)),
        column("cwd", "Working directory when it began.", |c| c.text("cwd")),
        column("inherited", "Whether a fork made it, and no exec.", |c| c.raw("inherited")),
        column("claimed", "Whether path and arguments are claims, read from user memory.", |c| c.raw("claimed")),
        column("args_cut", "Whether arguments are missing.", |c| c.raw("argv_cut")),
        column("process_id", "Id of the process's life; joins `processes`.", |c| c.number("process")),
    ]
}

/// Columns of `links`.
#[rustfmt::skip]
pub(super) fn links() -> Vec<ViewColumn> {
    vec![
        column("kind", "`fork`, `exec`, `wait`, `signal`, `data`, `connect`.", |c| c.look_up(Dictionary::LinkKind, c.raw("kind"))),
        column("source_pid", "Process id of the cause.", |c| c.pid("source")),
        column("source", "Name of its program.", |c| c.process("proc.name", "source")),
        column("target_pid", "Process id of the effect.", |c| c.pid("target")),
        column("target", "Name of its program.", |c| c.process("proc.name", "target")),
        column("path", "What the data went through.", |c| c.path("resource")),
        column("count", "How many times.", |c| c.number("count")),
        column("first_time", "When first.", |c| c.time_ns("first_ns")),
        column("last_time", "When last.", |c| c.time_ns("last_ns")),
        column("first_seq", "First event.", |c| c.number("first_seq")),
        column("source_id", "Id of the cause's life; joins `processes`.", |c| c.number("source")),
        column("target_id", "Id of the effect's life.", |c| c.number("target")),
        column("resource_id", "Id of the resource.", |c| c.number("resource")),
    ]
}

/// Columns of `samples`.
#[rustfmt::skip]
pub(super) fn samples() -> Vec<ViewColumn> {
    vec![
        column("time", "End of the interval.", |c| c.time_ns("time_ns")),
        column("duration_ns", "Length of the interval.", |c| c.raw("duration_ns")),
        column("pid", "Process id; null for a control group or the machine.", |c| c.pid("process")),
        column("command", "Name of its program.", |c| c.process("proc.name", "process")),
        column("cgroup", "Control group that was measured.", |c| c.text("cgroup")),
        column("last", "Whether it is the last of the process.", |c| c.raw("last")),
        column("cpu_ns", "CPU time used in the interval.", |c| c.number("cpu_ns")),
        column("system_ns", "The kernel's part of it.", |c| c.number("system_ns")),
        column("run_delay_ns", "Time that it was ready and did not run.", |c| c.number("run_delay_ns")),
        column("rss_bytes", "Memory at the end.", |c| c.number("rss_bytes")),
        column("peak_rss_bytes", "Most memory so far.", |c| c.number("peak_rss_bytes")),
        column("read_bytes", "Bytes read by calls.", |c| c.number("read_bytes")),
        column("written_bytes", "Bytes written by calls.", |c| c.number("written_bytes")),
        column("disk_read_bytes", "Bytes read from disks.", |c| c.number("disk_read_bytes")),
        column("disk_written_bytes", "Bytes written to disks.", |c| c.number("disk_written_bytes")),
        column("threads", "Threads at the end.", |c| c.number("threads")),
        column("cpus", "Processors of the machine.", |c| c.number("cpus")),
        column("process_id", "Id of the process's life; joins `processes`.", |c| c.number("process")),
    ]
}
