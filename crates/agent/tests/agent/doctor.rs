//! Examinations: a program that prints a report stands for the doctor, and every start of the agent is a day later.

use std::ffi::OsString;

use muster_agent::agent::Agent;
use muster_agent::parts::Examiner;
use muster_core::time::Span;
use serde_json::{Value, json};

use crate::house::{House, on_one_thread, until, until_board, word};

const FIRST: &str = "doctor.cron004.shop";
const LATER: &str = "doctor.log001.api-log";

fn finding(id: &str, subject: &str) -> Value {
    json!({
        "id": id, "severity": "high", "outlook": "waiting", "title": "a trap", "subject": subject, "source": "/etc/x",
        "line": 3, "text": "", "observed": "it is there", "forecast": "full on Friday", "silent": "Nobody says so.",
        "cure": "Mend it.", "fix": "told"
    })
}

fn report(house: &House, findings: &[(&str, &str)], blind: &[&str]) -> Value {
    use muster_agent::clock::Clock as _;
    json!({
        "version": 1, "host": "web1", "at": house.clock.now().wall, "rules": ["CRON004", "LOG001"],
        "vantage": { "root": "/", "live": true, "uid": 0 },
        "findings": findings.iter().map(|(id, subject)| finding(id, subject)).collect::<Vec<_>>(),
        "unknown": [{ "why": "denied", "rules": blind }], "allowed": []
    })
}

fn script(text: &str) -> Option<Examiner> {
    let words = ["-c", text].map(OsString::from).to_vec();
    Some(Examiner { program: "/bin/sh".into(), words, watched: Vec::new() })
}

fn says(agent: &Agent, words: &str) -> bool {
    agent.handle().duties().iter().any(|duty| duty.name == "doctor" && duty.words.contains(words))
}

/// One life of an agent, until what is expected of the doctor's duty is there.
async fn live(house: &House, duty: &str, until_then: impl FnMut() -> bool) {
    let agent = house.start().await;
    until("the examination", || says(&agent, duty)).await;
    until("what follows", until_then).await;
    agent.stop().await.unwrap();
    house.clock.forward(Span::hours(25));
}

/// What is found, which rules are blind, and what was told of what came later.
type Day = (&'static [(&'static str, &'static str)], &'static [&'static str], &'static [&'static str]);

pub(crate) fn examined() {
    on_one_thread(async {
        let mut house = House::new(Vec::new());
        let path = house.folder.path().join("report.json");
        house.examiner = script(&format!("cat {}; exit 1", path.display()));
        let days: [Day; 5] = [
            (&[("CRON004", "shop")], &[], &[]),
            (&[("CRON004", "shop"), ("LOG001", "api.log")], &[], &["opened"]),
            (&[("CRON004", "shop")], &["LOG001"], &["opened"]),
            (&[("CRON004", "shop"), ("LOG001", "api.log")], &[], &["opened"]),
            (&[("CRON004", "shop")], &[], &["opened", "resolved"]),
        ];
        for (day, (findings, blind, told)) in days.into_iter().enumerate() {
            std::fs::write(&path, report(&house, findings, blind).to_string()).unwrap();
            let at = format!("{} found, 1 not to be seen", findings.len());
            let seen = || told_of_later(&house) == told;
            live(&house, &at, seen).await;
            assert!(house.receiver.about(FIRST).is_empty(), "day {day}: it was there before anybody looked");
        }
        let mode = std::fs::metadata(house.layout.chart()).unwrap();
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode.permissions()) & 0o777, 0o600);
    });
}

/// What was told of what came later, reminders apart; what stands behind the dash of its name follows from the subject.
fn told_of_later(house: &House) -> Vec<String> {
    let all = house.receiver.all().into_iter();
    all.filter(|one| one.about.starts_with(LATER) && one.news != "reminder").map(|one| one.news).collect()
}

pub(crate) fn not_examined() {
    on_one_thread(async {
        let mut house = House::new(Vec::new());
        for (text, said) in [
            ("echo no such option >&2; exit 3", "muster doctor: exit 3: no such option"),
            ("echo '{}'", "no report of the doctor"),
            ("kill -9 $$", "killed by a signal"),
        ] {
            house.examiner = script(text);
            let agent = house.start().await;
            until("it says why", || says(&agent, said)).await;
            until_board(&agent.handle(), "it is on the board", |it| word(it, "duty.doctor") != "ok").await;
            agent.stop().await.unwrap();
            assert!(!house.layout.chart().exists());
        }
    });
}
