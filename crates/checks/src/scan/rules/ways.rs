//! From http and from the twin name to the site.

use super::{Area, Rule};
use crate::scan::facts::{Facts, Hop, Secure, Way, WayEnd, WaySort};
use crate::scan::report::Weight;

const TO_HTTPS: &str = "\
server {
    listen 80;
    listen [::]:80;
    server_name HOST;
    return 301 https://HOST$request_uri;
}";

pub(super) const NOT_SECURE: Rule = Rule {
    id: "S01",
    area: Area::Redirects,
    weight: Weight::Broken,
    title: "nobody answers by https",
    why: "Everything that visitors send and read can be seen and changed on its way, and nobody notices.",
    fix: "Let the web server listen on port 443 with a certificate, and send http there.",
    place: "nginx",
    snippet: "\
server {
    listen 443 ssl http2;
    listen [::]:443 ssl http2;
    server_name HOST;
    ssl_certificate     /etc/letsencrypt/live/HOST/fullchain.pem;
    ssl_certificate_key /etc/letsencrypt/live/HOST/privkey.pem;
}",
    observe: |facts| match facts.tls.known() {
        Some(Secure::Closed { why }) => vec![why.clone()],
        Some(Secure::Silent { .. } | Secure::Open(_)) | None => Vec::new(),
    },
};

pub(super) const LOOP: Rule = Rule {
    id: "S02",
    area: Area::Redirects,
    weight: Weight::Broken,
    title: "redirects lead in a circle",
    why: "Browsers show an error page; a monitor that does not follow redirects sees 301 and calls it good.",
    fix: "Redirect to one canonical address, and let that one answer by itself; behind a proxy, look at \
          X-Forwarded-Proto before redirecting to https.",
    place: "nginx",
    snippet: TO_HTTPS,
    observe: |facts| {
        of_site(facts)
            .filter_map(|way| match &way.end {
                WayEnd::Loop { url } => Some(format!("{} → {url} again", chain(way))),
                WayEnd::Endless => Some(format!("{} and so on, more than 10 redirects", chain(way))),
                _ => None,
            })
            .collect()
    },
};

pub(super) const ASTRAY: Rule = Rule {
    id: "S03",
    area: Area::Redirects,
    weight: Weight::Broken,
    title: "a redirect leads nowhere",
    why: "Browsers show an error page or a blank one; the server's own log shows nothing but a good redirect.",
    fix: "Correct the address behind `return` or `Location`: it begins with https:// or with a slash.",
    place: "nginx",
    snippet: TO_HTTPS,
    observe: |facts| {
        of_site(facts)
            .filter_map(|way| match &way.end {
                WayEnd::Astray { location } => Some(format!("{} → {location:?}", chain(way))),
                WayEnd::Nameless { why } | WayEnd::Closed { why } | WayEnd::Distrusted { why }
                    if !way.hops.is_empty() && !leads_home(way, &facts.host) =>
                {
                    Some(format!("{}: {why}", chain(way)))
                }
                _ => None,
            })
            .collect()
    },
};

pub(super) const DOWNGRADE: Rule = Rule {
    id: "S04",
    area: Area::Redirects,
    weight: Weight::Serious,
    title: "a redirect leads from https back to http",
    why: "One request goes out in the clear, with its cookies and its path; whoever sits on the line can answer it.",
    fix: "Redirect to https:// only; behind a proxy, build addresses from X-Forwarded-Proto and not from the scheme \
          of the inner connection.",
    place: "nginx",
    snippet: "proxy_set_header X-Forwarded-Proto $scheme;\nproxy_redirect http:// https://;",
    observe: |facts| {
        all(facts).filter_map(|way| downgrade(way).map(|hop| format!("{} → {}", hop.url, hop.location))).fold(
            Vec::new(),
            |mut seen, text| {
                if !seen.contains(&text) {
                    seen.push(text);
                }
                seen
            },
        )
    },
};

pub(super) const CLEAR: Rule = Rule {
    id: "S05",
    area: Area::Redirects,
    weight: Weight::Serious,
    title: "plain http is answered and not sent to https",
    why: "Whoever types the name without https stays in the clear: passwords and sessions can be read on the way, and \
          no log shows it.",
    fix: "Answer everything on port 80 with a redirect to https.",
    place: "nginx",
    snippet: TO_HTTPS,
    observe: |facts| {
        if !matches!(facts.tls.known(), Some(Secure::Open(_))) {
            return Vec::new();
        }
        all(facts)
            .filter(|way| matches!(way.sort, WaySort::Clear | WaySort::TwinClear))
            .filter_map(|way| match &way.end {
                WayEnd::Answered { url, status } if url.starts_with("http://") && *status < 400 => {
                    Some(format!("{url} answers {status}"))
                }
                _ => None,
            })
            .collect()
    },
};

pub(super) const PATH_LOST: Rule = Rule {
    id: "S06",
    area: Area::Redirects,
    weight: Weight::Moderate,
    title: "the path is lost on the way to https",
    why: "Old links, callbacks and renewals of certificates by http end on the front page: it looks like an answer and \
          is none.",
    fix: "Hand the whole request on with $request_uri.",
    place: "nginx",
    snippet: TO_HTTPS,
    observe: |facts| match facts.path.known() {
        Some(kept) if !kept.location.ends_with(&kept.asked) => {
            vec![format!("http://{}{} leads to {}", facts.host, kept.asked, kept.location)]
        }
        Some(_) | None => Vec::new(),
    },
};

pub(super) const TWIN: Rule = Rule {
    id: "S07",
    area: Area::Redirects,
    weight: Weight::Moderate,
    title: "the name with or without www does not work",
    why: "Part of the visitors types the other name. They see an error, and this server never hears of them.",
    fix: "Give the certificate both names, and redirect one to the other; or take the other name out of the zone.",
    place: "nginx",
    snippet: "\
server {
    listen 443 ssl http2;
    listen [::]:443 ssl http2;
    server_name OTHER-NAME;
    # a certificate that is good for this name as well
    return 301 https://HOST$request_uri;
}",
    observe: |facts| {
        let twins = all(facts).filter(|way| matches!(way.sort, WaySort::Twin | WaySort::TwinClear));
        twins
            .filter_map(|way| match &way.end {
                // A twin without an address was never promised to anybody.
                WayEnd::Closed { .. } | WayEnd::Distrusted { .. } if leads_home(way, &facts.host) => None,
                WayEnd::Closed { why } | WayEnd::Distrusted { why } => Some(why.clone()),
                WayEnd::Nameless { why } if !way.hops.is_empty() => Some(why.clone()),
                WayEnd::Astray { location } => Some(format!("{} → {location:?}", chain(way))),
                WayEnd::Loop { url } => Some(format!("{} → {url} again", chain(way))),
                WayEnd::Endless => Some(format!("{} and so on", chain(way))),
                WayEnd::Answered { url, status } if *status >= 500 => Some(format!("{url} answers {status}")),
                WayEnd::Answered { .. } | WayEnd::Nameless { .. } | WayEnd::Lost { .. } => None,
            })
            .collect()
    },
};

pub(super) const MANY_HOPS: Rule = Rule {
    id: "S08",
    area: Area::Redirects,
    weight: Weight::Minor,
    title: "more than two redirects on the way",
    why: "Each one costs a connection and a handshake, which is felt on phones, and each is one more that can break.",
    fix: "Redirect from the first address straight to the last one.",
    place: "nginx",
    snippet: TO_HTTPS,
    observe: |facts| {
        let ended = |way: &&Way| way.hops.len() > 2 && matches!(way.end, WayEnd::Answered { .. });
        all(facts).filter(ended).map(chain).collect()
    },
};

pub(super) const TEMPORARY: Rule = Rule {
    id: "S09",
    area: Area::Redirects,
    weight: Weight::Minor,
    title: "the way to https is called temporary",
    why: "Browsers and search engines ask by http again each time, in the clear.",
    fix: "Redirect with 301 or 308.",
    place: "nginx",
    snippet: TO_HTTPS,
    observe: |facts| {
        let first = all(facts).filter(|way| way.sort == WaySort::Clear).filter_map(|way| way.hops.first());
        first
            .filter(|hop| matches!(hop.status, 302 | 303 | 307) && is_secure(&hop.location))
            .map(|hop| format!("{} answers {} with {}", hop.url, hop.status, hop.location))
            .collect()
    },
};

/// What was lost on the way, so that nobody knows where it leads.
pub(super) fn unseen(facts: &Facts) -> impl Iterator<Item = String> {
    all(facts).filter_map(|way| match &way.end {
        WayEnd::Lost { why } => Some(why.clone()),
        _ => None,
    })
}

fn all(facts: &Facts) -> impl Iterator<Item = &Way> {
    facts.ways.known().into_iter().flatten()
}

fn of_site(facts: &Facts) -> impl Iterator<Item = &Way> {
    all(facts).filter(|way| matches!(way.sort, WaySort::Clear | WaySort::Secure))
}

/// The last redirect leads to the site itself: what is wrong there is told by other rules.
fn leads_home(way: &Way, host: &str) -> bool {
    let Some(hop) = way.hops.last() else { return false };
    let host_of = |url: &str| {
        let rest = url.split_once("://").map(|(_, rest)| rest)?;
        let authority = rest.split('/').next()?;
        let bare = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
        Some(bare.to_ascii_lowercase())
    };
    let to = host_of(&hop.location).or_else(|| host_of(&hop.url));
    to.is_some_and(|to| to == host.to_ascii_lowercase())
}

fn downgrade(way: &Way) -> Option<&Hop> {
    way.hops.iter().find(|hop| {
        let to = hop.location.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("http://"));
        is_secure(&hop.url) && to
    })
}

fn is_secure(url: &str) -> bool {
    url.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("https://"))
}

fn chain(way: &Way) -> String {
    let mut texts: Vec<String> = way.hops.iter().map(|hop| format!("{} ({})", hop.url, hop.status)).collect();
    if let WayEnd::Answered { url, .. } = &way.end {
        texts.push(url.clone());
    }
    texts.join(" → ")
}
