//! What every kind that speaks HTTP has to do, and what each has of its own.

use std::path::PathBuf;
use std::time::Duration;

use muster_config::secret::{MaybeSecret, SecretRef};
use muster_core::outbox::Delivery;
use muster_core::time::{Span, Timestamp};
use muster_notify::kinds::ntfy::Ntfy;
use muster_notify::kinds::slack::Slack;
use muster_notify::kinds::telegram::Telegram;
use muster_notify::kinds::webhook::Webhook;
use muster_notify::medium::Medium;
use muster_notify::post::DEADLINE;
use muster_testkit::http::{Mode, Receiver, Request};
use muster_testkit::port;
use muster_testkit::tls::Identity;
use serde_json::Value;

use crate::letters::{carry, later, letter, receipt, refusal, timed};

/// Stands in every address and every token of this suite, and must never be told.
const SECRET: &str = "s3cr3tT0pic";

/// What a test knows about a kind.
pub(crate) struct Kind {
    /// Its name.
    pub(crate) name: &'static str,
    make: fn(server: &str, ca: Option<PathBuf>, deadline: Duration) -> Box<dyn Medium>,
    good: &'static str,
    receipt: &'static str,
    /// Bodies that come with status 200 and mean that nobody was told.
    bad: &'static [&'static str],
}

pub(crate) const KINDS: &[Kind] = &[
    Kind {
        name: "slack",
        make: |server, ca, deadline| Box::new(Slack { url: plain(server), ca, deadline }),
        good: "ok",
        receipt: "ok",
        bad: &[
            "invalid_token",
            "{\"ok\":false,\"error\":\"x\"}",
            "{\"ok\":true,\"error\":\"x\"}",
            "",
            "<html>ok</html>",
        ],
    },
    Kind {
        name: "webhook",
        make: |server, ca, deadline| {
            let headers = vec![("authorization".to_owned(), MaybeSecret::Secret(token()))];
            Box::new(Webhook { url: plain(server), headers, ca, deadline })
        },
        good: "{\"status\":\"success\"}",
        receipt: "HTTP 200",
        bad: &["{\"ok\":false}", "{\"error\":\"no such team\"}", "{\"errcode\":93000}", "Error: nope"],
    },
    Kind {
        name: "ntfy",
        make: |server, ca, deadline| {
            Box::new(Ntfy { url: plain(server), priority: 5, token: Some(token()), ca, deadline })
        },
        good: "{\"id\":\"h6Ji1Uc\",\"event\":\"message\"}",
        receipt: "h6Ji1Uc",
        bad: &["{\"code\":40301,\"error\":\"forbidden\"}", "{\"id\":\"x\",\"error\":\"y\"}", "{}", "ok", ""],
    },
    Kind {
        name: "telegram",
        make: |server, _ca, deadline| {
            Box::new(Telegram { token: token(), chat: "-100".to_owned(), api: server.to_owned(), deadline })
        },
        good: "{\"ok\":true,\"result\":{\"message_id\":42}}",
        receipt: "42",
        bad: &[
            "{\"ok\":false,\"description\":\"x\"}",
            "{\"ok\":false,\"result\":{\"message_id\":42}}",
            "{}",
            "ok",
        ],
    },
];

fn token() -> SecretRef {
    SecretRef::Command(["printf", &format!("{SECRET}-token")].map(str::to_owned).to_vec())
}

fn plain(server: &str) -> MaybeSecret {
    MaybeSecret::Plain(format!("{server}/{SECRET}"))
}

impl Kind {
    fn at(&self, receiver: &Receiver) -> Box<dyn Medium> {
        (self.make)(&receiver.url(""), None, DEADLINE)
    }
}

fn start(mode: Mode) -> Receiver {
    Receiver::start(mode).expect("a receiver")
}

/// Something that every kind promises.
pub(crate) type Promise = (&'static str, fn(&Kind));

/// Every kind passes each of these.
pub(crate) const CONTRACT: &[Promise] = &[
    ("a_good_answer_is_accepted_with_a_receipt", |kind| {
        let receiver = start(Mode::answer(200, kind.good));
        assert_eq!(receipt(carry(&*kind.at(&receiver), &letter())), kind.receipt);
        let requests = receiver.requests();
        assert_eq!(requests.len(), 1);
        assert_eq!(requests[0].method, "POST");
        assert_eq!(requests[0].header("content-type"), Some("application/json"));
        let said = requests[0].body.as_str();
        assert!(said.contains("FIRING job.nightly on web1: exit 2") && said.contains("größer"), "{said}");
        assert!(!said.contains("\\u001b"), "{said}");
    }),
    ("a_good_status_with_a_bad_body_is_not_accepted", |kind| {
        for body in kind.bad {
            let receiver = start(Mode::answer(200, body));
            let why = later(carry(&*kind.at(&receiver), &letter()));
            assert!(why.starts_with("answered 200"), "{body}: {why}");
        }
    }),
    ("a_message_that_cannot_be_taken_is_refused_for_good", |kind| {
        for status in [400, 413, 422] {
            let receiver = start(Mode::answer(status, "no"));
            assert_eq!(refusal(carry(&*kind.at(&receiver), &letter())), format!("answered {status}: no"));
        }
    }),
    ("what_can_be_mended_elsewhere_is_not_now", |kind| {
        for status in [302, 401, 403, 404, 408, 410, 500, 502, 503, 504] {
            // A body that would be a success does not help.
            let receiver = start(Mode::answer(status, kind.good));
            let why = later(carry(&*kind.at(&receiver), &letter()));
            assert!(why.starts_with(&format!("answered {status}: ")), "{why}");
        }
    }),
    ("the_wish_of_a_busy_receiver_is_passed_on", |kind| {
        for status in [429, 503] {
            let receiver = start(Mode::retry_after(status, "77"));
            let before = muster_host::clock::now().wall;
            let Delivery::NotNow { retry_at: Some(at), .. } = carry(&*kind.at(&receiver), &letter()) else {
                panic!("not now, with a time")
            };
            assert!((77..80).contains(&(at.since(before).as_millis() / 1000)), "{at}");
        }
    }),
    ("a_receiver_that_hangs_is_given_up_at_the_deadline", |kind| {
        for mode in [Mode::Hang, Mode::SlowDrip] {
            let receiver = start(mode);
            let limit = Duration::from_millis(600);
            let medium = (kind.make)(&receiver.url(""), None, limit);
            let (delivery, took) = timed(&*medium, &letter());
            let why = later(delivery);
            assert!(why.contains("did not answer within 600ms"), "{why}");
            assert!(took >= limit && took < limit + Duration::from_secs(3), "{took:?}");
        }
    }),
    ("half_an_answer_is_no_answer", |kind| {
        for mode in [Mode::HalfReply, Mode::Close] {
            let receiver = start(mode);
            let why = later(carry(&*kind.at(&receiver), &letter()));
            assert!(why.starts_with("127.0.0.1 broke off"), "{why}");
        }
    }),
    ("a_refused_connection_is_not_now", |kind| {
        let address = port::refusing().expect("a port");
        let medium = (kind.make)(&format!("http://{address}"), None, DEADLINE);
        let why = later(carry(&*medium, &letter()));
        assert!(why.contains("does not take connections"), "{why}");
    }),
    ("a_name_that_does_not_resolve_is_not_now", |kind| {
        let medium = (kind.make)("http://muster-test.invalid", None, Duration::from_secs(5));
        let why = later(carry(&*medium, &letter()));
        // A resolver without a network may take longer than the deadline to say so.
        assert!(why.contains("could not be resolved") || why.contains("did not answer within"), "{why}");
        assert!(why.contains("muster-test.invalid"), "{why}");
    }),
    ("every_try_of_a_letter_is_the_same", |kind| {
        let receiver = start(Mode::answer(503, ""));
        let (medium, letter) = (kind.at(&receiver), letter());
        later(carry(&*medium, &letter));
        receiver.set(Mode::answer(200, kind.good));
        receipt(carry(&*medium, &letter));
        let requests = receiver.requests();
        assert_eq!(requests.len(), 2);
        assert_eq!(requests[0], requests[1]);
    }),
    ("a_secret_never_stands_in_the_words_of_a_delivery", |kind| {
        let all_of_it = |request: &Request| {
            let headers: Vec<&str> = request.headers.iter().map(|(_, value)| value.as_str()).collect();
            format!("Cannot {} {} with {headers:?}", request.method, request.path)
        };
        let receiver = start(Mode::answer(500, ""));
        let mut words = vec![later(carry(&*kind.at(&receiver), &letter()))];
        let repeated = all_of_it(&receiver.requests()[0]);
        let bare = if kind.name == "telegram" { format!("{SECRET}-token") } else { SECRET.to_owned() };
        let topic = format!("{bare} is not known");
        for body in [repeated.as_str(), &topic, &format!("{:>165}", repeated)[20..]] {
            for status in [200, 400, 404] {
                receiver.set(Mode::answer(status, body));
                words.push(told(carry(&*kind.at(&receiver), &letter())));
                receiver.set(Mode::answer(status, &format!("{{\"error\":{body:?}}}")));
                words.push(told(carry(&*kind.at(&receiver), &letter())));
            }
        }
        for mode in [Mode::HalfReply, Mode::Close] {
            receiver.set(mode);
            words.push(told(carry(&*kind.at(&receiver), &letter())));
        }
        for server in ["http://127.0.0.1:1", "https://127.0.0.1:1", "ftp://127.0.0.1", "http://bad host"] {
            words.push(told(carry(&*(kind.make)(server, None, DEADLINE), &letter())));
        }
        let shown: Vec<&String> = words.iter().filter(|words| words.contains("s3cr")).collect();
        assert!(shown.is_empty(), "{shown:#?}");
    }),
    ("an_endless_answer_is_bounded", |kind| {
        for status in [200, 400, 500] {
            let receiver = start(Mode::answer(status, &"x\n".repeat(1_000_000)));
            let delivery = carry(&*kind.at(&receiver), &letter());
            assert!(told(delivery).len() < 300);
        }
    }),
    ("a_certificate_that_nobody_vouches_for_is_not_trusted", |kind| {
        let identity = Identity::new().expect("an identity");
        let receiver = Receiver::start_tls(Mode::answer(200, kind.good), identity).expect("a receiver");
        let why = later(carry(&*kind.at(&receiver), &letter()));
        assert!(why.starts_with("TLS with localhost failed"), "{why}");
        assert!(receiver.requests().is_empty());
    }),
];

fn told(delivery: Delivery) -> String {
    match delivery {
        Delivery::Accepted { receipt: words }
        | Delivery::Refused { why: words }
        | Delivery::NotNow { why: words, .. } => words,
    }
}

/// What only some kinds have.
pub(crate) const TESTS: &[(&str, fn())] = &[
    ("http::a_certificate_of_ones_own_is_trusted_when_it_is_named", || {
        for kind in KINDS.iter().filter(|kind| kind.name != "telegram") {
            let folder = tempfile::tempdir().expect("a folder");
            let ca = folder.path().join("ca.pem");
            let identity = Identity::new().expect("an identity");
            identity.write_certificate(&ca).expect("written");
            let receiver = Receiver::start_tls(Mode::answer(200, kind.good), identity).expect("a receiver");
            let medium = (kind.make)(&receiver.url(""), Some(ca.clone()), DEADLINE);
            assert_eq!(receipt(carry(&*medium, &letter())), kind.receipt);
            std::fs::write(&ca, "nothing of the kind").expect("written");
            let why = later(carry(&*medium, &letter()));
            assert!(why.contains("no certificate in it"), "{why}");
            std::fs::remove_file(&ca).expect("removed");
            assert!(later(carry(&*medium, &letter())).contains("ca.pem"));
        }
    }),
    ("http::a_missing_secret_is_not_now_and_nothing_is_sent", || {
        let receiver = start(Mode::answer(200, "ok"));
        let missing = SecretRef::Env("MUSTER_TEST_NO_SUCH_VARIABLE".to_owned());
        let url = MaybeSecret::Plain(receiver.url("/x"));
        let media: [Box<dyn Medium>; 4] = [
            Box::new(Slack { url: MaybeSecret::Secret(missing.clone()), ca: None, deadline: DEADLINE }),
            Box::new(Webhook {
                url: url.clone(),
                headers: vec![("x-key".to_owned(), MaybeSecret::Secret(missing.clone()))],
                ca: None,
                deadline: DEADLINE,
            }),
            Box::new(Ntfy { url, priority: 4, token: Some(missing.clone()), ca: None, deadline: DEADLINE }),
            Box::new(Telegram {
                token: missing,
                chat: "1".to_owned(),
                api: receiver.url(""),
                deadline: DEADLINE,
            }),
        ];
        for medium in media {
            let why = later(carry(&*medium, &letter()));
            assert!(why.contains("MUSTER_TEST_NO_SUCH_VARIABLE"), "{why}");
        }
        assert!(receiver.requests().is_empty());
    }),
    ("webhook::the_payload_keeps_its_contract", || {
        let receiver = start(Mode::answer(204, ""));
        let kind = KINDS.iter().find(|kind| kind.name == "webhook").expect("the kind");
        let letter = letter();
        assert_eq!(receipt(carry(&*kind.at(&receiver), &letter)), "HTTP 204");
        let request = receiver.requests().remove(0);
        assert_eq!(request.path, format!("/{SECRET}"));
        assert_eq!(request.header("idempotency-key"), Some(letter.key.as_str()));
        assert_eq!(request.header("authorization"), Some(format!("{SECRET}-token").as_str()));
        let body: Value = serde_json::from_str(&request.body).expect("json");
        assert_eq!(body["version"], 1);
        assert_eq!(body["key"], letter.key.as_str());
        assert_eq!(body["event"], "opened");
        assert_eq!(body["urgent"], true);
        assert_eq!(body["about"], "job.nightly");
        assert_eq!(body["title"], letter.title.as_str());
        assert_eq!(body["text"], letter.body.as_str());
        assert_eq!(body["at"], "2026-11-21T02:00:00Z");
        assert_eq!(body["pages"][0]["number"], 0);
        assert_eq!(body["pages"][0]["news"]["opened"]["reason"]["failed"]["times"], 1);
    }),
    ("slack::output_cannot_end_its_fence_or_become_markup", || {
        let receiver = start(Mode::answer(200, "ok"));
        let kind = KINDS.iter().find(|kind| kind.name == "slack").expect("the kind");
        receipt(carry(&*kind.at(&receiver), &letter()));
        let body: Value = serde_json::from_str(&receiver.requests()[0].body).expect("json");
        let text = body["text"].as_str().expect("a text");
        assert_eq!(text.matches("```").count(), 2, "{text}");
        assert!(text.contains("größer &lt;b&gt;&amp;amp; '''"), "{text}");
    }),
    ("slack::servers_that_answer_in_json_are_understood", || {
        let kind = KINDS.iter().find(|kind| kind.name == "slack").expect("the kind");
        for body in ["{\"ok\":true}", "{\"success\":true}", "OK\n"] {
            let receiver = start(Mode::answer(200, body));
            assert_eq!(receipt(carry(&*kind.at(&receiver), &letter())), "ok");
        }
    }),
    ("ntfy::the_topic_and_the_token_go_where_they_belong", || {
        let receiver = start(Mode::answer(200, "{\"id\":\"a\"}"));
        for (path, expected) in
            [("/alerts", "/"), ("/alerts/", "/"), ("/push/alerts", "/push/"), ("/alerts?auth=x", "/?auth=x")]
        {
            let medium = Ntfy {
                url: MaybeSecret::Plain(receiver.url(path)),
                priority: 5,
                token: Some(token()),
                ca: None,
                deadline: DEADLINE,
            };
            receipt(carry(&medium, &letter()));
            let request = receiver.requests().pop().expect("a request");
            assert_eq!(request.path, expected);
            assert_eq!(request.header("authorization"), Some(format!("Bearer {SECRET}-token").as_str()));
            let body: Value = serde_json::from_str(&request.body).expect("json");
            assert_eq!(
                (&body["topic"], &body["priority"]),
                (&Value::from("alerts"), &Value::from(5)),
                "{body}"
            );
        }
        let nowhere = Ntfy {
            url: MaybeSecret::Plain(receiver.url("")),
            priority: 5,
            token: None,
            ca: None,
            deadline: DEADLINE,
        };
        assert_eq!(refusal(carry(&nowhere, &letter())), "the address names no topic");
    }),
    ("ntfy::a_long_letter_stays_a_message", || {
        let receiver = start(Mode::answer(200, "{\"id\":\"a\"}"));
        let kind = KINDS.iter().find(|kind| kind.name == "ntfy").expect("the kind");
        let mut letter = letter();
        letter.body = "é".repeat(4_000);
        receipt(carry(&*kind.at(&receiver), &letter));
        let body: Value = serde_json::from_str(&receiver.requests()[0].body).expect("json");
        assert!(body["message"].as_str().expect("a text").len() < 4096);
    }),
    ("telegram::its_wish_is_read_from_the_body", || {
        let body = "{\"ok\":false,\"error_code\":429,\"description\":\"Too Many Requests: retry after 33\",\
                    \"parameters\":{\"retry_after\":33}}";
        let receiver = start(Mode::answer(429, body));
        let kind = KINDS.iter().find(|kind| kind.name == "telegram").expect("the kind");
        let before: Timestamp = muster_host::clock::now().wall;
        let Delivery::NotNow { retry_at: Some(at), why } = carry(&*kind.at(&receiver), &letter()) else {
            panic!("not now, with a time")
        };
        assert!(at >= before + Span::seconds(33) && at <= before + Span::seconds(36), "{at}");
        assert!(why.contains("Too Many Requests"), "{why}");
        assert_eq!(receiver.requests()[0].path, format!("/bot{SECRET}-token/sendMessage"));
    }),
];
