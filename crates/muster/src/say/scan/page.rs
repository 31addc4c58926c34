//! The report as one web page: no script, nothing from elsewhere, readable on a phone and at night.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use muster_checks::scan::report::{Finding, Grade, Report};

use super::terminal::sentence;
use super::well::{not_judged, well};
use crate::cli::command::VERSION;
use crate::say::clock::Clock;
use crate::say::lines::clean;

/// The page's own look; the colours are those of the board.
const STYLE: &str = include_str!("page.css");

/// The whole page.
pub(crate) fn page(report: &Report, clock: &Clock) -> String {
    let letter = report.grade.map_or("?", Grade::letter);
    let site = clean(&report.facts.site);
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                title { (letter) " · " (site) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    p.grade.(class(report)) { (letter) }
                    div {
                        h1 { (site) }
                        p.sentence { (sentence(report)) }
                        p.quiet { "Seen from outside on " (clock.stamp(report.facts.at)) "." }
                    }
                }
                main {
                    @if !report.findings.is_empty() {
                        section {
                            h2 { "What is wrong, the worst first" }
                            @for finding in &report.findings { (found(finding)) }
                        }
                    }
                    (list("As it should be", well(report).iter().map(|(area, words)| (area.word(), words.clone()))))
                    (list(
                        "Unknown, which is never good",
                        report.unknown.iter().map(|one| (one.area.word(), format!("{}: {}", one.what, clean(&one.why)))),
                    ))
                    (list("Not judged", not_judged(&report.facts).iter().map(|(area, why)| (area.word(), why.clone()))))
                }
                footer {
                    p {
                        "The grade begins at 100 points; a finding takes 60 (broken), 25 (serious), 10 (moderate) or 3 (minor). "
                        "A: 90 and more, B: 75, C: 60, D: 40, E: 25, F: less, and always where something is broken. "
                        "With anything unknown there is no A."
                    }
                    p { "Made by " code { "muster scan" } " " (VERSION) ". A scan is one look: nothing watches until a check does." }
                }
            }
        }
    };
    markup.into_string()
}

fn class(report: &Report) -> &'static str {
    match report.grade {
        Some(Grade::A | Grade::B) => "good",
        Some(Grade::C | Grade::D) => "unsure",
        Some(Grade::E | Grade::F) => "bad",
        None => "unknown",
    }
}

fn found(finding: &Finding) -> Markup {
    let weight = finding.weight.word();
    html! {
        article.(weight) id=(finding.id) {
            h3 { (finding.title) }
            p.tags { span.weight { (weight) } " " (finding.area.word()) " " a href={ "#" (finding.id) } { (finding.id) } }
            ul.seen { @for seen in &finding.observed { li { (clean(seen)) } } }
            p { (finding.why) }
            p.fix { b { "Fix " } (finding.fix) }
            @if !finding.snippet.is_empty() {
                p.place { (finding.place) }
                pre { code { (finding.snippet.lines().map(clean).collect::<Vec<_>>().join("\n")) } }
            }
        }
    }
}

fn list<'a>(title: &str, lines: impl Iterator<Item = (&'a str, String)>) -> Markup {
    let lines: Vec<_> = lines.collect();
    html! {
        @if !lines.is_empty() {
            section {
                h2 { (title) }
                dl { @for (name, words) in &lines { div { dt { (name) } dd { (words) } } } }
            }
        }
    }
}
