//! Makes pieces that are missing. Each is written down first; one that is there by now is left as it is.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::record::{Made, Record, told};
use super::{Base, Piece, is_plain, packages, run, units};
use crate::books::digest;
use crate::program::Ended;
use crate::scaffold::plan::{Item, What};
use crate::scaffold::write::{self, user};
use crate::trouble::Trouble;

/// The longest that making a user may take.
const USER: Duration = Duration::from_secs(60);

impl Base {
    /// Makes pieces that [`look`](Self::look) found missing; packages among them all at once.
    ///
    /// # Errors
    /// The first one that could not be made. Those before it stand, and are on record.
    pub fn make(&self, pieces: &[Piece]) -> Result<(), Trouble> {
        let mut record = Record::open(&self.folder)?;
        let names = pieces.iter().filter_map(|piece| match piece {
            Piece::Package { name, .. } if is_plain(name) => Some(name.as_str()),
            _ => None,
        });
        let names: Vec<&str> = names.collect();
        if !names.is_empty() {
            record.add(Made::Packages(names.iter().map(|&name| name.to_owned()).collect()))?;
            packages::install(&names)?;
        }
        for piece in pieces {
            self.one(piece, &mut record)?;
        }
        record.close();
        Ok(())
    }

    fn one(&self, piece: &Piece, record: &mut Record) -> Result<(), Trouble> {
        match piece {
            Piece::Package { .. } => Ok(()),
            Piece::User { name, home } => match user(&self.root, name) {
                Some(_) => Ok(()),
                None => {
                    record.add(Made::User(name.clone()))?;
                    make_user(name, home)
                }
            },
            Piece::Folder { path, mode } => self.folder(path, *mode, record),
            Piece::File { path, text, mode } => self.file(path, text, *mode, None, record),
            Piece::Settings { path, text, owner, .. } => {
                self.settings_file(path, text, owner.as_deref(), record)
            }
            Piece::Site { service, text, .. } => self.make_site(service, text, record),
            Piece::Program => self.make_program(record),
            Piece::Unit { name, .. } => units::make(name, record),
        }
    }

    fn folder(&self, path: &Path, mode: u32, record: &mut Record) -> Result<(), Trouble> {
        let there = self.below(path);
        // Those above it are made as well, and go with it.
        let above = there.ancestors().take_while(|folder| !folder.exists());
        let missing: Vec<PathBuf> = above.map(Path::to_owned).collect();
        for folder in missing.iter().rev() {
            record.add(Made::Folder(folder.clone()))?;
            let item = Item {
                path: folder.strip_prefix(&self.root).unwrap_or(folder).to_owned(),
                what: What::Folder,
                mode,
                is_theirs: false,
                about: "",
            };
            write::make(&self.root, &item, None)?;
        }
        Ok(())
    }

    fn file(
        &self,
        path: &Path,
        text: &str,
        mode: u32,
        owner: Option<&str>,
        record: &mut Record,
    ) -> Result<(), Trouble> {
        let there = self.below(path);
        if there.exists() {
            return Ok(());
        }
        let owner =
            match owner {
                Some(name) => Some(user(&self.root, name).map(|(owner, _)| owner).ok_or_else(|| {
                    Trouble::new(format!("there is no user {name} to own {}", path.display()))
                })?),
                None => None,
            };
        record.add(Made::File { path: there, digest: digest(text.as_bytes()) })?;
        let what = What::File(text.to_owned());
        let item = Item { path: path.to_owned(), what, mode, is_theirs: owner.is_some(), about: "" };
        write::make(&self.root, &item, owner)
    }

    fn settings_file(
        &self,
        path: &Path,
        text: &str,
        owner: Option<&str>,
        record: &mut Record,
    ) -> Result<(), Trouble> {
        let there = self.below(path);
        let Ok(about) = fs::metadata(&there) else { return self.file(path, text, 0o600, owner, record) };
        let mode = about.mode() & 0o7777;
        if mode & 0o077 == 0 {
            return Ok(());
        }
        record.add(Made::Mode { path: there.clone(), from: mode, to: 0o600 })?;
        fs::set_permissions(&there, fs::Permissions::from_mode(0o600)).map_err(|error| told(path, &error))
    }
}

/// Makes a system user on this host.
///
/// # Errors
/// A name that is none, or what useradd(8) says.
pub fn make_user(name: &str, home: &Path) -> Result<(), Trouble> {
    if !is_plain(name) {
        return Err(Trouble::new(format!("{name:?} is no name of a user")));
    }
    let home = home.to_string_lossy();
    let words = ["useradd", "--system", "--user-group", "--home-dir", &home, "--no-create-home"];
    let words: Vec<&str> = words.into_iter().chain(["--shell", "/usr/sbin/nologin", "--", name]).collect();
    run(&words, &[], USER).and_then(Ended::good).map(drop)
}
