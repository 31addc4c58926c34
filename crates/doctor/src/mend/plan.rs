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
    for judged in &report.findings {
        let cures = vec![(judged.rule.id.to_owned(), judged.finding.subject.clone())];
        let act = match &judged.finding.mend {
            None => continue,
            Some(Mend::Splice { file, at, old, new }) => {
                splices.entry(file).or_default().push(((*at, old, new), judged));
                continue;
            }
            Some(Mend::Create { file, mode, text }) => Act::Content {
                file: PathBuf::from(file),
                old: None,
                new: text.clone().into_bytes(),
                uid: rustix::process::geteuid().as_raw(),
                gid: rustix::process::getegid().as_raw(),
                mode: *mode,
            },
            Some(Mend::Mode { file, from, to }) => {
                Act::Mode { file: PathBuf::from(file), from: *from, to: *to }
            }
            Some(Mend::Rename { from, to }) => {
                renames.push(Change {
                    act: Act::Rename { from: PathBuf::from(from), to: PathBuf::from(to) },
                    cures,
                });
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
        match spliced(file, &parts) {
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

fn spliced(file: &str, parts: &[(Splice<'_>, &Judged)]) -> Result<Act, String> {
    let (old, about) = match Place::File(PathBuf::from(file)).read() {
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
    Ok(Act::Content { file: PathBuf::from(file), old: Some(old), new, uid, gid, mode })
}
