//! Patterns of the user for names that differ in every run: the section `[normalize]` of `unspool.toml`.
//!
//! ```toml
//! [normalize]
//! patterns = ["batch-#.csv", "/srv/job-*/in"]
//! ```
//!
//! Only this section is read, and of TOML only what it needs: the key `patterns` with an array of strings.

use std::path::{Path, PathBuf};

use anyhow::Result;
use unspool_model::normalize::Pattern;

use crate::failure::Failure;
use crate::settings::Settings;

/// Largest settings file that is read.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Most patterns.
const PATTERNS_MAX: usize = 200;
/// The section that is read.
const SECTION: &str = "normalize";

/// The patterns of `unspool.toml` in the working directory, or else in the folder of the user's settings.
pub(super) fn patterns(settings: &Settings) -> Result<Vec<Pattern>> {
    let Some(path) = places(settings).into_iter().find(|path| path.is_file()) else {
        return Ok(Vec::new());
    };
    let failed = |why: String| Failure::input(format!("cannot read `{}`: {why}", path.display()));
    let len = path.metadata().map_or(0, |metadata| metadata.len());
    if len > FILE_BYTES_MAX {
        return Err(failed("it is larger than 1 MB".to_owned()).into());
    }
    let text = std::fs::read_to_string(&path).map_err(|error| failed(error.to_string()))?;
    Ok(parse(&text, &path)?)
}

fn places(settings: &Settings) -> Vec<PathBuf> {
    let variable = |name: &str| {
        let beginning = format!("{name}=");
        settings
            .environment
            .iter()
            .find_map(|entry| entry.strip_prefix(beginning.as_bytes()))
            .filter(|value| !value.is_empty())
            .map(|value| PathBuf::from(String::from_utf8_lossy(value).into_owned()))
    };
    let home = variable("XDG_CONFIG_HOME").or_else(|| Some(variable("HOME")?.join(".config")));
    let mut places: Vec<PathBuf> = settings
        .cwd
        .iter()
        .map(|cwd| cwd.join("unspool.toml"))
        .collect();
    places.extend(home.map(|home| home.join("unspool/unspool.toml")));
    places
}

fn parse(text: &str, path: &Path) -> Result<Vec<Pattern>, Failure> {
    let mut section = String::new();
    let mut patterns = Vec::new();
    let mut open = false;
    let mut begun = 0;
    for (index, line) in text.lines().enumerate() {
        let failed = |why: &str| {
            Failure::input(format!("line {} of `{}`: {why}", index + 1, path.display()))
                .hint("[normalize]\\n        patterns = [\"batch-#.csv\"]: `#` digits, `%` hexadecimal digits, `*` anything but `/`")
        };
        let line = line.trim();
        if !open && (line.is_empty() || line.starts_with('#')) {
            continue;
        }
        if !open && line.starts_with('[') {
            let name = line.split(']').next().unwrap_or_default();
            name.trim_start_matches('[').trim().clone_into(&mut section);
            if section != SECTION && section.to_ascii_lowercase().starts_with("normali") {
                return Err(failed(&format!("there is no section `[{section}]`")));
            }
            continue;
        }
        if section != SECTION {
            continue;
        }
        let values = if open {
            line
        } else {
            let (key, values) = line
                .split_once('=')
                .ok_or_else(|| failed("this is no `key = value`"))?;
            begun = index + 1;
            if key.trim() != "patterns" {
                return Err(failed(&format!("there is no key `{}`", key.trim())));
            }
            let values = values.trim().strip_prefix('[');
            values.ok_or_else(|| failed("`patterns` is a list: [\"...\"]"))?
        };
        open = !read_strings(values, &mut |string| {
            // TOML would take what follows for an escape.
            if string.contains('\\') {
                return Err(failed(&format!(
                    "`{string}` has a backslash, and names need none"
                )));
            }
            let pattern =
                Pattern::parse(string).map_err(|error| failed(&format!("`{string}`: {error}")))?;
            patterns.push(pattern);
            Ok(())
        })
        .map_err(|error| {
            error.unwrap_or_else(|| failed("a string has no end, or something is no string"))
        })?;
        if patterns.len() > PATTERNS_MAX {
            return Err(failed("there are more than 200 patterns"));
        }
    }
    if open {
        let place = format!("line {begun} of `{}`", path.display());
        return Err(Failure::input(format!("{place}: the list has no end"))
            .hint("a list ends with `]`: patterns = [\"batch-#.csv\"]"));
    }
    Ok(patterns)
}

/// Takes the strings of an array or of a line of it; whether the array ended. `Err(None)`: this is no array of strings.
fn read_strings(
    text: &str,
    take: &mut dyn FnMut(&str) -> Result<(), Failure>,
) -> Result<bool, Option<Failure>> {
    let mut rest = text.trim();
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let Some(first) = rest.chars().next() else {
            return Ok(false);
        };
        match first {
            ']' => return Ok(true),
            '#' => return Ok(false),
            '"' | '\'' => {
                let inner = rest.strip_prefix(first).ok_or(None)?;
                let (string, after) = inner.split_once(first).ok_or(None)?;
                take(string)?;
                rest = after;
            }
            _ => return Err(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::parse;

    fn check(text: &str) -> Result<Vec<String>, String> {
        parse(text, Path::new("unspool.toml"))
            .map(|patterns| {
                patterns
                    .iter()
                    .map(|pattern| pattern.text().to_owned())
                    .collect()
            })
            .map_err(|failure| failure.to_string())
    }

    #[test]
    fn the_section_is_read_and_others_are_not() {
        let text = "[other]\nx = 1\n[normalize]\n# a comment\npatterns = [\n  \"batch-#\", # one\n  'x-%'\n]\n[more]\ny = 2\n";
        assert_eq!(
            check(text),
            Ok(vec!["batch-#".to_owned(), "x-%".to_owned()])
        );
        assert_eq!(check(""), Ok(Vec::new()));
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        for (text, told) in [
            ("[normalize]\npatterns = 3\n", "line 2"),
            ("[normalize]\nnames = []\n", "there is no key `names`"),
            ("[normalize]\npatterns = [\"plain\"]\n", "neither"),
            ("[normalize]\npatterns = [\"a-#]\n", "no end"),
            (
                "[normalize]\n\npatterns = [\n  \"a-#\",\n",
                "line 3 of `unspool.toml`: the list has no end",
            ),
            (
                "[normalise]\npatterns = []\n",
                "line 1 of `unspool.toml`: there is no section `[normalise]`",
            ),
        ] {
            let failure = check(text).expect_err("a mistake");
            assert!(failure.contains(told), "{failure}");
        }
    }
}
