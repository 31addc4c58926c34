//! `/e/{id}`: one expectation: why it is in its state, its runs, its verdicts, its history, who was told, and how to
//! report.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Path, Query, State};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use muster_core::board::Line;
use muster_core::effect::{Condition, Transition};
use muster_core::ids::ExpectationId;
use muster_core::notice::Notice;
use muster_core::outbox::Entry;
use muster_core::signal::Outcome;
use muster_store::contract::{Store, StoreError};
use muster_store::history::{Cursor, Listed, Run, RunState};

use crate::acts::on_roll;
use crate::guard::who::{Asker, Scope};
use crate::pages::deliveries::{self, Before};
use crate::pages::forms::acts;
use crate::pages::frame::{Fragment, View, no_history, page};
use crate::pages::strips::{LONG, Mark, in_words, long, recent};
use crate::pages::{look, notices, refused, shapes, words};
use crate::records::ask;
use crate::refusal::Refusal;
use crate::router::Web;

/// Runs on one page.
const RUNS: usize = 25;
/// Changes of state that are shown.
const CHANGES: usize = 20;
/// Deliveries that are searched for those about this expectation.
const SEARCHED: usize = 300;
/// Deliveries that are shown.
const DELIVERIES: usize = 10;

/// What the store knows about one expectation.
struct Record {
    runs: Listed<Run>,
    marks: Vec<Mark>,
    changes: Vec<Transition>,
    deliveries: Vec<Entry>,
    notices: Vec<Notice>,
}

/// `GET /e/{id}`.
pub async fn get(
    State(web): State<Web>,
    Extension(asker): Extension<Asker>,
    Path(id): Path<String>,
    query: Result<Query<Before>, QueryRejection>,
) -> Response {
    let view = View::new(&web, &asker);
    let line = match on_roll(&view.snapshot.board.lines, &id) {
        Ok(line) => line.clone(),
        Err(refusal) => return refused::page(&web, Some(&asker), refusal),
    };
    let Ok(Query(Before { before })) = query else {
        let refusal = Refusal::bad("`before` is no place in the history", format!("start at /e/{id}"));
        return refused::page(&web, Some(&asker), refusal);
    };
    let record = read(&view, &line.id, before).await;
    let events = format!("/api/v1/events?about={}", line.id);
    // An older page of runs stands still.
    let events = before.is_none().then_some(events.as_str());
    let body = html! {
        (state(&view, &line))
        (look::section(&view, &line).await)
        (history(&view, &line, &record))
        @if !is_looked_at(&view, &line) { (how(&view, &line)) }
    };
    page(&view, line.id.as_str(), "", events, &body).into_response()
}

/// The parts that change, when this line differs from before.
pub async fn changed(view: &View, id: &ExpectationId, before: &[Line]) -> Vec<Fragment> {
    let find = |lines: &[Line]| lines.iter().find(|line| line.id == *id).cloned();
    let Some(line) = find(&view.snapshot.board.lines) else { return Vec::new() };
    if find(before).as_ref() == Some(&line) {
        return Vec::new();
    }
    let record = read(view, id, None).await;
    vec![
        Fragment::new("state", state(view, &line)),
        Fragment::new("looked", look::section(view, &line).await),
        Fragment::new("history", history(view, &line, &record)),
    ]
}

/// It does not report: somebody goes and looks, which has a past of its own.
fn is_looked_at(view: &View, line: &Line) -> bool {
    view.web.parts.eye.of(&line.id).is_some()
}

async fn read(view: &View, id: &ExpectationId, before: Option<Cursor>) -> Result<Record, StoreError> {
    let (id, now) = (id.clone(), view.present.now);
    ask(&view.web.parts.store, move |store: &dyn Store| {
        let deliveries =
            store.deliveries(None, SEARCHED)?.items.into_iter().filter(|entry| entry.page.about == id);
        Ok(Record {
            deliveries: deliveries.take(DELIVERIES).collect(),
            runs: store.runs(Some(&id), before, RUNS)?,
            marks: recent(store, &id, LONG, now)?,
            changes: store.transitions(Some(&id), None, CHANGES)?.items,
            notices: notices::of(store, &id, now)?,
        })
    })
    .await
}

fn state(view: &View, line: &Line) -> Markup {
    let present = &view.present;
    html! {
        section #state.(line.condition.word()) {
            h1.id { span.table { (line.id.table()) "." } (line.id.name()) }
            p.big { (shapes::of_line(line)) " since " (present.moment_and_distance(line.since)) }
            p.why { (words::why(line, present)) }
            @if let Some(told) = words::told(line, present) { p.facts { (told) } }
            @if let Some(pause) = &line.pause {
                p.facts {
                    "Paused by " (pause.by) " until " (present.moment_and_distance(pause.until)) ": " (pause.reason)
                    ". It is still watched."
                }
            }
            @if let Some(until) = line.maintenance {
                p.facts {
                    "In maintenance until " (present.moment_and_distance(until))
                    ", as planned. It is still watched; what is bad then is told then."
                }
            }
            (acts(line, &view.asker, ""))
            dl.facts {
                dt { "Rhythm" } dd.mono { (line.rhythm) }
                @if line.own { dt { "Started by" } dd { "muster" } }
                @if let Some(usage) = &line.usage { dt { "Took" } dd { (words::usage(usage)) } }
                @for (word, at) in [
                    ("Last heard", line.last_heard), ("Last success", line.last_success),
                    ("Next due", line.due), ("Alarm from", line.deadline),
                ] {
                    dt { (word) }
                    dd { @match at { Some(at) => (present.moment_and_distance(at)), None => span.none { "–" } } }
                }
            }
            @for run in &line.running {
                p.present {
                    span.state.running { (shapes::shape("running")) "running" }
                    @if let Some(id) = &run.run { " " a.mono href=(format!("/runs/{}/{id}", line.id)) { (id) } }
                    " since " (present.moment_and_distance(run.since))
                    @if let Some(limit) = run.limit { ", may take " (limit) }
                    @if run.late { " " b { "past its limit" } }
                }
            }
        }
    }
}

fn history(view: &View, line: &Line, record: &Result<Record, StoreError>) -> Markup {
    let reports = !is_looked_at(view, line);
    html! {
        div #history {
            @match record {
                Err(error) => (no_history(error)),
                Ok(record) => {
                    (notices::section(view, &record.notices))
                    @if reports && !record.marks.is_empty() {
                        section {
                            h2 { "Verdicts" }
                            (long(&line.id, &record.marks, &view.present))
                            p.facts { (in_words(&record.marks)) "; oldest first." }
                        }
                    }
                    @if reports { section { h2 { "Runs" } (runs(view, line, &record.runs)) } }
                    @if !record.changes.is_empty() { section { h2 { "Changes of state" } (changes(view, line, &record.changes)) } }
                    section {
                        h2 { "Who was told" }
                        @if record.deliveries.is_empty() { p.none { "Nobody, lately." } }
                        @else { (deliveries::table(view, &record.deliveries, false)) }
                    }
                }
            }
        }
    }
}

fn runs(view: &View, line: &Line, runs: &Listed<Run>) -> Markup {
    html! {
        @if runs.items.is_empty() { p.none { "No run on record." } }
        @else {
            table.wide {
                thead { tr { th { "Began" } th { "Outcome" } th.num { "Took" } th.num { "CPU" } th.num { "Memory" } th { "Run" } } }
                tbody {
                    @for run in &runs.items {
                        @let outcome = outcome(run);
                        tr {
                            td { (view.present.stamp(run.started)) }
                            td { (shapes::of_run(&run.state)) " " small { (said(run)) } }
                            td.num { @if let Some(took) = outcome.and_then(|o| o.duration) { (took) } }
                            td.num { @if let Some(cpu) = outcome.and_then(|o| o.cpu) { (cpu) } }
                            td.num { @if let Some(peak) = outcome.and_then(|o| o.peak_memory) { (words::bytes(peak)) } }
                            td { a.mono href=(format!("/runs/{}/{}", line.id, run.id)) { (run.id) } }
                        }
                    }
                }
            }
            @if let Some(next) = &runs.next { p.pager { a href=(format!("/e/{}?before={next}", line.id)) { "Older" } } }
        }
    }
}

/// The outcome of a run that has one.
pub fn outcome(run: &Run) -> Option<&Outcome> {
    match &run.state {
        RunState::Ok(outcome) | RunState::Failed(outcome) => Some(outcome),
        RunState::Running | RunState::Skipped { .. } => None,
    }
}

/// How a run ended, in a few words.
pub fn said(run: &Run) -> String {
    match &run.state {
        RunState::Running => String::new(),
        RunState::Ok(outcome) | RunState::Failed(outcome) => muster_core::words::result(outcome),
        RunState::Skipped { why, .. } => why.clone(),
    }
}

fn changes(view: &View, line: &Line, changes: &[Transition]) -> Markup {
    html! {
        table.wide {
            thead { tr { th { "When" } th { "From" } th { "To" } th { "Why" } } }
            tbody {
                @for change in changes {
                    tr {
                        td { (view.present.stamp(change.at)) }
                        td { (shapes::of_condition(&change.from)) }
                        td { (shapes::of_condition(&change.to)) }
                        td {
                            @match &change.to {
                                Condition::Firing { reason, .. } | Condition::Pending { reason, .. } =>
                                    (words::reason(reason, line, &view.present)),
                                Condition::Unknown { why } => (why),
                                Condition::New | Condition::Ok => "",
                            }
                        }
                    }
                }
            }
        }
    }
}

fn how(view: &View, line: &Line) -> Markup {
    let name = line.id.name();
    let settings = &view.web.parts.settings;
    // The key is a secret: it is shown to those who may use it.
    let key =
        settings.ping_key.as_deref().filter(|_| view.asker.may(Scope::Act)).unwrap_or("$MUSTER_PING_KEY");
    let base = &view.asker.here;
    html! {
        @if matches!(line.id.table(), "job" | "check") {
            section #how {
                h2 { "How it reports" }
                @if line.id.table() == "job" {
                    p { "Put the wrapper in front of the command, in the crontab or wherever it starts:" }
                    pre.line { ins { "muster run " (name) " -- " } "COMMAND" }
                }
                p { "From anything that can send a request:" }
                pre.line { "curl -fsS -m 10 --retry 5 " (base) "/ping/" (key) "/" (name) }
                p.facts {
                    "Add " code { "/start" } ", " code { "/fail" } ", " code { "/log" } " or the exit code; "
                    code { "?rid=UUID" } " ties a start to its end; the body is kept as the output's tail."
                }
            }
        }
    }
}
