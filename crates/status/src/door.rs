//! The pages by which people subscribe and end it: one question or one answer each, no script, no request but their own.
//! The agent serves them; they look like the page that led there.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use muster_config::plan::StatusPage;

use crate::html::STYLE;

/// The digest of the style: nothing else is loaded or run, and forms go nowhere but back.
const STYLE_DIGEST: &str = "sha256-q7Hfy6WgdIhvVW1Xgr8cu9o14lWmXMVoEvykmRxBHtY=";

/// Longest address that the form takes (RFC 5321, 4.5.3.1.3).
pub const ADDRESS_LIMIT: usize = 254;

/// What such a page is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Door<'a> {
    /// Which address?
    Ask,
    /// That was none.
    NoAddress,
    /// Whatever becomes of it, the answer is the same.
    Asked,
    /// Is it yours?
    Confirm {
        /// The address of the link.
        address: &'a str,
    },
    /// It is subscribed.
    Subscribed {
        /// The address of the link.
        address: &'a str,
    },
    /// The link is too old.
    TooOld,
    /// The link is none of ours, or not whole.
    NoLink,
    /// There is no room on the list.
    Full,
    /// End it?
    Leave {
        /// The address of the link.
        address: &'a str,
    },
    /// It is ended, or was before.
    Left {
        /// The address of the link.
        address: &'a str,
    },
    /// It cannot be stored.
    NotNow,
}

/// The policy that goes with every page.
pub fn policy() -> String {
    format!(
        "default-src 'none'; style-src '{STYLE_DIGEST}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
}

/// The page.
pub fn page(plan: &StatusPage, door: &Door<'_>) -> String {
    let (heading, body) = words(door);
    let whole = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                title { (heading) " · " (plan.title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { a href=(format!("{}/", plan.url)) { (plan.title) } }
                    p.now { (heading) }
                }
                main { (body) }
                footer { p { a href=(format!("{}/", plan.url)) { "How everything stands" } } }
            }
        }
    };
    whole.into_string()
}

fn words(door: &Door<'_>) -> (&'static str, Markup) {
    let again = html! { p { "You can ask for a new one:" } (form(None)) };
    match door {
        Door::Ask => ("Get all reports by mail", form(None)),
        Door::NoAddress => {
            ("This is no mail address", html! { p { "Write it as name@example.com." } (form(None)) })
        }
        Door::Asked => (
            "Look into your mailbox",
            html! {
                p { "If it is possible, a mail with a link is on its way. Nothing is sent to an address before somebody there has followed the link." }
                p.soft { "It works for 24 hours. If nothing comes within a few minutes, look among the junk, and try again a quarter of an hour later." }
            },
        ),
        Door::Confirm { address } => (
            "Is this your address?",
            html! {
                p { "Everything that this status page reports will be mailed to " b { (address) } ", until you end it." }
                (button("Subscribe"))
            },
        ),
        Door::Subscribed { address } => (
            "You are subscribed",
            html! {
                p { "What is reported from now on is mailed to " b { (address) } "." }
                p.soft { "Every mail has a link that ends it." }
            },
        ),
        Door::TooOld => ("This link is too old", again),
        Door::NoLink => (
            "This link cannot be used",
            html! { p { "It is not whole, or was not made here. Nothing was changed." } },
        ),
        Door::Full => (
            "There is no room at present",
            html! {
                p { "As many people subscribed as can be. Nothing was changed; the feed of the status page is open to everybody." }
            },
        ),
        Door::Leave { address } => (
            "End the mails?",
            html! { p { "Nothing more will be mailed to " b { (address) } "." } (button("Unsubscribe")) },
        ),
        Door::Left { address } => (
            "You are not subscribed",
            html! {
                p { "Nothing more is mailed to " b { (address) } ". The address is not kept." }
            },
        ),
        Door::NotNow => (
            "It cannot be done at present",
            html! { p { "Nothing was changed. Try again in a few minutes." } },
        ),
    }
}

/// The form for an address; one without an action comes back to where it stands.
pub(crate) fn form(action: Option<&str>) -> Markup {
    html! {
        form.ask method="post" action=(action.unwrap_or("subscribe")) {
            label for="email" { "Mail address" }
            input #email type="email" name="email" required maxlength=(ADDRESS_LIMIT) autocomplete="email" placeholder="name@example.com";
            button { "Subscribe" }
        }
        p.soft { "You get a mail with a link first, and then one mail for each thing that is reported here." }
    }
}

/// One button that sends the same address again, as a deed.
fn button(word: &str) -> Markup {
    html! { form.ask method="post" { button { (word) } } }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use muster_core::time::Span;
    use sha2::Digest;

    use super::*;

    fn plan() -> StatusPage {
        StatusPage {
            title: "Acme <b>".into(),
            url: "https://status.example.com".into(),
            folder: "/srv/s3cret-folder".into(),
            push: Vec::new(),
            every: Span::minutes(1),
            components: Vec::new(),
            subscribe: None,
        }
    }

    #[test]
    fn the_policy_knows_the_style_and_allows_nothing_else() {
        let digest = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(STYLE));
        assert_eq!(STYLE_DIGEST, format!("sha256-{digest}"));
        assert!(!policy().contains("unsafe") && policy().starts_with("default-src 'none'"));
    }

    #[test]
    fn what_somebody_wrote_stays_text() {
        let address = "<script>alert(1)</script>@example.com";
        for door in [
            Door::Ask,
            Door::NoAddress,
            Door::Asked,
            Door::Confirm { address },
            Door::Subscribed { address },
            Door::TooOld,
            Door::NoLink,
            Door::Full,
            Door::Leave { address },
            Door::Left { address },
            Door::NotNow,
        ] {
            let page = page(&plan(), &door);
            assert!(!page.contains("<script") && !page.contains("Acme <b>"), "{page}");
            assert!(!page.contains("s3cret") && page.contains("Acme &lt;b&gt;"), "{page}");
        }
    }

    #[test]
    fn only_a_button_subscribes_or_ends_it() {
        for door in [Door::Confirm { address: "a@example.com" }, Door::Leave { address: "a@example.com" }] {
            let page = page(&plan(), &door);
            assert_eq!(page.matches("<form class=\"ask\" method=\"post\">").count(), 1, "{page}");
        }
    }
}
