//! The report for a terminal: one screen. The grade, what fails first with the fix, the rest in one line each, then what
//! is fine, in one line for each part.

use muster_checks::scan::report::{Finding, Grade, Report, Weight};

use super::well::{not_judged, well};
use crate::say::clock::Clock;
use crate::say::count::counted;
use crate::say::lines::{clean, wrapped};
use crate::say::paper::{Paper, cut};

/// Wider lines are hard to read.
const WIDEST: usize = 110;
/// Column of what belongs to a finding.
const INDENT: usize = 6;
/// Column of the lines for each part.
const PARTS: usize = 13;

/// The whole text.
pub(crate) fn report(report: &Report, clock: &Clock, paper: &Paper, all: bool) -> String {
    let width = paper.width.map_or(usize::MAX, |width| width.min(WIDEST));
    let mut text = head(report, clock, paper, width);
    let whole = if all { report.findings.len() } else { 1 };
    for (at, finding) in report.findings.iter().take(whole).enumerate() {
        text.push('\n');
        text.push_str(&in_full(finding, paper, width, at == 0));
    }
    let rest = report.findings.get(whole..).unwrap_or_default();
    if !rest.is_empty() {
        text.push_str(&format!("\n{}\n", paper.strong("And then")));
        let (minor, worse): (Vec<_>, Vec<_>) = rest.iter().partition(|one| one.weight == Weight::Minor);
        for finding in worse {
            text.push_str(&format!("  {:<11}{}\n", finding.weight.word(), line(finding, width)));
        }
        let titles: Vec<String> = minor.iter().map(|one| format!("{} ({})", one.title, one.id)).collect();
        text.push_str(&part(Weight::Minor.word(), &titles.join("; "), width));
    }
    let good = well(report);
    if !good.is_empty() {
        let title = if report.findings.is_empty() { "As it should be" } else { "What is fine" };
        text.push_str(&format!("\n{}\n", paper.strong(title)));
        for (area, words) in good {
            text.push_str(&part(area.word(), &words, width));
        }
    }
    if !report.unknown.is_empty() {
        text.push_str(&format!("\n{}\n", paper.strong("Unknown, which is never good")));
        for unseen in &report.unknown {
            text.push_str(&part(
                unseen.area.word(),
                &format!("{}: {}", unseen.what, clean(&unseen.why)),
                width,
            ));
        }
    }
    let absent = not_judged(&report.facts);
    if !absent.is_empty() {
        text.push_str(&format!("\n{}\n", paper.strong("Not judged")));
        for (area, why) in absent {
            text.push_str(&part(area.word(), &why, width));
        }
    }
    if !rest.is_empty() {
        text.push_str("\nWhy each matters and how to mend it: the same with --all, or --html FILE.\n");
    }
    text
}

/// "F", the site, and the sentence that says it all.
fn head(report: &Report, clock: &Clock, paper: &Paper, width: usize) -> String {
    let letter = report.grade.map_or("?", Grade::letter);
    let site = clean(&report.facts.site);
    let mut text = format!("{}\n", paper.strong(&format!("{letter}   {site}")));
    let when = clock.stamp(report.facts.at);
    for line in wrapped(&format!("{} Seen {when}.", sentence(report)), width.saturating_sub(4)) {
        text.push_str(&format!("    {line}\n"));
    }
    text
}

/// What it came to, in a sentence or two.
pub(crate) fn sentence(report: &Report) -> String {
    let weights = [Weight::Broken, Weight::Serious, Weight::Moderate, Weight::Minor];
    let counts: Vec<String> = weights
        .into_iter()
        .filter_map(|weight| {
            let count = report.findings.iter().filter(|finding| finding.weight == weight).count();
            (count > 0).then(|| format!("{count} {}", weight.word()))
        })
        .collect();
    let mut text = match counts.as_slice() {
        [] if report.unknown.is_empty() => "Nothing was found that is wrong.".to_owned(),
        [] => "Nothing was found that is wrong, and not all could be seen.".to_owned(),
        counts => {
            let points = counted(usize::try_from(report.points).unwrap_or_default(), "point");
            format!("{points} of 100: {}.", counts.join(", "))
        }
    };
    match (report.grade, report.unknown.len()) {
        (_, 0) => {}
        (None, unknown) => {
            text.push_str(&format!(" Too little was seen for a grade: {} unknown.", parts(unknown)))
        }
        (Some(grade), unknown) if grade != report.at_best => {
            let best = report.at_best.letter();
            text.push_str(&format!(" {} unknown; {best} if that is good.", parts(unknown)));
        }
        (Some(_), unknown) => text.push_str(&format!(" {} unknown.", parts(unknown))),
    }
    text
}

/// "1 part is", "2 parts are".
fn parts(count: usize) -> String {
    format!("{} {}", counted(count, "part"), if count == 1 { "is" } else { "are" })
}

fn in_full(finding: &Finding, paper: &Paper, width: usize, is_first: bool) -> String {
    let room = width.saturating_sub(INDENT);
    let word = if is_first { "First: " } else { "" };
    let title = format!("{word}{} ({}, {})", finding.title, finding.weight.word(), finding.id);
    let mut text = String::new();
    for line in wrapped(&title, width) {
        text.push_str(&format!("{}\n", paper.strong(&line)));
    }
    for (label, words) in [
        ("seen", finding.observed.iter().map(|text| clean(text)).collect::<Vec<_>>()),
        ("why", vec![finding.why.to_owned()]),
        ("fix", vec![finding.fix.to_owned()]),
    ] {
        let mut label = label;
        for line in words.iter().flat_map(|words| wrapped(words, room)) {
            text.push_str(&format!("{label:<INDENT$}{line}\n"));
            label = "";
        }
    }
    let mut label = finding.place;
    for line in finding.snippet.lines().map(clean) {
        // Lines to copy are never cut.
        text.push_str(format!("{label:<INDENT$}{line}").trim_end());
        text.push('\n');
        label = "";
    }
    text
}

/// "S31  no Strict-Transport-Security: …", cut to the width.
fn line(finding: &Finding, width: usize) -> String {
    let seen: Vec<String> = finding.observed.iter().map(|text| clean(text)).collect();
    let text = format!("{}  {}: {}", finding.id, finding.title, seen.join("; "));
    cut(&text, width.saturating_sub(PARTS)).into_owned()
}

/// The name of a part, and words behind it that go on below each other.
fn part(name: &str, words: &str, width: usize) -> String {
    let mut text = String::new();
    let mut name = name;
    for line in wrapped(words, width.saturating_sub(PARTS)) {
        text.push_str(&format!("  {name:<11}{line}\n"));
        name = "";
    }
    text
}
