//! Whether a release is well: one question to its port, and what is expected of the answer.

use std::time::{Duration, Instant};

use muster_config::assertion::facts::{Facts, Unseen, Value};
use muster_config::assertion::term::Argument;
use muster_config::assertion::{Assertion, Judgement, json};
use muster_config::plan::HealthSpec;
use muster_config::tables::service::health::TERMS;
use muster_net::dial::Dialer;
use muster_net::http::{Request, Response, send};

/// Asks a release whether it is well.
#[derive(Debug)]
pub struct Health {
    path: String,
    expect: Vec<Assertion>,
    timeout: Duration,
    runtime: tokio::runtime::Runtime,
}

impl Health {
    /// Reads what is expected.
    ///
    /// # Errors
    /// An assertion that does not read, which the configuration refused before; or no runtime.
    pub fn new(spec: &HealthSpec) -> Result<Self, String> {
        let compile = |text: &String| {
            Assertion::compile(text, TERMS).map_err(|mistake| format!("`{text}`: {}", mistake.what))
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Ok(Self {
            path: spec.path.clone(),
            expect: spec.expect.iter().map(compile).collect::<Result<_, _>>()?,
            timeout: spec.timeout.to_std(),
            runtime: runtime.map_err(|error| error.to_string())?,
        })
    }

    /// Asks once at a port of loopback.
    ///
    /// # Errors
    /// In words: nobody answered, or what was not met.
    pub fn ask(&self, port: u16) -> Result<(), String> {
        self.ask_at(&format!("http://127.0.0.1:{port}{}", self.path))
    }

    /// Asks once at an address, on a connection of its own.
    ///
    /// # Errors
    /// In words: nobody answered, or what was not met.
    pub fn ask_at(&self, url: &str) -> Result<(), String> {
        let begin = Instant::now();
        let request = Request { deadline: self.timeout, ..Request::get(url) };
        let answer = self.runtime.block_on(async { send(&Dialer::new(), request).await });
        let answer = answer.map_err(|error| error.to_string())?;
        let seen = Seen { answer, total: begin.elapsed() };
        for assertion in &self.expect {
            if let Judgement::Unmet(words) = assertion.judge(&seen) {
                return Err(words.join(", "));
            }
        }
        Ok(())
    }
}

struct Seen {
    answer: Response,
    total: Duration,
}

impl Seen {
    fn body(&self) -> Result<&[u8], Unseen> {
        match self.answer.truncated {
            true => Err(Unseen::Hidden("the body was cut off".to_owned())),
            false => Ok(&self.answer.body),
        }
    }
}

impl Facts for Seen {
    fn value(&self, term: &str, argument: Option<&Argument>) -> Result<Value, Unseen> {
        match (term, argument) {
            ("status", _) => Ok(Value::Number(f64::from(self.answer.status))),
            ("json", Some(Argument::JsonPath(path))) => json::find(path, self.body()?),
            ("body", _) => Ok(Value::Text(String::from_utf8_lossy(self.body()?).into_owned())),
            ("header", Some(Argument::Text(name))) => {
                let found = self.answer.header(&name.to_ascii_lowercase());
                found.map(|value| Value::Text(value.to_owned())).ok_or_else(|| Unseen::Absent(String::new()))
            }
            ("time.total", _) => Ok(Value::Time(i64::try_from(self.total.as_millis()).unwrap_or(i64::MAX))),
            _ => Err(Unseen::Hidden(format!("{term} was not seen"))),
        }
    }
}
