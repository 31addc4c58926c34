//! The jobs of the made-up host that have a story: two that race, one that is flaky, one whose work is not there, one that
//! is too large for its limit, one that meets itself, one that was missed while nobody could see.

use std::error::Error;

use muster_core::board::{Incident, Line, Retried, Running};
use muster_core::effect::{Condition, Reason, SlotClosed, Verdict};
use muster_core::expectation::Level;
use muster_core::ids::{ExpectationId, IncidentId, RunId, SignalId};
use muster_core::schedule::Schedule;
use muster_core::signal::{Artefact, Attempt, Ending, Enforcement, Limits, Outcome, Report, Signal};
use muster_core::time::{Span, Timestamp};
use muster_core::usual::{Measure, Usual};
use muster_store::contract::Commit;

const ZONE: &str = "Europe/Berlin";

/// One job and its fate: what becomes of the `n`th slot, counted back from the last.
struct Tale {
    name: &'static str,
    cron: &'static str,
    days: u64,
    fate: fn(u64, Timestamp) -> Fate,
}

enum Fate {
    Ran(Span, Box<dyn FnOnce(Outcome) -> Outcome>),
    Gap(Verdict),
}

fn well(took: Span, peak: u64) -> Fate {
    Fate::Ran(took, Box::new(move |outcome| Outcome { peak_memory: Some(peak << 20), ..outcome }))
}

fn weekday(at: Timestamp) -> i64 {
    (at.seconds() / 86_400 + 4) % 7
}

const TALES: [Tale; 7] = [
    Tale {
        name: "backup",
        cron: "0 2 * * 1-6",
        days: 30,
        fate: |n, _| well(Span::seconds(34 * 60 + n * 37 % 200), 1640 + n % 5 * 20),
    },
    Tale {
        name: "warehouse",
        cron: "10 2 * * *",
        days: 30,
        fate: |n, at| {
            // On Sundays there is no backup, and it is quick.
            let minutes = if weekday(at) == 0 { 10 } else { 18 };
            well(Span::seconds(minutes * 60 + n * 53 % 90), 1210)
        },
    },
    Tale {
        name: "reindex",
        cron: "40 */3 * * *",
        days: 6,
        fate: |n, at| {
            let took = Span::seconds(410 + n * 71 % 120);
            if n % 9 != 2 {
                return well(took, 380);
            }
            let first =
                Attempt { started: at, duration: Span::seconds(95), ending: Ending::Exit { code: 75 } };
            Fate::Ran(
                took + Span::minutes(4),
                Box::new(|outcome| Outcome {
                    attempts: vec![first],
                    notes: vec!["it needed a second attempt".into()],
                    ..outcome
                }),
            )
        },
    },
    Tale {
        name: "invoice-pdf",
        cron: "15 6 * * *",
        days: 30,
        fate: |n, _| {
            let took = Span::seconds(48 + n * 7 % 11);
            if n > 0 {
                let left = Artefact { files: 41, bytes: 9_400_000 };
                return Fate::Ran(took, Box::new(move |outcome| Outcome { artefact: Some(left), ..outcome }));
            }
            Fate::Ran(
                Span::seconds(2),
                Box::new(|outcome| Outcome {
                    unmet: vec!["no file newer than the start matches /srv/invoices/*.pdf".into()],
                    artefact: Some(Artefact { files: 0, bytes: 0 }),
                    output: Some(0),
                    ..outcome
                }),
            )
        },
    },
    Tale {
        name: "thumbnails",
        cron: "5 */4 * * *",
        days: 8,
        fate: |n, _| {
            let limits = Limits {
                by: Enforcement::CgroupV2,
                memory: Some(512 << 20),
                cpu: Some(1500),
                pids: Some(64),
            };
            let full = n == 1;
            Fate::Ran(
                Span::seconds(if full { 71 } else { 240 + n * 13 % 60 }),
                Box::new(move |outcome| Outcome {
                    ending: if full {
                        Ending::OutOfMemory { limit: Some(512 << 20) }
                    } else {
                        Ending::Exit { code: 0 }
                    },
                    peak_memory: Some(if full { 512 << 20 } else { 402 << 20 }),
                    limits: Some(limits),
                    ..outcome
                }),
            )
        },
    },
    Tale {
        name: "stock-levels",
        cron: "*/30 * * * *",
        days: 2,
        fate: |n, _| well(Span::minutes(if n % 12 < 3 { 37 } else { 11 + n % 4 }), 120),
    },
    Tale {
        name: "mirror",
        cron: "25 */2 * * *",
        days: 3,
        fate: |n, _| match n {
            3 | 4 => Fate::Gap(Verdict::Unknown),
            7 => Fate::Gap(Verdict::Missed),
            _ => well(Span::minutes(22), 90),
        },
    },
];

/// Adds the jobs to the roll and their past to the commit.
pub(crate) fn tell(lines: &mut Vec<Line>, commit: &mut Commit, now: Timestamp) -> Result<(), Box<dyn Error>> {
    for tale in TALES {
        lines.push(one(&tale, commit, now)?);
    }
    Ok(())
}

fn one(tale: &Tale, commit: &mut Commit, now: Timestamp) -> Result<Line, Box<dyn Error>> {
    let about = ExpectationId::of("job", tale.name)?;
    let schedule = Schedule::parse(tale.cron, ZONE)?;
    let (mut dues, mut at) = (Vec::new(), now - Span::days(tale.days));
    while let Ok(next) = schedule.next_after(at) {
        if next > now {
            break;
        }
        dues.push(next);
        at = next;
    }
    let (mut took_well, mut last, mut retried, mut running) = (Vec::new(), None, 0, Vec::new());
    for (n, due) in dues.iter().rev().enumerate() {
        let run = RunId::new(format!("{}-{n:03x}", due.seconds()))?;
        let (verdict, run) = match (tale.fate)(n as u64, *due) {
            Fate::Gap(verdict) => (verdict, None),
            Fate::Ran(took, shape) => {
                let outcome = shape(Outcome {
                    duration: Some(took),
                    cpu: Some(took.over(2)),
                    tail: "page 1 of 40\npage 40 of 40\n".into(),
                    host: Some("ams1".into()),
                    ..Outcome::bare(Ending::Exit { code: 0 })
                });
                let good = outcome.ending == (Ending::Exit { code: 0 }) && outcome.unmet.is_empty();
                retried += usize::from(!outcome.attempts.is_empty());
                let id = |word| SignalId::new(format!("{}-{word}-{n}", tale.name));
                let signal =
                    |id, at, report| Signal { id, about: about.clone(), at, run: Some(run.clone()), report };
                let started = *due + Span::seconds(1);
                commit.signals.push(signal(id("a")?, started, Report::Start { process: None }));
                if started + took < now {
                    last.get_or_insert((started + took, good));
                    if good {
                        took_well.push(took.as_millis());
                    }
                    let report = if good { Report::Success(outcome) } else { Report::Failure(outcome) };
                    commit.signals.push(signal(id("b")?, started + took, report));
                } else {
                    running.push(Running {
                        run: Some(run.clone()),
                        since: started,
                        limit: None,
                        late: false,
                    });
                }
                (if good { Verdict::Ok } else { Verdict::Failed }, Some(run))
            }
        };
        commit.slots.push(SlotClosed { about: about.clone(), due: *due, at: *due, run, verdict });
    }
    took_well.truncate(30);
    let (heard, good) = last.unwrap_or((now, true));
    let next = schedule.next_after(now)?;
    let mut line = Line {
        id: about.clone(),
        condition: Condition::Ok,
        since: now - Span::days(12),
        rhythm: format!("{} ({ZONE})", tale.cron),
        last_heard: Some(heard),
        last_success: Some(heard),
        due: Some(next),
        deadline: Some(next + Span::minutes(5)),
        running,
        incident: None,
        usual: Usual::of(Measure::Duration, &took_well),
        own: false,
        retried: (retried > 0).then_some(Retried { times: retried, of: took_well.len() }),
        notify: Vec::new(),
        pause: None,
        maintenance: None,
        usage: None,
        suppressed_by: None,
    };
    if !good {
        let incident = IncidentId::of(&about, heard);
        line.condition = Condition::Firing {
            incident: incident.clone(),
            reason: Reason::Failed { times: 1 },
            level: Level::Page,
        };
        line.since = heard;
        line.incident = Some(Incident {
            id: incident,
            since: heard,
            told: true,
            refused: None,
            acknowledged: None,
            flapping: false,
            next_step: None,
        });
    }
    Ok(line)
}
