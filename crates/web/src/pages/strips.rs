//! The recent verdicts of an expectation as a strip: tall and red is bad, a gap is a miss, so that it reads without
//! colour. Strips are kept until the expectation changes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use maud::{Markup, html};
use muster_core::board::Line;
use muster_core::effect::Verdict;
use muster_core::ids::{ExpectationId, RunId};
use muster_core::time::{Span, Timestamp};
use muster_store::contract::{Store, StoreError};
use muster_store::history::RunState;

use crate::pages::shapes::verdict_word;
use crate::records::ask;
use crate::router::Web;
use crate::times::Present;

/// Verdicts in a strip of a table.
pub const SHORT: usize = 30;
/// Verdicts in the strip of a page of its own.
pub const LONG: usize = 90;

/// One verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// When it was due, or when the run began.
    pub at: Timestamp,
    /// The verdict.
    pub verdict: Verdict,
    /// The run behind it.
    pub run: Option<RunId>,
}

/// What must be the same for a strip to be the same.
type Key = (Option<Timestamp>, Option<Timestamp>, Timestamp);

type Kept = HashMap<ExpectationId, (Key, Arc<[Mark]>)>;

/// Strips that need not be read again.
#[derive(Default)]
pub struct Strips(Mutex<Kept>);

impl Strips {
    fn guarded<T>(&self, work: impl FnOnce(&mut Kept) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The short strips of these lines.
    ///
    /// # Errors
    /// [`StoreError`] when one is not at hand and cannot be read.
    pub async fn of(web: &Web, lines: &[Line]) -> Result<HashMap<ExpectationId, Arc<[Mark]>>, StoreError> {
        let (mut found, mut missing) = (HashMap::new(), Vec::new());
        web.strips.guarded(|kept| {
            for line in lines {
                match kept.get(&line.id).filter(|(key, _)| *key == key_of(line)) {
                    Some((_, marks)) => drop(found.insert(line.id.clone(), Arc::clone(marks))),
                    None => missing.push((line.id.clone(), key_of(line))),
                }
            }
        });
        if missing.is_empty() {
            return Ok(found);
        }
        let now = web.present().now;
        let read = ask(&web.parts.store, move |store| {
            let read =
                missing.into_iter().map(|(id, key)| Ok((id.clone(), key, recent(store, &id, SHORT, now)?)));
            read.collect::<Result<Vec<_>, StoreError>>()
        })
        .await?;
        web.strips.guarded(|kept| {
            // What left the roll leaves the memory.
            if kept.len() > 2 * lines.len() + 100 {
                kept.clear();
            }
            for (id, key, marks) in read {
                let marks: Arc<[Mark]> = marks.into();
                kept.insert(id.clone(), (key, Arc::clone(&marks)));
                found.insert(id, marks);
            }
        });
        Ok(found)
    }
}

fn key_of(line: &Line) -> Key {
    (line.last_heard, line.due, line.since)
}

/// The last `n` verdicts, oldest first: planned slots, or runs where nothing is planned.
///
/// # Errors
/// [`StoreError`] when they cannot be read.
pub fn recent(
    store: &dyn Store,
    id: &ExpectationId,
    n: usize,
    now: Timestamp,
) -> Result<Vec<Mark>, StoreError> {
    // What is planned each minute has its strip in the last two hours; only rare things are looked for further back.
    for back in [Span::hours(2), Span::days(3), Span::days(100)] {
        let slots = store.slots(id, now - back)?;
        if slots.len() >= n || (back >= Span::days(100) && !slots.is_empty()) {
            let skip = slots.len().saturating_sub(n);
            let marks = slots.into_iter().skip(skip);
            return Ok(marks
                .map(|slot| Mark { at: slot.due, verdict: slot.verdict, run: slot.run })
                .collect());
        }
    }
    let runs = store.runs(Some(id), None, n)?.items;
    let marks = runs.into_iter().rev().filter_map(|run| {
        let verdict = match run.state {
            RunState::Running => return None,
            RunState::Ok(_) => Verdict::Ok,
            RunState::Failed(_) => Verdict::Failed,
            RunState::Skipped { .. } => Verdict::Skipped,
        };
        Some(Mark { at: run.started, verdict, run: Some(run.id) })
    });
    Ok(marks.collect())
}

/// Says a strip in words: `last 30: 28 ok, 1 failed, 1 missed`.
pub fn in_words(marks: &[Mark]) -> String {
    if marks.is_empty() {
        return "no verdict yet".to_owned();
    }
    let kinds = [Verdict::Ok, Verdict::Failed, Verdict::Missed, Verdict::Skipped, Verdict::Unknown];
    let counts = kinds.iter().filter_map(|kind| {
        let n = marks.iter().filter(|mark| mark.verdict == *kind).count();
        (n > 0).then(|| format!("{n} {}", verdict_word(*kind)))
    });
    format!("last {}: {}", marks.len(), counts.collect::<Vec<_>>().join(", "))
}

/// A short strip: one path per verdict, because a page may have a thousand of them.
pub fn short(marks: &[Mark]) -> Markup {
    let kinds = [Verdict::Ok, Verdict::Failed, Verdict::Missed, Verdict::Skipped, Verdict::Unknown];
    let width = SHORT * 5;
    let path = |kind| {
        let empty = SHORT - marks.len().min(SHORT);
        let bars = marks.iter().enumerate().filter(|(_, mark)| mark.verdict == kind);
        bars.map(|(i, _)| bar(kind, (empty + i) * 5 + 2)).collect::<String>()
    };
    html! {
        svg.strip role="img" viewBox=(format!("0 0 {width} 18")) width=(width) height="18" aria-label=(in_words(marks)) {
            @for kind in kinds {
                @let path = path(kind);
                @if !path.is_empty() { path.(verdict_word(kind)) d=(path) {} }
            }
        }
    }
}

/// One bar at `x`: an ok is short, a failure is as tall as the strip, a miss leaves only ends, a skip is a stub.
fn bar(kind: Verdict, x: usize) -> String {
    match kind {
        Verdict::Ok => format!("M{x} 6v10"),
        Verdict::Failed => format!("M{x} 1v16"),
        Verdict::Missed => format!("M{x} 1v4m0 8v4"),
        Verdict::Skipped => format!("M{x} 12v4"),
        Verdict::Unknown => format!("M{x} 8v1m0 3v1m0 3v1"),
    }
}

/// A long strip in which each verdict can be pointed at, and leads to its run.
pub fn long(about: &ExpectationId, marks: &[Mark], present: &Present) -> Markup {
    html! {
        ol.slots aria-label=(in_words(marks)) {
            @for mark in marks {
                @let said = format!("{} {}", present.full(mark.at), verdict_word(mark.verdict));
                li.(verdict_word(mark.verdict)) {
                    @match &mark.run {
                        Some(run) => a href=(format!("/runs/{about}/{run}")) title=(said) { span.hush { (said) } },
                        None => span title=(said) { span.hush { (said) } },
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strip_says_in_words_what_it_draws() {
        let mark = |verdict| Mark { at: Timestamp::default(), verdict, run: None };
        let marks = [mark(Verdict::Ok), mark(Verdict::Missed), mark(Verdict::Ok)];
        assert_eq!(in_words(&marks), "last 3: 2 ok, 1 missed");
        let drawn = short(&marks).into_string();
        assert!(drawn.contains("class=\"missed\"") && drawn.contains("last 3: 2 ok, 1 missed"), "{drawn}");
        assert_eq!(in_words(&[]), "no verdict yet");
    }
}
