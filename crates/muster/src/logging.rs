//! The program's own log, on standard error. `MUSTER_LOG` is a filter such as `debug` or `muster_agent=debug,info`; with
//! `json:` in front of it each line is a JSON object.

use std::io;

use tracing_subscriber::EnvFilter;

/// Starts the log. `usual` is the filter where the environment names none; words that are no filter are told and
/// replaced by it. Only the first call counts.
pub(crate) fn start(usual: &str) -> Option<String> {
    let asked = std::env::var("MUSTER_LOG").unwrap_or_default();
    let (json, words) = match asked.strip_prefix("json") {
        Some(rest) => (true, rest.trim_start_matches(':')),
        None => (false, asked.as_str()),
    };
    let words = if words.trim().is_empty() { usual } else { words };
    let (filter, complaint) = match EnvFilter::try_new(words) {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new(usual), Some(format!("MUSTER_LOG is no filter: {error}"))),
    };
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(false);
    // The journal stamps each line itself.
    let journal = std::env::var_os("JOURNAL_STREAM").is_some();
    let started = match (json, journal) {
        (true, _) => log.json().try_init(),
        (false, true) => log.without_time().try_init(),
        (false, false) => log.try_init(),
    };
    complaint.or_else(|| started.err().map(|error| error.to_string()))
}
