//! The side of a service, on disk: green while the flag is there, blue without it.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use muster_host::atomic::{self, Durability};

use crate::release::Side;
use crate::trouble::Trouble;

/// The flag in its folder.
pub(super) fn path(folder: &Path) -> PathBuf {
    folder.join("green")
}

/// The side that nginx sees: it follows links, and takes a file only.
pub(super) fn side(folder: &Path) -> Result<Side, Trouble> {
    let path = path(folder);
    match fs::metadata(&path) {
        Ok(found) if found.is_file() => Ok(Side::Green),
        Ok(_) => Ok(Side::Blue),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Side::Blue),
        Err(error) => Err(Trouble::new(format!("{}: {error}", path.display()))),
    }
}

/// Makes the side what it is to be, on disk.
pub(super) fn point(folder: &Path, service: &str, side: Side) -> Result<(), Trouble> {
    let path = path(folder);
    let turn = || match side {
        // The text is for whoever finds it; that the file is there is what counts, so the folder alone must reach the disk.
        Side::Green => {
            let text = format!("While this file is here, nginx leads {service} to its green side.\n");
            atomic::write(&path, text.as_bytes(), 0o644, Durability::Kernel)
        }
        Side::Blue => fs::remove_file(&path).or_else(|error| match error.kind() {
            ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        }),
    };
    turn()
        .and_then(|()| File::open(folder)?.sync_all())
        .map_err(|error| Trouble::new(format!("{}: {error}", path.display())))
}

/// Makes the folder, which nginx must be able to look into.
pub(super) fn make(folder: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = folder.ancestors().take_while(|path| !path.exists()).collect();
    for path in missing.into_iter().rev() {
        fs::create_dir(path)?;
        // Whatever the mask says.
        fs::set_permissions(path, Permissions::from_mode(0o755))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_is_what_it_was_pointed_to_however_often() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = folder.path().join("a/b");
        make(&at).expect("made");
        make(&at).expect("there already");
        assert_eq!(at.metadata().expect("there").permissions().mode() & 0o777, 0o755);
        for side in [Side::Blue, Side::Green, Side::Green, Side::Blue, Side::Blue, Side::Green] {
            point(&at, "api", side).expect("pointed");
            assert_eq!(super::side(&at), Ok(side));
            let others = usize::from(side == Side::Green);
            assert_eq!(fs::read_dir(&at).expect("listed").count(), others, "nothing is left beside it");
        }
    }

    #[test]
    fn without_its_folder_a_side_cannot_be_pointed_to() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = folder.path().join("gone");
        for side in Side::BOTH {
            assert!(point(&at, "api", side).is_err_and(|trouble| trouble.what.contains("gone/green")));
        }
        assert_eq!(super::side(&at), Ok(Side::Blue));
    }

    #[test]
    fn what_nginx_would_not_take_for_the_flag_is_none() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(path(folder.path())).expect("made");
        assert_eq!(side(folder.path()), Ok(Side::Blue));
        assert!(point(folder.path(), "api", Side::Green).is_err());
    }
}
