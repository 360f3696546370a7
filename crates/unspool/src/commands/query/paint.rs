//! Colours of SQL at the prompt.

/// Keywords.
const KEYWORD: &str = "\x1b[1m";
/// Texts.
const TEXT: &str = "\x1b[32m";
/// Numbers.
const NUMBER: &str = "\x1b[36m";
/// Comments.
const COMMENT: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

/// The line with colours; nothing else of it is changed.
pub(super) fn painted(line: &str, is_keyword: &dyn Fn(&str) -> bool) -> String {
    let mut out = String::with_capacity(line.len() * 2);
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let (len, color) = piece(rest, first, is_keyword);
        let (piece, behind) = rest.split_at(len);
        match color {
            Some(color) => {
                out.push_str(color);
                out.push_str(piece);
                out.push_str(PLAIN);
            }
            None => out.push_str(piece),
        }
        rest = behind;
    }
    out
}

/// Length of what begins here, and its colour.
fn piece(
    rest: &str,
    first: char,
    is_keyword: &dyn Fn(&str) -> bool,
) -> (usize, Option<&'static str>) {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let run = |belongs: &dyn Fn(char) -> bool| {
        let behind = rest.find(|letter: char| !belongs(letter));
        behind.unwrap_or(rest.len())
    };
    match first {
        _ if rest.starts_with("--") => (rest.len(), Some(COMMENT)),
        '\'' => {
            let inside = rest.get(1..).unwrap_or_default();
            let end = inside.find('\'').map_or(rest.len(), |at| at + 2);
            (end, Some(TEXT))
        }
        '0'..='9' => (
            run(&|letter| is_word(letter) || letter == '.'),
            Some(NUMBER),
        ),
        _ if is_word(first) => {
            let len = run(&is_word);
            let word = rest.get(..len).unwrap_or_default().to_ascii_lowercase();
            (len, is_keyword(&word).then_some(KEYWORD))
        }
        _ => (first.len_utf8(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::painted;

    #[test]
    fn only_colours_are_added() {
        let is_keyword = |word: &str| ["select", "from", "where"].contains(&word);
        let shown = painted(
            "Select path2 from t where a = 'it''s' and n > 10.5 -- 'why'",
            &is_keyword,
        );
        let codes = [
            ("\x1b[1m", "<k>"),
            ("\x1b[32m", "<t>"),
            ("\x1b[36m", "<n>"),
            ("\x1b[2m", "<c>"),
            ("\x1b[0m", ";"),
        ];
        let shown = codes
            .iter()
            .fold(shown, |text, (code, name)| text.replace(code, name));
        assert_eq!(
            shown,
            "<k>Select; path2 <k>from; t <k>where; a = <t>'it';<t>'s'; and n > <n>10.5; <c>-- 'why';"
        );
        for odd in ["", "'open", "é'ü", "\\d events", "a'"] {
            let shown = painted(odd, &is_keyword);
            let plain = codes
                .iter()
                .fold(shown, |text, (code, _)| text.replace(code, ""));
            assert_eq!(plain, odd);
        }
    }
}
