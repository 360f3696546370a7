//! Tests of the forms: every view validates, nothing hostile comes out, a tree looks like one.

use unspool_analyze::{ANALYSES, RunFacts, View, ViewOptions};
use unspool_model::event::{ClockKind, Errno, Outcome};
use unspool_model::ids::{Fd, Pid, ProcessId, ResourceId, SessionId, Tid};
use unspool_model::report::{Cell, Column, Layout, Report, Shape, Shown, Unit};
use unspool_model::step::{Action, Step, StepArgs, StepKind, Touch};
use unspool_model::world::{
    Access, Descriptor, Image, Origin, Process, Resource, ResourceKind, Session, SocketName,
    Traffic, World,
};

use crate::untrusted::tests::HOSTILE;
use crate::{Envelope, FORMS, RunLabel, TextOptions, form};

fn envelope() -> Envelope {
    Envelope {
        run: "20261121-042731-7f3a".to_owned(),
        state: RunLabel::Incomplete,
        state_note: "recovered 12 events".to_owned(),
        losses: vec![("ring full".to_owned(), 3)],
        clock: ClockKind::Relative,
        ..Envelope::default()
    }
}

/// A process named `name` that did one thing to a file and one to a socket of that name.
fn world(name: &[u8]) -> World {
    let mut world = World {
        clock: ClockKind::Epoch,
        ..World::default()
    };
    world.processes.push(Some(Box::new(Process {
        id: ProcessId(0),
        pid: Pid(7),
        parent: None,
        start_ns: 0,
        attached: false,
        end_ns: None,
        exit: None,
        images: vec![Image {
            exe: name.to_vec(),
            argv: vec![name.to_vec()],
            ..Image::default()
        }],
        cwd: name.to_vec(),
        user: None,
        group: name.to_vec(),
        container_name: name.to_vec(),
        threads: 1,
        events: 1,
        failed_calls: 1,
    })));
    let socket = SocketName {
        protocol: "UNIX".to_owned(),
        local: name.to_vec(),
        remote: name.to_vec(),
    };
    for (id, kind, socket) in [
        (0, ResourceKind::File, None),
        (1, ResourceKind::Socket, Some(socket)),
    ] {
        world.resources.push(Resource {
            id: ResourceId(id),
            kind,
            name: [b"/", name].concat(),
            category: unspool_model::category::Category::Others,
            socket,
            created: true,
            modified: false,
            deleted: false,
        });
        world.accesses.push(Access {
            process: ProcessId(0),
            resource: ResourceId(id),
            calls: [0; Action::ALL.len()],
            traffic: Traffic::default(),
            failed: 1,
            last_error: Some(Errno::ENOENT),
            first_ns: 0,
            last_ns: 5,
            total_ns: 0,
            claimed: true,
        });
    }
    world.sessions.push(Some(Box::new(Session {
        id: SessionId(0),
        resource: ResourceId(0),
        process: ProcessId(0),
        opened_seq: None,
        opened_ns: 0,
        closed_ns: None,
        flags: 0,
        claimed: true,
        traffic: Traffic::default(),
    })));
    world.descriptors.push(Descriptor {
        session: SessionId(0),
        process: ProcessId(0),
        fd: Fd(3),
        opened_ns: 0,
        closed_ns: None,
        closed_by: None,
        origin: Origin::Inherited(ProcessId(0)),
        close_on_exec: false,
        traffic: Traffic::default(),
    });
    world
}

fn step(name: &[u8]) -> Step<'_> {
    Step {
        seq: 0,
        time_ns: 0,
        duration_ns: Some(30),
        process: ProcessId(0),
        pid: Pid(7),
        tid: Tid(7),
        kind: StepKind::Syscall,
        name,
        syscall: None,
        args: StepArgs::Text(name),
        outcome: Outcome::Failed(Errno::EACCES),
        exit: None,
        touch: Some(Touch {
            action: Action::Open,
            fd: Some(Fd(3)),
            session: Some(SessionId(0)),
            resource: Some(ResourceId(0)),
            bytes: None,
            claimed: true,
        }),
        second: None,
    }
}

fn written(view: &'static unspool_analyze::AnalysisSpec, name: &[u8], form_name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let envelope = envelope();
    let options = TextOptions::default();
    let spec = form(form_name).expect("the form exists");
    let mut writer = (spec.new)(&mut out, &envelope, &options);
    let run = RunFacts {
        host: String::from_utf8_lossy(name).into_owned(),
        ..RunFacts::default()
    };
    let view_options = ViewOptions {
        run,
        ..ViewOptions::default()
    };
    let world = world(name);
    let mut view = View::new(view, &view_options, None, &mut *writer);
    let taken = view.take(&step(name), &world);
    assert!(taken.is_continue());
    assert!(view.finish(&world).is_continue());
    writer.finish().expect("a vector takes everything");
    out
}

/// Every view, with ordinary and with hostile names, is what its schema says.
#[test]
fn json_is_what_the_schemas_say() {
    for spec in ANALYSES {
        let path = format!(
            "{}/../../docs/schema/{}.json",
            env!("CARGO_MANIFEST_DIR"),
            spec.name
        );
        let schema = std::fs::read_to_string(&path).expect("every view has a schema");
        let schema: serde_json::Value = serde_json::from_str(&schema).expect("JSON");
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        for name in HOSTILE.iter().copied().chain([&b"/bin/cat"[..]]) {
            let out = written(spec, name, "json");
            let value: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
            assert!(!value["rows"].as_array().expect("rows").is_empty());
            assert_eq!(value["state"], "incomplete");
            assert_eq!(value["losses"]["ring full"], 3);
            let errors: Vec<String> = validator
                .iter_errors(&value)
                .map(|error| error.to_string())
                .collect();
            assert!(errors.is_empty(), "{}: {errors:?}", spec.name);
        }
    }
}

/// Test 40: hostile names through every view and every form leave no control byte but line ends.
#[test]
fn no_form_lets_a_control_byte_out() {
    for name in HOSTILE {
        for view in ANALYSES {
            for form in FORMS {
                let out = written(view, name, form.name);
                let text = String::from_utf8(out).expect("UTF-8");
                let bad = text.chars().find(|letter| {
                    letter.is_control()
                        && *letter != '\n'
                        && !(form.name == "csv" && *letter == '\r')
                        || ('\u{202a}'..='\u{202e}').contains(letter)
                        || ('\u{2066}'..='\u{2069}').contains(letter)
                });
                assert_eq!(bad, None, "{} {}: {text:?}", view.name, form.name);
            }
        }
    }
}

static COLUMNS: [Column; 4] = [
    Column {
        name: "id",
        unit: Unit::Number,
        shown: Shown::Never,
        doc: "",
    },
    Column {
        name: "parent",
        unit: Unit::Number,
        shown: Shown::Never,
        doc: "",
    },
    Column {
        name: "bytes_read",
        unit: Unit::Bytes,
        shown: Shown::Always,
        doc: "",
    },
    Column {
        name: "path",
        unit: Unit::Text,
        shown: Shown::Always,
        doc: "",
    },
];

fn drawn(layout: Layout, form_name: &str, options: &TextOptions) -> String {
    let mut report = Report::new(&Shape {
        kind: "test",
        columns: &COLUMNS,
        layout,
    });
    for (id, parent, bytes, path) in [
        (0, None, 12_345_678, "=root"),
        (
            1,
            Some(0),
            7,
            "/usr/lib/x86_64-linux-gnu/gconv/gconv-modules.cache",
        ),
        (2, Some(1), 1000, "c,\"d"),
        (3, Some(0), 0, "-last"),
    ] {
        report.rows.push(vec![
            Cell::Int(id),
            Cell::int_or_null(parent),
            Cell::Int(bytes),
            Cell::text(path.as_bytes()),
        ]);
    }
    let envelope = Envelope::default();
    let mut out = Vec::new();
    let spec = form(form_name).expect("the form exists");
    let mut writer = (spec.new)(&mut out, &envelope, options);
    assert!(report.write(&mut *writer).is_continue());
    writer.finish().expect("a vector takes everything");
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn tables_fit_and_cut_in_the_middle() {
    let options = TextOptions {
        width: Some(40),
        ..TextOptions::default()
    };
    assert_eq!(
        drawn(Layout::Table, "text", &options),
        "bytes read  path\n\
         \u{20}  12.3 MB  =root\n\
         \u{20}      7 B  /usr/lib/…conv-modules.cache\n\
         \u{20}   1.0 kB  c,\"d\n\
         \u{20}      0 B  -last\n"
    );
}

#[test]
fn trees_are_drawn() {
    let layout = Layout::Tree {
        id: "id",
        parent: "parent",
    };
    let options = TextOptions {
        width: Some(40),
        ..TextOptions::default()
    };
    assert_eq!(
        drawn(layout, "text", &options),
        "bytes read  path\n\
         \u{20}  12.3 MB  =root\n\
         \u{20}      7 B  ├─ /usr/lib/x86_64-linux-gn…\n\
         \u{20}   1.0 kB  │  └─ c,\"d\n\
         \u{20}      0 B  └─ -last\n"
    );
}

#[test]
fn spreadsheets_run_nothing() {
    assert_eq!(
        drawn(Layout::Table, "csv", &TextOptions::default()),
        "id,parent,bytes_read,path\r\n\
         0,,12345678,\"'=root\"\r\n\
         1,0,7,/usr/lib/x86_64-linux-gnu/gconv/gconv-modules.cache\r\n\
         2,1,1000,\"c,\"\"d\"\r\n\
         3,0,0,\"'-last\"\r\n"
    );
}

#[test]
fn json_lines_begin_with_the_header() {
    let text = drawn(Layout::Table, "jsonl", &TextOptions::default());
    assert_eq!(text.lines().count(), 5);
    assert!(text.starts_with('{'));
    assert!(text.contains("\"path\":\"=root\"}\n"));
}
