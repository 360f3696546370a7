//! Lakes in buckets. This program reads and writes the files of runs; the engine speaks to the bucket.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use unspool_store::{Manifest, RunEntry, Store};

use super::folder::make_folder;
use super::place::{Address, PARTS};
use super::{Pushed, is_name};
use crate::commands::query::engine::Engine;
use crate::commands::query::sources::{Chosen, Sources, matches, percent_encoded};
use crate::commands::query::tables::PASSING;
use crate::failure::Failure;
use crate::settings::Settings;

/// Bytes of a part of an object that is put: parts of large objects have 5 MiB at least, and there are at most 10,000 of them.
const PART_BYTES: usize = 16 << 20;

/// Manifests that are asked for at a time.
const MANIFESTS: usize = 256;

/// Name of the manifest of a run: it is put last, so that a run that has it is whole.
const MANIFEST: &str = "run.json";

/// Takes the file of a table.
pub(super) type TakeFile<'t> = &'t mut dyn FnMut(&str, &Path) -> Result<()>;

/// A bucket that was opened.
pub(super) struct Bucket<'a> {
    engine: Engine,
    address: &'a Address,
}

/// A run in the bucket.
#[derive(Debug)]
struct Kept {
    /// Place in the lake: `runs/host=H/day=D/run=ID`.
    place: String,
    /// Its files: path in the run folder, length.
    files: BTreeMap<String, u64>,
}

impl<'a> Bucket<'a> {
    /// Opens it. Nothing is asked of the bucket yet.
    pub(super) fn open(settings: &Settings, address: &'a Address) -> Result<Self> {
        let engine = Engine::start(settings, &Sources::of_bucket(address), PASSING)?;
        Ok(Self { engine, address })
    }

    fn list(&mut self, prefix: &str) -> Result<Vec<(String, u64)>> {
        let request = json!({ "type": "list", "prefix": prefix });
        let mut reply = self.engine.exchange(&request, &[], &mut |_| Ok(()))?;
        let objects = match reply["objects"].take() {
            Value::Array(objects) => objects,
            _ => Vec::new(),
        };
        let objects = objects.iter().filter_map(|object| {
            let path = object["path"].as_str()?;
            Some((path.to_owned(), object["bytes"].as_u64()?))
        });
        Ok(objects.collect())
    }

    /// The bytes of small objects.
    fn small(&mut self, paths: &[String]) -> Result<Vec<Vec<u8>>> {
        let mut bytes = Vec::new();
        let request = json!({ "type": "get", "paths": paths });
        let reply = self.engine.exchange(&request, &[], &mut |data| {
            bytes.extend_from_slice(data);
            Ok(())
        })?;
        let mut rest = bytes.as_slice();
        let mut texts = Vec::new();
        for len in reply["lens"].as_array().into_iter().flatten() {
            let len = usize::try_from(len.as_u64().unwrap_or(0)).unwrap_or(usize::MAX);
            let (text, behind) = rest
                .split_at_checked(len)
                .context("the engine told other lengths")?;
            texts.push(text.to_vec());
            rest = behind;
        }
        Ok(texts)
    }

    fn get(&mut self, path: &str, to: &Path) -> Result<()> {
        let shown = || format!("cannot write `{}`", to.display());
        let mut file = File::create_new(to).with_context(shown)?;
        let request = json!({ "type": "get", "paths": [path] });
        self.engine.exchange(&request, &[], &mut |data| {
            file.write_all(data).with_context(shown)
        })?;
        file.sync_all().with_context(shown)
    }

    fn put(&mut self, path: &str, from: &Path) -> Result<()> {
        let shown = || format!("cannot read `{}`", from.display());
        let mut file = File::open(from).with_context(shown)?;
        let mut left = file.metadata().with_context(shown)?.len();
        let none = &mut |_: &[u8]| Ok(());
        let begin = json!({ "type": "put", "path": path, "bytes": left });
        self.engine.exchange(&begin, &[], none)?;
        let mut buffer = vec![0; PART_BYTES.min(usize::try_from(left).unwrap_or(PART_BYTES))];
        loop {
            let len = buffer
                .len()
                .min(usize::try_from(left).unwrap_or(PART_BYTES));
            let part = buffer.get_mut(..len).unwrap_or_default();
            file.read_exact(part).with_context(shown)?;
            let request = json!({ "type": "part", "bytes": len });
            self.engine.exchange(&request, part, none)?;
            left -= len as u64;
            if left == 0 {
                return Ok(());
            }
        }
    }

    /// Runs that are whole and fit the patterns of the address, by place.
    fn runs(&mut self) -> Result<Vec<Kept>> {
        let root = self.address.object("runs/");
        let mut runs: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        for (path, bytes) in self.list(&self.address.prefix())? {
            let Some(below) = path.strip_prefix(&root) else {
                continue;
            };
            let mut parts = below.splitn(PARTS + 1, '/');
            let place: Vec<&str> = parts.by_ref().take(PARTS).collect();
            let fits = place
                .iter()
                .zip(&self.address.runs)
                .all(|(part, pattern)| matches(pattern, part));
            if let Some(file) = parts.next()
                && fits
            {
                let files = runs.entry(format!("runs/{}", place.join("/"))).or_default();
                files.insert(file.to_owned(), bytes);
            }
        }
        let runs = runs
            .into_iter()
            .filter(|(_, files)| files.contains_key(MANIFEST));
        Ok(runs.map(|(place, files)| Kept { place, files }).collect())
    }

    /// Manifests of runs.
    fn manifests(&mut self, runs: &[Kept]) -> Result<Vec<Manifest>> {
        let mut manifests = Vec::new();
        for runs in runs.chunks(MANIFESTS) {
            let paths: Vec<String> = runs
                .iter()
                .map(|run| self.address.object(&format!("{}/{MANIFEST}", run.place)))
                .collect();
            for (text, path) in self.small(&paths)?.iter().zip(&paths) {
                let path = format!("s3://{}/{path}", self.address.name);
                let (manifest, wrong) =
                    Manifest::parse(text, Path::new(&path)).map_err(Failure::store)?;
                if let Some(wrong) = wrong {
                    return Err(Failure::input(format!("`{path}`: {wrong}")).into());
                }
                manifests.push(manifest);
            }
        }
        Ok(manifests)
    }

    /// Runs of the lake for a query, with the URLs of their tables.
    pub(super) fn chosen(&mut self) -> Result<Vec<Chosen>> {
        let runs = self.runs()?;
        if runs.is_empty() {
            return Err(self.empty());
        }
        let manifests = self.manifests(&runs)?;
        let chosen = runs.iter().zip(manifests).map(|(run, manifest)| {
            let folder = self.address.object(&run.place);
            let encoded = percent_encoded(folder.as_bytes(), b"/=");
            Chosen {
                tables: Some(format!("s3://{}/{encoded}/tables/", self.address.name)),
                entry: RunEntry {
                    folder: PathBuf::from(format!("s3://{}/{folder}", self.address.name)),
                    id: manifest.id.clone(),
                    manifest: Some(manifest),
                    problem: None,
                    recording: false,
                },
            }
        });
        Ok(chosen.collect())
    }

    fn empty(&self) -> anyhow::Error {
        let patterns = self.address.runs.join("/");
        Failure::input(format!(
            "there is no run `{patterns}` in `{}`",
            self.address.url()
        ))
        .hint(format!(
            "`unspool runs push {}` puts the last one there",
            self.address.url()
        ))
        .into()
    }

    /// Puts a run: the files of its folder, and its tables, which `write` makes in a folder.
    pub(super) fn push(
        &mut self,
        place: &str,
        folder: &Path,
        tables: &mut dyn FnMut(TakeFile<'_>) -> Result<()>,
    ) -> Result<Pushed> {
        let files = files_of(folder)?;
        let run = self.address.object(&format!("runs/{place}"));
        let there = self.list(&run)?;
        let manifest = format!("{run}/{MANIFEST}");
        if there.iter().any(|(path, _)| *path == manifest) {
            let files = there.into_iter().filter_map(|(path, bytes)| {
                let file = path.strip_prefix(&run)?.strip_prefix('/')?;
                Some((file.to_owned(), bytes))
            });
            let kept = Kept {
                place: format!("runs/{place}"),
                files: files.collect(),
            };
            let same = self.is_same(&kept, folder)?;
            return Ok(if same { Pushed::Before } else { Pushed::Other });
        }
        tables(&mut |table, file| {
            let path = self
                .address
                .object(&format!("{table}/{place}/{table}.parquet"));
            self.put(&path, file)
        })?;
        let last = [MANIFEST.to_owned()];
        for file in files.keys().filter(|file| *file != MANIFEST).chain(&last) {
            self.put(&format!("{run}/{file}"), &folder.join(file))?;
        }
        Ok(Pushed::Now)
    }

    /// Takes runs into the store; gives each id and what was done.
    pub(super) fn pull(
        &mut self,
        store: &Store,
        references: &[String],
        told: &mut dyn FnMut(&str, &str) -> Result<()>,
    ) -> Result<()> {
        let runs = self.runs()?;
        if runs.is_empty() {
            return Err(self.empty());
        }
        let manifests = self.manifests(&runs)?;
        let mut wanted: Vec<(&Kept, &Manifest)> = runs.iter().zip(&manifests).collect();
        if !references.is_empty() {
            for reference in references {
                if !manifests
                    .iter()
                    .any(|manifest| is_meant(reference, manifest))
                {
                    let url = self.address.url();
                    return Err(Failure::input(format!(
                        "there is no run `{reference}` in `{url}`"
                    ))
                    .hint(format!(
                        "`unspool query --from {url} 'select id, name from runs'` lists them"
                    ))
                    .into());
                }
            }
            wanted.retain(|(_, manifest)| {
                references
                    .iter()
                    .any(|reference| is_meant(reference, manifest))
            });
        }
        for (run, manifest) in wanted {
            let said = self.pull_one(store, run, &manifest.id)?;
            told(&manifest.id, said)?;
        }
        Ok(())
    }

    /// Whether a folder has the same files: equal lengths, and the same manifest, in which the checksums of the tables stand.
    fn is_same(&mut self, run: &Kept, folder: &Path) -> Result<bool> {
        if files_of(folder)? != run.files {
            return Ok(false);
        }
        let path = folder.join(MANIFEST);
        let here =
            std::fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let object = self.address.object(&format!("{}/{MANIFEST}", run.place));
        Ok(self.small(&[object])? == [here])
    }

    fn pull_one(&mut self, store: &Store, run: &Kept, id: &str) -> Result<&'static str> {
        let shown = format!("{}/{}", self.address.url(), run.place);
        if !is_name(id) || !run.files.keys().all(|file| is_file_of_a_run(file)) {
            // The lake may be anyone's: a path must not lead out of the store.
            return Err(
                Failure::input(format!("`{shown}` has an id or a file that is no name")).into(),
            );
        }
        make_folder(store.root())?;
        let target = store.root().join(id);
        if target.exists() {
            // What is here need not be fetched to see that it is the same: the manifest has the checksums of its tables.
            return if self.is_same(run, &target)? {
                Ok("is there already")
            } else {
                Err(super::other_state(id))
            };
        }
        let part = store.root().join(format!(".{id}.part"));
        if part.exists() {
            std::fs::remove_dir_all(&part).with_context(|| {
                format!(
                    "cannot remove `{}`, left of another attempt",
                    part.display()
                )
            })?;
        }
        make_folder(&part)?;
        for file in run.files.keys() {
            let to = part.join(file);
            make_folder(to.parent().unwrap_or(&part))?;
            self.get(&self.address.object(&format!("{}/{file}", run.place)), &to)?;
        }
        std::fs::rename(&part, &target).with_context(|| {
            format!("cannot move `{}` to `{}`", part.display(), target.display())
        })?;
        Ok("pulled")
    }
}

/// Whether a reference means a run: its id, its name, or a pattern of them.
fn is_meant(reference: &str, manifest: &Manifest) -> bool {
    matches(reference, &manifest.id)
        || manifest
            .name
            .as_deref()
            .is_some_and(|name| matches(reference, name))
}

/// Folders of a run have no folders.
fn is_file_of_a_run(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    let is_plain = |part: &&str| is_name(part);
    parts.len() <= 2 && parts.iter().all(is_plain)
}

/// Files of a run folder, with their lengths.
fn files_of(folder: &Path) -> Result<BTreeMap<String, u64>> {
    let mut files = BTreeMap::new();
    for name in super::folder::names(folder)? {
        let path = folder.join(&name);
        let name = name.to_string_lossy().into_owned();
        let inner = if path.is_dir() {
            super::folder::names(&path)?
        } else {
            files.insert(name, len(&path)?);
            continue;
        };
        for file in inner {
            let path = path.join(&file);
            let file = file.to_string_lossy();
            files.insert(format!("{name}/{file}"), len(&path)?);
        }
    }
    if let Some(odd) = files.keys().find(|file| !is_file_of_a_run(file)) {
        return Err(Failure::input(format!(
            "`{}` is no file of a run",
            folder.join(odd).display()
        ))
        .into());
    }
    Ok(files)
}

fn len(path: &Path) -> Result<u64> {
    let found = std::fs::symlink_metadata(path)
        .with_context(|| format!("cannot look at `{}`", path.display()))?;
    if !found.is_file() {
        return Err(Failure::input(format!("`{}` is no file", path.display())).into());
    }
    Ok(found.len())
}

#[cfg(test)]
mod tests {
    use super::is_file_of_a_run;

    #[test]
    fn no_object_leads_out_of_the_store() {
        assert!(is_file_of_a_run("tables/events.parquet"));
        assert!(is_file_of_a_run("run.json"));
        for odd in [
            "",
            "../x",
            "a/../b",
            "/etc/x",
            "a//b",
            "tables/..",
            "a/b/c",
            ".x",
            "a\nb",
        ] {
            assert!(!is_file_of_a_run(odd), "{odd:?}");
        }
    }
}
