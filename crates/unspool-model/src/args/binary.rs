//! Arguments of native records: little-endian structures of the kernel ABI.

use super::FdArg;
use crate::event::ExitStatus;
use crate::ids::Fd;

/// The i32s of `bytes` as descriptors.
pub(super) fn fds<'a>(bytes: &[u8]) -> Vec<FdArg<'a>> {
    ints(bytes).map(bare_fd).collect()
}

/// The first two i32s of `bytes` as descriptors.
pub(super) fn fd_pair<'a>(bytes: &[u8]) -> Option<[FdArg<'a>; 2]> {
    let mut ints = ints(bytes);
    Some([bare_fd(ints.next()?), bare_fd(ints.next()?)])
}

/// Wait status, when it tells of an end (not of a stop or a continue).
pub(super) fn wait_status(status: i32) -> Option<ExitStatus> {
    let stopped = status & 0xff == 0x7f;
    let continued = status == 0xffff;
    (!stopped && !continued).then(|| ExitStatus::from_wait(status))
}

/// u64 at a byte offset.
pub(super) fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    let bytes = bytes.get(offset..)?.first_chunk::<8>()?;
    Some(u64::from_le_bytes(*bytes))
}

fn ints(bytes: &[u8]) -> impl Iterator<Item = i32> {
    bytes.chunks_exact(4).filter_map(|chunk| {
        let chunk: &[u8; 4] = chunk.try_into().ok()?;
        Some(i32::from_le_bytes(*chunk))
    })
}

fn bare_fd<'a>(fd: i32) -> FdArg<'a> {
    FdArg {
        fd: Fd(fd),
        path: &[],
        escaped: false,
    }
}
