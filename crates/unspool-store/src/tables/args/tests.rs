use super::*;
use proptest::prelude::*;

fn known() -> Known<'static> {
    Known {
        name: b"/etc/passwd",
        second_name: b"/tmp/new name",
        fd: Some(3),
    }
}

/// Takes apart, puts together, and gives the form as text.
fn check(text: &[u8]) -> (String, Filled, Vec<u8>) {
    let mut strings = Interner::new();
    let mut forms = Forms::default();
    let filled = forms.take_apart(text, known(), &mut strings);
    let mut out = Vec::new();
    let form = strings.get(filled.form).to_vec();
    put_together(&form, filled.numbers, &forms.rest, known(), &mut out)
        .expect("what was taken apart fits");
    assert_eq!(
        String::from_utf8_lossy(&out),
        String::from_utf8_lossy(text),
        "{form:?}"
    );
    let shown = String::from_utf8_lossy(&form).into_owned();
    (shown, filled, forms.rest)
}

#[test]
fn texts_of_real_calls() {
    let (form, filled, rest) = check(b"3</etc/passwd>, \"\"..., 4096");
    assert_eq!(form, "\u{3}<\u{1}>, \"\"..., \u{4}");
    assert_eq!((filled.numbers, rest), ([Some(4096), None], vec![]));

    let (form, filled, rest) = check(
        br#"AT_FDCWD</tmp>, "x \"y\"", {st_mode=S_IFREG|0644, st_size=606, ...}, 0x7ffc00a1"#,
    );
    assert_eq!(
        form,
        "AT_FDCWD</tmp>, \"\u{6}\", {st_mode=S_IFREG|0644, st_size=\u{4}, ...}, \u{5}"
    );
    assert_eq!(filled.numbers, [Some(606), Some(0x7ffc_00a1)]);
    assert_eq!(rest, br#"x \"y\"""#);

    let (form, ..) = check(b"\"/etc/passwd\", \"/tmp/new name\"");
    assert_eq!(form, "\"\u{1}\", \"\u{2}\"");
    let (form, ..) = check(b"3</etc/passwd<char 1:3>>, TCGETS, {B38400 opost}");
    assert_eq!(form, "\u{3}<\u{1}<char 1:3>>, TCGETS, {B38400 opost}");
}

#[test]
fn what_does_not_fit_stays_as_it_is() {
    for text in [
        "007, 0x00ff, 0xABC, 18446744073709551616, 99999999999999999999, 0x, 0x11112222333344445",
        "\"not closed",
        "\"ends with a backslash\\",
        "1, 22, 333, 4444, 55555, 0x6, \"x\"",
        "\u{1}\u{2}\u{3}\u{7}",
        "30</etc/passwd>, 03</etc/passwd>",
        "",
    ] {
        check(text.as_bytes());
    }
    let (form, _, rest) = check(&[b'-'; FORM_BYTES_MAX + 1]);
    assert_eq!((form.len(), rest.len()), (0, FORM_BYTES_MAX + 1));
}

#[test]
fn forms_are_limited() {
    let mut strings = Interner::new();
    let mut forms = Forms::default();
    let letters = |mut number: u32| {
        let mut word = Vec::new();
        while number > 0 {
            word.push(b'a' + u8::try_from(number % 26).unwrap());
            number /= 26;
        }
        word
    };
    for number in 1..=FORMS_MAX + 10 {
        let text = letters(number);
        let filled = forms.take_apart(&text, known(), &mut strings);
        assert_eq!(filled.form == EMPTY, number > FORMS_MAX, "{number}");
        assert_eq!(forms.rest.is_empty(), number <= FORMS_MAX);
    }
    let filled = forms.take_apart(&letters(1), known(), &mut strings);
    assert_ne!(filled.form, EMPTY, "forms that are known stay in use");
}

proptest! {
    #[test]
    fn any_bytes_come_back(text in proptest::collection::vec(any::<u8>(), 0..80)) {
        check(&text);
    }

    #[test]
    fn any_text_of_pieces_comes_back(pieces in proptest::collection::vec(prop_oneof![
        Just("3"), Just("</etc/passwd"), Just(">"), Just("\""), Just("\\"), Just("/tmp/new name"),
        Just("/etc/passwd"), Just("<"), Just("0x"), Just("7f"), Just("1234"), Just("0"), Just("a"),
        Just("\u{1}"), Just("\u{6}"), Just("\u{7}"), Just(", "), Just("99999999999"),
    ], 0..30)) {
        check(pieces.concat().as_bytes());
    }

    #[test]
    fn columns_that_do_not_fit_are_told(
        form in proptest::collection::vec(0u8..12, 0..20),
        rest in proptest::collection::vec(any::<u8>(), 0..20),
        number in any::<Option<u64>>(),
    ) {
        let mut out = Vec::new();
        // No panic, whatever the columns hold.
        let told = put_together(&form, [number, None], &rest, Known::default(), &mut out);
        prop_assert!(told.is_none() || out.len() <= form.len() * 20 + rest.len());
    }
}
