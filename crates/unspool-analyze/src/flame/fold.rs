//! Folds steps into sums by path.

use unspool_model::ids::{ProcessId, Tid};
use unspool_model::map::Map;
use unspool_model::stacks::{Frame, FrameKind, Spent, Stacks};
use unspool_model::step::{Step, StepKind};
use unspool_model::world::{Process, World};

/// Frames of one path, the call not counted: processes below the deepest one are counted as that one.
pub const PATH_FRAMES_MAX: usize = 200;
/// Distinct paths; calls on further ones are counted for the deepest process that is known.
pub const FRAMES_MAX: usize = 1_000_000;
/// Calls of a thread that are remembered, to take them off the library call that ends around them.
const SPANS_MAX: usize = 256;

/// Sums by path in the making.
#[derive(Default)]
pub struct StackFold {
    stacks: Stacks,
    /// Depth of each frame.
    depths: Vec<usize>,
    names: Map<Vec<u8>, u32>,
    texts: Vec<Vec<u8>>,
    /// Frames by the one above (its place plus one, 0 for none), name and kind.
    places: Map<(usize, u32, bool), usize>,
    /// Frame by process and number of its image.
    processes: Map<(ProcessId, usize), Option<usize>>,
    /// Time of calls that ended on a thread, by their starts.
    spans: Map<(ProcessId, Tid), Vec<(i64, i64)>>,
    beyond: u64,
}

impl StackFold {
    /// Counts a step that is a call, or stands for some.
    pub fn add(&mut self, step: &Step<'_>, world: &World) {
        let spent = match step.kind {
            StepKind::Syscall | StepKind::LibraryCall => Spent {
                time_ns: self.own_time(step),
                calls: 1,
                errors: u64::from(step.outcome.failed().is_some()),
                bytes: bytes(step),
            },
            StepKind::Folded => {
                let (calls, errors) = crate::folded(step);
                Spent {
                    time_ns: step.duration_ns.unwrap_or(0).max(0).unsigned_abs(),
                    calls,
                    errors,
                    bytes: bytes(step),
                }
            }
            StepKind::Exit => {
                self.spans.remove(&(step.process, step.tid));
                return;
            }
            _ => return,
        };
        let above = self.process(step, world);
        let name = self.name(step.name);
        let place = self.frame(above, name, FrameKind::Call).or(above);
        if let Some(frame) = place.and_then(|place| self.stacks.frames.get_mut(place)) {
            frame.own.add(spent);
        }
    }

    /// The sums, and what there is to say.
    pub fn finish(self) -> (Stacks, Vec<String>) {
        let mut notes = Vec::new();
        if self.beyond > 0 {
            notes.push(format!(
                "{} calls are counted for their process only: there are more than {FRAMES_MAX} paths",
                self.beyond
            ));
        }
        (self.stacks, notes)
    }

    /// Time of a call without that of the calls inside it: only library calls have such.
    fn own_time(&mut self, step: &Step<'_>) -> u64 {
        let duration_ns = step.duration_ns.unwrap_or(0).max(0);
        let spans = self.spans.entry((step.process, step.tid)).or_default();
        let mut inner_ns: i64 = 0;
        if step.kind == StepKind::LibraryCall {
            while let Some((_, span_ns)) = spans.pop_if(|(start, _)| *start >= step.time_ns) {
                inner_ns = inner_ns.saturating_add(span_ns);
            }
        }
        if spans.len() >= SPANS_MAX {
            spans.drain(..SPANS_MAX / 2);
        }
        spans.push((step.time_ns, duration_ns));
        duration_ns.saturating_sub(inner_ns).max(0).unsigned_abs()
    }

    /// Frame of the step's process.
    fn process(&mut self, step: &Step<'_>, world: &World) -> Option<usize> {
        // From the step's process up, until one is known.
        let mut path: Vec<(ProcessId, usize, Vec<u8>)> = Vec::new();
        let mut above = None;
        let mut next = Some((step.process, step.seq));
        while let Some((id, seq)) = next {
            let Some(process) = world.process(id) else {
                break;
            };
            let image = image_number(process, seq);
            if let Some(known) = self.processes.get(&(id, image)) {
                above = *known;
                break;
            }
            path.push((id, image, process.name_at(seq).to_vec()));
            let first = process.images.first().map_or(seq, |image| image.seq);
            next = process.parent.map(|parent| (parent, first));
        }
        for (id, image, name) in path.into_iter().rev() {
            let name = self.name(if name.is_empty() { b"?" } else { &name });
            let depth = above.and_then(|above| self.depths.get(above)).copied();
            if depth.unwrap_or(0) < PATH_FRAMES_MAX {
                above = self.frame(above, name, FrameKind::Process).or(above);
            }
            self.processes.insert((id, image), above);
        }
        above
    }

    fn name(&mut self, name: &[u8]) -> u32 {
        if let Some(number) = self.names.get(name) {
            return *number;
        }
        let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.names.insert(name.to_vec(), number);
        self.texts.push(name.to_vec());
        number
    }

    /// The frame of this name below another; `None` when there are too many.
    fn frame(&mut self, above: Option<usize>, name: u32, kind: FrameKind) -> Option<usize> {
        let key = (
            above.map_or(0, |above| above + 1),
            name,
            kind == FrameKind::Call,
        );
        if let Some(place) = self.places.get(&key) {
            return Some(*place);
        }
        if self.stacks.frames.len() >= FRAMES_MAX {
            self.beyond += u64::from(kind == FrameKind::Call);
            return None;
        }
        let place = self.stacks.frames.len();
        let text = usize::try_from(name).ok().and_then(|at| self.texts.get(at));
        self.stacks.frames.push(Frame {
            parent: above,
            kind,
            name: text.cloned().unwrap_or_default(),
            own: Spent::default(),
        });
        let depth = above.and_then(|above| self.depths.get(above)).copied();
        self.depths.push(depth.unwrap_or(0) + 1);
        self.places.insert(key, place);
        Some(place)
    }
}

impl std::fmt::Debug for StackFold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StackFold")
            .field("frames", &self.stacks.frames.len())
            .finish_non_exhaustive()
    }
}

/// Place of the image that ran at an event.
fn image_number(process: &Process, seq: u64) -> usize {
    let later = process.images.iter().rposition(|image| image.seq <= seq);
    later.unwrap_or(0)
}

/// Bytes that a call moved, counted once where it moved them from one resource to another.
fn bytes(step: &Step<'_>) -> u64 {
    if step.outcome.failed().is_some() {
        return 0;
    }
    let moved = [step.touch, step.second]
        .into_iter()
        .flatten()
        .filter(|touch| touch.action.is_input() || touch.action.is_output())
        .find_map(|touch| touch.bytes);
    moved.unwrap_or(0)
}
