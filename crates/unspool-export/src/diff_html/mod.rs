//! The difference of runs as one HTML file: no script, nothing from elsewhere.

use unspool_model::report::Report;

use crate::diff_text::{Head, Row, verdict};
use crate::html::push_text;

const STYLE: &str = "\
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b;background:#fff}\
h1{font-size:1.3rem}.bad{color:#a40000}.same{color:#1c6b2a}\
ol{padding-left:1.5rem}li{margin:.6rem 0}\
table{border-collapse:collapse;margin:.3rem 0}td{padding:.1rem .8rem .1rem 0;vertical-align:top}\
td:first-child{color:#666;white-space:nowrap}code,td{overflow-wrap:anywhere}\
details{color:#444}ul{margin:.2rem 0}\
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}td:first-child,details{color:#999}\
.bad{color:#ff8080}.same{color:#7fd08c}}";

/// The page.
pub fn html(head: &Head, report: &Report) -> String {
    let verdict = escaped(&verdict(head));
    let class = if head.different { "bad" } else { "same" };
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>{verdict}</title><style>{STYLE}</style></head>\n<body><h1 class=\"{class}\">{verdict}</h1>\n"
    );
    if let Some(details) = &head.details {
        out.push_str(&format!("<p>{}</p>\n", escaped(details)));
    }
    out.push_str("<ol>\n");
    let rows: Vec<Row<'_>> = Row::all(report).collect();
    for row in rows.iter().filter(|row| row.number("caused_by").is_none()) {
        let rank = row.number("rank");
        out.push_str(&format!(
            "<li><strong>{}</strong>\n",
            escaped(&row.text("sentence"))
        ));
        out.push_str("<details><summary>more</summary><table>\n");
        for (title, name) in [
            ("what", "subject"),
            ("before", "before"),
            ("after", "after"),
            ("process", "process"),
            ("look", "look"),
        ] {
            let text = row.text(name);
            if !text.is_empty() {
                out.push_str(&format!(
                    "<tr><td>{title}</td><td><code>{}</code></td></tr>\n",
                    escaped(&text)
                ));
            }
        }
        for line in row.list("evidence") {
            out.push_str(&format!(
                "<tr><td></td><td><code>{}</code></td></tr>\n",
                escaped(&line)
            ));
        }
        out.push_str("</table></details>\n");
        let effects: Vec<&Row<'_>> = rows
            .iter()
            .filter(|other| other.number("caused_by") == rank)
            .collect();
        if !effects.is_empty() {
            out.push_str("<ul>\n");
            for effect in effects {
                out.push_str(&format!(
                    "<li>so: {}</li>\n",
                    escaped(&effect.text("sentence"))
                ));
            }
            out.push_str("</ul>\n");
        }
        out.push_str("</li>\n");
    }
    out.push_str("</ol>\n");
    for note in &head.notes {
        out.push_str(&format!("<p>Note: {}</p>\n", escaped(note)));
    }
    out.push_str("</body></html>\n");
    out
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push_text(&mut out, text);
    out
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn nothing_acts() {
        assert_eq!(escaped("<script>\"'&"), "&lt;script&gt;&quot;&#39;&amp;");
    }
}
