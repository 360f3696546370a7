//! Calls by other numbers than those of the machine's main table.

use std::fs;
use std::process::Command;

use serde_json::json;

use crate::{Outcome, Trouble, sys};

fn first(numbers: &[u64]) -> u64 {
    numbers.first().copied().unwrap_or_default()
}

/// `getppid` through the 32-bit entry of a 64-bit program: number 64 there, which is `semget` in the 64-bit table.
#[cfg(target_arch = "x86_64")]
pub(crate) fn int80(numbers: &[u64]) -> Outcome {
    let calls = first(numbers);
    let child = sys::fork()?;
    if child == 0 {
        // A kernel without the 32-bit entry answers with a fault, which ends the child.
        let ours = sys::ids()[0];
        sys::exit_now(i32::from(sys::getppid_int80() == ours.unsigned_abs()));
    }
    if sys::wait(child, 0)? != 0 {
        return Err(Trouble::Skip("this kernel has no 32-bit calls".to_owned()));
    }
    for _ in 0..calls {
        sys::getppid_int80();
    }
    Ok(json!({"processes": 2, "calls": {"getppid": calls + 1, "semget": 0}}))
}

/// Only a PC has this entry.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn int80(_: &[u64]) -> Outcome {
    Err(Trouble::Skip("only x86_64 has `int 0x80`".to_owned()))
}

const PROGRAM: &str = r#"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(int argc, char **argv) {
  int i, fd, calls = atoi(argv[1]);
  for (i = 0; i < calls; i++) syscall(SYS_getppid);
  fd = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (fd < 0 || write(fd, "thirty-two", 10) != 10) return 9;
  return sizeof(long) == 4 ? 6 : 8;
}
"#;

/// A 32-bit program, compiled on the spot.
pub(crate) fn m32(numbers: &[u64]) -> Outcome {
    let calls = first(numbers);
    let folder = std::env::temp_dir().join(format!("torture-m32-{}", sys::ids()[0]));
    fs::create_dir_all(&folder)?;
    let (source, program, made) = (
        folder.join("m32.c"),
        folder.join("m32"),
        folder.join("made"),
    );
    fs::write(&source, PROGRAM)?;
    let compiler = Command::new("gcc")
        .arg("-m32")
        .arg("-o")
        .arg(&program)
        .arg(&source)
        .output();
    if !compiler.is_ok_and(|output| output.status.success()) {
        fs::remove_dir_all(&folder)?;
        return Err(Trouble::Skip(
            "no compiler for 32-bit programs (`gcc -m32`)".to_owned(),
        ));
    }
    let status = Command::new(&program)
        .arg(calls.to_string())
        .arg(&made)
        .status()?;
    fs::remove_dir_all(&folder)?;
    if status.code() != Some(6) {
        return Err(Trouble::Failed(format!(
            "the 32-bit program ended with {status}"
        )));
    }
    Ok(
        json!({"exits": {"6": 1}, "calls": {"getppid": calls}, "writes": {made.to_string_lossy(): 10}}),
    )
}

/// Numbers that no table has.
pub(crate) fn unknown_calls(numbers: &[u64]) -> Outcome {
    let calls = first(numbers);
    for _ in 0..calls {
        for number in [9999, -1] {
            if sys::call(number, [0, 0, 0]) != -1 {
                return Err(Trouble::Failed(format!("call {number} exists here")));
            }
        }
    }
    Ok(json!({"processes": 1, "unknown_calls": calls * 2}))
}
