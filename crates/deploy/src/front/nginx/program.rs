//! The program nginx: what it was built with, whether it runs, what it says.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use muster_host::discover::ask::hear;
use muster_host::nginx::Configuration;
use muster_host::process;

use super::server::Place;
use crate::trouble::Trouble;

/// Most bytes of a log that are read.
const LOG: u64 = 256 << 10;
/// Most lines of what nginx says that are told.
const LINES: usize = 10;

/// What `nginx -V` says of paths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Built {
    prefix: String,
    pid: String,
    log: String,
}

impl Built {
    /// Its log where nothing else is written.
    pub(super) fn log(&self) -> &str {
        &self.log
    }

    /// One with this log.
    #[cfg(test)]
    pub(super) fn of_log(log: &str) -> Self {
        Self { log: log.to_owned(), ..Self::default() }
    }
}

/// How much of a log was there before.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    length: u64,
}

fn run(place: &Place, words: &[&str], until: Instant) -> Result<(bool, String), Trouble> {
    let mut command = Command::new(&place.program);
    command.args(words).stdin(Stdio::null());
    if words != ["-V"] {
        command.arg("-c").arg(&place.conf);
        if let Some(prefix) = &place.prefix {
            command.arg("-p").arg(prefix);
        }
    }
    let (status, said) = hear(command, until).map_err(Trouble::new)?;
    Ok((status.success(), said))
}

/// What nginx was built with.
pub(super) fn built(place: &Place, until: Instant) -> Result<Built, Trouble> {
    let (_, said) = run(place, &["-V"], until)?;
    let of = |name: &str| {
        let word = said.split_ascii_whitespace().find_map(|word| word.strip_prefix(name));
        word.unwrap_or_default().to_owned()
    };
    let or = |word: String, other: &str| if word.is_empty() { other.to_owned() } else { word };
    Ok(Built {
        prefix: or(of("--prefix="), "/usr/local/nginx"),
        pid: or(of("--pid-path="), "logs/nginx.pid"),
        log: or(of("--error-log-path="), "logs/error.log"),
    })
}

/// Whether nginx takes its files as they are; what it says if not.
pub(super) fn test(place: &Place, until: Instant) -> Result<(), Trouble> {
    match run(place, &["-t", "-q"], until)? {
        (true, _) => Ok(()),
        (false, said) => {
            let lines = faults(&said);
            let first = lines.first().cloned().unwrap_or_else(|| "it does not say why".to_owned());
            Err(Trouble::new(format!("nginx refuses its files: {first}")).help("nginx -t").lines(lines))
        }
    }
}

/// Tells nginx to read its files again. That it was told is all that is known afterwards.
pub(super) fn reload(place: &Place, until: Instant) -> Result<(), Trouble> {
    match run(place, &["-s", "reload"], until)? {
        (true, _) => Ok(()),
        (false, said) => {
            Err(Trouble::new("nginx could not be told to read its files again").lines(faults(&said)))
        }
    }
}

/// The lines that say why, without the time.
fn faults(said: &str) -> Vec<String> {
    let line = |line: &str| {
        let said = line.split_once("[emerg] ")?.1;
        // In a log the process stands first: `77#77: bind() to …`.
        let said = match said.split_once(": ") {
            Some((who, said)) if who.contains('#') => said,
            _ => said,
        };
        Some(format!("[emerg] {}", said.chars().take(300).collect::<String>()))
    };
    let mut lines: Vec<String> = Vec::new();
    for line in said.lines().filter_map(line) {
        if lines.len() < LINES && !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

/// The first process of the nginx that has these files, if it runs.
pub(super) fn master(place: &Place, conf: &Configuration, built: &Built) -> Option<u32> {
    let told = conf.tree.iter().find(|one| one.name == "pid").map_or(built.pid.as_str(), |one| one.word());
    let text = process::read_small(&absolute(place, built, told).to_string_lossy()).ok()?;
    let pid = String::from_utf8_lossy(&text).trim().parse().ok()?;
    // A number that another has by now is no nginx.
    process::stat(pid).ok().filter(|stat| stat.name == "nginx" && !stat.is_dead()).map(|_| pid)
}

/// Workers that were told to end and still serve by the files of before.
pub(super) fn leaving(place: &Place, until: Instant) -> Result<usize, Trouble> {
    let (conf, built) = (Configuration::read(&place.conf), built(place, until)?);
    let master = master(place, &conf, &built).ok_or_else(|| Trouble::new("nginx does not run"))?;
    let is_leaving = |worker: &u32| process::command(*worker).contains("is shutting down");
    Ok(process::children(master).iter().filter(|worker| is_leaving(worker)).count())
}

/// Its log as it is now; none if that is not a file.
pub(super) fn log(place: &Place, conf: &Configuration, built: &Built) -> Option<Log> {
    let told = conf
        .tree
        .iter()
        .rev()
        .find(|one| one.name == "error_log")
        .map_or(built.log.as_str(), |one| one.word());
    if told == "stderr" || told.starts_with("syslog:") || told.starts_with("memory:") {
        return None;
    }
    let path = absolute(place, built, told);
    let length = std::fs::metadata(&path).map_or(0, |found| found.len());
    Some(Log { path, length })
}

impl Log {
    /// What has come since, of the worst kind.
    pub(super) fn faults(&self) -> Vec<String> {
        let read = || -> std::io::Result<Vec<u8>> {
            let mut file = File::open(&self.path)?;
            let length = file.metadata()?.len();
            // Shorter than before: it was turned over.
            file.seek(SeekFrom::Start(if length < self.length { 0 } else { self.length }))?;
            let mut bytes = Vec::new();
            file.take(LOG).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        faults(&String::from_utf8_lossy(&read().unwrap_or_default()))
    }
}

/// A path as nginx understands it.
pub(super) fn absolute(place: &Place, built: &Built, told: &str) -> PathBuf {
    place.prefix.as_deref().unwrap_or(Path::new(&built.prefix)).join(told)
}
