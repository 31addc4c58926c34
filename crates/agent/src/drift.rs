//! Where the host and muster.toml no longer say the same: a line that vanished, a schedule that differs, a wrapper that
//! was taken away, a line that came after the host was adopted. What could not be seen is no drift.

use std::collections::BTreeMap;

use muster_core::expectation::{Expectation, Hearing, Level, Rhythm};
use muster_core::host_roll::{HostRoll, Scheduled, Starter};
use muster_core::ids::{ChannelName, ExpectationId};
use muster_core::schedule::Schedule;
use muster_core::time::Span;
use muster_host::adopt::record::{Record, newcomers};

/// What to try, for each of them.
const TRY: &str = "`muster jobs adopt --dry-run` shows what would bring them together";

/// Most of them; a crontab that was replaced as a whole needs no page for each line.
const LIMIT: usize = 50;

/// Every drift by its expectation `schedule.NAME`, and what it is.
pub(crate) fn drifts(
    written: &[Expectation],
    host: &HostRoll,
    record: Option<&Record>,
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
        let found = drifts(&[written("a", "0 2 * * *")], &host(vec![line("a", "0 3 * * *", true)]), None);
        let (id, words) = one(&found);
        assert_eq!(id, "schedule.a");
        assert!(
            words.starts_with("/etc/cron.d/shop:12 says 0 3 * * *, muster.toml says 0 2 * * *;"),
            "{words}"
        );
        for same in ["0 2 * * *", "00 02 * * *"] {
            let host = host(vec![line("a", same, true)]);
            assert!(drifts(&[written("a", "0 2 * * *")], &host, Some(&adopted("a"))).is_empty(), "{same}");
        }
    }

    #[test]
    fn a_line_that_vanished_or_lost_its_wrapper_is_named_once_it_was_adopted() {
        let plan = [written("a", "0 2 * * *")];
        assert!(drifts(&plan, &host(vec![]), None).is_empty(), "nobody adopted it");
        let gone = drifts(&plan, &host(vec![]), Some(&adopted("a")));
        assert!(one(&gone).1.contains("nothing in /etc/cron.d/shop runs as job a any more"));
        let bare = drifts(&plan, &host(vec![line("a", "0 2 * * *", false)]), Some(&adopted("a")));
        assert_eq!(one(&bare).0, "schedule.a");
        let unseen = Unseen { what: "/etc/cron.d/shop".into(), why: "permission denied".into() };
        let blind = HostRoll { unseen: vec![unseen], ..HostRoll::default() };
        assert!(drifts(&plan, &blind, Some(&adopted("a"))).is_empty(), "what is not seen is no drift");
    }

    #[test]
    fn a_line_that_came_after_the_adoption_is_named_until_somebody_looks() {
        let mut record = adopted("a");
        let host = host(vec![line("a", "0 2 * * *", true), line("b", "0 4 * * *", false)]);
        let plan = [written("a", "0 2 * * *")];
        assert!(drifts(&plan, &host, None).is_empty(), "a host that nobody adopted has no newcomers");
        let found = drifts(&plan, &host, Some(&record));
        assert!(one(&found).1.contains("reports to nobody"));
        record.left.insert(muster_host::adopt::record::mark("/etc/cron.d/shop", "deploy", "/opt/b"));
        assert!(drifts(&plan, &host, Some(&record)).is_empty());
    }
}
