//! What a record in a user's spool may say: how the user's own jobs and checks went, and nothing in the name of people
//! or of muster.

use muster_core::ids::ExpectationId;
use muster_core::signal::{Outcome, ProcessMark, Report, Signal, TAIL_LIMIT};

use super::read::BadRecord;
use crate::process;

/// Most notes that one outcome may carry.
const NOTES: usize = 32;

/// The signal, if this user may say it, without a process that is not the user's.
pub(super) fn vet(mut signal: Signal, uid: u32) -> Result<Signal, BadRecord> {
    let about = &signal.about;
    // A name such as ".." is fit for an id and not for a folder.
    let named = ExpectationId::of(about.table(), about.name()).is_ok();
    if !named || !matches!(about.table(), "job" | "check") {
        return Err(BadRecord::Forbidden(format!("a user's record may not speak of {about}")));
    }
    match &mut signal.report {
        Report::Start { process } => {
            if process.as_ref().is_some_and(|mark| is_of_another(mark, uid)) {
                *process = None;
            }
        }
        Report::Success(outcome) | Report::Failure(outcome) => sized(outcome)?,
        Report::Log { text } if text.len() > TAIL_LIMIT => return Err(too_much()),
        Report::Skip { .. } | Report::Unseen { .. } | Report::Alive | Report::Log { .. } => {}
        Report::Spent { .. } => {
            return Err(BadRecord::Forbidden("a user's record may not speak of channels".to_owned()));
        }
        Report::Acknowledge { .. } | Report::Pause { .. } | Report::Resume { .. } => {
            return Err(BadRecord::Forbidden("a user's record may not speak for people".to_owned()));
        }
    }
    Ok(signal)
}

fn sized(outcome: &Outcome) -> Result<(), BadRecord> {
    let lists = [outcome.notes.len(), outcome.unmet.len(), outcome.attempts.len()];
    let fits = outcome.tail.len() <= TAIL_LIMIT && lists.iter().all(|count| *count <= NOTES);
    if fits { Ok(()) } else { Err(too_much()) }
}

fn too_much() -> BadRecord {
    BadRecord::Forbidden("more words than a record may carry".to_owned())
}

/// True if the process lives and is somebody else's: a run that never seems to be lost. A dead one is nobody's, and all it
/// can say is that the run is lost.
fn is_of_another(mark: &ProcessMark, uid: u32) -> bool {
    process::is_alive(mark) && process::owner(mark.pid).is_some_and(|owner| owner != uid)
}

#[cfg(test)]
mod tests {
    use muster_core::ids::SignalId;
    use muster_core::signal::Ending;
    use muster_core::time::Timestamp;

    use super::*;

    fn signal(about: &str, report: Report) -> Signal {
        Signal {
            id: SignalId::new("s").expect("valid"),
            about: ExpectationId::new(about).expect("valid"),
            at: Timestamp::from_seconds(0),
            run: None,
            report,
        }
    }

    #[test]
    fn a_user_speaks_of_jobs_and_checks_and_never_for_muster_or_people() {
        for about in ["job.a", "check.a"] {
            assert!(vet(signal(about, Report::Alive), 1000).is_ok(), "{about}");
        }
        for about in ["duty.spool", "channel.ops", "job...", "job", "x.job.a"] {
            assert!(vet(signal(about, Report::Alive), 1000).is_err(), "{about}");
        }
        let (by, until) = ("root".to_owned(), Timestamp::from_seconds(1));
        for act in [
            Report::Acknowledge { by: by.clone(), until },
            Report::Pause { by: by.clone(), reason: String::new(), until },
            Report::Resume { by },
            Report::Log { text: "x".repeat(TAIL_LIMIT + 1) },
            Report::Success(Outcome {
                tail: "x".repeat(TAIL_LIMIT + 1),
                ..Outcome::bare(Ending::Exit { code: 0 })
            }),
        ] {
            assert!(vet(signal("job.a", act.clone()), 1000).is_err(), "{act:?}");
        }
    }

    #[test]
    fn a_living_process_of_somebody_else_is_dropped() {
        let own = process::mark(std::process::id()).expect("alive");
        let me = process::owner(own.pid).expect("alive");
        let start = |mark: &ProcessMark| signal("job.a", Report::Start { process: Some(mark.clone()) });
        assert_eq!(vet(start(&own), me).expect("fine"), start(&own));
        let told = vet(start(&own), me + 1).expect("fine");
        assert_eq!(told.report, Report::Start { process: None });
        let gone = ProcessMark { started: own.started + 1, ..own };
        assert_eq!(vet(start(&gone), me + 1).expect("fine"), start(&gone));
    }
}
