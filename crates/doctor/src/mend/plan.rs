//! What is to be done about a report: the mends of one file put together, checked against what stands there now.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use muster_host::adopt::place::{About, Place};
use serde::{Deserialize, Serialize};

use super::Mend;
use crate::report::{Judged, Report};

/// What is to be done.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Each change, in order.
    pub changes: Vec<Change>,
    /// What is left as it is, and why.
    pub left: Vec<(String, String)>,
}

/// One change of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What becomes of it.
    pub act: Act,
    /// The rules and subjects that it is for.
    pub cures: Vec<(String, String)>,
}

/// What becomes of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// It holds something else; none before: it is new.
    Content {
        /// Its path.
        file: PathBuf,
        /// What it holds.
        old: Option<Vec<u8>>,
        /// What it is to hold.
        new: Vec<u8>,
        /// Whose it is, and its permission bits.
        uid: u32,
        /// Its group.
        gid: u32,
        /// Its permission bits.
        mode: u32,
        /// The first folder on the way to it that is not there yet.
        folder: Option<PathBuf>,
    },
    /// Others may do something else with it.
    Mode {
        /// Its path.
        file: PathBuf,
        /// What the bits are.
        from: u32,
        /// What they are to be.
        to: u32,
    },
    /// It has another name.
    Rename {
        /// Its path.
        from: PathBuf,
        /// The path that it is to have.
        to: PathBuf,
    },
}

impl Act {
    /// The file, as it is named now.
    pub fn file(&self) -> &Path {
        match self {
            Self::Content { file, .. } | Self::Mode { file, .. } => file,
            Self::Rename { from, .. } => from,
        }
    }
}

/// Bytes that are replaced: where, what stands there, what is to.
type Splice<'r> = (u64, &'r str, &'r str);

/// Plans the mends of a report. Reads the files that they are about, and changes nothing.
pub fn plan(report: &Report) -> Plan {
    let mut plan = Plan::default();
    let mut splices: BTreeMap<&str, Vec<(Splice<'_>, &Judged)>> = BTreeMap::new();
    let mut renames: Vec<Change> = Vec::new();
    let root = Path::new(&report.vantage.root);
    for judged in &report.findings {
        let Some(mend) = &judged.finding.mend else { continue };
        let place = match inside(root, mend.file()) {
            Ok(place) => place,
            Err(why) => {
                plan.left.push((mend.file().to_owned(), why));
                continue;
            }
        };
        let cures = vec![(judged.rule.id.to_owned(), judged.finding.subject.clone())];
        let act = match mend {
            Mend::Splice { file, at, old, new } => {
                splices.entry(file).or_default().push(((*at, old, new), judged));
                continue;
            }
            Mend::Create { file: _, mode, text } => Act::Content {
                folder: place
                    .ancestors()
                    .skip(1)
                    .take_while(|folder| !folder.exists())
                    .last()
                    .map(Path::to_owned),
                file: place,
                old: None,
                new: text.clone().into_bytes(),
                uid: rustix::process::geteuid().as_raw(),
                gid: rustix::process::getegid().as_raw(),
                mode: *mode,
            },
            Mend::Mode { file: _, from, to } => Act::Mode { file: place, from: *from, to: *to },
            // In the same folder, so it is inside as well.
            Mend::Rename { from: _, to } => {
                let to = place.with_file_name(to.rsplit('/').next().unwrap_or(to));
                renames.push(Change { act: Act::Rename { from: place, to }, cures });
                continue;
            }
        };
        match plan.changes.iter_mut().find(|known| known.act == act) {
            Some(known) => known.cures.extend(cures),
            None => plan.changes.push(Change { act, cures }),
        }
    }
    for (file, mut parts) in splices {
        parts.sort_by_key(|((at, ..), _)| *at);
        match inside(root, file).and_then(|place| spliced(place, &parts)) {
            Ok(act) => {
                let cures =
                    parts.iter().map(|(_, one)| (one.rule.id.to_owned(), one.finding.subject.clone()));
                plan.changes.push(Change { act, cures: cures.collect() });
            }
            Err(why) => plan.left.push((file.to_owned(), why)),
        }
    }
    // Last, so that what else is done about a file finds it under its name.
    plan.changes.extend(renames);
    plan
}

/// Where a file of the host is for us; a link must not lead out of the root.
fn inside(root: &Path, file: &str) -> Result<PathBuf, String> {
    let place = root.join(file.trim_start_matches('/'));
    // What is not there yet may have a folder that is not there either.
    let there = place.ancestors().find_map(|part| part.canonicalize().ok());
    let root = root.canonicalize().map_err(|error| error.to_string())?;
    match there {
        Some(there) if there.starts_with(&root) => Ok(place),
        _ => Err("it leads out of the folder that is looked at".to_owned()),
    }
}

fn spliced(file: PathBuf, parts: &[(Splice<'_>, &Judged)]) -> Result<Act, String> {
    let (old, about) = match Place::File(file.clone()).read() {
        Ok(Some(there)) => there,
        Ok(None) => return Err("it is not there any more".to_owned()),
        Err(error) => return Err(error.to_string()),
    };
    let mut new = Vec::with_capacity(old.len() + 64);
    let mut done = 0_usize;
    let mut last: Option<Splice<'_>> = None;
    for (splice, _) in parts {
        // Two rules may ask for the same thing.
        if last.replace(*splice) == Some(*splice) {
            continue;
        }
        let (at, before, after) = *splice;
        let at = usize::try_from(at).map_err(|_| "it is too large".to_owned())?;
        let end = at.saturating_add(before.len());
        if at < done {
            return Err("two mends are about the same place; run it again after the first".to_owned());
        }
        if old.get(at..end) != Some(before.as_bytes()) {
            return Err("it was changed since it was read".to_owned());
        }
        new.extend_from_slice(&old[done..at]);
        new.extend_from_slice(after.as_bytes());
        done = end;
    }
    new.extend_from_slice(&old[done..]);
    let About { uid, gid, mode } = about;
    Ok(Act::Content { file, old: Some(old), new, uid, gid, mode, folder: None })
}
