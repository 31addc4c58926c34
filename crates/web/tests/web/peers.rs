//! What other agents send, and who watches this one.

use muster_core::board::{Fault, Peer, Snapshot, Watchers};
use muster_core::time::Span;
use muster_web::parts::Settings;
use muster_web::peers::MESSAGE_LIMIT;

use crate::server::{Server, settings, snapshot};

pub(crate) const TESTS: &[(&str, fn())] = &[
    ("a_message_of_a_peer_needs_no_sign_in_and_no_name_of_ours", a_message_of_a_peer_needs_no_sign_in),
    ("the_door_of_peers_is_narrow", the_door_is_narrow),
    ("what_a_proxy_passed_on_makes_no_connections", what_a_proxy_passed_on_makes_no_connections),
    ("a_peer_connects_to_this_host_for_whoever_may_act", a_peer_connects_for_whoever_may_act),
    ("the_first_page_says_plainly_that_nobody_watches", nobody_watches),
    ("the_first_page_shows_each_peer_and_who_came_with_a_wrong_key", peers_are_shown),
];

fn a_message_of_a_peer_needs_no_sign_in() {
    let server = Server::with(Settings { public: true, ..settings() }, snapshot());
    let reply = server.ask("POST", "/peer/beat", &[("host", "anything.example")], "hello");
    assert_eq!((reply.status, reply.body.as_str()), (200, "{\"from\":\"127.0.0.1\",\"bytes\":5}"));
    assert_eq!(server.ask("POST", "/peer/beat", &[("host", "anything.example")], "who?").status, 401);
    assert_ne!(server.ask("GET", "/", &[], "").status, 200, "the pages do");
}

fn the_door_is_narrow() {
    let server = Server::start();
    let most = "x".repeat(MESSAGE_LIMIT);
    assert_eq!(server.ask("POST", "/peer/beat", &[], &most).status, 200);
    assert_eq!(server.ask("POST", "/peer/beat", &[], &format!("{most}x")).status, 413);
    assert_eq!(server.ask("GET", "/peer/beat", &[], "").status, 405);
    assert_eq!(server.ask("POST", "/peer/anything", &[], "").status, 404);
}

fn what_a_proxy_passed_on_makes_no_connections() {
    let server = Server::with(Settings { public: true, ..settings() }, snapshot());
    let reply = server.ask("POST", "/peer/dial", &[("host", "anything.example")], "hello");
    assert_eq!((reply.status, reply.body.as_str()), (200, "{\"from\":\"127.0.0.1\",\"bytes\":5}"));
    for header in ["x-forwarded-for", "forwarded", "via", "x-real-ip"] {
        let reply = server.ask("POST", "/peer/dial", &[(header, "192.0.2.7")], "hello");
        assert_eq!(reply.status, 409, "{header}");
        assert!(reply.body.contains("through a proxy"), "{}", reply.body);
    }
    assert_eq!(server.ask("POST", "/peer/dial", &[], &"x".repeat(MESSAGE_LIMIT + 1)).status, 413);
}

fn a_peer_connects_for_whoever_may_act() {
    let server = Server::start();
    let body = "{\"ports\":[22,443]}";
    assert_eq!(server.ask("POST", "/api/v1/peers/fra1/dial", &[], body).status, 401);
    let reply = server.ask_control("POST", "/api/v1/peers/fra1/dial", &[], body);
    assert_eq!(reply.status, 200, "{}", reply.body);
    let dialled = &reply.json()["dialled"];
    assert_eq!((&dialled["target"], &dialled["ports"][1]["live"]), (&"192.0.2.1".into(), &"open".into()));
    for (name, status) in [("old1", 502), ("none", 404)] {
        let reply = server.ask_control("POST", &format!("/api/v1/peers/{name}/dial"), &[], body);
        assert_eq!((reply.status, &reply.json()["what"]), (status, &format!("not by {name}").into()));
    }
    assert_eq!(server.ask_control("POST", "/api/v1/peers/fra1/dial", &[], "{\"ports\":[70000]}").status, 400);
}

fn page(watchers: Watchers) -> String {
    let server = Server::with(settings(), Snapshot { watchers, ..snapshot() });
    let reply = server.ask("GET", "/", &[], "");
    assert_eq!(reply.status, 200);
    let (_, section) = reply.body.split_once("id=\"watchers\"").unwrap();
    section.split("</section>").next().unwrap().to_owned()
}

fn nobody_watches() {
    let text = page(Watchers::default());
    assert!(text.contains("Nobody: if this host goes down, no page says so."), "{text}");
    assert!(text.contains("[peer.NAME]") && text.contains("beat = "), "{text}");
    let text = page(Watchers { beat: true, ..Watchers::default() });
    assert!(text.contains("An address outside") && !text.contains("Nobody"), "{text}");
}

fn peers_are_shown() {
    let now = muster_host::clock::now().wall;
    let peer = Peer {
        name: "fra1".into(),
        last_heard: Some(now),
        hears_us: Some(now - Span::seconds(12)),
        ahead: Some(-7_000),
        trouble: Some("it <speaks>".into()),
    };
    let stranger = Fault {
        code: "M0313".into(),
        what: "somebody at 192.0.2.1 came".into(),
        help: "see".into(),
        since: now,
    };
    let text = page(Watchers { beat: false, peers: vec![peer], stranger: Some(stranger) });
    for words in
        ["peer.fra1", "it took our beat", "7s behind ours", "it &lt;speaks&gt;", "M0313", "192.0.2.1"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
}
