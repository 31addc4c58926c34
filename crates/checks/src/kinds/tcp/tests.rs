use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use muster_config::assertion::examples_compile;
use muster_testkit::raw::{Raw, wait_for_end};
use muster_testkit::smtp::{Mode, Security, Sink};
use muster_testkit::tls::Identity;

use super::{ROW, TERMS};
use crate::notebook::Seen;
use crate::probe::{Class, Miss};
use crate::trial::{faults, look, miss, part};

const SHORT: Duration = Duration::from_millis(600);

async fn see(keys: &str) -> (Result<Vec<String>, Miss>, Seen) {
    look(&part(&ROW, keys), Duration::from_secs(5)).await
}

#[test]
fn every_word_has_an_example_that_compiles() {
    examples_compile(TERMS).unwrap_or_else(|wrong| panic!("{wrong}"));
}

#[tokio::test]
async fn a_port_that_takes_the_connection_is_good_and_one_that_refuses_is_not() {
    let server = Raw::says("").expect("a server");
    let keys = format!("address = \"{}\"\nexpect = [\"address == '127.0.0.1'\"]", server.address());
    let (unmet, seen) = see(&keys).await;
    assert_eq!(unmet, Ok(Vec::new()));
    assert_eq!(seen.phases.len(), 2);
    let nobody = muster_testkit::port::refusing().expect("a port");
    let (class, why) = miss(see(&format!("address = \"{nobody}\"")).await.0);
    assert!(class == Some(Class::Connect) && why.contains("Connection refused"), "{why}");
}

#[tokio::test]
async fn a_dialogue_is_held_line_by_line() {
    let server = Raw::start(|stream| {
        stream.write_all(b"hello\r\n+ready\r\n")?;
        let mut asked = [0; 6];
        stream.read_exact(&mut asked)?;
        stream.write_all(if &asked == b"PING\r\n" { b"noise\r\n+PONG 7\r\n" } else { b"-ERR\r\n" })?;
        wait_for_end(stream)
    })
    .expect("a server");
    let keys = format!("address = \"{}\"\n", server.address());
    let (unmet, seen) = see(&format!(
        "{keys}dialogue = [\"< +ready\", \"> PING\", \"< PONG\"]\nexpect = [\"banner == 'hello'\", \"answer matches \
         '[0-9]$'\"]"
    ))
    .await;
    assert_eq!(unmet, Ok(Vec::new()));
    assert!(seen.trace.iter().any(|line| line.contains("PING")), "{:?}", seen.trace);
    let (unmet, _) = see(&format!("{keys}expect = [\"banner == 'goodbye'\"]")).await;
    assert_eq!(unmet.expect("a banner").len(), 1);
    let bad = format!("{keys}dialogue = [\"> PONG\", \"< PONG\"]");
    let (class, why) = miss(look(&part(&ROW, &bad), SHORT).await.0);
    assert!(class == Some(Class::Timeout) && why.contains("\"-ERR\" at last"), "{why}");
}

#[tokio::test]
async fn hostile_servers_end_the_dialogue_before_the_deadline() {
    for (server, class) in [
        (Raw::says("no end of line"), Class::Timeout),
        (Raw::floods("", "x".repeat(1024)), Class::Protocol),
        (Raw::floods("", "noise\r\n"), Class::Protocol),
        (Raw::start(|stream| stream.write_all(b"half")), Class::Protocol),
    ] {
        let server = server.expect("a server");
        let part = part(&ROW, &format!("address = \"{}\"\ndialogue = [\"< 220\"]", server.address()));
        let start = Instant::now();
        let (found, why) = miss(look(&part, SHORT).await.0);
        assert_eq!(found, Some(class), "{why}");
        assert!(start.elapsed() < SHORT + Duration::from_millis(400));
        let alone = tokio::task::spawn_blocking(move || server.is_left_alone_within(Duration::from_secs(5)));
        assert!(alone.await.expect("waited"));
    }
}

#[tokio::test]
async fn starttls_makes_a_mail_server_private_and_its_certificate_seen() {
    let folder = tempfile::tempdir().expect("a folder");
    let ca = folder.path().join("ca.pem");
    let (identity, root) = Identity::signed(&["localhost"], -1, 20).expect("an identity");
    std::fs::write(&ca, root).expect("written");
    let sink = Sink::start(Mode::Take, Security::StartTls(identity)).expect("a server");
    let keys = format!(
        "address = \"localhost:{}\"\nfamily = \"v4\"\ntls = \"starttls\"\nprotocol = \"smtp\"\n",
        sink.port()
    );
    let (unmet, _) = see(&format!(
        "{keys}ca = \"{}\"\ndialogue = [\"> EHLO x\", \"< 250 \"]\nexpect = [\"cert.expires_in > 19d\"]",
        ca.display()
    ))
    .await;
    assert_eq!(unmet, Ok(Vec::new()));
    let (class, why) = miss(see(&keys).await.0);
    assert!(class == Some(Class::Tls) && why.contains("nobody that this host trusts"), "{why}");
}

#[tokio::test]
async fn a_server_that_will_not_or_cheats_at_starttls_is_told_apart() {
    for (said, class, why) in [
        ("220 hi\r\n250 no tls\r\n454 4.7.0 not now\r\n", Class::Refused, "454 4.7.0 not now"),
        ("554 go away\r\n", Class::Refused, "554 go away"),
        ("220 hi\r\n250 ok\r\n220 go\r\n250 injected\r\n", Class::Protocol, "behind its consent"),
        ("220 hi\r\n", Class::Timeout, "no answer"),
    ] {
        let server = Raw::says(said).expect("a server");
        let keys = format!("address = \"{}\"\ntls = \"starttls\"\nprotocol = \"smtp\"", server.address());
        let (found, text) = miss(look(&part(&ROW, &keys), SHORT).await.0);
        assert!(found == Some(class) && text.contains(why), "{found:?} {text}");
    }
}

#[test]
fn what_makes_no_sense_is_refused_when_it_is_read() {
    for (keys, said) in [
        ("address = \"example.com\"", "the port is missing"),
        ("address = \"x:1\"\ntls = \"starttls\"", "lacks `protocol`"),
        ("address = \"x:1\"\ndialogue = [\"PING\"]", "no line that is said or heard"),
    ] {
        assert!(faults(&ROW, keys).contains(said), "{keys}: {}", faults(&ROW, keys));
    }
}
