//! The difference of runs as Markdown, for tickets and mail.

use unspool_model::report::Report;

use crate::diff_text::{Head, Row, verdict};

/// The text.
pub fn markdown(head: &Head, report: &Report) -> String {
    let mut out = format!("## {}\n\n", escaped(&verdict(head)));
    if let Some(details) = &head.details {
        out.push_str(&format!("{}\n\n", escaped(details)));
    }
    let rows: Vec<Row<'_>> = Row::all(report).collect();
    for (place, row) in rows
        .iter()
        .filter(|row| row.number("caused_by").is_none())
        .enumerate()
    {
        let rank = row.number("rank");
        out.push_str(&format!(
            "{}. **{}**\n",
            place + 1,
            escaped(&row.text("sentence"))
        ));
        out.push_str(&format!(
            "   - {}: {} → {}\n",
            escaped(&row.text("subject")),
            escaped(&row.text("before")),
            escaped(&row.text("after"))
        ));
        for line in row.list("evidence") {
            out.push_str(&format!("   - {}\n", escaped(&line)));
        }
        let look = row.text("look");
        if !look.is_empty() {
            out.push_str(&format!("   - look: `{}`\n", look.replace('`', "'")));
        }
        for effect in rows
            .iter()
            .filter(|other| other.number("caused_by") == rank)
        {
            out.push_str(&format!("   - so: {}\n", escaped(&effect.text("sentence"))));
        }
    }
    for note in &head.notes {
        out.push_str(&format!("\nNote: {}\n", escaped(note)));
    }
    out
}

/// Characters that Markdown or the HTML inside of it would act on, made plain.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '!' | '~' => {
                out.push('\\');
                out.push(character);
            }
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn nothing_acts() {
        assert_eq!(escaped("<b>*x*"), "&lt;b&gt;\\*x\\*");
    }
}
