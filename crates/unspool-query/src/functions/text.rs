//! Functions over texts.

use std::sync::Arc;

use datafusion::arrow::array::{Array as _, AsArray as _, BooleanArray, StringViewBuilder};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};
use unspool_model::normalize::{Context, Kind};

use crate::dictionary::text_of;
use crate::lookup::arrays;
use crate::run::Run;

/// Pids below are those of the system; so small a number in a name is hardly ever one.
const RESERVED_PIDS: u32 = 300;

/// Part of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Part {
    /// Last component.
    Name,
    /// All before it.
    Folder,
}

/// Part of a text.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct TextFunction {
    part: Part,
    signature: Signature,
}

impl TextFunction {
    pub(super) fn new(part: Part) -> Self {
        Self {
            part,
            signature: Signature::exact(vec![DataType::Utf8View], Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for TextFunction {
    fn name(&self) -> &'static str {
        match self.part {
            Part::Name => "basename",
            Part::Folder => "dirname",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [texts] = arrays(&args, &[DataType::Utf8View])?;
        let mut parts = StringViewBuilder::with_capacity(texts.len());
        for text in texts.as_string_view() {
            parts.append_option(text.map(|text| match self.part {
                Part::Name => basename(text),
                Part::Folder => dirname(text),
            }));
        }
        Ok(ColumnarValue::Array(Arc::new(parts.finish())))
    }
}

/// What stands behind the last slash; the whole where there is none, and of what is no path.
fn basename(path: &str) -> &str {
    if !path.starts_with('/') {
        return path;
    }
    let path = path.trim_end_matches('/');
    path.rsplit_once('/').map_or("/", |(_, name)| name)
}

/// What stands before the last slash; the whole of what is no path.
fn dirname(path: &str) -> &str {
    if !path.starts_with('/') {
        return path;
    }
    let path = path.trim_end_matches('/');
    match path.rsplit_once('/') {
        Some(("", _)) | None => "/",
        Some((folder, _)) => folder,
    }
}

/// A path without what differs from run to run.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Role {
    /// The run, where there is one: what stands in for its start, folders and processes is taken from it.
    run: Option<Arc<Run>>,
    signature: Signature,
}

impl Role {
    pub(super) fn new(runs: &[Arc<Run>]) -> Self {
        let run = match runs {
            [only] => Some(only.clone()),
            _ => None,
        };
        Self {
            run,
            signature: Signature::exact(vec![DataType::Utf8View], Volatility::Immutable),
        }
    }

    fn context(&self) -> Result<Context> {
        let Some(run) = &self.run else {
            return Ok(Context::default());
        };
        let known = run.known()?;
        let world = known.lookup.world();
        let first = world.iter_processes().next();
        let image = first.and_then(|process| process.images.first());
        let variable = |name: &[u8]| {
            let mut env = image.into_iter().flat_map(|image| &image.env);
            let value = env.find_map(|entry| entry.strip_prefix(name));
            value.map(<[u8]>::to_vec).unwrap_or_default()
        };
        let pids = world.iter_processes().map(|process| process.pid.0);
        let mut pids: Vec<u32> = pids.filter(|pid| *pid >= RESERVED_PIDS).collect();
        pids.sort_unstable();
        pids.dedup();
        Ok(Context {
            start_ns: Some(run.spec.start_ns),
            home: variable(b"HOME="),
            cwd: image.map(|image| image.cwd.clone()).unwrap_or_default(),
            temporary: variable(b"TMPDIR="),
            host: run.spec.host.clone().into_bytes(),
            pids,
            ..Context::default()
        })
    }
}

impl ScalarUDFImpl for Role {
    fn name(&self) -> &'static str {
        "role"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [paths] = arrays(&args, &[DataType::Utf8View])?;
        let context = self.context()?;
        let mut roles = StringViewBuilder::with_capacity(paths.len());
        for path in paths.as_string_view() {
            match path {
                Some(path) => {
                    let role = context.normalize(Kind::Path, path.as_bytes());
                    roles.append_value(text_of(&role.text));
                }
                None => roles.append_null(),
            }
        }
        Ok(ColumnarValue::Array(Arc::new(roles.finish())))
    }
}

/// Whether a text contains another, whatever the case of ASCII letters.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct ContainsAnyCase {
    signature: Signature,
}

pub(super) fn icontains() -> ContainsAnyCase {
    let texts = vec![DataType::Utf8View, DataType::Utf8View];
    ContainsAnyCase {
        signature: Signature::exact(texts, Volatility::Immutable),
    }
}

impl ScalarUDFImpl for ContainsAnyCase {
    fn name(&self) -> &'static str {
        "icontains"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [texts, parts] = arrays(&args, &[DataType::Utf8View, DataType::Utf8View])?;
        let pairs = texts.as_string_view().iter().zip(parts.as_string_view());
        let found: BooleanArray = pairs
            .map(|(text, part)| {
                let (text, part) = (text?.to_ascii_lowercase(), part?.to_ascii_lowercase());
                Some(text.contains(&part))
            })
            .collect();
        Ok(ColumnarValue::Array(Arc::new(found)))
    }
}

#[cfg(test)]
mod tests {
    use super::{basename, dirname};

    #[test]
    fn parts_of_paths() {
        assert_eq!((dirname("/a/b"), basename("/a/b")), ("/a", "b"));
        assert_eq!((dirname("/a"), basename("/a")), ("/", "a"));
        assert_eq!((dirname("/"), basename("/")), ("/", "/"));
        assert_eq!((dirname("/a/b/"), basename("/a/b/")), ("/a", "b"));
        assert_eq!(
            (dirname("pipe:[1]"), basename("pipe:[1]")),
            ("pipe:[1]", "pipe:[1]")
        );
    }
}
