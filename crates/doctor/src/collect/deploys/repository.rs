//! Whether the files of a repository are as git left them. Git itself is not asked: in a repository of somebody else's it
//! runs what that one says (hooks, filters, monitors).

use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use sha1::{Digest, Sha1};

use crate::collect::ground::Ground;
use crate::collect::projects::index::{self, Entry, number};
use crate::facts::deploys::Repository;

/// Most files of one repository.
const FILES: usize = 30_000;
/// Most changed files that are named.
const NAMED: usize = 20;
/// Most files whose content is compared; where more have another date, the whole was copied.
const COMPARED: usize = 40;
/// What git calls an empty file.
const EMPTY: [u8; 4] = [0xe6, 0x9d, 0xe2, 0x9b];

/// Where a file and its entry stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Same,
    Gone,
    Changed,
    /// Only its content can tell.
    Touched,
}

/// A repository, and why not all of it was seen.
type Seen = (Repository, Option<String>);

/// Looks at a repository; none where the folder is not one.
pub(super) fn look(
    ground: &Ground,
    folder: &str,
    runs: &str,
    until: Instant,
) -> Option<Result<Seen, String>> {
    match index::bytes(ground, folder) {
        Ok(Some(bytes)) => Some(compare(ground, folder, runs, &bytes, until)),
        Ok(None) => None,
        Err(why) => Some(Err(why)),
    }
}

fn compare(ground: &Ground, folder: &str, runs: &str, bytes: &[u8], until: Instant) -> Result<Seen, String> {
    let text = |name: &str| {
        let text = ground.read(&format!("{folder}/{name}")).ok().flatten();
        text.map(|text| text.lossy().to_ascii_lowercase()).unwrap_or_default()
    };
    if text(".git/config").contains("sha256") {
        return Err("its digests are SHA-256".to_owned());
    }
    let attributes = text(".gitattributes");
    let as_is = !["filter", "eol", "encoding", "ident", "text"].iter().any(|word| attributes.contains(word))
        && !text(".git/config").contains("autocrlf");
    let root = ground.folder(folder)?.ok_or("it is gone")?;
    let mut seen =
        Repository { folder: folder.to_owned(), runs: runs.to_owned(), changed: Vec::new(), more: 0 };
    let mut touched: Vec<(String, [u8; 20])> = Vec::new();
    let (mut count, mut late, mut place) = (0, false, Place::default());
    let end = index::each(bytes, |entry| {
        count += 1;
        late = count > FILES || (count % 256 == 0 && Instant::now() >= until);
        let Ok(name) = std::str::from_utf8(entry.name) else { return !late };
        match state(&root, &mut place, entry, name) {
            State::Same => {}
            State::Gone => keep(&mut seen, name, false),
            State::Changed => keep(&mut seen, name, true),
            State::Touched if touched.len() <= COMPARED => {
                let digest = entry.head.get(40..60).and_then(|digest| digest.try_into().ok());
                touched.extend(digest.map(|digest| (name.to_owned(), digest)));
            }
            State::Touched => {}
        }
        !late
    });
    let end = end.ok_or("not an index that is understood")?;
    // Its entries are in another file.
    if !late && bytes.get(end..end + 4) == Some(b"link") {
        return Err("an index in two parts".to_owned());
    }
    if as_is && touched.len() <= COMPARED {
        for (name, digest) in touched {
            if Instant::now() < until
                && content(ground, &format!("{folder}/{name}")).is_some_and(|own| own != digest)
            {
                keep(&mut seen, &name, true);
            }
        }
    }
    seen.changed.sort();
    // What was found is true, and the rest nobody saw.
    Ok((seen, late.then(|| format!("only {count} files were looked at in time"))))
}

fn keep(seen: &mut Repository, name: &str, is_there: bool) {
    match seen.changed.len() < NAMED {
        true => seen.changed.push((name.to_owned(), is_there)),
        false => seen.more += 1,
    }
}

/// The folder that was looked into last: entries are sorted, so that the next one is mostly in it as well.
#[derive(Default)]
struct Place {
    path: String,
    handle: Option<Result<OwnedFd, Errno>>,
}

impl Place {
    /// A folder of the repository, no link followed.
    fn open(root: &OwnedFd, path: &str) -> Self {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let guards = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let name = if path.is_empty() { "." } else { path };
        let handle = rustix::fs::openat2(root.as_fd(), name, flags, Mode::empty(), guards);
        Self { path: path.to_owned(), handle: Some(handle) }
    }
}

fn state(root: &OwnedFd, place: &mut Place, entry: &Entry<'_>, name: &str) -> State {
    let field = |at: usize| number(entry.head, at).unwrap_or(0);
    let kind = field(24) & 0o170_000;
    // A module, or a folder of a sparse checkout.
    if entry.aside || !matches!(kind, 0o100_000 | 0o120_000) {
        return State::Same;
    }
    let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
    // Git has no such names.
    if matches!(file, "" | "." | "..") {
        return State::Same;
    }
    if place.path != folder || place.handle.is_none() {
        *place = Place::open(root, folder);
    }
    let about = match &place.handle {
        Some(Ok(handle)) => rustix::fs::statat(handle, file, AtFlags::SYMLINK_NOFOLLOW),
        Some(Err(error)) => Err(*error),
        None => return State::Same,
    };
    let about = match about {
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return State::Gone,
        other => other,
    };
    let Ok(about) = about else { return State::Same };
    let is_link = FileType::from_raw_mode(about.st_mode) == FileType::Symlink;
    if is_link != (kind == 0o120_000) {
        return State::Changed;
    }
    let size = u32::try_from(about.st_size & 0xffff_ffff).unwrap_or(0);
    let empty = entry.head.get(40..44) == Some(&EMPTY);
    match (size == field(36), u32::try_from(about.st_mtime & 0xffff_ffff).unwrap_or(0) == field(8)) {
        (true, true) => State::Same,
        _ if is_link => {
            if size == field(36) {
                State::Same
            } else {
                State::Changed
            }
        }
        (true, false) => State::Touched,
        // So git marks what it wrote in the second of the index.
        (false, _) if field(36) == 0 && !empty => State::Touched,
        (false, _) => State::Changed,
    }
}

/// The name that git gives to what a file holds.
fn content(ground: &Ground, path: &str) -> Option<[u8; 20]> {
    let text = ground.read(path).ok()??;
    let mut hash = Sha1::new();
    hash.update(format!("blob {}\0", text.bytes.len()));
    hash.update(&text.bytes);
    Some(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_git_calls_changed_is_changed() {
        let root = tempfile::tempdir().expect("a folder");
        let shop = root.path().join("opt/shop");
        fs::create_dir_all(shop.join("src")).expect("a folder");
        let git = |arguments: &[&str]| {
            let who = ["-c", "user.name=a", "-c", "user.email=a@b.test"];
            let done = Command::new("git").arg("-C").arg(&shop).args(who).args(arguments).output().ok()?;
            done.status.success().then_some(done.stdout)
        };
        if git(&["init", "-q"]).is_none() {
            // There is no git here to be compared with.
            return;
        }
        for (name, text) in
            [("a.txt", "port=3000\n"), ("src/b.js", "let b;\n"), ("c.txt", "c\n"), ("d", "d\n"), ("e", "")]
        {
            fs::write(shop.join(name), text).expect("a file");
        }
        std::os::unix::fs::symlink("a.txt", shop.join("link")).expect("a link");
        git(&["add", "."]).expect("git adds");
        git(&["commit", "-q", "-m", "a"]).expect("git commits");
        let ground = Ground::new(root.path(), false);
        let changed = || {
            let until = Instant::now() + Duration::from_secs(10);
            let seen = look(&ground, "/opt/shop", "a unit", until).expect("a repository").expect("read");
            assert_eq!(seen.1, None);
            seen.0.changed
        };
        assert_eq!(changed(), []);
        let date = |name: &str, seconds: u64| {
            let file = fs::File::options().append(true).open(shop.join(name)).expect("a file");
            file.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(seconds)).expect("a date");
        };
        // Another date, another text of the same length, another length, none at all.
        date("d", 1_700_000_000);
        fs::write(shop.join("a.txt"), "port=3001\n").expect("a file");
        date("a.txt", 1_700_000_000);
        fs::write(shop.join("src/b.js"), "let b, c;\n").expect("a file");
        fs::remove_file(shop.join("c.txt")).expect("removed");
        fs::write(shop.join("new"), "x").expect("a file");
        let named: Vec<(String, bool)> = [("a.txt", true), ("c.txt", false), ("src/b.js", true)]
            .map(|(name, is_there)| (name.to_owned(), is_there))
            .to_vec();
        for version in ["2", "4"] {
            let bytes = fs::read(shop.join(".git/index")).expect("an index");
            assert_eq!(changed(), named, "{version}");
            fs::write(shop.join(".git/index"), bytes).expect("an index");
            git(&["update-index", "--index-version", "4"]).expect("git writes");
        }
    }
}
