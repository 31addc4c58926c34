//! Heartbeats, as clients of healthchecks.io send them.

use std::sync::atomic::Ordering;

use muster_core::board::Snapshot;
use muster_core::signal::{Ending, Report};
use muster_store::credential::CredentialKind;

use crate::server::{HEARS_IN_MEMORY, IS_DEAF, KEY, Server, line, settings, snapshot};

pub(crate) const TESTS: &[(&str, fn())] = &[
    ("each_way_to_ping_is_heard_as_what_it_says", each_way_to_ping_is_heard_as_what_it_says),
    ("a_wrong_key_and_an_unknown_name_look_the_same", a_wrong_key_and_an_unknown_name_look_the_same),
    ("a_ping_answers_only_once_it_is_stored", a_ping_answers_only_once_it_is_stored),
    ("a_large_body_costs_its_front_and_not_the_ping", a_large_body_costs_its_front_and_not_the_ping),
    ("a_check_is_found_before_a_job", a_check_is_found_before_a_job),
    (
        "a_token_or_the_control_socket_pings_without_the_key",
        a_token_or_the_control_socket_pings_without_the_key,
    ),
];

fn each_way_to_ping_is_heard_as_what_it_says() {
    let server = Server::start();
    let rid = "3F1C9A40-5f58-4a3e-9d0b-2f6a51d3c111";
    for method in ["GET", "HEAD", "POST", "PUT"] {
        let reply =
            server.ask(method, &format!("/ping/{KEY}/nas?create=1"), &[("host", "anything.example")], "");
        assert_eq!(
            (reply.status, reply.body.as_str()),
            (200, if method == "HEAD" { "" } else { "OK" }),
            "{method}"
        );
    }
    assert_eq!(server.ask("DELETE", &format!("/ping/{KEY}/nas"), &[], "").status, 405);
    for (action, body) in
        [("start", ""), ("fail", "it broke"), ("log", "a word"), ("0", ""), ("137", "killed")]
    {
        let reply = server.ask("POST", &format!("/ping/{KEY}/good/{action}?rid={rid}"), &[], body);
        assert_eq!((reply.status, reply.body.as_str()), (200, "OK"), "{action}");
    }
    let heard = server.heard();
    assert!(
        heard[..4].iter().all(|signal| matches!(signal.report, Report::Success(_)) && signal.run.is_none())
    );
    assert!(heard[4..].iter().all(|signal| {
        signal.about.as_str() == "job.good" && signal.run.as_ref().unwrap().as_str() == rid.to_lowercase()
    }));
    assert!(matches!(heard[4].report, Report::Start { process: None }));
    assert!(matches!(&heard[5].report, Report::Failure(outcome) if outcome.tail == "it broke"));
    assert!(matches!(&heard[6].report, Report::Log { text } if text == "a word"));
    assert!(
        matches!(&heard[7].report, Report::Success(outcome) if outcome.ending == Ending::Exit { code: 0 })
    );
    assert!(
        matches!(&heard[8].report, Report::Failure(outcome) if outcome.ending == Ending::Exit { code: 137 })
    );
    let ids: std::collections::HashSet<_> = heard.iter().map(|signal| &signal.id).collect();
    assert_eq!(ids.len(), heard.len());
    assert_eq!(server.get(&format!("/ping/{KEY}/good?rid=nonsense")).status, 400);
}

fn a_wrong_key_and_an_unknown_name_look_the_same() {
    let server = Server::start();
    let replies =
        ["/ping/wrong/nas", "/ping/k3/nas", "/ping/k3y/none", "/ping/k3y/nas/256", "/ping/k3y/%2e%2e"];
    for path in replies {
        let reply = server.get(path);
        assert_eq!((reply.status, reply.body.as_str()), (404, "not found"), "{path}");
    }
    assert!(server.heard().is_empty());
    let mut keyless = settings();
    keyless.ping_key = None;
    assert_eq!(Server::with(keyless, snapshot()).get("/ping//nas").status, 404);
}

fn a_ping_answers_only_once_it_is_stored() {
    let server = Server::start();
    for mood in [IS_DEAF, HEARS_IN_MEMORY] {
        server.ear.mood.store(mood, Ordering::SeqCst);
        let reply = server.get(&format!("/ping/{KEY}/nas"));
        assert_eq!((reply.status, reply.header("retry-after")), (503, Some("10")));
    }
    let starting = Server::with(settings(), Snapshot::default());
    assert_eq!(starting.get(&format!("/ping/{KEY}/nas")).status, 503, "not 404: the roll is not read yet");
}

fn a_large_body_costs_its_front_and_not_the_ping() {
    let server = Server::start();
    let body = format!("{}the end", "x".repeat(90_000));
    let reply = server.ask("POST", &format!("/ping/{KEY}/nas"), &[], &body);
    assert_eq!((reply.status, reply.header("ping-body-limit")), (200, Some("4096")));
    // The answer may be lost when the server hangs up on an endless body; the ping may not.
    server.ask("POST", &format!("/ping/{KEY}/nas"), &[], &"y".repeat(3 << 20));
    let heard = server.heard();
    let tail = |n: usize| match &heard[n].report {
        Report::Success(outcome) => outcome.tail.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(tail(0).len(), 4096);
    assert!(tail(0).ends_with("the end"));
    assert_eq!(tail(1), "y".repeat(4096));
}

fn a_check_is_found_before_a_job() {
    let server = Server::start();
    server.change(|snapshot| {
        snapshot.board.lines.push(line("job.nas", muster_core::effect::Condition::Ok));
    });
    server.get(&format!("/ping/{KEY}/nas"));
    assert_eq!(server.heard()[0].about.as_str(), "check.nas");
}

fn a_token_or_the_control_socket_pings_without_the_key() {
    let server = Server::start();
    let token = |scope| format!("Bearer {}", server.issue(CredentialKind::Token, scope, None));
    let send = |token: &str| server.ask("POST", "/ping/-/nas", &[("authorization", token)], "").status;
    assert_eq!((send(&token("ping")), send(&token("act"))), (200, 404));
    assert_eq!(server.ask_control("POST", "/ping/-/good/fail", &[], "x").status, 200);
    assert_eq!(server.heard().len(), 2);
}
