//! One run: where its tables are, and what the ids in them stand for. Everything is read when it is first asked for.

use std::collections::{BTreeMap, HashMap};
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use datafusion::arrow::array::ArrayRef;
use datafusion::common::{DataFusionError, Result};
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt as _};
use unspool_model::event::ClockKind;
use unspool_model::ids::ProcessId;
use unspool_store::{Lookup, Tables};

use crate::dictionary::Dictionary;
use crate::protocol::RunSpec;

/// Tables that say what ids stand for.
const LOOKUP_TABLES: [&str; 4] = ["strings", "resources", "processes", "images"];

/// Largest file of such a table.
const LOOKUP_BYTES_MAX: u64 = 4 << 30;

/// A run that queries may read.
pub(crate) struct Run {
    /// Its place among the runs.
    pub(crate) index: usize,
    /// What is known of it.
    pub(crate) spec: RunSpec,
    store: Arc<dyn ObjectStore>,
    folder: ObjectPath,
    lookup: OnceLock<std::result::Result<Arc<Known>, String>>,
    values: Mutex<HashMap<Dictionary, Arc<Values>>>,
}

/// What is read of the small tables.
#[derive(Debug)]
pub(crate) struct Known {
    /// Strings, processes, resources.
    pub(crate) lookup: Lookup,
    /// By process: number of its first image; one more at the end.
    image_starts: Vec<u32>,
    /// By image: event from which on it ran.
    image_seqs: Vec<u64>,
    /// By process: its parent.
    parents: Vec<Option<u32>>,
}

/// What the ids of one kind stand for.
#[derive(Debug)]
pub(crate) struct Values {
    /// By id.
    pub(crate) array: ArrayRef,
    nothings: OnceLock<Option<usize>>,
}

impl Values {
    /// Whether no two ids stand for the same; `nullable` says whether an id may be missing, which stands for nothing too.
    pub(crate) fn is_unique(&self, nullable: bool) -> bool {
        let nothings = self
            .nothings
            .get_or_init(|| crate::dictionary::nothings(&self.array));
        nothings.is_some_and(|nothings| nothings == 0 || !nullable)
    }
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.spec.run)
    }
}

/// Runs are the same when they have the same place: a process has one list of them.
impl PartialEq for Run {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index
    }
}

impl Eq for Run {}

impl Hash for Run {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.index.hash(state);
    }
}

impl Run {
    /// A run whose tables are in `folder` of `store`.
    pub(crate) fn new(
        index: usize,
        spec: RunSpec,
        store: Arc<dyn ObjectStore>,
        folder: ObjectPath,
    ) -> Self {
        Self {
            index,
            spec,
            store,
            folder,
            lookup: OnceLock::new(),
            values: Mutex::default(),
        }
    }

    /// Reads the small tables once.
    pub(crate) fn known(&self) -> Result<Arc<Known>> {
        self.lookup
            .get_or_init(|| self.read().map(Arc::new))
            .clone()
            .map_err(DataFusionError::Execution)
    }

    /// What the ids of one kind stand for.
    pub(crate) fn values(&self, dictionary: Dictionary) -> Result<Arc<Values>> {
        let lock = || {
            self.values
                .lock()
                .map_err(|_| DataFusionError::Execution("an earlier query broke off".to_owned()))
        };
        if let Some(values) = lock()?.get(&dictionary) {
            return Ok(values.clone());
        }
        let array = dictionary.array(self)?;
        let values = Arc::new(Values {
            array,
            nothings: OnceLock::new(),
        });
        Ok(lock()?.entry(dictionary).or_insert(values).clone())
    }

    fn read(&self) -> std::result::Result<Known, String> {
        let mut files = BTreeMap::new();
        for table in LOOKUP_TABLES {
            files.insert(table.to_owned(), self.whole(table)?);
        }
        let clock = match self.spec.clock.as_str() {
            "time-of-day" => ClockKind::TimeOfDay,
            "relative" => ClockKind::Relative,
            "none" => ClockKind::None,
            _ => ClockKind::Epoch,
        };
        let lookup = Tables::from_memory(Path::new(&self.spec.run), clock, files)
            .lookup()
            .map_err(|error| error.to_string())?;
        Ok(Known::new(lookup))
    }

    /// Reads the whole file of a table. The query waits: what ids stand for is needed while it is planned.
    fn whole(&self, table: &str) -> std::result::Result<bytes::Bytes, String> {
        let path = self.folder.clone().join(format!("{table}.parquet"));
        let store = self.store.clone();
        let read = async move {
            let found = store.get(&path).await.map_err(|error| error.to_string())?;
            if found.meta.size > LOOKUP_BYTES_MAX {
                return Err(format!("`{path}` is larger than {LOOKUP_BYTES_MAX} bytes"));
            }
            found.bytes().await.map_err(|error| error.to_string())
        };
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(read))
    }
}

impl Known {
    fn new(lookup: Lookup) -> Self {
        let world = lookup.world();
        let mut image_starts = Vec::with_capacity(world.processes.len() + 1);
        let mut image_seqs = Vec::new();
        let mut parents = Vec::with_capacity(world.processes.len());
        for process in &world.processes {
            image_starts.push(number(image_seqs.len()));
            let process = process.as_deref();
            parents.push(process.and_then(|process| process.parent).map(|id| id.0));
            for image in process.map_or(&[][..], |process| &process.images) {
                image_seqs.push(image.seq);
            }
        }
        image_starts.push(number(image_seqs.len()));
        Self {
            lookup,
            image_starts,
            image_seqs,
            parents,
        }
    }

    /// Number of the image that a process ran at event `seq`.
    pub(crate) fn image(&self, process: u32, seq: u64) -> Option<u32> {
        let start = *self.image_starts.get(process as usize)?;
        let end = *self.image_starts.get(process as usize + 1)?;
        let seqs = self.image_seqs.get(start as usize..end as usize)?;
        let before = seqs.iter().rposition(|first| *first <= seq).unwrap_or(0);
        (!seqs.is_empty()).then(|| start + number(before))
    }

    /// The parent of a process.
    pub(crate) fn parent(&self, process: u32) -> Option<u32> {
        *self.parents.get(process as usize)?
    }

    /// Process and first event of every image.
    pub(crate) fn images(&self) -> impl Iterator<Item = (ProcessId, u64)> {
        let starts = self.image_starts.windows(2).enumerate();
        starts.flat_map(|(process, ends)| {
            let (start, end) = match ends {
                [start, end] => (*start as usize, *end as usize),
                _ => (0, 0),
            };
            let seqs = self.image_seqs.get(start..end).unwrap_or_default();
            seqs.iter()
                .map(move |seq| (ProcessId(number(process)), *seq))
        })
    }
}

fn number(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
