//! Whole small summaries, and hostile names in each place.

use unspool_model::event::ClockKind;
use unspool_model::objects::{Accessed, Object, ObjectGroup, Value};

use super::{write_text, write_xml};
use crate::untrusted::tests::HOSTILE;

fn text(value: &[u8]) -> Value {
    Value::Text(value.to_vec())
}

fn process(pid: u64, depth: usize, name: &[u8]) -> Object {
    Object {
        class: "CIM_Process",
        key: "Handle",
        depth,
        properties: vec![
            ("Handle", Value::Number(pid)),
            ("Executable", text(name)),
            ("CreationDate", Value::Time(1_700_000_000_123_456_000)),
        ],
        accesses: Vec::new(),
    }
}

/// Two roots, the first with a child and a grandchild, and a file.
fn groups(name: &[u8]) -> Vec<ObjectGroup> {
    let mut reader = process(7, 2, name);
    reader.accesses.push(Accessed {
        attributes: vec![("File", text(name)), ("NumReads", Value::Number(2))],
        written_statements: vec![name.to_vec()],
        read_statements: Vec::new(),
    });
    vec![
        ObjectGroup {
            category: None,
            objects: vec![
                process(5, 0, name),
                process(6, 1, name),
                reader,
                process(9, 0, name),
            ],
        },
        ObjectGroup {
            category: Some("Others"),
            objects: vec![Object {
                class: "CIM_DataFile",
                key: "Name",
                depth: 0,
                properties: vec![("Name", text(name)), ("Category", text(b"Others"))],
                accesses: vec![Accessed {
                    attributes: vec![("Process", Value::Number(7)), ("NumOpen", Value::Number(3))],
                    ..Accessed::default()
                }],
            }],
        },
    ]
}

fn xml(name: &[u8]) -> String {
    let mut out = Vec::new();
    write_xml(&groups(name), ClockKind::Epoch, &mut out).expect("a vector takes everything");
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn processes_lie_in_their_parents() {
    let lines: Vec<String> = xml(b"/x&y")
        .lines()
        .filter(|line| line.contains("CIM_Process"))
        .map(str::to_owned)
        .collect();
    assert_eq!(
        lines,
        [
            "  <CIM_Process Handle='5'>",
            "    <CIM_Process Handle='6'>",
            "      <CIM_Process Handle='7'>",
            "      </CIM_Process>",
            "    </CIM_Process>",
            "  </CIM_Process>",
            "  <CIM_Process Handle='9'>",
            "  </CIM_Process>",
        ]
    );
    assert!(xml(b"/x&y").contains("<Access File='/x&amp;y' NumReads='2'>"));
    assert!(xml(b"/x").contains("<CreationDate>2023-11-14 22:13:20.123456</CreationDate>"));
}

#[test]
fn the_text_has_dockits_words() {
    let mut out = Vec::new();
    write_text(&groups(b"/x"), ClockKind::TimeOfDay, &mut out).expect("a vector takes everything");
    let text = String::from_utf8(out).expect("UTF-8");
    let (processes, files) = text.split_once("\n\n").expect("two parts");
    assert!(processes.starts_with(
        "Processes:\nProcess id:5\n    Executable:/x\n    Start time:22:13:20.123456\nProcess id:6\n"
    ));
    assert_eq!(files, "Files:\n** Others\nPath:/x\n  Open times:3\n\n");
}

/// What an independent parser makes of it: well-formed and valid with every hostile name.
#[test]
fn the_xml_is_valid_whatever_names_hold() {
    let schema = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/schema/dockit-summary.xsd"
    );
    for name in HOSTILE
        .iter()
        .copied()
        .chain([&b"]]>--><&'\"\xef\xbf\xbf\0$(x)"[..]])
    {
        let arguments = ["--noout", "--schema", schema, "-"];
        let Some(output) = crate::tests::piped("xmllint", &arguments, &xml(name)) else {
            return;
        };
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{errors}");
    }
}
