//! `muster config`.

use std::path::PathBuf;

use clap::CommandFactory;
use muster_config::render::render;
use serde::Serialize;

use super::command::Muster;
use crate::catalogue::CATALOGUE;
use crate::exit_code::ExitCode;
use crate::peer_keys;
use crate::refusal::Refusal;
use crate::say;
use crate::world::World;

/// The configuration
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    /// Reads the configuration and shows everything that is wrong with it
    ///
    /// Exit code 0: it can be used (there may be warnings). 2: it cannot.
    Check {
        /// The file [default: the one in force]
        file: Option<PathBuf>,
        /// Prints JSON
        #[arg(long)]
        json: bool,
    },
    /// Prints the JSON Schema of muster.toml, for editors
    Schema,
    /// Prints the reference of muster.toml
    Reference,
    /// Prints the reference of the command line
    #[command(hide = true)]
    CliReference,
}

pub(crate) fn execute(world: &World, verb: Verb) -> Result<ExitCode, Refusal> {
    match verb {
        Verb::Check { file, json } => check(world, file, json),
        Verb::Schema => {
            let schema = muster_config::schema::schema(&CATALOGUE);
            world.say(&format!("{schema:#}\n"))?;
            Ok(ExitCode::Fine)
        }
        Verb::Reference => {
            world.say(&muster_config::reference::reference(&CATALOGUE))?;
            Ok(ExitCode::Fine)
        }
        Verb::CliReference => {
            world.say(&say::reference::reference(&mut Muster::command()))?;
            Ok(ExitCode::Fine)
        }
    }
}

#[derive(Serialize)]
struct Answer {
    file: String,
    usable: bool,
    expectations: usize,
    channels: usize,
    faults: Vec<Found>,
}

#[derive(Serialize)]
struct Found {
    code: &'static str,
    level: &'static str,
    what: String,
    line: usize,
    column: usize,
    help: Option<String>,
}

fn check(world: &World, file: Option<PathBuf>, json: bool) -> Result<ExitCode, Refusal> {
    let configuration = match file {
        Some(path) => world.configuration_at(path)?,
        None => world.configuration()?.ok_or_else(|| {
            Refusal::usage("there is no configuration file")
                .because_of("looked for ./muster.toml and /etc/muster/muster.toml")
                .help("`muster init` writes one for this host; muster also works without")
        })?,
    };
    let (plan, faults) = configuration.judge();
    let path = configuration.path.display().to_string();
    let (expectations, channels) =
        plan.as_ref().map_or((0, 0), |plan| (plan.expectations.len(), plan.channels.len()));
    let code = if plan.is_some() { ExitCode::Fine } else { ExitCode::Usage };
    if json {
        let faults = faults.list().iter().map(|fault| Found {
            code: fault.code.id,
            level: fault.level.word(),
            what: fault.what.clone(),
            line: fault.line,
            column: fault.column,
            help: fault.help.clone(),
        });
        let answer =
            Answer { file: path, usable: plan.is_some(), expectations, channels, faults: faults.collect() };
        world.say(&say::json::versioned(&answer))?;
        return Ok(code);
    }
    world.complain(&render(&faults, &configuration.text));
    if let Some(plan) = &plan {
        peer_keys::refuse_short(plan)?;
        let things = say::count::counted(expectations, "expectation");
        let channels = say::count::counted(channels, "channel");
        world.say(&format!("{path} can be used: {things}, {channels}.\n"))?;
    }
    Ok(code)
}
