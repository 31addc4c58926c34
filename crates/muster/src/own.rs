//! What muster itself is told and has heard, as facts for the doctor: the plan of `muster.toml`, and the roll by the agent
//! or as last written down.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use muster_config::plan::{CheckPlan, JobPlan, Overlap, Plan};
use muster_core::expectation::{Expectation, Rhythm};
use muster_core::ids::ExpectationId;
use muster_core::time::Timestamp;
use muster_doctor::facts::own::{Channel, Check, Heard, Job, Own, Shows};
use muster_doctor::facts::{Fact, Facts};

use crate::catalogue::{Part, Probe};
use crate::configuration::Configuration;
use crate::refusal::Refusal;
use crate::tools;
use crate::world::World;

/// How long the agent may take: the doctor must not wait for one that hangs.
const ANSWER: Duration = Duration::from_millis(200);
/// Most jobs, checks and channels, each.
const MOST: usize = 2_000;
/// Due times that are looked at for the shortest distance between two.
const DUE: usize = 8;

/// The file and what it comes to.
pub(crate) struct Told {
    /// The file.
    pub(crate) file: Configuration,
    /// The plan.
    pub(crate) plan: Plan<Part, Probe>,
}

/// What is declared here.
pub(crate) enum Declared {
    /// There is no file.
    Nothing,
    /// It cannot be read or used.
    Faulty,
    /// This.
    Told(Box<Told>),
}

impl Declared {
    /// By this host's file.
    pub(crate) fn here(world: &World) -> Self {
        Self::of(world.configuration())
    }

    /// By the file of a tree, as if its host were this one; a link out of the tree is not followed.
    pub(crate) fn below(world: &World, root: &Path, host: &str) -> Self {
        let path = root.join("etc/muster/muster.toml");
        let within = match (path.canonicalize(), root.canonicalize()) {
            (Ok(path), Ok(root)) => path.starts_with(root) && path.is_file(),
            _ => false,
        };
        if !within {
            return Self::Nothing;
        }
        Self::of(Configuration::read(&path, &world.zone_name(), host).map(Some))
    }

    fn of(read: Result<Option<Configuration>, Refusal>) -> Self {
        match read {
            Ok(None) => Self::Nothing,
            Ok(Some(file)) => match file.judge().0 {
                Some(plan) => Self::Told(Box::new(Told { file, plan })),
                None => Self::Faulty,
            },
            Err(_) => Self::Faulty,
        }
    }
}

/// Fills in the facts. `root`: the folder that was taken for `/`, where that is not this host.
pub(crate) fn own(world: &World, declared: &Declared, root: Option<&Path>, facts: &Facts) -> Fact<Own> {
    let told = match declared {
        Declared::Nothing => return Fact::nothing("muster is not set up here"),
        Declared::Faulty => {
            return Fact::unknown("muster.toml cannot be used; `muster config check` says why");
        }
        Declared::Told(told) => told,
    };
    let plan = &told.plan;
    let shown = root.and_then(|root| told.file.path.strip_prefix(root).ok());
    let file = match shown {
        Some(path) => format!("/{}", path.display()),
        None => told.file.path.display().to_string(),
    };
    let mut dues = BTreeMap::new();
    let ledger = match root {
        Some(_) => Fact::nothing("only files were read"),
        None => ledger(world, plan, &mut dues),
    };
    let commands = if root.is_none() { tools::commands(facts) } else { BTreeMap::new() };
    let job = |job: &JobPlan| {
        let expected = plan.expectations.iter().find(|expected| expected.id == job.id);
        let command = Some(&job.command).filter(|words| !words.is_empty()).or(commands.get(&job.name));
        let mut fact = fact(job, expected, line_of(&told.file.text, &job.name), facts.at);
        fact.due = fact.due.or(dues.get(job.id.as_str()).copied());
        if let (Some(command), None) = (command, root) {
            fact.tools = tools::of(command);
        }
        fact
    };
    // A heartbeat stands among the checks, and nothing looks for it.
    let is_heartbeat = |expected: &&Expectation| {
        expected.id.table() == "check" && !plan.checks.iter().any(|check| check.id == expected.id)
    };
    let heartbeats = plan.expectations.iter().filter(is_heartbeat).count();
    Fact::Known(Own {
        file,
        jobs: plan.jobs.iter().take(MOST).map(job).collect(),
        checks: checks(&plan.checks),
        heartbeats,
        channels: plan
            .channels
            .iter()
            .take(MOST)
            .map(|channel| Channel { id: format!("channel.{}", channel.name), kind: channel.kind.to_owned() })
            .collect(),
        beat: plan.muster.beat.is_some(),
        peers: plan.peers.iter().map(|peer| peer.name.clone()).collect(),
        ledger,
    })
}

fn ledger(
    world: &World,
    plan: &Plan<Part, Probe>,
    dues: &mut BTreeMap<String, Timestamp>,
) -> Fact<BTreeMap<String, Heard>> {
    let lines = match world.glance(ANSWER, "job,channel", || plan.expectations.clone()) {
        Ok(lines) => lines,
        Err(why) => return Fact::unknown(why),
    };
    let wanted = |id: &ExpectationId| matches!(id.table(), "job" | "channel");
    let mut ledger = BTreeMap::new();
    for line in lines.into_iter().filter(|line| wanted(&line.id)).take(3 * MOST) {
        if let Some(due) = line.due {
            dues.insert(line.id.as_str().to_owned(), due);
        }
        let heard = Heard {
            condition: line.condition.word().to_owned(),
            last: line.last_heard,
            success: line.last_success,
            nine_of_ten: line.usual.map(|usual| usual.to),
            running: line.running.len(),
        };
        ledger.insert(line.id.as_str().to_owned(), heard);
    }
    Fact::Known(ledger)
}

fn fact(job: &JobPlan, expected: Option<&Expectation>, line: Option<u32>, at: Timestamp) -> Job {
    let rhythm = expected.map(|expected| &expected.rhythm);
    let (period, due) = match rhythm {
        Some(Rhythm::Every(period)) => (Some(period.as_millis() / 1_000), None),
        Some(Rhythm::Cron(schedule)) => {
            let following = |at: &Timestamp| schedule.next_after(*at).ok();
            let dues: Vec<Timestamp> =
                std::iter::successors(schedule.next_after(at).ok(), following).take(DUE).collect();
            let apart = dues.windows(2).map(|pair| pair[1].since(pair[0]).as_millis() / 1_000).min();
            (apart, dues.first().copied())
        }
        Some(Rhythm::OnReport | Rhythm::Unknown { .. }) | None => (None, None),
    };
    Job {
        id: job.id.as_str().to_owned(),
        line,
        rhythm: rhythm.map(Rhythm::text).unwrap_or_default(),
        period,
        due,
        overlaps: job.overlap == Overlap::Allow,
        expects: job.expect.file.is_some() || !job.expect.output.is_empty(),
        timeout: job.timeout.hard.map(|hard| hard.as_millis() / 1_000),
        tools: Vec::new(),
    }
}

/// Once for each table, however many places it looks from.
fn checks(plans: &[CheckPlan<Probe>]) -> Vec<Check> {
    let mut checks: Vec<Check> = Vec::new();
    for plan in plans {
        let id = plan.id.as_str();
        let id = id.split_once('@').map_or(id, |(id, _)| id);
        if checks.last().is_none_or(|last| last.id != id) && checks.len() < MOST {
            checks.push(Check { id: id.to_owned(), kind: plan.kind.to_owned(), shows: shows(plan) });
        }
    }
    checks
}

/// A query without an assertion shows only that the database answers.
fn shows(plan: &CheckPlan<Probe>) -> Shows {
    match plan.kind {
        "mail" | "flow" | "file" | "object" | "command" => Shows::Work,
        "sql" if !plan.part.assertions().is_empty() => Shows::Work,
        _ => Shows::Life,
    }
}

/// Where `[job.NAME]` stands, from 1.
fn line_of(text: &str, name: &str) -> Option<u32> {
    let is_table = |line: &str| {
        let inner = line.trim().strip_prefix('[').and_then(|rest| rest.split_once(']'));
        let key = inner.and_then(|(inner, _)| inner.trim().strip_prefix("job."));
        key.is_some_and(|key| key.trim().trim_matches(['"', '\'']) == name)
    };
    (1..).zip(text.lines()).find(|(_, line)| is_table(line)).map(|(number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::command::Places;

    const TOML: &str = r#"
[muster]
beat = { url = "https://hc.example.com/x", every = "1m" }

[notify.ops]
kind = "webhook"
url = "https://example.com/hook"

[job.export]
every = "15m"
overlap = "allow"
notify = ["ops"]

[job."nightly"]
schedule = "0 2,3 * * *"
timeout = { hard = "1h" }
expect = { output = "done" }

[check.shop]
kind = "http"
url = "https://example.com/"

[check.fresh]
kind = "file"
glob = "/mnt/x"
max_age = "26h"

[check.worker]
kind = "heartbeat"
every = "5m"
"#;

    fn facts() -> Facts {
        let vantage = muster_doctor::facts::Vantage { root: "/".to_owned(), live: false, uid: 0 };
        Facts::blank("web1".to_owned(), Timestamp::from_seconds(1_795_262_400), vantage)
    }

    #[test]
    fn what_a_tree_declares_is_told_without_a_ledger() {
        let root = tempfile::tempdir().expect("a folder");
        let world = World::new(Places { config: None, state: None });
        let declared = Declared::below(&world, root.path(), "web1");
        let own = |declared: &Declared| own(&world, declared, Some(root.path()), &facts());
        assert!(matches!(own(&declared), Fact::Nothing { .. }));
        std::fs::create_dir_all(root.path().join("etc/muster")).expect("a folder");
        let path = root.path().join("etc/muster/muster.toml");
        std::fs::write(&path, TOML).expect("written");
        let Fact::Known(told) = own(&Declared::below(&world, root.path(), "web1")) else {
            panic!("the file is good");
        };
        assert_eq!(told.file, "/etc/muster/muster.toml");
        assert!(told.beat && told.peers.is_empty() && told.heartbeats == 1);
        let [export, nightly] = &told.jobs[..] else { panic!("{:?}", told.jobs) };
        assert_eq!(
            (export.period, export.overlaps, export.expects, export.line),
            (Some(900), true, false, Some(9))
        );
        assert_eq!((nightly.period, nightly.overlaps, nightly.expects), (Some(3_600), false, true));
        assert_eq!((nightly.timeout, nightly.line, nightly.due.is_some()), (Some(3_600), Some(14), true));
        let shows: Vec<_> = told.checks.iter().map(|check| (check.id.as_str(), check.shows)).collect();
        assert_eq!(shows, [("check.shop", Shows::Life), ("check.fresh", Shows::Work)]);
        assert_eq!(told.channels.len(), 1);
        assert!(matches!(told.ledger, Fact::Nothing { .. }));
        assert!(!format!("{told:?}").contains("example.com"), "no address comes into the facts");
        std::fs::write(&path, "[job.x]\nevry = \"5m\"\n").expect("written");
        let faulty = own(&Declared::below(&world, root.path(), "web1"));
        assert!(matches!(faulty, Fact::Unknown { .. }), "{faulty:?}");
    }
}
