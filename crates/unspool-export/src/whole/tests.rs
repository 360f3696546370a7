//! Every form of a whole run with hostile names, and the registry.

use std::ops::ControlFlow;

use unspool_model::event::{ClockKind, Errno, Outcome};
use unspool_model::graph::{Edge, EdgeKind, Graph, Node, NodeKind};
use unspool_model::ids::{Pid, ProcessId};
use unspool_model::stacks::{Frame, FrameKind, Spent, Stacks};
use unspool_model::step::{StepArgs, StepKind};
use unspool_model::timeline::{Flow, Point, Slice, TimelineHead, Track};
use unspool_model::world::{Image, LinkKind, Process, ResourceKind};

use super::{Makes, StackOptions, WHOLE_FORMS, WholeForm, whole_form, whole_form_of_ending};
use crate::tests::piped;
use crate::untrusted::tests::HOSTILE;

/// Names that end something in one of the formats, besides those that no form lets through.
const ENDS: &[&[u8]] = &[
    b"</svg>",
    b"]]>",
    b"-->",
    b"a;b",
    b"a b 12",
    b"\"];n0->n0[label=\"",
    b"\\",
    b"\\\"",
    b"%s%n",
    b"",
    b"<script>alert(1)</script>",
    b"&amp;",
    b"\x1f\x8b",
    b"\n}\n",
];

fn names() -> impl Iterator<Item = &'static [u8]> {
    HOSTILE.iter().chain(ENDS).copied()
}

fn process(name: &[u8]) -> Process {
    Process {
        id: ProcessId(0),
        pid: Pid(7),
        parent: None,
        start_ns: 1_000,
        attached: false,
        end_ns: Some(9_000),
        exit: None,
        images: vec![Image {
            exe: name.to_vec(),
            argv: vec![name.to_vec(), name.to_vec()],
            ..Image::default()
        }],
        cwd: Vec::new(),
        user: Some(0),
        group: Vec::new(),
        container_name: Vec::new(),
        threads: 1,
        events: 1,
        failed_calls: 0,
    }
}

/// A run of one process with two calls, an arrow and a mark, all of this name.
fn timeline(form: &WholeForm, name: &[u8]) -> Vec<u8> {
    let Makes::Timeline(new) = form.makes else {
        panic!("{} is no timeline", form.name);
    };
    let mut out = Vec::new();
    let mut sink = new(&mut out);
    let head = TimelineHead {
        run: "run",
        clock: ClockKind::Epoch,
        start_ns: 1_000,
        end_ns: 9_000,
    };
    let track = Track {
        process: ProcessId(0),
        pid: 7,
        tid: 7,
    };
    let flow = Flow {
        id: 1,
        kind: LinkKind::Data,
        from: Point {
            track,
            time_ns: 2_000,
        },
        count: 3,
    };
    let slice = |start_ns: i64, end_ns| Slice {
        track,
        seq: Some(start_ns.unsigned_abs()),
        kind: StepKind::Syscall,
        start_ns,
        end_ns,
        name,
        category: "file",
        args: StepArgs::Text(name),
        outcome: Outcome::Failed(Errno(2)),
        exit: None,
        resource: Some(name),
        fd: None,
        bytes: Some(5),
        is_cut: false,
        flows: &[],
    };
    let second = Slice {
        flows: std::slice::from_ref(&flow),
        ..slice(4_000, Some(5_000))
    };
    let flows = [
        sink.begin(&head),
        sink.process(&process(name), 7, None),
        sink.thread(track, name),
        sink.slice(&slice(2_000, Some(3_000))),
        sink.slice(&second),
        sink.slice(&slice(6_000, None)),
        sink.end(&["a note".to_owned()]),
    ];
    assert!(flows.iter().all(ControlFlow::is_continue));
    sink.finish().expect("a vector takes everything");
    out
}

pub(crate) fn stacks(name: &[u8]) -> Stacks {
    let frame = |parent, kind, time_ns| Frame {
        parent,
        kind,
        name: name.to_vec(),
        own: Spent {
            time_ns,
            calls: time_ns,
            errors: 0,
            bytes: 0,
        },
    };
    Stacks {
        frames: vec![
            frame(None, FrameKind::Process, 0),
            frame(Some(0), FrameKind::Call, 30),
            frame(Some(0), FrameKind::Process, 0),
            frame(Some(2), FrameKind::Call, 12),
        ],
    }
}

fn graph(name: &[u8]) -> Graph {
    let node = |kind, pid| Node {
        kind,
        name: name.to_vec(),
        pid,
        argv: vec![name.to_vec()],
    };
    Graph {
        nodes: vec![
            node(NodeKind::Process, Some(Pid(7))),
            node(NodeKind::Resource(ResourceKind::File), None),
        ],
        edges: vec![
            Edge {
                from: 0,
                to: 1,
                kind: EdgeKind::Write,
                count: 2,
                bytes: 10,
            },
            Edge {
                from: 1,
                to: 0,
                kind: EdgeKind::Read,
                count: 1,
                bytes: 4,
            },
        ],
    }
}

fn written(form: &WholeForm, name: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let options = StackOptions {
        title: crate::escape(name),
        start_ns: Some(1_000),
        duration_ns: Some(8_000),
        ..StackOptions::default()
    };
    match form.makes {
        Makes::Timeline(_) => return timeline(form, name),
        Makes::Stacks(write) => write(&stacks(name), &options, &mut out),
        Makes::Graph(write) => write(&graph(name), &options.title, &mut out),
    }
    .expect("a vector takes everything");
    out
}

fn whole_text(name: &str, of: &[u8]) -> String {
    let form = whole_form(name).expect("it exists");
    String::from_utf8(written(form, of)).expect("UTF-8")
}

#[test]
fn every_form_is_found_by_name_and_ending() {
    for form in WHOLE_FORMS {
        assert_eq!(
            whole_form(form.name).map(|found| found.name),
            Some(form.name)
        );
        assert!(
            crate::form(form.name).is_none(),
            "{}: one name, one form",
            form.name
        );
        for ending in form.endings {
            let found = whole_form_of_ending(ending);
            assert_eq!(found.map(|found| found.name), Some(form.name));
        }
    }
    assert!(whole_form("nosuch").is_none());
}

#[test]
fn no_text_form_lets_a_control_byte_out() {
    for form in WHOLE_FORMS.iter().filter(|form| !form.is_binary) {
        for name in names() {
            let text = String::from_utf8(written(form, name)).expect("UTF-8");
            let bad = text
                .chars()
                .find(|&letter| (letter.is_control() && letter != '\n') || letter == '\u{202e}');
            assert_eq!(bad, None, "{} {name:?}", form.name);
        }
    }
}

/// A name changes texts, never the structure: the same lines, nodes and keys as with a harmless name.
#[test]
fn names_never_become_structure() {
    for name in names() {
        for form in ["chrome-trace", "speedscope"] {
            let value: serde_json::Value =
                serde_json::from_str(&whole_text(form, name)).expect("JSON");
            let plain: serde_json::Value =
                serde_json::from_str(&whole_text(form, b"x")).expect("JSON");
            assert_eq!(skeleton(&value), skeleton(&plain), "{form} {name:?}");
        }
        let folded = whole_text("folded", name);
        assert_eq!(folded.lines().count(), 2, "{folded:?}");
        for line in folded.lines() {
            let (path, sum) = line.rsplit_once(' ').expect("a sum");
            assert!(["30", "12"].contains(&sum), "{line:?}");
            assert_eq!(path.split(';').count(), if sum == "30" { 2 } else { 3 });
            let frame = path.split(';').next().expect("a frame");
            let expected = if name.is_empty() { &b"?"[..] } else { name };
            assert_eq!(
                crate::untrusted::unescape(frame).as_deref(),
                Some(expected),
                "a name can be read back"
            );
        }
    }
}

/// The value without the texts of names.
fn skeleton(value: &serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::String(_) => Value::from("text"),
        Value::Array(items) => items.iter().map(skeleton).collect(),
        Value::Object(members) => members
            .iter()
            // Empty names leave out what has nothing to say.
            .filter(|(key, _)| *key != "args")
            .map(|(key, value)| (key.clone(), skeleton(value)))
            .collect(),
        other => other.clone(),
    }
}

#[test]
fn pictures_and_graphs_are_well_formed() {
    for name in names() {
        for form in ["flame", "graphml"] {
            let text = whole_text(form, name);
            let Some(checked) = piped("xmllint", &["--noout", "-"], &text) else {
                return;
            };
            let said = String::from_utf8_lossy(&checked.stderr).into_owned();
            assert!(checked.status.success(), "{form} {name:?}: {said}");
            let marks = ["<svg", "<script", "<node", "<edge", "<key", "<title"];
            let plain = whole_text(form, b"x");
            for mark in marks {
                assert_eq!(
                    text.matches(mark).count(),
                    plain.matches(mark).count(),
                    "{form} {name:?} {mark}"
                );
            }
        }
        let Some(checked) = piped("dot", &["-Tplain"], &whole_text("dot", name)) else {
            continue;
        };
        assert!(checked.status.success(), "{name:?}");
        let plain = String::from_utf8_lossy(&checked.stdout).into_owned();
        let count = |word: &str| plain.lines().filter(|line| line.starts_with(word)).count();
        assert_eq!(
            (count("node "), count("edge ")),
            (2, 2),
            "{name:?}: {plain}"
        );
    }
}

/// What stands where, in the smallest picture: half of the time in the process itself would be wrong.
#[test]
fn frames_are_as_wide_as_their_sums() {
    let picture = whole_text("flame", b"x");
    // 30 and 12 of 42 are 71.4285 and 28.5714 percent.
    for part in [
        "data-w=\"100.0000\"",
        "data-w=\"71.4285\"",
        "data-w=\"28.5714\"",
    ] {
        assert!(picture.contains(part), "{part}");
    }
    assert!(
        picture.contains("data-x=\"71.4285\""),
        "the smaller one stands behind"
    );
}

proptest::proptest! {
    #[test]
    fn any_name_can_be_read_back(name in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..40)) {
        let trace: serde_json::Value =
            serde_json::from_str(&whole_text("chrome-trace", &name)).expect("JSON");
        let path = trace["traceEvents"]
            .as_array()
            .and_then(|events| events.iter().find_map(|event| event["args"]["path"].as_str()))
            .expect("the path");
        proptest::prop_assert_eq!(crate::untrusted::unescape(path), Some(name.clone()));
        for form in WHOLE_FORMS {
            proptest::prop_assert!(!written(form, &name).is_empty());
        }
    }
}
