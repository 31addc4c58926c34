//! A scan of whole sites: nginx and BIND at their best and at their worst, and servers that wish us ill.

use std::time::{Duration, Instant};

use muster_checks::scan::collect::session::Pin;
use muster_checks::scan::collect::{Wanted, collect};
use muster_checks::scan::report::{Grade, Report};
use muster_checks::scan::rules::Area;
use muster_core::time::Timestamp;
use muster_net::url::Url;
use muster_testkit::bind::Bind;
use muster_testkit::http::{Mode, Receiver};
use muster_testkit::raw::Raw;
use muster_testkit::suite::Part;

use crate::looking::{LONG, SHORT, Test};
use crate::nginx::Nginx;

const BOTH: &[Part] = &[Part::Nginx, Part::Bind];
const NAMES: &[&str] = &["www.shop.example", "shop.example"];

pub(crate) const TESTS: &[Test] = &[
    ("scan::a_good_site_has_nothing_to_mend", BOTH, good),
    ("scan::a_bad_site_is_told_all_of_it", BOTH, bad),
    ("scan::a_cache_that_answers_for_a_dead_application_is_found", BOTH, cached),
    ("scan::name_servers_that_disagree_or_do_not_answer_are_named", &[Part::Bind], disagreeing),
    ("scan::a_dead_address_beside_a_good_one_is_named", &[], half_dead),
    ("scan::servers_that_wish_us_ill_do_not_hold_it_up", &[], hostile),
];

const ZONE: &str = "$TTL 300
@ IN SOA ns1 hostmaster 7 3600 600 86400 300
@ IN NS ns1
@ IN NS ns2
@ IN A 127.0.0.1
@ IN MX 10 mx1
@ IN TXT \"v=spf1 mx include:mail.shop.example -all\"
@ IN CAA 0 issue \"ca.example.net\"
mail IN TXT \"v=spf1 ip4:192.0.2.0/28 -all\"
_dmarc IN TXT \"v=DMARC1; p=quarantine\"
default._domainkey IN TXT \"v=DKIM1; p=MIIB\"
ns1 IN A 127.0.0.1
ns2 IN A 127.0.0.1
mx1 IN A 127.0.0.1
www IN A 127.0.0.1
www IN HTTPS 1 . alpn=h3,h2
";

fn bind(zone: &str) -> Bind {
    Bind::start(&[("shop.example", zone)]).expect("BIND")
}

fn pin(host: &str, port: u16, to: impl ToString) -> Pin {
    format!("{host}:{port}:{}", to.to_string()).parse().expect("a pin")
}

fn wanted(url: &str, bind: Option<&Bind>) -> Wanted {
    let mut pins = Vec::new();
    for server in ["ns1.shop.example", "ns2.shop.example"] {
        pins.extend(bind.map(|bind| pin(server, 53, bind.address())));
    }
    Wanted {
        url: Url::parse(url).expect("an address"),
        health: None,
        pins,
        dns: bind.map(Bind::address),
        ca: None,
        limit: LONG,
        at: now(),
    }
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    Timestamp::from_seconds(i64::try_from(since.as_secs()).expect("before the end of time"))
}

fn shop(nginx: &Nginx, bind: &Bind) -> Wanted {
    let mut wanted = wanted("https://www.shop.example/", Some(bind));
    for host in NAMES {
        wanted.pins.push(pin(host, 443, nginx.secure));
        wanted.pins.push(pin(host, 80, nginx.open));
    }
    wanted.ca = Some(nginx.path("ca.pem").into());
    wanted
}

fn scan(wanted: &Wanted) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let began = Instant::now();
    let facts = runtime.block_on(collect(wanted));
    assert!(began.elapsed() < wanted.limit + Duration::from_secs(5), "it took {:?}", began.elapsed());
    Report::of(facts)
}

fn ids(report: &Report) -> Vec<&'static str> {
    report.findings.iter().map(|finding| finding.id).collect()
}

fn areas(report: &Report) -> Vec<Area> {
    report.unknown.iter().map(|unseen| unseen.area).collect()
}

fn good() {
    let bind = bind(ZONE);
    let nginx = Nginx::serving(NAMES, (-10, 80), |open, secure| {
        format!(
            "ssl_certificate cert.pem; ssl_certificate_key key.pem; ssl_protocols TLSv1.2 TLSv1.3; server_tokens off;\n\
             gzip on; gzip_vary on;\n\
             add_header Strict-Transport-Security max-age=63072000 always;\n\
             add_header Content-Security-Policy \"default-src 'self'; frame-ancestors 'self'\" always;\n\
             add_header X-Content-Type-Options nosniff always; add_header Referrer-Policy same-origin always;\n\
             add_header Permissions-Policy camera=() always;\n\
             add_header Set-Cookie \"sid=1; Secure; HttpOnly; SameSite=Lax\";\n\
             server {{ listen {open}; location / {{ return 301 https://www.shop.example$request_uri; }} }}\n\
             server {{ listen {secure} ssl http2; server_name shop.example; return 301 \
             https://www.shop.example$request_uri; }}\n\
             server {{ listen {secure} ssl http2; server_name www.shop.example; root html;\n\
             location = /health {{ default_type application/json; add_header Cache-Control no-store;\n\
             return 200 '{{\"status\":\"ok\"}}'; }} }}\n"
        )
    });
    let report = scan(&shop(&nginx, &bind));
    assert_eq!(report.findings, [], "{:#?}", report.facts);
    // No registry knows .example, so that nobody can see.
    assert_eq!(areas(&report), [Area::Domain], "{:?}", report.unknown);
    assert_eq!((report.grade, report.at_best), (Some(Grade::B), Grade::A));
    let facts = &report.facts;
    assert_eq!(facts.https_record.known(), Some(&vec!["1 . alpn=h3,h2".to_owned()]));
    let mail = facts.mail.known().expect("mail records");
    assert_eq!(mail.dkim, ["default"]);
    assert_eq!(mail.spf.known().map(|spf| spf.lookups), Some(2));
    assert_eq!(facts.health.known().map(|health| health.path.as_str()), Some("/health"));
    let page = facts.page.known().expect("a page");
    assert_eq!((page.http.as_str(), page.header("content-encoding").as_deref()), ("2", Some("gzip")));
    let text = serde_json::to_string(facts).expect("JSON");
    let back: muster_checks::scan::facts::Facts = serde_json::from_str(&text).expect("the same facts");
    assert_eq!(back, *facts);
}

fn bad() {
    let bind = bind(
        "$TTL 300
@ IN SOA ns1 hostmaster 7 3600 600 86400 300
@ IN NS ns1
@ IN MX 10 lost
@ IN TXT \"v=spf1 a mx ptr exists:x.example include:deep.shop.example +all\"
deep IN TXT \"v=spf1 a a:b mx mx:c exists:d ptr ipv4:192.0.2.1 -all\"
_dmarc IN TXT \"v=DMARC1; p=none\"
ns1 IN A 127.0.0.1
www IN A 127.0.0.1
",
    );
    let nginx = Nginx::serving(&["www.shop.example"], (-80, 10), |open, secure| {
        format!(
            "ssl_certificate cert.pem; ssl_certificate_key key.pem;\n\
             ssl_protocols TLSv1 TLSv1.1 TLSv1.2; ssl_ciphers ALL:@SECLEVEL=0;\n\
             add_header Set-Cookie sid=1;\n\
             server {{ listen {open}; root html; }}\n\
             server {{ listen {secure} ssl; server_name www.shop.example; root html;\n\
             location = /healthz {{ default_type application/json; add_header Cache-Control 'public, max-age=60';\n\
             return 200 '{{\"status\":\"down\"}}'; }} }}\n"
        )
    });
    let report = scan(&shop(&nginx, &bind));
    assert_eq!(
        ids(&report),
        [
            "S05", "S16", "S52", "S70", "S71", "S72", "S73", "S07", "S20", "S31", "S33", "S34", "S39", "S65",
            "S21", "S35", "S36", "S37", "S38", "S40", "S41", "S42", "S54", "S66", "S77",
        ],
        "{:#?}",
        report.facts
    );
    assert_eq!(report.grade, Some(Grade::F));
    let text = serde_json::to_string(&report).expect("JSON");
    for seen in [
        "TLS 1.0 was accepted",
        "TLS 1.1 was accepted",
        "sid lacks Secure and HttpOnly",
        "nginx/",
        "11 lookups",
    ] {
        assert!(text.contains(seen), "{seen}");
    }
}

fn cached() {
    let bind = bind(ZONE);
    let application = Receiver::start(Mode::answer(200, "ok")).expect("a server");
    let nginx = Nginx::serving(NAMES, (-10, 80), |open, secure| {
        format!(
            "ssl_certificate cert.pem; ssl_certificate_key key.pem;\n\
             proxy_cache_path kept keys_zone=kept:1m; proxy_cache_valid 200 1h; proxy_cache kept;\n\
             server {{ listen {open}; return 301 https://www.shop.example$request_uri; }}\n\
             server {{ listen {secure} ssl http2; server_name www.shop.example; root html;\n\
             location = /health {{ default_type text/plain; proxy_pass http://{}; }} }}\n",
            application.address()
        )
    });
    let wanted = shop(&nginx, &bind);
    assert!(!ids(&scan(&wanted)).contains(&"S50"), "the application answers");
    drop(application);
    let report = scan(&Wanted { at: Timestamp::from_millis(wanted.at.millis() + 1), ..wanted });
    let found = report.findings.iter().find(|finding| finding.id == "S50").expect("a finding");
    assert_eq!(found.observed, ["/health answers 200; with a query that no cache has seen it answers 502"]);
}

fn disagreeing() {
    let first = bind(ZONE);
    let second = bind(
        &ZONE.replace("hostmaster 7", "hostmaster 6").replace("www IN A 127.0.0.1", "www IN A 127.0.0.9"),
    );
    let other = Bind::start(&[("other.example", ZONE)]).expect("BIND");
    let mut wanted = wanted("http://www.shop.example/", Some(&first));
    wanted.pins =
        vec![pin("ns1.shop.example", 53, first.address()), pin("ns2.shop.example", 53, second.address())];
    let report = scan(&wanted);
    assert!(["S63", "S64"].iter().all(|id| ids(&report).contains(id)), "{:?}", report.findings);
    let serials = report.findings.iter().find(|finding| finding.id == "S64").expect("a finding");
    assert_eq!(serials.observed, ["ns2.shop.example: serial 6", "ns1.shop.example: serial 7"]);
    wanted.pins[1] = pin("ns2.shop.example", 53, other.address());
    let report = scan(&wanted);
    let lame = report.findings.iter().find(|finding| finding.id == "S62").expect("a finding");
    assert_eq!(lame.observed, ["ns2.shop.example (127.0.0.1): it says REFUSED for shop.example"]);
    wanted.pins[1] = pin("ns2.shop.example", 53, muster_testkit::port::refusing().expect("a port"));
    assert!(ids(&scan(&wanted)).contains(&"S62"), "nobody listens there");
}

fn half_dead() {
    let site = Raw::answers("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").expect("a server");
    let dead = muster_testkit::port::refusing().expect("a port").port();
    let mut wanted = wanted("http://two.example/", None);
    wanted.dns = Some(([127, 0, 0, 1], dead).into());
    wanted.limit = SHORT;
    wanted.pins = vec![pin("two.example", 80, format!("{},127.0.0.2:{dead},[::1]:{dead}", site.address()))];
    let report = scan(&wanted);
    assert!(ids(&report).contains(&"S60"), "{:?}", report.findings);
    let six = "::1";
    // A machine without IPv6 cannot know.
    let told = |finding: &&str| *finding == "S61";
    let unseen = |why: &str| why.starts_with(six);
    assert!(ids(&report).iter().any(told) || report.unknown.iter().any(|one| unseen(&one.why)), "{report:?}");
    assert!(areas(&report).contains(&Area::Mail), "nobody answers for the zone");
}

fn hostile() {
    let head = "HTTP/1.1 200 OK\r\n";
    let drip = Raw::answers(
        b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\nserver: x/1\xc2\x9b2J\r\n\r\n<script>".as_slice(),
    );
    for (server, ids_of, what) in [
        (Raw::answers("HTTP/1.1 302 Found\r\nlocation: /\r\n\r\n"), Some("S02"), "a loop"),
        (
            Raw::answers("HTTP/1.1 302 Found\r\nlocation: file:///etc/passwd\r\n\r\n"),
            Some("S03"),
            "another scheme",
        ),
        (Raw::floods(head, "x-more: xxxxxxxxxxxxxxxx\r\n"), None, "endless headers"),
        (Raw::floods("", [0_u8; 64]), None, "zeroes"),
        (Raw::says(""), None, "silence"),
        (drip, Some("S38"), "a body that drips"),
        (Raw::floods(format!("{head}\r\n"), "xxxxxxxx"), None, "an endless body"),
    ] {
        let server = server.expect("a server");
        let port = server.address().port();
        let wanted = Wanted { limit: SHORT, ..wanted(&format!("http://127.0.0.1:{port}/"), None) };
        let report = scan(&wanted);
        assert!(ids_of.is_none_or(|id| ids(&report).contains(&id)), "{what}: {:?}", report.findings);
        let text = format!("{:?}", report.findings);
        assert!(!text.contains('\u{9b}'), "{what}");
        let wanted = Wanted { limit: SHORT, ..self::wanted(&format!("https://127.0.0.1:{port}/"), None) };
        let report = scan(&wanted);
        assert!(report.grade.is_none_or(|grade| grade == Grade::F), "{what}: {:?}", report.grade);
        assert!(server.is_left_alone_within(LONG), "{what}");
    }
}
