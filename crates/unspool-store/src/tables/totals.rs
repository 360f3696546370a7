//! The tables of totals: what `summary` and `time` say of a whole run, without a look at its events.

use unspool_model::event::Errno;
use unspool_model::ids::ResourceId;
use unspool_model::step::StepKind;
use unspool_model::syscalls::Syscall;
use unspool_model::totals::{Failure, Total, Totals};

use super::TableId;
use super::cells::table;
use super::open::{Table, Tables};
use super::strings::{Interner, Strings};
use super::world::wrong_column;
use crate::error::{Result, StoreError};

table! {
    /// Totals by name of event, in the order in which the names came up.
    TotalRow TotalBuilder TotalReader {
        kind: u8,
        name: u32,
        syscall: Option<u32>,
        events: u64,
        calls: u64,
        errors: u64,
        failed: u64,
        total_ns: Option<i64>,
        min_ns: Option<i64>,
        p50_ns: Option<i64>,
        p95_ns: Option<i64>,
        p99_ns: Option<i64>,
        max_ns: Option<i64>,
        first_ns: i64,
        last_ns: i64,
        untimed: Option<u64>,
        estimated_ns: Option<i64>,
    }
}

table! {
    /// Calls that failed in the same way on the same thing, in the order in which that came up.
    FailureRow FailureBuilder FailureReader {
        name: u32,
        errno: u16,
        resource: Option<u32>,
        count: u64,
    }
}

impl TotalRow {
    pub(crate) fn new(total: &Total, strings: &mut Interner) -> Self {
        Self {
            kind: total.kind as u8,
            name: strings.intern(&total.name),
            syscall: total
                .syscall
                .map(|call| strings.intern(call.name().as_bytes())),
            events: total.events,
            calls: total.calls,
            errors: total.errors,
            failed: total.failed,
            total_ns: total.total_ns,
            min_ns: total.min_ns,
            p50_ns: total.p50_ns,
            p95_ns: total.p95_ns,
            p99_ns: total.p99_ns,
            max_ns: total.max_ns,
            first_ns: total.first_ns,
            last_ns: total.last_ns,
            untimed: (total.untimed > 0).then_some(total.untimed),
            estimated_ns: (total.untimed > 0).then_some(total.estimated_ns),
        }
    }

    fn total(&self, strings: &Strings) -> Option<Total> {
        Some(Total {
            kind: StepKind::from_number(self.kind)?,
            name: strings.get(self.name)?.to_vec(),
            // Another version may have known more calls.
            syscall: self
                .syscall
                .and_then(|id| Syscall::by_name(strings.get(id)?)),
            events: self.events,
            calls: self.calls,
            errors: self.errors,
            failed: self.failed,
            total_ns: self.total_ns,
            min_ns: self.min_ns,
            p50_ns: self.p50_ns,
            p95_ns: self.p95_ns,
            p99_ns: self.p99_ns,
            max_ns: self.max_ns,
            untimed: self.untimed.unwrap_or(0),
            estimated_ns: self.estimated_ns.unwrap_or(0),
            first_ns: self.first_ns,
            last_ns: self.last_ns,
        })
    }
}

impl FailureRow {
    pub(crate) fn new(failure: &Failure, strings: &mut Interner) -> Self {
        Self {
            name: strings.intern(&failure.name),
            errno: failure.errno.0,
            resource: failure.resource.map(|resource| resource.0),
            count: failure.count,
        }
    }
}

impl Tables {
    /// Totals of the run; `None` for a run of a version that kept none.
    pub fn totals(&self) -> Result<Option<Totals>> {
        let has = |id: TableId| self.infos.contains_key(id.name());
        if !has(TableId::Totals) || !has(TableId::Failures) {
            return Ok(None);
        }
        let strings = self.strings()?;
        let mut totals = Totals::default();
        self.each(TableId::Totals, |table, batch| {
            let rows = TotalReader::new(batch).map_err(|name| wrong_column(table, name))?;
            for at in 0..batch.num_rows() {
                let total = rows.row(at).total(&strings).ok_or_else(|| damaged(table))?;
                totals.names.push(total);
            }
            Ok(())
        })?;
        self.each(TableId::Failures, |table, batch| {
            let rows = FailureReader::new(batch).map_err(|name| wrong_column(table, name))?;
            for at in 0..batch.num_rows() {
                let row = rows.row(at);
                totals.failures.push(Failure {
                    name: strings
                        .get(row.name)
                        .ok_or_else(|| damaged(table))?
                        .to_vec(),
                    errno: Errno(row.errno),
                    resource: row.resource.map(ResourceId),
                    count: row.count,
                });
            }
            Ok(())
        })?;
        Ok(Some(totals))
    }
}

fn damaged(table: &Table) -> StoreError {
    StoreError::damaged(&table.path, "a row makes no sense")
}
