//! `/checks`: everything that is looked at, what needs an eye first.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use maud::{Markup, html};
use muster_core::board::Line;
use muster_core::effect::Condition;
use muster_core::look::Last;
use muster_core::words::length;

use crate::checks::card::{Card, Group, Sheet, Wanted, cards, sheet};
use crate::checks::kept::{Pasts, pasts};
use crate::guard::who::Asker;
use crate::pages::frame::{Fragment, View, no_history, page};
use crate::pages::latency::{legend, strip, uptime};
use crate::pages::{shapes, words};
use crate::router::Web;

/// `GET /checks`.
pub async fn get(
    State(web): State<Web>,
    Extension(asker): Extension<Asker>,
    query: Result<Query<Wanted>, QueryRejection>,
) -> Markup {
    let view = View::new(&web, &asker);
    let wanted = query.map(|Query(wanted)| wanted).unwrap_or_default();
    let cards = cards(&web, &view.snapshot.board.lines);
    if cards.is_empty() {
        return page(&view, "Checks", "/checks", Some("/api/v1/events?view=checks"), &none(&view));
    }
    let sheet = sheet(&cards, &wanted);
    let found = of_sheet(&view, &sheet).await;
    let (found, broken) = match found {
        Ok(found) => (found, None),
        Err(error) => (Pasts::new(), Some(error)),
    };
    let body = html! {
        (sentence(&cards))
        @if let Some(error) = &broken { (no_history(error)) }
        (list(&view, &cards, &sheet, &wanted, &found))
    };
    let query = wanted.query(sheet.page);
    let events = format!("/api/v1/events?view=checks{}", query.replacen('?', "&", 1));
    page(&view, "Checks", "/checks", Some(&events), &body)
}

async fn of_sheet(view: &View, sheet: &Sheet<'_>) -> Result<Pasts, muster_store::contract::StoreError> {
    let shown = sheet.groups.iter().flat_map(|group| &group.cards).map(|card| &card.line.id);
    pasts(&view.web, shown, view.present.now).await
}

/// The parts that differ from `before`. Rows are sent one by one as long as the same ones are shown.
pub async fn changed(view: &View, before: &[Line], wanted: &Wanted) -> Vec<Fragment> {
    let lines = &view.snapshot.board.lines;
    let (now, then) = (cards(&view.web, lines), cards(&view.web, before));
    let (fresh, stale) = (sheet(&now, wanted), sheet(&then, wanted));
    let names = |sheet: &Sheet<'_>| {
        let ids = sheet.groups.iter().flat_map(|group| &group.cards).map(|card| card.line.id.clone());
        ids.collect::<Vec<_>>()
    };
    let differs = |group: &&Group<'_>| {
        group.cards.iter().any(|card| {
            then.iter().find(|old| old.line.id == card.line.id).map(|old| old.line) != Some(card.line)
        })
    };
    let new: Vec<_> = fresh.groups.iter().filter(differs).collect();
    let same = names(&fresh) == names(&stale);
    if same && new.is_empty() {
        return Vec::new();
    }
    let Ok(found) = of_sheet(view, &fresh).await else { return Vec::new() };
    let mut parts = Vec::new();
    let said = sentence(&now);
    if said.0 != sentence(&then).0 {
        parts.push(Fragment::new("sentence", said));
    }
    if same {
        parts.extend(new.into_iter().map(|group| Fragment::new(group_id(group), rows(view, group, &found))));
    } else {
        parts.push(Fragment::new("checks", list(view, &now, &fresh, wanted, &found)));
    }
    parts
}

fn none(view: &View) -> Markup {
    let beats = view.snapshot.board.lines.iter().filter(|line| line.id.table() == "check").count();
    html! {
        section #checks {
            h1 { "Nothing is looked at yet." }
            p.lead { "A check goes and looks: at a web page, a port, a name, a mailbox, a file. In muster.toml:" }
            pre.line { "[check.site]\nkind = \"http\"\nurl = \"https://example.com/\"\nexpect = [\"status == 200\", \"cert.expires_in > 14d\"]" }
            p.lead { "Try it before anything runs:" }
            pre.line { "muster check site --here" }
            @if beats > 0 {
                p.facts { (words::count(beats, "heartbeat reports", "heartbeats report")) " by itself: see " a href="/" { "the roll" } "." }
            }
        }
    }
}

fn sentence(cards: &[Card<'_>]) -> Markup {
    let count = |word: &str| cards.iter().filter(|card| card.line.condition.word() == word).count();
    let (bad, doubt) = (count("firing"), count("pending") + count("unknown") + count("new"));
    let all = words::count(cards.len(), "check", "checks");
    let (said, tone) = match (bad, doubt) {
        (0, 0) => (format!("{all}, each as it should be."), "good"),
        (0, n) => (format!("{n} of {all} in doubt."), "unsure"),
        (1, _) => (format!("1 of {all} looks bad."), "bad"),
        (n, _) => (format!("{n} of {all} look bad."), "bad"),
    };
    html! {
        section #sentence.(tone) {
            h1 { (said) }
            p.tally {
                @for word in ["firing", "pending", "unknown", "new", "ok"] {
                    @let n = count(word);
                    @if n > 0 { span.state.(word) { (shapes::shape(word)) b { (n) } " " (word) } }
                }
            }
        }
    }
}

fn filters(cards: &[Card<'_>], wanted: &Wanted) -> Markup {
    let mut kinds: Vec<&str> = cards.iter().map(|card| card.last.kind.as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let unwell = cards.iter().filter(|card| card.line.condition != Condition::Ok).count();
    let of_kind = |kind: &str| cards.iter().filter(|card| card.last.kind == kind).count();
    let link = |wanted: Wanted, word: &str, n: usize, here: bool| {
        html! { a href=(format!("/checks{}", wanted.query(1))) aria-current=[here.then_some("true")] { (word) " " small { (n) } } }
    };
    let unwell_only = wanted.is_unwell();
    let with_kind = |kind: Option<&str>| Wanted { kind: kind.map(str::to_owned), ..wanted.clone() };
    html! {
        nav.filters aria-label="Which checks" {
            span {
                (link(Wanted { show: None, ..wanted.clone() }, "all", cards.len(), !unwell_only))
                (link(Wanted { show: Some("unwell".into()), ..wanted.clone() }, "not well", unwell, unwell_only))
            }
            @if kinds.len() > 1 {
                span {
                    (link(with_kind(None), "every kind", cards.len(), wanted.kind.is_none()))
                    @for kind in kinds { (link(with_kind(Some(kind)), kind, of_kind(kind), wanted.kind.as_deref() == Some(kind))) }
                }
            }
        }
    }
}

fn list(view: &View, cards: &[Card<'_>], sheet: &Sheet<'_>, wanted: &Wanted, found: &Pasts) -> Markup {
    html! {
        section #checks {
            (filters(cards, wanted))
            @if sheet.groups.is_empty() { p.none { "None of them." } }
            @else {
                div.checks {
                    div.head aria-hidden="true" { span { "Check" } span { "Last look" } span { "Last 24 hours" } span { "Up, of what was seen" } }
                    @for group in &sheet.groups { (rows(view, group, found)) }
                }
            }
            @if sheet.pages > 1 {
                p.pager {
                    @if sheet.page > 1 { a href=(format!("/checks{}", wanted.query(sheet.page - 1))) { "Before" } " · " }
                    "page " (sheet.page) " of " (sheet.pages)
                    @if sheet.page < sheet.pages { " · " a href=(format!("/checks{}", wanted.query(sheet.page + 1))) { "Next" } }
                }
            }
            (legend())
        }
    }
}

fn group_id(group: &Group<'_>) -> String {
    format!("check-{}", group.name)
}

/// The checks of one table: a row, or a row for each place it looks from.
fn rows(view: &View, group: &Group<'_>, found: &Pasts) -> Markup {
    match group.cards.as_slice() {
        [card] => row(view, card, Some(&group_id(group)), found),
        cards => html! {
            div.places id=(group_id(group)) {
                p.place-head {
                    b { (group.name) } " from " (words::count(cards.len(), "place", "places"))
                    @if let Some(differ) = group.differ() { ": " span.differ { (differ) } }
                }
                @for card in cards { (row(view, card, None, found)) }
            }
        },
    }
}

fn row(view: &View, card: &Card<'_>, id: Option<&str>, found: &Pasts) -> Markup {
    let (line, last) = (card.line, &card.last);
    html! {
        article.check.(line.condition.word()) id=[id] {
            div.name {
                h3 { a href=(format!("/e/{}", line.id)) { (line.id.name()) } " " (shapes::of_line(line)) }
                p.target { span.mark { (last.kind) } " " span.mono { (last.target) } @if last.from != "host" { " " span.mark { "from " (last.from) } } }
                @if line.condition != Condition::Ok { p.why { (why(view, line, last)) } }
                @for quiet in words::quiet(line, &view.present) { p.why { (quiet) } }
            }
            div.when {
                @match &last.look {
                    Some(look) => {
                        span.ago data-at=(look.at.millis()) { (view.present.distance(look.at)) }
                        @if let Some(took) = look.took { small { (length(took)) } }
                    }
                    None => span.none { "not yet" },
                }
            }
            @match found.get(&line.id) {
                Some(past) => {
                    (strip(past, last.every))
                    div.uptimes { @for (word, tally) in past.uptimes(view.present.now) { (uptime(word, &tally)) } }
                }
                None => { span.none { "–" } span {} }
            }
        }
    }
}

/// What the last look saw, where it says something of how the check stands; otherwise what the roll says.
pub fn why(view: &View, line: &Line, last: &Last) -> String {
    let seen = last.look.is_some() && !last.sight.words.is_empty();
    match &line.condition {
        Condition::Firing { .. } | Condition::Pending { .. } if seen => last.sight.words.clone(),
        Condition::Firing { .. }
        | Condition::Pending { .. }
        | Condition::Unknown { .. }
        | Condition::New
        | Condition::Ok => words::why(line, &view.present),
    }
}
