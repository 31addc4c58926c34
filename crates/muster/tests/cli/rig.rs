//! A user's corner of a machine: a home, a state directory, an environment with nothing else in it.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Longest time that anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Rig {
    folder: tempfile::TempDir,
}

/// How a call ended.
#[must_use = "assert how it ended"]
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Rig {
    pub(crate) fn new() -> Self {
        let rig = Self { folder: tempfile::tempdir().expect("a folder") };
        std::fs::create_dir(rig.path("work")).expect("made");
        rig
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path("state")
    }

    /// Writes a file below the work directory.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path("work").join(name);
        std::fs::write(&path, text).expect("written");
        path
    }

    /// The program in this corner, ready to be given words.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.path("home"))
            .env("TZ", "UTC")
            .env("LANG", "C.UTF-8")
            .env("MUSTER_STATE", self.state())
            .current_dir(self.path("work"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn muster(&self, words: &[&str]) -> Ended {
        self.muster_with(words, "")
    }

    /// The same with something on standard input.
    pub(crate) fn muster_with(&self, words: &[&str], input: &str) -> Ended {
        let mut child = self.command().args(words).stdin(Stdio::piped()).spawn().expect("started");
        let mut stdin = child.stdin.take().expect("piped");
        // A program that does not read its input closes it first.
        drop(stdin.write_all(input.as_bytes()));
        drop(stdin);
        let out = drain(child.stdout.take().expect("piped"));
        let err = drain(child.stderr.take().expect("piped"));
        let code = wait(&mut child, words);
        Ended { code, out: out.recv().expect("read"), err: err.recv().expect("read") }
    }

    /// Starts the agent and waits until it answers.
    pub(crate) fn up(&self, words: &[&str]) -> Agent {
        let mut child = self.command().arg("up").args(words).spawn().expect("started");
        let err = drain(child.stderr.take().expect("piped"));
        let mut first = String::new();
        let mut out = BufReader::new(child.stdout.take().expect("piped"));
        out.read_line(&mut first).expect("read");
        // The rest must be read, or the agent would one day block on it.
        drop(drain(out));
        if first.is_empty() {
            let code = wait(&mut child, &["up"]);
            panic!("the agent ended with {code}: {}", err.recv().expect("read"));
        }
        Agent { child, first, err }
    }
}

/// An agent that runs; killed at the end if it is still there.
pub(crate) struct Agent {
    child: Child,
    /// The line it prints when it is ready.
    pub(crate) first: String,
    err: mpsc::Receiver<String>,
}

impl Agent {
    /// The address of its web page.
    pub(crate) fn address(&self) -> String {
        let at = self.first.find("http://").expect("an address");
        self.first[at + 7..]
            .split(['/', ' ', '\n'])
            .next()
            .expect("an address")
            .trim_end_matches('.')
            .to_owned()
    }

    pub(crate) fn signal(&self, name: &str) {
        let status =
            Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().expect("kill");
        assert!(status.success());
    }

    /// Asks it to end; its exit code and everything it wrote to standard error.
    pub(crate) fn stop(mut self) -> (i32, String) {
        self.signal("TERM");
        let code = wait(&mut self.child, &["up"]);
        (code, self.err.recv_timeout(PATIENCE).expect("read"))
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Ended {
    /// Checks the code and gives standard output.
    pub(crate) fn with(self, code: i32) -> String {
        assert_eq!(self.code, code, "\nout: {}\nerr: {}", self.out, self.err);
        self.out
    }

    /// Checks the code and gives standard error; nothing may stand on standard output.
    pub(crate) fn refused(self, code: i32) -> String {
        assert_eq!((self.code, self.out.as_str()), (code, ""), "\nerr: {}", self.err);
        self.err
    }

    /// Checks the code and reads standard output as JSON of version 1.
    pub(crate) fn json(self, code: i32) -> serde_json::Value {
        let out = self.with(code);
        let value: serde_json::Value =
            serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"));
        assert_eq!(value["version"], 1);
        value
    }
}

/// Asks until the answer is there.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The names of the files in a folder; none if it is not there.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder)
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default()
}

fn drain(mut from: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        drop(from.read_to_end(&mut bytes));
        drop(tell.send(String::from_utf8_lossy(&bytes).into_owned()));
    });
    told
}

fn wait(child: &mut Child, words: &[&str]) -> i32 {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().expect("waited") {
            return status.code().unwrap_or(-1);
        }
        if Instant::now() > deadline {
            drop(child.kill());
            panic!("still running: {words:?}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
