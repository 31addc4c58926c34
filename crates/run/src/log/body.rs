//! The text of a log as bytes, whether it is compressed by now or not. Offsets are the same before and after.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::packed::Packed;

/// Ending of a compressed log, behind the name of the plain one.
pub(super) const ENDING: &str = "zst";

/// Where the compressed form of a log is.
pub(super) fn packed_path(log: &Path) -> PathBuf {
    let mut path = log.as_os_str().to_owned();
    path.push(".");
    path.push(ENDING);
    PathBuf::from(path)
}

/// An open log.
#[derive(Debug)]
pub(super) enum Body {
    Plain(File),
    Packed(Packed),
}

impl Body {
    /// Opens the log of this name, or its compressed form.
    ///
    /// # Errors
    /// When neither is there, or it cannot be read.
    pub(super) fn open(log: &Path) -> io::Result<Self> {
        let plain = || File::open(log).map(Self::Plain);
        match plain() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => match File::open(packed_path(log)) {
                Ok(file) => Packed::open(file).map(Self::Packed),
                Err(_) => Err(error),
            },
            other => other,
        }
    }

    /// Bytes of text by now.
    ///
    /// # Errors
    /// When the file cannot be looked at.
    pub(super) fn size(&self) -> io::Result<u64> {
        match self {
            Self::Plain(file) => Ok(file.metadata()?.len()),
            Self::Packed(packed) => Ok(packed.size()),
        }
    }

    /// Reads text from `offset` on, at most `limit` bytes, less only at the end.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn read(&self, offset: u64, limit: u64) -> io::Result<Vec<u8>> {
        let left = self.size()?.saturating_sub(offset).min(limit);
        let left = usize::try_from(left).unwrap_or(0);
        let file = match self {
            Self::Plain(file) => file,
            Self::Packed(packed) => return packed.read(offset, left),
        };
        let mut bytes = vec![0; left];
        let mut read = 0;
        while let Some(rest) = bytes.get_mut(read..).filter(|rest| !rest.is_empty()) {
            match file.read_at(rest, offset + read as u64)? {
                0 => break,
                more => read += more,
            }
        }
        bytes.truncate(read);
        Ok(bytes)
    }
}
