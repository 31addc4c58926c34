//! `muster doctor`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::ValueEnum;
use muster_config::plan::Allow;
use muster_doctor::baseline::Baseline;
use muster_doctor::collect::{Timing, Wanted, collect};
use muster_doctor::facts::files::Note;
use muster_doctor::facts::{FORMAT, Facts};
use muster_doctor::mend::plan::{Act, plan};
use muster_doctor::mend::treatment::{State, Treatment, TreatmentError};
use muster_doctor::render;
use muster_doctor::report::{Report, Scope, judge};
use muster_doctor::rules::{self, Severity};

use super::command::VERSION;
use crate::ask::agreed;
use crate::exit_code::ExitCode;
use crate::own_changes::OwnChanges;
use crate::refusal::Refusal;
use crate::say;
use crate::say::paper::Paper;
use crate::world::World;

/// Largest file of facts or report that is read, in bytes.
const LIMIT: u64 = 64 << 20;

/// Finds what fails on this host without telling anybody
///
/// Needs no configuration and no agent, and changes nothing unless --fix is given. Reads crontabs, services, logs, disks, the
/// firewall, containers and secrets; what it may not see is unknown and never counts as good, so root sees most.
///
/// A finding that is meant to be so is allowed beside it, or by [[doctor.allow]] in muster.toml, with a reason and an end:
/// `# muster: allow CRON001 until=2027-01-31 reason="why"`.
///
/// Exit code 0: nothing is wrong. 1: something is, at least as bad as --fail-on says. 2: nothing is, and not all could be
/// seen. 3: the doctor itself could not work.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Only these rules and groups: LOG,DISK,CRON004
    #[arg(long, value_name = "IDS")]
    only: Option<String>,
    /// Shows everything: hygiene, what is fine, what does not apply
    #[arg(long)]
    all: bool,
    /// How the report is printed
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// The least severity of a finding that makes the exit code 1
    #[arg(long, value_enum, default_value_t, value_name = "SEVERITY")]
    fail_on: FailOn,
    /// An earlier report in JSON: only what is new, worse or gone since then is told and counts
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Looks at the files in a folder as if it were a host: an image, a backup, a checkout
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Keeps what was seen, to be judged again; secrets are not in it
    #[arg(long, value_name = "FILE")]
    save_facts: Option<PathBuf>,
    /// Judges what --save-facts kept, in place of this host
    #[arg(long, value_name = "FILE", conflicts_with_all = ["root", "save_facts", "fix", "timings"])]
    facts: Option<PathBuf>,
    /// Says how long each collector took, on standard error
    #[arg(long)]
    timings: bool,
    /// Mends what can be mended without disturbing anything that runs: shows the difference, asks, keeps the originals, looks
    /// again, and takes back what did not help
    #[arg(long, conflicts_with = "baseline")]
    fix: bool,
    /// With --fix: only shows what would be changed
    #[arg(long, requires = "fix")]
    dry_run: bool,
    /// With --fix: does not ask
    #[arg(short, long, requires = "fix", conflicts_with = "dry_run")]
    yes: bool,
}

/// What else it does.
#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Says what a rule finds, why nothing else says so, and how it is mended; with an example of each
    Explain {
        /// CRON004; or a group, CRON. Without one every rule is listed
        id: Option<String>,
    },
    /// Takes back what --fix did, byte for byte
    Undo {
        /// The name that --fix told; else the last one
        id: Option<String>,
    },
    /// Prints every rule as a page
    #[command(hide = true)]
    Reference,
}

/// How a report is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Format {
    /// For people
    #[default]
    Text,
    /// Everything, with a version
    Json,
    /// SARIF 2.1.0, for code hosts
    Sarif,
    /// JUnit XML, for pipelines
    Junit,
    /// For an issue or a chat
    Markdown,
}

/// What makes the exit code 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum FailOn {
    Low,
    Medium,
    #[default]
    High,
    Critical,
}

impl FailOn {
    fn severity(self) -> Severity {
        match self {
            Self::Low => Severity::Low,
            Self::Medium => Severity::Medium,
            Self::High => Severity::High,
            Self::Critical => Severity::Critical,
        }
    }
}

pub(crate) fn execute(world: &World, args: Args) -> Result<ExitCode, Refusal> {
    match &args.verb {
        Some(Verb::Explain { id }) => explain(world, id.as_deref()),
        Some(Verb::Undo { id }) => undo(world, id.as_deref()),
        Some(Verb::Reference) => world.say(&render::reference::reference()).map(|()| ExitCode::Fine),
        None => examine(world, &args),
    }
}

fn examine(world: &World, args: &Args) -> Result<ExitCode, Refusal> {
    let scope = match &args.only {
        Some(text) => Scope::read(text).map_err(|word| no_such_rule(&word))?,
        None => Scope::default(),
    };
    let baseline = args.baseline.as_deref().map(baseline).transpose()?;
    let begun = Instant::now();
    let (facts, timings) = facts(world, args)?;
    if let Some(path) = &args.save_facts {
        save(path, &facts)?;
    }
    let report = judge(&facts, &scope);
    if args.timings {
        world.complain(&say::doctor::timings(&timings, begun.elapsed()));
    }
    if args.fix {
        return fix(world, args, &scope, &report);
    }
    let paper = Paper::of_stdout();
    let changes = baseline.as_ref().map(|baseline| baseline.compare(&report));
    let text = match (if args.json { Format::Json } else { args.format }, &changes) {
        (Format::Text, Some(changes)) => say::doctor::changes(changes, &report, &paper),
        (Format::Text, None) => say::doctor::report(&report, &world.clock(), &paper, args.all),
        (Format::Json, _) => render::json::json(&report),
        (Format::Sarif, _) => render::sarif::sarif(&report, VERSION),
        (Format::Junit, _) => render::junit::junit(&report),
        (Format::Markdown, _) => render::markdown::markdown(&report),
    };
    world.say(&text)?;
    let least = args.fail_on.severity();
    let counts = match &changes {
        Some(changes) => changes.counting(least) > 0,
        None => report.at_least(least).next().is_some(),
    };
    Ok(match (counts, report.unknown.is_empty() || changes.is_some()) {
        (true, _) => ExitCode::BadNews,
        (false, false) => ExitCode::Unknown,
        (false, true) => ExitCode::Fine,
    })
}

fn no_such_rule(word: &str) -> Refusal {
    let groups = rules::groups().join(", ");
    Refusal::usage(format!("there is no rule and no group {word}"))
        .help(format!("groups are {groups}; `muster doctor explain` lists every rule"))
}

fn facts(world: &World, args: &Args) -> Result<(Facts, Vec<Timing>), Refusal> {
    if let Some(path) = &args.facts {
        let text = read(path)?;
        let facts: Facts = serde_json::from_str(&text)
            .map_err(|error| Refusal::usage(format!("{} holds no facts", path.display())).because(&error))?;
        if facts.format != FORMAT {
            let what = format!(
                "{} has facts of format {}, and this muster reads {FORMAT}",
                path.display(),
                facts.format
            );
            return Err(Refusal::usage(what));
        }
        return Ok((facts, Vec::new()));
    }
    if let Some(root) = &args.root
        && !root.is_dir()
    {
        return Err(Refusal::usage(format!("{} is no folder", root.display())));
    }
    let live = args.root.is_none();
    let root = args.root.clone().unwrap_or_else(|| PathBuf::from("/"));
    let (mut facts, timings) = collect(&Wanted { root, live, at: world.now().wall });
    if live {
        facts.notes.extend(allowed(world));
    }
    Ok((facts, timings))
}

/// What muster.toml allows. A host whose file is wrong is examined all the same.
fn allowed(world: &World) -> Vec<Note> {
    let plan = match world.configuration() {
        Ok(Some(file)) => file.judge().0.map(|plan| (file, plan.allow)),
        Ok(None) => return Vec::new(),
        Err(_) => None,
    };
    let Some((file, allow)) = plan else {
        world.warn(
            "muster.toml cannot be read, so what it allows is not known; `muster config check` says why",
        );
        return Vec::new();
    };
    let note = |one: &Allow| Note {
        file: file.path.display().to_string(),
        line: u32::try_from(file.text[..one.at.min(file.text.len())].lines().count()).unwrap_or(u32::MAX),
        everywhere: true,
        text: format!(
            "{} until={} reason=\"{}\"{}",
            one.id,
            one.until,
            one.reason,
            one.subject.as_ref().map(|subject| format!(" subject=\"{subject}\"")).unwrap_or_default()
        ),
    };
    allow.iter().map(note).collect()
}

fn read(path: &Path) -> Result<String, Refusal> {
    let cannot = |error| Refusal::system(format!("cannot read {}", path.display()), &error);
    if std::fs::metadata(path).map_err(cannot)?.len() > LIMIT {
        return Err(Refusal::usage(format!("{} is larger than 64 MiB", path.display())));
    }
    std::fs::read_to_string(path).map_err(cannot)
}

fn save(path: &Path, facts: &Facts) -> Result<(), Refusal> {
    use muster_host::atomic::{Durability, write};
    let text = serde_json::to_string_pretty(facts)
        .map_err(|error| Refusal::system("the facts cannot be written", &error))?;
    write(path, (text + "\n").as_bytes(), 0o600, Durability::Kernel)
        .map_err(|error| Refusal::system(format!("cannot write {}", path.display()), &error))
}

fn baseline(path: &Path) -> Result<Baseline, Refusal> {
    Baseline::read(&read(path)?).map_err(|why| {
        Refusal::usage(format!("{}: {why}", path.display()))
            .help(format!("make one with `muster doctor --json > {}`", path.display()))
    })
}

fn explain(world: &World, id: Option<&str>) -> Result<ExitCode, Refusal> {
    let text = match id {
        None => say::doctor::list(rules::RULES),
        Some(id) => {
            let scope = Scope::read(id).map_err(|word| no_such_rule(&word))?;
            let chosen: Vec<_> = rules::RULES.iter().copied().filter(|rule| scope.has(rule)).collect();
            match chosen.as_slice() {
                [one] => say::doctor::explain(one, &Paper::of_stdout()),
                several => say::doctor::list(several),
            }
        }
    };
    world.say(&text)?;
    Ok(ExitCode::Fine)
}

fn fix(world: &World, args: &Args, scope: &Scope, report: &Report) -> Result<ExitCode, Refusal> {
    let paper = Paper::of_stdout();
    let plan = plan(report);
    world.say(&say::doctor::plan(&plan, &paper))?;
    if plan.changes.is_empty() || args.dry_run {
        return Ok(ExitCode::Fine);
    }
    let size = say::count::counted(plan.changes.len(), "change");
    if !args.yes && !agreed(world, &format!("Make {size}?"))? {
        return Err(Refusal::new(ExitCode::Refused, "nothing was changed"));
    }
    let folder = world.layout()?.doctor();
    let mut treatment = Treatment::new(plan.changes, world.now().wall);
    let root = args.root.clone().unwrap_or_else(|| PathBuf::from("/"));
    let accepting = OwnChanges::begin(world, &root);
    treatment.carry_out(&folder).map_err(|error| unkept(&error))?;
    // What is still found was not mended, and is not left half done.
    let (again, _) = facts(world, args)?;
    let after = judge(&again, scope);
    let stays = |id: &str, subject: &str| {
        after.findings.iter().any(|judged| judged.rule.id == id && judged.finding.subject == subject)
    };
    treatment
        .undo(&folder, "it did not help", |change| {
            change.cures.iter().any(|(id, subject)| stays(id, subject))
        })
        .map_err(|error| unkept(&error))?;
    if let Some(accepting) = accepting {
        accepting.end(world, files(&treatment), "muster doctor --fix");
    }
    world.say(&say::doctor::mended(&treatment))?;
    let all_done = treatment.changes.iter().all(|entry| entry.state == State::Done);
    Ok(if all_done { ExitCode::Fine } else { ExitCode::BadNews })
}

/// Every file that a treatment is about, by its old name and by its new one.
fn files(treatment: &Treatment) -> impl Iterator<Item = &Path> {
    treatment.changes.iter().flat_map(|entry| {
        let new = match &entry.change.act {
            Act::Rename { to, .. } => Some(to.as_path()),
            Act::Content { .. } | Act::Mode { .. } => None,
        };
        std::iter::once(entry.change.act.file()).chain(new)
    })
}

fn unkept(error: &TreatmentError) -> Refusal {
    Refusal::system("the originals cannot be kept, so nothing more is changed", error)
        .help("name another state directory with --state")
}

fn undo(world: &World, id: Option<&str>) -> Result<ExitCode, Refusal> {
    let folder = world.layout()?.doctor();
    let mut treatment = Treatment::find(&folder, id).map_err(|error| match error {
        TreatmentError::Absent(_) => Refusal::new(ExitCode::NotFound, error.to_string()),
        TreatmentError::System { .. } | TreatmentError::Garbled { .. } => {
            Refusal::system("there is no going back", &error)
        }
    })?;
    let accepting = OwnChanges::begin(world, Path::new("/"));
    let left = treatment.undo(&folder, "undone", |_| true).map_err(|error| unkept(&error))?;
    if let Some(accepting) = accepting {
        accepting.end(world, files(&treatment), "muster doctor undo");
    }
    world.say(&say::doctor::undone(&treatment, &left))?;
    Ok(if left.is_empty() { ExitCode::Fine } else { ExitCode::BadNews })
}
