//! Brings the two files into force. What nginx does with them shows only in what it answers: it ends well when it is told to
//! read files that it then cannot use, because a port is taken, and goes on with what it had.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use muster_host::atomic::{self, Durability};
use muster_host::nginx::Configuration;

use super::program::Log;
use super::server::Nginx;
use super::text::Texts;
use super::{flag, program, text};
use crate::release::Side;
use crate::trouble::Trouble;

/// Time for one question, and between two.
const ANSWER: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(20);
/// So many fresh connections in a row must meet the new files: workers of before take connections for a moment longer.
const ENOUGH: u32 = 3;
/// Time for taking everything back.
const BACK: Duration = Duration::from_secs(5);
/// Most bytes of a file of ours.
const LENGTH: u64 = 1 << 20;

/// What stood at a path.
struct Before {
    path: PathBuf,
    /// None if nothing did.
    held: Option<(Vec<u8>, u32)>,
}

pub(super) fn install(nginx: &Nginx, until: Instant) -> Result<bool, Trouble> {
    flag::make(&nginx.place.flags).map_err(|error| told(&nginx.place.flags, &error))?;
    lead(nginx, flag::side(&nginx.place.flags)?, until)
}

/// Brings the files into force that are right while requests are led to a side; true if anything changed.
pub(super) fn lead(nginx: &Nginx, side: Side, until: Instant) -> Result<bool, Trouble> {
    let texts = nginx.texts(side);
    let paths = [nginx.upstreams(), nginx.snippet()];
    let before = paths.iter().map(|path| look(path)).collect::<Result<Vec<_>, _>>()?;
    let wanted = [&texts.upstreams, &texts.snippet];
    let is_same = before.iter().zip(wanted).all(|(before, wanted)| {
        before.held.as_ref().is_some_and(|(bytes, _)| bytes.as_slice() == wanted.as_bytes())
    });
    if is_same && serves(nginx, &texts, until) {
        return Ok(false);
    }
    let conf = Configuration::read(&nginx.place.conf);
    let built = program::built(&nginx.place, until)?;
    let log = program::log(&nginx.place, &conf, &built);
    let made = folders(&paths)?;
    let outcome = force(nginx, &texts, &before, log.as_ref(), until);
    if let Err((trouble, was_told)) = outcome {
        return Err(back(nginx, before, &made, was_told, trouble));
    }
    Ok(true)
}

/// Removes both files and has nginx read what is left. Where somebody names them without a wildcard, nginx would not start
/// again without them: then they stay.
pub(super) fn remove(nginx: &Nginx, until: Instant) -> Result<(), Trouble> {
    let before =
        [nginx.upstreams(), nginx.snippet()].iter().map(|path| look(path)).collect::<Result<Vec<_>, _>>()?;
    for it in &before {
        gone(&it.path).map_err(|error| told(&it.path, &error))?;
    }
    if program::test(&nginx.place, until).is_ok() {
        return program::reload(&nginx.place, until);
    }
    for it in before {
        put_back(it)?;
    }
    Ok(())
}

fn put_back(before: Before) -> Result<(), Trouble> {
    let Before { path, held } = before;
    let done = match held {
        Some((bytes, mode)) => atomic::write(&path, &bytes, mode, Durability::Disk),
        None => gone(&path),
    };
    done.map_err(|error| Trouble::new(format!("{} could not be put back: {error}", path.display())))
}

fn gone(path: &Path) -> io::Result<()> {
    fs::remove_file(path).or_else(|error| match error.kind() {
        ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    })
}

/// Writes, tests, tells nginx, and waits until it serves by what was written. The flag of a failure says whether nginx was
/// told.
fn force(
    nginx: &Nginx,
    texts: &Texts,
    before: &[Before],
    log: Option<&Log>,
    until: Instant,
) -> Result<(), (Trouble, bool)> {
    // The first one holds the token, and nginx reads it as root.
    let wanted = [(&texts.upstreams, 0o600), (&texts.snippet, 0o644)];
    for (before, (text, mode)) in before.iter().zip(wanted) {
        atomic::write(&before.path, text.as_bytes(), mode, Durability::Disk)
            .map_err(|error| (told(&before.path, &error), false))?;
    }
    program::test(&nginx.place, until).map_err(|trouble| (trouble, false))?;
    program::reload(&nginx.place, until).map_err(|trouble| (trouble, true))?;
    let mut met = 0;
    while met < ENOUGH {
        met = if asked(nginx, texts, until) { met + 1 } else { 0 };
        let has_given_up =
            || log.is_some_and(|log| log.faults().iter().any(|line| line.contains("still could not bind")));
        if met == 0 && (Instant::now() >= until || has_given_up()) {
            return Err((unmoved(log), true));
        }
        if met == 0 {
            thread::sleep(PAUSE.min(until.saturating_duration_since(Instant::now())));
        }
    }
    Ok(())
}

fn unmoved(log: Option<&Log>) -> Trouble {
    let lines = log.map(Log::faults).unwrap_or_default();
    let why = lines.first().map_or_else(String::new, |line| format!(": {line}"));
    let trouble =
        Trouble::new(format!("nginx was told to read its files again and goes on with those of before{why}"));
    match lines.is_empty() {
        true => trouble.help("look into the error log of nginx"),
        false => trouble.lines(lines),
    }
}

/// Whether nginx serves by these texts already.
fn serves(nginx: &Nginx, texts: &Texts, until: Instant) -> bool {
    (0..ENOUGH).all(|_| asked(nginx, texts, until))
}

fn asked(nginx: &Nginx, texts: &Texts, until: Instant) -> bool {
    let until = until.min(Instant::now() + ANSWER);
    let reply = nginx.get(&text::probe(&nginx.service), until);
    reply.is_ok_and(|reply| reply.generation.as_ref() == Some(&texts.generation))
}

/// Puts back what stood there, and has nginx read it.
fn back(
    nginx: &Nginx,
    before: Vec<Before>,
    made: &[PathBuf],
    was_told: bool,
    mut trouble: Trouble,
) -> Trouble {
    for before in before {
        if let Err(stays) = put_back(before) {
            trouble.lines.push(stays.what);
        }
    }
    for folder in made {
        // Somebody else may have put something into it.
        let _kept = fs::remove_dir(folder);
    }
    if was_told && let Err(again) = program::reload(&nginx.place, Instant::now() + BACK) {
        trouble.lines.push(format!("with the files of before: {}", again.what));
        trouble.lines.extend(again.lines);
    }
    trouble
}

fn look(path: &Path) -> Result<Before, Trouble> {
    let read = || -> io::Result<(Vec<u8>, u32)> {
        let file = File::open(path)?;
        let mode = file.metadata()?.permissions().mode() & 0o777;
        let mut bytes = Vec::new();
        match file.take(LENGTH + 1).read_to_end(&mut bytes)? as u64 > LENGTH {
            true => Err(io::Error::other("it is too long to be ours")),
            false => Ok((bytes, mode)),
        }
    };
    match read() {
        Ok(held) => Ok(Before { path: path.to_owned(), held: Some(held) }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Before { path: path.to_owned(), held: None }),
        Err(error) => Err(told(path, &error)),
    }
}

/// Makes the folders of files; the answer names those that were not there.
fn folders(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Trouble> {
    let mut made = Vec::new();
    for folder in paths.iter().filter_map(|path| path.parent()) {
        match fs::create_dir(folder) {
            Ok(()) => made.push(folder.to_owned()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(told(folder, &error)),
        }
    }
    Ok(made)
}

fn told(path: &Path, error: &io::Error) -> Trouble {
    Trouble::new(format!("{}: {error}", path.display()))
}
