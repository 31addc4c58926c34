//! Files that are replaced, and the order in which it happens: originals are kept and noted first, then each file is
//! replaced whole. A kill at any moment leaves every file old or new, and the same command finishes the work.

use std::path::PathBuf;

use muster_core::time::Timestamp;
use muster_host::adopt::place::{About, NotReplaced, Place};
use muster_host::adopt::record::{self, Record};
use muster_host::state::Layout;

use crate::exit_code::ExitCode;
use crate::refusal::Refusal;

/// One file, before and after.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    /// As people know it.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) place: Place,
    /// None if it is new.
    pub(crate) old: Option<Vec<u8>>,
    /// What it is to be; an empty drop-in is taken away.
    pub(crate) new: Vec<u8>,
    /// Whose a new file is to be.
    pub(crate) about: About,
}

impl Change {
    /// A change of a file that ordinary users may read.
    pub(crate) fn of_file(name: String, path: PathBuf, old: Option<Vec<u8>>, new: Vec<u8>) -> Self {
        let about = About {
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
            mode: 0o644,
        };
        Self { name, place: Place::File(path), old, new, about }
    }
}

/// Keeps, notes and replaces, in this order.
///
/// # Errors
/// [`Refusal`] when somebody else changed a file meanwhile, or the system says no; what was not replaced is as before.
pub(crate) fn carry_out(
    changes: &[Change],
    layout: &Layout,
    record: &mut Record,
    at: Timestamp,
) -> Result<(), Refusal> {
    let _held = record::hold(layout).map_err(|error| {
        Refusal::system("another adoption goes on, or the state directory cannot be written", &error)
            .help("name another state directory with --state, or wait")
    })?;
    let unkept =
        |error: std::io::Error| Refusal::system("the originals cannot be kept; nothing was changed", &error);
    for change in changes {
        if let Some(old) = &change.old {
            let about = change.place.read().ok().flatten().map_or(change.about, |(_, about)| about);
            record.keep(layout, &change.name, old, about, at).map_err(unkept)?;
        }
    }
    record.write(layout).map_err(unkept)?;
    for change in changes {
        replace(change)?;
    }
    Ok(())
}

fn replace(change: &Change) -> Result<(), Refusal> {
    if let (Place::File(path), None) = (&change.place, &change.old)
        && let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty())
    {
        std::fs::create_dir_all(folder)
            .map_err(|error| Refusal::system(format!("cannot make {}", folder.display()), &error))?;
    }
    if let (Place::File(path), true) =
        (&change.place, change.new.is_empty() && change.name.ends_with(".conf"))
    {
        std::fs::remove_file(path)
            .map_err(|error| Refusal::system(format!("cannot remove {}", change.name), &error))?;
        // Others may have drop-ins of their own beside it.
        if let Some(folder) = path.parent() {
            drop(std::fs::remove_dir(folder));
        }
        return Ok(());
    }
    match change.place.replace(change.old.as_deref(), &change.new, change.about) {
        Ok(()) => Ok(()),
        Err(NotReplaced::Changed) => Err(Refusal::new(
            ExitCode::Refused,
            format!("{} was changed while the plan was made, and was left as it is", change.name),
        )
        .help("the same command makes a new plan, and finishes what was begun")),
        Err(NotReplaced::System(error)) => {
            Err(Refusal::system(format!("cannot write {}", change.name), &error))
        }
    }
}
