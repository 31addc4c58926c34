//! The buttons. They are plain forms, so they work without a script.

use maud::{Markup, html};
use muster_core::board::Line;

use crate::guard::who::{Asker, Scope};
use crate::pages::frame::View;

/// The field that shows a form to be one of ours.
pub fn csrf_field(asker: &Asker) -> Markup {
    html! { @if let Some(csrf) = asker.csrf() { input type="hidden" name="csrf" value=(csrf); } }
}

/// What can be done about one expectation. `back` is where the browser goes afterwards.
pub fn acts(line: &Line, asker: &Asker, back: &str) -> Markup {
    html! {
        div.acts {
            @if !asker.may(Scope::Act) {
                a href="/signin" { "Sign in to act" }
            } @else {
                @if line.incident.as_ref().is_some_and(|incident| incident.acknowledged.is_none()) {
                    form method="post" action=(format!("/e/{}/acknowledge", line.id)) {
                        (hidden(asker, back))
                        button { "Acknowledge" }
                        (lengths("for", &[("1h", "for 1 hour"), ("4h", "for 4 hours"), ("1d", "for a day")]))
                    }
                }
                @if line.id.table() == "job" { a href=(format!("/e/{}/run", line.id)) { "Run now…" } }
                @if line.pause.is_some() {
                    form method="post" action=(format!("/e/{}/resume", line.id)) {
                        (hidden(asker, back)) button { "Resume" }
                    }
                } @else {
                    details {
                        summary { "Pause…" }
                        form method="post" action=(format!("/e/{}/pause", line.id)) {
                            (hidden(asker, back))
                            input name="reason" required maxlength="500" placeholder="why" aria-label="why";
                            (lengths("for", &[
                                ("1h", "for 1 hour"), ("8h", "for 8 hours"), ("1d", "for a day"), ("7d", "for a week"),
                            ]))
                            button { "Pause pages" }
                        }
                    }
                }
            }
        }
    }
}

/// The page that asks before an act: its title and body. None for an act that needs no asking.
pub fn asked(line: &Line, act: &str, view: &View) -> Option<(String, Markup)> {
    let name = line.id.name();
    let (title, body) = match act {
        "pause" => (
            format!("Pause {name}"),
            html! {
                p.lead { "Pages about it are held back until then. It is still watched, and shown here." }
                form.ask method="post" action=(format!("/e/{}/pause", line.id)) {
                    (hidden(&view.asker, "/jobs"))
                    label { "Why" input name="reason" required maxlength="500" placeholder="for whoever finds it paused"; }
                    label { "For how long" (lengths("for", &[
                        ("1h", "1 hour"), ("8h", "8 hours"), ("1d", "a day"), ("7d", "a week"), ("30d", "30 days"),
                    ])) }
                    button { "Pause pages" }
                }
            },
        ),
        "run" if line.id.table() == "job" => (
            format!("Run {name} now"),
            html! {
                p.lead {
                    "It is started at once, in addition to its schedule and with its own lock and limits."
                    @if !line.running.is_empty() { " " b { "A run of it goes on already." } }
                    @if let Some(due) = line.due { " It is next due " (view.present.moment_and_distance(due)) "." }
                }
                form.ask method="post" action=(format!("/e/{}/run", line.id)) {
                    (hidden(&view.asker, "/jobs"))
                    button { "Run it now" }
                }
            },
        ),
        _ => return None,
    };
    let body = html! {
        section.refusal {
            p { a href="/jobs" { "Jobs" } " · " a href=(format!("/e/{}", line.id)) { (line.id) } }
            h1 { (title) "?" }
            (body)
        }
    };
    Some((title, body))
}

fn hidden(asker: &Asker, back: &str) -> Markup {
    html! { (csrf_field(asker)) input type="hidden" name="back" value=(back); }
}

fn lengths(name: &str, choices: &[(&str, &str)]) -> Markup {
    html! {
        select name=(name) aria-label="for how long" {
            @for (value, words) in choices { option value=(value) { (words) } }
        }
    }
}
