//! Who watches this agent: a line on the first page, and plain words where nobody does.

use maud::{Markup, html};
use muster_core::board::{Peer, Watchers};

use crate::pages::frame::View;
use crate::pages::words;

/// The section.
pub fn watchers(view: &View) -> Markup {
    let watchers = &view.snapshot.watchers;
    html! {
        section #watchers {
            h2 { "Who watches this agent" }
            @if let Some(stranger) = &watchers.stranger {
                p { b { (stranger.code) } " " (stranger.what) ": " (stranger.help) "." }
            }
            @if watchers.is_nobody() { (nobody()) } @else { (somebody(view, watchers)) }
        }
    }
}

fn nobody() -> Markup {
    html! {
        p {
            "Nobody: if this host goes down, no page says so. Two hosts can watch each other with "
            code { "[peer.NAME]" } " in " code { "muster.toml" } "; or an address outside hears from this one: "
            code { "beat = { url = \"https://…\" }" } " below " code { "[muster]" } "."
        }
    }
}

fn somebody(view: &View, watchers: &Watchers) -> Markup {
    html! {
        ul.watchers {
            @if watchers.beat { li { "An address outside, by " code { "beat" } " (" a href="/e/duty.beat" { "duty.beat" } ")." } }
            @for peer in &watchers.peers { li { (one(view, peer)) } }
        }
    }
}

fn one(view: &View, peer: &Peer) -> Markup {
    html! {
        a href=(format!("/e/peer.{}", peer.name)) { "peer." (peer.name) } ": "
        @match peer.hears_us {
            Some(at) => { "it took our beat " (view.present.moment_and_distance(at)) }
            None => "it has not said that it hears us",
        }
        @let also: Vec<String> = peer.trouble.iter().cloned().chain(peer.clocks()).collect();
        @if !also.is_empty() { "; " b { (words::join(&also)) } }
        "."
    }
}
