//! `/jobs/racing`: which jobs ran at the same time, which will, and what it costs. The first of it is on `/jobs`.

use axum::extract::{Extension, State};
use maud::{Markup, html};
use muster_core::racing::past::Pair;

use crate::guard::who::Asker;
use crate::jobs::card::{Desk, desk};
use crate::jobs::racing::{WORTH, coming, is_notable, memory, past};
use crate::pages::frame::{View, no_history, page};
use crate::pages::words;
use crate::router::Web;

/// Sentences of each kind on `/jobs`.
const FIRST: usize = 4;

/// What is worth a sentence, for `/jobs`.
pub fn section(view: &View, desk: &Desk) -> Markup {
    let pairs: Vec<_> = desk.weeks.past.pairs.iter().filter(|pair| is_notable(pair)).collect();
    let ahead: Vec<_> = desk.ahead.pairs.iter().filter(|pair| pair.longest >= WORTH).collect();
    let own = view.snapshot.host.memory.as_ref().map(|memory| memory.total);
    html! {
        section #racing {
            h2 { "At the same time" }
            @if pairs.is_empty() && ahead.is_empty() { p.none { "No two jobs were at work together for long." } }
            @else {
                ul.sentences {
                    @for pair in pairs.iter().take(FIRST) { li { (words::with_code(&past(pair))) } }
                    @for pair in ahead.iter().take(FIRST) { li.coming { (words::with_code(&coming(pair, &view.present))) } }
                    @if let Some(found) = &desk.weeks.fullest {
                        li { (words::with_code(&memory(found, own, &view.present, false))) }
                    }
                }
            }
            p.facts { a href="/jobs/racing" { "All that met, and all that will" } }
        }
    }
}

/// `GET /jobs/racing`.
pub async fn get(State(web): State<Web>, Extension(asker): Extension<Asker>) -> Markup {
    let view = View::new(&web, &asker);
    let desk = desk(&web, &view.snapshot, view.present.now).await;
    let body = match &desk {
        Ok(desk) => whole(&view, desk),
        Err(error) => no_history(error),
    };
    page(&view, "Racing", "/jobs", None, &body)
}

fn whole(view: &View, desk: &Desk) -> Markup {
    let (past_pairs, ahead) = (&desk.weeks.past, &desk.ahead);
    let own = view.snapshot.host.memory.as_ref().map(|memory| memory.total);
    html! {
        p.up { a href="/jobs" { "Jobs" } }
        h1 { "What ran at the same time, and what will" }
        section {
            h2 {
                "Looked at: runs from " (view.present.short(past_pairs.cut.unwrap_or(desk.weeks.since)))
                " to " (view.present.short(desk.weeks.read))
            }
            @if past_pairs.cut.is_some() { p.facts { "Before that there were too many at once to look at." } }
            @if past_pairs.pairs.is_empty() { p.none { "No two runs met." } }
            @else {
                table.wide {
                    thead { tr { th { "Jobs" } th.num { "Runs that met" } th.num { "Longest" } th.num { "In all" } th { "Last" } th.num { "Time lost" } th { "Cost" } } }
                    tbody { @for pair in &past_pairs.pairs { (pair_row(view, pair)) } }
                }
                @if past_pairs.more > 0 { p.facts { (words::count(past_pairs.more, "pair", "pairs")) " with less are not shown." } }
            }
            p.facts {
                "A cost is told from four runs with company and four without. Only company at the beginning of a run counts, "
                "so that a run which is long for another reason is not blamed on those it met."
            }
        }
        section {
            h2 { "Memory" }
            @if let Some(found) = &desk.weeks.fullest { p { (words::with_code(&memory(found, own, &view.present, false))) } }
            @if let Some(found) = &ahead.fullest { p { (words::with_code(&memory(found, own, &view.present, true))) } }
            @if desk.weeks.fullest.is_none() && ahead.fullest.is_none() { p.none { "No two measured runs met, and none will." } }
        }
        section {
            h2 { "The next 24 hours" }
            @if ahead.pairs.is_empty() { p.none { "Nothing that is planned will meet." } }
            @else {
                ul.sentences { @for pair in ahead.pairs.iter().take(100) { li { (words::with_code(&coming(pair, &view.present))) } } }
            }
            @if ahead.more > 0 || ahead.pairs.len() > 100 {
                p.facts { (ahead.more + ahead.pairs.len().saturating_sub(100)) " more are not shown." }
            }
            @if ahead.cut { p.facts { "There are too many to look at all of them: the last of the day were." } }
            @if !ahead.unknown.is_empty() {
                p.facts {
                    "Nobody knows how long these take, so whom they will meet is unknown: "
                    @for (i, job) in ahead.unknown.iter().take(30).enumerate() {
                        @if i > 0 { ", " } a href=(format!("/e/{job}")) { (job.name()) }
                    }
                    @if ahead.unknown.len() > 30 { " and " (ahead.unknown.len() - 30) " more" } "."
                }
            }
        }
    }
}

fn pair_row(view: &View, pair: &Pair) -> Markup {
    let (rarer, _) = pair.rarer();
    let [one, other] = &pair.sides;
    html! {
        tr {
            td {
                a href=(format!("/e/{}", one.job)) { (one.job.name()) }
                @if pair.is_own() { " and itself" } @else { " and " a href=(format!("/e/{}", other.job)) { (other.job.name()) } }
            }
            td.num { (rarer.met) " of " (rarer.runs) @if !pair.is_own() { small { " of " (rarer.job.name()) } } }
            td.num { (pair.longest) }
            td.num { (pair.together) }
            td { (view.present.stamp(pair.last)) }
            td.num { @if pair.lost().is_zero() { span.none { "–" } } @else { (pair.lost()) } }
            td {
                @for side in pair.sides.iter().take(if pair.is_own() { 1 } else { 2 }) {
                    @if let Some(cost) = side.cost {
                        div { (side.job.name()) ": " (cost.with) " with, " (cost.alone) " alone "
                            small { "(" (cost.runs_with) " and " (cost.runs_alone) " runs)" } }
                    }
                }
                @if pair.sides.iter().all(|side| side.cost.is_none()) { span.none { "too few runs to tell" } }
            }
        }
    }
}
