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

fn resource(id: u32, kind: ResourceKind, name: &[u8], socket: Option<SocketName>) -> Resource {
    Resource {
        id: ResourceId(id),
        kind,
        name: [b"/", name].concat(),
        category: unspool_model::category::Category::Others,
        socket,
        created: true,
        modified: false,
        deleted: false,
        content: None,
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
        world.resources.push(resource(id, kind, name, socket));
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
            // The step moved no data.
            let has_rows = !matches!(spec.name, "sql" | "http");
            assert_eq!(
                !value["rows"].as_array().expect("rows").is_empty(),
                has_rows
            );
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

static REPARSED: [Column; 3] = [
    Column::new(
        "path",
        Unit::Text,
        Shown::Always,
        "A path & its \"quotes\".",
    ),
    Column::new("bytes_read", Unit::Bytes, Shown::Always, ""),
    Column::new("words", Unit::List, Shown::Always, ""),
];

/// Bytes that are hard on some form, in any order, with any bytes between them.
fn hostile(random: &mut u64) -> Vec<u8> {
    const PIECES: &[&[u8]] = &[
        b"\"",
        b"'",
        b"\n",
        b"\r\n",
        b"\t",
        b"$(reboot)",
        b"`id`",
        b"-->",
        b"<!--",
        b"]]>",
        b"<![CDATA[",
        b"&amp;",
        b"&#0;",
        b"</td>",
        b"<script>",
        b"\\",
        b"\\x41",
        b"\\u{41}",
        b"|",
        b"=1+1",
        b"@",
        b"#",
        b"%s",
        b"{{",
        b"\0",
        b"\x1b[2J",
        b"\x7f",
        b"\x80",
        b"\xff\xfe",
        b"\xc3",
        b"\xc3\xa4",
        b"\xef\xbf\xbe",
        b"\xef\xbf\xbf",
        b"\xed\xa0\x80",
        b"\xe2\x80\xae",
        b"\xf0\x9f\x92\xa9",
        b",",
        b";",
        b" ",
        b"https://x.org",
        b"**b**",
        b"[a](b)",
        b":smile:",
        b"~~",
        b"+",
        b"-",
        b"_x_",
        b"\x0b\x0c\x01",
        b"\xc2\x85",
    ];
    let mut next = || {
        *random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(*random >> 33).expect("31 bits")
    };
    let mut bytes = Vec::new();
    for _ in 0..next() % 6 {
        if next() % 4 == 0 {
            bytes.extend([next(), next()].map(|number| number.to_le_bytes()[0]));
        } else {
            bytes.extend_from_slice(PIECES[next() % PIECES.len()]);
        }
    }
    bytes
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        text.push_str(&format!("{byte:02x}"));
        text
    })
}

/// A report of hostile rows, as `reparse.py` wants it, with the text of every form.
fn hostile_rows(count: i64) -> (serde_json::Value, String) {
    let mut report = Report::new(&Shape {
        kind: "test",
        columns: &REPARSED,
        layout: Layout::Table,
    });
    let mut random = 20_261_121;
    let mut expected = Vec::new();
    for number in 0..count {
        let (path, word) = (hostile(&mut random), hostile(&mut random));
        expected.push(serde_json::json!([
            hex(&path),
            number,
            [hex(&word), hex(&path)]
        ]));
        report.rows.push(vec![
            Cell::text(&path),
            Cell::Int(number),
            Cell::List(vec![Cell::text(&word), Cell::text(&path)]),
        ]);
    }
    let mut forms = serde_json::Map::new();
    let envelope = Envelope {
        name: Some("\"]]>--><a&b".to_owned()),
        ..envelope()
    };
    for spec in FORMS {
        let mut out = Vec::new();
        let options = TextOptions::default();
        let mut writer = (spec.new)(&mut out, &envelope, &options);
        assert!(report.write(&mut *writer).is_continue());
        writer.finish().expect("a vector takes everything");
        let text = String::from_utf8(out).expect("UTF-8");
        forms.insert(spec.name.to_owned(), text.into());
    }
    let xml = forms["xml"].as_str().expect("a text").to_owned();
    (
        serde_json::json!({"expected": expected, "forms": forms}),
        xml,
    )
}

/// Runs a program that the test needs with this input; `None`, with a word, where it is not installed outside of CI.
pub(crate) fn piped(program: &str, args: &[&str], input: &str) -> Option<std::process::Output> {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let started = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = started else {
        let in_ci = std::env::vars().any(|(key, _)| key == "CI");
        assert!(!in_ci, "`{program}` is missing in CI");
        eprintln!("skipped: `{program}` is not installed");
        return None;
    };
    let mut stdin = child.stdin.take().expect("it was piped");
    let fed = std::thread::scope(|scope| {
        let feeder = scope.spawn(move || stdin.write_all(input.as_bytes()));
        let output = child.wait_with_output().expect("it ends");
        drop(feeder.join().expect("no panic"));
        output
    });
    Some(fed)
}

/// What went in comes out of every form, as parsers of other people read it.
#[test]
fn other_peoples_parsers_read_every_form() {
    let (rows, xml) = hostile_rows(3000);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reparse.py");
    if let Some(output) = piped("python3", &[script], &rows.to_string()) {
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{errors}");
        // Six forms.
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "18000");
    }
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schema/rows.xsd");
    let validated = piped("xmllint", &["--noout", "--schema", schema, "-"], &xml);
    if let Some(output) = validated {
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{errors}");
    }
}
