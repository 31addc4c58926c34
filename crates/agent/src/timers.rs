//! Jobs that are due when a systemd timer of this host is. What the timer says is looked up with everything else that the
//! host does by itself, and remembered, so that a restart changes nothing.

use std::collections::BTreeMap;

use muster_core::expectation::{Expectation, Rhythm};
use muster_core::host_roll::{HostRoll, TimerRhythm};
use muster_core::ids::ExpectationId;
use muster_core::schedule::Schedule;
use muster_core::time::Span;
use serde::{Deserialize, Serialize};

/// What a timer said when it was last looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    /// When it is due, with its zone, and by how much systemd may be late.
    Due(TimerRhythm, Span),
    /// Nothing that can be computed, and why.
    Nothing(String),
}

/// All timers that jobs name, as far as they were looked at.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Timers(BTreeMap<String, Said>);

impl Timers {
    /// Takes in what was found on the host, of the timers that jobs name; true if anything changed. `zone` is that of
    /// `[muster]`.
    pub(crate) fn find(
        &mut self,
        named: &BTreeMap<ExpectationId, String>,
        host: &HostRoll,
        zone: &str,
    ) -> bool {
        let before = std::mem::take(&mut self.0);
        for name in named.values() {
            let said = match host.timers.iter().find(|timer| timer.name == *name) {
                Some(timer) => match &timer.rhythm {
                    Ok(rhythm) => {
                        Said::Due(placed(rhythm, host.zone.as_deref().unwrap_or(zone)), timer.delay)
                    }
                    Err(why) => Said::Nothing(why.clone()),
                },
                None => match (unseen(host), before.get(name)) {
                    (Some(_), Some(said)) => said.clone(),
                    (Some(why), None) => Said::Nothing(why),
                    (None, _) => Said::Nothing(format!(
                        "systemd knows no such timer: it is not on this host, or not enabled; try \
                         `systemctl enable --now {name}`"
                    )),
                },
            };
            if before.get(name) != Some(&said) {
                tracing::info!(timer = %name, ?said, "a timer that jobs go by");
            }
            self.0.insert(name.clone(), said);
        }
        self.0 != before
    }

    /// What is expected of a job that may name a timer. Until that was looked at, which is a matter of seconds, only
    /// reports are judged.
    pub(crate) fn resolved(&self, job: &Expectation, named: &BTreeMap<ExpectationId, String>) -> Expectation {
        let mut job = job.clone();
        let Some(name) = named.get(&job.id) else { return job };
        let unknown = |error: String| Rhythm::Unknown { schedule: name.clone(), error };
        job.rhythm = match self.0.get(name) {
            None => Rhythm::OnReport,
            Some(Said::Nothing(why)) => unknown(why.clone()),
            Some(Said::Due(rhythm, delay)) => {
                job.start_within = job.start_within + *delay;
                match rhythm {
                    TimerRhythm::Every(period) => Rhythm::Every(*period),
                    TimerRhythm::Cron { fields, zone } => {
                        let zone = zone.as_deref().unwrap_or("UTC");
                        match Schedule::parse(fields, zone) {
                            Ok(schedule) => Rhythm::Cron(schedule),
                            Err(error) => unknown(format!("{fields} in the zone {zone}: {error}")),
                        }
                    }
                }
            }
        };
        job
    }
}

/// The rhythm with a zone in any case.
fn placed(rhythm: &TimerRhythm, zone: &str) -> TimerRhythm {
    match rhythm {
        TimerRhythm::Cron { fields, zone: None } => {
            TimerRhythm::Cron { fields: fields.clone(), zone: Some(zone.to_owned()) }
        }
        other => other.clone(),
    }
}

/// Why a timer that was not found may be there all the same.
fn unseen(host: &HostRoll) -> Option<String> {
    let blind = host.unseen.iter().find(|unseen| {
        unseen.what.starts_with("systemd timers") && !unseen.what.contains("of users")
            || unseen.what.starts_with("the rest of")
    })?;
    Some(format!(
        "{} cannot be seen: {}; write `schedule` or `every` in place of `timer`",
        blind.what, blind.why
    ))
}

#[cfg(test)]
mod tests {
    use muster_core::host_roll::{Timer, Unseen};

    use super::*;

    const NAME: &str = "export.timer";

    fn job() -> Expectation {
        let unknown = Rhythm::Unknown { schedule: NAME.into(), error: "not asked".into() };
        Expectation::new(ExpectationId::of("job", "export").unwrap(), unknown, Span::minutes(5))
    }

    fn named() -> BTreeMap<ExpectationId, String> {
        BTreeMap::from([(job().id, NAME.to_owned())])
    }

    fn host(rhythm: Result<TimerRhythm, String>) -> HostRoll {
        let timer = Timer { name: NAME.into(), rhythm, delay: Span::minutes(11) };
        HostRoll { timers: vec![timer], zone: Some("Asia/Tokyo".into()), ..HostRoll::default() }
    }

    fn nightly() -> TimerRhythm {
        TimerRhythm::Cron { fields: "30 2 * * *".into(), zone: None }
    }

    fn why(timers: &Timers) -> String {
        match timers.resolved(&job(), &named()).rhythm {
            Rhythm::Unknown { schedule, error } if schedule == NAME => error,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_job_is_due_when_its_timer_is_by_the_clock_of_the_host() {
        let mut timers = Timers::default();
        assert_eq!(timers.resolved(&job(), &named()).rhythm, Rhythm::OnReport, "not looked at yet");
        assert!(timers.find(&named(), &host(Ok(nightly())), "UTC"));
        assert!(!timers.find(&named(), &host(Ok(nightly())), "UTC"), "nothing new");
        let due = timers.resolved(&job(), &named());
        assert_eq!(due.rhythm.text(), "30 2 * * * (Asia/Tokyo)");
        assert_eq!(due.start_within, Span::minutes(16), "systemd may be eleven minutes late");
        assert!(
            timers.find(&named(), &host(Ok(TimerRhythm::Every(Span::hours(1)))), "UTC"),
            "it was changed"
        );
        assert_eq!(timers.resolved(&job(), &named()).rhythm, Rhythm::Every(Span::hours(1)));
        let other = Expectation::new(ExpectationId::of("job", "x").unwrap(), Rhythm::OnReport, Span::ZERO);
        assert_eq!(timers.resolved(&other, &named()), other);
    }

    #[test]
    fn a_timer_that_is_gone_or_says_nothing_leaves_its_job_unknown() {
        let mut timers = Timers::default();
        timers.find(&named(), &host(Ok(nightly())), "UTC");
        timers.find(&named(), &HostRoll::default(), "UTC");
        assert!(why(&timers).contains("systemctl enable --now export.timer"));
        timers.find(&named(), &host(Err("it is inactive".into())), "UTC");
        assert_eq!(why(&timers), "it is inactive");
        let kept: Timers = serde_json::from_str(&serde_json::to_string(&timers).unwrap()).unwrap();
        assert_eq!(kept, timers);
        timers.find(&BTreeMap::new(), &HostRoll::default(), "UTC");
        assert_eq!(timers, Timers::default(), "what no job names is forgotten");
    }

    #[test]
    fn while_systemd_cannot_be_seen_what_it_said_last_holds() {
        let unseen = Unseen { what: "systemd timers".into(), why: "systemctl did not answer in time".into() };
        let blind = HostRoll { unseen: vec![unseen], ..HostRoll::default() };
        let mut timers = Timers::default();
        timers.find(&named(), &host(Ok(nightly())), "UTC");
        assert!(!timers.find(&named(), &blind, "UTC"));
        let mut strange = Timers::default();
        strange.find(&named(), &blind, "UTC");
        assert!(why(&strange).contains("systemctl did not answer in time"));
    }
}
