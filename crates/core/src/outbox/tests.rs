//! Each rule of the outbox as a sentence. `together` holds what is told in one message, `faults` all of it under random
//! faults.

mod faults;
mod together;

use super::*;
use crate::effect::{Cause, News, Page, Reason};
use crate::ids::{ChannelName, ExpectationId, IncidentId};
use crate::time::{Span, Timestamp};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_795_000_000 + seconds)
}

fn channel(name: &str) -> ChannelName {
    ChannelName::new(name).expect("a good name")
}

fn route(name: &str, fallback: Option<&str>) -> Route {
    Route { name: channel(name), fallback: fallback.map(channel), quota: None }
}

fn page(incident: &str, number: u32, news: News, to: &[&str]) -> Page {
    Page {
        incident: IncidentId::new(incident).expect("a good name"),
        number,
        about: ExpectationId::new("job.backup").expect("a good name"),
        news,
        to: to.iter().map(|name| channel(name)).collect(),
        at: at(0),
        causes: Vec::new(),
        evidence: None,
    }
}

fn failed() -> Reason {
    Reason::Failed { times: 1 }
}

fn opened(incident: &str, to: &[&str]) -> Page {
    page(incident, 0, News::Opened { since: at(0), reason: failed() }, to)
}

fn reminder(incident: &str, number: u32, to: &[&str]) -> Page {
    page(incident, number, News::Reminder { since: at(0), reason: failed(), nth: number }, to)
}

fn step(incident: &str, number: u32, to: &[&str]) -> Page {
    let unanswered = Span::minutes(10);
    let news = News::Escalated { since: at(0), reason: failed(), step: number + 1, of: 9, unanswered };
    page(incident, number, news, to)
}

fn resolved(incident: &str, number: u32, to: &[&str]) -> Page {
    page(incident, number, News::Resolved { since: at(0), until: at(240), reason: failed() }, to)
}

fn accepted() -> Delivery {
    Delivery::Accepted { receipt: "ok".into() }
}

fn not_now() -> Delivery {
    Delivery::NotNow { why: "connection refused".into(), retry_at: None }
}

fn refused() -> Delivery {
    Delivery::Refused { why: "401".into() }
}

/// Keys of what is due.
fn due(outbox: &mut Outbox, now: Timestamp) -> Vec<String> {
    outbox.due(now).into_iter().map(|dispatch| dispatch.key).collect()
}

fn state<'a>(outbox: &'a Outbox, key: &str) -> Option<&'a EntryState> {
    outbox.entries().find(|entry| entry.key() == key).map(|entry| &entry.state)
}

fn is_folded_into(outbox: &Outbox, key: &str, target: &str) -> bool {
    matches!(state(outbox, key), Some(EntryState::Folded { into, .. }) if into == target)
}

#[test]
fn a_page_goes_once_to_each_of_its_channels() {
    let mut outbox = Outbox::new(vec![route("ops", None), route("chat", None)]);
    outbox.enqueue(&opened("a", &["ops", "chat"]), at(0));
    outbox.enqueue(&opened("a", &["ops", "chat"]), at(0));
    assert_eq!(due(&mut outbox, at(0)), ["a/0/ops", "a/0/chat"]);
    assert_eq!(due(&mut outbox, at(1)), Vec::<String>::new());
    outbox.report("a/0/ops", accepted(), at(1));
    outbox.report("a/0/chat", accepted(), at(1));
    assert_eq!(outbox.next_try(), None);
    assert_eq!(outbox.oldest_undelivered(at(100)), None);
}

#[test]
fn a_channel_has_one_delivery_at_a_time_and_does_not_wait_for_others() {
    let mut outbox = Outbox::new(vec![route("ops", None), route("chat", None)]);
    outbox.enqueue(&opened("a", &["ops"]), at(0));
    outbox.enqueue(&opened("b", &["ops", "chat"]), at(0));
    assert_eq!(due(&mut outbox, at(0)), ["a/0/ops", "b/0/chat"]);
    outbox.report("b/0/chat", accepted(), at(1));
    assert_eq!(due(&mut outbox, at(1)), Vec::<String>::new());
    outbox.report("a/0/ops", accepted(), at(2));
    assert_eq!(due(&mut outbox, at(2)), ["b/0/ops"]);
}

#[test]
fn what_a_lost_worker_held_is_sent_again_under_the_same_key() {
    let mut outbox = Outbox::new(vec![route("ops", None)]);
    outbox.enqueue(&opened("a", &["ops"]), at(0));
    assert_eq!(due(&mut outbox, at(0)), ["a/0/ops"]);
    assert_eq!(outbox.next_try(), Some(at(60)));
    assert_eq!(due(&mut outbox, at(60)), Vec::<String>::new());
    assert_eq!(due(&mut outbox, at(65)), ["a/0/ops"]);
}

#[test]
fn an_answer_after_the_deadline_still_counts_when_it_is_good_news() {
    let mut outbox = Outbox::new(vec![route("ops", None)]);
    outbox.enqueue(&opened("a", &["ops"]), at(0));
    due(&mut outbox, at(0));
    due(&mut outbox, at(60));
    outbox.report("a/0/ops", accepted(), at(61));
    assert!(matches!(state(&outbox, "a/0/ops"), Some(EntryState::Delivered { .. })));
    assert_eq!(due(&mut outbox, at(600)), Vec::<String>::new());
}

#[test]
fn pauses_grow_to_a_minute_and_it_never_gives_up() {
    let mut outbox = Outbox::new(vec![route("ops", None)]);
    outbox.enqueue(&opened("a", &["ops"]), at(0));
    let mut pauses = Vec::new();
    let mut now = at(0);
    for _ in 0..200 {
        assert_eq!(due(&mut outbox, now), ["a/0/ops"]);
        outbox.report("a/0/ops", not_now(), now);
        let next = outbox.next_try().expect("never gives up");
        pauses.push(next.since(now).as_millis() / 1000);
        now = next;
    }
    assert!(pauses[..15].iter().all(|pause| *pause == 4), "a minute long it may be back at any moment");
    assert_eq!(pauses[15..21], [10, 20, 40, 60, 60, 60]);
    assert!(pauses[21..].iter().all(|pause| *pause == 60));
}

#[test]
fn the_receivers_wish_is_honoured_for_the_whole_channel_up_to_an_hour() {
    let mut outbox = Outbox::new(vec![route("ops", None)]);
    outbox.enqueue(&opened("a", &["ops"]), at(0));
    outbox.enqueue(&opened("b", &["ops"]), at(0));
    due(&mut outbox, at(0));
    let wish = Delivery::NotNow { why: "429".into(), retry_at: Some(at(90)) };
    outbox.report("a/0/ops", wish, at(0));
    assert_eq!(due(&mut outbox, at(89)), Vec::<String>::new());
    assert_eq!(due(&mut outbox, at(90)), ["b/0/ops"]);
    let absurd = Delivery::NotNow { why: "429".into(), retry_at: Some(at(99_999_999)) };
    outbox.report("b/0/ops", absurd, at(90));
    assert_eq!(outbox.next_try(), Some(at(90 + 3600)));
}

#[test]
fn a_channel_that_comes_back_sends_everything_at_once() {
    let mut outbox = Outbox::new(vec![route("ops", None)]);
    for incident in ["a", "b", "c"] {
        outbox.enqueue(&opened(incident, &["ops"]), at(0));
    }
    let mut now = at(0);
    while now < at(30) {
        for key in due(&mut outbox, now) {
            outbox.report(&key, not_now(), now);
        }
        now = outbox.next_try().expect("still trying");
    }
    let mut told = Vec::new();
    while let Some(next) = outbox.next_try() {
        now = now.max(next);
        for key in due(&mut outbox, now) {
            outbox.report(&key, accepted(), now);
            told.push(key);
        }
    }
    assert_eq!(told.len(), 3);
    assert!(now <= at(35), "the last at {now}");
}

#[test]
fn two_failures_in_a_row_bring_in_the_fallback() {
    let mut outbox = Outbox::new(vec![route("ops", Some("phone")), route("phone", None)]);
    outbox.enqueue(&opened("a", &["ops"]), at(0));
    due(&mut outbox, at(0));
    outbox.report("a/0/ops", not_now(), at(0));
    assert_eq!(due(&mut outbox, at(5)), ["a/0/ops"]);
    outbox.report("a/0/ops", not_now(), at(5));
    let sent = outbox.due(at(5));
    assert_eq!(sent[0].key, "a/0/phone");
    assert_eq!(sent[0].entry.fallback_for, Some(channel("ops")));
    assert_eq!(outbox.health()[0].failures, 2);
    // The channel is known to be broken: the next page goes to both at once.
    outbox.report("a/0/phone", accepted(), at(6));
    outbox.enqueue(&opened("b", &["ops"]), at(6));
    assert_eq!(due(&mut outbox, at(6)), ["b/0/phone"]);
}

#[test]
fn half_a_minute_undelivered_brings_in_the_fallback() {
    let mut outbox = Outbox::new(vec![route("ops", Some("phone")), route("phone", None)]);
    outbox.enqueue(&opened("a", &["ops"]), at(0));
    assert_eq!(due(&mut outbox, at(0)), ["a/0/ops"]);
    assert_eq!(due(&mut outbox, at(29)), Vec::<String>::new());
    assert_eq!(outbox.next_try(), Some(at(30)));
    assert_eq!(due(&mut outbox, at(30)), ["a/0/phone"]);
}

#[test]
fn a_refusal_brings_in_the_fallback_at_once_and_is_not_tried_again() {
    let mut outbox = Outbox::new(vec![route("ops", Some("phone")), route("phone", Some("ops"))]);
    outbox.enqueue(&opened("a", &["ops"]), at(0));
    due(&mut outbox, at(0));
    outbox.report("a/0/ops", refused(), at(1));
    assert_eq!(due(&mut outbox, at(1)), ["a/0/phone"]);
    outbox.report("a/0/phone", refused(), at(2));
    assert_eq!(outbox.next_try(), None, "a ring of fallbacks ends");
}

#[test]
fn a_fallback_that_is_broken_too_passes_on_to_its_own() {
    let mut outbox =
        Outbox::new(vec![route("ops", Some("chat")), route("chat", Some("phone")), route("phone", None)]);
    outbox.enqueue(&opened("a", &["ops"]), at(0));
    due(&mut outbox, at(0));
    outbox.report("a/0/ops", refused(), at(0));
    due(&mut outbox, at(0));
    outbox.report("a/0/chat", refused(), at(0));
    assert_eq!(due(&mut outbox, at(0)), ["a/0/phone"]);
}

#[test]
fn a_fallback_is_spared_when_its_principal_delivers_first() {
    let mut outbox = Outbox::new(vec![route("ops", Some("phone")), route("phone", None)]);
    outbox.enqueue(&opened("b", &["phone"]), at(29));
    outbox.enqueue(&opened("a", &["ops"]), at(0));
    due(&mut outbox, at(0));
    // The phone is busy with b while a is passed on to it.
    due(&mut outbox, at(30));
    outbox.report("a/0/ops", accepted(), at(31));
    outbox.report("b/0/phone", accepted(), at(32));
    assert!(is_folded_into(&outbox, "a/0/phone", "a/0/ops"));
    assert_eq!(outbox.next_try(), None);
}

#[test]
fn a_later_step_to_the_fallback_is_told_though_the_principal_delivers_the_opening() {
    let mut outbox = Outbox::new(vec![route("ops", Some("phone")), route("phone", None)]);
    outbox.enqueue(&opened("b", &["phone"]), at(29));
    outbox.enqueue(&opened("a", &["ops"]), at(0));
    due(&mut outbox, at(0));
    // The phone is busy with b while a is passed on to it, and then its own step comes.
    due(&mut outbox, at(30));
    outbox.enqueue(&step("a", 1, &["phone"]), at(30));
    assert!(is_folded_into(&outbox, "a/1/phone", "a/0/phone"));
    outbox.report("a/0/ops", accepted(), at(31));
    outbox.report("b/0/phone", accepted(), at(32));
    let sent = outbox.due(at(32));
    assert_eq!((sent.len(), sent[0].key.as_str(), sent[0].folded.len()), (1, "a/0/phone", 1));
}

#[test]
fn who_was_told_as_a_fallback_hears_the_end() {
    let mut outbox = Outbox::new(vec![route("ops", Some("phone")), route("phone", None)]);
    outbox.enqueue(&opened("a", &["ops"]), at(0));
    due(&mut outbox, at(0));
    due(&mut outbox, at(30));
    outbox.report("a/0/phone", accepted(), at(31));
    outbox.report("a/0/ops", accepted(), at(32));
    let mut outbox = Outbox::restore(outbox.entries().cloned().collect(), outbox.routes.clone());
    outbox.prune(at(10_000));
    outbox.enqueue(&resolved("a", 1, &["ops"]), at(9_000));
    let sent = outbox.due(at(9_000));
    assert_eq!(sent.iter().map(|one| one.key.as_str()).collect::<Vec<_>>(), ["a/1/ops", "a/1/phone"]);
    assert!(sent.iter().all(|one| !one.entry.late));
    outbox.report("a/1/ops", accepted(), at(9_001));
    outbox.report("a/1/phone", not_now(), at(9_001));
    assert_eq!(due(&mut outbox, at(9_010)), ["a/1/phone"], "the principal's success does not excuse it");
}

#[test]
fn an_end_before_the_opening_was_told_is_one_late_message() {
    let mut outbox = Outbox::new(vec![route("ops", None)]);
    outbox.enqueue(&opened("a", &["ops"]), at(0));
    due(&mut outbox, at(0));
    outbox.enqueue(&resolved("a", 1, &["ops"]), at(1));
    assert_eq!(due(&mut outbox, at(1)), Vec::<String>::new(), "not before the opening's fate is known");
    outbox.report("a/0/ops", not_now(), at(2));
    assert!(is_folded_into(&outbox, "a/0/ops", "a/1/ops"));
    let sent = outbox.due(at(7));
    assert_eq!(sent.len(), 1);
    assert!(sent[0].entry.late);
    assert_eq!(sent[0].folded.len(), 1);
    assert_eq!(sent[0].folded[0].page.number, 0);
}

#[test]
fn an_end_after_a_told_opening_is_not_late() {
    let mut outbox = Outbox::new(vec![route("ops", None)]);
    outbox.enqueue(&opened("a", &["ops"]), at(0));
    due(&mut outbox, at(0));
    outbox.enqueue(&resolved("a", 1, &["ops"]), at(1));
    outbox.report("a/0/ops", accepted(), at(2));
    let sent = outbox.due(at(2));
    assert_eq!(sent[0].key, "a/1/ops");
    assert!(!sent[0].entry.late);
}

#[test]
fn a_fallback_that_hears_of_it_after_the_end_hears_one_late_message() {
    let mut outbox = Outbox::new(vec![route("ops", Some("phone")), route("phone", None)]);
    outbox.enqueue(&opened("a", &["ops"]), at(0));
    due(&mut outbox, at(0));
    outbox.enqueue(&resolved("a", 1, &["ops"]), at(1));
    outbox.report("a/0/ops", refused(), at(2));
    let sent = outbox.due(at(2));
    let keys: Vec<&str> = sent.iter().map(|one| one.key.as_str()).collect();
    assert_eq!(keys, ["a/1/ops", "a/1/phone"]);
    assert!(sent.iter().all(|one| one.entry.late));
}

#[test]
fn of_several_undelivered_reminders_the_newest_is_told() {
    let mut outbox = Outbox::new(vec![route("ops", None)]);
    outbox.enqueue(&opened("a", &["ops"]), at(0));
    due(&mut outbox, at(0));
    outbox.report("a/0/ops", accepted(), at(0));
    outbox.enqueue(&reminder("a", 1, &["ops"]), at(3600));
    due(&mut outbox, at(3600));
    outbox.report("a/1/ops", not_now(), at(3600));
    outbox.enqueue(&reminder("a", 2, &["ops"]), at(3601));
    assert!(is_folded_into(&outbox, "a/1/ops", "a/2/ops"));
    assert_eq!(due(&mut outbox, at(3605)), ["a/2/ops"]);
}

#[test]
fn a_reminder_of_what_was_never_told_is_the_opening() {
    let mut outbox = Outbox::new(vec![route("ops", None)]);
    outbox.enqueue(&opened("a", &["ops"]), at(0));
    due(&mut outbox, at(0));
    outbox.report("a/0/ops", not_now(), at(0));
    outbox.enqueue(&reminder("a", 1, &["ops"]), at(1));
    assert!(is_folded_into(&outbox, "a/1/ops", "a/0/ops"));
    let sent = outbox.due(at(5));
    assert_eq!((sent.len(), sent[0].key.as_str(), sent[0].folded.len()), (1, "a/0/ops", 1));
}

#[test]
fn a_storm_is_told_as_twenty_pages_and_a_list() {
    let mut outbox = Outbox::new(vec![route("ops", None)]);
    let mut told = Vec::new();
    let mut now = at(0);
    for n in 0..100 {
        now = at(n);
        outbox.enqueue(&opened(&format!("i{n}"), &["ops"]), now);
        for one in outbox.due(now) {
            outbox.report(&one.key, accepted(), now);
            told.push(one);
        }
    }
    // Two of them end: one that was told, one that is in the list.
    outbox.enqueue(&resolved("i3", 1, &["ops"]), now);
    outbox.enqueue(&resolved("i50", 1, &["ops"]), now);
    while let Some(next) = outbox.next_try() {
        now = now.max(next);
        for one in outbox.due(now) {
            outbox.report(&one.key, accepted(), now);
            told.push(one);
        }
    }
    assert_eq!(told.len(), 21);
    let list = &told[20];
    assert!(list.entry.digest);
    assert_eq!(list.key, "i20/0/ops+81");
    assert_eq!(now, at(99 + 60), "a minute after the last one");
    let ends: Vec<(&str, bool)> = list
        .folded
        .iter()
        .filter(|entry| entry.page.news.is_end())
        .map(|entry| (entry.page.incident.as_str(), entry.late))
        .collect();
    assert_eq!(ends, [("i3", false), ("i50", true)]);
    // Calm again.
    outbox.enqueue(&opened("later", &["ops"]), now + Span::minutes(6));
    assert_eq!(due(&mut outbox, now + Span::minutes(6)), ["later/0/ops"]);
}

#[test]
fn a_storm_without_end_is_told_every_five_minutes() {
    let mut outbox = Outbox::new(vec![route("ops", None)]);
    let mut lists = Vec::new();
    for n in 0..3600 {
        outbox.enqueue(&opened(&format!("i{n}"), &["ops"]), at(n));
        for one in outbox.due(at(n)) {
            outbox.report(&one.key, accepted(), at(n));
            if one.entry.digest {
                lists.push(n);
            }
        }
    }
    assert_eq!(lists.len(), 11, "{lists:?}");
}

#[test]
fn what_could_not_be_told_for_a_day_becomes_one_list() {
    let mut outbox = Outbox::new(vec![route("ops", None)]);
    outbox.enqueue(&opened("a", &["ops"]), at(0));
    outbox.enqueue(&opened("b", &["ops"]), at(3600));
    let mut now = at(3600);
    while now < at(26 * 3600) {
        for key in due(&mut outbox, now) {
            outbox.report(&key, not_now(), now);
        }
        now = now.max(outbox.next_try().expect("never gives up"));
    }
    let sent = outbox.due(now);
    assert_eq!(sent.len(), 1);
    assert!(sent[0].entry.digest);
    assert_eq!(sent[0].folded.len(), 1);
}

#[test]
fn what_waits_for_a_channel_that_is_gone_goes_to_another() {
    let mut outbox = Outbox::new(vec![route("ops", None), route("chat", None)]);
    outbox.enqueue(&opened("a", &["ops"]), at(0));
    outbox.enqueue(&opened("b", &["ops", "chat"]), at(0));
    outbox.channels(vec![route("chat", None)], at(1));
    assert!(matches!(state(&outbox, "a/0/ops"), Some(EntryState::Refused { .. })));
    assert_eq!(due(&mut outbox, at(1)), ["b/0/chat"]);
    outbox.report("b/0/chat", accepted(), at(1));
    assert_eq!(due(&mut outbox, at(1)), ["a/0/chat"]);
}

#[test]
fn a_clock_set_back_does_not_silence_a_channel() {
    let mut outbox = Outbox::new(vec![route("ops", Some("phone")), route("phone", None)]);
    outbox.enqueue(&opened("a", &["ops"]), at(7200));
    due(&mut outbox, at(7200));
    outbox.report("a/0/ops", not_now(), at(7200));
    outbox.report("a/0/ops", not_now(), at(0));
    outbox.due(at(0));
    assert_eq!(outbox.next_try(), Some(at(30)), "the fallback's turn");
    outbox.due(at(30));
    assert_eq!(due(&mut outbox, at(60)), ["a/0/ops"]);
}

#[test]
fn a_restart_changes_nothing_but_the_count_of_failures() {
    let routes = vec![route("ops", Some("phone")), route("phone", None)];
    let mut outbox = Outbox::new(routes.clone());
    outbox.enqueue(&opened("a", &["ops"]), at(0));
    due(&mut outbox, at(0));
    outbox.report("a/0/ops", not_now(), at(0));
    let mut again = Outbox::restore(outbox.changes(), routes);
    assert_eq!(again.next_try(), outbox.next_try());
    assert_eq!(again.due(at(5)), outbox.due(at(5)));
    assert_eq!(due(&mut again, at(30)), ["a/0/phone"]);
}

#[test]
fn the_oldest_page_that_nobody_heard_has_an_age() {
    let mut outbox = Outbox::new(vec![route("ops", Some("phone")), route("phone", None)]);
    outbox.enqueue(&opened("a", &["ops"]), at(0));
    outbox.due(at(0));
    assert_eq!(outbox.oldest_undelivered(at(20)), Some(Span::seconds(20)));
    outbox.due(at(30));
    outbox.report("a/0/phone", accepted(), at(31));
    assert_eq!(outbox.oldest_undelivered(at(40)), None, "the phone told it");
}

#[test]
fn pruning_keeps_what_the_end_needs() {
    let mut outbox = Outbox::new(vec![route("ops", None)]);
    outbox.enqueue(&opened("a", &["ops"]), at(0));
    outbox.enqueue(&opened("b", &["ops"]), at(0));
    outbox.enqueue(&reminder("b", 1, &["ops"]), at(0));
    for _ in 0..3 {
        for key in due(&mut outbox, at(0)) {
            outbox.report(&key, accepted(), at(0));
        }
    }
    outbox.enqueue(&resolved("a", 1, &["ops"]), at(10));
    assert_eq!(outbox.prune(at(5)), ["b/1/ops"], "a's end still waits");
    for key in due(&mut outbox, at(10)) {
        outbox.report(&key, accepted(), at(10));
    }
    let mut gone = outbox.prune(at(100));
    gone.sort();
    assert_eq!(gone, ["a/0/ops", "a/1/ops"]);
    assert!(state(&outbox, "b/0/ops").is_some());
}

#[test]
fn nobody_has_heard_of_an_incident_until_a_channel_took_a_page() {
    let incident = IncidentId::new("i1").expect("a good name");
    let mut outbox = Outbox::new(vec![route("ops", None), route("chat", None)]);
    outbox.enqueue(&opened("i1", &["ops", "chat"]), at(0));
    assert_eq!((outbox.is_heard(&incident), outbox.refusal(&incident)), (false, None));
    let keys: Vec<String> = outbox.due(at(0)).into_iter().map(|dispatch| dispatch.key).collect();
    let gone = Delivery::NotNow { why: "connection refused".into(), retry_at: None };
    outbox.report(&keys[0], gone, at(1));
    assert!(!outbox.is_heard(&incident));
    assert!(outbox.refusal(&incident).is_some_and(|why| why.ends_with(": connection refused")));
    outbox.report(&keys[1], accepted(), at(2));
    assert!(outbox.is_heard(&incident));
}
