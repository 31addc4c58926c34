//! The order in which a host is looked over, the bounds of it, and what all sources share.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use muster_core::host_roll::{HostRoll, Scheduled, Starter, Unseen};
use muster_core::ids::ExpectationId;
use muster_core::schedule::Schedule;

use super::blot::blot;
use super::command::{Reading, Script, tidy};
use super::crontab::Daemon;
use super::{cron, disks, run_parts, systemd};
use crate::adopt::line::Form;

/// Longest file that is read, in bytes.
const FILE_LIMIT: u64 = 1 << 20;
/// Most things that are listed.
const ENTRY_LIMIT: usize = 5_000;
/// After this time nothing new is begun.
const WITHIN: Duration = Duration::from_secs(10);

/// How far to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// This running machine: its files, systemd, mounted disks, memory. For the root `/`.
    Machine,
    /// Files under the root only: an image, a backup, a test's tree.
    Files,
}

/// Reads what the host whose files are under `root` starts by itself. Changes nothing; takes ten seconds at most, 1 MiB
/// of a file at most, and 5,000 entries at most. Whatever is left out for that is listed as unseen.
pub fn discover(root: &Path, reach: Reach) -> HostRoll {
    look(root, reach).roll
}

/// What [`discover`] gives, and the texts that it was read from.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// What the host starts by itself.
    pub roll: HostRoll,
    /// Every crontab that was read, and the anacrontab.
    pub texts: Vec<CrontabText>,
}

/// A crontab as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrontabText {
    /// Its path on the host, or `crontab of USER` where only crontab(1) could read it.
    pub place: String,
    /// Only crontab(1) reads and writes it.
    pub by_crontab: bool,
    /// How it is read.
    pub form: Form,
    /// Every byte of it.
    pub bytes: Vec<u8>,
    /// Its lines that run a folder of scripts, which are not on the roll themselves unless they report.
    pub runners: Vec<RunnerLine>,
}

/// A line that runs a folder of scripts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunnerLine {
    /// Line number, from 1.
    pub line: usize,
    /// The folder.
    pub folder: String,
    /// The schedule as written.
    pub schedule: String,
    /// The same as five cron fields; none where it does not run.
    pub cron: Option<String>,
    /// Whose rights it has.
    pub user: String,
    /// Why it does not run.
    pub idle: Option<String>,
}

/// Which cron is installed, by the files that only it has.
pub fn daemon(exists: impl Fn(&str) -> bool) -> Daemon {
    let any = |paths: &[&str]| paths.iter().any(|path| exists(path));
    let generator = "lib/systemd/system-generators/systemd-crontab-generator";
    // Debian's own daemon beside it would mean that both run the lines; it is the one that counts then.
    if any(&[&format!("/usr/{generator}"), &format!("/{generator}")]) && !any(&["/usr/sbin/cron"]) {
        return Daemon::Systemd;
    }
    if any(&["/etc/alpine-release", "/etc/openwrt_release"]) && !any(&["/etc/cron.d/0hourly"]) {
        return Daemon::Busybox;
    }
    let debian = any(&["/etc/debian_version", "/var/spool/cron/crontabs"]);
    if !debian && any(&["/etc/redhat-release", "/etc/cron.d/0hourly"]) {
        return Daemon::Cronie;
    }
    Daemon::Debian
}

/// As [`discover`], with the texts.
pub fn look(root: &Path, reach: Reach) -> Look {
    let mut survey = Survey::of(root, reach);
    survey.roll.name = survey.host_name();
    survey.roll.zone = survey.host_zone();
    cron::look(&mut survey);
    run_parts::look(&mut survey);
    if reach == Reach::Machine {
        systemd::look(&mut survey);
        let left = survey.left();
        disks::look(&mut survey.roll, left);
    }
    Look { roll: survey.roll, texts: survey.texts }
}

/// The look over one host.
pub(super) struct Survey {
    root: PathBuf,
    pub(super) reach: Reach,
    pub(super) roll: HostRoll,
    /// Which cron this host has.
    pub(super) daemon: Daemon,
    /// Lines that run a whole folder of scripts, by folder.
    pub(super) folders: BTreeMap<String, Runner>,
    pub(super) texts: Vec<CrontabText>,
    users: Option<BTreeSet<String>>,
    /// Names given, and how often.
    names: BTreeMap<String, u32>,
    until: Instant,
    full: bool,
}

/// The line that runs a folder of scripts.
#[derive(Debug, Clone)]
pub(super) struct Runner {
    pub(super) by: Starter,
    pub(super) schedule: String,
    pub(super) cron: Option<String>,
    pub(super) user: String,
    /// The job that the line reports as.
    pub(super) covered: Option<ExpectationId>,
    /// It gives way to anacron where that is installed.
    pub(super) yields_to_anacron: bool,
}

/// Something found, before it has a name.
pub(super) struct Found {
    pub(super) by: Starter,
    pub(super) source: String,
    pub(super) schedule: String,
    pub(super) cron: Option<String>,
    pub(super) user: String,
    /// As written.
    pub(super) command: String,
    /// As the shell gets it.
    pub(super) reading: Reading,
    /// A better name than the command gives, where the source knows one.
    pub(super) name: Option<String>,
    pub(super) odd: Vec<String>,
    /// The job that covers it from outside: that of the line that runs its folder, that of its drop-in.
    pub(super) within: Option<ExpectationId>,
}

/// A file that was read.
pub(super) struct Text {
    pub(super) bytes: Vec<u8>,
    /// Permission bits.
    pub(super) mode: u32,
}

impl Survey {
    fn of(root: &Path, reach: Reach) -> Self {
        let mut survey = Self {
            root: root.to_owned(),
            reach,
            roll: HostRoll::default(),
            daemon: Daemon::Debian,
            folders: BTreeMap::new(),
            texts: Vec::new(),
            users: None,
            names: BTreeMap::new(),
            until: Instant::now() + WITHIN,
            full: false,
        };
        survey.daemon = daemon(|path| survey.exists(path));
        survey.users = survey.read("/etc/passwd").map(|text| {
            String::from_utf8_lossy(&text.bytes)
                .lines()
                .filter_map(|line| Some(line.split_once(':')?.0.to_owned()))
                .collect()
        });
        survey
    }

    /// The zone that `/etc/localtime` points to (localtime(5)), else what `/etc/timezone` says.
    fn host_zone(&mut self) -> Option<String> {
        let target = fs::read_link(self.path("/etc/localtime")).ok();
        let named = target.as_ref().and_then(|target| target.to_str()?.split_once("zoneinfo/"));
        if let Some((_, name)) = named {
            return Some(name.to_owned());
        }
        let text = self.read("/etc/timezone")?;
        Some(String::from_utf8_lossy(&text.bytes).trim().to_owned()).filter(|name| !name.is_empty())
    }

    fn host_name(&mut self) -> String {
        match self.reach {
            Reach::Machine => rustix::system::uname().nodename().to_string_lossy().into_owned(),
            Reach::Files => self
                .read("/etc/hostname")
                .map(|text| String::from_utf8_lossy(&text.bytes).trim().to_owned())
                .unwrap_or_default(),
        }
    }

    /// Where a path of the host is for us.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    pub(super) fn exists(&self, path: &str) -> bool {
        self.path(path).exists()
    }

    /// anacron is installed.
    pub(super) fn has_anacron(&self) -> bool {
        self.exists("/usr/sbin/anacron") || self.exists("/usr/bin/anacron")
    }

    /// Whether the host has this user; none when its list of users could not be read.
    pub(super) fn has_user(&self, name: &str) -> Option<bool> {
        self.users.as_ref().map(|users| users.contains(name))
    }

    pub(super) fn unseen(&mut self, what: impl Into<String>, why: impl Into<String>) {
        self.roll.unseen.push(Unseen { what: what.into(), why: why.into() });
    }

    /// Why a script or line does nothing here: Debian's own test whether systemd runs, and give way to its timers.
    pub(super) fn gives_way(&self, script: &str) -> Option<String> {
        (script.contains("/run/systemd/system") && self.exists("/run/systemd/system"))
            .then(|| "it gives way to a systemd timer on this host".to_owned())
    }

    /// Time that is left for all of it.
    pub(super) fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    /// There is time and room for more; says so once when there is not.
    pub(super) fn goes_on(&mut self) -> bool {
        if !self.full {
            if Instant::now() >= self.until {
                self.full = true;
                self.unseen(
                    "the rest of this host",
                    format!("the search took longer than {} s", WITHIN.as_secs()),
                );
            } else if self.roll.scheduled.len() >= ENTRY_LIMIT {
                self.full = true;
                self.unseen("the rest of this host", format!("more than {ENTRY_LIMIT} scheduled commands"));
            }
        }
        !self.full
    }

    /// A regular file of at most 1 MiB. What is not there is no news; what cannot be read is listed as unseen.
    pub(super) fn read(&mut self, path: &str) -> Option<Text> {
        match read(&self.path(path)) {
            Ok(text) => text,
            Err(why) => {
                self.unseen(path, why);
                None
            }
        }
    }

    /// Names of the entries of a folder in order, hidden ones left out.
    pub(super) fn list(&mut self, folder: &str) -> Vec<String> {
        let mut names = Vec::new();
        match fs::read_dir(self.path(folder)) {
            Ok(entries) => {
                for entry in entries.take(ENTRY_LIMIT).flatten() {
                    names.push(entry.file_name().to_string_lossy().into_owned());
                }
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => self.unseen(folder, because(&error)),
        }
        names.retain(|name| !name.starts_with('.'));
        names.sort();
        names
    }

    /// Puts something on the roll.
    pub(super) fn add(&mut self, mut found: Found) {
        if !self.goes_on() {
            return;
        }
        let covered = found.reading.covered().and_then(|name| ExpectationId::of("job", name).ok());
        let within = found.within.filter(|_| covered.is_none());
        let wrapped = found.reading.wrapped();
        let reading = wrapped.as_ref().unwrap_or(&found.reading);
        let mut odd = does_nothing(reading, &found.command);
        if !reading.is_guarded() {
            odd.extend(self.script_fault(reading));
        }
        found.odd.extend(odd);
        let name = match (&covered, found.name) {
            (Some(id), _) => id.name().to_owned(),
            (None, Some(name)) => tidy(&name),
            (None, None) => found.reading.name(),
        };
        let name = self.unique(name);
        self.roll.scheduled.push(Scheduled {
            name,
            by: found.by,
            source: found.source,
            schedule: found.schedule,
            cron: found.cron,
            user: found.user,
            command: blot(&found.command),
            covered: covered.or(within),
            odd: found.odd,
        });
    }

    fn unique(&mut self, name: String) -> String {
        let mut number = self.names.get(&name).copied().unwrap_or(0);
        let unique = loop {
            number += 1;
            let unique = if number == 1 { name.clone() } else { format!("{name}-{number}") };
            if number == 1 || !self.names.contains_key(&unique) {
                break unique;
            }
        };
        self.names.insert(name, number);
        self.names.entry(unique.clone()).or_insert(1);
        unique
    }

    /// A script that is not there, or cannot be started.
    fn script_fault(&self, reading: &Reading) -> Option<String> {
        let (path, started) = match reading.script()? {
            Script::Started(path) => (path, true),
            Script::Interpreted(path) => (path, false),
        };
        match fs::metadata(self.path(&path)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Some(format!("{path} does not exist")),
            Ok(file) if started && file.is_file() && file.mode() & 0o111 == 0 => {
                Some(format!("{path} is not executable"))
            }
            // Folders we may not enter prove nothing.
            _ => None,
        }
    }
}

/// Why a command may end well and do nothing, as far as its words tell.
fn does_nothing(reading: &Reading, command: &str) -> Vec<String> {
    let empty = |(program, place): (&str, usize)| {
        format!("argument {place} of {program} is empty; is a variable not set?")
    };
    let mut odd: Vec<String> = reading.empty_arguments().map(empty).collect();
    // A pipe, a redirection or cron's `%` gives it something to read.
    if !command.contains(['|', '<', '%']) {
        odd.extend(
            reading
                .without_script()
                .map(|program| format!("{program} has no script: it reads an empty input and exits 0")),
        );
    }
    odd
}

/// Five cron fields for a schedule as written, and what is wrong with it where there are none.
pub fn five_fields(schedule: &str) -> (Option<String>, Option<String>) {
    match Schedule::parse(schedule, "UTC") {
        Ok(read) => (Some(read.five_fields().to_owned()), None),
        // Not a fault: it is due at no time.
        Err(_) if schedule == "@reboot" => (None, None),
        Err(error) => (None, Some(format!("the schedule is not right: {error}"))),
    }
}

/// Words for why something could not be read.
pub(super) fn because(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::PermissionDenied => "permission denied; run as root to see it".to_owned(),
        _ => error.to_string(),
    }
}

fn read(path: &Path) -> Result<Option<Text>, String> {
    // Opening a pipe would wait for a writer.
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path);
    let file = match file {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|error| because(&error))?,
    };
    let about = file.metadata().map_err(|error| because(&error))?;
    if about.is_dir() {
        return Ok(None);
    }
    if !about.is_file() {
        return Err("not a regular file".to_owned());
    }
    let mut bytes = Vec::new();
    file.take(FILE_LIMIT + 1).read_to_end(&mut bytes).map_err(|error| because(&error))?;
    if bytes.len() as u64 > FILE_LIMIT {
        return Err("larger than 1 MiB".to_owned());
    }
    Ok(Some(Text { bytes, mode: about.permissions().mode() & 0o7777 }))
}
