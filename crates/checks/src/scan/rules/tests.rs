//! Each rule with facts to which it objects, and with facts that come near.

use std::collections::BTreeSet;

use muster_core::time::Span;

use super::*;
use crate::scan::facts::*;
use crate::scan::facts_dns::*;
use crate::scan::sample::*;

type Bend = fn(&mut Facts);

/// A rule, facts to which it objects, and facts that come near and are good.
const TABLE: &[(&str, Bend, Bend)] = &[
    (
        "S01",
        |f| f.tls = Fact::Known(Secure::Closed { why: "refused".into() }),
        |f| f.tls = Fact::unknown("x"),
    ),
    ("S02", |f| end(f, 0, WayEnd::Loop { url: "http://x/".into() }), |f| end(f, 0, lost())),
    ("S02", |f| end(f, 1, WayEnd::Endless), |f| hops(f, 1, 10)),
    ("S03", |f| end(f, 0, WayEnd::Astray { location: "file:///x".into() }), |f| hops(f, 0, 1)),
    (
        "S03",
        |f| {
            hop(f, 0, "http://www.example.com/", "https://elsewhere.example/");
            end(f, 0, WayEnd::Closed { why: "refused".into() });
        },
        |f| end(f, 0, WayEnd::Distrusted { why: "its own certificate".into() }),
    ),
    (
        "S04",
        |f| hop(f, 1, "https://www.example.com/", "http://www.example.com/x"),
        |f| hop(f, 0, "http://www.example.com/", "http://www.example.com/x"),
    ),
    (
        "S05",
        |f| end(f, 0, WayEnd::Answered { url: "http://www.example.com/".into(), status: 200 }),
        |f| end(f, 0, WayEnd::Answered { url: "http://www.example.com/".into(), status: 403 }),
    ),
    (
        "S06",
        |f| path(f, "https://www.example.com/"),
        |f| path(f, "https://x.example/muster-scan/path?kept=1"),
    ),
    (
        "S07",
        |f| {
            way(f, 2).hops.clear();
            end(f, 2, WayEnd::Distrusted { why: "other name".into() });
        },
        |f| {
            way(f, 2).hops.clear();
            end(f, 2, WayEnd::Nameless { why: "NXDOMAIN".into() });
        },
    ),
    ("S08", |f| hops(f, 0, 3), |f| hops(f, 0, 2)),
    ("S09", |f| way(f, 0).hops[0].status = 302, |f| way(f, 0).hops[0].status = 308),
    ("S11", |f| tls(f).chain[0].not_after = AT, |f| tls(f).chain[0] = certificate(90)),
    ("S11", |f| tls(f).chain[0].not_before = AT + Span::days(1), |f| tls(f).chain[0].not_before = AT),
    ("S12", |f| tls(f).fits = false, |f| tls(f).chain[0].names.clear()),
    (
        "S13",
        |f| {
            tls(f).chain.truncate(1);
            tls(f).distrust = Some("nobody".into());
        },
        |f| tls(f).chain.truncate(1),
    ),
    (
        "S14",
        |f| {
            tls(f).chain.truncate(1);
            tls(f).chain[0].self_signed = true;
            tls(f).distrust = Some("nobody".into());
        },
        |f| tls(f).chain[0].self_signed = true,
    ),
    (
        "S15",
        |f| f.tls = Fact::Known(Secure::Silent { why: "no TLS".into() }),
        |f| f.tls = Fact::unknown("it took too long"),
    ),
    ("S16", |f| tls(f).chain[0] = certificate(14), |f| tls(f).chain[0] = certificate(31)),
    ("S16", |f| six_days(f, 71), |f| six_days(f, 73)),
    ("S17", |f| tls(f).chain[0] = certificate(29), |f| tls(f).chain[0] = certificate(31)),
    (
        "S18",
        |f| tls(f).chain[1].not_after = AT + Span::days(59),
        |f| tls(f).chain[1].not_after = AT + Span::days(60),
    ),
    ("S19", |f| tls(f).chain[0].key = "RSA 1024".into(), |f| tls(f).chain[0].key = "RSA 2048".into()),
    ("S20", |f| old(f)[1].accepted = true, |f| old(f).clear()),
    (
        "S21",
        |f| f.new_tls = Fact::Known(NewTls { v12: true, v13: false }),
        |f| f.new_tls = Fact::Known(NewTls { v12: false, v13: true }),
    ),
    ("S30", |f| page(f).status = 502, |f| page(f).status = 403),
    (
        "S31",
        |f| set(f, "strict-transport-security", None),
        |f| {
            set(f, "strict-transport-security", None);
            page(f).secure = false;
        },
    ),
    (
        "S32",
        |f| set(f, "strict-transport-security", Some("max-age=600")),
        |f| set(f, "strict-transport-security", Some("includeSubDomains; Max-Age=\"15552000\"")),
    ),
    (
        "S33",
        |f| set(f, "content-security-policy", None),
        |f| {
            set(f, "content-security-policy", None);
            set(f, "content-type", Some("application/json"));
        },
    ),
    (
        "S34",
        |f| set(f, "content-security-policy", Some("default-src 'self'")),
        |f| {
            set(f, "content-security-policy", Some("default-src 'self'"));
            set(f, "x-frame-options", Some("DENY"));
        },
    ),
    (
        "S35",
        |f| set(f, "x-content-type-options", Some("sniff")),
        |f| set(f, "x-content-type-options", Some("NoSniff")),
    ),
    ("S36", |f| set(f, "referrer-policy", None), |f| set(f, "referrer-policy", Some("origin"))),
    ("S37", |f| set(f, "permissions-policy", None), |f| set(f, "permissions-policy", Some("camera=(self)"))),
    ("S38", |f| set(f, "server", Some("nginx/1.22.1")), |f| set(f, "server", Some("gws2"))),
    ("S38", |f| set(f, "x-powered-by", Some("PHP/8.1")), |f| set(f, "x-powered-by", Some("Express"))),
    (
        "S39",
        |f| set(f, "set-cookie", Some("sid=1; HttpOnly; SameSite=Lax")),
        |f| set(f, "set-cookie", Some("csrf_token=1; Secure; SameSite=Lax")),
    ),
    ("S40", |f| set(f, "set-cookie", Some("sid=1; secure; httponly")), |f| set(f, "set-cookie", None)),
    (
        "S41",
        |f| set(f, "content-encoding", None),
        |f| {
            set(f, "content-encoding", None);
            page(f).bytes = Fact::Known(1399);
        },
    ),
    (
        "S41",
        |f| set(f, "content-encoding", None),
        |f| {
            set(f, "content-encoding", None);
            set(f, "content-type", Some("image/png"));
        },
    ),
    ("S42", |f| tls(f).alpn = Some("http/1.1".into()), |f| tls(f).cipher = None),
    (
        "S50",
        |f| look(f).fresh = Some(HealthAnswer { status: 502, ..health(&[], "") }),
        |f| look(f).fresh = Some(HealthAnswer { status: 404, ..health(&[], "") }),
    ),
    (
        "S50",
        |f| look(f).second = Some(health(&[("age", "17")], "")),
        |f| look(f).second = Some(health(&[("age", "0"), ("x-cache", "MISS from edge")], "")),
    ),
    (
        "S50",
        |f| look(f).first = health(&[("x-cache", "Hit from cloudfront")], ""),
        |f| look(f).first = health(&[("cf-cache-status", "DYNAMIC")], ""),
    ),
    (
        "S51",
        |f| look(f).second = Some(health(&[("date", "1")], "other")),
        |f| look(f).second = Some(health(&[("date", "3")], "other")),
    ),
    (
        "S51",
        |f| both(f, "{\"now\":\"2026-11-21T07:42:00Z\"}"),
        |f| both(f, "{\"started_at\":\"2026-11-21T07:42:00Z\"}"),
    ),
    (
        "S52",
        |f| look(f).first.body = "{\"status\":\"DOWN\"}".into(),
        |f| look(f).first.body = "{\"status\":\"degraded\",\"was\":\"down\"}".into(),
    ),
    ("S53", |f| look(f).first.status = 503, |f| look(f).first.status = 401),
    (
        "S54",
        |f| look(f).first = health(&[("cache-control", "public, max-age=60")], ""),
        |f| look(f).first = health(&[("cache-control", "max-age=0")], ""),
    ),
    ("S60", |f| dead(f, 0, false), |f| unreached(f, 0)),
    ("S61", |f| dead(f, 1, false), |f| unreached(f, 1)),
    (
        "S62",
        |f| says(f, AuthoritySays::Lame { why: "REFUSED".into() }),
        |f| says(f, AuthoritySays::Unseen { why: "no IPv6 here".into() }),
    ),
    (
        "S62",
        |f| zone(f).servers[1].answers = Fact::Known(vec![]),
        |f| zone(f).servers[1].answers = Fact::unknown("nobody answered"),
    ),
    (
        "S63",
        |f| says(f, AuthoritySays::Answers { serial: 7, addresses: Some(vec![ip("192.0.2.99")]) }),
        |f| says(f, AuthoritySays::Answers { serial: 7, addresses: None }),
    ),
    (
        "S64",
        |f| zone(f).servers[1] = server("ns2.example.net", "198.51.100.1", 6),
        |f| zone(f).servers[1] = server("ns3.example.net", "198.51.100.3", 7),
    ),
    (
        "S65",
        |f| zone(f).servers.truncate(1),
        |f| {
            let more = server("ns3.example.net", "198.51.100.3", 7);
            zone(f).servers.push(more);
        },
    ),
    ("S66", |f| zone(f).caa = Fact::Known(vec![]), |f| zone(f).caa = Fact::unknown("SERVFAIL")),
    (
        "S70",
        |f| mx(f).addresses = Fact::Known(0),
        |f| {
            mx(f).addresses = Fact::Known(0);
            mx(f).name = ".".into();
        },
    ),
    ("S71", |f| spf(f).all = Some("+all".into()), |f| spf(f).all = Some("?all".into())),
    ("S72", |f| spf(f).mistakes.push("\"ipv4:\" is no mechanism".into()), |f| spf(f).unseen.push("x".into())),
    ("S72", |f| spf(f).records.push("v=spf1 -all".into()), |f| spf(f).records = vec!["v=spf1".into()]),
    ("S73", |f| spf(f).lookups = 11, |f| spf(f).lookups = 10),
    ("S74", |f| spf(f).records.clear(), |f| mail(f).spf = Fact::unknown("SERVFAIL")),
    ("S75", |f| mail(f).dmarc = Fact::Known(vec![]), |f| mail(f).dmarc = Fact::unknown("SERVFAIL")),
    ("S76", |f| dmarc(f, "v=DMARC1"), |f| dmarc(f, "v=DMARC1; P = Reject")),
    ("S77", |f| dmarc(f, "v=DMARC1; p=none"), |f| dmarc(f, "v=DMARC1; p=quarantine; sp=none")),
    ("S80", |f| expires(f, AT), |f| expires(f, AT + Span::days(22))),
    ("S81", |f| expires(f, AT + Span::days(20)), |f| expires(f, AT + Span::days(21))),
];

fn findings(bend: Bend) -> Vec<&'static str> {
    let mut facts = good();
    bend(&mut facts);
    RULES.iter().filter_map(|rule| rule.judge(&facts)).map(|finding| finding.id).collect()
}

#[test]
fn each_rule_objects_to_what_is_wrong_and_not_to_what_comes_near() {
    for (at, (id, wrong, near)) in TABLE.iter().enumerate() {
        assert!(findings(*wrong).contains(id), "row {at}: {id} does not object: {:?}", findings(*wrong));
        assert!(!findings(*near).contains(id), "row {at}: {id} objects to what only comes near");
    }
}

#[test]
fn every_rule_is_in_the_table_and_complete() {
    let tested: BTreeSet<&str> = TABLE.iter().map(|(id, ..)| *id).collect();
    let known: BTreeSet<&str> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(tested, known);
    assert_eq!(known.len(), RULES.len(), "an id stands twice");
    let mut area = Area::Redirects;
    for rule in RULES {
        assert!(rule.area >= area, "{} is out of order", rule.id);
        area = rule.area;
        assert!(!rule.why.is_empty() && rule.fix.ends_with('.') || rule.fix.ends_with(')'), "{}", rule.id);
        assert_eq!(rule.snippet.is_empty(), rule.place.is_empty(), "{}", rule.id);
    }
}

#[test]
fn a_certificate_that_is_over_is_not_also_called_untrusted() {
    fn bend(facts: &mut Facts) {
        tls(facts).chain[0].not_after = AT;
        tls(facts).chain[1].not_after = AT + Span::days(9);
        tls(facts).distrust = Some("expired".into());
    }
    assert_eq!(findings(bend), ["S11"]);
}

#[test]
fn what_strangers_write_stays_on_one_bounded_line() {
    let mut facts = good();
    page(&mut facts).headers = headers(&[("server", &format!("x/1\u{1b}[2J\n{}", "y".repeat(5000)))]);
    let rule = RULES.iter().find(|rule| rule.id == "S38").expect("a rule");
    let finding = rule.judge(&facts).expect("a finding");
    assert!(finding.observed[0].chars().count() <= OBSERVED + 1);
    assert!(!finding.observed[0].chars().any(char::is_control));
}

#[test]
fn lines_to_copy_hold_names_and_nothing_that_a_shell_would_run() {
    let mut facts = good();
    tls(&mut facts).chain[0] = certificate(1);
    tls(&mut facts).chain[0].not_after = AT;
    let rule = RULES.iter().find(|rule| rule.id == "S11").expect("a rule");
    let snippet = |facts: &Facts| rule.judge(facts).expect("a finding").snippet;
    assert!(snippet(&facts).starts_with("certbot renew --cert-name www.example.com\n"));
    facts.host = "a;reboot".into();
    assert!(snippet(&facts).starts_with("certbot renew --cert-name example.com\n"));
}

fn way(facts: &mut Facts, at: usize) -> &mut Way {
    match &mut facts.ways {
        Fact::Known(ways) => &mut ways[at],
        _ => panic!("no ways"),
    }
}

fn end(facts: &mut Facts, at: usize, end: WayEnd) {
    way(facts, at).end = end;
}

fn lost() -> WayEnd {
    WayEnd::Lost { why: "it took too long".into() }
}

fn hop(facts: &mut Facts, at: usize, url: &str, location: &str) {
    way(facts, at).hops = vec![Hop { url: url.into(), status: 301, location: location.into() }];
}

fn hops(facts: &mut Facts, at: usize, count: usize) {
    let hop = Hop { url: "http://a/".into(), status: 301, location: "https://www.example.com/".into() };
    way(facts, at).hops = vec![hop; count];
}

fn path(facts: &mut Facts, location: &str) {
    match &mut facts.path {
        Fact::Known(kept) => kept.location = location.into(),
        _ => panic!("no path"),
    }
}

fn tls(facts: &mut Facts) -> &mut Tls {
    match &mut facts.tls {
        Fact::Known(Secure::Open(tls)) => tls,
        _ => panic!("no TLS"),
    }
}

/// A certificate of six days with so many hours left.
fn six_days(facts: &mut Facts, hours: u64) {
    let not_before = AT + Span::hours(hours) - Span::days(6);
    tls(facts).chain[0] = Shown {
        not_before,
        not_after: AT + Span::hours(hours),
        left: hours as f64 / 144.0,
        ..certificate(60)
    };
}

fn old(facts: &mut Facts) -> &mut Vec<OldVersion> {
    match &mut facts.old_tls {
        Fact::Known(old) => old,
        _ => panic!("no versions"),
    }
}

fn page(facts: &mut Facts) -> &mut Page {
    match &mut facts.page {
        Fact::Known(page) => page,
        _ => panic!("no page"),
    }
}

fn set(facts: &mut Facts, name: &str, value: Option<&str>) {
    let page = page(facts);
    page.headers.retain(|(known, _)| known != name);
    page.headers.extend(value.map(|value| (name.to_owned(), value.to_owned())));
}

fn look(facts: &mut Facts) -> &mut Health {
    match &mut facts.health {
        Fact::Known(health) => health,
        _ => panic!("no health endpoint"),
    }
}

fn both(facts: &mut Facts, body: &str) {
    look(facts).first = health(&[("date", "1")], body);
    look(facts).second = Some(health(&[("date", "2")], body));
}

fn dead(facts: &mut Facts, at: usize, took: bool) {
    match &mut facts.addresses {
        Fact::Known(addresses) => addresses[at].took = Fact::Known(took),
        _ => panic!("no addresses"),
    }
}

fn unreached(facts: &mut Facts, at: usize) {
    match &mut facts.addresses {
        Fact::Known(addresses) => addresses[at].took = Fact::unknown("no way from here"),
        _ => panic!("no addresses"),
    }
}

fn zone(facts: &mut Facts) -> &mut Zone {
    match &mut facts.zone {
        Fact::Known(zone) => zone,
        _ => panic!("no zone"),
    }
}

fn says(facts: &mut Facts, says: AuthoritySays) {
    zone(facts).servers[1].answers = Fact::Known(vec![Authority { ip: ip("198.51.100.1"), says }]);
}

fn mail(facts: &mut Facts) -> &mut Mail {
    match &mut facts.mail {
        Fact::Known(mail) => mail,
        _ => panic!("no mail"),
    }
}

fn mx(facts: &mut Facts) -> &mut Exchanger {
    match &mut mail(facts).exchangers {
        Fact::Known(all) => &mut all[0],
        _ => panic!("no MX"),
    }
}

fn spf(facts: &mut Facts) -> &mut Spf {
    match &mut mail(facts).spf {
        Fact::Known(spf) => spf,
        _ => panic!("no SPF"),
    }
}

fn dmarc(facts: &mut Facts, record: &str) {
    mail(facts).dmarc = Fact::Known(vec![record.into()]);
}

fn expires(facts: &mut Facts, at: muster_core::time::Timestamp) {
    facts.domain = Fact::Known(Registration { name: "example.com".into(), expires: at });
}
