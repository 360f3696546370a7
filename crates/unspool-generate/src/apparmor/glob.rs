//! Patterns of the profile language (apparmor.d(5), "Globbing"), as far as they are judged.

/// One part of a pattern.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Part {
    Byte(u8),
    /// `?`: any byte but `/`.
    One,
    /// `*`: any bytes but `/`.
    Some,
    /// `**`: any bytes.
    Any,
    /// `@{pid}`: digits.
    Digits,
}

/// A pattern of paths.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Glob(Vec<Part>);

impl Glob {
    /// Reads a pattern, quotes taken off; `None` when it uses what is not understood (`[...]`, `{...}`, variables).
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((&byte, behind)) = rest.split_first() {
            rest = behind;
            match byte {
                b'\\' => {
                    let digits = rest
                        .get(..3)
                        .filter(|digits| digits.iter().all(|digit| (b'0'..=b'7').contains(digit)));
                    if let Some(digits) = digits {
                        let value = digits
                            .iter()
                            .fold(0_u32, |sum, digit| sum * 8 + u32::from(digit - b'0'));
                        parts.push(Part::Byte(u8::try_from(value).ok()?));
                        rest = rest.get(3..)?;
                    } else {
                        let (&escaped, behind) = rest.split_first()?;
                        parts.push(Part::Byte(escaped));
                        rest = behind;
                    }
                }
                b'*' if rest.starts_with(b"*") => {
                    rest = rest.get(1..)?;
                    parts.push(Part::Any);
                }
                b'*' => parts.push(Part::Some),
                b'?' => parts.push(Part::One),
                b'@' if rest.starts_with(b"{PROC}") => {
                    parts.extend(b"/proc".iter().map(|byte| Part::Byte(*byte)));
                    rest = rest.get(6..)?;
                }
                b'@' if rest.starts_with(b"{pid}") => {
                    parts.push(Part::Digits);
                    rest = rest.get(5..)?;
                }
                b'@' if rest.starts_with(b"{") => return None,
                b'[' | b'{' | b']' | b'}' => return None,
                byte => parts.push(Part::Byte(byte)),
            }
        }
        Some(Self(parts))
    }

    /// Whether a path fits.
    pub(super) fn fits(&self, path: &[u8]) -> bool {
        fits(&self.0, path)
    }
}

fn fits(parts: &[Part], path: &[u8]) -> bool {
    let Some((part, behind)) = parts.split_first() else {
        return path.is_empty();
    };
    let may_take = |byte: u8| match part {
        Part::Byte(_) | Part::Any => true,
        Part::One | Part::Some => byte != b'/',
        Part::Digits => byte.is_ascii_digit(),
    };
    match part {
        Part::Byte(byte) => path
            .split_first()
            .is_some_and(|(first, rest)| first == byte && fits(behind, rest)),
        Part::One => path
            .split_first()
            .is_some_and(|(first, rest)| *first != b'/' && fits(behind, rest)),
        Part::Some | Part::Any | Part::Digits => {
            let longest = path.iter().take_while(|byte| may_take(**byte)).count();
            (0..=longest).any(|taken| path.get(taken..).is_some_and(|rest| fits(behind, rest)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_the_manual_says() {
        let fits =
            |pattern: &[u8], path: &[u8]| Glob::parse(pattern).expect("understood").fits(path);
        assert!(fits(b"/a/*", b"/a/b") && !fits(b"/a/*", b"/a/b/c"));
        assert!(fits(b"/a/**", b"/a/b/c") && !fits(b"/a/**", b"/b"));
        assert!(
            fits(b"@{PROC}/@{pid}/stat", b"/proc/17/stat")
                && !fits(b"@{PROC}/@{pid}/stat", b"/proc/x/stat")
        );
        assert!(fits(b"/\\*\\012\\377", b"/*\n\xff") && !fits(b"/\\*", b"/x"));
        assert!(Glob::parse(b"/{a,b}").is_none());
    }
}
