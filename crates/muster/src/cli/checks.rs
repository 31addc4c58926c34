//! `muster checks` and `muster check`.

use std::time::Duration;

use muster_checks::look::{Looked, look};
use muster_checks::probe::Scene;
use muster_config::plan::{CheckPlan, Plan, Vantage};
use muster_core::board::Line;
use muster_core::effect::{Condition, Verdict};
use muster_core::ids::ExpectationId;
use muster_core::look::{Last, Look, Tally};
use muster_core::time::Span;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::catalogue::{Part, Probe};
use crate::client::{Client, Unanswered};
use crate::exit_code::ExitCode;
use crate::name::{Meaning, Name};
use crate::refusal::Refusal;
use crate::say;
use crate::say::paper::Paper;
use crate::world::World;

/// The agent answers about a look within its own patience; this is a little more.
const PATIENCE: Duration = Duration::from_secs(12);
/// How often it is asked about one that goes on: a look has two minutes at most.
const TIMES: usize = 12;

/// Lists what is looked at: how it stands, how it looked last, its uptime and how much of the time was seen
///
/// Exit code 0: all is well. 1: something looks bad. 3: nobody can say.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// Only those that are not known to be well
    #[arg(long)]
    unwell: bool,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

/// Looks at one thing now and shows what was seen: phases, facts, assertions, the trace
///
/// The running agent looks, from each place that the check names. Without one, or with `--here`, it is looked at from
/// muster.toml directly: a check can be tried before anything runs. Exit code 0: it looks well. 1: it looks bad. 3: nobody
/// could see.
#[derive(Debug, clap::Args)]
pub(crate) struct One {
    /// The check
    name: Name,
    /// Looks from this process, even if an agent runs
    #[arg(long)]
    here: bool,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

/// One row of `GET checks`.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Row {
    pub(crate) expectation: Line,
    pub(crate) last: Last,
    pub(crate) up: Option<Up>,
}

/// Slots of the last day, week and quarter.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Up {
    #[serde(rename = "24h")]
    pub(crate) day: Share,
    #[serde(rename = "7d")]
    pub(crate) week: Share,
    #[serde(rename = "90d")]
    pub(crate) quarter: Share,
}

/// What a time came to.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Share {
    pub(crate) uptime: Option<f64>,
    pub(crate) coverage: Option<f64>,
    pub(crate) slots: Tally,
}

#[derive(Debug, Deserialize)]
struct Page {
    checks: Vec<Row>,
    pages: usize,
}

#[derive(Serialize)]
struct Listed<'a> {
    checks: &'a [Row],
}

pub(crate) fn list(world: &World, args: &List) -> Result<ExitCode, Refusal> {
    let show = if args.unwell { "show=unwell&" } else { "" };
    let (mut rows, mut page, mut pages) = (Vec::new(), 1, 1);
    while page <= pages {
        let answer: Page = world.ask_agent(&format!("checks?{show}page={page}"))?;
        pages = answer.pages;
        rows.extend(answer.checks);
        page += 1;
    }
    let text = if args.json {
        say::json::versioned(&Listed { checks: &rows })
    } else {
        say::checks::list(&rows, args.unwell, &world.clock(), &Paper::of_stdout())
    };
    world.say(&text)?;
    let any = |is: fn(&Condition) -> bool| rows.iter().any(|row| is(&row.expectation.condition));
    Ok(if any(|condition| matches!(condition, Condition::Firing { .. })) {
        ExitCode::BadNews
    } else if any(|condition| matches!(condition, Condition::Unknown { .. })) {
        ExitCode::Unknown
    } else {
        ExitCode::Fine
    })
}

#[derive(Serialize)]
struct Answer<'a> {
    exit_code: u8,
    by_agent: bool,
    looks: &'a [Last],
}

pub(crate) fn one(world: &World, args: &One) -> Result<ExitCode, Refusal> {
    let by_agent = !args.here && is_running(world)?;
    let seen = if by_agent { ask(world, &args.name)? } else { look_here(world, &args.name)? };
    let code = verdict(&seen);
    let text = if args.json {
        say::json::versioned(&Answer { exit_code: code as u8, by_agent, looks: &seen })
    } else {
        say::checks::looked(&seen, by_agent, &Paper::of_stdout())
    };
    world.say(&text)?;
    Ok(code)
}

fn is_running(world: &World) -> Result<bool, Refusal> {
    let client = Client::new(world.layout()?.socket());
    match world.runtime()?.block_on(client.get::<serde_json::Value>("/api/v1/checks?show=unwell")) {
        Ok(_) => Ok(true),
        Err(Unanswered::NotRunning(_)) => Ok(false),
        Err(other) => Err(other.into()),
    }
}

/// The worst that was seen: bad before unknown before well.
fn verdict(seen: &[Last]) -> ExitCode {
    let of = |last: &Last| last.look.as_ref().map_or(Verdict::Unknown, |look| look.verdict);
    if seen.iter().any(|last| of(last) == Verdict::Failed) {
        ExitCode::BadNews
    } else if seen.iter().all(|last| of(last) == Verdict::Ok) {
        ExitCode::Fine
    } else {
        ExitCode::Unknown
    }
}

/// Every place that a name means: `mail-out` is `check.mail-out` and `check.mail-out@container:api`.
fn meant<'a>(
    name: &Name,
    known: impl Iterator<Item = &'a ExpectationId> + Clone,
) -> Result<Vec<ExpectationId>, Refusal> {
    let wanted = name
        .or_in("check")
        .map_err(|error| Refusal::usage(format!("{name} cannot be a check's name")).because(&error))?;
    let at = format!("{wanted}@");
    let found: Vec<_> =
        known.clone().filter(|id| **id == wanted || id.as_str().starts_with(&at)).cloned().collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let refusal = Refusal::new(ExitCode::NotFound, format!("nothing that is looked at is called {name}"));
    Err(match name.among(known) {
        Meaning::None(near) if !near.is_empty() => refusal.help(format!("did you mean {}?", near[0].name())),
        Meaning::One(_) | Meaning::Many(_) | Meaning::None(_) => {
            refusal.help("a check has a `kind` in muster.toml; `muster checks` lists them")
        }
    })
}

#[derive(Deserialize)]
struct Looking {
    last: Option<Last>,
}

fn ask(world: &World, name: &Name) -> Result<Vec<Last>, Refusal> {
    let (mut known, mut page, mut pages) = (Vec::new(), 1, 1);
    while page <= pages {
        let answer: Page = world.ask_agent(&format!("checks?page={page}"))?;
        pages = answer.pages;
        known.extend(answer.checks.into_iter().map(|row| row.last.about));
        page += 1;
    }
    let client = Client::new(world.layout()?.socket()).patient(PATIENCE);
    let mut seen = Vec::new();
    for id in meant(name, known.iter())? {
        let path = format!("/api/v1/checks/{id}/look");
        let mut last = None;
        for _ in 0..TIMES {
            let answer: Looking = world.runtime()?.block_on(client.post(&path, &serde_json::json!({})))?;
            last = answer.last;
            if last.is_some() {
                break;
            }
        }
        seen.push(last.ok_or_else(|| {
            Refusal::new(ExitCode::Unknown, format!("the look at {id} has not come to its end"))
                .help("`muster checks` shows it once it has")
        })?);
    }
    Ok(seen)
}

/// Looks from this process, by the configuration alone.
fn look_here(world: &World, name: &Name) -> Result<Vec<Last>, Refusal> {
    let configuration = world.configuration()?.ok_or_else(|| {
        Refusal::usage("there is no muster.toml, so nobody knows what to look at")
            .help("name it with `--config`, or write one: `muster init`")
    })?;
    let (plan, faults) = configuration.judge();
    let Some(Plan::<Part, Probe> { checks, .. }) = plan else {
        return Err(Refusal::usage(format!(
            "{} cannot be used: {}",
            configuration.path.display(),
            counted(&faults)
        ))
        .help(format!("`muster config check {}` shows each", configuration.path.display())));
    };
    let ids = meant(name, checks.iter().map(|check| &check.id))?;
    let wanted = checks.iter().filter(|check| ids.contains(&check.id));
    wanted.map(|check| world.runtime()?.block_on(look_at(world, check))).collect()
}

fn counted(faults: &muster_config::fault::Faults) -> String {
    say::count::counted(faults.list().len(), "fault")
}

async fn look_at(world: &World, check: &CheckPlan<Probe>) -> Result<Last, Refusal> {
    let began = world.now().wall;
    let looked = match &check.from {
        Vantage::Host => {
            let scene = Scene::here(Instant::now() + check.timeout.to_std());
            look(check.part.as_ref(), &scene).await
        }
        Vantage::Container(name) => Looked::blind(format!(
            "the network of container {name} is entered by the agent only: `muster up`"
        )),
        Vantage::Peer(name) => {
            Looked::blind(format!("peer {name} is asked by the agent only: `muster check` while it is up"))
        }
    };
    let took: Span = looked.took.into();
    let look = Look {
        about: check.id.clone(),
        due: None,
        at: began,
        verdict: looked.verdict,
        took: Some(took),
        further: 0,
        every: check.every,
    };
    Ok(Last {
        about: check.id.clone(),
        kind: check.kind.to_owned(),
        target: check.part.target(),
        from: check.from.word(),
        every: check.every,
        well: (looked.verdict == Verdict::Ok).then_some((began, took)),
        look: Some(look),
        sight: looked.sight,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_every_place_that_its_check_looks_from() {
        let id = |text: &str| ExpectationId::new(text).expect("a name");
        let known = [id("check.mail"), id("check.mail@container:api"), id("check.mailbox")];
        let meant = |text: &str| meant(&text.parse::<Name>().expect("a name"), known.iter());
        assert_eq!(meant("mail").expect("found"), [known[0].clone(), known[1].clone()]);
        assert_eq!(meant("check.mail@container:api").expect("found"), [known[1].clone()]);
        let refusal = meant("malbox").expect_err("not there");
        assert_eq!((refusal.code, refusal.help[0].as_str()), (ExitCode::NotFound, "did you mean mailbox?"));
    }
}
