//! Prints arguments of native records as strace would.

use super::{Arg, Args};
use crate::syscalls::Syscall;

/// Appends the arguments, separated by `, `.
pub(super) fn print(args: &Args<'_>, call: Option<Syscall>, out: &mut Vec<u8>) {
    let _ = call;
    for (index, arg) in args.as_slice().iter().enumerate() {
        if index > 0 {
            out.extend_from_slice(b", ");
        }
        if let Arg::Number(value) = arg {
            out.extend_from_slice(value.to_string().as_bytes());
        }
    }
}
