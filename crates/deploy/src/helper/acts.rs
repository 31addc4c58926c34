//! The acts of a plan, on this host. What serves users is changed by `flip` and `back` alone, and by `swap` for what may not
//! run twice.

use std::path::Path;
use std::time::{Duration, Instant};

use muster_config::plan::RuntimeSpec;
use muster_core::plan::Side;
use muster_core::time::{Span, Timestamp};
use muster_host::atomic::{self, Durability};

use super::site::{LINES, Outcome, Site, trouble};
use super::{guard, probation, tell};
use crate::books::{Before, Pending, Placed, Warm};
use crate::environment::Environment;
use crate::release::Release;
use crate::runtime::State;
use crate::trouble::Trouble;

/// The most that a release which was stopped may take to be well again when all goes back.
const AGAIN: Duration = Duration::from_secs(45);
/// So many answers in a row must come from the release that requests are led to.
const ANSWERS: u32 = 3;
/// For so long others may answer, because the web server was told something new.
const SETTLING: Duration = Duration::from_secs(2);
/// So many looks in a row must find nobody connected.
const QUIET: u32 = 10;

impl Site {
    pub(super) fn fetch(&mut self, until: Instant) -> Outcome {
        let errand = self.errand()?;
        let (attempt, by, version) = (errand.attempt, errand.by.clone(), errand.version.clone());
        let wanted = errand.file.clone().unwrap_or_else(|| version.clone());
        let known = self.books.kept.iter().find(|release| release.number == attempt.release).cloned();
        let side = self.target()?;
        let release = match known {
            // What was in front before comes back with what it had.
            Some(release) if errand.is_return => release,
            _ if errand.is_return => {
                return Err(trouble(format!("release {} is not kept on this host", attempt.release)));
            }
            _ => {
                let environment = Environment::gather(&self.spec, &errand.environment)?
                    .with("MUSTER_SERVICE", &self.spec.service);
                let artefact = self.runtime.fetch(&wanted, until).map_err(|trouble| vec![trouble])?;
                let path = self.folder.environment(attempt.release);
                let text = environment.text();
                atomic::write(&path, text.as_bytes(), 0o600, Durability::Disk)
                    .map_err(|error| trouble(format!("{}: {error}", path.display())))?;
                Release {
                    number: attempt.release,
                    artefact,
                    version,
                    env_file: Some(path),
                    command: match &self.spec.runtime {
                        RuntimeSpec::Docker { command, .. } | RuntimeSpec::Systemd { command, .. } => {
                            command.clone()
                        }
                    },
                    irreversible: self.spec.irreversible,
                    by,
                    at: muster_host::clock::now().wall,
                }
            }
        };
        let artefact = release.artefact.clone();
        *self.books.place(side) = Some(Placed { release, proven: None, started: None });
        self.keep()?;
        Ok(artefact)
    }

    fn placed(&self, side: Side) -> Result<Placed, Vec<Trouble>> {
        self.books.placed(side).cloned().ok_or_else(|| trouble("the release was not fetched"))
    }

    pub(super) fn once(&self, until: Instant) -> Outcome {
        let release = self.placed(self.target()?)?.release;
        let output = self.folder.once(release.number);
        let code = self
            .runtime
            .once(&release, &self.spec.pre_deploy, &output, until)
            .map_err(|trouble| vec![trouble.lines(last_lines(&output))])?;
        match code {
            0 => Ok(String::new()),
            code => Err(vec![
                Trouble::new(format!("pre_deploy ended with exit {code}"))
                    .help(format!("its output is in {}", output.display()))
                    .lines(last_lines(&output)),
            ]),
        }
    }

    pub(super) fn start(&mut self, until: Instant) -> Outcome {
        self.prepare_front(until)?;
        let side = self.target()?;
        self.start_on(side, until)?;
        Ok(format!("on {}", side.word()))
    }

    /// Brings the files of the front up to date while the old release serves. Before the first release nothing may answer
    /// for it: then it is done in the moment in which requests are led.
    fn prepare_front(&self, until: Instant) -> Result<(), Vec<Trouble>> {
        if self.serving().is_some()
            && let Some(front) = &self.front
        {
            front.install(until).map_err(|trouble| vec![trouble])?;
        }
        Ok(())
    }

    fn start_on(&mut self, side: Side, until: Instant) -> Result<(), Vec<Trouble>> {
        if self.serving() == Some(side) && !self.spec.stop_first {
            return Err(trouble(format!("the {} side is in front", side.word())));
        }
        let mut placed = self.placed(side)?;
        let port = self.port(side).unwrap_or(0);
        placed.proven = None;
        placed.started = Some(muster_host::clock::now().wall);
        *self.books.place(side) = Some(placed.clone());
        // Should nobody lead to it because the deployer died, the guard stops it.
        self.books.warm = (!self.spec.stop_first).then(|| Warm {
            side,
            release: placed.release.number,
            until: muster_host::clock::now().wall,
        });
        self.keep()?;
        // What was kept warm there gives way.
        let stands = self.runtime.look(side).map_err(|trouble| vec![trouble])?;
        if stands.is_some_and(|seen| seen.release != placed.release.number && seen.state != State::Stopped) {
            self.empty(side, until);
            let stopped = self.runtime.stop(side, self.spec.stop_timeout.to_std());
            stopped.map_err(|trouble| vec![trouble])?;
            // What it reported until now is no news of the new one.
            placed.started = Some(muster_host::clock::now().wall);
            *self.books.place(side) = Some(placed.clone());
            self.keep()?;
        }
        if self.books.warm.is_some() {
            guard::ensure(&self.layout, &self.spec.service).map_err(|trouble| vec![trouble])?;
        }
        self.runtime.start(&placed.release, side, port, until).map_err(|trouble| vec![trouble])
    }

    /// Stops the old release, then starts the new one. The way back is on disk before that.
    pub(super) fn swap(&mut self, until: Instant) -> Outcome {
        let side = self.target()?;
        self.prepare_front(until)?;
        self.promise(side)?;
        if let Some(old) = self.books.before.and_then(|before| before.side) {
            self.runtime.stop(old, self.spec.stop_timeout.to_std()).map_err(|trouble| vec![trouble])?;
        }
        self.start_on(side, until)?;
        Ok(format!("on {}", side.word()))
    }

    /// Writes down that the release is not confirmed, and sees to it that somebody goes back in time.
    fn promise(&mut self, side: Side) -> Result<(), Vec<Trouble>> {
        let attempt = self.errand()?.attempt;
        if self.books.pending.as_ref().is_none_or(|pending| pending.attempt != attempt) {
            self.mark = self.front.as_ref().map(|front| front.mark());
            let confirmed = self.books.confirmed;
            self.books.before = Some(Before { attempt, side: self.serving(), confirmed });
            self.books.pending = Some(Pending { attempt, to: side });
            self.keep()?;
        }
        guard::ensure(&self.layout, &self.spec.service).map_err(|trouble| vec![trouble])
    }

    pub(super) fn flip(&mut self, until: Instant) -> Outcome {
        let attempt = self.errand()?.attempt;
        let side = self.target()?;
        if self.books.confirmed == Some(attempt) && self.serving() == Some(side) {
            return Ok("in front already".to_owned());
        }
        let stands = self.stand(side);
        if !stands.is_some_and(|it| it.release == attempt.release && it.running && it.proven) {
            return Err(trouble(format!("release {} does not run, or was not well", attempt.release)));
        }
        if self.serving().is_none()
            && let Some(front) = &self.front
        {
            front.install(until).map_err(|trouble| vec![trouble])?;
        }
        self.promise(side)?;
        let begin = Instant::now();
        self.point(side)?;
        Ok(format!("{:.1} ms", begin.elapsed().as_secs_f64() * 1000.0))
    }

    fn point(&mut self, side: Side) -> Result<(), Vec<Trouble>> {
        match &self.front {
            Some(front) => front.point(side).map_err(|trouble| vec![trouble]),
            None => {
                self.books.side = Some(side);
                self.keep()
            }
        }
    }

    pub(super) fn verify(&self, until: Instant) -> Outcome {
        let Some(front) = &self.front else { return Ok(String::new()) };
        let side = self.target()?;
        let begin = Instant::now();
        let mut good = 0;
        while good < ANSWERS {
            let answer = front.ask(&self.spec.health.path, until).map_err(|trouble| vec![trouble])?;
            let wrong = match answer.side {
                Some(led) if led == side && answer.status < 500 => {
                    good += 1;
                    continue;
                }
                Some(led) if led == side => {
                    format!("status {} through the web server of this host", answer.status)
                }
                led => format!(
                    "the web server of this host leads to {} and not to {}",
                    led.map_or("somewhere else", Side::word),
                    side.word()
                ),
            };
            // Where its files were changed a moment ago, those who served before still answer for a moment.
            if begin.elapsed() > SETTLING || answer.status >= 500 && answer.side.is_some() {
                return Err(trouble(wrong));
            }
            good = 0;
            std::thread::sleep(Duration::from_millis(20));
        }
        if let Some(port) = self.port(side)
            && !self.runtime.listens(side, port).map_err(|trouble| vec![trouble])?
        {
            return Err(trouble(format!("what listens on port {port} is not this release")));
        }
        Ok(format!("{ANSWERS} answers of {}", side.word()))
    }

    pub(super) fn confirm(&mut self) -> Outcome {
        let attempt = self.errand()?.attempt;
        if self.books.pending.is_none() && self.books.confirmed == Some(attempt) {
            return Ok("confirmed before".to_owned());
        }
        let side = self.target()?;
        let is_ours = self.books.pending.as_ref().is_some_and(|pending| pending.attempt == attempt);
        if !is_ours || self.serving() != Some(side) {
            return Err(trouble("this host went back, because nobody confirmed the release in time"));
        }
        self.books.pending = None;
        self.books.confirmed = Some(attempt);
        let release = self.placed(side)?.release;
        self.books.kept.retain(|kept| kept.number != release.number);
        self.books.kept.push(release);
        // From here on all is written that a rollback needs, and that ends the old release, whoever dies.
        let old = self.books.placed(side.other()).map(|placed| placed.release.number);
        self.books.warm = old.filter(|_| !self.spec.stop_first).map(|release| Warm {
            side: side.other(),
            release,
            until: self.in_a_while(self.spec.keep_warm.max(self.spec.drain)),
        });
        self.keep()?;
        let what = if self.errand()?.is_return { "rolled back" } else { "deployed" };
        tell::record(self, what, attempt, None);
        Ok(String::new())
    }

    pub(super) fn in_a_while(&self, span: Span) -> Timestamp {
        muster_host::clock::now().wall.shifted(i64::try_from(span.as_millis()).unwrap_or(i64::MAX))
    }

    pub(super) fn drain(&self, until: Instant) -> Outcome {
        let old = self.target()?.other();
        if self.books.placed(old).is_none() {
            return Ok(String::new());
        }
        let begin = Instant::now();
        let left = self.empty(old, until);
        Ok(match left {
            0 => format!("no connection left after {:.1} s", begin.elapsed().as_secs_f64()),
            // They are not cut while the old release stays warm.
            left => format!("{left} connections are still open; they end with the old release"),
        })
    }

    /// Waits until nobody is connected to a side any more, for as long as the service is drained; how many are left.
    fn empty(&self, side: Side, until: Instant) -> usize {
        let (Some(front), Some(port)) = (&self.front, self.port(side)) else { return 0 };
        let limit = (Instant::now() + self.spec.drain.to_std()).min(until);
        let mut quiet = 0;
        loop {
            // Where nobody can see, the whole time is waited.
            let open = front.connections(port).unwrap_or(1);
            // Between the choice of a side and the connection to it there is a moment in which nothing shows.
            quiet = if open == 0 { quiet + 1 } else { 0 };
            // What is stopped right afterwards is not left early.
            let is_left = self.wait.is_over() && !self.spec.keep_warm.is_zero();
            if quiet >= QUIET || Instant::now() >= limit || is_left {
                return open;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub(super) fn finish(&mut self) -> Outcome {
        let old = self.target()?.other();
        let mut note = String::new();
        if let Some(placed) = self.books.placed(old).cloned() {
            let warm = self.spec.keep_warm;
            if warm.is_zero() || self.spec.stop_first {
                let stopped = self.runtime.stop(old, self.spec.stop_timeout.to_std());
                self.books.warm = None;
                stopped.map_err(|trouble| vec![trouble])?;
            } else {
                note = format!("release {} stays ready for {warm}", placed.release.number);
            }
        }
        // The one in front, and those before it; what is too old goes.
        let most = usize::try_from(self.spec.keep_releases.max(2)).unwrap_or(usize::MAX);
        let drop = self.books.kept.len().saturating_sub(most);
        let gone: Vec<Release> = self.books.kept.drain(..drop).collect();
        self.keep()?;
        let mut keep = self.books.kept.clone();
        keep.extend(
            Side::BOTH.iter().filter_map(|side| self.books.placed(*side)).map(|it| it.release.clone()),
        );
        for release in gone.iter().filter(|gone| !keep.iter().any(|kept| kept.number == gone.number)) {
            for path in [self.folder.environment(release.number), self.folder.once(release.number)] {
                // What is not there is what is wanted.
                drop_file(&path);
            }
        }
        let pruned = self.runtime.prune(&keep);
        if self.books.warm.is_some() {
            guard::ensure(&self.layout, &self.spec.service).map_err(|trouble| vec![trouble])?;
        }
        pruned.map_err(|trouble| vec![trouble])?;
        Ok(note)
    }

    /// Leads requests to where they went before, which runs again first if it was stopped.
    pub(super) fn back(&mut self) -> Outcome {
        let pending = self.books.pending.as_ref().map(|pending| pending.attempt);
        let attempt = pending.or(self.errand.as_ref().map(|errand| errand.attempt));
        // What stands there of another deploy is nothing to go back to.
        let Some(before) = self.books.before.filter(|before| Some(before.attempt) == attempt) else {
            return Ok("nothing was led anywhere".to_owned());
        };
        match (before.side, &self.front) {
            (Some(side), _) => {
                self.wake(side)?;
                self.point(side)?;
            }
            // Nothing answered for it before.
            (None, Some(front)) => front.remove(Instant::now() + AGAIN).map_err(|trouble| vec![trouble])?,
            (None, None) => self.books.side = None,
        }
        self.books.pending = None;
        self.books.confirmed = before.confirmed;
        self.books.before = None;
        if let Some(attempt) = attempt {
            let is_kept = before.confirmed.is_some_and(|before| before.release == attempt.release);
            self.books.kept.retain(|kept| kept.number != attempt.release || is_kept);
        }
        self.books.warm = self.books.warm.filter(|warm| Some(warm.side) != before.side);
        self.keep()?;
        if let Some(attempt) = attempt {
            tell::record(self, "went back", attempt, self.failures());
        }
        Ok(before.side.map(|side| format!("to {}", side.word())).unwrap_or_default())
    }

    /// Starts again what was stopped on a side, and waits until it is well.
    fn wake(&mut self, side: Side) -> Result<(), Vec<Trouble>> {
        let until = Instant::now() + AGAIN;
        let runs = self.runtime.look(side).map_err(|trouble| vec![trouble])?;
        if runs.is_some_and(|seen| seen.state == State::Running) {
            return Ok(());
        }
        // Of a service that may run once only, the new one has to end first.
        if self.spec.stop_first {
            self.runtime
                .stop(side.other(), self.spec.stop_timeout.to_std())
                .map_err(|trouble| vec![trouble])?;
        }
        self.runtime.resume(side, until).map_err(|trouble| vec![trouble])?;
        // It was well before; if it is not now, it is still what was there, and users are led to it.
        drop(probation::is_well(self, side, None, until));
        Ok(())
    }

    pub(super) fn withdraw(&mut self, until: Instant) -> Outcome {
        let side = self.target()?;
        if self.serving() == Some(side) {
            return Err(trouble(format!("the {} side is in front", side.word())));
        }
        let Some(placed) = self.books.placed(side).cloned() else { return Ok(String::new()) };
        if placed.release.number != self.errand()?.attempt.release {
            return Ok(String::new());
        }
        // Whoever was led to it may end there in peace.
        let left = self.empty(side, until);
        let stopped = self.runtime.stop(side, self.spec.stop_timeout.to_std());
        stopped.map_err(|trouble| vec![trouble.lines(self.runtime.words(side, LINES))])?;
        self.books.warm = self.books.warm.filter(|warm| warm.side != side);
        self.keep()?;
        if left > 0 {
            return Ok(format!("{left} connections were cut"));
        }
        Ok(format!("kept on {} with its log", side.word()))
    }
}

fn drop_file(path: &Path) {
    // A file that cannot be removed is small, and private.
    drop(std::fs::remove_file(path));
}

fn last_lines(path: &Path) -> Vec<String> {
    let text = std::fs::read(path).unwrap_or_default();
    let tail = text.get(text.len().saturating_sub(16 << 10)..).unwrap_or_default();
    let text = String::from_utf8_lossy(tail).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    let clean = |line: &&str| line.chars().filter(|c| !c.is_control()).take(300).collect();
    lines.iter().skip(lines.len().saturating_sub(LINES)).map(clean).collect()
}
