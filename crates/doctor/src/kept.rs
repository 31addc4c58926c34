//! A report as it was kept: what [`crate::render::json`] printed, read again.

use std::collections::BTreeSet;

use muster_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::allow::Allowance;
use crate::facts::Vantage;
use crate::rules::{Fix, Outlook, Severity};

/// A report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The version of its format.
    pub version: u32,
    /// The host's name.
    pub host: String,
    /// When its facts were taken.
    pub at: Timestamp,
    /// From where.
    pub vantage: Vantage,
    /// The ids of all rules that were asked.
    pub rules: BTreeSet<String>,
    /// What is wrong, the worst first.
    pub findings: Vec<Found>,
    /// What nobody could see.
    pub unknown: Vec<Unseen>,
    /// What is wrong and was allowed by somebody.
    pub allowed: Vec<Allowed>,
}

/// A finding, with what its rule says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The id of the rule.
    pub id: String,
    /// How bad it is.
    pub severity: Severity,
    /// Whether it has happened.
    pub outlook: Outlook,
    /// What is wrong, in a few words.
    pub title: String,
    /// What it is about.
    pub subject: String,
    /// A path on the host, or what was asked.
    pub source: String,
    /// Line number, from 1.
    pub line: Option<u32>,
    /// What stands there, secrets blotted.
    pub text: String,
    /// What was seen.
    pub observed: String,
    /// What will come of it.
    pub forecast: Option<String>,
    /// Why nothing complains.
    pub silent: String,
    /// What to do.
    pub cure: String,
    /// Who does it.
    pub fix: Fix,
}

/// What nobody could see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unseen {
    /// Why not.
    pub why: String,
    /// The rules that cannot judge for it.
    pub rules: Vec<String>,
}

/// A finding that was allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowed {
    /// What was found.
    pub finding: Found,
    /// Who said so, why, and for how long.
    pub by: Allowance,
}

impl Kept {
    /// Reads a report.
    ///
    /// # Errors
    /// In words: it is none.
    pub fn read(text: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(text).map_err(|error| format!("no report of the doctor: {error}"))
    }

    /// The rules that could not judge all that they are about.
    pub fn blind(&self) -> BTreeSet<&str> {
        self.unknown.iter().flat_map(|unseen| &unseen.rules).map(String::as_str).collect()
    }
}

impl Found {
    /// Where it was seen: a file with its line, or what was asked.
    pub fn place(&self) -> String {
        match self.line {
            Some(line) => format!("{}:{line}", self.source),
            None => self.source.clone(),
        }
    }
}
