//! Arguments as a form and what fills it: `3</etc/passwd>, ""..., 4096` is the form `$fd<$name>, ""..., $number` with the number
//! 4096. Forms are few, so that a run stores each once; what is written in other columns of the same row already is not
//! written again.
//!
//! | byte of a form | stands for |
//! |---|---|
//! | 1 | the name of the row's `resource` (`args_name` of the resource, where that is set) |
//! | 2 | the name of the row's `second_resource` |
//! | 3 | the row's `fd` |
//! | 4 | the next number, in decimal |
//! | 5 | the next number, in hexadecimal after `0x` |
//! | 6 | the next item of `args_rest`, up to a quotation mark that no backslash stands before |
//! | 7 and 1 to 7 | nothing: the second byte stands for itself |
//! | 7 `b` | the row's `bytes`, in decimal |
//! | 7 `d` | the folder of the name of the row's `resource`: what is before its last `/` |
//! | 7 `l` | the last component of that name: what is after it |
//! | 7 `s` | quoted texts with `, ` between them: the next item of `args_rest` has their ids among the strings, see [`list`] |
//!
//! The first two numbers are in the columns `args_first` and `args_second`, others are items of `args_rest`. The empty form
//! means that `args_rest` is the whole text.

mod list;
#[cfg(test)]
mod tests;

use unspool_model::args::text::string_end;

use super::strings::{EMPTY, Interner};

/// Columns of numbers.
pub(super) const NUMBERS: usize = 2;

/// Longest form. What is longer is hardly ever met twice.
const FORM_BYTES_MAX: usize = 512;

/// Most forms of a run: a bound on memory where every text has another form.
const FORMS_MAX: u32 = 1 << 15;

/// Shortest number in decimal that does not stay in the form.
const DIGITS_MIN: usize = 3;
/// Longest that fits.
const DIGITS_MAX: usize = 19;
/// Longest in hexadecimal that fits.
const HEX_DIGITS_MAX: usize = 16;

const NAME: u8 = 1;
const SECOND_NAME: u8 = 2;
const FD: u8 = 3;
const DECIMAL: u8 = 4;
const HEX: u8 = 5;
const ITEM: u8 = 6;
const LITERAL: u8 = 7;
/// What comes after a literal where it is none. Runs of format 2 have none of them.
const BYTES: u8 = b'b';
const FOLDER: u8 = b'd';
const LAST: u8 = b'l';
const LIST: u8 = b's';
/// Ends an item of the rest.
const ITEM_END: u8 = b'"';

/// What other columns of a row say, as far as it is known.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known<'a> {
    /// Name of the resource; empty when there is none.
    pub(super) name: &'a [u8],
    /// Name of the second resource.
    pub(super) second_name: &'a [u8],
    /// Number of the descriptor.
    pub(super) fd: Option<i32>,
    /// Bytes that it moved; to take a text apart, only where they tend to be in the text.
    pub(super) bytes: Option<u64>,
}

impl<'a> Known<'a> {
    /// Folder and last component of the name; `None` for a name that is no path.
    fn folder_and_last(&self) -> Option<(&'a [u8], &'a [u8])> {
        if self.name.first() != Some(&b'/') {
            return None;
        }
        let slash = self.name.iter().rposition(|byte| *byte == b'/')?;
        Some((self.name.get(..slash)?, self.name.get(slash + 1..)?))
    }
}

/// What the columns of one row hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Filled {
    /// Id of the form among the strings.
    pub(super) form: u32,
    /// Numbers.
    pub(super) numbers: [Option<u64>; NUMBERS],
    /// Whether the name of the resource, and of the second one, is part of it.
    pub(super) uses_names: [bool; 2],
}

/// Takes texts apart.
#[derive(Debug, Default)]
pub(super) struct Forms {
    form: Vec<u8>,
    /// The rest of the text that was taken apart last.
    pub(super) rest: Vec<u8>,
    count: u32,
    recent: Recent,
}

/// What a byte begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Itself.
    Plain,
    /// A word, in which digits are no numbers.
    Word,
    Digit,
    Quote,
    Less,
    Bracket,
    /// A byte that has a meaning in forms.
    Control,
}

static CLASSES: [Class; 256] = {
    let mut classes = [Class::Plain; 256];
    let mut rest: &mut [Class] = &mut classes;
    let mut byte = 0u8;
    while let Some((class, after)) = rest.split_first_mut() {
        *class = match byte {
            b'0'..=b'9' => Class::Digit,
            b'"' => Class::Quote,
            b'<' => Class::Less,
            b'[' => Class::Bracket,
            NAME..=LITERAL => Class::Control,
            b'_' | b'a'..=b'z' | b'A'..=b'Z' => Class::Word,
            _ => Class::Plain,
        };
        byte = byte.wrapping_add(1);
        rest = after;
    }
    classes
};

#[inline]
fn class_of(byte: u8) -> Class {
    CLASSES
        .get(usize::from(byte))
        .copied()
        .unwrap_or(Class::Plain)
}

impl Forms {
    /// Takes a text apart; what no column holds is in [`Forms::rest`] afterwards.
    pub(super) fn take_apart(
        &mut self,
        text: &[u8],
        known: Known<'_>,
        strings: &mut Interner,
    ) -> Filled {
        self.rest.clear();
        if text.is_empty() {
            return Filled::default();
        }
        self.form.clear();
        let mut filled = Filled::default();
        let fits = self.fill(text, known, strings, &mut filled).is_some();
        if fits && let Some(form) = self.intern(strings) {
            filled.form = form;
            return filled;
        }
        self.rest.clear();
        self.rest.extend_from_slice(text);
        Filled::default()
    }

    /// The id of the form; `None` when there are too many.
    fn intern(&mut self, strings: &mut Interner) -> Option<u32> {
        let slot = self.recent.slot(&self.form);
        if let Some(slot) = &slot
            && strings.get(**slot) == self.form.as_slice()
            && **slot != EMPTY
        {
            return Some(**slot);
        }
        let id = if self.count < FORMS_MAX {
            let before = strings.len();
            let id = strings.intern(&self.form);
            self.count += u32::from(strings.len() > before);
            id
        } else {
            strings.find(&self.form)?
        };
        if let Some(slot) = slot {
            *slot = id;
        }
        Some(id)
    }

    /// Makes the form; `None` when it becomes too long, or a string does not end.
    fn fill(
        &mut self,
        text: &[u8],
        known: Known<'_>,
        strings: &mut Interner,
        filled: &mut Filled,
    ) -> Option<()> {
        let mut numbers = 0;
        // What stands between is copied in runs.
        let (mut at, mut copied) = (0, 0);
        while let Some(&byte) = text.get(at) {
            match class_of(byte) {
                Class::Plain => at += 1,
                Class::Word => at = end_of_word(text, at),
                Class::Digit => {
                    let number = Number::at(text, at);
                    let before = text.get(copied..at)?;
                    if text.get(number.end) == Some(&b'<') && number.is_fd(known.fd) {
                        self.copy(before, FD)?;
                    } else if number.short.is_some() && number.short == known.bytes {
                        self.copy_told(before, BYTES)?;
                    } else if let Some(value) = number.value {
                        self.number(value, number.marker, &mut numbers, filled);
                        self.copy(before, number.marker)?;
                    } else {
                        at = number.end;
                        continue;
                    }
                    (at, copied) = (number.end, number.end);
                }
                Class::Less => {
                    at += 1;
                    let len = self.name_inside(text, copied, at, known, filled)?;
                    if len > 0 {
                        at += len;
                        copied = at;
                    }
                }
                Class::Quote => {
                    let start = at + 1;
                    let end = end_of_item(text, start)?;
                    at = end + 1;
                    if end > start {
                        self.item(
                            text.get(copied..start)?,
                            text.get(start..end)?,
                            known,
                            filled,
                        )?;
                        copied = end;
                    }
                }
                Class::Bracket => {
                    at += 1;
                    if let Some(len) = list::take(text.get(at..)?, strings, &mut self.rest) {
                        self.rest.push(ITEM_END);
                        self.copy_told(text.get(copied..at)?, LIST)?;
                        at += len;
                        copied = at;
                    }
                }
                Class::Control => {
                    self.copy(text.get(copied..at)?, LITERAL)?;
                    copied = at;
                    at += 1;
                }
            }
        }
        self.form.extend_from_slice(text.get(copied..)?);
        (self.form.len() <= FORM_BYTES_MAX).then_some(())
    }

    /// A name between `<` and `>`: gives its length, 0 where it is not known.
    fn name_inside(
        &mut self,
        text: &[u8],
        copied: usize,
        at: usize,
        known: Known<'_>,
        filled: &mut Filled,
    ) -> Option<usize> {
        let inside = text.get(at..)?;
        let is_it = |name: &[u8]| {
            inside.starts_with(name) && matches!(inside.get(name.len()), Some(b'>' | b'<'))
        };
        if let Some((name, marker)) = names(known).find(|(name, _)| is_it(name)) {
            self.copy(text.get(copied..at)?, marker)?;
            filled.uses(marker);
            return Some(name.len());
        }
        let folder = known.folder_and_last().map(|(folder, _)| folder);
        if let Some(folder) = folder.filter(|folder| folder.len() > 1 && is_it(folder)) {
            self.copy_told(text.get(copied..at)?, FOLDER)?;
            filled.uses(NAME);
            return Some(folder.len());
        }
        Some(0)
    }

    /// What stands between quotation marks, not empty.
    fn item(
        &mut self,
        before: &[u8],
        item: &[u8],
        known: Known<'_>,
        filled: &mut Filled,
    ) -> Option<()> {
        if let Some((_, marker)) = names(known).find(|(name, _)| *name == item) {
            filled.uses(marker);
            return self.copy(before, marker);
        }
        if known
            .folder_and_last()
            .is_some_and(|(_, last)| last == item)
        {
            filled.uses(NAME);
            return self.copy_told(before, LAST);
        }
        self.rest.extend_from_slice(item);
        self.rest.push(ITEM_END);
        self.copy(before, ITEM)
    }

    /// Copies, and says that something stands here which needs two bytes.
    fn copy_told(&mut self, plain: &[u8], what: u8) -> Option<()> {
        self.copy(plain, LITERAL)?;
        self.form.push(what);
        Some(())
    }

    fn copy(&mut self, plain: &[u8], marker: u8) -> Option<()> {
        self.form.extend_from_slice(plain);
        self.form.push(marker);
        (self.form.len() <= FORM_BYTES_MAX).then_some(())
    }

    fn number(&mut self, value: u64, marker: u8, numbers: &mut usize, filled: &mut Filled) {
        if let Some(slot) = filled.numbers.get_mut(*numbers) {
            *slot = Some(value);
        } else {
            print_number(value, marker, &mut self.rest);
            self.rest.push(ITEM_END);
        }
        *numbers += 1;
    }
}

impl Filled {
    fn uses(&mut self, marker: u8) {
        let [first, second] = &mut self.uses_names;
        *first |= marker == NAME;
        *second |= marker == SECOND_NAME;
    }
}

/// The names that are known, with their bytes in a form. A name of one byte is no shorter than its place.
fn names(known: Known<'_>) -> impl Iterator<Item = (&[u8], u8)> {
    [(known.name, NAME), (known.second_name, SECOND_NAME)]
        .into_iter()
        .filter(|(name, _)| name.len() > 1)
}

fn end_of_word(text: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(bytes) = text.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let others = not_of_words(u64::from_le_bytes(*bytes));
        if others != 0 {
            return at + (others.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let rest = text.get(at..).unwrap_or_default();
    let len = rest
        .iter()
        .position(|byte| !matches!(class_of(*byte), Class::Word | Class::Digit))
        .unwrap_or(rest.len());
    at + len
}

/// Marks those of eight bytes that are no letter, digit or `_` in their highest bit.
#[inline]
fn not_of_words(bytes: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = EACH << 7;
    let low = bytes & !HIGH;
    // With seven bits no sum carries into the next byte: the highest bit tells what is at least so much.
    let at_least = |bytes: u64, least: u8| bytes + EACH * u64::from(0x80 - least);
    let within = |bytes: u64, from: u8, to: u8| at_least(bytes, from) & !at_least(bytes, to + 1);
    let letters = within(low | EACH << 5, b'a', b'z');
    let digits = within(low, b'0', b'9');
    let lines = !at_least(low ^ (EACH * u64::from(b'_')), 1);
    (!(letters | digits | lines) | bytes) & HIGH
}

/// Where the first quotation mark is that no backslash stands before.
fn end_of_item(text: &[u8], from: usize) -> Option<usize> {
    Some(string_end(text, from)? - 1)
}

/// Digits in a text.
struct Number {
    /// Where they end.
    end: usize,
    /// Their value, when it is to be stored and gives the same digits again.
    value: Option<u64>,
    marker: u8,
    /// The same for a number that may be short.
    short: Option<u64>,
}

impl Number {
    fn at(text: &[u8], start: usize) -> Self {
        let rest = text.get(start..).unwrap_or_default();
        if let [b'0', b'x', digits @ ..] = rest {
            return Self::hexadecimal(digits, start + 2);
        }
        let mut value = 0u64;
        let mut len = 0;
        for byte in rest.iter().take_while(|byte| byte.is_ascii_digit()) {
            value = value.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
            len += 1;
        }
        let same = len == 1 || (rest.first() != Some(&b'0') && len <= DIGITS_MAX);
        Self {
            end: start + len,
            value: (same && len >= DIGITS_MIN).then_some(value),
            marker: DECIMAL,
            short: same.then_some(value),
        }
    }

    fn hexadecimal(digits: &[u8], start: usize) -> Self {
        let mut value = 0u64;
        let mut len = 0;
        for byte in digits {
            let digit = match byte {
                b'0'..=b'9' => byte - b'0',
                b'a'..=b'f' => byte - b'a' + 10,
                _ => break,
            };
            value = value << 4 | u64::from(digit);
            len += 1;
        }
        let same = digits.first() != Some(&b'0') && (1..=HEX_DIGITS_MAX).contains(&len);
        Self {
            end: start + len,
            value: same.then_some(value),
            marker: HEX,
            short: None,
        }
    }

    fn is_fd(&self, fd: Option<i32>) -> bool {
        let fd = fd.and_then(|fd| u64::try_from(fd).ok());
        fd.is_some() && fd == self.short
    }
}

fn print_number(value: u64, marker: u8, out: &mut Vec<u8>) {
    let radix = if marker == HEX { 16 } else { 10 };
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = value;
    loop {
        at -= 1;
        if let Some(digit) = digits.get_mut(at) {
            *digit = b"0123456789abcdef"
                .get(usize::try_from(rest % radix).unwrap_or(0))
                .copied()
                .unwrap_or(b'0');
        }
        rest /= radix;
        if rest == 0 {
            break;
        }
    }
    if marker == HEX {
        out.extend_from_slice(b"0x");
    }
    out.extend_from_slice(digits.get(at..).unwrap_or_default());
}

/// Puts a text together again; `None` when form and columns do not fit. `string` gives strings by their ids.
pub(super) fn put_together<'s>(
    form: &[u8],
    numbers: [Option<u64>; NUMBERS],
    rest: &[u8],
    known: Known<'_>,
    string: &dyn Fn(u32) -> Option<&'s [u8]>,
    out: &mut Vec<u8>,
) -> Option<()> {
    if form.is_empty() {
        out.extend_from_slice(rest);
        return Some(());
    }
    let mut numbers = numbers.into_iter().flatten();
    let mut rest = rest;
    let mut form = form;
    while let Some(at) = form.iter().position(|byte| (NAME..=LITERAL).contains(byte)) {
        let (plain, marked) = form.split_at(at);
        out.extend_from_slice(plain);
        let (marker, after) = marked.split_first()?;
        form = after;
        match *marker {
            NAME => out.extend_from_slice(known.name),
            SECOND_NAME => out.extend_from_slice(known.second_name),
            FD => print_number(u64::try_from(known.fd?).ok()?, DECIMAL, out),
            marker @ (DECIMAL | HEX) => match numbers.next() {
                Some(value) => print_number(value, marker, out),
                None => out.extend_from_slice(next_item(&mut rest)?),
            },
            ITEM => out.extend_from_slice(next_item(&mut rest)?),
            _ => {
                let (byte, after) = form.split_first()?;
                match *byte {
                    BYTES => print_number(known.bytes?, DECIMAL, out),
                    FOLDER => out.extend_from_slice(known.folder_and_last()?.0),
                    LAST => out.extend_from_slice(known.folder_and_last()?.1),
                    LIST => list::put_together(next_item(&mut rest)?, string, out)?,
                    literal => out.push(literal),
                }
                form = after;
            }
        }
    }
    out.extend_from_slice(form);
    rest.is_empty().then_some(())
}

fn next_item<'r>(rest: &mut &'r [u8]) -> Option<&'r [u8]> {
    let end = end_of_item(rest, 0)?;
    let item = rest.get(..end)?;
    *rest = rest.get(end + 1..)?;
    Some(item)
}

/// Ids of forms that were met lately.
#[derive(Debug)]
struct Recent(Vec<u32>);

/// A power of two.
const RECENT: usize = 2048;

impl Default for Recent {
    fn default() -> Self {
        Self(vec![EMPTY; RECENT])
    }
}

impl Recent {
    /// The slot of a form.
    fn slot(&mut self, form: &[u8]) -> Option<&mut u32> {
        let word = |from: usize| {
            form.get(from..from + 8)
                .and_then(|bytes| bytes.first_chunk::<8>())
                .map_or(0, |bytes| u64::from_le_bytes(*bytes))
        };
        let len = form.len();
        let mixed = word(0)
            ^ word(len.saturating_sub(8)).rotate_left(17)
            ^ word(len / 2).rotate_left(31)
            ^ word(len / 4).rotate_left(47)
            ^ (len as u64) << 32;
        let place = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 53;
        self.0.get_mut(usize::try_from(place).ok()?)
    }
}
