//! A flame graph as one SVG file, from the top down: readable without script, with zoom and search where scripts run.
//!
//! Names stand in elements and attributes only, never in style or script; the script writes text, never markup.

use std::io::{self, Write};

use unspool_model::stacks::{FrameKind, Spent, Stacks, Weight};

use crate::whole::StackOptions;
use crate::xml::push_text;
use crate::{escape, units};

/// Frames that are drawn, the widest first.
pub const FRAMES_DRAWN_MAX: usize = 20_000;
/// Narrower frames are not drawn: so many of them would be as wide as the whole.
pub const NARROWEST: u64 = 5000;

/// Height of a row, and of what stands above the first one, in pixels.
const ROW: usize = 18;
const HEAD: usize = 60;
/// Colours of calls; the style has as many.
const COLOURS: u32 = 6;

const STYLE: &str = include_str!("flame.css");
const SCRIPT: &str = include_str!("flame.js");

/// Writes the picture.
pub fn write(stacks: &Stacks, options: &StackOptions, out: &mut dyn Write) -> io::Result<()> {
    let drawing = Drawing::new(stacks, options.weight);
    let rows = drawing.boxes.iter().map(|frame| frame.depth + 1).max();
    let height = HEAD + (rows.unwrap_or(0) + 2) * ROW;
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    text.push_str(&format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"100%\" height=\"{height}\" class=\"page\">\n<title>"
    ));
    push_text(&mut text, &options.title);
    text.push_str("</title>\n<style><![CDATA[\n");
    text.push_str(STYLE);
    text.push_str("]]></style>\n<rect class=\"ground\" width=\"100%\" height=\"100%\"/>\n");
    text.push_str("<text class=\"head\" x=\"8\" y=\"20\">");
    push_text(&mut text, &options.title);
    text.push_str("</text>\n<text id=\"told\" class=\"told\" x=\"8\" y=\"40\">");
    push_text(&mut text, &drawing.about(options.weight));
    text.push_str("</text>\n<text id=\"keys\" class=\"told\" x=\"8\" y=\"55\"></text>\n");
    out.write_all(text.as_bytes())?;
    for frame in &drawing.boxes {
        text.clear();
        drawing.push(&mut text, frame, stacks, options.weight);
        out.write_all(text.as_bytes())?;
    }
    out.write_all(b"<script><![CDATA[\n")?;
    out.write_all(SCRIPT.as_bytes())?;
    out.write_all(b"]]></script>\n</svg>\n")?;
    out.flush()
}

/// Where frames lie.
struct Drawing {
    totals: Vec<Spent>,
    whole: u64,
    boxes: Vec<Drawn>,
    left_out: usize,
}

/// A frame that is drawn: its left edge and width are sums.
#[derive(Clone, Copy)]
struct Drawn {
    place: usize,
    left: u64,
    width: u64,
    depth: usize,
}

impl Drawing {
    fn new(stacks: &Stacks, weight: Weight) -> Self {
        let totals = stacks.totals();
        let sum = |place: usize| totals.get(place).map_or(0, |total| total.by(weight));
        let whole = stacks.total().by(weight);
        let children = stacks.children(|a, b| {
            let name = |place: usize| stacks.frames.get(place).map(|frame| &frame.name);
            sum(b).cmp(&sum(a)).then_with(|| name(a).cmp(&name(b)))
        });
        let narrowest = (whole / NARROWEST).max(1);
        let mut boxes = Vec::new();
        let mut seen = 0;
        // Rows of siblings still to lay out, with their left edge and depth.
        let mut rows: Vec<(&[usize], u64, usize)> = vec![(&children.roots, 0, 0)];
        while let Some((row, mut left, depth)) = rows.pop() {
            for place in row {
                let width = sum(*place);
                if width < narrowest {
                    continue;
                }
                seen += 1;
                boxes.push(Drawn {
                    place: *place,
                    left,
                    width,
                    depth,
                });
                if let Some(below) = children.below.get(*place) {
                    rows.push((below, left, depth + 1));
                }
                left = left.saturating_add(width);
            }
        }
        boxes.sort_by_key(|frame| (std::cmp::Reverse(frame.width), frame.depth, frame.left));
        boxes.truncate(FRAMES_DRAWN_MAX);
        boxes.sort_by_key(|frame| (frame.depth, frame.left));
        let with_sum = (0..stacks.frames.len()).filter(|place| sum(*place) > 0);
        let left_out = with_sum.count() - boxes.len();
        debug_assert!(boxes.len() <= seen, "frames are drawn once");
        Self {
            whole: whole.max(1),
            boxes,
            left_out,
            totals,
        }
    }

    /// What the picture shows.
    fn about(&self, weight: Weight) -> String {
        let mut about = match weight {
            Weight::Time => "width: time in calls, waiting included".to_owned(),
            Weight::Calls => "width: number of calls".to_owned(),
            Weight::Bytes => "width: bytes moved".to_owned(),
        };
        if self.left_out > 0 {
            about.push_str(&format!(
                "; {} frames are too narrow to be drawn",
                self.left_out
            ));
        }
        about
    }

    fn push(&self, text: &mut String, frame: &Drawn, stacks: &Stacks, weight: Weight) {
        let Some(stack) = stacks.frames.get(frame.place) else {
            return;
        };
        let name = escape(&stack.name);
        let name = if name.is_empty() { "?" } else { &name };
        let class = match stack.kind {
            FrameKind::Process => "p".to_owned(),
            FrameKind::Call => format!("c{}", colour(&stack.name)),
        };
        let (x, width) = (self.part(frame.left), self.part(frame.width));
        let y = HEAD + frame.depth * ROW;
        text.push_str(&format!(
            "<svg class=\"f {class}\" x=\"{x}%\" y=\"{y}\" width=\"{width}%\" height=\"{}\" data-x=\"{x}\" data-w=\"{width}\" data-name=\"",
            ROW - 1
        ));
        push_text(text, name);
        text.push_str("\" tabindex=\"0\"><title>");
        let total = self.totals.get(frame.place).copied().unwrap_or_default();
        push_text(text, &self.told(name, total, weight));
        text.push_str("</title><rect width=\"100%\" height=\"100%\"/><text x=\"3\" y=\"12\">");
        push_text(text, name);
        text.push_str("</text></svg>\n");
    }

    /// `read: 1.2 s (12.34 %), 200 calls, 3 failed, 1.2 MB`.
    fn told(&self, name: &str, total: Spent, weight: Weight) -> String {
        let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let share = self.part(total.by(weight));
        let mut told = format!(
            "{name}: {} ({share} %), {} calls",
            units::duration(signed(total.time_ns)),
            units::count(signed(total.calls))
        );
        if total.errors > 0 {
            told.push_str(&format!(", {} failed", units::count(signed(total.errors))));
        }
        if total.bytes > 0 {
            told.push_str(&format!(", {}", units::bytes(signed(total.bytes))));
        }
        told
    }

    /// Percents of the whole with four digits.
    fn part(&self, sum: u64) -> String {
        let parts = u128::from(sum) * 1_000_000 / u128::from(self.whole);
        format!("{}.{:04}", parts / 10_000, parts % 10_000)
    }
}

/// One colour for one name, in every picture.
fn colour(name: &[u8]) -> u32 {
    let sum = name.iter().fold(7_u32, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u32::from(*byte))
    });
    sum % COLOURS
}
