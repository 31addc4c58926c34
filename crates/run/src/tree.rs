//! All processes of a run: the group, and whatever left it. Orphans come back to us (we are their subreaper), so every
//! descendant of ours that was not there before belongs to the run.

use std::time::{Duration, Instant};

use muster_host::process;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitOptions, WaitStatus};

/// The processes of one run.
#[derive(Debug)]
pub(crate) struct Tree {
    leader: Pid,
    /// Children that we had before the run: left over from whoever became us.
    strangers: Vec<u32>,
    status: Option<WaitStatus>,
}

/// What became of the children when we looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reaped {
    /// The leader stopped (it did not end).
    pub(crate) stopped: bool,
    /// There are no children any more.
    pub(crate) empty: bool,
}

/// Becomes the reaper of orphans and looks for children that are there already. To be called before the run starts.
pub(crate) fn prepare() -> Vec<u32> {
    // Where the kernel refuses, processes that leave the group cannot be found; the group still can.
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).ok();
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    match rustix::process::waitid(WaitId::All, look) {
        Err(_) => Vec::new(),
        Ok(_) => process::descendants(std::process::id()),
    }
}

impl Tree {
    /// The tree below `leader`.
    pub(crate) fn new(leader: Pid, strangers: Vec<u32>) -> Self {
        Self { leader, strangers, status: None }
    }

    /// How the leader ended, once it has.
    pub(crate) fn status(&self) -> Option<WaitStatus> {
        self.status
    }

    /// Takes the exit status of every child that has ended.
    pub(crate) fn reap(&mut self) -> Reaped {
        let mut reaped = Reaped { stopped: false, empty: false };
        loop {
            match rustix::process::wait(WaitOptions::NOHANG | WaitOptions::UNTRACED) {
                Ok(Some((pid, status))) if pid == self.leader => {
                    if status.stopped() {
                        reaped.stopped = true;
                    } else {
                        self.status = Some(status);
                    }
                }
                Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
                Ok(None) => return reaped,
                Err(_) => {
                    reaped.empty = true;
                    return reaped;
                }
            }
        }
    }

    /// The living processes of the run, the leader among them.
    pub(crate) fn living(&self) -> Vec<u32> {
        process::descendants(std::process::id())
            .into_iter()
            .filter(|pid| !self.strangers.contains(pid))
            .filter(|&pid| process::stat(pid).is_ok_and(|stat| !stat.is_dead()))
            .collect()
    }

    /// Kills whatever is left, and waits for its end for a while; a process may hang in the kernel for longer.
    pub(crate) fn end(&mut self, at_most: Duration) {
        let began = Instant::now();
        while !self.living().is_empty() && began.elapsed() < at_most {
            self.signal_all(Signal::KILL);
            std::thread::sleep(Duration::from_millis(5));
            self.reap();
        }
    }

    /// Sends a signal to the group.
    pub(crate) fn signal_group(&self, signal: Signal) {
        // Once the leader is reaped its number may belong to somebody else.
        if self.status.is_none() {
            rustix::process::kill_process_group(self.leader, signal).ok();
        }
    }

    /// Sends a signal to every process of the run, once each; how many there were beside the group.
    pub(crate) fn signal_all(&self, signal: Signal) -> usize {
        let group = self.leader.as_raw_pid().unsigned_abs();
        // All are found before the first one hears it: children of a process that ends while the list is made move
        // to us, and would stand neither where they were nor where they are. Hence twice, too: some end by themselves.
        let mut all = self.living();
        let again = self.living();
        all.extend(again.into_iter().filter(|pid| !all.contains(pid)).collect::<Vec<_>>());
        let rest: Vec<u32> = all
            .into_iter()
            .filter(|&pid| self.status.is_some() || process::stat(pid).is_ok_and(|stat| stat.group != group))
            .collect();
        self.signal_group(signal);
        for &pid in &rest {
            if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
                rustix::process::kill_process(pid, signal).ok();
            }
        }
        rest.len()
    }
}
