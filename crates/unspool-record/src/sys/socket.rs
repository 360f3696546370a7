//! What the kernel's own socket object says, looked at through a copy of a stopped process's descriptor.

use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

use super::{Tid, errno};

/// Longest socket address of the kernel, `_K_SS_MAXSIZE`.
pub(crate) const ADDRESS_BYTES_MAX: usize = 128;

/// One socket address as the kernel wrote it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address {
    bytes: [u8; ADDRESS_BYTES_MAX],
    len: usize,
}

impl Address {
    /// An address from bytes, cut at what the kernel allows.
    pub(crate) fn new(from: &[u8]) -> Self {
        let len = from.len().min(ADDRESS_BYTES_MAX);
        let mut bytes = [0; ADDRESS_BYTES_MAX];
        bytes[..len].copy_from_slice(&from[..len]);
        Self { bytes, len }
    }

    /// The bytes of the address.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

fn owned(result: libc::c_long) -> Result<OwnedFd, i32> {
    let fd = i32::try_from(result).map_err(|_| libc::EBADF)?;
    if fd < 0 {
        return Err(errno());
    }
    // SAFETY: the kernel just gave this descriptor to us alone; both calls set CLOEXEC on it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A descriptor of our own for the open file behind a descriptor of another process (kernel 5.6 and later).
pub(crate) fn copy_of_fd(tgid: Tid, fd: i32) -> Result<OwnedFd, i32> {
    // SAFETY: numbers only.
    let process = owned(unsafe { libc::syscall(libc::SYS_pidfd_open, tgid, 0) })?;
    // SAFETY: numbers only.
    owned(unsafe { libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), fd, 0) })
}

/// One integer option of a socket, 0 if it has none.
pub(crate) fn option(socket: &OwnedFd, name: i32) -> i32 {
    let mut value: i32 = 0;
    let mut len: libc::socklen_t = 4;
    // SAFETY: `value` and `len` are valid places, `len` says how much fits.
    unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            name,
            (&raw mut value).cast(),
            &raw mut len,
        )
    };
    value
}

type NameCall = unsafe extern "C" fn(i32, *mut libc::sockaddr, *mut libc::socklen_t) -> i32;

fn name(socket: &OwnedFd, call: NameCall) -> Option<Address> {
    let mut bytes = MaybeUninit::<[u8; ADDRESS_BYTES_MAX]>::zeroed();
    let mut len: libc::socklen_t = 128;
    // SAFETY: `bytes` has as many bytes as `len` says.
    let result = unsafe { call(socket.as_raw_fd(), bytes.as_mut_ptr().cast(), &raw mut len) };
    if result != 0 {
        return None;
    }
    // SAFETY: all bytes were zeroed or written by the kernel.
    let bytes = unsafe { bytes.assume_init() };
    Some(Address {
        bytes,
        len: (len as usize).min(ADDRESS_BYTES_MAX),
    })
}

/// Local address of a socket.
pub(crate) fn local(socket: &OwnedFd) -> Option<Address> {
    name(socket, libc::getsockname)
}

/// Remote address of a socket, `None` while it is not connected.
pub(crate) fn remote(socket: &OwnedFd) -> Option<Address> {
    name(socket, libc::getpeername)
}
