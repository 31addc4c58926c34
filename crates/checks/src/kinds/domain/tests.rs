use muster_config::assertion::{Judgement, examples_compile};
use muster_testkit::http::{Mode, Receiver};
use muster_testkit::tls::Identity;

use super::*;
use crate::notebook::Seen;
use crate::trial::{faults, look, miss, part};

fn answer(days: i64, status: &str) -> Mode {
    let end = clock::now().wall.shifted(days * 86_400_000 + 3_600_000);
    Mode::answer(
        200,
        &format!(
            "{{\"ldhName\":\"EXAMPLE.com\",\"status\":[\"{status}\"],\"nameservers\":[{{\"ldhName\":\"NS1.example.net.\"}}],\
             \"events\":[{{\"eventAction\":\"registration\",\"eventDate\":\"1995-08-14T04:00:00Z\"}},\
             {{\"eventAction\":\"expiration\",\"eventDate\":\"{end}\"}}],\"entities\":[{{\"roles\":[\"registrar\"],\
             \"vcardArray\":[\"vcard\",[[\"version\",{{}},\"text\",\"4.0\"],[\"fn\",{{}},\"text\",\"Example Inc\"]]]}}]}}"
        ),
    )
}

async fn levels(part: &Part) -> (Result<Vec<Level>, Miss>, Seen) {
    let (ended, seen) = look(part, Duration::from_secs(5)).await;
    let unmet = |one: &&Assertion| matches!(one.judge(&seen), Judgement::Unmet(_));
    let levels = ended.map(|_| part.assertions().iter().filter(unmet).map(|one| one.level).collect());
    (levels, seen)
}

fn keys(server: &Receiver) -> String {
    format!("name = \"example.com\"\nrdap = \"{}\"\n", server.url("/v1/"))
}

#[test]
fn every_word_has_an_example_that_compiles() {
    examples_compile(TERMS).unwrap_or_else(|wrong| panic!("{wrong}"));
    for (text, _) in USUAL {
        Assertion::compile(text, TERMS).unwrap_or_else(|mistake| panic!("{text}: {mistake:?}"));
    }
}

#[tokio::test]
async fn the_end_of_a_registration_warns_and_then_pages() {
    let server = Receiver::start(answer(90, "active")).expect("a server");
    for (days, status, expected) in [
        (90, "active", &[][..]),
        (20, "active", &[Level::Warn]),
        (5, "active", &[Level::Page, Level::Warn]),
        (90, "redemption period", &[Level::Page]),
        (90, "client hold", &[Level::Page]),
    ] {
        server.set(answer(days, status));
        let (found, _) = levels(&part(&ROW, &keys(&server))).await;
        assert_eq!(found.as_deref(), Ok(expected), "{days} {status}");
    }
    assert_eq!(server.requests()[0].path, "/v1/domain/example.com");
    let own = format!(
        "{}expect = [\"nameservers contains 'ns1.example.net'\", \"registrar == 'Example Inc'\"]",
        keys(&server)
    );
    assert_eq!(levels(&part(&ROW, &own)).await.0, Ok(Vec::new()));
}

#[tokio::test]
async fn a_registry_is_asked_twice_a_day_and_through_a_trusted_connection() {
    let folder = tempfile::tempdir().expect("a folder");
    let ca = folder.path().join("ca.pem");
    let (identity, root) = Identity::signed(&["localhost"], -1, 20).expect("an identity");
    std::fs::write(&ca, root).expect("written");
    let server = Receiver::start_tls(answer(90, "active"), identity).expect("a server");
    assert_eq!(miss(levels(&part(&ROW, &keys(&server))).await.0.map(|_| Vec::new())).0, None);
    let part = part(&ROW, &format!("{}ca = \"{}\"", keys(&server), ca.display()));
    for _ in 0..3 {
        assert_eq!(levels(&part).await.0, Ok(Vec::new()));
    }
    assert_eq!(server.requests().len(), 1);
    assert!(!part.is_outside());
}

#[tokio::test]
async fn who_cannot_ask_is_blind_and_a_domain_that_is_gone_is_bad() {
    let server = Receiver::start(Mode::answer(404, "{}")).expect("a server");
    let gone = levels(&part(&ROW, &keys(&server))).await.0;
    assert_eq!(miss(gone.map(|_| Vec::new())).0, Some(Class::Absent));
    for mode in [
        Mode::answer(429, "slow down"),
        Mode::answer(500, ""),
        Mode::answer(200, "<html>"),
        Mode::answer(200, "{\"ldhName\":\"other.com\"}"),
        Mode::HalfReply,
        Mode::Close,
    ] {
        server.set(mode.clone());
        let part = part(&ROW, &keys(&server));
        let before = server.requests().len();
        for _ in 0..2 {
            let (class, why) = miss(levels(&part).await.0.map(|_| Vec::new()));
            assert!(class.is_none() && why.contains("could not be asked"), "{mode:?}: {class:?} {why}");
        }
        assert_eq!(server.requests().len(), before + 1, "after a failure it waits before it asks again");
    }
    server.set(Mode::Hang);
    let part = part(&ROW, &keys(&server));
    assert_eq!(miss(look(&part, Duration::from_millis(500)).await.0).0, None);
}

#[test]
fn what_is_no_domain_is_refused_when_it_is_read() {
    for name in ["example", "https://example.com", "a b.com", ".com", "bücher.example"] {
        let said = faults(&ROW, &format!("name = \"{name}\""));
        assert!(said.contains("no name of a domain"), "{name}: {said}");
    }
}
