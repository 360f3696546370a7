//! The clock and the random source of the binary: ids of runs, keys of scrubbers.

use std::fs::File;
use std::io::Read as _;

use anyhow::{Context as _, Result};

/// Nanoseconds since the epoch.
pub(crate) fn now_ns() -> i64 {
    i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX)
}

/// Bytes of the system's random source.
pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .context("cannot read random bytes from `/dev/urandom`")?;
    Ok(bytes)
}

/// A new run's id: sortable by time to the millisecond, unique by chance: `20261121-042731-250-7f3a`.
pub(crate) fn run_id() -> Result<String> {
    let now = jiff::Timestamp::now();
    let [a, b] = random()?;
    Ok(format!(
        "{}-{:03}-{a:02x}{b:02x}",
        now.strftime("%Y%m%d-%H%M%S"),
        now.subsec_millisecond()
    ))
}
