//! Programs that the agent waits for. Each has a deadline, and is killed with all that it started.

use std::ffi::OsStr;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

/// Bytes of its complaints that are kept.
const COMPLAINT: u64 = 2048;
/// The least of the priorities of nice(2): what runs here is never urgent.
const NICE: i32 = 19;

/// A program that came to its end.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// What it wrote to its standard output, as far as it was wanted.
    pub(crate) output: Vec<u8>,
    /// The last line of its standard error, without control characters.
    pub(crate) complaint: String,
}

/// What is run.
#[derive(Debug)]
pub(crate) struct Program<'a> {
    pub(crate) path: &'a OsStr,
    pub(crate) words: &'a [&'a OsStr],
    /// The longest that it may take.
    pub(crate) within: Duration,
    /// Bytes of its standard output that are kept; the rest is read and thrown away.
    pub(crate) output: u64,
}

/// Kills the group of a program that is given up, also when the duty itself is.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            // Nobody left is what we want.
            _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

impl Program<'_> {
    /// Runs it to its end.
    ///
    /// # Errors
    /// It could not be started or watched, or did not end in time; in one line.
    pub(crate) async fn run(&self) -> Result<Ended, String> {
        let name = self.path.display();
        let started = Command::new(self.path)
            .args(self.words)
            .stdin(Stdio::null())
            .stdout(if self.output == 0 { Stdio::null() } else { Stdio::piped() })
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn();
        let mut child = started.map_err(|error| format!("{name} could not be started: {error}"))?;
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let mut group = Group(pid);
        // A host that allows no other priority runs it at ours.
        _ = rustix::process::setpriority_process(pid, NICE);
        let Ok(ended) = tokio::time::timeout(self.within, end(&mut child, self.output)).await else {
            return Err(format!("{name} did not end within {} s and was killed", self.within.as_secs()));
        };
        let (status, output, complaint) =
            ended.map_err(|error| format!("{name} could not be watched: {error}"))?;
        // Its number may belong to another by now.
        group.0 = None;
        let line = complaint.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
        let complaint = line.chars().filter(|c| !c.is_control()).take(300).collect();
        Ok(Ended { status, output, complaint })
    }
}

impl Ended {
    /// How it ended, in words: `rsync: exit 23: no route to host`.
    pub(crate) fn words(&self, name: &str) -> String {
        let said = if self.complaint.is_empty() { String::new() } else { format!(": {}", self.complaint) };
        match self.status.code() {
            Some(code) => format!("{name}: exit {code}{said}"),
            None => format!("{name} was killed by a signal{said}"),
        }
    }
}

/// Waits for its end, and for what it says until then.
async fn end(child: &mut Child, most: u64) -> std::io::Result<(ExitStatus, Vec<u8>, String)> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (mut output, mut complaint) = (Vec::new(), Vec::new());
    let listen = async {
        tokio::join!(listen(stdout, most, &mut output), listen(stderr, COMPLAINT, &mut complaint));
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
            // What it left running may keep the pipes open for ever.
            drop(tokio::time::timeout(Duration::from_millis(200), listen).await);
        }
        status
    };
    Ok((status, output, String::from_utf8_lossy(&complaint).into_owned()))
}

async fn listen(pipe: Option<impl AsyncRead + Unpin>, most: u64, kept: &mut Vec<u8>) {
    if let Some(pipe) = pipe {
        let mut some = pipe.take(most);
        drop(some.read_to_end(kept).await);
        // Read on, so that a talkative program is not stopped by a full pipe.
        drop(tokio::io::copy(&mut some.into_inner(), &mut tokio::io::sink()).await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn shell(script: &str, within: u64, output: u64) -> Result<Ended, String> {
        let words = [OsStr::new("-c"), OsStr::new(script)];
        let within = Duration::from_secs(within);
        Program { path: OsStr::new("sh"), words: &words, within, output }.run().await
    }

    #[tokio::test]
    async fn what_it_writes_is_kept_within_bounds_and_does_not_stop_it() {
        let ended = shell("head -c 300000 /dev/zero; echo odd >&2; exit 3", 20, 1000).await.unwrap();
        assert_eq!((ended.output.len(), ended.words("it")), (1000, "it: exit 3: odd".to_owned()));
        assert!(shell("echo unwanted", 20, 0).await.unwrap().output.is_empty());
    }

    #[tokio::test]
    async fn it_gives_way_to_everything_else() {
        let ended = shell("sleep 1; nice", 20, 100).await.unwrap();
        assert_eq!(ended.output, b"19\n");
    }

    #[tokio::test]
    async fn one_that_hangs_is_killed_with_what_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("pid");
        let hung = shell(&format!("sleep 600 & echo $! > {}; wait", mark.display()), 1, 0).await;
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
