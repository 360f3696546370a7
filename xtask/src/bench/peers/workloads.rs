//! The workloads: what is run plain and recorded.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::measure::Setting;
use super::recorders::{Pace, Recorder};
use super::{Size, installed};

/// Files that the checksums are taken of.
const FILES: u32 = 8000;
/// C files that are compiled.
const SOURCES: u32 = 32;

/// A workload. `$N` in the script is its size, `$DATA` the folder of what was prepared.
pub(super) struct Workload {
    pub(super) name: &'static str,
    pub(super) script: &'static str,
    /// What one of N is.
    pub(super) unit: &'static str,
    programs: &'static [&'static str],
    fast: u32,
    slow: u32,
    /// 0: takes minutes.
    crawl: u32,
    smoke: u32,
    /// The script serves requests that come from outside; N are requests.
    pub(super) is_server: bool,
}

pub(super) static WORKLOADS: &[Workload] = &[
    Workload {
        name: "storm",
        script: "exec dd if=/dev/zero of=/dev/null bs=1 count=$N status=none",
        unit: "1-byte copies by dd",
        programs: &["dd"],
        fast: 2_000_000,
        slow: 50_000,
        crawl: 2000,
        smoke: 2000,
        is_server: false,
    },
    Workload {
        name: "forks",
        script: "i=0; while [ $i -lt $N ]; do /bin/true; i=$((i+1)); done",
        unit: "/bin/true from a shell",
        programs: &["true"],
        fast: 1000,
        slow: 250,
        crawl: 20,
        smoke: 10,
        is_server: false,
    },
    Workload {
        name: "compile",
        script: "set -e; i=0; while [ $i -lt $N ]; do gcc -O1 -c -o o$i.o $DATA/src/f$i.c; i=$((i+1)); done; if [ $N = 32 ]; then gcc -o all o*.o; fi",
        unit: "C files compiled",
        programs: &["gcc"],
        fast: SOURCES,
        slow: SOURCES,
        crawl: 0,
        smoke: 1,
        is_server: false,
    },
    Workload {
        name: "checksums",
        script: "find $DATA/files -type f -name '[a-$N]*' -print0 | xargs -0 -n 500 sha256sum > sums",
        unit: "find + sha256sum over 8,000 files",
        programs: &["find", "xargs", "sha256sum"],
        fast: 0,
        slow: 0,
        crawl: 0,
        smoke: 0,
        is_server: false,
    },
    Workload {
        name: "redis",
        script: "exec redis-server --port $PORT --bind 127.0.0.1 --save '' --appendonly no --daemonize no --loglevel warning",
        unit: "requests SET and GET, 50 clients",
        programs: &["redis-server", "redis-benchmark", "redis-cli"],
        fast: 150_000,
        slow: 8000,
        crawl: 0,
        smoke: 500,
        is_server: true,
    },
];

impl Workload {
    /// Fails when a program is missing.
    pub(super) fn check(&self) -> Result<(), String> {
        match self.programs.iter().find(|program| !installed(program)) {
            None => Ok(()),
            Some(program) => Err(format!("`{program}` is not installed")),
        }
    }

    /// Whether it takes a recorder minutes.
    pub(super) fn is_too_much_for(&self, recorder: &Recorder) -> bool {
        recorder.pace == Pace::Crawl && self.crawl == 0
    }

    /// N for a recorder.
    pub(super) fn size(&self, size: Size, recorder: &Recorder) -> u32 {
        match (size, recorder.pace) {
            (_, Pace::Crawl) => self.crawl,
            (Size::Smoke, _) => self.smoke,
            (Size::Full, Pace::Fast) => self.fast,
            (Size::Full, Pace::Slow) => self.slow,
        }
    }

    /// The script with its size and folders.
    pub(super) fn text(&self, setting: &Setting, count: u32) -> String {
        let data = setting.folder.join("data");
        // Folders `a` to `t` hold the files; a smoke test takes those of one.
        let last = if setting.size == Size::Smoke {
            "a"
        } else {
            "z"
        };
        let count = if self.name == "checksums" {
            last.to_owned()
        } else {
            count.to_string()
        };
        self.script
            .replace("$N", &count)
            .replace("$DATA", &data.to_string_lossy())
            .replace("$PORT", &super::measure::PORT.to_string())
    }

    /// Makes the files that it works on, once.
    pub(super) fn prepare(&self, setting: &Setting) -> Result<(), String> {
        let data = setting.folder.join("data");
        let done = data.join(self.name);
        if done.exists() {
            return Ok(());
        }
        let made = match self.name {
            "compile" => sources(&data.join("src")),
            "checksums" => files(&data.join("files")),
            _ => fs::create_dir_all(&data),
        };
        made.and_then(|()| fs::write(&done, ""))
            .map_err(|error| format!("make the files of `{}`: {error}", self.name))
    }
}

/// C files of some hundred lines, of which the first has `main`.
fn sources(folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    for file in 0..SOURCES {
        let mut text = String::from(
            "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <math.h>\n#include <time.h>\n",
        );
        for function in 0..40 {
            writeln!(
                text,
                "int f{file}_{function}(int n) {{\n  char text[64];\n  int sum = {function};\n  for (int i = 0; i < n; i++) {{\n    snprintf(text, sizeof text, \"%d\", i * {function});\n    sum += (int)strlen(text) ^ (i << {});\n  }}\n  return sum;\n}}",
                function % 7
            )
            .expect("a string takes all");
        }
        if file == 0 {
            text.push_str(
                "int main(int argc, char **argv) { (void)argv; return f0_0(argc) == 42; }\n",
            );
        }
        fs::write(folder.join(format!("f{file}.c")), text)?;
    }
    Ok(())
}

/// Files of 1 to 16 kB in 80 folders.
fn files(folder: &Path) -> std::io::Result<()> {
    for number in 0..FILES {
        let letter = char::from(b'a' + u8::try_from(number % 20).unwrap_or(0));
        let inner = folder.join(format!("{letter}{}", number / 20 % 4));
        fs::create_dir_all(&inner)?;
        let len = 1024 + usize::try_from(number % 16).unwrap_or(0) * 1000;
        let byte = u8::try_from(number % 251).unwrap_or(0);
        fs::write(inner.join(format!("{letter}{number}")), vec![byte; len])?;
    }
    Ok(())
}
