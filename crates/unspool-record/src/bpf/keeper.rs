//! A small process that holds the ring beside the recorder. When the recorder is killed, what the ring still holds goes into the run;
//! else it ends with the recorder. The job notices neither.

use std::io::{Read as _, Write as _};

use unspool_decode::native::format::{kind, tag};

use super::kernel::{self, Forked};
use super::recorder::Recorder;
use super::rings::Position;
use crate::native::stream::CLOCK;
use crate::options::RecordError;
use crate::sys::{self, Tid};

/// The recorder's end: its death is seen by the keeper.
#[derive(Debug)]
pub(super) struct Keeper {
    pid: Tid,
    life: std::io::PipeWriter,
}

impl Keeper {
    /// Starts the process. `recorder` is complete, nothing is recorded yet.
    pub(super) fn start(recorder: &mut Recorder<'_>) -> Result<Self, RecordError> {
        // What is buffered would be written twice.
        recorder.writer.flush();
        let failed = |source| RecordError::Failed {
            action: "start the keeper of the ring",
            source,
        };
        match kernel::fork_keeper().map_err(failed)? {
            Forked::Recorder(pid, life) => Ok(Self { pid, life }),
            Forked::Keeper(mut life) => {
                let mut byte = [0];
                let ended_well = loop {
                    match life.read(&mut byte) {
                        Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                        Ok(0) | Err(_) => break false,
                        Ok(_) => break true,
                    }
                };
                if !ended_well {
                    recorder.take_over();
                }
                kernel::end_process()
            }
        }
    }
}

impl Keeper {
    /// Its process.
    pub(super) fn pid(&self) -> Tid {
        self.pid
    }
}

impl Drop for Keeper {
    /// The recorder has written everything itself, or gave up.
    fn drop(&mut self) {
        // A keeper that is gone needs no word.
        drop(self.life.write_all(&[1]));
        kernel::await_end(self.pid);
    }
}

impl Recorder<'_> {
    /// Writes what the killed recorder left in the ring.
    fn take_over(&mut self) {
        let Some(last) = self.writer.resume() else {
            return;
        };
        // This side was not told who lives.
        self.may_meet_others = false;
        if let Some(position) = position_at_end(&last) {
            self.skip_to(position);
            self.has_begun();
        }
        self.drain_all();
        let now = sys::clock_ns(CLOCK);
        self.writer.begin(kind::NOTE, 0, now);
        self.writer.item(
            tag::TEXT,
            b"the recorder was killed; what it had not written yet was saved",
        );
        self.writer.end();
        self.end_stream(now);
    }
}

/// The position that a piece of the stream ends with.
fn position_at_end(piece: &[u8]) -> Option<Position> {
    let record = piece.last_chunk::<{ super::recorder::POSITION_BYTES }>()?;
    let [kind, ..] = *record;
    let (rest, short) = record.split_last_chunk::<8>()?;
    let long = rest.last_chunk::<8>()?;
    (kind == kind::POSITION).then(|| Position {
        long: u64::from_le_bytes(*long),
        short: u64::from_le_bytes(*short),
    })
}
