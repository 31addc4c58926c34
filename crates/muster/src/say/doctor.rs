//! `muster doctor`: the report for a terminal, what a rule is about, and what was changed.

use std::time::Duration;

use muster_doctor::baseline::{Change, Changes};
use muster_doctor::collect::Timing;
use muster_doctor::report::{Judged, Report};
use muster_doctor::rules::fixture::Fixture;
use muster_doctor::rules::{Fix, Outlook, Rule, Severity};

use super::clock::Clock;
use super::count::counted;
use super::lines::{clean, wrapped};
use super::paper::{Paper, cut};

/// Wider lines are hard to read.
const WIDEST: usize = 110;
/// Rules of one part of the report that are told in full before `--all`, and all critical ones: the worst come first, and
/// nobody reads a hundred.
const IN_FULL: usize = 12;
/// Findings from which on the first lines are out of sight at the end, so that what they say is said again.
const MANY: usize = 12;
/// Places of one rule that are shown before `--all`.
const PLACES: usize = 3;
/// Column of what belongs to a rule.
const INDENT: &str = "    ";

/// The whole report.
pub(crate) fn report(report: &Report, clock: &Clock, paper: &Paper, all: bool) -> String {
    let width = paper.width.map_or(usize::MAX, |width| width.min(WIDEST));
    let mut text = head(report, clock, paper, width);
    for (outlook, title) in [
        (Outlook::Failing, "Fails now"),
        (Outlook::Waiting, "Will fail, and nothing will say so"),
        (Outlook::Hygiene, "Would make another fault worse"),
    ] {
        let found: Vec<&Judged> =
            report.findings.iter().filter(|judged| judged.rule.outlook == outlook).collect();
        if found.is_empty() {
            continue;
        }
        text.push_str(&format!("\n{}\n", paper.strong(title)));
        if outlook == Outlook::Hygiene && !all && found.len() < report.findings.len() {
            text.push_str(&briefly(&found, width));
            continue;
        }
        let rules = rules_of(&found);
        let critical = rules.iter().filter(|rule| rule.severity == Severity::Critical).count();
        let whole = if all { rules.len() } else { critical.max(IN_FULL).min(rules.len()) };
        let (first, others) = rules.split_at(whole);
        for rule in first {
            let of_rule: Vec<&Judged> =
                found.iter().copied().filter(|judged| judged.rule.id == rule.id).collect();
            text.push_str(&in_full(rule, &of_rule, paper, width, all));
        }
        text.push_str(&in_short(others, &found, width));
    }
    if !report.unknown.is_empty() {
        text.push_str(&format!("\n{}\n", paper.strong("Unknown, which is never good")));
        for unseen in &report.unknown {
            let words = format!("{} ({})", clean(&unseen.why), unseen.rules.join(", "));
            text.push_str(&paragraph("  ", "    ", &words, width));
        }
    }
    if !report.allowed.is_empty() {
        text.push_str(&format!("\n{}\n", paper.strong("Allowed")));
        for one in &report.allowed {
            let (rule, place) = (one.judged.rule.id, &one.judged.finding.place);
            let until = clock.stamp(one.by.until);
            let words =
                format!("{rule}  {}: {}, until {until}", clean(&place.to_string()), clean(&one.by.reason));
            text.push_str(&paragraph("  ", "    ", &words, width));
        }
    }
    if all {
        text.push_str(&rest(report, paper, width));
    }
    text.push_str(&next(report, all, width));
    text
}

/// What is not told in full: a line for each rule.
fn in_short(rules: &[&'static Rule], found: &[&Judged], width: usize) -> String {
    if rules.is_empty() {
        return String::new();
    }
    let mut text =
        "  And these, none of them worse; --all shows where, --only ID one of them alone:\n".to_owned();
    for rule in rules {
        let count = found.iter().filter(|judged| judged.rule.id == rule.id).count();
        let times = if count == 1 { String::new() } else { format!(", {count} times") };
        let line = format!("{INDENT}{:<8} {:<9} {}{times}", rule.id, rule.severity.word(), rule.title);
        text.push_str(&format!("{}\n", cut(&line, width)));
    }
    text
}

/// The sentence that says it all, without its full stop.
fn sum(report: &Report) -> String {
    let of =
        |outlook: Outlook| report.findings.iter().filter(|judged| judged.rule.outlook == outlook).count();
    let (failing, waiting, hygiene) = (of(Outlook::Failing), of(Outlook::Waiting), of(Outlook::Hygiene));
    let mut parts = Vec::new();
    if failing > 0 {
        parts.push(format!(
            "{} now",
            if failing == 1 { "1 thing fails".to_owned() } else { format!("{failing} things fail") }
        ));
    }
    if waiting > 0 {
        parts.push(format!("{waiting} will fail and nothing will say so"));
    }
    if hygiene > 0 {
        parts.push(format!("{hygiene} would make another fault worse"));
    }
    let found =
        if parts.is_empty() { "Nothing was found that is wrong".to_owned() } else { parts.join(", ") };
    let unseen = match report.unknown.len() {
        0 => String::new(),
        1 => "; 1 thing could not be seen".to_owned(),
        count => format!("; {count} things could not be seen"),
    };
    found + &unseen
}

/// The host, and the sentence that says it all.
fn head(report: &Report, clock: &Clock, paper: &Paper, width: usize) -> String {
    let name = if report.host.is_empty() { &report.vantage.root } else { &report.host };
    let place = match (report.vantage.live, report.vantage.uid) {
        (true, 0) => "as root".to_owned(),
        (true, _) => "without root, which sees less".to_owned(),
        (false, _) => format!("only the files under {}", report.vantage.root),
    };
    let asked = counted(report.rules().count(), "rule");
    let mut text = format!("{}\n", paper.strong(&clean(name)));
    text.push_str(&paragraph(
        "  ",
        "  ",
        &format!("{}. {asked}, {place}, {}.", sum(report), clock.stamp(report.at)),
        width,
    ));
    text
}

/// Each rule once, in the order of its first finding.
fn rules_of(found: &[&Judged]) -> Vec<&'static Rule> {
    let mut rules: Vec<&'static Rule> = Vec::new();
    for judged in found {
        if !rules.iter().any(|rule| rule.id == judged.rule.id) {
            rules.push(judged.rule);
        }
    }
    rules
}

fn in_full(rule: &Rule, found: &[&Judged], paper: &Paper, width: usize, all: bool) -> String {
    let count = if found.len() == 1 { String::new() } else { format!(", {} times", found.len()) };
    let head = format!("{}  {} ({}{count})", rule.id, rule.title, rule.severity.word());
    let mut text = String::new();
    for (at, line) in wrapped(&head, width.saturating_sub(INDENT.len() + 6)).iter().enumerate() {
        // Behind the id.
        let lead = if at == 0 { "  " } else { "          " };
        text.push_str(&format!("{lead}{}\n", paper.strong(line)));
    }
    let shown = if all { found.len() } else { PLACES };
    for judged in found.iter().take(shown) {
        text.push_str(&one(judged, width));
    }
    if found.len() > shown {
        text.push_str(&format!(
            "{INDENT}and {} more; --only {} --all shows them\n",
            found.len() - shown,
            rule.id
        ));
    }
    text.push_str(&paragraph(&format!("{INDENT}why   "), &format!("{INDENT}      "), rule.silent, width));
    let has_mend = found.iter().any(|judged| judged.finding.mend.is_some());
    let cure = match rule.fix {
        Fix::Safe => format!("{} `muster doctor --fix` does it.", rule.cure),
        Fix::Disruptive if has_mend => {
            format!("{} `muster doctor --fix --allow-disruptive` does it.", rule.cure)
        }
        Fix::Disruptive | Fix::Told => rule.cure.to_owned(),
    };
    text.push_str(&paragraph(&format!("{INDENT}fix   "), &format!("{INDENT}      "), &cure, width));
    text
}

/// Where it is, what stands there, what is wrong with it.
fn one(judged: &Judged, width: usize) -> String {
    let finding = &judged.finding;
    let mut text = String::new();
    let room = width.saturating_sub(INDENT.len());
    let place = clean(&finding.place.to_string());
    let line = match finding.place.text.is_empty() {
        true => place,
        false => format!("{place}  {}", clean(&finding.place.text)),
    };
    text.push_str(&format!("{INDENT}{}\n", cut(&line, room)));
    let inner = format!("{INDENT}  ");
    text.push_str(&paragraph(&inner, &inner, &clean(&finding.observed), width));
    if let Some(forecast) = &finding.forecast {
        text.push_str(&paragraph(&inner, &inner, &clean(forecast), width));
    }
    text
}

fn briefly(found: &[&Judged], width: usize) -> String {
    let one = |rule: &&Rule| {
        let count = found.iter().filter(|judged| judged.rule.id == rule.id).count();
        if count == 1 {
            format!("{} ({})", rule.title, rule.id)
        } else {
            format!("{} ({}, {count} times)", rule.title, rule.id)
        }
    };
    let words: Vec<String> = rules_of(found).iter().map(one).collect();
    paragraph("  ", "  ", &format!("{}. --all shows where.", words.join("; ")), width)
}

fn rest(report: &Report, paper: &Paper, width: usize) -> String {
    let mut text = String::new();
    if !report.fine.is_empty() {
        text.push_str(&format!("\n{}\n", paper.strong("Looked for and not found")));
        let words: Vec<String> =
            report.fine.iter().map(|rule| format!("{} {}", rule.id, rule.title)).collect();
        text.push_str(&paragraph("  ", "  ", &words.join("; "), width));
    }
    if !report.inapplicable.is_empty() {
        text.push_str(&format!("\n{}\n", paper.strong("Does not apply")));
        let mut whys: Vec<(&str, Vec<&str>)> = Vec::new();
        for (rule, why) in &report.inapplicable {
            match whys.iter_mut().find(|(known, _)| known == why) {
                Some((_, ids)) => ids.push(rule.id),
                None => whys.push((why, vec![rule.id])),
            }
        }
        for (why, ids) in whys {
            text.push_str(&paragraph("  ", "    ", &format!("{} ({})", clean(why), ids.join(", ")), width));
        }
    }
    text
}

/// What to do now.
fn next(report: &Report, all: bool, width: usize) -> String {
    let mends = report.findings.iter().filter(|judged| judged.finding.mend.is_some());
    let safe = mends.filter(|judged| judged.rule.fix == Fix::Safe).count();
    let mut words = Vec::new();
    if report.findings.len() > MANY {
        words.push(format!("{}.", sum(report)));
    }
    if safe > 0 {
        words.push(format!("`muster doctor --fix` mends {safe} of them; it shows the difference and asks first, and `muster doctor undo` takes it back."));
    }
    if let Some(first) = report.findings.first() {
        words.push(format!("`muster doctor explain {}` says more about a rule.", first.rule.id));
    } else if !all {
        words.push("`muster doctor --all` lists what was looked for.".to_owned());
    }
    if report.vantage.live && report.vantage.uid != 0 {
        words.push("As root it sees more.".to_owned());
    }
    if words.is_empty() { String::new() } else { format!("\n{}", paragraph("", "", &words.join(" "), width)) }
}

/// Words in lines, the first with its own beginning.
fn paragraph(first: &str, others: &str, words: &str, width: usize) -> String {
    let mut text = String::new();
    let mut lead = first;
    for line in wrapped(words, width.saturating_sub(first.chars().count())) {
        text.push_str(&format!("{lead}{line}\n"));
        lead = others;
    }
    text
}

/// What is new, worse or gone.
pub(crate) fn changes(changes: &Changes<'_>, report: &Report, paper: &Paper) -> String {
    let width = paper.width.map_or(usize::MAX, |width| width.min(WIDEST));
    if changes.now.is_empty() && changes.gone.is_empty() {
        return format!(
            "{}: nothing new, {} as before.\n",
            clean(&report.host),
            counted(changes.same, "finding")
        );
    }
    let mut text = String::new();
    for (change, judged) in &changes.now {
        let word = match change {
            Change::New => "new",
            Change::NewRule => "new rule",
            Change::Worse => "worse",
        };
        let head =
            format!("{word}: {}  {} ({})", judged.rule.id, judged.rule.title, judged.rule.severity.word());
        text.push_str(&format!("{}\n{}", paper.strong(&head), one(judged, width)));
    }
    for (id, subject) in &changes.gone {
        text.push_str(&format!("gone: {id}  {}\n", cut(&clean(subject), width.saturating_sub(20))));
    }
    text.push_str(&format!("{} as before.\n", counted(changes.same, "finding")));
    text
}

/// One line for each rule.
pub(crate) fn list(rules: &[&Rule]) -> String {
    rules.iter().map(|rule| format!("{:<10}{:<10}{}\n", rule.id, rule.severity.word(), rule.title)).collect()
}

/// What a rule is about, with a host in which it finds something and two in which it does not.
pub(crate) fn explain(rule: &Rule, paper: &Paper) -> String {
    let width = paper.width.map_or(usize::MAX, |width| width.min(WIDEST));
    let mut text =
        format!("{}\n\n", paper.strong(&format!("{}  {} ({})", rule.id, rule.title, rule.severity.word())));
    let by = match rule.fix {
        Fix::Safe => "`muster doctor --fix` does it.",
        Fix::Disruptive => {
            "It disturbs something that runs: only `--fix --allow-disruptive` does it, where it can be given back."
        }
        Fix::Told => "A person does it.",
    };
    for (label, words) in [
        ("why nothing says so", rule.silent.to_owned()),
        ("what to do", format!("{} {by}", rule.cure)),
        ("does not apply", rule.unless.to_owned()),
    ] {
        text.push_str(&paragraph(&format!("{label:<21}"), &" ".repeat(21), &words, width));
    }
    text.push_str(&example("It is found here", &rule.bad));
    for good in &rule.good {
        text.push_str(&example("And not here", good));
    }
    text
}

fn example(title: &str, fixture: &Fixture) -> String {
    let mut text = format!("\n{title}: {}\n", fixture.says);
    for file in fixture.files.iter().filter(|file| !file.text.starts_with('\0')) {
        text.push_str(&format!("  {}  (mode {:04o})\n", file.path, file.mode));
        for line in file.text.lines() {
            text.push_str(&format!("    {}\n", clean(line)));
        }
    }
    text
}

/// How long each collector took.
pub(crate) fn timings(timings: &[Timing], whole: Duration) -> String {
    let millis = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1e3);
    let mut text = String::new();
    for timing in timings {
        let late = if timing.late { "  given up" } else { "" };
        text.push_str(&format!("{:<12}{:>10}{late}\n", timing.name, millis(timing.took)));
    }
    text.push_str(&format!("{:<12}{:>10}\n", "all", millis(whole)));
    text
}
