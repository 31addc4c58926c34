//! Collectors: each reads one part of a host within its own time and its own bounds, changes nothing and judges nothing.
//! One that is late or dies leaves its part *unknown*, with the reason; the others go on.

use std::collections::BTreeMap;
use std::sync::Arc;
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

/// Reads a host. Takes as long as the slowest collector, and never longer than that one may.
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
    let mut open: BTreeMap<usize, &Collector> = BTreeMap::new();
    for (place, collector) in COLLECTORS.iter().enumerate() {
        let (sender, ground) = (sender.clone(), Arc::clone(&ground));
        let read = collector.read;
        let work = move || {
            let put = read(&ground);
            // Nobody listens any more: it came too late.
            drop(sender.send((place, put)));
        };
        match std::thread::Builder::new().name(collector.name.to_owned()).spawn(work) {
            // A thread that hangs in the kernel ends with the process.
            Ok(_) => _ = open.insert(place, collector),
            Err(error) => (collector.blind)(&mut facts, format!("no thread to look: {error}")),
        }
    }
    drop(sender);
    let mut timings = Vec::new();
    let mut puts: BTreeMap<usize, Put> = BTreeMap::new();
    while !open.is_empty() {
        let took = begun.elapsed();
        let next = open.values().map(|collector| collector.within).min().unwrap_or_default();
        let wait = next.saturating_sub(took);
        let heard =
            if wait.is_zero() { Err(mpsc::RecvTimeoutError::Timeout) } else { receiver.recv_timeout(wait) };
        match heard {
            Ok((place, put)) => {
                if let Some(collector) = open.remove(&place) {
                    timings.push(Timing { name: collector.name, took: begun.elapsed(), late: false });
                    puts.insert(place, put);
                }
            }
            Err(why) => {
                let died = why == mpsc::RecvTimeoutError::Disconnected;
                let over = |collector: &Collector| died || collector.within <= begun.elapsed();
                let given_up: Vec<usize> =
                    open.iter().filter(|(_, one)| over(one)).map(|(place, _)| *place).collect();
                for place in given_up {
                    let Some(collector) = open.remove(&place) else { continue };
                    timings.push(Timing { name: collector.name, took: begun.elapsed(), late: true });
                    let why = match died {
                        true => format!("the collector {} died", collector.name),
                        false => format!("not seen within {} ms", collector.within.as_millis()),
                    };
                    (collector.blind)(&mut facts, why);
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
