//! What this host knows of its services, for whoever looks: read from the books, the record and the lease, nothing changed and
//! nobody asked. What cannot be read is unknown, with its reason.

use std::collections::BTreeMap;
use std::io::ErrorKind;

use muster_core::plan::Side;
use muster_core::time::Timestamp;
use muster_host::state::Layout;
use serde::Serialize;

use crate::books::{Books, Entry, Folder, Holder, Placed};
use crate::front::{self, Failures};

/// Most services of a host that are read.
const SERVICES: usize = 64;

/// One service as this host knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Overview {
    /// Its name.
    pub service: String,
    /// Which release users are led to, or works.
    pub in_front: Known<Option<Standing>>,
    /// Requests are led to a release that nobody has confirmed.
    pub unconfirmed: bool,
    /// What still runs, so that going back takes a moment.
    pub warm: Option<Ready>,
    /// Who deploys it now.
    pub now: Known<Option<Holder>>,
    /// A deploy that began here, of which no end is on record and that nobody is at: its number.
    pub unended: Option<u64>,
    /// What was deployed, newest first.
    pub deploys: Known<Vec<Deploy>>,
    /// No line of the record was changed or taken out.
    pub record_fits: bool,
}

/// What is known, or why it is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Known<T> {
    /// It is known.
    Known(T),
    /// It could not be read; why.
    Unknown(String),
}

/// A release in front.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Its number.
    pub release: u64,
    /// How people call it.
    pub version: String,
    /// Where it stands.
    pub side: Side,
    /// Since when; none if the record does not go back that far.
    pub since: Option<Timestamp>,
    /// Who put it there.
    pub by: String,
}

/// A release that stays ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ready {
    /// Its number.
    pub release: u64,
    /// How people call it.
    pub version: String,
    /// Where it stands.
    pub side: Side,
    /// Until when.
    pub until: Timestamp,
}

/// One deploy or rollback, from all lines of the record about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deploy {
    /// Its number.
    pub attempt: u64,
    /// The release that it was about.
    pub release: u64,
    /// How people call that.
    pub version: String,
    /// What became of it: `deployed`, `rolled back`, `went back` or `failed`.
    pub how: String,
    /// When that was.
    pub at: Timestamp,
    /// From its beginning to its end on this host, in milliseconds.
    pub took: u64,
    /// Who.
    pub by: String,
    /// Requests that failed while it was done; none if requests were led nowhere.
    pub failed_requests: Option<Failures>,
    /// Why it did not stay.
    pub why: String,
}

/// Every service that has books on this host, by name.
///
/// # Errors
/// The folder of the services cannot be read; in one line.
pub fn services(layout: &Layout) -> Result<Vec<Overview>, String> {
    let shown = layout.deploy().display().to_string();
    let entries = match std::fs::read_dir(layout.deploy()) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(format!("{shown}: {error}")),
    };
    let folders = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let mut names: Vec<String> =
        folders.filter_map(|entry| entry.file_name().into_string().ok()).take(SERVICES).collect();
    names.sort();
    Ok(names.into_iter().map(|name| of(layout, name)).collect())
}

fn of(layout: &Layout, service: String) -> Overview {
    let folder = Folder::new(layout, &service);
    let (deploys, record, record_fits) = match folder.entries() {
        Ok((entries, fits)) => (Known::Known(newest_first(&entries)), entries, fits),
        Err(error) => (Known::Unknown(format!("the record of {service}: {error}")), Vec::new(), true),
    };
    let now = match folder.is_leased() {
        Ok(true) => Known::Known(Some(holder(&folder))),
        Ok(false) => Known::Known(None),
        Err(error) => Known::Unknown(format!("the lease of {service}: {error}")),
    };
    let books = match folder.read() {
        Ok(books) => books,
        Err(error) => {
            let in_front = Known::Unknown(format!("the books of {service}: {error}"));
            let (unconfirmed, warm, unended) = (false, None, None);
            return Overview { service, in_front, unconfirmed, warm, now, unended, deploys, record_fits };
        }
    };
    let last = record.iter().map(|entry| entry.attempt.number).max().unwrap_or(0);
    let is_left = now == Known::Known(None) && matches!(deploys, Known::Known(_)) && books.highest > last;
    let in_front = in_front(&books, &record);
    let warm = warm(&books).filter(|ready| {
        // A release that is about to come in front is marked as well, for whoever stops it if its deployer dies.
        !matches!(&in_front, Known::Known(Some(standing)) if standing.side == ready.side)
    });
    Overview {
        service,
        in_front,
        unconfirmed: books.pending.is_some(),
        warm,
        now,
        unended: is_left.then_some(books.highest),
        deploys,
        record_fits,
    }
}

fn holder(folder: &Folder) -> Holder {
    let text = folder.signed().unwrap_or_default();
    let unsaid = || Holder { by: "somebody".into(), step: "begin".into(), since: Timestamp::default() };
    Holder::parse(&text).unwrap_or_else(unsaid)
}

fn in_front(books: &Books, record: &[Entry]) -> Known<Option<Standing>> {
    // Before anything was confirmed or promised nothing is in front, whatever the front would lead to.
    if books.confirmed.is_none() && books.pending.is_none() {
        return Known::Known(None);
    }
    let side = match books.spec.as_ref().zip(books.ports).filter(|(spec, _)| !spec.domains.is_empty()) {
        Some((spec, ports)) => match front::of(spec, ports, &books.token).and_then(|front| front.side()) {
            Ok(side) => Some(side),
            Err(trouble) => return Known::Unknown(trouble.what),
        },
        None => books.side,
    };
    let standing = side.and_then(|side| Some((side, books.placed(side)?)));
    Known::Known(standing.map(|(side, Placed { release, .. })| {
        let is_it = |entry: &&Entry| {
            entry.attempt.release == release.number
                && matches!(entry.what.as_str(), "deployed" | "rolled back")
        };
        let entry = record.iter().rfind(is_it);
        Standing {
            release: release.number,
            version: release.version.clone(),
            side,
            since: entry.map(|entry| entry.at),
            by: entry.map_or_else(|| release.by.clone(), |entry| entry.by.clone()),
        }
    }))
}

fn warm(books: &Books) -> Option<Ready> {
    let warm = books.warm?;
    let placed = books.placed(warm.side).filter(|placed| placed.release.number == warm.release)?;
    let version = placed.release.version.clone();
    Some(Ready { release: warm.release, version, side: warm.side, until: warm.until })
}

fn newest_first(entries: &[Entry]) -> Vec<Deploy> {
    let mut all = deploys(entries);
    all.reverse();
    all
}

/// What a record tells, one for each deploy, oldest first.
pub fn deploys(entries: &[Entry]) -> Vec<Deploy> {
    let mut found: Vec<Deploy> = Vec::new();
    let mut places: BTreeMap<u64, usize> = BTreeMap::new();
    for entry in entries {
        let known = places.get(&entry.attempt.number).and_then(|at| found.get_mut(*at));
        match known {
            Some(deploy) => add(deploy, entry),
            None => {
                places.insert(entry.attempt.number, found.len());
                found.push(Deploy {
                    attempt: entry.attempt.number,
                    release: entry.attempt.release,
                    version: entry.version.clone(),
                    how: entry.what.clone(),
                    at: entry.at,
                    took: entry.took,
                    by: entry.by.clone(),
                    failed_requests: entry.failed_requests.clone(),
                    why: entry.note.clone(),
                });
            }
        }
    }
    found
}

/// What a further line says of the same deploy.
fn add(deploy: &mut Deploy, entry: &Entry) {
    deploy.took = deploy.took.max(entry.took);
    // It is about all that went before.
    if let Some(failed) = &entry.failed_requests {
        deploy.failed_requests = Some(failed.clone());
    }
    if deploy.why.is_empty() {
        deploy.why.clone_from(&entry.note);
    }
    if deploy.version.is_empty() {
        deploy.version.clone_from(&entry.version);
    }
    match entry.what.as_str() {
        Entry::ENDED => {}
        // It went back because it failed.
        "failed" if deploy.how == "went back" => deploy.by.clone_from(&entry.by),
        what => {
            what.clone_into(&mut deploy.how);
            deploy.at = entry.at;
        }
    }
}

#[cfg(test)]
mod tests {
    use muster_core::plan::Attempt;

    use super::*;
    use crate::books::{Pending, Warm};
    use crate::release::Release;

    fn entry(number: u64, what: &str, at: i64) -> Entry {
        Entry {
            at: Timestamp::from_seconds(at),
            what: what.into(),
            attempt: Attempt { number, release: number },
            version: format!("v{number}"),
            artefact: String::new(),
            spec: String::new(),
            environment: String::new(),
            by: "ann".into(),
            took: 1000,
            note: String::new(),
            failed_requests: None,
            before: String::new(),
        }
    }

    fn placed(number: u64) -> Placed {
        let release = Release {
            number,
            artefact: "a".into(),
            version: format!("v{number}"),
            env_file: None,
            command: Vec::new(),
            irreversible: false,
            by: "ben".into(),
            at: Timestamp::from_seconds(5),
        };
        Placed { release, proven: None, started: None }
    }

    fn only(layout: &Layout) -> Overview {
        let mut all = services(layout).expect("readable");
        assert_eq!(all.len(), 1);
        all.remove(0)
    }

    #[test]
    fn all_lines_about_a_deploy_are_told_as_one() {
        let ended =
            Entry { took: 9000, failed_requests: Some(Failures::Counted(0)), ..entry(1, Entry::ENDED, 20) };
        let by_itself = |entry: Entry| Entry { by: "this host itself".into(), ..entry };
        let failed = Entry {
            note: "not well".into(),
            failed_requests: Some(Failures::Counted(7)),
            ..entry(2, "failed", 40)
        };
        let told = deploys(&[
            entry(1, "deployed", 10),
            ended,
            by_itself(entry(2, "went back", 30)),
            failed,
            entry(3, "failed", 50),
        ]);
        let short: Vec<(u64, &str, i64, u64, &str, &str)> = told
            .iter()
            .map(|it| (it.attempt, &*it.how, it.at.seconds(), it.took, &*it.by, &*it.why))
            .collect();
        assert_eq!(
            short,
            [
                (1, "deployed", 10, 9000, "ann", ""),
                (2, "went back", 30, 1000, "ann", "not well"),
                (3, "failed", 50, 1000, "ann", ""),
            ]
        );
        let counts: Vec<_> = told.into_iter().map(|it| it.failed_requests).collect();
        assert_eq!(counts, [Some(Failures::Counted(0)), Some(Failures::Counted(7)), None]);
    }

    #[test]
    fn a_service_is_told_as_its_books_say() {
        let root = tempfile::tempdir().expect("a folder");
        let layout = Layout::new(root.path());
        assert_eq!(services(&layout), Ok(Vec::new()));
        let folder = Folder::new(&layout, "api");
        folder.create().expect("made");
        let attempt = Attempt { number: 2, release: 2 };
        let until = Timestamp::from_seconds(900);
        let books = Books {
            side: Some(Side::Green),
            blue: Some(placed(1)),
            green: Some(placed(2)),
            confirmed: Some(attempt),
            highest: 2,
            warm: Some(Warm { side: Side::Blue, release: 1, until }),
            ..Books::default()
        };
        folder.write(&books).expect("written");
        for entry in [entry(1, "deployed", 10), entry(2, "deployed", 30)] {
            folder.append(entry).expect("written");
        }
        let seen = only(&layout);
        let standing = Standing {
            release: 2,
            version: "v2".into(),
            side: Side::Green,
            since: Some(Timestamp::from_seconds(30)),
            by: "ann".into(),
        };
        assert_eq!(seen.in_front, Known::Known(Some(standing)));
        assert_eq!(seen.warm, Some(Ready { release: 1, version: "v1".into(), side: Side::Blue, until }));
        assert_eq!((seen.now, seen.unended, seen.unconfirmed), (Known::Known(None), None, false));
        let Known::Known(deploys) = seen.deploys else { panic!("unknown") };
        assert_eq!(deploys.iter().map(|deploy| deploy.attempt).collect::<Vec<_>>(), [2, 1]);
        // The next one began, and its deployer is at it.
        let pending = Some(Pending { attempt: Attempt { number: 3, release: 3 }, to: Side::Blue });
        let side = Some(Side::Blue);
        folder.write(&Books { highest: 3, pending, side, ..books }).expect("written");
        let since = Timestamp::from_seconds(50);
        let holder = Holder { by: "<b>ben</b>".into(), step: "verify".into(), since };
        folder.sign(&holder).expect("written");
        let lease = muster_host::lock::try_lock(&folder.lease()).expect("locked");
        let seen = only(&layout);
        assert_eq!((seen.now, seen.unended, seen.unconfirmed), (Known::Known(Some(holder)), None, true));
        assert_eq!(seen.warm, None, "it is in front");
        drop(lease);
        let seen = only(&layout);
        assert_eq!((seen.now, seen.unended), (Known::Known(None), Some(3)), "it never ended");
    }

    #[test]
    fn what_cannot_be_read_is_unknown() {
        let root = tempfile::tempdir().expect("a folder");
        let layout = Layout::new(root.path());
        let folder = Folder::new(&layout, "api");
        folder.create().expect("made");
        std::fs::write(layout.deploy().join("api/books.json"), "{").expect("written");
        std::fs::create_dir(layout.deploy().join("api/record.jsonl")).expect("made");
        let seen = only(&layout);
        assert!(matches!(&seen.in_front, Known::Unknown(why) if why.starts_with("the books of api: ")));
        assert!(matches!(&seen.deploys, Known::Unknown(why) if why.starts_with("the record of api: ")));
    }
}
