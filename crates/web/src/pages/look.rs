//! What is looked at, for the page of one check: the last look phase by phase, what it saw and what was not met, the past,
//! and the looks that went badly, each in full.

use maud::{Markup, html};
use muster_core::board::Line;
use muster_core::effect::Verdict;
use muster_core::look::{Last, Sight, Trace};
use muster_core::words::length;
use muster_store::contract::StoreError;

use crate::checks::card::{Card, cards};
use crate::checks::kept::pasts;
use crate::checks::past::Past;
use crate::guard::who::Scope;
use crate::pages::forms::csrf_field;
use crate::pages::frame::{View, no_history};
use crate::pages::latency::{days, legend, phases, strip, uptime};
use crate::pages::shapes;
use crate::records::ask;

/// Looks that are shown in full.
const TRACES: usize = 20;

/// What is looked at there, and how it went. Empty for what reports by itself.
pub async fn section(view: &View, line: &Line) -> Markup {
    let Some(last) = view.web.parts.eye.of(&line.id) else {
        return html! { div #looked {} };
    };
    let read = read(view, line).await;
    html! {
        div #looked {
            (now(view, line, &last))
            @match &read {
                Err(error) => (no_history(error)),
                Ok((past, traces)) => {
                    section.past {
                        h2 { "The last day" }
                        (strip(past, last.every))
                        div.uptimes { @for (word, tally) in past.uptimes(view.present.now) { (uptime(word, &tally)) } }
                        (legend())
                    }
                    section { h2 { "Ninety days" } (days(past, view.present.now)) }
                    section { h2 { "Looks that went badly" } (bad(view, traces)) }
                }
            }
        }
    }
}

async fn read(view: &View, line: &Line) -> Result<(Past, Vec<Trace>), StoreError> {
    let now = view.present.now;
    let found = pasts(&view.web, std::iter::once(&line.id), now).await?;
    let past = found.get(&line.id).map_or_else(|| Past::empty(now), |past| Past::clone(past));
    let id = line.id.clone();
    let traces = ask(&view.web.parts.store, move |store| store.traces(&id, TRACES)).await?;
    Ok((past, traces))
}

fn now(view: &View, line: &Line, last: &Last) -> Markup {
    let present = &view.present;
    let took = last.look.as_ref().and_then(|look| look.took);
    html! {
        section.looked {
            h2 { "What it looks at" }
            p.target { span.mark { (last.kind) } " " span.mono { (last.target) } " from " (from(&last.from)) ", every " (last.every) }
            @match &last.look {
                Some(look) => p.big {
                    (verdict(look.verdict)) " " (present.moment_and_distance(look.at))
                    @if let Some(took) = look.took { ", took " (length(took)) }
                },
                None => p.none { "It has not looked yet." },
            }
            // What was not met is said below, with what was observed.
            @if last.look.is_some() && last.sight.unmet.is_empty() { p.words { (last.sight.words) } }
            @if last.look.as_ref().is_some_and(|look| look.verdict != Verdict::Ok) {
                @if let Some((at, took)) = last.well {
                    p.facts { "It last looked well " (present.moment_and_distance(at)) ", in " (length(took)) "." }
                }
            }
            (elsewhere(view, line))
            div.acts {
                @if view.asker.may(Scope::Act) {
                    form method="post" action=(format!("/e/{}/look", line.id)) { (csrf_field(&view.asker)) button { "Look now" } }
                } @else { a href="/signin" { "Sign in to look now" } }
            }
            (unmet(&last.sight))
            @if let Some(took) = took.filter(|_| !last.sight.phases.is_empty()) {
                h2 { "Where the time went" }
                (phases(&last.sight.phases, took))
            }
            @if !last.sight.facts.is_empty() { h2 { "What it saw" } (facts(view, &last.sight)) }
        }
    }
}

/// The mark of a look.
fn verdict(verdict: Verdict) -> Markup {
    let (class, word) = match verdict {
        Verdict::Ok => ("ok", "looked well"),
        Verdict::Failed => ("firing", "looked bad"),
        Verdict::Unknown => ("unknown", "nobody could see"),
        Verdict::Missed | Verdict::Skipped => ("unknown", "missed"),
    };
    html! { span.state.(class) { (shapes::shape(class)) (word) } }
}

fn from(from: &str) -> Markup {
    html! { @if from == "host" { "this host" } @else { span.mono { (from) } } }
}

/// The same check from other places.
fn elsewhere(view: &View, line: &Line) -> Markup {
    let all = cards(&view.web, &view.snapshot.board.lines);
    let table = all.iter().find(|card| card.line.id == line.id).map(Card::table);
    let others: Vec<_> =
        all.iter().filter(|card| card.line.id != line.id && Some(card.table()) == table).collect();
    html! {
        @if !others.is_empty() {
            ul.elsewhere {
                @for card in others {
                    li {
                        "from " (from(&card.last.from)) ": " (shapes::of_line(card.line)) " "
                        a href=(format!("/e/{}", card.line.id)) { (card.line.id.name()) }
                    }
                }
            }
        }
    }
}

fn unmet(sight: &Sight) -> Markup {
    html! {
        @if !sight.unmet.is_empty() {
            h2 { "Not met" }
            ul.unmet {
                @for line in &sight.unmet {
                    @match parted(line) {
                        Some((asked, seen)) => li { code { (asked) } " observed: " b { (seen) } },
                        None => li { code { (line) } },
                    }
                }
            }
        }
    }
}

/// An assertion and what was observed; a colon between quotes is part of the assertion.
fn parted(line: &str) -> Option<(&str, &str)> {
    let mut quoted = false;
    let end = line.char_indices().find(|(at, c)| {
        quoted ^= *c == '\'';
        !quoted && *c == ':' && line[at + 1..].starts_with(' ')
    });
    end.map(|(at, _)| (&line[..at], &line[at + 2..]))
}

/// What was found may be as private as the output of a run.
fn facts(view: &View, sight: &Sight) -> Markup {
    html! {
        @if view.asker.may(Scope::Read) {
            dl.facts.seen { @for (name, value) in &sight.facts { dt.mono { (name) } dd.mono { (value) } } }
        } @else { p.none { a href="/signin" { "Sign in" } " to see what it found." } }
    }
}

fn bad(view: &View, traces: &[Trace]) -> Markup {
    html! {
        @if traces.is_empty() { p.none { "None on record." } }
        @for (n, trace) in traces.iter().enumerate() {
            details.trace open[n == 0] {
                summary {
                    (view.present.stamp(trace.at)) " "
                    @if let Some(class) = &trace.sight.class { span.mark { (class) } " " }
                    span.words { (trace.sight.words) }
                }
                (unmet(&trace.sight))
                @if !trace.sight.phases.is_empty() {
                    p.facts {
                        @for (n, (name, took)) in trace.sight.phases.iter().enumerate() { @if n > 0 { " · " } (name) " " (length(*took)) }
                    }
                }
                @if view.asker.may(Scope::Read) {
                    @if trace.sight.lines.is_empty() { p.none { "It left no lines." } }
                    @else { ol.log { @for line in &trace.sight.lines { li { span.text { (line) } } } } }
                } @else { p.none { a href="/signin" { "Sign in" } " to see its lines." } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colon_between_quotes_belongs_to_the_assertion() {
        assert_eq!(parted("status == 200: 503"), Some(("status == 200", "503")));
        assert_eq!(
            parted("body contains 'a: b': nothing: no"),
            Some(("body contains 'a: b'", "nothing: no"))
        );
        assert_eq!(parted("as it is"), None);
    }
}
