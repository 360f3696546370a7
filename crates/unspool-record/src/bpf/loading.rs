//! What makes loading quick: nothing is read that nobody asks for, and what takes the kernel long is done side by side.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::thread;

use aya::programs::{BtfTracePoint, Program};
use aya::{Btf, Ebpf, EbpfLoader};

use super::programs::{failed, missing};
use crate::native::seccomp;

/// Threads that load programs.
const LOADERS: usize = 2;

/// A program and its tracepoint.
pub(super) type Name = (&'static str, &'static str);

/// A loader without types. The only way to make one reads and takes apart all of the kernel's types first, which takes longer than
/// everything else here; where no file can be opened, it does without.
pub(super) fn empty_loader<'types>() -> EbpfLoader<'types> {
    let made = thread::scope(|scope| {
        let make = || {
            // Holds for this thread alone, which ends here. Where it is refused, the types are read in vain.
            let _refused = crate::launch::install_filter(&seccomp::without_files().as_fprog());
            EbpfLoader::new()
        };
        let thread = thread::Builder::new().spawn_scoped(scope, make).ok();
        thread.and_then(|thread| thread.join().ok())
    });
    made.unwrap_or_else(EbpfLoader::new)
}

/// A program to be loaded.
struct Job<'ebpf> {
    name: Name,
    is_needed: bool,
    program: &'ebpf mut BtfTracePoint,
}

/// Loads the programs and gives the names of those to attach: all that are needed, and the others if each of them could be loaded.
pub(super) fn load_all(
    ebpf: &mut Ebpf,
    wanted: &[(Name, bool)],
    tracepoints: &Btf,
) -> io::Result<Vec<Name>> {
    let mut jobs = Vec::new();
    for (program_name, program) in ebpf.programs_mut() {
        let name = wanted.iter().find(|((name, _), _)| *name == program_name);
        if let (Some(&(name, is_needed)), Program::BtfTracePoint(program)) = (name, program) {
            jobs.push(Job {
                name,
                is_needed,
                program,
            });
        }
    }
    for ((name, _), is_needed) in wanted {
        if *is_needed && !jobs.iter().any(|job| job.name.0 == *name) {
            return Err(missing(name));
        }
    }
    // The last is taken first: it takes longest.
    jobs.sort_by_key(|job| job.name.0 == LONGEST);
    let mut are_others_loaded = jobs.len() == wanted.len();
    let jobs = Mutex::new(jobs);
    let outcomes = Mutex::new(Vec::new());
    let work = || {
        loop {
            let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(job) = job else {
                return;
            };
            let loaded = job.program.load(job.name.1, tracepoints).map_err(failed);
            outcomes
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push((job.is_needed, loaded));
        }
    };
    thread::scope(|scope| {
        for _ in 1..LOADERS {
            // Without a thread, this one does it all.
            let _thread = thread::Builder::new().spawn_scoped(scope, work).ok();
        }
        work();
    });
    for (is_needed, loaded) in outcomes
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
    {
        match loaded {
            Err(error) if is_needed => return Err(error),
            loaded => are_others_loaded &= loaded.is_ok(),
        }
    }
    let names = wanted.iter();
    Ok(names
        .filter(|(_, is_needed)| *is_needed || are_others_loaded)
        .map(|(name, _)| *name)
        .collect())
}

/// The program that the verifier looks at as long as at all others together.
const LONGEST: &str = "exit_call";
