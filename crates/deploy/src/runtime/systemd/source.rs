//! Brings a release to this host: a commit of a repository, or a file that is here already. What has come whole has a mark
//! beside its folder.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use muster_config::plan::Source;
use muster_host::atomic::{self, Durability};
use sha2::{Digest, Sha256};

use super::Systemd;
use super::errand::Errand;
use super::folder::{self, Owner, ROOT};
use crate::program::{Ended, Input, Program};
use crate::release::Release;
use crate::trouble::Trouble;

/// The ending of the mark that a release has come whole.
const READY: &str = "ready";
/// Bytes of a list of names in an archive that are read.
const NAMES: usize = 64 << 20;
/// The longest version that is taken, in bytes.
const LONGEST: usize = 4096;
/// Most folders that are looked at for what is to go.
const FOLDERS: usize = 10_000;

impl Systemd {
    pub(super) fn bring(&self, version: &str, until: Instant) -> Result<String, Trouble> {
        if version.is_empty()
            || version.starts_with('-')
            || version.contains(char::is_control)
            || version.len() > LONGEST
        {
            return Err(Trouble::new(format!("`{}` is not a version", version.escape_debug())));
        }
        let owner = self.owner()?;
        if let Some(objection) = self.folder_objection() {
            return Err(objection);
        }
        folder::make_if_absent(&self.root, ROOT, 0o755)?;
        folder::make(&self.releases(), Owner { uid: 0, gid: owner.gid }, 0o750)?;
        folder::make_if_absent(&self.data(), owner, 0o750)?;
        let content = match &self.source {
            Source::Git { url, .. } => self.commit(url, version, until)?,
            Source::Artifact(_) => format!("sha256-{}", digest(Path::new(version))?),
        };
        let place = self.releases().join(self.name(&content));
        if place.with_added_extension(READY).is_file() && place.is_dir() {
            return Ok(place.display().to_string());
        }
        // Half of it, from a deploy that was broken off.
        remove(&place)?;
        folder::make(&place, ROOT, 0o700)?;
        match &self.source {
            Source::Git { .. } => self.check_out(&content, &place, until)?,
            Source::Artifact(_) => unpack(Path::new(version), &place, until)?,
        }
        if !self.build.is_empty() {
            folder::give(&place, owner)?;
            self.build(&place, until)?;
        }
        folder::give(&place, ROOT)?;
        let mark = place.with_added_extension(READY);
        atomic::write(&mark, b"", 0o600, Durability::Disk)
            .map_err(|error| Trouble::new(format!("{} cannot be written: {error}", mark.display())))?;
        Ok(place.display().to_string())
    }

    /// The folder for this content, built in this way.
    fn name(&self, content: &str) -> String {
        if self.build.is_empty() {
            return content.to_owned();
        }
        let mut how = hex(&Sha256::digest(self.build.join("\0").as_bytes()));
        how.truncate(8);
        format!("{content}-{how}")
    }

    fn build(&self, place: &Path, until: Instant) -> Result<(), Trouble> {
        let cache = format!("muster-{}", self.service);
        let errand = Errand {
            unit: format!("muster-{}-build", self.service),
            user: &self.user,
            folder: place,
            command: &self.build,
            // What it downloads is kept for the next build; it has no other home.
            properties: vec![
                format!("ReadWritePaths={}", super::unit::path(place)?),
                format!("CacheDirectory={cache}"),
                format!("Environment=HOME=/var/cache/{cache}"),
            ],
            memory: None,
        };
        let mut nowhere = File::options()
            .write(true)
            .open("/dev/null")
            .map_err(|error| Trouble::new(format!("/dev/null cannot be opened: {error}")))?;
        let (code, ended) = errand.run(&mut nowhere, until)?;
        match code {
            0 => Ok(()),
            code => {
                let trouble = ended.trouble();
                Err(Trouble::new(format!("the build ended with exit {code}")).lines(trouble.lines))
            }
        }
    }

    /// The whole name of the commit that a version means, which is in our clone then.
    fn commit(&self, url: &str, version: &str, until: Instant) -> Result<String, Trouble> {
        let clone = self.root.join("repo");
        if !clone.join("HEAD").is_file() {
            folder::make(&clone, ROOT, 0o700)?;
            git(&["init", "--quiet", "--bare", "."], &clone, None, until)?.good()?;
        }
        let known = |word: &str| -> Result<Option<String>, Trouble> {
            let commit = format!("{word}^{{commit}}");
            let words = ["rev-parse", "--quiet", "--verify", "--end-of-options", &commit];
            let ended = git(&words, &clone, None, until)?;
            let said = String::from_utf8_lossy(&ended.out).trim().to_owned();
            Ok(ended.status.success().then_some(said))
        };
        let is_whole = version.len() == 40 && version.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_whole && let Some(commit) = known(version)? {
            // What is named by its content and is here needs nobody.
            return Ok(commit);
        }
        let fetch =
            ["fetch", "--quiet", "--force", "--prune", "--tags", "--", url, "+refs/heads/*:refs/heads/*"];
        git(&fetch, &clone, None, until)?.good()?;
        for name in [format!("refs/heads/{version}"), format!("refs/tags/{version}"), version.to_owned()] {
            if let Some(commit) = known(&name)? {
                return Ok(commit);
            }
        }
        Err(Trouble::new(format!("the repository has no branch, tag or commit {version}")))
    }

    /// Files of a commit, by way of an index of their own: no hooks, and no attributes that leave something out.
    fn check_out(&self, commit: &str, place: &Path, until: Instant) -> Result<(), Trouble> {
        let clone = self.root.join("repo");
        let modules = format!("{commit}:.gitmodules");
        if git(&["cat-file", "-e", &modules], &clone, None, until)?.status.success() {
            return Err(Trouble::new("the commit has submodules, which are not fetched")
                .help("deploy an archive that has everything in it: artifact = \"…\""));
        }
        let index = place.with_added_extension("index");
        let files = || -> Result<(), Trouble> {
            git(&["read-tree", commit], &clone, Some((&index, place)), until)?.good()?;
            git(&["checkout-index", "--all", "--quiet"], &clone, Some((&index, place)), until)?.good()?;
            Ok(())
        };
        let done = files();
        drop(fs::remove_file(&index));
        done
    }

    pub(super) fn clear(&self, keep: &[Release]) -> Result<Vec<String>, Trouble> {
        let mut kept: BTreeSet<PathBuf> =
            keep.iter().map(|release| PathBuf::from(&release.artefact)).collect();
        kept.extend(self.in_use()?);
        let told = |error: io::Error| Trouble::new(format!("{}: {error}", self.releases().display()));
        let entries = match fs::read_dir(self.releases()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(told(error)),
        };
        let mut removed = Vec::new();
        for entry in entries.take(FOLDERS) {
            let entry = entry.map_err(told)?;
            if !entry.file_type().map_err(told)?.is_dir() || kept.contains(&entry.path()) {
                continue;
            }
            remove(&entry.path())?;
            removed.push(entry.path().display().to_string());
        }
        Ok(removed)
    }
}

/// Removes a release: first the mark, so that half of it is never taken for all.
fn remove(place: &Path) -> Result<(), Trouble> {
    let absent = |done: io::Result<()>| match done {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    };
    absent(fs::remove_file(place.with_added_extension(READY)))
        .and_then(|()| absent(fs::remove_dir_all(place)))
        .map_err(|error| Trouble::new(format!("{} cannot be removed: {error}", place.display())))
}

fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now()).max(Duration::from_millis(10))
}

/// Runs git without anybody to ask, and without what it does by the way; for a checkout with its index and its folder.
fn git(words: &[&str], clone: &Path, out: Option<(&Path, &Path)>, until: Instant) -> Result<Ended, Trouble> {
    let settings = ["gc.autoDetach=false", "maintenance.autoDetach=false", "core.hooksPath=/dev/null"];
    let mut all: Vec<&OsStr> =
        vec![OsStr::new("git"), OsStr::new("-C"), out.map_or(clone, |(_, place)| place).as_os_str()];
    all.extend(settings.iter().flat_map(|setting| [OsStr::new("-c"), OsStr::new(*setting)]));
    all.extend(words.iter().map(OsStr::new));
    let mut env = vec![
        ("GIT_TERMINAL_PROMPT", OsString::from("0")),
        ("GIT_SSH_COMMAND", OsString::from("ssh -o BatchMode=yes -o ConnectTimeout=20")),
        ("GIT_DIR", clone.as_os_str().to_owned()),
    ];
    if let Some((index, place)) = out {
        env.push(("GIT_INDEX_FILE", index.as_os_str().to_owned()));
        env.push(("GIT_WORK_TREE", place.as_os_str().to_owned()));
    }
    let env: Vec<(&str, &OsStr)> = env.iter().map(|(name, value)| (*name, value.as_os_str())).collect();
    Program { words: &all, env: &env, within: left(until), output: 1 << 20, stdin: Input::Nothing }.run()
}

fn digest(path: &Path) -> Result<String, Trouble> {
    let sum = || -> io::Result<String> {
        let mut file = File::open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        let (mut sum, mut block) = (Sha256::new(), vec![0; 1 << 16]);
        loop {
            match file.read(&mut block)? {
                0 => return Ok(hex(&sum.finalize())),
                count => sum.update(block.get(..count).unwrap_or_default()),
            }
        }
    };
    sum().map_err(|error| Trouble::new(format!("{} cannot be read: {error}", path.display())))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a file is an archive, by its name.
fn is_archive(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_bytes().to_ascii_lowercase();
    [b".tar".as_slice(), b".tar.gz", b".tgz"].iter().any(|ending| name.ends_with(ending))
}

/// Files of an archive, or the one program.
fn unpack(file: &Path, place: &Path, until: Instant) -> Result<(), Trouble> {
    if !is_archive(file) {
        let program = place.join(file.file_name().unwrap_or_default());
        return fs::copy(file, &program)
            .and_then(|_| fs::set_permissions(&program, fs::Permissions::from_mode(0o755)))
            .map_err(|error| Trouble::new(format!("{} cannot be copied: {error}", file.display())));
    }
    let tar = |words: &[&str], output: usize| {
        let mut all: Vec<&OsStr> = vec![OsStr::new("tar")];
        all.extend(words.iter().map(OsStr::new));
        all.extend([OsStr::new("--file"), file.as_os_str()]);
        all.extend([OsStr::new("--directory"), place.as_os_str()]);
        Program { words: &all, env: &[], within: left(until), output, stdin: Input::Nothing }.run()?.good()
    };
    let names = tar(&["--list", "--force-local", "--quoting-style=escape", "--absolute-names"], NAMES)?;
    if names.len() >= NAMES {
        return Err(Trouble::new(format!("{} holds too many names", file.display())));
    }
    let names = String::from_utf8_lossy(&names);
    let leads_out = |name: &&str| name.starts_with('/') || name.split('/').any(|part| part == "..");
    if let Some(name) = names.lines().find(leads_out) {
        return Err(Trouble::new(format!("{} holds `{name}`, which leads out of it", file.display())));
    }
    tar(
        &[
            "--extract",
            "--force-local",
            "--no-same-owner",
            "--no-same-permissions",
            "--delay-directory-restore",
        ],
        0,
    )
    .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(folder: &Path, name: &str, words: &[&str]) -> PathBuf {
        let path = folder.join(name);
        let mut all = vec![OsStr::new("tar"), OsStr::new("--create"), OsStr::new("--file"), path.as_os_str()];
        all.extend([OsStr::new("--directory"), folder.as_os_str()]);
        all.extend(words.iter().map(OsStr::new));
        let within = Duration::from_secs(20);
        let made = Program { words: &all, env: &[], within, output: 0, stdin: Input::Nothing }.run();
        made.and_then(Ended::good).expect("an archive");
        path
    }

    #[test]
    fn an_archive_stays_in_its_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::write(at("app"), "#!/bin/sh\n").expect("written");
        fs::write(folder.path().join("victim"), "x").expect("written");
        let until = Instant::now() + Duration::from_secs(20);
        let place = at("place");
        fs::create_dir(&place).expect("made");
        unpack(&archive(folder.path(), "good.tgz", &["--gzip", "app"]), &place, until).expect("unpacked");
        assert_eq!(fs::read(place.join("app")).expect("there"), b"#!/bin/sh\n");
        let victim = at("victim");
        let whole = victim.to_str().expect("text");
        for (name, words) in [
            ("absolute.tar", vec!["--absolute-names", whole]),
            ("up.tar", vec!["--absolute-names", "--transform", "s,app,../up,", "app"]),
            ("deep.tar", vec!["--absolute-names", "--transform", "s,app,a/../../up,", "app"]),
        ] {
            let bad = unpack(&archive(folder.path(), name, &words), &place, until).expect_err(name);
            assert!(bad.what.contains("leads out of it"), "{bad}");
        }
        // A link that leads out, and a file through it: tar itself puts neither outside.
        let outside = tempfile::tempdir().expect("another");
        std::os::unix::fs::symlink(outside.path(), at("link")).expect("linked");
        let trap = archive(folder.path(), "trap.tar", &["link"]);
        fs::remove_file(at("link")).expect("gone");
        fs::create_dir(at("link")).expect("made");
        fs::write(at("link/file"), "x").expect("written");
        let words = ["--append", "--file", trap.to_str().expect("text"), "--directory"];
        let mut all: Vec<&OsStr> = vec![OsStr::new("tar")];
        all.extend(words.iter().map(OsStr::new));
        all.extend([folder.path().as_os_str(), OsStr::new("link/file")]);
        let within = Duration::from_secs(20);
        Program { words: &all, env: &[], within, output: 0, stdin: Input::Nothing }.run().expect("appended");
        drop(unpack(&trap, &place, until));
        assert_eq!(fs::read_dir(outside.path()).expect("there").count(), 0);
        let program = at("server");
        fs::write(&program, "\x7fELF").expect("written");
        unpack(&program, &place, until).expect("copied");
        assert_eq!(fs::metadata(place.join("server")).expect("there").permissions().mode() & 0o777, 0o755);
        assert_eq!(digest(&at("victim")).expect("read").len(), 64);
        assert!(digest(folder.path()).is_err());
    }
}
