//! Which names say that their value is a secret.

/// Words that make a name secret wherever they stand in it, without separators and in lower case.
/// Sentry's default list (`docs.sentry.io`, data scrubbing) and a few that its users add.
const WORDS: &[&[u8]] = &[
    b"password",
    b"passwd",
    b"passphrase",
    b"secret",
    b"apikey",
    b"credential",
    b"mysqlpwd",
    b"privatekey",
    b"accesskey",
    b"encryptionkey",
    b"signingkey",
    b"token",
    b"bearer",
    b"authorization",
    b"storepass",
    b"keypass",
    b"sessionid",
    b"xamzsignature",
    b"xamzcredential",
];

/// Words that make a name secret only where they are a whole part of it, as `auth` in `_auth` but not in `author`.
const PARTS: &[&[u8]] = &[b"auth", b"pass", b"pwd", b"userpwd", b"pgpass"];

/// Last parts that say the value is about a secret and not a secret, or that no secret is meant: `password_file`, `token-type`,
/// `-plugin-opt=-pass-through=-lgcc` of every linker that gcc runs.
const HARMLESS_ENDS: &[&[u8]] = &[
    b"file",
    b"path",
    b"dir",
    b"stdin",
    b"fd",
    b"type",
    b"url",
    b"uri",
    b"endpoint",
    b"length",
    b"len",
    b"size",
    b"min",
    b"max",
    b"count",
    b"ttl",
    b"timeout",
    b"prompt",
    b"name",
    b"policy",
    b"prefix",
    b"method",
    b"through",
];

/// Values that are settings and not secrets.
const HARMLESS_VALUES: &[&[u8]] = &[
    b"true", b"false", b"yes", b"no", b"none", b"null", b"nil", b"NULL",
];

/// Query parameters of URLs that grant access by themselves. They are too common as names elsewhere.
const QUERY_KEYS: &[&[u8]] = &[b"sig", b"signature", b"key", b"code", b"sas", b"hmac"];

/// Header names whose value reaches to the end of the line.
const HEADERS: &[&[u8]] = &[
    b"authorization",
    b"proxy-authorization",
    b"cookie",
    b"set-cookie",
    b"x-api-key",
    b"x-auth-token",
    b"x-amz-security-token",
];

/// Environment variables whose value is kept: they say how a program ran and are not secret by custom.
const ENVIRONMENT: &[&[u8]] = &[
    b"CC",
    b"CFLAGS",
    b"CI",
    b"COLORTERM",
    b"COLUMNS",
    b"CXX",
    b"CXXFLAGS",
    b"DEBIAN_FRONTEND",
    b"DISPLAY",
    b"EDITOR",
    b"GOARCH",
    b"GOOS",
    b"GOPATH",
    b"GOROOT",
    b"HOME",
    b"HOSTNAME",
    b"JAVA_HOME",
    b"LANG",
    b"LANGUAGE",
    b"LDFLAGS",
    b"LD_LIBRARY_PATH",
    b"LINES",
    b"LOGNAME",
    b"MAKEFLAGS",
    b"MAKELEVEL",
    b"NO_COLOR",
    b"OLDPWD",
    b"OMP_NUM_THREADS",
    b"PATH",
    b"PWD",
    b"PYTHONPATH",
    b"RUST_BACKTRACE",
    b"RUST_LOG",
    b"SHELL",
    b"SHLVL",
    b"TEMP",
    b"TERM",
    b"TMP",
    b"TMPDIR",
    b"TZ",
    b"USER",
    b"VIRTUAL_ENV",
    b"XDG_RUNTIME_DIR",
    b"_",
];

/// Longest name that is looked at, in bytes; of a longer one its end is.
const KEY_LIMIT: usize = 64;

/// The names that are secret: the default ones and the user's.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    /// Normalised as [`Folded`] does.
    extra: Vec<Vec<u8>>,
    /// The letters of every word that makes a name secret: a name that lacks one of them does not hold the word.
    letters: Vec<u32>,
    extra_environment: Vec<Vec<u8>>,
}

/// A name in lower case without separators.
struct Folded {
    bytes: [u8; KEY_LIMIT],
    len: usize,
}

impl Folded {
    fn new(key: &[u8]) -> Self {
        let mut folded = Self {
            bytes: [0; KEY_LIMIT],
            len: 0,
        };
        for byte in &key[key.len().saturating_sub(KEY_LIMIT)..] {
            if byte.is_ascii_alphanumeric() {
                folded.bytes[folded.len] = byte.to_ascii_lowercase();
                folded.len += 1;
            }
        }
        folded
    }

    fn contains(&self, word: &[u8]) -> bool {
        !word.is_empty()
            && self.bytes[..self.len]
                .windows(word.len())
                .any(|window| window == word)
    }
}

impl Keys {
    /// `extra` names secret keys beside the default ones; `extra_environment` names variables whose value is kept.
    pub(super) fn new(extra: &[Vec<u8>], extra_environment: &[Vec<u8>]) -> Self {
        let fold = |key: &Vec<u8>| {
            let folded = Folded::new(key);
            folded.bytes[..folded.len].to_vec()
        };
        let extra: Vec<Vec<u8>> = extra.iter().map(fold).collect();
        let mut letters: Vec<u32> = extra.iter().map(|word| letters_of(word)).collect();
        letters.extend(WORDS.iter().chain(PARTS).map(|word| letters_of(word)));
        // A name with all letters of a word has those of every word that has fewer.
        letters.sort_by_key(|letters| letters.count_ones());
        let mut fewest: Vec<u32> = Vec::new();
        for word in letters {
            if fewest.iter().all(|fewer| fewer & !word != 0) {
                fewest.push(word);
            }
        }
        Self {
            extra,
            letters: fewest,
            extra_environment: extra_environment.to_vec(),
        }
    }

    /// Whether the value of `key` is a secret. `key` is a name such as `DB_PASSWORD`, `apiKey` or `--token`.
    pub(super) fn is_secret(&self, key: &[u8]) -> bool {
        if key.len() < 3 {
            return false;
        }
        let lacking = !letters_of(key);
        if self.letters.iter().all(|letters| letters & lacking != 0) {
            return false;
        }
        let folded = Folded::new(key);
        if self.extra.iter().any(|word| folded.contains(word)) {
            return true;
        }
        let matches = WORDS.iter().any(|word| folded.contains(word))
            || parts(key).any(|part| contains_ignoring_case(PARTS, part));
        matches
            && !parts(key)
                .last()
                .is_some_and(|part| contains_ignoring_case(HARMLESS_ENDS, part))
    }

    /// Whether the value of the environment variable `name` may be kept.
    pub(super) fn keeps_environment(&self, name: &[u8]) -> bool {
        ENVIRONMENT.contains(&name)
            || name.starts_with(b"LC_")
            || self.extra_environment.iter().any(|kept| kept == name)
    }
}

/// Whether `key` is a query parameter that grants access. Applies only after `?` or `&`.
pub(super) fn is_query_key(key: &[u8]) -> bool {
    contains_ignoring_case(QUERY_KEYS, key)
}

/// Whether `key` is a header whose whole line is secret.
pub(super) fn is_header(key: &[u8]) -> bool {
    contains_ignoring_case(HEADERS, key)
}

/// Whether `value` is a setting that tells nothing.
pub(super) fn is_harmless_value(value: &[u8]) -> bool {
    HARMLESS_VALUES.contains(&value)
}

/// Longest number that is taken for a setting: an amount of workers, a level, a percentage.
const SETTING_DIGITS_MAX: usize = 3;

/// Whether `value` is a switch or a small number, which can be no secret under a name that does not say so.
pub(super) fn is_harmless_setting(value: &[u8]) -> bool {
    let is_number = !value.is_empty()
        && value.len() <= SETTING_DIGITS_MAX
        && value.iter().all(u8::is_ascii_digit);
    is_number || is_harmless_value(value)
}

/// One bit for each letter in `name`, whatever its case.
fn letters_of(name: &[u8]) -> u32 {
    name.iter()
        .filter(|byte| byte.is_ascii_alphabetic())
        .fold(0, |letters, byte| letters | 1 << (byte & 31))
}

fn parts(key: &[u8]) -> impl Iterator<Item = &[u8]> {
    key.split(|byte| !byte.is_ascii_alphanumeric())
        .filter(|part| !part.is_empty())
}

fn contains_ignoring_case(list: &[&[u8]], word: &[u8]) -> bool {
    list.iter().any(|entry| entry.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::is_harmless_setting;

    #[test]
    fn switches_and_small_numbers_are_settings() {
        for value in ["1", "16", "100", "true", "no"] {
            assert!(is_harmless_setting(value.as_bytes()), "{value}");
        }
        for value in ["", "1234", "-1", "1a", "truth"] {
            assert!(!is_harmless_setting(value.as_bytes()), "{value}");
        }
    }
}
