//! What all pages share: head, bar, faults of muster itself.

use std::sync::Arc;

use maud::{DOCTYPE, Markup, html};
use muster_core::board::{Fault, Snapshot};
use muster_store::contract::StoreError;

use crate::assets;
use crate::guard::who::{Asker, Who};
use crate::pages::forms::csrf_field;
use crate::pages::words;
use crate::router::Web;
use crate::times::Present;

/// Everything that a page is made from.
#[derive(Clone)]
pub struct View {
    /// What all requests share.
    pub web: Web,
    /// Who looks.
    pub asker: Asker,
    /// The roll at one moment.
    pub snapshot: Arc<Snapshot>,
    /// One idea of the present.
    pub present: Present,
}

impl View {
    /// A view of the present.
    pub fn new(web: &Web, asker: &Asker) -> Self {
        Self { web: web.clone(), asker: asker.clone(), snapshot: web.snapshot(), present: web.present() }
    }
}

/// One part of a page that the live stream replaces by its id.
#[derive(Debug, Clone)]
pub struct Fragment {
    /// The `id` of its element.
    pub id: String,
    /// The element.
    pub html: Markup,
}

impl Fragment {
    /// A fragment.
    pub fn new(id: impl Into<String>, html: Markup) -> Self {
        Self { id: id.into(), html }
    }
}

/// A whole page. `events` is the address of its live stream.
pub fn page(view: &View, title: &str, here: &str, events: Option<&str>, body: &Markup) -> Markup {
    let name = &view.web.parts.settings.name;
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · " (name) }
                link rel="icon" type="image/svg+xml" href=(assets::mark());
                link rel="stylesheet" href=(assets::style());
                script src=(assets::script()) {}
                @if events.is_some() { noscript { meta http-equiv="refresh" content="60"; } }
            }
            body data-events=[events] data-now=(view.present.now.millis()) data-board=(view.snapshot.board.at.millis()) {
                a.skip href="#main" { "Skip to content" }
                (bar(view, here))
                (faults(&view.snapshot.faults, view))
                main #main { (body) }
                footer {
                    span { "muster " (view.web.parts.settings.version) }
                    span { "times in " (view.present.zone()) }
                    span #live hidden { "live" }
                }
            }
        }
    }
}

fn bar(view: &View, here: &str) -> Markup {
    html! {
        header.bar {
            a.brand href="/" { b { "muster" } " " span.site { (view.web.parts.settings.name) } }
            @if view.asker.may_look() {
                nav aria-label="Pages" {
                    @for (address, word) in [("/", "Roll"), ("/jobs", "Jobs"), ("/checks", "Checks"), ("/services", "Services"), ("/host", "Host"), ("/doctor", "Doctor"), ("/deliveries", "Deliveries")] {
                        a href=(address) aria-current=[(here == address).then_some("page")] { (word) }
                    }
                }
            }
            div.who {
                button #theme type="button" hidden { "Theme" }
                @match &view.asker.who {
                    Who::Person { name, .. } => {
                        form method="post" action="/signout" {
                            (csrf_field(&view.asker))
                            span.name { (name) } " " button.plain { "Sign out" }
                        }
                    }
                    Who::Nobody => a href="/signin" { "Sign in" },
                    Who::Program { name, .. } => span.name { (name) },
                    Who::Operator => span.name { "operator" },
                }
            }
        }
    }
}

/// What is wrong with muster itself. On every page, and kept fresh on the live ones.
pub fn faults(faults: &[Fault], view: &View) -> Markup {
    html! {
        div #faults {
            @for fault in faults {
                div.fault role="alert" {
                    b { "muster itself: " } (fault.what) " "
                    small { "since " (view.present.moment(fault.since)) " · " (fault.code) }
                    div.help { (words::with_code(&fault.help)) }
                }
            }
        }
    }
}

/// Says that history could not be read. The rest of the page stands.
pub fn no_history(error: &StoreError) -> Markup {
    html! {
        p.fault role="alert" {
            b { "History cannot be read: " } (error) ". " small { (error.code()) }
            span.help { (words::with_code(error.help())) }
        }
    }
}
