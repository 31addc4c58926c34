//! `muster jobs import`, `adopt` and `release`: the plan, and what came of it.

use muster_host::adopt::candidate::{Candidate, Left, Standing};

use super::count::counted;
use super::diff::unified;
use super::paper::{Paper, harmless};
use crate::adoption::change::Change;

/// Every difference, one file after the other.
pub(crate) fn differences(changes: &[Change], paper: &Paper) -> String {
    let one = |change: &Change| unified(&change.name, change.old.as_deref(), &change.new, paper);
    changes.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// What is left and why, the same reason only once.
pub(crate) fn left(candidates: &[&Candidate]) -> String {
    let mut reasons: Vec<(String, bool, Vec<&Candidate>)> = Vec::new();
    for one in candidates {
        let Standing::Left(Left { why, unless_named }) = &one.standing else { continue };
        let by_name = unless_named.is_some();
        match reasons.iter_mut().find(|(known, ..)| known == why) {
            Some((.., those)) => those.push(one),
            None => reasons.push((why.clone(), by_name, vec![one])),
        }
    }
    if reasons.is_empty() {
        return String::new();
    }
    let mut text = "\nLeft as they are:\n".to_owned();
    for (why, by_name, those) in reasons {
        for one in &those {
            let place = if one.line == 0 { one.place.clone() } else { format!("{}:{}", one.place, one.line) };
            text.push_str(&format!(
                "  {}  {}  {}\n",
                harmless(&one.name),
                harmless(&place),
                harmless(&one.command)
            ));
        }
        let how = match (by_name, those.as_slice()) {
            (true, [one]) => format!("; `muster jobs adopt {}` takes it all the same", one.name),
            (true, _) => "; `muster jobs adopt NAME` takes one all the same".to_owned(),
            (false, _) => String::new(),
        };
        text.push_str(&format!("    {}{how}\n", harmless(&why)));
    }
    text
}

/// One sentence about what a plan comes to: `3 jobs in 2 files`.
pub(crate) fn size(jobs: usize, changes: &[Change]) -> String {
    format!("{} in {}", counted(jobs, "job"), counted(changes.len(), "file"))
}
