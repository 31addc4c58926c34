//! A second cron, written the other way round: a daemon that wakes every minute, keeps a virtual time beside the
//! clock on the wall and decides by their difference, as `cron(8)` tells it. Slow, short and independent of the
//! search; both must name the same minutes around every change of offset.
//!
//! 3,000 cases, or as many as `PROPTEST_CASES` says if that is more.

use std::collections::BTreeSet;

use jiff::Timestamp as Instant;
use jiff::tz::TimeZone;
use muster_core::schedule::Schedule;
use muster_core::time::Timestamp;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config as ProptestConfig, TestRunner};

use crate::schedule_random::{expressions, zones};

/// Minutes that cron(8) calls three hours.
const THREE_HOURS: i64 = 180;

struct Job {
    fields: Vec<BTreeSet<i64>>,
    both_days: bool,
    wild: bool,
}

impl Job {
    fn read(text: &str) -> Self {
        let words: Vec<&str> = text.split(' ').collect();
        let limits = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)];
        let fields = words.iter().zip(limits).map(|(word, limit)| expand(word, limit)).collect();
        let star = |at: usize| words[at].starts_with('*');
        Self { fields, both_days: star(2) || star(4), wild: star(0) || star(1) }
    }

    /// Does it match this minute of the clock on the wall, counted from 1970?
    fn matches(&self, minute: i64) -> bool {
        let wall = Instant::from_second(minute * 60).expect("in range");
        let wall = jiff::tz::Offset::UTC.to_datetime(wall);
        let weekday = i64::from(wall.weekday().to_sunday_zero_offset());
        let has = |field: usize, value: i8| self.fields[field].contains(&i64::from(value));
        let day = has(2, wall.day());
        let weekday = self.fields[4].contains(&weekday) || weekday == 0 && self.fields[4].contains(&7);
        has(0, wall.minute())
            && has(1, wall.hour())
            && has(3, wall.month())
            && if self.both_days { day && weekday } else { day || weekday }
    }
}

fn expand(word: &str, (low, high): (i64, i64)) -> BTreeSet<i64> {
    let mut values = BTreeSet::new();
    for item in word.split(',') {
        let (range, step) = item.split_once('/').unwrap_or((item, "1"));
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (low, high),
            Some((from, to)) => (from.parse().expect("number"), to.parse().expect("number")),
            None => (range.parse().expect("number"), range.parse().expect("number")),
        };
        let mut value = from;
        while value <= to {
            values.insert(value);
            value += step.parse::<i64>().expect("number");
        }
    }
    values
}

/// The instants, in minutes since 1970, at which the daemon starts the job.
fn daemon(job: &Job, zone: &TimeZone, from: i64, until: i64) -> BTreeSet<i64> {
    let wall = |minute: i64| {
        let instant = Instant::from_second(minute * 60).expect("in range");
        minute + i64::from(zone.to_offset(instant).seconds()) / 60
    };
    let mut starts = BTreeSet::new();
    let mut virtual_time = wall(from) - 1;
    for minute in from..until {
        let clock = wall(minute);
        let ahead = clock - virtual_time;
        let started = match ahead {
            1..=THREE_HOURS => {
                let skipped = (virtual_time + 1..=clock).any(|slot| !job.wild && job.matches(slot));
                virtual_time = clock;
                skipped || job.wild && job.matches(clock)
            }
            // Lived through already: only what follows the clock.
            ahead if (1 - THREE_HOURS..1).contains(&ahead) => job.wild && job.matches(clock),
            _ => {
                virtual_time = clock;
                job.matches(clock)
            }
        };
        if started {
            starts.insert(minute);
        }
    }
    starts
}

#[test]
fn a_daemon_with_a_virtual_clock_starts_at_the_same_minutes() {
    let mut runner = TestRunner::deterministic();
    let zones: Vec<(&str, TimeZone)> =
        zones().iter().map(|name| (name.as_str(), TimeZone::get(name).expect("listed"))).collect();
    let cases = (expressions(), 0..zones.len(), 0_i64..4_000_000_000, 0_i64..1440);
    let wanted = ProptestConfig::default().cases.max(3_000);
    let mut compared = 0;
    while compared < wanted {
        let (text, zone, moment, lead) = cases.new_tree(&mut runner).expect("tree").current();
        let (name, zone) = &zones[zone];
        let moment = Instant::from_second(moment).expect("in range");
        let Some(change) = zone.following(moment).next() else { continue };
        // Wake-ups of old offsets with seconds fall between the minutes of UTC.
        let before = zone.to_offset(moment);
        if before.seconds() % 60 != 0 || change.offset().seconds() % 60 != 0 {
            continue;
        }
        let Ok(schedule) = Schedule::parse(&text, name) else { continue };
        let middle = change.timestamp().as_second() / 60;
        let (from, until) = (middle - 300 - lead, middle + 1_440);
        let expected = daemon(&Job::read(&text), zone, from, until);
        let mut found = BTreeSet::new();
        let mut now = Timestamp::from_seconds(from * 60 - 1);
        while let Ok(next) = schedule.next_after(now) {
            if next.seconds() >= until * 60 {
                break;
            }
            found.insert(next.seconds() / 60);
            now = next;
        }
        assert_eq!(
            found.symmetric_difference(&expected).collect::<Vec<_>>(),
            Vec::<&i64>::new(),
            "{text} in {name} around {}: found {found:?}, the daemon {expected:?}",
            change.timestamp()
        );
        compared += 1;
    }
}
