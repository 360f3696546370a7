//! Runs by names, patterns and paths.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use unspool_store::RunEntry;

use crate::commands::nearest;
use crate::failure::Failure;

/// Folders between the folder of a lake's runs and a run: host, day.
const DEPTH_MAX: usize = 3;

/// A run that was chosen.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
    /// The run.
    pub(crate) entry: RunEntry,
    /// URL of its tables, where they are in a bucket.
    pub(crate) tables: Option<String>,
}

impl Chosen {
    /// A run in a folder.
    pub(crate) fn here(entry: RunEntry) -> Self {
        Self {
            entry,
            tables: None,
        }
    }
}

/// Whether it stands for more than one name.
pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// Whether a name fits a pattern of `*` and `?`.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut on) = (0, 0);
    // Where the last star was, and what it stands for so far.
    let mut star: Option<(usize, usize)> = None;
    while on < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, on));
                at += 1;
            }
            Some(letter) if *letter == '?' || Some(letter) == name.get(on) => {
                at += 1;
                on += 1;
            }
            _ => {
                let Some((place, taken)) = star else {
                    return false;
                };
                star = Some((place, taken + 1));
                at = place + 1;
                on = taken + 1;
            }
        }
    }
    pattern
        .get(at..)
        .is_some_and(|rest| rest.iter().all(|letter| *letter == '*'))
}

/// Of the runs of a lake those that are named; all where none is.
pub(super) fn choose(all: Vec<Chosen>, references: &[String], lake: &str) -> Result<Vec<Chosen>> {
    if references.is_empty() {
        return Ok(all);
    }
    let mut newest_first: Vec<&Chosen> = all.iter().collect();
    newest_first.sort_by_key(|run| std::cmp::Reverse((run.entry.start_ns(), run.entry.id.clone())));
    let mut chosen: Vec<Chosen> = Vec::new();
    for reference in references {
        let found = named(&newest_first, reference);
        if found.is_empty() {
            let names = all
                .iter()
                .flat_map(|run| [Some(run.entry.id.as_str()), run.entry.name()]);
            let like = nearest(reference, names.flatten());
            let failure = Failure::input(format!("there is no run `{reference}` in `{lake}`"));
            let lists =
                format!("`unspool query --from {lake} 'select id, name from runs'` lists them");
            return Err(failure
                .hint(match like {
                    Some(like) => format!("did you mean `{like}`? {lists}"),
                    None => lists,
                })
                .into());
        }
        for run in found {
            if !chosen
                .iter()
                .any(|known| known.entry.folder == run.entry.folder)
            {
                chosen.push(run.clone());
            }
        }
    }
    Ok(chosen)
}

/// Runs that a reference means: as in a store, but a pattern means all that fit.
fn named<'r>(newest_first: &[&'r Chosen], reference: &str) -> Vec<&'r Chosen> {
    let all = || newest_first.iter().copied();
    if let Some(number) = reference.strip_prefix('@') {
        let place = if number.is_empty() {
            Some(0)
        } else {
            number.parse::<usize>().ok()
        };
        return place
            .and_then(|place| all().nth(place))
            .into_iter()
            .collect();
    }
    if is_pattern(reference) {
        let fits = |run: &&Chosen| {
            matches(reference, &run.entry.id)
                || run
                    .entry
                    .name()
                    .is_some_and(|name| matches(reference, name))
        };
        return all().filter(fits).collect();
    }
    let by_id = all().find(|run| run.entry.id == reference);
    if let Some(run) = by_id.or_else(|| all().find(|run| run.entry.name() == Some(reference))) {
        return vec![run];
    }
    let beginning: Vec<&Chosen> = all()
        .filter(|run| run.entry.id.starts_with(reference))
        .collect();
    if beginning.len() == 1 {
        beginning
    } else {
        Vec::new()
    }
}

/// Whether a folder is that of a run.
fn is_run(path: &Path) -> bool {
    path.join("run.json").is_file() || path.join("raw").is_dir()
}

/// Folders of runs that a path names: its parts may be patterns, and a lake stands for all of its runs.
pub(super) fn at(path: &Path) -> Result<Vec<PathBuf>> {
    let mut found = vec![PathBuf::new()];
    for part in path.components() {
        let text = part.as_os_str().to_string_lossy();
        if !is_pattern(&text) {
            for path in &mut found {
                path.push(part);
            }
            continue;
        }
        let mut below = Vec::new();
        for path in found {
            let folder = if path.as_os_str().is_empty() {
                Path::new(".")
            } else {
                &path
            };
            for name in folders_in(folder)? {
                if matches(&text, &name.to_string_lossy()) {
                    below.push(path.join(name));
                }
            }
        }
        found = below;
    }
    let mut runs = Vec::new();
    for path in found {
        let of_lake = path.join("runs");
        let folder = if of_lake.is_dir() { of_lake } else { path };
        below(&folder, DEPTH_MAX, &mut runs)?;
    }
    Ok(runs)
}

fn below(folder: &Path, depth: usize, runs: &mut Vec<PathBuf>) -> Result<()> {
    if is_run(folder) {
        runs.push(folder.to_path_buf());
    } else if depth > 0 {
        for name in folders_in(folder)? {
            below(&folder.join(name), depth - 1, runs)?;
        }
    }
    Ok(())
}

/// Names of the folders in a folder, sorted; hidden ones are left out, as of what is being copied.
fn folders_in(folder: &Path) -> Result<Vec<std::ffi::OsString>> {
    let entries = match folder.read_dir() {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot list `{}`", folder.display()));
        }
    };
    let mut names: Vec<_> = entries
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name())
        .filter(|name| !name.to_string_lossy().starts_with('.'))
        .collect();
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::{at, matches};

    #[test]
    fn patterns() {
        assert!(matches("night*", "night-3"));
        assert!(matches("*", ""));
        assert!(matches("*a*b", "xaxxab"));
        assert!(matches("n?ght", "night"));
        assert!(!matches("night*", "day-3"));
        assert!(!matches("a*b", "ac"));
        assert!(!matches("?", ""));
    }

    #[test]
    fn patterns_of_paths_find_runs_at_any_depth_of_a_lake() {
        let folder = tempfile::tempdir().unwrap();
        let runs = [
            "host=a/day=1/run=x",
            "host=a/day=2/run=y",
            "host=b/day=1/run=z",
        ];
        for run in runs {
            let run = folder.path().join("lake/runs").join(run);
            fs::create_dir_all(&run).unwrap();
            fs::write(run.join("run.json"), "{}").unwrap();
        }
        fs::create_dir_all(folder.path().join("lake/runs/host=a/day=1/.run=w.part/raw")).unwrap();
        let check = |pattern: &str, expect: &[usize]| {
            let found = at(&folder.path().join(pattern)).unwrap();
            let expect: Vec<PathBuf> = expect
                .iter()
                .map(|run| folder.path().join("lake/runs").join(runs[*run]))
                .collect();
            assert_eq!(found, expect, "{pattern}");
        };
        check("lake", &[0, 1, 2]);
        check("l*", &[0, 1, 2]);
        check("lake/runs/*/*/*", &[0, 1, 2]);
        check("lake/runs/host=?/day=1", &[0, 2]);
        check("lake/runs/host=a/*/run=y", &[1]);
        check("lake/runs/host=a/day=1/run=x", &[0]);
        check("lake/runs/host=c*", &[]);
    }
}
