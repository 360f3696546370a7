//! What the environment says, read once and handed down. The only place that reads it.

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::PathBuf;

use crate::cli::When;

/// Settings of one call of the program.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Folder of the runs; `None` when neither `--store` nor a home says where.
    pub(crate) store: Option<PathBuf>,
    /// Whether standard output takes colour.
    pub(crate) color: bool,
    /// Whether standard output is a terminal.
    pub(crate) stdout_is_terminal: bool,
    /// Columns of the terminal.
    pub(crate) width: usize,
    /// Whether the locale can show box-drawing characters.
    pub(crate) unicode: bool,
    /// Pager command.
    pub(crate) pager: String,
    /// `PATH`.
    pub(crate) search_path: Option<OsString>,
    /// User name.
    pub(crate) user: String,
    /// The whole environment, `NAME=value` each: what the command will get.
    pub(crate) environment: Vec<Vec<u8>>,
    /// Folder of what is kept between calls beside the runs; `None` without a home.
    pub(crate) state: Option<PathBuf>,
    /// Folder for files that live as long as the command.
    pub(crate) temporary: PathBuf,
    /// Working directory.
    pub(crate) cwd: Option<PathBuf>,
}

/// Width where nothing says how wide the terminal is.
const WIDTH_DEFAULT: usize = 100;

impl Settings {
    /// From the command line's own words and the environment.
    pub(crate) fn resolve(store: Option<PathBuf>, color: When) -> Self {
        let stdout_is_terminal = std::io::stdout().is_terminal();
        Self {
            store: store.or_else(default_store),
            color: wants_color(color, stdout_is_terminal),
            stdout_is_terminal,
            width: terminal_width(),
            unicode: is_unicode(),
            pager: text("UNSPOOL_PAGER")
                .or_else(|| text("PAGER"))
                .unwrap_or_else(|| "less -FRX".to_owned()),
            search_path: variable("PATH"),
            user: text("USER").or_else(|| text("LOGNAME")).unwrap_or_default(),
            environment: environment(),
            state: state_folder(),
            temporary: std::env::temp_dir(),
            cwd: std::env::current_dir().ok(),
        }
    }
}

fn default_store() -> Option<PathBuf> {
    Some(state_folder()?.join("runs"))
}

fn state_folder() -> Option<PathBuf> {
    let state = variable("XDG_STATE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| Some(PathBuf::from(variable("HOME")?).join(".local/state")))?;
    Some(state.join("unspool"))
}

/// `--color`, then `NO_COLOR`, then `CLICOLOR_FORCE`, then whether it is a terminal (no-color.org, bixense.com/clicolors).
fn wants_color(color: When, is_terminal: bool) -> bool {
    match color {
        When::Always => true,
        When::Never => false,
        When::Auto if text("NO_COLOR").is_some() => false,
        When::Auto if text("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
        When::Auto => is_terminal && text("TERM").is_none_or(|term| term != "dumb"),
    }
}

fn terminal_width() -> usize {
    let from_environment = text("COLUMNS").and_then(|columns| columns.parse().ok());
    from_environment
        .or_else(|| terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)))
        .filter(|width| *width >= 20)
        .unwrap_or(WIDTH_DEFAULT)
}

fn is_unicode() -> bool {
    ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(text)
        .is_some_and(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        })
}

fn environment() -> Vec<Vec<u8>> {
    std::env::vars_os()
        .map(|(name, value)| [name.as_encoded_bytes(), b"=", value.as_encoded_bytes()].concat())
        .collect()
}

/// A variable that is set and not empty.
fn text(name: &str) -> Option<String> {
    variable(name)?.into_string().ok()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the environment"
)]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
