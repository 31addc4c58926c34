//! Collectors: each reads one part of a host within its own time and its own bounds, changes nothing and judges nothing.
//! One that is late or dies leaves its part *unknown*, with the reason; the others go on.

use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use muster_core::time::Timestamp;

use crate::facts::{Facts, Vantage};

mod accounts;
mod backups;
mod compose;
mod containers;
mod cron;
mod databases;
mod deploys;
mod descriptors;
mod disks;
mod docker;
mod engine;
mod environment;
mod filters;
pub mod firewall;
pub mod ground;
mod groups;
mod hoard;
mod ini;
mod journal;
mod keepers;
mod layer;
mod locks;
mod logrotate;
mod logs;
mod mail;
pub mod needs;
mod nginx;
mod open_files;
mod packages;
pub mod postgres;
mod processes;
mod projects;
mod recipes;
mod sqlite;
mod stores;
mod system;
pub(crate) mod targets;
mod timers;
mod tls;
mod ufw;
mod units;
mod users;
mod yaml;

use ground::Ground;
pub(crate) use projects::HOMES;

/// What a collector saw, ready to be put with the rest.
pub(crate) type Put = Box<dyn FnOnce(&mut Facts) + Send>;

/// Reads one part of a host.
pub(crate) struct Collector {
    /// Its name, for `--timings`.
    pub(crate) name: &'static str,
    /// How long it may take.
    pub(crate) within: Duration,
    /// Reads.
    pub(crate) read: fn(&Ground) -> Put,
    /// Says that nobody could see, and why.
    pub(crate) blind: fn(&mut Facts, String),
}

/// Every collector. Adding one: a file and two lines.
const COLLECTORS: &[Collector] = &[
    users::COLLECTOR,
    cron::COLLECTOR,
    firewall::COLLECTOR,
    ufw::COLLECTOR,
    filters::COLLECTOR,
    docker::COLLECTOR,
    units::COLLECTOR,
    timers::COLLECTOR,
    keepers::COLLECTOR,
    processes::COLLECTOR,
    containers::COLLECTOR,
    compose::COLLECTOR,
    hoard::COLLECTOR,
    recipes::COLLECTOR,
    accounts::COLLECTOR,
    locks::COLLECTOR,
    logs::COLLECTOR,
    open_files::COLLECTOR,
    logrotate::COLLECTOR,
    journal::COLLECTOR,
    disks::COLLECTOR,
    projects::COLLECTOR,
    deploys::COLLECTOR,
    nginx::COLLECTOR,
    nginx::test::COLLECTOR,
    tls::COLLECTOR,
    databases::COLLECTOR,
    postgres::COLLECTOR,
    postgres::bouncer::COLLECTOR,
    backups::COLLECTOR,
    stores::COLLECTOR,
    sqlite::COLLECTOR,
    system::COLLECTOR,
    mail::COLLECTOR,
];

/// How long a collector may take. All of them together take a tenth of that on an idle host; on one that is short of
/// processors, which is when people look, a shorter time would leave most of it unknown.
pub(crate) const WITHIN: Duration = Duration::from_secs(3);

/// What is to be looked at.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The folder that is taken for `/`.
    pub root: std::path::PathBuf,
    /// Looks at the running host as well: services, sockets, containers.
    pub live: bool,
    /// The time of the facts.
    pub at: Timestamp,
}

/// How long a collector took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// Its name.
    pub name: &'static str,
    /// Until it was done, or given up.
    pub took: Duration,
    /// It was given up.
    pub late: bool,
}

/// So many read at the same time. Each has a heap of its own, and most wait for the disk and not for each other.
const WORKERS: usize = 8;

/// What a worker says.
enum Word {
    /// It begins with this one.
    Begun(usize),
    /// It is done with it; none where it died of it.
    Done(usize, Option<Put>),
}

/// Reads a host. Each collector has its own time; one that is given up leaves its place to the next.
pub fn collect(wanted: &Wanted) -> (Facts, Vec<Timing>) {
    let ground = Arc::new(Ground::new(&wanted.root, wanted.live));
    let vantage = Vantage {
        root: wanted.root.display().to_string(),
        live: wanted.live,
        uid: rustix::process::geteuid().as_raw(),
    };
    let mut facts = Facts::blank(ground.host_name(), wanted.at, vantage);
    let (sender, receiver) = mpsc::channel();
    let begun = Instant::now();
    let next = Arc::new(AtomicUsize::new(0));
    let hire = || worker(Arc::clone(&ground), Arc::clone(&next), sender.clone());
    let mut failed = None;
    let mut workers = 0;
    for _ in 0..WORKERS {
        match hire() {
            Ok(()) => workers += 1,
            Err(error) => failed = Some(error),
        }
    }
    let mut open: BTreeMap<usize, (&Collector, Option<Instant>)> =
        COLLECTORS.iter().map(|collector| (collector, None)).enumerate().collect();
    let mut timings = Vec::new();
    let mut puts: BTreeMap<usize, Put> = BTreeMap::new();
    while !open.is_empty() {
        if workers == 0 {
            let why = failed.map_or_else(String::new, |error: io::Error| format!(": {error}"));
            open.values().for_each(|(one, _)| (one.blind)(&mut facts, format!("no thread to look{why}")));
            break;
        }
        let due = open.values().filter_map(|(one, since)| Some((*since)? + one.within)).min();
        let wait = due.map_or(WITHIN, |due| due.saturating_duration_since(Instant::now()));
        let mut give_up = |open: &mut BTreeMap<usize, (&Collector, Option<Instant>)>, place, why: String| {
            if let Some((collector, since)) = open.remove(&place) {
                let took = since.unwrap_or(begun).elapsed();
                timings.push(Timing { name: collector.name, took, late: true });
                (collector.blind)(&mut facts, why);
            }
        };
        match receiver.recv_timeout(wait) {
            Ok(Word::Begun(place)) => {
                if let Some((_, since)) = open.get_mut(&place) {
                    *since = Some(Instant::now());
                }
            }
            Ok(Word::Done(place, None)) => {
                give_up(&mut open, place, format!("the collector {} died", COLLECTORS[place].name));
            }
            Ok(Word::Done(place, Some(put))) => {
                if let Some((collector, since)) = open.remove(&place) {
                    let took = since.unwrap_or(begun).elapsed();
                    timings.push(Timing { name: collector.name, took, late: false });
                    puts.insert(place, put);
                }
            }
            Err(_) => {
                let now = Instant::now();
                let is_over = |(one, since): &(&Collector, Option<Instant>)| {
                    since.is_some_and(|since| since + one.within <= now)
                };
                let late: Vec<usize> =
                    open.iter().filter(|(_, one)| is_over(one)).map(|(place, _)| *place).collect();
                for place in late {
                    let within = COLLECTORS[place].within;
                    give_up(&mut open, place, format!("not seen within {} ms", within.as_millis()));
                    // A thread that hangs in the kernel ends with the process.
                    workers -= 1;
                    match hire() {
                        Ok(()) => workers += 1,
                        Err(error) => failed = Some(error),
                    }
                }
            }
        }
    }
    // In the order of the table, so that the same host gives the same facts.
    for put in puts.into_values() {
        put(&mut facts);
    }
    ground.settle(&mut facts);
    (facts, timings)
}

/// Takes one collector after the other until none is left.
fn worker(ground: Arc<Ground>, next: Arc<AtomicUsize>, sender: mpsc::Sender<Word>) -> io::Result<()> {
    let work = move || {
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(collector) = COLLECTORS.get(place) else { return };
            // Nobody listens any more: it came too late.
            drop(sender.send(Word::Begun(place)));
            let put = catch_unwind(AssertUnwindSafe(|| (collector.read)(&ground))).ok();
            drop(sender.send(Word::Done(place, put)));
        }
    };
    std::thread::Builder::new().name("collector".to_owned()).spawn(work).map(drop)
}
