use super::*;

#[test]
fn reads_the_known_keys() {
    let context = TraceContext::from_ini(
        b"; Parameters\r\nTopProcessId=4233\r\nCurrentDirectory = /home/a b \r\nCurrentDate=2018-05-25\r\n\
          CurrentHostname=fedora22\r\nCurrentOSType=linux2\r\nnonsense\r\n",
    );
    // `date -ud 2018-05-25 +%s` gives 1527206400.
    assert_eq!(context.date_ns, Some(1_527_206_400_000_000_000));
    assert_eq!(context.cwd.as_deref(), Some(&b"/home/a b"[..]));
    assert_eq!(context.host.as_deref(), Some("fedora22"));
    assert_eq!(context.top_pid, Some(Pid(4233)));
}

#[test]
fn dates_follow_the_calendar() {
    for (text, seconds) in [
        ("1970-01-01", Some(0)),
        ("2000-02-29", Some(951_782_400)),
        ("2024-12-31", Some(1_735_603_200)),
        ("1900-02-29", None),
        ("2024-13-01", None),
        ("2024-04-31", None),
        ("today", None),
    ] {
        let expected = seconds.map(|seconds: i64| seconds * 1_000_000_000);
        assert_eq!(date_ns(text.as_bytes()), expected, "{text}");
    }
}

#[test]
fn an_empty_file_says_nothing() {
    assert_eq!(TraceContext::from_ini(b""), TraceContext::default());
    assert_eq!(TraceContext::from_ini(b"=\n==\n;"), TraceContext::default());
}
