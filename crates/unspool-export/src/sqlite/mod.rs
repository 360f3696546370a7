//! Writes a database file of `SQLite` (<https://www.sqlite.org/fileformat2.html>): tables without indexes, whose rows come in order.
//!
//! Rows fill the pages of a table one after another; the pages above them, which lead to them, follow when the table is whole. The
//! first page, which names the tables, is written last. Memory grows by 16 bytes a page.

#[cfg(test)]
mod tests;

use std::io::{self, Seek, SeekFrom, Write};

use unspool_model::report::Cell;

/// Bytes of a page.
const PAGE: usize = 16 << 10;
/// Offset whose page no row may use: programs lock it.
const LOCK_BYTE: u64 = 1 << 30;
/// Head of a leaf and of a page above.
const LEAF_HEAD: usize = 8;
const INNER_HEAD: usize = 12;
/// Head of the file, in front of the first page's own.
const FILE_HEAD: usize = 100;
/// Most of a row that stays in its leaf, and what stays where it is longer, at least.
const LOCAL_MAX: usize = PAGE - 35;
const LOCAL_MIN: usize = (PAGE - 12) * 32 / 255 - 23;
/// The version of the library that the file says wrote it.
const LIBRARY: u32 = 3_040_000;

/// A database that is being written.
#[derive(Debug)]
pub struct Database<W: Write + Seek> {
    out: W,
    /// Pages so far, the first with them.
    pages: u32,
    /// Rows of the table of tables.
    tables: Vec<Vec<u8>>,
    open: Option<Table>,
}

/// The table that takes rows.
#[derive(Debug)]
struct Table {
    name: String,
    statement: String,
    rows: i64,
    leaf: Page,
    /// Leaves that are written: number, and the last row.
    leaves: Vec<(u32, i64)>,
}

/// Cells of a page that is not full.
#[derive(Debug, Default)]
struct Page {
    cells: Vec<Vec<u8>>,
    bytes: usize,
}

impl Page {
    fn has_room(&self, len: usize, head: usize) -> bool {
        head + self.bytes + 2 * (self.cells.len() + 1) + len <= PAGE
    }

    fn add(&mut self, cell: Vec<u8>) {
        self.bytes += cell.len();
        self.cells.push(cell);
    }
}

impl<W: Write + Seek> Database<W> {
    /// Begins a database; `out` is empty.
    pub fn new(mut out: W) -> io::Result<Self> {
        out.write_all(&[0; PAGE])?;
        Ok(Self {
            out,
            pages: 1,
            tables: Vec::new(),
            open: None,
        })
    }

    /// Begins a table; columns are names and types of SQL.
    pub fn table(&mut self, name: &str, columns: &[(&str, &str)]) -> io::Result<()> {
        self.end_table()?;
        let columns: Vec<String> = columns
            .iter()
            .map(|(name, kind)| format!("{} {kind}", quoted(name)))
            .collect();
        self.open = Some(Table {
            name: name.to_owned(),
            statement: format!("CREATE TABLE {}({})", quoted(name), columns.join(", ")),
            rows: 0,
            leaf: Page::default(),
            leaves: Vec::new(),
        });
        Ok(())
    }

    /// Adds a row to the table that was begun last. Lists become text.
    pub fn row(&mut self, cells: &[Cell]) -> io::Result<()> {
        let Some(mut table) = self.open.take() else {
            return Err(io::Error::other("a row without a table"));
        };
        table.rows += 1;
        let cell = self.leaf_cell(table.rows, &record(cells))?;
        if !table.leaf.has_room(cell.len(), LEAF_HEAD) {
            let leaf = std::mem::take(&mut table.leaf);
            let page = self.write_page(&page_of(&leaf.cells, 13, None, 0))?;
            table.leaves.push((page, table.rows - 1));
        }
        table.leaf.add(cell);
        self.open = Some(table);
        Ok(())
    }

    /// Writes the rest; the file is whole then.
    pub fn finish(mut self) -> io::Result<W> {
        self.end_table()?;
        let rows = std::mem::take(&mut self.tables);
        let mut first = Page::default();
        for row in rows {
            if !first.has_room(row.len(), FILE_HEAD + LEAF_HEAD) {
                return Err(io::Error::other("too many tables"));
            }
            first.add(row);
        }
        let mut page = page_of(&first.cells, 13, None, FILE_HEAD);
        if let Some(head) = page.get_mut(..FILE_HEAD) {
            head.copy_from_slice(&file_head(self.pages));
        }
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&page)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn end_table(&mut self) -> io::Result<()> {
        let Some(mut table) = self.open.take() else {
            return Ok(());
        };
        let page = self.write_page(&page_of(&table.leaf.cells, 13, None, 0))?;
        table.leaves.push((page, table.rows));
        let mut level = table.leaves;
        while level.len() > 1 {
            level = self.level_above(&level)?;
        }
        let root = level.first().map_or(0, |(page, _)| *page);
        let row = record(&[
            Cell::text(b"table"),
            Cell::text(table.name.as_bytes()),
            Cell::text(table.name.as_bytes()),
            Cell::Int(i64::from(root)),
            Cell::text(table.statement.as_bytes()),
        ]);
        let number = i64::try_from(self.tables.len() + 1).map_err(io::Error::other)?;
        let row = self.leaf_cell(number, &row)?;
        self.tables.push(row);
        Ok(())
    }

    /// Pages that lead to those of `level`.
    fn level_above(&mut self, level: &[(u32, i64)]) -> io::Result<Vec<(u32, i64)>> {
        let mut above = Vec::new();
        let mut page = Page::default();
        for (index, (child, last)) in level.iter().enumerate() {
            let mut cell = child.to_be_bytes().to_vec();
            varint(last.cast_unsigned(), &mut cell);
            // The last child of a page stands in its head. The last page must not have one child alone.
            let rest = level.len() - index;
            let full = !page.has_room(cell.len(), INNER_HEAD)
                || rest == 3 && !page.has_room(2 * cell.len() + 4, INNER_HEAD);
            if rest == 1 || full {
                let inner = std::mem::take(&mut page);
                let written = self.write_page(&page_of(&inner.cells, 5, Some(*child), 0))?;
                above.push((written, *last));
            } else {
                page.add(cell);
            }
        }
        Ok(above)
    }

    /// The cell of a row; what does not fit goes to pages of its own.
    fn leaf_cell(&mut self, number: i64, record: &[u8]) -> io::Result<Vec<u8>> {
        let mut cell = Vec::with_capacity(record.len().min(LOCAL_MAX) + 22);
        varint(record.len() as u64, &mut cell);
        varint(number.cast_unsigned(), &mut cell);
        if record.len() <= LOCAL_MAX {
            cell.extend_from_slice(record);
            return Ok(cell);
        }
        let odd = LOCAL_MIN + (record.len() - LOCAL_MIN) % (PAGE - 4);
        let (local, rest) = record.split_at(if odd <= LOCAL_MAX { odd } else { LOCAL_MIN });
        cell.extend_from_slice(local);
        let parts: Vec<&[u8]> = rest.chunks(PAGE - 4).collect();
        for (index, part) in parts.iter().enumerate() {
            let number = self.next_page()?;
            if index == 0 {
                cell.extend_from_slice(&number.to_be_bytes());
            }
            let next = if index + 1 < parts.len() {
                Self::number_after(number)
            } else {
                0
            };
            let mut page = vec![0; PAGE];
            if let Some(to) = page.get_mut(..4) {
                to.copy_from_slice(&next.to_be_bytes());
            }
            if let Some(to) = page.get_mut(4..4 + part.len()) {
                to.copy_from_slice(part);
            }
            self.out.write_all(&page)?;
        }
        Ok(cell)
    }

    fn write_page(&mut self, page: &[u8]) -> io::Result<u32> {
        let number = self.next_page()?;
        self.out.write_all(page)?;
        Ok(number)
    }

    /// The number of the page that is written next.
    fn next_page(&mut self) -> io::Result<u32> {
        let number = Self::number_after(self.pages);
        if number > self.pages + 1 {
            self.out.write_all(&[0; PAGE])?;
        }
        self.pages = number;
        Ok(number)
    }

    fn number_after(number: u32) -> u32 {
        let locked = LOCK_BYTE / PAGE as u64 + 1;
        if u64::from(number) + 1 == locked {
            number + 2
        } else {
            number + 1
        }
    }
}

/// A page with its cells at its end, the first one last. `before` bytes in front are the file's.
fn page_of(cells: &[Vec<u8>], kind: u8, right: Option<u32>, before: usize) -> Vec<u8> {
    let mut page = vec![0; before];
    page.push(kind);
    page.extend_from_slice(&[0, 0]);
    let count = u16::try_from(cells.len()).unwrap_or(u16::MAX);
    page.extend_from_slice(&count.to_be_bytes());
    let bytes: usize = cells.iter().map(Vec::len).sum();
    page.extend_from_slice(&u16_of(PAGE - bytes).to_be_bytes());
    page.push(0);
    if let Some(right) = right {
        page.extend_from_slice(&right.to_be_bytes());
    }
    let mut at = PAGE;
    for cell in cells {
        at -= cell.len();
        page.extend_from_slice(&u16_of(at).to_be_bytes());
    }
    page.resize(at.max(page.len()), 0);
    for cell in cells.iter().rev() {
        page.extend_from_slice(cell);
    }
    page
}

fn u16_of(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

fn file_head(pages: u32) -> [u8; FILE_HEAD] {
    let mut head = Vec::with_capacity(FILE_HEAD);
    head.extend_from_slice(b"SQLite format 3\0");
    head.extend_from_slice(&u16_of(PAGE).to_be_bytes());
    // Versions of reading and writing, nothing reserved, fractions that never change.
    head.extend_from_slice(&[1, 1, 0, 64, 32, 32]);
    // Changes, pages, no free ones, version of the schema, format of the schema, cache, no vacuum, UTF-8.
    for number in [1, pages, 0, 0, 1, 4, 0, 0, 1, 0, 0, 0] {
        head.extend_from_slice(&number.to_be_bytes());
    }
    head.resize(FILE_HEAD - 8, 0);
    head.extend_from_slice(&1_u32.to_be_bytes());
    head.extend_from_slice(&LIBRARY.to_be_bytes());
    let mut array = [0; FILE_HEAD];
    for (to, from) in array.iter_mut().zip(head) {
        *to = from;
    }
    array
}

/// The values of a row with their types in front.
fn record(cells: &[Cell]) -> Vec<u8> {
    let (mut kinds, mut body) = (Vec::new(), Vec::new());
    for cell in cells {
        varint(value(cell, &mut body), &mut kinds);
    }
    // The length of the types counts itself.
    let mut len = kinds.len() + 1;
    if len > 127 {
        len += 1;
    }
    let mut record = Vec::with_capacity(len + body.len());
    varint(len as u64, &mut record);
    record.extend_from_slice(&kinds);
    record.extend_from_slice(&body);
    record
}

/// Appends a value and gives its type.
fn value(cell: &Cell, body: &mut Vec<u8>) -> u64 {
    match cell {
        Cell::Null => 0,
        Cell::Flag(flag) => 8 + u64::from(*flag),
        Cell::Int(0) => 8,
        Cell::Int(1) => 9,
        Cell::Int(number) => {
            let bytes = number.to_be_bytes();
            let (kind, len) = match number.unsigned_abs().leading_zeros() {
                57.. => (1, 1),
                49..57 => (2, 2),
                41..49 => (3, 3),
                33..41 => (4, 4),
                17..33 => (5, 6),
                _ => (6, 8),
            };
            body.extend_from_slice(bytes.get(8 - len..).unwrap_or_default());
            kind
        }
        Cell::Float(number) if number.is_finite() => {
            body.extend_from_slice(&number.to_be_bytes());
            7
        }
        Cell::Float(_) => 0,
        Cell::Text(bytes) => {
            // What is no UTF-8 would be no text there.
            let text = String::from_utf8_lossy(bytes);
            body.extend_from_slice(text.as_bytes());
            13 + 2 * text.len() as u64
        }
        Cell::List(cells) => {
            let words: Vec<String> = cells.iter().map(word).collect();
            value(&Cell::Text(words.join(" ").into_bytes()), body)
        }
        Cell::Record(fields) => {
            let words: Vec<String> = fields
                .iter()
                .map(|(name, cell)| format!("{name}={}", word(cell)))
                .collect();
            value(&Cell::Text(words.join(" ").into_bytes()), body)
        }
    }
}

fn word(cell: &Cell) -> String {
    match cell {
        Cell::Null => String::new(),
        Cell::Flag(flag) => flag.to_string(),
        Cell::Int(number) => number.to_string(),
        Cell::Float(number) => number.to_string(),
        Cell::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Cell::List(cells) => cells.iter().map(word).collect::<Vec<_>>().join(" "),
        Cell::Record(fields) => fields
            .iter()
            .map(|(_, cell)| word(cell))
            .collect::<Vec<_>>()
            .join(" "),
    }
}

/// A number in 1 to 9 bytes, seven bits each but for the ninth.
fn varint(number: u64, out: &mut Vec<u8>) {
    if number >> 56 != 0 {
        for shift in (0..8).rev() {
            out.push(0x80 | low_bits(number >> (shift * 7 + 8), 7));
        }
        out.push(low_bits(number, 8));
        return;
    }
    let groups = (64 - number.max(1).leading_zeros()).div_ceil(7);
    for group in (0..groups).rev() {
        let more = if group > 0 { 0x80 } else { 0 };
        out.push(more | low_bits(number >> (group * 7), 7));
    }
}

fn low_bits(number: u64, bits: u32) -> u8 {
    u8::try_from(number & ((1 << bits) - 1)).unwrap_or(0)
}

/// A name as SQL takes any.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
