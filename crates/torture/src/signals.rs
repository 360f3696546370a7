//! Signals: floods, faults, stops, deaths.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use serde_json::json;

use crate::{Outcome, Trouble, sys};

static DELIVERED: AtomicU64 = AtomicU64::new(0);
static PAGE: AtomicUsize = AtomicUsize::new(0);

extern "C" fn count(_: libc::c_int) {
    DELIVERED.fetch_add(1, Ordering::Relaxed);
}

extern "C" fn unprotect(_: libc::c_int) {
    DELIVERED.fetch_add(1, Ordering::Relaxed);
    sys::protect(
        PAGE.load(Ordering::Relaxed),
        libc::PROT_READ | libc::PROT_WRITE,
    );
}

fn first(numbers: &[u64]) -> u64 {
    numbers.first().copied().unwrap_or_default()
}

fn all_delivered(expect: u64) -> Result<(), Trouble> {
    let delivered = DELIVERED.load(Ordering::Relaxed);
    if delivered == expect {
        Ok(())
    } else {
        Err(Trouble::Failed(format!(
            "{delivered} of {expect} signals came"
        )))
    }
}

/// Signals from the program to itself.
pub(crate) fn signals(numbers: &[u64]) -> Outcome {
    let times = first(numbers);
    sys::on_signal(libc::SIGUSR1, count)?;
    let [pid, ..] = sys::ids();
    for _ in 0..times {
        sys::kill(pid, libc::SIGUSR1)?;
    }
    all_delivered(times)?;
    Ok(json!({"processes": 1, "signals": {"SIGUSR1": times}, "calls": {"kill": times}}))
}

/// Faults that a handler repairs.
pub(crate) fn faults(numbers: &[u64]) -> Outcome {
    let times = first(numbers);
    let page = sys::forbidden_page()?;
    PAGE.store(page, Ordering::Relaxed);
    sys::on_signal(libc::SIGSEGV, unprotect)?;
    for _ in 0..times {
        sys::touch(page);
        sys::protect(page, libc::PROT_NONE);
    }
    all_delivered(times)?;
    Ok(json!({"processes": 1, "signals": {"SIGSEGV": times}}))
}

/// Real-time signals, which queue.
pub(crate) fn realtime(numbers: &[u64]) -> Outcome {
    let times = first(numbers);
    let signal = libc::SIGRTMIN() + 3;
    sys::on_signal(signal, count)?;
    for number in 0..times {
        sys::queue(signal, usize::try_from(number).unwrap_or(usize::MAX))?;
    }
    all_delivered(times)?;
    Ok(json!({"processes": 1, "calls": {"rt_sigqueueinfo": times}, "realtime_signals": times}))
}

/// A child that is stopped and continued; its parent sees every change.
pub(crate) fn stops(numbers: &[u64]) -> Outcome {
    let times = first(numbers);
    let child = sys::fork()?;
    if child == 0 {
        loop {
            sys::getppid();
            if std::hint::black_box(false) {
                sys::exit_now(1);
            }
        }
    }
    for _ in 0..times {
        sys::kill(child, libc::SIGSTOP)?;
        let status = sys::wait(child, libc::WUNTRACED)?;
        if !libc::WIFSTOPPED(status) {
            return Err(Trouble::Failed(format!(
                "wait status {status:#x} instead of a stop"
            )));
        }
        sys::kill(child, libc::SIGCONT)?;
        let status = sys::wait(child, libc::WCONTINUED)?;
        if !libc::WIFCONTINUED(status) {
            return Err(Trouble::Failed(format!(
                "wait status {status:#x} instead of a continuation"
            )));
        }
    }
    sys::kill(child, libc::SIGKILL)?;
    let status = sys::wait(child, 0)?;
    if !libc::WIFSIGNALED(status) {
        return Err(Trouble::Failed(format!(
            "wait status {status:#x} instead of a death"
        )));
    }
    Ok(json!({"processes": 2, "kills": {"9": 1}, "stops": times}))
}

/// Busy children that are killed at once.
pub(crate) fn kill_race(numbers: &[u64]) -> Outcome {
    let children = first(numbers);
    for _ in 0..children {
        let child = sys::fork()?;
        if child == 0 {
            loop {
                sys::getppid();
                if std::hint::black_box(false) {
                    sys::exit_now(1);
                }
            }
        }
        sys::kill(child, libc::SIGKILL)?;
        sys::wait(child, 0)?;
    }
    Ok(json!({"processes": children + 1, "kills": {"9": children}}))
}
