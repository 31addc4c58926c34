//! `/`: one sentence, then what is late, then what is in doubt, then everything else, then what is not covered.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use maud::{Markup, html};
use muster_core::board::Line;
use muster_core::effect::{Condition, Reason};
use muster_core::ids::ExpectationId;
use muster_store::contract::StoreError;
use muster_store::history::Run;
use serde::Deserialize;

use crate::guard::who::{Asker, Scope};
use crate::pages::expectation::{outcome, said};
use crate::pages::forms::acts;
use crate::pages::frame::{Fragment, View, no_history, page};
use crate::pages::run::plain;
use crate::pages::strips::{Mark, Strips, short};
use crate::pages::{host, shapes, watchers, words};
use crate::records::ask;
use crate::router::Web;

/// Strips by expectation.
type Found = HashMap<ExpectationId, Arc<[Mark]>>;

/// Expectations that are as they should be, on the page unless all are asked for.
pub const ROWS: usize = 150;

/// Which rows are wanted.
#[derive(Debug, Default, Deserialize)]
pub struct FirstQuery {
    all: Option<String>,
}

/// `GET /`.
pub async fn get(
    State(web): State<Web>,
    Extension(asker): Extension<Asker>,
    query: Result<Query<FirstQuery>, QueryRejection>,
) -> Markup {
    let view = View::new(&web, &asker);
    let all = query.is_ok_and(|Query(query)| query.all.is_some());
    let rows = if all { usize::MAX } else { ROWS };
    let found = Strips::of(&web, &view.snapshot.board.lines).await;
    let (found, broken) = split(found);
    let latest = latest(&view).await;
    let body = html! {
        @if let Some(error) = &broken { (no_history(error)) }
        (sentence(&view))
        (trouble(&view, &latest))
        (doubt(&view, &found))
        (rest(&view, &found, rows))
        (host::uncovered(&view))
        (host::unseen(&view))
        (host::vitals(&view))
        (watchers::watchers(&view))
    };
    // The stream knows the folded page only.
    let events = (!all).then_some("/api/v1/events");
    page(&view, &words::headline(&view.snapshot.board).sentence, "/", events, &body)
}

fn split(found: Result<Found, StoreError>) -> (Found, Option<StoreError>) {
    match found {
        Ok(found) => (found, None),
        Err(error) => (HashMap::new(), Some(error)),
    }
}

/// The parts that differ between two moments. Rows are sent one by one as long as the same ones are shown.
pub async fn changed(view: &View, before: &[Line]) -> Vec<Fragment> {
    let lines = &view.snapshot.board.lines;
    let same_rows = |choose: fn(&Line) -> bool| {
        let ids = |lines: &[Line]| {
            lines.iter().filter(|line| choose(line)).map(|line| line.id.clone()).collect::<Vec<_>>()
        };
        ids(before) == ids(lines)
    };
    let old: HashMap<_, _> = before.iter().map(|line| (&line.id, line)).collect();
    let differs = |line: &&Line| old.get(&line.id) != Some(line);
    let new: Vec<_> = lines.iter().filter(differs).collect();
    let gone = before.len() != lines.len();
    if new.is_empty() && !gone {
        return Vec::new();
    }
    let (found, _) = split(Strips::of(&view.web, lines).await);
    let mut parts = vec![Fragment::new("sentence", sentence(view))];
    if !same_rows(is_trouble) || new.iter().any(|line| is_trouble(line)) {
        parts.push(Fragment::new("trouble", trouble(view, &latest(view).await)));
    }
    if same_rows(is_doubt) && same_rows(is_rest) {
        let rows = new.iter().filter(|line| !is_trouble(line));
        parts.extend(rows.map(|line| Fragment::new(row_id(line), row(view, &found, line))));
    } else {
        parts.push(Fragment::new("doubt", doubt(view, &found)));
        parts.push(Fragment::new("rest", rest(view, &found, ROWS)));
    }
    parts
}

fn is_trouble(line: &Line) -> bool {
    matches!(line.condition, Condition::Firing { .. })
}

fn is_doubt(line: &Line) -> bool {
    matches!(line.condition, Condition::Pending { .. } | Condition::Unknown { .. })
}

fn is_rest(line: &Line) -> bool {
    matches!(line.condition, Condition::Ok | Condition::New)
}

fn sentence(view: &View) -> Markup {
    let said = words::headline(&view.snapshot.board);
    let lines = &view.snapshot.board.lines;
    let count = |word: &str| lines.iter().filter(|line| line.condition.word() == word).count();
    let paused = lines.iter().filter(|line| line.pause.is_some()).count();
    let maintained = lines.iter().filter(|line| line.maintenance.is_some()).count();
    html! {
        section #sentence.(said.tone) {
            h1 { (said.sentence) }
            @if !said.also.is_empty() { p.also { (words::join(&said.also)) "." } }
            p.tally {
                @if !lines.is_empty() { span { b { (lines.len()) } " expected" } }
                @for word in ["firing", "pending", "unknown", "new", "ok"] {
                    @let n = count(word);
                    @if n > 0 { span.state.(word) { (shapes::shape(word)) b { (n) } " " (word) } }
                }
                @if paused > 0 { span.state.paused { (shapes::shape("paused")) b { (paused) } " paused" } }
                @if maintained > 0 {
                    span.state.paused { (shapes::shape("maintenance")) b { (maintained) } " in maintenance" }
                }
            }
        }
    }
}

/// The last run of each expectation whose trouble is a run.
async fn latest(view: &View) -> HashMap<ExpectationId, Run> {
    let by_run = |line: &&Line| is_trouble(line) && !is_silence(line);
    let ids: Vec<_> = view.snapshot.board.lines.iter().filter(by_run).map(|line| line.id.clone()).collect();
    let read = ask(&view.web.parts.store, move |store| {
        let mut found = HashMap::new();
        for id in ids {
            let runs = store.runs(Some(&id), None, 3)?.items;
            found.extend(runs.into_iter().find(|run| !run.is_open()).map(|run| (id, run)));
        }
        Ok(found)
    });
    // The page says elsewhere that history cannot be read.
    read.await.unwrap_or_default()
}

fn evidence(view: &View, run: &Run) -> Markup {
    let tail = outcome(run).map_or("", |outcome| outcome.tail.trim_end());
    let last = tail.lines().next_back().unwrap_or_default();
    html! {
        p.facts {
            // A peer does not run; what it says or does not say is a sentence of its own.
            @if !matches!(run.about.table(), "peer" | "drift") { "Last run " }
            (said(run)) " " (view.present.moment_and_distance(run.ended.unwrap_or(run.started)))
            " · " a href=(format!("/runs/{}/{}", run.about, run.id)) { "output" }
        }
        @if !last.is_empty() && view.asker.may(Scope::Read) { pre.line { (plain(last)) } }
    }
}

fn trouble(view: &View, latest: &HashMap<ExpectationId, Run>) -> Markup {
    let mut late: Vec<_> = view.snapshot.board.lines.iter().filter(|line| is_trouble(line)).collect();
    // What nobody has answered comes first, the oldest of it on top.
    late.sort_by_key(|line| {
        let answered = line.incident.as_ref().is_some_and(|incident| incident.acknowledged.is_some());
        (answered || line.is_quiet(), !is_silence(line), line.since)
    });
    html! {
        section #trouble {
            @for line in late {
                article.trouble {
                    h2 { a href=(format!("/e/{}", line.id)) { (line.id) } " " (shapes::of_line(line)) }
                    p.why { (words::why(line, &view.present)) }
                    p.facts {
                        "Since " (view.present.moment_and_distance(line.incident.as_ref().map_or(line.since, |i| i.since))) ". "
                        @if let Some(told) = words::told(line, &view.present) { (told) " " }
                        @for quiet in words::quiet(line, &view.present) { (quiet) ". " }
                    }
                    @if let Some(run) = latest.get(&line.id) { (evidence(view, run)) }
                    (acts(line, &view.asker, "/"))
                }
            }
        }
    }
}

fn is_silence(line: &Line) -> bool {
    matches!(
        &line.condition,
        Condition::Firing {
            reason: Reason::Missed { .. } | Reason::NeverReported { .. } | Reason::NoSuccess { .. },
            ..
        }
    )
}

fn doubt(view: &View, found: &Found) -> Markup {
    let lines: Vec<_> = view.snapshot.board.lines.iter().filter(|line| is_doubt(line)).collect();
    html! { section #doubt { @if !lines.is_empty() { h2 { "In doubt" } (table(view, found, &lines)) } } }
}

fn rest(view: &View, found: &Found, rows: usize) -> Markup {
    let all = view.snapshot.board.lines.iter().filter(|line| is_rest(line));
    let (own, lines): (Vec<_>, Vec<_>) = all.partition(|line| matches!(line.id.table(), "duty" | "channel"));
    // What was never heard is always there.
    let (fine, new): (Vec<_>, Vec<_>) = lines.into_iter().partition(|line| line.condition == Condition::Ok);
    let folded = fine.len().saturating_sub(rows);
    let mut lines: Vec<_> = fine.into_iter().take(rows).chain(new).collect();
    lines.sort_by(|a, b| a.id.cmp(&b.id));
    html! {
        section #rest {
            @if !lines.is_empty() { h2 { "Everything else" } (table(view, found, &lines)) }
            @if folded > 0 {
                p.pager { a href="/?all" { "Show all: " (folded) " more, each as it should be" } }
            }
            @if !own.is_empty() {
                details.own {
                    summary { "muster’s own " (words::count(own.len(), "duty", "duties")) ", on the same roll" }
                    (table(view, found, &own))
                }
            }
            @if view.snapshot.board.lines.is_empty() {
                p {
                    "Wrap a job with " code { "muster run NAME -- COMMAND" } ", or let muster write a first "
                    code { "muster.toml" } " with " code { "muster init" } "."
                }
            }
        }
    }
}

fn table(view: &View, found: &Found, lines: &[&Line]) -> Markup {
    html! {
        div.roll role="table" {
            div.head role="row" {
                @for word in ["Name", "Condition", "Rhythm", "Last heard", "Next due", "Recent"] {
                    span role="columnheader" { (word) }
                }
            }
            @for line in lines { (row(view, found, line)) }
        }
    }
}

fn row_id(line: &Line) -> String {
    format!("row-{}", line.id)
}

fn row(view: &View, found: &Found, line: &Line) -> Markup {
    let address = format!("/e/{}", line.id);
    html! {
        div.line role="row" id=(row_id(line)) {
            span.name role="cell" {
                a href=(address) { span.table { (line.id.table()) "." } (line.id.name()) }
                @if is_doubt(line) { small.why { (words::why(line, &view.present)) } }
            }
            span.condition role="cell" {
                (shapes::of_line(line))
                @if !line.running.is_empty() {
                    " " span.state.running { (shapes::shape("running")) @if line.running.len() > 1 { (line.running.len()) " " } "running" }
                }
            }
            span.rhythm role="cell" { (line.rhythm) }
            span.heard role="cell" {
                @match line.last_heard { Some(at) => (view.present.moment_and_distance(at)), None => "never" }
            }
            span.due role="cell" {
                @match line.due { Some(at) => (view.present.moment_and_distance(at)), None => span.none { "–" } }
            }
            span.recent role="cell" {
                @if let Some(marks) = found.get(&line.id).filter(|marks| !marks.is_empty()) { (short(marks)) }
            }
        }
    }
}
