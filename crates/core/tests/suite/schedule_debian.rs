//! Debian's own cron as a witness: 3.0pl1-162 in Berlin with a faked clock at 30 times its speed, over both changes of
//! offset of 2026; recorded once, each run as the UTC minute in which the daemon started it.
//!
//! Where several slots of one job fall into the gap, the daemon starts the job once for each, all in the same minute;
//! a schedule names that minute once.

use muster_core::schedule::Schedule;
use muster_core::time::Timestamp;

/// From when to when the daemon ran, and what it started.
struct Night {
    date: &'static str,
    from: &'static str,
    until: &'static str,
    started: &'static [(&'static str, &'static [&'static str])],
}

const SPRING: Night = Night {
    date: "2026-03-29",
    from: "00:40",
    until: "02:15",
    started: &[
        ("30 2 * * *", &["01:00"]),
        ("*/30 2 * * *", &[]),
        ("30 * * * *", &["01:30"]),
        ("0,15,30 2 * * *", &["01:00"]),
        ("@hourly", &["01:00", "02:00"]),
        ("0 3 * * *", &["01:00"]),
        ("45 1,2 * * *", &["00:45", "01:00"]),
        ("10-20/5 2,3 * * *", &["01:00", "01:10", "01:15", "01:20"]),
    ],
};

const AUTUMN: Night = Night {
    date: "2026-10-25",
    from: "00:00",
    until: "03:15",
    started: &[
        ("30 2 * * *", &["00:30"]),
        ("*/30 2 * * *", &["00:00", "00:30", "01:00", "01:30"]),
        ("30 * * * *", &["00:30", "01:30", "02:30"]),
        ("0,15,30 2 * * *", &["00:00", "00:15", "00:30"]),
        ("@hourly", &["00:00", "01:00", "02:00", "03:00"]),
        ("0 3 * * *", &["02:00"]),
        ("45 1,2 * * *", &["00:45"]),
        ("10-20/5 2,3 * * *", &["00:10", "00:15", "00:20", "02:10", "02:15", "02:20"]),
    ],
};

#[test]
fn debians_cron_started_the_same_jobs_in_both_nights() {
    for night in [SPRING, AUTUMN] {
        let at = |time: &str| {
            let instant: jiff::Timestamp = format!("{}T{time}:00Z", night.date).parse().expect("RFC 3339");
            Timestamp::from_seconds(instant.as_second())
        };
        for (text, expected) in night.started {
            let schedule = Schedule::parse(text, "Europe/Berlin").expect("a schedule");
            let mut found = Vec::new();
            let mut now = at(night.from).shifted(-1);
            loop {
                now = schedule.next_after(now).expect("computable");
                if now >= at(night.until) {
                    break;
                }
                found.push(now);
            }
            let expected: Vec<Timestamp> = expected.iter().map(|time| at(time)).collect();
            assert_eq!(found, expected, "{text} on {}", night.date);
        }
    }
}
