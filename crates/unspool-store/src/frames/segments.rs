//! The segments of a run, one after the other, plain or compressed.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::scan::{Found, Scanner};
use super::{Frame, FrameHeader, Loss, SEGMENT_HEADER_LEN, SegmentHeader, Totals};
use crate::error::{Result, StoreError};
use crate::files;

/// Largest window that a compressed segment may ask the decompressor for: 2^23 bytes.
const WINDOW_LOG_MAX: u32 = 23;

/// Losses that are listed one by one; from then on they are only summed up in the last one.
pub(crate) const LOSSES_MAX: usize = 1000;

/// File name of a plain segment.
pub(crate) fn segment_path(raw: &Path, number: u32) -> PathBuf {
    raw.join(format!("{number:06}.seg"))
}

/// Whether the segment is not compressed.
pub(crate) fn is_plain(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "seg")
}

/// The segments in a folder, by number. Where both forms exist (a compression was cut short), the plain one.
pub(crate) fn list(raw: &Path) -> Result<Vec<(u32, PathBuf)>> {
    let mut segments: Vec<(u32, PathBuf)> = Vec::new();
    for name in files::names_in(raw)? {
        let number = name
            .strip_suffix(".seg")
            .or_else(|| name.strip_suffix(".seg.zst"))
            .and_then(|number| number.parse().ok());
        // Names are sorted, so that `000001.seg` comes before `000001.seg.zst`.
        if let Some(number) = number
            && segments.last().is_none_or(|last| last.0 != number)
        {
            segments.push((number, raw.join(name)));
        }
    }
    segments.sort_unstable();
    Ok(segments)
}

/// Replaces a plain segment by its compressed form. At any moment one of the two is whole.
pub(crate) fn compress(path: &Path) -> Result<()> {
    let mut name = path.as_os_str().to_os_string();
    name.push(".zst");
    let target = PathBuf::from(name);
    let temporary = files::temporary(&target);
    files::remove_if_there(&temporary)?;
    let mut source = files::open_file(path)?;
    let output = files::create_file(&temporary)?;
    let failed = |source| StoreError::io("compress", path, source);
    let mut encoder = zstd::Encoder::new(output, 1).map_err(failed)?;
    encoder.include_checksum(true).map_err(failed)?;
    io::copy(&mut source, &mut encoder).map_err(failed)?;
    let output = encoder.finish().map_err(failed)?;
    output
        .sync_all()
        .map_err(|source| StoreError::io("sync", &temporary, source))?;
    files::rename(&temporary, &target)?;
    files::sync_parent(&target)?;
    fs::remove_file(path).map_err(|source| StoreError::io("remove", path, source))
}

/// Header of the first segment, if there is one and it is whole.
pub(crate) fn first_header(raw: &Path) -> Result<Option<SegmentHeader>> {
    let Some((_, path)) = list(raw)?.into_iter().next() else {
        return Ok(None);
    };
    let mut head = Vec::new();
    // What cannot be read shows as a loss when the frames are read.
    let read = Source::open(&path).map(|source| {
        source
            .take(SEGMENT_HEADER_LEN as u64)
            .read_to_end(&mut head)
    });
    Ok(read.ok().and_then(|_| SegmentHeader::decode(&head)))
}

enum Source {
    Plain(File),
    Compressed(Box<zstd::Decoder<'static, io::BufReader<File>>>),
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Plain(_) => "Plain",
            Self::Compressed(_) => "Compressed",
        })
    }
}

impl Read for Source {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.read(room),
            Self::Compressed(decoder) => decoder.read(room),
        }
    }
}

impl Source {
    fn open(path: &Path) -> Result<Self> {
        let file = files::open_file(path)?;
        if is_plain(path) {
            return Ok(Self::Plain(file));
        }
        let mut decoder =
            zstd::Decoder::new(file).map_err(|source| StoreError::io("read", path, source))?;
        decoder
            .window_log_max(WINDOW_LOG_MAX)
            .map_err(|source| StoreError::io("read", path, source))?;
        Ok(Self::Compressed(Box::new(decoder)))
    }
}

/// The frames of a run in order. What is damaged or missing is skipped and listed in [`Frames::losses`].
#[derive(Debug)]
pub struct Frames {
    segments: std::vec::IntoIter<(u32, PathBuf)>,
    salt: u32,
    current: Option<(String, Scanner<Source>)>,
    expected: u64,
    totals: Totals,
    seal: Option<Totals>,
    losses: Vec<Loss>,
    ended: bool,
    /// The last frame of a run that is being recorded may be half written.
    live: bool,
}

impl Frames {
    /// `seal` is what the run had when it was closed.
    pub(crate) fn new(raw: &Path, salt: u32, seal: Option<Totals>) -> Result<Self> {
        Ok(Self {
            segments: list(raw)?.into_iter(),
            salt,
            current: None,
            expected: 0,
            totals: Totals::default(),
            seal,
            losses: Vec::new(),
            ended: false,
            live: false,
        })
    }

    /// The run is being written: a torn frame at its end is no loss.
    pub(crate) fn set_live(&mut self) {
        self.live = true;
    }

    /// The next whole frame; `None` at the end. Damage is not an error: look at [`Frames::losses`] at the end.
    pub fn next_frame(&mut self) -> Option<Frame<'_>> {
        let header = self.find()?;
        let bytes = self
            .current
            .as_ref()
            .map_or(&[][..], |(_, scanner)| scanner.payload());
        Some(header.frame(bytes))
    }

    /// What is missing, as far as read; complete once [`Frames::next_frame`] gave `None`.
    pub fn losses(&self) -> &[Loss] {
        &self.losses
    }

    /// What was read.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    fn find(&mut self) -> Option<FrameHeader> {
        loop {
            let Some((name, scanner)) = &mut self.current else {
                if !self.open_next() {
                    self.finish();
                    return None;
                }
                continue;
            };
            match scanner.next(self.expected) {
                Ok(Found::Frame(header)) => {
                    let offset = scanner.offset();
                    let len = scanner.payload().len();
                    if header.seq > self.expected {
                        let name = name.clone();
                        self.gap(name, offset, header.seq - self.expected);
                    }
                    self.expected = header.seq.saturating_add(1);
                    self.totals.add(len, header.crc, header.time_ns);
                    return Some(header);
                }
                Ok(Found::Damage { at_end: true, .. })
                    if self.live && self.segments.as_slice().is_empty() => {}
                Ok(Found::Damage {
                    offset,
                    bytes,
                    zeros,
                    at_end,
                }) => {
                    let reason = match (zeros, at_end) {
                        (true, _) => "bytes that were never written (zeros)",
                        (false, true) => "cut or damaged at the end",
                        (false, false) => "damaged bytes",
                    };
                    let file = name.clone();
                    self.lose(Loss {
                        reason: reason.to_owned(),
                        file,
                        offset,
                        bytes,
                        frames: 0,
                    });
                }
                Ok(Found::End) => self.current = None,
                Err(error) => {
                    let loss = Loss {
                        reason: format!("cannot be read from here on: {error}"),
                        file: name.clone(),
                        offset: scanner.offset(),
                        ..Loss::default()
                    };
                    self.lose(loss);
                    self.current = None;
                }
            }
        }
    }

    /// Opens the next segment; false when there is none.
    fn open_next(&mut self) -> bool {
        let Some((number, path)) = self.segments.next() else {
            return false;
        };
        let name = path.file_name().map_or_else(String::new, |name| {
            format!("raw/{}", name.to_string_lossy())
        });
        let opened = Source::open(&path).and_then(|mut source| {
            let mut head = Vec::with_capacity(SEGMENT_HEADER_LEN);
            (&mut source)
                .take(SEGMENT_HEADER_LEN as u64)
                .read_to_end(&mut head)
                .map_err(|source| StoreError::io("read", &path, source))?;
            Ok((source, head))
        });
        match opened {
            Ok((source, head)) => {
                let header = SegmentHeader::decode(&head);
                if !header.is_some_and(|header| header.number == number && header.salt == self.salt)
                {
                    self.lose(Loss {
                        reason: "damaged header of a segment".to_owned(),
                        file: name.clone(),
                        bytes: head.len() as u64,
                        ..Loss::default()
                    });
                }
                let scanner = Scanner::new(source, self.salt, head.len() as u64);
                self.current = Some((name, scanner));
            }
            Err(error) => self.lose(Loss {
                reason: format!("cannot be read: {error}"),
                file: name,
                ..Loss::default()
            }),
        }
        true
    }

    fn gap(&mut self, file: String, offset: u64, frames: u64) {
        self.lose(Loss {
            reason: "frames are missing before this place".to_owned(),
            file,
            offset,
            bytes: 0,
            frames,
        });
    }

    fn lose(&mut self, loss: Loss) {
        let full = self.losses.len() >= LOSSES_MAX;
        match self.losses.last_mut() {
            Some(last) if full => {
                "more losses, summed up".clone_into(&mut last.reason);
                last.bytes = last.bytes.saturating_add(loss.bytes);
                last.frames = last.frames.saturating_add(loss.frames);
            }
            _ => self.losses.push(loss),
        }
    }

    /// Compares with the seal: a cut between two frames shows in nothing else.
    fn finish(&mut self) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let Some(seal) = self.seal else {
            return;
        };
        if self.expected < seal.frames {
            self.gap(String::new(), 0, seal.frames - self.expected);
        } else if self.losses.is_empty() && self.totals != seal {
            self.lose(Loss {
                reason: "the frames are not those that were sealed".to_owned(),
                ..Loss::default()
            });
        }
    }
}
