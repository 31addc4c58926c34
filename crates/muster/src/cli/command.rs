//! The command line as a whole: which verbs there are, and what they share.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use super::{
    ack, checks, completions, config, deploy, doctor, drift, host, incident, init, jobs, new, notify, open,
    pause, ping, resume, run, scan, schema, status, up,
};
use crate::exit_code::{ExitCode, TABLE};
use crate::logging;
use crate::refusal::Refusal;
use crate::say;
use crate::say::paper::Paper;
use crate::world::World;

/// Everything that should happen must report in, and silence past its deadline is an alarm.
///
/// muster watches scheduled jobs, checks and backups on a few servers, and tells people when one of them fails, hangs,
/// overlaps, is skipped or never starts.
#[derive(Debug, Parser)]
#[command(
    name = "muster",
    version = VERSION,
    after_help = TABLE,
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 110
)]
pub(crate) struct Muster {
    #[command(flatten)]
    places: Places,
    #[command(subcommand)]
    verb: Verb,
}

/// The version; whoever builds the program may add the commit.
pub(crate) const VERSION: &str = match option_env!("MUSTER_VERSION") {
    Some(version) => version,
    None => env!("CARGO_PKG_VERSION"),
};

/// Where things are.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Places {
    /// The configuration file; else $MUSTER_CONFIG, ./muster.toml, /etc/muster/muster.toml, or none
    #[arg(long, global = true, value_name = "FILE", help_heading = "Places")]
    pub(crate) config: Option<PathBuf>,
    /// The state directory; else $MUSTER_STATE, the one that the file names, /var/lib/muster for root, or
    /// $XDG_STATE_HOME/muster
    #[arg(long, global = true, value_name = "DIR", help_heading = "Places")]
    pub(crate) state: Option<PathBuf>,
}

/// What to do.
#[derive(Debug, Subcommand)]
enum Verb {
    Up(up::Args),
    Run(run::Args),
    Ping(ping::Args),
    Status(status::Args),
    #[command(subcommand)]
    Jobs(jobs::Verb),
    Checks(checks::List),
    Check(checks::One),
    Ack(ack::Args),
    Pause(pause::Args),
    Resume(resume::Args),
    #[command(subcommand)]
    Incident(incident::Verb),
    #[command(subcommand)]
    Notify(notify::Verb),
    Open(open::Args),
    Scan(scan::Args),
    Doctor(doctor::Args),
    Drift(drift::Args),
    Deploy(deploy::Args),
    Rollback(deploy::Back),
    Releases(deploy::List),
    Lock(deploy::Lock),
    #[command(subcommand)]
    Host(host::Verb),
    #[command(subcommand)]
    Config(config::Verb),
    Init(init::Args),
    #[command(subcommand)]
    New(new::Verb),
    Completions(completions::Args),
    #[command(hide = true)]
    Schema(schema::Args),
}

/// Reads the words, does what they say, and tells people where that did not work.
pub(crate) fn start(words: Vec<OsString>) -> std::process::ExitCode {
    let is_doctor = words.get(1).is_some_and(|verb| verb == "doctor");
    let Muster { places, verb } = match Muster::try_parse_from(words) {
        Ok(muster) => muster,
        Err(error) if error.use_stderr() && is_doctor => {
            drop(error.print());
            return ExitCode::Usage.of_doctor();
        }
        Err(error) => {
            // Help and version are answers, not errors; clap knows which stream each belongs to.
            let code = if error.use_stderr() { ExitCode::Usage } else { ExitCode::Fine };
            return if error.print().is_ok() { code.into() } else { ExitCode::System.into() };
        }
    };
    if let Verb::Run(args) = verb {
        return args.hand_over(&places);
    }
    let world = World::new(places);
    let usual = if matches!(verb, Verb::Up(_)) { "info" } else { "warn" };
    if let Some(complaint) = logging::start(usual) {
        world.warn(&complaint);
    }
    let is_doctor = matches!(verb, Verb::Doctor(_));
    let code = verb.execute(&world).unwrap_or_else(|refusal| {
        world.complain(&say::refused::refused(&refusal, &Paper::of_stderr()));
        refusal.code
    });
    if is_doctor { code.of_doctor() } else { code.into() }
}

impl Verb {
    fn execute(self, world: &World) -> Result<ExitCode, Refusal> {
        match self {
            Self::Up(args) => up::execute(world, args),
            Self::Run(_) => Err(Refusal::usage("`muster run` is not done here")),
            Self::Ping(args) => ping::execute(world, args),
            Self::Status(args) => status::execute(world, args),
            Self::Jobs(verb) => jobs::execute(world, verb),
            Self::Checks(args) => checks::list(world, &args),
            Self::Check(args) => checks::one(world, &args),
            Self::Ack(args) => ack::execute(world, args),
            Self::Pause(args) => pause::execute(world, args),
            Self::Resume(args) => resume::execute(world, args),
            Self::Incident(verb) => incident::execute(world, verb),
            Self::Notify(verb) => notify::execute(world, verb),
            Self::Open(args) => open::execute(world, args),
            Self::Scan(args) => scan::execute(world, args),
            Self::Doctor(args) => doctor::execute(world, args),
            Self::Drift(args) => drift::execute(world, &args),
            Self::Deploy(args) => deploy::deploy(world, &args),
            Self::Rollback(args) => deploy::rollback(world, &args),
            Self::Releases(args) => deploy::releases(world, &args),
            Self::Lock(args) => deploy::lock(world, &args),
            Self::Host(verb) => host::execute(world, &verb),
            Self::Config(verb) => config::execute(world, verb),
            Self::Init(args) => init::execute(world, args),
            Self::New(verb) => new::execute(world, verb),
            Self::Completions(args) => completions::execute(world, args),
            Self::Schema(args) => schema::execute(world, args),
        }
    }
}
