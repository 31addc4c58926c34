//! Another program's answer within a deadline. It is killed when the time is over.

use std::io::{ErrorKind, Read};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// Most bytes that are read; what comes after is left out.
const LIMIT: usize = 4 << 20;

/// What a program writes to its standard output, as text.
///
/// # Errors
/// A sentence that says why there is no answer: not installed, not in time, failed.
pub(crate) fn ask(program: &str, arguments: &[&str], within: Duration) -> Result<String, String> {
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
    let answer = listen(&mut child, until);
    let ended = match &answer {
        Ok(_) => ends(&child, until),
        Err(_) => false,
    };
    if !ended {
        // Gone already, or past its time: either way there is nothing more to do for it.
        let _killed = child.kill();
    }
    let status = child.wait().map_err(|error| format!("{program}: {error}"))?;
    let answer = answer.map_err(|why| format!("{program} {why}"))?;
    if !ended {
        return Err(format!("{program} did not answer in time"));
    }
    match status.success() {
        true => Ok(String::from_utf8_lossy(&answer).into_owned()),
        false => Err(format!("{program} failed ({status})")),
    }
}

fn listen(child: &mut Child, until: Instant) -> Result<Vec<u8>, String> {
    let mut answer = Vec::new();
    let Some(mut output) = child.stdout.take() else { return Ok(answer) };
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

fn is_ready(handle: &impl std::os::fd::AsFd, until: Instant) -> bool {
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
    fn no_answer_has_a_reason() {
        let none = ask("/no-such-folder/program", &[], Duration::from_secs(1));
        assert!(none.is_err_and(|why| why.contains("not installed")));
        assert!(ask("false", &[], Duration::from_secs(5)).is_err_and(|why| why.contains("failed")));
    }
}
