//! What `~/.aws` and the variables of proxies say about a bucket, for what the variables `AWS_*` do not.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;

use crate::failure::Failure;

/// Longest file that is read.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Keys of a profile that say who one is; they come from one place, all of them.
const KEYS: [&str; 3] = [
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
];

/// Other keys of a profile, and the options that they are.
const PLACES: [(&str, &str); 2] = [("region", "aws_region"), ("endpoint_url", ENDPOINT)];

const ENDPOINT: &str = "aws_endpoint_url";
const PROXY: &str = "proxy_url";
const NO_PROXY: &str = "proxy_excludes";

/// Sections of a file, by name, with their keys.
type Sections = BTreeMap<String, BTreeMap<String, String>>;

/// Adds what the profile says that `AWS_PROFILE` names, or `default`. `variable` gives variables of the environment.
pub(super) fn add_profile(
    options: &mut BTreeMap<String, String>,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<()> {
    let file = |told: &str, name: &str| {
        let home = || Some(PathBuf::from(variable("HOME")?).join(".aws").join(name));
        variable(told).map(PathBuf::from).or_else(home)
    };
    let named = variable("AWS_PROFILE");
    let profile = named.as_deref().unwrap_or("default");
    let credentials = sections_of(file("AWS_SHARED_CREDENTIALS_FILE", "credentials"))?;
    let config = sections_of(file("AWS_CONFIG_FILE", "config"))?;
    let in_config = config
        .get(&format!("profile {profile}"))
        .or_else(|| config.get(profile));
    let in_credentials = credentials.get(profile);
    if named.is_some() && in_config.is_none() && in_credentials.is_none() {
        return Err(
            Failure::input(format!("there is no profile `{profile}` in `~/.aws`"))
                .hint("AWS_PROFILE names one of `~/.aws/config` or `~/.aws/credentials`")
                .into(),
        );
    }
    if !KEYS.iter().any(|key| options.contains_key(*key)) {
        let has_keys = |section: &&BTreeMap<String, String>| section.contains_key(KEYS[0]);
        let section = [in_credentials, in_config]
            .into_iter()
            .flatten()
            .find(has_keys);
        for key in KEYS {
            if let Some(value) = section.and_then(|section| section.get(key)) {
                options.insert(key.to_owned(), value.clone());
            }
        }
    }
    let says_region =
        options.contains_key("aws_region") || options.contains_key("aws_default_region");
    for (key, option) in PLACES {
        let is_said = options.contains_key(option) || (key == "region" && says_region);
        if let Some(value) = in_config
            .and_then(|section| section.get(key))
            .filter(|_| !is_said)
        {
            options.insert(option.to_owned(), value.clone());
        }
    }
    Ok(())
}

/// Adds the proxy that leads to the endpoint, by the variables that other programs go by. This machine is reached without.
pub(super) fn add_proxy(
    options: &mut BTreeMap<String, String>,
    variable: &dyn Fn(&str) -> Option<String>,
) {
    let endpoint = options.get(ENDPOINT).map_or("", String::as_str);
    let host = endpoint.split_once("://").map_or("", |(_, rest)| rest);
    if ["localhost", "127.", "[::1]"]
        .iter()
        .any(|here| host.starts_with(here))
    {
        return;
    }
    // `HTTP_PROXY` in capitals may come from a request's header, so that nobody goes by it.
    let names: &[&str] = if endpoint.starts_with("http://") {
        &["http_proxy", "all_proxy", "ALL_PROXY"]
    } else {
        &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
    };
    let said = |names: &[&str]| names.iter().find_map(|name| variable(name));
    if let Some(proxy) = said(names) {
        let url = if proxy.contains("://") {
            proxy
        } else {
            format!("http://{proxy}")
        };
        options.insert(PROXY.to_owned(), url);
        if let Some(without) = said(&["no_proxy", "NO_PROXY"]) {
            options.insert(NO_PROXY.to_owned(), without);
        }
    }
}

/// The sections of a file; none where it is not there.
fn sections_of(path: Option<PathBuf>) -> Result<Sections> {
    let Some(path) = path else {
        return Ok(Sections::new());
    };
    let failed = |why: String| Failure::input(format!("cannot read `{}`: {why}", path.display()));
    let len = match std::fs::metadata(&path) {
        Ok(found) => found.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Sections::new()),
        Err(error) => return Err(failed(error.to_string()).into()),
    };
    if len > FILE_BYTES_MAX {
        return Err(failed(format!("it has {len} bytes")).into());
    }
    let text = std::fs::read_to_string(&path).map_err(|error| failed(error.to_string()))?;
    Ok(sections(&text))
}

/// `[name]`, then `key = value`. Values of one line only: what is indented below a key is for other programs.
fn sections(text: &str) -> Sections {
    let mut sections = Sections::new();
    let mut at: Option<String> = None;
    for line in text.lines() {
        if line.starts_with([' ', '\t', '#', ';']) {
            continue;
        }
        if let Some(name) = line
            .trim_end()
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            // `[profile  name]` is `[profile name]`.
            let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
            sections.entry(name.clone()).or_default();
            at = Some(name);
            continue;
        }
        if let Some((key, value)) = line.split_once('=')
            && let Some(section) = at.as_ref().and_then(|name| sections.get_mut(name))
            && !value.trim().is_empty()
        {
            section.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    sections
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREDENTIALS: &str = "\
[default]
aws_access_key_id = key of default
aws_secret_access_key = secret=with=signs

# one more
[web]
aws_access_key_id=key of web
aws_secret_access_key=secret of web
aws_session_token=token
";
    const CONFIG: &str = "\
[default]
region = eu-central-1
[profile  web]
region = us-west-2
endpoint_url = https://s3.example.org
s3 =
    addressing_style = path
[profile role]
role_arn = arn:aws:iam::1:role/x
";

    /// What is added to some options, with these variables.
    fn added(options: &[(&str, &str)], variables: &[(&str, &str)]) -> Result<String> {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join(".aws")).expect("a folder in it");
        std::fs::write(folder.path().join(".aws/credentials"), CREDENTIALS).expect("a file");
        std::fs::write(folder.path().join(".aws/config"), CONFIG).expect("a file");
        let home = folder.path().display().to_string();
        let variable = |name: &str| {
            let told = variables.iter().find(|(told, _)| *told == name);
            told.map(|(_, value)| (*value).to_owned())
                .or_else(|| (name == "HOME").then(|| home.clone()))
        };
        let mut options: BTreeMap<String, String> = options
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        add_profile(&mut options, &variable)?;
        add_proxy(&mut options, &variable);
        let lines: Vec<String> = options
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        Ok(lines.join("; "))
    }

    #[test]
    fn a_profile_says_what_the_environment_does_not() {
        let check = |options: &[(&str, &str)], variables: &[(&str, &str)], expect: &str| {
            assert_eq!(added(options, variables).expect("it is fine"), expect);
        };
        check(
            &[],
            &[],
            "aws_access_key_id=key of default; aws_region=eu-central-1; aws_secret_access_key=secret=with=signs",
        );
        check(
            &[],
            &[("AWS_PROFILE", "web")],
            "aws_access_key_id=key of web; aws_endpoint_url=https://s3.example.org; aws_region=us-west-2; aws_secret_access_key=secret of web; aws_session_token=token",
        );
        // Keys of the environment are not mixed with those of a file.
        check(
            &[
                ("aws_access_key_id", "mine"),
                ("aws_default_region", "here"),
            ],
            &[("AWS_PROFILE", "web")],
            "aws_access_key_id=mine; aws_default_region=here; aws_endpoint_url=https://s3.example.org",
        );
        check(&[], &[("AWS_PROFILE", "role")], "");
        check(&[], &[("HOME", "/nonexistent")], "");
        let told = added(&[], &[("AWS_PROFILE", "nobody")]).expect_err("there is none");
        assert!(told.to_string().contains("no profile `nobody`"), "{told}");
    }

    #[test]
    fn a_proxy_is_for_what_is_far() {
        let check = |endpoint: &str, variables: &[(&str, &str)], expect: &str| {
            let mut options = BTreeMap::from([(ENDPOINT.to_owned(), endpoint.to_owned())]);
            let variable = |name: &str| {
                let told = variables.iter().find(|(told, _)| *told == name);
                told.map(|(_, value)| (*value).to_owned())
            };
            add_proxy(&mut options, &variable);
            let proxy = options.get(PROXY).map_or("", String::as_str);
            let without = options.get(NO_PROXY).map_or("", String::as_str);
            assert_eq!(format!("{proxy} {without}").trim(), expect, "{endpoint}");
        };
        let all = [
            ("HTTPS_PROXY", "http://p:3128"),
            ("no_proxy", "a,b"),
            ("http_proxy", "q:80"),
        ];
        check("https://s3.example.org", &all, "http://p:3128 a,b");
        check("http://s3.example.org", &all, "http://q:80 a,b");
        check("http://127.0.0.1:9000", &all, "");
        check(
            "https://s3.example.org",
            &[("HTTP_PROXY", "http://p:1")],
            "",
        );
        check("", &[("ALL_PROXY", "http://p:1")], "http://p:1");
    }
}
