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
fn a_text_that_is_no_trace_is_none() {
    for text in [
        "free size:2985984\nread state:-1\n==4880== For counts of detected errors, rerun with: -v\n",
        "mmap(0x0,4096,PROT_READ,MAP_PRIVATE,-1,0x0) = 34369261568 (0x800896000)\nprocess exit, rval = 0\n",
        "one line\nanother\na third\nand a fourth\nf(1) = 2 in the middle\nmore\nof\nit\n",
    ] {
        assert_eq!(
            detect(text.as_bytes(), "x.log").map(|f| f.name),
            None,
            "{text}"
        );
    }
    for (log, name) in [
        (
            "SYS_328(0, 0x80800, 0x10) = 3\nopen(\"x\", O_RDONLY) = 18\n",
            "strace",
        ),
        ("SYS_brk(0) = 0x9000\nSYS_328(0, 1) = 3\n", "ltrace"),
        ("hello(0x56173, 0x7ffc, 0x5617) = 12\n", "ltrace"),
    ] {
        assert_eq!(
            detect(log.as_bytes(), "x.log").map(|f| f.name),
            Some(name),
            "{log}"
        );
    }
}

#[test]
fn what_was_found_instead_is_said() {
    for (head, said) in [
        (&b"\x1f\x8b\x08\x00"[..], "compressed by gzip"),
        (
            b"\n\n  free \x1b[1msize\n",
            "the first is `free \\u{1b}[1msize`",
        ),
        (b"a\0b\n", "binary data"),
        (b"\n \n", "blank lines only"),
        (&[b'x'; 100], "xxx...`"),
    ] {
        let told = describe(head);
        assert!(told.contains(said), "{told}");
    }
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
