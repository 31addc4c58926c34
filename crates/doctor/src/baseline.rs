//! What is new since the last time: an earlier report, as [`crate::render::json`] wrote it, is the measure.

use std::collections::BTreeMap;

use muster_core::time::Span;

use crate::kept::Kept;
use crate::report::{Judged, Report};
use crate::rules::Severity;

/// So long findings of rules that an upgrade brought are told and do not count.
const NOTICE: Span = Span::days(14);

/// An earlier report.
#[derive(Debug, Clone)]
pub struct Baseline(Kept);

/// What became of a finding since then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It was not there.
    New,
    /// Its rule was not there; it counts two weeks after the baseline.
    NewRule,
    /// It counts more than it did.
    Worse,
}

/// What changed since an earlier report.
#[derive(Debug, Clone)]
pub struct Changes<'r> {
    /// Findings that were not there, or less bad.
    pub now: Vec<(Change, &'r Judged)>,
    /// Those that are gone: rule and subject. What nobody could see this time is not among them.
    pub gone: Vec<(String, String)>,
    /// As many are as they were.
    pub same: usize,
}

impl Changes<'_> {
    /// How many count for a pipeline.
    pub fn counting(&self, least: Severity) -> usize {
        let counts = |(change, judged): &&(Change, &Judged)| {
            *change != Change::NewRule && judged.rule.severity >= least
        };
        self.now.iter().filter(counts).count()
    }
}

impl Baseline {
    /// Reads a report.
    ///
    /// # Errors
    /// In words: it is none.
    pub fn read(text: &str) -> Result<Self, String> {
        Kept::read(text.as_bytes()).map(Self)
    }

    /// What changed since.
    pub fn compare<'r>(&self, report: &'r Report) -> Changes<'r> {
        let mut known: BTreeMap<(&str, &str), Vec<Severity>> = BTreeMap::new();
        for one in &self.0.findings {
            known.entry((&one.id, &one.subject)).or_default().push(one.severity);
        }
        let mut changes = Changes { now: Vec::new(), gone: Vec::new(), same: 0 };
        for judged in &report.findings {
            let key = (judged.rule.id, judged.finding.subject.as_str());
            match known.get_mut(&key).and_then(Vec::pop) {
                Some(severity) if severity >= judged.rule.severity => changes.same += 1,
                Some(_) => changes.now.push((Change::Worse, judged)),
                None if !self.0.rules.contains(judged.rule.id) && report.at < self.0.at + NOTICE => {
                    changes.now.push((Change::NewRule, judged));
                }
                None => changes.now.push((Change::New, judged)),
            }
        }
        let asked = |id: &str| report.rules().any(|rule| rule == id);
        let blind = |id: &str| report.unknown.iter().any(|unseen| unseen.rules.contains(&id));
        for ((id, subject), left) in known {
            let is_gone = asked(id) && !blind(id);
            let count = if is_gone { left.len() } else { 0 };
            changes.gone.extend(std::iter::repeat_n((id.to_owned(), subject.to_owned()), count));
        }
        changes
    }
}
