//! Command lines, and how processes of a role ended.

use unspool_model::normalize::{Context, Kind};
use unspool_model::world::Process;

use super::profile::{Ended, ExitKey, FailedCommand, Role, VALUES_MAX};

/// A command line without what differs from run to run.
pub(super) fn words(context: &Context, argv: &[Vec<u8>]) -> Vec<Vec<u8>> {
    argv.iter()
        .map(|word| context.normalize(Kind::Word, word).text)
        .collect()
}

/// Counts how a process of a role ended.
pub(super) fn ended(role: &mut Role, process: &Process, context: &Context) {
    role.instances += 1;
    let end_ns = process.end_ns.unwrap_or(process.start_ns);
    role.last_ns = role.last_ns.max(end_ns);
    role.wall_ns = role
        .wall_ns
        .saturating_add(end_ns.saturating_sub(process.start_ns).max(0));
    let key = ExitKey::of(process.exit.filter(|_| process.end_ns.is_some()));
    let ended = role.exits.entry(key).or_insert_with(|| Ended {
        count: 0,
        command: process
            .image()
            .map(|image| image.argv.join(&b' '))
            .unwrap_or_default(),
        first_ns: end_ns,
        ..Ended::default()
    });
    ended.count += 1;
    if key.is_failure()
        && let Some(image) = process.image()
        && ended.commands.len() < VALUES_MAX
    {
        ended
            .commands
            .entry(words(context, &image.argv))
            .or_insert_with(|| FailedCommand {
                count: 0,
                command: image.argv.join(&b' '),
                first_ns: end_ns,
            })
            .count += 1;
    }
}
