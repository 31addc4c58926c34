//! What an agent keeps of its examinations: the last report, and which findings came since it began to look.
//!
//! What a rule finds when it is asked for the first time was there before anybody looked: it is shown and not paged. What
//! comes later is *news*, until it goes, or somebody allows it. What nobody could see this time is neither gone nor new.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::kept::{Found, Kept};
use crate::rules::Severity;

/// The least severity of which people are told; the rest is on the page.
pub const LEAST: Severity = Severity::High;

/// What is kept between two examinations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chart {
    /// The last report.
    pub last: Kept,
    /// How things that findings hang on looked just before it; whoever examines knows which.
    pub marks: String,
    /// Every rule that was ever asked.
    asked: BTreeSet<String>,
    /// What a rule found when it was asked for the first time, and still finds.
    known: BTreeSet<Key>,
    /// What came later.
    news: BTreeSet<Key>,
}

/// Rule and subject.
type Key = (String, String);

fn key(found: &Found) -> Key {
    (found.id.clone(), found.subject.clone())
}

impl Chart {
    /// The first examination.
    pub fn new(report: Kept, marks: String) -> Self {
        let known = report.findings.iter().map(key).collect();
        Self { asked: report.rules.clone(), known, news: BTreeSet::new(), last: report, marks }
    }

    /// One more.
    pub fn enter(&mut self, report: Kept, marks: String) {
        let found: BTreeSet<Key> = report.findings.iter().map(key).collect();
        let blind = report.blind();
        let stays = |key: &Key| {
            found.contains(key) || blind.contains(key.0.as_str()) || !report.rules.contains(&key.0)
        };
        self.known.retain(stays);
        self.news.retain(stays);
        for key in found {
            if self.known.contains(&key) || self.news.contains(&key) {
                continue;
            }
            let side = if self.asked.contains(&key.0) { &mut self.news } else { &mut self.known };
            side.insert(key);
        }
        self.asked.extend(report.rules.iter().cloned());
        self.marks = marks;
        self.last = report;
    }

    /// This finding came after the rule was asked for the first time.
    pub fn is_news(&self, found: &Found) -> bool {
        self.news.contains(&key(found))
    }

    /// What people are told of, the worst first. What nobody could see this time is not among it, and has not ended either.
    pub fn tellable(&self) -> impl Iterator<Item = &Found> {
        self.last.findings.iter().filter(|found| found.severity >= LEAST && self.is_news(found))
    }

    /// What was told and nobody could see this time: rule and subject.
    pub fn hidden(&self) -> impl Iterator<Item = (&str, &str)> {
        let is_there =
            |key: &Key| self.last.findings.iter().any(|found| found.id == key.0 && found.subject == key.1);
        self.news
            .iter()
            .filter(move |key| !is_there(key))
            .map(|(id, subject)| (id.as_str(), subject.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use muster_core::time::Timestamp;

    use super::*;
    use crate::kept::Unseen;
    use crate::rules::{Fix, Outlook};

    fn found(id: &str, subject: &str, severity: Severity) -> Found {
        let text = |text: &str| text.to_owned();
        Found {
            id: text(id),
            severity,
            outlook: Outlook::Failing,
            title: text("a trap"),
            subject: text(subject),
            source: text("/etc/crontab"),
            line: Some(3),
            text: String::new(),
            observed: text("it is there"),
            forecast: None,
            silent: text("Nobody says so."),
            cure: text("Mend it."),
            fix: Fix::Told,
        }
    }

    fn report(rules: &[&str], findings: &[(&str, &str)], blind: &[&str]) -> Kept {
        let unseen = |id: &&str| Unseen { why: "denied".to_owned(), rules: vec![(*id).to_owned()] };
        Kept {
            version: 1,
            host: "web1".to_owned(),
            at: Timestamp::from_seconds(1_795_262_400),
            vantage: crate::facts::Vantage { root: "/".to_owned(), live: true, uid: 0 },
            rules: rules.iter().map(|id| (*id).to_owned()).collect(),
            findings: findings.iter().map(|(id, subject)| found(id, subject, Severity::High)).collect(),
            unknown: blind.iter().map(unseen).collect(),
            allowed: Vec::new(),
        }
    }

    fn told(chart: &Chart) -> Vec<(&str, &str)> {
        chart.tellable().map(|found| (found.id.as_str(), found.subject.as_str())).collect()
    }

    const BOTH: &[&str] = &["CRON004", "LOG001"];

    #[test]
    fn what_was_there_before_is_shown_and_what_comes_later_is_told_until_it_goes() {
        let mut chart = Chart::new(report(BOTH, &[("CRON004", "shop")], &[]), String::new());
        assert_eq!((told(&chart), chart.last.findings.len()), (vec![], 1));
        chart.enter(report(BOTH, &[("CRON004", "shop"), ("LOG001", "api.log")], &[]), String::new());
        assert_eq!(told(&chart), [("LOG001", "api.log")]);
        chart.enter(report(BOTH, &[("CRON004", "shop")], &[]), String::new());
        assert!(told(&chart).is_empty());
        assert_eq!(chart.hidden().count(), 0, "it has ended");
    }

    #[test]
    fn what_was_known_and_comes_back_is_told() {
        let mut chart = Chart::new(report(BOTH, &[("CRON004", "shop")], &[]), String::new());
        chart.enter(report(BOTH, &[], &[]), String::new());
        chart.enter(report(BOTH, &[("CRON004", "shop")], &[]), String::new());
        assert_eq!(told(&chart), [("CRON004", "shop")]);
    }

    #[test]
    fn what_nobody_could_see_has_not_ended() {
        let mut chart = Chart::new(report(BOTH, &[], &[]), String::new());
        chart.enter(report(BOTH, &[("LOG001", "api.log")], &[]), String::new());
        for (rules, blind) in [(BOTH, &["LOG001"][..]), (&["CRON004"], &[])] {
            chart.enter(report(rules, &[], blind), String::new());
            assert!(told(&chart).is_empty() && chart.hidden().eq([("LOG001", "api.log")]));
        }
        chart.enter(report(BOTH, &[("LOG001", "api.log")], &[]), String::new());
        assert_eq!(told(&chart), [("LOG001", "api.log")]);
    }

    #[test]
    fn a_rule_that_an_upgrade_brought_pages_nobody_for_what_was_there() {
        let mut chart = Chart::new(report(&["CRON004"], &[], &[]), String::new());
        chart.enter(report(BOTH, &[("LOG001", "api.log")], &[]), String::new());
        assert!(told(&chart).is_empty());
        chart.enter(report(BOTH, &[("LOG001", "api.log"), ("LOG001", "db.log")], &[]), String::new());
        assert_eq!(told(&chart), [("LOG001", "db.log")]);
    }

    #[test]
    fn lesser_things_are_on_the_page_only() {
        let mut chart = Chart::new(report(BOTH, &[], &[]), String::new());
        let mut lesser = report(BOTH, &[], &[]);
        lesser.findings.push(found("LOG001", "api.log", Severity::Medium));
        chart.enter(lesser, String::new());
        assert!(told(&chart).is_empty() && chart.is_news(&chart.last.findings[0]));
    }
}
