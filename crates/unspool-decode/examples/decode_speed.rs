//! Measures decoding against finding line ends with memchr, in the same run.
//!
//! `cargo run --release -p unspool-decode --example decode_speed FILE [ROUNDS]`
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark prints what the clock says"
)]

use std::error::Error;
use std::fs::File;
use std::io::Read as _;
use std::time::Instant;

use unspool_decode::strace::StraceDecoder;
use unspool_decode::{DecodeStats, Decoder as _, DecoderOptions};
use unspool_model::event::{Diagnostic, Event, EventSink, Kind};

/// Size of a read.
const CHUNK_BYTES: usize = 256 << 10;

/// Looks at every event, so that nothing can be left out.
#[derive(Default)]
struct Sum {
    events: u64,
    diagnostics: u64,
    args: usize,
    time_ns: i64,
}

impl EventSink for Sum {
    fn event(&mut self, event: &Event<'_>) {
        self.events += 1;
        self.time_ns = self.time_ns.wrapping_add(event.time_ns);
        if let Kind::Call(call) = &event.kind {
            self.args += call.args.as_slice().len();
        }
    }

    fn diagnostic(&mut self, _diagnostic: Diagnostic) {
        self.diagnostics += 1;
    }
}

/// Reads the file in chunks; returns its size.
fn read(path: &str, mut use_chunk: impl FnMut(&[u8])) -> Result<u64, Box<dyn Error>> {
    let mut file = File::open(path).map_err(|error| format!("cannot open `{path}`: {error}"))?;
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut bytes = 0;
    loop {
        let len = file.read(&mut buffer)?;
        if len == 0 {
            return Ok(bytes);
        }
        bytes += len as u64;
        use_chunk(buffer.get(..len).unwrap_or(&[]));
    }
}

#[expect(clippy::cast_precision_loss, reason = "rates for people")]
fn rate(what: &str, bytes: u64, lines: u64, seconds: f64) -> f64 {
    let rate = bytes as f64 / seconds / 1e9;
    println!(
        "{what:<8} {seconds:7.3} s  {rate:6.3} GB/s  {:7.2} M lines/s",
        lines as f64 / seconds / 1e6
    );
    rate
}

fn decode(path: &str) -> Result<(DecodeStats, Sum), Box<dyn Error>> {
    let mut decoder = StraceDecoder::new(&DecoderOptions::default());
    let mut sum = Sum::default();
    read(path, |chunk| decoder.push(chunk, &mut sum))?;
    decoder.finish(&mut sum);
    Ok((decoder.stats(), sum))
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let path = args.next().ok_or("usage: decode_speed FILE [ROUNDS]")?;
    let rounds: u32 = args.next().map_or(Ok(3), |text| text.parse())?;
    // Warms the page cache.
    read(&path, |_| {})?;
    for _ in 0..rounds {
        let start = Instant::now();
        let mut lines = 0_u64;
        let mut longest = 0;
        let bytes = read(&path, |chunk| {
            let mut last = 0;
            for end in memchr::memchr_iter(b'\n', chunk) {
                longest = longest.max(end - last);
                last = end;
                lines += 1;
            }
        })?;
        let floor = rate("floor", bytes, lines, start.elapsed().as_secs_f64());
        let start = Instant::now();
        let (stats, sum) = decode(&path)?;
        let decoded = rate("decode", bytes, lines, start.elapsed().as_secs_f64());
        println!(
            "ratio {:.3}; {} events, {} calls, {} halves, {} diagnostics, {} not accounted, longest line {longest}, checks {} {}",
            decoded / floor,
            sum.events,
            stats.calls,
            stats.half_lines,
            sum.diagnostics,
            stats.lines - stats.accounted(),
            sum.args,
            sum.time_ns
        );
    }
    Ok(())
}
