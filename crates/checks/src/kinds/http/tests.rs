use std::fs;
use std::io::Write as _;
use std::time::{Duration, Instant};

use muster_config::assertion::examples_compile;
use muster_testkit::http::{Mode, Receiver};
use muster_testkit::raw::{Raw, wait_for_end};
use muster_testkit::tls::Identity;

use super::{ROW, TERMS};
use crate::notebook::Seen;
use crate::probe::{Class, Miss};
use crate::trial::{faults, look, miss, part};

const LONG: Duration = Duration::from_secs(5);
const SHORT: Duration = Duration::from_millis(600);

async fn see(keys: &str) -> (Result<Vec<String>, Miss>, Seen) {
    look(&part(&ROW, keys), LONG).await
}

fn fact(seen: &Seen, term: &str) -> String {
    seen.values()
        .find(|(known, _)| *known == term)
        .map_or_else(|| "none".to_owned(), |(_, value)| format!("{value:?}"))
}

fn redirect(status: u16, location: &str) -> Mode {
    Mode::Answer { status, headers: vec![("Location".into(), location.into())], body: String::new() }
}

/// Reads the request before it says anything.
fn after_request(said: &str) -> std::io::Result<Raw> {
    let said = said.to_owned();
    Raw::start(move |stream| {
        let mut some = [0; 16];
        std::io::Read::read(stream, &mut some)?;
        stream.write_all(said.as_bytes())?;
        wait_for_end(stream)
    })
}

#[test]
fn every_word_has_an_example_that_compiles() {
    examples_compile(TERMS).unwrap_or_else(|wrong| panic!("{wrong}"));
}

#[tokio::test]
async fn a_good_answer_is_seen_with_all_its_phases() {
    let server = Receiver::start(Mode::Answer {
        status: 200,
        headers: vec![("Content-Type".into(), "application/json".into())],
        body: "{\"database\":\"ok\"}".into(),
    })
    .expect("a server");
    let (unmet, seen) = see(&format!(
        "url = \"{}\"\nheaders = {{ x-a = \"1\" }}\nexpect = [\"status == 200\", \"json('$.database') == 'ok'\", \
         \"header('content-type') contains 'json'\", \"size == 17B\", \"time.total < 5s\", \"redirects == 0\"]",
        server.url("/health?deep=1")
    ))
    .await;
    assert_eq!(unmet, Ok(Vec::new()));
    let phases: Vec<_> = seen.phases.iter().map(|(name, _)| name.as_ref()).collect();
    assert_eq!(phases, ["dns", "connect", "first byte", "body"]);
    let request = &server.requests()[0];
    assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", "/health?deep=1"));
    assert_eq!(request.header("x-a"), Some("1"));
}

#[tokio::test]
async fn a_bad_status_is_unmet_though_no_assertion_speaks_of_it() {
    let server = Receiver::start(Mode::answer(503, "down")).expect("a server");
    let (unmet, seen) = see(&format!("url = \"{}\"\nexpect = [\"time.total < 5s\"]", server.url("/"))).await;
    assert_eq!(unmet.expect("an answer").len(), 1);
    assert_eq!(fact(&seen, "status"), "Number(503.0)");
}

#[tokio::test]
async fn who_does_not_answer_is_told_apart_by_the_way_he_does_it() {
    let slow = Receiver::start(Mode::Hang).expect("a server");
    let head = "HTTP/1.1 200 OK\r\n";
    for (server, class, said) in [
        (Raw::says("SSH-2.0-OpenSSH\r\n"), Class::Protocol, "broke off"),
        (after_request(&format!("{head}Content-Length: x\r\n\r\n")), Class::Protocol, "broke off"),
        (Raw::start(|_| Ok(())), Class::Protocol, "broke off"),
        (Raw::floods(head, "x-more: xxxxxxxxxxxxxxxx\r\n"), Class::Protocol, "broke off"),
        (Raw::says(""), Class::Timeout, "no answer came"),
        (after_request(head), Class::Timeout, "no answer came"),
        (after_request(&format!("{head}Content-Length: 9\r\n\r\nhalf")), Class::Timeout, "did not end"),
        (
            Raw::start(|stream| {
                let mut some = [0; 16];
                std::io::Read::read(stream, &mut some)?;
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
            }),
            Class::Protocol,
            "broke off",
        ),
    ] {
        let server = server.expect("a server");
        let part = part(&ROW, &format!("url = \"http://{}/\"", server.address()));
        let start = Instant::now();
        let (found, why) = miss(look(&part, SHORT).await.0);
        assert!(found == Some(class) && why.contains(said), "{found:?} {why}");
        assert!(start.elapsed() < SHORT + Duration::from_millis(400), "{:?}", start.elapsed());
        let alone = tokio::task::spawn_blocking(move || server.is_left_alone_within(LONG));
        assert!(alone.await.expect("waited"), "the connection outlives the look");
    }
    let part = part(&ROW, &format!("url = \"{}\"", slow.url("/")));
    assert_eq!(miss(look(&part, SHORT).await.0).0, Some(Class::Timeout));
    slow.set(Mode::SlowDrip);
    let (ended, seen) = look(&part, SHORT).await;
    let (class, why) = miss(ended);
    assert!(class == Some(Class::Timeout) && why.contains("did not end"), "{why}");
    assert_eq!(fact(&seen, "status"), "Number(200.0)", "what came first is known");
}

#[tokio::test]
async fn nobody_there_and_no_such_name_are_told_apart() {
    let port = muster_testkit::port::refusing().expect("a port").port();
    for (url, class) in [
        (format!("http://127.0.0.1:{port}/"), Class::Connect),
        ("http://nobody.invalid/".to_owned(), Class::Name),
    ] {
        assert_eq!(miss(see(&format!("url = \"{url}\"")).await.0).0, Some(class), "{url}");
    }
}

#[tokio::test]
async fn an_assertion_about_a_body_that_was_cut_off_is_not_met() {
    let server = Receiver::start(Mode::answer(200, &"x".repeat(3000))).expect("a server");
    let keys = format!("url = \"{}\"\nmax_body = \"1KiB\"\n", server.url("/"));
    let (unmet, _) = see(&format!("{keys}expect = [\"body contains 'x'\", \"size > 1KiB\"]")).await;
    let unmet = unmet.expect("an answer");
    assert!(unmet.len() == 2 && unmet.iter().all(|why| why.contains("cut off at 1024 bytes")), "{unmet:?}");
    assert_eq!(see(&keys).await.0, Ok(Vec::new()), "who asks for nothing of it is content");
}

#[tokio::test]
async fn redirects_are_followed_counted_and_bounded() {
    let last = Receiver::start(Mode::answer(200, "here")).expect("a server");
    let first = Receiver::start(redirect(302, &last.url("/end?token=hunter2hunter2"))).expect("a server");
    let keys = format!("url = \"{}\"\nmethod = \"POST\"\nbody = \"hi\"\n", first.url("/start"));
    let (unmet, seen) = see(&format!(
        "{keys}expect = [\"status == 200\", \"redirects == 1\", \"url.final == '{}'\", \"body == 'here'\"]",
        last.url("/end")
    ))
    .await;
    assert_eq!(unmet, Ok(Vec::new()));
    let request = &last.requests()[0];
    assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", "/end?token=hunter2hunter2"));
    assert!(!seen.trace.join("\n").contains("hunter2"), "{:?}", seen.trace);
    let (unmet, _) = see(&format!("{keys}redirects = 0\nexpect = [\"status == 302\"]")).await;
    assert_eq!(unmet, Ok(Vec::new()), "with 0 the redirect is the answer");

    let circle = Receiver::start(redirect(301, "/")).expect("a server");
    let (class, why) = miss(see(&format!("url = \"{}\"\nredirects = 3", circle.url("/"))).await.0);
    assert!(class == Some(Class::Protocol) && why.contains("more than 3 redirects"), "{why}");
    assert_eq!(circle.requests().len(), 4);
    circle.set(redirect(302, "file:///etc/passwd"));
    let (class, why) = miss(see(&format!("url = \"{}\"", circle.url("/"))).await.0);
    assert!(class == Some(Class::Protocol) && why.contains("only http:// and https://"), "{why}");
}

#[tokio::test]
async fn secrets_are_sent_to_their_own_host_only_and_stay_out_of_the_trace() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    fs::write(&file, "hunter2hunter2\n").expect("written");
    let other = Receiver::start(Mode::answer(200, "hunter2hunter2 ok")).expect("a server");
    let server = Receiver::start(redirect(307, &other.url("/x"))).expect("a server");
    let keys = format!(
        "url = \"http://ops:passpass@{}/start?key=tokentoken\"\nheaders = {{ x-one = {{ file = \"{}\" }}, \
         authorization = \"Bearer plainplain\", accept = \"text/plain\" }}\nexpect = [\"body == 'other'\"]",
        server.address(),
        file.display()
    );
    let (unmet, seen) = see(&keys).await;
    let request = &server.requests()[0];
    assert_eq!(request.header("x-one"), Some("hunter2hunter2"));
    assert_eq!(request.header("authorization"), Some("Bearer plainplain"));
    let request = &other.requests()[0];
    assert_eq!((request.header("x-one"), request.header("authorization")), (None, None));
    assert_eq!(request.header("accept"), Some("text/plain"));
    let said = format!("{:?} {}", seen.trace, unmet.expect("an answer").join(" "));
    let said = seen.blot(&said);
    for secret in ["hunter2", "passpass", "tokentoken", "plainplain"] {
        assert!(!said.contains(secret), "{secret} in {said}");
    }
    let gone = keys.replace("/token\"", "/gone\"");
    assert_eq!(miss(see(&gone).await.0).0, None, "without its secret nobody can look");
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_bad_whatever_else_is_true() {
    let folder = tempfile::tempdir().expect("a folder");
    let ca = folder.path().join("ca.pem");
    for (names, from, to, why) in [
        (["localhost"], -90, -1, "expired at"),
        (["other.example"], -1, 90, "is for other.example and not for localhost"),
    ] {
        let (identity, root) = Identity::signed(&names, from, to).expect("an identity");
        fs::write(&ca, root).expect("written");
        let server = Receiver::start_tls(Mode::answer(200, "ok"), identity).expect("a server");
        let keys =
            format!("url = \"{}\"\nca = \"{}\"\nexpect = [\"status exists\"]", server.url("/"), ca.display());
        let (ended, seen) = see(&keys).await;
        let (class, said) = miss(ended);
        assert!(class == Some(Class::Tls) && said.contains(why), "{said}");
        assert!(fact(&seen, "cert.names").contains(names[0]), "what was shown is kept");
        assert!(server.requests().is_empty(), "nothing was sent to it");
    }
    let server =
        Receiver::start_tls(Mode::answer(200, "ok"), Identity::new().expect("one")).expect("a server");
    assert_eq!(miss(see(&format!("url = \"{}\"", server.url("/"))).await.0).0, Some(Class::Tls));
}

#[tokio::test]
async fn a_trusted_certificate_is_measured_also_at_another_address() {
    let folder = tempfile::tempdir().expect("a folder");
    let ca = folder.path().join("ca.pem");
    let (identity, root) = Identity::signed(&["www.example.com"], -1, 10).expect("an identity");
    fs::write(&ca, root).expect("written");
    let server = Receiver::start_tls(Mode::answer(200, "ok"), identity).expect("a server");
    let (unmet, seen) = see(&format!(
        "url = \"https://www.example.com/\"\naddress = \"{}\"\nca = \"{}\"\nexpect = [\"cert.expires_in > 9d\", \
         \"cert.expires_in < 11d\", \"cert.names contains 'www.example.com'\", \"tls.version == '1.3'\", \
         \"address == '127.0.0.1'\", \"http.version == '1.1'\"]",
        server.address(),
        ca.display()
    ))
    .await;
    assert_eq!(unmet, Ok(Vec::new()));
    assert!(seen.phases.iter().any(|(name, _)| name == "tls"));
    assert_eq!(server.requests()[0].header("host"), Some("www.example.com"));
    let two = format!(
        "url = \"https://www.example.com/\"\nversion = \"2\"\naddress = \"{}\"\nca = \"{}\"",
        server.address(),
        ca.display()
    );
    let (class, why) = miss(see(&two).await.0);
    assert!(class == Some(Class::Protocol) && why.contains("HTTP/2"), "{why}");
}

#[tokio::test]
async fn a_handshake_that_hangs_ends_before_the_deadline() {
    let server = Raw::start(|stream| {
        let mut hello = [0; 512];
        std::io::Read::read(stream, &mut hello)?;
        stream.write_all(&[0x16, 3, 3, 0x40, 0])?;
        wait_for_end(stream)
    })
    .expect("a server");
    let part =
        part(&ROW, &format!("url = \"https://localhost:{}/\"\nfamily = \"v4\"", server.address().port()));
    let (class, why) = miss(look(&part, SHORT).await.0);
    assert_eq!(class, Some(Class::Timeout), "{why}");
}

#[test]
fn what_cannot_be_looked_at_is_refused_when_it_is_read() {
    for (keys, said) in [
        ("url = \"https://x:0/\"", "its port is none"),
        ("url = \"https://x/\"\naddress = \"127.0.0.1\"", "the port is missing"),
        ("url = \"https://x/\"\nmax_body = \"17MiB\"", "more than 16 MiB"),
        ("url = \"https://x/\"\nexpect = [\"stat == 200\"]", "stat"),
    ] {
        assert!(faults(&ROW, keys).contains(said), "{keys}: {}", faults(&ROW, keys));
    }
}
