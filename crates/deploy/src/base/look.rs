//! How a host stands to the pieces of its base. Nothing is changed to find out.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::record::told;
use super::{Base, Piece, Standing, Wanted, holds, is_plain, packages, units};
use crate::environment;
use crate::scaffold::write::user;
use crate::trouble::Trouble;

impl Base {
    /// Looks at every piece.
    ///
    /// # Errors
    /// Something could not be seen.
    pub fn look(&self, wanted: &[Wanted]) -> Result<Vec<Standing>, Vec<Trouble>> {
        let seen: Vec<Result<Standing, Trouble>> = wanted.iter().map(|one| self.see(&one.piece)).collect();
        let (seen, blind): (Vec<_>, Vec<_>) = seen.into_iter().partition(Result::is_ok);
        match blind.is_empty() {
            true => Ok(seen.into_iter().flatten().collect()),
            false => Err(blind.into_iter().filter_map(Result::err).collect()),
        }
    }

    fn see(&self, piece: &Piece) -> Result<Standing, Trouble> {
        match piece {
            Piece::Package { name, proof } => Ok(package(name, proof)),
            Piece::User { name, .. } if !is_plain(name) => {
                Err(Trouble::new(format!("{name:?} is no name of a user")))
            }
            Piece::User { name, home } => Ok(match user(&self.root, name) {
                Some(_) => Standing::There,
                None => Standing::Missing(format!(
                    "a system user with a group of its own, home {}",
                    home.display()
                )),
            }),
            Piece::Folder { path, mode } => match fs::metadata(self.below(path)) {
                Ok(about) if about.is_dir() => Ok(Standing::There),
                Ok(_) => Err(Trouble::new(format!("{} is no folder", path.display())).help("move it away")),
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    Ok(Standing::Missing(format!("{mode:04o} root")))
                }
                Err(error) => Err(told(path, &error)),
            },
            Piece::File { path, mode, .. } => Ok(match self.about(path)? {
                Some(_) => Standing::There,
                None => Standing::Missing(format!("{mode:04o} root")),
            }),
            Piece::Settings { path, owner, required, .. } => self.settings(path, owner.as_deref(), required),
            Piece::Site { service, domains, text } => self.look_site(service, domains, text),
            Piece::Program => self.look_program(),
            Piece::Unit { name, proof } => units::look(name, proof),
        }
    }

    fn settings(&self, path: &Path, owner: Option<&str>, required: &[String]) -> Result<Standing, Trouble> {
        let Some(about) = self.about(path)? else {
            return Ok(Standing::Missing(format!(
                "0600 {}, with no value in it yet",
                owner.unwrap_or("root")
            )));
        };
        if about.mode() & 0o077 != 0 {
            return Ok(Standing::Missing(format!("mode {:04o} becomes 0600", about.mode() & 0o7777)));
        }
        let empty = environment::without_value(&self.below(path), required)?;
        if empty.is_empty() {
            return Ok(Standing::There);
        }
        let (names, shown) = (empty.join(", "), path.display());
        let verb = if empty.len() == 1 { "has" } else { "have" };
        Ok(Standing::Waits(
            Trouble::new(format!("{names} {verb} no value in it"))
                .help(format!("write {}=… into {shown} on that host", empty.join("=…, "))),
        ))
    }

    /// What stands at a path; it must be a file, or a link to one.
    fn about(&self, path: &Path) -> Result<Option<fs::Metadata>, Trouble> {
        match fs::metadata(self.below(path)) {
            Ok(about) if about.is_file() => Ok(Some(about)),
            Ok(_) => Err(Trouble::new(format!("{} is no file", path.display())).help("move it away")),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(told(path, &error)),
        }
    }
}

fn package(name: &str, proof: &[String]) -> Standing {
    if holds(proof) {
        return Standing::There;
    }
    match is_plain(name) && packages::has_apt() {
        true => Standing::Missing("by apt-get".to_owned()),
        false => Standing::Barred(
            Trouble::new(format!(
                "`{}` does not work here, and muster installs packages by apt-get alone",
                proof.join(" ")
            ))
            .help(format!("install what Debian calls {name}, then try again")),
        ),
    }
}
