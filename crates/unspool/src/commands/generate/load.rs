//! Runs as the generators need them: the whole world first, then the steps.

use anyhow::Result;
use unspool_generate::RunFacts;
use unspool_model::step::Step;
use unspool_model::world::World;
use unspool_store::RunState;

use crate::commands::find_run;
use crate::settings::Settings;
use crate::stored::{Stored, losses, unescaped};

/// A run with its world.
pub(super) struct Loaded {
    run: Stored,
    /// Everything that is known beyond single events.
    pub(super) world: World,
    architectures: Vec<String>,
}

/// Opens a run.
pub(super) fn load(settings: &Settings, reference: &str) -> Result<Loaded> {
    let entry = find_run(settings, reference)?;
    let run = Stored::open(&entry.folder)?;
    let (world, architectures) = run.world_and_architectures()?;
    Ok(Loaded {
        run,
        world,
        architectures,
    })
}

impl Loaded {
    /// Gives every step to the fold.
    pub(super) fn steps(&self, fold: &mut dyn FnMut(&Step<'_>)) -> Result<()> {
        self.run.each_step(true, fold)
    }

    /// What the manifest says.
    pub(super) fn facts(&self) -> RunFacts {
        let manifest = self.run.reader.manifest();
        RunFacts {
            id: manifest.id.clone(),
            command: manifest
                .command
                .iter()
                .map(|word| unescaped(word))
                .collect(),
            host: manifest.host.clone(),
            cwd: unescaped(&manifest.cwd),
            recorder: manifest.recorder.name.clone(),
            options: manifest.recorder.options.clone(),
            complete: matches!(self.run.reader.state(), RunState::Complete),
            losses: losses(&self.run.reader),
            exit_code: manifest.exit.and_then(|exit| exit.code),
            architectures: self.architectures.clone(),
        }
    }
}
