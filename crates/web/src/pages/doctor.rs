//! `/doctor`: what fails on this host without telling anybody, as it was last examined.

use axum::extract::{Extension, State};
use maud::{Markup, html};
use muster_doctor::chart::Chart;
use muster_doctor::kept::{Allowed, Found, Unseen};
use muster_doctor::rules::{Fix, Outlook};

use crate::doctor::chart;
use crate::guard::who::{Asker, Scope};
use crate::pages::frame::{View, page};
use crate::pages::words;
use crate::router::Web;

/// `GET /doctor`.
pub async fn get(State(web): State<Web>, Extension(asker): Extension<Asker>) -> Markup {
    let chart = chart(&web.parts.layout).await;
    let view = View::new(&web, &asker);
    let body = html! {
        h1 { "Doctor" }
        @match &chart {
            Ok(Some(chart)) => (examined(&view, chart)),
            Ok(None) => p.lead { "This host has not been examined yet; the agent does so soon after it starts, once a day, and after packages, Docker or its configuration changed. " code { "muster doctor" } " does it now." },
            Err(why) => p.fault role="alert" { "The last report cannot be read: " (why) ". " code { "muster doctor" } " examines the host now." },
        }
    };
    page(&view, "Doctor", "/doctor", None, &body)
}

fn examined(view: &View, chart: &Chart) -> Markup {
    let report = &chart.last;
    let of = |outlook: Outlook| report.findings.iter().filter(move |found| found.outlook == outlook);
    let (failing, waiting) = (of(Outlook::Failing).count(), of(Outlook::Waiting).count());
    html! {
        p.lead {
            (sentence(failing, waiting, report.unknown.len()))
            " Examined " (view.present.moment_and_distance(report.at)) ", by " (report.rules.len()) " rules"
            @if report.vantage.uid != 0 { ", without the rights of root" }
            "."
        }
        @if view.asker.may(Scope::Read) { (details(view, chart)) } @else { p.none { a href="/signin" { "Sign in" } " to see what was found." } }
    }
}

/// What is weak on a host is nothing for everybody who has an account on it.
fn details(view: &View, chart: &Chart) -> Markup {
    let report = &chart.last;
    let of = |outlook: Outlook| report.findings.iter().filter(move |found| found.outlook == outlook);
    html! {
        @if report.findings.iter().any(|found| found.fix == Fix::Safe) {
            p.lead { code { "muster doctor --fix --dry-run" } " shows what can be mended without disturbing anything that runs." }
        }
        (group(chart, "failing", "Failing now", of(Outlook::Failing), true))
        (group(chart, "waiting", "Will fail, and nothing will say so", of(Outlook::Waiting), false))
        (group(chart, "hygiene", "Would make another fault worse", of(Outlook::Hygiene), false))
        (unknown(&report.unknown))
        (allowed(view, &report.allowed))
    }
}

fn sentence(failing: usize, waiting: usize, unknown: usize) -> String {
    let found = match (failing, waiting) {
        (0, 0) => "Nothing was found that fails in silence.".to_owned(),
        (0, waiting) => {
            format!("{} in silence.", words::count(waiting, "thing will fail", "things will fail"))
        }
        (failing, 0) => format!("{} now.", words::count(failing, "thing fails", "things fail")),
        (failing, waiting) => {
            format!(
                "{} now, and {waiting} will in silence.",
                words::count(failing, "thing fails", "things fail")
            )
        }
    };
    match unknown {
        0 => found,
        unknown => format!("{found} {} not be seen.", words::count(unknown, "thing could", "things could")),
    }
}

fn group<'c>(
    chart: &Chart,
    id: &str,
    title: &str,
    found: impl Iterator<Item = &'c Found>,
    open: bool,
) -> Markup {
    let found: Vec<&Found> = found.collect();
    html! {
        @if !found.is_empty() {
            section id=(id) {
                h2 { (title) " " span.source { (found.len()) } }
                @for one in found { (finding(one, open, chart.is_news(one))) }
            }
        }
    }
}

fn finding(found: &Found, open: bool, is_news: bool) -> Markup {
    html! {
        details.bare open[open] {
            summary {
                b { (found.title) } " " span.mono { (found.id) }
                " " span.source { (found.severity.word()) @if is_news { " · new" } " · " (found.place()) }
            }
            p.why { (words::with_code(&found.observed)) @if let Some(words) = &found.forecast { "; " (words) } "." }
            @if !found.text.is_empty() { pre.line { (found.text) } }
            dl.facts {
                dt { "Why nothing says so" } dd { (words::with_code(&found.silent)) }
                dt { "What to do" } dd { (words::with_code(&found.cure)) @if found.fix == Fix::Safe { " " code { "muster doctor --fix" } " does it." } }
            }
        }
    }
}

fn unknown(unknown: &[Unseen]) -> Markup {
    html! {
        @if !unknown.is_empty() {
            section #unseen {
                h2 { "What could not be seen" }
                p.lead { "These rules say nothing, good or bad." }
                dl { @for one in unknown { dt { (one.rules.join(" ")) } dd { (one.why) } } }
            }
        }
    }
}

fn allowed(view: &View, allowed: &[Allowed]) -> Markup {
    html! {
        @if !allowed.is_empty() {
            section #allowed {
                h2 { "Meant to be so" }
                table {
                    thead { tr { th { "Finding" } th { "What" } th { "Why" } th { "Until" } } }
                    tbody {
                        @for Allowed { finding, by } in allowed {
                            tr {
                                td { (finding.id) " " span.source { (finding.place()) } } td { (finding.observed) }
                                td { (by.reason) } td { (view.present.moment(by.until)) }
                            }
                        }
                    }
                }
            }
        }
    }
}
