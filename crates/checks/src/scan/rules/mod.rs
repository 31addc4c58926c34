//! The rules: one row for each thing that can be wrong with a site. A rule is a pure function from facts to
//! observations, and says nothing where it could not see.

use serde::{Deserialize, Serialize};

use super::facts::{Fact, Facts};
use super::report::{Finding, Unseen, Weight};

mod delivery;
mod domain;
mod headers;
mod health;
mod mail;
mod tls;
mod ways;
mod zone;

/// The longest observation, in characters.
const OBSERVED: usize = 300;

/// Parts of a site, in the order of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    /// From http and from the twin name to the site.
    Redirects,
    /// TLS and the certificate.
    Tls,
    /// What the page tells browsers.
    Headers,
    /// Compression and protocols.
    Delivery,
    /// The health endpoint.
    Health,
    /// Name service and addresses.
    Dns,
    /// Mail records.
    Mail,
    /// The registration.
    Domain,
}

impl Area {
    /// All of them, in the order of the report.
    pub const ALL: [Self; 8] = [
        Self::Redirects,
        Self::Tls,
        Self::Headers,
        Self::Delivery,
        Self::Health,
        Self::Dns,
        Self::Mail,
        Self::Domain,
    ];

    /// Its name on screens.
    pub fn word(self) -> &'static str {
        match self {
            Self::Redirects => "redirects",
            Self::Tls => "TLS",
            Self::Headers => "headers",
            Self::Delivery => "delivery",
            Self::Health => "health",
            Self::Dns => "DNS",
            Self::Mail => "mail",
            Self::Domain => "domain",
        }
    }
}

/// One thing that can be wrong.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Stable: it is never given to another rule.
    pub id: &'static str,
    /// Which part of the site.
    pub area: Area,
    /// How much it counts.
    pub weight: Weight,
    /// What is wrong, in a few words.
    pub title: &'static str,
    /// What fails in silence because of it.
    pub why: &'static str,
    /// What to do, in one sentence.
    pub fix: &'static str,
    /// Where the lines belong, `nginx` or `zone`; empty where there are none.
    pub place: &'static str,
    /// Lines to write there; `HOST`, `ZONE` and `HEALTH` stand for those of the site.
    pub snippet: &'static str,
    /// What was seen that is wrong; nothing where it is right or nobody could see.
    pub observe: fn(&Facts) -> Vec<String>,
}

/// Every rule, in the order of the areas.
pub const RULES: &[Rule] = &[
    ways::NOT_SECURE,
    ways::LOOP,
    ways::ASTRAY,
    ways::DOWNGRADE,
    ways::CLEAR,
    ways::PATH_LOST,
    ways::TWIN,
    ways::MANY_HOPS,
    ways::TEMPORARY,
    tls::EXPIRED,
    tls::OTHER_NAME,
    tls::INCOMPLETE,
    tls::UNTRUSTED,
    tls::NO_HANDSHAKE,
    tls::ENDS_SOON,
    tls::RENEWAL_LATE,
    tls::INTERMEDIATE_ENDS,
    tls::WEAK_KEY,
    tls::OLD_VERSIONS,
    tls::NO_13,
    headers::FAILS,
    headers::NO_HSTS,
    headers::SHORT_HSTS,
    headers::NO_CSP,
    headers::FRAMED,
    headers::SNIFFED,
    headers::REFERRER,
    headers::PERMISSIONS,
    headers::VERSION_TOLD,
    headers::COOKIE_OPEN,
    headers::COOKIE_CROSS_SITE,
    delivery::UNCOMPRESSED,
    delivery::NO_HTTP2,
    health::FROM_CACHE,
    health::STANDS_STILL,
    health::SAYS_DOWN,
    health::FAILS,
    health::MAY_BE_CACHED,
    zone::DEAD_ADDRESS,
    zone::DEAD_V6,
    zone::LAME,
    zone::DISAGREE_ADDRESSES,
    zone::DISAGREE_SERIAL,
    zone::ONE_SERVER,
    zone::NO_CAA,
    mail::NO_EXCHANGER_ADDRESS,
    mail::SPF_EVERYBODY,
    mail::SPF_BROKEN,
    mail::SPF_LOOKUPS,
    mail::NO_SPF,
    mail::NO_DMARC,
    mail::DMARC_BROKEN,
    mail::DMARC_NONE,
    domain::OVER,
    domain::ENDS_SOON,
];

impl Rule {
    /// A finding, if there is something to find.
    pub fn judge(&self, facts: &Facts) -> Option<Finding> {
        let observed: Vec<String> = (self.observe)(facts).iter().map(|text| short(text)).collect();
        if observed.is_empty() {
            return None;
        }
        let zone = facts.zone.known().map_or(facts.host.as_str(), |zone| zone.name.as_str());
        let health = facts.health.known().map_or("/health", |health| health.path.as_str());
        let snippet = [
            ("HOST", facts.host.as_str(), "example.com"),
            ("ZONE", zone, "example.com"),
            ("HEALTH", health, "/health"),
        ]
        .into_iter()
        .fold(self.snippet.to_owned(), |lines, (word, value, otherwise)| {
            lines.replace(word, if is_plain(value) { value } else { otherwise })
        });
        Some(Finding {
            id: self.id,
            area: self.area,
            weight: self.weight,
            title: self.title,
            observed,
            why: self.why,
            fix: self.fix,
            place: self.place,
            snippet,
        })
    }
}

/// Nothing that a shell or nginx would take for more than a name: the lines are there to be copied.
fn is_plain(value: &str) -> bool {
    value.chars().all(|c| c.is_ascii_alphanumeric() || "-._/:".contains(c))
}

/// Text of strangers on one line and of a bounded length.
fn short(text: &str) -> String {
    let mut line: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(OBSERVED).collect();
    if line.chars().count() == OBSERVED {
        line.push('…');
    }
    line
}

/// The parts of the facts that nobody could see.
pub fn unseen(facts: &Facts) -> Vec<Unseen> {
    fn part<T>(area: Area, what: &'static str, fact: &Fact<T>) -> Option<Unseen> {
        fact.why_unknown().map(|why| Unseen { area, what, why: short(why) })
    }
    let mut all: Vec<Unseen> = [
        part(Area::Redirects, "where http:// leads", &facts.ways),
        part(Area::Redirects, "whether a path survives the way to https", &facts.path),
        part(Area::Tls, "the certificate", &facts.tls),
        part(Area::Tls, "old versions of TLS", &facts.old_tls),
        part(Area::Tls, "TLS 1.2 and 1.3", &facts.new_tls),
        part(Area::Headers, "the page", &facts.page),
        part(Area::Delivery, "the HTTPS record", &facts.https_record),
        facts.page.known().and_then(|page| part(Area::Delivery, "the body of the page", &page.bytes)),
        part(Area::Health, "the health endpoint", &facts.health),
        part(Area::Dns, "the addresses", &facts.addresses),
        part(Area::Dns, "the zone", &facts.zone),
        part(Area::Mail, "the mail records", &facts.mail),
        part(Area::Domain, "the registration", &facts.domain),
    ]
    .into_iter()
    .flatten()
    .collect();
    all.extend(ways::unseen(facts).map(|why| Unseen {
        area: Area::Redirects,
        what: "a chain of redirects",
        why: short(&why),
    }));
    all.extend(zone::unseen(facts).map(|(what, why)| Unseen { area: Area::Dns, what, why: short(&why) }));
    all.extend(mail::unseen(facts).map(|(what, why)| Unseen { area: Area::Mail, what, why: short(&why) }));
    all
}

#[cfg(test)]
mod tests;
