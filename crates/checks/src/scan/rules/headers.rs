//! What the page tells browsers.

use super::{Area, Rule};
use crate::scan::facts::{Facts, Page};
use crate::scan::report::Weight;

/// Half a year: below that browsers forget it between two visits.
const HSTS_SECONDS: u64 = 15_552_000;

pub(super) const FAILS: Rule = Rule {
    id: "S30",
    area: Area::Headers,
    weight: Weight::Broken,
    title: "the page is an error",
    why: "The server takes connections and its certificate is good, so a check that looks no further is green.",
    fix: "Read the error log of the web server, and of the application behind it.",
    place: "shell",
    snippet: "tail -n 50 /var/log/nginx/error.log",
    observe: |facts| match facts.page.known() {
        // 401 and 403 are what a closed site is meant to say.
        Some(page) if page.status >= 500 || matches!(page.status, 404 | 410) => {
            vec![format!("{} answers {}", page.url, page.status)]
        }
        Some(_) | None => Vec::new(),
    },
};

pub(super) const NO_HSTS: Rule = Rule {
    id: "S31",
    area: Area::Headers,
    weight: Weight::Moderate,
    title: "no Strict-Transport-Security",
    why: "The first request of each visit goes out in the clear; whoever sits on the line answers it in your place, and \
          your log stays empty.",
    fix: "Say for how long browsers shall use https only; begin with a day where something may still need http.",
    place: "nginx",
    snippet: "add_header Strict-Transport-Security \"max-age=63072000\" always;",
    observe: |facts| match secure(facts) {
        Some(page) if page.header("strict-transport-security").is_none() => lacks(page),
        Some(_) | None => Vec::new(),
    },
};

pub(super) const SHORT_HSTS: Rule = Rule {
    id: "S32",
    area: Area::Headers,
    weight: Weight::Minor,
    title: "Strict-Transport-Security is short or cannot be read",
    why: "Browsers forget it between two visits, or never learn it; then the first request goes out in the clear again.",
    fix: "Set max-age to at least half a year.",
    place: "nginx",
    snippet: "add_header Strict-Transport-Security \"max-age=63072000\" always;",
    observe: |facts| {
        let value = secure(facts).and_then(|page| page.header("strict-transport-security"));
        let Some(value) = value else { return Vec::new() };
        match max_age(&value) {
            Some(seconds) if seconds >= HSTS_SECONDS => Vec::new(),
            Some(_) | None => vec![format!("strict-transport-security: {value}")],
        }
    },
};

pub(super) const NO_CSP: Rule = Rule {
    id: "S33",
    area: Area::Headers,
    weight: Weight::Moderate,
    title: "no Content-Security-Policy",
    why: "A script that gets into the page, by a comment or a broken dependency, runs with all rights of your visitors; \
          nothing reports it.",
    fix: "Begin with the report-only form, read the console of the browser, then enforce it.",
    place: "nginx",
    snippet: "add_header Content-Security-Policy \"default-src 'self'; object-src 'none'; base-uri 'self'; \
              frame-ancestors 'self'\" always;",
    observe: |facts| match html(facts) {
        Some(page) if page.header("content-security-policy").is_none() => {
            match page.header("content-security-policy-report-only") {
                Some(_) => vec!["there is one that only reports".to_owned()],
                None => lacks(page),
            }
        }
        Some(_) | None => Vec::new(),
    },
};

pub(super) const FRAMED: Rule = Rule {
    id: "S34",
    area: Area::Headers,
    weight: Weight::Moderate,
    title: "any site may frame this one",
    why: "A stranger can lay your page under his own and let your visitors click what they do not see.",
    fix: "Say who may frame it; frame-ancestors in the Content-Security-Policy counts as well.",
    place: "nginx",
    snippet: "add_header X-Frame-Options \"SAMEORIGIN\" always;",
    observe: |facts| {
        let Some(page) = html(facts) else { return Vec::new() };
        let policy = page.header("content-security-policy").unwrap_or_default().to_ascii_lowercase();
        match page.header("x-frame-options") {
            _ if policy.contains("frame-ancestors") => Vec::new(),
            Some(value) if ["deny", "sameorigin"].iter().any(|word| value.eq_ignore_ascii_case(word)) => {
                Vec::new()
            }
            // Browsers take no notice of any other word, ALLOW-FROM among them.
            Some(value) => vec![format!("x-frame-options: {value}")],
            None => vec!["neither frame-ancestors nor x-frame-options".to_owned()],
        }
    },
};

pub(super) const SNIFFED: Rule = Rule {
    id: "S35",
    area: Area::Headers,
    weight: Weight::Minor,
    title: "browsers may guess kinds of content",
    why: "A file that somebody uploads as a picture can be run as a script.",
    fix: "Tell browsers to believe Content-Type.",
    place: "nginx",
    snippet: "add_header X-Content-Type-Options \"nosniff\" always;",
    observe: |facts| {
        let Some(page) = facts.page.known() else { return Vec::new() };
        match page.header("x-content-type-options") {
            Some(value) if value.eq_ignore_ascii_case("nosniff") => Vec::new(),
            Some(value) => vec![format!("x-content-type-options: {value}")],
            None => lacks(page),
        }
    },
};

pub(super) const REFERRER: Rule = Rule {
    id: "S36",
    area: Area::Headers,
    weight: Weight::Minor,
    title: "no Referrer-Policy",
    why: "It is left to each browser how much of an address, tokens in it included, other sites get to read.",
    fix: "Say it.",
    place: "nginx",
    snippet: "add_header Referrer-Policy \"strict-origin-when-cross-origin\" always;",
    observe: |facts| {
        let Some(page) = html(facts) else { return Vec::new() };
        match page.header("referrer-policy") {
            Some(value) if value.to_ascii_lowercase().contains("unsafe-url") => {
                vec![format!("referrer-policy: {value}")]
            }
            Some(_) => Vec::new(),
            None => lacks(page),
        }
    },
};

pub(super) const PERMISSIONS: Rule = Rule {
    id: "S37",
    area: Area::Headers,
    weight: Weight::Minor,
    title: "no Permissions-Policy",
    why: "Whatever is framed or loaded may ask for camera, microphone and place in your name.",
    fix: "Take away what the site does not use.",
    place: "nginx",
    snippet: "add_header Permissions-Policy \"camera=(), microphone=(), geolocation=()\" always;",
    observe: |facts| match html(facts) {
        Some(page) if page.header("permissions-policy").is_none() => lacks(page),
        Some(_) | None => Vec::new(),
    },
};

pub(super) const VERSION_TOLD: Rule = Rule {
    id: "S38",
    area: Area::Headers,
    weight: Weight::Minor,
    title: "the server tells its version",
    why: "Whoever looks for a known hole finds you by a search, without touching your server first.",
    fix: "Keep it to yourself.",
    place: "nginx",
    snippet: "server_tokens off;\nproxy_hide_header X-Powered-By;",
    observe: |facts| {
        let Some(page) = facts.page.known() else { return Vec::new() };
        let names = ["server", "x-powered-by", "x-aspnet-version", "x-aspnetmvc-version", "x-generator"];
        let values = names.iter().filter_map(|name| Some((name, page.header(name)?)));
        values
            .filter(|(_, value)| tells_version(value))
            .map(|(name, value)| format!("{name}: {value}"))
            .collect()
    },
};

pub(super) const COOKIE_OPEN: Rule = Rule {
    id: "S39",
    area: Area::Headers,
    weight: Weight::Moderate,
    title: "a cookie lacks Secure or HttpOnly",
    why: "Without Secure it goes out in the clear with the first request by http; without HttpOnly any script in the page \
          can carry the session away.",
    fix: "Set both in the application; nginx can add them on the way (1.19.3 and later).",
    place: "nginx",
    snippet: "proxy_cookie_flags ~ secure httponly samesite=lax;",
    observe: |facts| {
        let Some(page) = facts.page.known() else { return Vec::new() };
        let lacking = |cookie: &Cookie| {
            let secure = (page.secure && !cookie.has("secure")).then_some("Secure");
            // What a script is meant to read (the token against forged requests) cannot be HttpOnly.
            let http_only = (!cookie.has("httponly") && !cookie.is_for_scripts()).then_some("HttpOnly");
            let words: Vec<&str> = [secure, http_only].into_iter().flatten().collect();
            (!words.is_empty()).then(|| format!("{} lacks {}", cookie.name, words.join(" and ")))
        };
        cookies(page).iter().filter_map(lacking).collect()
    },
};

pub(super) const COOKIE_CROSS_SITE: Rule = Rule {
    id: "S40",
    area: Area::Headers,
    weight: Weight::Minor,
    title: "a cookie lacks SameSite",
    why: "Browsers differ in what they make of it: some send it with requests that other sites have forged.",
    fix: "Say Lax, or None together with Secure where other sites need it.",
    place: "nginx",
    snippet: "proxy_cookie_flags ~ samesite=lax;",
    observe: |facts| {
        let Some(page) = facts.page.known() else { return Vec::new() };
        let cookies = cookies(page);
        let lacking = cookies.iter().filter(|cookie| !cookie.has("samesite"));
        lacking.map(|cookie| format!("{} lacks SameSite", cookie.name)).collect()
    },
};

/// A cookie that is set, without its value.
struct Cookie {
    name: String,
    attributes: Vec<String>,
}

impl Cookie {
    fn has(&self, attribute: &str) -> bool {
        self.attributes.iter().any(|known| known == attribute)
    }

    fn is_for_scripts(&self) -> bool {
        let name = self.name.to_ascii_lowercase();
        name.contains("csrf") || name.contains("xsrf")
    }
}

fn cookies(page: &Page) -> Vec<Cookie> {
    let lines = page.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| value);
    lines
        .map(|line| {
            let mut parts = line.split(';');
            let name = parts.next().and_then(|pair| pair.split('=').next()).unwrap_or_default().trim();
            let attributes = parts.filter_map(|part| part.split('=').next());
            Cookie {
                name: name.to_owned(),
                attributes: attributes.map(|name| name.trim().to_ascii_lowercase()).collect(),
            }
        })
        .collect()
}

fn secure(facts: &Facts) -> Option<&Page> {
    facts.page.known().filter(|page| page.secure)
}

/// A page that a browser shows; most headers mean nothing for anything else.
fn html(facts: &Facts) -> Option<&Page> {
    facts.page.known().filter(|page| page.content_type().as_deref() == Some("text/html"))
}

fn lacks(page: &Page) -> Vec<String> {
    vec![format!("{} answers without it", page.url)]
}

/// The first `max-age` of a header; a value in quotes counts as well (RFC 6797, 6.1).
pub(super) fn max_age(value: &str) -> Option<u64> {
    value.split([';', ',']).find_map(|part| {
        let (name, seconds) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("max-age").then(|| seconds.trim().trim_matches('"').parse().ok())?
    })
}

/// A digit behind a slash or a blank: `nginx/1.22.1`, `PHP 8`.
fn tells_version(value: &str) -> bool {
    let mut before = ' ';
    value.chars().any(|c| {
        let told = c.is_ascii_digit() && matches!(before, '/' | ' ' | '.');
        before = c;
        told
    })
}
