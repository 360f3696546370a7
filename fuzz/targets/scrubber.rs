//! Scrubs each line of the input, as a line, as running text and as arguments.
//!
//! Holds: scrubbing twice is scrubbing once; the answer "nothing changed" is true; a secret behind a key that says so
//! never survives, whatever stands before it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use unspool_record::scrub::{Payload, Policy, Rules, Scrubber};
use unspool_record::{Scrub, TextKind};

const CANARY: &[u8] = b"CANARY7x";

fuzz_target!(|data: &[u8]| {
    for payload in [Payload::Never, Payload::Scrubbed] {
        let rules = Rules {
            payload,
            ..Rules::default()
        };
        let scrubber = Scrubber::with_rules(Policy::Default, [7; 32], &rules);
        for line in data.split(|byte| *byte == b'\n') {
            check_line(&scrubber, line);
        }
        check_text(&scrubber, data);
        check_arguments(&scrubber, data);
    }
});

fn check_line(scrubber: &Scrubber, line: &[u8]) {
    let (mut once, mut twice) = (Vec::new(), Vec::new());
    let changed = scrubber.scrub_line(line, &mut once);
    assert_eq!(changed, once != line, "{}", line.escape_ascii());
    let again = scrubber.scrub_line(&once, &mut twice);
    assert!(
        !again && once == twice,
        "{}\n{}\n{}",
        line.escape_ascii(),
        once.escape_ascii(),
        twice.escape_ascii()
    );
}

fn check_text(scrubber: &Scrubber, text: &[u8]) {
    let mut once = text.to_vec();
    scrubber.text(TextKind::Payload, &mut once);
    let mut twice = once.clone();
    scrubber.text(TextKind::Payload, &mut twice);
    assert_eq!(once, twice, "{}", text.escape_ascii());

    let mut planted = [text, b" password=", CANARY].concat();
    scrubber.text(TextKind::Payload, &mut planted);
    let survived = planted.windows(CANARY.len()).any(|window| window == CANARY);
    assert!(
        !survived || text.windows(CANARY.len()).any(|window| window == CANARY),
        "{}",
        planted.escape_ascii()
    );
}

fn check_arguments(scrubber: &Scrubber, text: &[u8]) {
    let mut once: Vec<Vec<u8>> = text.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
    let count = once.len();
    scrubber.argv(&mut once);
    let mut twice = once.clone();
    scrubber.argv(&mut twice);
    assert_eq!(once.len(), count);
    assert_eq!(once, twice, "{}", text.escape_ascii());
    scrubber.env(&mut once);
    let mut twice = once.clone();
    scrubber.env(&mut twice);
    assert_eq!(once, twice, "{}", text.escape_ascii());
}
