//! The registration.

use muster_core::time::Span;

use super::{Area, Rule};
use crate::scan::report::Weight;

/// From then on it is late: most registrars renew a month before the end.
const SOON: Span = Span::days(21);

const FIX: &str = "Renew it at the registrar today, turn on the automatic renewal, and see that the card and the mail \
                   address there are still good.";

pub(super) const OVER: Rule = Rule {
    id: "S80",
    area: Area::Domain,
    weight: Weight::Broken,
    title: "the registration of the domain is over",
    why: "Any hour the registry takes the name out of the net, with site and mail; then somebody else may buy it.",
    fix: FIX,
    place: "",
    snippet: "",
    observe: |facts| match facts.domain.known() {
        Some(domain) if domain.expires <= facts.at => {
            vec![format!("{} until {}", domain.name, domain.expires)]
        }
        Some(_) | None => Vec::new(),
    },
};

pub(super) const ENDS_SOON: Rule = Rule {
    id: "S81",
    area: Area::Domain,
    weight: Weight::Serious,
    title: "the registration of the domain ends soon",
    why: "Reminders go to a mailbox that nobody reads; then site and mail are gone together.",
    fix: FIX,
    place: "",
    snippet: "",
    observe: |facts| match facts.domain.known() {
        Some(domain) if domain.expires > facts.at && domain.expires.since(facts.at) < SOON => {
            vec![format!("{} until {}", domain.name, domain.expires)]
        }
        Some(_) | None => Vec::new(),
    },
};
