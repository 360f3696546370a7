//! Names that try to break out of every generated file: nothing breaks, nothing is run that was not recorded.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::gen_files::Buildah;
use crate::program::{Program, has_tool, text};

/// Names by hand; each that would run something makes `pwned`.
const NAMES: &[&[u8]] = &[
    b"plain",
    b"a b",
    b"it's",
    b"q\"uote",
    b"$(touch pwned)",
    b"`touch pwned`",
    b"${HOME}$x$$",
    b"x;touch pwned;",
    b"x|touch pwned",
    b"x&touch pwned&",
    b"--> <!-- x",
    b"100%d%s%",
    b"#hash # x",
    b"back\\slash\\",
    b"new\nline",
    b"x\nRUN touch pwned",
    b"x\n\ttouch pwned",
    b"x'\ntouch pwned\n'",
    b"tab\tx",
    b"\xff\xfe\x80",
    b"a=b",
    b"a:b",
    b"star*[a-z]?",
    b"(x)",
    b"{a,b}@{HOME}",
    b"~root",
    b"-n",
    b" lead and trail ",
    b"esc\x1b[31m",
    b"r\xc3\xa9sum\xc3\xa9",
    b"%n%i^",
    b"!history",
];

/// Names from a small generator (numbers of Knuth's MMIX), of bytes that mean something somewhere.
fn random_names(count: u64) -> Vec<Vec<u8>> {
    const BYTES: &[u8] = b"'\"\\`$(){}[]<>|&;*?#%:=,~!@^ \n\t\r\x01\x7f\xff\xc3ax-";
    let mut state = 0x5eed_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("31 bits")
    };
    (0..count)
        .map(|number| {
            let mut name = format!("r{number}").into_bytes();
            for _ in 0..next() % 12 {
                name.push(BYTES[next() % BYTES.len()]);
            }
            name
        })
        .collect()
}

fn names_in(folder: &Path) -> BTreeSet<Vec<u8>> {
    let entries = std::fs::read_dir(folder).expect("listed");
    entries
        .flatten()
        .map(|entry| entry.file_name().into_vec())
        .collect()
}

fn tool(program: &str, args: &[&str], folder: &Path) -> Output {
    Command::new(program)
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("it starts")
}

fn nothing_was_run(work: &Path) {
    for folder in [work.to_path_buf(), work.join("in"), work.join("out")] {
        assert!(
            !folder.join("pwned").exists(),
            "something was run in {}",
            folder.display()
        );
    }
}

fn prepare(program: &Program) -> BTreeSet<Vec<u8>> {
    let work = program.work();
    for folder in ["in", "out"] {
        std::fs::create_dir_all(work.join(folder)).expect("made");
    }
    let mut names: BTreeSet<Vec<u8>> = NAMES.iter().map(|name| name.to_vec()).collect();
    names.extend(random_names(40));
    for name in &names {
        std::fs::write(work.join("in").join(OsStr::from_bytes(name)), name).expect("written");
    }
    std::fs::write(
        work.join("job.sh"),
        "for f in in/* in/.[!.]*; do [ -e \"$f\" ] && cp -- \"$f\" out/; done\ntrue\n",
    )
    .expect("written");
    program.ok(&[
        "record", "-q", "--redact", "none", "-o", "run", "--", "sh", "job.sh",
    ]);
    assert_eq!(
        names_in(&work.join("out")),
        names,
        "the job itself copies all"
    );
    names
}

fn clear(work: &Path) {
    std::fs::remove_dir_all(work.join("out")).expect("removed");
    std::fs::create_dir(work.join("out")).expect("made");
}

#[test]
fn hostile_names_pass_through_commands_and_policies() {
    let program = Program::new();
    let work = program.work();
    let names = prepare(&program);
    let run = "./run";

    program.ok(&["gen", "script", "-o", "again.sh", run]);
    clear(&work);
    assert!(tool("sh", &["-n", "again.sh"], &work).status.success());
    assert!(tool("sh", &["again.sh"], &work).status.success());
    assert_eq!(names_in(&work.join("out")), names);
    nothing_was_run(&work);

    for kind in ["seccomp", "landlock"] {
        let file = format!("{kind}.json");
        program.ok(&["gen", kind, "-o", &file, run]);
        let parsed: Value =
            serde_json::from_slice(&std::fs::read(work.join(&file)).expect("read")).expect("JSON");
        assert!(parsed.is_object());
        clear(&work);
        let again = program.run(&["run-with", &file, "--", "sh", "job.sh"]);
        assert!(again.status.success(), "{kind}: {}", text(&again.stderr));
        assert_eq!(names_in(&work.join("out")), names, "{kind}");
    }

    program.ok(&["gen", "apparmor", "-o", "profile", run]);
    if has_tool("apparmor_parser") {
        let parsed = tool(
            "apparmor_parser",
            &["--skip-kernel-load", "--skip-cache", "profile"],
            &work,
        );
        let profile = std::fs::read(work.join("profile")).expect("read");
        assert!(
            parsed.status.success(),
            "{}\n{}",
            text(&parsed.stderr),
            text(&profile)
        );
    }
    std::fs::create_dir_all(work.join("units/x.service.d")).expect("made");
    std::fs::write(
        work.join("units/x.service"),
        "[Service]\nExecStart=/bin/true\n",
    )
    .expect("written");
    program.ok(&[
        "gen",
        "systemd",
        "-o",
        "units/x.service.d/unspool.conf",
        run,
    ]);
    if has_tool("systemd-analyze") {
        let verified = Command::new("systemd-analyze")
            .args(["verify", "units/x.service"])
            .env(
                "SYSTEMD_UNIT_PATH",
                format!("{}:", work.join("units").display()),
            )
            .current_dir(&work)
            .output()
            .expect("it starts");
        let said = text(&verified.stderr);
        assert!(
            !said.contains("unspool.conf"),
            "no complaint about the drop-in: {said}"
        );
    }
    for (kind, file) in [
        ("apparmor", "profile"),
        ("systemd", "units/x.service.d/unspool.conf"),
    ] {
        let said = program.ok(&["gen", kind, "--check", file, run]);
        assert!(said.contains("allows all"), "{kind}: {said}");
    }
    nothing_was_run(&work);
}

#[test]
fn hostile_names_pass_through_makefiles() {
    if !has_tool("make") {
        return;
    }
    let program = Program::new();
    let work = program.work();
    let names = prepare(&program);
    program.ok(&["gen", "makefile", "-o", "out.mk", "./run"]);
    clear(&work);
    let planned = tool("make", &["-f", "out.mk", "-n"], &work);
    assert!(planned.status.success(), "{}", text(&planned.stderr));
    let made = tool("make", &["-f", "out.mk"], &work);
    assert!(made.status.success(), "{}", text(&made.stderr));
    nothing_was_run(&work);
    let made = names_in(&work.join("out"));
    assert!(made.is_subset(&names), "nothing else is made");
    let file =
        String::from_utf8_lossy(&std::fs::read(work.join("out.mk")).expect("read")).into_owned();
    for name in [
        b"plain".as_slice(),
        b"a b",
        b"100%d%s%",
        b"#hash # x",
        b"a:b",
        b"${HOME}$x$$",
        b"\xff\xfe\x80",
        b"-n",
    ] {
        let shown = String::from_utf8_lossy(name);
        let refused = name.contains(&b'{');
        assert!(made.contains(name) != refused, "{shown} in {file}");
    }
    let again = tool("make", &["-f", "out.mk", "-n"], &work);
    assert!(
        !text(&again.stdout).contains("cp"),
        "all is made: {}",
        text(&again.stdout)
    );
    assert!(
        file.contains("make cannot hold the name"),
        "what is left out is said: {file}"
    );
}

#[test]
fn hostile_names_pass_through_container_files() {
    let Some(buildah) = Buildah::new() else {
        return;
    };
    let program = Program::new();
    let work = program.work();
    let odd = work.join("x\nRUN touch pwned $(touch pwned) \"");
    std::fs::create_dir(&odd).expect("made");
    for name in NAMES {
        std::fs::write(odd.join(OsStr::from_bytes(name)), name).expect("written");
    }
    let script = "for f in ./*; do cat -- \"$f\"; done # $(touch pwned)\n# \\";
    let recorded = program
        .command(&[
            "record",
            "-q",
            "-o",
            work.join("run").to_str().expect("text"),
            "--",
            "sh",
            "-c",
            script,
            "a\nRUN touch /pwned",
        ])
        .current_dir(&odd)
        .output()
        .expect("it starts");
    assert!(recorded.status.success());
    program.ok(&[
        "gen",
        "dockerfile",
        "--from-scratch",
        "-o",
        "image",
        "./run",
    ]);
    let again = buildah.build_and_run(&work.join("image"));
    assert!(again.status.success(), "{}", text(&again.stderr));
    assert_eq!(again.stdout, recorded.stdout);
    nothing_was_run(&work);
    let file = std::fs::read_to_string(work.join("image/Dockerfile")).expect("read");
    let steps: Vec<&str> = file.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(steps.iter().all(|line| !line.starts_with("RUN")), "{file}");
}
