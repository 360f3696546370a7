//! Loads the kernel's side and speaks to its maps. The only place that knows the loader.

use std::fmt;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::Path;

use aya::maps::{Array, Map, PerCpuArray};
use aya::programs::BtfTracePoint;
use aya::{Btf, Ebpf, Endianness};

use super::calls::{self, Payload};
use super::kernel::{FileBytes, processors};
use super::loading;
use super::rings::{Rings, Room, Strangers};
use crate::options::Detail;

#[cfg(target_arch = "x86_64")]
static OBJECT: &[u8] = aya::include_bytes_aligned!("../../bpf/recorder.x86_64.bpf.o");
#[cfg(target_arch = "aarch64")]
static OBJECT: &[u8] = aya::include_bytes_aligned!("../../bpf/recorder.aarch64.bpf.o");

/// Programs and the tracepoints that they run at.
const OF_PROCESSES: [(&str, &str); 5] = [
    ("make_thread", "sched_process_fork"),
    ("replace_image", "sched_process_exec"),
    ("end_thread", "sched_process_exit"),
    ("send_signal", "signal_generate"),
    ("take_signal", "signal_deliver"),
];
const OF_CALLS: [(&str, &str); 2] = [("exit_call", "sys_exit"), ("enter_call", "sys_enter")];

/// Of kernels that have `io_uring`, and since 6.3 by these names.
const OF_RINGS: [(&str, &str); 2] = [
    ("submit_request", "io_uring_submit_req"),
    ("complete_request", "io_uring_complete"),
];

/// Bytes of the programs' own variables.
const VARIABLE_BYTES: usize = 36;

/// Bytes of `struct near` in `bpf/state.h`.
pub(super) const NEAR_BYTES: usize = 752;

/// Since this kernel a look at a task's storage always tells the truth; before, it says `nothing` when a processor is in the middle of
/// another look.
const STRANGERS_ARE_SURE: (u32, u32) = (6, 2);

/// Which processes are recorded besides those that are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Scope {
    /// None: those told, and what they start.
    #[default]
    Tree,
    /// Those of a control group: its id, and its depth below the root.
    Group(u64, u32),
    /// All.
    All,
}

/// What the programs are told before they are loaded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    pub(super) detail: Detail,
    pub(super) scope: Scope,
    pub(super) room: Room,
    /// Whether threads wait for room instead of being counted.
    pub(super) lossless: bool,
    pub(super) own_pid: u32,
    pub(super) own_uid: u32,
    /// Whether memory of every process may be read.
    pub(super) may_read_all: bool,
    /// Bytes kept of the data of a call.
    pub(super) payload_bytes: usize,
    /// Whether threads tell what they used at their end.
    pub(super) is_sampled: bool,
}

impl Setting {
    fn payload(&self) -> Payload {
        if self.payload_bytes > 0 {
            Payload::Kept
        } else {
            Payload::Counted
        }
    }
}

/// Totals of all processors, as `struct counters` has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) seen: u64,
    pub(super) folded: u64,
    pub(super) lost: u64,
    pub(super) lost_first_ns: u64,
    pub(super) lost_last_ns: u64,
}

/// The kernel's side, loaded.
pub(super) trait Programs {
    /// Begins to record: all programs are in place when it returns.
    fn attach(&mut self) -> io::Result<()>;
    /// Ends it: no program runs any more when it returns, except those that run right now.
    fn detach(&mut self);
    /// Map of what is known of each thread.
    fn threads(&self) -> io::Result<BorrowedFd<'_>>;
    /// Bytes that the map holds for one thread.
    fn thread_bytes(&self) -> usize;
    /// The rings, mapped.
    fn rings(&self) -> io::Result<Rings>;
    /// What is kept of a thread's frequent calls: the bytes of a place of `nears`.
    fn near(&self, place: u32) -> Option<[u8; NEAR_BYTES]>;
    /// What was seen, folded and lost so far.
    fn totals(&self) -> Totals;
    /// Threads that joined, less those that ended.
    fn alive(&self) -> u32;
}

/// The kernel's side, loaded with aya.
pub(super) struct Loaded {
    ebpf: Ebpf,
    names: Vec<(&'static str, &'static str)>,
    thread_bytes: usize,
    room: Room,
    strangers: Strangers,
}

impl fmt::Debug for Loaded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Loaded")
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

/// Lines of the verifier's log that an error shows.
const VERDICT_LINES: usize = 3;

pub(super) fn failed(error: impl std::error::Error) -> io::Error {
    // The chain of causes holds the errno, and the verifier's words in the last line.
    let mut text = error.to_string();
    let mut source = error.source();
    let mut code = None;
    while let Some(cause) = source {
        if let Some(errno) = cause
            .downcast_ref::<io::Error>()
            .and_then(io::Error::raw_os_error)
        {
            code = Some(errno);
        }
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    match (code, verdict(&text)) {
        (Some(errno @ libc::ENOMEM), _) => io::Error::from_raw_os_error(errno),
        (_, Some(verdict)) => {
            io::Error::other(format!("the kernel's verifier refuses them: {verdict}"))
        }
        (Some(errno @ (libc::EPERM | libc::EACCES)), None) => io::Error::from_raw_os_error(errno),
        _ => io::Error::other(text),
    }
}

/// The verifier's last words: the instruction and what is wrong with it. Behind them stand its counters.
fn verdict(text: &str) -> Option<String> {
    const COUNTERS: [&str; 4] = [
        "processed ",
        "verification time ",
        "stack depth ",
        "subprog ",
    ];
    let (_, log) = text.rsplit_once("Verifier output: ")?;
    let lines: Vec<&str> = log
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !COUNTERS.iter().any(|word| line.starts_with(word)))
        .collect();
    let last = lines.get(lines.len().checked_sub(VERDICT_LINES.min(lines.len()))?..)?;
    (!last.is_empty()).then(|| last.join(" | "))
}

impl Loaded {
    /// Loads what the setting needs.
    pub(super) fn load(setting: &Setting) -> io::Result<Self> {
        let types = FileBytes::of(Path::new(crate::probe::BTF_FILE))?;
        if let Some(thinned) = super::types::thin(&types) {
            match Self::load_with(setting, &thinned.structures, &thinned.tracepoints) {
                Err(error) if error.raw_os_error() != Some(libc::ENOMEM) => {}
                loaded => return loaded,
            }
        }
        Self::load_with(setting, &types, &types)
    }

    /// `structures` and `tracepoints` are type information.
    fn load_with(setting: &Setting, structures: &[u8], tracepoints: &[u8]) -> io::Result<Self> {
        let parse = |types: &[u8]| Btf::parse(types, Endianness::default()).map_err(failed);
        // Before the maps: they take what memory there is, and are made smaller where the kernel refuses it. Who asks for a page of
        // his own after that is killed instead.
        let (structures, tracepoints) = (parse(structures)?, parse(tracepoints)?);
        let mut ebpf = make(setting, &structures)?;
        let mut wanted: Vec<_> = OF_PROCESSES.iter().map(|of| (*of, true)).collect();
        if setting.detail != Detail::Tree {
            fill_calls(&ebpf, setting)?;
            wanted.extend(OF_CALLS.iter().map(|of| (*of, true)));
            wanted.extend(OF_RINGS.iter().map(|of| (*of, false)));
        }
        let names = loading::load_all(&mut ebpf, &wanted, &tracepoints)?;
        let thread_bytes = match ebpf.map("threads") {
            Some(Map::Unsupported(map)) => map.info().map_err(failed)?.value_size() as usize,
            _ => return Err(missing("map `threads`")),
        };
        Ok(Self {
            ebpf,
            names,
            thread_bytes,
            room: setting.room,
            strangers: strangers(setting.scope),
        })
    }

    /// Bytes of the rings together.
    pub(super) fn ring_bytes(&self) -> u32 {
        self.room.bytes()
    }

    /// The words of the programs' own variables.
    fn variables(&self) -> Option<[u8; VARIABLE_BYTES]> {
        let map = Array::<_, [u8; VARIABLE_BYTES]>::try_from(self.ebpf.map(".bss")?).ok()?;
        map.get(&0, 0).ok()
    }
}

/// Makes the maps, and the programs as they will be loaded.
fn make(setting: &Setting, structures: &Btf) -> io::Result<Ebpf> {
    let room = setting.room;
    let (ring, places) = (u64::from(room.long_bytes), u64::from(room.places));
    let never = u64::MAX;
    let (scope, group, group_level) = match setting.scope {
        Scope::Tree => (0_u32, 0_u64, 0_u32),
        Scope::Group(id, level) => (1, id, level),
        Scope::All => (2, 0, 0),
    };
    let may_read_all = u32::from(setting.may_read_all);
    let eighths = |count: u64| {
        if setting.lossless {
            never
        } else {
            ring / 8 * count
        }
    };
    let (wait_from, shorts_wait_from) = if setting.lossless {
        (ring / 2, places / 2)
    } else {
        (0, never)
    };
    // As many threads as there are processors may be between their look at the ends and the place that they take.
    let spare = (places / 16).max(4 * u64::from(processors()));
    let shorts_fold_from = places.saturating_sub(spare);
    let numbers = calls::numbers(setting.detail, setting.payload());
    let is_sampled = u32::from(setting.is_sampled);
    let tick_ns = super::kernel::tick_ns();
    let payload_bytes = u64::try_from(setting.payload_bytes).unwrap_or(u64::MAX);
    loading::empty_loader()
        .btf(Some(structures))
        .allow_unsupported_maps()
        .map_max_entries("ring", room.long_bytes)
        .map_max_entries("shorts", room.places)
        .map_max_entries("scratches", processors())
        .override_global("scope", &scope, true)
        .override_global("numbers", &numbers[..], true)
        .override_global("payload_bytes", &payload_bytes, true)
        .override_global("is_sampled", &is_sampled, true)
        .override_global("tick_ns", &tick_ns, true)
        .override_global("ticks_per_second", &(1_000_000_000 / tick_ns), true)
        .override_global("shorts_places", &places, true)
        .override_global("shorts_fold_from", &shorts_fold_from, true)
        .override_global("shorts_wait_from", &shorts_wait_from, true)
        .override_global("cgroup", &group, true)
        .override_global("cgroup_level", &group_level, true)
        .override_global("own_tgid", &setting.own_pid, true)
        .override_global("own_uid", &setting.own_uid, true)
        .override_global("may_read_all", &may_read_all, true)
        .override_global("fold_from", &eighths(4), true)
        .override_global("strings_until", &eighths(5), true)
        .override_global("calls_until", &eighths(6), true)
        .override_global("counts_until", &eighths(7), true)
        .override_global("wait_from", &wait_from, true)
        .load(OBJECT)
        .map_err(failed)
}

/// Whether threads that are not recorded may be remembered: only when none joins but by birth or because it is told.
fn strangers(scope: Scope) -> Strangers {
    let (_, release) = crate::sys::host_and_kernel();
    let is_sure = crate::native::kernel_version(&release)
        .is_some_and(|version| version >= STRANGERS_ARE_SURE);
    if is_sure && scope == Scope::Tree {
        Strangers::Remembered
    } else {
        Strangers::LookedAt
    }
}

pub(super) fn missing(what: &str) -> io::Error {
    io::Error::other(format!("the BPF object has no {what}"))
}

pub(super) fn program<'e>(ebpf: &'e mut Ebpf, name: &str) -> io::Result<&'e mut BtfTracePoint> {
    ebpf.program_mut(name)
        .and_then(|program| program.try_into().ok())
        .ok_or_else(|| missing(name))
}

fn fill_calls(ebpf: &Ebpf, setting: &Setting) -> io::Result<()> {
    let table = calls::table(setting.detail, setting.payload());
    super::kernel::fill_array(map_fd(ebpf, "calls")?, &table)
}

fn map_fd<'e>(ebpf: &'e Ebpf, name: &str) -> io::Result<BorrowedFd<'e>> {
    match ebpf.map(name) {
        Some(Map::Unsupported(map) | Map::RingBuf(map) | Map::Array(map)) => Ok(map.fd().as_fd()),
        _ => Err(missing(name)),
    }
}

impl Programs for Loaded {
    fn attach(&mut self) -> io::Result<()> {
        for (name, _) in self.names.clone() {
            program(&mut self.ebpf, name)?.attach().map_err(failed)?;
        }
        Ok(())
    }

    fn detach(&mut self) {
        for (name, _) in self.names.clone() {
            if let Ok(program) = program(&mut self.ebpf, name) {
                // It is not loaded any more either way.
                let _unloaded = program.unload();
            }
        }
    }

    fn threads(&self) -> io::Result<BorrowedFd<'_>> {
        map_fd(&self.ebpf, "threads")
    }

    fn thread_bytes(&self) -> usize {
        self.thread_bytes
    }

    fn rings(&self) -> io::Result<Rings> {
        let map = |name| map_fd(&self.ebpf, name);
        let rings = Rings::map(map("ring")?, map("shorts")?, map("ends")?, self.room)?;
        rings.set_strangers(self.strangers);
        Ok(rings)
    }

    fn near(&self, place: u32) -> Option<[u8; NEAR_BYTES]> {
        let map = Array::<_, [u8; NEAR_BYTES]>::try_from(self.ebpf.map("nears")?).ok()?;
        map.get(&place, 0).ok()
    }

    fn totals(&self) -> Totals {
        let Some(map) = self.ebpf.map("totals") else {
            return Totals::default();
        };
        let Ok(map) = PerCpuArray::<_, [u64; 6]>::try_from(map) else {
            return Totals::default();
        };
        let mut totals = Totals::default();
        for [seen, folded, lost, first, last, _] in
            map.get(&0, 0).iter().flat_map(|values| values.iter())
        {
            totals.seen += seen;
            totals.folded += folded;
            totals.lost += lost;
            totals.lost_last_ns = totals.lost_last_ns.max(*last);
            if *first != 0 && (totals.lost_first_ns == 0 || *first < totals.lost_first_ns) {
                totals.lost_first_ns = *first;
            }
        }
        totals
    }

    fn alive(&self) -> u32 {
        let bytes = self.variables().unwrap_or([0; VARIABLE_BYTES]);
        u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]])
    }
}

#[cfg(test)]
mod tests {
    use super::verdict;

    #[test]
    fn the_verifiers_last_words_are_shown() {
        let log = "the BPF_PROG_LOAD syscall returned x. Verifier output: 1: (b7) r0 = 0\n\
             2: (79) r1 = *(u64 *)(r7 +8)\nR7 invalid mem access 'scalar'\n\
             verification time 63 usec\nprocessed 23 insns (limit 1000000)\n";
        assert_eq!(
            verdict(log).as_deref(),
            Some("1: (b7) r0 = 0 | 2: (79) r1 = *(u64 *)(r7 +8) | R7 invalid mem access 'scalar'")
        );
        // Without privilege it does not come to a verdict.
        assert_eq!(verdict("returned x. Verifier output: "), None);
        assert_eq!(verdict("operation not permitted"), None);
    }
}
