//! A run that an earlier version wrote is read as it was then.

use std::fmt::Write as _;
use std::path::Path;

use unspool_model::step::StepArgs;

use super::{StepQuery, Tables, read_steps};
use crate::RunReader;

/// Tables of format 2: an imported log of strace, see `small.log` beside them.
#[test]
fn format_2() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/runs/format-2");
    let run = RunReader::open(&folder).unwrap();
    assert_eq!(run.manifest().format, 2);
    let tables = Tables::open(&run).unwrap();
    let mut text = String::new();
    for step in read_steps(&tables, &StepQuery::all()) {
        let step = step.step();
        let StepArgs::Text(args) = step.args else {
            panic!("arguments come back as text");
        };
        let name = String::from_utf8_lossy(step.name);
        let args = String::from_utf8_lossy(args);
        writeln!(text, "{} {name}({args}) {:?}", step.pid, step.outcome).unwrap();
    }
    assert_eq!(text, EVENTS);
    let world = tables.world().unwrap();
    let mut text = String::new();
    for descriptor in &world.descriptors {
        let session = world.session(descriptor.session).unwrap();
        let resource = world.resource(session.resource).unwrap();
        let name = String::from_utf8_lossy(&resource.name);
        let lived = descriptor.closed_ns.map(|end| end - descriptor.opened_ns);
        let traffic = descriptor.traffic;
        let bytes = (traffic.bytes_read, traffic.bytes_written);
        writeln!(text, "{} {name} {lived:?} {bytes:?}", descriptor.fd).unwrap();
    }
    assert_eq!(text, DESCRIPTORS);
    let last: i64 = world
        .accesses
        .iter()
        .map(|access| access.last_ns - access.first_ns)
        .sum();
    assert_eq!(last, 310_000);
}

const EVENTS: &str = r#"100 execve("/bin/sh", ["sh", "-c", "cat in | wc -l > out"], 0x7ffc0001 /* 20 vars */) Returned(0)
100 openat(AT_FDCWD, "/work/in", O_RDONLY) Returned(3)
100 newfstatat(AT_FDCWD</work>, "in", {st_mode=S_IFREG|0644, st_size=4096, ...}, 0) Returned(0)
100 read(3</work/in>, ""..., 65536) Returned(4096)
100 read(3</work/in>, "", 65536) Returned(0)
100 clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0x7f0000000a10) Returned(101)
101 close(3</work/in>) Returned(0)
101 openat(AT_FDCWD, "/work/missing", O_RDONLY) Failed(Errno(2))
101 write(1</work/out>, ""..., 2) Returned(2)
101 exit_group(0) Unknown
101 exit() Unknown
100 wait4(-1, [{WIFEXITED(s) && WEXITSTATUS(s) == 0}], 0, NULL) Returned(101)
100 rename("/work/out", "/work/done") Returned(0)
100 close(3</work/in>) Returned(0)
100 exit_group(0) Unknown
100 exit() Unknown
"#;

const DESCRIPTORS: &str = "\
3 /work/in Some(141000) (0, 0)
1 /work/out Some(20000) (0, 2)
3 /work/in Some(311000) (4096, 0)
";
