//! Whether a release is well, before anybody is led to it and after.

use std::time::{Duration, Instant};

use muster_core::plan::Side;

use super::heartbeat;
use super::site::{Outcome, Site, trouble};
use crate::health::Health;
use crate::runtime::State;
use crate::trouble::Trouble;

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(200);
/// So long a worker, which nobody can ask, must run without starting again.
const WORKER: Duration = Duration::from_secs(7);

/// What is told of a wait that was ended.
const INTERRUPTED: &str = "it was interrupted";

/// Waits until the release that is deployed was well so many times in a row.
pub(super) fn pass(site: &mut Site, until: Instant) -> Outcome {
    let side = site.target()?;
    let begin = Instant::now();
    let until = until.min(begin + site.spec.health.within.to_std());
    // It was just started: one that was started again since then is not well, however seldom it is looked at.
    let restarts = is_well(site, side, Some(0), until)?;
    heartbeat::wait(site, side, restarts, until)?;
    if let Some(placed) = site.books.place(side) {
        placed.proven = Some(restarts);
    }
    site.keep()?;
    Ok(format!("well after {:.1} s", begin.elapsed().as_secs_f64()))
}

/// Waits until what stands on a side is well, and has not been started again more often than `restarts` times, or than at the
/// first look; how often it was by then.
pub(super) fn is_well(
    site: &Site,
    side: Side,
    mut restarts: Option<u32>,
    until: Instant,
) -> Result<u32, Vec<Trouble>> {
    let bad = |what: String| vec![Trouble::new(what).lines(site.words(side))];
    let health = Health::new(&site.spec.health).map_err(trouble)?;
    let begin = Instant::now();
    let (mut well, mut last) = (0, "nobody answered yet".to_owned());
    loop {
        let seen = site.runtime.look(side).map_err(|trouble| vec![trouble])?;
        let Some(seen) = seen else { return Err(bad("it is not there".to_owned())) };
        match &seen.state {
            State::Ended(why) => return Err(bad(format!("it ended: {why}"))),
            State::Stopped => return Err(bad("it was stopped".to_owned())),
            State::Running | State::Changing => {}
        }
        if *restarts.get_or_insert(seen.restarts) != seen.restarts {
            return Err(bad("it ended and was started again".to_owned()));
        }
        if seen.state == State::Running {
            match site.port(side).map(|port| health.ask(port)) {
                Some(Ok(())) => well += 1,
                Some(Err(why)) => (well, last) = (0, why),
                None if begin.elapsed() >= WORKER => return Ok(seen.restarts),
                None => {}
            }
        }
        if site.wait.is_over() {
            return Err(trouble(INTERRUPTED));
        }
        if well >= site.spec.health.consecutive {
            // Once, at the end: a runtime takes longer to tell than a release to answer.
            match is_ours(site, side) {
                Ok(()) => return Ok(seen.restarts),
                Err(why) => (well, last) = (0, why),
            }
        }
        if Instant::now() + PAUSE >= until {
            return Err(bad(format!(
                "not well within {:.0} s: {last}",
                begin.elapsed().as_secs_f64().ceil()
            )));
        }
        std::thread::sleep(PAUSE);
    }
}

/// Asks once; none of a worker.
fn question(site: &Site, health: &Health, side: Side) -> Option<Result<(), String>> {
    Some(health.ask(site.port(side)?).and_then(|()| is_ours(site, side)))
}

/// Whether what listens on the port of a side is the release that stands there.
fn is_ours(site: &Site, side: Side) -> Result<(), String> {
    let Some(port) = site.port(side) else { return Ok(()) };
    match site.runtime.listens(side, port) {
        Ok(true) => Ok(()),
        Ok(false) => Err(format!("what answers on port {port} is not this release")),
        Err(trouble) => Err(trouble.what),
    }
}

/// Watches the release for as long as a canary is held: two bad answers in a row, an end or a restart fail it.
pub(super) fn watch(site: &Site) -> Outcome {
    let side = site.target()?;
    let until = Instant::now() + Duration::from_millis(site.errand()?.hold);
    let health = Health::new(&site.spec.health).map_err(trouble)?;
    let proven = site.books.placed(side).and_then(|placed| placed.proven);
    let (mut asked, mut bad) = (0, 0);
    while Instant::now() < until {
        if site.wait.is_over() {
            return Err(trouble(INTERRUPTED));
        }
        let seen = site.runtime.look(side).map_err(|trouble| vec![trouble])?;
        let runs = seen.is_some_and(|seen| seen.state == State::Running && Some(seen.restarts) == proven);
        if !runs {
            return Err(vec![Trouble::new("it ended while it was watched").lines(site.words(side))]);
        }
        match question(site, &health, side) {
            Some(Err(why)) if bad > 0 => return Err(trouble(format!("twice in a row: {why}"))),
            Some(Err(_)) => bad += 1,
            Some(Ok(())) | None => bad = 0,
        }
        asked += 1;
        std::thread::sleep(PAUSE);
    }
    Ok(format!("{asked} questions, all well"))
}
