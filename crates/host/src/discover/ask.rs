//! Another program's answer within a deadline. It is killed when the time is over.

use std::io::{ErrorKind, Read};
use std::os::fd::AsFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// Most bytes that are read; what comes after is left out.
const LIMIT: usize = 4 << 20;

/// What a program writes to its standard output, as text.
///
/// # Errors
/// A sentence that says why there is no answer: not installed, not in time, failed.
pub fn ask(program: &str, arguments: &[&str], within: Duration) -> Result<String, String> {
    let until = Instant::now() + within;
    let mut child = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C")
        .env("SYSTEMD_COLORS", "0")
        .env("SYSTEMD_PAGER", "")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| match error.kind() {
            ErrorKind::NotFound => format!("{program} is not installed"),
            _ => format!("{program} could not be started: {error}"),
        })?;
    let output = child.stdout.take();
    let (status, answer) = see_out(child, output, until).map_err(|why| format!("{program} {why}"))?;
    match status.success() {
        true => Ok(answer),
        false => Err(format!("{program} failed ({status})")),
    }
}

/// Runs a program for what it does.
///
/// # Errors
/// In words: what it said last, or why it was not heard.
pub(crate) fn run(mut command: Command, until: Instant) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null());
    let (status, answer) = hear(command, until)?;
    match (status.success(), answer.trim().lines().last()) {
        (true, _) => Ok(()),
        (false, None) => Err(format!("{program} failed ({status})")),
        (false, Some(said)) => Err(format!("{program}: {said}")),
    }
}

/// Runs a prepared program: how it ended, and what it wrote to its standard output and its standard error, as text. Its
/// standard input, user and environment are the caller's to choose.
///
/// # Errors
/// In words: why it was not heard.
pub fn hear(mut command: Command, until: Instant) -> Result<(ExitStatus, String), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let told = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => format!("{program} is not installed"),
        _ => format!("{program} could not be started: {error}"),
    };
    let (output, theirs) = std::io::pipe().map_err(told)?;
    let also_theirs = theirs.try_clone().map_err(told)?;
    command.env("LC_ALL", "C").stdout(theirs).stderr(also_theirs);
    let child = command.spawn().map_err(told)?;
    // It holds our copies of the ends of the pipe.
    drop(command);
    see_out(child, Some(output), until).map_err(|why| format!("{program} {why}"))
}

/// Reads what a child writes, and sees it end; it is killed when the time is over.
fn see_out(
    mut child: Child,
    output: Option<impl Read + AsFd>,
    until: Instant,
) -> Result<(ExitStatus, String), String> {
    let answer = output.map_or(Ok(Vec::new()), |output| listen(output, until));
    let ended = answer.is_ok() && ends(&child, until);
    if !ended {
        // Gone already, or past its time: either way there is nothing more to do for it.
        let _killed = child.kill();
    }
    let status = child.wait().map_err(|error| format!("was lost: {error}"))?;
    let answer = answer?;
    if !ended {
        return Err("did not answer in time".to_owned());
    }
    Ok((status, String::from_utf8_lossy(&answer).into_owned()))
}

fn listen(mut output: impl Read + AsFd, until: Instant) -> Result<Vec<u8>, String> {
    let mut answer = Vec::new();
    let mut block = [0; 16 << 10];
    loop {
        if !is_ready(&output, until) {
            return Err("did not answer in time".to_owned());
        }
        match output.read(&mut block) {
            Ok(0) => return Ok(answer),
            Ok(count) => {
                let room = LIMIT.saturating_sub(answer.len()).min(count);
                answer.extend_from_slice(&block[..room]);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(format!("broke off: {error}")),
        }
    }
}

/// The child has ended by then.
fn ends(child: &Child, until: Instant) -> bool {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let Some(handle) = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) else {
        return true;
    };
    is_ready(&handle, until)
}

fn is_ready(handle: &impl AsFd, until: Instant) -> bool {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let Ok(left) = Timespec::try_from(left) else { return false };
        match poll(&mut [PollFd::new(handle, PollFlags::IN)], Some(&left)) {
            Ok(count) => return count > 0,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_whole() {
        assert_eq!(ask("sh", &["-c", "echo a; echo b"], Duration::from_secs(5)), Ok("a\nb\n".to_owned()));
    }

    #[test]
    fn a_program_that_hangs_is_ended_at_the_deadline() {
        let began = Instant::now();
        for hang in ["exec sleep 60", "exec >&-; exec sleep 60"] {
            let answer = ask("sh", &["-c", hang], Duration::from_millis(200));
            assert!(answer.is_err_and(|why| why.contains("did not answer")));
        }
        assert!(began.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn what_a_program_says_that_fails_is_told() {
        let run = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            run(command, Instant::now() + Duration::from_secs(5))
        };
        assert_eq!(run("echo done"), Ok(()));
        assert_eq!(run("echo one; echo two >&2; exit 1"), Err("sh: two".to_owned()));
        assert!(run("exit 3").is_err_and(|why| why.contains("exit status: 3")));
    }

    #[test]
    fn no_answer_has_a_reason() {
        let none = ask("/no-such-folder/program", &[], Duration::from_secs(1));
        assert!(none.is_err_and(|why| why.contains("not installed")));
        assert!(ask("false", &[], Duration::from_secs(5)).is_err_and(|why| why.contains("failed")));
    }
}
