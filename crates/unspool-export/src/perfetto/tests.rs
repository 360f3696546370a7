//! The bytes of the smallest trace. What a whole one holds is read by Perfetto's own messages in the end-to-end tests.

use std::ops::ControlFlow;

use unspool_model::event::ClockKind;
use unspool_model::timeline::{TimelineHead, TimelineSink as _};

use super::Perfetto;
use crate::TimelineForm as _;

#[test]
fn a_trace_begins_with_a_cleared_state_and_clocks() {
    let mut out = Vec::new();
    let mut sink = Box::new(Perfetto::new(&mut out));
    let head = TimelineHead {
        run: "run",
        clock: ClockKind::Epoch,
        start_ns: 5,
        end_ns: 5,
    };
    assert_eq!(sink.begin(&head), ControlFlow::Continue(()));
    assert_eq!(sink.end(&[]), ControlFlow::Continue(()));
    sink.finish().expect("a vector takes everything");
    let expected = [
        // packet { trusted_packet_sequence_id: 1, sequence_flags: 1, first_packet_on_sequence: true }
        0x0a, 0x07, 0x50, 0x01, 0x68, 0x01, 0xb8, 0x05, 0x01,
        // packet { timestamp: 5, clock_snapshot { clocks { 6: 5 } clocks { 1: 5 } primary_trace_clock: 6 } }
        0x0a, 0x12, 0x40, 0x05, 0x32, 0x0e, 0x0a, 0x04, 0x08, 0x06, 0x10, 0x05, 0x0a, 0x04, 0x08,
        0x01, 0x10, 0x05, 0x10, 0x06,
    ];
    assert_eq!(out, expected);
}

/// Times before the clock's zero are moved: the format has none.
#[test]
fn negative_times_are_moved() {
    let mut out = Vec::new();
    let mut sink = Perfetto::new(&mut out);
    let head = TimelineHead {
        run: "run",
        clock: ClockKind::Relative,
        start_ns: -7,
        end_ns: 5,
    };
    assert_eq!(sink.begin(&head), ControlFlow::Continue(()));
    assert_eq!(sink.time(-7), 0);
    assert_eq!(sink.time(3), 10);
}
