//! Takes back what the record names, the last one first. What somebody changed since then stays, and so do packages and
//! users: others may have come to need them. While a release stands on the host all that it needs stays.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use muster_host::atomic::{self, Durability};
use serde::{Deserialize, Serialize};

use super::record::{Made, Record, told};
use super::{Base, program, site, units};
use crate::books::digest;
use crate::trouble::Trouble;

/// What becomes of something that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It is taken back, or would be.
    Back(String),
    /// It stays: what, and why.
    Stays(String, Trouble),
}

impl Base {
    /// What an undo would do. Nothing is changed.
    ///
    /// # Errors
    /// The record cannot be read, or something that it names cannot be seen.
    pub fn fates(&self) -> Result<Vec<Fate>, Trouble> {
        let record = Record::open(&self.folder)?;
        let mut fates = Vec::new();
        for made in record.made.iter().rev() {
            fates.extend(self.fate(made)?);
        }
        record.close();
        Ok(fates)
    }

    /// Takes everything back that may be. What stays is on record still.
    ///
    /// # Errors
    /// The record cannot be read or written.
    pub fn undo(&self) -> Result<Vec<Fate>, Trouble> {
        let mut record = Record::open(&self.folder)?;
        let (mut fates, mut left) = (Vec::new(), Vec::new());
        for made in record.made.clone().into_iter().rev() {
            let done = match self.fate(&made)? {
                None => continue,
                Some(Fate::Back(what)) => match self.take_back(&made) {
                    Ok(()) => {
                        fates.push(Fate::Back(what));
                        continue;
                    }
                    Err(trouble) => Fate::Stays(what, trouble),
                },
                Some(stays) => stays,
            };
            fates.push(done);
            left.push(made);
        }
        left.reverse();
        record.made = left;
        record.keep()?;
        record.close();
        Ok(fates)
    }

    /// What becomes of something; nothing where it is gone already.
    fn fate(&self, made: &Made) -> Result<Option<Fate>, Trouble> {
        Ok(match fate(made)? {
            // Its next deploy needs all of it. A muster of before does as well as this one.
            Some(Fate::Back(what)) if !self.deployed.is_empty() && !matches!(made, Made::Replaced { .. }) => {
                let why = Trouble::new(format!("{} is deployed here", self.deployed.join(", ")));
                Some(Fate::Stays(what, why))
            }
            other => other,
        })
    }

    fn take_back(&self, made: &Made) -> Result<(), Trouble> {
        match made {
            Made::Packages(_) | Made::User(_) => Ok(()),
            Made::Folder(path) => fs::remove_dir(path).map_err(|error| told(path, &error)),
            Made::File { path, .. } => {
                fs::remove_file(path).map_err(|error| told(path, &error))?;
                self.after(path)
            }
            Made::Mode { path, from, .. } => fs::set_permissions(path, fs::Permissions::from_mode(*from))
                .map_err(|error| told(path, &error)),
            Made::Replaced { path, kept, .. } => {
                let bytes = fs::read(kept).map_err(|error| told(kept, &error))?;
                atomic::write(path, &bytes, 0o755, Durability::Disk).map_err(|error| told(path, &error))?;
                program::permit(path)?;
                if self.root == Path::new("/") { program::renew_agent() } else { Ok(()) }
            }
            Made::Link { path, .. } => {
                fs::remove_file(path).map_err(|error| told(path, &error))?;
                site::reload(&self.root)
            }
            Made::Unit { name, enabled, active } => units::take_back(name, *enabled, *active),
        }
    }

    /// Whoever reads a file has to hear that it is gone.
    fn after(&self, path: &Path) -> Result<(), Trouble> {
        let is_unit = path.extension().is_some_and(|ending| ending == "service");
        if is_unit && self.root == Path::new("/") { units::reload() } else { Ok(()) }
    }
}

/// The same, whatever is deployed.
fn fate(made: &Made) -> Result<Option<Fate>, Trouble> {
    let back = |what: String| Some(Fate::Back(what));
    let stays = |what: String, why: Trouble| Some(Fate::Stays(what, why));
    let changed =
        || Trouble::new("somebody changed it since then").help("remove it by hand if nobody needs it");
    Ok(match made {
        Made::Packages(names) => {
            let names = names.join(" ");
            let why = Trouble::new("others may need it by now").help(format!("apt-get remove {names}"));
            stays(format!("package {names}"), why)
        }
        Made::User(name) => stays(
            format!("user {name}"),
            Trouble::new("files may be its own").help(format!("userdel {name}")),
        ),
        Made::Folder(path) => match fs::read_dir(path) {
            // What lies in it may go before it does.
            Ok(_) => back(format!("folder {}, if nothing else lies in it", path.display())),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(told(path, &error)),
        },
        Made::File { path, digest: ours } => {
            let what = format!("file {}", path.display());
            match read(path)? {
                None => None,
                Some(bytes) if digest(&bytes) == *ours => back(what),
                Some(_) => stays(what, changed()),
            }
        }
        Made::Mode { path, from, to } => {
            let what = format!("mode {from:04o} of {}", path.display());
            match fs::metadata(path) {
                Ok(about) if about.mode() & 0o7777 == *to => back(what),
                Ok(about) if about.mode() & 0o7777 == *from => None,
                Ok(_) => stays(what, changed()),
                Err(error) if error.kind() == ErrorKind::NotFound => None,
                Err(error) => return Err(told(path, &error)),
            }
        }
        Made::Replaced { path, kept, digest: ours } => {
            let what = format!("what {} was before", path.display());
            match (read(path)?, read(kept)?) {
                (there, Some(old)) if there.as_ref() == Some(&old) => None,
                (Some(bytes), Some(_)) if digest(&bytes) == *ours => back(what),
                (_, None) => stays(what, Trouble::new(format!("{} is gone", kept.display()))),
                (_, Some(_)) => stays(what, changed()),
            }
        }
        Made::Link { path, to } => match fs::read_link(path) {
            Ok(there) if there == *to => back(format!("link {}", path.display())),
            Ok(_) => stays(format!("link {}", path.display()), changed()),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(told(path, &error)),
        },
        Made::Unit { name, enabled, active } => match (enabled, active) {
            (true, true) => None,
            (false, true) => back(format!("unit {name}: no longer enabled")),
            (true, false) => back(format!("unit {name}: stopped")),
            (false, false) => back(format!("unit {name}: no longer enabled, and stopped")),
        },
    })
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, Trouble> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(told(path, &error)),
    }
}
