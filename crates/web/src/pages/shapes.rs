//! The marks of conditions and verdicts: a shape and a word, never colour alone. Shapes are drawn here, so that they do
//! not depend on fonts.

use maud::{Markup, html};
use muster_core::board::Line;
use muster_core::effect::{Condition, Verdict};
use muster_store::history::RunState;

/// The marks of one expectation: its condition, and that it is paused or in maintenance.
pub fn of_line(line: &Line) -> Markup {
    let word = line.condition.word();
    html! {
        span.state.(word) { (shape(word)) (word) }
        @if line.pause.is_some() { " " span.state.paused { (shape("paused")) "paused" } }
        @if line.maintenance.is_some() { " " span.state.paused { (shape("maintenance")) "in maintenance" } }
    }
}

/// The mark of a condition.
pub fn of_condition(condition: &Condition) -> Markup {
    let word = condition.word();
    html! { span.state.(word) { (shape(word)) (word) } }
}

/// The mark of a run.
pub fn of_run(state: &RunState) -> Markup {
    let (class, word) = match state {
        RunState::Running => ("running", "running"),
        RunState::Ok(_) => ("ok", "ok"),
        RunState::Failed(_) => ("firing", "failed"),
        RunState::Skipped { .. } => ("pending", "skipped"),
    };
    html! { span.state.(class) { (shape(class)) (word) } }
}

/// One word for a verdict.
pub fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "ok",
        Verdict::Failed => "failed",
        Verdict::Skipped => "skipped",
        Verdict::Missed => "missed",
        Verdict::Unknown => "unknown",
    }
}

/// A shape of 12 by 12 for a class of state.
pub fn shape(class: &str) -> Markup {
    html! {
        svg.shape viewBox="0 0 12 12" width="12" height="12" aria-hidden="true" focusable="false" {
            @match class {
                "ok" => { circle cx="6" cy="6" r="4.5" class="fill" {} }
                "firing" => { path d="M6 .8 11.6 11H.4z" class="fill" {} }
                "pending" => {
                    circle cx="6" cy="6" r="4.25" class="line" {}
                    path d="M6 1.75a4.25 4.25 0 0 1 0 8.5z" class="fill" {}
                }
                "unknown" => { path d="M6 1 11 6 6 11 1 6z" class="line dashed" {} }
                "paused" => { path d="M2.5 1.5h2.6v9H2.5zM6.9 1.5h2.6v9H6.9z" class="fill" {} }
                "maintenance" => { path d="M6 1.2A4.8 4.8 0 1 0 6 10.8 4.8 4.8 0 1 0 6 1.2zM6 3v3.2l2.3 1.5" class="line" {} }
                "running" => { path d="M2.5 1.2 10.5 6l-8 4.8z" class="fill" {} }
                _ => { circle cx="6" cy="6" r="4.25" class="line" {} }
            }
        }
    }
}
