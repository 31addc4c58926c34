//! `muster deploy`, `muster rollback`, `muster releases`, `muster lock`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use muster_config::plan::{RuntimeSpec, ServicePlan, Source};
use muster_core::plan::{Act, End, Objection};
use muster_deploy::deployer::crew::Result as Heard;
use muster_deploy::deployer::deploy::{self, Outcome, Progress, Refused, What, Wish};
use muster_host::secret;

use crate::exit_code::ExitCode;
use crate::refusal::Refusal;
use crate::say;
use crate::say::paper::Paper;
use crate::world::World;

/// Between two tries to get a lease that somebody else has.
const AGAIN: Duration = Duration::from_secs(2);

/// Puts a new release of a service in front, without losing a request
///
/// On every host the release starts beside the old one, has to be well several times in a row, and only then requests are led
/// to it. When anything fails on any host, all hosts go back, and nobody was led to a release that was not well. What was
/// left in the middle by a deploy that died is settled first.
///
/// Exit code 0: the new release is in front. 1: the old one is. 3: some host was not heard after the decision. 5: somebody
/// else deploys, or something is in the way and nothing was changed.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The service: a name of [service]; may be left out if there is only one
    service: Option<String>,
    /// What is deployed: a tag or digest of the image, a commit, branch or tag of the repository, or a file
    version: Option<String>,
    /// Shows the steps, their deadlines and what happens when each fails, and does nothing
    #[arg(long)]
    plan: bool,
    #[command(flatten)]
    manner: Manner,
}

/// How it is done.
#[derive(Debug, Clone, clap::Args)]
struct Manner {
    /// Waits so long for somebody else's deploy to end, such as 10m
    #[arg(long, value_name = "TIME")]
    wait: Option<muster_core::time::Span>,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

/// Puts the release before back in front
///
/// With its image, its environment and its command. While the old release is still warm nothing has to start. Without a
/// number it is the one that was in front before this one.
#[derive(Debug, clap::Args)]
pub(crate) struct Back {
    /// The service; may be left out if there is only one
    service: Option<String>,
    /// The number of the release, as `muster releases` shows it
    #[arg(long, value_name = "NUMBER")]
    to: Option<u64>,
    /// Shows the steps and does nothing
    #[arg(long)]
    plan: bool,
    /// Goes back also from a release that changed data in a way that the one before may not understand
    #[arg(long)]
    even_if_irreversible: bool,
    #[command(flatten)]
    manner: Manner,
}

/// Lists the releases of a service: what, who, when, how it went
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// The service; may be left out if there is only one
    service: Option<String>,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

/// Shows who deploys a service now
///
/// A lease ends with whoever has it: half a minute after a deployer died it is free again by itself.
#[derive(Debug, clap::Args)]
pub(crate) struct Lock {
    /// The service; may be left out if there is only one
    service: Option<String>,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn deploy(world: &World, args: &Args) -> Result<ExitCode, Refusal> {
    let service = service(world, args.service.as_deref())?;
    let version = match &args.version {
        Some(version) => version.clone(),
        None => usual_version(&service)?,
    };
    if let RuntimeSpec::Systemd { source: Source::Artifact(_), .. } = &service.spec.runtime
        && let Err(error) = std::fs::metadata(&version)
    {
        return Err(Refusal::usage(format!("{version}, which is to be deployed, cannot be read"))
            .because(&error)
            .help("`artifact` of the service, or the word behind its name, is a file of this machine"));
    }
    carry_out(world, &service, (What::Version(version), false), args.plan, &args.manner)
}

pub(crate) fn rollback(world: &World, args: &Back) -> Result<ExitCode, Refusal> {
    let service = service(world, args.service.as_deref())?;
    carry_out(world, &service, (What::Back(args.to), args.even_if_irreversible), args.plan, &args.manner)
}

pub(crate) fn releases(world: &World, args: &List) -> Result<ExitCode, Refusal> {
    let service = service(world, args.service.as_deref())?;
    let heard = observe(world, &service)?;
    let names: Vec<&str> = service.hosts.iter().map(|host| host.name.as_str()).collect();
    world.say(&match args.json {
        true => say::json::versioned(&say::deploy::listed(&names, &heard)),
        false => say::deploy::releases(&names, &heard, &world.clock(), &Paper::of_stdout()),
    })?;
    Ok(code_of(&heard))
}

pub(crate) fn lock(world: &World, args: &Lock) -> Result<ExitCode, Refusal> {
    let service = service(world, args.service.as_deref())?;
    let heard = observe(world, &service)?;
    let names: Vec<&str> = service.hosts.iter().map(|host| host.name.as_str()).collect();
    world.say(&match args.json {
        true => say::json::versioned(&say::deploy::listed(&names, &heard)),
        false => say::deploy::leases(&names, &heard, &world.clock()),
    })?;
    Ok(code_of(&heard))
}

fn code_of(heard: &[Heard]) -> ExitCode {
    let is_seen = |heard: &Heard| matches!(heard, Heard::Seen(..));
    if heard.iter().all(is_seen) { ExitCode::Fine } else { ExitCode::Unknown }
}

fn observe(world: &World, service: &ServicePlan) -> Result<Vec<Heard>, Refusal> {
    deploy::observe(service, &world.who(), control()?).map_err(|refused| refusal(world, &refused))
}

fn carry_out(
    world: &World,
    service: &ServicePlan,
    (what, even_if_irreversible): (What, bool),
    only_plan: bool,
    manner: &Manner,
) -> Result<ExitCode, Refusal> {
    // Whoever goes back gets what the release had: nothing is needed from here.
    let environment = match &what {
        What::Version(_) if !only_plan => secrets(service)?,
        What::Version(_) | What::Back(_) => Vec::new(),
    };
    let wish = Wish {
        what,
        even_if_irreversible,
        by: format!("{} on {}", world.who(), world.host_name()),
        environment,
        control: control()?,
        output: world.layout()?.root().join("hooks"),
    };
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop))
            .map_err(|error| Refusal::system("signals cannot be heard", &error))?;
    }
    let names: Vec<String> = service.hosts.iter().map(|host| host.name.clone()).collect();
    let mut telling = say::deploy::Telling::new(&service.name, &names, Paper::of_stdout());
    let quiet = manner.json;
    let mut tell = |progress: Progress<'_>| {
        let text = telling.of(&progress);
        if !quiet {
            // Whoever reads may leave; the deploy goes on.
            drop(world.say(&text));
        }
    };
    let begin = Instant::now();
    let patience = manner.wait.map(muster_core::time::Span::to_std).unwrap_or_default();
    let ready = loop {
        match deploy::prepare(service, &wish, only_plan, &mut tell) {
            Ok(ready) => break ready,
            Err(Refused::Busy { .. })
                if begin.elapsed() + AGAIN < patience && !stop.load(Ordering::Relaxed) =>
            {
                std::thread::sleep(AGAIN);
            }
            Err(refused) => return Err(refusal(world, &refused)),
        }
    };
    if only_plan {
        let plan = ready.plan().clone();
        world.say(&match manner.json {
            true => say::json::versioned(&plan),
            false => say::deploy::plan(&plan, &names) + &say::beside::of(service),
        })?;
        return Ok(ExitCode::Fine);
    }
    let outcome = ready.run(&stop, &mut tell);
    if !quiet {
        drop(world.say(&telling.rest()));
    }
    world.say(&match manner.json {
        true => say::json::versioned(&say::deploy::ended(&outcome, &names)),
        false => say::deploy::end(&service.name, &outcome, &names, &Paper::of_stdout()),
    })?;
    Ok(code(&outcome))
}

fn code(outcome: &Outcome) -> ExitCode {
    match &outcome.end {
        End::New { .. } => ExitCode::Fine,
        End::Old { failed: (_, Act::Preflight | Act::Before), .. } => ExitCode::Refused,
        End::Old { .. } => ExitCode::BadNews,
        End::Unsure { .. } => ExitCode::Unknown,
    }
}

/// The service that is meant.
fn service(world: &World, name: Option<&str>) -> Result<ServicePlan, Refusal> {
    let none = || {
        Refusal::usage("there is no [service] in muster.toml")
            .help("`muster new service NAME` writes one, with all that it needs")
    };
    let configuration = world.configuration()?.ok_or_else(none)?;
    let plan = configuration.judge().0.ok_or_else(|| {
        Refusal::usage(format!("{} cannot be used", configuration.path.display()))
            .help(format!("`muster config check {}` shows the faults", configuration.path.display()))
    })?;
    let names: Vec<String> = plan.services.iter().map(|service| service.name.clone()).collect();
    let help = format!("there are: {}", names.join(", "));
    let mut services = plan.services.into_iter();
    match name {
        Some(name) => services.find(|service| service.name == name).ok_or_else(|| {
            Refusal::new(ExitCode::NotFound, format!("there is no [service.{name}]")).help(help)
        }),
        None => match (services.next(), services.next()) {
            (Some(only), None) => Ok(only),
            (Some(_), Some(_)) => Err(Refusal::usage("there is more than one service").help(help)),
            (None, _) => Err(none()),
        },
    }
}

/// What is deployed when nobody says what.
fn usual_version(service: &ServicePlan) -> Result<String, Refusal> {
    match &service.spec.runtime {
        RuntimeSpec::Docker { image, .. } => {
            let tag = image.rsplit_once('/').map_or(image.as_str(), |(_, name)| name);
            Ok(tag.split_once(':').map_or("latest", |(_, tag)| tag).to_owned())
        }
        RuntimeSpec::Systemd { source: Source::Git { branch, .. }, .. } => Ok(branch.clone()),
        RuntimeSpec::Systemd { source: Source::Artifact(path), .. } => Ok(path.display().to_string()),
    }
}

fn secrets(service: &ServicePlan) -> Result<Vec<(String, String)>, Refusal> {
    let resolve = |(name, reference): &(String, muster_config::secret::SecretRef)| {
        let value = secret::resolve(reference)
            .map_err(|error| Refusal::system(format!("the secret {name} of {}", service.name), &error))?;
        Ok((name.clone(), value.expose().to_owned()))
    };
    service.secrets.iter().map(resolve).collect()
}

/// A folder of this user's own for the sockets of ssh; their paths have to be short.
pub(super) fn control() -> Result<PathBuf, Refusal> {
    let folder = match std::env::var_os("XDG_RUNTIME_DIR").filter(|folder| !folder.is_empty()) {
        Some(folder) => PathBuf::from(folder).join("muster"),
        None => PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/root".into())).join(".muster-ssh"),
    };
    muster_host::state::private_dir(&folder)
        .map_err(|error| Refusal::system(format!("the folder {}", folder.display()), &error))?;
    Ok(folder)
}

fn refusal(world: &World, refused: &Refused) -> Refusal {
    let refusal = Refusal::new(
        match refused {
            Refused::Busy { .. } | Refused::NoPlan(_) => ExitCode::Refused,
            Refused::Unreached(_) | Refused::Unsettled { .. } => ExitCode::Unknown,
            Refused::NoRelease(_) => ExitCode::NotFound,
            Refused::Here(_) => ExitCode::System,
        },
        match refused {
            Refused::Busy { host, holder } => {
                format!("somebody deploys it to {host} now: {}", say::deploy::holder(holder, &world.clock()))
            }
            other => other.to_string(),
        },
    );
    match refused {
        Refused::Busy { .. } => {
            refusal.help("--wait 10m waits for it; a lease ends half a minute after its deployer")
        }
        Refused::Unreached(hosts) => {
            let words = hosts.iter().flat_map(|(host, troubles)| {
                troubles.iter().map(move |trouble| format!("{host}: {}", trouble.what))
            });
            refusal.because_of(words.collect::<Vec<_>>().join("; "))
        }
        Refused::Unsettled { troubles, .. } => {
            let words: Vec<&str> = troubles.iter().map(|trouble| trouble.what.as_str()).collect();
            refusal.because_of(words.join("; "))
        }
        Refused::NoRelease(_) => refusal.help("`muster releases` shows what there is"),
        Refused::NoPlan(Objection::Irreversible { .. }) => {
            refusal.help("--even-if-irreversible goes back all the same")
        }
        Refused::NoPlan(_) | Refused::Here(_) => refusal,
    }
}
