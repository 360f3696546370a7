//! The vocabulary of unspool: events, steps, the tracker, the syscall table, report shapes.
//!
//! This crate does no I/O and depends on nothing. Read [`event`] (what decoders give), [`step`] and [`world`] (what the
//! tracker makes of it) and [`report`] (what analyses answer) first.

pub mod args;
pub mod calendar;
pub mod category;
pub mod container;
pub mod errno;
pub mod event;
pub mod fields;
pub mod flags;
pub mod graph;
pub mod ids;
pub mod map;
pub mod normalize;
pub mod objects;
pub mod payload;
pub mod report;
pub mod sample;
pub mod signal;
pub mod stacks;
pub mod step;
pub mod syscalls;
pub mod timeline;
pub mod totals;
pub mod tracker;
pub mod world;
