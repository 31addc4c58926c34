//! Expectations that nobody wrote down: a wrapped line found in a crontab, or a name that was simply heard. They are
//! remembered, so that a line that vanishes from a crontab is missed instead of forgotten.

use std::collections::BTreeMap;

use muster_core::expectation::{Expectation, Rhythm};
use muster_core::host_roll::{HostRoll, Starter};
use muster_core::ids::{ChannelName, ExpectationId};
use muster_core::schedule::Schedule;
use muster_core::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// Most names that are taken in.
const LIMIT: usize = 500;

/// A line that is gone from the host for this long is no longer expected. Before that its silence is told.
const GONE: Span = Span::days(7);

/// A name that was heard and never again is forgotten after this long.
const QUIET: Span = Span::days(30);

/// How late a job that was found may begin.
const START_WITHIN: Span = Span::minutes(5);

/// Where it is known from, and until when that counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Origin {
    /// The cron expression, if it was found in a schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cron: Option<String>,
    /// When it was last seen on the host or heard.
    seen: Timestamp,
}

/// All of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Adopted(BTreeMap<ExpectationId, Origin>);

impl Adopted {
    /// Takes in a name that was heard; false if it is none that may be taken in, or there are too many.
    pub(crate) fn hear(&mut self, about: &ExpectationId, now: Timestamp) -> bool {
        if !matches!(about.table(), "job" | "check") || self.0.len() >= LIMIT {
            return false;
        }
        self.0.entry(about.clone()).or_insert(Origin { cron: None, seen: now });
        true
    }

    /// Takes note that one was heard again, at most once a day, because each time is written down.
    pub(crate) fn refresh(&mut self, about: &ExpectationId, now: Timestamp) -> bool {
        match self.0.get_mut(about) {
            Some(origin) if now.since(origin.seen) > Span::days(1) => {
                origin.seen = now;
                true
            }
            _ => false,
        }
    }

    /// Takes in what was found on the host, and lets go of what has been gone for long; true if anything changed.
    pub(crate) fn find(&mut self, host: &HostRoll, now: Timestamp) -> bool {
        let before = self.0.clone();
        for found in host.scheduled.iter().filter(|found| found.by == Starter::Cron) {
            let (Some(id), Some(cron)) = (&found.covered, &found.cron) else { continue };
            if self.0.len() >= LIMIT && !self.0.contains_key(id) {
                continue;
            }
            let origin = self.0.entry(id.clone()).or_insert(Origin { cron: None, seen: now });
            // Two lines with one name are one expectation; the first counts.
            if origin.cron.as_ref() != Some(cron) && !other_line_says(host, id, origin.cron.as_deref()) {
                origin.cron = Some(cron.clone());
            }
            if now.since(origin.seen) > Span::hours(1) {
                origin.seen = now;
            }
        }
        self.0.retain(|_, origin| {
            let patience = if origin.cron.is_some() { GONE } else { QUIET };
            now.since(origin.seen) <= patience
        });
        self.0 != before
    }

    /// What is expected of them, except of those that are written down.
    pub(crate) fn expectations(
        &self,
        written: &[Expectation],
        zone: &str,
        notify: &[ChannelName],
    ) -> Vec<Expectation> {
        let written: std::collections::BTreeSet<&ExpectationId> = written.iter().map(|one| &one.id).collect();
        self.0
            .iter()
            .filter(|(id, _)| !written.contains(id))
            .map(|(id, origin)| {
                // What cannot be read as a schedule is judged by its reports alone; the host roll says that it is odd.
                let schedule = origin.cron.as_ref().and_then(|cron| Schedule::parse(cron, zone).ok());
                let rhythm = schedule.map_or(Rhythm::OnReport, Rhythm::Cron);
                let mut expectation = Expectation::new(id.clone(), rhythm, START_WITHIN);
                expectation.notify = notify.to_vec();
                expectation
            })
            .collect()
    }
}

fn other_line_says(host: &HostRoll, id: &ExpectationId, cron: Option<&str>) -> bool {
    cron.is_some()
        && host
            .scheduled
            .iter()
            .any(|other| other.covered.as_ref() == Some(id) && other.cron.as_deref() == cron)
}

#[cfg(test)]
mod tests {
    use muster_core::host_roll::Scheduled;

    use super::*;

    fn host(lines: &[(&str, &str)]) -> HostRoll {
        let scheduled = lines
            .iter()
            .map(|(name, cron)| Scheduled {
                name: (*name).to_owned(),
                by: Starter::Cron,
                source: "/etc/crontab:1".into(),
                schedule: (*cron).to_owned(),
                cron: Some((*cron).to_owned()),
                user: "root".into(),
                command: format!("muster run {name}"),
                covered: Some(ExpectationId::of("job", name).unwrap()),
                odd: Vec::new(),
            })
            .collect();
        HostRoll { scheduled, ..HostRoll::default() }
    }

    #[test]
    fn a_line_that_vanishes_is_missed_for_a_week_and_then_let_go() {
        let at = Timestamp::from_seconds(1_800_000_000);
        let mut adopted = Adopted::default();
        assert!(adopted.find(&host(&[("a", "0 2 * * *")]), at));
        assert!(!adopted.find(&host(&[("a", "0 2 * * *")]), at), "nothing new");
        let expected = |adopted: &Adopted| adopted.expectations(&[], "UTC", &[]);
        assert!(matches!(expected(&adopted)[0].rhythm, Rhythm::Cron(_)));
        adopted.find(&host(&[]), at + Span::days(6));
        assert_eq!(expected(&adopted).len(), 1);
        adopted.find(&host(&[]), at + Span::days(8));
        assert!(expected(&adopted).is_empty());
    }

    #[test]
    fn a_changed_line_changes_the_schedule_and_what_is_written_down_wins() {
        let at = Timestamp::from_seconds(1_800_000_000);
        let mut adopted = Adopted::default();
        adopted.find(&host(&[("a", "0 2 * * *")]), at);
        adopted.find(&host(&[("a", "0 3 * * *")]), at);
        let expected = adopted.expectations(&[], "UTC", &[]);
        assert!(matches!(&expected[0].rhythm, Rhythm::Cron(schedule) if schedule.text() == "0 3 * * *"));
        assert!(adopted.expectations(&expected, "UTC", &[]).is_empty());
    }

    #[test]
    fn only_jobs_and_checks_are_taken_in_by_name() {
        let mut adopted = Adopted::default();
        let at = Timestamp::from_seconds(0);
        for (name, taken) in [("job.x", true), ("check.x", true), ("duty.x", false), ("channel.x", false)] {
            assert_eq!(adopted.hear(&ExpectationId::new(name).unwrap(), at), taken, "{name}");
        }
    }
}
