//! `muster resume`.

use serde_json::json;

use crate::exit_code::ExitCode;
use crate::name::Name;
use crate::refusal::Refusal;
use crate::world::World;

/// Ends a pause now
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Whose pause: a name as `muster status` shows it, with or without its table ("job.")
    name: Name,
}

pub(crate) fn execute(world: &World, args: Args) -> Result<ExitCode, Refusal> {
    let id = world.expectation(&args.name)?;
    world.tell_agent(&format!("expectations/{id}/resume"), &json!({}))?;
    world.say(&format!("Pages about {id} are sent again.\n"))?;
    Ok(ExitCode::Fine)
}
