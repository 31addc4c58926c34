//! `/deliveries`: who was told what, and whether it arrived.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use muster_core::outbox::{Entry, EntryState};
use muster_store::history::Cursor;
use serde::Deserialize;

use crate::guard::who::{Asker, Scope};
use crate::pages::forms::csrf_field;
use crate::pages::frame::{View, no_history, page};
use crate::pages::shapes::of_line;
use crate::pages::{refused, words};
use crate::records::ask;
use crate::refusal::Refusal;
use crate::router::Web;

/// Entries on one page.
pub const PAGE: usize = 50;

/// Where a page of history begins.
#[derive(Debug, Default, Deserialize)]
pub struct Before {
    /// The cursor of the page before.
    pub before: Option<Cursor>,
}

/// `GET /deliveries`.
pub async fn get(
    State(web): State<Web>,
    Extension(asker): Extension<Asker>,
    query: Result<Query<Before>, QueryRejection>,
) -> Response {
    let Ok(Query(Before { before })) = query else {
        let refusal = Refusal::bad("`before` is no place in the history", "start at /deliveries");
        return refused::page(&web, Some(&asker), refusal);
    };
    let view = View::new(&web, &asker);
    let listed = ask(&web.parts.store, move |store| store.deliveries(before, PAGE)).await;
    let body = html! {
        h1 { "Who was told what" }
        (channels(&view))
        @match &listed {
            Err(error) => (no_history(error)),
            Ok(listed) if listed.items.is_empty() => p { "Nobody has been told anything yet." },
            Ok(listed) => {
                (table(&view, &listed.items, true))
                @if let Some(next) = &listed.next { p.pager { a href=(format!("/deliveries?before={next}")) { "Older" } } }
                @if asker.may(Scope::Act) { (tests(&view, &listed.items)) }
            }
        }
    };
    page(&view, "Deliveries", "/deliveries", None, &body).into_response()
}

/// How each channel stands, and what it took.
fn channels(view: &View) -> Markup {
    let lines = view.snapshot.board.lines.iter();
    let known: Vec<_> = lines.filter_map(|line| Some((line, line.usage.as_ref()?))).collect();
    html! {
        @if !known.is_empty() {
            section {
                @for (line, usage) in known {
                    p.facts {
                        a href=(format!("/e/{}", line.id)) { (line.id.name()) } " " (of_line(line)) " · "
                        (words::usage(usage))
                    }
                }
            }
        }
    }
}

fn tests(view: &View, entries: &[Entry]) -> Markup {
    let mut names: Vec<_> = entries.iter().map(|entry| &entry.channel).collect();
    names.sort();
    names.dedup();
    html! {
        section {
            h2 { "Try a channel" }
            div.acts {
                @for name in names {
                    form method="post" action=(format!("/channels/{name}/test")) {
                        (csrf_field(&view.asker)) button { "Send a test through " (name) }
                    }
                }
            }
        }
    }
}

/// Entries as a table; with the column of whom they are about, or without.
pub fn table(view: &View, entries: &[Entry], about: bool) -> Markup {
    html! {
        table.wide.told {
            thead { tr {
                th { "Put in" }
                @if about { th { "About" } }
                th { "News" } th { "Channel" } th { "Arrived" }
            } }
            tbody {
                @for entry in entries {
                    tr {
                        td { (view.present.stamp(entry.queued)) }
                        @if about { td { a href=(format!("/e/{}", entry.page.about)) { (entry.page.about) } } }
                        td { (words::news(&entry.page.news)) }
                        td {
                            (entry.channel)
                            @if let Some(broken) = &entry.fallback_for { " " small { "instead of " (broken) } }
                        }
                        td { (arrived(view, entry)) }
                    }
                }
            }
        }
    }
}

fn arrived(view: &View, entry: &Entry) -> Markup {
    use crate::pages::shapes::shape;
    let tries = (entry.attempts > 1).then(|| format!("{} tries", entry.attempts));
    html! {
        @match &entry.state {
            EntryState::Delivered { at, receipt } => {
                span.state.ok { (shape("ok")) "accepted" } " " (view.present.stamp(*at)) " " small { (receipt) }
            }
            EntryState::Waiting { next_try } => {
                span.state.pending { (shape("pending")) "waiting" } " next try " (view.present.stamp(*next_try))
            }
            EntryState::Refused { at, why } => {
                span.state.firing { (shape("firing")) "refused" } " " (view.present.stamp(*at)) " " small { (why) }
            }
            EntryState::Folded { at, into } => {
                span.state.paused { (shape("new")) "told with another" } " " (view.present.stamp(*at)) " " small { (into) }
            }
        }
        @if let Some(tries) = tries { " " small { (tries) } }
        @if let (Some(error), EntryState::Waiting { .. }) = (&entry.last_error, &entry.state) { " " small { (error) } }
    }
}
