//! The facts of a site with which nothing is wrong: every test bends them in one place.

use std::net::IpAddr;

use muster_core::time::{Span, Timestamp};

use super::facts::*;
use super::facts_dns::*;

/// The moment of the sample.
pub(crate) const AT: Timestamp = Timestamp::from_seconds(1_795_000_000);

/// An address for examples.
pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// A certificate that has so many days of its 90 left.
pub(crate) fn certificate(days: u64) -> Shown {
    Shown {
        subject: "CN=www.example.com".into(),
        issuer: "CN=Example CA 1".into(),
        names: vec!["www.example.com".into(), "example.com".into()],
        not_before: AT - Span::days(90 - days),
        not_after: AT + Span::days(days),
        key: "EC 256".into(),
        self_signed: false,
        left: days as f64 / 90.0,
    }
}

pub(crate) fn headers(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

pub(crate) fn health(pairs: &[(&str, &str)], body: &str) -> HealthAnswer {
    HealthAnswer { status: 200, headers: headers(pairs), body: body.into() }
}

pub(crate) fn server(name: &str, address: &str, serial: u32) -> NameServer {
    let says = AuthoritySays::Answers { serial, addresses: Some(vec![ip("192.0.2.10")]) };
    NameServer { name: name.into(), answers: Fact::Known(vec![Authority { ip: ip(address), says }]) }
}

/// All good.
pub(crate) fn good() -> Facts {
    let home = "https://www.example.com/";
    let answered = || WayEnd::Answered { url: home.into(), status: 200 };
    let hop = |url: &str| Hop { url: url.into(), status: 301, location: home.into() };
    let way = |sort, hops| Way { sort, hops, end: answered() };
    let intermediate = Shown {
        subject: "CN=Example CA 1".into(),
        issuer: "CN=Example Root".into(),
        names: vec![],
        not_before: AT - Span::days(700),
        not_after: AT + Span::days(1100),
        left: 0.6,
        ..certificate(60)
    };
    Facts {
        site: home.into(),
        host: "www.example.com".into(),
        at: AT,
        ways: Fact::Known(vec![
            way(WaySort::Clear, vec![hop("http://www.example.com/")]),
            way(WaySort::Secure, vec![]),
            way(WaySort::Twin, vec![hop("https://example.com/")]),
            way(WaySort::TwinClear, vec![hop("http://example.com/")]),
        ]),
        path: Fact::Known(KeptPath {
            asked: "/muster-scan/path?kept=1".into(),
            location: "https://www.example.com/muster-scan/path?kept=1".into(),
        }),
        tls: Fact::Known(Secure::Open(Box::new(Tls {
            version: Some("1.3".into()),
            cipher: Some("TLS13_AES_256_GCM_SHA384".into()),
            alpn: Some("h2".into()),
            distrust: None,
            fits: true,
            chain: vec![certificate(60), intermediate],
        }))),
        old_tls: Fact::Known(
            ["1.0", "1.1"].map(|version| OldVersion { version: version.into(), accepted: false }).to_vec(),
        ),
        new_tls: Fact::Known(NewTls { v12: true, v13: true }),
        page: Fact::Known(Page {
            url: home.into(),
            secure: true,
            status: 200,
            http: "2".into(),
            headers: headers(&[
                ("server", "nginx"),
                ("content-type", "text/html; charset=utf-8"),
                ("strict-transport-security", "max-age=63072000; includeSubDomains"),
                ("content-security-policy", "default-src 'self'; frame-ancestors 'none'"),
                ("x-content-type-options", "nosniff"),
                ("referrer-policy", "no-referrer"),
                ("permissions-policy", "camera=()"),
                ("content-encoding", "gzip"),
                ("set-cookie", "sid=1; Path=/; Secure; HttpOnly; SameSite=Lax"),
                ("alt-svc", "h3=\":443\"; ma=86400"),
            ]),
            bytes: Fact::Known(5000),
        }),
        https_record: Fact::Known(vec!["1 . alpn=h3,h2".into()]),
        health: Fact::Known(Health {
            path: "/health".into(),
            first: health(&[("date", "1"), ("cache-control", "no-store")], "{\"status\":\"ok\"}"),
            second: Some(health(&[("date", "2"), ("cache-control", "no-store")], "{\"status\":\"ok\"}")),
            fresh: Some(health(&[("date", "2")], "{\"status\":\"ok\"}")),
        }),
        addresses: Fact::Known(
            ["192.0.2.10", "2001:db8::10"]
                .map(|text| Address { ip: ip(text), took: Fact::Known(true), why: None })
                .to_vec(),
        ),
        zone: Fact::Known(Zone {
            name: "example.com".into(),
            servers: vec![
                server("ns1.example.com", "192.0.2.1", 7),
                server("ns2.example.net", "198.51.100.1", 7),
            ],
            caa: Fact::Known(vec!["0 issue \"ca.example.net\"".into()]),
        }),
        mail: Fact::Known(Mail {
            domain: "example.com".into(),
            exchangers: Fact::Known(vec![Exchanger {
                preference: 10,
                name: "mx1.example.com".into(),
                addresses: Fact::Known(1),
            }]),
            spf: Fact::Known(Spf {
                records: vec!["v=spf1 mx -all".into()],
                all: Some("-all".into()),
                lookups: 1,
                mistakes: vec![],
                unseen: vec![],
            }),
            dmarc: Fact::Known(vec!["v=DMARC1; p=quarantine".into()]),
            dkim: vec!["default".into()],
        }),
        domain: Fact::Known(Registration { name: "example.com".into(), expires: AT + Span::days(200) }),
    }
}
