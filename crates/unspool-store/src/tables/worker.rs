//! Encodes and writes batches on a thread of its own, so that tracking goes on meanwhile.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use arrow_array::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::{ARGS_REST, TableId, VALUE, table_path};
use crate::error::{Result, StoreError};
use crate::files;
use crate::manifest::TableInfo;

/// Rows of a row group: what is decoded at once by a reader that wants a part.
pub(crate) const ROW_GROUP_ROWS: usize = 128 << 10;

/// A row group is ended early when it holds this much encoded, so that memory does not grow with long arguments.
const ROW_GROUP_BYTES_MAX: usize = 32 << 20;

/// Rows of a page, the unit that the page index tells apart.
const PAGE_ROWS: usize = 16 << 10;

/// Batches that wait for the writer.
const QUEUE: usize = 3;

/// What is sent to the thread.
type Message = (TableId, RecordBatch);

/// The thread that writes.
#[derive(Debug)]
pub(crate) struct Worker {
    queue: Option<SyncSender<Message>>,
    thread: Option<JoinHandle<Result<Vec<TableInfo>>>>,
    folder: PathBuf,
}

impl Worker {
    /// Makes the files `tables/NAME.parquet.tmp`.
    pub(crate) fn start(run: &Path) -> Result<Self> {
        let mut tables = Vec::with_capacity(TableId::ALL.len());
        for id in TableId::ALL {
            tables.push(TableFile::create(run, id)?);
        }
        let (queue, batches) = sync_channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("tables".to_owned())
            .spawn(move || write_all(tables, &batches))
            .map_err(|source| StoreError::io("start a thread for", run, source))?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
            folder: run.to_path_buf(),
        })
    }

    /// Hands a batch over; false once the thread has failed.
    pub(crate) fn send(&self, id: TableId, batch: RecordBatch) -> bool {
        self.queue
            .as_ref()
            .is_some_and(|queue| queue.send((id, batch)).is_ok())
    }

    /// Waits until everything is on the disk; the infos are in the order of [`TableId::ALL`].
    pub(crate) fn finish(mut self) -> Result<Vec<TableInfo>> {
        drop(self.queue.take());
        let gone = || StoreError::Worker {
            path: self.folder.clone(),
        };
        let thread = self.thread.take().ok_or_else(gone)?;
        thread.join().map_err(|_| gone())?
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            // Its result does not matter: the tables were given up.
            drop(thread.join());
        }
    }
}

fn write_all(mut tables: Vec<TableFile>, batches: &Receiver<Message>) -> Result<Vec<TableInfo>> {
    for (id, batch) in batches {
        if let Some(table) = tables.get_mut(id as usize) {
            table.write(&batch)?;
        }
    }
    tables.into_iter().map(TableFile::close).collect()
}

struct TableFile {
    writer: ArrowWriter<Output>,
    path: PathBuf,
    rows: u64,
}

impl TableFile {
    fn create(run: &Path, id: TableId) -> Result<Self> {
        let path = files::temporary(&table_path(run, id.name()));
        files::remove_if_there(&path)?;
        let output = Output {
            file: io::BufWriter::with_capacity(256 << 10, files::create_file(&path)?),
            crc: 0,
            len: 0,
        };
        let properties = properties(id).map_err(|error| failed("write", &path, error))?;
        let options = parquet::arrow::arrow_writer::ArrowWriterOptions::new()
            .with_properties(properties)
            .with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(output, id.schema(), options)
            .map_err(|error| failed("write", &path, error))?;
        Ok(Self {
            writer,
            path,
            rows: 0,
        })
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows += batch.num_rows() as u64;
        self.writer
            .write(batch)
            .and_then(|()| {
                if self.writer.in_progress_size() > ROW_GROUP_BYTES_MAX {
                    self.writer.flush()
                } else {
                    Ok(())
                }
            })
            .map_err(|error| failed("write", &self.path, error))
    }

    fn close(self) -> Result<TableInfo> {
        let path = self.path;
        let mut output = self
            .writer
            .into_inner()
            .map_err(|error| failed("write", &path, error))?;
        output
            .flush()
            .map_err(|source| StoreError::io("write", &path, source))?;
        output
            .file
            .get_ref()
            .sync_all()
            .map_err(|source| StoreError::io("sync", &path, source))?;
        Ok(TableInfo {
            rows: self.rows,
            bytes: output.len,
            crc32c: output.crc,
        })
    }
}

/// A file with length and checksum of what was written to it.
#[derive(Debug)]
struct Output {
    file: io::BufWriter<File>,
    crc: u32,
    len: u64,
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all(bytes)?;
        self.crc = crc32c::crc32c_append(self.crc, bytes);
        self.len += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Turns an error of the Parquet library into ours; one of the system keeps its kind.
pub(crate) fn failed(action: &'static str, path: &Path, error: ParquetError) -> StoreError {
    let source = match error {
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(error) => io::Error::other(error),
        },
        error => io::Error::other(error),
    };
    StoreError::io(action, path, source)
}

/// How a column is encoded below zstd. By dictionary where nothing else is said: of few values, or of values that come again.
#[derive(Clone, Copy)]
enum Layout {
    /// Differences: numbers that grow.
    Differences,
    /// The bytes of all numbers side by side, the lowest first: numbers of one size whose high bytes are alike.
    Bytes,
    /// As they are: numbers that come again in the same order.
    Plain,
}

/// Columns that are not encoded by dictionary; by measurement on logs of busy systems and on recordings. Parts of microseconds are
/// a thousand values in any order: a dictionary packs them into ten bits, which nothing else comes near.
#[rustfmt::skip]
static LAYOUTS: &[(TableId, Layout, &[&str])] = &[
    (TableId::Events, Layout::Differences, &["seq", "time_us"]),
    (TableId::Events, Layout::Bytes, &["duration_us", "process", "pid", "kind", "outcome", "fd", "session", "resource", "bytes", "args_second"]),
    (TableId::Sessions, Layout::Differences, &["id", "resource", "opened_seq", "closed_us"]),
    (TableId::Sessions, Layout::Bytes, &["process", "opened_us", "reads", "bytes_read", "writes", "bytes_written"]),
    (TableId::Descriptors, Layout::Differences, &["session", "closed_us"]),
    (TableId::Descriptors, Layout::Bytes, &["process", "fd", "opened_us", "reads", "bytes_read", "writes", "bytes_written"]),
    (TableId::Accesses, Layout::Bytes, &["process", "resource", "reads", "bytes_read", "writes", "bytes_written", "first_us", "last_us", "total_us"]),
    (TableId::Resources, Layout::Differences, &["id"]),
    (TableId::Resources, Layout::Bytes, &["name", "size", "inode"]),
    (TableId::Resources, Layout::Plain, &["modified_ns"]),
    (TableId::Images, Layout::Differences, &["seq", "time_ns", "argv.list.item"]),
    (TableId::Images, Layout::Bytes, &["process"]),
    (TableId::Links, Layout::Differences, &["first_ns", "last_ns", "first_seq"]),
    (TableId::Links, Layout::Bytes, &["source", "target"]),
    (TableId::Samples, Layout::Differences, &["time_ns"]),
    (TableId::Strings, Layout::Differences, &["id"]),
    (TableId::Failures, Layout::Differences, &["resource"]),
];

/// Columns without a smallest and a largest value: nobody asks for a range of them, and to compare every value costs more than to
/// encode it. Columns that may be absent keep theirs: it says where all are, and such columns are not read.
#[rustfmt::skip]
static UNCOMPARED: &[(TableId, &[&str])] = &[
    (TableId::Events, &["time_sub_ns", "duration_sub_ns", "kind", "outcome", "args_form"]),
    (TableId::Sessions, &["opened_sub_ns", "closed_sub_ns", "flags"]),
    (TableId::Descriptors, &["opened_sub_ns", "closed_sub_ns", "origin"]),
    (TableId::Accesses, &["first_sub_ns", "last_sub_ns", "total_sub_ns"]),
];

/// Encodings, and zstd over all.
fn properties(id: TableId) -> std::result::Result<WriterProperties, ParquetError> {
    let mut builder = WriterProperties::builder()
        // Without the library's version, so that an upgrade does not change bytes that did not change.
        .set_created_by("unspool".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(PAGE_ROWS)
        .set_statistics_enabled(EnabledStatistics::Chunk);
    for (_, layout, names) in LAYOUTS.iter().filter(|(of, ..)| *of == id) {
        let encoding = match layout {
            Layout::Differences => Encoding::DELTA_BINARY_PACKED,
            Layout::Bytes => Encoding::BYTE_STREAM_SPLIT,
            Layout::Plain => Encoding::PLAIN,
        };
        for name in *names {
            let parts = name.split('.').map(str::to_owned);
            let column = ColumnPath::new(parts.collect());
            builder = builder
                .set_column_dictionary_enabled(column.clone(), false)
                .set_column_encoding(column, encoding);
        }
    }
    for name in [ARGS_REST, VALUE] {
        let column = ColumnPath::from(name);
        builder = builder
            // What is left of arguments comes again; where it does not, the dictionary is given up.
            .set_column_dictionary_enabled(column.clone(), name == ARGS_REST)
            .set_column_encoding(column.clone(), Encoding::DELTA_LENGTH_BYTE_ARRAY)
            .set_column_statistics_enabled(column, EnabledStatistics::None);
    }
    for (_, names) in UNCOMPARED.iter().filter(|(of, _)| *of == id) {
        for name in *names {
            let column = ColumnPath::from(*name);
            builder = builder.set_column_statistics_enabled(column, EnabledStatistics::None);
        }
    }
    for name in ["seq", "time_us"] {
        builder =
            builder.set_column_statistics_enabled(ColumnPath::from(name), EnabledStatistics::Page);
    }
    Ok(builder.build())
}
