//! Compression and protocols.

use super::{Area, Rule};
use crate::scan::facts::{Page, Secure};
use crate::scan::report::Weight;

/// Below that it fits into one packet either way.
const SMALL: usize = 1400;

pub(super) const UNCOMPRESSED: Rule = Rule {
    id: "S41",
    area: Area::Delivery,
    weight: Weight::Minor,
    title: "text is sent uncompressed",
    why: "Pages take three to five times as long on slow lines; nobody complains, they leave.",
    fix: "Compress text; gzip_proxied matters where the page comes from an application.",
    place: "nginx",
    snippet: "gzip on;\ngzip_proxied any;\ngzip_vary on;\ngzip_types text/css text/plain application/javascript \
              application/json image/svg+xml;",
    observe: |facts| match facts.page.known() {
        Some(page) if is_text(page) && page.header("content-encoding").is_none() => {
            match page.bytes.known() {
                Some(bytes) if *bytes >= SMALL => {
                    vec![format!("{bytes} bytes of text came, though gzip and br were offered")]
                }
                Some(_) | None => Vec::new(),
            }
        }
        Some(_) | None => Vec::new(),
    },
};

pub(super) const NO_HTTP2: Rule = Rule {
    id: "S42",
    area: Area::Delivery,
    weight: Weight::Minor,
    title: "HTTP/2 is not offered",
    why: "Browsers queue what a page needs on six connections, each with a handshake of its own.",
    fix: "Write http2 behind ssl (from nginx 1.25.1 on: `http2 on;`).",
    place: "nginx",
    snippet: "listen 443 ssl http2;",
    observe: |facts| match facts.tls.known() {
        Some(Secure::Open(tls)) if tls.version.is_some() && tls.alpn.as_deref() != Some("h2") => {
            vec![match &tls.alpn {
                Some(alpn) => format!("with h2 on offer, {alpn} was chosen"),
                None => "with h2 on offer, no protocol was chosen".to_owned(),
            }]
        }
        Some(_) | None => Vec::new(),
    },
};

fn is_text(page: &Page) -> bool {
    page.content_type().is_some_and(|kind| {
        kind.starts_with("text/")
            || kind.ends_with("+xml")
            || kind.ends_with("+json")
            || matches!(kind.as_str(), "application/json" | "application/javascript" | "application/xml")
    })
}
