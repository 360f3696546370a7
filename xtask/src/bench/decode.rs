//! Throughput of reading a large strace log, against finding its line ends and against other readers.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::{Size, corpus, timed};

/// Bytes that are read at once.
const CHUNK_BYTES: usize = 4 << 20;

/// Prints the figures.
pub(crate) fn run(size: Size) -> Result<(), String> {
    let log = corpus::make(size)?;
    let (lines, floor) = timed(|| {
        each_chunk(&log, |chunk| {
            memchr::memchr_iter(b'\n', chunk).count() as u64
        })
    });
    let lines: u64 = lines?;
    println!("{lines} lines, {floor:?}");
    Ok(())
}

fn each_chunk(log: &Path, mut work: impl FnMut(&[u8]) -> u64) -> Result<u64, String> {
    let mut file = File::open(log).map_err(|error| format!("open `{}`: {error}", log.display()))?;
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut total = 0;
    loop {
        let len = file
            .read(&mut chunk)
            .map_err(|error| format!("read `{}`: {error}", log.display()))?;
        let Some(filled) = chunk.get(..len).filter(|filled| !filled.is_empty()) else {
            return Ok(total);
        };
        total += work(filled);
    }
}
