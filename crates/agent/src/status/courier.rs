//! The command that takes the folder to another host. It has a deadline, and is killed with all that it started.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};

/// The longest that it may take.
pub(crate) const WITHIN: Duration = Duration::from_secs(50);

/// Bytes of its complaints that are kept.
const OUTPUT: u64 = 2048;

/// Kills the group of a command that is given up, also when the duty itself is.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            // Nobody left is what we want.
            _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

/// Runs the command, `{folder}` in its words replaced.
///
/// # Errors
/// What went wrong, in one line.
pub(crate) async fn carry(words: &[String], folder: &Path, within: Duration) -> Result<(), String> {
    let folder = folder.to_string_lossy();
    let mut words = words.iter().map(|word| word.replace("{folder}", &folder));
    let Some(program) = words.next() else { return Err("the command is empty".to_owned()) };
    let started = Command::new(&program)
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn();
    let mut child = started.map_err(|error| format!("{program} could not be started: {error}"))?;
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let mut group = Group(pid);
    let Ok(ended) = tokio::time::timeout(within, end(&mut child)).await else {
        return Err(format!("{program} did not end within {} s and was killed", within.as_secs()));
    };
    let (status, complaint) = ended.map_err(|error| format!("{program} could not be watched: {error}"))?;
    // Its number may belong to another by now.
    group.0 = None;
    if status.success() {
        return Ok(());
    }
    let line = complaint.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
    let line: String = line.chars().filter(|c| !c.is_control()).take(300).collect();
    let said = if line.is_empty() { String::new() } else { format!(": {line}") };
    Err(match status.code() {
        Some(code) => format!("{program}: exit {code}{said}"),
        None => format!("{program} was killed by a signal{said}"),
    })
}

/// Waits for its end, and for what it complains about until then.
async fn end(child: &mut Child) -> std::io::Result<(std::process::ExitStatus, String)> {
    let output = child.stderr.take();
    let mut complaint = Vec::new();
    let listen = async {
        if let Some(output) = output {
            let mut some = output.take(OUTPUT);
            drop(some.read_to_end(&mut complaint).await);
            // Read on, so that a talkative program is not stopped by a full pipe.
            drop(tokio::io::copy(&mut some.into_inner(), &mut tokio::io::sink()).await);
        }
    };
    let status = {
        let mut listen = std::pin::pin!(listen);
        let mut open = true;
        let status = loop {
            tokio::select! {
                status = child.wait() => break status?,
                () = &mut listen, if open => open = false,
            }
        };
        if open {
            // What it left running may keep the pipe open for ever.
            drop(tokio::time::timeout(Duration::from_millis(200), listen).await);
        }
        status
    };
    Ok((status, String::from_utf8_lossy(&complaint).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[tokio::test]
    async fn the_folder_is_named_and_a_failure_says_why() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(from.path().join("index.html"), "page").unwrap();
        let target = to.path().to_string_lossy().into_owned();
        carry(&words(&["cp", "-r", "{folder}/.", &target]), from.path(), WITHIN).await.unwrap();
        assert_eq!(std::fs::read_to_string(to.path().join("index.html")).unwrap(), "page");
        let failed = carry(&words(&["sh", "-c", "echo no route >&2; exit 3"]), from.path(), WITHIN).await;
        assert_eq!(failed, Err("sh: exit 3: no route".to_owned()));
        let absent = carry(&words(&["/nowhere/rsync"]), from.path(), WITHIN).await;
        assert!(absent.unwrap_err().starts_with("/nowhere/rsync could not be started"));
    }

    #[tokio::test]
    async fn one_that_hangs_is_killed_with_what_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("pid");
        let script = format!("sleep 600 & echo $! > {}; wait", mark.display());
        let hung = carry(&words(&["sh", "-c", &script]), folder.path(), Duration::from_secs(1)).await;
        assert!(hung.unwrap_err().contains("did not end"));
        let pid: i32 = std::fs::read_to_string(&mark).unwrap().trim().parse().unwrap();
        let is_gone = || {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        };
        for _ in 0..500 {
            if is_gone() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(is_gone());
    }
}
