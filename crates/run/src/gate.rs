//! A start in two steps: the process of the job is there and waits, something is done with it, and then it becomes the
//! job. It is a copy of this program that waits, so that everything else is as it is for any other job.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, WaitOptions, waitpid};

use crate::exit_code;
use crate::spawn::{self, NotStarted, Started};

/// The first argument after `run` of a process that waits. Not for people.
pub(crate) const WORD: &str = "--gate";

/// A process that waits to become the job.
#[derive(Debug)]
pub(crate) struct Gate {
    waiting: Started,
    go: File,
    fault: File,
}

impl Gate {
    /// Starts the process.
    pub(crate) fn set(command: &[OsString], stdin: bool) -> Result<Self, NotStarted> {
        let no_room = |error: Errno| NotStarted::NoRoom(error.into());
        let (go_end, go) = pipe_with(PipeFlags::CLOEXEC).map_err(no_room)?;
        let (fault, fault_end) = pipe_with(PipeFlags::CLOEXEC).map_err(no_room)?;
        for end in [&go_end, &fault_end] {
            fcntl_setfd(end, FdFlags::empty()).map_err(no_room)?;
        }
        let ends = [&go_end, &fault_end].map(|end: &OwnedFd| OsString::from(end.as_raw_fd().to_string()));
        let words = ["run", WORD].map(OsString::from).into_iter().chain(ends);
        let words: Vec<OsString> = words.chain(command.iter().cloned()).collect();
        let waiting = spawn::start_program(&OsString::from("/proc/self/exe"), &words, stdin)?;
        Ok(Self { waiting, go: File::from(go), fault: File::from(fault) })
    }

    /// The process; the job will be the same one.
    pub(crate) fn pid(&self) -> Pid {
        self.waiting.pid
    }

    /// Lets it become the job.
    pub(crate) fn open(mut self) -> Result<Started, NotStarted> {
        // Should it be gone already, its end is the job's.
        drop(self.go.write_all(b"!"));
        drop(self.go);
        let mut fault = Vec::new();
        let told = self.fault.read_to_end(&mut fault).is_ok();
        match fault.try_into() {
            Ok(errno) if told => {
                let error = io::Error::from_raw_os_error(i32::from_ne_bytes(errno));
                // It has nothing left to do but to end.
                waitpid(Some(self.waiting.pid), WaitOptions::empty()).ok();
                Err(spawn::not_started(error))
            }
            _ => Ok(self.waiting),
        }
    }
}

/// What the waiting process does; the arguments are those after [`WORD`]. Returns if it does not become the job.
pub(crate) fn wait(mut arguments: impl Iterator<Item = OsString>) -> u8 {
    let mut end = || arguments.next()?.to_str()?.parse::<RawFd>().ok();
    let (Some(go), Some(fault)) = (end(), end()) else { return exit_code::NOT_BEGUN };
    let command: Vec<OsString> = arguments.collect();
    // Opened again they are closed when the job begins; those that were handed down are not.
    let ends = (
        File::open(format!("/proc/self/fd/{go}")),
        OpenOptions::new().write(true).open(format!("/proc/self/fd/{fault}")),
    );
    for handed in [go, fault] {
        nix::unistd::close(handed).ok();
    }
    let (Ok(mut go), Ok(mut fault)) = ends else { return exit_code::NOT_BEGUN };
    // Nothing comes if nobody is left who would watch the job.
    if go.read_exact(&mut [0]).is_err() {
        return exit_code::NOT_BEGUN;
    }
    let mut error = spawn::become_it(&command);
    if spawn::is_script(&error) {
        let script: Vec<OsString> = [OsString::from("/bin/sh")].into_iter().chain(command).collect();
        error = spawn::become_it(&script);
    }
    let errno = error.raw_os_error().unwrap_or(Errno::IO.raw_os_error());
    drop(fault.write_all(&errno.to_ne_bytes()));
    exit_code::of_exec(&error)
}
