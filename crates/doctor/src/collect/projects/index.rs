//! Which files of settings git has among its own, by `.git/index` (gitformat-index(5)), versions 2 to 4. Only names are read.

use std::io::Read;

use super::is_settings;
use crate::collect::ground::{Ground, because};

/// Largest index that is read, in bytes.
const LIMIT: u64 = 16 << 20;
/// Bytes of an entry before its name: times, owner, size, digest, flags.
const HEAD: usize = 62;
/// Set in the flags where two more bytes follow.
const EXTENDED: u16 = 0x4000;
/// Set where git is told to take the file as unchanged.
const ASSUMED: u16 = 0x8000;
/// Not zero in the entries of a merge that is not done.
const STAGES: u16 = 0x3000;

/// An entry of an index.
pub(in crate::collect) struct Entry<'e> {
    /// Its path below the folder.
    pub(in crate::collect) name: &'e [u8],
    /// Times, owner, size and digest as git wrote them.
    pub(in crate::collect) head: &'e [u8],
    /// Git is told not to look at the file, or it is one of several in a merge.
    pub(in crate::collect) aside: bool,
}

/// The tracked files of settings below a folder; none where the folder is not a repository with an index.
pub(super) fn tracked(ground: &Ground, folder: &str) -> Result<Option<Vec<String>>, String> {
    let Some(bytes) = bytes(ground, folder)? else { return Ok(None) };
    settings_in(&bytes).map(Some).ok_or_else(|| "not an index that is understood".to_owned())
}

/// The index of a folder; none where it is not a repository with one.
pub(in crate::collect) fn bytes(ground: &Ground, folder: &str) -> Result<Option<Vec<u8>>, String> {
    let Some(file) = ground.large(&format!("{folder}/.git/index")) else { return Ok(None) };
    let mut bytes = Vec::new();
    file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(|error| because(&error))?;
    if bytes.len() as u64 > LIMIT {
        return Err("larger than 16 MiB".to_owned());
    }
    Ok(Some(bytes))
}

fn settings_in(bytes: &[u8]) -> Option<Vec<String>> {
    let mut found: Vec<String> = Vec::new();
    each(bytes, |entry| {
        let last = entry.name.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        // An entry of another stage of a merge has the same name.
        if last.windows(4).any(|part| part == b".env")
            && let Ok(text) = std::str::from_utf8(entry.name)
            && is_settings(text.rsplit('/').next().unwrap_or(text))
            && found.last().is_none_or(|before| before != text)
        {
            found.push(text.to_owned());
        }
        true
    })?;
    Some(found)
}

/// Shows each entry until it was enough; where the entries end, or none where it is not an index that is understood.
pub(in crate::collect) fn each(bytes: &[u8], mut show: impl FnMut(&Entry<'_>) -> bool) -> Option<usize> {
    let rest = bytes.strip_prefix(b"DIRC")?;
    let version = number(rest, 0)?;
    let count = number(rest, 4)?;
    if !(2..=4).contains(&version) {
        return None;
    }
    let mut name: Vec<u8> = Vec::new();
    let mut at = 12;
    for _ in 0..count {
        let flags = u16::from_be_bytes(bytes.get(at + HEAD - 2..at + HEAD)?.try_into().ok()?);
        let head = bytes.get(at..at + HEAD)?;
        let mut start = at + HEAD;
        let mut aside = flags & (ASSUMED | STAGES) != 0;
        if version >= 3 && flags & EXTENDED != 0 {
            // Left out of a sparse checkout, or not added yet.
            aside |= bytes.get(start)? & 0x60 != 0;
            start += 2;
        }
        if version == 4 {
            let (drop, used) = offset(bytes.get(start..)?)?;
            start += used;
            name.truncate(name.len().checked_sub(drop)?);
        } else {
            name.clear();
        }
        let length = bytes.get(start..)?.iter().position(|byte| *byte == 0)?;
        name.extend_from_slice(&bytes[start..start + length]);
        at = match version {
            4 => start + length + 1,
            // One to eight zeros fill an entry up to a multiple of eight.
            _ => at + (start - at + length + 8) / 8 * 8,
        };
        if !show(&Entry { name: &name, head, aside }) {
            break;
        }
    }
    Some(at)
}

/// Four bytes as a number.
pub(in crate::collect) fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// How many bytes of the name before are dropped, and how many bytes say so.
fn offset(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0_usize;
    for (used, byte) in bytes.iter().take(5).enumerate() {
        value = (value << 7) | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, used + 1));
        }
        value += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn what_git_itself_wrote_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let git = |arguments: &[&str]| {
            Command::new("git")
                .arg("-C")
                .arg(folder.path())
                .args(arguments)
                .output()
                .ok()
                .filter(|done| done.status.success())
        };
        if git(&["init", "-q"]).is_none() {
            // There is no git here to be compared with.
            return;
        }
        for name in
            [".env", "api/.env.production", "api/.env.example", "api/main.rs", "web/long-name-of-a-file.env"]
        {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, "A=b\n").expect("a file");
        }
        std::fs::write(folder.path().join(".env.untracked"), "A=b\n").expect("a file");
        git(&["add", ".env", "api", "web"]).expect("git adds");
        for version in ["2", "3", "4"] {
            git(&["update-index", "--index-version", version]).expect("git writes");
            let bytes = std::fs::read(folder.path().join(".git/index")).expect("an index");
            assert_eq!(
                settings_in(&bytes).expect("an index"),
                [".env", "api/.env.production", "web/long-name-of-a-file.env"],
                "version {version}"
            );
            for end in 0..bytes.len() {
                let _ = settings_in(&bytes[..end]);
            }
        }
    }
}
