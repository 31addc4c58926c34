//! `muster drift`.

use std::path::{Path, PathBuf};

use muster_config::plan::{DriftPlan, WatchItem};
use muster_drift::differ::{Difference, differences};
use muster_drift::ground::Ground;
use muster_drift::look::{Budget, Sight, look};
use muster_drift::record::{self, Acceptance, Record, RecordError};
use muster_host::state::Layout;
use serde::Serialize;

use crate::exit_code::ExitCode;
use crate::refusal::Refusal;
use crate::say;
use crate::say::paper::Paper;
use crate::world::World;

/// Longest reason, in characters.
const WHY_LIMIT: usize = 400;

/// Shows what of this host is no longer as it was accepted
///
/// Looks at what [drift] of muster.toml names and shows each difference as a patch, with secrets blotted. The agent does
/// the same every few minutes and tells people; what was never looked at is accepted by its first look.
///
/// Exit code 0: all is as it was accepted. 1: something is not. 3: nothing is known to differ, and not all could be seen or
/// was accepted yet.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    manner: Manner,
}

/// How it looks and answers.
#[derive(Debug, Clone, clap::Args)]
struct Manner {
    /// Prints JSON
    #[arg(long)]
    json: bool,
    /// The folder that holds the host's files, to look at an image
    #[arg(long, default_value = "/", value_name = "DIR", hide = true)]
    root: PathBuf,
}

/// What else it does.
#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Accepts what is there now, and shows it
    ///
    /// The agent sees it within seconds, if one runs. Who accepted what, when and why is kept.
    Accept {
        /// Items as `muster drift` names them, files, or folders with all below them [default: all that differs]
        what: Vec<String>,
        /// Why it is meant to be so
        #[arg(long, value_name = "TEXT")]
        why: String,
        #[command(flatten)]
        manner: Manner,
    },
}

/// What one look came to.
struct Looked {
    plan: DriftPlan,
    layout: Layout,
    record: Record,
    /// By the items of the plan.
    sights: Vec<Result<Sight, String>>,
}

/// How one item stands, for people and for programs.
#[derive(Debug, Serialize)]
pub(crate) struct Standing {
    /// Its name on the roll.
    pub(crate) id: String,
    /// As it is written.
    pub(crate) item: String,
    /// Its word: same, differs, new, unknown.
    pub(crate) state: &'static str,
    /// Why it is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
    /// How many files, folders, links and texts it has.
    pub(crate) things: usize,
    /// What differs.
    pub(crate) differences: Vec<Shown>,
    /// Who accepted something of it last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) accepted: Option<Acceptance>,
}

/// One difference.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    /// Its name.
    pub(crate) name: String,
    /// What became of it.
    pub(crate) what: &'static str,
    /// The patch, secrets blotted.
    pub(crate) patch: String,
}

#[derive(Serialize)]
struct Answer {
    items: Vec<Standing>,
}

#[derive(Serialize)]
struct Accepted {
    accepted: Vec<Standing>,
}

pub(crate) fn execute(world: &World, args: &Args) -> Result<ExitCode, Refusal> {
    match &args.verb {
        None => show(world, &args.manner),
        Some(Verb::Accept { what, why, manner }) => accept(world, what, why, manner),
    }
}

fn show(world: &World, manner: &Manner) -> Result<ExitCode, Refusal> {
    let looked = Looked::now(world, &manner.root)?;
    // What was never accepted has nothing to differ from.
    let items: Vec<Standing> = looked.standings(|item, _| looked.record.of(&item.text).is_some());
    let code = if items.iter().any(|one| !one.differences.is_empty()) {
        ExitCode::BadNews
    } else if items.iter().any(|one| one.state != "same") {
        ExitCode::Unknown
    } else {
        ExitCode::Fine
    };
    world.say(&match manner.json {
        true => say::json::versioned(&Answer { items }),
        false => say::drift::standings(&items, &world.clock(), &Paper::of_stdout()),
    })?;
    Ok(code)
}

fn accept(world: &World, what: &[String], why: &str, manner: &Manner) -> Result<ExitCode, Refusal> {
    let why = why.trim();
    if why.is_empty() || why.chars().count() > WHY_LIMIT || why.chars().any(char::is_control) {
        return Err(Refusal::usage("the reason must be one line of 1 to 400 characters")
            .help("say why it is meant to be so: --why \"moved to the new certificate\""));
    }
    let layout = world.layout()?;
    let unkept = |error: RecordError| {
        Refusal::system("what is accepted cannot be kept", &error)
            .help("name another state directory with --state, or try again")
    };
    let held = Record::hold(&layout).map_err(unkept)?;
    let mut looked = Looked::now(world, &manner.root)?;
    for word in what {
        let names_it = |item: &WatchItem, one: &Difference<'_>| is_meant(word, item, one);
        let is_item = looked.plan.watch.iter().any(|item| is_item(word, item));
        if !is_item && looked.standings(names_it).iter().all(|one| one.differences.is_empty()) {
            return Err(Refusal::new(
                ExitCode::NotFound,
                format!("{word} is neither an item of [drift] nor a file that differs"),
            )
            .help("`muster drift` shows what there is"));
        }
    }
    let meant = |item: &WatchItem, one: &Difference<'_>| {
        what.is_empty() || what.iter().any(|word| is_meant(word, item, one))
    };
    let mut standings = looked.standings(meant);
    // Of what could not be seen nothing can be accepted, and whoever asked for it is told.
    let blind: Vec<String> = looked
        .plan
        .watch
        .iter()
        .zip(&looked.sights)
        .filter(|(item, _)| what.is_empty() || what.iter().any(|word| is_item(word, item)))
        .filter_map(|(item, sight)| Some(format!("{}: {}", item.text, sight.as_ref().err()?)))
        .collect();
    let (by, at) = (world.who(), world.now().wall);
    let mut texts: Vec<String> = Vec::new();
    for (standing, sight) in standings.iter().zip(&looked.sights) {
        let Ok(sight) = sight else { continue };
        let names: Vec<&str> = standing.differences.iter().map(|one| one.name.as_str()).collect();
        if !names.is_empty() {
            looked.record.accept(&standing.item, &names, sight, (&by, why), at);
            texts.extend(sight.texts.values().cloned());
        }
    }
    standings.retain(|one| !one.differences.is_empty());
    if !standings.is_empty() {
        looked.record.write(&layout, &texts, &held).map_err(unkept)?;
    }
    world.say(&match manner.json {
        true => say::json::versioned(&Accepted { accepted: standings }),
        false => say::drift::accepted(&standings, &Paper::of_stdout()),
    })?;
    for words in &blind {
        world.warn(&format!("not accepted, because it could not be seen: {words}"));
    }
    Ok(if blind.is_empty() { ExitCode::Fine } else { ExitCode::Unknown })
}

fn is_item(word: &str, item: &WatchItem) -> bool {
    word == item.text || word == item.id.as_str() || word == item.id.name()
}

fn is_meant(word: &str, item: &WatchItem, one: &Difference<'_>) -> bool {
    let folder = word.trim_end_matches('/');
    is_item(word, item)
        || one.name == word
        || (word.starts_with('/') && one.name.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')))
}

/// What is watched on this host.
///
/// # Errors
/// [`Refusal`] when the configuration is faulty, or watches nothing.
fn plan(world: &World) -> Result<DriftPlan, Refusal> {
    let nothing = || {
        Refusal::usage("nothing is held against an accepted state: muster.toml has no [drift]")
            .help("add `[drift]` with `watch = [\"/etc/nginx\", \"crontabs\", \"firewall\", \"sshd\"]`")
    };
    let configuration = world.configuration()?.ok_or_else(nothing)?;
    let plan = configuration.judge().0.ok_or_else(|| {
        Refusal::usage(format!("{} cannot be used", configuration.path.display()))
            .help(format!("`muster config check {}` shows the faults", configuration.path.display()))
    })?;
    plan.drift.ok_or_else(nothing)
}

impl Looked {
    fn now(world: &World, root: &Path) -> Result<Self, Refusal> {
        let (plan, layout) = (plan(world)?, world.layout()?);
        let record = Record::read(&layout)
            .map_err(|error| Refusal::system("what was accepted cannot be read", &error))?
            .unwrap_or_default();
        let ground = Ground::new(root)
            .map_err(|error| Refusal::system(format!("cannot look at {}", root.display()), &error))?;
        let mut budget = Budget::default();
        let nothing = std::collections::BTreeMap::new();
        let sights = plan.watch.iter().map(|item| {
            look(&ground, item, record.of(&item.text).unwrap_or(&nothing), usize::MAX, &mut budget)
        });
        Ok(Self { sights: sights.collect(), plan, layout, record })
    }

    /// How each item stands, with the differences that are wanted.
    fn standings(&self, wanted: impl Fn(&WatchItem, &Difference<'_>) -> bool) -> Vec<Standing> {
        let nothing = std::collections::BTreeMap::new();
        let one = |(item, sight): (&WatchItem, &Result<Sight, String>)| {
            let accepted = self.record.of(&item.text);
            let mut standing = Standing {
                id: item.id.to_string(),
                item: item.text.clone(),
                state: "unknown",
                why: sight.as_ref().err().cloned(),
                things: 0,
                differences: Vec::new(),
                accepted: self.record.last(&item.text).cloned(),
            };
            let Ok(sight) = sight else { return standing };
            standing.things = sight.things.len();
            let text =
                |name: &str| sight.texts.get(name).cloned().or_else(|| record::text(&self.layout, name));
            let found = differences(accepted.unwrap_or(&nothing), &sight.things);
            standing.state = match accepted {
                None => "new",
                Some(_) if found.is_empty() => "same",
                Some(_) => "differs",
            };
            let found = found.iter().filter(|one| wanted(item, one));
            standing.differences = found
                .map(|one| Shown { name: one.name.to_owned(), what: one.word(), patch: one.patch(text) })
                .collect();
            standing
        };
        self.plan.watch.iter().zip(&self.sights).map(one).collect()
    }
}
