//! The checks screen, the page of one check, and their answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use muster_core::board::{Board, Line, Snapshot};
use muster_core::effect::{Condition, Verdict};
use muster_core::ids::ExpectationId;
use muster_core::look::{Last, Look, Sight, Trace};
use muster_core::time::{Span, Timestamp};
use muster_store::contract::Commit;
use muster_store::credential::CredentialKind;
use muster_store::sqlite::Sqlite;

use crate::live::Events;
use crate::server::{Server, firing, line, settings};

pub(crate) const TESTS: &[(&str, fn())] = &[
    ("without_a_check_the_screen_says_how_to_write_one", without_a_check_the_screen_says_how_to_write_one),
    (
        "what_looks_bad_comes_first_and_no_uptime_stands_alone",
        what_looks_bad_comes_first_and_no_uptime_stands_alone,
    ),
    (
        "places_of_one_check_stand_together_and_differ_in_words",
        places_of_one_check_stand_together_and_differ_in_words,
    ),
    ("a_check_shows_its_last_look_and_what_went_badly", a_check_shows_its_last_look_and_what_went_badly),
    ("a_thousand_checks_are_pages_of_a_bounded_size", a_thousand_checks_are_pages_of_a_bounded_size),
    ("looking_now_needs_who_may_act", looking_now_needs_who_may_act),
    ("one_check_is_answered_with_its_looks_and_traces", one_check_is_answered_with_its_looks_and_traces),
    ("only_the_row_of_the_check_that_looked_is_sent", only_the_row_of_the_check_that_looked_is_sent),
];

fn now() -> Timestamp {
    muster_host::clock::now().wall
}

fn look(id: &str, ago: Span, verdict: Verdict) -> Look {
    Look {
        about: ExpectationId::new(id).unwrap(),
        due: Some(now() - ago),
        at: now() - ago,
        verdict,
        took: matches!(verdict, Verdict::Ok | Verdict::Failed).then(|| Span::millis(120)),
        further: 0,
        every: Span::minutes(5),
    }
}

/// A check of the kind `http` that looked a minute ago.
pub(crate) fn last(id: &str, verdict: Verdict) -> Last {
    Last {
        about: ExpectationId::new(id).unwrap(),
        kind: "http".into(),
        target: "https://a.example/<script>alert(2)</script>".into(),
        from: "host".into(),
        every: Span::minutes(5),
        look: Some(look(id, Span::minutes(1), verdict)),
        sight: Sight {
            words: "status == 200: <b>503</b>".into(),
            class: Some("unmet".into()),
            phases: vec![("dns".into(), Span::millis(20)), ("connect".into(), Span::millis(100))],
            unmet: vec!["status == 200: <b>503</b>".into()],
            facts: vec![("status".into(), "secret-fact".into())],
            lines: vec!["< HTTP/1.1 503 <img src=x>".into()],
        },
        well: Some((now() - Span::hours(2), Span::millis(80))),
    }
}

pub(crate) fn serve(lines: Vec<Line>, lasts: Vec<Last>) -> Server {
    let server =
        Server::with(settings(), Snapshot { board: Board { at: now(), lines }, ..Snapshot::default() });
    *server.ear.lasts.lock().unwrap() = lasts.into_iter().map(Arc::new).collect();
    server
}

fn two() -> Server {
    let server = serve(
        vec![line("check.a", Condition::Ok), firing("check.z"), line("check.beat", Condition::Ok)],
        vec![last("check.a", Verdict::Ok), last("check.z", Verdict::Failed)],
    );
    let mut looks = vec![
        look("check.a", Span::minutes(1), Verdict::Ok),
        look("check.z", Span::minutes(1), Verdict::Failed),
    ];
    looks.push(look("check.a", Span::minutes(40), Verdict::Missed));
    let trace =
        Trace { about: "check.z".parse().unwrap(), at: now(), sight: last("check.z", Verdict::Failed).sight };
    server.web.parts.store.commit(Commit { looks, traces: vec![trace], ..Commit::default() }).unwrap();
    server
}

fn without_a_check_the_screen_says_how_to_write_one() {
    let server = serve(vec![line("check.beat", Condition::Ok)], Vec::new());
    let page = server.get("/checks").body;
    assert!(
        page.contains("Nothing is looked at yet.") && page.contains("muster check site --here"),
        "{page}"
    );
    assert!(page.contains("1 heartbeat reports by itself"), "{page}");
    assert_eq!(server.get("/api/v1/checks").json()["checks"].as_array().unwrap().len(), 0);
}

fn what_looks_bad_comes_first_and_no_uptime_stands_alone() {
    let server = two();
    let page = server.get("/checks").body;
    assert!(page.contains("1 of 2 checks looks bad."), "{page}");
    let (bad, well) = (page.find("check-z").unwrap(), page.find("check-a").unwrap());
    assert!(bad < well);
    assert!(page.contains("&lt;script&gt;alert(2)") && !page.contains("<script>alert"), "{page}");
    assert!(page.contains("status == 200: &lt;b&gt;503&lt;/b&gt;"), "{page}");
    assert!(page.contains("last 24 hours: 1 well, 1 missed"), "{page}");
    let row = &page[well..];
    assert!(row.contains("<b class=\"\">100 %</b><small class=\"thin\">50 % seen</small>"), "{row}");
    let unwell = server.get("/checks?show=unwell").body;
    assert!(unwell.contains("check-z") && !unwell.contains("check-a"), "{unwell}");
    let none = server.get("/checks?kind=%22%3E%3Cb%3E&page=x").status;
    assert_eq!((none, server.get("/checks?kind=%22%3E%3Cb%3E").body.contains("None of them.")), (200, true));
    let json = server.get("/api/v1/checks?show=unwell").json();
    assert_eq!(
        (&json["version"], &json["all"], json["checks"].as_array().unwrap().len()),
        (&1.into(), &2.into(), 1)
    );
    let one = &json["checks"][0];
    assert_eq!((&one["last"]["kind"], &one["up"]["24h"]["slots"]["failed"]), (&"http".into(), &1.into()));
    assert_eq!((&one["up"]["24h"]["uptime"], &one["up"]["24h"]["coverage"]), (&0.0.into(), &1.0.into()));
    assert!(one["last"]["sight"]["facts"].is_null(), "what was found is for those who may read: {one}");
}

fn places_of_one_check_stand_together_and_differ_in_words() {
    let inside = "check.mail@container:api";
    let from = Last { from: "container:api".into(), ..last(inside, Verdict::Ok) };
    let server = serve(
        vec![firing("check.mail"), line(inside, Condition::Ok), line("check.other", Condition::Ok)],
        vec![last("check.mail", Verdict::Failed), from, last("check.other", Verdict::Ok)],
    );
    let page = server.get("/checks").body;
    assert!(page.contains("from 2 places") && page.contains("the host cannot, container:api can"), "{page}");
    let one = server.get(&format!("/e/{inside}")).body;
    assert!(one.contains("from this host: ") && one.contains("href=\"/e/check.mail\""), "{one}");
    let json = server.get("/api/v1/checks").json();
    assert_eq!(json["checks"][1]["table"], "mail", "{json}");
}

fn a_check_shows_its_last_look_and_what_went_badly() {
    let server = two();
    let page = server.get("/e/check.z").body;
    for part in [
        "looked bad",
        "took 120ms",
        "<code>status == 200</code> observed: <b>&lt;b&gt;503&lt;/b&gt;</b>",
        "<th scope=\"row\">connect</th>",
        "Ninety days",
        "Looks that went badly",
        "It last looked well",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("secret-fact") && !page.contains("HTTP/1.1 503"), "{page}");
    assert!(!page.contains("How it reports") && !page.contains("No run on record."), "{page}");
    let cookie = server.sign_in().0;
    let page = server.ask("GET", "/e/check.z", &[("cookie", &cookie)], "").body;
    assert!(page.contains("secret-fact") && page.contains("&lt; HTTP/1.1 503 &lt;img src=x&gt;"), "{page}");
    let beat = server.get("/e/check.beat").body;
    assert!(beat.contains("How it reports") && !beat.contains("What it looks at"), "{beat}");
}

fn a_thousand_checks_are_pages_of_a_bounded_size() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) =
        Sqlite::open(&folder.path().join("muster.db"), &muster_store::keep::Keep::default(), now()).unwrap();
    let ids: Vec<_> = (0..1000).map(|n| format!("check.c{n:04}")).collect();
    let lines = ids.iter().map(|id| line(id, Condition::Ok)).collect();
    let snapshot = Snapshot { board: Board { at: now(), lines }, ..Snapshot::default() };
    let server = Server::over(settings(), snapshot, Arc::new(store));
    *server.ear.lasts.lock().unwrap() = ids.iter().map(|id| Arc::new(last(id, Verdict::Ok))).collect();
    let looks =
        ids.iter().take(100).flat_map(|id| (0..288).map(|n| look(id, Span::minutes(5 * n + 1), Verdict::Ok)));
    server.web.parts.store.commit(Commit { looks: looks.collect(), ..Commit::default() }).unwrap();
    let begun = Instant::now();
    let page = server.get("/checks").body;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(page.len() < 256 * 1024, "{} bytes", page.len());
    assert_eq!(page.matches("<article").count(), 50);
    assert!(page.contains("page 1 of 20") && page.contains("href=\"/checks?page=2\""));
    assert!(server.get("/checks?page=20").body.contains("check-c0999"));
    assert!(server.get("/checks?page=99").body.contains("page 20 of 20"));
}

fn looking_now_needs_who_may_act() {
    let server = two();
    assert_eq!(server.ask("POST", "/e/check.z/look", &[], "").status, 401);
    assert_eq!(server.ask("POST", "/api/v1/checks/z/look", &[], "").status, 401);
    let (cookie, csrf) = server.sign_in();
    let form = [("cookie", cookie.as_str()), ("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(server.ask("POST", "/e/check.z/look", &form, "").status, 403);
    let done = server.ask("POST", "/e/check.z/look", &form, &format!("csrf={csrf}"));
    assert_eq!((done.status, done.header("location")), (303, Some("/e/check.z")));
    let token = format!("Bearer {}", server.issue(CredentialKind::Token, "act", None));
    let seen = server.ask("POST", "/api/v1/checks/z/look", &[("authorization", &token)], "").json();
    assert_eq!(seen["last"]["look"]["verdict"], "failed");
    assert!(seen["last"]["sight"]["lines"].is_null(), "{seen}");
    let beat = server.ask("POST", "/e/check.beat/look", &form, &format!("csrf={csrf}"));
    assert_eq!((beat.status, beat.body.contains("check.beat is not looked at")), (409, true));
    let looked: Vec<_> = server.ear.looks.lock().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(looked, ["check.z", "check.z", "check.beat"]);
}

fn one_check_is_answered_with_its_looks_and_traces() {
    let server = two();
    let token = format!("Bearer {}", server.issue(CredentialKind::Token, "read", None));
    let json = server.ask("GET", "/api/v1/checks/z", &[("authorization", &token)], "").json();
    assert_eq!((&json["version"], &json["looks"][0]["verdict"]), (&1.into(), &"failed".into()));
    assert_eq!(json["traces"][0]["sight"]["lines"][0], "< HTTP/1.1 503 <img src=x>");
    assert_eq!(json["days"].as_array().unwrap().len(), 1);
    assert_eq!(json["check"]["expectation"]["id"], "check.z");
    let later = format!("/api/v1/checks/check.z?since={}", (now() + Span::hours(1)).millis());
    assert_eq!(server.get(&later).json()["looks"].as_array().unwrap().len(), 0);
    let beat = server.get("/api/v1/checks/beat");
    assert_eq!((beat.status, beat.body.contains("nobody looks at it")), (404, true));
    assert_eq!(server.get("/api/v1/checks/none").status, 404);
}

fn only_the_row_of_the_check_that_looked_is_sent() {
    let server = two();
    let at = server.web.snapshot().board.at.millis();
    let mut events = Events::open(&server, &format!("?view=checks&at={at}"));
    server.change(|snapshot| snapshot.board.lines[0].last_heard = Some(now()));
    let text = events.until("check-a");
    assert!(!text.contains("check-z") && !text.contains("\"id\":\"checks\""), "{text}");
    server.change(|snapshot| snapshot.board.lines[0] = firing("check.a"));
    let text = events.until("2 of 2 checks look bad.");
    assert!(text.contains("\"id\":\"sentence\""), "{text}");
}
