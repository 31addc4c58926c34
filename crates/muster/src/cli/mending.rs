//! What `muster doctor` changes: --fix, undo, and the word that somebody still comes in.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use muster_doctor::mend::confirm::{Answer, Confirmation, hold};
use muster_doctor::mend::perform::Programs;
use muster_doctor::mend::plan::{Consent, plan};
use muster_doctor::mend::treatment::{State, Treatment, TreatmentError};
use muster_doctor::report::Report;
use muster_host::process::mark;

use crate::ask::agreed;
use crate::exit_code::ExitCode;
use crate::own_changes::OwnChanges;
use crate::refusal::Refusal;
use crate::say;
use crate::say::paper::Paper;
use crate::world::World;

/// How long a guard has to say that it is there.
const READY: Duration = Duration::from_secs(10);
/// How long one waits for another doctor on this host, a guard for longer: what it waits for ends by itself.
const PATIENCE: Duration = Duration::from_secs(20);
const GUARDS_PATIENCE: Duration = Duration::from_secs(900);
/// What a guard says when it is there.
const HERE: &str = "here\n";

/// What was asked for on the command line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wishes {
    pub(super) consent: Consent,
    pub(super) dry_run: bool,
    pub(super) yes: bool,
    /// Seconds for a word that somebody still comes in.
    pub(super) confirm_within: u64,
}

/// Mends what a report found. `again` looks at the host once more.
pub(super) fn fix(
    world: &World,
    wishes: Wishes,
    report: &Report,
    again: impl Fn() -> Result<Report, Refusal>,
) -> Result<ExitCode, Refusal> {
    let paper = Paper::of_stdout();
    let plan = plan(report, wishes.consent);
    // A tree of files shuts nobody out.
    let guarded = report.vantage.live && plan.is_about_the_way_in();
    world.say(&say::mending::plan(&plan, guarded.then_some(wishes.confirm_within), &paper))?;
    if plan.changes.is_empty() || wishes.dry_run {
        return Ok(ExitCode::Fine);
    }
    let size = say::count::counted(plan.changes.len(), "change");
    if !wishes.yes && !agreed(world, &format!("Make {size}?"))? {
        return Err(Refusal::new(ExitCode::Refused, "nothing was changed"));
    }
    let folder = world.layout()?.doctor();
    let programs = Programs::default();
    let lock = hold(&folder, PATIENCE).map_err(|error| unkept(&error))?;
    if let Some(other) =
        Treatment::all(&folder).map_err(|error| unkept(&error))?.iter().find(|one| one.waits())
    {
        let what = format!("treatment {} is not confirmed yet, so nothing more is changed", other.id);
        return Err(Refusal::new(ExitCode::Refused, what).help(format!(
            "`muster doctor confirm {0}` keeps it, `muster doctor undo {0}` takes it back",
            other.id
        )));
    }
    let mut treatment = Treatment::new(plan.changes, world.now().wall);
    if guarded {
        guard(world, &mut treatment, &folder, wishes.confirm_within)?;
    }
    let accepting = OwnChanges::begin(world, Path::new(&report.vantage.root));
    treatment.carry_out(&folder, &programs).map_err(|error| unkept(&error))?;
    // What is still found was not mended, and is not left half done.
    let after = again()?;
    let stays = |(id, subject): &(String, String)| {
        after.findings.iter().any(|judged| judged.rule.id == id && &judged.finding.subject == subject)
    };
    let left =
        treatment.undo(&folder, &programs, "it did not help", stays).map_err(|error| unkept(&error))?;
    drop(lock);
    world.say(&say::mending::mended(&treatment, &left, wishes.confirm_within))?;
    if treatment.waits() && !wishes.yes {
        let stays = agreed(world, "Does a NEW connection still come in? y keeps the changes")?;
        if !stays {
            return undo(world, Some(&treatment.id));
        }
        let code = confirm(world, Some(&treatment.id))?;
        if code == ExitCode::Fine {
            accept(world, accepting, &treatment, "muster doctor --fix");
        }
        return Ok(code);
    }
    // What may still be taken back is no accepted state.
    if !treatment.waits() {
        accept(world, accepting, &treatment, "muster doctor --fix");
    }
    let all_done = treatment.changes.iter().all(|entry| entry.state == State::Done);
    Ok(if all_done { ExitCode::Fine } else { ExitCode::BadNews })
}

/// What was changed at somebody's word is no drift.
fn accept(world: &World, accepting: Option<OwnChanges>, treatment: &Treatment, verb: &str) {
    if let Some(accepting) = accepting {
        accepting.end(world, treatment.files(), verb);
    }
}

/// Writes the treatment down as one that waits, and starts its guard; nothing is changed before the guard is there.
fn guard(world: &World, treatment: &mut Treatment, folder: &Path, seconds: u64) -> Result<(), Refusal> {
    let refused = |why: &str| {
        Refusal::new(ExitCode::System, "nobody could take it back in time, so nothing was changed")
            .because_of(why)
    };
    let until = world.now().wall.shifted(i64::try_from(seconds).unwrap_or(i64::MAX / 1000) * 1000);
    treatment.confirmation = Confirmation::Awaited { until, guard: None };
    treatment.keep(folder).map_err(|error| unkept(&error))?;
    let program = std::env::current_exe().map_err(|error| refused(&error.to_string()))?;
    let state = std::path::absolute(world.layout()?.root()).map_err(|error| refused(&error.to_string()))?;
    let mut child = Command::new(program)
        .args(["doctor", "rollback", &treatment.id, "--after", &seconds.to_string()])
        .env("MUSTER_STATE", state)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| refused(&format!("its guard could not be started: {error}")))?;
    let (sender, heard) = mpsc::channel();
    if let Some(out) = child.stdout.take() {
        std::thread::spawn(move || {
            let mut line = String::new();
            let mut out = BufReader::new(out.take(HERE.len() as u64));
            drop(out.read_line(&mut line));
            drop(sender.send(line));
        });
    }
    if heard.recv_timeout(READY).as_deref() != Ok(HERE) {
        child.kill().ok();
        child.wait().ok();
        return Err(refused("its guard did not say that it is there"));
    }
    let guard = Some(mark(child.id()).map_err(|error| refused(&format!("its guard is gone: {error}")))?);
    treatment.confirmation = Confirmation::Awaited { until, guard };
    treatment.keep(folder).map_err(|error| unkept(&error))
}

/// The guard: waits, and takes a treatment back that nobody confirmed.
pub(super) fn rollback(world: &World, id: &str, after: Duration) -> Result<ExitCode, Refusal> {
    // A session of its own has no terminal, so the end of a connection does not reach it. A leader has one already.
    rustix::process::setsid().ok();
    let folder = world.layout()?.doctor();
    let begun = Instant::now();
    // Whoever reads it may be gone; it is needed all the more then.
    world.say(HERE).ok();
    while begun.elapsed() < after {
        std::thread::sleep(Duration::from_millis(500).min(after.saturating_sub(begun.elapsed())));
        let is_settled = |treatment: Treatment| {
            !matches!(treatment.confirmation, Confirmation::Awaited { .. }) || !treatment.stands()
        };
        if Treatment::find(&folder, Some(id)).is_ok_and(is_settled) {
            return Ok(ExitCode::Fine);
        }
    }
    let _lock = hold(&folder, GUARDS_PATIENCE).map_err(|error| unkept(&error))?;
    let mut treatment = found(&folder, Some(id))?;
    if !treatment.waits() {
        return Ok(ExitCode::Fine);
    }
    let left = treatment
        .roll_back(&folder, &Programs::default(), || world.now().wall)
        .map_err(|error| unkept(&error))?;
    Ok(if left.is_empty() { ExitCode::Fine } else { ExitCode::BadNews })
}

/// Somebody still comes in.
pub(super) fn confirm(world: &World, id: Option<&str>) -> Result<ExitCode, Refusal> {
    let folder = world.layout()?.doctor();
    let _lock = hold(&folder, PATIENCE).map_err(|error| unkept(&error))?;
    let mut treatment = match id {
        Some(id) => found(&folder, Some(id))?,
        None => Treatment::all(&folder)
            .map_err(|error| gone(&error))?
            .into_iter()
            .find(Treatment::waits)
            .ok_or_else(|| Refusal::new(ExitCode::NotFound, "nothing waits to be confirmed"))?,
    };
    let answer = treatment.confirm(&folder, world.now().wall).map_err(|error| unkept(&error))?;
    world.say(&say::mending::confirmed(&treatment.id, &answer, &world.clock()))?;
    Ok(match answer {
        Answer::Stays | Answer::Stayed => ExitCode::Fine,
        Answer::TakenBack(_) | Answer::Undone => ExitCode::BadNews,
    })
}

/// Takes a treatment back.
pub(super) fn undo(world: &World, id: Option<&str>) -> Result<ExitCode, Refusal> {
    let folder = world.layout()?.doctor();
    // Without one there is nothing to hold.
    found(&folder, id)?;
    let _lock = hold(&folder, PATIENCE).map_err(|error| unkept(&error))?;
    let mut treatment = found(&folder, id)?;
    let accepting = OwnChanges::begin(world, Path::new("/"));
    let left =
        treatment.undo(&folder, &Programs::default(), "undone", |_| true).map_err(|error| unkept(&error))?;
    accept(world, accepting, &treatment, "muster doctor undo");
    world.say(&say::mending::undone(&treatment, &left))?;
    Ok(if left.is_empty() { ExitCode::Fine } else { ExitCode::BadNews })
}

/// Takes back what waits for a word and has no guard any more: the host was started again, or the guard was killed. Says so,
/// and says again what could not be taken back.
pub(crate) fn take_back_forsaken(world: &World) {
    let Ok(folder) = world.layout().map(|layout| layout.doctor()) else { return };
    let Ok(all) = Treatment::all(&folder) else { return };
    for treatment in all.iter().filter(|treatment| treatment.is_stuck()) {
        world.warn(&say::mending::stuck(treatment));
    }
    if !all.iter().any(Treatment::is_forsaken) {
        return;
    }
    // Somebody at work right now sees to it.
    let Ok(_lock) = hold(&folder, Duration::ZERO) else { return };
    for one in all {
        let Ok(mut treatment) = Treatment::find(&folder, Some(&one.id)) else { continue };
        if !treatment.is_forsaken() {
            continue;
        }
        match treatment.roll_back(&folder, &Programs::default(), || world.now().wall) {
            Ok(left) => world.warn(&say::mending::forsaken(&treatment.id, &left)),
            Err(error) => world.warn(&format!("treatment {} cannot be taken back: {error}", treatment.id)),
        }
    }
}

fn found(folder: &Path, id: Option<&str>) -> Result<Treatment, Refusal> {
    Treatment::find(folder, id).map_err(|error| gone(&error))
}

fn gone(error: &TreatmentError) -> Refusal {
    match error {
        TreatmentError::Absent(_) => Refusal::new(ExitCode::NotFound, error.to_string()),
        TreatmentError::System { .. } | TreatmentError::Garbled { .. } | TreatmentError::Busy => {
            Refusal::system("there is no going back", error)
        }
    }
}

fn unkept(error: &TreatmentError) -> Refusal {
    match error {
        TreatmentError::Busy => {
            Refusal::new(ExitCode::Refused, error.to_string()).help("wait for it to end, then try again")
        }
        TreatmentError::System { .. } | TreatmentError::Garbled { .. } | TreatmentError::Absent(_) => {
            Refusal::system("the originals cannot be kept, so nothing more is changed", error)
                .help("name another state directory with --state")
        }
    }
}
