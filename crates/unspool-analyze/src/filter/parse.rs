//! Expressions to trees, typed against the catalogue of fields.

use unspool_model::fields::{self, FIELDS, Field, FieldKind};

use super::lex::{Token, TokenKind, tokens};
use super::{EXPRESSION_BYTES_MAX, FilterError, NESTING_MAX};

/// A typed expression.
#[derive(Debug)]
pub(super) enum Tree {
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    /// The field has a value.
    Exists(&'static Field),
    /// A flag holds.
    Flag(&'static Field, bool),
    /// A number compares with the value.
    Number(&'static Field, Comparison, i64),
    /// Text compares with the value.
    Text(&'static Field, Comparison, Vec<u8>),
    /// One of the numbers.
    OneNumber(&'static Field, Vec<i64>),
    /// One of the texts.
    OneText(&'static Field, Vec<Vec<u8>>),
}

/// How a value compares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Contains,
    ContainsAnyCase,
    StartsWith,
    EndsWith,
}

const COMPARISONS: [(&str, Comparison); 10] = [
    ("=", Comparison::Equal),
    ("!=", Comparison::Unequal),
    ("<", Comparison::Less),
    ("<=", Comparison::LessOrEqual),
    (">", Comparison::Greater),
    (">=", Comparison::GreaterOrEqual),
    ("contains", Comparison::Contains),
    ("icontains", Comparison::ContainsAnyCase),
    ("startswith", Comparison::StartsWith),
    ("endswith", Comparison::EndsWith),
];

/// Calls `visit` for every field of the tree.
pub(super) fn each_field(tree: &Tree, visit: &mut dyn FnMut(&Field)) {
    match tree {
        Tree::And(parts) | Tree::Or(parts) => {
            for part in parts {
                each_field(part, visit);
            }
        }
        Tree::Not(inner) => each_field(inner, visit),
        Tree::Exists(field)
        | Tree::Flag(field, _)
        | Tree::Number(field, _, _)
        | Tree::Text(field, _, _)
        | Tree::OneNumber(field, _)
        | Tree::OneText(field, _) => visit(field),
    }
}

/// Parses an expression.
pub(super) fn parse(text: &str) -> Result<Tree, FilterError> {
    if text.len() > EXPRESSION_BYTES_MAX {
        return Err(FilterError {
            message: format!("the expression is longer than {EXPRESSION_BYTES_MAX} bytes"),
            span: 0..0,
            hint: None,
        });
    }
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
        depth: 0,
    };
    let tree = parser.or()?;
    match &parser.peek().kind {
        TokenKind::End => Ok(tree),
        _ => Err(parser.expected("`and`, `or` or the end")),
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

/// What stands for no token; the list always ends with one of its own.
static END: Token = Token {
    kind: TokenKind::End,
    span: 0..0,
};

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens
            .get(self.at)
            .or(self.tokens.last())
            .unwrap_or(&END)
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let found = matches!(&self.peek().kind, TokenKind::Word(found) if found == word);
        self.at += usize::from(found);
        found
    }

    fn takes_sign(&mut self, sign: &str) -> bool {
        let found = matches!(&self.peek().kind, TokenKind::Sign(found) if *found == sign);
        self.at += usize::from(found);
        found
    }

    fn expected(&self, what: &str) -> FilterError {
        let token = self.peek();
        let found = match &token.kind {
            TokenKind::Word(word) => format!("found `{word}`"),
            TokenKind::Quoted(_) => "found a text".to_owned(),
            TokenKind::Sign(sign) => format!("found `{sign}`"),
            TokenKind::End => "found the end".to_owned(),
        };
        FilterError {
            message: format!("expected {what}, {found}"),
            span: token.span.clone(),
            hint: None,
        }
    }

    fn or(&mut self) -> Result<Tree, FilterError> {
        let mut parts = vec![self.and()?];
        while self.takes_word("or") {
            parts.push(self.and()?);
        }
        Ok(one_or(parts, Tree::Or))
    }

    fn and(&mut self) -> Result<Tree, FilterError> {
        let mut parts = vec![self.not()?];
        while self.takes_word("and") {
            parts.push(self.not()?);
        }
        Ok(one_or(parts, Tree::And))
    }

    fn not(&mut self) -> Result<Tree, FilterError> {
        let is_not = self.takes_word("not");
        if !is_not && !self.takes_sign("(") {
            return self.comparison();
        }
        self.depth += 1;
        if self.depth > NESTING_MAX {
            return Err(FilterError {
                message: format!("nested deeper than {NESTING_MAX}"),
                span: self.peek().span.clone(),
                hint: None,
            });
        }
        let tree = if is_not {
            Tree::Not(Box::new(self.not()?))
        } else {
            let inner = self.or()?;
            if !self.takes_sign(")") {
                return Err(self.expected("`)`"));
            }
            inner
        };
        self.depth -= 1;
        Ok(tree)
    }

    fn comparison(&mut self) -> Result<Tree, FilterError> {
        let TokenKind::Word(name) = &self.peek().kind else {
            return Err(self.expected("the name of a field"));
        };
        let Some(field) = fields::by_name(name) else {
            return Err(unknown_field(name, self.peek()));
        };
        self.at += 1;
        if self.takes_word("exists") {
            return Ok(Tree::Exists(field));
        }
        if self.takes_word("in") {
            return self.list(field);
        }
        let operator = match &self.peek().kind {
            TokenKind::Word(word) => word.as_str(),
            TokenKind::Sign(sign) => sign,
            TokenKind::Quoted(_) | TokenKind::End => "",
        };
        let found = COMPARISONS.iter().find(|(name, _)| *name == operator);
        let Some((name, comparison)) = found else {
            if field.kind == FieldKind::Flag {
                return Ok(Tree::Flag(field, true));
            }
            return Err(self.expected("a comparison (`=`, `<`, `contains`, `in`, `exists`, ...)"));
        };
        let fits = match field.kind {
            FieldKind::Text => true,
            FieldKind::Flag => matches!(comparison, Comparison::Equal | Comparison::Unequal),
            _ => matches!(
                comparison,
                Comparison::Equal
                    | Comparison::Unequal
                    | Comparison::Less
                    | Comparison::LessOrEqual
                    | Comparison::Greater
                    | Comparison::GreaterOrEqual
            ),
        };
        if !fits {
            return Err(FilterError {
                message: format!("`{name}` does not fit a {}", field.kind.name()),
                span: self.peek().span.clone(),
                hint: None,
            });
        }
        self.at += 1;
        match field.kind {
            FieldKind::Text => Ok(Tree::Text(field, *comparison, self.text()?)),
            FieldKind::Flag => {
                let wanted = self.flag()?;
                Ok(Tree::Flag(
                    field,
                    wanted == (*comparison == Comparison::Equal),
                ))
            }
            _ => Ok(Tree::Number(field, *comparison, self.number(field.kind)?)),
        }
    }

    fn list(&mut self, field: &'static Field) -> Result<Tree, FilterError> {
        if field.kind == FieldKind::Flag {
            return Err(self.expected("`=`"));
        }
        if !self.takes_sign("(") {
            return Err(self.expected("`(`"));
        }
        let mut numbers = Vec::new();
        let mut texts = Vec::new();
        loop {
            if field.kind == FieldKind::Text {
                texts.push(self.text()?);
            } else {
                numbers.push(self.number(field.kind)?);
            }
            if self.takes_sign(")") {
                break;
            }
            if !self.takes_sign(",") {
                return Err(self.expected("`,` or `)`"));
            }
        }
        if field.kind == FieldKind::Text {
            texts.sort_unstable();
            Ok(Tree::OneText(field, texts))
        } else {
            numbers.sort_unstable();
            Ok(Tree::OneNumber(field, numbers))
        }
    }

    fn text(&mut self) -> Result<Vec<u8>, FilterError> {
        match &self.peek().kind {
            TokenKind::Word(word) => {
                let word = word.clone().into_bytes();
                self.at += 1;
                Ok(word)
            }
            TokenKind::Quoted(bytes) => {
                let bytes = bytes.clone();
                self.at += 1;
                Ok(bytes)
            }
            TokenKind::Sign(_) | TokenKind::End => Err(self.expected("a text")),
        }
    }

    fn flag(&mut self) -> Result<bool, FilterError> {
        if self.takes_word("true") || self.takes_word("yes") || self.takes_word("1") {
            return Ok(true);
        }
        if self.takes_word("false") || self.takes_word("no") || self.takes_word("0") {
            return Ok(false);
        }
        Err(self.expected("`true` or `false`"))
    }

    fn number(&mut self, kind: FieldKind) -> Result<i64, FilterError> {
        let what = match kind {
            FieldKind::Duration => "a duration such as `10ms`",
            FieldKind::Bytes => "a number of bytes such as `4k`",
            _ => "a number",
        };
        if !matches!(self.peek().kind, TokenKind::Word(_)) {
            return Err(self.expected(what));
        }
        let token = self.next();
        let TokenKind::Word(word) = &token.kind else {
            return Err(self.expected(what));
        };
        number(word, kind).ok_or_else(|| FilterError {
            message: format!("expected {what}, found `{word}`"),
            span: token.span.clone(),
            hint: None,
        })
    }
}

fn one_or(mut parts: Vec<Tree>, join: fn(Vec<Tree>) -> Tree) -> Tree {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            join(parts)
        }
        None => join(parts),
    }
}

const DURATION_UNITS: &[(&str, i64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

const BYTES_UNITS: &[(&str, i64)] = &[
    ("B", 1),
    ("k", 1_000),
    ("kB", 1_000),
    ("K", 1_000),
    ("KB", 1_000),
    ("M", 1_000_000),
    ("MB", 1_000_000),
    ("G", 1_000_000_000),
    ("GB", 1_000_000_000),
    ("T", 1_000_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// A number with a unit of its kind: `3`, `-1`, `0x10`, `2.5ms`, `4k`.
fn number(word: &str, kind: FieldKind) -> Option<i64> {
    if let Some(digits) = word.strip_prefix("0x") {
        return i64::from_str_radix(digits, 16).ok();
    }
    let (sign, word) = match word.strip_prefix('-') {
        Some(word) => (-1, word),
        None => (1, word),
    };
    let end = word
        .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
        .unwrap_or(word.len());
    let (digits, unit) = word.split_at_checked(end)?;
    let units = match kind {
        FieldKind::Duration | FieldKind::Time => DURATION_UNITS,
        FieldKind::Bytes => BYTES_UNITS,
        _ => &[],
    };
    let factor = match unit {
        "" => 1,
        unit => units.iter().find(|(name, _)| *name == unit)?.1,
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut value = whole.parse::<i64>().ok()?.checked_mul(factor)?;
    if digits.contains('.') {
        let scale = 10_i64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        let part = fraction.parse::<i64>().ok()?.checked_mul(factor)?;
        if part % scale != 0 {
            return None;
        }
        value = value.checked_add(part / scale)?;
    }
    value.checked_mul(sign)
}

/// Most letters that may differ for a name to be suggested.
const DISTANCE_MAX: usize = 4;

fn unknown_field(name: &str, token: &Token) -> FilterError {
    let nearest = FIELDS
        .iter()
        .flat_map(|field| std::iter::once(&field.name).chain(field.aliases))
        .map(|candidate| (distance(name, candidate), *candidate))
        .min()
        .filter(|(distance, _)| *distance <= DISTANCE_MAX.min(name.len() / 2));
    let hint = match nearest {
        Some((_, nearest)) => format!("did you mean `{nearest}`?"),
        None => "docs/reference/fields.md lists them all".to_owned(),
    };
    FilterError {
        message: format!("there is no field `{name}`"),
        span: token.span.clone(),
        hint: Some(hint),
    }
}

/// Letters to insert, remove, replace or swap with the next (optimal string alignment).
fn distance(one: &str, other: &str) -> usize {
    const NAME_LETTERS_MAX: usize = 64;
    let one: Vec<char> = one.chars().take(NAME_LETTERS_MAX).collect();
    let other: Vec<char> = other.chars().take(NAME_LETTERS_MAX).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=other.len()).collect();
    for (row, left) in one.iter().enumerate() {
        let mut line = vec![row + 1];
        for (at, right) in other.iter().enumerate() {
            let get = |list: &[usize], at: usize| list.get(at).copied().unwrap_or(usize::MAX / 2);
            let mut best = (get(&above, at) + usize::from(left != right))
                .min(get(&above, at + 1) + 1)
                .min(get(&line, at) + 1);
            if row > 0
                && at > 0
                && one.get(row - 1) == Some(right)
                && other.get(at - 1) == Some(left)
            {
                best = best.min(get(&before, at - 1) + 1);
            }
            line.push(best);
        }
        before = std::mem::replace(&mut above, line);
    }
    above.last().copied().unwrap_or(0)
}
