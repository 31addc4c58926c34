//! What people tell customers: by programs, and on the page of the expectation.

use muster_core::ids::{ExpectationId, IncidentId};
use muster_core::notice::{Amendment, Extent, NoticeId, Touched};
use muster_store::contract::Commit;
use serde_json::{Value, json};

use crate::server::Server;

pub(crate) const TESTS: &[(&str, fn())] = &[
    ("customers_are_told_what_a_person_says", customers_are_told_what_a_person_says),
    ("nobody_says_that_it_is_over_while_it_is_not", nobody_says_that_it_is_over_while_it_is_not),
    ("words_for_customers_are_bounded", words_for_customers_are_bounded),
    ("a_stranger_tells_customers_nothing", a_stranger_tells_customers_nothing),
];

/// Puts the trouble of a job into the store, as the agent does.
fn seen(server: &Server) -> String {
    let at = muster_host::clock::now().wall;
    let about = ExpectationId::new("job.bad").unwrap();
    let id = NoticeId::of(at, 0);
    let touched = vec![Touched { component: "API".into(), extent: Extent::Down }];
    let incident = IncidentId::of(&about, at);
    let seen = Amendment::Seen { incident, touched, at, words: "API is not available.".into() };
    let commit = Commit { amendments: vec![(id.clone(), seen)], ..Commit::default() };
    server.web.parts.store.commit(commit).unwrap();
    id.to_string()
}

fn post(server: &Server, path: &str, body: &Value) -> (u16, Value) {
    let reply = server.ask_control("POST", path, &[("content-type", "application/json")], &body.to_string());
    (reply.status, serde_json::from_str(&reply.body).unwrap_or_default())
}

fn list(server: &Server) -> Value {
    serde_json::from_str(&server.ask_control("GET", "/api/v1/incidents", &[], "").body).unwrap()
}

fn customers_are_told_what_a_person_says() {
    let server = Server::start();
    let id = seen(&server);
    let update = json!({ "stage": "identified", "words": "A <b>disk</b> is full." });
    let (status, answer) = post(&server, &format!("/api/v1/incidents/{id}/update"), &update);
    assert_eq!((status, &answer["durable"]), (200, &true.into()), "{answer}");
    let all = list(&server);
    assert_eq!(
        (&all["items"][0]["stage"], &all["items"][0]["title"]),
        (&"identified".into(), &"API is not available".into())
    );
    let page = server.get("/e/job.bad").body;
    assert!(
        page.contains("What customers are told") && page.contains("A &lt;b&gt;disk&lt;/b&gt; is full."),
        "{page}"
    );
    assert!(!server.get("/e/job.good").body.contains("What customers are told"));

    let new = json!({ "components": ["website"], "title": "Slow mails", "words": "We are looking." });
    let (status, answer) = post(&server, "/api/v1/incidents", &new);
    assert_eq!(status, 200, "{answer}");
    let own = answer["id"].as_str().unwrap().to_owned();
    assert_eq!(list(&server)["items"].as_array().unwrap().len(), 2);
    assert_eq!(post(&server, &format!("/api/v1/incidents/{own}/hide"), &json!({})).0, 200);
    let done = json!({ "stage": "resolved", "words": "All mails are out." });
    assert_eq!(post(&server, &format!("/api/v1/incidents/{own}/update"), &done).0, 200);
    let all = list(&server);
    let item = all["items"].as_array().unwrap().iter().find(|item| item["id"] == own).unwrap();
    assert_eq!((&item["stage"], &item["hidden"]), (&"resolved".into(), &true.into()));
    assert_eq!(item["touched"][0]["component"], "Website");
}

fn nobody_says_that_it_is_over_while_it_is_not() {
    let server = Server::start();
    let id = seen(&server);
    let over = json!({ "stage": "resolved", "words": "It is over." });
    let (status, answer) = post(&server, &format!("/api/v1/incidents/{id}/update"), &over);
    assert_eq!((status, &answer["code"]), (409, &"M0708".into()), "{answer}");
    assert_eq!(list(&server)["items"][0]["stage"], "noticed");
}

fn words_for_customers_are_bounded() {
    let server = Server::start();
    let id = seen(&server);
    let path = format!("/api/v1/incidents/{id}/update");
    for (words, state) in [
        (String::new(), "identified"),
        ("x".repeat(2001), "identified"),
        ("bell \u{7}".into(), "identified"),
        ("fine".into(), "noticed"),
        ("fine".into(), "over"),
    ] {
        let (status, answer) = post(&server, &path, &json!({ "stage": state, "words": words }));
        assert_eq!(status, 400, "{state}: {answer}");
    }
    let nowhere = json!({ "components": ["Moon"], "title": "t", "words": "w" });
    let (status, answer) = post(&server, "/api/v1/incidents", &nowhere);
    assert_eq!((status, &answer["help"]), (400, &"it has API, Website".into()), "{answer}");
    for id in ["zzzz", "..", "A"] {
        let (status, _) = post(&server, &format!("/api/v1/incidents/{id}/hide"), &json!({}));
        assert_eq!(status, 404, "{id}");
    }
}

fn a_stranger_tells_customers_nothing() {
    let server = Server::start();
    let id = seen(&server);
    let body = json!({ "stage": "identified", "words": "All your data is gone." }).to_string();
    let json = [("content-type", "application/json")];
    let reply = server.ask("POST", &format!("/api/v1/incidents/{id}/update"), &json, &body);
    assert_eq!(reply.status, 401, "{}", reply.body);
    assert_eq!(list(&server)["items"][0]["updates"].as_array().unwrap().len(), 1);
}
