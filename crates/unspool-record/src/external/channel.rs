//! The FIFO through which a tracer writes its lines.

use crate::options::RecordError;
use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

/// Bytes read at once: what a pipe of Linux holds.
const CHUNK_LEN: usize = 64 << 10;
/// Chunks that wait for the sink. When all are taken the tracer waits, and the job with it: nothing is lost.
const CHUNKS_MAX: usize = 64;

/// Tells the FIFOs of one process apart.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// The reading end of a FIFO, and its name as long as nobody opened it.
#[derive(Debug)]
pub(super) struct Channel {
    path: PathBuf,
    chunks: Receiver<Vec<u8>>,
    reader: Option<std::thread::JoinHandle<()>>,
}

/// What [`Channel::receive`] gives.
#[derive(Debug)]
pub(super) enum Received {
    /// Bytes, not aligned to lines.
    Chunk(Vec<u8>),
    /// Nothing within the time.
    Nothing,
    /// The tracer closed its end.
    End,
}

impl Channel {
    /// Makes a FIFO in `folder`, for its owner only.
    pub(super) fn new(folder: &Path) -> Result<Self, RecordError> {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!(".tracer-{}-{number}", std::process::id()));
        make_fifo(&path).map_err(|source| RecordError::Failed {
            action: "make the tracer's channel in the run folder",
            source,
        })?;
        let (sender, chunks) = sync_channel(CHUNKS_MAX);
        let name = path.clone();
        let reader = std::thread::Builder::new()
            .name("tracer-lines".to_owned())
            .spawn(move || read_all(&name, &sender))
            .map_err(|source| RecordError::Failed {
                action: "start a thread",
                source,
            })?;
        Ok(Self {
            path,
            chunks,
            reader: Some(reader),
        })
    }

    /// Where the tracer writes to.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Waits at most `patience` for bytes.
    pub(super) fn receive(&mut self, patience: Duration) -> Received {
        match self.chunks.recv_timeout(patience) {
            Ok(chunk) => Received::Chunk(chunk),
            Err(RecvTimeoutError::Timeout) => Received::Nothing,
            Err(RecvTimeoutError::Disconnected) => Received::End,
        }
    }

    /// Ends the waiting for a tracer that ended before it opened the FIFO.
    pub(super) fn give_up(&self) {
        // A reader that waits in open(2) goes on when a writer comes, and reads the end when that one closes. Without a
        // reader that waits the open fails, and nothing is to be done.
        drop(
            OpenOptions::new()
                .write(true)
                .custom_flags(libc::O_NONBLOCK)
                .open(&self.path),
        );
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.give_up();
        // The tracer closed its end or never opened it, or an error ends the recording: then the thread ends with the
        // first chunk that nobody takes.
        drop(std::mem::replace(&mut self.chunks, sync_channel(1).1));
        if let Some(reader) = self.reader.take() {
            drop(reader.join());
        }
        drop(std::fs::remove_file(&self.path));
    }
}

/// Reads the FIFO to its end.
fn read_all(path: &Path, sender: &SyncSender<Vec<u8>>) {
    let Ok(mut fifo) = File::open(path) else {
        return;
    };
    // Both ends are open: nobody else may find the name.
    drop(std::fs::remove_file(path));
    loop {
        let mut chunk = vec![0; CHUNK_LEN];
        match fifo.read(&mut chunk) {
            Ok(0) => return,
            Ok(len) => {
                chunk.truncate(len);
                if sender.send(chunk).is_err() {
                    return;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

#[expect(unsafe_code, reason = "std has no mkfifo")]
fn make_fifo(path: &Path) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: `path` is NUL-terminated and lives through the call.
    match unsafe { libc::mkfifo(path.as_ptr(), 0o600) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
