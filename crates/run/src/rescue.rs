//! What is left when muster itself fails: the job still runs.

use std::cell::{Cell, RefCell};
use std::ffi::OsString;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rustix::process::{Pid, WaitOptions, waitpid};

use crate::exit_code;
use crate::spawn;

/// Knows the command, and whether it has been started.
#[derive(Debug)]
pub(crate) struct Rescue {
    command: RefCell<Vec<OsString>>,
    started: Cell<Option<Pid>>,
}

impl Rescue {
    /// The command of the arguments; empty if it stands in the configuration.
    pub(crate) fn new(command: Vec<OsString>) -> Self {
        Self { command: RefCell::new(command), started: Cell::new(None) }
    }

    /// The command is known now.
    pub(crate) fn know(&self, command: &[OsString]) {
        self.command.replace(command.to_vec());
    }

    /// The command was started and is `pid`.
    pub(crate) fn watches(&self, pid: Pid) {
        self.started.set(Some(pid));
    }

    /// Tells the story; should it break off, the job is run or waited for all the same.
    pub(crate) fn guard(&self, story: impl FnOnce(&Self) -> u8) -> u8 {
        let result = catch_unwind(AssertUnwindSafe(|| story(self)));
        match (result, self.started.get()) {
            (Ok(code), _) => code,
            (Err(_), Some(pid)) => wait_for(pid),
            (Err(_), None) => self.become_it(&mut std::io::stderr()),
        }
    }

    /// Becomes the command. Returns only if it cannot be executed.
    pub(crate) fn become_it(&self, err: &mut dyn Write) -> u8 {
        let command = self.command.borrow();
        if command.is_empty() {
            return exit_code::NOT_BEGUN;
        }
        let error = spawn::become_it(&command);
        drop(writeln!(
            err,
            "muster run: {}: {error}",
            command.first().map(|word| word.to_string_lossy()).unwrap_or_default()
        ));
        exit_code::of_exec(&error)
    }
}

fn wait_for(pid: Pid) -> u8 {
    loop {
        match waitpid(Some(pid), WaitOptions::empty()) {
            Ok(Some((_, status))) => {
                let code = status.exit_status().or(status.terminating_signal().map(|signal| 128 + signal));
                return code.and_then(|code| u8::try_from(code).ok()).unwrap_or(exit_code::NOT_BEGUN);
            }
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return exit_code::NOT_BEGUN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_was_started_is_waited_for_when_the_story_breaks_off() {
        let rescue = Rescue::new(Vec::new());
        let code = rescue.guard(|rescue| {
            let command = ["sh", "-c", "exit 7"].map(OsString::from);
            rescue.watches(spawn::start(&command, false).expect("started").pid);
            panic!("on purpose");
        });
        assert_eq!(code, 7);
        assert_eq!(rescue_nothing(), exit_code::NOT_BEGUN);
    }

    fn rescue_nothing() -> u8 {
        Rescue::new(Vec::new()).become_it(&mut Vec::new())
    }
}
