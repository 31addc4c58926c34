//! `muster init`.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::exit_code::ExitCode;
use crate::refusal::Refusal;
use crate::world::World;
use crate::{draft, unit};

/// Writes a muster.toml for what this host does by itself
///
/// Jobs that are wrapped with `muster run` become expectations; the others are written as comments with what to do. A
/// file that is there is never overwritten. The file holds no secrets, so everybody may read it: jobs of every user
/// need it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file to write [default: /etc/muster/muster.toml for root, ./muster.toml for others; with --systemd
    /// /etc/systemd/system/muster.service]
    file: Option<PathBuf>,
    /// Only shows what would be written
    #[arg(long)]
    dry_run: bool,
    /// The systemd unit of the agent instead; shown only, unless --write is given
    #[arg(long, conflicts_with = "dry_run")]
    systemd: bool,
    /// Writes the systemd unit
    #[arg(long, requires = "systemd")]
    write: bool,
}

pub(crate) fn execute(world: &World, args: Args) -> Result<ExitCode, Refusal> {
    if args.systemd {
        return systemd(world, args);
    }
    let host = world.discover();
    let text = draft::draft(&host, &world.zone_name());
    if args.dry_run {
        world.say(&text)?;
        return Ok(ExitCode::Fine);
    }
    let file = args.file.unwrap_or_else(|| usual_place(world));
    write_new(&file, &text)?;
    let wrapped = host.scheduled.iter().filter(|scheduled| scheduled.covered.is_some()).count();
    let bare = host.scheduled.len() - wrapped;
    world.say(&format!(
        "Wrote {}: {wrapped} already wrapped, {bare} as comments.\n\
         Next: say in it whom to tell, then `muster config check {}` and `muster up`.\n",
        file.display(),
        file.display()
    ))?;
    Ok(ExitCode::Fine)
}

fn systemd(world: &World, args: Args) -> Result<ExitCode, Refusal> {
    let program = std::env::current_exe()
        .map_err(|error| Refusal::system("this program does not know where it is installed", &error))?;
    let config =
        match world.named_config() {
            Some(path) => Some(std::path::absolute(&path).map_err(|error| {
                Refusal::system(format!("cannot make {} absolute", path.display()), &error)
            })?),
            None => None,
        };
    let text = unit::text(&program, config.as_deref());
    let file = args.file.unwrap_or_else(|| PathBuf::from(unit::PATH));
    let next = "systemctl daemon-reload && systemctl enable --now muster";
    if !args.write {
        world.say(&format!(
            "Plan, nothing is changed:\n\n1. write {}:\n\n{text}\n2. {next}\n\n`muster init --systemd --write` does the first.\n",
            file.display()
        ))?;
        return Ok(ExitCode::Fine);
    }
    write_new(&file, &text)?;
    world.say(&format!("Wrote {}.\nNext: {next}\n", file.display()))?;
    Ok(ExitCode::Fine)
}

pub(crate) fn usual_place(world: &World) -> PathBuf {
    match world.named_config() {
        Some(named) => named,
        None if rustix::process::geteuid().is_root() => PathBuf::from("/etc/muster/muster.toml"),
        None => PathBuf::from("muster.toml"),
    }
}

fn write_new(file: &Path, text: &str) -> Result<(), Refusal> {
    let made = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .map_or(Ok(()), |folder| std::fs::DirBuilder::new().recursive(true).mode(0o755).create(folder))
        .and_then(|()| OpenOptions::new().write(true).create_new(true).mode(0o644).open(file))
        .and_then(|mut open| open.write_all(text.as_bytes()));
    match made {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(Refusal::new(
            ExitCode::Refused,
            format!("{} is there already and was left as it is", file.display()),
        )
        .help("name another file, or look at what would be written: `muster init --dry-run`")),
        Err(error) => Err(Refusal::system(format!("cannot write {}", file.display()), &error)),
    }
}
