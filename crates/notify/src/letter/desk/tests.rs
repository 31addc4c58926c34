//! What people read, word for word where the words matter.

use muster_core::effect::{News, Page, Reason};
use muster_core::outbox::{Dispatch, Entry, EntryState};
use muster_core::signal::{Ending, Outcome};
use muster_core::time::{Span, Timestamp};

use super::*;

/// 2026-11-21 02:00:00 UTC, which is 03:00 in Berlin.
const SINCE: Timestamp = Timestamp::from_seconds(1_795_226_400);

fn desk() -> Desk {
    Desk { site: "acme".to_owned(), host: "web1".to_owned(), zone: "Europe/Berlin".to_owned() }
}

fn outcome() -> Outcome {
    Outcome {
        duration: Some(Span::millis(1_400)),
        tail: "one\ntwo\ncannot reach the database\n".to_owned(),
        log: Some("/var/log/muster/nightly/1.log".to_owned()),
        notes: vec!["process 4711 (sleep) was left behind".to_owned()],
        ..Outcome::bare(Ending::Exit { code: 2 })
    }
}

fn entry(about: &str, incident: &str, number: u32, news: News, evidence: Option<Outcome>) -> Entry {
    let channel: muster_core::ids::ChannelName = "ops".parse().expect("a name");
    Entry {
        page: Page {
            incident: incident.parse().expect("an incident"),
            number,
            about: about.parse().expect("an expectation"),
            news,
            to: vec![channel.clone()],
            at: SINCE + Span::minutes(130),
            causes: Vec::new(),
            evidence,
        },
        channel,
        fallback_for: None,
        late: false,
        digest: false,
        gathered: None,
        state: EntryState::Waiting { next_try: SINCE },
        attempts: 0,
        last_error: None,
        queued: SINCE,
    }
}

fn nightly(news: News, evidence: Option<Outcome>) -> Entry {
    entry("job.nightly", "i1", 0, news, evidence)
}

fn told(entry: Entry) -> Letter {
    desk().write(&Dispatch { key: entry.key(), entry, folded: Vec::new() })
}

fn failed(times: u32) -> Reason {
    Reason::Failed { times }
}

#[test]
fn a_failed_job_is_told_with_cause_output_and_what_to_do() {
    let letter = told(nightly(News::Opened { since: SINCE, reason: failed(1) }, Some(outcome())));
    assert_eq!((letter.event, letter.key.as_str()), (Event::Opened, "i1/0/ops"));
    assert_eq!(letter.title, "FIRING job.nightly on web1: exit 2 after 1.4s");
    let body = "\
job.nightly failed: exit 2 after 1.4s
Since: 2026-11-21 03:00:00 +01:00
Note: process 4711 (sleep) was left behind
Log: /var/log/muster/nightly/1.log
Last output:
  one
  two
  cannot reach the database
Host: web1 (acme)
Look: muster jobs log nightly
Seen it? muster ack job.nightly
";
    assert_eq!(letter.body, body);
}

#[test]
fn every_reason_makes_a_title_that_says_it() {
    let every = Span::hours(26);
    for (reason, words) in [
        (failed(1), "it failed"),
        (failed(3), "it failed 3 times in a row"),
        (Reason::Missed { due: SINCE, last_heard: None }, "was due 03:00 and did not report"),
        (Reason::NeverReported { registered: SINCE }, "has never reported"),
        (
            Reason::TooLong { run: None, started: SINCE, limit: Span::hours(1) },
            "still running past its limit of 1h",
        ),
        (
            Reason::TooShort { took: Span::millis(1_200), least: Span::minutes(1) },
            "ended well after 1.2s, too fast",
        ),
        (Reason::Skipped { times: 1, why: "busy".into() }, "gave way instead of running"),
        (Reason::Skipped { times: 3, why: "busy".into() }, "gave way 3 times in a row"),
        (Reason::NoSuccess { last: None, every }, "no success for more than 1d 2h"),
        (Reason::Unschedulable { schedule: "x".into(), error: "y".into() }, "nobody knows when it is due"),
        (Reason::Unseen { since: SINCE, why: "it slept".into() }, "could not be seen for 2h 10m"),
    ] {
        let letter = told(nightly(News::Opened { since: SINCE, reason: reason.clone() }, None));
        assert_eq!(letter.title, format!("FIRING job.nightly on web1: {words}"));
        let full = words::reason(&reason, &|at| desk().moment(at));
        assert!(letter.body.starts_with(&format!("job.nightly: {full}.\n")), "{}", letter.body);
    }
    let letter = told(nightly(News::Opened { since: SINCE, reason: failed(3) }, Some(outcome())));
    assert_eq!(letter.title, "FIRING job.nightly on web1: exit 2 after 1.4s (3 in a row)");
    let start = "job.nightly failed 3 times in a row, the last time: exit 2 after 1.4s\n";
    assert!(letter.body.starts_with(start), "{}", letter.body);
    let quick = Reason::TooShort { took: Span::millis(1_400), least: Span::minutes(1) };
    let letter = told(nightly(News::Opened { since: SINCE, reason: quick }, Some(outcome())));
    assert!(letter.body.contains("(at least 1m).\nEnded: exit 2 after 1.4s\n"), "{}", letter.body);
}

#[test]
fn later_pages_about_it_say_how_long_who_and_how_often() {
    let evidence = || Some(outcome());
    let reminder = told(nightly(News::Reminder { since: SINCE, reason: failed(1), nth: 2 }, evidence()));
    assert_eq!(reminder.title, "STILL FIRING job.nightly for 2h 10m: exit 2 after 1.4s");
    assert!(reminder.body.contains("This is reminder 2.\n"), "{}", reminder.body);
    let news = News::AcknowledgementExpired { since: SINCE, reason: failed(1), by: "ann".into() };
    let expired = told(nightly(news, evidence()));
    assert_eq!(expired.title, "STILL ON IT? job.nightly: exit 2 after 1.4s");
    assert!(expired.body.contains("ann had acknowledged it; that has run out"), "{}", expired.body);
    let news =
        News::Escalated { since: SINCE, reason: failed(1), step: 2, of: 3, unanswered: Span::minutes(10) };
    let step = told(nightly(news, evidence()));
    assert_eq!(step.title, "NO ANSWER for 10m, step 2 of 3: job.nightly on web1: exit 2 after 1.4s");
    assert!(
        step.body.contains("Nobody has answered for 10m. This is step 2 of 3 of its escalation.\n"),
        "{}",
        step.body
    );
    let news = News::Flapping { since: SINCE, reason: failed(1), times: 6, window: Span::hours(1) };
    let flapping = told(nightly(news, evidence()));
    assert_eq!(flapping.title, "FLAPPING job.nightly on web1: bad 6 times within 1h");
    assert!(flapping.body.contains("until it has been quiet for 1h."), "{}", flapping.body);
    for letter in [reminder, expired, step, flapping] {
        assert!(letter.event.is_urgent());
        assert!(letter.body.contains("  cannot reach the database\n"), "{}", letter.body);
        assert!(letter.body.ends_with("Seen it? muster ack job.nightly\n"), "{}", letter.body);
    }
}

#[test]
fn the_end_is_told_without_asking_for_anything() {
    let until = SINCE + Span::minutes(15);
    let resolved = told(nightly(News::Resolved { since: SINCE, until, reason: failed(2) }, None));
    assert_eq!(resolved.title, "RESOLVED job.nightly: well again, was bad for 15m");
    let body = "\
Well again since 2026-11-21 03:15:00 +01:00. It was bad since 2026-11-21 03:00:00 +01:00 (15m).
What had been wrong: it failed 2 times in a row.
Host: web1 (acme)
";
    assert_eq!(resolved.body, body);
    let withdrawn = told(nightly(News::Withdrawn { since: SINCE, reason: failed(1) }, None));
    assert_eq!(withdrawn.title, "WITHDRAWN job.nightly: no longer expected");
    let test = told(nightly(News::Test { by: "ann".into() }, None));
    assert_eq!(test.title, "TEST from muster on web1");
    assert!(test.body.starts_with("ann asked for this test of ops."), "{}", test.body);
    for letter in [resolved, withdrawn, test] {
        assert!(!letter.event.is_urgent() && !letter.body.contains("muster ack"), "{}", letter.body);
    }
}

#[test]
fn an_outage_that_could_not_be_told_in_time_is_told_as_an_interval_with_its_evidence() {
    let late = |until: Timestamp| {
        let opened = nightly(News::Opened { since: SINCE, reason: failed(1) }, Some(outcome()));
        let mut end =
            entry("job.nightly", "i1", 1, News::Resolved { since: SINCE, until, reason: failed(1) }, None);
        end.late = true;
        desk().write(&Dispatch { key: end.key(), entry: end, folded: vec![opened] })
    };
    let letter = late(SINCE + Span::minutes(15));
    assert_eq!(letter.title, "RESOLVED job.nightly: was bad 03:00–03:15 (15m)");
    let start =
        "It was bad from 2026-11-21 03:00:00 +01:00 to 2026-11-21 03:15:00 +01:00 (15m) and is well again.\n";
    assert!(letter.body.starts_with(start), "{}", letter.body);
    assert!(letter.body.contains("could not be told in time"), "{}", letter.body);
    assert!(letter.body.contains("  cannot reach the database\n"), "{}", letter.body);
    let long = late(SINCE + Span::hours(49));
    assert_eq!(long.title, "RESOLVED job.nightly: was bad Nov 21 03:00 – Nov 23 04:00 (2d 1h)");
}

#[test]
fn a_digest_puts_what_is_bad_now_first_and_counts_each_incident_once() {
    let opened = |name: &str| {
        let news = News::Opened { since: SINCE, reason: failed(1) };
        entry(&format!("job.{name}"), name, 0, news, Some(outcome()))
    };
    let until = SINCE + Span::minutes(4);
    let end = News::Resolved { since: SINCE, until, reason: failed(1) };
    let mut last = opened("c");
    last.digest = true;
    let folded = vec![opened("a"), entry("job.a", "a", 1, end, None), opened("b")];
    let letter = desk().write(&Dispatch { key: "c/0/ops+3".to_owned(), entry: last, folded });
    assert_eq!(letter.event, Event::Digest);
    assert_eq!(letter.title, "DIGEST from web1: 2 bad, 1 over again");
    let body = "\
Many things changed; here they are in one message.

2 bad now:
  05:10 FIRING job.b on web1: exit 2 after 1.4s
  05:10 FIRING job.c on web1: exit 2 after 1.4s

1 over again:
  05:10 RESOLVED job.a: well again, was bad for 4m

Host: web1 (acme)
All of it: muster status
";
    assert_eq!(letter.body, body);
}

#[test]
fn pages_gathered_behind_another_say_so() {
    let mut last = nightly(News::Opened { since: SINCE, reason: failed(1) }, None);
    (last.digest, last.gathered) = (true, Some("x/0/ops".to_owned()));
    let folded = vec![entry("job.b", "b", 0, News::Opened { since: SINCE, reason: failed(1) }, None)];
    let letter = desk().write(&Dispatch { key: "k".to_owned(), entry: last, folded });
    let start = "These have a cause in common with the message before, and came within seconds of it.\n\n2 bad now:\n";
    assert!(letter.body.starts_with(start), "{}", letter.body);
}

#[test]
fn a_digest_of_thousands_is_bounded_and_says_how_many_are_left_out() {
    let many: Vec<Entry> = (0..3000)
        .map(|n| {
            let news = News::Opened { since: SINCE, reason: failed(1) };
            entry(&format!("job.{}{n}", "x".repeat(100)), &format!("i{n}"), 0, news, Some(outcome()))
        })
        .collect();
    let mut last = many[0].clone();
    last.digest = true;
    let letter = desk().write(&Dispatch { key: "k".to_owned(), entry: last, folded: many[1..].to_vec() });
    assert!(letter.body.len() <= BODY, "{}", letter.body.len());
    assert!(letter.body.contains("and 2950 more; `muster status` shows all."), "{}", letter.body);
    assert!(letter.body.ends_with("All of it: muster status\n"), "{}", letter.body);
}

#[test]
fn a_channel_that_stands_in_says_for_whom() {
    let mut stand_in = nightly(News::Opened { since: SINCE, reason: failed(1) }, None);
    stand_in.fallback_for = Some("phone".parse().expect("a name"));
    let letter = told(stand_in);
    assert!(letter.body.contains("You get this because phone could not be reached.\n"), "{}", letter.body);
}

#[test]
fn the_host_is_the_one_where_it_ran() {
    let evidence = Outcome { host: Some("db7".to_owned()), ..outcome() };
    let letter = told(nightly(News::Opened { since: SINCE, reason: failed(1) }, Some(evidence)));
    assert!(letter.title.contains(" on db7: "), "{}", letter.title);
    assert!(letter.body.contains("Host: db7 (acme)\n"), "{}", letter.body);
}

#[test]
fn control_characters_and_colours_never_reach_a_reader() {
    let evidence = Outcome {
        ending: Ending::NotStarted { error: "no\u{1b}]0;owned\u{7}\r\nSubject: forged".to_owned() },
        tail: "\u{1b}[1;31mERROR\u{1b}[0m disk\r\n\u{0}\u{8}x\u{9b}2J".to_owned(),
        notes: vec!["a\r\nb".to_owned()],
        log: Some("/tmp/\n".to_owned()),
        host: Some("web1\r\nBcc: all".to_owned()),
        ..outcome()
    };
    let by = "ann\r\n\u{1b}[2J".to_owned();
    for news in [
        News::Opened { since: SINCE, reason: failed(1) },
        News::AcknowledgementExpired { since: SINCE, reason: failed(1), by: by.clone() },
        News::Opened { since: SINCE, reason: Reason::Skipped { times: 2, why: by.clone() } },
        News::Test { by },
    ] {
        let letter = told(nightly(news, Some(evidence.clone())));
        assert!(!letter.title.contains(char::is_control), "{:?}", letter.title);
        let odd: Vec<char> = letter.body.chars().filter(|c| c.is_control() && *c != '\n').collect();
        assert!(odd.is_empty(), "{odd:?} in {}", letter.body);
        assert!(!letter.body.lines().any(|line| line.starts_with("Bcc") || line.starts_with("Subject")));
    }
    let letter = told(nightly(News::Opened { since: SINCE, reason: failed(1) }, Some(evidence)));
    assert!(letter.body.contains("\n  ERROR disk\n"), "{}", letter.body);
}

#[test]
fn whatever_the_evidence_the_letter_is_bounded_and_keeps_its_advice() {
    let endless = "\u{1F4A5}".repeat(25_000);
    for tail in
        ["x".repeat(100_000), endless.clone(), "line\n".repeat(20_000), format!("{}end", "\n".repeat(99_999))]
    {
        let evidence = Outcome {
            ending: Ending::NotStarted { error: endless.clone() },
            notes: vec![endless.clone(); 100],
            log: Some(endless.clone()),
            host: Some(endless.clone()),
            tail,
            ..outcome()
        };
        let reason = Reason::Skipped { times: 2, why: endless.clone() };
        let letter = told(nightly(News::Opened { since: SINCE, reason }, Some(evidence)));
        assert!(letter.title.chars().count() <= TITLE, "{}", letter.title);
        assert!(letter.body.len() <= BODY, "{}", letter.body.len());
        assert!(letter.body.contains("Seen it? muster ack job.nightly\n"), "{}", letter.body);
    }
    let mut long = String::new();
    for _ in 0..BODY {
        long.push('é');
    }
    assert!(cut(long).len() <= BODY);
}

#[test]
fn an_unknown_zone_is_told_in_utc() {
    let desk = Desk { zone: "Mars/Olympus".to_owned(), ..desk() };
    assert_eq!(desk.moment(SINCE), "2026-11-21 02:00:00 +00:00");
}

#[test]
fn a_short_form_is_cut_at_a_character() {
    let mut letter = told(nightly(News::Opened { since: SINCE, reason: failed(1) }, None));
    letter.body = "é".repeat(4_000);
    for limit in 200..204 {
        let short = letter.short(limit);
        assert!(short.len() <= limit && short.ends_with("\n[cut]"), "{short}");
    }
}
