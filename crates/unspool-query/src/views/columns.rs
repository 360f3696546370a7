//! What columns of views are made of.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::{Column, Result, TableReference, plan_datafusion_err};
use datafusion::functions::expr_fn::coalesce;
use datafusion::logical_expr::{Expr, cast, lit, when};

use crate::dictionary::Dictionary;
use crate::lookup::{ImageAt, LookUp, Part, TOLD_COLUMNS, Told, Whole, Whose, call};
use crate::run::Run;

/// Name under which a file of a run is scanned.
pub(crate) fn relation(run: &Run, file: &str) -> String {
    format!("{file}_{}", run.index)
}

/// The columns of one file of one run.
#[derive(Debug)]
pub(crate) struct Columns {
    run: Arc<Run>,
    relation: TableReference,
    schema: SchemaRef,
}

impl Columns {
    /// Of the file `file`, scanned under the name of [`relation`].
    pub(crate) fn new(run: &Arc<Run>, file: &str) -> Result<Self> {
        let schema = unspool_store::table_schema(file)
            .ok_or_else(|| plan_datafusion_err!("there is no table `{file}`"))?;
        Ok(Self {
            run: run.clone(),
            relation: TableReference::bare(relation(run, file)),
            schema,
        })
    }

    /// The column as it is.
    pub(crate) fn raw(&self, name: &str) -> Expr {
        Expr::Column(Column::new(Some(self.relation.clone()), name))
    }

    /// A number as 64 bits with sign: differences of what has no sign surprise.
    pub(crate) fn number(&self, name: &str) -> Expr {
        let is_wide = self
            .schema
            .field_with_name(name)
            .is_ok_and(|field| *field.data_type() == DataType::Int64);
        if is_wide {
            self.raw(name)
        } else {
            cast(self.raw(name), DataType::Int64)
        }
    }

    /// What an id stands for.
    pub(crate) fn look_up(&self, dictionary: Dictionary, id: Expr) -> Expr {
        call(LookUp::new(&self.run, dictionary), vec![id])
    }

    /// Text of the string that the column names.
    pub(crate) fn text(&self, name: &str) -> Expr {
        self.look_up(Dictionary::Strings, self.raw(name))
    }

    /// What the call returned: where it is not said, it is the bytes that it moved.
    pub(crate) fn returned(&self) -> Expr {
        let moved = Self::only_if(self.raw("outcome").eq(lit(0u8)), self.number("bytes"));
        coalesce(vec![self.number("ret"), moved])
    }

    /// A number, or the other one where it is null.
    pub(crate) fn number_or(&self, name: &str, other: Expr) -> Expr {
        coalesce(vec![self.number(name), other])
    }

    /// The two parts of a time that is another one where the second part is null.
    fn split_or(&self, name: &str, other: &[Expr]) -> Vec<Expr> {
        let parts = self.split(name);
        let is_other = parts.last().map(|sub_ns| sub_ns.clone().is_null());
        let pairs = parts.into_iter().zip(other);
        pairs
            .map(|(own, other)| match &is_other {
                Some(is_other) => when(is_other.clone(), other.clone())
                    .otherwise(own.clone())
                    .unwrap_or(own),
                None => own,
            })
            .collect()
    }

    /// A point in time, which is that of `other` where nothing is said.
    pub(crate) fn time_or(&self, name: &str, other: (&Self, &str)) -> Expr {
        call(Whole::time(), self.split_or(name, &other.0.split(other.1)))
    }

    /// Nanoseconds, of the same.
    pub(crate) fn nanoseconds_or(&self, name: &str, other: (&Self, &str)) -> Expr {
        call(
            Whole::nanoseconds(),
            self.split_or(name, &other.0.split(other.1)),
        )
    }

    /// The columns of another file of the run that is joined to this one.
    pub(crate) fn beside(&self, file: &str) -> Self {
        Self {
            run: self.run.clone(),
            relation: TableReference::bare(relation(&self.run, file)),
            schema: self.schema.clone(),
        }
    }

    /// A point in time, of `NAME_us` and `NAME_sub_ns`.
    pub(crate) fn time(&self, name: &str) -> Expr {
        call(Whole::time(), self.split(name))
    }

    /// Nanoseconds, of the same.
    pub(crate) fn nanoseconds(&self, name: &str) -> Expr {
        call(Whole::nanoseconds(), self.split(name))
    }

    fn split(&self, name: &str) -> Vec<Expr> {
        vec![
            self.raw(&format!("{name}_us")),
            self.raw(&format!("{name}_sub_ns")),
        ]
    }

    /// A point in time of a column in nanoseconds.
    pub(crate) fn time_ns(&self, name: &str) -> Expr {
        use datafusion::arrow::datatypes::TimeUnit;
        cast(
            self.raw(name),
            DataType::Timestamp(TimeUnit::Nanosecond, None),
        )
    }

    /// A field of the filter language, by the process of the column as it was at its end.
    pub(crate) fn process(&self, field: &'static str, name: &str) -> Expr {
        self.look_up(Dictionary::ProcessField(field), self.raw(name))
    }

    /// The same at the event of the row.
    pub(crate) fn image(&self, field: &'static str, whose: Whose) -> Expr {
        let image = call(
            ImageAt::new(&self.run, whose),
            vec![self.raw("process"), self.raw("seq")],
        );
        self.look_up(Dictionary::ImageField(field), image)
    }

    /// The same of a resource.
    pub(crate) fn resource(&self, field: &'static str, name: &str) -> Expr {
        self.look_up(Dictionary::ResourceField(field), self.raw(name))
    }

    /// Name of a resource.
    pub(crate) fn path(&self, name: &str) -> Expr {
        self.look_up(Dictionary::ResourceName, self.raw(name))
    }

    /// Pid of a process.
    pub(crate) fn pid(&self, name: &str) -> Expr {
        self.look_up(Dictionary::ProcessPid, self.raw(name))
    }

    /// What arguments tell.
    pub(crate) fn told(&self, part: Part) -> Expr {
        let columns = TOLD_COLUMNS.iter().map(|(name, _)| self.raw(name));
        call(Told::new(&self.run, part), columns.collect())
    }

    /// The expression where a condition holds, else nothing.
    pub(crate) fn only_if(condition: Expr, value: Expr) -> Expr {
        when(condition, value)
            .end()
            .unwrap_or_else(|_| lit(datafusion::common::ScalarValue::Null))
    }
}
