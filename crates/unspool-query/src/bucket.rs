//! Buckets of object stores that speak S3: how one is opened, and what its errors mean.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use datafusion::common::DataFusionError;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::{ObjectStore, RetryConfig};

use crate::protocol::{BucketSpec, Problem};

/// How often a request that failed on its way is tried again.
const RETRIES: usize = 3;

/// Time after which it is given up.
const RETRY_TIME: Duration = Duration::from_secs(20);

/// Port of endpoints that name none.
const HTTPS_PORT: u16 = 443;
/// The same without TLS.
const HTTP_PORT: u16 = 80;

/// Ways to get keys; one of them has to be there, else the address of a cloud's metadata would be waited for everywhere.
const KEYS: [&str; 4] = [
    "aws_access_key_id",
    "aws_container_credentials_relative_uri",
    "aws_container_credentials_full_uri",
    "aws_metadata_endpoint",
];

/// A bucket that was opened. Nothing has been asked of it yet.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    store: Arc<AmazonS3>,
    name: String,
    endpoint: String,
}

impl Bucket {
    /// Opens the bucket.
    pub(crate) fn open(spec: &BucketSpec) -> Result<Self, Problem> {
        let option = |name: &str| spec.options.get(name).map(String::as_str);
        let is_on = |name: &str| option(name).is_some_and(|value| matches!(value, "true" | "1"));
        if !is_on("aws_skip_signature") && !KEYS.iter().any(|key| option(key).is_some()) {
            return Err(Problem::new(
                format!("there are no keys for `s3://{}`", spec.name),
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (`eval \"$(aws configure export-credentials --format env)\"`), or AWS_PROFILE, or AWS_SKIP_SIGNATURE=true for what everyone may read",
            ));
        }
        let (_, host) = endpoint(spec)?;
        let plain = option(ENDPOINT).is_some_and(|url| url.starts_with("http://"));
        if plain && !is_loopback(&host) && !is_on("aws_allow_http") {
            return Err(Problem::new(
                format!(
                    "`{}` is not encrypted",
                    option(ENDPOINT).unwrap_or_default()
                ),
                "use `https://`, or AWS_ALLOW_HTTP=true where nobody else listens",
            ));
        }
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&spec.name)
            .with_retry(RetryConfig {
                max_retries: RETRIES,
                retry_timeout: RETRY_TIME,
                ..RetryConfig::default()
            });
        for (name, value) in &spec.options {
            // Variables of other programs are no options.
            if let Ok(key) = name.parse::<AmazonS3ConfigKey>() {
                builder = builder.with_config(key, value);
            }
        }
        let store = builder
            .with_allow_http(plain)
            .build()
            .map_err(|error| Problem::new(plain_text(&error), "see AWS_* in docs/lake.md"))?;
        Ok(Self {
            store: Arc::new(store),
            name: spec.name.clone(),
            endpoint: option(ENDPOINT).unwrap_or("Amazon S3").to_owned(),
        })
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The store.
    pub(crate) fn store(&self) -> Arc<dyn ObjectStore> {
        self.store.clone()
    }

    /// Tells what went wrong.
    pub(crate) fn problem(&self, error: &object_store::Error) -> Problem {
        let Self { name, endpoint, .. } = self;
        let text = plain_text(error);
        let code =
            between(&text, "<Code>", "</Code>").map_or(String::new(), |code| format!(" ({code})"));
        match error {
            _ if text.contains("NoSuchBucket") => Problem::new(
                format!("there is no bucket `{name}` at {endpoint}"),
                "make it first, or look at AWS_ENDPOINT_URL and AWS_REGION",
            ),
            object_store::Error::NotFound { path, .. } => Problem {
                message: format!("there is no object `{path}` in `s3://{name}`"),
                ..Problem::default()
            },
            _ if is_refused(error, &text) => Problem::new(
                format!("`s3://{name}` at {endpoint} refuses these keys{code}"),
                "look at AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, and at what they may do with the bucket",
            ),
            _ if is_unreachable(&text) => Problem::new(
                format!("cannot reach {endpoint}: {}", last(error)),
                "look at AWS_ENDPOINT_URL (`--endpoint`), and whether a server is there",
            ),
            _ => Problem {
                message: format!("`s3://{name}` at {endpoint}: {text}"),
                ..Problem::default()
            },
        }
    }
}

/// The error of a bucket that is below an error of a query.
pub(crate) fn below(error: &DataFusionError) -> Option<&object_store::Error> {
    let mut at: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = at {
        if let Some(found) = error.downcast_ref::<object_store::Error>() {
            return Some(found);
        }
        if let Some(boxed) = error.downcast_ref::<Box<object_store::Error>>() {
            return Some(boxed);
        }
        at = error.source();
    }
    None
}

const ENDPOINT: &str = "aws_endpoint_url";

/// Option of a proxy on the way to it.
const PROXY: &str = "proxy_url";

/// Ports that the bucket is reached by.
pub(crate) fn ports(spec: &BucketSpec) -> Result<Vec<u16>, Problem> {
    let mut ports = vec![endpoint(spec)?.0];
    if let Some(proxy) = spec.options.get(PROXY) {
        ports.push(port_and_host(proxy)?.0);
    }
    if spec
        .options
        .keys()
        .any(|name| KEYS.iter().skip(1).any(|key| key == name))
    {
        // Where keys are given out.
        ports.push(HTTP_PORT);
    }
    Ok(ports)
}

/// Port and host of the endpoint.
fn endpoint(spec: &BucketSpec) -> Result<(u16, String), Problem> {
    match spec.options.get(ENDPOINT) {
        Some(url) => port_and_host(url),
        None => Ok((HTTPS_PORT, String::new())),
    }
}

/// The same of a URL.
fn port_and_host(url: &str) -> Result<(u16, String), Problem> {
    let (port, rest) = if let Some(rest) = url.strip_prefix("https://") {
        (HTTPS_PORT, rest)
    } else if let Some(rest) = url.strip_prefix("http://") {
        (HTTP_PORT, rest)
    } else {
        return Err(bad_endpoint(url));
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (host, told) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    if host.is_empty() {
        return Err(bad_endpoint(url));
    }
    let port = match told {
        Some(told) => told.parse().map_err(|_| bad_endpoint(url))?,
        None => port,
    };
    Ok((port, host.to_owned()))
}

fn bad_endpoint(url: &str) -> Problem {
    Problem::new(
        format!("`{url}` is no endpoint"),
        "for example `https://s3.example.org`, `http://127.0.0.1:9000`",
    )
}

/// Whether a host is this machine by its name alone.
fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// An error with all that is below it, in one line.
fn plain_text(error: &object_store::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(below) = source {
        let more = below.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = below.source();
    }
    text.replace(['\n', '\r'], " ")
}

/// The last reason.
fn last(error: &object_store::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(below) = source {
        text = below.to_string();
        source = below.source();
    }
    text
}

/// Listings are refused with an error of no kind.
fn is_refused(error: &object_store::Error, text: &str) -> bool {
    use object_store::Error::{PermissionDenied, Unauthenticated};
    matches!(error, PermissionDenied { .. } | Unauthenticated { .. })
        || ["403 Forbidden", "401 Unauthorized"]
            .iter()
            .any(|sign| text.contains(sign))
}

fn is_unreachable(text: &str) -> bool {
    let signs = [
        "error sending request",
        "Connection refused",
        "dns error",
        "timed out",
    ];
    signs.iter().any(|sign| text.contains(sign))
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(inside, _)| inside)
}

#[cfg(test)]
mod tests {
    use super::{Bucket, ports};
    use crate::protocol::BucketSpec;

    fn spec(options: &[(&str, &str)]) -> BucketSpec {
        let options = options
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        BucketSpec {
            name: "lake".to_owned(),
            options: options.collect(),
        }
    }

    #[test]
    fn the_port_is_that_of_the_endpoint() {
        assert_eq!(ports(&spec(&[])).unwrap(), [443]);
        for (url, port) in [
            ("http://127.0.0.1:9000", 9000),
            ("https://s3.example.org/", 443),
            ("http://[::1]", 80),
            ("http://[::1]:81/x", 81),
        ] {
            assert_eq!(
                ports(&spec(&[("aws_endpoint_url", url)])).unwrap(),
                [port],
                "{url}"
            );
        }
        let proxied = [("proxy_url", "http://proxy:3128")];
        assert_eq!(ports(&spec(&proxied)).unwrap(), [443, 3128]);
        for url in ["example.org", "https://", "http://host:port", "ftp://host"] {
            assert!(ports(&spec(&[("aws_endpoint_url", url)])).is_err(), "{url}");
        }
    }

    #[test]
    fn keys_do_not_go_over_the_wire_in_the_clear() {
        let key = ("aws_access_key_id", "key");
        let secret = ("aws_secret_access_key", "secret");
        let open = |more: &[(&str, &str)]| {
            let mut options = vec![key, secret];
            options.extend_from_slice(more);
            Bucket::open(&spec(&options))
        };
        open(&[("aws_endpoint_url", "http://127.0.0.1:1")]).unwrap();
        open(&[("aws_endpoint_url", "https://example.org")]).unwrap();
        let plain = ("aws_endpoint_url", "http://example.org");
        let refused = open(&[plain]).unwrap_err();
        assert!(refused.message.contains("is not encrypted"), "{refused:?}");
        open(&[plain, ("aws_allow_http", "true")]).unwrap();
        let refused = Bucket::open(&spec(&[])).unwrap_err();
        assert!(refused.message.contains("no keys"), "{refused:?}");
        assert!(!format!("{:?}", spec(&[secret])).contains("secret"));
    }
}
