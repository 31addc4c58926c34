//! What the rules said of one host: findings in the order in which a person should read them, what nobody could see, what
//! was allowed. The same facts give the same report, byte for byte: it has no clock of its own.

use muster_core::time::Timestamp;

use crate::allow::{self, Allowance};
use crate::facts::{Facts, Vantage};
use crate::rules::{Finding, RULES, Rule, Severity};

/// What was found on one host.
#[derive(Debug, Clone)]
pub struct Report {
    /// The host's name.
    pub host: String,
    /// When its facts were taken.
    pub at: Timestamp,
    /// From where.
    pub vantage: Vantage,
    asked: Vec<&'static str>,
    /// What is wrong, the worst first.
    pub findings: Vec<Judged>,
    /// What nobody could see.
    pub unknown: Vec<Unseen>,
    /// What is wrong and was allowed by somebody.
    pub allowed: Vec<Allowed>,
    /// Rules that found nothing, and saw all that they need.
    pub fine: Vec<&'static Rule>,
    /// Rules for something that this host does not have, and what that is.
    pub inapplicable: Vec<(&'static Rule, String)>,
}

/// A finding and its rule.
#[derive(Debug, Clone)]
pub struct Judged {
    /// What was broken.
    pub rule: &'static Rule,
    /// What was found.
    pub finding: Finding,
}

/// Something that nobody could see, and the rules that cannot judge for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unseen {
    /// Why not.
    pub why: String,
    /// The ids of the rules.
    pub rules: Vec<&'static str>,
}

/// A finding that somebody said is meant to be so.
#[derive(Debug, Clone)]
pub struct Allowed {
    /// What was found.
    pub judged: Judged,
    /// Who said so, why, and for how long.
    pub by: Allowance,
}

/// Which rules are asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    /// Ids and groups; empty: all.
    pub words: Vec<String>,
}

impl Scope {
    /// Reads `LOG,DISK,CRON004`.
    ///
    /// # Errors
    /// The word that is neither an id nor a group.
    pub fn read(text: &str) -> Result<Self, String> {
        let words: Vec<String> = text
            .split(',')
            .map(|word| word.trim().to_ascii_uppercase())
            .filter(|word| !word.is_empty())
            .collect();
        let known = |word: &String| RULES.iter().any(|rule| rule.id == word || rule.group() == word);
        match words.iter().find(|word| !known(word)) {
            Some(word) => Err(word.clone()),
            None => Ok(Self { words }),
        }
    }

    /// This rule is asked.
    pub fn has(&self, rule: &Rule) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| word == rule.id || word == rule.group())
    }
}

/// Asks every rule of the scope.
pub fn judge(facts: &Facts, scope: &Scope) -> Report {
    let mut report = Report {
        host: facts.host.clone(),
        at: facts.at,
        vantage: facts.vantage.clone(),
        asked: RULES.iter().filter(|rule| scope.has(rule)).map(|rule| rule.id).collect(),
        findings: Vec::new(),
        unknown: Vec::new(),
        allowed: Vec::new(),
        fine: Vec::new(),
        inapplicable: Vec::new(),
    };
    let allowances = allow::read(facts);
    for &rule in RULES.iter().filter(|rule| scope.has(rule)) {
        let answer = (rule.judge)(facts);
        match (&answer.nothing, answer.findings.is_empty() && answer.unknown.is_empty()) {
            (Some(why), true) => report.inapplicable.push((rule, why.clone())),
            (None, true) => report.fine.push(rule),
            (_, false) => {}
        }
        for why in answer.unknown {
            match report.unknown.iter_mut().find(|unseen| unseen.why == why) {
                Some(unseen) => unseen.rules.push(rule.id),
                None => report.unknown.push(Unseen { why, rules: vec![rule.id] }),
            }
        }
        for finding in answer.findings {
            let by = allowances.iter().find(|allowance| allowance.covers(rule, &finding, facts.at));
            let judged = Judged { rule, finding };
            match by {
                Some(by) => report.allowed.push(Allowed { judged, by: by.clone() }),
                None => report.findings.push(judged),
            }
        }
    }
    report.findings.sort_by(|one, other| one.rank().cmp(&other.rank()));
    report
}

impl Judged {
    /// The worst first: what fails now, then by severity, by rule, by place.
    fn rank(&self) -> impl Ord + '_ {
        let place = &self.finding.place;
        let severity = std::cmp::Reverse(self.rule.severity);
        (self.rule.outlook, severity, self.rule.id, &place.source, place.line, &self.finding.subject)
    }
}

impl Report {
    /// The ids of all rules that were asked, in their order.
    pub fn rules(&self) -> impl Iterator<Item = &'static str> {
        self.asked.iter().copied()
    }

    /// The findings that count for a pipeline.
    pub fn at_least(&self, severity: Severity) -> impl Iterator<Item = &Judged> {
        self.findings.iter().filter(move |judged| judged.rule.severity >= severity)
    }
}
