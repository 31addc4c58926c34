//! What was seen of a check, as drawings. Each outcome has a shape of its own, so that they read without colour: a good
//! look is a bar as high as it took long, a bad one as tall as the row, what nobody could see is dotted, a slot in which
//! nobody looked is hatched.

use maud::{Markup, html};
use muster_core::look::Tally;
use muster_core::time::{Span, Timestamp};
use muster_core::words::length;

use crate::checks::past::{DAYS, Past, Place, percent, seen};

/// Width of the strip of a day.
const WIDE: usize = 288;
/// Its height, and that of the highest good look.
const TALL: f64 = 32.0;
const HIGH: f64 = 21.0;
/// Width of a day among ninety.
const STEP: usize = 4;

/// The last day of one check.
pub fn strip(past: &Past, every: Span) -> Markup {
    let cells = past.cells(every);
    let wide = WIDE as f64 / cells.len().max(1) as f64;
    let top = top(&cells);
    let (mut ok, mut failed, mut unknown, mut missed) =
        (String::new(), String::new(), String::new(), String::new());
    for (n, cell) in cells.iter().enumerate() {
        let left = n as f64 * wide;
        let middle = left + wide / 2.0;
        if let Some(took) = cell.took() {
            let high = 3.0 + (HIGH - 3.0) * (took.as_millis() as f64 / top).min(1.0);
            ok.push_str(&format!("M{middle:.1} {TALL:.0}V{:.1}", TALL - high));
        }
        if cell.tally.failed > 0 {
            failed.push_str(&format!("M{middle:.1} {TALL:.0}V0"));
        } else if cell.tally.missed > 0 {
            missed.push_str(&hatch(left, wide));
        } else if cell.tally.unknown > 0 {
            unknown.push_str(&format!("M{middle:.1} 31v-3m0 -4v-3m0 -4v-3m0 -4v-3"));
        }
    }
    html! {
        svg.latency role="img" aria-label=(in_words(past)) viewBox=(format!("0 0 {WIDE} {TALL:.0}")) preserveAspectRatio="none" {
            path.ground d=(format!("M0 31.5h{WIDE}")) {}
            @for (class, path, share) in [("ok", ok, 0.7), ("unknown", unknown, 0.5), ("failed", failed, 0.86)] {
                @if !path.is_empty() { path class=(class) stroke-width=(format!("{:.1}", (wide * share).min(8.0))) d=(path) {} }
            }
            @if !missed.is_empty() { path.missed d=(missed) {} }
        }
    }
}

/// The length at which a bar is highest: a steady check stands at half of it, and one slow look does not flatten the rest.
fn top(cells: &[Place]) -> f64 {
    let mut took: Vec<u64> = cells.iter().filter_map(Place::took).map(Span::as_millis).collect();
    took.sort_unstable();
    let at = |share: usize| took.get(took.len() * share / 100).copied().unwrap_or(1);
    at(95).max(2 * at(50)).max(1) as f64
}

/// Slanted lines over a cell.
fn hatch(left: f64, wide: f64) -> String {
    let lines = (wide / 3.0).round().max(1.0) as usize;
    let step = wide / lines as f64;
    (0..lines).map(|n| format!("M{:.1} 31l{step:.1} -16", left + n as f64 * step)).collect()
}

/// The last day in words.
pub fn in_words(past: &Past) -> String {
    let (mut all, mut well) = (Tally::default(), Tally::default());
    for place in &past.places {
        all.join(&place.tally);
        well.join(&place.well);
    }
    let counts = [(all.ok, "well"), (all.failed, "badly"), (all.unknown, "unknown"), (all.missed, "missed")];
    let said: Vec<_> = counts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    if said.is_empty() {
        return "last 24 hours: no look yet".to_owned();
    }
    let took = match well.ok {
        0 => String::new(),
        n => {
            let mean = Span::millis(well.took / u64::from(n));
            format!(
                "; a good look took {} on average, {} at most",
                length(mean),
                length(Span::millis(well.longest.into()))
            )
        }
    };
    format!("last 24 hours: {}{took}", said.join(", "))
}

/// An uptime with its coverage: never the one without the other.
pub fn uptime(word: &str, tally: &Tally) -> Markup {
    html! {
        span.uptime {
            small.word { (word) }
            @match (tally.uptime(), tally.coverage()) {
                (Some(up), Some(coverage)) => {
                    b.partly[coverage < 0.5] { (percent(up)) }
                    small.thin[coverage < 0.95] { (seen(coverage)) }
                }
                (None, Some(_)) => { b.none { "unknown" } small.thin { "nothing seen" } }
                (_, None) => { b.none { "–" } small { "no look yet" } }
            }
        }
    }
}

/// Ninety days, the oldest first. What went badly hangs from the top, so that the smallest of it is seen.
pub fn days(past: &Past, now: Timestamp) -> Markup {
    let first = now.millis().div_euclid(86_400_000) - DAYS as i64 + 1;
    let place = |at: Timestamp| usize::try_from(at.millis().div_euclid(86_400_000) - first).ok();
    let days: Vec<_> = past.days.iter().filter_map(|(at, tally)| Some((place(*at)?, *at, tally))).collect();
    let (mut ok, mut failed, mut unseen) = (String::new(), String::new(), String::new());
    for (n, _, tally) in &days {
        let all = f64::from(tally.ok)
            + f64::from(tally.failed)
            + f64::from(tally.unknown)
            + f64::from(tally.missed);
        if all == 0.0 {
            continue;
        }
        let x = n * STEP + STEP / 2;
        let bad = if tally.failed > 0 { (f64::from(tally.failed) / all * 40.0).max(6.0) } else { 0.0 };
        let good = (f64::from(tally.ok) / all * 40.0).min(40.0 - bad);
        if good > 0.0 {
            ok.push_str(&format!("M{x} 40v-{good:.1}"));
        }
        if bad > 0.0 {
            failed.push_str(&format!("M{x} 0v{bad:.1}"));
        }
        // A gap as small as a restart leaves is not drawn; it is in the numbers.
        if 40.0 - good - bad > 1.0 {
            unseen.push_str(&format!("M{x} {:.1}V{bad:.1}", 40.0 - good));
        }
    }
    html! {
        svg.days role="img" aria-label="ninety days, the oldest first; the figures of each are in its title"
            viewBox=(format!("0 0 {} 40", DAYS as usize * STEP)) preserveAspectRatio="none" {
            path.ground d=(format!("M0 39.5h{}", DAYS as usize * STEP)) {}
            @for (class, path) in [("ok", ok), ("unseen", unseen), ("failed", failed)] {
                @if !path.is_empty() { path class=(class) d=(path) {} }
            }
            @for (n, at, tally) in &days {
                path.hit d=(format!("M{} 0v40", n * STEP + STEP / 2)) { title { (day(*at, tally)) } }
            }
        }
        p.ends aria-hidden="true" { span { "90 days ago" } span { "today" } }
    }
}

/// One day in words: `2026-11-21: 99.31 % of 97 % seen`.
fn day(at: Timestamp, tally: &Tally) -> String {
    let date = at.to_string();
    let date = date.split('T').next().unwrap_or_default();
    match (tally.uptime(), tally.coverage()) {
        (Some(up), Some(coverage)) => format!("{date}: {}, {}", percent(up), seen(coverage)),
        _ => format!("{date}: nothing seen"),
    }
}

/// Where the time of one look went, phase by phase, each where the one before it ended.
pub fn phases(phases: &[(String, Span)], took: Span) -> Markup {
    let sum: u64 = phases.iter().map(|(_, span)| span.as_millis()).sum();
    let whole = took.as_millis().max(sum).max(1);
    let rest = whole - sum.min(whole);
    let mut left = 0;
    let mut rows = Vec::new();
    for (name, span) in phases {
        rows.push((name.as_str(), left, span.as_millis()));
        left += span.as_millis();
    }
    // What is no phase: judging, waiting for a place, the last flush.
    if rest * 50 > whole {
        rows.push(("the rest", left, rest));
    }
    let share = |millis: u64| format!("{:.2}", millis as f64 / whole as f64 * 100.0);
    html! {
        table.phases {
            tbody {
                @for (name, left, long) in rows {
                    tr {
                        th scope="row" { (name) }
                        td.bar {
                            svg aria-hidden="true" viewBox="0 0 100 10" preserveAspectRatio="none" {
                                rect x=(share(left)) y="0" width=(share(long.max(whole / 300))) height="10" {}
                            }
                        }
                        td.num { (length(Span::millis(long))) }
                    }
                }
                tr.sum { th scope="row" { "in all" } td.bar {} td.num { b { (length(took)) } } }
            }
        }
    }
}

/// What the shapes mean.
pub fn legend() -> Markup {
    html! {
        p.legend {
            @for (class, path, word) in [
                ("ok", "M9 22V10", "looked well: the higher, the slower"), ("failed", "M9 22V0", "looked bad"),
                ("unknown", "M9 21v-3m0 -4v-3m0 -4v-3", "nobody could see"),
                ("missed", "M1 21l5 -14M6 21l5 -14M11 21l5 -14", "missed: nobody looked"),
            ] {
                span {
                    svg.latency viewBox="0 0 18 22" width="18" height="22" aria-hidden="true" {
                        path class=(class) stroke-width=[(class != "missed").then_some("6")] d=(path) {}
                    }
                    (word)
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_uptime_never_stands_without_its_coverage() {
        let tally = Tally { ok: 99, failed: 1, missed: 100, ..Tally::default() };
        let said = uptime("24 h", &tally).into_string();
        assert!(said.contains("99.00 %") && said.contains("50 % seen"), "{said}");
        let dark = uptime("24 h", &Tally { unknown: 7, ..Tally::default() }).into_string();
        assert!(dark.contains("unknown") && !dark.contains('%'), "{dark}");
        assert!(uptime("24 h", &Tally::default()).into_string().contains("no look yet"));
    }

    #[test]
    fn phases_stand_one_after_the_other_and_what_is_no_phase_is_named() {
        let spans = [("dns".to_owned(), Span::millis(10)), ("connect".to_owned(), Span::millis(30))];
        let drawn = phases(&spans, Span::millis(80)).into_string();
        assert!(drawn.contains("x=\"12.50\"") && drawn.contains("width=\"37.50\""), "{drawn}");
        assert!(drawn.contains("the rest") && drawn.contains("<b>80ms</b>"), "{drawn}");
        assert!(!phases(&spans, Span::millis(40)).into_string().contains("the rest"));
    }
}
