//! Lends the terminal to a job that a person started by hand, so that it may read from it and Ctrl-C reaches it.

use nix::sys::signal::{SigSet, Signal as Masked};
use rustix::process::{Pid, Signal};

/// A terminal that is lent to the job. It comes back when this is dropped.
#[derive(Debug)]
pub(crate) struct Lent {
    ours: Pid,
    job: Pid,
}

impl Lent {
    /// Lends our terminal to the job's group; none if standard input is no terminal or others are using it.
    pub(crate) fn to(job: Pid) -> Option<Self> {
        let stdin = rustix::stdio::stdin();
        let ours = rustix::process::getpgrp();
        if rustix::termios::tcgetpgrp(stdin).ok()? != ours {
            return None;
        }
        // To take it back from the background would stop us otherwise. The job has started and does not inherit this.
        let mut quiet = SigSet::empty();
        quiet.add(Masked::SIGTTOU);
        quiet.thread_block().ok()?;
        rustix::termios::tcsetpgrp(stdin, job).ok()?;
        // It may have tried to read in the meantime.
        rustix::process::kill_process_group(job, Signal::CONT).ok();
        Some(Self { ours, job })
    }

    /// Ctrl-Z stopped the job: we stop as well, and both go on together.
    pub(crate) fn stop_together(&self) {
        let stdin = rustix::stdio::stdin();
        rustix::termios::tcsetpgrp(stdin, self.ours).ok();
        rustix::process::kill_process(rustix::process::getpid(), Signal::STOP).ok();
        if rustix::termios::tcgetpgrp(stdin).is_ok_and(|group| group == self.ours) {
            rustix::termios::tcsetpgrp(stdin, self.job).ok();
        }
        rustix::process::kill_process_group(self.job, Signal::CONT).ok();
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        rustix::termios::tcsetpgrp(rustix::stdio::stdin(), self.ours).ok();
    }
}
