//! `muster jobs`.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use muster_core::ids::{ExpectationId, RunId};
use muster_run::log::read::{self, Line};
use muster_run::log::{self as logs, search};
use muster_store::history::{PAGE_LIMIT, Run};
use serde::Serialize;

use crate::cli::adopt;
use crate::exit_code::ExitCode;
use crate::name::Name;
use crate::records;
use crate::refusal::Refusal;
use crate::say;
use crate::say::jobs::Jobs;
use crate::say::paper::Paper;
use crate::say::status::Source;
use crate::world::World;

/// How often a log that is followed is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// The jobs of this host: what reports, what does not, what they did before
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    /// Lists the jobs that report, and the scheduled commands that report to nobody
    List {
        /// Prints JSON
        #[arg(long)]
        json: bool,
    },
    /// Starts a job now, beside whatever its schedule says
    ///
    /// The agent starts it, as it starts jobs with `by = "muster"`, so its command must be in muster.toml. A run that still
    /// goes on is treated as `overlap` says. Says which run it is and does not wait for its end.
    Run {
        /// The job
        name: Name,
        /// Prints JSON
        #[arg(long)]
        json: bool,
    },
    /// Shows the runs of a job, newest first
    History {
        /// The job
        name: Name,
        /// How many runs at most, up to 1000
        #[arg(long, default_value_t = 30, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
        /// Prints JSON
        #[arg(long)]
        json: bool,
    },
    /// Shows what a run printed; "!" marks standard error, "#" muster itself
    Log {
        /// The job
        name: Name,
        /// The run as `muster jobs history` names it, or its beginning [default: the last one]
        run: Option<String>,
        /// Only the last lines
        #[arg(long, value_name = "N")]
        tail: Option<usize>,
        /// Only lines with this text in them, whatever its case
        #[arg(long, value_name = "TEXT", conflicts_with_all = ["tail", "follow"])]
        grep: Option<String>,
        /// Waits for more until interrupted
        #[arg(short, long)]
        follow: bool,
        /// Prints JSON
        #[arg(long, conflicts_with = "follow")]
        json: bool,
    },
    Import(adopt::Import),
    Adopt(adopt::Adopt),
    Release(adopt::Release),
}

pub(crate) fn execute(world: &World, verb: Verb) -> Result<ExitCode, Refusal> {
    match verb {
        Verb::List { json } => list(world, json),
        Verb::Run { name, json } => run_now(world, &name, json),
        Verb::History { name, limit, json } => history(world, &name, usize::from(limit), json),
        Verb::Log { name, run, grep: Some(text), json, .. } => {
            grep(world, &name, run.as_deref(), &text, json)
        }
        Verb::Log { name, run, grep: None, tail, follow, json } => {
            log(world, &name, run.as_deref(), &Reading { tail, follow, json })
        }
        Verb::Import(args) => adopt::import(world, &args),
        Verb::Adopt(args) => adopt::adopt(world, &args),
        Verb::Release(args) => adopt::release(world, &args),
    }
}

#[derive(Serialize)]
struct Listed<'a> {
    agent_running: bool,
    jobs: Vec<&'a muster_core::board::Line>,
    last_runs: Vec<&'a Run>,
    scheduled: &'a [muster_core::host_roll::Scheduled],
    unseen: &'a [muster_core::host_roll::Unseen],
}

fn list(world: &World, json: bool) -> Result<ExitCode, Refusal> {
    let mut seen = world.see()?;
    let watched = seen.source != Source::Memory;
    if !watched {
        seen.snapshot.host = world.discover();
    }
    let mut last = BTreeMap::new();
    for run in records::runs(world, None, PAGE_LIMIT)?.items {
        last.entry(run.about.clone()).or_insert(run);
    }
    let jobs = Jobs { snapshot: seen.snapshot, last, watched };
    let text = if json {
        let host = &jobs.snapshot.host;
        say::json::versioned(&Listed {
            agent_running: watched,
            jobs: jobs.snapshot.board.lines.iter().filter(|line| line.id.table() == "job").collect(),
            last_runs: jobs.last.values().collect(),
            scheduled: &host.scheduled,
            unseen: &host.unseen,
        })
    } else {
        say::jobs::list(&jobs, &world.clock(), &Paper::of_stdout())
    };
    world.say(&text)?;
    Ok(ExitCode::Fine)
}

#[derive(Serialize)]
struct History<'a> {
    about: &'a ExpectationId,
    runs: &'a [Run],
    more: bool,
}

fn history(world: &World, name: &Name, limit: usize, json: bool) -> Result<ExitCode, Refusal> {
    let id = job(name)?;
    let runs = records::runs(world, Some(&id), limit)?;
    if runs.items.is_empty() && !world.knows(&id)? {
        let refusal = unknown_job(&id);
        // Without an agent nobody has read the reports yet, but the logs are there.
        return Err(match find(&world.layout()?.runs().join(id.name()), &id, None) {
            Ok(_) => {
                refusal.help(format!("it has run here: `muster jobs log {}` shows its last log", id.name()))
            }
            Err(_) => refusal,
        });
    }
    let more = runs.next.is_some();
    let text = if json {
        say::json::versioned(&History { about: &id, runs: &runs.items, more })
    } else {
        say::jobs::history(&id, &runs.items, more, &world.clock(), &Paper::of_stdout())
    };
    world.say(&text)?;
    Ok(ExitCode::Fine)
}

#[derive(Serialize)]
struct Wished {
    job: String,
    run: RunId,
    durable: bool,
}

fn run_now(world: &World, name: &Name, json: bool) -> Result<ExitCode, Refusal> {
    #[derive(serde::Deserialize)]
    struct Answer {
        run: RunId,
        durable: bool,
    }
    let id = world.expectation(name)?;
    let answer = world.tell_agent(&format!("expectations/{id}/run"), &serde_json::json!({}))?;
    let Answer { run, durable } = serde_json::from_value(answer)
        .map_err(|error| Refusal::system("the agent's answer could not be read", &error))?;
    let job = id.name().to_owned();
    let text = if json {
        say::json::versioned(&Wished { job, run, durable })
    } else {
        format!("{job} is started as run {run}. `muster jobs log {job} {run} --follow` shows what it does.\n")
    };
    world.say(&text)?;
    Ok(ExitCode::Fine)
}

/// The job that is meant: a name without a table is a job here.
fn job(name: &Name) -> Result<ExpectationId, Refusal> {
    name.or_in("job")
        .map_err(|error| Refusal::usage(format!("{name} cannot be a job's name")).because(&error))
}

fn unknown_job(id: &ExpectationId) -> Refusal {
    Refusal::new(ExitCode::NotFound, format!("nothing is known of a job {:?}", id.name()))
        .help("`muster jobs list` shows the jobs of this host")
}

/// How a log is to be shown.
struct Reading {
    tail: Option<usize>,
    follow: bool,
    json: bool,
}

#[derive(Serialize)]
struct Log {
    job: String,
    run: String,
    path: String,
    lines: Vec<LogLine>,
}

#[derive(Serialize)]
struct LogLine {
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u64>,
    at: Option<muster_core::time::Timestamp>,
    source: &'static str,
    text: String,
}

fn log(world: &World, name: &Name, run: Option<&str>, reading: &Reading) -> Result<ExitCode, Refusal> {
    let id = job(name)?;
    let folder = world.layout()?.runs().join(id.name());
    let (run, path) = find(&folder, &id, run)?;
    let unreadable = |error: io::Error| Refusal::system(format!("cannot read {}", path.display()), &error);
    let mut next = 0;
    if let Some(limit) = reading.tail {
        next = read::tail(&path, limit).map_err(unreadable)?.start;
    }
    let (clock, paper) = (world.clock(), Paper::of_stdout());
    let mut kept = Vec::new();
    loop {
        let page = read::page(&path, next, PAGE_LIMIT).map_err(unreadable)?;
        let came_further = page.next > next;
        next = page.next;
        if reading.json {
            kept.extend(page.lines.iter().map(|line| as_json(line, None)));
        } else {
            let text: String = page.lines.iter().map(|line| say::log::line(line, &clock, &paper)).collect();
            world.say(&text)?;
        }
        if world.reader_left() || (!came_further && !reading.follow) {
            break;
        }
        if came_further {
            continue;
        }
        std::thread::sleep(LOOK_AGAIN);
    }
    if reading.json {
        let path = path.display().to_string();
        world.say(&say::json::versioned(&Log { job: id.name().to_owned(), run, path, lines: kept }))?;
    }
    Ok(ExitCode::Fine)
}

/// The lines with a text in them, each with its number.
fn grep(world: &World, name: &Name, run: Option<&str>, text: &str, json: bool) -> Result<ExitCode, Refusal> {
    let id = job(name)?;
    let (run, path) = find(&world.layout()?.runs().join(id.name()), &id, run)?;
    let (clock, paper) = (world.clock(), Paper::of_stdout());
    let (mut kept, mut from, mut any) = (Vec::new(), Some(search::Place::default()), false);
    while let Some(place) = from.filter(|_| !world.reader_left()) {
        let found = search::search(&path, text, place, PAGE_LIMIT)
            .map_err(|error| Refusal::system(format!("cannot read {}", path.display()), &error))?;
        from = found.next;
        any |= !found.hits.is_empty();
        if json {
            kept.extend(found.hits.iter().map(|hit| as_json(&hit.line, Some(hit.number))));
        } else {
            let hits = found.hits.iter();
            let text: String = hits
                .map(|hit| format!("{}: {}", hit.number, say::log::line(&hit.line, &clock, &paper)))
                .collect();
            world.say(&text)?;
        }
    }
    if json {
        let path = path.display().to_string();
        world.say(&say::json::versioned(&Log { job: id.name().to_owned(), run, path, lines: kept }))?;
    }
    Ok(if any { ExitCode::Fine } else { ExitCode::NotFound })
}

fn as_json(line: &Line, number: Option<u64>) -> LogLine {
    LogLine { number, at: line.at, source: line.source.tag(), text: line.text.clone() }
}

/// The newest log, or the only one whose run begins so.
fn find(folder: &Path, id: &ExpectationId, run: Option<&str>) -> Result<(String, PathBuf), Refusal> {
    let mut names: Vec<String> = match std::fs::read_dir(folder) {
        Ok(entries) => entries
            .flatten()
            .filter_map(|entry| logs::run_of(entry.file_name().to_str()?).map(str::to_owned))
            .filter(|name| RunId::new(name).is_ok())
            .collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(unknown_job(id)),
        Err(error) => return Err(Refusal::system(format!("cannot look into {}", folder.display()), &error)),
    };
    names.sort();
    // A log that is being compressed is there twice.
    names.dedup();
    let wanted = run.unwrap_or_default();
    names.retain(|name| name.starts_with(wanted));
    let place = |name: String| {
        let path = folder.join(format!("{name}.log"));
        (name, path)
    };
    match (names.pop(), run) {
        (Some(newest), None) => Ok(place(newest)),
        (Some(found), Some(exact)) if found == exact || names.is_empty() => Ok(place(found)),
        (Some(_), Some(part)) => Err(Refusal::usage(format!("{} runs begin with {part:?}", names.len() + 1))
            .help("give more of its name: `muster jobs history` shows them")),
        (None, Some(part)) => Err(Refusal::new(
            ExitCode::NotFound,
            format!("no log of a run {part:?} is kept for {}", id.name()),
        )
        .help(format!("`muster jobs history {}` shows its runs", id.name()))),
        (None, None) => Err(Refusal::new(ExitCode::NotFound, format!("no log is kept for {}", id.name()))
            .help(format!("`muster jobs history {}` shows its runs", id.name()))),
    }
}
