//! What happened, for the agent of this host and for the record. Neither stops a deploy.

use muster_core::ids::{ExpectationId, RunId};
use muster_core::plan::Attempt;
use muster_core::signal::{Ending, Outcome, Report, Signal};
use muster_host::atomic::Durability;
use muster_host::spool::{self, Spool};

use super::site::Site;
use crate::books::{Entry, digest};
use crate::front::Failures;
use crate::trouble::Trouble;
use crate::wire::Errand;

/// Tells the agent that a deploy began: from now on it is an alarm if it does not end.
pub(super) fn began(site: &Site, errand: &Errand) {
    signal(site, errand.attempt, Report::Start { process: None });
}

/// Tells the agent and the record how it ended.
pub(super) fn ended(site: &Site, errand: &Errand, stays: bool, why: &str, failed: Option<Failures>) {
    let took = muster_host::clock::now().wall.since(site.began);
    let outcome = Outcome { duration: Some(took), ..reported(why.to_owned()) };
    signal(site, errand.attempt, if stays { Report::Success(outcome) } else { Report::Failure(outcome) });
    let what = if stays { Entry::ENDED } else { "failed" };
    append(site, what, errand.attempt, why, (&errand.by, &errand.version), failed);
}

/// Tells the agent that this host went back by itself.
pub(super) fn taken_back(site: &Site, attempt: Attempt) {
    let why = format!("nobody confirmed release {} in time, so this host went back", attempt.release);
    signal(site, attempt, Report::Failure(reported(why)));
}

/// Tells the agent that this host could not go back.
pub(super) fn failed(site: &Site, attempt: Attempt, troubles: &[Trouble]) {
    let words: Vec<&str> = troubles.iter().map(|trouble| trouble.what.as_str()).collect();
    let why = format!("it could not go back from release {}: {}", attempt.release, words.join("; "));
    signal(site, attempt, Report::Failure(reported(why)));
}

fn reported(words: String) -> Outcome {
    let ending = Ending::Reported { words: words.clone() };
    Outcome { tail: words, ..Outcome::bare(ending) }
}

/// Writes a line of the record.
pub(super) fn record(site: &Site, what: &str, attempt: Attempt, failed: Option<Failures>) {
    let by = site.errand.as_ref().map_or("this host itself", |errand| errand.by.as_str());
    append(site, what, attempt, "", (by, ""), failed);
}

fn append(
    site: &Site,
    what: &str,
    attempt: Attempt,
    note: &str,
    (by, version): (&str, &str),
    failed: Option<Failures>,
) {
    let at = muster_host::clock::now().wall;
    let placed = muster_core::plan::Side::BOTH.into_iter().filter_map(|side| site.books.placed(side));
    let release = placed.map(|it| &it.release).find(|release| release.number == attempt.release);
    let environment = release
        .and_then(|release| std::fs::read(release.env_file.as_ref()?).ok())
        .map(|text| digest(&[site.books.token.as_bytes(), &text].concat()));
    let spec = serde_json::to_vec(&site.spec).unwrap_or_default();
    let entry = Entry {
        at,
        what: what.to_owned(),
        attempt,
        version: release.map_or_else(|| version.to_owned(), |release| release.version.clone()),
        artefact: release.map(|release| release.artefact.clone()).unwrap_or_default(),
        spec: digest(&spec),
        environment: environment.unwrap_or_default(),
        by: by.to_owned(),
        took: at.since(site.began).as_millis(),
        note: note.to_owned(),
        failed_requests: failed,
        before: String::new(),
    };
    // A record that cannot be written is no reason to leave users without the release.
    drop(site.folder.append(entry));
}

fn signal(site: &Site, attempt: Attempt, report: Report) {
    let Ok(about) = ExpectationId::of("deploy", &site.spec.service) else { return };
    let at = muster_host::clock::now().wall;
    let run = format!("{}-{}", site.spec.service, attempt.number).parse::<RunId>().ok();
    let signal = Signal { id: muster_host::ids::signal_id(at), about, at, run, report };
    if Spool::new(&site.layout).write(&signal, Durability::Disk).is_ok() {
        spool::wake(&site.layout.datagram());
    }
}
