//! The session in which queries run: tables, functions, limits.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, ParamValues, Result, ScalarValue};
use datafusion::dataframe::DataFrame;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::sqlparser::parser::ParserError;
use object_store::ObjectStore;
use object_store::path::Path as ObjectPath;

use crate::bucket::{Bucket, below};
use crate::catalog::Catalog;
use crate::functions;
use crate::protocol::{Open, Problem, RunSpec};
use crate::run::Run;
use crate::views::{self, VIEWS};

/// Consumers of memory that a message about too much of it names.
const TOP_CONSUMERS: NonZeroUsize = NonZeroUsize::MIN;

/// Tables, functions and limits.
pub(crate) struct Engine {
    context: SessionContext,
    bucket: Option<Bucket>,
}

impl Engine {
    /// Opens the runs. Nothing is read yet.
    pub(crate) fn open(open: &Open, bucket: Option<&Bucket>) -> Result<Self> {
        let environment = environment(open.memory_bytes)?;
        if let Some(bucket) = bucket {
            let url = ObjectStoreUrl::parse(format!("s3://{}", bucket.name()))?;
            environment.register_object_store(url.as_ref(), bucket.store());
        }
        let mut runs = Vec::new();
        for (index, spec) in open.runs.iter().enumerate() {
            let (store, folder) = store_of(spec, &environment)?;
            runs.push(Arc::new(Run::new(index, spec.clone(), store, folder)));
        }
        let threads = match open.threads {
            0 => std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
            threads => threads,
        };
        let state = SessionStateBuilder::new()
            .with_config(config(threads))
            .with_runtime_env(environment)
            .with_default_features()
            .with_optimizer_rules(crate::rules::all())
            .build();
        let context = SessionContext::new_with_state(state);
        for function in functions::all(&runs) {
            context.register_udf(function);
        }
        for view in VIEWS {
            if !runs.is_empty() {
                context.register_table(view.name, view.provider(&runs)?)?;
            }
        }
        context.register_table("runs", views::runs(&runs)?)?;
        let bucket = bucket.cloned();
        Ok(Self { context, bucket })
    }

    /// What the bucket said, where an error of a query comes from it.
    pub(crate) fn bucket_problem(&self, error: &DataFusionError) -> Option<Problem> {
        let bucket = self.bucket.as_ref()?;
        Some(bucket.problem(below(error)?))
    }

    /// Plans a statement. Only reading is allowed.
    pub(crate) async fn plan(
        &self,
        sql: &str,
        params: &std::collections::BTreeMap<String, String>,
    ) -> Result<DataFrame> {
        let options = datafusion::execution::context::SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false);
        if sql.trim().trim_end_matches(';').trim().is_empty() {
            let empty = ParserError::ParserError("there is no query".to_owned());
            return Err(DataFusionError::SQL(Box::new(empty), None));
        }
        let plan = self.context.state().create_logical_plan(sql).await?;
        options.verify_plan(&plan)?;
        let plan = with_params(plan, params)?;
        self.context.execute_logical_plan(plan).await
    }

    /// What a query may name, with types.
    pub(crate) async fn catalog(&self) -> Catalog {
        let state = self.context.state();
        let mut others: Vec<String> = state.scalar_functions().keys().cloned().collect();
        others.extend(state.aggregate_functions().keys().cloned());
        others.extend(state.window_functions().keys().cloned());
        others.sort_unstable();
        others.dedup();
        let mut catalog = Catalog::new(others);
        for table in &mut catalog.tables {
            let Ok(provider) = self.context.table_provider(table.name.as_str()).await else {
                continue;
            };
            let schema = provider.schema();
            for column in &mut table.columns {
                if let Ok(field) = schema.field_with_name(&column.name) {
                    column.data_type = type_name(field.data_type()).to_owned();
                }
            }
        }
        catalog
    }
}

/// Name of a type for people, as SQL has it.
fn type_name(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Boolean => "boolean",
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => "bigint",
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => "bigint",
        DataType::Timestamp(..) => "timestamp",
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => "text",
        _ => "other",
    }
}

/// Sets the values of `$name`.
fn with_params(
    plan: LogicalPlan,
    params: &std::collections::BTreeMap<String, String>,
) -> Result<LogicalPlan> {
    if params.is_empty() {
        return Ok(plan);
    }
    let values: HashMap<String, datafusion::common::metadata::ScalarAndMetadata> = params
        .iter()
        .map(|(name, value)| {
            let scalar = match value.parse::<i64>() {
                Ok(number) => ScalarValue::Int64(Some(number)),
                Err(_) => ScalarValue::Utf8(Some(value.clone())),
            };
            (name.clone(), scalar.into())
        })
        .collect();
    plan.with_param_values(ParamValues::Map(values))
}

fn environment(memory_bytes: usize) -> Result<Arc<RuntimeEnv>> {
    let pool = TrackConsumersPool::new(FairSpillPool::new(memory_bytes), TOP_CONSUMERS);
    let disk = DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled);
    RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(pool))
        .with_disk_manager_builder(disk)
        .build_arc()
}

fn config(threads: usize) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_target_partitions(threads)
        .with_information_schema(true);
    let options = config.options_mut();
    options.sql_parser.collect_spans = true;
    "nulls_last".clone_into(&mut options.sql_parser.default_null_ordering);
    options.execution.parquet.pushdown_filters = true;
    options.execution.parquet.reorder_filters = true;
    options.execution.parquet.schema_force_view_types = false;
    config
}

/// Where the tables of a run are.
fn store_of(
    spec: &RunSpec,
    environment: &RuntimeEnv,
) -> Result<(Arc<dyn ObjectStore>, ObjectPath)> {
    let url = datafusion::datasource::listing::ListingTableUrl::parse(&spec.tables)?;
    let store = environment.object_store(url.object_store())?;
    Ok((store, url.prefix().clone()))
}
