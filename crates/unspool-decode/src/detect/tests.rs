use super::*;
use crate::native::write::{RecordWriter, StreamHead};

#[derive(Default)]
struct Reasons(Vec<Reason>);

impl EventSink for Reasons {
    fn event(&mut self, _: &Event<'_>) {}

    fn diagnostic(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic.reason);
    }
}

#[test]
fn damage_in_records_is_counted_by_reason() {
    let mut writer = RecordWriter::default();
    let head = StreamHead {
        architecture: 0,
        clock: 1,
        recorder: 1,
        offset_ns: 0,
    };
    writer.stream(0, head);
    writer.begin(kind::CONTINUE, 7, 10);
    writer.u64(0);
    writer.end();
    let whole = writer.bytes().to_vec();
    let decode = |bytes: &[u8]| {
        let format = detect(bytes, "raw").expect("it is a stream");
        let mut decoder = (format.decoder)(&DecoderOptions::default());
        let mut reasons = Reasons::default();
        decoder.push(bytes, &mut reasons);
        decoder.finish(&mut reasons);
        (reasons.0, decoder.stats())
    };
    let (reasons, stats) = decode(&whole);
    assert_eq!((reasons.len(), stats.by_reason.len()), (0, 0));

    let (reasons, stats) = decode(&whole[..whole.len() - 4]);
    assert_eq!(reasons, [Reason::CutAtEnd]);
    assert_eq!(stats.by_reason, BTreeMap::from([(Reason::CutAtEnd, 1)]));

    // A length that is no multiple of four.
    let damaged = [whole.as_slice(), &[kind::CONTINUE, 0x31, 0, 0, 0, 0, 0, 0]].concat();
    let (reasons, stats) = decode(&damaged);
    assert_eq!(reasons, [Reason::BadRecord]);
    assert_eq!(
        (stats.by_reason[&Reason::BadRecord], stats.losses()),
        (1, 1)
    );
}

#[test]
fn tells_formats_apart() {
    let strace = b"1234 1700000052.321000 openat(AT_FDCWD, \"/etc/passwd\", O_RDONLY) = 3\n";
    assert_eq!(detect(strace, "x.log").map(|f| f.name), Some("strace"));
    assert_eq!(
        detect(b"<html></html>\n", "strace.html").map(|f| f.name),
        None
    );
    assert_eq!(detect(b"", "strace.log").map(|f| f.name), None);
}

#[test]
fn names_are_unique_and_found() {
    for format in FORMATS {
        assert!(
            std::ptr::eq(by_name(format.name).expect("it is in the list"), format)
                || by_name(format.name).is_some_and(|f| f.name == format.name)
        );
        assert!(!format.doc.is_empty());
    }
    assert!(by_name("nonsense").is_none());
}
