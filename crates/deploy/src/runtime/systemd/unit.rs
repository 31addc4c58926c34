//! The file of a unit and the environment of a release, in the words of systemd.unit(5) and systemd.exec(5).

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::credentials;
use crate::trouble::Trouble;

/// Most of an environment file that is read, in bytes.
const ENVIRONMENT: u64 = 1 << 20;
/// Processes and threads that a service may have: more than any sane one needs, and less than what takes a host down.
pub(super) const TASKS: u32 = 4096;

/// What a service may not, whatever it is. The same for what runs once.
pub(super) const FENCE: [&str; 16] = [
    "NoNewPrivileges=yes",
    "ProtectSystem=strict",
    "ProtectHome=yes",
    "PrivateTmp=yes",
    "PrivateDevices=yes",
    "ProtectKernelTunables=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelLogs=yes",
    "ProtectControlGroups=yes",
    "ProtectClock=yes",
    "ProtectHostname=yes",
    "RestrictSUIDSGID=yes",
    "RestrictRealtime=yes",
    "LockPersonality=yes",
    "CapabilityBoundingSet=",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
];

/// What is written into the file of a side.
#[derive(Debug)]
pub(super) struct Unit<'a> {
    pub(super) service: &'a str,
    pub(super) side: &'a str,
    pub(super) release: u64,
    pub(super) user: &'a str,
    pub(super) folder: &'a Path,
    pub(super) data: &'a Path,
    /// The file with its environment.
    pub(super) environment: &'a Path,
    /// None for a worker.
    pub(super) port: Option<u16>,
    pub(super) command: &'a [String],
    /// Names, and files of the host.
    pub(super) credentials: &'a [(String, PathBuf)],
    /// In bytes.
    pub(super) memory: Option<u64>,
    /// So many starts again…
    pub(super) restarts: u32,
    /// …in so many seconds.
    pub(super) per: u64,
    /// In seconds.
    pub(super) stop: u64,
    /// The manager waits longer from one start to the next: it is 254 or newer.
    pub(super) slows_down: bool,
}

impl Unit<'_> {
    /// The text of the file.
    ///
    /// # Errors
    /// The command is empty or cannot be one.
    pub(super) fn text(&self) -> Result<String, Trouble> {
        let Self { service, side, release, .. } = self;
        let mut text = format!(
            "# Made by muster for release {release}, and made anew for the next: additions belong in\n\
             # /etc/systemd/system/muster-{service}@.service.d/\n[Unit]\n\
             Description={service}, release {release} ({side})\n\
             Wants=network-online.target\nAfter=network-online.target\n",
        );
        let mut add = |line: String| {
            text.push_str(&line);
            text.push('\n');
        };
        add(format!("StartLimitIntervalSec={}", self.per));
        // The first start counts as well.
        add(format!("StartLimitBurst={}", self.restarts.saturating_add(1)));
        add("\n[Service]\nType=exec".to_owned());
        add(format!("User={}", literal(self.user)));
        add(format!("WorkingDirectory={}", literal(&path(self.folder)?)));
        add(format!("EnvironmentFile={}", literal(&path(self.environment)?)));
        add(format!("Environment={}", self.settings().join(" ")));
        for line in credentials::lines(self.credentials)? {
            add(literal(&line));
        }
        add(format!("ExecStart={}", command(self.folder, self.command)?));
        add("Restart=on-failure\nRestartSec=1".to_owned());
        if self.slows_down {
            add(format!("RestartSteps={}\nRestartMaxDelaySec=30", self.restarts.clamp(1, 10)));
        }
        // One that says by its code that it was asked to end did end in order.
        add(format!("SuccessExitStatus=143\nTimeoutStopSec={}\nKillMode=mixed", self.stop));
        if let Some(memory) = self.memory {
            add(format!("MemoryMax={memory}\nMemorySwapMax=0"));
        }
        add(format!("TasksMax={TASKS}\nUMask=0027"));
        add(format!("ReadWritePaths={}", literal(&path(self.data)?)));
        add(FENCE.join("\n"));
        add(format!("SyslogIdentifier={service}\nLogExtraFields=MUSTER_RELEASE={release}"));
        add("\n[Install]\nWantedBy=multi-user.target".to_owned());
        Ok(text)
    }

    fn settings(&self) -> Vec<String> {
        let port = self.port.map(|port| format!("PORT={port}"));
        std::iter::once(format!("MUSTER_RELEASE={}", self.release)).chain(port).collect()
    }
}

/// A path that stands in a line of its own.
pub(super) fn path(path: &Path) -> Result<String, Trouble> {
    match path.to_str().filter(|text| !text.contains(char::is_control)) {
        Some(text) => Ok(text.to_owned()),
        None => Err(Trouble::new(format!("{} cannot stand in a unit", path.display()))),
    }
}

/// Without meaning for the specifiers of units.
fn literal(text: &str) -> String {
    text.replace('%', "%%")
}

fn command(folder: &Path, words: &[String]) -> Result<String, Trouble> {
    let Some((first, arguments)) = words.split_first() else {
        return Err(Trouble::new("there is no command to run").help("write `command = [\"./program\"]`"));
    };
    let mut line = quoted(&literal(&program(folder, first)?));
    for word in arguments {
        // What looks like a variable is a word to us.
        _ = write!(line, " {}", quoted(&literal(word).replace('$', "$$")));
    }
    Ok(line)
}

/// What is run: a path within the release, a path, or the name of a program of the host.
pub(super) fn program(folder: &Path, word: &str) -> Result<String, Trouble> {
    if Path::new(word).is_absolute() {
        return Ok(word.to_owned());
    }
    let inside = folder.join(word.trim_start_matches("./"));
    if word.contains('/') || inside.is_file() {
        return path(&inside);
    }
    // A sign before the name would change how it is run.
    match word.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
        true => Ok(word.to_owned()),
        false => Err(Trouble::new(format!("`{}` is not a program", word.escape_debug()))),
    }
}

fn quoted(word: &str) -> String {
    let mut text = String::from('"');
    for c in word.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            '\n' => text.push_str("\\n"),
            c if c.is_control() && c.is_ascii() => _ = write!(text, "\\x{:02x}", u32::from(c)),
            c => text.push(c),
        }
    }
    text.push('"');
    text
}

/// The environment of a release as an `EnvironmentFile`: each line of the file of the release is `NAME=value`, and the
/// value is what stands there to the end of the line.
///
/// # Errors
/// The file cannot be read; a line has no name that a program could be given. No value is told.
pub(super) fn environment(file: Option<&Path>) -> Result<String, Trouble> {
    let Some(path) = file else { return Ok(String::new()) };
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(ENVIRONMENT).read_to_string(&mut text));
    read.map_err(|error| Trouble::new(format!("{} cannot be read: {error}", path.display())))?;
    let mut lines = String::new();
    for (at, line) in text.lines().enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once('=').unwrap_or_default();
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(fits) {
            return Err(Trouble::new(format!("line {} of {} is not NAME=value", at + 1, path.display())));
        }
        _ = write!(lines, "{name}=\"");
        for c in value.chars() {
            if matches!(c, '"' | '\\' | '$' | '`') {
                lines.push('\\');
            }
            lines.push(c);
        }
        lines.push_str("\"\n");
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_keeps_its_words_to_the_letter() {
        let words = ["./bin/run", "a b", "$HOME", "100%", "\"q\"\\", "x\ny", ""].map(str::to_owned);
        let line = command(Path::new("/opt/a"), &words).expect("a line");
        assert_eq!(line, r#""/opt/a/bin/run" "a b" "$$HOME" "100%%" "\"q\"\\" "x\ny" """#);
        assert_eq!(program(Path::new("/opt/a"), "python3").as_deref(), Ok("python3"));
        assert!(program(Path::new("/opt/a"), "-rm").is_err() && command(Path::new("/"), &[]).is_err());
    }

    #[test]
    fn an_environment_is_read_line_by_line_and_quoted() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("env");
        std::fs::write(&file, "A=1\n\n#C=2\nB= x \"y\" #z $d \\ \n").expect("written");
        let expected = "A=\"1\"\nB=\" x \\\"y\\\" #z \\$d \\\\ \"\n";
        assert_eq!(environment(Some(&file)).as_deref(), Ok(expected));
        std::fs::write(&file, "A=1\nsecret words\n").expect("written");
        let trouble = environment(Some(&file)).expect_err("no name");
        assert!(trouble.what.starts_with("line 2 of ") && !trouble.what.contains("secret"), "{trouble}");
        assert_eq!(environment(None).as_deref(), Ok(""));
    }
}
