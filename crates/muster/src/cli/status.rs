//! `muster status`.

use muster_core::effect::Condition;
use muster_core::expectation::Level;
use serde::Serialize;

use crate::exit_code::ExitCode;
use crate::refusal::Refusal;
use crate::say;
use crate::say::paper::Paper;
use crate::say::status::{Seen, Source};
use crate::world::World;

/// Says whether anything is silent, and shows how everything stands
///
/// Exit code 0: nothing is bad. 1: something is firing. 3: nobody can say, because the agent is not running or could
/// not see.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Shows the parts of muster itself as well
    #[arg(long)]
    all: bool,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Answer<'a> {
    sentence: String,
    agent_running: bool,
    exit_code: u8,
    #[serde(flatten)]
    snapshot: &'a muster_core::board::Snapshot,
}

pub(crate) fn execute(world: &World, args: Args) -> Result<ExitCode, Refusal> {
    let seen = world.see()?;
    let code = verdict(&seen);
    let text = if args.json {
        say::json::versioned(&Answer {
            sentence: say::status::sentence(&seen),
            agent_running: seen.source != Source::Memory,
            exit_code: code as u8,
            snapshot: &seen.snapshot,
        })
    } else {
        say::status::status(&seen, &world.clock(), &Paper::of_stdout(), args.all)
    };
    world.say(&text)?;
    Ok(code)
}

fn verdict(seen: &Seen) -> ExitCode {
    if seen.source == Source::Memory {
        return ExitCode::Unknown;
    }
    let lines = &seen.snapshot.board.lines;
    let is_bad = |condition: &Condition| matches!(condition, Condition::Firing { level, .. } if *level != Level::Ignore);
    let is_unknown = |condition: &Condition| matches!(condition, Condition::Unknown { .. });
    if lines.iter().any(|line| is_bad(&line.condition)) {
        ExitCode::BadNews
    } else if !seen.snapshot.faults.is_empty() || lines.iter().any(|line| is_unknown(&line.condition)) {
        ExitCode::Unknown
    } else {
        ExitCode::Fine
    }
}
