//! Two days of a job, and its last runs, as drawings. Each outcome has a shape of its own, so that they read without
//! colour: what went well is a low bar, what went wrong as tall as the row, what was missed leaves only ends, what gave way
//! is a stub, what nobody knows is dashed, what is planned is an outline, and company is a line below.

use maud::{Markup, html};
use muster_core::ids::ExpectationId;
use muster_core::time::{Span, Timestamp};
use muster_core::usual::Usual;
use muster_store::brief::{Brief, BriefState};

use crate::jobs::kept::RECENT;
use crate::jobs::track::{Axis, Bar, Kind, PLACE, PLACES, in_words};
use crate::times::Present;

/// Bars of a row that can be pointed at: those that went wrong, the newest first.
const LINKS: usize = 4;

/// The hours above the rows. Their places are shares of the width, so that the letters keep their shape.
pub fn hours(present: &Present) -> Markup {
    let axis = Axis { now: present.now };
    let share = |at: Timestamp| {
        at.since(axis.begins()).as_millis() as f64 / axis.ends().since(axis.begins()).as_millis() as f64
    };
    html! {
        svg.hours role="img" aria-label="the last 24 hours to the left, the next 24 to the right" width="100%" height="20" {
            @for (at, word) in present.quarters(axis.begins(), axis.ends()) {
                @let at = share(at);
                // Letters beside the present or beyond an end would cover others.
                @if (at - 0.5).abs() > 0.035 && at > 0.015 && at < 0.985 {
                    text x=(format!("{:.1}%", at * 100.0)) y="14" text-anchor="middle" { (word) }
                }
            }
            text.now x="50%" y="14" text-anchor="middle" { "now" }
        }
        svg.hush aria-hidden="true" width="0" height="0" {
            defs {
                path id="grid" class="grid" d=(grid(present, axis)) {}
                path id="now" class="now" d=(format!("M{} 0v30", PLACES / 2)) {}
            }
        }
    }
}

fn grid(present: &Present, axis: Axis) -> String {
    let lines = present.quarters(axis.begins(), axis.ends());
    let place = |at: Timestamp| at.since(axis.begins()).as_millis() as i64 / PLACE;
    lines.into_iter().map(|(at, _)| format!("M{} 0v30", place(at))).collect()
}

/// Two days of one job.
pub fn track(about: &ExpectationId, bars: &[Bar]) -> Markup {
    let links: Vec<_> = bars
        .iter()
        .rev()
        .filter(|bar| matches!(bar.kind, Kind::Failed | Kind::Running))
        .filter_map(|bar| Some((bar, bar.run.as_ref()?)))
        .take(LINKS)
        .collect();
    html! {
        svg.track role="img" aria-label=(in_words(bars)) viewBox=(format!("0 0 {PLACES} 30")) preserveAspectRatio="none" {
            use href="#grid" {}
            @for kind in [
                Kind::Shared, Kind::PlannedUnknown, Kind::Planned, Kind::Ok, Kind::Running, Kind::Skipped,
                Kind::Unknown, Kind::Missed, Kind::Failed,
            ] {
                @for dense in [false, true] {
                    @let path = path(bars, kind, dense);
                    @if !path.is_empty() {
                        path class=(if dense { format!("{} dense", kind.word()) } else { kind.word().to_owned() }) d=(path) {}
                    }
                }
            }
            use href="#now" {}
            @for (bar, run) in links {
                a href=(format!("/runs/{about}/{run}")) {
                    title { (bar.kind.word()) @if bar.count > 1 { " " (bar.count) " times" } }
                    path.hit d=(format!("M{} 15h{}", bar.from, bar.until - bar.from)) {}
                }
            }
        }
    }
}

/// One path for all bars of a kind, with relative steps, because a page may have two hundred rows of them.
fn path(bars: &[Bar], kind: Kind, dense: bool) -> String {
    let mut path = String::new();
    let mut pen = None;
    for bar in bars.iter().filter(|bar| bar.kind == kind && bar.dense == dense) {
        let width = bar.until - bar.from;
        let outline = matches!(kind, Kind::Planned | Kind::PlannedUnknown) && !dense;
        let y = match kind {
            Kind::Skipped => 20,
            Kind::Shared => 28,
            _ if outline => 10,
            _ => 15,
        };
        match (kind, pen) {
            (Kind::Missed, _) => {
                path.push_str(&format!("M{} 4h{width}m-{width} 22h{width}", bar.from));
                continue;
            }
            (_, None) => path.push_str(&format!("M{} {y}", bar.from)),
            (_, Some(pen)) => path.push_str(&format!("m{} 0", bar.from - pen)),
        }
        if outline {
            path.push_str(&format!("h{width}v10h-{width}z"));
            pen = Some(bar.from);
        } else {
            path.push_str(&format!("h{width}"));
            pen = Some(bar.until);
        }
    }
    path
}

/// Width of one run among the last ones.
const STEP: usize = 6;
/// Height of the plot of lengths.
const TALL: f64 = 26.0;

/// The last runs: above how long they took, with the usual band behind; below how they ended.
pub fn recent(runs: &[Brief], usual: Option<&Usual>) -> Markup {
    let width = RECENT * STEP;
    let band = usual.map(Usual::band);
    let longest = runs.iter().filter_map(|run| run.took).map(Span::as_millis).max().unwrap_or(0);
    let top = longest.max(band.map_or(0, |(_, high)| high)).max(1) as f64;
    let y = |millis: u64| TALL - 2.0 - (millis as f64 / top) * (TALL - 5.0);
    let place = |i: usize| (RECENT - 1 - i.min(RECENT - 1)) * STEP + STEP / 2;
    let dots = |wanted: fn(BriefState) -> bool| {
        let shown = runs.iter().enumerate().filter(|(_, run)| wanted(run.state));
        let took = shown.filter_map(|(i, run)| Some((i, run.took?)));
        took.map(|(i, took)| format!("M{} {:.0}h0", place(i), y(took.as_millis()))).collect::<String>()
    };
    let marks = |wanted: fn(BriefState) -> bool, mark: &str| {
        let shown = runs.iter().enumerate().filter(|(_, run)| wanted(run.state));
        shown.map(|(i, _)| format!("M{} {mark}", place(i))).collect::<String>()
    };
    let well: fn(BriefState) -> bool = |state| state == BriefState::Ok;
    let bad: fn(BriefState) -> bool = |state| matches!(state, BriefState::Failed | BriefState::Lost);
    let gave_way: fn(BriefState) -> bool = |state| state == BriefState::Skipped;
    let again = runs.iter().enumerate().filter(|(_, run)| run.retries > 0);
    let again: String = again.map(|(i, _)| format!("M{} 43h0", place(i))).collect();
    html! {
        svg.recent role="img" aria-label=(in_short(runs)) viewBox=(format!("0 0 {width} 46")) {
            @if let Some((low, high)) = band {
                rect.band x="0" y=(format!("{:.0}", y(high))) width=(width)
                    height=(format!("{:.0}", (y(low) - y(high)).max(2.0))) {}
            }
            @for (class, path) in [
                ("dot", dots(well)), ("dot bad", dots(bad)),
                ("mark ok", marks(well, "33v5")), ("mark failed", marks(bad, "28v14")),
                ("mark skipped", marks(gave_way, "37v3")), ("again", again),
            ] {
                @if !path.is_empty() { path class=(class) d=(path) {} }
            }
        }
    }
}

/// Says the last runs in words.
pub fn in_short(runs: &[Brief]) -> String {
    if runs.is_empty() {
        return "no run yet".to_owned();
    }
    let count = |wanted: fn(BriefState) -> bool| runs.iter().filter(|run| wanted(run.state)).count();
    let again = runs.iter().filter(|run| run.retries > 0).count();
    let counts = [
        (count(|state| state == BriefState::Ok), "ok"),
        (count(|state| matches!(state, BriefState::Failed | BriefState::Lost)), "failed"),
        (count(|state| state == BriefState::Skipped), "skipped"),
        (count(|state| state == BriefState::Running), "running"),
        (again, "tried again"),
    ];
    let said: Vec<_> = counts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    format!("last {}: {}", crate::pages::words::count(runs.len(), "run", "runs"), said.join(", "))
}
