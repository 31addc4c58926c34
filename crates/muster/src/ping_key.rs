//! The secret part of the ping addresses: from the configuration, else made once and kept in the state directory.

use std::io;

use muster_config::secret::SecretRef;
use muster_host::atomic::{self, Durability};
use muster_host::state::{Layout, private_dir};
use muster_web::guard::digest;

use crate::refusal::Refusal;

/// Characters of a key that is made here: 128 bits.
const LENGTH: usize = 32;

/// The key in force.
///
/// # Errors
/// [`Refusal`] when the secret is not to be had, or the state directory cannot be written.
pub(crate) fn find(configured: Option<&SecretRef>, layout: &Layout) -> Result<String, Refusal> {
    if let Some(reference) = configured {
        let secret = muster_host::secret::resolve(reference).map_err(|error| {
            Refusal::system(format!("[muster].ping_key = {reference} is not to be had"), &error)
        })?;
        return Ok(secret.expose().to_owned());
    }
    let path = layout.root().join("ping.key");
    let unusable = |error: io::Error| Refusal::system(format!("{} cannot be used", path.display()), &error);
    match std::fs::read_to_string(&path) {
        Ok(text) if text.trim().len() == LENGTH => Ok(text.trim().to_owned()),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unusable(error)),
        Ok(_) | Err(_) => {
            let mut key =
                digest::secret().map_err(|error| Refusal::system("no ping key could be made", &error))?;
            key.truncate(LENGTH);
            private_dir(layout.root()).map_err(unusable)?;
            atomic::write(&path, format!("{key}\n").as_bytes(), 0o600, Durability::Disk).map_err(unusable)?;
            Ok(key)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = Layout::new(folder.path().join("state"));
        let key = find(None, &layout).expect("made");
        assert_eq!(key.len(), LENGTH);
        assert_eq!(find(None, &layout).expect("read"), key);
        std::fs::write(layout.root().join("ping.key"), "").expect("emptied");
        assert_ne!(find(None, &layout).expect("made anew"), key);
    }
}
