//! Findings, what is unknown, and the grade.
//!
//! The grade begins at 100 points; each finding takes as many as its [`Weight`] says: 60 where visitors are turned away,
//! 25 where that is near or can happen at any time, 10 and 3 for the rest. A: 90 and more, B: 75, C: 60, D: 40, E: 25,
//! F: less, and always where visitors are turned away. What is unknown is never good: with any part unknown there is no
//! A, with neither page nor TLS seen there is no grade at all.

use serde::{Deserialize, Serialize};

use super::facts::Facts;
use super::rules::{self, Area};

/// How much a finding counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// Visitors are turned away now.
    Broken,
    /// They will be, or somebody can do harm today.
    Serious,
    /// A protection or a spare part is missing.
    Moderate,
    /// It could be better.
    Minor,
}

impl Weight {
    /// Points that it takes from 100.
    pub fn points(self) -> u32 {
        match self {
            Self::Broken => 60,
            Self::Serious => 25,
            Self::Moderate => 10,
            Self::Minor => 3,
        }
    }

    /// One word for screens.
    pub fn word(self) -> &'static str {
        match self {
            Self::Broken => "broken",
            Self::Serious => "serious",
            Self::Moderate => "moderate",
            Self::Minor => "minor",
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Stable: `S11`.
    pub id: &'static str,
    /// Which part of the site.
    pub area: Area,
    /// How much it counts.
    pub weight: Weight,
    /// What is wrong, in a few words.
    pub title: &'static str,
    /// What was seen; holds words of the site.
    pub observed: Vec<String>,
    /// What fails in silence because of it.
    pub why: &'static str,
    /// What to do, in one sentence.
    pub fix: &'static str,
    /// Where these lines belong, if there are any: `nginx`, `zone`.
    pub place: &'static str,
    /// Lines to write there.
    pub snippet: String,
}

/// A part that nobody could see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unseen {
    /// Which part of the site.
    pub area: Area,
    /// What.
    pub what: &'static str,
    /// Why not.
    pub why: String,
}

/// A to F, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Grade {
    /// 90 points and more.
    A,
    /// 75 and more.
    B,
    /// 60 and more.
    C,
    /// 40 and more.
    D,
    /// 25 and more.
    E,
    /// Less, or visitors are turned away.
    F,
}

impl Grade {
    /// The letter.
    pub fn letter(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
            Self::D => "D",
            Self::E => "E",
            Self::F => "F",
        }
    }

    fn of(points: u32, is_broken: bool) -> Self {
        match points {
            _ if is_broken => Self::F,
            90.. => Self::A,
            75.. => Self::B,
            60.. => Self::C,
            40.. => Self::D,
            25.. => Self::E,
            _ => Self::F,
        }
    }
}

/// What a scan came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// None where too little was seen for one.
    pub grade: Option<Grade>,
    /// What the grade would be if all that is unknown were good.
    pub at_best: Grade,
    /// 100 less what the findings take.
    pub points: u32,
    /// The worst first.
    pub findings: Vec<Finding>,
    /// What nobody could see.
    pub unknown: Vec<Unseen>,
    /// All that was seen.
    pub facts: Facts,
}

impl Report {
    /// Judges the facts.
    pub fn of(facts: Facts) -> Self {
        let mut findings: Vec<Finding> = rules::RULES.iter().filter_map(|rule| rule.judge(&facts)).collect();
        // Stable: what has the same weight stays in the order of the table.
        findings.sort_by_key(|finding| finding.weight);
        let unknown = rules::unseen(&facts);
        let points = findings.iter().fold(100_u32, |left, one| left.saturating_sub(one.weight.points()));
        let at_best = Grade::of(points, findings.iter().any(|one| one.weight == Weight::Broken));
        let is_blind = facts.page.known().is_none() && facts.tls.known().is_none();
        let grade = match at_best {
            Grade::F => Some(Grade::F),
            _ if is_blind => None,
            Grade::A if !unknown.is_empty() => Some(Grade::B),
            best => Some(best),
        };
        Self { grade, at_best, points, findings, unknown, facts }
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts::Fact;
    use super::super::sample::good;
    use super::*;

    #[test]
    fn a_good_site_has_an_a_and_nothing_to_say() {
        let report = Report::of(good());
        assert_eq!(report.findings, []);
        assert_eq!(report.unknown, []);
        assert_eq!((report.grade, report.points), (Some(Grade::A), 100));
    }

    #[test]
    fn what_is_unknown_is_never_good() {
        let mut facts = good();
        facts.mail = Fact::unknown("nobody answered");
        let report = Report::of(facts.clone());
        assert_eq!((report.grade, report.at_best), (Some(Grade::B), Grade::A));
        assert_eq!(report.unknown.len(), 1);
        facts.page = Fact::unknown("nobody answered");
        facts.tls = Fact::unknown("nobody answered");
        let report = Report::of(facts.clone());
        assert_eq!((report.grade, report.at_best), (None, Grade::A));
        facts.mail = Fact::nothing("an address has no mail");
        assert_eq!(Report::of(facts).unknown.len(), 2);
    }

    #[test]
    fn the_table_of_grades_is_as_documented() {
        for (points, grade) in [
            (100, Grade::A),
            (90, Grade::A),
            (89, Grade::B),
            (75, Grade::B),
            (74, Grade::C),
            (60, Grade::C),
            (59, Grade::D),
            (40, Grade::D),
            (39, Grade::E),
            (25, Grade::E),
            (24, Grade::F),
            (0, Grade::F),
        ] {
            assert_eq!(Grade::of(points, false), grade, "{points}");
            assert_eq!(Grade::of(points, true), Grade::F);
        }
    }

    #[test]
    fn every_part_that_is_unknown_is_listed_once() {
        let mut facts = good();
        let why = || "dark".to_owned();
        facts.ways = Fact::unknown(why());
        facts.path = Fact::unknown(why());
        facts.tls = Fact::unknown(why());
        facts.old_tls = Fact::unknown(why());
        facts.new_tls = Fact::unknown(why());
        facts.page = Fact::unknown(why());
        facts.https_record = Fact::unknown(why());
        facts.health = Fact::unknown(why());
        facts.addresses = Fact::unknown(why());
        facts.zone = Fact::unknown(why());
        facts.mail = Fact::unknown(why());
        facts.domain = Fact::unknown(why());
        let report = Report::of(facts);
        assert!(report.unknown.iter().all(|unseen| unseen.why == "dark"));
        assert_eq!((report.findings.len(), report.unknown.len()), (0, 12));
    }
}
