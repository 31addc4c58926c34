//! `muster doctor`.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use muster_config::plan::{Allow, Vantage};
use muster_doctor::baseline::Baseline;
use muster_doctor::collect::needs::Lookup;
use muster_doctor::collect::{Timing, Wanted, collect};
use muster_doctor::facts::files::Note;
use muster_doctor::facts::firewall::Protocol;
use muster_doctor::facts::needs::{By, Need};
use muster_doctor::facts::{FORMAT, Fact, Facts};
use muster_doctor::mend::plan::Consent;
use muster_doctor::render;
use muster_doctor::report::{Scope, judge};
use muster_doctor::rules::{self, Severity};
use muster_net::endpoint::Endpoint;

use super::command::VERSION;
use super::mending::{self, Wishes};
use super::outside;
use crate::exit_code::ExitCode;
use crate::own::{self, Declared};
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
    /// Has this peer connect to the ports of this host, and compares what it saw with what the rules say. Needs the agent and
    /// [peer.NAME] on both hosts
    #[arg(long, value_name = "PEER", conflicts_with_all = ["root", "facts", "fix"])]
    from: Option<String>,
    /// Says how long each collector took, on standard error
    #[arg(long)]
    timings: bool,
    /// Mends what can be mended without disturbing anything that runs: shows the difference, asks, keeps the originals, looks
    /// again, and takes back what did not help
    #[arg(long, conflicts_with = "baseline")]
    fix: bool,
    /// With --fix: mends also what disturbs something that runs and can be given back, such as a reload of a service. Changes
    /// of the firewall or sshd are taken back by themselves unless `muster doctor confirm` is given
    #[arg(long, requires = "fix")]
    allow_disruptive: bool,
    /// With --fix: how long a change of the firewall or sshd waits for `muster doctor confirm`, from 10 to 3600
    #[arg(long, requires = "fix", value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(10..=3600))]
    confirm_within: u64,
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
    /// Keeps a change of the firewall or sshd: you still come in. Type it in a NEW connection
    Confirm {
        /// The name that --fix told; else the one that waits
        id: Option<String>,
    },
    /// Takes a treatment back that nobody confirms in time; --fix starts it
    #[command(hide = true)]
    Rollback {
        id: String,
        /// Seconds
        #[arg(long)]
        after: u64,
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
        Some(Verb::Undo { id }) => mending::undo(world, id.as_deref()),
        Some(Verb::Confirm { id }) => mending::confirm(world, id.as_deref()),
        Some(Verb::Rollback { id, after }) => mending::rollback(world, id, Duration::from_secs(*after)),
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
    if args.facts.is_none() && args.root.is_none() {
        mending::take_back_forsaken(world);
    }
    let begun = Instant::now();
    let (mut seen, timings) = facts(world, args)?;
    if let Some(peer) = &args.from {
        seen.outside = outside::look(world, &seen, peer)?;
    }
    if let Some(path) = &args.save_facts {
        save(path, &seen)?;
    }
    let report = judge(&seen, &scope);
    if args.timings {
        world.complain(&say::doctor::timings(&timings, begun.elapsed()));
    }
    if args.fix {
        let consent = if args.allow_disruptive { Consent::Disruptive } else { Consent::Safe };
        let Args { dry_run, yes, confirm_within, .. } = *args;
        let wishes = Wishes { consent, dry_run, yes, confirm_within };
        return mending::fix(world, wishes, &report, || Ok(judge(&facts(world, args)?.0, &scope)));
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
        let none = |error| Refusal::usage(format!("{} holds no facts", path.display())).because(&error);
        // First, because facts of another format lack what those of this one have.
        let Stamp { format } = serde_json::from_str(&text).map_err(none)?;
        if format != FORMAT {
            let what =
                format!("{} has facts of format {format}, and this muster reads {FORMAT}", path.display());
            return Err(Refusal::usage(what));
        }
        return Ok((serde_json::from_str(&text).map_err(none)?, Vec::new()));
    }
    if let Some(root) = &args.root
        && !root.is_dir()
    {
        return Err(Refusal::usage(format!("{} is no folder", root.display())));
    }
    let live = args.root.is_none();
    let root = args.root.clone().unwrap_or_else(|| PathBuf::from("/"));
    let here = args.root.is_none().then(|| Declared::here(world));
    // Names are looked up while the collectors read.
    let mut needed = here.as_ref().map(needed).unwrap_or_default();
    let mut lookup = Lookup::new(live);
    lookup.begin(&needed);
    let (mut facts, timings) = collect(&Wanted { root: root.clone(), live, at: world.now().wall });
    let declared = here.unwrap_or_else(|| Declared::below(world, &root, &facts.host));
    facts.own = own::own(world, &declared, args.root.as_deref(), &facts);
    if live {
        facts.notes.extend(allowed(world, &declared));
        lookup.finish(&mut needed);
        if let Fact::Known(needs) = &mut facts.needs {
            needs.extend(needed);
        }
    }
    Ok((facts, timings))
}

/// What facts say of themselves first.
#[derive(serde::Deserialize)]
struct Stamp {
    format: u32,
}

/// What the checks and channels of muster.toml must reach, by TCP. Checks that a peer makes go out from there.
fn needed(declared: &Declared) -> Vec<Need> {
    let Declared::Told(told) = declared else { return Vec::new() };
    let (file, plan) = (&told.file, &told.plan);
    let line = |table: &str| {
        let heading = format!("[{table}]");
        let found = (1..).zip(file.text.lines()).find(|(_, line)| line.trim() == heading);
        found.map(|(number, _)| number)
    };
    let need = |name: String, by: By, endpoint: Endpoint| Need {
        line: line(name.split('@').next().unwrap_or_default()),
        name,
        host: endpoint.host,
        port: endpoint.port,
        protocol: Protocol::Tcp,
        addresses: Fact::unknown("nobody asked"),
        by,
        file: file.path.display().to_string(),
    };
    let mut needs = Vec::new();
    for check in &plan.checks {
        let by = match &check.from {
            Vantage::Host => By::Host,
            Vantage::Container(name) => By::Container(name.clone()),
            Vantage::Peer(_) => continue,
        };
        let endpoints = check.part.endpoints().into_iter();
        needs.extend(endpoints.map(|endpoint| need(check.id.to_string(), by.clone(), endpoint)));
    }
    for channel in &plan.channels {
        let endpoint = channel.part.endpoint();
        needs.extend(endpoint.map(|endpoint| need(format!("notify.{}", channel.name), By::Host, endpoint)));
    }
    needs
}

/// What muster.toml allows. A host whose file is wrong is examined all the same.
fn allowed(world: &World, declared: &Declared) -> Vec<Note> {
    let told = match declared {
        Declared::Told(told) => told,
        Declared::Nothing => return Vec::new(),
        Declared::Faulty => {
            world.warn(
                "muster.toml cannot be read, so what it allows is not known; `muster config check` says why",
            );
            return Vec::new();
        }
    };
    let (file, allow) = (&told.file, &told.plan.allow);
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
