//! What ids and numbers of kinds stand for, as columns by id.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array as _, ArrayRef, AsArray as _, BooleanArray, Int64Array, StringViewArray,
    StringViewBuilder,
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
        if let Some(names) = self.names() {
            return Ok(names);
        }
        let known = run.known()?;
        let world = known.lookup.world();
        Ok(match self {
            Self::Strings => texts((0..known.lookup.strings()).map(|id| {
                let text = known.lookup.string(u32::try_from(id).ok()?)?;
                (!text.is_empty()).then(|| text_of(text))
            })),
            Self::CallCategory => texts((0..known.lookup.strings()).map(|id| {
                let text = known.lookup.string(u32::try_from(id).ok()?)?;
                Some(Syscall::by_name(text)?.category().name().into())
            })),
            Self::ResourceName => texts(
                world
                    .resources
                    .iter()
                    .map(|resource| Some(text_of(&resource.name))),
            ),
            Self::ProcessPid => {
                let processes = world.processes.iter();
                let pids = processes.map(|process| Some(i64::from(process.as_ref()?.pid.0)));
                Arc::new(pids.collect::<Int64Array>())
            }
            Self::ProcessPath => texts((0..world.processes.len()).map(|id| {
                let id = ProcessId(u32::try_from(id).ok()?);
                world.process(id)?;
                Some(process_path(world, id).into())
            })),
            Self::ProcessField(name) => {
                let ids = (0..known.lookup.processes())
                    .map(|id| ProcessId(u32::try_from(id).unwrap_or(u32::MAX)));
                let steps = ids.map(|id| step(id, u64::MAX, None));
                self.fields(name, world, steps)
            }
            Self::ImageField(name) => {
                let steps = known
                    .images()
                    .map(|(process, seq)| step(process, seq, None));
                self.fields(name, world, steps)
            }
            Self::ResourceField(name) => {
                let resources = world.resources.iter();
                let nobody = ProcessId(u32::MAX);
                let steps = resources.map(|resource| step(nobody, 0, Some(resource.id)));
                self.fields(name, world, steps)
            }
            _ => texts(std::iter::empty()),
        })
    }

    /// The values that are the same for every run.
    fn names(self) -> Option<ArrayRef> {
        Some(match self {
            Self::Kind => names(StepKind::ALL.iter().map(|kind| kind.name())),
            Self::Outcome => names(["ok", "failed", "unfinished", "unknown"]),
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
            _ => return None,
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
            DataType::Int64 => {
                let numbers = steps.map(|step| {
                    let mut found = None;
                    value(&step, &mut |value| {
                        if let Value::Int(number) = value {
                            found = Some(number);
                        }
                    });
                    found
                });
                Arc::new(numbers.collect::<Int64Array>())
            }
            DataType::Boolean => {
                let flags = steps.map(|step| {
                    let mut found = None;
                    value(&step, &mut |value| {
                        if let Value::Flag(flag) = value {
                            found = Some(flag);
                        }
                    });
                    found
                });
                Arc::new(flags.collect::<BooleanArray>())
            }
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

#[cfg(test)]
mod tests {
    use super::{nothings, text_of, texts};

    #[test]
    fn bytes_that_are_no_text_are_shown() {
        assert_eq!(text_of(b"a\xff\xc3b"), "a\\xff\\xc3b");
        assert_eq!(text_of("ä".as_bytes()), "ä");
    }

    #[test]
    fn values_that_differ_are_told_from_others() {
        let array =
            |list: &[Option<&'static str>]| texts(list.iter().map(|text| text.map(Into::into)));
        assert_eq!(nothings(&array(&[Some("a"), Some("b")])), Some(0));
        assert_eq!(nothings(&array(&[None, Some("b")])), Some(1));
        assert_eq!(nothings(&array(&[None, None])), None);
        assert_eq!(nothings(&array(&[Some("b"), Some("b")])), None);
    }
}
