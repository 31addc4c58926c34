//! `/runs/{about}/{run}`: how one run went, and its log. Output may hold secrets, so it is shown to those who are
//! signed in and to nobody else, wherever they are.

use std::path::PathBuf;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use muster_core::ids::{ExpectationId, RunId};
use muster_core::signal::{Ending, Outcome};
use muster_run::log::Source;
use muster_run::log::read::Line;
use muster_run::log::search::Place;
use muster_store::history::{Run, RunState};
use serde::Deserialize;

use crate::guard::gate::may_act;
use crate::guard::who::{Asker, Scope};
use crate::logs::{self, Excerpt, Wanted};
use crate::pages::expectation::{outcome, said};
use crate::pages::frame::{View, page};
use crate::pages::{jobs, refused, shapes, words};
use crate::records::ask;
use crate::refusal::Refusal;
use crate::router::Web;

/// Which lines of the log are wanted.
#[derive(Debug, Default, Deserialize)]
pub struct LogQuery {
    /// Only lines with this in them.
    pub q: Option<String>,
    /// From this offset in bytes on.
    pub from: Option<u64>,
    /// How many lines are before that, where they are counted.
    pub line: Option<u64>,
}

impl LogQuery {
    /// As the reader understands it.
    pub fn wanted(&self) -> Wanted {
        match (self.q.as_deref().map(str::trim).filter(|q| !q.is_empty()), self.from) {
            (Some(q), from) => {
                let from = Place { offset: from.unwrap_or(0), lines: self.line.unwrap_or(0) };
                Wanted::With(q.to_owned(), from)
            }
            (None, Some(from)) => Wanted::From(from),
            (None, None) => Wanted::End,
        }
    }
}

/// The run with these ids.
///
/// # Errors
/// [`Refusal`] if there is none, or the store cannot be read.
pub async fn find(web: &Web, about: &str, run: &str) -> Result<Run, Refusal> {
    let unknown = || Refusal::not_found("no such run is on record");
    let (about, run) =
        (ExpectationId::new(about).map_err(|_| unknown())?, RunId::new(run).map_err(|_| unknown())?);
    ask(&web.parts.store, move |store| store.run(&about, &run)).await?.ok_or_else(unknown)
}

/// The lines of a run's log; none if it has no log here.
///
/// # Errors
/// [`Refusal`] if the asker may not read output, or it cannot be read.
pub async fn log(web: &Web, asker: &Asker, run: &Run, query: &LogQuery) -> Result<Option<Excerpt>, Refusal> {
    if !asker.may(Scope::Read) {
        may_act(asker, Scope::Read, None)?;
    }
    let Some(path) = logs::path(&web.parts.layout, &run.about, &run.id) else { return Ok(None) };
    let unreadable = |error: std::io::Error| {
        Refusal::unavailable(format!("the log cannot be read: {error}"), format!("ls -l {}", path.display()))
    };
    logs::read(path.clone(), query.wanted()).await.map_err(unreadable)
}

/// `GET /runs/{about}/{run}`.
pub async fn get(
    State(web): State<Web>,
    Extension(asker): Extension<Asker>,
    Path((about, run)): Path<(String, String)>,
    query: Result<Query<LogQuery>, QueryRejection>,
) -> Response {
    let query = query.map(|Query(query)| query).unwrap_or_default();
    let run = match find(&web, &about, &run).await {
        Ok(run) => run,
        Err(refusal) => return refused::page(&web, Some(&asker), refusal),
    };
    let view = View::new(&web, &asker);
    let log = log(&web, &asker, &run, &query).await;
    let body = html! {
        p.up { a href=(format!("/e/{}", run.about)) { (run.about) } }
        (story(&view, &run))
        section #log {
            h2 { "Output" }
            @match &log {
                Err(_) if !asker.may(Scope::Read) => p {
                    "Output may hold secrets, so it is shown after a " a href="/signin" { "sign-in" } "."
                },
                Err(refusal) => p.fault.said role="alert" { (refusal.what) ". " span.help { (words::with_code(&refusal.help)) } },
                Ok(Some(excerpt)) => (lines(&view, &run, &query, excerpt)),
                Ok(None) => (tail(&run)),
            }
        }
    };
    let title = format!("Run {} of {}", run.id, run.about);
    page(&view, &title, "", None, &body).into_response()
}

fn story(view: &View, run: &Run) -> Markup {
    let present = &view.present;
    html! {
        section #state {
            h1.id { "Run " span.mono { (run.id) } }
            p.big { (shapes::of_run(&run.state)) " " (said(run)) }
            dl.facts {
                dt { "Began" } dd { (present.full(run.started)) }
                @if let Some(ended) = run.ended { dt { "Ended" } dd { (present.full(ended)) } }
                @if let Some(outcome) = outcome(run) {
                    @for (word, value) in words::cost(outcome) { dt { (word) } dd { (value) } }
                    @if let Some(output) = outcome.output { dt { "Output" } dd { (words::bytes(output)) } }
                    @if let Some(left) = &outcome.artefact {
                        dt { "Left behind" } dd { (words::count(left.files as usize, "file", "files")) ", " (words::bytes(left.bytes)) }
                    }
                    @if let Some(limits) = &outcome.limits {
                        dt { "Limits" }
                        dd { (jobs::limit_words(limits)) " " small { (jobs::enforcement_words(limits.by)) } }
                    }
                    @if let Some(host) = &outcome.host { dt { "Host" } dd { (host) } }
                    @if let Some(log) = &outcome.log { dt { "Log" } dd.mono { (log) } }
                }
                @if let RunState::Skipped { holder: Some(holder), .. } = &run.state {
                    dt { "In favour of" } dd { a.mono href=(format!("/runs/{}/{holder}", run.about)) { (holder) } }
                }
            }
            @if let Some(outcome) = outcome(run) { (evidence(view, outcome)) }
            @if let Some(outcome) = outcome(run) { @for note in &outcome.notes { p.odd { (note) } } }
        }
    }
}

/// What was not met, how far its memory went, and the attempts before the last.
fn evidence(view: &View, outcome: &Outcome) -> Markup {
    html! {
        @if let Ending::OutOfMemory { limit } = &outcome.ending {
            p.fault role="alert" {
                "The kernel ended it for memory"
                @if let Some(limit) = limit { ": its limit was " b { (words::bytes(*limit)) } }
                @if let Some(peak) = outcome.peak_memory { ", its largest process had " b { (words::bytes(peak)) } }
                "."
            }
        }
        @if !outcome.unmet.is_empty() {
            div.unmet {
                h2 { "Expected, and not seen" }
                ul.sentences { @for unmet in &outcome.unmet { li { (unmet) } } }
            }
        }
        @if !outcome.attempts.is_empty() {
            div.attempts {
                h2 { "Attempts" }
                table {
                    thead { tr { th { "Attempt" } th { "Began" } th.num { "Took" } th { "Ended" } } }
                    tbody {
                        @for (n, attempt) in outcome.attempts.iter().enumerate() {
                            tr {
                                td { (n + 1) }
                                td { (view.present.stamp(attempt.started)) }
                                td.num { (attempt.duration) }
                                td { (words::ending(&attempt.ending)) }
                            }
                        }
                        tr { td { (outcome.attempts.len() + 1) } td {} td.num { @if let Some(took) = outcome.last_attempt { (took) } } td { (words::ending(&outcome.ending)) " " small { "(the last)" } } }
                    }
                }
            }
        }
    }
}

fn lines(view: &View, run: &Run, query: &LogQuery, excerpt: &Excerpt) -> Markup {
    let here = format!("/runs/{}/{}", run.about, run.id);
    let q = query.q.as_deref().unwrap_or_default();
    let more = |next: Place| {
        if q.is_empty() {
            format!("{here}?from={}#log", next.offset)
        } else {
            format!("{here}?from={}&line={}&q={}#log", next.offset, next.lines, escape(q))
        }
    };
    html! {
        form.search method="get" action=(here) {
            input type="search" name="q" value=(q) placeholder="find in the output" aria-label="find in the output";
            button { "Find" }
            a href=(format!("{here}/log")) { "Download (" (words::bytes(excerpt.size)) ")" }
            @if excerpt.start > 0 { a href=(format!("{here}?from=0")) { "From the beginning" } }
            @if query.from.is_some() || !q.is_empty() { a href=(here) { "To the end" } }
        }
        @if excerpt.lines.is_empty() { p.none { @if q.is_empty() { "The log is empty." } @else { "No line has that in it." } } }
        @if excerpt.lines.iter().any(|(_, place)| place.is_some()) {
            p.facts { (words::count(excerpt.lines.len(), "line", "lines")) " found here; its time leads to the place of each." }
        }
        ol.log {
            @for (i, (line, place)) in excerpt.lines.iter().enumerate() {
                @match place {
                    // What was found leads to its place among the others.
                    Some(place) => (one(view, line, None, &format!("{here}?from={}#l0", place.offset))),
                    None => (one(view, line, Some(i), &format!("{here}?from={}#l{i}", excerpt.start))),
                }
            }
        }
        @if let Some(next) = excerpt.next { p.pager { a href=(more(next)) { "Further" } } }
    }
}

/// One line, with an address of its own.
fn one(view: &View, line: &Line, number: Option<usize>, address: &str) -> Markup {
    html! {
        li.(line.source.tag()) id=[number.map(|number| format!("l{number}"))] {
            a.at href=(address) { @match line.at { Some(at) => (view.present.clock(at)), None => "–" } }
            span.tag { @match line.source { Source::Out => "", Source::Err => "err", Source::Run => "run" } }
            span.text { (plain(&line.text)) }
        }
    }
}

/// Without what a terminal would act upon.
pub fn plain(text: &str) -> String {
    let mut rest = text.chars();
    let mut plain = String::with_capacity(text.len());
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => {
                // A control sequence ends with a letter.
                if rest.clone().next() == Some('[') {
                    rest.by_ref().skip(1).find(|c| ('\u{40}'..='\u{7e}').contains(c));
                }
            }
            '\t' => plain.push('\t'),
            c if c.is_control() => plain.push('\u{fffd}'),
            c => plain.push(c),
        }
    }
    plain
}

fn tail(run: &Run) -> Markup {
    let tail = outcome(run).map_or("", |outcome| outcome.tail.as_str());
    html! {
        @if tail.is_empty() { p.none { "No output was kept." } }
        @else {
            p.facts { "The end of the output, as it was reported:" }
            ol.log { @for text in tail.lines() { li.out { span.text { (plain(text)) } } } }
        }
    }
}

fn escape(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

/// `GET /runs/{about}/{run}/log`: the whole log as it is on disk.
pub async fn download(
    State(web): State<Web>,
    Extension(asker): Extension<Asker>,
    Path((about, run)): Path<(String, String)>,
) -> Response {
    match whole(&web, &asker, &about, &run).await {
        Ok((name, body)) => {
            let disposition = format!("attachment; filename=\"{name}.log\"");
            (
                [
                    (header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
                    (header::CONTENT_DISPOSITION, disposition),
                ],
                body,
            )
                .into_response()
        }
        Err(refusal) => refused::page(&web, Some(&asker), refusal),
    }
}

async fn whole(web: &Web, asker: &Asker, about: &str, run: &str) -> Result<(String, Body), Refusal> {
    if !asker.may(Scope::Read) {
        may_act(asker, Scope::Read, None)?;
    }
    let run = find(web, about, run).await?;
    let name = format!("{}-{}", run.about, run.id);
    if let Some(path) = logs::path(&web.parts.layout, &run.about, &run.id) {
        let first = logs::chunk(path.clone(), 0).await;
        if let Ok(first) = first {
            return Ok((name, Body::from_stream(chunks(path, first))));
        }
    }
    let tail = outcome(&run).map(|outcome| outcome.tail.clone()).unwrap_or_default();
    Ok((name, Body::from(tail)))
}

/// The text from its first chunk on, compressed or not; it ends where the text ends.
fn chunks(path: PathBuf, first: Vec<u8>) -> impl futures_util::Stream<Item = std::io::Result<Vec<u8>>> {
    futures_util::stream::unfold((Some(first), 0), move |(ready, at)| {
        let path = path.clone();
        async move {
            let read = match ready {
                Some(first) => Ok(first),
                None => logs::chunk(path, at).await,
            };
            match read {
                Ok(chunk) if chunk.is_empty() => None,
                Ok(chunk) => {
                    let at = at + chunk.len() as u64;
                    Some((Ok(chunk), (None, at)))
                }
                // The length of the file then shows that it is not the whole.
                Err(error) => Some((Err(error), (Some(Vec::new()), at))),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminals_colours_do_not_show() {
        assert_eq!(plain("\u{1b}[31mred\u{1b}[0m\tx\u{7}"), "red\tx\u{fffd}");
        assert_eq!(plain("\u{1b}"), "");
    }

    #[test]
    fn a_query_is_escaped() {
        assert_eq!(escape("a b&c=ä"), "a%20b%26c%3D%C3%A4");
    }
}
