//! `/jobs`: two days of all jobs on one axis, what needs an eye first, and what meets.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use maud::{Markup, html};
use muster_core::board::Line;
use muster_core::signal::{Enforcement, Limits};
use muster_core::time::Span;
use muster_store::brief::BriefState;
use serde::Deserialize;

use crate::guard::who::{Asker, Scope};
use crate::jobs::card::{Card, Desk, desk, is_job};
use crate::pages::frame::{Fragment, View, no_history, page};
use crate::pages::track::{hours, recent, track};
use crate::pages::{racing, shapes, words};
use crate::router::Web;

/// Jobs on the page unless all are asked for.
pub const ROWS: usize = 200;

/// Which jobs are wanted.
#[derive(Debug, Default, Deserialize)]
pub struct JobsQuery {
    all: Option<String>,
}

/// `GET /jobs`.
pub async fn get(
    State(web): State<Web>,
    Extension(asker): Extension<Asker>,
    query: Result<Query<JobsQuery>, QueryRejection>,
) -> Markup {
    let view = View::new(&web, &asker);
    let all = query.is_ok_and(|Query(query)| query.all.is_some());
    let jobs = view.snapshot.board.lines.iter().filter(is_job).count();
    if jobs == 0 {
        return page(&view, "Jobs", "/jobs", Some("/api/v1/events?view=jobs"), &none(&view));
    }
    let rows = if all { usize::MAX } else { ROWS };
    let desk = desk(&web, &view.snapshot, view.present.now).await;
    let body = match &desk {
        Ok(desk) => html! {
            (sentence(&view))
            (list(&view, desk, rows))
            (racing::section(&view, desk))
        },
        Err(error) => html! { (sentence(&view)) (no_history(error)) },
    };
    // The stream knows the short list only.
    let events = (rows == ROWS || jobs <= ROWS).then_some("/api/v1/events?view=jobs");
    page(&view, "Jobs", "/jobs", events, &body)
}

/// The parts that differ from `before`; all of them when it is time to move the axis.
pub async fn changed(view: &View, before: &[Line], move_axis: bool) -> Vec<Fragment> {
    let differs = |line: &&Line| is_job(line) && !before.contains(line);
    let new: Vec<_> = view.snapshot.board.lines.iter().filter(differs).collect();
    if new.is_empty() && !move_axis {
        return Vec::new();
    }
    let Ok(desk) = desk(&view.web, &view.snapshot, view.present.now).await else { return Vec::new() };
    let mut parts = vec![Fragment::new("sentence", sentence(view))];
    let word = |line: &Line| line.condition.word();
    let same_order = new.iter().all(|line| {
        before
            .iter()
            .any(|old| old.id == line.id && word(old) == word(line) && old.is_quiet() == line.is_quiet())
    });
    if !same_order || move_axis {
        parts.push(Fragment::new("jobs", list(view, &desk, ROWS)));
        parts.push(Fragment::new("racing", racing::section(view, &desk)));
        return parts;
    }
    let cards = desk.cards(&view.snapshot, view.present.now);
    let shown = cards.iter().take(ROWS).filter(|card| new.iter().any(|line| line.id == card.line.id));
    parts.extend(shown.map(|card| Fragment::new(row_id(card.line), row(view, card))));
    parts
}

fn none(view: &View) -> Markup {
    let found = view.snapshot.host.scheduled.len();
    html! {
        section #jobs {
            h1 { "No job is on the roll yet." }
            @if found > 0 {
                p.lead {
                    "This host starts " (words::count(found, "thing", "things")) " by itself. Let muster show what it would "
                    "change to hear of each of them; nothing is written:"
                }
                pre.line { "muster jobs adopt --dry-run" }
                p.facts { a href="/host" { "See what was found" } "." }
            } @else {
                p.lead { "What a host starts by itself can be taken over as it is. See first what would change; nothing is written:" }
                pre.line { "muster jobs adopt --dry-run" }
                p.lead { "Or put the wrapper in front of one command:" }
                pre.line { ins { "muster run NAME -- " } "COMMAND" }
            }
        }
    }
}

fn sentence(view: &View) -> Markup {
    let jobs: Vec<_> = view.snapshot.board.lines.iter().filter(is_job).collect();
    let count = |word: &str| jobs.iter().filter(|line| line.condition.word() == word).count();
    let (bad, doubt) = (count("firing"), count("pending") + count("unknown"));
    let said = match (bad, doubt) {
        (0, 0) => format!("{} as planned.", words::count(jobs.len(), "job", "jobs")),
        (0, n) => format!("{} of {} in doubt.", n, words::count(jobs.len(), "job", "jobs")),
        (1, _) => format!("1 of {} needs you.", words::count(jobs.len(), "job", "jobs")),
        (n, _) => format!("{n} of {} need you.", words::count(jobs.len(), "job", "jobs")),
    };
    let tone = match (bad, doubt) {
        (0, 0) => "good",
        (0, _) => "unsure",
        _ => "bad",
    };
    html! {
        section #sentence.(tone) {
            h1 { (said) }
            p.tally {
                @for word in ["firing", "pending", "unknown", "new", "ok"] {
                    @let n = count(word);
                    @if n > 0 { span.state.(word) { (shapes::shape(word)) b { (n) } " " (word) } }
                }
                @let running: usize = jobs.iter().map(|line| line.running.len()).sum();
                @if running > 0 { span.state.running { (shapes::shape("running")) b { (running) } " running" } }
            }
        }
    }
}

fn list(view: &View, desk: &Desk, rows: usize) -> Markup {
    let cards = desk.cards(&view.snapshot, view.present.now);
    let more = cards.len().saturating_sub(rows);
    html! {
        section #jobs {
            div.jobs {
                div.head aria-hidden="true" {
                    span { "Job" }
                    (hours(&view.present))
                    span { "Last runs" }
                }
                @for card in cards.iter().take(rows) { (row(view, card)) }
            }
            @if more > 0 {
                p.pager { a href="/jobs?all" { "Show the other " (more) } ", all of them in order" }
            }
            (legend())
        }
    }
}

fn legend() -> Markup {
    let sample = |class: &str, path: &str| {
        html! { svg.track viewBox="0 0 18 30" width="18" height="22" preserveAspectRatio="none" aria-hidden="true" { path class=(class) d=(path) {} } }
    };
    html! {
        p.legend {
            @for (class, path, word) in [
                ("ok", "M2 15h14", "went well"), ("failed", "M6 15h6", "failed"), ("missed", "M6 4h6m-6 22h6", "missed"),
                ("skipped", "M4 20h10", "gave way"), ("unknown", "M2 15h14", "unknown"), ("running", "M2 15h14", "running"),
                ("planned", "M3 10h12v10h-12z", "planned"), ("planned-unknown", "M3 10h12v10h-12z", "planned, nobody knows how long"),
                ("ok dense", "M0 15h18", "many"), ("shared", "M0 28h18", "beside another job"),
            ] {
                span { (sample(class, path)) (word) }
            }
        }
    }
}

fn row_id(line: &Line) -> String {
    format!("job-{}", line.id.name())
}

fn row(view: &View, card: &Card<'_>) -> Markup {
    let line = card.line;
    let word = line.condition.word();
    html! {
        article.job.(word) id=(row_id(line)) {
            div.name {
                h3 { a href=(format!("/e/{}", line.id)) { (line.id.name()) } " " (shapes::of_line(line)) }
                p.last { (last(view, card)) }
                @if matches!(word, "firing" | "pending" | "unknown") { p.why { (words::why(line, &view.present)) } }
                @for quiet in words::quiet(line, &view.present) { p.last { (quiet) } }
                p.marks { (marks(view, card)) }
            }
            (track(&line.id, &card.bars))
            div.runs {
                (recent(&card.recent, line.usual.as_ref()))
                small { (usually(card)) }
            }
        }
    }
}

fn last(view: &View, card: &Card<'_>) -> Markup {
    let present = &view.present;
    html! {
        @if let Some(run) = card.line.running.first() {
            span.state.running { (shapes::shape("running")) "since " (present.moment(run.since)) }
            @if run.late { " " b { "past its limit" } }
            " · "
        }
        @match card.last() {
            Some(run) => {
                @let word = match run.state {
                    BriefState::Ok => "ok",
                    BriefState::Failed => "failed",
                    BriefState::Lost => "lost",
                    BriefState::Skipped => "gave way",
                    BriefState::Running => "running",
                };
                a href=(format!("/runs/{}/{}", run.about, run.id)) { (word) } " "
                small.ago data-at=(run.ended.unwrap_or(run.started).millis()) { (present.distance(run.ended.unwrap_or(run.started))) }
                @if let Some(took) = run.took { ", took " (took) }
            }
            None => "no run yet",
        }
        @if let Some(due) = card.line.due.filter(|due| *due > present.now) {
            " · next " (present.moment(due))
        }
    }
}

/// What else should be seen: who starts it, whether it is flaky, what was not met, its limits, and what can be done.
fn marks(view: &View, card: &Card<'_>) -> Markup {
    let line = card.line;
    let last = card.last();
    html! {
        @if let Some(retried) = &line.retried {
            span.mark.flaky title="successes that needed more than one attempt" { "flaky: tried again in " (retried.times) " of " (retried.of) }
        }
        @if let Some(unmet) = last.map(|run| run.unmet).filter(|n| *n > 0) {
            span.mark.unmet { (words::count(unmet, "expectation", "expectations")) " not met" }
        }
        @if let Some(limits) = last.and_then(|run| run.limits.as_ref()) { span.mark { (limit_words(limits)) } }
        @if line.own { span.mark title="muster itself starts it" { "by muster" } }
        @if let Some(found) = card.starter { span.mark title=(found.source) { "by " (starter_word(found)) } }
        @if view.asker.may(Scope::Act) {
            a href=(format!("/e/{}/run", line.id)) { "Run now" }
            @if line.pause.is_none() { a href=(format!("/e/{}/pause", line.id)) { "Pause" } }
            @else { a href=(format!("/e/{}", line.id)) { "Resume" } }
        }
    }
}

fn starter_word(found: &muster_core::host_roll::Scheduled) -> &'static str {
    crate::pages::host::starter(found)
}

/// Limits in a few words: `at most 512 MiB, half a processor`.
pub fn limit_words(limits: &Limits) -> String {
    let mut parts = Vec::new();
    parts.extend(limits.memory.map(words::bytes));
    parts.extend(limits.cpu.map(|cpu| format!("{}.{} CPU", cpu / 1000, cpu % 1000 / 100)));
    parts.extend(limits.pids.map(|pids| words::count(pids as usize, "process", "processes")));
    if parts.is_empty() { "no limit".to_owned() } else { format!("at most {}", parts.join(", ")) }
}

/// Who keeps the limits.
pub fn enforcement_words(by: Enforcement) -> &'static str {
    match by {
        Enforcement::CgroupV2 => "kept by a control group (v2)",
        Enforcement::CgroupV1 => "kept by a control group (v1)",
        Enforcement::SystemdScope => "kept by a scope of systemd",
        Enforcement::Rlimit => "kept by limits of each process, and a look at the whole from time to time",
    }
}

fn usually(card: &Card<'_>) -> Markup {
    let ms = Span::millis;
    html! {
        @match (&card.line.usual, card.lengths) {
            (Some(usual), _) => { span title=(format!("{} to {} is not odd", ms(usual.band().0), ms(usual.band().1))) { "usually " (ms(usual.median)) } }
            (None, Some(lengths)) => { "median " (lengths.median) }
            (None, None) => { "nothing usual yet" }
        }
    }
}
