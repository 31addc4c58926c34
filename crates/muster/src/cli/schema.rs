//! `muster schema`, the short way to `muster config schema`.

use crate::exit_code::ExitCode;
use crate::refusal::Refusal;
use crate::world::World;

/// Prints the JSON Schema of muster.toml, for editors
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn execute(world: &World, Args {}: Args) -> Result<ExitCode, Refusal> {
    super::config::execute(world, super::config::Verb::Schema)
}
