//! The shape of sums by call path: what the analysis `flame` gives and the forms `folded`, `flame`, `speedscope` and `pprof` write.

/// What a frame is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FrameKind {
    /// Processes of one name below one path.
    Process,
    /// A call that they made.
    Call,
}

impl FrameKind {
    /// Name in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Call => "call",
        }
    }
}

/// What was spent in a frame itself.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Spent {
    /// Time in calls in nanoseconds, waiting included.
    pub time_ns: u64,
    /// Calls.
    pub calls: u64,
    /// Calls that failed.
    pub errors: u64,
    /// Bytes moved.
    pub bytes: u64,
}

impl Spent {
    /// Adds more; sums end at their limit.
    pub fn add(&mut self, more: Self) {
        self.time_ns = self.time_ns.saturating_add(more.time_ns);
        self.calls = self.calls.saturating_add(more.calls);
        self.errors = self.errors.saturating_add(more.errors);
        self.bytes = self.bytes.saturating_add(more.bytes);
    }

    /// The part that a weight looks at.
    pub fn by(&self, weight: Weight) -> u64 {
        match weight {
            Weight::Time => self.time_ns,
            Weight::Calls => self.calls,
            Weight::Bytes => self.bytes,
        }
    }
}

/// By what frames are as wide as they are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Weight {
    /// Time in calls.
    #[default]
    Time,
    /// Number of calls.
    Calls,
    /// Bytes moved.
    Bytes,
}

impl Weight {
    /// All.
    pub const ALL: &'static [Self] = &[Self::Time, Self::Calls, Self::Bytes];

    /// Name, as `--weight` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Calls => "calls",
            Self::Bytes => "bytes",
        }
    }

    /// By its name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|weight| weight.name() == name)
    }
}

/// A place in the tree of paths.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// Frame above it, by its place; always a smaller one. `None` for the first processes.
    pub parent: Option<usize>,
    /// What it is.
    pub kind: FrameKind,
    /// Name of the program or call. Bytes, as they were read.
    pub name: Vec<u8>,
    /// What was spent in it, without what is below it.
    pub own: Spent,
}

/// Sums by path. Distinct paths are held, not events.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stacks {
    /// Frames, each behind the one above it.
    pub frames: Vec<Frame>,
}

impl Stacks {
    /// Sums of each frame with everything below it.
    pub fn totals(&self) -> Vec<Spent> {
        let mut totals: Vec<Spent> = self.frames.iter().map(|frame| frame.own).collect();
        for (place, frame) in self.frames.iter().enumerate().rev() {
            let own = totals.get(place).copied().unwrap_or_default();
            if let Some(above) = frame.parent.and_then(|parent| totals.get_mut(parent)) {
                above.add(own);
            }
        }
        totals
    }

    /// Sum of everything.
    pub fn total(&self) -> Spent {
        let mut total = Spent::default();
        for frame in &self.frames {
            total.add(frame.own);
        }
        total
    }

    /// Places of the frames from the first to this one.
    pub fn path(&self, place: usize) -> Vec<usize> {
        let mut path = vec![place];
        let mut next = self.frames.get(place).and_then(|frame| frame.parent);
        while let Some(place) = next {
            path.push(place);
            next = self.frames.get(place).and_then(|frame| frame.parent);
        }
        path.reverse();
        path
    }

    /// Places of the frames below each frame, and of the first ones last, all in the order of `less`.
    pub fn children(&self, mut less: impl FnMut(usize, usize) -> std::cmp::Ordering) -> Children {
        let mut below = vec![Vec::new(); self.frames.len()];
        let mut roots = Vec::new();
        for (place, frame) in self.frames.iter().enumerate() {
            match frame.parent.and_then(|parent| below.get_mut(parent)) {
                Some(siblings) => siblings.push(place),
                None => roots.push(place),
            }
        }
        for siblings in below.iter_mut().chain(std::iter::once(&mut roots)) {
            siblings.sort_by(|a, b| less(*a, *b));
        }
        Children { below, roots }
    }
}

/// Which frames lie below which.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Children {
    /// By the place of the frame above.
    pub below: Vec<Vec<usize>>,
    /// Frames with nothing above.
    pub roots: Vec<usize>,
}
