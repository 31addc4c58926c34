//! Fetches secrets from where the configuration says they are, at the moment they are needed. What it says in an error
//! names the place and never the secret.

use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use muster_config::secret::{MaybeSecret, Secret, SecretRef};
use rustix::process::{Pid, Signal, kill_process_group};

/// The longest secret, in bytes.
pub const LIMIT: usize = 64 * 1024;
/// How long a program may take to print it.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A secret that could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the secret {place} cannot be read: {why}")]
pub struct SecretError {
    /// Where it should be, as the configuration says it.
    pub place: String,
    /// Why not.
    pub why: String,
}

/// Fetches one secret. Blocks: for a program up to [`PATIENCE`].
///
/// # Errors
/// [`SecretError`] for a variable that is not set, a file that cannot be read, a program that fails, is too slow or
/// prints more than [`LIMIT`], and for an empty secret.
pub fn resolve(reference: &SecretRef) -> Result<Secret, SecretError> {
    let text = match reference {
        SecretRef::Env(name) => std::env::var(name).map_err(|error| error.to_string()),
        SecretRef::File(path) => read(path),
        SecretRef::Command(words) => print(words),
    };
    text.and_then(|text| {
        let text =
            text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text));
        if text.is_empty() { Err("it is empty".to_owned()) } else { Ok(Secret::new(text)) }
    })
    .map_err(|why| SecretError { place: reference.to_string(), why })
}

/// The value itself, or the secret that it refers to.
///
/// # Errors
/// As for [`resolve`].
pub fn resolve_maybe(value: &MaybeSecret) -> Result<Secret, SecretError> {
    match value {
        MaybeSecret::Plain(text) => Ok(Secret::new(text.clone())),
        MaybeSecret::Secret(reference) => resolve(reference),
    }
}

/// What is wrong with the safekeeping of a secret: a file that others can read.
pub fn exposed(reference: &SecretRef) -> Option<String> {
    let SecretRef::File(path) = reference else { return None };
    let mode = std::fs::metadata(path).ok()?.permissions().mode();
    (mode & 0o077 != 0).then(|| {
        format!(
            "{} can be read by others (mode {:03o}); try: chmod 600 {}",
            path.display(),
            mode & 0o777,
            path.display()
        )
    })
}

fn read(path: &Path) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    bounded(file).map_err(|error| error.to_string())
}

fn bounded(from: impl Read) -> io::Result<String> {
    let mut text = String::new();
    from.take(LIMIT as u64 + 1).read_to_string(&mut text)?;
    if text.len() > LIMIT { Err(io::Error::other(format!("longer than {LIMIT} bytes"))) } else { Ok(text) }
}

fn print(words: &[String]) -> Result<String, String> {
    let (program, arguments) = words.split_first().ok_or("no program is named")?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|error| error.to_string())?;
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let (sender, receiver) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        std::thread::spawn(move || {
            // Nobody waits any more when the program was too slow.
            drop(sender.send(bounded(stdout)));
        });
    }
    let text = receiver.recv_timeout(PATIENCE);
    let begun = Instant::now();
    let status = loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) => break Some(status),
            // One that has printed may take a moment to end; one that has not printed in time gets none.
            None if text.is_ok() && begun.elapsed() < Duration::from_secs(1) => {
                std::thread::sleep(Duration::from_millis(5));
            }
            None => break None,
        }
    };
    if status.is_none() {
        if let Some(group) = group {
            // It may have ended by itself in between, which is as good.
            kill_process_group(group, Signal::KILL).ok();
        }
        drop(child.wait());
    }
    let text = text.map_err(|_| format!("{program} did not finish within {PATIENCE:?}"))?;
    let text = text.map_err(|error| error.to_string())?;
    match status {
        Some(status) if status.success() => Ok(text),
        Some(status) => Err(format!("{program}: {status}")),
        None => Err(format!("{program} closed its output and did not end")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(script: &str) -> SecretRef {
        SecretRef::Command(["sh", "-c", script].map(str::to_owned).to_vec())
    }

    #[test]
    fn a_secret_comes_from_a_file_or_a_program_without_its_last_newline() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        std::fs::write(&path, "hunter2\n").expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("mode");
        assert_eq!(resolve(&SecretRef::File(path.clone())).expect("read").expose(), "hunter2");
        assert!(exposed(&SecretRef::File(path)).expect("seen").contains("chmod 600"));
        assert_eq!(resolve(&program("echo hunter2")).expect("printed").expose(), "hunter2");
    }

    #[test]
    fn what_cannot_be_had_is_said_without_the_secret() {
        let missing = resolve(&SecretRef::Env("MUSTER_TEST_NO_SUCH_VARIABLE".into())).expect_err("not set");
        assert_eq!(missing.place, "{ env = \"MUSTER_TEST_NO_SUCH_VARIABLE\" }");
        let failed = resolve(&program("printf hunter; echo 2; exit 3")).expect_err("failed");
        assert!(failed.why.contains("exit status: 3") && !failed.to_string().contains("hunter2"), "{failed}");
        assert_eq!(resolve(&program("true")).expect_err("empty").why, "it is empty");
        let long = resolve(&program("head -c 100000 /dev/zero")).expect_err("long");
        assert!(long.why.contains("longer than"), "{long}");
    }
}
