//! Container files that install packages: built on a base image of the recorded distribution, and run.
//!
//! The base image comes from the distribution's own registry, so that nothing but that registry is needed. What the machine
//! of the test needs to reach registries (certificates) is put into the base image, never into what the program writes.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::gen_files::Buildah;
use crate::program::{has_tool, is_ci, text};

/// What is installed where the jobs are recorded; none of it is in the base image.
const PACKAGES: &str = "libsqlite3-0 python3-pip libjson-perl";

/// Needs a library that the base image has not; compiled outside, against the library itself.
const SUM: &str = r#"
#include <stdio.h>
typedef struct sqlite3 sqlite3; typedef struct sqlite3_stmt sqlite3_stmt;
int sqlite3_open(const char *, sqlite3 **);
int sqlite3_prepare_v2(sqlite3 *, const char *, int, sqlite3_stmt **, const char **);
int sqlite3_bind_int(sqlite3_stmt *, int, int);
int sqlite3_step(sqlite3_stmt *);
int sqlite3_column_int(sqlite3_stmt *, int);
int main(void) {
    sqlite3 *db; sqlite3_stmt *sum; int a = 0, b = 0;
    FILE *in = fopen("in.txt", "r");
    if (!in || fscanf(in, "%d %d", &a, &b) != 2 || sqlite3_open(":memory:", &db)) return 1;
    if (sqlite3_prepare_v2(db, "select ?1 * ?2", -1, &sum, 0)) return 2;
    sqlite3_bind_int(sum, 1, a); sqlite3_bind_int(sum, 2, b); sqlite3_step(sum);
    printf("%d\n", sqlite3_column_int(sum, 0));
    return 0;
}
"#;

/// Compiles it into the container whose root this is.
fn compile(root: &Path, folder: &Path) {
    std::fs::write(folder.join("sum.c"), SUM).expect("written");
    let library = format!("{}-linux-gnu/libsqlite3.so.0", std::env::consts::ARCH);
    std::fs::create_dir_all(root.join("srv/job")).expect("made");
    let built = Command::new("gcc")
        .args(["-o".as_ref(), root.join("srv/job/sum").as_os_str()])
        .arg("sum.c")
        .arg(root.join("usr/lib").join(library))
        .args(["-Wl,--unresolved-symbols=ignore-in-shared-libs"])
        .current_dir(folder)
        .status();
    assert!(built.expect("gcc starts").success());
}

/// Makes the jobs, records them, and writes their container files: run inside a container of the base image.
const JOBS: &str = r#"set -e
python3 -m pip install --break-system-packages --root-user-action ignore -q humanize
cd /srv/job
printf '3 4\n' > in.txt
printf 'import humanize, json\nprint(json.dumps(humanize.intcomma(1234567) + open("in.txt").read()))\n' > job.py
printf 'use JSON; open(my $in, "<", "in.txt"); print JSON->new->encode([split " ", <$in>]), "\\n";\n' > job.pl
job() { name=$1; shift; unspool record -q -o "/srv/$name.run" -- "$@" > "/srv/$name.out"; unspool gen dockerfile -o "/srv/$name" "/srv/$name.run" 2> /dev/null; }
job c ./sum
job python python3 job.py
job perl perl job.pl
"#;

/// Each job with what it prints, a package of the distribution, and a package of a language that its container file installs.
const EXPECTED: [(&str, &str, &str, &str); 3] = [
    ("c", "12\n", "libsqlite3-0", ""),
    (
        "python",
        "\"1,234,5673 4\\n\"\n",
        "python3-pip",
        "RUN python3 -m pip install --no-cache-dir --break-system-packages 'humanize==",
    ),
    ("perl", "[\"3\",\"4\"]\n", "libjson-perl", ""),
];

/// `ID`, `VERSION_ID`, `VERSION_CODENAME` of this machine.
fn release() -> [String; 3] {
    let text = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    ["ID", "VERSION_ID", "VERSION_CODENAME"].map(|key| {
        text.lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
            .unwrap_or_default()
            .trim_matches('"')
            .to_owned()
    })
}

/// Makes the base image under the name that container files of this machine have; `None` where no registry answers.
fn base(buildah: &Buildah, folder: &Path, codename: &str, tag: &str) -> Option<()> {
    let made = Command::new("mmdebstrap")
        .args([
            "--variant=apt",
            "--dpkgopt=force-unsafe-io",
            codename,
            "base.tar",
        ])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("it starts");
    if !made.status.success() {
        assert!(!is_ci(), "no base image: {}", text(&made.stderr));
        eprintln!("skipped: no base image: {}", text(&made.stderr));
        return None;
    }
    let mut file = "FROM scratch\nADD base.tar /\n".to_owned();
    let certificates = std::env::vars().find(|(key, _)| key == "PIP_CERT").map_or(
        "/etc/ssl/certs/ca-certificates.crt".to_owned(),
        |(_, file)| file,
    );
    if std::fs::copy(certificates, folder.join("registry.crt")).is_ok() {
        let settings = "[global]\ncert = /etc/registry.crt\n";
        std::fs::write(folder.join("pip.conf"), settings).expect("written");
        file.push_str("ADD registry.crt pip.conf /etc/\n");
    }
    std::fs::write(folder.join("Dockerfile"), file).expect("written");
    let folder = folder.to_str().expect("text");
    buildah.ok(&["bud", "--isolation", "chroot", "-q", "-t", tag, folder]);
    Some(())
}

#[test]
fn images_of_packages_do_what_was_recorded() {
    let [id, version, codename] = release();
    if id != "debian" {
        eprintln!("skipped: the base image is one of Debian, this is `{id}`");
        return;
    }
    let Some(buildah) = Buildah::new().filter(|_| has_tool("mmdebstrap") && has_tool("gcc")) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let tag = format!("docker.io/library/debian:{version}");
    if base(&buildah, folder.path(), &codename, &tag).is_none() {
        return;
    }
    let machine = buildah.ok(&["from", "--pull=never", &tag]);
    let machine = machine.trim();
    let unspool = format!(
        "{}:/usr/local/bin/unspool:ro",
        env!("CARGO_BIN_EXE_unspool")
    );
    let run = [
        "run",
        "--isolation",
        "chroot",
        "-v",
        &unspool,
        machine,
        "--",
    ];
    let install = format!(
        "export DEBIAN_FRONTEND=noninteractive; apt-get update -qq && apt-get install -y -qq --no-install-recommends {PACKAGES}"
    );
    buildah.ok(&[&run[..], &["sh", "-c", &install]].concat());
    let mounted = buildah.ok(&["mount", machine]);
    compile(Path::new(mounted.trim()), folder.path());
    buildah.ok(&[&run[..], &["sh", "-c", JOBS]].concat());
    let srv = Path::new(mounted.trim()).join("srv");
    for (name, output, package, language) in EXPECTED {
        let recorded = std::fs::read_to_string(srv.join(format!("{name}.out"))).expect("read");
        assert_eq!(recorded, output, "{name}, as recorded");
        let file = std::fs::read_to_string(srv.join(name).join("Dockerfile")).expect("read");
        assert!(file.contains(&format!("FROM {tag}\n")), "{file}");
        assert!(file.contains(&format!("      {package} \\\n")), "{file}");
        assert!(file.contains(language), "{file}");
        let again = buildah.build_and_run(&srv.join(name));
        assert!(again.status.success(), "{name}: {}", text(&again.stderr));
        assert_eq!(text(&again.stdout), output, "{name}: {file}");
    }
}
