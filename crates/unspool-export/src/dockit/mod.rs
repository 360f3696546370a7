//! Files of a flow as dockit writes them: TXT, CSV and JSON of the lines of each process.

#[cfg(test)]
mod tests;

use std::io::{self, Write};

use crate::Untrusted;

/// A line of a flow.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Batch {
    /// Process id.
    pub pid: u32,
    /// How often it came.
    pub occurrences: u64,
    /// Empty, `Args`, `Rept` or `Mix`.
    pub style: &'static str,
    /// How its calls were put together.
    pub status: Status,
    /// `(openat@SYS+close@SYS)`.
    pub function: String,
    /// `CIM_DataFile.Name="/etc/passwd"`.
    pub arguments: Vec<String>,
    /// Result that all calls had, else `N/A`.
    pub return_value: String,
    /// Start of the first call.
    pub time_start: String,
    /// End of the last call.
    pub time_end: String,
}

/// Numbers and letters are dockit's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Status {
    /// A call as it was seen.
    #[default]
    Plain,
    /// Never seen to return.
    Unfinished,
    /// Several calls.
    Sequence,
}

impl Status {
    fn number(self) -> u8 {
        match self {
            Self::Plain => 1,
            Self::Unfinished => 2,
            Self::Sequence => 6,
        }
    }

    fn letter(self) -> char {
        match self {
            Self::Plain | Self::Sequence => ' ',
            Self::Unfinished => 'U',
        }
    }
}

/// A form of the flow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FlowForm {
    /// Lines for people.
    Txt,
    /// RFC 4180.
    Csv,
    /// An array of flows, each an array of lines.
    Json,
}

impl FlowForm {
    /// By dockit's name of it.
    pub fn by_name(name: &str) -> Option<Self> {
        match name.to_ascii_uppercase().as_str() {
            "TXT" => Some(Self::Txt),
            "CSV" => Some(Self::Csv),
            "JSON" => Some(Self::Json),
            _ => None,
        }
    }

    /// What its files end in.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Txt => "txt",
            Self::Csv => "csv",
            Self::Json => "json",
        }
    }
}

/// Writes flows one line after the other.
pub struct FlowWriter<'w> {
    form: FlowForm,
    out: &'w mut dyn Write,
    flows: u64,
    lines: u64,
}

impl<'w> FlowWriter<'w> {
    /// Begins the document.
    pub fn begin(form: FlowForm, out: &'w mut dyn Write) -> io::Result<Self> {
        match form {
            FlowForm::Txt => {}
            FlowForm::Csv => out.write_all(
                b"Pid,Occurrences,Style,Status,Function,Arguments,Return,Start,End\r\n",
            )?,
            FlowForm::Json => out.write_all(b"[")?,
        }
        Ok(Self {
            form,
            out,
            flows: 0,
            lines: 0,
        })
    }

    /// Begins the flow of a process that made so many calls.
    pub fn flow(&mut self, pid: u32, calls: u64) -> io::Result<()> {
        match self.form {
            FlowForm::Txt => {
                let gap = if self.flows > 0 { "\n" } else { "" };
                write!(self.out, "{gap}calls_number:{calls}\nprocess_id:{pid}\n")?;
            }
            FlowForm::Csv => {}
            FlowForm::Json => {
                let end = if self.flows > 0 { "\n],\n[" } else { "\n[" };
                self.out.write_all(end.as_bytes())?;
            }
        }
        self.flows += 1;
        self.lines = 0;
        Ok(())
    }

    /// Writes a line of it.
    pub fn batch(&mut self, batch: &Batch) -> io::Result<()> {
        let text = match self.form {
            FlowForm::Txt => txt(batch),
            FlowForm::Csv => csv(batch),
            FlowForm::Json => {
                let comma = if self.lines > 0 { ",\n" } else { "\n" };
                format!("{comma}{}", json(batch))
            }
        };
        self.lines += 1;
        self.out.write_all(text.as_bytes())
    }

    /// Ends the document.
    pub fn finish(self) -> io::Result<()> {
        if self.form == FlowForm::Json {
            let end: &[u8] = if self.flows > 0 { b"\n]\n]\n" } else { b"]\n" };
            self.out.write_all(end)?;
        }
        self.out.flush()
    }
}

/// `Pid= 18198 {   1/Args} 'open@SYS' [...] ==>> 3 (08:26:47.546936,08:26:47.547371)`
fn txt(batch: &Batch) -> String {
    format!(
        "Pid={:>6} {{{:>4}/{}}}{}'{:<20}' [{}] ==>> {} ({},{})\n",
        batch.pid,
        batch.occurrences,
        batch.style,
        batch.status.letter(),
        batch.function,
        batch.arguments.join(", "),
        batch.return_value,
        batch.time_start,
        batch.time_end
    )
}

fn csv(batch: &Batch) -> String {
    let fields = [
        batch.pid.to_string(),
        batch.occurrences.to_string(),
        batch.style.to_owned(),
        batch.status.number().to_string(),
        batch.function.clone(),
        format!("[{}]", batch.arguments.join(", ")),
        batch.return_value.clone(),
        batch.time_start.clone(),
        batch.time_end.clone(),
    ];
    let quoted = fields.map(|field| {
        // A spreadsheet takes what begins so for a formula; no time and no number of ours does.
        let runs = field.starts_with(['=', '+', '-', '@']) && field.parse::<i64>().is_err();
        let guard = if runs { "'" } else { "" };
        if runs || field.contains([',', '"', '\n', '\r']) {
            format!("\"{guard}{}\"", field.replace('"', "\"\""))
        } else {
            field
        }
    });
    format!("{}\r\n", quoted.join(","))
}

fn json(batch: &Batch) -> String {
    serde_json::json!({
        "pid": batch.pid,
        "occurrences": batch.occurrences,
        "style": batch.style,
        "status": batch.status.number(),
        "function": batch.function,
        "arguments": batch.arguments,
        "return_value": batch.return_value,
        "time_start": batch.time_start,
        "time_end": batch.time_end,
    })
    .to_string()
}

/// `CIM_DataFile.Name="/etc/passwd"`: how dockit names a file in a line.
pub fn moniker(name: &[u8]) -> String {
    let name = Untrusted::new(name).to_string();
    format!("CIM_DataFile.Name=\"{}\"", name.replace('"', "\\\""))
}

impl std::fmt::Debug for FlowWriter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FlowWriter")
            .field("form", &self.form)
            .finish_non_exhaustive()
    }
}
