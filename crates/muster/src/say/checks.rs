//! `muster checks` and `muster check`: what is looked at, and what was seen.

use muster_core::effect::{Condition, Verdict};
use muster_core::look::{Last, Sight};
use muster_core::time::Span;
use muster_core::words::length;

use super::clock::Clock;
use super::count::counted;
use super::paper::{Paper, harmless};
use super::status::state;
use super::table::Table;
use crate::cli::checks::{Row, Share};

/// Width of the bar of a phase.
const BAR: u64 = 40;

/// `muster checks`.
pub(crate) fn list(rows: &[Row], unwell: bool, clock: &Clock, paper: &Paper) -> String {
    let mut text = paper.strong(&headline(rows, unwell)).into_owned();
    text.push('\n');
    if rows.is_empty() {
        return text;
    }
    let mut table =
        Table::new(&["NAME", "STATE", "KIND", "TARGET", "FROM", "LAST LOOK", "UP 24H", "7D", "90D"]);
    for Row { expectation, last, up } in rows {
        let look = match &last.look {
            Some(look) => {
                let took = look.took.map(|took| format!(", {}", length(took))).unwrap_or_default();
                format!("{}{took}", clock.distance(look.at))
            }
            None => "never".to_owned(),
        };
        let up = |of: fn(&crate::cli::checks::Up) -> &Share| {
            up.as_ref().map(|up| share(of(up))).unwrap_or_default()
        };
        table.row([
            expectation.id.name().to_owned(),
            state(expectation, clock),
            last.kind.clone(),
            last.target.clone(),
            if last.from == "host" { String::new() } else { last.from.clone() },
            look,
            up(|up| &up.day),
            up(|up| &up.week),
            up(|up| &up.quarter),
        ]);
    }
    text.push('\n');
    text.push_str(&table.lines(paper, 0));
    let bad = |row: &&Row| row.last.look.as_ref().is_some_and(|look| look.verdict != Verdict::Ok);
    let mut said = rows.iter().filter(bad).peekable();
    if said.peek().is_some() {
        for row in said {
            let name = row.expectation.id.name();
            text.push_str(&format!("\n{}: {}", paper.strong(name), harmless(&row.last.sight.words)));
        }
        text.push_str("\n\n`muster check NAME` looks again and shows all of it.\n");
    }
    text
}

fn headline(rows: &[Row], unwell: bool) -> String {
    let bad = rows.iter().filter(|row| row.expectation.condition != Condition::Ok).count();
    match (rows.len(), bad, unwell) {
        (0, _, true) => "Every check is as it should be.".to_owned(),
        (0, _, false) => "Nothing is looked at: a check has a `kind` in muster.toml.".to_owned(),
        (n, _, true) => format!("{} not known to be well.", counted(n, "check")),
        (n, 0, false) => format!("{}, each as it should be.", counted(n, "check")),
        (n, bad, false) => format!("{bad} of {} not known to be well.", counted(n, "check")),
    }
}

/// An uptime, and how much of the time was seen: `99.93 % (98 % seen)`.
fn share(share: &Share) -> String {
    let floor = |share: f64, digits: i32| {
        let scale = 10_f64.powi(digits);
        (share * 100.0 * scale).floor() / scale
    };
    match (share.uptime, share.coverage) {
        (Some(up), Some(seen)) if up >= 1.0 => format!("100 % ({:.0} % seen)", floor(seen, 0)),
        (Some(up), Some(seen)) => format!("{:.2} % ({:.0} % seen)", floor(up, 2), floor(seen, 0)),
        (None, Some(_)) => "nothing seen".to_owned(),
        (_, None) => String::new(),
    }
}

/// `muster check NAME`: what each place saw.
pub(crate) fn looked(seen: &[Last], by_agent: bool, paper: &Paper) -> String {
    let one = |last: &Last| {
        let mut text = paper.strong(&format!("{}: {}", last.about, verdict(last))).into_owned();
        let took = last.look.as_ref().and_then(|look| look.took).unwrap_or_default();
        text.push_str(&format!(
            "\n    {}\n    {} {} from {}, in {}\n",
            harmless(&last.sight.words),
            last.kind,
            harmless(&last.target),
            if last.from == "host" { "this host" } else { &last.from },
            length(took),
        ));
        text.push_str(&sight(&last.sight, took, paper));
        text
    };
    let mut text = seen.iter().map(one).collect::<Vec<_>>().join("\n");
    if !by_agent {
        text.push_str(
            "\nLooked at from here, by muster.toml alone: nobody was told, and nothing was written down.\n",
        );
    }
    text
}

fn verdict(last: &Last) -> &'static str {
    match last.look.as_ref().map(|look| look.verdict) {
        Some(Verdict::Ok) if last.sight.unmet.is_empty() => "looks well",
        Some(Verdict::Ok) => "looks well enough",
        Some(Verdict::Failed) => "looks bad",
        Some(Verdict::Unknown | Verdict::Missed | Verdict::Skipped) | None => "nobody could see",
    }
}

fn sight(sight: &Sight, took: Span, paper: &Paper) -> String {
    let mut text = String::new();
    let mut part = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            text.push_str(&format!("\n  {}\n", paper.strong(title)));
            lines.iter().for_each(|line| text.push_str(&format!("    {line}\n")));
        }
    };
    part("Not met", sight.unmet.iter().map(|line| format!("! {}", harmless(line))).collect());
    part("Phases", phases(&sight.phases, took));
    let wide = sight.facts.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    part(
        "Facts",
        sight.facts.iter().map(|(name, value)| format!("{name:wide$}  {}", harmless(value))).collect(),
    );
    part("Trace", sight.lines.iter().map(|line| harmless(line).into_owned()).collect());
    text
}

/// Each phase with its time and a bar that begins where the one before it ended.
fn phases(phases: &[(String, Span)], took: Span) -> Vec<String> {
    let sum: u64 = phases.iter().map(|(_, span)| span.as_millis()).sum();
    let whole = took.as_millis().max(sum).max(1);
    let wide = phases.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let mut left = 0;
    let row = |(name, span): &(String, Span)| {
        let from = left * BAR / whole;
        left += span.as_millis();
        let bar = (left * BAR / whole).saturating_sub(from).max(1);
        let (space, bar) = (" ".repeat(from as usize), "=".repeat(bar as usize));
        format!("{name:wide$}  {:>8}  {space}{bar}", length(*span))
    };
    phases.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use muster_core::ids::ExpectationId;
    use muster_core::look::{Look, Tally};

    use super::super::clock::tests::{NOON, clock};
    use super::super::status::tests::line;
    use super::*;
    use crate::cli::checks::Up;

    fn last(verdict: Verdict) -> Last {
        let about = ExpectationId::new("check.site").expect("a name");
        let took = Span::millis(100);
        let look = Look {
            about: about.clone(),
            due: None,
            at: NOON - Span::seconds(12),
            verdict,
            took: Some(took),
            further: 0,
            every: Span::minutes(1),
        };
        let mut last = Last {
            about,
            kind: "http".into(),
            target: "https://a.example/\x1b[2J".into(),
            from: "host".into(),
            every: Span::minutes(1),
            look: Some(look),
            sight: Sight::default(),
            well: None,
        };
        last.sight.words = "status == 200: 503".into();
        last.sight.phases = vec![("dns".into(), Span::millis(25)), ("connect".into(), Span::millis(75))];
        last.sight.facts = vec![("status".into(), "503".into())];
        last.sight.unmet = vec![last.sight.words.clone()];
        last.sight.lines = vec!["< HTTP/1.1 503".into()];
        last
    }

    #[test]
    fn a_look_shows_what_was_not_met_where_the_time_went_and_the_trace() {
        assert_eq!(
            looked(&[last(Verdict::Failed)], true, &Paper::PLAIN),
            "\
check.site: looks bad
    status == 200: 503
    http https://a.example/ [2J from this host, in 100ms

  Not met
    ! status == 200: 503

  Phases
    dns          25ms  ==========
    connect      75ms            ==============================

  Facts
    status  503

  Trace
    < HTTP/1.1 503
"
        );
    }

    #[test]
    fn an_uptime_stands_beside_how_much_was_seen() {
        let day = |ok, failed, unknown| {
            let slots = Tally { ok, failed, unknown, ..Tally::default() };
            Share { uptime: slots.uptime(), coverage: slots.coverage(), slots }
        };
        let up = Up { day: day(9999, 1, 0), week: day(0, 0, 5), quarter: day(1, 0, 1) };
        let row =
            Row { expectation: line("check.site", Condition::Ok), last: last(Verdict::Ok), up: Some(up) };
        let text = list(&[row], false, &clock(), &Paper::PLAIN);
        assert!(text.starts_with("1 check, each as it should be.\n"), "{text}");
        assert!(text.contains("99.99 % (100 % seen)  nothing seen  100 % (50 % seen)"), "{text}");
        assert!(text.contains("12s ago, 100ms"), "{text}");
        assert!(!text.contains("FROM"), "{text}");
    }
}
