//! `muster host`: prepares a host; and the part of a deploy on each host, of which people need none.

use std::io::BufReader;

use muster_deploy::helper::{guard, serve};

use super::prepare;
use crate::exit_code::ExitCode;
use crate::refusal::Refusal;
use crate::world::World;

/// Prepares a host for its services
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    Prepare(prepare::Args),
    /// Does what a deployer asks for on standard input, and ends when it is not heard any more
    #[command(hide = true)]
    Serve,
    /// Goes back from a release that nobody confirms, and stops what was kept warm long enough
    #[command(hide = true)]
    Guard {
        /// The service
        service: String,
    },
}

pub(crate) fn execute(world: &World, verb: &Verb) -> Result<ExitCode, Refusal> {
    if let Verb::Prepare(args) = verb {
        return prepare::execute(world, args);
    }
    let layout = world.layout()?;
    layout.create().map_err(|error| {
        Refusal::system(format!("the state directory {}", layout.root().display()), &error)
    })?;
    match verb {
        Verb::Prepare(_) => {}
        Verb::Serve => serve::serve(&layout, BufReader::new(std::io::stdin()), std::io::stdout())
            .map_err(|error| Refusal::system("the deployer is gone", &error))?,
        Verb::Guard { service } => guard::stand(&layout, service)
            .map_err(|error| Refusal::system(format!("the guard of {service}"), &error))?,
    }
    Ok(ExitCode::Fine)
}
