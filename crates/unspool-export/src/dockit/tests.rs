//! Lines of a flow in each form, against the forms that dockit documents.

use super::{Batch, FlowForm, FlowWriter, Status, moniker};

fn written(form: FlowForm, batches: &[Batch]) -> String {
    let mut out = Vec::new();
    let mut writer = FlowWriter::begin(form, &mut out).expect("a vector takes everything");
    for batch in batches {
        writer
            .flow(batch.pid, 4)
            .expect("a vector takes everything");
        writer.batch(batch).expect("a vector takes everything");
    }
    writer.finish().expect("a vector takes everything");
    String::from_utf8(out).expect("UTF-8")
}

fn life(name: &[u8]) -> Batch {
    Batch {
        pid: 18198,
        occurrences: 1,
        style: "Args",
        status: Status::Sequence,
        function: "(open@SYS+fstat@SYS+mmap@SYS+close@SYS)".to_owned(),
        arguments: vec![moniker(name)],
        return_value: "N/A".to_owned(),
        time_start: "08:26:47.546936".to_owned(),
        time_end: "08:26:47.547371".to_owned(),
    }
}

/// The example of dockit's own documentation, byte for byte.
#[test]
fn a_line_of_text_is_dockits() {
    assert_eq!(
        written(FlowForm::Txt, &[life(b"/etc/ld.so.cache")]),
        "calls_number:4\nprocess_id:18198\n\
         Pid= 18198 {   1/Args} '(open@SYS+fstat@SYS+mmap@SYS+close@SYS)' \
         [CIM_DataFile.Name=\"/etc/ld.so.cache\"] ==>> N/A (08:26:47.546936,08:26:47.547371)\n"
    );
}

#[test]
fn csv_has_as_many_fields_as_headings() {
    assert_eq!(
        written(FlowForm::Csv, &[life(b"/a,\"b\"")]),
        "Pid,Occurrences,Style,Status,Function,Arguments,Return,Start,End\r\n\
         18198,1,Args,6,(open@SYS+fstat@SYS+mmap@SYS+close@SYS),\
         \"[CIM_DataFile.Name=\"\"/a,\\\"\"b\\\"\"\"\"]\",N/A,08:26:47.546936,08:26:47.547371\r\n"
    );
}

#[test]
fn json_is_an_array_of_flows() {
    for count in 0..3 {
        let batches = vec![life(b"/a\xff\"\n"); count];
        let text = written(FlowForm::Json, &batches);
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(value.as_array().expect("flows").len(), count);
        for flow in value.as_array().expect("flows") {
            assert_eq!(flow[0]["status"], 6);
            assert_eq!(
                flow[0]["arguments"][0],
                "CIM_DataFile.Name=\"/a\\xff\\\"\\n\""
            );
        }
    }
}
