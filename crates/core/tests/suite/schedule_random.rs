//! Any expression, any zone, starts near changes of offset: instants strictly increase, nothing hangs or panics.
//!
//! `PROPTEST_CASES=100000` makes it the long run.

use std::sync::OnceLock;

use muster_core::schedule::Schedule;
use muster_core::time::Timestamp;
use proptest::prelude::*;

/// The names of every zone known here.
pub(crate) fn zones() -> &'static [String] {
    static ZONES: OnceLock<Vec<String>> = OnceLock::new();
    ZONES.get_or_init(|| {
        let mut names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
        names.sort();
        assert!(names.len() > 300, "zone data is missing");
        names
    })
}

/// One item of a field.
fn item(low: u8, high: u8) -> impl Strategy<Value = String> {
    let one = low..=high;
    let two = (low..=high, low..=high).prop_map(|(a, b)| (a.min(b), a.max(b)));
    prop_oneof![
        3 => one.prop_map(|value| value.to_string()),
        2 => two.clone().prop_map(|(a, b)| format!("{a}-{b}")),
        1 => (two, 1..=high + 3).prop_map(|((a, b), step)| format!("{a}-{b}/{step}")),
    ]
}

fn field(low: u8, high: u8, star: u32) -> impl Strategy<Value = String> {
    prop_oneof![
        star => Just("*".to_owned()),
        1 => (1..=high + 3).prop_map(|step| format!("*/{step}")),
        3 => item(low, high),
        1 => prop::collection::vec(item(low, high), 2..4).prop_map(|items| items.join(",")),
    ]
}

/// Five random fields: often around the hours of changes, days mostly open.
pub(crate) fn expressions() -> impl Strategy<Value = String> {
    let hour = prop_oneof![2 => field(0, 23, 3), 1 => field(0, 4, 0)];
    (field(0, 59, 2), hour, field(1, 31, 9), field(1, 12, 9), field(0, 7, 9))
        .prop_map(|(minute, hour, day, month, weekday)| format!("{minute} {hour} {day} {month} {weekday}"))
}

/// A start within two days before a change of offset, or anywhere if the zone has no more changes.
fn near_a_change(zone: &str, moment: i64, lead: i64) -> Timestamp {
    let rules = jiff::tz::TimeZone::get(zone).expect("listed");
    let from = jiff::Timestamp::from_second(moment).expect("in range");
    let change = rules.following(from).next().map_or(moment, |change| change.timestamp().as_second());
    Timestamp::from_seconds(change - lead)
}

proptest! {
    #[test]
    fn instants_strictly_increase_whatever_is_asked(
        text in expressions(),
        zone in 0..zones().len(),
        moment in -2_000_000_000_i64..8_000_000_000,
        lead in -7_200_i64..172_800,
    ) {
        let zone = &zones()[zone];
        let Ok(schedule) = Schedule::parse(&text, zone) else {
            // A day that none of its months has: the only thing these generators can write wrong.
            return Ok(());
        };
        let mut now = near_a_change(zone, moment, lead);
        for _ in 0..12 {
            let next = schedule.next_after(now);
            prop_assert!(next.is_ok(), "{:?}", next);
            let next = next.expect("checked");
            prop_assert!(next > now, "{} in {} after {}: {}", text, zone, now, next);
            now = next;
        }
    }

    #[test]
    fn any_text_is_read_or_refused_at_a_place_inside_it(text in "\\PC{0,24}|[-0-9*,/@#?LWH a-z]{0,24}") {
        if let Err(error) = Schedule::parse(&text, "UTC") {
            prop_assert!(text.get(error.span.clone()).is_some(), "{:?}", error);
            prop_assert!(!error.what.is_empty() && error.help.is_some());
        }
    }

    #[test]
    fn any_instant_is_answered_or_refused(millis in any::<i64>(), text in expressions()) {
        if let Ok(schedule) = Schedule::parse(&text, "America/Havana") {
            let after = Timestamp::from_millis(millis);
            if let Ok(next) = schedule.next_after(after) {
                prop_assert!(next > after);
            }
        }
    }
}
