//! Functions of the views: they stand for what ids, split times and forms of arguments mean.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array as _, ArrayRef, AsArray as _, Int64Array, StringViewBuilder, TimestampNanosecondArray,
    UInt32Array,
};
use datafusion::arrow::compute::{TakeOptions, cast, take};
use datafusion::arrow::datatypes::{
    DataType, Int32Type, Int64Type, TimeUnit, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use datafusion::common::{DataFusionError, Result, ScalarValue, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use unspool_model::event::{Errno, Outcome};
use unspool_model::fields::{self, FieldKind, Value};
use unspool_model::ids::{Pid, ProcessId, Tid};
use unspool_model::payload;
use unspool_model::step::{Action, Step, StepArgs, StepKind, Touch};
use unspool_model::world::World;
use unspool_store::ArgsCells;

use crate::dictionary::{Dictionary, text_of};
use crate::run::Run;

/// Calls one of the functions below.
pub(crate) fn call(function: impl ScalarUDFImpl + 'static, args: Vec<Expr>) -> Expr {
    Arc::new(ScalarUDF::new_from_impl(function)).call(args)
}

/// What an id stands for.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct LookUp {
    /// Of which run.
    pub(crate) run: Arc<Run>,
    /// Which ids.
    pub(crate) dictionary: Dictionary,
    signature: Signature,
}

impl LookUp {
    /// The function.
    pub(crate) fn new(run: &Arc<Run>, dictionary: Dictionary) -> Self {
        Self {
            run: run.clone(),
            dictionary,
            signature: Signature::any(1, Volatility::Immutable),
        }
    }

    /// The values of ids.
    fn of(&self, ids: &ArrayRef) -> Result<ArrayRef> {
        let values = self.run.values(self.dictionary)?;
        let checked = TakeOptions { check_bounds: true };
        take(&values.array, ids, Some(checked)).map_err(|_| {
            DataFusionError::Execution(format!(
                "run `{}` is damaged: an id stands for nothing",
                self.run.spec.run
            ))
        })
    }
}

impl ScalarUDFImpl for LookUp {
    fn name(&self) -> &'static str {
        "look_up"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.dictionary.data_type())
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        let args: Vec<String> = args
            .iter()
            .map(|arg| arg.schema_name().to_string())
            .collect();
        Ok(format!(
            "look_up({:?} of {}, {})",
            self.dictionary,
            self.run.index,
            args.join(", ")
        ))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match args.args.as_slice() {
            [ColumnarValue::Array(ids)] => Ok(ColumnarValue::Array(self.of(ids)?)),
            [ColumnarValue::Scalar(id)] => {
                let value = self.of(&id.to_array()?)?;
                let value = ScalarValue::try_from_array(&value, 0)?;
                Ok(ColumnarValue::Scalar(value))
            }
            _ => exec_err!("look_up takes one id"),
        }
    }
}

/// Whose image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Whose {
    /// The process's.
    Own,
    /// Its parent's.
    Parent,
}

/// Number of the image that a process (or its parent) ran at an event: of process and number of the event.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct ImageAt {
    pub(crate) run: Arc<Run>,
    pub(crate) whose: Whose,
    signature: Signature,
}

impl ImageAt {
    /// The function.
    pub(crate) fn new(run: &Arc<Run>, whose: Whose) -> Self {
        Self {
            run: run.clone(),
            whose,
            signature: Signature::any(2, Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for ImageAt {
    fn name(&self) -> &'static str {
        match self.whose {
            Whose::Own => "image_at",
            Whose::Parent => "parent_image_at",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::UInt32)
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        Ok(named(self.name(), self.run.index, args))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [processes, seqs] = arrays(&args, &[DataType::UInt32, DataType::UInt64])?;
        let (processes, seqs) = (
            processes.as_primitive::<UInt32Type>(),
            seqs.as_primitive::<UInt64Type>(),
        );
        let known = self.run.known()?;
        let image = |(process, seq): (Option<u32>, Option<u64>)| {
            let process = match self.whose {
                Whose::Own => process?,
                Whose::Parent => known.parent(process?)?,
            };
            known.image(process, seq?)
        };
        let images: UInt32Array = processes.iter().zip(seqs.iter()).map(image).collect();
        Ok(ColumnarValue::Array(Arc::new(images)))
    }
}

/// A time or a duration of its microseconds and the nanoseconds beyond.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Whole {
    /// Whether it is a point in time.
    pub(crate) is_time: bool,
    signature: Signature,
}

impl Whole {
    /// A point in time.
    pub(crate) fn time() -> Self {
        Self {
            is_time: true,
            signature: Signature::any(2, Volatility::Immutable),
        }
    }

    /// Nanoseconds.
    pub(crate) fn nanoseconds() -> Self {
        Self {
            is_time: false,
            ..Self::time()
        }
    }
}

impl ScalarUDFImpl for Whole {
    fn name(&self) -> &'static str {
        if self.is_time { "time_of" } else { "ns_of" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(if self.is_time {
            DataType::Timestamp(TimeUnit::Nanosecond, None)
        } else {
            DataType::Int64
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [us, sub_ns] = arrays(&args, &[DataType::Int64, DataType::UInt16])?;
        let (us, sub_ns) = (
            us.as_primitive::<Int64Type>(),
            sub_ns.as_primitive::<UInt16Type>(),
        );
        let whole = us.values().iter().zip(sub_ns.values());
        let whole: Vec<i64> = whole
            .map(|(us, sub_ns)| us.wrapping_mul(1000).wrapping_add(i64::from(*sub_ns)))
            .collect();
        let absent = us.nulls().cloned();
        let array: ArrayRef = if self.is_time {
            Arc::new(TimestampNanosecondArray::new(whole.into(), absent))
        } else {
            Arc::new(Int64Array::new(whole.into(), absent))
        };
        Ok(ColumnarValue::Array(array))
    }
}

/// What [`Told`] gives of an event's arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    /// The arguments themselves.
    Args,
    /// The data that the call moved, as far as it was recorded.
    Data,
    /// A field of the filter language that reads arguments.
    Field(&'static str),
}

/// Columns of the events that [`Told`] takes, with their types.
pub(crate) const TOLD_COLUMNS: [(&str, DataType); 12] = [
    ("args_form", DataType::UInt32),
    ("args_first", DataType::UInt64),
    ("args_second", DataType::UInt64),
    ("args_rest", DataType::Binary),
    ("resource", DataType::UInt32),
    ("second_resource", DataType::UInt32),
    ("fd", DataType::Int32),
    ("bytes", DataType::UInt64),
    ("kind", DataType::UInt8),
    ("outcome", DataType::UInt8),
    ("action", DataType::UInt8),
    ("name", DataType::UInt32),
];

/// Arguments of events and what they tell.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Told {
    pub(crate) run: Arc<Run>,
    pub(crate) part: Part,
    signature: Signature,
}

impl Told {
    /// The function.
    pub(crate) fn new(run: &Arc<Run>, part: Part) -> Self {
        Self {
            run: run.clone(),
            part,
            signature: Signature::any(TOLD_COLUMNS.len(), Volatility::Immutable),
        }
    }

    /// What a step tells, as bytes or a number.
    fn tell(&self, step: &Step<'_>, out: &mut Vec<u8>) -> Option<i64> {
        match self.part {
            Part::Args => step.args.print(out),
            Part::Data => {
                payload::data(step, out);
            }
            Part::Field(name) => {
                let get = fields::by_name(name)?.get;
                let world = World::default();
                let mut scratch = Vec::new();
                match get(step, &world, &mut scratch) {
                    Value::Text(text) => out.extend_from_slice(text),
                    Value::Int(number) => return Some(number),
                    Value::Flag(_) | Value::Absent => {}
                }
            }
        }
        None
    }
}

impl ScalarUDFImpl for Told {
    fn name(&self) -> &'static str {
        match self.part {
            Part::Args => "args_of",
            Part::Data => "data_of",
            Part::Field(name) => name,
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(match self.part {
            Part::Field(name)
                if fields::by_name(name).is_some_and(|field| field.kind == FieldKind::Number) =>
            {
                DataType::Int64
            }
            _ => DataType::Utf8View,
        })
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        Ok(named(self.name(), self.run.index, args))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let returns_numbers = *args.return_type() == DataType::Int64;
        let columns = arrays(&args, &TOLD_COLUMNS.map(|(_, data_type)| data_type))?;
        let [
            form,
            first,
            second,
            rest,
            resource,
            second_resource,
            fd,
            bytes,
            kind,
            outcome,
            action,
            name,
        ] = &columns;
        let form = form.as_primitive::<UInt32Type>();
        let known = self.run.known()?;
        let mut texts = StringViewBuilder::with_capacity(form.len());
        let mut numbers = Vec::new();
        let (mut text, mut out) = (Vec::new(), Vec::new());
        for at in 0..form.len() {
            text.clear();
            out.clear();
            let cells = ArgsCells {
                form: form.value(at),
                numbers: [
                    cell::<UInt64Type>(first, at),
                    cell::<UInt64Type>(second, at),
                ],
                rest: rest.as_binary::<i32>().value(at),
                resource: cell::<UInt32Type>(resource, at),
                second_resource: cell::<UInt32Type>(second_resource, at),
                fd: cell::<Int32Type>(fd, at),
                bytes: cell::<UInt64Type>(bytes, at),
            };
            if !known.lookup.print_args(&cells, &mut text) {
                return exec_err!(
                    "run `{}` is damaged: arguments make no sense",
                    self.run.spec.run
                );
            }
            let name = cell::<UInt32Type>(name, at).and_then(|id| known.lookup.string(id));
            let step = step_of(
                &text,
                name.unwrap_or_default(),
                cell::<UInt8Type>(kind, at),
                cell::<UInt8Type>(outcome, at),
                cell::<UInt8Type>(action, at),
            );
            let number = self.tell(&step, &mut out);
            if returns_numbers {
                numbers.push(number);
            } else {
                texts.append_option((!out.is_empty()).then(|| text_of(&out)));
            }
        }
        let array: ArrayRef = if returns_numbers {
            Arc::new(Int64Array::from(numbers))
        } else {
            Arc::new(texts.finish())
        };
        Ok(ColumnarValue::Array(array))
    }
}

/// A step of which the columns of [`TOLD_COLUMNS`] are known.
fn step_of<'a>(
    args: &'a [u8],
    name: &'a [u8],
    kind: Option<u8>,
    outcome: Option<u8>,
    action: Option<u8>,
) -> Step<'a> {
    Step {
        seq: 0,
        time_ns: 0,
        duration_ns: None,
        process: ProcessId(0),
        pid: Pid(0),
        tid: Tid(0),
        kind: kind
            .and_then(StepKind::from_number)
            .unwrap_or(StepKind::Note),
        name,
        syscall: None,
        args: StepArgs::Text(args),
        outcome: match outcome {
            Some(0) => Outcome::Returned(0),
            Some(1) => Outcome::Failed(Errno(0)),
            Some(2) => Outcome::Unfinished,
            _ => Outcome::Unknown,
        },
        exit: None,
        touch: action.and_then(Action::from_number).map(|action| Touch {
            action,
            fd: None,
            session: None,
            resource: None,
            bytes: None,
            claimed: false,
        }),
        second: None,
    }
}

fn cell<T: datafusion::arrow::array::ArrowPrimitiveType>(
    array: &ArrayRef,
    at: usize,
) -> Option<T::Native> {
    let array = array.as_primitive::<T>();
    array.is_valid(at).then(|| array.value(at))
}

/// The arguments as columns of these types.
pub(crate) fn arrays<const N: usize>(
    args: &ScalarFunctionArgs,
    types: &[DataType; N],
) -> Result<[ArrayRef; N]> {
    let mut arrays = Vec::with_capacity(N);
    for (value, data_type) in args.args.iter().zip(types) {
        let array = value.to_array(args.number_rows)?;
        arrays.push(if array.data_type() == data_type {
            array
        } else {
            cast(&array, data_type)?
        });
    }
    <[ArrayRef; N]>::try_from(arrays)
        .map_err(|_| DataFusionError::Execution("wrong number of arguments".to_owned()))
}

fn named(function: &str, run: usize, args: &[Expr]) -> String {
    let args: Vec<String> = args
        .iter()
        .map(|arg| arg.schema_name().to_string())
        .collect();
    format!("{function}[{run}]({})", args.join(", "))
}
