//! `index.html` and `history.html`: no request but for themselves, nothing that needs a script, every mark a shape and a
//! word. One small script says that the page is old, which only a browser can know.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use muster_core::notice::Stage;

use crate::bars::{bad_days, bars};
use crate::days::DAYS;
use crate::door;
use crate::page::{Component, Notice, Page};
use crate::state::State;
use crate::words;

pub(crate) const STYLE: &str = include_str!("style.css");
const FRESH: &str = include_str!("fresh.js");

/// The digest of the script, for the policy: no other script runs, whatever words somebody writes.
const FRESH_DIGEST: &str = "sha256-uFKE1y2L7sX/n4DvPaQlR6hp33WtwOqCbvrnmzE6MT8=";

/// Words that show that a file is ours.
pub const GENERATOR: &str = "muster status page";

/// `index.html`.
pub fn index(page: &Page) -> String {
    let running: Vec<&Notice> = page.running().collect();
    let recent: Vec<&Notice> = page.recent().collect();
    let body = html! {
        header {
            h1 { (page.title) }
            p.now.(page.state.word()) { (mark(page.state)) span { (page.sentence) } }
            p.soft { "As of " (time(page.made)) }
            p #old hidden role="alert" {
                "This page is older than expected: it was made " b { } " ago. What it says may not be so any more."
            }
        }
        main {
            @if !running.is_empty() {
                h2 { "What is going on" }
                div.card { @for notice in &running { (told(notice)) } }
            }
            (components(&page.components))
            h2 { "The last 14 days" }
            @if recent.is_empty() {
                p.soft { @if running.is_empty() { "Nothing was reported." } @else { "Nothing else was reported." } }
            } @else {
                div.card { @for notice in &recent { (told(notice)) } }
            }
        }
    };
    document(page, &page.title, true, &body)
}

/// `history.html`.
pub fn history(page: &Page) -> String {
    let body = html! {
        header { h1 { a href="." { (page.title) } } p.now { "All that was reported" } }
        main {
            @if page.notices.is_empty() { p.soft { "Nothing was reported." } }
            @else { div.card { @for notice in &page.notices { (told(notice)) } } }
            // Not on the first page: that loads itself anew while somebody writes.
            @if let Some(subscribe) = &page.subscribe {
                h2 #subscribe { "Get it by mail" }
                (door::form(Some(&subscribe.action)))
            }
        }
    };
    document(page, &format!("{}: history", page.title), false, &body)
}

fn document(page: &Page, title: &str, first: bool, body: &Markup) -> String {
    let forms = page.subscribe.as_ref().filter(|_| !first).map_or("'none'", |one| one.origin.as_str());
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; script-src '{FRESH_DIGEST}'; img-src data:; base-uri 'none'; \
         form-action {forms}"
    );
    // Only the first page is made anew while nothing changes.
    let made = first.then(|| page.made.millis());
    let stale = first.then(|| page.stale_after().as_millis());
    let whole = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="generator" content=(GENERATOR);
                @if first { meta http-equiv="refresh" content="60"; }
                title { @if first { (page.sentence) " · " } (title) }
                @if first { link rel="icon" href=(icon(page.state)); }
                link rel="alternate" type="application/atom+xml" href="feed.atom";
                style { (PreEscaped(STYLE)) }
            }
            body data-made=[made] data-stale=[stale] {
                @if first { (shapes(page)) } @else { (all_shapes()) }
                (body)
                footer {
                    p {
                        @if first { a href="history.html" { "Older reports" } " · " }
                        @if first && page.subscribe.is_some() { a href="history.html#subscribe" { "Get it by mail" } " · " }
                        a href="feed.atom" { "Atom feed" } " · " a href="status.json" { "JSON" }
                    }
                    @if first {
                        p {
                            "Days and times are UTC. Grey is what nobody saw; it counts neither as well nor as bad. A day is \
                             as good as the worst part of a system. "
                            "Made " (time(page.made)) ", again every " (every(page)) "."
                        }
                    }
                }
                @if first { script { (PreEscaped(FRESH)) } }
            }
        }
    };
    whole.into_string()
}

fn every(page: &Page) -> String {
    let seconds = page.every.as_millis() / 1000;
    if seconds.is_multiple_of(60) {
        words::length(page.every).trim_start_matches("1 ").to_owned()
    } else {
        format!("{seconds} seconds")
    }
}

fn time(at: muster_core::time::Timestamp) -> Markup {
    html! { time datetime=(at) { (words::moment(at)) } }
}

fn components(components: &[Component]) -> Markup {
    let mut groups: Vec<(Option<&str>, Vec<&Component>)> = Vec::new();
    for component in components {
        let group = component.group.as_deref();
        match groups.last_mut() {
            Some((last, list)) if *last == group => list.push(component),
            _ => groups.push((group, vec![component])),
        }
    }
    html! {
        @for (nth, (group, list)) in groups.iter().enumerate() {
            @match group {
                Some(group) => h2 { (group) },
                None if nth == 0 => h2 { "Systems" },
                None => h2 { "More" },
            }
            div.card { @for component in list { (one(component)) } }
        }
    }
}

fn one(component: &Component) -> Markup {
    let quarter = &component.quarter;
    let bad = bad_days(&quarter.days);
    html! {
        section {
            div.row {
                h3 { (component.name) }
                span.(component.state.word()) { (mark(component.state)) " " (component.state.words()) }
            }
            ol.bars aria-label=(format!("{}: the last {DAYS} days", component.name)) { (bars(&quarter.days)) }
            div.legend.soft {
                span { (DAYS) " days ago" }
                span { (share(component)) }
                span { "Today" }
            }
            @if !bad.is_empty() {
                details {
                    summary { @if bad.len() == 1 { "1 day with trouble" } @else { (bad.len()) " days with trouble" } }
                    ul { @for (date, what) in &bad { li { (date) ": " (what) } } }
                }
            }
        }
    }
}

/// The uptime, and how much of the time was seen.
fn share(component: &Component) -> String {
    let quarter = &component.quarter;
    match (quarter.uptime, quarter.coverage) {
        (Some(uptime), Some(coverage)) => {
            let over = match quarter.known {
                DAYS => String::new(),
                1 => " today".to_owned(),
                days => format!(" in {days} days"),
            };
            format!("{} up{over} · {} seen", words::percent(uptime, 2), words::percent(coverage, 1))
        }
        _ => "nothing seen yet".to_owned(),
    }
}

fn told(notice: &Notice) -> Markup {
    let state = match notice.stage {
        Stage::Resolved => State::Well,
        Stage::Noticed | Stage::Investigating | Stage::Identified | Stage::Monitoring => State::Trouble,
    };
    html! {
        article id=(notice.id) {
            div.row {
                h3 { (notice.title) }
                span.(state.word()) { (mark(state)) " " (stage(notice.stage)) }
            }
            p.soft {
                (time(notice.began))
                @match notice.ended {
                    Some(ended) => {
                        " to "
                        time datetime=(ended) { (words::moment_after(ended, notice.began)) }
                        " (" (words::length(ended.since(notice.began))) ")"
                    },
                    None => " until now",
                }
                @if notice.components.iter().any(|name| !notice.title.contains(name)) {
                    " · " (notice.components.join(", "))
                }
            }
            ol.said {
                @for update in &notice.updates {
                    li { p { b { (stage(update.stage)) } ": " (update.words) } (time(update.at)) }
                }
            }
        }
    }
}

/// How far people are, as a label.
pub fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Noticed => "Noticed",
        Stage::Investigating => "Investigating",
        Stage::Identified => "Identified",
        Stage::Monitoring => "Monitoring",
        Stage::Resolved => "Resolved",
    }
}

fn mark(state: State) -> Markup {
    html! { svg aria-hidden="true" { use href=(format!("#{}", state.word())) {} } }
}

/// The shape of a state in a square of 16.
fn shape(state: State) -> &'static str {
    match state {
        State::Well => "M8 0a8 8 0 1 0 0 16A8 8 0 0 0 8 0zM6.9 11.4 3.6 8.1 4.9 6.8l2 2 4.2-4.2 1.3 1.3z",
        State::Trouble => "M8 .8 16 15H0zM7.1 5.8v4.6h1.8V5.8zm0 5.6v1.8h1.8v-1.8z",
        State::Down => {
            "M4.7 0h6.6L16 4.7v6.6L11.3 16H4.7L0 11.3V4.7zm.1 6.1L6.7 8 4.8 9.9l1.3 1.3L8 9.3l1.9 1.9 1.3-1.3L9.3 8l1.9-1.9-1.3-1.3L8 6.7 6.1 4.8z"
        }
        State::Unknown => {
            "M8 0a8 8 0 1 0 0 16A8 8 0 0 0 8 0zm0 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2zM4.5 7.2v1.6h7V7.2z"
        }
        State::Maintenance => "M8 0l8 8-8 8-8-8zM5.4 5v6h1.9V5zm3.3 0v6h1.9V5z",
    }
}

const STATES: [State; 5] = [State::Well, State::Maintenance, State::Unknown, State::Trouble, State::Down];

/// The shapes that the page makes use of.
fn shapes(page: &Page) -> Markup {
    let told = !page.notices.is_empty();
    let used = |state: &State| {
        page.state == *state
            || page.components.iter().any(|one| one.state == *state)
            || (told && matches!(state, State::Well | State::Trouble))
    };
    symbols(&STATES.into_iter().filter(used).collect::<Vec<_>>())
}

fn all_shapes() -> Markup {
    symbols(&STATES)
}

fn symbols(states: &[State]) -> Markup {
    html! {
        svg style="display:none" {
            @for state in states {
                symbol id=(state.word()) viewBox="0 0 16 16" {
                    path fill="currentColor" fill-rule="evenodd" d=(shape(*state)) {}
                }
            }
        }
    }
}

/// The mark of the tab, in the colour and the shape of the state.
fn icon(state: State) -> String {
    let colour = match state {
        State::Well => "3d8b62",
        State::Maintenance => "4674b8",
        State::Unknown => "7b838b",
        State::Trouble => "b9770a",
        State::Down => "c2372c",
    };
    format!(
        "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath fill='%23{colour}' \
         fill-rule='evenodd' d='{}'/%3E%3C/svg%3E",
        shape(state)
    )
}
