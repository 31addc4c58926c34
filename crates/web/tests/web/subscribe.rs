//! The public door: what it takes, what it never does, and that nothing else is reached through it.

use std::sync::Arc;

use muster_config::plan::{StatusPage, Subscribe};
use muster_core::ids::ChannelName;
use muster_core::time::Span;
use muster_store::credential::CredentialKind;
use muster_store::keep::Keep;
use muster_store::mailing::Mailing;
use muster_store::sqlite::Sqlite;
use muster_web::parts::Settings;
use muster_web::subscribe::{ADDRESSES, BODY_LIMIT};

use crate::server::{Reply, Server, settings, snapshot};

pub(crate) const TESTS: &[(&str, fn())] = &[
    ("every_address_gets_the_same_answer", every_address_gets_the_same_answer),
    ("what_is_no_address_is_told_so_and_hostile_bodies_are_refused", hostile_bodies),
    ("only_a_post_subscribes_or_ends_it", only_a_post_subscribes_or_ends_it),
    ("a_link_that_is_old_forged_or_broken_says_so", a_link_that_is_old_forged_or_broken_says_so),
    ("the_door_has_no_cookie_no_referrer_and_a_strict_policy", the_door_has_strict_headers),
    ("where_nobody_can_subscribe_there_is_no_door", where_nobody_can_subscribe_there_is_no_door),
    ("the_door_opens_nothing_else", the_door_opens_nothing_else),
    ("who_asks_is_what_the_web_server_in_front_says", who_asks),
    ("the_list_is_for_those_who_may_act", the_list_is_for_those_who_may_act),
];

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

pub(crate) fn page() -> StatusPage {
    StatusPage {
        title: "Acme".into(),
        url: "https://status.example.com".into(),
        folder: "/srv/s3cret".into(),
        push: vec!["s3cret".into()],
        every: Span::minutes(1),
        components: Vec::new(),
        subscribe: Some(Subscribe {
            notify: ChannelName::new("s3cret").unwrap(),
            url: "https://status.example.com".into(),
            origin: "https://status.example.com".into(),
        }),
    }
}

/// A server that others than this machine can reach, with a door.
fn start() -> Server {
    let server = Server::with(Settings { public: true, ..settings() }, snapshot());
    *server.ear.page.lock().unwrap() = Some(page());
    server
}

fn asked(server: &Server) -> Vec<String> {
    std::mem::take(&mut *server.ear.asked.lock().unwrap())
}

fn ask(server: &Server, body: &str) -> Reply {
    server.ask("POST", "/status/subscribe", &[FORM], body)
}

fn every_address_gets_the_same_answer() {
    let server = start();
    let form = server.get("/status/subscribe");
    assert!(form.status == 200 && form.body.contains("name=\"email\""), "{}", form.body);
    let first = ask(&server, "email=ann%40example.com");
    assert_eq!(first.status, 200);
    for body in ["email=ann%40example.com", "email=bob%2Bx%40example.com", "email=a%40b.c&other=1"] {
        let again = ask(&server, body);
        assert_eq!((again.status, &again.body), (200, &first.body), "{body}");
    }
    // A form of another site, in a browser that says so, under a name that only the web server in front knows.
    let foreign =
        [FORM, ("host", "status.example.com"), ("origin", "null"), ("sec-fetch-site", "cross-site")];
    let again = server.ask("POST", "/status/subscribe", &foreign, "email=eve%40example.com");
    assert_eq!((again.status, &again.body), (200, &first.body));
    assert_eq!(asked(&server).len(), 5);
}

fn hostile_bodies() {
    let server = start();
    for body in ["email=ann", "email=", "email=ann%40example.com%0D%0ABcc%3A%20eve%40example.com"] {
        let reply = ask(&server, body);
        assert_eq!(reply.status, 400, "{body}");
        assert!(
            reply.body.contains("This is no mail address") && !reply.body.contains("Bcc"),
            "{}",
            reply.body
        );
    }
    asked(&server);
    let json = ("content-type", "application/json");
    for (header, body) in [
        (FORM, ""),
        (FORM, "mail=ann%40example.com"),
        (FORM, "email=a%40b.c&email=d%40b.c"),
        (json, "{\"email\":\"ann@example.com\"}"),
    ] {
        let reply = server.ask("POST", "/status/subscribe", &[header], body);
        assert_eq!(reply.status, 400, "{body}");
    }
    let huge = format!("email=ann%40example.com&x={}", "x".repeat(BODY_LIMIT));
    assert_eq!(ask(&server, &huge).status, 413);
    for method in ["PUT", "DELETE", "PATCH"] {
        assert_eq!(server.ask(method, "/status/subscribe", &[FORM], "email=a%40b.c").status, 405);
    }
    assert_eq!(asked(&server), Vec::<String>::new(), "nothing of it was taken in");
    assert_eq!(server.get("/status/subscribe").status, 200);
}

fn only_a_post_subscribes_or_ends_it() {
    let server = start();
    for (address, heading, done, deed) in [
        ("/status/confirm?good", "Is this your address?", "You are subscribed", "confirm good"),
        ("/status/unsubscribe?good", "End the mails?", "You are not subscribed", "leave good"),
    ] {
        for method in ["GET", "HEAD"] {
            assert_eq!(server.ask(method, address, &[], "").status, 200);
        }
        let question = server.get(address).body;
        assert!(question.contains(heading) && question.contains("ann@example.com"), "{question}");
        assert!(question.contains("<form class=\"ask\" method=\"post\"><button>"), "{question}");
        assert_eq!(asked(&server), Vec::<String>::new(), "a GET does nothing");
        for _ in 0..2 {
            let reply = server.ask("POST", address, &[FORM], "");
            assert!(reply.status == 200 && reply.body.contains(done), "{}", reply.body);
        }
        assert_eq!(asked(&server), [deed, deed]);
    }
    // A mail program, as RFC 8058 has it: either form of a form.
    for kind in ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        let reply = server.ask(
            "POST",
            "/status/unsubscribe?good",
            &[("content-type", kind)],
            "List-Unsubscribe=One-Click",
        );
        assert_eq!(reply.status, 200, "{kind}");
    }
    assert_eq!(asked(&server).len(), 2);
}

fn a_link_that_is_old_forged_or_broken_says_so() {
    let server = start();
    for (query, status, words) in [
        ("old", 410, "too old"),
        ("forged", 400, "cannot be used"),
        ("", 400, "cannot be used"),
        ("full", 503, "no room"),
        ("later", 503, "cannot be done"),
        (&"x".repeat(4_000), 400, "cannot be used"),
        ("%00%ff%3Cscript%3E", 400, "cannot be used"),
    ] {
        for method in ["GET", "POST"] {
            let reply = server.ask(method, &format!("/status/confirm?{query}"), &[], "");
            assert_eq!(reply.status, status, "{method} {query}");
            assert!(reply.body.contains(words) && !reply.body.contains("<script"), "{}", reply.body);
        }
    }
}

fn the_door_has_strict_headers() {
    let server = start();
    for address in ADDRESSES {
        let reply = server.get(&format!("{address}?good"));
        assert_eq!(reply.header("set-cookie"), None);
        assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        let policy = reply.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!reply.body.contains("s3cret") && !reply.body.contains("muster"), "{}", reply.body);
    }
    let other = server.get("/signin");
    assert_eq!(other.header("referrer-policy"), Some("same-origin"));
    assert!(other.header("content-security-policy").unwrap().contains("script-src 'self'"));
}

fn where_nobody_can_subscribe_there_is_no_door() {
    let server = Server::start();
    for address in ADDRESSES {
        for method in ["GET", "POST"] {
            let reply = server.ask(method, &format!("{address}?good"), &[FORM], "email=ann%40example.com");
            assert_eq!((reply.status, reply.body.as_str()), (404, ""), "{method} {address}");
        }
    }
    assert_eq!(asked(&server), Vec::<String>::new());
}

fn the_door_opens_nothing_else() {
    let server = start();
    for path in [
        "/",
        "/e/job.bad",
        "/status/",
        "/status",
        "/status/subscribe/",
        "/status/subscribe/../../api/v1/board",
        "/status/%2e%2e/api/v1/board",
        "/status//subscribe",
        "/STATUS/subscribe",
    ] {
        let reply = server.get(path);
        assert_eq!((reply.status, reply.header("location")), (303, Some("/signin")), "{path}");
    }
    assert_eq!(server.get("/api/v1/subscribers").status, 401);
    // Behind the web server, and where the private pages need no sign-in on this machine.
    let home = Server::start();
    *home.ear.page.lock().unwrap() = Some(page());
    let through = [("host", "status.example.com"), ("x-forwarded-for", "192.0.2.1")];
    assert_eq!(home.ask("GET", "/status/subscribe", &through, "").status, 200);
    for path in ["/", "/api/v1/board", "/status/x", "/host"] {
        assert_eq!(home.ask("GET", path, &through, "").status, 421, "{path}");
    }
    let cookie = format!("muster={}", home.issue(CredentialKind::Session, "", Some(Span::hours(1))));
    let door = home.ask("GET", "/status/subscribe", &[("cookie", &cookie)], "");
    assert!(!door.body.contains("anna") && door.header("set-cookie").is_none(), "nobody is recognised there");
}

fn who_asks() {
    let server = start();
    let forwarded = [FORM, ("x-forwarded-for", "203.0.113.9, 192.0.2.7")];
    server.ask("POST", "/status/subscribe", &forwarded, "email=a%40b.c");
    ask(&server, "email=d%40b.c");
    assert_eq!(asked(&server), ["ask 192.0.2.7 a@b.c", "ask 127.0.0.1 d@b.c"]);
}

fn the_list_is_for_those_who_may_act() {
    let folder = tempfile::tempdir().unwrap();
    let now = muster_host::clock::now().wall;
    let (store, _) = Sqlite::open(&folder.path().join("muster.db"), &Keep::default(), now).unwrap();
    store.subscribe("ann@example.com", now).unwrap();
    let server = Server::over(settings(), snapshot(), Arc::new(store));
    // Whoever is on this machine sees pages, and no addresses of people.
    assert_eq!(server.get("/api/v1/board").status, 200);
    assert_eq!(server.get("/api/v1/subscribers").status, 401);
    let read = format!("Bearer {}", server.issue(CredentialKind::Token, "read", None));
    assert_eq!(server.ask("GET", "/api/v1/subscribers", &[("authorization", &read)], "").status, 403);
    let list = server.ask_control("GET", "/api/v1/subscribers", &[], "").json();
    assert_eq!(list["items"][0]["address"], "ann@example.com");
    assert_eq!(list["mails"]["waiting"], 0);
    let remove = |server: &Server, body: &str| {
        server
            .ask_control("POST", "/api/v1/subscribers/remove", &[("content-type", "application/json")], body)
            .status
    };
    assert_eq!(remove(&server, "{\"address\":\"bob@example.com\"}"), 404);
    assert_eq!(remove(&server, "{}"), 400);
    assert_eq!(
        server.ask("POST", "/api/v1/subscribers/remove", &[], "{\"address\":\"ann@example.com\"}").status,
        401
    );
    assert_eq!(remove(&server, "{\"address\":\"Ann@example.com\"}"), 200);
    assert_eq!(server.web.parts.store.subscribers().unwrap(), []);
}
