//! TLS and the certificate.

use muster_core::time::Span;

use super::{Area, Rule};
use crate::scan::facts::{Facts, Secure, Shown, Tls};
use crate::scan::report::Weight;

/// A certificate with less than this part of its life, or less than [`LATE`], should have been renewed long ago.
const SIXTH: f64 = 1.0 / 6.0;
const THIRD: f64 = 1.0 / 3.0;
const LATE: Span = Span::hours(72);
/// Bits of an RSA key below which it is weak.
const RSA_BITS: u32 = 2048;

const CHAIN: &str = "ssl_certificate     /etc/letsencrypt/live/HOST/fullchain.pem;\n\
                     ssl_certificate_key /etc/letsencrypt/live/HOST/privkey.pem;";
const RELOAD: &str = "# /etc/letsencrypt/renewal-hooks/deploy/reload-nginx (executable)\n#!/bin/sh\nnginx -t && systemctl \
                      reload nginx";

pub(super) const EXPIRED: Rule = Rule {
    id: "S11",
    area: Area::Tls,
    weight: Weight::Broken,
    title: "the certificate is over, or not good yet",
    why: "Every browser and every program turns away; the server itself goes on and logs nothing.",
    fix: "Renew it and reload the web server; then find out why the renewal did not happen, or was not loaded.",
    place: "shell",
    snippet: "certbot renew --cert-name HOST\nnginx -t && systemctl reload nginx",
    observe: |facts| {
        let Some(leaf) = leaf(facts) else { return Vec::new() };
        if leaf.not_after <= facts.at {
            vec![format!("it was good until {}", leaf.not_after)]
        } else if leaf.not_before > facts.at {
            vec![format!("it is good from {} on", leaf.not_before)]
        } else {
            Vec::new()
        }
    },
};

pub(super) const OTHER_NAME: Rule = Rule {
    id: "S12",
    area: Area::Tls,
    weight: Weight::Broken,
    title: "the certificate is for another name",
    why: "Every browser turns away. Often it is another site of the same server that answers, because this one is \
          missing in its configuration.",
    fix: "Get a certificate with this name in it, and name the site in the server block.",
    place: "nginx",
    snippet: "server_name HOST;\nssl_certificate     /etc/letsencrypt/live/HOST/fullchain.pem;\n\
              ssl_certificate_key /etc/letsencrypt/live/HOST/privkey.pem;",
    observe: |facts| match open(facts) {
        Some(tls) if !tls.fits => {
            let names = tls.chain.first().map_or(&[][..], |leaf| leaf.names.as_slice());
            let more = if names.len() > 5 { " and others" } else { "" };
            let names = names.iter().take(5).map(String::as_str).collect::<Vec<_>>().join(", ");
            let names = if names.is_empty() { "no name at all".to_owned() } else { names };
            vec![format!("it is for {names}{more}, and not for {}", facts.host)]
        }
        Some(_) | None => Vec::new(),
    },
};

pub(super) const INCOMPLETE: Rule = Rule {
    id: "S13",
    area: Area::Tls,
    weight: Weight::Broken,
    title: "the chain of certificates is not complete",
    why: "Browsers that know the missing certificate from elsewhere show the page, so nobody sees it; phones, webhooks, \
          curl and other servers turn away.",
    fix: "Serve the certificate together with its intermediates (fullchain.pem, not cert.pem). If the authority is one of \
          your own, give its certificate with --ca.",
    place: "nginx",
    snippet: CHAIN,
    observe: |facts| match open(facts) {
        Some(tls) if is_in_force(facts, tls) && is_incomplete(tls) => {
            let last = tls.chain.last().map_or("", |last| last.issuer.as_str());
            vec![format!("{} shown, and nothing of {last}", counted(tls.chain.len()))]
        }
        Some(_) | None => Vec::new(),
    },
};

pub(super) const UNTRUSTED: Rule = Rule {
    id: "S14",
    area: Area::Tls,
    weight: Weight::Broken,
    title: "the certificate is not trusted",
    why: "Every browser turns away, and whoever learns to click the warning off does so for an attacker's as well.",
    fix: "Get one from an authority that browsers know; it costs nothing. If the authority is one of your own, give its \
          certificate with --ca.",
    place: "nginx",
    snippet: CHAIN,
    observe: |facts| match open(facts) {
        Some(tls) if is_in_force(facts, tls) && !is_incomplete(tls) => tls.distrust.iter().cloned().collect(),
        Some(_) | None => Vec::new(),
    },
};

pub(super) const NO_HANDSHAKE: Rule = Rule {
    id: "S15",
    area: Area::Tls,
    weight: Weight::Broken,
    title: "the https port does not speak TLS 1.2 or 1.3",
    why: "Connections are taken, so a check of the port is green, and no browser gets through.",
    fix: "Write `ssl` behind the port, name a certificate, and allow the present versions.",
    place: "nginx",
    snippet: "listen 443 ssl http2;\nssl_protocols TLSv1.2 TLSv1.3;",
    observe: |facts| match facts.tls.known() {
        Some(Secure::Silent { why }) => vec![why.clone()],
        Some(Secure::Closed { .. } | Secure::Open(_)) | None => Vec::new(),
    },
};

pub(super) const ENDS_SOON: Rule = Rule {
    id: "S16",
    area: Area::Tls,
    weight: Weight::Serious,
    title: "the certificate ends soon",
    why: "The renewal that should have happened long ago did not, or the web server was not told; nothing says so until \
          visitors are turned away.",
    fix: "Renew it by hand now, and see that a reload follows each renewal.",
    place: "shell",
    snippet: RELOAD,
    observe: |facts| match leaf(facts) {
        Some(leaf) if in_force(facts, leaf) && is_late(facts, leaf) => vec![remaining(facts, leaf)],
        Some(_) | None => Vec::new(),
    },
};

pub(super) const RENEWAL_LATE: Rule = Rule {
    id: "S17",
    area: Area::Tls,
    weight: Weight::Moderate,
    title: "the certificate should have been renewed by now",
    why: "Renewal is due at a third of its life. Either it fails, or the new one was never loaded; both are silent.",
    fix: "Run the renewal by hand and read what it says; see that a reload follows each renewal.",
    place: "shell",
    snippet: RELOAD,
    observe: |facts| match leaf(facts) {
        Some(leaf) if in_force(facts, leaf) && !is_late(facts, leaf) && leaf.left < THIRD => {
            vec![remaining(facts, leaf)]
        }
        Some(_) | None => Vec::new(),
    },
};

pub(super) const INTERMEDIATE_ENDS: Rule = Rule {
    id: "S18",
    area: Area::Tls,
    weight: Weight::Serious,
    title: "an intermediate certificate ends before the server's own",
    why: "Everybody watches the server's own certificate; on that day the whole chain is worth nothing.",
    fix: "Fetch the present intermediates from the authority and serve them in place of the old ones.",
    place: "nginx",
    snippet: CHAIN,
    observe: |facts| {
        let Some(tls) = open(facts) else { return Vec::new() };
        let Some(leaf) = tls.chain.first() else { return Vec::new() };
        let early = tls.chain.iter().skip(1).filter(|one| one.not_after < leaf.not_after);
        early.map(|one| format!("{}: good until {}", one.subject, one.not_after)).collect()
    },
};

pub(super) const WEAK_KEY: Rule = Rule {
    id: "S19",
    area: Area::Tls,
    weight: Weight::Serious,
    title: "the key is too short",
    why: "It can be computed by somebody with money; newer systems refuse it without a word in your log.",
    fix: "Make a new key (EC P-256) and a certificate for it.",
    place: "shell",
    snippet: "certbot renew --cert-name HOST --force-renewal --key-type ecdsa",
    observe: |facts| {
        let shown = open(facts).map_or(&[][..], |tls| tls.chain.as_slice());
        let weak = |key: &str| {
            key.strip_prefix("RSA ")
                .and_then(|bits| bits.parse::<u32>().ok())
                .is_some_and(|bits| bits < RSA_BITS)
        };
        shown.iter().filter(|one| weak(&one.key)).map(|one| format!("{}: {}", one.subject, one.key)).collect()
    },
};

pub(super) const OLD_VERSIONS: Rule = Rule {
    id: "S20",
    area: Area::Tls,
    weight: Weight::Moderate,
    title: "TLS 1.0 or 1.1 is still accepted",
    why: "Both are forbidden since 2021 (RFC 8996): audits fail, and an attacker can push clients down to them.",
    fix: "Allow 1.2 and 1.3 only.",
    place: "nginx",
    snippet: "ssl_protocols TLSv1.2 TLSv1.3;",
    observe: |facts| {
        let old = facts.old_tls.known().into_iter().flatten();
        old.filter(|old| old.accepted).map(|old| format!("TLS {} was accepted", old.version)).collect()
    },
};

pub(super) const NO_13: Rule = Rule {
    id: "S21",
    area: Area::Tls,
    weight: Weight::Minor,
    title: "TLS 1.3 is not accepted",
    why: "Each new connection takes one round trip longer, which is felt on phones.",
    fix: "Allow 1.3 as well.",
    place: "nginx",
    snippet: "ssl_protocols TLSv1.2 TLSv1.3;",
    observe: |facts| match facts.new_tls.known() {
        Some(new) if !new.v13 && new.v12 => vec!["it breaks off when nothing but 1.3 is offered".to_owned()],
        Some(_) | None => Vec::new(),
    },
};

fn open(facts: &Facts) -> Option<&Tls> {
    match facts.tls.known()? {
        Secure::Open(tls) => Some(tls),
        Secure::Closed { .. } | Secure::Silent { .. } => None,
    }
}

fn leaf(facts: &Facts) -> Option<&Shown> {
    open(facts)?.chain.first()
}

fn in_force(facts: &Facts, shown: &Shown) -> bool {
    shown.not_before <= facts.at && shown.not_after > facts.at
}

/// Nothing is wrong with it that another rule tells better.
fn is_in_force(facts: &Facts, tls: &Tls) -> bool {
    tls.fits && tls.chain.first().is_some_and(|leaf| in_force(facts, leaf))
}

/// The last certificate that was shown is signed by one that was not.
fn is_incomplete(tls: &Tls) -> bool {
    tls.distrust.is_some() && tls.chain.last().is_some_and(|last| !last.self_signed) && tls.chain.len() < 2
}

fn is_late(facts: &Facts, shown: &Shown) -> bool {
    shown.left < SIXTH || shown.not_after.since(facts.at) < LATE
}

fn remaining(facts: &Facts, shown: &Shown) -> String {
    let whole = shown.not_after.since(shown.not_before);
    format!(
        "{} of {} are left, until {}",
        days(shown.not_after.since(facts.at)),
        days(whole),
        shown.not_after
    )
}

fn days(span: Span) -> String {
    match span.as_millis() / Span::days(1).as_millis() {
        0 => span.to_string(),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

fn counted(certificates: usize) -> String {
    if certificates == 1 { "1 certificate is".to_owned() } else { format!("{certificates} certificates are") }
}
