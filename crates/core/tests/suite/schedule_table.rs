//! Schedules by hand: grammar, refusals, and every shape of daylight saving with its expected instants.

use muster_core::schedule::{Schedule, ScheduleError};
use muster_core::time::{Span, Timestamp};

fn at(text: &str) -> Timestamp {
    let instant: jiff::Timestamp = text.parse().expect("RFC 3339");
    Timestamp::from_seconds(instant.as_second())
}

fn schedule(text: &str, zone: &str) -> Schedule {
    Schedule::parse(text, zone).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Expression, zone, start, and the next instants.
type Case = (&'static str, &'static str, &'static str, &'static [&'static str]);

fn check(cases: &[Case]) {
    for (text, zone, start, expected) in cases {
        let schedule = schedule(text, zone);
        let mut now = at(start);
        for instant in *expected {
            now = schedule.next_after(now).expect("computable");
            assert_eq!(now, at(instant), "{text} in {zone} from {start}: got {now}, want {instant}");
        }
    }
}

#[test]
fn the_grammar_of_crontab_is_understood() {
    check(&[
        ("* * * * *", "UTC", "2026-11-21T08:00:00Z", &["2026-11-21T08:01:00Z", "2026-11-21T08:02:00Z"]),
        ("*/20 * * * *", "UTC", "2026-11-21T08:39:59Z", &["2026-11-21T08:40:00Z", "2026-11-21T09:00:00Z"]),
        (
            "5-50/20 6-7 * * *",
            "UTC",
            "2026-11-21T06:30:00Z",
            &["2026-11-21T06:45:00Z", "2026-11-21T07:05:00Z"],
        ),
        ("0 0 * * 7", "UTC", "2026-11-21T00:00:00Z", &["2026-11-22T00:00:00Z", "2026-11-29T00:00:00Z"]),
        (
            "0 0 * * 5-7",
            "UTC",
            "2026-11-19T00:00:00Z",
            &["2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z", "2026-11-27T00:00:00Z"],
        ),
        (
            "0 12 * JAN Mon-wed",
            "UTC",
            "2026-11-21T00:00:00Z",
            &["2027-01-04T12:00:00Z", "2027-01-05T12:00:00Z", "2027-01-06T12:00:00Z", "2027-01-11T12:00:00Z"],
        ),
        ("  00\t02 *  * *  ", "UTC", "2026-11-21T03:00:00Z", &["2026-11-22T02:00:00Z"]),
        ("*/90 * * * *", "UTC", "2026-11-21T03:00:00Z", &["2026-11-21T04:00:00Z"]),
        ("13-13/3 0 * * *", "UTC", "2026-11-21T00:13:00Z", &["2026-11-22T00:13:00Z"]),
        ("@hourly", "UTC", "2026-11-21T03:00:01Z", &["2026-11-21T04:00:00Z"]),
        ("@daily", "UTC", "2026-11-21T03:00:00Z", &["2026-11-22T00:00:00Z"]),
        ("@weekly", "UTC", "2026-11-21T03:00:00Z", &["2026-11-22T00:00:00Z", "2026-11-29T00:00:00Z"]),
        ("@monthly", "UTC", "2026-11-21T03:00:00Z", &["2026-12-01T00:00:00Z"]),
        ("@annually", "UTC", "2026-11-21T03:00:00Z", &["2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z"]),
    ]);
}

#[test]
fn days_are_either_or_unless_one_field_starts_with_a_star() {
    check(&[
        // Either: the 13th or a Friday.
        (
            "0 0 13 * 5",
            "UTC",
            "2026-11-21T00:00:00Z",
            &["2026-11-27T00:00:00Z", "2026-12-04T00:00:00Z", "2026-12-11T00:00:00Z", "2026-12-13T00:00:00Z"],
        ),
        // Both: odd days that are Mondays.
        (
            "0 0 */2 * 1",
            "UTC",
            "2026-11-21T00:00:00Z",
            &["2026-11-23T00:00:00Z", "2026-12-07T00:00:00Z", "2026-12-21T00:00:00Z"],
        ),
        // Both: the first of a month that is a Sunday, Wednesday or Saturday.
        ("0 0 1 * */3", "UTC", "2026-11-21T00:00:00Z", &["2027-05-01T00:00:00Z"]),
        ("0 0 1 * 1-7", "UTC", "2026-11-21T00:00:00Z", &["2026-11-22T00:00:00Z"]),
    ]);
}

#[test]
fn rare_days_are_found_however_far_they_are() {
    check(&[
        (
            "0 0 29 2 *",
            "Europe/Berlin",
            "2026-11-21T00:00:00Z",
            &["2028-02-28T23:00:00Z", "2032-02-28T23:00:00Z"],
        ),
        ("0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z", &["2104-02-29T00:00:00Z"]),
        // The longest wait there is: a leap day on one weekday across 2100.
        ("0 0 29 2 */7", "America/New_York", "2088-03-01T00:00:00Z", &["2128-02-29T05:00:00Z"]),
        ("0 0 31 */2 *", "UTC", "2026-11-21T00:00:00Z", &["2027-01-31T00:00:00Z", "2027-03-31T00:00:00Z"]),
    ]);
}

#[test]
fn a_fixed_time_in_the_gap_runs_once_right_after_it() {
    check(&[
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2026-03-28T22:00:00Z",
            &["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
        ),
        (
            "0,15,30 2 * * *",
            "Europe/Berlin",
            "2026-03-28T22:00:00Z",
            &["2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"],
        ),
        (
            "30 2,3 * * *",
            "Europe/Berlin",
            "2026-03-28T22:00:00Z",
            &["2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"],
        ),
        // The end of the gap is a slot of its own: still one run.
        (
            "0 2,3 * * *",
            "Europe/Berlin",
            "2026-03-28T22:00:00Z",
            &["2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"],
        ),
        (
            "27-58 0 * * *",
            "America/Havana",
            "2026-03-08T04:00:00Z",
            &["2026-03-08T05:00:00Z", "2026-03-09T04:27:00Z"],
        ),
        // Half an hour: from 02:00 to 02:30.
        (
            "15 2 * * *",
            "Australia/Lord_Howe",
            "2026-10-03T10:00:00Z",
            &["2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"],
        ),
        // From 02:45 to 03:45.
        (
            "0 3 * * *",
            "Pacific/Chatham",
            "2026-09-26T10:00:00Z",
            &["2026-09-26T14:00:00Z", "2026-09-27T13:15:00Z"],
        ),
        (
            "45 */3 * * *",
            "Pacific/Chatham",
            "2026-09-26T10:00:00Z",
            &["2026-09-26T12:00:00Z", "2026-09-26T14:00:00Z", "2026-09-26T17:00:00Z"],
        ),
        // Only on this very night.
        (
            "30 2 29 3 *",
            "Europe/Berlin",
            "2026-03-28T22:00:00Z",
            &["2026-03-29T01:00:00Z", "2027-03-29T00:30:00Z"],
        ),
    ]);
}

#[test]
fn a_star_in_minute_or_hour_follows_the_clock_over_the_gap() {
    check(&[
        ("*/30 2 * * *", "Europe/Berlin", "2026-03-28T22:00:00Z", &["2026-03-30T00:00:00Z"]),
        ("30 * * * *", "Europe/Berlin", "2026-03-29T00:30:00Z", &["2026-03-29T01:30:00Z"]),
        ("30 */2 * * *", "Europe/Berlin", "2026-03-28T23:30:00Z", &["2026-03-29T02:30:00Z"]),
    ]);
}

#[test]
fn a_fixed_time_that_comes_twice_runs_the_first_time() {
    check(&[
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2026-10-24T22:00:00Z",
            &["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
        ),
        (
            "0 2,3 * * *",
            "Europe/Berlin",
            "2026-10-24T22:00:00Z",
            &["2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z"],
        ),
        // Asked between the two, at the change, and within the second.
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T00:45:00Z", &["2026-10-26T01:30:00Z"]),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T01:00:00Z", &["2026-10-26T01:30:00Z"]),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", &["2026-10-26T01:30:00Z"]),
        (
            "45 1 * * *",
            "Australia/Lord_Howe",
            "2026-04-04T10:00:00Z",
            &["2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"],
        ),
        (
            "0 3 * * *",
            "Pacific/Chatham",
            "2026-04-04T10:00:00Z",
            &["2026-04-04T13:15:00Z", "2026-04-05T14:15:00Z"],
        ),
        (
            "0 0 * * *",
            "America/Havana",
            "2026-10-31T12:00:00Z",
            &["2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"],
        ),
    ]);
}

#[test]
fn a_star_in_minute_or_hour_runs_in_both_repeated_hours() {
    check(&[
        (
            "30 * * * *",
            "Europe/Berlin",
            "2026-10-25T00:00:00Z",
            &["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"],
        ),
        (
            "*/30 2 * * *",
            "Europe/Berlin",
            "2026-10-24T22:00:00Z",
            &[
                "2026-10-25T00:00:00Z",
                "2026-10-25T00:30:00Z",
                "2026-10-25T01:00:00Z",
                "2026-10-25T01:30:00Z",
                "2026-10-26T01:00:00Z",
            ],
        ),
        (
            "@hourly",
            "Europe/Berlin",
            "2026-10-24T23:30:00Z",
            &["2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"],
        ),
        (
            "45 */3 * * *",
            "Pacific/Chatham",
            "2026-04-04T10:00:00Z",
            &["2026-04-04T11:00:00Z", "2026-04-04T15:00:00Z", "2026-04-04T18:00:00Z"],
        ),
    ]);
}

#[test]
fn a_day_that_a_country_left_out_has_no_slots() {
    check(&[
        ("0 3 * * *", "Pacific/Apia", "2011-12-29T20:00:00Z", &["2011-12-30T13:00:00Z"]),
        ("0 3 30 12 *", "Pacific/Apia", "2011-12-29T20:00:00Z", &["2012-12-29T13:00:00Z"]),
        (
            "*/30 * * * *",
            "Pacific/Apia",
            "2011-12-30T09:29:00Z",
            &["2011-12-30T09:30:00Z", "2011-12-30T10:00:00Z"],
        ),
    ]);
}

#[test]
fn an_interval_is_the_distance_between_two_instants() {
    let now = at("2026-11-21T08:00:00Z");
    assert_eq!(schedule("*/5 * * * *", "UTC").interval_hint(now), Span::minutes(5));
    assert_eq!(schedule("@daily", "UTC").interval_hint(now), Span::days(1));
    assert_eq!(schedule("@daily", "UTC").interval_hint(Timestamp::from_millis(i64::MAX)), Span::ZERO);
}

#[test]
fn a_schedule_at_the_end_of_time_is_uncomputable_and_says_so() {
    let daily = schedule("@daily", "Europe/Berlin");
    for end in
        [at("9999-12-30T21:00:00Z"), Timestamp::from_millis(i64::MAX), Timestamp::from_millis(i64::MIN)]
    {
        let mut now = end;
        let error = loop {
            match daily.next_after(now) {
                Ok(next) => now = next,
                Err(error) => break error,
            }
        };
        assert!(error.to_string().contains("@daily"), "{error}");
    }
}

#[test]
fn the_same_text_and_zone_are_the_same_schedule() {
    let one = schedule("0 2 * * *", "UTC");
    assert_eq!(one, one.clone());
    assert_eq!(one, schedule("0 2 * * *", "UTC"));
    assert_ne!(one, schedule("0 2 * * *", "Europe/Berlin"));
    assert_eq!(format!("{one:?}"), "Schedule(\"0 2 * * *\", \"UTC\")");
    assert_eq!((one.text(), one.zone(), one.five_fields()), ("0 2 * * *", "UTC", "0 2 * * *"));
    assert_eq!(schedule(" @weekly ", "UTC").five_fields(), "0 0 * * 0");
}

#[test]
fn a_refusal_names_the_place_and_what_to_write() {
    // Expression, what is underlined, words of the fault, words of the help.
    for (text, place, what, help) in [
        ("", "", "empty", "0 2 * * *"),
        ("60 * * * *", "60", "not a valid minute", "0 to 59"),
        ("0 24 * * *", "24", "not a valid hour", "0 to 23"),
        ("0 0 0 * *", "0", "not a valid day of month", "1 to 31"),
        ("0 0 * 13 *", "13", "not a valid month", "jan to dec"),
        ("0 0 * * 8", "8", "not a valid day of week", "0 to 7"),
        ("0 0 * * monday", "monday", "not a valid day of week", "\"mon\""),
        ("0 0 * * 1,,3", "", "missing", "0 to 7"),
        ("22-2 * * * *", "22-2", "backwards", "22-59,0-2"),
        ("0 0 * * fri-sun", "fri-sun", "backwards", "5-7"),
        ("5/15 * * * *", "5/15", "step after a single value", "5-59/15"),
        ("*/0 * * * *", "0", "not a step", "*/5"),
        ("*/x * * * *", "x", "not a step", "*/5"),
        ("-5 * * * *", "", "missing", "0 to 59"),
        ("0 0 30 2 *", "30 2", "never comes", "28"),
        ("0 0 31 4,6,9,11 *", "31 4,6,9,11", "never comes", "day that exists"),
        ("* * * *", "* * * *", "4 of five", "day of week"),
        ("0 0 0 * * *", "0 0 0 * * *", "seconds", "every"),
        ("0 0 0 1 1 ? 2026", "0 0 0 1 1 ? 2026", "seconds", "five"),
        ("0 2 * * * root /opt/x.sh", "0 2 * * * root /opt/x.sh", "more than five", "\"0 2 * * *\""),
        ("CRON_TZ=UTC 0 2 * * *", "CRON_TZ=UTC 0 2 * * *", "belongs to another cron", "timezone"),
        ("0 0 ? * 1", "?", "Quartz", "\"*\""),
        ("0 0 L * *", "L", "last", "28-31"),
        ("0 0 LW * *", "LW", "nearest working day", "range"),
        ("0 0 15W * *", "15W", "nearest working day", "range"),
        ("0 0 * * 5L", "5L", "last", "28-31"),
        ("0 0 * * 2#2", "2#2", "n-th", "8-14"),
        ("H 3 * * *", "H", "Jenkins", "choose"),
        ("0~59 * * * *", "0~59", "OpenBSD", "choose"),
        ("@reboot", "@reboot", "no time", "leave the schedule out"),
        ("@every 5m", "@every", "Go", "every = "),
        ("@Daily", "@Daily", "small letters", "@daily"),
        ("@fortnightly", "@fortnightly", "not a short form", "@weekly"),
        ("@daily root", " root", "words after", "ends here"),
        ("0 0 ä * *", "ä", "not a valid day of month", "1 to 31"),
    ] {
        let Err(ScheduleError { what: said, span, help: advice }) = Schedule::parse(text, "UTC") else {
            panic!("{text} was taken")
        };
        assert_eq!(&text[span], place, "{text}: {said}");
        assert!(said.contains(what), "{text}: {said}");
        let advice = advice.expect("help");
        assert!(advice.contains(help), "{text}: {advice}");
    }
    let error = Schedule::parse("@daily", "Europe/Belin").expect_err("no such zone");
    assert!(error.what.contains("Europe/Belin") && error.span.is_empty(), "{error:?}");
}
