//! What one look has seen so far. Whoever looks writes as it goes, so that a look that is cut off still tells how far it
//! came; what is written is bounded, and no secret that it was told of stays in it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use muster_config::assertion::facts::{Facts, Unseen, Value};
use muster_config::assertion::json;
use muster_config::assertion::term::Argument;

/// Longest trace of one look, in bytes; what comes after it is counted only.
pub const TRACE_LIMIT: usize = 8 * 1024;
/// Longest line of a trace, in bytes.
const LINE_LIMIT: usize = 512;
/// The shortest secret that is looked for; a shorter one would blot out words by accident.
const SHORTEST_SECRET: usize = 4;

/// What was seen so far.
#[derive(Debug, Default)]
pub struct Notebook(Mutex<Seen>);

/// Everything that one look saw.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// How long each phase took, in order: `dns`, `connect`, `tls`, `first byte`, `body`.
    pub phases: Vec<(Cow<'static, str>, Duration)>,
    /// What happened, line by line, without secrets.
    pub trace: Vec<String>,
    /// What is not quite well, in the words of whoever looked: shown, and nobody is told.
    pub warnings: Vec<String>,
    /// The value of each word without an argument.
    values: BTreeMap<&'static str, Result<Value, Unseen>>,
    headers: Vec<(String, String)>,
    body: Option<Body>,
    secrets: Vec<String>,
    written: usize,
    dropped: usize,
}

/// A body as far as it was kept.
#[derive(Debug, Clone)]
struct Body {
    bytes: Vec<u8>,
    /// It went on beyond this many bytes.
    cut: Option<usize>,
}

impl Notebook {
    fn open(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A phase is over. A phase that comes again (after a redirect, in the next step) adds to its time.
    pub fn phase(&self, name: impl Into<Cow<'static, str>>, took: Duration) {
        let (name, mut seen) = (name.into(), self.open());
        match seen.phases.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => *sum += took,
            None => seen.phases.push((name, took)),
        }
    }

    /// The value of a word; a later one replaces it.
    pub fn fact(&self, term: &'static str, value: Value) {
        self.open().values.insert(term, Ok(value));
    }

    /// A word has no value, and why.
    pub fn lacks(&self, term: &'static str, why: Unseen) {
        self.open().values.insert(term, Err(why));
    }

    /// The headers of an answer, for `header('…')`; names are compared without regard to case.
    pub fn headers(&self, headers: Vec<(String, String)>) {
        self.open().headers = headers;
    }

    /// What came back, for `body` and `json('…')`. `cut` is the number of bytes at which it was cut off, if it was.
    pub fn body(&self, bytes: Vec<u8>, cut: Option<usize>) {
        let mut seen = self.open();
        seen.body = Some(Body { bytes, cut });
    }

    /// It is not quite well: for screens, and told to nobody. In one sentence; no secret in it.
    pub fn warn(&self, why: impl Into<String>) {
        self.open().warnings.push(why.into());
    }

    /// One line of the trace.
    pub fn say(&self, line: impl AsRef<str>) {
        let mut seen = self.open();
        let line = seen.clean(line.as_ref());
        if seen.written + line.len() > TRACE_LIMIT {
            seen.dropped += 1;
            return;
        }
        seen.written += line.len() + 1;
        seen.trace.push(line);
    }

    /// From now on this text is written as `***`, and what was noted before is cleaned of it.
    pub fn hide(&self, secret: &str) {
        if secret.len() < SHORTEST_SECRET {
            return;
        }
        let mut seen = self.open();
        seen.secrets.push(secret.to_owned());
        for at in 0..seen.trace.len() {
            let cleaned = seen.clean(&seen.trace[at]);
            seen.trace[at] = cleaned;
        }
    }

    /// Any text without the secrets that this notebook knows.
    pub fn without_secrets(&self, text: &str) -> String {
        self.open().blot(text)
    }

    /// Closes the book: all that was seen.
    pub fn take(&self) -> Seen {
        let mut seen = std::mem::take(&mut *self.open());
        if seen.dropped > 0 {
            let line = format!("… and {} lines more", seen.dropped);
            seen.trace.push(line);
        }
        seen
    }
}

impl Seen {
    /// The words that have a value, and their values.
    pub fn values(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.values.iter().filter_map(|(term, value)| Some((*term, value.as_ref().ok()?)))
    }

    /// The texts that are kept out of everything.
    pub fn secrets(&self) -> &[String] {
        &self.secrets
    }

    /// Without the secrets, on one line and not too long.
    fn clean(&self, line: &str) -> String {
        let mut line = self.blot(line).replace(['\r', '\n'], " ");
        if line.len() > LINE_LIMIT {
            let mut end = LINE_LIMIT;
            while !line.is_char_boundary(end) {
                end -= 1;
            }
            line.truncate(end);
            line.push('…');
        }
        line
    }

    /// Any text without the secrets.
    pub fn blot(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }

    fn whole_body(&self) -> Result<&Body, Unseen> {
        let body = self.body.as_ref().ok_or_else(|| Unseen::Hidden("no body was read".into()))?;
        match body.cut {
            Some(limit) => Err(Unseen::Hidden(format!("the body was cut off at {limit} bytes"))),
            None => Ok(body),
        }
    }
}

impl Facts for Seen {
    fn value(&self, term: &str, argument: Option<&Argument>) -> Result<Value, Unseen> {
        match (term, argument) {
            ("json", Some(Argument::JsonPath(path))) => json::find(path, &self.whole_body()?.bytes),
            ("header", Some(Argument::Text(name))) => self
                .headers
                .iter()
                .find(|(known, _)| known.eq_ignore_ascii_case(name))
                .map(|(_, value)| Value::Text(value.clone()))
                .ok_or_else(|| Unseen::Absent(String::new())),
            ("body", None) => {
                let body = self.whole_body()?;
                Ok(Value::Text(String::from_utf8_lossy(&body.bytes).into_owned()))
            }
            _ => match self.values.get(term) {
                Some(found) => found.clone(),
                None => Err(Unseen::Hidden(format!("{term} was not seen"))),
            },
        }
    }
}
