//! The `.ini` beside a log: what dockit needs to replay it. Example:
//!
//! ```text
//! TopProcessId=4233
//! CurrentDirectory=/home/rchateau
//! CurrentDate=2018-05-25
//! CurrentHostname=fedora22
//! CurrentOSType=linux
//! ```

use std::path::Path;

use anyhow::{Context as _, Result};
use unspool_analyze::cim::Machine;
use unspool_decode::TraceContext;

/// What the file says; nothing when there is none.
#[derive(Debug, Default)]
pub(super) struct Ini {
    /// For the decoder and the tracker.
    pub(super) context: TraceContext,
    /// For the summary.
    pub(super) machine: Machine,
}

impl Ini {
    /// Reads the `.ini` of a log.
    pub(super) fn beside(log: &Path) -> Result<Self> {
        let path = log.with_extension("ini");
        if path == log || !path.is_file() {
            return Ok(Self::default());
        }
        let text =
            std::fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let context = TraceContext::from_ini(&text);
        let machine = Machine {
            host: context.host.clone().unwrap_or_default(),
            os_type: value(&text, "CurrentOSType"),
            address: value(&text, "CurrentIPAddress"),
        };
        Ok(Self { context, machine })
    }
}

/// Value of a key of which [`TraceContext`] knows nothing; the last one counts.
fn value(text: &[u8], wanted: &str) -> String {
    String::from_utf8_lossy(text)
        .lines()
        .filter_map(|line| line.split_once('='))
        .rfind(|(key, _)| key.trim() == wanted)
        .map(|(_, value)| value.trim().to_owned())
        .unwrap_or_default()
}

/// Text of a new one. A value that would not fit on one line is left out.
pub(super) fn text(top_pid: u32, cwd: Option<&Path>, date: &str, host: &str) -> Vec<u8> {
    let top_pid = top_pid.to_string();
    let cwd = cwd
        .map(|cwd| cwd.as_os_str().as_encoded_bytes())
        .unwrap_or_default();
    let mut text = Vec::new();
    for (key, value) in [
        ("TopProcessId", top_pid.as_bytes()),
        ("CurrentDirectory", cwd),
        ("CurrentDate", date.as_bytes()),
        ("CurrentHostname", host.as_bytes()),
        ("CurrentOSType", b"linux"),
    ] {
        if !value.is_empty() && !value.contains(&b'\n') {
            text.extend_from_slice(key.as_bytes());
            text.push(b'=');
            text.extend_from_slice(value);
            text.push(b'\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{text, value};

    #[test]
    fn what_is_written_is_read() {
        let written = text(7, Some(Path::new("/home/a b")), "2026-11-21", "here");
        assert_eq!(value(&written, "CurrentOSType"), "linux");
        assert_eq!(value(&written, "CurrentIPAddress"), "");
        let context = unspool_decode::TraceContext::from_ini(&written);
        assert_eq!(context.cwd.as_deref(), Some(&b"/home/a b"[..]));
        assert_eq!(context.host.as_deref(), Some("here"));
        assert_eq!(context.top_pid.map(|pid| pid.0), Some(7));
    }

    #[test]
    fn a_folder_with_a_line_feed_writes_no_key_of_its_own() {
        let written = text(7, Some(Path::new("/a\nTopProcessId=1")), "", "");
        assert_eq!(written, b"TopProcessId=7\nCurrentOSType=linux\n");
    }
}
