//! Finds single texts in the JSON files of container runtimes. Not a parser: what is not found is unknown.

/// Depth to which values are followed.
const DEPTH_MAX: u32 = 64;

/// The text behind the keys: `["annotations", "io.kubernetes.container.name"]`.
pub(super) fn text(json: &[u8], keys: &[&str]) -> Option<Vec<u8>> {
    let mut cursor = Cursor { rest: json };
    for key in keys {
        cursor.member(key)?;
    }
    cursor.string()
}

/// In an array of objects, the first text of the list `list` of the object whose `key` is `value`:
/// `[{"id": "5f3a", "names": ["web"]}]`.
pub(super) fn first_of_list(json: &[u8], key: &str, value: &[u8], list: &str) -> Option<Vec<u8>> {
    let mut cursor = Cursor { rest: json };
    cursor.byte(b'[')?;
    loop {
        let object = cursor.value()?;
        if text(object, &[key]).as_deref() == Some(value) {
            let mut found = Cursor { rest: object };
            found.member(list)?;
            found.byte(b'[')?;
            return found.string();
        }
        cursor.byte(b',')?;
    }
}

/// What is left to read.
struct Cursor<'j> {
    rest: &'j [u8],
}

impl<'j> Cursor<'j> {
    fn peek(&mut self) -> Option<u8> {
        let blanks = self
            .rest
            .iter()
            .take_while(|byte| byte.is_ascii_whitespace())
            .count();
        self.rest = self.rest.get(blanks..)?;
        self.rest.first().copied()
    }

    fn byte(&mut self, wanted: u8) -> Option<()> {
        (self.peek()? == wanted).then_some(())?;
        self.rest = self.rest.get(1..)?;
        Some(())
    }

    /// Goes to the value of a member of the object here.
    fn member(&mut self, key: &str) -> Option<()> {
        self.byte(b'{')?;
        loop {
            let found = self.string()?;
            self.byte(b':')?;
            if found == key.as_bytes() {
                return Some(());
            }
            self.value()?;
            self.byte(b',')?;
        }
    }

    /// The text here. `\u` escapes beyond ASCII become `?`: names of containers have none.
    fn string(&mut self) -> Option<Vec<u8>> {
        self.byte(b'"')?;
        let mut text = Vec::new();
        loop {
            let (first, rest) = self.rest.split_first()?;
            self.rest = rest;
            match first {
                b'"' => return Some(text),
                b'\\' => {
                    let (escape, rest) = self.rest.split_first()?;
                    self.rest = rest;
                    match escape {
                        b'n' => text.push(b'\n'),
                        b't' => text.push(b'\t'),
                        b'u' => {
                            let digits = self.rest.get(..4)?;
                            self.rest = self.rest.get(4..)?;
                            let code =
                                u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
                            text.push(u8::try_from(code).ok().filter(u8::is_ascii).unwrap_or(b'?'));
                        }
                        other => text.push(*other),
                    }
                }
                other => text.push(*other),
            }
        }
    }

    /// Skips the value here and gives its bytes.
    fn value(&mut self) -> Option<&'j [u8]> {
        self.peek()?;
        let start = self.rest;
        let mut depth = 0;
        loop {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                }
                b'{' | b'[' => {
                    depth += 1;
                    (depth <= DEPTH_MAX).then_some(())?;
                    self.rest = self.rest.get(1..)?;
                    continue;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    self.rest = self.rest.get(1..)?;
                }
                b',' | b':' if depth > 0 => {
                    self.rest = self.rest.get(1..)?;
                    continue;
                }
                _ => {
                    let len = self
                        .rest
                        .iter()
                        .take_while(|byte| {
                            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
                        })
                        .count();
                    (len > 0).then_some(())?;
                    self.rest = self.rest.get(len..)?;
                }
            }
            if depth == 0 {
                return start.get(..start.len() - self.rest.len());
            }
        }
    }
}
