//! Writes an answer.

use std::io::Write;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::arrow::ipc::writer::{FileWriter, StreamWriter};
use datafusion::common::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::file::properties::WriterProperties;
use futures::StreamExt as _;

use crate::protocol::Form;

/// Rows of a row group of Parquet that is written.
const ROW_GROUP_ROWS: usize = 128 << 10;

enum Writer<W: Write + Send> {
    Rows(StreamWriter<W>),
    Arrow(FileWriter<W>),
    Parquet(Box<ArrowWriter<W>>),
}

/// Writes all batches; gives the number of rows.
pub(crate) async fn write<W: Write + Send>(
    mut stream: SendableRecordBatchStream,
    form: Form,
    out: W,
) -> Result<u64> {
    let schema = stream.schema();
    let schema = match form {
        Form::Rows => plain_schema(&schema),
        Form::Arrow | Form::Parquet => owned_schema(&schema),
    };
    let mut writer = match form {
        Form::Rows => Writer::Rows(StreamWriter::try_new(out, &schema)?),
        Form::Arrow => Writer::Arrow(FileWriter::try_new(out, &schema)?),
        Form::Parquet => {
            let level = ZstdLevel::try_new(1)?;
            let properties = WriterProperties::builder()
                .set_compression(Compression::ZSTD(level))
                .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
                .build();
            Writer::Parquet(Box::new(ArrowWriter::try_new(
                out,
                schema.clone(),
                Some(properties),
            )?))
        }
    };
    let mut rows = 0;
    while let Some(batch) = stream.next().await {
        let batch = conformed(&batch?, &schema)?;
        rows += batch.num_rows() as u64;
        match &mut writer {
            Writer::Rows(writer) => writer.write(&batch)?,
            Writer::Arrow(writer) => writer.write(&batch)?,
            Writer::Parquet(writer) => writer.write(&batch)?,
        }
    }
    match writer {
        Writer::Rows(mut writer) => writer.finish()?,
        Writer::Arrow(mut writer) => writer.finish()?,
        Writer::Parquet(writer) => {
            writer.close()?;
        }
    }
    Ok(rows)
}

fn conformed(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let columns = batch.columns().iter().zip(schema.fields());
    let columns: Vec<ArrayRef> = columns
        .map(|(column, field)| {
            if column.data_type() == field.data_type() {
                Ok(column.clone())
            } else {
                cast(column, field.data_type())
            }
        })
        .collect::<std::result::Result<_, _>>()?;
    let options =
        datafusion::arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(
        schema.clone(),
        columns,
        &options,
    )?)
}

/// The few types that the parent knows.
fn plain_schema(schema: &Schema) -> SchemaRef {
    mapped(schema, plain_type)
}

/// Views of texts share buffers with what they were looked up in: files hold the texts themselves.
fn owned_schema(schema: &Schema) -> SchemaRef {
    mapped(schema, |data_type| match data_type {
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        other => other.clone(),
    })
}

fn mapped(schema: &Schema, map: fn(&DataType) -> DataType) -> SchemaRef {
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .map(|field| Field::new(field.name(), map(field.data_type()), true))
        .collect();
    Arc::new(Schema::new(fields))
}

fn plain_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Boolean => DataType::Boolean,
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32 => DataType::Int64,
        DataType::UInt64 => DataType::UInt64,
        DataType::Float16 | DataType::Float32 | DataType::Float64 | DataType::Decimal128(..) => {
            DataType::Float64
        }
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Nanosecond, zone.clone()),
        DataType::List(inner) | DataType::LargeList(inner) => DataType::List(Arc::new(
            Field::new_list_field(plain_type(inner.data_type()), true),
        )),
        _ => DataType::Utf8,
    }
}
