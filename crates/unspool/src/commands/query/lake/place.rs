//! What the URL of a lake says: a folder, or a bucket and what it is reached by.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use serde_json::{Value, json};

use super::profile::{add_profile, add_proxy};
use crate::failure::Failure;
use crate::settings::Settings;

/// Folder of the runs in a lake.
const RUNS: &str = "runs";

/// Parts of the place of a run: host, day, id.
pub(crate) const PARTS: usize = 3;

/// Where a lake is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// A folder, as typed.
    Folder(PathBuf),
    /// A bucket.
    Bucket(Address),
}

/// A bucket, and a place in it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// Name of the bucket.
    pub(crate) name: String,
    /// Folder of the lake in it, without slashes at its ends; may be empty.
    pub(crate) lake: String,
    /// Which runs: patterns of host, day and id as they stand in names.
    pub(crate) runs: [String; PARTS],
    /// Variables `AWS_*`, in lower case, and what else leads to it.
    options: BTreeMap<String, String>,
}

/// Without the variables: keys are among them.
impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.url())
    }
}

/// Whether it names a bucket.
pub(crate) fn is_bucket(reference: &str) -> bool {
    reference.starts_with("s3://")
}

impl Place {
    /// Of a URL or a folder.
    pub(crate) fn of(settings: &Settings, url: &str, endpoint: Option<&str>) -> Result<Self> {
        if is_bucket(url) {
            return Ok(Self::Bucket(Address::of(settings, url, endpoint)?));
        }
        if let Some(path) = url.strip_prefix("file://") {
            if path.starts_with('/') {
                return Ok(Self::Folder(PathBuf::from(path)));
            }
            return Err(Failure::usage(format!("`{url}` names a host"))
                .hint("`file:///srv/lake`, with three slashes")
                .into());
        }
        if let Some((scheme, _)) = url.split_once("://") {
            return Err(Failure::usage(format!("a lake cannot be at `{scheme}://`"))
                .hint("a folder, `file:///FOLDER`, or `s3://BUCKET/FOLDER`; other stores: as a mounted folder (rclone)")
                .into());
        }
        Ok(Self::Folder(PathBuf::from(url)))
    }
}

impl Address {
    fn of(settings: &Settings, url: &str, endpoint: Option<&str>) -> Result<Self> {
        let rest = url.trim_start_matches("s3://");
        let (name, path) = rest.split_once('/').unwrap_or((rest, ""));
        if name.is_empty() || name.contains(['*', '?', ':', '@']) {
            return Err(Failure::usage(format!("`{url}` names no bucket"))
                .hint(
                    "`s3://BUCKET/FOLDER`; the server is named by `--endpoint` or AWS_ENDPOINT_URL",
                )
                .into());
        }
        let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let (lake, runs) = split(&segments);
        if lake.contains(['*', '?']) {
            return Err(Failure::usage(format!("`{url}` has patterns where the lake is"))
                .hint("patterns stand behind `/runs/`: `s3://BUCKET/LAKE/runs/host=web*/day=2026-11-21/*`")
                .into());
        }
        Ok(Self {
            name: name.to_owned(),
            lake,
            runs,
            options: options(settings, endpoint)?,
        })
    }

    /// `s3://bucket/lake`.
    pub(crate) fn url(&self) -> String {
        match self.lake.as_str() {
            "" => format!("s3://{}", self.name),
            lake => format!("s3://{}/{lake}", self.name),
        }
    }

    /// Name of an object of the lake in the bucket.
    pub(crate) fn object(&self, path: &str) -> String {
        match self.lake.as_str() {
            "" => path.to_owned(),
            lake => format!("{lake}/{path}"),
        }
    }

    /// The longest folder that holds all runs of the patterns.
    pub(crate) fn prefix(&self) -> String {
        let known = self
            .runs
            .iter()
            .take_while(|part| !part.contains(['*', '?']));
        let mut path = RUNS.to_owned();
        for part in known {
            path.push('/');
            path.push_str(part);
        }
        self.object(&path)
    }

    /// What the engine is told.
    pub(crate) fn told(&self) -> Value {
        json!({ "name": self.name, "options": self.options })
    }

    /// Whether both are of one bucket.
    pub(crate) fn is_beside(&self, other: &Self) -> bool {
        self.name == other.name && self.options == other.options
    }
}

/// Folder of the lake, and which of its runs.
fn split(segments: &[&str]) -> (String, [String; PARTS]) {
    let all = || std::array::from_fn(|_| "*".to_owned());
    let at = segments.iter().rposition(|part| *part == RUNS);
    let Some(at) = at.filter(|at| segments.len() - at - 1 <= PARTS) else {
        return (segments.join("/"), all());
    };
    let mut runs: [String; PARTS] = all();
    for (pattern, part) in runs.iter_mut().zip(segments.iter().skip(at + 1)) {
        (*part).clone_into(pattern);
    }
    let lake = segments.get(..at).unwrap_or_default();
    (lake.join("/"), runs)
}

/// Variables `AWS_*` of the environment, then what the profile and the variables of proxies say; the endpoint that is told wins.
fn options(settings: &Settings, endpoint: Option<&str>) -> Result<BTreeMap<String, String>> {
    let mut options = BTreeMap::new();
    for variable in &settings.environment {
        let Ok(variable) = std::str::from_utf8(variable) else {
            continue;
        };
        if let Some((name, value)) = variable.split_once('=')
            && name.starts_with("AWS_")
            && !value.is_empty()
        {
            options.insert(name.to_ascii_lowercase(), value.to_owned());
        }
    }
    // One name for it, whichever it had.
    let told = ["aws_endpoint_url_s3", "aws_endpoint_url", "aws_endpoint"]
        .map(|name| options.remove(name));
    let endpoint = endpoint
        .map(str::to_owned)
        .or_else(|| told.into_iter().flatten().next());
    if let Some(endpoint) = endpoint {
        options.insert("aws_endpoint_url".to_owned(), endpoint);
    }
    let variable = |name: &str| {
        let mut variables = settings.environment.iter();
        let value = variables.find_map(|variable| {
            let rest = variable.strip_prefix(name.as_bytes())?;
            rest.strip_prefix(b"=")
        })?;
        let value = std::str::from_utf8(value).ok()?;
        (!value.is_empty()).then(|| value.to_owned())
    };
    add_profile(&mut options, &variable)?;
    add_proxy(&mut options, &variable);
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn a_url_names_a_lake_and_runs() {
        let check = |path: &str, lake: &str, runs: [&str; 3]| {
            let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
            let runs = runs.map(str::to_owned);
            assert_eq!(split(&segments), (lake.to_owned(), runs), "{path}");
        };
        check("", "", ["*", "*", "*"]);
        check("a/b/", "a/b", ["*", "*", "*"]);
        check("a/runs", "a", ["*", "*", "*"]);
        check("runs/host=x/day=2026*", "", ["host=x", "day=2026*", "*"]);
        check("runs/a/runs/h/d/r", "runs/a", ["h", "d", "r"]);
        // A lake in a folder of that name, deeper than a run is.
        check("runs/a/b/c/d", "runs/a/b/c/d", ["*", "*", "*"]);
    }
}
