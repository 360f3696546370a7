//! Container files, makefiles and scripts from runs: built, made and run by the programs that they are for.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::program::{Program, has_tool, text};

/// Builds images in a store of its own, without privileges that a container in a container would need.
pub(crate) struct Buildah {
    folder: tempfile::TempDir,
}

impl Buildah {
    pub(crate) fn new() -> Option<Self> {
        has_tool("buildah").then(|| Self {
            folder: tempfile::tempdir().expect("a folder"),
        })
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        let place = |name: &str| self.folder.path().join(name);
        Command::new("buildah")
            .args(["--storage-driver", "vfs", "--root"])
            .arg(place("root"))
            .arg("--runroot")
            .arg(place("runroot"))
            .args(args)
            .stdin(Stdio::null())
            .output()
            .expect("buildah starts")
    }

    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(
            output.status.success(),
            "{args:?}: {}",
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    /// Builds the folder and runs what its container file says is run, in namespaces of its own with the image as root.
    /// Not by `buildah run`: with `--isolation chroot` it loses the output of one short program in twenty (1.28).
    pub(crate) fn build_and_run(&self, folder: &Path) -> Output {
        let folder = folder.to_str().expect("text");
        let image = self.ok(&["bud", "--isolation", "chroot", "-q", folder]);
        let image = image.trim();
        let about: Value =
            serde_json::from_str(&self.ok(&["inspect", "--type", "image", image])).expect("JSON");
        let config = &about["OCIv1"]["config"];
        let words = |part: &str| -> Vec<String> {
            let list = config[part].as_array().into_iter().flatten();
            list.map(|word| word.as_str().expect("text").to_owned())
                .collect()
        };
        let container = self.ok(&["from", "--pull=never", image]);
        let root = self.ok(&["mount", container.trim()]);
        let root = root.trim();
        let directory = config["WorkingDir"].as_str().unwrap_or("/");
        let mut inside = Command::new(UNSHARE);
        inside
            .args(["--mount", "--pid", "--fork", "--kill-child"])
            .args(["sh", "-ec", ENTER, "sh", root, "env", "-i"])
            .args(words("Env"))
            .args([UNSHARE, "--root", root, "--wd", directory, "--"])
            .args(words("Entrypoint"))
            .args(words("Cmd"))
            .stdin(Stdio::null());
        inside.output().expect("unshare starts")
    }
}

/// Whole, since it is looked for with the image's `PATH`.
const UNSHARE: &str = "/usr/bin/unshare";

/// What a container has besides its image.
const ENTER: &str = r#"root=$1; shift
mkdir -p "$root/proc" "$root/dev"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
exec "$@"
"#;

impl Drop for Buildah {
    fn drop(&mut self) {
        // Containers hold mounts until they are removed.
        drop(self.run(&["rm", "--all"]));
    }
}

fn make_executable(file: &Path) {
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(file, mode).expect("made executable");
}

fn succeeds(program: &str, args: &[&str]) -> bool {
    let status = Command::new(program).args(args).status();
    status.is_ok_and(|status| status.success())
}

/// Where the interpreter really is: a `python3` in the path may be a script that looks for it.
fn python() -> String {
    let output = Command::new("python3")
        .args([
            "-c",
            "import os, sys; print(os.path.realpath(sys.executable))",
        ])
        .output()
        .expect("python3 starts");
    text(&output.stdout).trim().to_owned()
}

/// What the programs need; gives the interpreter of Python.
fn programs_and_inputs(work: &Path) -> String {
    let write =
        |name: &str, content: &str| std::fs::write(work.join(name), content).expect("written");
    write("in.txt", "b\na\n");
    write(
        "t.c",
        "#include <stdio.h>\n#include <math.h>\nint main(int c, char **v) { FILE *f = fopen(\"in.txt\", \"r\"); printf(\"%c %.3f\\n\", fgetc(f), sqrt(c)); return 0; }\n",
    );
    // The package manager of Python is a package of Python: there wherever Python is.
    write(
        "app.py",
        "import json, pip\nprint(json.dumps({'pip': pip.__version__, 'in': open('in.txt').read()}))\n",
    );
    let built = Command::new("gcc")
        .args(["-O0", "-fno-builtin", "-o", "t", "t.c", "-lm"])
        .current_dir(work)
        .status();
    assert!(built.expect("gcc starts").success());
    let python = python();
    let has_pip = succeeds(&python, &["-c", "import pip"]);
    if !has_pip {
        write(
            "app.py",
            "import json\nprint(json.dumps({'in': open('in.txt').read()}))\n",
        );
    }
    write(
        "job.sh",
        "#!/bin/sh -e\necho \"$1\" | tr a-z A-Z\ncat in.txt\n",
    );
    make_executable(&work.join("job.sh"));
    python
}

#[test]
fn images_of_exactly_the_files_used_do_what_was_recorded() {
    let Some(buildah) = Buildah::new() else {
        return;
    };
    if !(has_tool("gcc") && has_tool("python3") && has_tool("perl")) {
        return;
    }
    let program = Program::new();
    let work = program.work();
    let python = programs_and_inputs(&work);
    let programs: [&[&str]; 5] = [
        &["./job.sh", "a b"],
        &["./t", "x"],
        &[&python, "app.py"],
        &["sh", "-c", "cat in.txt | sort | tr a-z A-Z"],
        &[
            "perl",
            "-MPOSIX",
            "-e",
            "open(my $f, '<', 'in.txt'); print uc(<$f>), POSIX::floor(2.7), \"\\n\"",
        ],
    ];
    for (number, words) in programs.iter().enumerate() {
        let run = work.join(format!("run{number}"));
        // A text tracer tells of programs by their calls only; what its runs teach is the same.
        let recorder = if number % 2 == 0 { "auto" } else { "strace" };
        if recorder == "strace" && !has_tool("strace") {
            continue;
        }
        let mut args = vec!["record", "-q", "--recorder", recorder];
        args.extend_from_slice(&["-o", run.to_str().expect("text"), "--"]);
        args.extend_from_slice(words);
        let recorded = program.run(&args);
        assert!(
            recorded.status.success(),
            "{words:?}: {}",
            text(&recorded.stderr)
        );
        let image = work.join(format!("image{number}"));
        program.ok(&[
            "gen",
            "dockerfile",
            "--from-scratch",
            "-o",
            image.to_str().expect("text"),
            run.to_str().expect("text"),
        ]);
        let again = buildah.build_and_run(&image);
        assert!(again.status.success(), "{words:?}: {}", text(&again.stderr));
        assert_eq!(text(&again.stdout), text(&recorded.stdout), "{words:?}");
        let size = std::fs::metadata(image.join("rootfs.tar"))
            .expect("an archive")
            .len();
        assert!(
            size < 100 << 20,
            "{words:?}: {size} bytes are more than the files used"
        );
    }
}

#[test]
fn container_files_name_the_packages_of_the_files_used() {
    if !(has_tool("perl") && Path::new("/var/lib/dpkg/info").is_dir() && has_tool("dpkg")) {
        eprintln!("skipped: no Debian");
        return;
    }
    let program = Program::new();
    let work = program.work();
    std::fs::write(work.join("mine.txt"), "x\n").expect("written");
    program.ok(&[
        "record",
        "-q",
        "--",
        "sh",
        "-c",
        "grep x mine.txt; gzip -c mine.txt > out.gz",
    ]);
    let said = program.ok(&["gen", "dockerfile", "-o", "image"]);
    assert!(said.is_empty());
    let file = std::fs::read_to_string(work.join("image/Dockerfile")).expect("written");
    assert!(file.contains("FROM docker.io/library/"), "{file}");
    for package in ["grep", "gzip", "dash"] {
        assert!(file.contains(package), "{package} in {file}");
    }
    assert!(
        !file.contains("HEALTHCHECK") && !file.contains("EXPOSE"),
        "{file}"
    );
    assert!(
        file.contains("ENTRYPOINT [\"")
            && file.contains("CMD [\"-c\", \"grep x mine.txt; gzip -c mine.txt > out.gz\"]"),
        "{file}"
    );
    let listed = Command::new("tar")
        .args(["tf", "image/rootfs.tar"])
        .current_dir(&work)
        .output()
        .expect("tar starts");
    let listed = text(&listed.stdout);
    assert!(
        listed.contains("mine.txt") && !listed.contains("out.gz"),
        "inputs and no outputs: {listed}"
    );
    assert!(
        !listed.contains("usr/bin"),
        "what packages bring is not copied: {listed}"
    );
}

/// Twenty files; the first ten use the header.
fn sources(work: &Path) {
    std::fs::write(work.join("common.h"), "#define ADD 1\n").expect("written");
    let mut build = Vec::new();
    let mut main = Vec::new();
    let mut calls = Vec::new();
    for number in 1..20 {
        let head = if number <= 10 {
            "#include \"common.h\"\n"
        } else {
            "#define ADD 2\n"
        };
        std::fs::write(
            work.join(format!("f{number}.c")),
            format!("{head}int f{number}(void) {{ return ADD; }}\n"),
        )
        .expect("written");
        build.push(format!("gcc -c -o f{number}.o f{number}.c\n"));
        main.push(format!("int f{number}(void);\n"));
        calls.push(format!("f{number}()"));
    }
    let text = format!(
        "#include <stdio.h>\n{}int main(void) {{ printf(\"%d\\n\", {}); return 0; }}\n",
        main.concat(),
        calls.join(" + ")
    );
    std::fs::write(work.join("main.c"), text).expect("written");
    build.push("gcc -c -o main.o main.c\ngcc -o prog *.o\n".to_owned());
    std::fs::write(work.join("build.sh"), build.concat()).expect("written");
}

fn make(work: &Path, args: &[&str]) -> Vec<String> {
    let output = Command::new("make")
        .args(["-f", "out.mk"])
        .args(args)
        .current_dir(work)
        .output()
        .expect("make starts");
    assert!(
        output.status.success(),
        "make {args:?}: {}",
        text(&output.stderr)
    );
    text(&output.stdout)
        .lines()
        .filter(|line| line.contains("gcc"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn makefiles_rebuild_what_depends_on_a_change_and_nothing_else() {
    if !(has_tool("gcc") && has_tool("make")) {
        return;
    }
    let program = Program::new();
    let work: PathBuf = program.work();
    sources(&work);
    program.ok(&["record", "-q", "--", "sh", "build.sh"]);
    program.ok(&["gen", "makefile", "-o", "out.mk"]);
    let remove = || {
        for entry in std::fs::read_dir(&work).expect("listed").flatten() {
            let name = entry.file_name().into_string().expect("text");
            if name == "prog" || Path::new(&name).extension().is_some_and(|kind| kind == "o") {
                std::fs::remove_file(entry.path()).expect("removed");
            }
        }
    };
    assert!(make(&work, &["-n"]).is_empty(), "all is made");
    remove();
    let planned = make(&work, &["-n"]);
    let recorded: Vec<String> = std::fs::read_to_string(work.join("build.sh"))
        .expect("read")
        .lines()
        .map(str::to_owned)
        .collect();
    assert_eq!(planned.len(), recorded.len());
    for (planned, recorded) in planned.iter().zip(&recorded) {
        let start = recorded.split(" *").next().expect("a part");
        assert!(
            planned.contains(start),
            "in the recorded order: {planned} is {recorded}"
        );
    }
    make(&work, &[]);
    let answer = Command::new("./prog")
        .current_dir(&work)
        .output()
        .expect("it runs");
    assert_eq!(text(&answer.stdout), "28\n", "10 x 1 + 9 x 2");
    assert!(make(&work, &["-n"]).is_empty());
    let touch = |name: &str| {
        let status = Command::new("touch").arg(name).current_dir(&work).status();
        assert!(status.expect("touch starts").success());
    };
    touch("f7.c");
    let planned = make(&work, &["-n"]);
    assert_eq!(planned.len(), 2, "{planned:?}");
    assert!(
        planned[0].contains("f7.o") && planned[1].contains("prog"),
        "{planned:?}"
    );
    make(&work, &[]);
    touch("common.h");
    let planned = make(&work, &["-n"]);
    assert_eq!(planned.len(), 11, "ten files and the program: {planned:?}");
}

const JOB: &str = r"mkdir -p out
sort in.txt > out/sorted
(cd out && cat sorted | tr a-z A-Z > upper)
GREETING='it is $HOME' printenv GREETING > out/env
cat in.txt nothing >> out/both 2>&1
wc -l < in.txt > out/count
tee out/one out/two < in.txt > /dev/null
sleep 30 &
sleep 0.5
kill $!
touch out/killed
";

#[test]
fn scripts_run_the_recorded_commands_again() {
    let program = Program::new();
    let work = program.work();
    std::fs::write(work.join("in.txt"), "b\na\n").expect("written");
    std::fs::write(work.join("job.sh"), JOB).expect("written");
    program.run(&["record", "-q", "--redact", "none", "--", "sh", "job.sh"]);
    program.ok(&["gen", "script", "-o", "again.sh"]);
    let outputs = || -> Vec<(String, Vec<u8>)> {
        let mut files: Vec<(String, Vec<u8>)> = std::fs::read_dir(work.join("out"))
            .expect("listed")
            .flatten()
            .map(|entry| {
                (
                    entry.file_name().into_string().expect("text"),
                    std::fs::read(entry.path()).expect("read"),
                )
            })
            .collect();
        files.sort();
        files
    };
    let before = outputs();
    assert_eq!(before.len(), 8);
    std::fs::remove_dir_all(work.join("out")).expect("removed");
    // From another folder: the script says where it works.
    let status = Command::new("sh")
        .arg(work.join("again.sh"))
        .current_dir("/")
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .status();
    status.expect("sh starts");
    let script = std::fs::read_to_string(work.join("again.sh")).expect("read");
    assert_eq!(outputs(), before, "{script}");
    assert!(
        script.contains("2>&1") && script.contains(" | "),
        "{script}"
    );
    let whole = program.ok(&["gen", "script", "--depth", "0"]);
    let commands: Vec<&str> = whole
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    assert_eq!(commands.len(), 2, "cd, and the command itself: {whole}");
    assert_eq!(commands[1], "sh job.sh");
}
