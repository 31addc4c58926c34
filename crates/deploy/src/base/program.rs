//! muster itself: the helper that looks is the program that is wanted.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use muster_host::atomic::{self, Durability};

use super::record::{Made, Record, told};
use super::{Base, MOMENT, PROGRAM, Standing, run, units};
use crate::books::digest;
use crate::trouble::Trouble;

/// The agent, which must run what stands there.
const AGENT: &str = "muster.service";

impl Base {
    pub(super) fn look_program(&self) -> Result<Standing, Trouble> {
        let path = self.below(Path::new(PROGRAM));
        Ok(match there(&path)? {
            None => Standing::Missing("this very program".to_owned()),
            Some(bytes) if bytes == own()? => Standing::There,
            Some(_) => {
                let said = run(&[&path.to_string_lossy(), "--version"], &[], MOMENT);
                let said = said.map(|ended| String::from_utf8_lossy(&ended.out).trim().to_owned());
                let which = said
                    .ok()
                    .filter(|said| !said.is_empty() && said.len() < 100 && !said.contains(char::is_control));
                let which = which.unwrap_or_else(|| "another program".to_owned());
                Standing::Missing(format!("replaces {which}, which is kept; an agent that runs is restarted"))
            }
        })
    }

    pub(super) fn make_program(&self, record: &mut Record) -> Result<(), Trouble> {
        let path = self.below(Path::new(PROGRAM));
        let bytes = own()?;
        let digest = digest(&bytes);
        let had = there(&path)?;
        match &had {
            Some(old) => {
                let kept = record.set_aside(old)?;
                record.add(Made::Replaced { path: path.clone(), kept, digest })?;
            }
            None => record.add(Made::File { path: path.clone(), digest })?,
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| told(folder, &error))?;
        }
        atomic::write(&path, &bytes, 0o755, Durability::Disk).map_err(|error| told(&path, &error))?;
        permit(&path)?;
        if had.is_some() && self.root == Path::new("/") { renew_agent() } else { Ok(()) }
    }
}

/// Has an agent that runs be the program that stands there now.
pub(super) fn renew_agent() -> Result<(), Trouble> {
    if units::runs(AGENT) { units::renew(AGENT) } else { Ok(()) }
}

/// The mask of the process must not decide who may run it.
pub(super) fn permit(path: &Path) -> Result<(), Trouble> {
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(path, mode).map_err(|error| told(path, &error))
}

fn own() -> Result<Vec<u8>, Trouble> {
    fs::read("/proc/self/exe").map_err(|error| Trouble::new(format!("this program: {error}")))
}

fn there(path: &Path) -> Result<Option<Vec<u8>>, Trouble> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(told(path, &error)),
    }
}
