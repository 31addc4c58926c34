//! A state directory of its own for each test, and ways to look into it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use muster_core::signal::{Outcome, Report, Signal};
use muster_host::process;
use muster_host::spool::{Bounds, Spool};
use muster_host::state::Layout;

/// Longest wait for anything.
const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) layout: Layout,
}

pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = Layout::new(folder.path().join("state"));
        Self { folder, layout }
    }

    /// The wrapper with this state, and with nothing of the tester's own configuration.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Command {
        self.through(Command::new(wrapper()), arguments)
    }

    fn through<S: AsRef<OsStr>>(&self, mut command: Command, arguments: &[S]) -> Command {
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("MUSTER_STATE", self.layout.root())
            .env("MARK", self.mark())
            .env_remove("MUSTER_CONFIG")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Ran {
        ran(self.command(arguments).output().expect("started"))
    }

    /// Runs `script` as job `a` with these options.
    pub(crate) fn sh(&self, options: &[&str], script: &str) -> Ran {
        self.run(&words(options, script))
    }

    /// Starts `script` as job `a` and does not wait.
    pub(crate) fn start(&self, options: &[&str], script: &str) -> Child {
        // Whoever runs the tests may ignore SIGHUP, as nohup does, and children inherit that.
        let mut defaults = Command::new("env");
        defaults.arg("--default-signal").arg(wrapper());
        self.through(defaults, &words(options, script)).spawn().expect("started")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Everything that was reported, oldest first.
    pub(crate) fn signals(&self) -> Vec<Signal> {
        let batch = Spool::new(&self.layout).read(Bounds::default()).expect("read");
        batch.records.into_iter().map(|record| record.signal.expect("a signal")).collect()
    }

    /// The reports after the starts.
    pub(crate) fn ends(&self) -> Vec<Report> {
        let reports = self.signals().into_iter().map(|signal| signal.report);
        reports.filter(|report| !matches!(report, Report::Start { .. })).collect()
    }

    /// The outcome of the only run.
    pub(crate) fn outcome(&self) -> Outcome {
        match self.ends().as_slice() {
            [Report::Success(outcome) | Report::Failure(outcome)] => outcome.clone(),
            other => panic!("not one outcome: {other:?}"),
        }
    }

    /// Living processes that were started by this test's jobs, wherever they went.
    pub(crate) fn survivors(&self) -> Vec<u32> {
        let mark = format!("MARK={}", self.mark());
        let entries = fs::read_dir("/proc").expect("listed");
        entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter(|pid: &u32| {
                fs::read(format!("/proc/{pid}/environ"))
                    .is_ok_and(|environ| environ.split(|&byte| byte == 0).any(|word| word == mark.as_bytes()))
            })
            .filter(|&pid| process::stat(pid).is_ok_and(|stat| !stat.is_dead()))
            .collect()
    }

    /// Waits until the lock says which job its holder has started.
    pub(crate) fn is_signed(&self) {
        eventually("the lock names the job", || {
            fs::read_to_string(self.layout.lock("a")).is_ok_and(|text| text.contains("\"job\"")).then_some(())
        });
    }

    fn mark(&self) -> String {
        self.folder.path().display().to_string()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for pid in self.survivors() {
            kill(pid, rustix::process::Signal::KILL);
        }
    }
}

pub(crate) fn words(options: &[&str], script: &str) -> Vec<String> {
    let rest = ["a", "--", "sh", "-c", script];
    options.iter().chain(rest.iter()).map(|word| (*word).to_owned()).collect()
}

pub(crate) fn ran(output: Output) -> Ran {
    Ran {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

pub(crate) fn finish(child: Child) -> Ran {
    ran(child.wait_with_output().expect("ended"))
}

pub(crate) fn kill(pid: u32, signal: rustix::process::Signal) {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw).expect("a process id");
    // It may be gone already.
    rustix::process::kill_process(pid, signal).ok();
}

/// Waits until the condition gives something.
pub(crate) fn eventually<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::yield_now();
    }
}

pub(crate) fn appears(path: &Path) {
    eventually(&format!("{} appears", path.display()), || path.exists().then_some(()));
}

pub(crate) fn wrapper() -> PathBuf {
    let tests = std::env::current_exe().expect("the path of this test");
    let target = tests.parent().and_then(Path::parent).expect("a target folder");
    let path = target.join("examples/run");
    assert!(
        path.exists(),
        "{} is missing: build it with `cargo build -p muster-run --examples`",
        path.display()
    );
    path
}
