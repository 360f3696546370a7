use super::*;
use proptest::prelude::*;

fn known() -> Known<'static> {
    Known {
        name: b"/etc/passwd",
        second_name: b"/tmp/new name",
        fd: Some(3),
        bytes: Some(161),
    }
}

/// Takes apart, puts together, and gives the form as text.
fn check(text: &[u8]) -> (String, Filled, Vec<u8>) {
    let mut strings = Interner::new();
    let mut forms = Forms::default();
    let filled = forms.take_apart(text, known(), &mut strings);
    let mut out = Vec::new();
    let form = strings.get(filled.form).to_vec();
    let string = |id| Some(strings.get(id));
    put_together(
        &form,
        filled.numbers,
        &forms.rest,
        known(),
        &string,
        &mut out,
    )
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
fn what_the_row_says_already_is_not_said_again() {
    let (form, filled, rest) = check(b"1<pipe:[9]>, 0x7f12, 161");
    assert_eq!(form, "1<pipe:[9]>, \u{5}, \u{7}b");
    assert_eq!((filled.numbers, rest), ([Some(0x7f12), None], vec![]));

    let (form, filled, rest) = check(b"8</etc>, \"passwd\", 0x7ffd, AT_SYMLINK_NOFOLLOW");
    assert_eq!(form, "8<\u{7}d>, \"\u{7}l\", \u{5}, AT_SYMLINK_NOFOLLOW");
    assert_eq!((filled.uses_names, rest), ([true, false], vec![]));
    let (form, ..) = check(b"8</etc/ssl>, \"passwd2\"");
    assert_eq!(form, "8</etc/ssl>, \"\u{6}\"");
}

#[test]
fn texts_of_lists_are_kept_once() {
    let (form, _, rest) = check(br#""/bin/sh", ["sh", "-c", "a \"b\"", ""], 0x7ffc /* 20 vars */"#);
    assert_eq!(form, "\"\u{6}\", [\u{7}s], \u{5} /* 20 vars */");
    // The first strings of this run, in order, and then the empty one.
    assert_eq!(rest, b"/bin/sh\"\x82\x82\x82\x85\"");
    let (form, _, rest) = check(br#"["sh", "-c"...], 0x1"#);
    assert_eq!(form, "[\u{7}s, \"\u{6}\"...], \u{5}");
    assert_eq!(rest, b"\x82\"-c\"");
    let (form, ..) = check(br#"["sh", "-c", ...]"#);
    assert_eq!(form, "[\u{7}s, ...]");
    for other in [r#"["sh""#, r#"["sh" "-c"]"#, "[]", r#"[{"x"}]"#] {
        let (form, ..) = check(other.as_bytes());
        assert!(!form.contains("\u{7}s"), "{other}: {form:?}");
    }
    // Far ids, and back.
    let mut strings = Interner::new();
    for number in 0..100_000u32 {
        strings.intern(&number.to_le_bytes());
    }
    let mut out = Vec::new();
    let len = list::take(b"\"far\", \"\", \"far\"] and more", &mut strings, &mut out);
    assert_eq!(len, Some(16));
    let mut text = Vec::new();
    list::put_together(&out, &|id| Some(strings.get(id)), &mut text).expect("it is a list");
    assert_eq!(text, b"\"far\", \"\", \"far\"");
    assert_eq!(list::put_together(&out, &|_| None, &mut text), None);
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
        Just("\u{1}"), Just("\u{6}"), Just("\u{7}"), Just(", "), Just("99999999999"), Just("161"), Just("</etc>"),
        Just("passwd"), Just("["), Just("]"), Just("\"x\""), Just("..."),
    ], 0..30)) {
        check(pieces.concat().as_bytes());
    }

    #[test]
    fn columns_that_do_not_fit_are_told(
        form in proptest::collection::vec(prop_oneof![0u8..12, Just(b'b'), Just(b'd'), Just(b'l'), Just(b's')], 0..20),
        rest in proptest::collection::vec(any::<u8>(), 0..20),
        number in any::<Option<u64>>(),
    ) {
        let mut out = Vec::new();
        // No panic, whatever the columns hold.
        let string = |id| (id < 2).then_some(&b"x"[..]);
        let told = put_together(&form, [number, None], &rest, Known::default(), &string, &mut out);
        prop_assert!(told.is_none() || out.len() <= form.len() * 20 + rest.len() * 5);
    }
}

#[test]
fn words_end_at_every_byte_that_is_of_no_word() {
    for byte in 0..=u8::MAX {
        let goes_on = byte.is_ascii_alphanumeric() || byte == b'_';
        for place in 0..20 {
            let mut text = *b"aZ_09bcdefghijklmnop,";
            text[place] = byte;
            let end = if goes_on { 20 } else { place };
            assert_eq!(end_of_word(&text, 0), end, "{byte} at {place}");
        }
    }
}
