//! `muster host prepare`.

use std::path::Path;

use muster_config::plan::{HostPlan, ServicePlan};
use muster_deploy::base::pieces::pieces;
use muster_deploy::base::{PROGRAM, Piece, Standing, Wanted};
use muster_deploy::deployer::prepare::Preparation;
use muster_deploy::trouble::Trouble;

use super::deploy::control;
use crate::ask::agreed_or;
use crate::exit_code::ExitCode;
use crate::refusal::Refusal;
use crate::say::prepare as words;
use crate::unit;
use crate::world::World;

/// Makes on a host what its services need before their first deploy
///
/// Packages, users, folders, the file of settings, the site of nginx, and muster itself with its agent: what muster.toml
/// says of the services of that host, and no more. The plan is shown first, what somebody else wrote is left alone, and a
/// second run changes nothing. Packages are installed by apt-get; a host without it is told what to install.
///
/// Exit code 0: the host is prepared. 1: something could not be made; what was made before it stands, and the same command
/// goes on. 3: the host cannot be reached. 5: something is in the way, or nobody agreed; nothing was changed.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A [host] of muster.toml, by its name or by its ssh; may be left out if there is only one
    host: Option<String>,
    /// Only shows what would be done
    #[arg(long)]
    plan: bool,
    /// Does not ask
    #[arg(short, long, conflicts_with = "plan")]
    yes: bool,
    /// Takes back what this command made on that host, but for packages and users, and what a deployed service needs
    #[arg(long)]
    undo: bool,
}

/// A host, and the services of muster.toml that run there.
struct Chosen {
    host: HostPlan,
    services: Vec<ServicePlan>,
}

pub(crate) fn execute(world: &World, args: &Args) -> Result<ExitCode, Refusal> {
    let Chosen { host, services } = choose(world, args.host.as_deref())?;
    let mut there = Preparation::open(&host, &control()?).map_err(|why| {
        Refusal::new(ExitCode::Unknown, format!("{} cannot be reached", host.name))
            .because_of(why)
            .help(reach(&host))
    })?;
    if args.undo {
        return undo(world, args, &host, &mut there);
    }
    let unit = unit::text(Path::new(PROGRAM), None);
    let services: Vec<&ServicePlan> = services.iter().collect();
    let wanted = pieces(&services, (Path::new(unit::PATH), &unit))
        .map_err(|error| Refusal::system("a template of this program is broken", &error))?;
    let seen = look(&host, &mut there, &wanted)?;
    world.say(&words::plan(&host, &wanted, &seen))?;
    refuse_barred(&host, &seen)?;
    let missing: Vec<&Wanted> = missing(&wanted, &seen).collect();
    if missing.is_empty() {
        world.say(&words::nothing_to_do(&host))?;
        return Ok(ExitCode::Fine);
    }
    if args.plan {
        return Ok(ExitCode::Fine);
    }
    if !args.yes && !agreed_or(world, &format!("Do this on {}?", host.name), "--plan")? {
        world.say("Nothing was changed.\n")?;
        return Ok(ExitCode::Refused);
    }
    make(world, &host, &mut there, &missing)?;
    // What was done is believed when it is seen.
    let seen = look(&host, &mut there, &wanted)?;
    world.say(&words::end(&host, &services, &wanted, &seen))?;
    let is_missing = |seen: &Standing| matches!(seen, Standing::Missing(_) | Standing::Barred(_));
    Ok(if seen.iter().any(is_missing) { ExitCode::BadNews } else { ExitCode::Fine })
}

/// Packages first and together, then one piece after the other, each told when it is done.
fn make(world: &World, host: &HostPlan, there: &mut Preparation, missing: &[&Wanted]) -> Result<(), Refusal> {
    let is_package = |wanted: &&&Wanted| matches!(wanted.piece, Piece::Package { .. });
    let packages: Vec<Piece> = missing.iter().filter(is_package).map(|wanted| wanted.piece.clone()).collect();
    let others = missing.iter().filter(|wanted| !is_package(wanted)).map(|wanted| vec![wanted.piece.clone()]);
    world.say("\n")?;
    for pieces in Some(packages).filter(|packages| !packages.is_empty()).into_iter().chain(others) {
        let names: Vec<String> = pieces.iter().map(Piece::name).collect();
        there.make(pieces).map_err(|troubles| {
            refused(
                ExitCode::BadNews,
                format!("{} on {} could not be made", names.join(", "), host.name),
                troubles,
            )
            .help("what was made before it stands; the same command goes on from there")
        })?;
        world.say(&words::made(&names))?;
    }
    Ok(())
}

fn undo(world: &World, args: &Args, host: &HostPlan, there: &mut Preparation) -> Result<ExitCode, Refusal> {
    let unread =
        |troubles| refused(ExitCode::System, format!("nothing was taken back on {}", host.name), troubles);
    let fates = there.undo(true).map_err(unread)?;
    let (text, has_any) = words::fates(host, &fates, false);
    world.say(&text)?;
    if args.plan || !has_any {
        return Ok(ExitCode::Fine);
    }
    if !args.yes && !agreed_or(world, &format!("Take this back on {}?", host.name), "--plan")? {
        world.say("Nothing was changed.\n")?;
        return Ok(ExitCode::Refused);
    }
    let fates = there.undo(false).map_err(unread)?;
    world.say(&words::fates(host, &fates, true).0)?;
    Ok(ExitCode::Fine)
}

fn look(host: &HostPlan, there: &mut Preparation, wanted: &[Wanted]) -> Result<Vec<Standing>, Refusal> {
    there.look(wanted).map_err(|troubles| {
        refused(ExitCode::Refused, format!("{} cannot be prepared as it stands", host.name), troubles)
    })
}

fn missing<'w>(wanted: &'w [Wanted], seen: &'w [Standing]) -> impl Iterator<Item = &'w Wanted> {
    wanted.iter().zip(seen).filter(|(_, seen)| matches!(seen, Standing::Missing(_))).map(|(wanted, _)| wanted)
}

fn refuse_barred(host: &HostPlan, seen: &[Standing]) -> Result<(), Refusal> {
    let barred = seen.iter().filter_map(|seen| match seen {
        Standing::Barred(trouble) => Some(trouble.clone()),
        Standing::There | Standing::Missing(_) | Standing::Waits(_) => None,
    });
    let barred: Vec<Trouble> = barred.collect();
    match barred.is_empty() {
        true => Ok(()),
        false => Err(refused(
            ExitCode::Refused,
            format!("{} lacks packages, and nothing was changed", host.name),
            barred,
        )),
    }
}

fn refused(code: ExitCode, what: String, troubles: Vec<Trouble>) -> Refusal {
    let mut refusal = Refusal::new(code, what);
    for trouble in troubles {
        refusal = refusal.because_of(trouble.what);
        for help in trouble.help.into_iter().filter(|help| !refusal.help.contains(help)).collect::<Vec<_>>() {
            refusal = refusal.help(help);
        }
    }
    refusal
}

fn reach(host: &HostPlan) -> String {
    match &host.ssh {
        Some(ssh) => format!("`ssh {ssh} true` must work without a question, as root or as a user with sudo"),
        None => "muster must be able to start itself on this machine".to_owned(),
    }
}

/// The host that is meant, of those in the file and this machine where a service runs on it.
fn choose(world: &World, name: Option<&str>) -> Result<Chosen, Refusal> {
    let none = || {
        Refusal::usage("there is no muster.toml that names a host or a service")
            .help("write a [host.NAME] table with its `ssh`, or begin with `muster new service NAME`")
    };
    let configuration = world.configuration()?.ok_or_else(none)?;
    let plan = configuration.judge().0.ok_or_else(|| {
        Refusal::usage(format!("{} cannot be used", configuration.path.display()))
            .help(format!("`muster config check {}` shows the faults", configuration.path.display()))
    })?;
    let mut hosts = plan.hosts;
    for host in plan.services.iter().flat_map(|service| &service.hosts) {
        if !hosts.iter().any(|there| there.name == host.name) {
            hosts.push(host.clone());
        }
    }
    let names: Vec<String> = hosts.iter().map(|host| host.name.clone()).collect();
    let help = format!("there are: {}", names.join(", "));
    let is_meant = |host: &HostPlan, name: &str| host.name == name || host.ssh.as_deref() == Some(name);
    let host = match name {
        _ if hosts.is_empty() => return Err(none()),
        Some(name) => hosts.into_iter().find(|host| is_meant(host, name)).ok_or_else(|| {
            Refusal::new(ExitCode::NotFound, format!("no host of muster.toml is called {name}")).help(help)
        })?,
        None if hosts.len() > 1 => return Err(Refusal::usage("there is more than one host").help(help)),
        None => hosts.into_iter().next().ok_or_else(none)?,
    };
    let runs_there = |service: &ServicePlan| service.hosts.iter().any(|one| one.name == host.name);
    let services = plan.services.into_iter().filter(runs_there).collect();
    Ok(Chosen { host, services })
}
