//! `muster jobs import`, `muster jobs adopt`, `muster jobs release`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use muster_host::adopt::candidate::{Candidate, Left, Standing};
use muster_host::adopt::place::Place;
use muster_host::adopt::record::Job;
use serde::Serialize;

use crate::adoption::change::{Change, carry_out};
use crate::adoption::scene::Scene;
use crate::ask::agreed;
use crate::exit_code::ExitCode;
use crate::own_changes::OwnChanges;
use crate::refusal::Refusal;
use crate::say;
use crate::say::paper::Paper;
use crate::world::World;

/// Whether and how a plan is carried out.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Manner {
    /// Only shows what would be changed
    #[arg(long)]
    dry_run: bool,
    /// Does not ask
    #[arg(short, long, conflicts_with = "dry_run")]
    yes: bool,
    /// Prints JSON
    #[arg(long)]
    json: bool,
    /// The folder that holds the host's files, to look at an image
    #[arg(long, default_value = "/", value_name = "DIR", hide = true)]
    root: PathBuf,
}

/// Writes what this host schedules into muster.toml
///
/// Reads users' crontabs, /etc/crontab, /etc/cron.d, anacron and systemd timers in the dialect of the daemon that is
/// installed. What is in the file stays as it is; jobs that it does not have are added at its end. They report once their
/// lines are wrapped: `muster jobs adopt` does both.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Import {
    #[command(flatten)]
    manner: Manner,
}

/// Puts `muster run` in front of what this host schedules, and writes it into muster.toml
///
/// Only the command of a line is changed; blanks, comments, settings and other lines stay to the byte, and the command
/// does what it did before. systemd timers get a drop-in for their service. Without names everything is adopted, but
/// what belongs to a package, reports elsewhere or does not run; each is listed with the reason. The files as they were
/// are kept in the state directory, and `muster jobs release` takes it all back.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Adopt {
    /// The jobs to adopt, as `muster jobs list` names them [default: all]
    names: Vec<String>,
    #[command(flatten)]
    manner: Manner,
}

/// Takes `muster run` away again, and the entries out of muster.toml
///
/// Lines that were changed since keep the changes. An entry of muster.toml that was changed stays, and is named.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Release {
    /// The jobs to release
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    names: Vec<String>,
    /// Everything that was adopted
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    manner: Manner,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Answer<'a> {
    done: bool,
    changes: Vec<Difference>,
    jobs: Vec<&'a str>,
    left: Vec<LeftOut<'a>>,
}

#[derive(Serialize)]
struct Difference {
    file: String,
    diff: String,
}

#[derive(Serialize)]
struct LeftOut<'a> {
    name: &'a str,
    place: &'a str,
    line: usize,
    why: &'a str,
    if_named: bool,
}

pub(crate) fn import(world: &World, args: &Import) -> Result<ExitCode, Refusal> {
    let mut scene = Scene::new(world, &args.manner.root)?;
    let candidates = scene.candidates.clone();
    let jobs: Vec<&Candidate> = candidates.iter().filter(|one| !is_left(one)).collect();
    let (change, entries) = scene.import(&jobs)?;
    let names: Vec<&str> = entries.iter().map(|(name, _)| name.as_str()).collect();
    let left: Vec<&Candidate> = candidates.iter().filter(|one| is_left(one)).collect();
    scene.record.entries.extend(entries.iter().cloned());
    // Whoever imports has seen what is there.
    scene.record.left = scene.known();
    let plan =
        Plan { changes: change.into_iter().collect(), names, left, question: "Write", done: "Written:" };
    plan.go(world, &args.manner, &mut scene)
}

pub(crate) fn adopt(world: &World, args: &Adopt) -> Result<ExitCode, Refusal> {
    let mut scene = Scene::new(world, &args.manner.root)?;
    let candidates = scene.candidates.clone();
    let jobs = chosen(&candidates, &args.names)?;
    let (change, entries) = scene.import(&jobs)?;
    let mut changes: Vec<Change> = change.into_iter().collect();
    changes.extend(scene.wrap(&jobs));
    let fresh: Vec<&Candidate> =
        jobs.iter().filter(|one| one.standing != Standing::Reports).copied().collect();
    scene.record.entries.extend(entries);
    for one in &fresh {
        scene.record.jobs.insert(one.name.clone(), Job { place: one.place.clone() });
    }
    scene.record.left = scene.known();
    let names: Vec<&str> = fresh.iter().map(|one| one.name.as_str()).collect();
    let is_job = |one: &&Candidate| jobs.iter().any(|job| job.name == one.name);
    let left: Vec<&Candidate> = candidates.iter().filter(|one| is_left(one) && !is_job(one)).collect();
    let plan = Plan { changes, names, left, question: "Adopt", done: "Adopted" };
    plan.go(world, &args.manner, &mut scene)
}

pub(crate) fn release(world: &World, args: &Release) -> Result<ExitCode, Refusal> {
    let mut scene = Scene::new(world, &args.manner.root)?;
    let names: BTreeSet<String> = match args.all {
        true => scene.record.jobs.keys().cloned().collect(),
        false => args.names.iter().map(|name| name.trim_start_matches("job.").to_owned()).collect(),
    };
    let (mut changes, found) = scene.unwrap(&names);
    let unknown = |name: &&String| !found.contains(*name) && !scene.record.jobs.contains_key(*name);
    if let Some(missing) = names.iter().find(unknown) {
        return Err(Refusal::new(
            ExitCode::NotFound,
            format!("no line of this host was adopted as {missing}"),
        )
        .help("a line that was wrapped by hand is unwrapped by hand; `muster jobs list` shows the jobs"));
    }
    let (change, stay) = scene.export(&names)?;
    // The wrapper first: an entry that reports a little longer than it is expected is no alarm.
    changes.extend(change);
    for name in &names {
        scene.record.jobs.remove(name);
        scene.record.entries.remove(name);
    }
    for name in stay {
        world.warn(&format!(
            "[job.{name}] in muster.toml was changed since it was written and stays; take it out, or it will be missed"
        ));
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let plan = Plan { changes, names, left: Vec::new(), question: "Release", done: "Released" };
    let code = plan.go(world, &args.manner, &mut scene)?;
    if !args.manner.dry_run {
        // What was released is known as well, and no newcomer.
        let mut scene = Scene::new(world, &args.manner.root)?;
        scene.record.left = scene.known();
        note(&scene)?;
    }
    Ok(code)
}

fn is_left(one: &Candidate) -> bool {
    matches!(one.standing, Standing::Left(_))
}

/// Those that were named, or all that are not left.
fn chosen<'c>(all: &'c [Candidate], names: &[String]) -> Result<Vec<&'c Candidate>, Refusal> {
    if names.is_empty() {
        return Ok(all.iter().filter(|one| !is_left(one)).collect());
    }
    let one = |name: &String| {
        let name = name.trim_start_matches("job.");
        let found = all.iter().find(|one| one.name == name).ok_or_else(|| {
            Refusal::new(ExitCode::NotFound, format!("nothing that this host schedules is called {name}"))
                .help("`muster jobs adopt --dry-run` shows what there is")
        })?;
        match &found.standing {
            Standing::Left(Left { why, unless_named: None }) => {
                Err(Refusal::new(ExitCode::Refused, format!("{name} cannot be adopted: {why}"))
                    .help(format!("see {}:{}", found.place, found.line)))
            }
            Standing::Left(_) | Standing::Line(_) | Standing::Timer(_) | Standing::Reports => Ok(found),
        }
    };
    names.iter().map(one).collect()
}

fn note(scene: &Scene<'_>) -> Result<(), Refusal> {
    scene
        .record
        .write(&scene.layout)
        .map_err(|error| Refusal::system("the record of adoptions cannot be written", &error))
}

/// systemd reads drop-ins when it is told to.
fn reload(changes: &[Change], manner: &Manner) -> Result<(), Refusal> {
    let any = changes.iter().any(|change| change.name.ends_with("/50-muster.conf"));
    if !any || manner.root != std::path::Path::new("/") {
        return Ok(());
    }
    let told = Command::new("systemctl").arg("daemon-reload").stdin(Stdio::null()).status();
    match told {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => {
            Err(Refusal::new(ExitCode::System, format!("systemctl daemon-reload failed ({status})"))
                .help("the drop-ins are written; `systemctl daemon-reload` puts them in force"))
        }
        Err(error) => Err(Refusal::system("systemctl could not be started", &error)),
    }
}

/// What would be done.
struct Plan<'a> {
    changes: Vec<Change>,
    names: Vec<&'a str>,
    left: Vec<&'a Candidate>,
    question: &'static str,
    done: &'static str,
}

impl Plan<'_> {
    /// Shows it, asks, does it, and says so.
    fn go(&self, world: &World, manner: &Manner, scene: &mut Scene<'_>) -> Result<ExitCode, Refusal> {
        let paper = Paper::of_stdout();
        let size = say::adoption::size(self.names.len(), &self.changes);
        if !manner.json {
            world.say(&say::adoption::differences(&self.changes, &paper))?;
            world.say(&say::adoption::left(&self.left))?;
        }
        let does = !self.changes.is_empty() && !manner.dry_run;
        if does {
            if !manner.yes && !agreed(world, &format!("{} {size}?", self.question))? {
                return Err(Refusal::new(ExitCode::Refused, "nothing was changed"));
            }
            let at = world.now().wall;
            let accepting = OwnChanges::begin(world, &manner.root);
            carry_out(&self.changes, &scene.layout, &mut scene.record, at)?;
            if let Some(accepting) = accepting {
                accepting.end(world, self.files(), "muster jobs adopt, import or release");
            }
            reload(&self.changes, manner)?;
        } else if !manner.dry_run && scene.has_news()? {
            note(scene)?;
        }
        if manner.json {
            return self.answer(world, does);
        }
        world.say(&match (self.changes.is_empty(), does) {
            (true, _) => "\nNothing to change.\n".to_owned(),
            (false, true) => format!("\n{} {size}.\n", self.done),
            (false, false) => format!("\n{size}; nothing was changed.\n"),
        })?;
        Ok(ExitCode::Fine)
    }

    /// The files that it changes; a crontab of our own is where crontab(1) keeps it.
    fn files(&self) -> impl Iterator<Item = &Path> {
        self.changes.iter().filter_map(|change| match &change.place {
            Place::File(path) => Some(path.as_path()),
            Place::OwnCrontab => None,
        })
    }

    fn answer(&self, world: &World, done: bool) -> Result<ExitCode, Refusal> {
        let plain = Paper { width: None, bold: false };
        let one = |change: &Change| Difference {
            file: change.name.clone(),
            diff: say::diff::unified(&change.name, change.old.as_deref(), &change.new, &plain),
        };
        let left = self.left.iter().filter_map(|one| match &one.standing {
            Standing::Left(Left { why, unless_named }) => Some(LeftOut {
                name: &one.name,
                place: &one.place,
                line: one.line,
                why,
                if_named: unless_named.is_some(),
            }),
            Standing::Reports | Standing::Line(_) | Standing::Timer(_) => None,
        });
        let answer = Answer {
            done,
            changes: self.changes.iter().map(one).collect(),
            jobs: self.names.clone(),
            left: left.collect(),
        };
        world.say(&say::json::versioned(&answer))?;
        Ok(ExitCode::Fine)
    }
}
