//! Everything on a host that could be adopted, and why some of it is left.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use muster_core::host_roll::{Scheduled, Starter};

use super::drop_in::{self, Service};
use super::line::{Form, Line, lines};
use super::package::owners;
use super::rewrite::{Wrapper, wrapped};
use crate::discover::command::Reading;
use crate::discover::crontab::{Daemon, Dialect};
use crate::discover::{CrontabText, Look, RunnerLine};

/// Something that a host starts by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The name of its job: that which it reports as, else a free one made from the command.
    pub name: String,
    /// Who starts it.
    pub by: Starter,
    /// The crontab or the timer.
    pub place: String,
    /// Line number, from 1; 0 where there are no lines.
    pub line: usize,
    /// The schedule as written.
    pub schedule: String,
    /// The same as five cron fields, where it can be said so.
    pub cron: Option<String>,
    /// The zone of the schedule, where the crontab names one and the daemon minds it.
    pub zone: Option<String>,
    /// Whose rights it has.
    pub user: String,
    /// The command, without what looks like a secret.
    pub command: String,
    /// How it stands.
    pub standing: Standing,
}

/// How something stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It reports already.
    Reports,
    /// Its line can be wrapped; the new command.
    Line(Vec<u8>),
    /// A drop-in for this service makes it report.
    Timer(Service),
    /// It is left.
    Left(Left),
}

/// Why something is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// A sentence without a full stop.
    pub why: String,
    /// What is done if it is named; none where it cannot be adopted at all.
    pub unless_named: Option<Box<Standing>>,
}

impl Left {
    fn firm(why: impl Into<String>) -> Standing {
        Standing::Left(Self { why: why.into(), unless_named: None })
    }

    fn soft(why: impl Into<String>, standing: Standing) -> Standing {
        Standing::Left(Self { why: why.into(), unless_named: Some(Box::new(standing)) })
    }
}

/// What decides how something is adopted.
#[derive(Debug)]
pub struct Terms<'t> {
    /// Where the host's files are; `/` for this machine.
    pub root: &'t Path,
    /// This program.
    pub program: &'t Path,
    /// What is put in front of commands.
    pub wrapper: &'t Wrapper,
    /// Drop-ins may be written: this is the running machine, and we are root.
    pub timers: bool,
}

/// Looks at everything that was found on a host.
pub fn candidates(look: &Look, terms: &Terms<'_>) -> Vec<Candidate> {
    let by_source: BTreeMap<&str, &Scheduled> =
        look.roll.scheduled.iter().map(|one| (one.source.as_str(), one)).collect();
    let owners = owners(terms.root);
    let shut_out = shut_out(terms.program);
    let mut found = Vec::new();
    for text in &look.texts {
        let scene = Scene { text, terms, owner: owners.get(&text.place), shut_out: shut_out.as_deref() };
        for line in lines(&text.bytes, text.form) {
            let source = format!("{}:{}", text.place, line.number);
            let runner = text.runners.iter().find(|runner| runner.line == line.number);
            let of_the_line = match (by_source.get(source.as_str()), runner) {
                (Some(one), _) => Some(scene.entry(&line, one)),
                (None, Some(runner)) => Some(scene.runner(&line, runner, &look.roll.scheduled, &owners)),
                // What cannot be read is listed as unseen.
                (None, None) => None,
            };
            found.extend(of_the_line);
        }
    }
    timers(look, terms, &mut found);
    name(&mut found);
    found
}

/// One crontab.
struct Scene<'s> {
    text: &'s CrontabText,
    terms: &'s Terms<'s>,
    /// The package that it belongs to.
    owner: Option<&'s String>,
    /// Why ordinary users cannot start this program.
    shut_out: Option<&'s str>,
}

impl Scene<'_> {
    fn entry(&self, line: &Line, one: &Scheduled) -> Candidate {
        let command = &self.text.bytes[line.command.clone()];
        let reading = Reading::of(&String::from_utf8_lossy(command));
        let idle = one.cron.is_none() && one.by == Starter::Cron && one.schedule != "@reboot";
        let soft = if let Some(package) = self.owner {
            Some(format!("it belongs to the package {package}, whose upgrades would ask about the change"))
        } else {
            reading.watcher().map(|watcher| format!("it reports to another watchman already ({watcher})"))
        };
        let standing = if one.covered.is_some() {
            Standing::Reports
        } else if idle {
            let why = one.odd.first().cloned().unwrap_or_else(|| "it never comes".to_owned());
            Left::firm(format!("it does not run: {why}"))
        } else {
            self.judged(line, &one.user, soft)
        };
        let name = one.covered.as_ref().map_or(one.name.as_str(), |id| id.name());
        Candidate { name: name.to_owned(), cron: one.cron.clone(), ..self.bare(line, one, standing) }
    }

    fn bare(&self, line: &Line, one: &Scheduled, standing: Standing) -> Candidate {
        Candidate {
            name: String::new(),
            by: one.by,
            place: self.text.place.clone(),
            line: line.number,
            schedule: one.schedule.clone(),
            cron: None,
            zone: self.zone(line),
            user: one.user.clone(),
            command: one.command.clone(),
            standing,
        }
    }

    fn runner(
        &self,
        line: &Line,
        runner: &RunnerLine,
        scheduled: &[Scheduled],
        owners: &BTreeMap<String, String>,
    ) -> Candidate {
        let command = &self.text.bytes[line.command.clone()];
        let inside = format!("{}/", runner.folder);
        let of_the_host = scheduled.iter().any(|one| {
            one.source.starts_with(&inside)
                && one.covered.is_none()
                && !owners.contains_key(&one.source)
                && (one.cron.is_some() || one.odd.is_empty())
        });
        let soft = (!of_the_host).then(|| {
            format!("{} holds no script of this host's own, only the system's housekeeping", runner.folder)
        });
        let standing = match &runner.idle {
            Some(why) => Left::firm(format!("it does not run: {why}")),
            None => self.judged(line, &runner.user, soft),
        };
        let by = if self.text.form == Form::Anacrontab { Starter::Anacron } else { Starter::Cron };
        Candidate {
            name: Reading::of(&String::from_utf8_lossy(command)).name(),
            by,
            place: self.text.place.clone(),
            line: line.number,
            schedule: runner.schedule.clone(),
            cron: runner.cron.clone(),
            zone: self.zone(line),
            user: runner.user.clone(),
            command: crate::discover::blot::blot(&String::from_utf8_lossy(command)),
            standing,
        }
    }

    /// Whether the line can be wrapped; its name comes later, so it is tried with the longest one.
    fn judged(&self, line: &Line, user: &str, soft: Option<String>) -> Standing {
        let Self { text, terms, .. } = self;
        if let (Some(why), true) = (self.shut_out, user != "root") {
            return Left::firm(format!("{user} could not start it: {why}"));
        }
        if !text.by_crontab {
            let place = on_disk(terms.root, &text.place);
            let folder = place.parent().unwrap_or(&place);
            if rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_err() {
                return Left::firm(format!("{} may only be changed by root", text.place));
            }
        }
        match wrapped(&text.bytes, line, LONGEST_NAME, terms.wrapper, text.form) {
            Err(unfit) => Left::firm(unfit.to_string()),
            Ok(command) => match soft {
                Some(why) => Left::soft(why, Standing::Line(command)),
                None => Standing::Line(command),
            },
        }
    }

    fn zone(&self, line: &Line) -> Option<String> {
        let minded =
            matches!(self.text.form, Form::Crontab(Dialect { daemon: Daemon::Cronie | Daemon::Systemd, .. }));
        let zone = line.zone.as_ref().filter(|_| minded)?;
        Some(String::from_utf8_lossy(zone).trim().to_owned()).filter(|zone| !zone.is_empty())
    }
}

/// As long as names made from commands become.
const LONGEST_NAME: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

/// Where a path of the host is for us.
pub fn on_disk(root: &Path, place: &str) -> PathBuf {
    root.join(place.trim_start_matches('/'))
}

fn timers(look: &Look, terms: &Terms<'_>, found: &mut Vec<Candidate>) {
    let all: Vec<&Scheduled> = look.roll.scheduled.iter().filter(|one| one.by == Starter::Timer).collect();
    let ids: Vec<&str> = all.iter().map(|one| one.source.as_str()).collect();
    let services = if terms.timers { drop_in::services(&ids) } else { Vec::new() };
    for one in all {
        let service = services.iter().find(|service| service.timer == one.source);
        let standing = match (&one.covered, one.odd.first(), service) {
            (Some(_), ..) => Standing::Reports,
            (None, Some(why), _) => Left::firm(format!("it does not run: {why}")),
            (None, None, None) => Left::firm("only root may add a drop-in to its service"),
            (None, None, Some(service)) if service.packaged => Left::soft(
                "it came with the system and is its housekeeping",
                Standing::Timer(service.clone()),
            ),
            (None, None, Some(service)) => Standing::Timer(service.clone()),
        };
        let name = one.covered.as_ref().map_or(one.name.as_str(), |id| id.name());
        found.push(Candidate {
            name: name.to_owned(),
            by: one.by,
            place: one.source.clone(),
            line: 0,
            schedule: one.schedule.clone(),
            cron: one.cron.clone(),
            zone: None,
            user: one.user.clone(),
            command: one.command.clone(),
            standing,
        });
    }
}

/// Gives each its own name, and the wrapped commands theirs. Whatever reports keeps its name.
fn name(found: &mut [Candidate]) {
    let mut taken: BTreeSet<String> =
        found.iter().filter(|one| one.standing == Standing::Reports).map(|one| one.name.clone()).collect();
    for one in found.iter_mut().filter(|one| one.standing != Standing::Reports) {
        let stem = one.name.clone();
        let mut name = stem.clone();
        let mut number = 1;
        while taken.contains(&name) {
            number += 1;
            name = format!("{stem}-{number}");
        }
        taken.insert(name.clone());
        rename(&mut one.standing, &name);
        one.name = name;
    }
}

fn rename(standing: &mut Standing, name: &str) {
    match standing {
        Standing::Line(command) => {
            let (from, to) = (LONGEST_NAME.as_bytes(), name.as_bytes());
            if let Some(at) = command.windows(from.len()).position(|part| part == from) {
                command.splice(at..at + from.len(), to.iter().copied());
            }
        }
        Standing::Left(Left { unless_named: Some(inner), .. }) => rename(inner, name),
        Standing::Left(_) | Standing::Reports | Standing::Timer(_) => {}
    }
}

/// Why ordinary users cannot start a program: a folder on the way that is closed to them, or its own mode.
fn shut_out(program: &Path) -> Option<String> {
    let mut path = PathBuf::new();
    for part in program.components() {
        path.push(part);
        if matches!(part, Component::RootDir) {
            continue;
        }
        let mode = path.metadata().map_or(0, |about| about.mode());
        if mode & 0o001 == 0 {
            return Some(format!(
                "{} is closed to other users; install muster in /usr/local/bin",
                path.display()
            ));
        }
    }
    None
}
