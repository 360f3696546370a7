//! Writes a run: frames while it lives, the seal when it is closed, and the same for one whose recorder died.

use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Seek as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::error::{Result, StoreError};
use crate::files;
use crate::frames::{
    self, FRAME_BYTES_MAX, Frame, Frames, Loss, SEGMENT_BYTES_MAX, SegmentHeader, Totals,
};
use crate::manifest::{FILE_NAME, Manifest, RawKept, Seal, State, clock_name};
use crate::reader::RunReader;
use crate::tables::TableSummary;

/// Locked by the writer of a run while it lives.
pub(crate) const LOCK_NAME: &str = "RECORDING";

/// Space that is set aside, so that a run can be closed on a full disk.
const RESERVE_BYTES: usize = 64 << 10;
const RESERVE_NAME: &str = "reserve";

/// [`Manifest::stopped`] of a run for which there was no space.
pub const DISK_FULL: &str = "disk full";

/// [`Manifest::stopped`] of a run whose file reached the limit on the size of files.
pub const FILE_LIMIT: &str = "limit on the size of files";

/// What becomes of the raw bytes when a run is closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum RawPolicy {
    /// Leave them as they are.
    Keep,
    /// Compress them without loss (raw of external tracers).
    #[default]
    Compress,
    /// Remove them once the tables have been checked (raw of native recorders). Without tables, and in a run that is
    /// incomplete, they are compressed instead.
    Remove,
}

/// How to close a run.
#[derive(Debug, Default)]
pub struct Closing {
    /// What [`crate::TableWriter::finish`] gave.
    pub tables: Option<TableSummary>,
    /// What becomes of the raw bytes.
    pub raw: RawPolicy,
}

/// Writes one run. Dropped without [`RunWriter::close`], it leaves a run that is incomplete and readable.
#[derive(Debug)]
pub struct RunWriter {
    folder: PathBuf,
    /// What the folder was before.
    found: Found,
    lock: File,
    manifest: Manifest,
    salt: u32,
    /// Whether the first manifest and the folder of the segments survive a power cut; the command does not wait for that.
    is_settled: bool,
    segment: Option<Segment>,
    segments: u32,
    totals: Totals,
    buffer: Vec<u8>,
    stopped: Option<String>,
    dropped: Loss,
}

#[derive(Debug)]
struct Segment {
    file: File,
    path: PathBuf,
    len: u64,
}

impl RunWriter {
    /// Makes the folder (mode 0700; an empty one is taken) and the first manifest. What it made is gone when it fails.
    pub fn create(folder: &Path, manifest: Manifest) -> Result<Self> {
        let found = Found::look(folder);
        files::make_private_folder(folder)?;
        let begun = Self::begin(folder, found, manifest);
        if begun.is_err() {
            // The first error is the one that tells.
            drop(take_back(folder, found));
        }
        begun
    }

    fn begin(folder: &Path, found: Found, manifest: Manifest) -> Result<Self> {
        let lock = create_lock(folder)?;
        let mut manifest = manifest;
        manifest.state = State::Recording;
        manifest.place(folder)?;
        set_aside(&folder.join(RESERVE_NAME))?;
        Ok(Self {
            folder: folder.to_path_buf(),
            found,
            lock,
            salt: frames::salt(&manifest.id),
            manifest,
            is_settled: false,
            segment: None,
            segments: 0,
            totals: Totals::default(),
            buffer: Vec::new(),
            stopped: None,
            dropped: Loss::default(),
        })
    }

    /// Folder of the run.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What was written.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// The manifest, to fill in what is known at the end; written by [`RunWriter::close`].
    pub fn manifest_mut(&mut self) -> &mut Manifest {
        &mut self.manifest
    }

    /// Why nothing is written any more, if so.
    pub fn stopped(&self) -> Option<&str> {
        self.stopped.as_deref()
    }

    /// Appends a piece of a stream with one `write`, so that it outlives this process. After the first error nothing
    /// more is written: every later piece is counted as lost and gives [`StoreError::Stopped`].
    pub fn append(&mut self, stream: u16, kind: u16, bytes: &[u8], time_ns: i64) -> Result<()> {
        if let Some(why) = &self.stopped {
            let error = StoreError::Stopped {
                path: self.folder.clone(),
                why: why.clone(),
            };
            self.drop_piece(bytes.len());
            return Err(error);
        }
        let mut rest = bytes;
        loop {
            let (piece, tail) = rest.split_at(rest.len().min(FRAME_BYTES_MAX));
            if let Err(error) = self.append_frame(stream, kind, piece, time_ns) {
                self.stop(&error);
                self.drop_piece(rest.len());
                return Err(error);
            }
            rest = tail;
            if rest.is_empty() {
                return Ok(());
            }
        }
    }

    fn append_frame(&mut self, stream: u16, kind: u16, bytes: &[u8], time_ns: i64) -> Result<()> {
        let frame = Frame {
            seq: self.totals.frames,
            stream,
            kind,
            time_ns,
            bytes,
        };
        self.buffer.clear();
        let crc = frames::encode(&frame, self.salt, &mut self.buffer);
        let len = self.buffer.len() as u64;
        if self
            .segment
            .as_ref()
            .is_none_or(|segment| segment.len + len > SEGMENT_BYTES_MAX)
        {
            self.roll()?;
        }
        if let Some(segment) = &mut self.segment {
            segment.write(&self.buffer)?;
        }
        self.totals.add(bytes.len(), crc, time_ns);
        Ok(())
    }

    /// Ends the segment and begins the next one.
    fn roll(&mut self) -> Result<()> {
        self.sync()?;
        let raw = self.folder.join("raw");
        if self.segments == 0 {
            files::make_private_folder(&raw)?;
        }
        let number = self.segments + 1;
        let path = frames::segment_path(&raw, number);
        let mut segment = Segment {
            file: files::create_file(&path)?,
            path,
            len: 0,
        };
        let header = SegmentHeader {
            number,
            first_seq: self.totals.frames,
            salt: self.salt,
        };
        segment.write(&header.encode())?;
        // The first is begun before the command is: its folder survives a power cut from the first sync on, as the manifest does.
        if number > 1 {
            files::sync_folder(&raw)?;
        }
        self.segments = number;
        self.segment = Some(segment);
        Ok(())
    }

    /// Goes on behind what another process wrote through its copy of this writer (fork(2)) until it died: a frame that it wrote
    /// in part is cut off. Gives the payload of the last whole frame, empty when there is none.
    pub fn resume(&mut self) -> Result<Vec<u8>> {
        let raw = self.folder.join("raw");
        let mut last = Vec::new();
        if !raw.exists() {
            return Ok(last);
        }
        let segments = frames::list(&raw)?;
        let mut written = Frames::new(&raw, self.salt, None)?;
        while let Some(frame) = written.next_frame() {
            last.clear();
            last.extend_from_slice(frame.bytes);
        }
        if let (Some((_, path)), Some(loss)) = (segments.last(), written.losses().last())
            && loss
                .file
                .ends_with(&*path.file_name().unwrap_or_default().to_string_lossy())
        {
            let cut = File::options().write(true).open(path);
            cut.and_then(|file| file.set_len(loss.offset))
                .map_err(|source| StoreError::io("cut", path, source))?;
        }
        self.totals = written.totals();
        self.segments = segments.last().map_or(0, |(number, _)| *number);
        self.segment = None;
        Ok(last)
    }

    /// Makes what was appended survive a power cut. Call it once a second.
    pub fn sync(&mut self) -> Result<()> {
        let Some(segment) = &self.segment else {
            return Ok(());
        };
        let synced = segment
            .file
            .sync_data()
            .map_err(|source| StoreError::io("sync", &segment.path, source))
            .and_then(|()| {
                if self.is_settled {
                    return Ok(());
                }
                files::sync_folder(&self.folder.join("raw"))?;
                Manifest::settle(&self.folder)
            });
        self.is_settled |= synced.is_ok();
        if let Err(error) = &synced {
            // The kernel drops dirty pages after a failed fsync: nobody knows what of them is on the disk.
            self.stop(error);
            self.manifest.losses.push(Loss {
                reason: format!("{error}: bytes since the last sync may be missing"),
                ..Loss::default()
            });
        }
        synced
    }

    fn stop(&mut self, error: &StoreError) {
        if self.stopped.is_none() {
            let why = match error {
                StoreError::DiskFull { .. } => DISK_FULL.to_owned(),
                StoreError::FileLimit { .. } => FILE_LIMIT.to_owned(),
                other => other.to_string(),
            };
            self.stopped = Some(why);
        }
    }

    fn drop_piece(&mut self, len: usize) {
        self.dropped.frames += len.div_ceil(FRAME_BYTES_MAX).max(1) as u64;
        self.dropped.bytes += len as u64;
    }

    /// Takes back a run that was begun in vain: the folder goes, and one that was there before is empty again.
    pub fn discard(self) -> Result<()> {
        take_back(&self.folder, self.found)
    }

    /// Seals the run and gives its manifest as written. It is complete unless something stopped it: an error of this
    /// writer, or what the caller put into [`Manifest::stopped`]. With an error the run stays readable, and incomplete.
    pub fn close(mut self, closing: &Closing) -> Result<Manifest> {
        // A failed sync is in the manifest by now; the run is closed all the same, as incomplete.
        let synced = self.sync();
        files::remove_if_there(&self.folder.join(RESERVE_NAME))?;
        if let Some(why) = &self.stopped {
            self.manifest.stopped = Some(why.clone());
            self.dropped.reason = format!("not written: {why}");
        }
        if self.dropped.frames > 0 {
            self.manifest.losses.push(self.dropped.clone());
        }
        let state = if self.manifest.stopped.is_some() {
            State::Incomplete
        } else {
            State::Complete
        };
        seal(
            &self.folder,
            &mut self.manifest,
            self.totals,
            state,
            closing,
        )?;
        fs_end(&self.folder, &self.lock)?;
        synced.map(|()| self.manifest)
    }
}

impl Segment {
    /// Writes all or, as far as the disk allows, nothing.
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if let Err(source) = self.file.write_all(bytes) {
            // A torn frame would be skipped by its checksum; without it the segment even looks whole.
            drop(self.file.set_len(self.len));
            drop(self.file.seek(std::io::SeekFrom::Start(self.len)));
            return Err(StoreError::io("write", &self.path, source));
        }
        self.len += bytes.len() as u64;
        Ok(())
    }
}

/// Closes a run whose recorder died: the caller reads the frames, decodes and tracks them, writes tables, and ends it.
#[derive(Debug)]
pub struct Recovery {
    folder: PathBuf,
    lock: File,
    reader: RunReader,
}

impl Recovery {
    /// Takes the run over; fails with [`StoreError::Live`] while it is being recorded.
    pub fn begin(folder: &Path) -> Result<Self> {
        let lock_path = folder.join(LOCK_NAME);
        let reader = RunReader::open(folder)?;
        let lock = match files::open_file(&lock_path) {
            Ok(file) => take_lock(&lock_path, file)?,
            Err(StoreError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                create_lock(folder)?
            }
            Err(error) => return Err(error),
        };
        let tables = folder.join("tables");
        for name in files::names_in(&tables)? {
            if Path::new(&name)
                .extension()
                .is_some_and(|extension| extension == "tmp")
            {
                files::remove_if_there(&tables.join(name))?;
            }
        }
        Ok(Self {
            folder: folder.to_path_buf(),
            lock,
            reader,
        })
    }

    /// Folder of the run.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Reads what is left.
    pub fn reader(&self) -> &RunReader {
        &self.reader
    }

    /// Seals what is left, as an incomplete and recovered run; a run that had been complete and whose frames are all
    /// there (only tables were made again) stays complete. `manifest` is the reader's, completed by the caller;
    /// `totals` and `losses` are what reading the frames gave.
    pub fn finish(
        self,
        mut manifest: Manifest,
        totals: Totals,
        losses: &[Loss],
        closing: &Closing,
    ) -> Result<Manifest> {
        files::remove_if_there(&self.folder.join(RESERVE_NAME))?;
        let whole = losses.is_empty()
            && manifest.state == State::Complete
            && manifest.seal.is_some_and(|seal| seal.frames == totals);
        let state = if whole {
            State::Complete
        } else {
            manifest.recovered = true;
            State::Incomplete
        };
        for loss in losses {
            if !manifest.losses.contains(loss) {
                manifest.losses.push(loss.clone());
            }
        }
        seal(&self.folder, &mut manifest, totals, state, closing)?;
        fs_end(&self.folder, &self.lock)?;
        Ok(manifest)
    }
}

/// Writes the sealed manifest, then does what the policy says with the raw bytes.
fn seal(
    folder: &Path,
    manifest: &mut Manifest,
    totals: Totals,
    state: State,
    closing: &Closing,
) -> Result<()> {
    let segments = frames::list(&folder.join("raw"))?;
    manifest.format = crate::manifest::FORMAT_VERSION;
    manifest.state = state;
    manifest.tables.clear();
    let mut events = 0;
    if let Some(tables) = &closing.tables {
        tables.verify(folder)?;
        manifest.tables.clone_from(&tables.files);
        events = tables.events;
        if events > 0 {
            clock_name(tables.clock).clone_into(&mut manifest.clock);
        }
    }
    manifest.seal = Some(Seal {
        frames: totals,
        segments: u32::try_from(segments.len()).unwrap_or(u32::MAX),
        events,
    });
    let remove =
        closing.raw == RawPolicy::Remove && closing.tables.is_some() && state == State::Complete;
    manifest.raw = match (segments.is_empty(), closing.raw) {
        (true, _) => RawKept::None,
        (false, RawPolicy::Keep) => RawKept::Plain,
        (false, RawPolicy::Remove) if remove => RawKept::Removed,
        // On a full disk there is no room for a compressed copy; below a limit it might be too large.
        (false, _) if matches!(manifest.stopped.as_deref(), Some(DISK_FULL | FILE_LIMIT)) => {
            RawKept::Plain
        }
        (false, _) => RawKept::Compressed,
    };
    manifest.write(folder)?;
    for (_, path) in &segments {
        match manifest.raw {
            RawKept::Compressed if frames::is_plain(path) => frames::compress(path)?,
            RawKept::Removed => files::remove_if_there(path)?,
            _ => {}
        }
    }
    if manifest.raw == RawKept::Removed {
        // Fails when something else is in the folder: that stays.
        drop(fs::remove_dir(folder.join("raw")));
    }
    Ok(())
}

/// Removes the lock file once the manifest says how the run ended, and lets go of it.
fn fs_end(folder: &Path, lock: &File) -> Result<()> {
    let path = folder.join(LOCK_NAME);
    files::remove_if_there(&path)?;
    lock.unlock()
        .map_err(|source| StoreError::io("unlock", &path, source))?;
    files::sync_folder(folder)
}

/// What a run's folder was before the run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Found {
    Nothing,
    /// An empty folder with this mode.
    Empty(u32),
}

impl Found {
    fn look(folder: &Path) -> Self {
        fs::symlink_metadata(folder).map_or(Self::Nothing, |data| {
            Self::Empty(data.permissions().mode() & 0o7777)
        })
    }
}

/// Removes what a run's writers make. What somebody else put beside it stays, and the folder with it.
fn take_back(folder: &Path, found: Found) -> Result<()> {
    for name in [LOCK_NAME, FILE_NAME, RESERVE_NAME] {
        let path = folder.join(name);
        files::remove_if_there(&files::temporary(&path))?;
        files::remove_if_there(&path)?;
    }
    for name in ["raw", "tables"] {
        let path = folder.join(name);
        match fs::remove_dir_all(&path) {
            Err(source) if source.kind() != ErrorKind::NotFound => {
                return Err(StoreError::io("remove", &path, source));
            }
            _ => {}
        }
    }
    let taken = match found {
        Found::Nothing => fs::remove_dir(folder),
        Found::Empty(mode) => fs::set_permissions(folder, fs::Permissions::from_mode(mode)),
    };
    match taken {
        Err(source) if source.kind() != ErrorKind::DirectoryNotEmpty => {
            Err(StoreError::io("remove", folder, source))
        }
        _ => Ok(()),
    }
}

/// Takes the space for the end. Where files may not be so large, other files still may be made.
fn set_aside(path: &Path) -> Result<()> {
    match files::create_file(path)?.write_all(&vec![0; RESERVE_BYTES]) {
        Err(source) if source.kind() == ErrorKind::FileTooLarge => Ok(()),
        written => written.map_err(|source| StoreError::io("write", path, source)),
    }
}

/// Makes the lock file under another name first, so that nobody sees it unlocked.
fn create_lock(folder: &Path) -> Result<File> {
    let path = folder.join(LOCK_NAME);
    let temporary = files::temporary(&path);
    files::remove_if_there(&temporary)?;
    let lock = take_lock(&temporary, files::create_file(&temporary)?)?;
    files::rename(&temporary, &path)?;
    Ok(lock)
}

fn take_lock(path: &Path, file: File) -> Result<File> {
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Live {
            path: path.parent().unwrap_or(path).to_path_buf(),
        }),
        Err(TryLockError::Error(source)) => Err(StoreError::io("lock", path, source)),
    }
}

#[cfg(test)]
mod tests;
