//! Names that are hashes though no grammar can tell: a short hash may be all digits. The names beside it tell: a folder in
//! which all names are hexadecimal and as long, a longer hash that begins with it, a date to which it is glued; and folders
//! of two hexadecimal digits above hashes.

use super::dates::digits;
use crate::map::{Map, Set};

/// Shortest hexadecimal word that may be a hash.
const LEN_MIN: usize = 7;
/// Longest short one; what is longer needs no company.
const LEN_MAX: usize = 15;
/// Shortest hash of which a shorter one may be the beginning.
const WHOLE_LEN_MIN: usize = 32;
/// Names of one form in one folder from which on they say what they are.
const COMPANY_MIN: usize = 3;
/// Words that are kept.
const WORDS_MAX: usize = 100_000;

/// Hashes of a run, learnt from all its names.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Hashes {
    /// Sorted.
    words: Vec<Vec<u8>>,
    /// Folders whose folders of two hexadecimal digits have hashes in them, sorted.
    fans: Vec<Vec<u8>>,
    /// Words that are no hashes and as random, sorted.
    random: Vec<Vec<u8>>,
    /// Random ends of names, sorted: of `.new-a8k2_x0q` and its like.
    tails: Vec<Vec<u8>>,
}

/// Words in one place of names of one form, and how many of them look random.
#[derive(Debug, Default)]
struct Company<'n> {
    words: Set<&'n [u8]>,
    random: usize,
}

impl Company<'_> {
    /// Whether there are enough, and half of them look random at least.
    fn is_random(&self) -> bool {
        let count = self.words.len();
        count >= COMPANY_MIN && self.random * 2 >= count
    }
}

impl Hashes {
    /// Learns from paths and words of command lines.
    pub fn learn<'n>(names: impl Iterator<Item = &'n [u8]>) -> Self {
        let mut companies: Map<Vec<u8>, Company<'n>> = Map::default();
        let mut fans: Set<&[u8]> = Set::default();
        // Longer hashes by their beginning; those in folders of two digits have it there.
        let mut beginnings: Set<Vec<u8>> = Set::default();
        let mut kept = 0;
        let mut random = RandomWords::default();
        for name in names {
            random.name(name);
            if let Some(folder) = objects_of_git(name) {
                fans.insert(folder);
            }
            each_word(name, |at, word| {
                let folder = fan_above(name, at);
                if word.len() > LEN_MAX {
                    if let Some(folder) = folder {
                        fans.insert(folder);
                        let first = name.get(at - 3..at - 1).unwrap_or_default();
                        beginnings
                            .insert([first, word.get(..LEN_MIN - 2).unwrap_or_default()].concat());
                    } else if word.len() >= WHOLE_LEN_MIN {
                        beginnings.insert(word.get(..LEN_MIN).unwrap_or_default().to_vec());
                    }
                    return;
                }
                if let Some(folder) = folder.filter(|_| is_random(word)) {
                    fans.insert(folder);
                }
                if kept < WORDS_MAX {
                    let company = companies.entry(place(name, at, word.len())).or_default();
                    if company.words.insert(word) {
                        kept += 1;
                        company.random += usize::from(is_random(word));
                    }
                }
            });
        }
        let mut words: Vec<Vec<u8>> = Vec::new();
        for company in companies.into_values() {
            let all = company.is_random();
            #[expect(clippy::iter_over_hash_type, reason = "the words are sorted below")]
            for word in company.words {
                let begins = || beginnings.contains(word.get(..LEN_MIN).unwrap_or_default());
                // What looks random is known by its look.
                if !is_random(word) && (all || begins()) {
                    words.push(word.to_vec());
                }
            }
        }
        words.sort_unstable();
        words.dedup();
        let mut fans: Vec<Vec<u8>> = fans.into_iter().map(<[u8]>::to_vec).collect();
        fans.sort_unstable();
        let (random, tails) = random.finish();
        Self {
            words,
            fans,
            random,
            tails,
        }
    }

    /// Length of the word that `bytes` is, when it is a random end of a name and stands behind a separator.
    pub(super) fn tail_len(&self, before: Option<u8>, bytes: &[u8]) -> Option<usize> {
        if self.tails.is_empty() || !matches!(before, Some(b'-' | b'.')) {
            return None;
        }
        let len = bytes.iter().take_while(|byte| is_tail(**byte)).count();
        let word = bytes.get(..len).filter(|_| len == bytes.len())?;
        holds(&self.tails, word).then_some(len)
    }

    /// Whether the word is a hash by the company it keeps.
    pub(super) fn is_hash(&self, word: &[u8]) -> bool {
        holds(&self.words, word)
    }

    /// Length of the word that `bytes` begins with, when it is random by the company it keeps.
    pub(super) fn random_len(&self, bytes: &[u8]) -> Option<usize> {
        if self.random.is_empty() {
            return None;
        }
        let len = word_len(bytes);
        let word = bytes.get(..len)?;
        holds(&self.random, word).then_some(len)
    }

    /// Whether folders of two hexadecimal digits in this folder have hashes in them.
    pub(super) fn is_fan_folder(&self, folder: &[u8]) -> bool {
        holds(&self.fans, folder)
    }
}

/// Whether a word is one of these, which are sorted.
fn holds(sorted: &[Vec<u8>], word: &[u8]) -> bool {
    sorted
        .binary_search_by(|other| other.as_slice().cmp(word))
        .is_ok()
}

fn is_lower_hex(word: &[u8]) -> bool {
    word.iter()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Shortest and longest random words of letters of both cases and digits that are learnt.
const RANDOM_LENS: std::ops::RangeInclusive<usize> = 8..=24;

/// Learns random words that are no hexadecimal numbers: names of one length in one folder, most of which no one would
/// make up. Those beside them that might be words are random, too.
#[derive(Debug, Default)]
struct RandomWords<'n> {
    companies: Map<Vec<u8>, Company<'n>>,
    tails: Map<Vec<u8>, Company<'n>>,
    kept: usize,
}

/// What temporary names that programs make are of, without capitals: Python's `tempfile`.
fn is_tail(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'
}

/// Lengths of random ends that programs put behind a name.
const TAIL_LENS: [usize; 3] = [6, 8, 10];

impl<'n> RandomWords<'n> {
    /// Takes the last component of a name, when it is one such word and an ending.
    fn name(&mut self, name: &'n [u8]) {
        let start = name
            .iter()
            .rposition(|byte| *byte == b'/')
            .map_or(0, |at| at + 1);
        let base = name.get(start..).unwrap_or_default();
        self.tail(name, base);
        let len = word_len(base);
        let word = base.get(..len).unwrap_or_default();
        let is_end = matches!(base.get(len), None | Some(b'.'));
        let has_upper = word.iter().any(u8::is_ascii_uppercase);
        let has_lower = word.iter().any(u8::is_ascii_lowercase);
        if !is_end
            || !RANDOM_LENS.contains(&len)
            || !has_upper
            || !has_lower
            || self.kept >= WORDS_MAX
        {
            return;
        }
        let company = self.companies.entry(place(name, start, len)).or_default();
        if company.words.insert(word) {
            self.kept += 1;
            company.random += usize::from(super::scan::looks_random(word));
        }
    }

    /// Takes the end of a name behind a dash or dot.
    fn tail(&mut self, name: &'n [u8], base: &'n [u8]) {
        let len = base.iter().rev().take_while(|byte| is_tail(**byte)).count();
        let at = base.len() - len;
        let behind = matches!(base.get(..at), Some([.., b'-' | b'.']));
        if !TAIL_LENS.contains(&len) || !behind || self.kept >= WORDS_MAX {
            return;
        }
        let word = base.get(at..).unwrap_or_default();
        let place = place(name, name.len() - len, len);
        let company = self.tails.entry(place).or_default();
        if company.words.insert(word) {
            self.kept += 1;
            // Nobody puts a letter behind a digit of a name.
            let is_odd = word
                .windows(2)
                .any(|pair| matches!(pair, [b'0'..=b'9' | b'_', b'a'..=b'z']));
            company.random += usize::from(is_odd && !is_lower_hex(word));
        }
    }

    fn finish(self) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
        let random = |companies: Map<Vec<u8>, Company<'n>>| {
            let mut words: Vec<Vec<u8>> = companies
                .into_values()
                .filter(Company::is_random)
                .flat_map(|company| company.words)
                .map(<[u8]>::to_vec)
                .collect();
            words.sort_unstable();
            words.dedup();
            words
        };
        (random(self.companies), random(self.tails))
    }
}

/// Length of the letters and digits at the beginning.
fn word_len(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric())
        .count()
}

/// Whether digits turn into letters and back in a hexadecimal word, as they hardly do in words with a counter.
pub(super) fn is_random(word: &[u8]) -> bool {
    if word.len() < LEN_MIN || !is_lower_hex(word) {
        return false;
    }
    let turns = word.windows(2).filter(
        |pair| matches!(pair, [one, other] if one.is_ascii_digit() != other.is_ascii_digit()),
    );
    // `1e10000`, `2e00001`: numbers.
    let exponent = digits(word) > 0
        && word.get(digits(word)) == Some(&b'e')
        && word
            .get(digits(word) + 1..)
            .is_some_and(|rest| digits(rest) == rest.len())
        && digits(word) < 3;
    turns.count() >= 2 && !exponent
}

/// Two lower-case hexadecimal digits.
pub(super) fn is_fan(word: &[u8]) -> bool {
    word.len() == 2 && is_lower_hex(word)
}

/// Gives each hexadecimal word that may be a hash, with its place.
fn each_word<'n>(name: &'n [u8], mut word: impl FnMut(usize, &'n [u8])) {
    let mut at = 0;
    while at < name.len() {
        let rest = name.get(at..).unwrap_or_default();
        let len = word_len(rest);
        let found = rest.get(..len).unwrap_or_default();
        if len >= LEN_MIN && is_lower_hex(found) {
            word(at, found);
        }
        at += len.max(1);
    }
}

/// The folder above a folder of two hexadecimal digits in which the word at `at` begins a name.
fn fan_above(name: &[u8], at: usize) -> Option<&[u8]> {
    let folder = name.get(..at)?.strip_suffix(b"/")?;
    let above = folder.len().checked_sub(3)?;
    let (above, two) = (folder.get(..above)?, folder.get(above..)?);
    (two.first() == Some(&b'/') && is_fan(two.get(1..)?)).then_some(above)
}

/// The folder in which git keeps objects, of a name that shows it.
fn objects_of_git(name: &[u8]) -> Option<&[u8]> {
    [&b"/pack"[..], b"/info"]
        .iter()
        .filter_map(|end| name.strip_suffix(*end))
        .find(|folder| folder.ends_with(b"/objects"))
}

/// What stands around a word, with numbers and folders of two digits made alike, and its length.
fn place(name: &[u8], at: usize, len: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len());
    let before = match fan_above(name, at) {
        Some(folder) => folder,
        None => name.get(..at).unwrap_or_default(),
    };
    for byte in before {
        match byte {
            b'0'..=b'9' if out.last() == Some(&b'#') => {}
            b'0'..=b'9' => out.push(b'#'),
            other => out.push(*other),
        }
    }
    let after = name.get(at + len..).unwrap_or_default();
    let end = after.iter().position(|byte| *byte == b'/');
    out.push(b'%');
    out.extend_from_slice(len.to_string().as_bytes());
    out.push(b'%');
    out.extend_from_slice(after.get(..end.unwrap_or(after.len())).unwrap_or_default());
    out
}
