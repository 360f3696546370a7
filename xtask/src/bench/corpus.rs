//! A large `strace -f -T -ttt -y -yy` log, made on the spot: a real one of a parallel load, then copies of it with fresh
//! process numbers and later times until it is large enough.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Size, folder, installed};

/// Several busy processes at once, so that most calls are split into `<unfinished ...>` and `<... resumed>`.
const LOAD: &str = r#"
cd "$1" || exit 1
for worker in 1 2 3; do
  ( find /usr/include /usr/lib/python3* -type f 2>/dev/null | head -n "$2" | xargs -n 50 sha256sum > /dev/null ) &
  ( find /usr/share /usr/include -type f 2>/dev/null | head -n "$2" | xargs -P 3 -n 40 stat > /dev/null ) &
done
( for i in 1 2 3 4 5 6; do printf 'int f%d(int x){return x*%d;}\n' $i $i > f$i.c; gcc -O1 -c f$i.c & done; wait ) &
command -v python3 > /dev/null && python3 - "$2" <<'PY' &
import os, socket, sys, threading
def talk(count):
    left, right = socket.socketpair()
    for _ in range(count):
        left.send(b"question"); right.recv(64); right.send(b"answer"); left.recv(64)
        with open("/etc/passwd", "rb") as file: file.read()
threads = [threading.Thread(target=talk, args=(int(sys.argv[1]),)) for _ in range(6)]
[t.start() for t in threads]; [t.join() for t in threads]
PY
wait
"#;

/// Finds over many folders, with pipes of filters behind them: names are most of the log.
const FINDS: &str = r#"
cd "$1" || exit 1
for top in /usr/share /usr/include /usr/lib; do
  ( find "$top" -type f 2>/dev/null | grep -v '[.]gz$' | sort | head -n "$2" | wc -l ) &
  ( find "$top" -name '*.h' -size +1 2>/dev/null | head -n "$2" | xargs -n 100 grep -l define | sort -u | wc -c ) &
done
wait
"#;

/// How far process numbers of one copy lie from those of the next; above the default `pid_max`.
const PID_STRIDE: u64 = 40_000;

/// Makes the log and gives its path.
pub(super) fn make(size: Size) -> Result<PathBuf, String> {
    let (files, bytes) = match size {
        Size::Full => (400, 512 << 20),
        Size::Smoke => (40, 8 << 20),
    };
    make_of(LOAD, "", files, bytes)
}

/// Makes a log of finds and pipes and gives its path.
pub(super) fn make_finds(size: Size) -> Result<PathBuf, String> {
    let (files, bytes) = match size {
        Size::Full => (20_000, 300 << 20),
        Size::Smoke => (40, 8 << 20),
    };
    make_of(FINDS, "finds-", files, bytes)
}

fn make_of(load: &str, name: &str, files: u32, bytes: u64) -> Result<PathBuf, String> {
    if !installed("strace") {
        return Err("no `strace` here\nhint: install it (`apt-get install strace`)".to_owned());
    }
    let folder = folder()?;
    let seed = folder.join(format!("{name}seed.log"));
    record(&folder, load, &seed, files)?;
    let log = folder.join(format!("{name}large.log"));
    multiply(&seed, &log, bytes)?;
    Ok(log)
}

fn record(folder: &Path, load: &str, seed: &Path, files: u32) -> Result<(), String> {
    let scratch = folder.join("scratch");
    std::fs::create_dir_all(&scratch)
        .map_err(|error| format!("make `{}`: {error}", scratch.display()))?;
    let status = Command::new("strace")
        .args(["-f", "-T", "-ttt", "-y", "-yy", "-o"])
        .arg(seed)
        .args(["sh", "-c", load, "load"])
        .arg(&scratch)
        .arg(files.to_string())
        .stdout(Stdio::null())
        .status()
        .map_err(|error| format!("run `strace`: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("strace ended with {status}"))
    }
}

/// A line of the seed taken apart: process number, seconds, rest from the decimal point on.
struct Line<'a> {
    pid: u64,
    seconds: u64,
    rest: &'a [u8],
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn take_apart(line: &[u8]) -> Option<Line<'_>> {
    let space = memchr::memchr(b' ', line)?;
    let pid = number(line.get(..space)?)?;
    let rest = line.get(space..)?.trim_ascii_start();
    let dot = memchr::memchr(b'.', rest)?;
    Some(Line {
        pid,
        seconds: number(rest.get(..dot)?)?,
        rest: rest.get(dot..)?,
    })
}

/// Splits a call whose result is a process of the log: what comes before the number, the number, what follows.
fn result_pid<'a>(rest: &'a [u8], pids: &BTreeSet<u64>) -> Option<(&'a [u8], u64, &'a [u8])> {
    const NAMES: [&[u8]; 4] = [b"clone", b"fork", b"wait4", b"waitid"];
    let head = rest.get(..rest.len().min(40))?;
    NAMES
        .iter()
        .find(|name| memchr::memmem::find(head, name).is_some())?;
    let start = memchr::memmem::rfind(rest, b") = ")? + 4;
    let len = rest
        .get(start..)?
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let pid = number(rest.get(start..start + len)?)?;
    pids.contains(&pid)
        .then_some((rest.get(..start)?, pid, rest.get(start + len..)?))
}

fn multiply(seed: &Path, log: &Path, bytes: u64) -> Result<(), String> {
    let text =
        std::fs::read(seed).map_err(|error| format!("read `{}`: {error}", seed.display()))?;
    let lines: Vec<Line<'_>> = text
        .split(|byte| *byte == b'\n')
        .filter_map(take_apart)
        .collect();
    let (Some(first), Some(last)) = (lines.first(), lines.last()) else {
        return Err(format!("`{}` holds no lines of strace", seed.display()));
    };
    let seconds_per_copy = last.seconds.saturating_sub(first.seconds) + 2;
    let pids: BTreeSet<u64> = lines.iter().map(|line| line.pid).collect();
    let writing = |error: std::io::Error| format!("write `{}`: {error}", log.display());
    let mut out = BufWriter::with_capacity(1 << 20, File::create(log).map_err(writing)?);
    let mut written = 0;
    let mut copy = 0;
    while written < bytes {
        for line in &lines {
            let pid = line.pid + copy * PID_STRIDE;
            let seconds = line.seconds + copy * seconds_per_copy;
            let head = format!("{pid:<5} {seconds}");
            out.write_all(head.as_bytes()).map_err(writing)?;
            if let Some((before, child, after)) = result_pid(line.rest, &pids) {
                out.write_all(before).map_err(writing)?;
                write!(out, "{}", child + copy * PID_STRIDE).map_err(writing)?;
                out.write_all(after).map_err(writing)?;
            } else {
                out.write_all(line.rest).map_err(writing)?;
            }
            out.write_all(b"\n").map_err(writing)?;
            written += u64::try_from(head.len() + line.rest.len() + 1).unwrap_or(u64::MAX);
        }
        copy += 1;
    }
    out.flush().map_err(writing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_have_fresh_pids_and_later_times() {
        let folder = std::env::temp_dir().join(format!("unspool-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (seed, log) = (folder.join("seed"), folder.join("log"));
        let text = "17 100.5 vfork( <unfinished ...>\n18 100.6 exit(0) = ?\n17 101.7 <... vfork resumed>) = 18 <0.1>\n17 101.8 read(3, \"\", 9) = 18\n";
        std::fs::write(&seed, text).unwrap();
        multiply(&seed, &log, 150).unwrap();
        let made = std::fs::read_to_string(&log).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        let lines: Vec<&str> = made.lines().collect();
        assert_eq!(lines.len(), 8, "{made}");
        assert_eq!(lines[2], "17    101.7 <... vfork resumed>) = 18 <0.1>");
        assert_eq!(lines[6], "40017 104.7 <... vfork resumed>) = 40018 <0.1>");
        assert_eq!(lines[7], "40017 104.8 read(3, \"\", 9) = 18");
    }
}
