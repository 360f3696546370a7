//! The walk: source -> decode -> track -> sink. Every newcomer reads this first.
//!
//! Bytes come from a source in pieces of any size; a decoder makes events of them; the tracker makes steps of the events;
//! a sink writes tables, or folds an analysis. Live and replay, record and import, are this one function.

use std::collections::BTreeMap;

use anyhow::Result;
use unspool_decode::{DecodeStats, Decoder};
use unspool_model::event::{Counts, Diagnostic, Event, EventSink, Kind, Reason};
use unspool_model::step::StepSink;
use unspool_model::syscalls::Architecture;
use unspool_model::tracker::{Retention, TrackContext, Tracker};
use unspool_model::world::World;

/// Gives the bytes of a stream, piece by piece.
pub(crate) trait Source {
    /// The next piece; `None` at the end.
    fn next_chunk(&mut self) -> Result<Option<&[u8]>>;
}

/// What a walk left behind.
pub(crate) struct Walked {
    /// Everything that was kept of the run.
    pub(crate) world: World,
    /// Steps that were given to the sink.
    pub(crate) steps: u64,
    /// What the decoder counted.
    pub(crate) stats: DecodeStats,
    /// What could not be decoded, or was repaired.
    pub(crate) diagnostics: Diagnostics,
    /// The recorder's own totals, when it said them.
    pub(crate) counts: Option<Counts>,
    /// Architectures that calls were made by.
    pub(crate) architectures: Architectures,
}

/// A set of architectures, small enough to be added to at every call.
#[derive(Clone, Copy, Default)]
pub(crate) struct Architectures(u8);

impl Architectures {
    fn add(&mut self, architecture: Architecture) {
        self.0 |= 1 << architecture as u8;
    }

    /// Their names, sorted.
    pub(crate) fn names(self) -> Vec<String> {
        let mut names: Vec<String> = Architecture::ALL
            .iter()
            .filter(|architecture| self.0 & (1 << **architecture as u8) != 0)
            .map(|architecture| architecture.name().to_owned())
            .collect();
        names.sort();
        names
    }
}

/// Walks a source to its end.
pub(crate) fn walk<S: StepSink + ?Sized>(
    source: &mut dyn Source,
    decoder: &mut dyn Decoder,
    retention: Retention,
    context: TrackContext,
    sink: &mut S,
) -> Result<Walked> {
    let feed = |events: &mut dyn EventSink| {
        while let Some(chunk) = source.next_chunk()? {
            decoder.push(chunk, events);
        }
        decoder.finish(events);
        Ok(decoder.stats())
    };
    walk_events(feed, retention, context, sink)
}

/// The same for what gives events by itself: the files of one `strace -ff`, merged.
pub(crate) fn walk_events<S: StepSink + ?Sized>(
    feed: impl FnOnce(&mut dyn EventSink) -> Result<DecodeStats>,
    retention: Retention,
    context: TrackContext,
    sink: &mut S,
) -> Result<Walked> {
    let mut track = Track {
        tracker: Tracker::new(retention, context),
        sink,
        diagnostics: Diagnostics::default(),
        counts: None,
        architectures: Architectures::default(),
    };
    let stats = feed(&mut track)?;
    track.tracker.world_mut().clock = stats.clock;
    track.tracker.finish(track.sink);
    Ok(Walked {
        steps: track.tracker.steps(),
        world: std::mem::take(track.tracker.world_mut()),
        stats,
        diagnostics: track.diagnostics,
        counts: track.counts,
        architectures: track.architectures,
    })
}

/// Takes the decoder's events to the tracker.
struct Track<'s, S: StepSink + ?Sized> {
    tracker: Tracker,
    sink: &'s mut S,
    diagnostics: Diagnostics,
    counts: Option<Counts>,
    architectures: Architectures,
}

impl<S: StepSink + ?Sized> EventSink for Track<'_, S> {
    fn event(&mut self, event: &Event<'_>) {
        match &event.kind {
            Kind::Call(call) => self.architectures.add(call.architecture),
            Kind::Counts(counts) => self.counts = Some(*counts),
            _ => {}
        }
        self.tracker.event(event, self.sink);
    }

    fn diagnostic(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.add(diagnostic);
    }
}

/// Diagnostics: all counted, the first of each reason kept.
#[derive(Debug, Default)]
pub(crate) struct Diagnostics {
    /// How many, by reason.
    pub(crate) counts: BTreeMap<Reason, u64>,
    /// The first ones.
    pub(crate) first: Vec<Diagnostic>,
}

/// Diagnostics that are kept whole for each reason.
const KEPT_PER_REASON: u64 = 5;

impl Diagnostics {
    fn add(&mut self, diagnostic: Diagnostic) {
        let count = self.counts.entry(diagnostic.reason).or_default();
        *count += 1;
        if *count <= KEPT_PER_REASON {
            self.first.push(diagnostic);
        }
    }

    /// How many of them mean that something of the input is missing.
    pub(crate) fn losses(&self) -> u64 {
        self.counts
            .iter()
            .filter(|(reason, _)| reason.is_loss())
            .map(|(_, count)| count)
            .sum()
    }
}

impl Diagnostics {
    /// Counts by the name of the reason, as the manifest has them.
    pub(crate) fn by_name(&self) -> BTreeMap<String, u64> {
        self.counts
            .iter()
            .map(|(reason, count)| (reason.as_str().to_owned(), *count))
            .collect()
    }
}
