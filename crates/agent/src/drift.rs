//! Where the host and muster.toml no longer say the same: a line that vanished, a schedule that differs, a wrapper that
//! was taken away, a line that came after the host was adopted. What could not be seen is no drift.

use std::collections::BTreeMap;

use muster_core::expectation::{Expectation, Hearing, Level, Rhythm};
use muster_core::host_roll::{HostRoll, Scheduled, Starter};
use muster_core::ids::{ChannelName, ExpectationId};
use muster_core::schedule::Schedule;
use muster_core::time::{Span, Timestamp};
use muster_host::adopt::record::{Record, newcomers};

/// What to try, for each of them.
const TRY: &str = "`muster jobs adopt --dry-run` shows what would bring them together";

/// Most of them; a crontab that was replaced as a whole needs no page for each line.
const LIMIT: usize = 50;

/// The name under which a zone that differs is told, once for all jobs.
const ZONE: &str = "timezone";

/// Every drift by its expectation `schedule.NAME`, and what it is. `zone` is that of `[muster]`.
pub(crate) fn drifts(
    written: &[Expectation],
    zone: &str,
    host: &HostRoll,
    record: Option<&Record>,
    now: Timestamp,
) -> BTreeMap<ExpectationId, String> {
    let mut found = BTreeMap::new();
    let mut note = |name: &str, words: String| {
        if let Ok(id) = ExpectationId::of("schedule", name)
            && found.len() < LIMIT
        {
            found.insert(id, words);
        }
    };
    for expected in written.iter().filter(|expected| expected.id.table() == "job") {
        let name = expected.id.name();
        let lines: Vec<&Scheduled> =
            host.scheduled.iter().filter(|one| one.covered.as_ref() == Some(&expected.id)).collect();
        if lines.is_empty() {
            let adopted = record.and_then(|record| record.jobs.get(name));
            if let Some(job) = adopted.filter(|job| is_seen(host, &job.place)) {
                note(name, format!("nothing in {} runs as job {name} any more; {TRY}", job.place));
            }
        } else if let Some(words) = other_schedule(expected, &lines) {
            note(name, words);
        }
    }
    if let Some(words) = other_zone(written, zone, host, now) {
        note(ZONE, words);
    }
    for one in record.into_iter().flat_map(|record| newcomers(record, host)) {
        note(
            &one.name,
            format!("{} says {} {} and reports to nobody; {TRY}", one.source, one.schedule, one.command),
        );
    }
    found
}

/// The file was looked at, and nothing was cut off.
fn is_seen(host: &HostRoll, place: &str) -> bool {
    let folder = place.rsplit_once('/').map_or(place, |(folder, _)| folder);
    !host.unseen.iter().any(|unseen| {
        unseen.what == place
            || unseen.what == folder
            || unseen.what.starts_with("the rest of")
            || (place.ends_with(".timer") && unseen.what.starts_with("systemd"))
            || (place.starts_with("crontab of") && unseen.what.contains("/cron"))
    })
}

/// What the crontab says, if none of the job's lines says what is written down.
fn other_schedule(expected: &Expectation, lines: &[&Scheduled]) -> Option<String> {
    let Rhythm::Cron(schedule) = &expected.rhythm else { return None };
    let same = |cron: &str| {
        Schedule::parse(cron, "UTC")
            .is_ok_and(|there| plain(there.five_fields()) == plain(schedule.five_fields()))
    };
    let of_cron: Vec<&&Scheduled> =
        lines.iter().filter(|one| one.by == Starter::Cron && one.cron.is_some()).collect();
    let first = of_cron.first()?;
    if of_cron.iter().any(|one| one.cron.as_deref().is_some_and(same)) {
        return None;
    }
    Some(format!(
        "{} says {}, muster.toml says {}; write the one that is meant in both",
        first.source,
        first.schedule,
        schedule.text()
    ))
}

/// cron goes by the host's clock: jobs that it starts at other moments than those that follow from `[muster].timezone`.
/// A job with a zone of its own was given it on purpose.
fn other_zone(written: &[Expectation], zone: &str, host: &HostRoll, now: Timestamp) -> Option<String> {
    let of_host = host.zone.as_deref()?;
    let is_moved = |schedule: &Schedule| {
        let Ok(there) = Schedule::parse(schedule.text(), of_host) else { return false };
        // Summer and winter: two zones may agree in one and not in the other.
        (0..4).map(|quarter| now + Span::days(91 * quarter)).any(|at| {
            matches!((schedule.next_after(at), there.next_after(at)), (Ok(ours), Ok(theirs)) if ours != theirs)
        })
    };
    let names: Vec<&str> = written
        .iter()
        .filter(|expected| {
            matches!(&expected.rhythm, Rhythm::Cron(schedule) if schedule.zone() == zone && is_moved(schedule))
        })
        .filter(|expected| {
            host.scheduled.iter().any(|one| one.by == Starter::Cron && one.covered.as_ref() == Some(&expected.id))
        })
        .map(|expected| expected.id.name())
        .collect();
    let (first, others) = names.split_first()?;
    let more = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
    Some(format!(
        "cron goes by {of_host}, the zone of this host, and muster.toml says {zone}: {first}{more} start at other times \
         than are expected; write `timezone = \"{of_host}\"` in [muster], or set the host's zone back and restart cron"
    ))
}

/// The fields without zeros in front of their numbers.
fn plain(fields: &str) -> Vec<&str> {
    let one = |field: &'_ str| field.bytes().all(|byte| byte.is_ascii_digit());
    let bare = |field: &str| field.len() - field.trim_start_matches('0').len().max(1);
    fields.split(' ').map(|field| if one(field) { &field[bare(field)..] } else { field }).collect()
}

/// What is expected of the schedules that drifted: that they agree again.
pub(crate) fn expectation(id: ExpectationId, notify: &[ChannelName]) -> Expectation {
    let mut expectation = Expectation::new(id, Rhythm::OnReport, Span::ZERO);
    expectation.hearing = Hearing::Direct;
    expectation.severity.odd = Level::Ignore;
    expectation.notify = notify.to_vec();
    expectation
}

#[cfg(test)]
mod tests {
    use muster_core::host_roll::Unseen;
    use muster_host::adopt::record::Job;

    use super::*;

    fn line(name: &str, cron: &str, covered: bool) -> Scheduled {
        Scheduled {
            name: name.to_owned(),
            by: Starter::Cron,
            source: "/etc/cron.d/shop:12".into(),
            schedule: cron.to_owned(),
            cron: Some(cron.to_owned()),
            user: "deploy".into(),
            command: format!("/opt/{name}"),
            covered: covered.then(|| ExpectationId::of("job", name).unwrap()),
            odd: Vec::new(),
        }
    }

    fn host(scheduled: Vec<Scheduled>) -> HostRoll {
        HostRoll { scheduled, ..HostRoll::default() }
    }

    fn drifts_of(
        written: &[Expectation],
        host: &HostRoll,
        record: Option<&Record>,
    ) -> BTreeMap<ExpectationId, String> {
        drifts(written, "Europe/Berlin", host, record, Timestamp::from_seconds(1_795_000_000))
    }

    #[test]
    fn a_host_whose_zone_is_another_is_named_once_for_all_jobs() {
        let plan = [written("a", "0 2 * * *"), written("b", "0 3 * * *"), written("c", "*/5 * * * *")];
        let lines =
            vec![line("a", "0 2 * * *", true), line("b", "0 3 * * *", true), line("c", "*/5 * * * *", true)];
        let moved = |zone: &str| HostRoll { zone: Some(zone.into()), ..host(lines.clone()) };
        let found = drifts_of(&plan, &moved("Asia/Tokyo"), None);
        let (id, words) = one(&found);
        assert_eq!(id, "schedule.timezone");
        assert!(words.contains("Asia/Tokyo") && words.contains("Europe/Berlin"), "{words}");
        assert!(words.contains("a and 1 more start"), "every five minutes is the same everywhere: {words}");
        for same in ["Europe/Berlin", "Europe/Vienna", "No/Such"] {
            assert!(drifts_of(&plan, &moved(same), None).is_empty(), "{same}");
        }
        assert_eq!(drifts_of(&plan, &moved("Africa/Lagos"), None).len(), 1, "the same in winter only");
    }

    fn written(name: &str, cron: &str) -> Expectation {
        let schedule = Schedule::parse(cron, "Europe/Berlin").unwrap();
        Expectation::new(ExpectationId::of("job", name).unwrap(), Rhythm::Cron(schedule), Span::minutes(5))
    }

    fn adopted(name: &str) -> Record {
        let mut record = Record::default();
        record.jobs.insert(name.to_owned(), Job { place: "/etc/cron.d/shop".into() });
        record
    }

    fn one(found: &BTreeMap<ExpectationId, String>) -> (&str, &str) {
        assert_eq!(found.len(), 1, "{found:?}");
        found.first_key_value().map(|(id, words)| (id.as_str(), words.as_str())).unwrap()
    }

    #[test]
    fn a_schedule_that_differs_is_named_with_both() {
        let found = drifts_of(&[written("a", "0 2 * * *")], &host(vec![line("a", "0 3 * * *", true)]), None);
        let (id, words) = one(&found);
        assert_eq!(id, "schedule.a");
        assert!(
            words.starts_with("/etc/cron.d/shop:12 says 0 3 * * *, muster.toml says 0 2 * * *;"),
            "{words}"
        );
        for same in ["0 2 * * *", "00 02 * * *"] {
            let host = host(vec![line("a", same, true)]);
            assert!(drifts_of(&[written("a", "0 2 * * *")], &host, Some(&adopted("a"))).is_empty(), "{same}");
        }
    }

    #[test]
    fn a_line_that_vanished_or_lost_its_wrapper_is_named_once_it_was_adopted() {
        let plan = [written("a", "0 2 * * *")];
        assert!(drifts_of(&plan, &host(vec![]), None).is_empty(), "nobody adopted it");
        let gone = drifts_of(&plan, &host(vec![]), Some(&adopted("a")));
        assert!(one(&gone).1.contains("nothing in /etc/cron.d/shop runs as job a any more"));
        let bare = drifts_of(&plan, &host(vec![line("a", "0 2 * * *", false)]), Some(&adopted("a")));
        assert_eq!(one(&bare).0, "schedule.a");
        let unseen = Unseen { what: "/etc/cron.d/shop".into(), why: "permission denied".into() };
        let blind = HostRoll { unseen: vec![unseen], ..HostRoll::default() };
        assert!(drifts_of(&plan, &blind, Some(&adopted("a"))).is_empty(), "what is not seen is no drift");
    }

    #[test]
    fn a_line_that_came_after_the_adoption_is_named_until_somebody_looks() {
        let mut record = adopted("a");
        let host = host(vec![line("a", "0 2 * * *", true), line("b", "0 4 * * *", false)]);
        let plan = [written("a", "0 2 * * *")];
        assert!(drifts_of(&plan, &host, None).is_empty(), "a host that nobody adopted has no newcomers");
        let found = drifts_of(&plan, &host, Some(&record));
        assert!(one(&found).1.contains("reports to nobody"));
        record.left.insert(muster_host::adopt::record::mark("/etc/cron.d/shop", "deploy", "/opt/b"));
        assert!(drifts_of(&plan, &host, Some(&record)).is_empty());
    }
}
