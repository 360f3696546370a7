//! What recording costs and loses, against every peer that is installed: `cargo xtask bench record --peers`.
//!
//! Every round runs all recorders one after the other, forwards and backwards in turn, so that other work on the machine meets all
//! alike. Ratios are of medians, per operation: recorders that are very slow do less of the same.

mod measure;
mod recorders;
mod table;
mod workloads;

use std::path::PathBuf;
use std::time::Instant;

use super::{Size, folder, installed, remove, size_of, unspool};
use measure::{Measured, Setting, truth};
use recorders::{RECORDERS, Recorder};
use table::Row;
use workloads::{WORKLOADS, Workload};

/// What the command line says.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    size: Size,
    rounds: usize,
    /// Rounds end when a workload took so long.
    minutes: u64,
    workload: Option<String>,
    recorder: Option<String>,
    /// Only the table of what a recording costs beside the job's time.
    only_goals: bool,
}

impl Options {
    /// `--rounds N`, `--minutes N` (at most, for each workload), `--workload NAME`, `--recorder PART-OF-ITS-NAME`, `--goals`
    /// (nothing but the last table), `--smoke`.
    pub(crate) fn parse(words: &[&str]) -> Result<Self, String> {
        let mut options = Self {
            size: Size::Full,
            rounds: 7,
            minutes: 60,
            workload: None,
            recorder: None,
            only_goals: false,
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || {
                let text = words
                    .next()
                    .ok_or_else(|| format!("{word} needs a value"))?;
                Ok::<String, String>((*text).to_owned())
            };
            match *word {
                "--peers" => {}
                "--goals" => options.only_goals = true,
                "--smoke" => options.size = Size::Smoke,
                "--rounds" => {
                    options.rounds = value()?
                        .parse()
                        .map_err(|error| format!("--rounds: {error}"))?;
                }
                "--minutes" => {
                    options.minutes = value()?
                        .parse()
                        .map_err(|error| format!("--minutes: {error}"))?;
                }
                "--workload" => options.workload = Some(value()?),
                "--recorder" => options.recorder = Some(value()?),
                other => return Err(format!("`{other}` is no option of this benchmark")),
            }
        }
        if options.size == Size::Smoke {
            options.rounds = 1;
        }
        Ok(options)
    }
}

/// Runs all workloads under all recorders and prints the tables.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let setting = Setting {
        unspool: unspool()?,
        folder: folder()?.join("peers"),
        size: options.size,
    };
    let goals = || {
        let folder = &setting.folder;
        super::goals::print(&setting.unspool, folder, options.size, options.rounds)
    };
    if options.only_goals {
        return goals();
    }
    let wanted = |name: &str, part: &Option<String>| {
        part.as_ref()
            .is_none_or(|part| name.contains(part.as_str()))
    };
    let mut absent = Vec::new();
    let present: Vec<&Recorder> = RECORDERS
        .iter()
        .filter(|recorder| recorder.name == "plain" || wanted(recorder.name, &options.recorder))
        .filter(|recorder| match recorder.absence(&setting) {
            None => true,
            Some(why) => {
                absent.push((recorder.name, why));
                false
            }
        })
        .collect();
    println!("{}", table::machine(options.rounds));
    for workload in WORKLOADS
        .iter()
        .filter(|workload| wanted(workload.name, &options.workload))
    {
        match of_workload(&setting, workload, &present, options) {
            Ok(rows) => println!("{}", table::markdown(workload, &rows, &absent)),
            Err(why) => println!("### {}\n\nnot run: {why}\n", workload.name),
        }
    }
    if options.workload.is_none() {
        goals()?;
    }
    Ok(())
}

fn of_workload(
    setting: &Setting,
    workload: &Workload,
    recorders: &[&Recorder],
    options: &Options,
) -> Result<Vec<Row>, String> {
    workload.check()?;
    workload.prepare(setting)?;
    let mut measured: Vec<Vec<Measured>> = vec![Vec::new(); recorders.len()];
    let mut failed: Vec<Option<String>> = recorders
        .iter()
        .map(|recorder| {
            workload
                .is_too_much_for(recorder)
                .then(|| "it would take minutes".to_owned())
        })
        .collect();
    let start = Instant::now();
    for round in 0..options.rounds {
        if start.elapsed().as_secs() >= options.minutes * 60 {
            break;
        }
        let mut order: Vec<usize> = (0..recorders.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for at in order {
            let (Some(recorder), None) =
                (recorders.get(at), failed.get(at).and_then(Option::as_ref))
            else {
                continue;
            };
            eprintln!("{} round {round}: {}", workload.name, recorder.name);
            match measure::once(setting, workload, recorder, round) {
                Ok(once) => {
                    if let Some(list) = measured.get_mut(at) {
                        list.push(once);
                    }
                }
                Err(why) => {
                    if let Some(place) = failed.get_mut(at) {
                        *place = Some(why);
                    }
                }
            }
        }
    }
    let mut rows = Vec::new();
    for ((recorder, list), failure) in recorders.iter().zip(measured).zip(failed) {
        let truth = if recorder.counts_all && !workload.is_server {
            truth(setting, workload, workload.size(setting.size, recorder)).ok()
        } else {
            None
        };
        rows.push(Row {
            recorder: recorder.name,
            measured: list,
            failure,
            truth,
        });
    }
    Ok(rows)
}

/// A folder that is empty.
fn fresh(folder: &PathBuf) -> Result<(), String> {
    remove(folder)?;
    std::fs::create_dir_all(folder).map_err(|error| format!("make `{}`: {error}", folder.display()))
}
