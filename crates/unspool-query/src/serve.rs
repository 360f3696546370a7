//! Takes requests and gives answers until the parent goes away.

use std::io::{BufRead as _, BufWriter, Read as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use datafusion::common::DataFusionError;
use tokio::sync::mpsc;

use crate::answer;
use crate::bucket::{self, Bucket};
use crate::catalog::Catalog;
use crate::confine::confine;
use crate::engine::Engine;
use crate::errors::problem;
use crate::protocol::{Frames, Open, PROTOCOL, Problem, Query, Reply, Request};
use crate::transfer::{PART_BYTES_MAX, Transfer};

/// Longest request.
const REQUEST_BYTES_MAX: u64 = 64 << 20;

/// Status where the parent did not speak as it should.
const MISUNDERSTOOD: u8 = 3;

pub(crate) type Out = Frames<BufWriter<std::io::Stdout>>;

/// Writes text for a person.
pub(crate) fn print(text: &str) {
    // Nobody is there to be told that standard output is gone.
    drop(std::io::stdout().write_all(text.as_bytes()));
}

/// Serves standard input and output.
pub(crate) fn run() -> ExitCode {
    let mut out = Frames(BufWriter::new(std::io::stdout()));
    match serve(&mut out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // The parent is told if it listens; the status says the rest.
            drop(out.reply(&Reply::Error(failure)));
            ExitCode::from(MISUNDERSTOOD)
        }
    }
}

fn serve(out: &mut Out) -> Result<(), Problem> {
    let Some(Request::Open(open)) = next_request()? else {
        return Err(misunderstood("the first request is `open`"));
    };
    if open.protocol != PROTOCOL {
        return Err(Problem::new(
            format!(
                "this engine is of version {}, which speaks protocol {PROTOCOL}; unspool speaks {}",
                env!("CARGO_PKG_VERSION"),
                open.protocol
            ),
            "build or install both of one version",
        ));
    }
    let ports = match &open.bucket {
        Some(spec) => bucket::ports(spec)?,
        None => Vec::new(),
    };
    let confined = confine(&folders(&open), &ports).map_err(|why| Problem {
        message: why,
        ..Problem::default()
    })?;
    let bucket = open.bucket.as_ref().map(Bucket::open).transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("query")
        .build()
        .map_err(|error| misunderstood(&format!("cannot start threads: {error}")))?;
    runtime.block_on(async {
        let engine = Engine::open(&open, bucket.as_ref())
            .map_err(|error| problem(&error, "", &Catalog::new(Vec::new())))?;
        let ready = Reply::Ready {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION"),
            confined,
        };
        out.reply(&ready).map_err(|error| gone(&error))?;
        let (send, receive) = mpsc::unbounded_channel();
        std::thread::Builder::new()
            .name("requests".to_owned())
            .spawn(move || {
                loop {
                    let request = next_request();
                    let ends = !matches!(request, Ok(Some(_)));
                    if send.send(request).is_err() || ends {
                        return;
                    }
                }
            })
            .map_err(|error| misunderstood(&format!("cannot start a thread: {error}")))?;
        let transfer = bucket.clone().map(Transfer::new);
        requests(&engine, transfer, receive, out).await
    })
}

type Requests = mpsc::UnboundedReceiver<Result<Option<Request>, Problem>>;

async fn requests(
    engine: &Engine,
    mut transfer: Option<Transfer>,
    mut receive: Requests,
    out: &mut Out,
) -> Result<(), Problem> {
    loop {
        let reply = match receive.recv().await {
            None | Some(Ok(None)) => return Ok(()),
            Some(Err(failure)) => return Err(failure),
            Some(Ok(Some(Request::Open(_)))) => return Err(misunderstood("`open` comes once")),
            Some(Ok(Some(Request::Cancel))) => continue,
            Some(Ok(Some(Request::Catalog))) => Reply::Catalog(engine.catalog().await),
            Some(Ok(Some(
                request @ (Request::List { .. }
                | Request::Get { .. }
                | Request::Put { .. }
                | Request::Part { .. }),
            ))) => match &mut transfer {
                Some(transfer) => transfer
                    .answered(request, out)
                    .await
                    .unwrap_or_else(Reply::Error),
                None => return Err(misunderstood("there is no bucket to transfer with")),
            },
            Some(Ok(Some(Request::Query(query)))) => {
                let cancelled = async {
                    loop {
                        match receive.recv().await {
                            None | Some(Ok(None) | Err(_)) => return true,
                            Some(Ok(Some(Request::Cancel))) => return false,
                            // Nothing else comes while a query runs.
                            Some(Ok(Some(_))) => {}
                        }
                    }
                };
                let answered = tokio::select! {
                    answered = timed(engine, &query, out) => answered,
                    parent_is_gone = cancelled => {
                        if parent_is_gone {
                            return Ok(());
                        }
                        Err(Problem { message: "the query was cancelled".to_owned(), limit: Some("cancelled"), ..Problem::default() })
                    }
                };
                match answered {
                    Ok(rows) => Reply::Done {
                        rows,
                        notes: Vec::new(),
                    },
                    Err(failure) => Reply::Error(failure),
                }
            }
        };
        out.reply(&reply).map_err(|error| gone(&error))?;
    }
}

async fn timed(engine: &Engine, query: &Query, out: &mut Out) -> Result<u64, Problem> {
    if query.timeout_ms == 0 {
        return answered(engine, query, out).await;
    }
    let limit = Duration::from_millis(query.timeout_ms);
    match tokio::time::timeout(limit, answered(engine, query, out)).await {
        Ok(answered) => answered,
        Err(_) => Err(Problem {
            message: format!("the query ran longer than {} s", limit.as_secs_f64()),
            hint: Some("give it more time with `--timeout 10m`, or ask for less".to_owned()),
            limit: Some("time"),
            ..Problem::default()
        }),
    }
}

async fn answered(engine: &Engine, query: &Query, out: &mut Out) -> Result<u64, Problem> {
    let written = async {
        let frame = engine.plan(&query.sql, &query.params).await?;
        let stream = frame.execute_stream().await?;
        answer::write(stream, query.form, out).await
    };
    match written.await {
        Ok(rows) => Ok(rows),
        Err(error) => Err(tell(engine, &error, &query.sql).await),
    }
}

async fn tell(engine: &Engine, error: &DataFusionError, sql: &str) -> Problem {
    match engine.bucket_problem(error) {
        Some(problem) => problem,
        None => problem(error, sql, &engine.catalog().await),
    }
}

/// Folders that hold the tables.
fn folders(open: &Open) -> Vec<PathBuf> {
    let local = open
        .runs
        .iter()
        .filter_map(|run| run.tables.strip_prefix("file://"));
    local.map(|path| PathBuf::from(decoded(path))).collect()
}

/// A path of a URL as bytes: `%20` is a space.
fn decoded(path: &str) -> std::ffi::OsString {
    use std::os::unix::ffi::OsStringExt as _;
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let hex = after
            .get(..2)
            .filter(|_| *byte == b'%')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(hex.unwrap_or(*byte));
        rest = match hex {
            Some(_) => after.get(2..).unwrap_or_default(),
            None => after,
        };
    }
    std::ffi::OsString::from_vec(bytes)
}

/// The next line of standard input; `None` at its end.
fn next_request() -> Result<Option<Request>, Problem> {
    let mut line = Vec::new();
    let stdin = std::io::stdin();
    let read = stdin
        .lock()
        .take(REQUEST_BYTES_MAX)
        .read_until(b'\n', &mut line);
    match read {
        Ok(0) => return Ok(None),
        Ok(_) => {}
        Err(error) => return Err(misunderstood(&error.to_string())),
    }
    let mut request =
        serde_json::from_slice(&line).map_err(|error| misunderstood(&error.to_string()))?;
    if let Request::Part { bytes, data } = &mut request {
        if *bytes > PART_BYTES_MAX {
            return Err(misunderstood("a part is too long"));
        }
        let read = stdin.lock().take(*bytes).read_to_end(data);
        let whole = read.is_ok_and(|len| len as u64 == *bytes);
        if !whole {
            return Err(misunderstood("a part breaks off"));
        }
    }
    Ok(Some(request))
}

pub(crate) fn misunderstood(why: &str) -> Problem {
    Problem::new(
        format!("the engine was asked in a way that it does not understand: {why}"),
        "build or install `unspool` and `unspool-query` of one version",
    )
}

fn gone(error: &std::io::Error) -> Problem {
    Problem {
        message: format!("cannot answer: {error}"),
        ..Problem::default()
    }
}
