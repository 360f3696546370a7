//! The small file beside a log that says what the log cannot: date, host, working directory (`<log minus .log>.ini`).
//!
//! Example:
//! ```text
//! ; Parameters of the recording.
//! TopProcessId=4233
//! CurrentDirectory=/home/rchateau
//! CurrentDate=2018-05-25
//! CurrentHostname=fedora22
//! ```

#[cfg(test)]
mod tests;

use unspool_model::calendar;
use unspool_model::ids::Pid;

/// Longest file that is read; the rest is ignored.
pub const INI_BYTES_MAX: usize = 1 << 20;

/// What is known about a recording besides its log.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct TraceContext {
    /// Midnight (UTC) of the day on which the recording began, in nanoseconds since the epoch.
    pub date_ns: Option<i64>,
    /// Working directory of the first process.
    pub cwd: Option<Vec<u8>>,
    /// Host name.
    pub host: Option<String>,
    /// The first process.
    pub top_pid: Option<Pid>,
}

impl TraceContext {
    /// Reads `Key=Value` lines; `;` and `#` start comments. Unknown keys and impossible values are left out.
    pub fn from_ini(text: &[u8]) -> Self {
        let text = text.get(..INI_BYTES_MAX).unwrap_or(text);
        let mut context = Self::default();
        for line in text.split(|byte| *byte == b'\n') {
            let line = line.trim_ascii();
            if line.starts_with(b";") || line.starts_with(b"#") {
                continue;
            }
            let Some(equals) = line.iter().position(|byte| *byte == b'=') else {
                continue;
            };
            let (key, value) = line.split_at(equals);
            let value = value.get(1..).unwrap_or(&[]).trim_ascii();
            if !value.is_empty() {
                context.set(key.trim_ascii(), value);
            }
        }
        context
    }

    fn set(&mut self, key: &[u8], value: &[u8]) {
        match key {
            b"TopProcessId" => {
                self.top_pid = std::str::from_utf8(value)
                    .ok()
                    .and_then(|text| text.parse().ok())
                    .map(Pid);
            }
            b"CurrentDirectory" => self.cwd = Some(value.to_vec()),
            b"CurrentHostname" => self.host = Some(String::from_utf8_lossy(value).into_owned()),
            b"CurrentDate" => self.date_ns = date_ns(value),
            _ => {}
        }
    }
}

/// `2018-05-25` as nanoseconds since the epoch, at midnight UTC.
fn date_ns(text: &[u8]) -> Option<i64> {
    const DAY_NS: i64 = 86_400_000_000_000;
    let text = std::str::from_utf8(text).ok()?;
    let mut parts = text.splitn(3, '-');
    let year: i64 = parts.next()?.parse().ok()?;
    let month: i64 = parts.next()?.parse().ok()?;
    let day: i64 = parts.next()?.parse().ok()?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_of_month = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=9999).contains(&year) || !(1..=days_of_month).contains(&day) {
        return None;
    }
    calendar::days(year, month, day).checked_mul(DAY_NS)
}
