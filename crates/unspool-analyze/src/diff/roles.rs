//! Roles of processes: what a process is for, said by its lineage of commands, not by its number.

use unspool_model::ids::ProcessId;
use unspool_model::world::{Image, Process, World};

/// Programs that run a script: the script is what the process is for.
const INTERPRETERS: &[&[u8]] = &[
    b"python", b"perl", b"ruby", b"node", b"nodejs", b"php", b"lua", b"Rscript", b"tclsh", b"wish",
    b"sh", b"bash", b"dash", b"ash", b"zsh", b"ksh", b"fish", b"busybox", b"java", b"awk", b"gawk",
    b"mawk", b"make", b"deno", b"bun", b"guile",
];

/// Longest lineage that is part of a name; what is deeper shares the name of the last.
const DEPTH_MAX: usize = 24;

/// Which role a process has from an event on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stint {
    /// First event.
    pub(super) seq: u64,
    /// Number of the role in its profile.
    pub(super) role: u32,
    /// Place of the image among the images of the process.
    pub(super) image: usize,
}

/// Labels of an image: what the role is called.
pub(super) fn label(image: &Image) -> Vec<u8> {
    let program = program(image);
    if !is_interpreter(&program) {
        return program;
    }
    match script(image) {
        Some(script) => base(script).to_vec(),
        None => program,
    }
}

/// Name of the program without its folder and, for interpreters, its version.
pub(super) fn program(image: &Image) -> Vec<u8> {
    let zeroth = image.argv.first().map_or(&[][..], Vec::as_slice);
    let zeroth = zeroth.strip_prefix(b"-").unwrap_or(zeroth);
    let name = base(zeroth);
    let name = if name.is_empty() {
        base(&image.exe)
    } else {
        name
    };
    let stem = without_version(name);
    if INTERPRETERS.contains(&stem) {
        return stem.to_vec();
    }
    name.to_vec()
}

fn is_interpreter(program: &[u8]) -> bool {
    INTERPRETERS.contains(&program)
}

/// `python3.11` is `python`.
fn without_version(name: &[u8]) -> &[u8] {
    let end = name
        .iter()
        .rposition(|byte| !byte.is_ascii_digit() && *byte != b'.')
        .map_or(0, |at| at + 1);
    name.get(..end).unwrap_or(name)
}

/// The script among the arguments: the first that is no option; the module behind `-m`; the class or file of java.
fn script(image: &Image) -> Option<&[u8]> {
    let mut words = image.argv.iter().skip(1).map(Vec::as_slice);
    let program = program(image);
    if program == b"make" || program.ends_with(b"awk") {
        return None;
    }
    while let Some(word) = words.next() {
        match word {
            b"-m" | b"-jar" => return words.next(),
            b"-cp" | b"-classpath" | b"-W" | b"-X" | b"-I" | b"-r" | b"--require" | b"-o" => {
                words.next();
            }
            // The text of a program is no name.
            b"-c" | b"-e" | b"--eval" | b"-p" | b"-ec" | b"-ce" | b"-lc" | b"-xc" | b"-" => {
                return None;
            }
            _ if word.starts_with(b"-") || word.starts_with(b"+") => {}
            _ => return Some(word),
        }
    }
    None
}

/// Last component of a path.
pub(super) fn base(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

/// The folder of a path, with the slash at its end.
pub(super) fn folder(path: &[u8]) -> &[u8] {
    path.get(..path.len() - base(path).len())
        .unwrap_or_default()
}

/// One role: its lineage, outermost first.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Lineage(pub(super) Vec<Vec<u8>>);

impl Lineage {
    /// `nightly.sh>price.py>sort`.
    pub(super) fn name(&self) -> Vec<u8> {
        self.0.join(&b'>')
    }

    pub(super) fn child(&self, label: Vec<u8>) -> Self {
        let mut labels = self.0.clone();
        if labels.len() >= DEPTH_MAX {
            labels.pop();
        }
        labels.push(label);
        Self(labels)
    }
}

/// Processes in an order in which every parent comes before its children.
pub(super) fn parents_first(world: &World) -> Vec<ProcessId> {
    let mut order: Vec<ProcessId> = Vec::new();
    let mut placed = vec![false; world.processes.len()];
    for process in world.iter_processes() {
        let mut chain = Vec::new();
        let mut next = Some(process.id);
        while let Some(id) = next {
            if placed.get(id.index()).copied().unwrap_or(true) || chain.contains(&id) {
                break;
            }
            chain.push(id);
            next = world.process(id).and_then(|process| process.parent);
        }
        for id in chain.into_iter().rev() {
            if let Some(place) = placed.get_mut(id.index()) {
                *place = true;
                order.push(id);
            }
        }
    }
    order
}

/// Images of a process that have a role of their own: those that it executed, or else the one that it inherited.
pub(super) fn images_with_roles(process: &Process) -> Vec<usize> {
    let executed: Vec<usize> = process
        .images
        .iter()
        .enumerate()
        .filter(|(_, image)| !image.inherited)
        .map(|(place, _)| place)
        .collect();
    if executed.is_empty() && !process.images.is_empty() {
        return vec![process.images.len() - 1];
    }
    executed
}
