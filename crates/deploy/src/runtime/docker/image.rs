//! Brings images to this host, and removes those that nobody needs any more.
//!
//! An image is named by its digest from then on, which is what its registry calls this very content; one that was built
//! here and is in no registry is named by its own number. What was brought is written down for each service, and only
//! that is ever removed: an image that somebody else pulled is theirs.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::time::Instant;

use muster_host::atomic::{self, Durability};
use muster_host::state::private_dir;
use serde::Deserialize;

use super::Docker;
use super::client::{self, left, must};
use super::reference;
use crate::release::Release;
use crate::trouble::Trouble;

/// Most of a record that is read, in bytes.
const RECORD: u64 = 1 << 20;
/// Most records that are looked at: services on one host.
const RECORDS: usize = 1000;
/// What a registry that nobody reached sounds like.
const UNREACHED: [&str; 11] = [
    "no such host",
    "connection refused",
    "connection reset",
    "i/o timeout",
    "timed out",
    "timeout",
    "network is unreachable",
    "no route to host",
    "server misbehaving",
    "temporary failure in name resolution",
    "deadline exceeded",
];
/// What Docker's own registry says of what it does not have.
const UNKNOWN: &str = "repository does not exist";

/// An image on this host, as far as we use it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Image {
    id: String,
    repo_tags: Option<Vec<String>>,
    repo_digests: Option<Vec<String>>,
}

impl Image {
    /// The name with a digest that the registry of this image knows it by.
    fn pinned(&self, name: &str) -> Option<&str> {
        let mut digests = self.repo_digests.iter().flatten().map(String::as_str);
        digests.find(|digest| reference::is_same(digest, name))
    }

    /// Every name of it.
    fn names(&self) -> impl Iterator<Item = &str> {
        self.repo_tags.iter().chain(&self.repo_digests).flatten().map(String::as_str)
    }
}

fn inspect(name: &str) -> Result<Option<Image>, Trouble> {
    let ended = client::ask(&["image", "inspect", "--format", "{{json .}}", name], client::SOON)?;
    if !ended.status.success() {
        let is_absent = ended.complaint.to_ascii_lowercase().contains("no such image");
        return if is_absent { Ok(None) } else { Err(client::explained(&ended)) };
    }
    serde_json::from_slice(&ended.out).map(Some).map_err(|error| {
        Trouble::new(format!("what docker says of the image {name} cannot be read: {error}"))
    })
}

impl Docker {
    pub(super) fn bring(&self, version: &str, until: Instant) -> Result<String, Trouble> {
        let name = reference::of(&self.repository, version)?;
        // What is named by its content and is here needs nobody.
        if name.contains('@') {
            if inspect(&name)?.is_some() {
                return self.remember(name);
            }
            if reference::is_digest(version) && inspect(version)?.is_some_and(|image| image.id == version) {
                return self.remember(version.to_owned());
            }
        }
        let pulled = must(&["pull", "--quiet", &name], left(until));
        let found = inspect(&name)?;
        let artefact = match (pulled, found) {
            (Ok(_), Some(image)) => image.pinned(&name).unwrap_or(&image.id).to_owned(),
            (Ok(_), None) => return Err(Trouble::new(format!("{name} was pulled and is not here"))),
            (Err(trouble), Some(image)) => here(&trouble, &name, &image).ok_or(trouble)?,
            (Err(trouble), None) => {
                return Err(Trouble { what: format!("{name} is not here, and {}", trouble.what), ..trouble });
            }
        };
        self.remember(artefact)
    }

    fn remember(&self, artefact: String) -> Result<String, Trouble> {
        let path = self.records.join(&self.service);
        let mut known = record(&path);
        if known.insert(artefact.clone()) {
            write(&path, &known)?;
        }
        Ok(artefact)
    }

    pub(super) fn clear(&self, keep: &[Release]) -> Result<Vec<String>, Trouble> {
        let path = self.records.join(&self.service);
        let known = record(&path);
        let mut wanted: BTreeSet<String> = keep.iter().map(|release| release.artefact.clone()).collect();
        wanted.extend(self.of_others());
        let mut kept = ids(&wanted)?;
        kept.extend(in_use()?);
        let mut removed = Vec::new();
        let mut left: BTreeSet<String> = known.intersection(&wanted).cloned().collect();
        let mut failed = None;
        for artefact in known.difference(&wanted) {
            match self.remove(artefact, &kept) {
                Ok(Removal::Gone) => {}
                Ok(Removal::Removed) => removed.push(artefact.clone()),
                Ok(Removal::InUse) => drop(left.insert(artefact.clone())),
                Err(trouble) => {
                    left.insert(artefact.clone());
                    failed = Some(trouble);
                }
            }
        }
        if left != known {
            write(&path, &left)?;
        }
        failed.map_or(Ok(removed), Err)
    }

    fn remove(&self, artefact: &str, kept: &BTreeSet<String>) -> Result<Removal, Trouble> {
        let Some(image) = inspect(artefact)? else { return Ok(Removal::Gone) };
        if kept.contains(&image.id) {
            return Ok(Removal::InUse);
        }
        // Names in other repositories are somebody else's, and so is the image then.
        let (ours, theirs): (Vec<&str>, Vec<&str>) =
            image.names().partition(|name| reference::is_same(name, &self.repository));
        let names = if ours.is_empty() && theirs.is_empty() { vec![image.id.as_str()] } else { ours };
        if names.is_empty() {
            return Ok(Removal::Gone);
        }
        // One after the other: with its last tag, an image loses its digests by itself.
        for name in names {
            let ended = client::ask(&["image", "rm", name], client::SOON)?;
            if !ended.status.success() && inspect(name)?.is_some() {
                return Err(client::explained(&ended));
            }
        }
        Ok(if theirs.is_empty() { Removal::Removed } else { Removal::Gone })
    }

    /// What other services on this host had brought here: two may share a repository.
    fn of_others(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(&self.records).into_iter().flatten().take(RECORDS);
        let others = entries.filter_map(Result::ok).filter(|entry| entry.file_name() != *self.service);
        others.flat_map(|entry| record(&entry.path())).collect()
    }
}

/// What became of an image that is not to be kept.
enum Removal {
    Removed,
    Gone,
    InUse,
}

/// What an image that is here is called although it could not be pulled. None if it is not certain that it is what the
/// registry has.
fn here(trouble: &Trouble, name: &str, image: &Image) -> Option<String> {
    let Some(pinned) = image.pinned(name) else {
        // It was built here, and no registry has to know it.
        return Some(image.id.clone());
    };
    let said = format!("{} {}", trouble.what, trouble.lines.join(" ")).to_ascii_lowercase();
    // Where images are in containerd, one that was built here has a digest as well: its own number.
    let may_be_ours = pinned.ends_with(&image.id) && said.contains(UNKNOWN);
    (may_be_ours || UNREACHED.iter().any(|words| said.contains(words))).then(|| pinned.to_owned())
}

/// The numbers of these images, as far as they are here.
fn ids(artefacts: &BTreeSet<String>) -> Result<BTreeSet<String>, Trouble> {
    let found: Result<Vec<_>, _> = artefacts.iter().map(|artefact| inspect(artefact)).collect();
    Ok(found?.into_iter().flatten().map(|image| image.id).collect())
}

/// The numbers of the images of all containers, also of those that do not run.
fn in_use() -> Result<BTreeSet<String>, Trouble> {
    let containers = must(&["ps", "--all", "--quiet", "--no-trunc"], client::SOON)?;
    let mut found = BTreeSet::new();
    let containers: Vec<&str> = containers.split_whitespace().collect();
    for some in containers.chunks(200) {
        let words: Vec<&str> = ["container", "inspect", "--format", "{{.Image}}"]
            .into_iter()
            .chain(some.iter().copied())
            .collect();
        // One that ended meanwhile makes it complain, and still tell of all others.
        let ended = client::ask(&words, client::SOON)?;
        found.extend(client::text(&ended).split_whitespace().map(str::to_owned));
    }
    Ok(found)
}

fn record(path: &Path) -> BTreeSet<String> {
    let mut text = String::new();
    // What cannot be read is not removed, which costs room and nothing else.
    drop(File::open(path).and_then(|file| file.take(RECORD).read_to_string(&mut text)));
    text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

fn write(path: &Path, artefacts: &BTreeSet<String>) -> Result<(), Trouble> {
    let text: String = artefacts.iter().flat_map(|artefact| [artefact, "\n"]).collect();
    let folder = path.parent().map_or(Ok(()), private_dir);
    folder
        .and_then(|()| atomic::write(path, text.as_bytes(), 0o600, Durability::Disk))
        .map_err(|error| Trouble::new(format!("{} cannot be written: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(digests: &[&str]) -> Image {
        let repo_digests = Some(digests.iter().map(|digest| (*digest).to_owned()).collect());
        Image { id: "sha256:11".to_owned(), repo_tags: None, repo_digests }
    }

    #[test]
    fn an_image_that_could_not_be_pulled_is_used_only_if_it_is_sure_to_be_the_one() {
        let here = |why: &str, digests: &[&str]| {
            let trouble = Trouble::new("docker pull: exit 1").lines(vec![why.to_owned()]);
            here(&trouble, "api:v2", &image(digests))
        };
        let (denied, away) =
            ("pull access denied for api, repository does not exist", "dial tcp: no such host");
        assert_eq!(here(denied, &[]).as_deref(), Some("sha256:11"));
        assert_eq!(here(away, &["api@sha256:22"]).as_deref(), Some("api@sha256:22"));
        assert_eq!(here(denied, &["api@sha256:22"]), None);
        assert_eq!(here("manifest unknown", &["api@sha256:11"]), None);
        assert_eq!(here(denied, &["api@sha256:11"]).as_deref(), Some("api@sha256:11"));
        assert_eq!(here(denied, &["ghcr.io/other@sha256:22"]).as_deref(), Some("sha256:11"));
    }
}
