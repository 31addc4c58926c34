//! `muster ack`.

use muster_core::time::Span;
use serde_json::json;

use crate::exit_code::ExitCode;
use crate::name::Name;
use crate::refusal::Refusal;
use crate::world::World;

/// Says that you have seen an incident, so that its reminders stop for a while
///
/// When the time is over and it is still bad, people are told again. The end of the incident is told in any case.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Whose incident: a name as `muster status` shows it, with or without its table ("job.")
    name: Name,
    /// For how long it counts, such as 30m, 4h or 1d
    #[arg(long = "for", value_name = "TIME", default_value = "4h")]
    span: Span,
}

pub(crate) fn execute(world: &World, args: Args) -> Result<ExitCode, Refusal> {
    let id = world.expectation(&args.name)?;
    world.tell_agent(&format!("expectations/{id}/acknowledge"), &json!({ "for": args.span.to_string() }))?;
    let until = world.clock().now() + args.span;
    world.say(&format!("{id} is acknowledged until {}.\n", world.clock().moment(until)))?;
    Ok(ExitCode::Fine)
}
