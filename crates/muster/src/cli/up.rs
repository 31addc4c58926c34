//! `muster up`.

use std::net::SocketAddr;

use muster_config::render::render;
use muster_host::lock::{self, Attempt, Holder, Lock};
use muster_host::state::Layout;

use crate::exit_code::ExitCode;
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
    let layout = world.layout()?;
    layout.create().map_err(|error| {
        Refusal::system(format!("the state directory {} cannot be made", layout.root().display()), &error)
            .help("name another one with --state, or run as the user it belongs to")
    })?;
    let alone = alone(&layout)?;
    let listen = args.listen.unwrap_or(plan.muster.listen);
    let orders = Orders { source, plan, layout, listen };
    let ready = |place: &str, expected: usize| {
        let things = say::count::counted(expected, "expectation");
        world.say(&format!(
            "muster is up with {things}; see {place} (`muster open` prints a link that signs you in).\n"
        ))
    };
    let lived = world.runtime()?.block_on(resident::live(orders, ready));
    alone.release();
    lived.map(|()| ExitCode::Fine)
}

/// Takes the state directory for this process. The kernel frees it however the process ends.
fn alone(layout: &Layout) -> Result<Lock, Refusal> {
    let path = layout.root().join("agent.lock");
    let unusable = |error: std::io::Error| {
        Refusal::system(format!("the state directory {} cannot be locked", layout.root().display()), &error)
    };
    match lock::try_lock(&path).map_err(unusable)? {
        Attempt::Locked(lock) => {
            let at = muster_host::clock::now().wall;
            // The name of the holder is for people only; the lock holds without it.
            if let Ok(mark) = muster_host::process::mark(std::process::id()) {
                drop(lock.sign(&Holder::new(muster_host::ids::run_id(at), mark)));
            }
            Ok(lock)
        }
        // An agent has no job that could outlive it; whoever stands in the file is gone.
        Attempt::Orphaned(_) => Err(Refusal::new(
            ExitCode::Refused,
            format!("{} is signed by a job that still runs", path.display()),
        )
        .help("remove the file and try again")),
        Attempt::Held(holder) => {
            let who = holder.map(|holder| format!(", process {}", holder.process.pid)).unwrap_or_default();
            Err(Refusal::new(
                ExitCode::Refused,
                format!("another agent holds {}{who}", layout.root().display()),
            )
            .help("`muster status` asks it how things stand; a second agent needs a --state of its own"))
        }
    }
}
