use super::*;

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
