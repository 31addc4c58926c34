//! `muster up`.

use std::net::SocketAddr;

use muster_config::render::render;

use super::mending;
use crate::exit_code::ExitCode;
use crate::peer_keys;
use crate::refusal::Refusal;
use crate::resident::{self, Orders};
use crate::say;
use crate::world::World;

/// Runs the agent: watches all that should report, tells people, serves the web page
///
/// Without a configuration it shows what this host does by itself and what it cannot see. SIGHUP reads the configuration
/// again; SIGTERM and SIGINT end it. MUSTER_LOG sets what is logged on standard error, such as "debug", or "json:info"
/// for one JSON object a line.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where the web page and the ping URLs listen; wins over [muster].listen
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

pub(crate) fn execute(world: &World, args: Args) -> Result<ExitCode, Refusal> {
    let source = world.configuration()?;
    let plan = match &source {
        None => world.empty_configuration().judge().0,
        Some(configuration) => {
            let (plan, faults) = configuration.judge();
            world.complain(&render(&faults, &configuration.text));
            plan
        }
    };
    let plan = plan.ok_or_else(|| {
        let file = source.as_ref().map(|source| source.path.display().to_string()).unwrap_or_default();
        Refusal::usage(format!("{file} cannot be used"))
            .help(format!("`muster config check {file}` shows the faults again"))
    })?;
    peer_keys::refuse_short(&plan)?;
    for words in peer_keys::exposed(&plan) {
        world.complain(&words);
    }
    // A host that was started again has no guards any more.
    mending::take_back_forsaken(world);
    let layout = world.layout()?;
    let listen = args.listen.unwrap_or(plan.muster.listen);
    let orders = Orders { source, plan, layout, listen };
    let has_file = orders.source.is_some();
    let ready = |place: &str, expected: usize| {
        let what = if has_file {
            format!("muster is up with {}", say::count::counted(expected, "expectation"))
        } else {
            "muster is up without a configuration and shows what this host does by itself".to_owned()
        };
        world.say(&format!("{what}; see {place} (`muster open` prints a link that signs you in).\n"))
    };
    world.runtime()?.block_on(resident::live(orders, ready))?;
    Ok(ExitCode::Fine)
}
