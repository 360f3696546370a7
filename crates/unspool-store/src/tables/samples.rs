//! The table of resource use, and how samples become rows.

use unspool_model::ids::ProcessId;
use unspool_model::sample::{Sample, Usage};

use super::cells::table;
use super::open::Tables;
use super::strings::{EMPTY, Interner};
use super::world::wrong_column;
use super::{TableId, strings::Strings};
use crate::error::{Result, StoreError};

table! {
    /// Resource use over intervals, in order of their ends. Of the machine where neither process nor group is set.
    SampleRow SampleBuilder SampleReader {
        time_ns: i64,
        duration_ns: i64,
        process: Option<u32>,
        cgroup: Option<u32>,
        last: bool,
        cpu_ns: Option<u64>,
        system_ns: Option<u64>,
        run_delay_ns: Option<u64>,
        rss_bytes: Option<u64>,
        peak_rss_bytes: Option<u64>,
        read_bytes: Option<u64>,
        written_bytes: Option<u64>,
        disk_read_bytes: Option<u64>,
        disk_written_bytes: Option<u64>,
        threads: Option<u64>,
        cpus: Option<u64>,
    }
}

impl SampleRow {
    pub(crate) fn new(sample: &Sample, strings: &mut Interner) -> Self {
        let usage = &sample.usage;
        Self {
            time_ns: sample.time_ns,
            duration_ns: sample.duration_ns,
            process: sample.process.map(|process| process.0),
            cgroup: Some(strings.intern(&sample.group)).filter(|group| *group != EMPTY),
            last: sample.is_last,
            cpu_ns: usage.cpu_ns,
            system_ns: usage.system_ns,
            run_delay_ns: usage.run_delay_ns,
            rss_bytes: usage.rss_bytes,
            peak_rss_bytes: usage.peak_rss_bytes,
            read_bytes: usage.read_bytes,
            written_bytes: usage.written_bytes,
            disk_read_bytes: usage.disk_read_bytes,
            disk_written_bytes: usage.disk_written_bytes,
            threads: usage.threads,
            cpus: usage.cpus,
        }
    }

    fn sample(&self, group: &[u8]) -> Sample {
        Sample {
            time_ns: self.time_ns,
            duration_ns: self.duration_ns,
            process: self.process.map(ProcessId),
            group: group.to_vec(),
            is_last: self.last,
            usage: Usage {
                cpu_ns: self.cpu_ns,
                system_ns: self.system_ns,
                run_delay_ns: self.run_delay_ns,
                rss_bytes: self.rss_bytes,
                peak_rss_bytes: self.peak_rss_bytes,
                read_bytes: self.read_bytes,
                written_bytes: self.written_bytes,
                disk_read_bytes: self.disk_read_bytes,
                disk_written_bytes: self.disk_written_bytes,
                threads: self.threads,
                cpus: self.cpus,
            },
        }
    }
}

impl Tables {
    /// Resource use, in order of the ends of the intervals. None for a run of a version that did not sample.
    pub fn samples(&self) -> Result<Vec<Sample>> {
        if !self.infos.contains_key(TableId::Samples.name()) {
            return Ok(Vec::new());
        }
        let strings: Strings = self.strings()?;
        let mut samples = Vec::new();
        self.each(TableId::Samples, |table, batch| {
            let rows = SampleReader::new(batch).map_err(|name| wrong_column(table, name))?;
            for at in 0..batch.num_rows() {
                let row = rows.row(at);
                let group = strings.get(row.cgroup.unwrap_or(EMPTY)).ok_or_else(|| {
                    StoreError::damaged(&table.path, "a sample of a group without name")
                })?;
                samples.push(row.sample(group));
            }
            Ok(())
        })?;
        Ok(samples)
    }
}
