//! Mail records.

use super::{Area, Rule};
use crate::scan::facts::{Fact, Facts};
use crate::scan::facts_dns::{Mail, Spf};
use crate::scan::report::Weight;

/// How often a receiver asks at most before it gives up (RFC 7208, 4.6.4).
const LOOKUP_LIMIT: usize = 10;

pub(super) const NO_EXCHANGER_ADDRESS: Rule = Rule {
    id: "S70",
    area: Area::Mail,
    weight: Weight::Serious,
    title: "a mail server has no address",
    why: "Mail to you waits with strangers for days and then goes back; in your own log there is nothing.",
    fix: "Give the name an A record, or take it out of the MX records. (A CNAME is not allowed there, an address neither.)",
    place: "zone",
    snippet: "ZONE. IN MX 10 mail.ZONE.\nmail.ZONE. IN A 192.0.2.1",
    observe: |facts| {
        let Some(Fact::Known(all)) = mail(facts).map(|mail| &mail.exchangers) else { return Vec::new() };
        let lost = all.iter().filter(|one| one.name != "." && one.addresses.known() == Some(&0));
        lost.map(|one| format!("MX {} {} has no address", one.preference, one.name)).collect()
    },
};

pub(super) const SPF_EVERYBODY: Rule = Rule {
    id: "S71",
    area: Area::Mail,
    weight: Weight::Serious,
    title: "SPF lets everybody send in your name",
    why: "Every forged mail passes, with your word for it.",
    fix: "End the record with -all, or with ~all while you look.",
    place: "zone",
    snippet: "ZONE. IN TXT \"v=spf1 mx -all\"",
    observe: |facts| match spf(facts) {
        Some(spf) if spf.all.as_deref() == Some("+all") => spf.records.clone(),
        Some(_) | None => Vec::new(),
    },
};

pub(super) const SPF_BROKEN: Rule = Rule {
    id: "S72",
    area: Area::Mail,
    weight: Weight::Serious,
    title: "SPF cannot be read",
    why: "Receivers throw the whole record away (permerror): your mail lands in spam, and only strangers know.",
    fix: "One record that begins with v=spf1, and in it nothing but what RFC 7208 has.",
    place: "zone",
    snippet: "ZONE. IN TXT \"v=spf1 mx -all\"",
    observe: |facts| {
        let Some(spf) = spf(facts) else { return Vec::new() };
        let mut seen = spf.mistakes.clone();
        if spf.records.len() > 1 {
            seen.push(format!("there are {} SPF records", spf.records.len()));
        }
        seen
    },
};

pub(super) const SPF_LOOKUPS: Rule = Rule {
    id: "S73",
    area: Area::Mail,
    weight: Weight::Serious,
    title: "SPF asks for more than ten lookups",
    why: "Receivers stop at ten and throw the record away: it worked until the last `include` was added, and nobody was told.",
    fix: "Take out what no longer sends for you; write addresses in place of `a`, `mx` and `include`.",
    place: "zone",
    snippet: "ZONE. IN TXT \"v=spf1 ip4:192.0.2.0/28 include:_spf.example.net -all\"",
    observe: |facts| match spf(facts) {
        Some(spf) if spf.lookups > LOOKUP_LIMIT => {
            vec![format!("{} lookups: {}", spf.lookups, spf.records.join(" "))]
        }
        Some(_) | None => Vec::new(),
    },
};

pub(super) const NO_SPF: Rule = Rule {
    id: "S74",
    area: Area::Mail,
    weight: Weight::Moderate,
    title: "no SPF record",
    why: "Anybody can send in your name, and large receivers put your own mail into spam.",
    fix: "Say who sends; a domain that sends no mail says `v=spf1 -all`.",
    place: "zone",
    snippet: "ZONE. IN TXT \"v=spf1 mx -all\"",
    observe: |facts| match spf(facts) {
        Some(spf) if spf.records.is_empty() => vec!["no TXT record begins with v=spf1".to_owned()],
        Some(_) | None => Vec::new(),
    },
};

pub(super) const NO_DMARC: Rule = Rule {
    id: "S75",
    area: Area::Mail,
    weight: Weight::Moderate,
    title: "no DMARC record",
    why: "Receivers do not know what to do with forged mail and never tell you of it; large ones put your own into spam.",
    fix: "Begin with p=none and an address for reports, read them for two weeks, then p=quarantine.",
    place: "zone",
    snippet: "_dmarc.ZONE. IN TXT \"v=DMARC1; p=quarantine; rua=mailto:postmaster@ZONE\"",
    observe: |facts| match mail(facts).map(|mail| &mail.dmarc) {
        Some(Fact::Known(records)) if records.is_empty() => vec!["no such TXT record at _dmarc".to_owned()],
        Some(_) | None => Vec::new(),
    },
};

pub(super) const DMARC_BROKEN: Rule = Rule {
    id: "S76",
    area: Area::Mail,
    weight: Weight::Moderate,
    title: "DMARC cannot be read",
    why: "Receivers do as if there were none, and nobody tells you.",
    fix: "One record, which begins with v=DMARC1 and has p=none, p=quarantine or p=reject.",
    place: "zone",
    snippet: "_dmarc.ZONE. IN TXT \"v=DMARC1; p=quarantine; rua=mailto:postmaster@ZONE\"",
    observe: |facts| match mail(facts).map(|mail| &mail.dmarc) {
        Some(Fact::Known(records)) => match records.as_slice() {
            [] => Vec::new(),
            [one] => match policy(one) {
                Some(word) if ["none", "quarantine", "reject"].contains(&word.as_str()) => Vec::new(),
                Some(_) | None => vec![one.clone()],
            },
            several => vec![format!("there are {} DMARC records", several.len())],
        },
        Some(_) | None => Vec::new(),
    },
};

pub(super) const DMARC_NONE: Rule = Rule {
    id: "S77",
    area: Area::Mail,
    weight: Weight::Minor,
    title: "DMARC asks for nothing (p=none)",
    why: "Forged mail is delivered like your own; this is for looking, and was often meant for two weeks.",
    fix: "Read the reports, then go to p=quarantine.",
    place: "zone",
    snippet: "_dmarc.ZONE. IN TXT \"v=DMARC1; p=quarantine; rua=mailto:postmaster@ZONE\"",
    observe: |facts| match mail(facts).map(|mail| &mail.dmarc) {
        Some(Fact::Known(records)) => match records.as_slice() {
            [one] if policy(one).as_deref() == Some("none") => vec![one.clone()],
            _ => Vec::new(),
        },
        Some(_) | None => Vec::new(),
    },
};

/// What could not be seen inside of what was seen.
pub(super) fn unseen(facts: &Facts) -> impl Iterator<Item = (&'static str, String)> {
    mail(facts).into_iter().flat_map(|mail| {
        let exchangers = match &mail.exchangers {
            Fact::Known(all) => all
                .iter()
                .filter_map(|one| {
                    Some(("a mail server", format!("{}: {}", one.name, one.addresses.why_unknown()?)))
                })
                .collect(),
            Fact::Unknown { why } => vec![("MX records", why.clone())],
            Fact::Nothing { .. } => Vec::new(),
        };
        let spf = match &mail.spf {
            Fact::Known(spf) => spf.unseen.iter().map(|why| ("part of SPF", why.clone())).collect(),
            Fact::Unknown { why } => vec![("SPF", why.clone())],
            Fact::Nothing { .. } => Vec::new(),
        };
        let dmarc = mail.dmarc.why_unknown().map(|why| ("DMARC", why.to_owned()));
        exchangers.into_iter().chain(spf).chain(dmarc).collect::<Vec<_>>()
    })
}

fn mail(facts: &Facts) -> Option<&Mail> {
    facts.mail.known()
}

fn spf(facts: &Facts) -> Option<&Spf> {
    mail(facts)?.spf.known()
}

/// The value of `p` (RFC 7489, 6.3).
fn policy(record: &str) -> Option<String> {
    record.split(';').find_map(|tag| {
        let (name, value) = tag.split_once('=')?;
        name.trim().eq_ignore_ascii_case("p").then(|| value.trim().to_ascii_lowercase())
    })
}
