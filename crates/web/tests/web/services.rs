//! The services screen, over books as a helper writes them.

use muster_core::effect::Condition;
use muster_core::plan::{Attempt, Side};
use muster_core::time::{Span, Timestamp};
use muster_deploy::books::{Books, Entry, Folder, Holder, Pending, Placed, Warm};
use muster_deploy::front::Failures;
use muster_deploy::release::Release;
use muster_host::lock::{self, Attempt as Locking, Lock};
use muster_host::state::Layout;

use crate::live::Events;
use crate::server::{Server, firing, line, settings, snapshot};

pub(crate) const TESTS: &[(&str, fn())] = &[
    ("a_service_is_shown_with_its_release_and_its_deploys", a_service_is_shown),
    ("words_of_others_stay_words_on_the_services_screen", words_of_others_stay_words),
    ("why_a_deploy_failed_is_not_for_everybody", why_it_failed_is_not_for_everybody),
    ("books_that_cannot_be_read_are_unknown", books_that_cannot_be_read_are_unknown),
    ("a_deploy_that_never_ended_is_an_alarm_on_the_screen", a_deploy_that_never_ended_is_told),
    ("a_deploy_that_goes_on_is_live", a_deploy_that_goes_on_is_live),
    ("without_a_service_the_screen_says_how_to_begin", without_a_service_it_says_how_to_begin),
];

fn now() -> Timestamp {
    muster_host::clock::now().wall
}

pub(crate) fn release(number: u64, version: &str) -> Release {
    Release {
        number,
        artefact: "x".into(),
        version: version.into(),
        env_file: None,
        command: Vec::new(),
        irreversible: false,
        by: "ann on desk".into(),
        at: now(),
    }
}

pub(crate) fn entry(number: u64, what: &str, version: &str) -> Entry {
    Entry {
        at: now() - Span::minutes(30),
        what: what.into(),
        attempt: Attempt { number, release: number },
        version: version.into(),
        artefact: "x".into(),
        spec: String::new(),
        environment: String::new(),
        by: "ann on desk".into(),
        took: 4200,
        note: String::new(),
        failed_requests: None,
        before: String::new(),
    }
}

/// The books of a service with `version` in front as release 2, and release 1 still warm.
pub(crate) fn deployed(server: &Server, service: &str, version: &str) -> (Folder, Books) {
    let folder = Folder::new(&Layout::new(server.folder.path()), service);
    folder.create().unwrap();
    let placed = |release| Some(Placed { release, proven: Some(0), started: None });
    let books = Books {
        side: Some(Side::Green),
        blue: placed(release(1, "v1")),
        green: placed(release(2, version)),
        confirmed: Some(Attempt { number: 2, release: 2 }),
        highest: 2,
        warm: Some(Warm { side: Side::Blue, release: 1, until: now() + Span::minutes(8) }),
        ..Books::default()
    };
    folder.write(&books).unwrap();
    let counted = |number, failed| Entry { failed_requests: Some(failed), ..entry(number, Entry::ENDED, "") };
    folder.append(entry(1, "deployed", "v1")).unwrap();
    folder.append(counted(1, Failures::Unknown("no log".into()))).unwrap();
    folder.append(entry(2, "deployed", version)).unwrap();
    folder.append(counted(2, Failures::Counted(0))).unwrap();
    (folder, books)
}

/// Somebody begins to deploy, and is at a step for as long as the lock lives.
pub(crate) fn at_step(folder: &Folder, by: &str, step: &str) -> Lock {
    folder.sign(&Holder { by: by.into(), step: step.into(), since: now() }).unwrap();
    match lock::try_lock(&folder.lease()).unwrap() {
        Locking::Locked(lease) => lease,
        other => panic!("{other:?}"),
    }
}

fn a_service_is_shown() {
    let server = Server::start();
    deployed(&server, "api", "v2");
    server.change(|snapshot| snapshot.board.lines.push(line("deploy.api", Condition::Ok)));
    server.change(|snapshot| snapshot.board.lines.push(line("deploy.web", Condition::New)));
    let page = server.get("/services").body;
    for words in [
        "2 services, each as it was put in front.",
        "<a href=\"/e/deploy.api\">api</a>",
        "<b class=\"version\">v2</b>",
        "release 2 on green, in front since",
        "stays ready on blue until",
        "muster rollback api",
        "unknown</span> <small>no log</small>",
        "4.2s",
        "Never deployed to this host.",
        "href=\"/services\" aria-current=\"page\"",
    ] {
        assert!(page.contains(words), "{words} is not in {page}");
    }
    let told = server.get("/api/v1/services").json();
    assert_eq!(told["services"][0]["name"], "api");
    let host = &told["services"][0]["host"];
    assert_eq!(host["in_front"]["known"]["version"], "v2");
    assert_eq!(host["deploys"]["known"][0]["failed_requests"]["counted"], 0);
    assert_eq!(told["services"][1]["host"], serde_json::Value::Null);
    assert!(!server.get("/api/v1/services").body.contains("token"));
}

fn words_of_others_stay_words() {
    let server = Server::start();
    let hostile = "<script>alert(1)</script>\"'&";
    let (folder, books) = deployed(&server, "api", hostile);
    folder.append(Entry { note: hostile.into(), by: hostile.into(), ..entry(3, "failed", hostile) }).unwrap();
    folder.write(&Books { highest: 3, ..books }).unwrap();
    let _lease = at_step(&folder, hostile, "fetch");
    let (cookie, _) = server.sign_in();
    let page = server.ask("GET", "/services", &[("cookie", &cookie)], "").body;
    assert!(!page.contains("<script>alert"), "{page}");
    let shown = "&lt;script&gt;alert(1)&lt;/script&gt;";
    assert!(page.matches(shown).count() >= 5, "{page}");
    assert!(page.contains("being deployed"), "{page}");
}

fn why_it_failed_is_not_for_everybody() {
    let server = Server::start();
    let (folder, books) = deployed(&server, "api", "v2");
    folder.append(Entry { note: "exit 1: DSN is wrong".into(), ..entry(3, "failed", "v3") }).unwrap();
    folder.write(&Books { highest: 3, ..books }).unwrap();
    let (cookie, _) = server.sign_in();
    for address in ["/services", "/api/v1/services"] {
        let stranger = server.get(address).body;
        assert!(!stranger.contains("DSN") && stranger.contains("sign in to see why"), "{stranger}");
        assert!(server.ask("GET", address, &[("cookie", &cookie)], "").body.contains("DSN is wrong"));
    }
    let public = muster_web::Settings { public: true, ..settings() };
    let public = Server::with(public, snapshot());
    deployed(&public, "api", "v2");
    let answer = public.get("/services");
    assert!(answer.status != 200 && !answer.body.contains("v2"), "{answer:?}");
}

fn books_that_cannot_be_read_are_unknown() {
    let server = Server::start();
    let (folder, _) = deployed(&server, "api", "v2");
    let books = Layout::new(server.folder.path()).deploy().join("api/books.json");
    std::fs::write(&books, "{").unwrap();
    let page = server.get("/services").body;
    assert!(page.contains("1 of 1 service in doubt."), "{page}");
    assert!(page.contains("which release is in front: the books of api: "), "{page}");
    drop(folder);
    let server = Server::start();
    std::fs::write(Layout::new(server.folder.path()).deploy(), "no folder").unwrap();
    let page = server.get("/services").body;
    assert!(page.contains("What is deployed here is unknown."), "{page}");
    assert_eq!(server.get("/api/v1/services").status, 503);
}

fn a_deploy_that_never_ended_is_told() {
    let server = Server::start();
    let (folder, books) = deployed(&server, "api", "v2");
    let pending = Some(Pending { attempt: Attempt { number: 3, release: 3 }, to: Side::Blue });
    folder.write(&Books { highest: 3, pending, ..books }).unwrap();
    server.change(|snapshot| snapshot.board.lines.push(firing("deploy.api")));
    let page = server.get("/services").body;
    assert!(page.contains("1 of 1 service needs you."), "{page}");
    assert!(page.contains("Deploy 3 began and did not end here"), "{page}");
    assert!(page.contains("Nobody has confirmed this release"), "{page}");
    let lease = at_step(&folder, "ann", "verify");
    let page = server.get("/services").body;
    assert!(!page.contains("did not end here") && !page.contains("Nobody has confirmed"), "{page}");
    drop(lease);
}

fn a_deploy_that_goes_on_is_live() {
    let server = Server::start();
    let (folder, books) = deployed(&server, "api", "v2");
    deployed(&server, "other", "w1");
    let mut events = Events::open(&server, "?view=services");
    events.until("\"id\":\"services\"");
    let lease = at_step(&folder, "ann", "probation");
    let text = events.until("<code>probation</code>");
    assert!(
        text.contains("\"id\":\"service-api\"") && text.contains("1 service is being deployed"),
        "{text}"
    );
    assert!(!text.contains("\"id\":\"service-other\""), "{text}");
    folder.append(entry(3, "deployed", "v3")).unwrap();
    let books =
        Books { blue: Some(Placed { release: release(3, "v3"), proven: None, started: None }), ..books };
    let confirmed = Some(Attempt { number: 3, release: 3 });
    folder.write(&Books { side: Some(Side::Blue), confirmed, highest: 3, warm: None, ..books }).unwrap();
    drop(lease);
    events.until("<b class=\\\"version\\\">v3</b>");
}

fn without_a_service_it_says_how_to_begin() {
    let server = Server::start();
    let page = server.get("/services").body;
    assert!(page.contains("Nothing is deployed here yet.") && page.contains("muster new service"), "{page}");
}
