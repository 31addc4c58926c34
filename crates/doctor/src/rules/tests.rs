//! What holds for every rule.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use muster_core::time::Timestamp;

use super::fixture::{Fixture, LINK};
use super::*;
use crate::collect::{Wanted, collect};
use crate::facts::Fact;
use crate::mend::Mend;

/// Noon of a day that is always the same.
const NOON: Timestamp = Timestamp::from_seconds(1_795_262_400);

/// What every fixture begins with: an otherwise empty Debian.
const DEBIAN: &[(&str, &str)] = &[
    ("/etc/hostname", "web1\n"),
    ("/etc/debian_version", "12.8\n"),
    ("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\napp:x:1000:1000::/home/app:/bin/sh\n"),
];

/// The facts of a fixture.
pub(crate) fn facts_of(fixture: &Fixture) -> Facts {
    let root = tempfile::tempdir().expect("a folder");
    let plant = |path: &str, mode: u32, text: &str| {
        let place = root.path().join(path.trim_start_matches('/'));
        if text == "\0absent" {
            return drop(fs::remove_file(&place));
        }
        if path.ends_with('/') {
            fs::create_dir_all(&place).expect("a folder");
        } else {
            fs::create_dir_all(place.parent().expect("a parent")).expect("a folder");
            if mode == LINK {
                return std::os::unix::fs::symlink(text, &place).expect("a link");
            }
            fs::write(&place, text).expect("a file");
        }
        fs::set_permissions(&place, fs::Permissions::from_mode(mode)).expect("its mode");
    };
    DEBIAN.iter().for_each(|(path, text)| plant(path, 0o644, text));
    fixture.files.iter().for_each(|file| plant(file.path, file.mode, file.text));
    let wanted = Wanted { root: root.path().to_owned(), live: false, at: NOON };
    let (mut facts, _) = collect(&wanted);
    facts.vantage.root = "/".to_owned();
    facts.vantage.uid = 0;
    (fixture.facts)(&mut facts);
    facts
}

#[test]
fn every_rule_finds_its_trap_and_passes_its_near_misses() {
    for rule in RULES {
        let bad = (rule.judge)(&facts_of(&rule.bad));
        assert!(!bad.findings.is_empty(), "{} does not find {:?}: {bad:?}", rule.id, rule.bad.says);
        for good in &rule.good {
            let answer = (rule.judge)(&facts_of(good));
            assert!(answer.findings.is_empty(), "{} finds in {:?}: {answer:?}", rule.id, good.says);
        }
    }
}

#[test]
fn what_nobody_saw_is_never_ok() {
    let facts = facts_of(&Fixture::files("an empty host", &[]));
    let blind = Facts::blank(facts.host.clone(), facts.at, facts.vantage.clone());
    for rule in RULES {
        let answer = (rule.judge)(&blind);
        let silent = answer.unknown.is_empty() && answer.nothing.is_none();
        assert!(!silent && answer.findings.is_empty(), "{}: {answer:?}", rule.id);
    }
}

/// The same facts with one part that nobody could see, for each part that was seen.
fn blinded(facts: &Facts) -> Vec<(String, Facts)> {
    let whole = serde_json::to_value(facts).expect("facts are data");
    let seen = |part: &serde_json::Value| part.get("known").is_some();
    let parts = whole.as_object().expect("a map").iter().filter(|(_, part)| seen(part));
    let blind = |(name, _): (&String, &serde_json::Value)| {
        let mut other = whole.clone();
        other[name] = serde_json::json!({ "unknown": { "why": "blinded" } });
        (name.clone(), serde_json::from_value(other).expect("facts are read again"))
    };
    parts.map(blind).collect()
}

#[test]
fn a_trap_is_never_fine_because_a_part_of_the_host_was_not_seen() {
    let mut silent = Vec::new();
    for rule in RULES {
        let facts = facts_of(&rule.bad);
        for (part, facts) in blinded(&facts) {
            let answer = (rule.judge)(&facts);
            if answer.findings.is_empty() && answer.unknown.is_empty() {
                silent.push(format!("{} without {part}: {answer:?}", rule.id));
            }
        }
    }
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}

#[test]
fn every_rule_explains_itself() {
    let mut ids = BTreeSet::new();
    for rule in RULES {
        assert!(ids.insert(rule.id), "{} stands twice", rule.id);
        let number = rule.id.trim_start_matches(|c: char| c.is_ascii_uppercase());
        assert_eq!(number.len(), 3, "{}", rule.id);
        assert!(!rule.title.ends_with('.'), "{}", rule.id);
        for text in [rule.silent, rule.cure, rule.unless] {
            assert!(
                text.ends_with('.') && text.starts_with(|c: char| !c.is_lowercase()),
                "{}: {text}",
                rule.id
            );
        }
    }
}

#[test]
fn who_is_safe_to_mend_has_a_mend_and_what_is_told_has_none() {
    for rule in RULES {
        let findings = (rule.judge)(&facts_of(&rule.bad)).findings;
        let mends: Vec<_> = findings.iter().filter_map(|finding| finding.mend.as_ref()).collect();
        match rule.fix {
            Fix::Safe => {
                assert!(!mends.is_empty(), "{}: it says that --fix mends it", rule.id);
                assert!(!mends.iter().any(|mend| mend.disturbs()), "{}: it is not safe: {mends:?}", rule.id);
            }
            Fix::Told => assert!(mends.is_empty(), "{}: a person does it: {mends:?}", rule.id),
            // Some can be given back only where the host is as it should be for that.
            Fix::Disruptive => {}
        }
        for part in mends.iter().flat_map(|mend| mend.parts()) {
            if let Mend::Order(order) = part {
                assert_eq!(order.check(), Ok(()), "{}", rule.id);
            }
        }
    }
}

#[test]
fn what_disturbs_can_be_mended_by_some() {
    let mended = |rule: &&&Rule| {
        rule.fix == Fix::Disruptive
            && (rule.judge)(&facts_of(&rule.bad)).findings.iter().any(|finding| finding.mend.is_some())
    };
    let ids: Vec<_> = RULES.iter().filter(mended).map(|rule| rule.id).collect();
    for id in ["CRON018", "FW001", "FW011"] {
        assert!(ids.contains(&id), "{id} is not in {ids:?}");
    }
}

#[test]
fn a_finding_says_where_and_what() {
    for rule in RULES {
        for finding in (rule.judge)(&facts_of(&rule.bad)).findings {
            assert!(!finding.subject.is_empty() && !finding.observed.is_empty(), "{}", rule.id);
            assert!(!finding.place.source.is_empty(), "{}", rule.id);
        }
    }
}

#[test]
fn facts_that_were_saved_give_the_same_answers() {
    for rule in RULES {
        let facts = facts_of(&rule.bad);
        let saved = serde_json::to_string(&facts).expect("facts are data");
        let read: Facts = serde_json::from_str(&saved).expect("facts are read again");
        assert_eq!(facts, read, "{}", rule.id);
        assert_eq!((rule.judge)(&facts), (rule.judge)(&read), "{}", rule.id);
    }
}

#[test]
fn an_empty_host_has_no_crontabs() {
    let facts = facts_of(&Fixture::files("an empty host", &[]));
    assert!(matches!(facts.cron, Fact::Nothing { .. }), "{:?}", facts.cron);
}
