//! Pages of one moment, storms, and quotas.

use super::*;

fn caused(page: Page, host: &str) -> Page {
    Page { causes: vec![Cause::Target(host.to_owned())], ..page }
}

fn one() -> Outbox {
    Outbox::new(vec![route("ops", None)])
}

/// With so many messages a day, of which so many were sent an hour ago.
fn thrifty(quota: u32, spent: u32, fallback: Option<&str>) -> Outbox {
    let mut ops = route("ops", fallback);
    ops.quota = Some(quota);
    let mut outbox = Outbox::new(vec![ops, route("phone", None)]);
    for n in 0..spent {
        let now = at(-3600 - 60 * i64::from(spent - n));
        outbox.enqueue(&opened(&format!("old{n}"), &["ops"]), now);
        tell(&mut outbox, now);
    }
    outbox
}

/// Accepts whatever is due; the keys.
fn tell(outbox: &mut Outbox, now: Timestamp) -> Vec<String> {
    let mut told = Vec::new();
    for _ in 0..100 {
        let keys = due(outbox, now);
        if keys.is_empty() {
            break;
        }
        for key in keys {
            outbox.report(&key, accepted(), now);
            told.push(key);
        }
    }
    told
}

#[test]
fn the_first_page_goes_at_once_and_what_belongs_to_it_follows_in_one_message() {
    let mut outbox = one();
    outbox.enqueue(&caused(opened("a", &["ops"]), "db"), at(0));
    assert_eq!(tell(&mut outbox, at(0)), ["a/0/ops"], "nothing waits for company that may not come");
    for (incident, second) in [("b", 1), ("c", 2), ("d", 9)] {
        outbox.enqueue(&caused(opened(incident, &["ops"]), "db"), at(second));
        assert_eq!(tell(&mut outbox, at(second)), Vec::<String>::new());
    }
    assert_eq!(outbox.next_try(), Some(at(10)));
    let sent = outbox.due(at(10));
    assert_eq!((sent.len(), sent[0].key.as_str(), sent[0].folded.len()), (1, "b/0/ops+2", 2));
    assert!(sent[0].entry.digest);
    outbox.report("b/0/ops+2", accepted(), at(10));
    outbox.enqueue(&caused(opened("e", &["ops"]), "db"), at(11));
    assert_eq!(tell(&mut outbox, at(11)), ["e/0/ops"], "a new window");
    for incident in ["a", "b", "c", "d"] {
        outbox.enqueue(&resolved(incident, 1, &["ops"]), at(20));
    }
    assert_eq!(tell(&mut outbox, at(20)), ["a/1/ops", "b/1/ops", "c/1/ops", "d/1/ops"], "every end is told");
}

#[test]
fn what_has_another_cause_or_says_another_thing_goes_at_once() {
    let mut outbox = one();
    outbox.enqueue(&caused(opened("a", &["ops"]), "db"), at(0));
    outbox.enqueue(&caused(opened("b", &["ops"]), "web"), at(1));
    outbox.enqueue(&opened("c", &["ops"]), at(1));
    assert_eq!(tell(&mut outbox, at(1)), ["a/0/ops", "b/0/ops", "c/0/ops"]);
    outbox.enqueue(&caused(resolved("a", 1, &["ops"]), "db"), at(2));
    assert_eq!(tell(&mut outbox, at(2)), ["a/1/ops"], "an end does not wait behind an opening");
}

#[test]
fn one_that_stays_alone_in_its_window_is_a_page_like_any_other() {
    let mut outbox = one();
    outbox.enqueue(&caused(opened("a", &["ops"]), "db"), at(0));
    tell(&mut outbox, at(0));
    outbox.enqueue(&caused(opened("b", &["ops"]), "db"), at(3));
    let sent = outbox.due(at(10));
    assert_eq!((sent[0].key.as_str(), sent[0].entry.digest), ("b/0/ops", false));
}

#[test]
fn a_hundred_of_one_cause_are_two_messages_and_no_storm() {
    let mut outbox = one();
    for n in 0..100 {
        outbox.enqueue(&caused(opened(&format!("i{n}"), &["ops"]), "db"), at(n / 20));
        if n == 0 {
            assert_eq!(tell(&mut outbox, at(0)), ["i0/0/ops"]);
        }
    }
    let sent = outbox.due(at(10));
    assert_eq!((sent.len(), sent[0].folded.len()), (1, 98));
    outbox.report(&sent[0].key, accepted(), at(10));
    outbox.enqueue(&caused(opened("other", &["ops"]), "web"), at(11));
    assert_eq!(tell(&mut outbox, at(11)), ["other/0/ops"]);
}

#[test]
fn a_restart_within_the_window_changes_nothing() {
    let mut outbox = one();
    outbox.enqueue(&caused(opened("a", &["ops"]), "db"), at(0));
    tell(&mut outbox, at(0));
    outbox.enqueue(&caused(opened("b", &["ops"]), "db"), at(3));
    let mut again = Outbox::restore(outbox.changes(), outbox.routes.clone());
    for outbox in [&mut outbox, &mut again] {
        outbox.enqueue(&caused(opened("c", &["ops"]), "db"), at(5));
        assert_eq!(due(outbox, at(5)), Vec::<String>::new());
        assert_eq!(due(outbox, at(10)), ["b/0/ops+1"]);
    }
}

#[test]
fn a_storm_that_goes_on_is_one_list_in_five_minutes() {
    let mut outbox = one();
    let mut lists = Vec::new();
    // Bursts with more than a minute between them: each would be calm enough for a list of its own.
    for n in 0..1800 {
        if n % 90 < 25 {
            outbox.enqueue(&opened(&format!("i{n}"), &["ops"]), at(n));
        }
        for one in outbox.due(at(n)) {
            outbox.report(&one.key, accepted(), at(n));
            if one.entry.digest {
                lists.push(n);
            }
        }
    }
    assert!(lists.len() >= 4, "{lists:?}");
    assert!(lists.windows(2).all(|pair| pair[1] - pair[0] >= 300), "{lists:?}");
}

#[test]
fn the_last_fifth_of_a_quota_is_kept_for_first_news() {
    let mut outbox = thrifty(20, 15, None);
    outbox.enqueue(&resolved("old0", 1, &["ops"]), at(0));
    assert_eq!(tell(&mut outbox, at(0)), ["old0/1/ops"], "a quarter is left");
    for n in 1..4 {
        outbox.enqueue(&resolved(&format!("old{n}"), 1, &["ops"]), at(n));
        outbox.enqueue(&reminder(&format!("old{}", n + 4), 1, &["ops"]), at(n));
    }
    assert_eq!(tell(&mut outbox, at(60)), Vec::<String>::new());
    outbox.enqueue(&opened("new", &["ops"]), at(100));
    outbox.enqueue(&step("new", 1, &["ops"]), at(101));
    assert_eq!(
        tell(&mut outbox, at(101)),
        ["new/0/ops"],
        "first news does not wait, and tells the step with it"
    );
    let mut outbox = Outbox::restore(outbox.entries().cloned().collect(), outbox.routes.clone());
    assert_eq!(
        tell(&mut outbox, at(3599)),
        Vec::<String>::new(),
        "a restart forgets no message that was sent"
    );
    let list = outbox.due(at(3601));
    assert_eq!((list.len(), list[0].folded.len()), (1, 5), "nothing is lost");
    assert_eq!(list[0].folded.iter().filter(|entry| entry.page.news.is_end()).count(), 2);
}

#[test]
fn when_nothing_is_left_the_fallback_hears_it_at_once_and_the_channel_within_five_minutes() {
    let mut outbox = thrifty(10, 10, Some("phone"));
    outbox.enqueue(&opened("a", &["ops"]), at(0));
    outbox.enqueue(&opened("b", &["ops"]), at(1));
    assert_eq!(tell(&mut outbox, at(1)), ["a/0/phone", "b/0/phone"]);
    assert_eq!(tell(&mut outbox, at(300)), ["a/0/ops+1"]);
    // A day later all is as before.
    outbox.enqueue(&opened("c", &["ops"]), at(90_000));
    assert_eq!(tell(&mut outbox, at(90_000)), ["c/0/ops"]);
}

#[test]
fn first_news_brings_along_what_waited_for_the_sake_of_the_quota() {
    let mut outbox = thrifty(10, 8, None);
    outbox.enqueue(&reminder("old0", 1, &["ops"]), at(0));
    outbox.enqueue(&reminder("old1", 1, &["ops"]), at(0));
    assert_eq!(tell(&mut outbox, at(0)), Vec::<String>::new());
    outbox.enqueue(&step("old1", 2, &["ops"]), at(60));
    assert_eq!(tell(&mut outbox, at(60)), ["old0/1/ops+2"], "a step is not held back by a list it is in");
}

#[test]
fn a_test_of_a_channel_is_never_held_back() {
    let mut outbox = thrifty(10, 10, None);
    outbox.enqueue(&page("test", 0, News::Test { by: "ann".to_owned() }, &["ops"]), at(0));
    assert_eq!(tell(&mut outbox, at(0)), ["test/0/ops"]);
}

#[test]
fn a_spent_quota_is_seen_until_there_is_room_for_more_than_first_news() {
    let outbox = thrifty(10, 10, None);
    let usage = |now| outbox.usage(now).next().expect("ops").1;
    assert_eq!(usage(at(0)), Usage { messages: 10, quota: Some(10) });
    assert!(usage(at(0)).is_spent() && !usage(at(0)).has_room());
    // The oldest of them is a day old after an hour less, and the others follow by the minute.
    let later = at(86_400 - 3600 - 9 * 60);
    assert_eq!(usage(later).messages, 8);
    assert!(!usage(later).is_spent() && !usage(later).has_room());
    assert!(usage(later + Span::minutes(1)).has_room());
    let free = outbox.usage(at(0)).nth(1).expect("phone").1;
    assert!(!free.is_spent() && free.has_room());
}
