//! Two other implementations as witnesses: cronsim 2.7 (recorded) and croner 4 (asked in the test).
//!
//! cronsim is compared on 8,428 recorded cases, most of them starting shortly before a change of offset; 8,425 agree.
//! The three others are printed by the test. All are Havana, where the gap is 00:00 to 01:00 of a Sunday, and the
//! witness is wrong in each by the rules of `cron(8)`:
//! - `* */5 * * */5` and `* */10 * * */5`: cronsim names 01:00 of that Sunday. Hour 1 is not in the list, hour 0 is, and
//!   a job with a star in minute or hour follows the clock: nothing is made up for the skipped hour.
//! - `*/10 1 * * */15`: cronsim leaves out the whole Sunday, as its midnight does not exist; 01:00 to 01:50 do.
//!
//! croner means a wider dialect and treats the changes of offset in its own way, so it is compared away from them; the
//! changes themselves are judged by the daemon in `schedule_clockwork`.

use std::io::Read;

use croner::parser::CronParser;
use flate2::read::GzDecoder;
use jiff::tz::TimeZone;
use muster_core::schedule::Schedule;
use muster_core::time::Timestamp;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use crate::schedule_random::expressions;

/// Tab-separated: expression, IANA zone, start in Unix seconds, the next eight instants.
const CRONSIM: &[u8] = include_bytes!("../data/cronsim.tsv.gz");

#[test]
fn cronsim_agrees_on_whole_hour_zones() {
    let mut text = String::new();
    GzDecoder::new(CRONSIM).read_to_string(&mut text).expect("gzip");
    let (mut same, mut cases) = (0_u32, 0_u32);
    for line in text.lines() {
        let columns: Vec<&str> = line.split('\t').collect();
        let [text, zone, start, expected] = columns[..] else { panic!("four columns: {line}") };
        cases += 1;
        let found = Schedule::parse(text, zone).map(|schedule| {
            let mut now = Timestamp::from_seconds(start.parse().expect("number"));
            std::iter::from_fn(|| {
                now = schedule.next_after(now).ok()?;
                Some(now.seconds().to_string())
            })
            .take(8)
            .collect::<Vec<_>>()
            .join(",")
        });
        match found {
            Ok(found) if found == expected => same += 1,
            other => println!("{text} | {zone} | {start}\n  cronsim {expected}\n  muster  {other:?}"),
        }
    }
    println!("cronsim: {same} of {cases} agree");
    assert!(cases > 8_000 && same * 1000 >= cases * 999, "only {same} of {cases} agree");
}

#[test]
fn croner_agrees_away_from_the_changes_of_offset() {
    let zones = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"];
    let mut runner = TestRunner::deterministic();
    let cases = (expressions(), 0..zones.len(), 0_i64..4_000_000_000);
    let mut compared = 0;
    while compared < 3_000 {
        let (text, zone, start) = cases.new_tree(&mut runner).expect("tree").current();
        let rules = TimeZone::get(zones[zone]).expect("known");
        let words: Vec<&str> = text.split(' ').collect();
        // croner has no star bit: it is told which of the two meanings holds.
        let both = words[2].starts_with('*') || words[4].starts_with('*');
        let (Ok(ours), Ok(theirs)) = (
            Schedule::parse(&text, zones[zone]),
            CronParser::builder().dom_and_dow(both).build().parse(&text),
        ) else {
            continue;
        };
        let found = ours.next_after(Timestamp::from_seconds(start)).expect("computable");
        let near = |seconds: i64| {
            let early = jiff::Timestamp::from_second(seconds - 4 * 3600).expect("in range");
            rules.following(early).next().is_some_and(|c| c.timestamp().as_second() < seconds + 4 * 3600)
        };
        if near(found.seconds()) || near(start) {
            continue;
        }
        let from = jiff::Timestamp::from_second(start).expect("in range").to_zoned(rules);
        let expected = theirs.find_next_occurrence(&from, false).expect("croner finds it");
        assert_eq!(
            found.seconds(),
            expected.timestamp().as_second(),
            "{text} in {} after {from}",
            zones[zone]
        );
        compared += 1;
    }
}
