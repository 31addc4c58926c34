//! A helper on a host: the same binary, started through ssh(1), which knows the keys, jump hosts and names of its user. It is
//! sent first where the host has another one. A host without `ssh` is this machine.

use std::io::{BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use muster_config::plan::HostPlan;
use sha2::{Digest as _, Sha256};

use crate::wire::{self, Answer, Ask, BEAT, Question, Said};

/// Where helpers are kept on a host, each by its digest.
const FOLDER: &str = "/var/lib/muster/helper";
/// Where files of releases are put on a host.
const INCOMING: &str = "/var/lib/muster/incoming";
/// How a host says that it has not this helper.
const ABSENT: i32 = 91;
/// The longest that sending it may take.
const SENDING: Duration = Duration::from_secs(300);
/// Bytes of what ssh complains about that are kept.
const COMPLAINT: usize = 4096;
/// Between two looks at whether an answer is still wanted.
const MOMENT: Duration = Duration::from_millis(50);
/// So long what has closed its output may take to end.
const SOON: Duration = Duration::from_secs(2);

/// A helper that answers.
#[derive(Debug)]
pub struct Link {
    child: Child,
    input: Arc<Mutex<Option<ChildStdin>>>,
    answers: Receiver<std::io::Result<Option<Answer>>>,
    complaint: Arc<Mutex<Vec<u8>>>,
    next: u64,
}

/// The binary that is sent, read once for all hosts.
#[derive(Debug, Clone)]
pub struct Own {
    path: PathBuf,
    digest: String,
}

impl Own {
    /// This very program.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn new() -> Result<Self, String> {
        let path = std::env::current_exe().map_err(|error| format!("this program: {error}"))?;
        Ok(Self { path, digest: digest_of(Path::new("/proc/self/exe"))? })
    }
}

impl Link {
    /// Starts a helper on a host. It has answered nothing yet.
    ///
    /// # Errors
    /// The host cannot be reached, or the helper cannot be sent; in one line.
    pub fn open(host: &HostPlan, own: &Own, control: &Path) -> Result<Self, String> {
        let Some(destination) = &host.ssh else {
            let mut command = Command::new(&own.path);
            command.args(["host", "serve"]);
            return Self::start(command);
        };
        let script = format!(
            "S=; [ \"$(id -u)\" = 0 ] || S='sudo -n'; f={FOLDER}/{}; $S test -x $f || exit {ABSENT}; exec $S $f host serve",
            own.digest
        );
        let mut link = Self::start(ssh(destination, control, &script))?;
        // The first answer tells whether the helper is there.
        match link.ask(Question::Observe { service: String::new() }, Duration::from_secs(20)) {
            Ok(_) => Ok(link),
            Err(why) => match link.end() {
                Some(status) if status.code() == Some(ABSENT) => {
                    send(destination, control, own)?;
                    Self::start(ssh(destination, control, &script))
                }
                _ => Err(why),
            },
        }
    }

    fn start(mut command: Command) -> Result<Self, String> {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C is for the deployer alone: it goes back in order.
            .process_group(0)
            .spawn();
        let mut child = child.map_err(|error| format!("{name}: {error}"))?;
        let (Some(input), Some(output), Some(errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(format!("{name}: no pipes"));
        };
        let input = Arc::new(Mutex::new(Some(input)));
        let (sender, answers) = mpsc::channel();
        let complaint = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&complaint);
        let threads = [
            std::thread::Builder::new().name("answers".into()).spawn(move || {
                let mut output = BufReader::new(output);
                loop {
                    let read = wire::read::<Answer>(&mut output);
                    let is_last = !matches!(read, Ok(Some(_)));
                    if sender.send(read).is_err() || is_last {
                        return;
                    }
                }
            }),
            // Not to its end: a connection that stays open for others keeps this pipe open.
            std::thread::Builder::new().name("complaints".into()).spawn(move || {
                let mut errors = errors;
                let mut some = [0; 512];
                while let Ok(count @ 1..) = errors.read(&mut some) {
                    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                    kept.extend_from_slice(some.get(..count).unwrap_or_default());
                    let over = kept.len().saturating_sub(COMPLAINT);
                    kept.drain(..over);
                }
            }),
        ];
        let beats = Arc::downgrade(&input);
        let beating = std::thread::Builder::new().name("beats".into()).spawn(move || {
            let Ok(line) = wire::line(&Ask { id: 0, what: Question::Beat }) else { return };
            loop {
                std::thread::sleep(Duration::from_secs(BEAT));
                let Some(input) = beats.upgrade() else { return };
                let mut input = input.lock().unwrap_or_else(PoisonError::into_inner);
                if input.as_mut().is_none_or(|input| input.write_all(&line).is_err()) {
                    return;
                }
            }
        });
        if threads.iter().any(Result::is_err) || beating.is_err() {
            drop(child.kill());
            return Err("no thread for a host could be started".to_owned());
        }
        Ok(Self { child, input, answers, complaint, next: 1 })
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// It is gone, or did not answer in time; what it was asked for may be done or not.
    pub fn ask(&mut self, what: Question, within: Duration) -> Result<Said, String> {
        self.ask_until(what, within, None)
    }

    /// Asks, and waits for the answer; once `stop` is true the host is told that it need not go on.
    ///
    /// # Errors
    /// As for [`ask`](Self::ask).
    pub fn ask_until(
        &mut self,
        what: Question,
        within: Duration,
        mut stop: Option<&AtomicBool>,
    ) -> Result<Said, String> {
        let id = self.next;
        self.next += 1;
        self.send(&Ask { id, what })?;
        let until = Instant::now() + within;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
                stop = None;
                self.send(&Ask { id: 0, what: Question::Stop { id } })?;
            }
            match self.answers.recv_timeout(if stop.is_some() { left.min(MOMENT) } else { left }) {
                Ok(Ok(Some(answer))) if answer.id == id => return Ok(answer.said),
                // An answer to what was given up before.
                Ok(Ok(Some(_))) => {}
                Ok(Ok(None)) | Err(RecvTimeoutError::Disconnected) => return Err(self.gone()),
                Ok(Err(error)) => return Err(format!("it answers in another language: {error}")),
                Err(RecvTimeoutError::Timeout) if left > MOMENT => {}
                Err(RecvTimeoutError::Timeout) => {
                    return Err(format!("no answer within {} s", within.as_secs()));
                }
            }
        }
    }

    fn send(&mut self, ask: &Ask) -> Result<(), String> {
        let line = wire::line(ask).map_err(|error| error.to_string())?;
        let sent = {
            let mut input = self.input.lock().unwrap_or_else(PoisonError::into_inner);
            input.as_mut().map(|input| input.write_all(&line).and_then(|()| input.flush()))
        };
        if matches!(sent, Some(Ok(()))) { Ok(()) } else { Err(self.gone()) }
    }

    /// How it ended, if it does so soon.
    fn end(&mut self) -> Option<ExitStatus> {
        let begin = Instant::now();
        while begin.elapsed() < SOON {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        None
    }

    /// Why it is gone, in one line.
    fn gone(&mut self) -> String {
        let status = self.end();
        let said = self.complaint.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let said = String::from_utf8_lossy(&said).into_owned();
        let last = said.lines().map(str::trim).rfind(|line| !line.is_empty());
        match (last, status) {
            (Some(line), _) => line.chars().filter(|c| !c.is_control()).take(300).collect(),
            (None, Some(status)) => format!("the helper ended: {status}"),
            (None, None) => "the connection broke off".to_owned(),
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // It ends by itself when its input does; a connection that hangs does not.
        self.input.lock().unwrap_or_else(PoisonError::into_inner).take();
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_millis(500) {
            if let Ok(Some(_)) = self.child.try_wait() {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// ssh(1) to a host, over one connection for all that is asked of it within some minutes.
fn ssh(destination: &str, control: &Path, script: &str) -> Command {
    let mut command = Command::new("ssh");
    command
        .args(["-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10"])
        .args(["-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3"])
        .args(["-o", "ControlMaster=auto", "-o", "ControlPersist=10m"])
        .arg("-o")
        .arg(format!("ControlPath={}/%C", control.display()))
        .args(["--", destination, script]);
    command
}

/// SHA-256 of a file in hexadecimal, which is never in memory as a whole.
fn digest_of(path: &Path) -> Result<String, String> {
    let wrong = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut file = std::fs::File::open(path).map_err(wrong)?;
    let mut hash = Sha256::new();
    let mut block = vec![0; 64 << 10];
    loop {
        match file.read(&mut block).map_err(wrong)? {
            0 => return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            count => hash.update(block.get(..count).unwrap_or_default()),
        }
    }
}

/// Sends the helper, which is kept under its digest.
fn send(destination: &str, control: &Path, own: &Own) -> Result<(), String> {
    let script = receive(FOLDER, &own.digest, &own.digest, "700");
    pipe(ssh(destination, control, &script), Path::new("/proc/self/exe"), "the helper")
}

/// Brings a file to a host, as a name that tells what is in it. Where it is there.
///
/// # Errors
/// It cannot be read here or written there; in one line.
pub fn bring(host: &HostPlan, control: &Path, file: &Path) -> Result<String, String> {
    let digest = digest_of(file)?;
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or("release");
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if !name.chars().all(is_plain) || name.starts_with('-') {
        return Err(format!("{}: a name of letters, digits, dots, - and _ is needed", file.display()));
    }
    // In a folder of its own, because a program keeps its name: `command` says it.
    let name = format!("{}/{name}", digest.get(..12).unwrap_or_default());
    let script = receive(INCOMING, &name, &digest, "600");
    let command = match &host.ssh {
        Some(destination) => ssh(destination, control, &script),
        None => {
            let mut command = Command::new("sh");
            command.args(["-c", &script]);
            command
        }
    };
    pipe(command, file, "the release")?;
    Ok(format!("{INCOMING}/{name}"))
}

/// A script that takes a file from its standard input and keeps it; others go when they are an hour old.
fn receive(folder: &str, name: &str, digest: &str, mode: &str) -> String {
    format!(
        "S=; [ \"$(id -u)\" = 0 ] || S='sudo -n'; $S mkdir -p {folder} && $S chmod 700 {folder} && \
         $S sh -c 'umask 077; mkdir -p $(dirname {folder}/{name}) && cat > {folder}/{name}.part && \
         [ \"$(sha256sum {folder}/{name}.part | cut -c1-64)\" = {digest} ] && \
         chmod {mode} {folder}/{name}.part && mv {folder}/{name}.part {folder}/{name} && \
         find {folder} -type f ! -path {folder}/{name} -mmin +60 -delete && \
         find {folder} -mindepth 1 -type d -empty -mmin +60 -delete'"
    )
}

/// Runs a command with a file as its input.
fn pipe(mut command: Command, file: &Path, what: &str) -> Result<(), String> {
    let file = std::fs::File::open(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let mut child = command
        .stdin(file)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|error| format!("{what} could not be sent: {error}"))?;
    let until = Instant::now() + SENDING;
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => {
                let mut text = String::new();
                if let Some(errors) = child.stderr.take() {
                    drop(errors.take(COMPLAINT as u64).read_to_string(&mut text));
                }
                let last = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
                return Err(format!("{what} could not be sent: {status}: {last}"));
            }
            Ok(None) if Instant::now() >= until => {
                drop(child.kill());
                drop(child.wait());
                return Err(format!("{what} could not be sent within {} s", SENDING.as_secs()));
            }
            Ok(None) => std::thread::sleep(Duration::from_millis(20)),
            Err(error) => return Err(format!("{what} could not be sent: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_told_once_that_nobody_waits_any_more() {
        let mut command = Command::new("sh");
        command.args([
            "-c",
            r#"read -r asked; read -r told
            case $told in *'"stop":{"id":1}'*) note=told ;; *) note=$asked ;; esac
            echo "{\"id\":1,\"said\":{\"done\":{\"note\":\"$note\"}}}"; cat > /dev/null"#,
        ]);
        let mut link = Link::start(command).expect("started");
        let stop = AtomicBool::new(true);
        let question = Question::Observe { service: "api".into() };
        let said = link.ask_until(question, Duration::from_secs(20), Some(&stop)).expect("answered");
        assert!(matches!(&said, Said::Done { note } if note == "told"), "{said:?}");
    }

    #[test]
    fn a_file_is_hashed_as_it_is() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let bytes = vec![b'x'; 200_000];
        std::fs::write(file.path(), &bytes).expect("written");
        assert_eq!(digest_of(file.path()), Ok(crate::books::digest(&bytes)));
        assert!(digest_of(Path::new("/no/such/file")).is_err_and(|why| why.starts_with("/no/such/file: ")));
    }
}
