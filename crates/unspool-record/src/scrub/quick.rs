//! A quick look at the arguments of a call: most calls hold no secret, and of most that move data nothing but the data
//! has to go. What is not certain at once is left to the whole search.

use super::payload::{self, Data};
use super::{Payload, Scrubber, escapes, line, shapes, text};
use memchr::memchr;
use std::ops::Range;

/// What a quick look tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// The whole search would change nothing.
    Clean,
    /// The whole search would blank this part and change nothing else.
    Blank(Range<usize>),
    /// The whole search has to tell.
    Unsure,
}

/// A string of which nothing shows.
const EMPTY: &[u8] = b"\"\"";

/// Shortest name that could be a secret by its look: all shapes are longer.
const SHAPE_LEN_MIN: usize = 11;

/// Looks at `args` as they stand in `TID name(args) = 0`.
pub(super) fn look(scrubber: &Scrubber, name: &[u8], args: &[u8]) -> Look {
    if !is_plain(name) || !scrubber.learned.is_empty() || text::may_find(args, &scrubber.keys) {
        return Look::Unsure;
    }
    let name = line::plain_name(name);
    if let Some(data) = payload::data_of(name) {
        return look_at_data(scrubber, data, args);
    }
    let special = name.starts_with(b"exec") || name.starts_with(b"posix_spawn");
    // What an escape hides shows only to the whole search.
    if special || name.ends_with(b"env") || memchr(b'\\', args).is_some() {
        return Look::Unsure;
    }
    Look::Clean
}

/// Whether the name ends where it seems to end and is no secret itself.
fn is_plain(name: &[u8]) -> bool {
    let word = name
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    word && !name.is_empty() && (name.len() < SHAPE_LEN_MIN || !shapes::may_hold_shape(name))
}

/// The same for a call whose data is to go: certain when its arguments are one string and no structure.
fn look_at_data(scrubber: &Scrubber, data: Data, args: &[u8]) -> Look {
    let whole = match data {
        Data::All => true,
        Data::From(first) => first == 0 && memchr(b'{', args).is_none(),
    };
    if !whole || scrubber.payload != Payload::Never {
        return Look::Unsure;
    }
    let Some(start) = memchr(b'"', args) else {
        return if memchr(b'\\', args).is_some() {
            Look::Unsure
        } else {
            Look::Clean
        };
    };
    let Some(end) = escapes::next_mark(args, start + 1).map(|mark| mark + 1) else {
        return Look::Unsure;
    };
    let (before, after) = (&args[..start], &args[end..]);
    if memchr(b'\\', before).is_some() || memchr::memchr2(b'\\', b'"', after).is_some() {
        return Look::Unsure;
    }
    if end - start == EMPTY.len() {
        return Look::Clean;
    }
    let cut = after.starts_with(b"...");
    // Nothing can begin before the blank and end behind it: its marks are no part of a key, a value or a shape that were not
    // there before. A block that is cut by the blank is left to the whole search by [`text::may_find`].
    Look::Blank(start..if cut { end + 3 } else { end })
}
