//! `muster doctor --fix`, `confirm` and `undo`: what is to be done, what was done, what was taken back.

use muster_doctor::mend::confirm::{Answer, Confirmation};
use muster_doctor::mend::plan::{Act, Plan};
use muster_doctor::mend::treatment::{State, Treatment};

use super::clock::Clock;
use super::count::counted;
use super::diff::unified;
use super::lines::clean;
use super::paper::Paper;

/// What --fix would change. `guarded`: seconds for a word that somebody still comes in, where one is needed.
pub(crate) fn plan(plan: &Plan, guarded: Option<u64>, paper: &Paper) -> String {
    let mut text = String::new();
    for change in &plan.changes {
        let mut ids: Vec<&str> = change.cures.iter().map(|(id, _)| id.as_str()).collect();
        ids.dedup();
        text.push_str(&format!("{}\n", paper.strong(&ids.join(", "))));
        text.push_str(&match &change.act {
            Act::Content { file, old, new, .. } => {
                unified(&clean(&file.display().to_string()), old.as_deref(), new, paper)
            }
            Act::Mode { file, from, to } => {
                format!("chmod {to:04o} {}   # was {from:04o}\n", clean(&file.display().to_string()))
            }
            Act::Rename { from, to } => {
                format!("mv {} {}\n", clean(&from.display().to_string()), clean(&to.display().to_string()))
            }
            Act::Order(order) => format!("{}\n", clean(&order.to_string())),
        });
        text.push('\n');
    }
    for (about, why) in &plan.left {
        text.push_str(&format!("left as it is: {}: {}\n", clean(about), clean(why)));
    }
    for (id, subject) in &plan.disruptive {
        text.push_str(&format!("disruptive, left: {id} {}\n", clean(subject)));
    }
    if !plan.disruptive.is_empty() {
        text.push_str("--allow-disruptive mends what is disruptive as well.\n");
    }
    if plan.changes.is_empty() {
        text.push_str(match plan.disruptive.is_empty() {
            true => "Nothing that can be mended.\n",
            false => "Nothing that can be mended without disturbing something.\n",
        });
    } else if let Some(seconds) = guarded {
        text.push_str(&format!(
            "This is about the way in: it rolls back after {seconds} s unless you confirm it.\n"
        ));
    }
    text
}

/// What became of it. `left`: what did not help and could not be taken back.
pub(crate) fn mended(treatment: &Treatment, left: &[(String, String)], seconds: u64) -> String {
    let mut text = String::new();
    let mut done = 0;
    for entry in &treatment.changes {
        let about = clean(&entry.change.act.about());
        match &entry.state {
            State::Done => done += 1,
            State::Planned => text.push_str(&format!("{about}: not known whether it was done\n")),
            State::Refused(why) => text.push_str(&format!("{about}: left as it is: {}\n", clean(why))),
            State::Failed(why) => text.push_str(&format!("{about}: half done: {}\n", clean(why))),
            State::Undone(why) => text.push_str(&format!("{about}: taken back, because {}\n", clean(why))),
        }
    }
    text.push_str(&not_taken_back(left));
    if done > 0 {
        text.push_str(&format!(
            "{} made and looked at again. `muster doctor undo {}` takes it back.\n",
            counted(done, "change"),
            treatment.id
        ));
    }
    if treatment.waits() {
        text.push_str(&format!(
            "Rolls back in {seconds} s unless you confirm: open a NEW ssh session and run: muster doctor confirm {}\n",
            treatment.id
        ));
    }
    text
}

/// What became of the word that somebody still comes in.
pub(crate) fn confirmed(id: &str, answer: &Answer, clock: &Clock) -> String {
    match answer {
        Answer::Stays => format!("Treatment {id} stays. `muster doctor undo {id}` takes it back.\n"),
        Answer::Stayed => format!("Treatment {id} stays; it did not wait to be confirmed.\n"),
        Answer::TakenBack(at) => {
            format!(
                "Too late: nobody confirmed treatment {id}, and it was taken back {}.\n",
                clock.stamp(*at)
            )
        }
        Answer::Undone => format!("Nothing of treatment {id} stands any more.\n"),
    }
}

/// What was taken back.
pub(crate) fn undone(treatment: &Treatment, left: &[(String, String)]) -> String {
    let back = treatment.changes.iter().filter(|entry| matches!(entry.state, State::Undone(_))).count();
    let mut text = format!("{} of {} taken back.\n", counted(back, "change"), treatment.changes.len());
    text.push_str(&not_taken_back(left));
    text
}

/// A treatment that nobody confirmed, and whose guard was gone.
pub(crate) fn forsaken(id: &str, left: &[(String, String)]) -> String {
    let text = format!(
        "treatment {id} was not confirmed and its guard was gone (killed, or the host was started again); it was taken back now"
    );
    match left.is_empty() {
        true => text,
        false => format!("{text}, but not all of it:\n{}", not_taken_back(left).trim_end()),
    }
}

/// A treatment of which something could not be taken back.
pub(crate) fn stuck(treatment: &Treatment) -> String {
    let Confirmation::Missed { left, .. } = &treatment.confirmation else { return String::new() };
    format!(
        "treatment {0} was not confirmed and could not be taken back whole; look at it, then `muster doctor undo {0}`\n{1}",
        treatment.id,
        not_taken_back(left).trim_end()
    )
}

fn not_taken_back(left: &[(String, String)]) -> String {
    left.iter().map(|(about, why)| format!("{}: left as it is: {}\n", clean(about), clean(why))).collect()
}
