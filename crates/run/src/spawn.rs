//! Starts the job's command: its own process group, pipes for its output, and nothing else of ours.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Pid;

/// A job that has started.
#[derive(Debug)]
pub(crate) struct Started {
    /// The leader of its process group.
    pub(crate) pid: Pid,
    /// Our end of its standard output.
    pub(crate) out: OwnedFd,
    /// Our end of its standard error.
    pub(crate) err: OwnedFd,
}

/// Why it has not.
#[derive(Debug)]
pub(crate) enum NotStarted {
    /// The system has no room for another process or pipe.
    NoRoom(io::Error),
    /// The command is not there or cannot be executed.
    Exec(io::Error),
}

/// Starts a command. Environment, working directory and umask are those we were started with; the signal mask is ours
/// and SIGPIPE is back at its default. No shell, except for a script without an interpreter line, as execvp(3) has it.
pub(crate) fn start(command: &[OsString], stdin: bool) -> Result<Started, NotStarted> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(NotStarted::Exec(io::Error::new(io::ErrorKind::NotFound, "no command")));
    };
    match start_program(program, arguments, stdin) {
        Err(NotStarted::Exec(error)) if is_script(&error) => {
            let script: Vec<OsString> = command.to_vec();
            start_program(&OsString::from("/bin/sh"), &script, stdin)
        }
        other => other,
    }
}

/// Becomes the command, for the case that we cannot stand beside it. Returns only when that fails too.
pub(crate) fn become_it(command: &[OsString]) -> io::Error {
    match command.split_first() {
        Some((program, arguments)) => Command::new(program).args(arguments).exec(),
        None => io::Error::new(io::ErrorKind::NotFound, "no command"),
    }
}

/// True for what the kernel says of a script without an interpreter line.
pub(crate) fn is_script(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::NOEXEC.raw_os_error())
}

/// What it means that a program could not be started.
pub(crate) fn not_started(error: io::Error) -> NotStarted {
    if is_no_room(&error) { NotStarted::NoRoom(error) } else { NotStarted::Exec(error) }
}

/// Starts a program as [`start`] does, and nothing else if it is a script without an interpreter line.
pub(crate) fn start_program(
    program: &OsString,
    arguments: &[OsString],
    stdin: bool,
) -> Result<Started, NotStarted> {
    let no_room = |error: Errno| NotStarted::NoRoom(error.into());
    let (out, out_end) = pipe_with(PipeFlags::CLOEXEC).map_err(no_room)?;
    let (err, err_end) = pipe_with(PipeFlags::CLOEXEC).map_err(no_room)?;
    for pipe in [&out, &err] {
        rustix::io::ioctl_fionbio(pipe, true).map_err(no_room)?;
    }
    let child = Command::new(program)
        .args(arguments)
        .process_group(0)
        .stdin(if stdin { Stdio::inherit() } else { Stdio::null() })
        .stdout(out_end)
        .stderr(err_end)
        .spawn()
        .map_err(not_started)?;
    match i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        Some(pid) => Ok(Started { pid, out, err }),
        None => Err(NotStarted::Exec(io::Error::other("the kernel gave an impossible process id"))),
    }
}

fn is_no_room(error: &io::Error) -> bool {
    [Errno::AGAIN, Errno::NOMEM, Errno::MFILE, Errno::NFILE]
        .iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}
