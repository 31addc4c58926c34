//! What is to be done about a report: the mends of one file put together, checked against what stands there now.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use muster_host::adopt::place::{About, Place};
use serde::{Deserialize, Serialize};

use super::Mend;
use super::order::{Order, is_of_the_way_in};
use crate::report::{Judged, Report};
use crate::rules::Fix;

/// What is to be done.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Each change, in order.
    pub changes: Vec<Change>,
    /// What is left as it is, and why.
    pub left: Vec<(String, String)>,
    /// What would be mended if something that runs may be disturbed: rules and subjects.
    pub disruptive: Vec<(String, String)>,
}

/// What a person agreed to beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// Nothing that runs is disturbed.
    Safe,
    /// Services may be told to read their files again, be started, and the like.
    Disruptive,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What becomes of it.
    pub act: Act,
    /// The rules and subjects that it is for.
    pub cures: Vec<(String, String)>,
}

/// What becomes of a file, or what is told to a service.
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
    /// Something is told to a service.
    Order(Order),
}

impl Act {
    /// The file, as it is named now; none where no file is changed.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Content { file, .. } | Self::Mode { file, .. } => Some(file),
            Self::Rename { from, .. } => Some(from),
            Self::Order(_) => None,
        }
    }

    /// What it is about, in words: a path, or a command.
    pub fn about(&self) -> String {
        match self {
            Self::Content { .. } | Self::Mode { .. } | Self::Rename { .. } => {
                self.file().map(|file| file.display().to_string()).unwrap_or_default()
            }
            Self::Order(order) => format!("`{order}`"),
        }
    }
}

impl Change {
    /// It is for one of the same findings.
    pub fn shares(&self, other: &Self) -> bool {
        self.cures.iter().any(|cure| other.cures.contains(cure))
    }
}

impl Plan {
    /// It may shut out whoever carries it out: it is about the packet filter, the network or sshd.
    pub fn is_about_the_way_in(&self) -> bool {
        self.changes.iter().any(|change| match &change.act {
            Act::Order(order) => order.is_about_the_way_in(),
            act @ (Act::Content { .. } | Act::Mode { .. } | Act::Rename { .. }) => {
                act.file().is_some_and(|file| is_of_the_way_in(&file.to_string_lossy()))
            }
        })
    }
}

/// Bytes that are replaced: where, what stands there, what is to.
type Splice<'r> = (u64, &'r str, &'r str);

/// What is to become of the text of one file.
#[derive(Debug, Default)]
struct Edits<'r> {
    splices: Vec<Splice<'r>>,
    appended: Vec<(&'r str, &'r str)>,
    cures: Vec<(String, String)>,
}

/// Why a plan cannot be made as it was wanted.
struct Hindrance {
    about: String,
    why: String,
    /// The findings that are left for it.
    cures: Vec<(String, String)>,
}

/// Plans the mends of a report. Reads the files that they are about, and changes nothing.
pub fn plan(report: &Report, consent: Consent) -> Plan {
    let mut plan = Plan::default();
    let mut wanted: Vec<(&Judged, &Mend)> = Vec::new();
    for judged in &report.findings {
        let Some(mend) = &judged.finding.mend else { continue };
        if judged.rule.fix == Fix::Disruptive && consent == Consent::Safe {
            plan.disruptive.push(cure(judged));
            continue;
        }
        // One mend may be for many findings. What somebody wants to stay must not go with the others.
        let same = |one: &&crate::report::Allowed| {
            one.judged.rule.id == judged.rule.id && one.judged.finding.mend.as_ref() == Some(mend)
        };
        match report.allowed.iter().find(same) {
            Some(allowed) => plan.left.push((
                format!("{} {}", judged.rule.id, judged.finding.subject),
                format!("its mend would also end what is allowed: {}", allowed.judged.finding.subject),
            )),
            None => wanted.push((judged, mend)),
        }
    }
    // A mend is carried out whole or not at all, so what is in the way of a part takes its findings out of the plan.
    loop {
        match changes(report, &wanted) {
            Ok(changes) => {
                plan.changes = changes;
                return plan;
            }
            Err(Hindrance { about, why, cures }) => {
                plan.left.push((about, why));
                let before = wanted.len();
                wanted.retain(|(judged, _)| !cures.contains(&cure(judged)));
                if wanted.len() == before {
                    return plan;
                }
            }
        }
    }
}

fn cure(judged: &Judged) -> (String, String) {
    (judged.rule.id.to_owned(), judged.finding.subject.clone())
}

fn changes(report: &Report, wanted: &[(&Judged, &Mend)]) -> Result<Vec<Change>, Hindrance> {
    let root = Path::new(&report.vantage.root);
    let mut changes: Vec<Change> = Vec::new();
    let mut edits: BTreeMap<&str, Edits<'_>> = BTreeMap::new();
    let mut renames: Vec<Change> = Vec::new();
    let mut orders: BTreeMap<Order, Vec<(String, String)>> = BTreeMap::new();
    for (judged, mend) in wanted {
        let cures = vec![cure(judged)];
        let hindered =
            |about: &str, why: String| Hindrance { about: about.to_owned(), why, cures: cures.clone() };
        let parts = mend.parts();
        let only_told = parts.iter().all(|part| matches!(part, Mend::Order(_)));
        for part in parts {
            let act = match part {
                Mend::All(_) => continue,
                Mend::Splice { file, at, old, new } => {
                    let edits = edits.entry(file).or_default();
                    edits.splices.push((*at, old, new));
                    edits.cures.extend(cures.clone());
                    continue;
                }
                Mend::Append { file, text, unless } => {
                    let edits = edits.entry(file).or_default();
                    edits.appended.push((text, unless));
                    edits.cures.extend(cures.clone());
                    continue;
                }
                Mend::Order(order) => {
                    match may_be_told(report, order, only_told) {
                        Ok(true) => orders.entry(order.clone()).or_default().extend(cures.clone()),
                        Ok(false) => {}
                        Err(why) => return Err(hindered(&order.to_string(), why)),
                    }
                    continue;
                }
                Mend::Create { file, mode, text } => {
                    let place = inside(root, file).map_err(|why| hindered(file, why))?;
                    created(place, *mode, text)
                }
                Mend::Mode { file, from, to } => {
                    let place = inside(root, file).map_err(|why| hindered(file, why))?;
                    Act::Mode { file: place, from: *from, to: *to }
                }
                // In the same folder, so it is inside as well.
                Mend::Rename { from, to } => {
                    let place = inside(root, from).map_err(|why| hindered(from, why))?;
                    let to = place.with_file_name(to.rsplit('/').next().unwrap_or(to));
                    add(&mut renames, Act::Rename { from: place, to }, cures.clone());
                    continue;
                }
            };
            add(&mut changes, act, cures.clone());
        }
    }
    for (file, edits) in edits {
        match inside(root, file).and_then(|place| edited(place, &edits)) {
            Ok(act) => add(&mut changes, act, edits.cures),
            Err(why) => return Err(Hindrance { about: file.to_owned(), why, cures: edits.cures }),
        }
    }
    // Last, so that what else is done about a file finds it under its name.
    changes.extend(renames);
    // A unit counts when systemd has read it.
    for change in &changes {
        let unit = change.act.file().is_some_and(|file| file.starts_with("/etc/systemd/system"));
        if unit && may_be_told(report, &Order::DaemonReload, false) == Ok(true) {
            orders.entry(Order::DaemonReload).or_default().extend(change.cures.clone());
        }
    }
    for (order, cures) in orders {
        add(&mut changes, Act::Order(order), cures);
    }
    Ok(changes)
}

/// Adds a change, or what else one is for that is planned already.
fn add(changes: &mut Vec<Change>, act: Act, cures: Vec<(String, String)>) {
    let place = match changes.iter().position(|known| known.act == act) {
        Some(place) => place,
        None => {
            changes.push(Change { act, cures: Vec::new() });
            changes.len() - 1
        }
    };
    if let Some(change) = changes.get_mut(place) {
        for cure in cures {
            if !change.cures.contains(&cure) {
                change.cures.push(cure);
            }
        }
    }
}

/// True if there is somebody to tell it to. A tree of files has nobody; there the files alone are mended, if there are any.
fn may_be_told(report: &Report, order: &Order, only_told: bool) -> Result<bool, String> {
    order.check()?;
    let missing = match report.vantage.live {
        false => "only files are looked at here, and nothing runs",
        true if order.needs_systemd() && !Path::new("/run/systemd/system").is_dir() => {
            "systemd does not run here"
        }
        true => return Ok(true),
    };
    if only_told { Err(missing.to_owned()) } else { Ok(false) }
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

fn created(file: PathBuf, mode: u32, text: &str) -> Act {
    let folder = file.ancestors().skip(1).take_while(|folder| !folder.exists()).last().map(Path::to_owned);
    Act::Content {
        file,
        old: None,
        new: text.to_owned().into_bytes(),
        uid: rustix::process::geteuid().as_raw(),
        gid: rustix::process::getegid().as_raw(),
        mode,
        folder,
    }
}

fn edited(file: PathBuf, edits: &Edits<'_>) -> Result<Act, String> {
    let (old, about) = match Place::File(file.clone()).read() {
        Ok(Some(there)) => there,
        Ok(None) => return Err("it is not there any more".to_owned()),
        Err(error) => return Err(error.to_string()),
    };
    let mut splices = edits.splices.clone();
    splices.sort_by_key(|(at, ..)| *at);
    let mut new = Vec::with_capacity(old.len() + 64);
    let mut done = 0_usize;
    let mut last: Option<Splice<'_>> = None;
    for splice in splices {
        // Two rules may ask for the same thing.
        if last.replace(splice) == Some(splice) {
            continue;
        }
        let (at, before, after) = splice;
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
    for (number, (text, unless)) in edits.appended.iter().enumerate() {
        if edits.appended.iter().take(number).any(|(known, _)| known == text) {
            continue;
        }
        if old.windows(unless.len().max(1)).any(|part| part == unless.as_bytes()) {
            return Err(format!("it speaks of {unless} already; a person must look at that"));
        }
        if new.last().is_some_and(|&byte| byte != b'\n') {
            new.push(b'\n');
        }
        new.extend_from_slice(text.as_bytes());
    }
    let About { uid, gid, mode } = about;
    Ok(Act::Content { file, old: Some(old), new, uid, gid, mode, folder: None })
}
