//! Commands that end well and do nothing. What the command says is judged before the run, what came of it after.

use std::ffi::OsString;

use muster_host::discover::{Idle, idle};

/// What the words of a command give to worry about.
#[derive(Debug, Default)]
pub(crate) struct Worries(Vec<Idle>);

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct CameTrue {
    /// It did nothing, a sentence each.
    pub(crate) unmet: Vec<String>,
    /// It may have done nothing.
    pub(crate) notes: Vec<String>,
}

impl Worries {
    /// Looks at a command that is about to run.
    pub(crate) fn about(command: &[OsString]) -> Self {
        Self(idle(&command.iter().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>()))
    }

    /// Judges after the end: with its exit code, whether it could read anything, and how much it wrote.
    pub(crate) fn came_true(&self, code: Option<u8>, stdin: bool, output: u64) -> CameTrue {
        let mut found = CameTrue::default();
        for worry in &self.0 {
            match worry {
                Idle::NoScript { program } if code == Some(0) && output == 0 && !stdin => {
                    found.unmet.push(format!(
                        "{program} was started without a script: it read an empty standard input and exited 0"
                    ));
                }
                Idle::NoScript { .. } => {}
                Idle::EmptyArgument { program, place } => {
                    found
                        .notes
                        .push(format!("argument {place} of {program} is empty; is a variable not set?"));
                }
                Idle::MissingScript { path, guarded: false } if code == Some(0) => {
                    found.unmet.push(format!("{path}, which should do the work, is not there"));
                }
                Idle::MissingScript { path, .. } => {
                    found.notes.push(format!("{path}, which should do the work, is not there"));
                }
            }
        }
        found
    }
}
