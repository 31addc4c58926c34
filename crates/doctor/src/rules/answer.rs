//! What a rule answers: nothing found, findings, unknown, or that it does not apply.

use serde::{Deserialize, Serialize};

use crate::facts::Fact;
use crate::mend::Mend;

/// The answer of one rule. What was found and what could not be seen stand side by side: half a look is no clean bill.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// What could not be seen, and why.
    pub unknown: Vec<String>,
    /// Why there is nothing to judge here.
    pub nothing: Option<String>,
}

impl Answer {
    /// Nobody could see.
    pub fn unknown(why: impl Into<String>) -> Self {
        Self { unknown: vec![why.into()], ..Self::default() }
    }

    /// There is nothing to judge here.
    pub fn nothing(why: impl Into<String>) -> Self {
        Self { nothing: Some(why.into()), ..Self::default() }
    }

    /// Judges what is known; what is not known, or not there, is the answer.
    pub fn of<T>(fact: &Fact<T>, judge: impl FnOnce(&T, &mut Self)) -> Self {
        match fact {
            Fact::Known(known) => {
                let mut answer = Self::default();
                judge(known, &mut answer);
                answer
            }
            Fact::Unknown { why } => Self::unknown(why.clone()),
            Fact::Nothing { why } => Self::nothing(why.clone()),
        }
    }

    /// Adds a finding.
    pub fn find(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Adds that something could not be seen; once for each reason.
    pub fn blind(&mut self, why: impl Into<String>) {
        let why = why.into();
        if !self.unknown.contains(&why) {
            self.unknown.push(why);
        }
    }
}

/// One trap, found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is about, so that it is the same one when lines move: a job's command, a unit, a port.
    pub subject: String,
    /// Where it was seen.
    pub place: Place,
    /// What was seen, in a sentence.
    pub observed: String,
    /// What will come of it, where that can be computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forecast: Option<String>,
    /// How it is mended without asking, where it can be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mend: Option<Mend>,
}

/// Where something was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// A path on the host, or what was asked: `systemctl show api.service`.
    pub source: String,
    /// Line number, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// What stands there, secrets blotted.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
}

impl Place {
    /// A file, or what was asked.
    pub fn of(source: impl Into<String>) -> Self {
        Self { source: source.into(), line: None, text: String::new() }
    }

    /// A line of a file.
    pub fn line(source: impl Into<String>, line: u32, text: impl Into<String>) -> Self {
        Self { source: source.into(), line: Some(line), text: text.into() }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.source),
            None => f.write_str(&self.source),
        }
    }
}

impl Finding {
    /// A finding without forecast and without a mend.
    pub fn new(subject: impl Into<String>, place: Place, observed: impl Into<String>) -> Self {
        Self { subject: subject.into(), place, observed: observed.into(), forecast: None, mend: None }
    }

    /// With what will come of it.
    #[must_use]
    pub fn forecast(mut self, forecast: impl Into<String>) -> Self {
        self.forecast = Some(forecast.into());
        self
    }

    /// With how it is mended.
    #[must_use]
    pub fn mended(mut self, mend: impl Into<Option<Mend>>) -> Self {
        self.mend = mend.into();
        self
    }
}
