//! `muster new`.

use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use muster_config::render::render;
use muster_deploy::base::make_user;
use muster_deploy::scaffold::entries;
use muster_deploy::scaffold::languages::{LANGUAGES, find};
use muster_deploy::scaffold::order::{Order, Way};
use muster_deploy::scaffold::plan::{Item, plan};
use muster_deploy::scaffold::write::{Owner, Standing, below, look, make, user};
use muster_deploy::trouble::Trouble;
use muster_host::adopt::place::{About, NotReplaced, Place};

use super::init::usual_place;
use crate::ask::agreed;
use crate::exit_code::ExitCode;
use crate::refusal::Refusal;
use crate::say::new::{contents, entries_of, next, plan_of};
use crate::world::World;

/// Begins something new
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    Service(Service),
}

/// Writes all that a new service needs, from its code to its site
///
/// A folder /opt/NAME with a small app that works, its image, its pipeline, its logs and its environment; a unit, a site
/// of nginx and a snippet for logrotate, none of them enabled; a system user for it; and its tables in muster.toml. The plan
/// is shown first. What is there already and differs is never overwritten, and a second run changes nothing.
#[derive(Debug, clap::Args)]
pub(crate) struct Service {
    /// Its name: small letters, digits and `-`
    name: String,
    /// What it is written in
    #[arg(long, value_name = "LANGUAGE", value_parser = PossibleValuesParser::new(LANGUAGES.iter().map(|one| one.name)))]
    lang: String,
    /// The name that users reach it by
    #[arg(long, value_name = "NAME")]
    domain: String,
    /// The repository of its image; Docker runs it
    #[arg(long, value_name = "REPOSITORY", required_unless_present = "git", conflicts_with = "git")]
    image: Option<String>,
    /// The repository of its code; systemd runs it
    #[arg(long, value_name = "URL")]
    git: Option<String>,
    /// A [host] of muster.toml that it runs on, once for each [default: this machine]
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
    /// The user that owns its folder, made if it is not there [default: its name]
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Where it listens while it is tried, and inside its container
    #[arg(long, default_value = "8080", value_parser = clap::value_parser!(u16).range(1024..))]
    port: u16,
    /// Writes below this folder instead, to try it
    #[arg(long, default_value = "/", value_name = "DIR")]
    root: PathBuf,
    /// Only shows what would be written, with all texts
    #[arg(long)]
    dry_run: bool,
    /// Does not ask
    #[arg(short, long, conflicts_with = "dry_run")]
    yes: bool,
}

/// What would be written into muster.toml.
struct Tables {
    path: PathBuf,
    old: Option<String>,
    entries: entries::Entries,
    /// The names of the hosts that the service runs on.
    hosts: Vec<String>,
}

pub(crate) fn execute(world: &World, verb: Verb) -> Result<ExitCode, Refusal> {
    match verb {
        Verb::Service(args) => service(world, args),
    }
}

fn service(world: &World, args: Service) -> Result<ExitCode, Refusal> {
    let (order, mut owner, needs_user) = order(&args)?;
    let items =
        plan(&order).map_err(|error| Refusal::system("a template of this program is broken", &error))?;
    let tables = tables(world, &order, &args.root)?;
    if args.dry_run {
        world.say(&contents(&items, &tables.path, &tables.entries, tables.old.as_deref()))?;
        return Ok(ExitCode::Fine);
    }
    let mut seen = Vec::with_capacity(items.len());
    for item in &items {
        seen.push((item, look(&args.root, item).map_err(|trouble| refusal(ExitCode::System, trouble))?));
    }
    world.say(&plan_of(&order, &args.root, &seen, needs_user))?;
    world.say(&entries_of(&tables.path, &tables.entries))?;
    refuse_others(&args.root, &seen)?;
    let missing: Vec<&Item> =
        seen.iter().filter(|(_, standing)| *standing == Standing::Missing).map(|(item, _)| *item).collect();
    if missing.is_empty() && tables.entries.added.is_empty() && !needs_user {
        world.say("\nEverything is there; nothing to do.\n")?;
        return Ok(ExitCode::Fine);
    }
    if !args.yes && !agreed(world, "Write it?")? {
        world.say("Nothing was written.\n")?;
        return Ok(ExitCode::Refused);
    }
    if needs_user {
        let home = PathBuf::from(format!("/opt/{}", order.name));
        make_user(&order.user, &home).map_err(|trouble| refusal(ExitCode::System, trouble))?;
        owner = user(&args.root, &order.user).map(|(owner, _)| owner);
    }
    for item in &missing {
        make(&args.root, item, owner).map_err(|trouble| refusal(ExitCode::System, trouble))?;
    }
    // Last: what is expected must be there by then.
    write(&tables)?;
    world.say(&next(&order, &tables.hosts))?;
    Ok(ExitCode::Fine)
}

/// What is ordered, who owns it, and whether that user is to be made first.
fn order(args: &Service) -> Result<(Order, Option<Owner>, bool), Refusal> {
    let name = args.user.clone().unwrap_or_else(|| args.name.clone());
    let is_root = rustix::process::geteuid().is_root();
    let way = match (&args.image, &args.git) {
        (Some(image), _) => Way::Docker { image: image.clone() },
        (None, Some(git)) => Way::Systemd { git: git.clone() },
        (None, None) => return Err(Refusal::usage("neither --image nor --git was given")),
    };
    let language = find(&args.lang)
        .ok_or_else(|| Refusal::usage(format!("{} is no language that this program knows", args.lang)))?;
    let mut order = Order {
        name: args.name.clone(),
        language,
        way,
        domain: args.domain.to_ascii_lowercase(),
        port: args.port,
        hosts: args.host.clone(),
        group: name.clone(),
        user: name,
    };
    order.check().map_err(|trouble| refusal(ExitCode::Usage, trouble))?;
    let found = user(&args.root, &order.user);
    let needs_user = found.is_none() && is_root && args.root == Path::new("/");
    let owner = found.map(|(owner, group)| {
        order.group = group;
        owner
    });
    Ok((order, owner.filter(|_| is_root), needs_user))
}

/// The tables for muster.toml, once the real reader takes the whole file.
fn tables(world: &World, order: &Order, root: &Path) -> Result<Tables, Refusal> {
    let path = match root == Path::new("/") {
        true => usual_place(world),
        false => below(root, Path::new("/etc/muster/muster.toml")),
    };
    let path = std::path::absolute(&path)
        .map_err(|error| Refusal::system(format!("cannot make {} absolute", path.display()), &error))?;
    let old = match path.exists() {
        true => Some(world.configuration_at(path.clone())?),
        false => None,
    };
    if let Some(configuration) = &old
        && let (None, faults) = configuration.judge()
    {
        world.complain(&render(&faults, &configuration.text));
        return Err(Refusal::usage(format!(
            "{} is faulty, and nothing is added to a faulty file",
            path.display()
        ))
        .help(format!("`muster config check {}` shows the faults again", path.display())));
    }
    let old = old.map(|configuration| configuration.text);
    let entries = entries::add(order, old.as_deref().unwrap_or_default())
        .map_err(|error| Refusal::system("a template of this program is broken", &error))?;
    let fresh = world.empty_configuration().with(&path, entries.text.clone());
    let (judged, faults) = fresh.judge();
    let Some(judged) = judged else {
        world.complain(&render(&faults, &fresh.text));
        return Err(Refusal::usage(
            "its tables in muster.toml would not be read back, and nothing was written",
        )
        .help("correct what was given on the command line, or [host] in muster.toml"));
    };
    let hosts = judged.services.iter().filter(|service| service.name == order.name);
    let hosts = hosts.flat_map(|service| &service.hosts).map(|host| host.name.clone()).collect();
    Ok(Tables { path, old, entries, hosts })
}

fn write(tables: &Tables) -> Result<(), Refusal> {
    let Tables { path, old, entries, .. } = tables;
    if entries.added.is_empty() {
        return Ok(());
    }
    let unwritten =
        |error: std::io::Error| Refusal::system(format!("cannot write {}", path.display()), &error);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(unwritten)?;
    }
    let about = About {
        uid: rustix::process::geteuid().as_raw(),
        gid: rustix::process::getegid().as_raw(),
        mode: 0o644,
    };
    let old = old.as_deref().map(str::as_bytes);
    match Place::File(path.clone()).replace(old, entries.text.as_bytes(), about) {
        Ok(()) => Ok(()),
        Err(NotReplaced::Changed) => Err(Refusal::new(
            ExitCode::Refused,
            format!("{} was changed meanwhile, and was left as it is", path.display()),
        )
        .help("the same command finishes what was begun")),
        Err(NotReplaced::System(error)) => Err(unwritten(error)),
    }
}

fn refuse_others(root: &Path, seen: &[(&Item, Standing)]) -> Result<(), Refusal> {
    let others = seen.iter().filter_map(|(item, standing)| match standing {
        Standing::Other(why) => Some(format!("{}: {why}", below(root, &item.path).display())),
        Standing::Missing | Standing::Same => None,
    });
    let others: Vec<String> = others.collect();
    if others.is_empty() {
        return Ok(());
    }
    let mut refusal = Refusal::new(
        ExitCode::Refused,
        "something else is there already, and nothing was written",
    )
    .help(
        "--dry-run shows every text; move away what is in the way, or take over by hand what you want of it",
    );
    for other in others {
        refusal = refusal.because_of(other);
    }
    Err(refusal)
}

fn refusal(code: ExitCode, trouble: Trouble) -> Refusal {
    let refusal = Refusal::new(code, trouble.what);
    match trouble.help {
        Some(help) => refusal.help(help),
        None => refusal,
    }
}
