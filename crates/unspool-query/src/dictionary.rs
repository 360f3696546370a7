//! What ids and numbers of kinds stand for, as columns by id.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray as _, BooleanArray, Int64Array, StringViewArray, StringViewBuilder,
};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::Result;
use unspool_model::category::Category;
use unspool_model::event::{Errno, Outcome};
use unspool_model::fields::{self, FieldKind, Value};
use unspool_model::ids::{Pid, ProcessId, ResourceId, Tid};
use unspool_model::step::{Action, Step, StepArgs, StepKind, Touch};
use unspool_model::syscalls::Syscall;
use unspool_model::world::{ClosedBy, LinkKind, ResourceKind, World};

use crate::run::Run;

/// A kind of ids.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Dictionary {
    /// Strings; the empty one is nothing.
    Strings,
    /// Category of the call that a string names.
    CallCategory,
    /// Kinds of events.
    Kind,
    /// Outcomes of calls.
    Outcome,
    /// Whether a call failed, by outcome.
    Failed,
    /// Names of errors.
    Errno,
    /// What is done to resources.
    Action,
    /// `in` or `out`, for actions that move bytes.
    Direction,
    /// Kinds of resources.
    ResourceKind,
    /// Categories of resources.
    Category,
    /// Kinds of links.
    LinkKind,
    /// What ended descriptors.
    ClosedBy,
    /// How descriptors came to be.
    Origin,
    /// Pids, by process.
    ProcessPid,
    /// Commands from the first process to this one, by process.
    ProcessPath,
    /// A field of the filter language, by process as it was at its end.
    ProcessField(&'static str),
    /// The same by image.
    ImageField(&'static str),
    /// A field by resource.
    ResourceField(&'static str),
    /// Names of resources, by resource.
    ResourceName,
}

/// Deepest process of which the path is told whole.
const DEPTH_MAX: usize = 256;

impl Dictionary {
    /// Type of the values.
    pub(crate) fn data_type(self) -> DataType {
        match self {
            Self::ProcessPid => DataType::Int64,
            Self::Failed => DataType::Boolean,
            Self::ProcessField(name) | Self::ImageField(name) | Self::ResourceField(name) => {
                match fields::by_name(name).map(|field| field.kind) {
                    Some(FieldKind::Text) | None => DataType::Utf8View,
                    Some(FieldKind::Flag) => DataType::Boolean,
                    Some(_) => DataType::Int64,
                }
            }
            _ => DataType::Utf8View,
        }
    }

    /// The values of a run, by id.
    pub(crate) fn array(self, run: &Run) -> Result<ArrayRef> {
        Ok(match self {
            Self::Kind => names(StepKind::ALL.iter().map(|kind| kind.name())),
            Self::Outcome => names(["ok", "failed", "unfinished", "unknown"]),
            Self::Failed => Arc::new(BooleanArray::from(vec![false, true, false, false])),
            Self::Errno => texts((0..=u16::MAX).map(|number| Some(errno_name(number).into()))),
            Self::Action => names(Action::ALL.iter().map(|action| action.name())),
            Self::Direction => texts(Action::ALL.iter().map(|action| {
                let name = match action {
                    Action::Read | Action::Receive => Some("in"),
                    Action::Write | Action::Send => Some("out"),
                    _ => None,
                };
                name.map(Cow::Borrowed)
            })),
            Self::ResourceKind => names(ResourceKind::ALL.iter().map(|kind| kind.name())),
            Self::Category => names(
                (0..=u8::MAX)
                    .map_while(Category::from_number)
                    .map(Category::name),
            ),
            Self::LinkKind => names(LinkKind::ALL.iter().map(|kind| kind.name())),
            Self::ClosedBy => names(ClosedBy::ALL.iter().map(|by| by.name())),
            Self::Origin => names(["opened", "duplicated", "inherited", "received", "before"]),
            Self::Strings => {
                let known = run.known()?;
                texts((0..known.lookup.strings()).map(|id| {
                    let text = known.lookup.string(u32::try_from(id).ok()?)?;
                    (!text.is_empty()).then(|| text_of(text))
                }))
            }
            Self::CallCategory => {
                let known = run.known()?;
                texts((0..known.lookup.strings()).map(|id| {
                    let text = known.lookup.string(u32::try_from(id).ok()?)?;
                    Some(Syscall::by_name(text)?.category().name().into())
                }))
            }
            Self::ResourceName => {
                let known = run.known()?;
                texts(
                    known
                        .lookup
                        .world()
                        .resources
                        .iter()
                        .map(|resource| Some(text_of(&resource.name))),
                )
            }
            Self::ProcessPid => {
                let known = run.known()?;
                let processes = known.lookup.world().processes.iter();
                Arc::new(Int64Array::from_iter(processes.map(|process| {
                    process.as_ref().map(|process| i64::from(process.pid.0))
                })))
            }
            Self::ProcessPath => {
                let known = run.known()?;
                let world = known.lookup.world();
                texts((0..world.processes.len()).map(|id| {
                    let id = ProcessId(u32::try_from(id).ok()?);
                    world.process(id)?;
                    Some(process_path(world, id).into())
                }))
            }
            Self::ProcessField(name) => {
                let known = run.known()?;
                let ids = (0..known.lookup.processes())
                    .map(|id| ProcessId(u32::try_from(id).unwrap_or(u32::MAX)));
                let steps = ids.map(|id| step(id, u64::MAX, None));
                self.fields(name, known.lookup.world(), steps)
            }
            Self::ImageField(name) => {
                let known = run.known()?;
                let steps = known
                    .images()
                    .map(|(process, seq)| step(process, seq, None));
                self.fields(name, known.lookup.world(), steps)
            }
            Self::ResourceField(name) => {
                let known = run.known()?;
                let world = known.lookup.world();
                let resources = world.resources.iter();
                let nobody = ProcessId(u32::MAX);
                let steps = resources.map(|resource| step(nobody, 0, Some(resource.id)));
                self.fields(name, world, steps)
            }
        })
    }

    /// The values of a field for steps that have nothing but their process or resource.
    fn fields(
        self,
        name: &str,
        world: &World,
        steps: impl Iterator<Item = Step<'static>>,
    ) -> ArrayRef {
        let get = fields::by_name(name).map(|field| field.get);
        let mut scratch = Vec::new();
        let mut value = |step: &Step<'_>, take: &mut dyn FnMut(Value<'_>)| {
            scratch.clear();
            take(get.map_or(Value::Absent, |get| get(step, world, &mut scratch)));
        };
        match self.data_type() {
            DataType::Int64 => Arc::new(Int64Array::from_iter(steps.map(|step| {
                let mut found = None;
                value(&step, &mut |value| {
                    if let Value::Int(number) = value {
                        found = Some(number);
                    }
                });
                found
            }))),
            DataType::Boolean => Arc::new(BooleanArray::from_iter(steps.map(|step| {
                let mut found = None;
                value(&step, &mut |value| {
                    if let Value::Flag(flag) = value {
                        found = Some(flag);
                    }
                });
                found
            }))),
            _ => texts(steps.map(|step| {
                let mut found = None;
                value(&step, &mut |value| {
                    if let Value::Text(text) = value {
                        found = Some(Cow::Owned(text_of(text).into_owned()));
                    }
                });
                found
            })),
        }
    }
}

/// A step of which only process and resource are known.
fn step(process: ProcessId, seq: u64, resource: Option<ResourceId>) -> Step<'static> {
    Step {
        seq,
        time_ns: 0,
        duration_ns: None,
        process,
        pid: Pid(0),
        tid: Tid(0),
        kind: StepKind::Syscall,
        name: b"",
        syscall: None,
        args: StepArgs::Text(b""),
        outcome: Outcome::Unknown,
        exit: None,
        touch: resource.map(|resource| Touch {
            action: Action::Open,
            fd: None,
            session: None,
            resource: Some(resource),
            bytes: None,
            claimed: false,
        }),
        second: None,
    }
}

/// Text of bytes. What is not UTF-8 becomes `\xff`.
pub(crate) fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    Cow::Owned(text)
}

/// Name of an error; the number where it has none.
pub(crate) fn errno_name(number: u16) -> String {
    let errno = Errno(number);
    errno
        .name()
        .map_or_else(|| errno.to_string(), str::to_owned)
}

/// Commands from the first process to this one: `sh/make/cc1`.
pub(crate) fn process_path(world: &World, id: ProcessId) -> String {
    let mut names = Vec::new();
    let mut next = Some(id);
    while let Some(process) = next.and_then(|id| world.process(id))
        && names.len() < DEPTH_MAX
    {
        let name = text_of(process.name_at(u64::MAX));
        names.push(if name.is_empty() { "?".into() } else { name });
        next = process.parent;
    }
    names.reverse();
    names.join("/")
}

fn names(names: impl IntoIterator<Item = &'static str>) -> ArrayRef {
    texts(names.into_iter().map(|name| Some(Cow::Borrowed(name))))
}

/// One buffer for all texts: what looks them up hands the buffers on, not the texts.
#[expect(
    single_use_lifetimes,
    reason = "a lifetime without a name is not stable here"
)]
fn texts<'t>(texts: impl Iterator<Item = Option<Cow<'t, str>>>) -> ArrayRef {
    let texts: Vec<Option<Cow<'_, str>>> = texts.collect();
    let long = texts.iter().flatten().map(|text| text.len()).sum::<usize>();
    let block = u32::try_from(long.clamp(1 << 10, 1 << 30)).unwrap_or(u32::MAX);
    let mut builder = StringViewBuilder::with_capacity(texts.len()).with_fixed_block_size(block);
    for text in &texts {
        builder.append_option(text.as_deref());
    }
    Arc::new(builder.finish())
}

/// How many values are nothing, at most one, where all others are there once; `None` where one is there twice.
pub(crate) fn nothings(array: &ArrayRef) -> Option<usize> {
    fn all_new<T: Eq + std::hash::Hash>(mut values: impl Iterator<Item = T>) -> bool {
        let mut seen = HashSet::new();
        values.all(|value| seen.insert(value))
    }
    let differ = if let Some(texts) = array.as_any().downcast_ref::<StringViewArray>() {
        all_new(texts.iter().flatten())
    } else if let Some(numbers) = array.as_primitive_opt::<Int64Type>() {
        all_new(numbers.iter().flatten())
    } else {
        false
    };
    (differ && array.null_count() <= 1).then(|| array.null_count())
}
