//! A log of a busy batch, from a seed: 600 s, 2,000 processes of which 64 live at a time, 60,000 paths of very different
//! popularity, files, sockets, failures, thirty calls; durations spread over four powers of ten. Written as strace prints it
//! with nanoseconds, so that it goes through the project's own import.

use std::io::{self, Write};

/// Processes that live at a time.
const ALIVE: usize = 64;
/// Paths of files.
const PATHS: u64 = 60_000;
/// Time from the first event to the last.
const SPAN_NS: u64 = 600_000_000_000;
/// Processes over the whole log.
const PROCESSES: u64 = 2_000;
/// When the log begins: seconds since the epoch.
const BEGIN_S: u64 = 1_790_000_000;
/// Number of the process that makes the others.
const ROOT: u32 = 1_000;

/// xorshift64*: the same numbers everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 16) % limit
    }

    /// A place below the length.
    fn place(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len.max(1) as u64)).unwrap_or(0)
    }

    /// A number below the limit; small ones far more often.
    fn popular(&mut self, limit: u64) -> u64 {
        let bits = u64::from(limit.ilog2()) + 1;
        loop {
            let most = 1_u64 << (self.below(bits) + 1);
            let number = self.below(most.min(limit));
            if number < limit {
                return number;
            }
        }
    }

    /// From under a microsecond to milliseconds, in the middle some ten microseconds: a product of five factors.
    fn duration_ns(&mut self) -> u64 {
        let mut ns = 400;
        for _ in 0..5 {
            ns = ns * (100 + self.below(250)) / 100;
        }
        if self.below(50) == 0 {
            ns *= 1 + self.below(400);
        }
        ns
    }
}

/// What a descriptor is open on.
#[derive(Clone, Copy)]
enum Open {
    File(u64),
    Socket { inode: u64 },
}

struct Process {
    pid: u32,
    /// By number less 3.
    open: Vec<Option<Open>>,
}

/// Writes so many lines of calls, and a few of ends.
pub(super) fn write(calls: u64, out: &mut dyn Write) -> io::Result<()> {
    let mut log = Log {
        random: Random(0x5EED_0000_2026),
        out,
        calls,
        written: 0,
        next_pid: ROOT + 1,
        inode: 40_000,
    };
    let mut processes = Vec::with_capacity(ALIVE);
    log.line(
        ROOT,
        "execve(\"/usr/bin/batch\", [\"batch\", \"--jobs=64\"], 0x7ffd0000 /* 20 vars */) = 0",
    )?;
    while log.written < calls {
        let due = u64::from(log.next_pid - ROOT) * calls / PROCESSES;
        if processes.len() < ALIVE || log.written > due {
            if processes.len() >= ALIVE {
                let at = log.random.place(ALIVE);
                log.end(&processes.swap_remove(at))?;
            }
            processes.push(log.begin()?);
        }
        let at = log.random.place(processes.len());
        if let Some(process) = processes.get_mut(at) {
            log.call(process)?;
        }
    }
    for process in &processes {
        log.end(process)?;
    }
    log.exit(ROOT)
}

struct Log<'o> {
    random: Random,
    out: &'o mut dyn Write,
    calls: u64,
    written: u64,
    next_pid: u32,
    inode: u64,
}

impl Log<'_> {
    fn stamp(&mut self, pid: u32) -> io::Result<()> {
        // Evenly spread, with some disorder below the distance of two.
        let step = SPAN_NS / self.calls.max(1);
        let ns = self.written * step + self.random.below(step.max(1));
        write!(
            self.out,
            "{pid} {}.{:09} ",
            BEGIN_S + ns / 1_000_000_000,
            ns % 1_000_000_000
        )
    }

    fn line(&mut self, pid: u32, call: &str) -> io::Result<()> {
        self.stamp(pid)?;
        self.written += 1;
        let ns = self.random.duration_ns();
        writeln!(
            self.out,
            "{call} <{}.{:09}>",
            ns / 1_000_000_000,
            ns % 1_000_000_000
        )
    }

    fn exit(&mut self, pid: u32) -> io::Result<()> {
        self.stamp(pid)?;
        writeln!(self.out, "+++ exited with 0 +++")
    }

    fn begin(&mut self) -> io::Result<Process> {
        let pid = self.next_pid;
        self.next_pid += 1;
        self.line(ROOT, &format!("clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0x7f0000000a10) = {pid}"))?;
        let tool = self.random.popular(40);
        let part = self.random.below(500);
        self.line(pid, &format!("execve(\"/usr/bin/tool{tool}\", [\"tool{tool}\", \"--part={part}\"], 0x7ffd0000 /* 20 vars */) = 0"))?;
        Ok(Process {
            pid,
            open: Vec::new(),
        })
    }

    fn end(&mut self, process: &Process) -> io::Result<()> {
        self.line(process.pid, "exit_group(0) = ?")?;
        self.exit(process.pid)?;
        let pid = process.pid;
        self.line(
            ROOT,
            &format!("wait4(-1, [{{WIFEXITED(s) && WEXITSTATUS(s) == 0}}], 0, NULL) = {pid}"),
        )
    }

    /// One call: something about descriptors, or something else.
    fn call(&mut self, process: &mut Process) -> io::Result<()> {
        let pid = process.pid;
        let open: Vec<usize> = (0..process.open.len())
            .filter(|at| matches!(process.open.get(*at), Some(Some(_))))
            .collect();
        let dice = self.random.below(1000);
        if open.len() < 2 || (dice < 75 && open.len() < 200) {
            return self.open(process);
        }
        let Some(&at) = open.get(self.random.place(open.len())) else {
            return Ok(());
        };
        let Some(Some(object)) = process.open.get(at).copied() else {
            return Ok(());
        };
        let fd = at + 3;
        if dice < 150 {
            if let Some(slot) = process.open.get_mut(at) {
                *slot = None;
            }
            let name = name_of(object);
            return self.line(pid, &format!("close({fd}<{name}>) = 0"));
        }
        let name = name_of(object);
        let text = if dice < 800 {
            self.on_descriptor(object, fd, &name)
        } else {
            self.elsewhere()
        };
        self.line(pid, &text)
    }

    fn open(&mut self, process: &mut Process) -> io::Result<()> {
        let at = process
            .open
            .iter()
            .position(Option::is_none)
            .unwrap_or(process.open.len());
        if at == process.open.len() {
            process.open.push(None);
        }
        let fd = at + 3;
        let (object, text) = if self.random.below(20) == 0 {
            self.inode += 1;
            let inode = self.inode;
            (
                Open::Socket { inode },
                format!(
                    "socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_TCP) = {fd}<socket:[{inode}]>"
                ),
            )
        } else {
            // What all read, or what few processes read and write.
            let shared = self.random.below(3) == 0;
            let path = if shared {
                self.random.popular(PATHS)
            } else {
                (u64::from(process.pid) * 30 + self.random.popular(200)) % PATHS
            };
            let name = path_of(path);
            let flags = match self.random.below(5) {
                0 if !shared => "O_RDWR|O_CREAT|O_CLOEXEC, 0644",
                1 if !shared => "O_WRONLY|O_APPEND|O_CLOEXEC",
                _ => "O_RDONLY|O_CLOEXEC",
            };
            (
                Open::File(path),
                format!("openat(AT_FDCWD</work>, \"{name}\", {flags}) = {fd}<{name}>"),
            )
        };
        if let Some(slot) = process.open.get_mut(at) {
            *slot = Some(object);
        }
        self.line(process.pid, &text)
    }

    fn on_descriptor(&mut self, object: Open, fd: usize, name: &str) -> String {
        let asked = 1_u64 << (6 + self.random.below(12));
        let done = match self.random.below(3) {
            0 => self.random.below(asked),
            _ => asked,
        };
        match (object, self.random.below(100)) {
            (Open::Socket { .. }, 0..50) => {
                format!("sendto({fd}<{name}>, \"...\"..., {asked}, MSG_NOSIGNAL, NULL, 0) = {done}")
            }
            (Open::Socket { .. }, 50..90) => {
                format!("recvfrom({fd}<{name}>, \"...\"..., {asked}, 0, NULL, NULL) = {done}")
            }
            (Open::Socket { .. }, _) => format!(
                "recvfrom({fd}<{name}>, 0x7f0000001000, {asked}, 0, NULL, NULL) = -1 EAGAIN (Resource temporarily unavailable)"
            ),
            (Open::File(_), 0..45) => format!("read({fd}<{name}>, \"...\"..., {asked}) = {done}"),
            (Open::File(_), 45..65) => format!("write({fd}<{name}>, \"...\"..., {asked}) = {done}"),
            (Open::File(_), 65..73) => {
                let offset = self.random.below(256) * 4096;
                format!("pread64({fd}<{name}>, \"...\"..., {asked}, {offset}) = {done}")
            }
            (Open::File(_), 73..82) => {
                let offset = self.random.below(256) * 4096;
                format!("lseek({fd}<{name}>, {offset}, SEEK_SET) = {offset}")
            }
            (Open::File(_), 82..91) => {
                format!("fstat({fd}<{name}>, {{st_mode=S_IFREG|0644, st_size={asked}, ...}}) = 0")
            }
            (Open::File(_), 91..94) => {
                let address = self.random.below(256) * 4096 + 0x7f00_0000_0000;
                format!(
                    "mmap(NULL, {asked}, PROT_READ, MAP_PRIVATE, {fd}<{name}>, 0) = {address:#x}"
                )
            }
            (Open::File(_), 94..96) => format!(
                "ioctl({fd}<{name}>, TCGETS, 0x7ffd00001000) = -1 ENOTTY (Inappropriate ioctl for device)"
            ),
            (Open::File(_), 96..98) => {
                format!("fcntl({fd}<{name}>, F_GETFL) = 0x8000 (flags O_RDONLY|O_LARGEFILE)")
            }
            (Open::File(_), _) => format!("fdatasync({fd}<{name}>) = 0"),
        }
    }

    fn elsewhere(&mut self) -> String {
        let path = path_of(self.random.popular(PATHS));
        let number = self.random.below(256);
        match self.random.below(100) {
            0..25 => format!(
                "newfstatat(AT_FDCWD</work>, \"{path}\", {{st_mode=S_IFREG|0644, st_size={number}, ...}}, 0) = 0"
            ),
            25..33 => format!(
                "newfstatat(AT_FDCWD</work>, \"{path}.cache\", 0x7ffd00001000, 0) = -1 ENOENT (No such file or directory)"
            ),
            33..40 => format!(
                "openat(AT_FDCWD</work>, \"{path}.lock\", O_RDONLY|O_CLOEXEC) = -1 ENOENT (No such file or directory)"
            ),
            40..43 => format!("access(\"{path}\", R_OK) = -1 EACCES (Permission denied)"),
            43..60 => format!("futex(0x7f000000{number:04x}, FUTEX_WAIT_PRIVATE, 2, NULL) = 0"),
            60..66 => format!("futex(0x7f000000{number:04x}, FUTEX_WAKE_PRIVATE, 1) = 1"),
            66..72 => format!("brk(0x5555{number:04x}000) = 0x5555{number:04x}000"),
            72..78 => format!("munmap(0x7f00{number:04x}0000, 65536) = 0"),
            78..82 => format!("mprotect(0x7f00{number:04x}0000, 4096, PROT_READ) = 0"),
            82..86 => {
                "rt_sigaction(SIGINT, {sa_handler=SIG_DFL, sa_mask=[], sa_flags=0}, NULL, 8) = 0"
                    .to_owned()
            }
            86..89 => "getuid() = 1000".to_owned(),
            89..91 => format!(
                "clock_nanosleep(CLOCK_REALTIME, 0, {{tv_sec=0, tv_nsec={number}}}, NULL) = 0"
            ),
            91..93 => {
                "poll([{fd=3, events=POLLIN}], 1, 100) = 1 ([{fd=3, revents=POLLIN}])".to_owned()
            }
            93..95 => "getrandom(\"\\x01\\x02\\x03\\x04\", 4, GRND_NONBLOCK) = 4".to_owned(),
            95..97 => {
                format!("readlink(\"{path}\", 0x7ffd00001000, 4095) = -1 EINVAL (Invalid argument)")
            }
            97 => format!("mkdir(\"{path}.d\", 0755) = 0"),
            98 => format!("rename(\"{path}.new\", \"{path}\") = 0"),
            _ => format!("unlink(\"{path}.lock\") = 0"),
        }
    }
}

/// Folders and kinds of files as a build or a service has them.
fn path_of(path: u64) -> String {
    let ending = match path % 5 {
        0 => "c",
        1 => "h",
        2 => "o",
        3 => "log",
        _ => "dat",
    };
    format!(
        "/data/area{}/module{:03}/file{path:05}.{ending}",
        path % 7,
        path % 311
    )
}

fn name_of(object: Open) -> String {
    match object {
        Open::File(path) => path_of(path),
        Open::Socket { inode } => format!("socket:[{inode}]"),
    }
}
