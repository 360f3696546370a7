//! Many calls in little time.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::time::{Duration, Instant, SystemTime};

use serde_json::json;

use crate::{Outcome, Trouble, sys};

/// `getppid` from several threads.
pub(crate) fn flood(numbers: &[u64]) -> Outcome {
    let &[threads, calls] = numbers else {
        return Err(Trouble::Failed("two numbers, please".to_owned()));
    };
    let workers: Vec<_> = (0..threads)
        .map(|_| {
            std::thread::spawn(move || {
                for _ in 0..calls {
                    sys::getppid();
                }
            })
        })
        .collect();
    for worker in workers {
        worker
            .join()
            .map_err(|_| Trouble::Failed("a thread panicked".to_owned()))?;
    }
    Ok(json!({"processes": 1, "threads": threads + 1, "calls": {"getppid": threads * calls}}))
}

/// Writes of the time into the file `marks` of the working directory, 8 bytes each, one after the other: the file says when each
/// call happened, whether or not somebody recorded it.
pub(crate) fn marks(numbers: &[u64]) -> Outcome {
    let calls = numbers.first().copied().unwrap_or_default();
    let file = std::fs::File::create_new("marks")?;
    for call in 0..calls {
        let since_epoch = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let nanoseconds = u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX);
        file.write_all_at(&nanoseconds.to_le_bytes(), 8 * call)?;
    }
    Ok(json!({"processes": 1, "calls": {"pwrite64": calls}}))
}

/// Bytes from a child through a pipe.
pub(crate) fn pipe_flood(numbers: &[u64]) -> Outcome {
    let bytes = usize::try_from(numbers.first().copied().unwrap_or_default()).unwrap_or(usize::MAX);
    let (mut reader, mut writer) = std::io::pipe()?;
    let child = sys::fork()?;
    if child == 0 {
        drop(reader);
        let written = writer.write_all(&vec![b'x'; bytes]);
        drop(writer);
        sys::exit_now(i32::from(written.is_err()));
    }
    drop(writer);
    let mut buffer = vec![0; 65536];
    let mut total = 0;
    loop {
        match reader.read(&mut buffer)? {
            0 => break,
            len => total += len,
        }
    }
    sys::wait(child, 0)?;
    Ok(json!({"processes": 2, "pipe_bytes": total}))
}

/// Threads that call without pause until the time is over, for attaching to.
#[expect(clippy::disallowed_methods, reason = "the workload ends by the clock")]
pub(crate) fn busy(numbers: &[u64]) -> Outcome {
    let &[threads, milliseconds] = numbers else {
        return Err(Trouble::Failed("two numbers, please".to_owned()));
    };
    let deadline = Instant::now() + Duration::from_millis(milliseconds);
    let workers: Vec<_> = (0..threads)
        .map(|_| {
            std::thread::spawn(move || {
                let mut calls: u64 = 0;
                while Instant::now() < deadline {
                    sys::getppid();
                    calls += 1;
                }
                calls
            })
        })
        .collect();
    let mut calls = 0;
    for worker in workers {
        calls += worker
            .join()
            .map_err(|_| Trouble::Failed("a thread panicked".to_owned()))?;
    }
    Ok(json!({"processes": 1, "threads": threads + 1, "calls_made": calls}))
}
