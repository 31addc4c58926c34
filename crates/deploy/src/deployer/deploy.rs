//! One deploy or rollback, from its beginning to its end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use muster_config::plan::{RuntimeSpec, ServicePlan, Source, Then};
use muster_core::plan::{
    Act, Attempt, Deploy, End, Flow, Goal, Objection, Observed, Plan, Reply, Settling, plan, settle,
};
use muster_core::time::Span;

use super::crew::{Crew, Result as Heard, Task};
use super::hooks::{HOOK, Hooking};
use super::public;
use crate::books::Entry;
use crate::front::Failures;
use crate::trouble::Trouble;
use crate::wire::Errand;

/// The longest that a release may take to be brought to a host.
const FETCH: Span = Span::minutes(15);
/// The longest that the command may take that runs once.
const ONCE: Span = Span::minutes(5);
/// For how long the public address is asked before anything is done, to know whether it can be asked at all.
const BEFORE: Duration = Duration::from_secs(2);

/// What is wanted.
#[derive(Debug, Clone)]
pub struct Wish {
    /// A new release of this version, or the release before.
    pub what: What,
    /// It may go back also from a release that cannot be undone.
    pub even_if_irreversible: bool,
    /// Who wants it.
    pub by: String,
    /// Values for the environment, secret.
    pub environment: Vec<(String, String)>,
    /// A folder of the user's own for the sockets of ssh.
    pub control: PathBuf,
    /// And one for what hooks say.
    pub output: PathBuf,
}

/// What is put in front.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A tag, a commit, a file.
    Version(String),
    /// A release that was in front before; none is the last one.
    Back(Option<u64>),
}

/// How it goes, for whoever watches.
#[derive(Debug)]
pub enum Progress<'a> {
    /// The plan is made.
    Planned(&'a Plan, Attempt),
    /// A deploy that was left in the middle is settled first.
    Settling(&'a Settling),
    /// A host, or the deployer itself, begins with something.
    Began(Option<usize>, Act),
    /// It is done, with a note.
    Done(Option<usize>, Act, Duration, &'a str),
    /// Somebody wants it to end; whether it can still go back.
    Interrupted(bool),
    /// It is not done.
    Failed(Option<usize>, Act, Duration, &'a [Trouble]),
}

/// What it came to.
#[derive(Debug)]
pub struct Outcome {
    /// The end.
    pub end: End,
    /// The numbers.
    pub attempt: Attempt,
    /// What went wrong, host by host.
    pub troubles: Vec<(Option<usize>, Act, Vec<Trouble>)>,
    /// A release was in front on some host before.
    pub had_release: bool,
    /// Requests that failed while it was done, on each host that led any.
    pub failed_requests: Vec<(usize, Failures)>,
    /// From the first question to the last answer.
    pub took: Duration,
}

/// Why there is no deploy; nothing was changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Refused {
    /// Somebody else deploys.
    #[error("{host}: {holder} deploys it already")]
    Busy {
        /// Where the lease is taken.
        host: String,
        /// By whom, and what they are at.
        holder: String,
    },
    /// Hosts that cannot be reached.
    #[error("{} cannot be reached", .0.iter().map(|(host, _)| host.as_str()).collect::<Vec<_>>().join(", "))]
    Unreached(Vec<(String, Vec<Trouble>)>),
    /// There is nothing to go back to.
    #[error("there is no release to go back to on {0}")]
    NoRelease(String),
    /// A deploy that was left in the middle could not be settled.
    #[error("what was left in the middle could not be settled on {host}")]
    Unsettled {
        /// Where.
        host: String,
        /// Why.
        troubles: Vec<Trouble>,
    },
    /// There is no plan.
    #[error(transparent)]
    NoPlan(#[from] Objection),
    /// The deployer itself cannot work.
    #[error("{0}")]
    Here(String),
}

/// What the hosts know of a service, one answer for each; takes no lease.
///
/// # Errors
/// The deployer itself cannot work.
pub fn observe(service: &ServicePlan, by: &str, control: PathBuf) -> Result<Vec<Heard>, Refused> {
    let crew = Crew::new(&service.hosts, &service.spec, by, control).map_err(Refused::Here)?;
    Ok(crew.all(&Task::Observe))
}

/// A deploy that holds the leases, and has its plan.
#[derive(Debug)]
pub struct Ready<'a> {
    service: &'a ServicePlan,
    wish: &'a Wish,
    crew: Crew,
    plan: Plan,
    attempt: Attempt,
    version: String,
    had_release: bool,
    begin: Instant,
}

/// Takes the leases, settles what was left in the middle, and makes the plan. Nothing new is begun. If only the plan is wanted
/// it takes no lease and settles nothing, and what it gives back must not be run.
///
/// # Errors
/// [`Refused`]; the leases are free then.
pub fn prepare<'a>(
    service: &'a ServicePlan,
    wish: &'a Wish,
    only_plan: bool,
    tell: &mut dyn FnMut(Progress<'_>),
) -> Result<Ready<'a>, Refused> {
    let begin = Instant::now();
    let crew =
        Crew::new(&service.hosts, &service.spec, &wish.by, wish.control.clone()).map_err(Refused::Here)?;
    let (mut observed, mut entries) = if only_plan { see(&crew, service)? } else { hold(&crew, service)? };
    let settling = settle(&observed.iter().cloned().map(Some).collect::<Vec<_>>());
    if !matches!(settling, Settling::Settled | Settling::Torn { .. }) {
        tell(Progress::Settling(&settling));
        if only_plan {
            observed.iter_mut().for_each(|seen| seen.pending = None);
        } else {
            settle_all(&crew, service, &settling, &observed, &wish.by)?;
            // That deploy has ended with this; what follows is another one.
            let stays = matches!(settling, Settling::Forward { .. });
            let why = if stays { "" } else { "its deployer died" };
            crew.all(&Task::Done { stays, why: why.to_owned() });
            (observed, entries) = hold(&crew, service)?;
        }
    }
    let number = observed.iter().map(|seen| seen.highest).max().unwrap_or(0) + 1;
    let (release, version) = match &wish.what {
        What::Version(version) => (number, version.clone()),
        What::Back(wanted) => return_to(service, &observed, &entries, *wanted)?,
    };
    let attempt = Attempt { number, release };
    let spec = &service.spec;
    let strategy = &service.strategy;
    let goal = Goal {
        release,
        is_return: matches!(wish.what, What::Back(_)),
        // The plan alone does no harm.
        even_if_irreversible: wish.even_if_irreversible || only_plan,
        flow: if spec.stop_first { Flow::StopFirst } else { Flow::Beside },
        has_front: !spec.domains.is_empty(),
        is_public: !spec.domains.is_empty(),
        once: !spec.pre_deploy.is_empty(),
        before: !service.hooks.before.is_empty(),
        after: !service.hooks.after.is_empty(),
        hook: HOOK,
        canary: strategy
            .canary
            .as_ref()
            .and_then(|canary| service.hosts.iter().position(|host| host.name == *canary)),
        hold: strategy.hold,
        rolling: strategy.then == Then::Rolling,
        fetch: FETCH,
        once_within: ONCE,
        probation: spec.health.within,
        drain: spec.drain,
        stop: spec.stop_timeout,
    };
    let plan = plan(&goal, &observed)?;
    tell(Progress::Planned(&plan, attempt));
    let had_release = observed.iter().any(|seen| seen.serving().is_some());
    Ok(Ready { service, wish, crew, plan, attempt, version, had_release, begin })
}

impl Ready<'_> {
    /// The plan.
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Carries it out. `stop` is asked now and then: once it is true all goes back, unless it was decided that the new release
    /// stays.
    pub fn run(self, stop: &AtomicBool, tell: &mut dyn FnMut(Progress<'_>)) -> Outcome {
        let Self { service, wish, crew, plan, attempt, version, had_release, begin } = self;
        // Asked beside the first steps; it is known long before it is needed.
        let before = service.spec.clone();
        let before = std::thread::Builder::new()
            .name("public before".into())
            .spawn(move || public::ask(&before, BEFORE).is_ok());
        let mut before = before.ok();
        let is_return = matches!(wish.what, What::Back(_));
        let is_file =
            matches!(&service.spec.runtime, RuntimeSpec::Systemd { source: Source::Artifact(_), .. });
        let file = (is_file && !is_return).then(|| version.clone());
        let name = Path::new(&version).file_name().filter(|_| file.is_some());
        let errand = Errand {
            attempt,
            is_return,
            version: name.map(|name| name.to_string_lossy().into_owned()).unwrap_or(version),
            file,
            environment: wish.environment.clone(),
            hold: service.strategy.hold.as_millis(),
            by: wish.by.clone(),
        };
        crew.all(&Task::Begin(Box::new(errand)));
        let hooking = Hooking::new(service, attempt, &wish.by, wish.output.clone());
        let mut deploy = Deploy::new(plan);
        let mut since: BTreeMap<Option<usize>, Instant> = BTreeMap::new();
        let mut troubles = Vec::new();
        let mut was_stopped = false;
        let mut fetched: Option<String> = None;
        let (asked, here) = mpsc::channel();
        let now = || Span::from(begin.elapsed());
        while deploy.end().is_none() {
            if stop.load(Ordering::Relaxed) {
                if !was_stopped {
                    was_stopped = true;
                    tell(Progress::Interrupted(deploy.may_go_back()));
                    crew.stop();
                }
                deploy.interrupt("it was interrupted", now());
            }
            for order in deploy.orders(now()) {
                since.insert(order.host, Instant::now());
                tell(Progress::Began(order.host, order.act));
                match order.host {
                    Some(host) => crew.give(host, Task::Do(order.act, order.within.to_std())),
                    None if hooking.has(order.act) => {
                        let (hooking, asked) = (hooking.clone(), asked.clone());
                        let (act, within) = (order.act, order.within.to_std());
                        let thread = std::thread::Builder::new().name("hook".into()).spawn(move || {
                            let heard = match hooking.run(act, act.word(), within) {
                                Ok(note) => Heard::Done(note),
                                Err(troubles) => Heard::Failed(troubles),
                            };
                            drop(asked.send((act, heard)));
                        });
                        if thread.is_err() {
                            deploy.heard(None, order.act, Reply::Failed("no thread".into()), now());
                        }
                    }
                    None => {
                        let was_public = before.take().is_some_and(|before| before.join().unwrap_or(false));
                        let (spec, asked) = (service.spec.clone(), asked.clone());
                        // Where nobody reached it before, it is asked once and not waited for.
                        let within = if was_public { order.within.to_std() } else { Duration::ZERO };
                        let thread = std::thread::Builder::new().name("public".into()).spawn(move || {
                            let heard = of_public(public::ask(&spec, within), was_public);
                            drop(asked.send((Act::Public, heard)));
                        });
                        if thread.is_err() {
                            deploy.heard(None, order.act, Reply::Failed("no thread".into()), now());
                        }
                    }
                }
            }
            let (host, act, heard) = match here.try_recv() {
                Ok((act, heard)) => (None, act, heard),
                Err(_) => match crew.hear(Duration::from_millis(20)) {
                    Some((host, Task::Do(act, _), heard)) => (Some(host), act, heard),
                    Some(_) | None => continue,
                },
            };
            let took = since.get(&host).map(Instant::elapsed).unwrap_or_default();
            let heard = match heard {
                Heard::Done(note) if act == Act::Fetch => same(&mut fetched, note),
                other => other,
            };
            let reply = match heard {
                Heard::Done(note) => {
                    tell(Progress::Done(host, act, took, &note));
                    Reply::Done
                }
                Heard::Failed(told) => {
                    tell(Progress::Failed(host, act, took, &told));
                    let words: Vec<&str> = told.iter().map(|trouble| trouble.what.as_str()).collect();
                    let words = words.join("; ");
                    troubles.push((host, act, told));
                    Reply::Failed(words)
                }
                Heard::Lost(why) | Heard::Busy(why) => {
                    let told = vec![Trouble::new(why.clone())];
                    tell(Progress::Failed(host, act, took, &told));
                    troubles.push((host, act, told));
                    Reply::Lost(why)
                }
                Heard::Seen(..) | Heard::Ended(_) => Reply::Done,
            };
            deploy.heard(host, act, reply, now());
        }
        let end = deploy.end().cloned().unwrap_or(End::Unsure { unheard: Vec::new(), why: String::new() });
        let why = match &end {
            End::New { .. } => String::new(),
            End::Old { why, .. } | End::Unsure { why, .. } => why.clone(),
        };
        let ended = crew.all(&Task::Done { stays: matches!(end, End::New { .. }), why });
        let failed_requests = ended.into_iter().enumerate().filter_map(|(host, heard)| match heard {
            Heard::Ended(failed) => Some((host, failed?)),
            Heard::Lost(why) if !service.spec.domains.is_empty() => Some((host, Failures::Unknown(why))),
            Heard::Done(_) | Heard::Seen(..) | Heard::Busy(_) | Heard::Failed(_) | Heard::Lost(_) => None,
        });
        let step = match &end {
            End::New { .. } => None,
            End::Old { failed: (_, act), .. } => Some(*act),
            End::Unsure { .. } => Some(Act::Confirm),
        };
        if let Some(step) = step.filter(|_| hooking.has(Act::Failed)) {
            tell(Progress::Began(None, Act::Failed));
            let begin = Instant::now();
            if let Err(told) = hooking.run(Act::Failed, step.word(), HOOK.to_std()) {
                tell(Progress::Failed(None, Act::Failed, begin.elapsed(), &told));
                troubles.push((None, Act::Failed, told));
            }
        }
        Outcome {
            end,
            attempt,
            troubles,
            had_release,
            failed_requests: failed_requests.collect(),
            took: begin.elapsed(),
        }
    }
}

/// All hosts have to have the same: a branch or a tag may move between two of them. Images that were built on each host have
/// no name in common that could be compared.
fn same(fetched: &mut Option<String>, note: String) -> Heard {
    let is_comparable = note.starts_with('/') || note.contains("@sha256:");
    match fetched {
        Some(other) if is_comparable && *other != note => Heard::Failed(vec![
            Trouble::new(format!("this host has {note}, and another one {other}"))
                .help("it moved meanwhile: deploy again, by commit or digest"),
        ]),
        _ => {
            if is_comparable {
                *fetched = Some(note.clone());
            }
            Heard::Done(note)
        }
    }
}

/// What the public address says, against what it said before: where nobody reached it before either, it is no proof
/// against the release.
fn of_public(answer: Result<(), String>, was_public: bool) -> Heard {
    match answer {
        Ok(()) => Heard::Done(String::new()),
        Err(why) if was_public => Heard::Failed(vec![Trouble::new(why)]),
        Err(why) => Heard::Done(format!("unknown: it was not reached before either: {why}")),
    }
}

type SeenAll = (Vec<Observed>, Vec<Vec<Entry>>);

fn hold(crew: &Crew, service: &ServicePlan) -> Result<SeenAll, Refused> {
    all_seen(crew.all(&Task::Hold), crew, service)
}

fn see(crew: &Crew, service: &ServicePlan) -> Result<SeenAll, Refused> {
    all_seen(crew.all(&Task::Observe), crew, service)
}

fn all_seen(heard: Vec<Heard>, crew: &Crew, service: &ServicePlan) -> Result<SeenAll, Refused> {
    let (mut observed, mut entries) = (Vec::new(), Vec::new());
    let mut unreached = Vec::new();
    let mut busy = None;
    for (heard, host) in heard.into_iter().zip(&service.hosts) {
        match heard {
            Heard::Seen(seen, of, _) => {
                observed.push(*seen);
                entries.push(of);
            }
            Heard::Busy(holder) => busy = Some(Refused::Busy { host: host.name.clone(), holder }),
            Heard::Failed(troubles) => unreached.push((host.name.clone(), troubles)),
            Heard::Lost(why) => unreached.push((host.name.clone(), vec![Trouble::new(why)])),
            Heard::Done(_) | Heard::Ended(_) => {}
        }
    }
    let refused = busy.or((!unreached.is_empty()).then_some(Refused::Unreached(unreached)));
    match refused {
        None => Ok((observed, entries)),
        Some(refused) => {
            crew.all(&Task::Done { stays: false, why: String::new() });
            Err(refused)
        }
    }
}

/// Finishes what a deployer left that died.
fn settle_all(
    crew: &Crew,
    service: &ServicePlan,
    settling: &Settling,
    observed: &[Observed],
    by: &str,
) -> Result<(), Refused> {
    let (Settling::Forward { acts, .. } | Settling::Back { acts, .. }) = settling else { return Ok(()) };
    let attempts = observed.iter().flat_map(|seen| seen.pending.into_iter().chain(seen.confirmed));
    let Some(attempt) = attempts.max_by_key(|attempt| attempt.number) else { return Ok(()) };
    let errand = Errand {
        attempt,
        is_return: true,
        version: String::new(),
        file: None,
        environment: Vec::new(),
        hold: 0,
        by: by.to_owned(),
    };
    for (host, acts) in acts {
        let name = service.hosts.get(*host).map(|host| host.name.clone()).unwrap_or_default();
        let tasks = std::iter::once(Task::Begin(Box::new(errand.clone())))
            .chain(acts.iter().map(|act| Task::Do(*act, Duration::from_secs(60))));
        for task in tasks {
            crew.give(*host, task);
            let troubles = match crew.hear(Duration::from_secs(90)) {
                Some((_, _, Heard::Done(_) | Heard::Ended(_) | Heard::Seen(..))) => continue,
                Some((_, _, Heard::Failed(troubles))) => troubles,
                Some((_, _, Heard::Lost(why) | Heard::Busy(why))) => vec![Trouble::new(why)],
                None => vec![Trouble::new("no answer")],
            };
            crew.all(&Task::Done { stays: false, why: String::new() });
            return Err(Refused::Unsettled { host: name, troubles });
        }
    }
    Ok(())
}

/// The release that a rollback goes to: the one that was in front before on the first host, and must be known on all.
fn return_to(
    service: &ServicePlan,
    observed: &[Observed],
    entries: &[Vec<Entry>],
    wanted: Option<u64>,
) -> Result<(u64, String), Refused> {
    let first = || service.hosts.first().map(|host| host.name.clone()).unwrap_or_default();
    let (Some(seen), Some(record)) = (observed.first(), entries.first()) else {
        return Err(Refused::NoRelease(first()));
    };
    let now = seen.confirmed.map(|attempt| attempt.release);
    let was_in_front = |entry: &&Entry| matches!(entry.what.as_str(), "deployed" | "rolled back");
    // By the order of the record, never by a date. What was gone back from is no place to go back to.
    let mut path: Vec<(u64, &str)> = Vec::new();
    for entry in record.iter().filter(was_in_front) {
        match path.iter().position(|(release, _)| *release == entry.attempt.release) {
            Some(at) => path.truncate(at + 1),
            None => path.push((entry.attempt.release, &entry.version)),
        }
    }
    let found = match wanted {
        Some(wanted) => record
            .iter()
            .filter(was_in_front)
            .find(|entry| entry.attempt.release == wanted)
            .map(|entry| (entry.attempt.release, entry.version.clone())),
        None => {
            let at = path.iter().position(|(release, _)| Some(*release) == now);
            let before = at.and_then(|at| at.checked_sub(1)).and_then(|at| path.get(at));
            before.map(|(release, version)| (*release, (*version).to_owned()))
        }
    };
    found.ok_or_else(|| Refused::NoRelease(first()))
}
