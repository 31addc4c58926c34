//! Runs of the last day and of the last weeks, read once for all who look.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use muster_core::effect::SlotClosed;
use muster_core::ids::ExpectationId;
use muster_core::racing::memory::{Fullest, fullest};
use muster_core::racing::past::{Past, look_back};
use muster_core::racing::stint::{Lengths, Stint};
use muster_core::time::{Span, Timestamp};
use muster_store::brief::{BRIEF_LIMIT, Brief, BriefState};
use muster_store::contract::{Store, StoreError};

use crate::records::ask;
use crate::router::Web;

/// The last day is read again after this.
const DAY_FRESH: Span = Span::seconds(3);
/// The last weeks are read again after a hundred times what that took, and after this at the latest.
const WEEKS_FRESH: Span = Span::minutes(5);
/// How far back the weeks reach.
const WEEKS: Span = Span::days(30);
/// Runs that began this long before the day and may reach into it.
const REACH: Span = Span::days(1);
/// Runs in the strip of a job.
pub const RECENT: usize = 24;
/// Jobs that are looked up one by one because their runs are rare.
const RARE_JOBS: usize = 500;

/// The last day.
#[derive(Debug, Default)]
pub struct Day {
    read: Timestamp,
    /// Runs that went on in it, newest first.
    pub runs: Vec<Brief>,
    /// Slots that were missed or are unknown.
    pub gaps: Vec<SlotClosed>,
}

/// The last weeks.
#[derive(Debug, Default)]
pub struct Weeks {
    /// When they were read.
    pub read: Timestamp,
    cost: Span,
    /// The last runs of each job, newest first, at most [`RECENT`].
    pub recent: HashMap<ExpectationId, Vec<Brief>>,
    /// How long each job takes.
    pub lengths: HashMap<ExpectationId, Lengths>,
    /// Largest peak memory of each job.
    pub peaks: HashMap<ExpectationId, u64>,
    /// Which of them met.
    pub past: Past,
    /// When they needed the most memory together.
    pub fullest: Option<Fullest>,
    /// From when on all runs were looked at.
    pub since: Timestamp,
}

/// What need not be read again.
#[derive(Debug, Default)]
pub struct Kept {
    day: Mutex<Arc<Day>>,
    weeks: Mutex<Arc<Weeks>>,
}

fn get<T>(kept: &Mutex<Arc<T>>) -> Arc<T> {
    Arc::clone(&kept.lock().unwrap_or_else(PoisonError::into_inner))
}

fn put<T>(kept: &Mutex<Arc<T>>, value: T) -> Arc<T> {
    let value = Arc::new(value);
    *kept.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&value);
    value
}

/// The runs of the last day.
///
/// # Errors
/// [`StoreError`] when they cannot be read.
pub async fn day(web: &Web) -> Result<Arc<Day>, StoreError> {
    let (kept, now) = (get(&web.jobs.day), web.present().now);
    if now.since(kept.read) < DAY_FRESH && kept.read <= now && kept.read != Timestamp::default() {
        return Ok(kept);
    }
    let read = ask(&web.parts.store, move |store| {
        let since = now - Span::days(1);
        let mut runs = store.briefs(None, since - REACH, BRIEF_LIMIT)?;
        runs.retain(|run| run.about.table() == "job" && run.ended.is_none_or(|ended| ended >= since));
        let mut gaps = store.gaps(since)?;
        gaps.retain(|gap| gap.about.table() == "job");
        Ok(Day { read: now, runs, gaps })
    });
    Ok(put(&web.jobs.day, read.await?))
}

/// The runs of the last weeks.
///
/// # Errors
/// [`StoreError`] when they cannot be read.
pub async fn weeks(web: &Web) -> Result<Arc<Weeks>, StoreError> {
    let (kept, now) = (get(&web.jobs.weeks), web.present().now);
    let fresh = Span::millis(kept.cost.as_millis().saturating_mul(100)).max(DAY_FRESH).min(WEEKS_FRESH);
    if now.since(kept.read) < fresh && kept.read <= now && kept.read != Timestamp::default() {
        return Ok(kept);
    }
    let snapshot = web.snapshot();
    let jobs = snapshot.board.lines.iter().filter(|line| line.id.table() == "job");
    let jobs: Vec<_> = jobs.map(|line| line.id.clone()).collect();
    let read = ask(&web.parts.store, move |store| {
        let begun = Instant::now();
        let weeks = look(store, &jobs, now)?;
        Ok(Weeks { cost: begun.elapsed().into(), ..weeks })
    });
    Ok(put(&web.jobs.weeks, read.await?))
}

fn look(store: &dyn Store, jobs: &[ExpectationId], now: Timestamp) -> Result<Weeks, StoreError> {
    let mut runs = store.briefs(None, now - WEEKS, BRIEF_LIMIT)?;
    let whole = runs.len() < BRIEF_LIMIT;
    let since = if whole { now - WEEKS } else { runs.last().map_or(now, |run| run.started) };
    runs.retain(|run| run.about.table() == "job");
    let mut recent: HashMap<ExpectationId, Vec<Brief>> = HashMap::new();
    let mut took: HashMap<ExpectationId, Vec<Span>> = HashMap::new();
    let mut peaks: HashMap<ExpectationId, u64> = HashMap::new();
    for run in &runs {
        let last = recent.entry(run.about.clone()).or_default();
        if last.len() < RECENT {
            last.push(run.clone());
        }
        took.entry(run.about.clone()).or_default().extend(run.took.filter(|_| run.state == BriefState::Ok));
        let peak = peaks.entry(run.about.clone()).or_default();
        *peak = (*peak).max(run.peak_memory.unwrap_or_default());
    }
    if !whole {
        let rare = |job: &&ExpectationId| recent.get(*job).is_none_or(|runs| runs.len() < RECENT);
        let rare: Vec<_> = jobs.iter().filter(rare).take(RARE_JOBS).cloned().collect();
        for job in rare {
            let runs = store.briefs(Some(&job), now - Span::days(100), RECENT)?;
            let lengths = runs.iter().filter(|run| run.state == BriefState::Ok).filter_map(|run| run.took);
            took.insert(job.clone(), lengths.collect());
            recent.insert(job, runs);
        }
    }
    peaks.retain(|_, peak| *peak > 0);
    let stints = stints(&runs, now);
    Ok(Weeks {
        read: now,
        cost: Span::ZERO,
        recent,
        lengths: took.into_iter().filter_map(|(job, took)| Some((job, Lengths::of(&took)?))).collect(),
        peaks,
        past: look_back(&stints),
        fullest: fullest(&stints),
        since,
    })
}

/// Runs as intervals. What gave way did not run, and of what was lost nobody knows how long it ran.
pub fn stints(runs: &[Brief], now: Timestamp) -> Vec<Stint> {
    let ran = |run: &&Brief| !matches!(run.state, BriefState::Skipped | BriefState::Lost);
    let stint = |run: &Brief| Stint {
        job: run.about.clone(),
        from: run.started,
        until: run.ended.unwrap_or(now),
        well: run.state == BriefState::Ok,
        peak_memory: run.peak_memory,
    };
    runs.iter().filter(ran).map(stint).collect()
}
