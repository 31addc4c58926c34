use std::path::Path;
use std::time::Duration;

use muster_config::assertion::{Judgement, examples_compile};
use muster_testkit::http::{Mode, Receiver};
use muster_testkit::tls::Identity;

use super::*;
use crate::notebook::Seen;
use crate::trial::{faults, look, miss as missed, part};

/// Looks, and gives the assertions that are not met with their levels.
async fn see(keys: &str) -> (Result<Vec<Level>, Miss>, Seen) {
    let part = part(&ROW, keys);
    let (ended, seen) = look(&part, Duration::from_secs(5)).await;
    let unmet = |one: &&Assertion| matches!(one.judge(&seen), Judgement::Unmet(_));
    let levels = ended.map(|_| part.assertions().iter().filter(unmet).map(|one| one.level).collect());
    (levels, seen)
}

fn write(folder: &Path, from: i64, to: i64) -> (Identity, String) {
    let (identity, root) = Identity::signed(&["localhost"], from, to).expect("an identity");
    std::fs::write(folder.join("ca.pem"), root).expect("written");
    identity.write_certificate(&folder.join("cert.pem")).expect("written");
    let keys = format!("file = \"{}\"\n", folder.join("cert.pem").display());
    (identity, keys)
}

#[test]
fn every_word_has_an_example_that_compiles() {
    examples_compile(TERMS).unwrap_or_else(|wrong| panic!("{wrong}"));
    assert!(USUAL.iter().all(|(text, _)| Assertion::compile(text, TERMS).is_ok()));
}

#[tokio::test]
async fn a_certificate_warns_at_a_third_of_its_life_and_pages_at_a_sixth() {
    let folder = tempfile::tempdir().expect("a folder");
    for (from, to, levels) in [
        (-30, 60, &[][..]),
        (-61, 29, &[Level::Warn]),
        (-76, 14, &[Level::Page, Level::Warn]),
        (-100, -10, &[Level::Page, Level::Warn]),
        // One of six days, and one of a year.
        (-3, 3, &[]),
        (-5, 1, &[Level::Page, Level::Warn]),
        (-335, 62, &[]),
        (-340, 58, &[Level::Warn]),
        (-369, 29, &[Level::Page, Level::Warn]),
    ] {
        let (_, keys) = write(folder.path(), from, to);
        assert_eq!(see(&keys).await.0.as_deref(), Ok(levels), "{from} {to}");
    }
}

#[tokio::test]
async fn renewed_and_not_reloaded_is_bad_news() {
    let folder = tempfile::tempdir().expect("a folder");
    let (old, keys) = write(folder.path(), -60, 30);
    let server = Receiver::start_tls(Mode::answer(200, "ok"), old).expect("a server");
    let keys = format!(
        "{keys}address = \"localhost:{}\"\nfamily = \"v4\"\nca = \"{}\"\n",
        server.address().port(),
        folder.path().join("ca.pem").display()
    );
    assert_eq!(see(&format!("{keys}expect = [\"cert.left < 0.4\"]")).await.0, Ok(Vec::new()));
    drop(write(folder.path(), -1, 89));
    let (class, why) = missed(look(&part(&ROW, &keys), Duration::from_secs(5)).await.0);
    assert!(class == Some(Class::Unmet) && why.starts_with("renewed and not reloaded"), "{why}");
    drop(write(folder.path(), -80, 10));
    let (_, why) = missed(look(&part(&ROW, &keys), Duration::from_secs(5)).await.0);
    assert!(why.starts_with("the file is not what is served"), "{why}");
}

#[tokio::test]
async fn a_served_certificate_must_be_trusted() {
    let folder = tempfile::tempdir().expect("a folder");
    let (expired, _) = write(folder.path(), -90, -1);
    let server = Receiver::start_tls(Mode::answer(200, "ok"), expired).expect("a server");
    let keys = format!(
        "address = \"localhost:{}\"\nca = \"{}\"\n",
        server.address().port(),
        folder.path().join("ca.pem").display()
    );
    let (ended, seen) = see(&keys).await;
    let (class, why) = missed(ended.map(|_| Vec::new()));
    assert!(class == Some(Class::Tls) && why.contains("expired at"), "{why}");
    assert!(seen.values().any(|(term, _)| term == "renewal.overdue_in"));
}

#[tokio::test]
async fn a_file_that_is_not_there_is_bad_and_one_that_cannot_be_read_blinds() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("x.pem");
    let keys = format!("file = \"{}\"\n", file.display());
    assert_eq!(missed(see(&keys).await.0.map(|_| Vec::new())).0, Some(Class::Absent));
    std::fs::write(&file, "nothing").expect("written");
    assert_eq!(missed(see(&keys).await.0.map(|_| Vec::new())).0, Some(Class::Unmet));
    std::fs::remove_file(&file).expect("removed");
    std::fs::create_dir(&file).expect("a folder in its place");
    assert_eq!(missed(see(&keys).await.0.map(|_| Vec::new())).0, None);
    assert!(faults(&ROW, "family = \"v4\"").contains("lacks `address` or `file`"));
}
