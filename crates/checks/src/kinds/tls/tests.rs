use std::time::{Duration, Instant};

use muster_config::assertion::examples_compile;
use muster_testkit::http::{Mode, Receiver};
use muster_testkit::raw::Raw;
use muster_testkit::tls::Identity;

use super::{ROW, TERMS};
use crate::notebook::Seen;
use crate::probe::{Class, Miss};
use crate::trial::{look, miss, part};

async fn see(keys: &str) -> (Result<Vec<String>, Miss>, Seen) {
    look(&part(&ROW, keys), Duration::from_secs(5)).await
}

#[test]
fn every_word_has_an_example_that_compiles() {
    examples_compile(TERMS).unwrap_or_else(|wrong| panic!("{wrong}"));
}

#[tokio::test]
async fn version_chain_and_names_are_seen_under_the_name_that_is_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let ca = folder.path().join("ca.pem");
    let (identity, root) = Identity::signed(&["mail.example.com"], -1, 20).expect("an identity");
    std::fs::write(&ca, root).expect("written");
    let server = Receiver::start_tls(Mode::answer(200, "ok"), identity).expect("a server");
    let keys = format!("address = \"{}\"\nca = \"{}\"\n", server.address(), ca.display());
    let (unmet, _) = see(&format!(
        "{keys}sni = \"mail.example.com\"\nversions = \"1.2\"\nexpect = [\"tls.version == '1.2'\", \"chain.length == \
         1\", \"cert.names contains 'mail.example.com'\", \"cert.issuer contains 'Test Authority'\", \
         \"chain.expires_in < 21d\"]"
    ))
    .await;
    assert_eq!(unmet, Ok(Vec::new()));
    let (ended, seen) = see(&keys).await;
    let (class, why) = miss(ended);
    assert!(class == Some(Class::Tls) && why.contains("not for 127.0.0.1"), "{why}");
    assert!(seen.values().any(|(term, _)| term == "cert.expires_in"), "what was shown is kept");
}

#[tokio::test]
async fn who_does_not_speak_tls_is_told_before_the_deadline() {
    for (server, class) in [
        (Raw::says("220 hello\r\n"), Class::Tls),
        (Raw::says(""), Class::Timeout),
        (Raw::floods("", [0x16, 3, 3, 0xff, 0xff]), Class::Tls),
        (Raw::start(|_| Ok(())), Class::Tls),
    ] {
        let server = server.expect("a server");
        let part = part(&ROW, &format!("address = \"{}\"", server.address()));
        let start = Instant::now();
        let (found, why) = miss(look(&part, Duration::from_millis(600)).await.0);
        assert_eq!(found, Some(class), "{why}");
        assert!(start.elapsed() < Duration::from_millis(1000));
    }
}
