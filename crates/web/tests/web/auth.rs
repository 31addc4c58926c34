//! Who may do what: every acting address, asked by everybody.

use muster_core::signal::Report;
use muster_core::time::Span;
use muster_store::credential::CredentialKind;

use crate::server::{PASSWORD, Server, settings, snapshot};

pub(crate) const TESTS: &[(&str, fn())] = &[
    ("only_those_who_may_act_can_act", only_those_who_may_act_can_act),
    ("a_strange_host_gets_nothing", a_strange_host_gets_nothing),
    ("a_public_server_shows_nothing_before_the_sign_in", a_public_server_shows_nothing_before_the_sign_in),
    ("a_link_signs_in_once", a_link_signs_in_once),
    ("the_password_signs_in_and_guesses_become_slow", the_password_signs_in_and_guesses_become_slow),
    ("signing_out_ends_the_session", signing_out_ends_the_session),
    ("expired_credentials_open_nothing", expired_credentials_open_nothing),
    ("tokens_are_made_listed_and_revoked", tokens_are_made_listed_and_revoked),
    ("a_pause_needs_a_reason_and_an_end", a_pause_needs_a_reason_and_an_end),
    ("the_browser_is_only_sent_to_our_own_pages", the_browser_is_only_sent_to_our_own_pages),
];

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const JSON: (&str, &str) = ("content-type", "application/json");

/// Each acting address: path, whether it is JSON, body without the form token.
const ACTS: &[(&str, bool, &str)] = &[
    ("/e/job.bad/acknowledge", false, "for=1h"),
    ("/e/job.bad/pause", false, "for=1h&reason=x"),
    ("/e/job.bad/run", false, "x=y"),
    ("/channels/ops/test", false, "x=y"),
    ("/api/v1/expectations/job.bad/acknowledge", true, r#"{"for":"1h"}"#),
    ("/api/v1/expectations/job.bad/pause", true, r#"{"for":"1h","reason":"x"}"#),
    ("/api/v1/expectations/job.bad/run", true, "{}"),
    ("/api/v1/channels/ops/test", true, "{}"),
    ("/api/v1/tokens", true, r#"{"name":"ci","scopes":["read"]}"#),
];

fn only_those_who_may_act_can_act() {
    let server = Server::start();
    let (cookie, csrf) = server.sign_in();
    let token = |scope| format!("Bearer {}", server.issue(CredentialKind::Token, scope, None));
    let (acting, reading) = (token("act"), token("read ping"));
    let home = format!("http://{}", server.address);
    for (path, is_json, body) in ACTS {
        let kind = if *is_json { JSON } else { FORM };
        let with_csrf = if *is_json { (*body).to_owned() } else { format!("{body}&csrf={csrf}") };
        let send = |headers: &[(&str, &str)], body: &str| {
            let headers: Vec<_> = std::iter::once(kind).chain(headers.iter().copied()).collect();
            server.ask("POST", path, &headers, body).status
        };
        let right = ("x-csrf", csrf.as_str());
        let person = [("cookie", cookie.as_str()), right];
        let good = |status: u16| status == 200 || status == 303;
        assert_eq!(send(&[], body), 401, "nobody: {path}");
        assert_eq!(send(&[("cookie", "muster=0123")], body), 401, "a made-up cookie: {path}");
        assert_eq!(send(&[("authorization", "Bearer x")], body), 401, "a made-up token: {path}");
        assert_eq!(send(&[("authorization", &reading)], body), 403, "another scope: {path}");
        assert_eq!(send(&[("cookie", &cookie)], body), 403, "no form token: {path}");
        let strange = [person[0], right, ("origin", "https://evil.example")];
        assert_eq!(send(&strange, &with_csrf), 403, "another origin: {path}");
        let site = [person[0], right, ("sec-fetch-site", "cross-site")];
        assert_eq!(send(&site, &with_csrf), 403, "another site: {path}");
        let rebound = [person[0], right, ("host", "evil.example")];
        assert_eq!(send(&rebound, &with_csrf), 421, "another host: {path}");
        let own = [person[0], right, ("origin", home.as_str()), ("sec-fetch-site", "same-origin")];
        assert!(good(send(&own, &with_csrf)), "a person: {path}: {}", send(&own, &with_csrf));
        let by_token = send(&[("authorization", &acting)], body);
        assert_eq!(good(by_token), *path != "/api/v1/tokens", "a token: {path}: {by_token}");
        let control = server.ask_control("POST", path, &[kind], body);
        assert!(good(control.status), "the operator: {path}: {}", control.body);
    }
    for method in ["PUT", "DELETE", "PATCH"] {
        assert_eq!(server.ask(method, "/e/job.bad/acknowledge", &[], "").status, 405, "{method}");
    }
    let heard = server.heard();
    assert!(
        heard.iter().any(|signal| matches!(&signal.report, Report::Acknowledge { by, .. } if by == "anna"))
    );
    assert!(
        heard.iter().any(|signal| matches!(&signal.report, Report::Pause { by, .. } if by == "operator"))
    );
    // Four acts by three askers each, and nothing of those who were refused.
    assert_eq!(heard.len(), 4 * 3);
    let wishes = server.ear.wishes.lock().unwrap();
    assert_eq!(wishes.len(), 2 * 3, "a start is a wish and no signal");
    assert!(wishes.iter().all(|(about, _)| about.as_str() == "job.bad"));
    let link =
        server.ask("POST", "/api/v1/signin-links", &[JSON, ("cookie", &cookie), ("x-csrf", &csrf)], "{}");
    assert_eq!(link.status, 401, "only the operator makes links");
}

fn a_strange_host_gets_nothing() {
    let server = Server::start();
    for path in ["/", "/api/v1/board", "/signin", "/api/v1/events"] {
        let reply = server.ask("GET", path, &[("host", "evil.example")], "");
        assert_eq!(reply.status, 421, "{path}");
        assert!(!reply.body.contains("job.bad"), "{path}");
    }
    assert_eq!(server.ask("GET", "/", &[("host", "localhost:1")], "").status, 200);
    // A name of the settings is ours, but it does not make the asker local.
    assert_eq!(server.ask("GET", "/", &[("host", "intern.example")], "").status, 303);
    assert_eq!(server.ask("GET", "/", &[("x-forwarded-for", "192.0.2.1")], "").status, 303);
}

fn a_public_server_shows_nothing_before_the_sign_in() {
    let mut settings = settings();
    settings.public = true;
    let server = Server::with(settings, snapshot());
    for path in ["/", "/e/job.bad", "/host", "/doctor", "/deliveries", "/runs/job.bad/x"] {
        let reply = server.get(path);
        assert_eq!((reply.status, reply.header("location")), (303, Some("/signin")), "{path}");
        assert!(!reply.body.contains("job.bad"));
    }
    for path in ["board", "expectations/job.bad", "runs", "host", "deliveries", "events"] {
        assert_eq!(server.get(&format!("/api/v1/{path}")).status, 401, "{path}");
    }
    let signin = server.get("/signin");
    assert!(signin.status == 200 && !signin.body.contains("/host"), "{}", signin.body);
    assert_eq!(server.get("/health").status, 200);
    let token = format!("Bearer {}", server.issue(CredentialKind::Token, "read", None));
    assert_eq!(server.ask("GET", "/api/v1/board", &[("authorization", &token)], "").status, 200);
    let (cookie, _) = {
        let cookie = format!("muster={}", server.issue(CredentialKind::Session, "", Some(Span::hours(1))));
        (cookie, ())
    };
    assert_eq!(server.ask("GET", "/", &[("cookie", &cookie)], "").status, 200);
}

fn cookie_of(reply: &crate::server::Reply) -> String {
    reply.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

fn a_link_signs_in_once() {
    let server = Server::start();
    let made = server.ask_control("POST", "/api/v1/signin-links", &[JSON], r#"{"name":"bob"}"#).json();
    let path = made["path"].as_str().unwrap();
    assert_eq!(server.ask("HEAD", path, &[], "").status, 200, "looking does not use it up");
    let first = server.get(path);
    assert_eq!((first.status, first.header("location")), (303, Some("/")));
    let attributes = first.header("set-cookie").unwrap().to_owned();
    assert!(attributes.contains("HttpOnly; SameSite=Lax") && !attributes.contains("Secure"), "{attributes}");
    assert!(server.ask("GET", "/", &[("cookie", &cookie_of(&first))], "").body.contains("bob"));
    let second = server.get(path);
    assert_eq!(second.status, 403);
    assert!(second.header("set-cookie").is_none());
    let secret = path.split('=').nth(1).unwrap();
    let as_session = format!("muster={secret}");
    assert!(
        !server.ask("GET", "/", &[("cookie", &as_session)], "").body.contains("bob"),
        "a link is no session"
    );
}

fn the_password_signs_in_and_guesses_become_slow() {
    let server = Server::start();
    let send = |password: &str| {
        server.ask("POST", "/signin", &[FORM], &format!("password={}", password.replace(' ', "+")))
    };
    let good = send(PASSWORD);
    assert_eq!(good.status, 303);
    assert!(server.ask("GET", "/", &[("cookie", &cookie_of(&good))], "").body.contains("Sign out"));
    for _ in 0..5 {
        assert_eq!(send("wrong").status, 401);
    }
    let slow = send(PASSWORD);
    assert_eq!(slow.status, 429);
    assert!(slow.header("retry-after").unwrap().parse::<u64>().unwrap() <= 2);
    let strange = [FORM, ("origin", "https://evil.example")];
    assert_eq!(server.ask("POST", "/signin", &strange, "password=x").status, 403);
}

fn signing_out_ends_the_session() {
    let server = Server::start();
    let (cookie, csrf) = server.sign_in();
    assert_eq!(
        server.ask("POST", "/signout", &[FORM, ("cookie", &cookie)], "").status,
        403,
        "not without the form"
    );
    let out = server.ask("POST", "/signout", &[FORM, ("cookie", &cookie)], &format!("csrf={csrf}"));
    assert_eq!(out.status, 303);
    assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert!(!server.ask("GET", "/", &[("cookie", &cookie)], "").body.contains("Sign out"));
}

fn expired_credentials_open_nothing() {
    let server = Server::start();
    let ended = Some(Span::ZERO);
    let cookie = format!("muster={}", server.issue(CredentialKind::Session, "", ended));
    assert!(!server.ask("GET", "/", &[("cookie", &cookie)], "").body.contains("Sign out"));
    let token = format!("Bearer {}", server.issue(CredentialKind::Token, "act", ended));
    let reply = server.ask("POST", ACTS[4].0, &[JSON, ("authorization", &token)], ACTS[4].2);
    assert_eq!(reply.status, 401);
    let link = server.issue(CredentialKind::Link, "", ended);
    assert_eq!(server.get(&format!("/signin?link={link}")).status, 403);
}

fn tokens_are_made_listed_and_revoked() {
    let server = Server::start();
    let made =
        server.ask_control("POST", "/api/v1/tokens", &[JSON], r#"{"name":"ci","scopes":["act"],"for":"1d"}"#);
    let token = format!("Bearer {}", made.json()["token"].as_str().unwrap());
    let act = || server.ask("POST", ACTS[4].0, &[JSON, ("authorization", &token)], ACTS[4].2).status;
    assert_eq!(act(), 200);
    let list = server.ask_control("GET", "/api/v1/tokens", &[], "").json();
    assert_eq!(
        (list["items"][0]["name"].as_str(), list["items"][0]["scopes"].as_str()),
        (Some("ci"), Some("act"))
    );
    assert!(list["items"][0]["used"].is_i64());
    assert_eq!(server.get("/api/v1/tokens").status, 401);
    let path = format!("/api/v1/tokens/{}", list["items"][0]["id"].as_str().unwrap());
    assert_eq!(server.ask("DELETE", &path, &[("authorization", &token)], "").status, 403, "no token revokes");
    assert_eq!(server.ask_control("DELETE", &path, &[], "").status, 200);
    assert_eq!(act(), 401);
    let bad = server.ask_control("POST", "/api/v1/tokens", &[JSON], r#"{"name":"ci","scopes":["all"]}"#);
    assert_eq!((bad.status, bad.json()["code"].as_str()), (400, Some("M0706")));
}

fn a_pause_needs_a_reason_and_an_end() {
    let server = Server::start();
    let send = |act: &str, body: &str| {
        let path = format!("/api/v1/expectations/job.good/{act}");
        server.ask_control("POST", &path, &[JSON], body).status
    };
    assert_eq!(send("pause", r#"{"for":"1h"}"#), 400);
    assert_eq!(send("pause", r#"{"reason":"x"}"#), 400);
    assert_eq!(send("pause", r#"{"for":"0s","reason":"x"}"#), 400);
    assert_eq!(send("pause", r#"{"for":"91d","reason":"x"}"#), 400);
    assert_eq!(send("pause", r#"{"for":"1h","reason":"x","until":1}"#), 400, "no field that we do not know");
    assert_eq!(send("acknowledge", r#"{"for":"1h"}"#), 409, "nothing to acknowledge");
    assert_eq!(send("resume", ""), 409);
    assert_eq!(send("dance", "{}"), 404);
    assert!(server.heard().is_empty());
    assert_eq!(send("pause", r#"{"for":"1h","reason":"x"}"#), 200);
}

fn the_browser_is_only_sent_to_our_own_pages() {
    let server = Server::start();
    let (cookie, csrf) = server.sign_in();
    for (back, location) in
        [("/", "/"), ("https://evil.example", "/e/job.bad"), ("//evil.example", "/e/job.bad")]
    {
        let body = format!("for=1h&csrf={csrf}&back={back}");
        let reply = server.ask("POST", "/e/job.bad/acknowledge", &[FORM, ("cookie", &cookie)], &body);
        assert_eq!(reply.header("location"), Some(location));
    }
}
