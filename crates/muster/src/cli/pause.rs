//! `muster pause`.

use muster_core::time::Span;
use serde_json::json;

use crate::exit_code::ExitCode;
use crate::name::Name;
use crate::refusal::Refusal;
use crate::world::World;

/// Holds back the pages about one thing for a while; it is still watched
///
/// A pause always ends by itself. What is bad at that moment is told then.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Whose pages: a name as `muster status` shows it, with or without its table ("job.")
    name: Name,
    /// For how long, such as 30m, 2h or 1d
    #[arg(long = "for", value_name = "TIME")]
    span: Span,
    /// Why, for whoever reads it at night
    #[arg(long, value_name = "WORDS")]
    reason: String,
}

pub(crate) fn execute(world: &World, args: Args) -> Result<ExitCode, Refusal> {
    if args.reason.trim().is_empty() {
        return Err(
            Refusal::usage("the reason is empty").help("say why: --reason \"disk is being replaced\"")
        );
    }
    let id = world.expectation(&args.name)?;
    let body = json!({ "for": args.span.to_string(), "reason": args.reason });
    world.tell_agent(&format!("expectations/{id}/pause"), &body)?;
    let until = world.clock().now() + args.span;
    world.say(&format!(
        "Pages about {id} are held back until {}. `muster resume {}` ends that now.\n",
        world.clock().moment(until),
        args.name
    ))?;
    Ok(ExitCode::Fine)
}
