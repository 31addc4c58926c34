//! `muster completions`.

use clap::CommandFactory;
use clap_complete::Shell;

use super::command::Muster;
use crate::exit_code::ExitCode;
use crate::refusal::Refusal;
use crate::world::World;

/// Prints the completions of a shell
///
/// For bash: `muster completions bash > /etc/bash_completion.d/muster`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which shell
    shell: Shell,
}

pub(crate) fn execute(world: &World, args: Args) -> Result<ExitCode, Refusal> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Muster::command(), "muster", &mut script);
    world.say(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::Fine)
}
