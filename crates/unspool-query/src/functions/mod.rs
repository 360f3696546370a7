//! Functions for queries, where plain SQL hurts.

mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array as _, ArrayRef, AsArray as _, StringViewBuilder};
use datafusion::arrow::datatypes::{
    DataType, Int64Type, TimeUnit, TimestampNanosecondType, UInt8Type, UInt32Type,
};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use unspool_model::step::Action;

use crate::dictionary::{Dictionary, errno_name};
use crate::lookup::{LookUp, arrays, call};
use crate::run::Run;
use text::{Part, TextFunction, icontains};

/// A function, for help and completion.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FunctionDoc {
    /// How it is called.
    pub(crate) usage: &'static str,
    /// One sentence.
    pub(crate) doc: &'static str,
}

/// The functions of this module.
#[rustfmt::skip]
pub(crate) static FUNCTIONS: &[FunctionDoc] = &[
    FunctionDoc { usage: "human_bytes(n)", doc: "Bytes for people: `18.2 MB`." },
    FunctionDoc { usage: "per_second(time)", doc: "Time without its fraction of a second, to group by." },
    FunctionDoc { usage: "basename(path)", doc: "Last component of a path." },
    FunctionDoc { usage: "dirname(path)", doc: "Folder of a path." },
    FunctionDoc { usage: "role(path)", doc: "Path with placeholders for what differs from run to run: dates, numbers, temporary names; of one run also its home, working directory and pids." },
    FunctionDoc { usage: "errno_name(n)", doc: "Name of an error number: `ENOENT`." },
    FunctionDoc { usage: "process_path(process_id)", doc: "Commands from the first process to this one: `sh/make/cc1`; with several runs `process_path(run, process_id)`." },
    FunctionDoc { usage: "icontains(text, part)", doc: "Whether a text contains another, in any case of ASCII letters." },
];

/// All functions over these runs.
pub(crate) fn all(runs: &[Arc<Run>]) -> Vec<ScalarUDF> {
    vec![
        ScalarUDF::new_from_impl(NumberText::new(Words::Bytes)),
        ScalarUDF::new_from_impl(NumberText::new(Words::Errno)),
        ScalarUDF::new_from_impl(PerSecond::new()),
        ScalarUDF::new_from_impl(TextFunction::new(Part::Name)),
        ScalarUDF::new_from_impl(TextFunction::new(Part::Folder)),
        ScalarUDF::new_from_impl(text::Role::new(runs)),
        ScalarUDF::new_from_impl(icontains()),
        ScalarUDF::new_from_impl(ProcessPath::new(runs)),
    ]
}

/// `18.2 MB`, in powers of 1000.
fn human_bytes(bytes: i64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let sign = if bytes < 0 { "-" } else { "" };
    let (mut scaled, mut tenths) = (bytes.unsigned_abs(), 0);
    let mut units = UNITS.iter();
    let mut unit = units.next().copied().unwrap_or_default();
    while scaled >= 1000
        && let Some(next) = units.next()
    {
        tenths = scaled % 1000 / 100;
        scaled /= 1000;
        unit = next;
    }
    if unit == "B" {
        format!("{sign}{scaled} B")
    } else {
        format!("{sign}{scaled}.{tenths} {unit}")
    }
}

/// What a number becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Words {
    /// Bytes for people.
    Bytes,
    /// Name of an error.
    Errno,
}

impl Words {
    fn of(self, number: i64) -> String {
        match self {
            Self::Bytes => human_bytes(number),
            Self::Errno => {
                u16::try_from(number.unsigned_abs()).map_or_else(|_| number.to_string(), errno_name)
            }
        }
    }
}

/// Text of a number.
#[derive(Debug, PartialEq, Eq, Hash)]
struct NumberText {
    words: Words,
    signature: Signature,
}

impl NumberText {
    fn new(words: Words) -> Self {
        Self {
            words,
            signature: Signature::exact(vec![DataType::Int64], Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for NumberText {
    fn name(&self) -> &'static str {
        match self.words {
            Words::Bytes => "human_bytes",
            Words::Errno => "errno_name",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [numbers] = arrays(&args, &[DataType::Int64])?;
        let mut texts = StringViewBuilder::with_capacity(numbers.len());
        for number in numbers.as_primitive::<Int64Type>() {
            texts.append_option(number.map(|number| self.words.of(number)));
        }
        Ok(ColumnarValue::Array(Arc::new(texts.finish())))
    }
}

/// Whole seconds of a time.
#[derive(Debug, PartialEq, Eq, Hash)]
struct PerSecond {
    signature: Signature,
}

impl PerSecond {
    fn new() -> Self {
        let time = DataType::Timestamp(TimeUnit::Nanosecond, None);
        Self {
            signature: Signature::exact(vec![time], Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for PerSecond {
    fn name(&self) -> &'static str {
        "per_second"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Timestamp(TimeUnit::Nanosecond, None))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        const SECOND: i64 = 1_000_000_000;
        let [times] = arrays(&args, &[DataType::Timestamp(TimeUnit::Nanosecond, None)])?;
        let times = times.as_primitive::<TimestampNanosecondType>();
        let seconds = times
            .unary::<_, TimestampNanosecondType>(|time| time.wrapping_sub(time.rem_euclid(SECOND)));
        Ok(ColumnarValue::Array(Arc::new(seconds)))
    }
}

/// Commands above a process.
#[derive(Debug, PartialEq, Eq, Hash)]
struct ProcessPath {
    runs: Vec<Arc<Run>>,
    signature: Signature,
}

impl ProcessPath {
    fn new(runs: &[Arc<Run>]) -> Self {
        let id = DataType::Int64;
        let signature = Signature::one_of(
            vec![
                datafusion::logical_expr::TypeSignature::Exact(vec![id.clone()]),
                datafusion::logical_expr::TypeSignature::Exact(vec![DataType::Utf8View, id]),
            ],
            Volatility::Immutable,
        );
        Self {
            runs: runs.to_vec(),
            signature,
        }
    }
}

impl ScalarUDFImpl for ProcessPath {
    fn name(&self) -> &'static str {
        "process_path"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        if types.len() == 1 && self.runs.len() != 1 {
            return plan_err!(
                "an id says nothing without its run where there are several: use `process_path(run, process_id)`"
            );
        }
        Ok(DataType::Utf8View)
    }

    fn simplify(
        &self,
        args: Vec<Expr>,
        _: &datafusion::logical_expr::simplify::SimplifyContext,
    ) -> Result<datafusion::logical_expr::simplify::ExprSimplifyResult> {
        use datafusion::logical_expr::simplify::ExprSimplifyResult;
        Ok(match (args.as_slice(), self.runs.as_slice()) {
            ([id] | [_, id], [run]) => ExprSimplifyResult::Simplified(call(
                LookUp::new(run, Dictionary::ProcessPath),
                vec![id.clone()],
            )),
            _ => ExprSimplifyResult::Original(args),
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [run, id] = match args.args.as_slice() {
            [_, _] => arrays(&args, &[DataType::Utf8View, DataType::Int64])?,
            _ => return exec_err!("process_path takes run and process_id"),
        };
        let mut paths: BTreeMap<&str, ArrayRef> = BTreeMap::new();
        let mut texts = StringViewBuilder::with_capacity(id.len());
        for (run, id) in run
            .as_string_view()
            .iter()
            .zip(id.as_primitive::<Int64Type>())
        {
            let (Some(run), Some(id)) = (run, id) else {
                texts.append_null();
                continue;
            };
            if !paths.contains_key(run)
                && let Some(found) = self.runs.iter().find(|known| known.spec.run == run)
            {
                let values = found.values(Dictionary::ProcessPath)?;
                paths.insert(run, values.array.clone());
            }
            let path = paths.get(run).and_then(|paths| {
                let at = usize::try_from(id).ok()?;
                let paths = paths.as_string_view();
                (at < paths.len() && paths.is_valid(at)).then(|| paths.value(at))
            });
            texts.append_option(path);
        }
        Ok(ColumnarValue::Array(Arc::new(texts.finish())))
    }
}

/// `open 2, read 17` of the lists of actions and counts.
pub(crate) fn actions_text(actions: Expr, calls: Expr) -> Expr {
    call(ActionsText::new(), vec![actions, calls])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ActionsText {
    signature: Signature,
}

impl ActionsText {
    fn new() -> Self {
        Self {
            signature: Signature::any(2, Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for ActionsText {
    fn name(&self) -> &'static str {
        "actions_text"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let mut columns = Vec::new();
        for value in &args.args {
            columns.push(value.to_array(args.number_rows)?);
        }
        let [actions, calls] = columns.as_slice() else {
            return exec_err!("actions_text takes two lists");
        };
        let (actions, calls) = (actions.as_list::<i32>(), calls.as_list::<i32>());
        let mut texts = StringViewBuilder::with_capacity(actions.len());
        let mut text = String::new();
        for at in 0..actions.len() {
            text.clear();
            let (kinds, counts) = (actions.value(at), calls.value(at));
            let kinds = kinds.as_primitive::<UInt8Type>();
            let counts = counts.as_primitive::<UInt32Type>();
            for (kind, count) in kinds.iter().zip(counts.iter()) {
                let name = kind.and_then(Action::from_number).map_or("?", Action::name);
                if !text.is_empty() {
                    text.push_str(", ");
                }
                text.push_str(&format!("{name} {}", count.unwrap_or_default()));
            }
            texts.append_value(&text);
        }
        Ok(ColumnarValue::Array(Arc::new(texts.finish())))
    }
}

/// The look-up and its id, where the expression is one.
pub(crate) fn lookup_of(expr: &Expr) -> Option<(&LookUp, &Expr)> {
    let Expr::ScalarFunction(function) = expr else {
        return None;
    };
    let look_up = function.func.inner().downcast_ref::<LookUp>()?;
    match function.args.as_slice() {
        [id] => Some((look_up, id)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::human_bytes;

    #[test]
    fn bytes_for_people() {
        assert_eq!(human_bytes(999), "999 B");
        assert_eq!(human_bytes(18_234_567), "18.2 MB");
        assert_eq!(human_bytes(-1500), "-1.5 kB");
        assert_eq!(human_bytes(i64::MIN), "-9223.3 PB");
    }
}
