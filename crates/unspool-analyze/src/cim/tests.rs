//! Objects of the small job, and filters.

use unspool_model::objects::{Object, ObjectGroup, Value};
use unspool_model::step::{Step, StepSink};
use unspool_model::world::World;

use super::{Collector, Machine, Select, VALUES_MAX};
use crate::testing::{JOB, track};

struct Sink(Collector);

impl StepSink for Sink {
    fn step(&mut self, step: &Step<'_>, _: &World) {
        self.0.step(step);
    }
}

fn selected(filters: &[&str]) -> Vec<ObjectGroup> {
    let mut select = Select::default();
    for filter in filters {
        select.add(filter).expect("the filter is one");
    }
    let mut sink = Sink(Collector::default());
    let world = track(JOB, &mut sink);
    let machine = Machine {
        host: "here".to_owned(),
        os_type: "linux".to_owned(),
        address: String::new(),
    };
    sink.0.objects(&world, &machine, &select)
}

/// `class key@depth`.
fn names(groups: &[ObjectGroup]) -> Vec<String> {
    let name = |object: &Object| {
        let key = match object.key_value() {
            Some(Value::Text(text)) => String::from_utf8_lossy(text).into_owned(),
            Some(Value::Number(number)) => number.to_string(),
            other => panic!("{other:?}"),
        };
        format!("{} {key}@{}", object.class, object.depth)
    };
    groups
        .iter()
        .flat_map(|group| group.objects.iter().map(name))
        .collect()
}

#[test]
fn objects_of_the_job() {
    let groups = selected(&[]);
    assert_eq!(
        names(&groups),
        [
            "CIM_ComputerSystem here@0",
            "CIM_OperatingSystem linux@0",
            "CIM_Process 10@0",
            "CIM_Process 11@1",
            "CIM_DataFile /etc/x@0",
            "CIM_DataFile /bin/cat@0",
            "CIM_DataFile /bin/sh@0",
            "CIM_DataFile TCP:[#0]@0",
            "CIM_Directory /home/me@0",
            "CIM_DataFile /home/me/log@0",
        ]
    );
    let cat = &groups[2].objects[1];
    assert_eq!(
        cat.property("ExitStatus"),
        Some(&Value::Text(b"1".to_vec()))
    );
    assert_eq!(cat.property("ParentProcessID"), Some(&Value::Number(10)));
    assert_eq!(
        cat.property("CommandLine"),
        Some(&Value::Text(b"cat x".to_vec()))
    );
    let read = cat
        .accesses
        .iter()
        .find(|access| access.attributes[0].1 == Value::Text(b"/etc/x".to_vec()))
        .expect("it read the file");
    assert_eq!(
        read.attributes[1..],
        [
            ("OpenTime", Value::Time(6_000)),
            ("NumOpen", Value::Number(1)),
            ("NumReads", Value::Number(2)),
            ("BytesRead", Value::Number(100)),
        ]
    );
}

#[test]
fn filters_choose() {
    for (filters, expect) in [
        (
            &["CIM_ComputerSystem"][..],
            &["CIM_ComputerSystem here@0"][..],
        ),
        (&["CIM_Process.Handle=\"11\""], &["CIM_Process 11@0"]),
        (&["CIM_Process.Name='s.'"], &["CIM_Process 10@0"]),
        (&["CIM_Process:Name='ca'"], &[]),
        (
            &["CIM_DataFile.Category=['System config files', \"System executables\"]"],
            &[
                "CIM_DataFile /etc/x@0",
                "CIM_DataFile /bin/cat@0",
                "CIM_DataFile /bin/sh@0",
            ],
        ),
        (
            &["CIM_DataFile.Name=\"/bin/.*\",Name=\".*cat\""],
            &["CIM_DataFile /bin/cat@0"],
        ),
        (
            &["CIM_DataFile.Name=\"TCP:[#0]\"", "CIM_Process.Handle='10'"],
            &["CIM_Process 10@0", "CIM_DataFile TCP:[#0]@0"],
        ),
        (&["CIM_Process."], &["CIM_Process 10@0", "CIM_Process 11@1"]),
        (&["CIM_DataFile.NoSuch=\".*\""], &[]),
    ] {
        assert_eq!(names(&selected(filters)), expect, "{filters:?}");
    }
}

#[test]
fn what_is_no_filter_is_told_where_and_why() {
    for (text, words) in [
        ("", "there is no class ``"),
        ("CIM_Proces", "there is no class `CIM_Proces`"),
        ("CIM_Process.Handle", "a property and `=` are missing"),
        ("CIM_Process.Handle=11", "a value in quotes is missing"),
        ("CIM_Process.Handle=\"11", "a value does not end"),
        ("CIM_Process.Handle=[\"1\"", "the list does not end"),
        ("CIM_Process.Handle=\"(\"", "no regular expression"),
        ("CIM_Process.Handle=\"1\" x", "something is left"),
        ("CIM_Process) : import os #", "something is left"),
        ("__import__('os').system('id')", "there is no class"),
    ] {
        let error = Select::default().add(text).expect_err(text);
        assert!(error.to_string().contains(words), "{text}: {error}");
    }
}

/// At the limit, and one beyond; and an expression that would take too much memory.
#[test]
fn filters_have_limits() {
    let list = |count: usize| format!("CIM_Process.Handle=[{}]", vec!["\"1\""; count].join(","));
    Select::default()
        .add(&list(VALUES_MAX))
        .expect("as many as may be");
    Select::default()
        .add(&list(VALUES_MAX + 1))
        .expect_err("one more");
    Select::default()
        .add("CIM_Process.Handle=\"((a{1000}){1000}){1000}\"")
        .expect_err("too large");
}
