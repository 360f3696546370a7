//! The profile, unpacked and looked at byte by byte.

use std::io::Read as _;

use crate::StackOptions;
use crate::whole::tests::stacks;

#[test]
fn a_profile_is_gzip_around_a_message_that_has_its_strings() {
    let mut out = Vec::new();
    let options = StackOptions {
        title: "a title".to_owned(),
        ..StackOptions::default()
    };
    super::write(&stacks(b"name"), &options, &mut out).expect("a vector takes everything");
    let mut message = Vec::new();
    flate2::read::GzDecoder::new(&out[..])
        .read_to_end(&mut message)
        .expect("gzip");
    // The first field is `sample_type`: its type is string 1, its unit string 2.
    assert_eq!(message[..6], [0x0a, 0x04, 0x08, 0x01, 0x10, 0x02]);
    // The table of strings begins with the empty one.
    let table = b"\x32\x00\x32\x04time\x32\x0bnanoseconds";
    assert!(message.windows(table.len()).any(|bytes| bytes == table));
    let has = |text: &[u8]| message.windows(text.len()).any(|bytes| bytes == text);
    assert!(has(b"\x32\x04name") && has(b"\x32\x07a title"));
    // Same input, same bytes: no time in the header of gzip.
    assert_eq!(out[4..8], [0, 0, 0, 0]);
}
