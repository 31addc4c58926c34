//! `muster open`.

use muster_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::address;
use crate::exit_code::ExitCode;
use crate::refusal::Refusal;
use crate::say;
use crate::world::World;

/// Prints a link that signs you in to the web page, once
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Deserialize)]
struct Made {
    path: String,
    expires: Timestamp,
}

#[derive(Debug, Serialize)]
struct Link {
    url: String,
    expires: Timestamp,
}

pub(crate) fn execute(world: &World, args: Args) -> Result<ExitCode, Refusal> {
    let answer = world.tell_agent("signin-links", &json!({}))?;
    let made: Made = serde_json::from_value(answer).map_err(|error| {
        Refusal::new(ExitCode::Unknown, "the agent's answer holds no link").because(&error)
    })?;
    let base = address::read(&world.layout()?)?;
    let link = Link { url: format!("{base}{}", made.path), expires: made.expires };
    let text = if args.json { say::json::versioned(&link) } else { format!("{}\n", link.url) };
    world.say(&text)?;
    Ok(ExitCode::Fine)
}
