//! What pages and answers look like from outside.

use std::fs;

use muster_core::board::{Board, Fault, Snapshot};
use muster_core::ids::{ExpectationId, RunId, SignalId};
use muster_core::signal::{Ending, Outcome, Report, Signal};
use muster_core::time::Span;
use muster_doctor::chart::Chart;
use muster_doctor::kept::Kept;
use muster_store::contract::Commit;
use muster_store::credential::CredentialKind;
use serde_json::json;

use crate::server::{Server, line, settings, snapshot};

pub(crate) const TESTS: &[(&str, fn())] = &[
    ("every_page_answers_and_carries_the_headers", every_page_answers_and_carries_the_headers),
    ("text_of_others_is_never_markup", text_of_others_is_never_markup),
    ("output_is_shown_to_the_signed_in_only", output_is_shown_to_the_signed_in_only),
    (
        "what_the_doctor_found_is_shown_to_the_signed_in_only",
        what_the_doctor_found_is_shown_to_the_signed_in_only,
    ),
    ("faults_of_muster_itself_are_on_every_page", faults_of_muster_itself_are_on_every_page),
    ("health_says_when_something_is_wrong", health_says_when_something_is_wrong),
    ("the_api_says_what_the_pages_show", the_api_says_what_the_pages_show),
    ("a_thousand_rows_are_served_in_time", a_thousand_rows_are_served_in_time),
];

fn every_page_answers_and_carries_the_headers() {
    let server = Server::start();
    let page = server.get("/").body;
    let asset = |ending: &str| {
        let at = page.find(&format!(".{ending}\"")).unwrap() + ending.len() + 1;
        page[..at].rsplit('"').next().unwrap().to_owned()
    };
    for (path, status) in [
        ("/", 200),
        ("/e/job.bad", 200),
        ("/e/job.none", 404),
        ("/e/job.good?before=x", 400),
        ("/runs/job.bad/none", 404),
        ("/host", 200),
        ("/doctor", 200),
        ("/deliveries", 200),
        ("/jobs", 200),
        ("/jobs?all", 200),
        ("/jobs/racing", 200),
        ("/checks", 200),
        ("/checks?show=unwell&kind=http&page=9", 200),
        ("/e/job.bad/pause", 401),
        ("/signin", 200),
        ("/nothing", 404),
        ("/api/v1/board", 200),
        ("/api/v1/nothing", 404),
        ("/health", 200),
        (&asset("css"), 200),
        (&asset("js"), 200),
        ("/assets/muster.css", 404),
    ] {
        let reply = server.get(path);
        assert_eq!(reply.status, status, "{path}: {}", reply.body);
        let policy = reply.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(reply.header("referrer-policy"), Some("same-origin"), "{path}");
        let cached = reply.header("cache-control").unwrap();
        assert_eq!(
            cached.contains("immutable"),
            path.starts_with("/assets/") && status == 200,
            "{path}: {cached}"
        );
        assert!(!reply.body.contains("style=\"") && !reply.body.contains("onclick"), "{path}");
    }
    assert!(page.contains("1 thing went wrong."), "{page}");
}

fn text_of_others_is_never_markup() {
    let server = Server::start();
    put_run(&server, "<script>alert(2)</script>");
    let (cookie, _) = server.sign_in();
    let api = server.get("/api/v1/runs?about=job.good").json();
    let run = api["items"][0]["id"].as_str().unwrap();
    for path in [
        "/",
        "/e/job.bad",
        &format!("/runs/job.good/{run}"),
        "/e/%3Cscript%3E",
        "/runs/job.good/x?q=%3Cscript%3E",
    ] {
        let reply = server.ask("GET", path, &[("cookie", &cookie)], "");
        assert!(
            !reply.body.contains("<script>alert") && !reply.body.contains("<i>every"),
            "{path}: {}",
            reply.body
        );
    }
    let shown = server.ask("GET", &format!("/runs/job.good/{run}"), &[("cookie", &cookie)], "").body;
    assert!(shown.contains("&lt;script&gt;alert(2)"), "{shown}");
}

fn what_the_doctor_found_is_shown_to_the_signed_in_only() {
    let server = Server::start();
    assert!(server.get("/doctor").body.contains("has not been examined yet"));
    let found = json!({
        "id": "CRON004", "severity": "critical", "outlook": "failing", "title": "<i>a crontab", "subject": "shop",
        "source": "/etc/cron.d/shop", "line": 7, "text": "0 2 * * * root x", "observed": "no newline at its end",
        "forecast": null, "silent": "Cron says so once.", "cure": "Append one with `echo`.", "fix": "safe"
    });
    let report = json!({
        "version": 1, "host": "web1", "at": muster_host::clock::now().wall, "rules": ["CRON004", "PG002"],
        "vantage": { "root": "/", "live": true, "uid": 0 }, "findings": [found],
        "unknown": [{ "why": "the server did not answer", "rules": ["PG002"] }], "allowed": []
    });
    let chart = Chart::new(Kept::read(report.to_string().as_bytes()).unwrap(), String::new());
    fs::write(server.folder.path().join("chart.json"), serde_json::to_string(&chart).unwrap()).unwrap();
    let page = server.get("/doctor").body;
    assert!(
        page.contains("1 thing fails now. 1 thing could not be seen.") && !page.contains("shop"),
        "{page}"
    );
    assert_eq!(server.get("/api/v1/doctor").status, 401);

    let bearer = format!("Bearer {}", server.issue(CredentialKind::Token, "read", None));
    let headers = [("authorization", bearer.as_str())];
    let page = server.ask("GET", "/doctor", &headers, "").body;
    for words in ["&lt;i&gt;a crontab", "/etc/cron.d/shop:7", "<code>echo</code>", "PG002", "did not answer"]
    {
        assert!(page.contains(words), "{words}: {page}");
    }
    let api = server.ask("GET", "/api/v1/doctor", &headers, "").json();
    assert_eq!(api["report"]["findings"][0]["id"], "CRON004");

    fs::write(server.folder.path().join("chart.json"), "{").unwrap();
    assert!(server.get("/doctor").body.contains("cannot be read"));
}

fn put_run(server: &Server, tail: &str) {
    let now = muster_host::clock::now().wall;
    let outcome = Outcome {
        tail: tail.into(),
        duration: Some(Span::seconds(4)),
        ..Outcome::bare(Ending::Exit { code: 0 })
    };
    let signal = Signal {
        id: SignalId::new(format!("s-{}", now.millis())).unwrap(),
        about: ExpectationId::new("job.good").unwrap(),
        at: now,
        run: Some(RunId::new("r1").unwrap()),
        report: Report::Success(outcome),
    };
    server.web.parts.store.commit(Commit { signals: vec![signal], ..Commit::default() }).unwrap();
}

fn output_is_shown_to_the_signed_in_only() {
    let server = Server::start();
    put_run(&server, "the tail");
    let folder = server.folder.path().join("runs/good");
    fs::create_dir_all(&folder).unwrap();
    let log = "2026-11-21T07:42:00.123Z out all is well\n2026-11-21T07:42:00.124Z err s3cret\n";
    fs::write(folder.join("r1.log"), log).unwrap();
    let (page, api, file) = ("/runs/job.good/r1", "/api/v1/runs/job.good/r1/log", "/runs/job.good/r1/log");
    assert!(!server.get(page).body.contains("s3cret"));
    assert_eq!(server.get(api).status, 401);
    assert_eq!(server.get(file).status, 401);
    assert!(!server.get("/api/v1/runs/job.good/r1").body.contains("the tail"));

    let token = server.issue(CredentialKind::Token, "read", None);
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    let shown = server.ask("GET", page, &headers, "").body;
    assert!(shown.contains("s3cret") && shown.contains("li class=\"err\""), "{shown}");
    assert_eq!(server.ask("GET", api, &headers, "").json()["lines"][1]["source"], "err");
    let found = server.ask("GET", &format!("{page}?q=WELL"), &headers, "").body;
    assert!(found.contains("all is well") && !found.contains("s3cret"));
    let whole = server.ask("GET", file, &headers, "");
    assert_eq!(whole.body, log);
    assert!(whole.header("content-disposition").unwrap().starts_with("attachment"));
    let acting = format!("Bearer {}", server.issue(CredentialKind::Token, "act", None));
    assert_eq!(server.ask("GET", api, &[("authorization", &acting)], "").status, 403);
}

fn faults_of_muster_itself_are_on_every_page() {
    let server = Server::start();
    server.change(|snapshot| {
        snapshot.faults.push(Fault {
            code: "M0301".into(),
            what: "the store cannot be written".into(),
            help: "try `df -h`".into(),
            since: snapshot.board.at,
        });
    });
    for path in ["/", "/e/job.bad", "/host", "/doctor", "/deliveries", "/jobs", "/jobs/racing"] {
        let body = server.get(path).body;
        assert!(
            body.contains("the store cannot be written") && body.contains("<code>df -h</code>"),
            "{path}: {body}"
        );
    }
    assert_eq!(server.get("/health").status, 503);
}

fn health_says_when_something_is_wrong() {
    let server = Server::with(settings(), Snapshot::default());
    assert_eq!(
        (server.get("/health").status, server.get("/health").json()["status"].as_str()),
        (503, Some("starting"))
    );
    server.board.send_replace(std::sync::Arc::new(snapshot()));
    assert_eq!(server.get("/health").status, 200);
}

fn the_api_says_what_the_pages_show() {
    let server = Server::start();
    let board = server.get("/api/v1/board").json();
    let channels = server.get("/api/v1/board?tables=channel,none").json();
    let tables = |board: &serde_json::Value| -> std::collections::BTreeSet<String> {
        let lines = board["lines"].as_array().unwrap().iter();
        lines.map(|line| line["id"].as_str().unwrap().split('.').next().unwrap().to_owned()).collect()
    };
    assert!(tables(&board).contains("job") && !tables(&channels).contains("job"), "{channels}");
    assert_eq!(channels["headline"], board["headline"]);
    assert_eq!(board["version"], 1);
    assert_eq!(board["headline"]["sentence"], "1 thing went wrong.");
    let bad = &server.get("/api/v1/expectations/job.bad").json()["expectation"];
    assert_eq!(bad["why"], "It gave way 3 times in a row: <script>alert(1)</script>.");
    assert_eq!(bad["told"], "People were told; nobody has answered.");
    for path in ["expectations/job.bad/history", "expectations/job.bad/slots", "runs", "host", "deliveries"] {
        let answer = server.get(&format!("/api/v1/{path}"));
        assert_eq!((answer.status, answer.json()["version"].as_i64()), (200, Some(1)), "{path}");
    }
    let refusal = server.get("/api/v1/expectations/job.none").json();
    assert_eq!((refusal["code"].as_str(), refusal["version"].as_i64()), (Some("M0705"), Some(1)));
    assert!(refusal["help"].is_string() && refusal["what"].is_string());
    assert_eq!(server.get("/api/v1/runs?before=x").status, 400);
}

fn a_thousand_rows_are_served_in_time() {
    let mut lines: Vec<_> =
        (0..1000).map(|n| line(&format!("check.c{n:04}"), muster_core::effect::Condition::Ok)).collect();
    lines[777] = crate::server::firing("check.c0777");
    let board = Board { at: muster_host::clock::now().wall, lines };
    let server = Server::with(settings(), Snapshot { board, ..Snapshot::default() });
    let start = std::time::Instant::now();
    let reply = server.get("/");
    let took = start.elapsed();
    assert_eq!(reply.status, 200);
    assert!(reply.body.contains("href=\"/e/check.c0777\""), "what is late is always there");
    assert!(reply.body.contains("849 more"), "{}", reply.body);
    assert!(reply.body.len() < 200_000, "{} bytes", reply.body.len());
    let all = server.get("/?all").body;
    assert_eq!(all.matches("role=\"row\" id=\"row-").count(), 999);
    println!("1,000 rows: {} bytes in {took:?}", reply.body.len());
    // Generous: an unoptimised build on a busy machine.
    assert!(took < std::time::Duration::from_secs(3), "{took:?}");
}
