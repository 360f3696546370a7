//! Opens tables with suspicion: checksum first, then limits, and only then the decoder.

use std::fs::File;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::file::reader::{ChunkReader, Length};
use unspool_model::event::ClockKind;

use super::worker::failed;
use super::{TableId, table_path};
use crate::error::{Result, StoreError};
use crate::files;
use crate::manifest::{self, TableInfo};
use crate::reader::RunReader;

/// Longest footer of a table.
pub(crate) const FOOTER_BYTES_MAX: u64 = 256 << 20;

/// Oldest format of the folder whose tables are read: 3 leaves out more of what other columns and tables say, 2 never left it out.
const TABLES_OLDEST: u32 = 2;

/// What the metadata of a table may ask for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Most row groups.
    pub(super) row_groups: u64,
    /// Most rows of a row group.
    pub(super) row_group_rows: u64,
    /// Most bytes of one column of a row group, not compressed.
    pub(super) column_bytes: u64,
}

/// Eight times the rows and thirty times the bytes that the writer puts into a row group.
const LIMITS: Limits = Limits {
    row_groups: 1 << 20,
    row_group_rows: 1 << 20,
    column_bytes: 1 << 30,
};

/// Rows that are decoded at once.
const BATCH_ROWS: usize = 8 << 10;

/// The tables of a closed run.
#[derive(Debug)]
pub struct Tables {
    pub(super) run: PathBuf,
    pub(super) clock: ClockKind,
    pub(super) infos: std::collections::BTreeMap<String, TableInfo>,
    /// Whole files by table name, where they were read already.
    files: Option<std::collections::BTreeMap<String, Bytes>>,
}

impl Tables {
    /// Opens the tables of a run. Files are opened and checked when they are asked for.
    pub fn open(run: &RunReader) -> Result<Self> {
        let manifest = run.manifest();
        if !manifest.tables.contains_key(TableId::Events.name()) {
            return Err(StoreError::NoTable {
                path: table_path(run.folder(), TableId::Events.name()),
            });
        }
        // Frames and manifest are those of the first format, its tables are not.
        if manifest.format < TABLES_OLDEST {
            return Err(StoreError::Version {
                path: run.folder().join(manifest::FILE_NAME),
                found: manifest.format,
            });
        }
        Ok(Self {
            run: run.folder().to_path_buf(),
            clock: manifest.clock_kind(),
            infos: manifest.tables.clone(),
            files: None,
        })
    }

    /// Tables whose files are in memory, by table name; no checksum is known of them. `shown` is what messages call the folder.
    pub fn from_memory(
        shown: &Path,
        clock: ClockKind,
        files: std::collections::BTreeMap<String, Bytes>,
    ) -> Self {
        Self {
            run: shown.to_path_buf(),
            clock,
            infos: std::collections::BTreeMap::new(),
            files: Some(files),
        }
    }

    /// What the times mean.
    pub fn clock(&self) -> ClockKind {
        self.clock
    }

    /// Events in the run.
    pub fn events(&self) -> u64 {
        self.infos
            .get(TableId::Events.name())
            .map_or(0, |info| info.rows)
    }

    pub(super) fn table(&self, id: TableId) -> Result<Table> {
        let path = table_path(&self.run, id.name());
        if let Some(files) = &self.files {
            return match files.get(id.name()) {
                Some(bytes) => Table::in_memory(path, id, bytes.clone()),
                None => Err(StoreError::NoTable { path }),
            };
        }
        let Some(info) = self.infos.get(id.name()) else {
            return Err(StoreError::NoTable { path });
        };
        if files::checksum(&path)? != (info.crc32c, info.bytes) {
            return Err(StoreError::damaged(&path, "its checksum differs"));
        }
        Table::open(path, id, info)
    }
}

/// One table, checked.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) path: PathBuf,
    input: Input,
    pub(super) metadata: ArrowReaderMetadata,
}

impl Table {
    fn open(path: PathBuf, id: TableId, info: &TableInfo) -> Result<Self> {
        let file = files::open_file(&path)?;
        let table = Self::load(path, Input::File(file))?;
        table.check(id, info, &LIMITS)?;
        Ok(table)
    }

    fn in_memory(path: PathBuf, id: TableId, bytes: Bytes) -> Result<Self> {
        let len = bytes.len() as u64;
        let table = Self::load(path, Input::Memory(bytes))?;
        let rows = table.metadata.metadata().file_metadata().num_rows();
        let info = TableInfo {
            rows: rows.cast_unsigned(),
            bytes: len,
            ..TableInfo::default()
        };
        table.check(id, &info, &LIMITS)?;
        Ok(table)
    }

    fn load(path: PathBuf, input: Input) -> Result<Self> {
        check_footer(&path, &input)?;
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let metadata = guarded(&path, || ArrowReaderMetadata::load(&input, options))?;
        Ok(Self {
            path,
            input,
            metadata,
        })
    }

    pub(super) fn check(&self, id: TableId, info: &TableInfo, limits: &Limits) -> Result<()> {
        let metadata = self.metadata.metadata();
        let limit = |limit, allowed, found| {
            if found > allowed {
                Err(StoreError::Limit {
                    path: self.path.clone(),
                    limit,
                    allowed,
                    found,
                })
            } else {
                Ok(())
            }
        };
        limit(
            "number of row groups",
            limits.row_groups,
            metadata.num_row_groups() as u64,
        )?;
        let mut rows = 0;
        for group in metadata.row_groups() {
            // A negative number becomes one that is over every limit.
            let group_rows = group.num_rows().cast_unsigned();
            limit("rows of a row group", limits.row_group_rows, group_rows)?;
            rows += group_rows;
            for column in group.columns() {
                let bytes = column.uncompressed_size().cast_unsigned();
                limit("bytes of a column", limits.column_bytes, bytes)?;
                limit(
                    "bytes of a column in the file",
                    info.bytes,
                    column.compressed_size().cast_unsigned(),
                )?;
            }
        }
        if rows != info.rows {
            return Err(StoreError::damaged(
                &self.path,
                format!("it has {rows} rows, the manifest says {}", info.rows),
            ));
        }
        let wanted = id.schema();
        let found = self.metadata.schema();
        // Columns at the end that may be empty came later: older runs lack them.
        let rest = wanted.fields().get(found.fields().len()..);
        let same = rest.is_some_and(|rest| rest.iter().all(|column| column.is_nullable()))
            && wanted
                .fields()
                .iter()
                .zip(found.fields())
                .all(|(wanted, found)| {
                    wanted.name() == found.name()
                        && same_type(wanted.data_type(), found.data_type())
                });
        if same {
            Ok(())
        } else {
            Err(StoreError::damaged(&self.path, "it has other columns"))
        }
    }

    /// The batches of some row groups, with only these columns (by place).
    pub(super) fn batches(&self, groups: Vec<usize>, columns: Option<&[usize]>) -> Result<Batches> {
        let input = self
            .input
            .try_clone()
            .map_err(|source| StoreError::io("open", &self.path, source))?;
        let reader = guarded(&self.path, || {
            let builder =
                ParquetRecordBatchReaderBuilder::new_with_metadata(input, self.metadata.clone());
            let mask = match columns {
                Some(columns) => {
                    ProjectionMask::roots(builder.parquet_schema(), columns.iter().copied())
                }
                None => ProjectionMask::all(),
            };
            builder
                .with_row_groups(groups)
                .with_projection(mask)
                .with_batch_size(BATCH_ROWS)
                .build()
        })?;
        Ok(Batches {
            path: self.path.clone(),
            reader,
            ended: false,
        })
    }

    /// All of it.
    pub(super) fn all(&self) -> Result<Batches> {
        self.batches(
            (0..self.metadata.metadata().num_row_groups()).collect(),
            None,
        )
    }
}

fn same_type(wanted: &arrow_schema::DataType, found: &arrow_schema::DataType) -> bool {
    use arrow_schema::DataType;
    match (wanted, found) {
        (DataType::List(wanted), DataType::List(found)) => wanted.data_type() == found.data_type(),
        _ => wanted == found,
    }
}

/// Batches of a table.
pub(super) struct Batches {
    path: PathBuf,
    reader: ParquetRecordBatchReader,
    ended: bool,
}

impl Iterator for Batches {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let batch = guarded(&self.path, || {
            self.reader.next().transpose().map_err(Into::into)
        });
        self.ended = !matches!(batch, Ok(Some(_)));
        batch.transpose()
    }
}

/// Where the bytes of a table are.
#[derive(Debug)]
enum Input {
    File(File),
    Memory(Bytes),
}

impl Input {
    fn try_clone(&self) -> std::io::Result<Self> {
        Ok(match self {
            Self::File(file) => Self::File(file.try_clone()?),
            Self::Memory(bytes) => Self::Memory(bytes.clone()),
        })
    }
}

impl Length for Input {
    fn len(&self) -> u64 {
        match self {
            Self::File(file) => Length::len(file),
            Self::Memory(bytes) => bytes.len() as u64,
        }
    }
}

impl ChunkReader for Input {
    type T = Box<dyn Read>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        Ok(match self {
            Self::File(file) => Box::new(file.get_read(start)?),
            Self::Memory(bytes) => Box::new(ChunkReader::get_read(bytes, start)?),
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        match self {
            Self::File(file) => file.get_bytes(start, length),
            Self::Memory(bytes) => ChunkReader::get_bytes(bytes, start, length),
        }
    }
}

/// The length of the footer stands before the magic bytes at the end; it is checked before anything is allocated.
fn check_footer(path: &Path, input: &Input) -> Result<()> {
    let len = Length::len(input);
    let at = len
        .checked_sub(8)
        .ok_or_else(|| StoreError::damaged(path, "it is too short"))?;
    let read = guarded(path, || input.get_bytes(at, 8))?;
    let tail = *read
        .first_chunk::<8>()
        .ok_or_else(|| StoreError::damaged(path, "it is too short"))?;
    let [a, b, c, d, magic @ ..] = tail;
    if magic != *b"PAR1" {
        return Err(StoreError::damaged(path, "it is not a Parquet file"));
    }
    let footer = u64::from(u32::from_le_bytes([a, b, c, d]));
    if footer > FOOTER_BYTES_MAX.min(at) {
        return Err(StoreError::Limit {
            path: path.to_path_buf(),
            limit: "length of the footer",
            allowed: FOOTER_BYTES_MAX.min(at),
            found: footer,
        });
    }
    Ok(())
}

/// Calls the decoder. Crafted files can still make it panic in some place: that is damage, not the end of the program.
fn guarded<T>(
    path: &Path,
    call: impl FnOnce() -> std::result::Result<T, parquet::errors::ParquetError>,
) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(match failed("read", path, error) {
            StoreError::Io { source, .. } if source.raw_os_error().is_none() => {
                StoreError::damaged(path, source.to_string())
            }
            error => error,
        }),
        Err(_) => Err(StoreError::damaged(path, "its content makes no sense")),
    }
}
