//! All hosts of a service, each asked by a thread of its own. A connection that breaks is made again.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use muster_config::plan::{HostPlan, ServiceSpec};
use muster_core::plan::{Act, Observed};

use super::link::{Link, Own, bring};
use crate::books::Entry;
use crate::front::Failures;
use crate::trouble::Trouble;
use crate::wire::{Errand, Question, Said};

/// How long a host may take for what it does at once.
const MOMENT: Duration = Duration::from_secs(30);

/// What a host is asked for.
#[derive(Debug, Clone)]
pub enum Task {
    /// What it knows; no lease.
    Observe,
    /// The lease.
    Hold,
    /// What the acts are about; kept for when the connection is made again.
    Begin(Box<Errand>),
    /// Do something.
    Do(Act, Duration),
    /// It is over.
    Done {
        /// The new release stays.
        stays: bool,
        /// Why not.
        why: String,
    },
}

/// What came of it.
#[derive(Debug, Clone)]
pub enum Result {
    /// It is done, with a note.
    Done(String),
    /// It is over here; the requests that failed meanwhile.
    Ended(Option<Failures>),
    /// What the host knows.
    Seen(Box<Observed>, Vec<Entry>, Option<String>),
    /// Somebody else has the lease.
    Busy(String),
    /// It is not done.
    Failed(Vec<Trouble>),
    /// The host was not heard.
    Lost(String),
}

/// The hosts.
#[derive(Debug)]
pub struct Crew {
    lines: Vec<Sender<Task>>,
    threads: Vec<JoinHandle<()>>,
    heard: Receiver<(usize, Task, Result)>,
    stop: Arc<AtomicBool>,
}

struct Line {
    host: HostPlan,
    spec: ServiceSpec,
    by: String,
    own: Arc<Own>,
    control: PathBuf,
    link: Option<Link>,
    /// The lease is wanted, so it is taken again with each new connection.
    holds: bool,
    errand: Option<Box<Errand>>,
    /// Its file is on the host.
    brought: bool,
    stop: Arc<AtomicBool>,
}

impl Crew {
    /// One thread for each host. Nothing is asked yet. `control` is a folder of the user's own for the sockets of ssh.
    ///
    /// # Errors
    /// No thread could be started, or this program cannot be read.
    pub fn new(
        hosts: &[HostPlan],
        spec: &ServiceSpec,
        by: &str,
        control: PathBuf,
    ) -> std::result::Result<Self, String> {
        let own = Arc::new(Own::new()?);
        let stop = Arc::new(AtomicBool::new(false));
        let (tell, heard) = mpsc::channel();
        let (mut lines, mut threads) = (Vec::new(), Vec::new());
        for (at, host) in hosts.iter().enumerate() {
            let (sender, tasks) = mpsc::channel::<Task>();
            let mut line = Line {
                host: host.clone(),
                spec: spec.clone(),
                by: by.to_owned(),
                own: Arc::clone(&own),
                control: control.clone(),
                link: None,
                holds: false,
                errand: None,
                brought: false,
                stop: Arc::clone(&stop),
            };
            let tell = tell.clone();
            let thread = std::thread::Builder::new().name(host.name.clone()).spawn(move || {
                while let Ok(task) = tasks.recv() {
                    let result = line.perform(&task);
                    if tell.send((at, task, result)).is_err() {
                        return;
                    }
                }
            });
            lines.push(sender);
            threads.push(thread.map_err(|error| error.to_string())?);
        }
        Ok(Self { lines, threads, heard, stop })
    }

    /// Gives a host something to do.
    pub fn give(&self, host: usize, task: Task) {
        if let Some(line) = self.lines.get(host) {
            // Its thread ends only with the crew.
            drop(line.send(task));
        }
    }

    /// The next answer; none in time.
    pub fn hear(&self, within: Duration) -> Option<(usize, Task, Result)> {
        self.heard.recv_timeout(within).ok()
    }

    /// Ends the waits that can be ended ([`waits`]), now and from now on.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Gives all hosts the same, and waits for all.
    pub fn all(&self, task: &Task) -> Vec<Result> {
        for host in 0..self.lines.len() {
            self.give(host, task.clone());
        }
        let mut results: Vec<Option<Result>> = vec![None; self.lines.len()];
        while results.iter().any(Option::is_none) {
            // Every task has a deadline of its own; this one is for a thread that died.
            let Some((host, _, result)) = self.hear(Duration::from_secs(600)) else { break };
            if let Some(place) = results.get_mut(host) {
                *place = Some(result);
            }
        }
        let lost = || Result::Lost("nobody answered".to_owned());
        results.into_iter().map(|result| result.unwrap_or_else(lost)).collect()
    }
}

/// An act that only waits, and changes nothing when it is ended early.
pub const fn waits(act: Act) -> bool {
    matches!(act, Act::Probation | Act::Watch | Act::Drain)
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.lines.clear();
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

impl Line {
    fn perform(&mut self, task: &Task) -> Result {
        match task {
            Task::Hold => self.holds = true,
            Task::Begin(errand) => self.errand = Some(errand.clone()),
            Task::Observe | Task::Do(..) | Task::Done { .. } => {}
        }
        if matches!(task, Task::Do(Act::Fetch, _))
            && let Err(troubles) = self.bring()
        {
            return Result::Failed(troubles);
        }
        match self.once(task) {
            // The command that runs once is not run twice because nobody heard how it went.
            Err(why) if matches!(task, Task::Do(Act::Once, _)) => Result::Lost(why),
            Err(_) => match self.once(task) {
                Ok(result) => result,
                Err(why) => Result::Lost(why),
            },
            Ok(result) => result,
        }
    }

    /// Asks on the connection there is, or a new one, which is dropped when it does not answer.
    fn once(&mut self, task: &Task) -> std::result::Result<Result, String> {
        let (question, within) = match task {
            Task::Observe => (Question::Observe { service: self.spec.service.clone() }, MOMENT),
            Task::Hold => (self.hold(), MOMENT),
            Task::Begin(errand) => (Question::Begin(errand.clone()), MOMENT),
            Task::Do(act, within) => {
                let millis = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
                (Question::Do { act: *act, within: millis }, *within + Duration::from_secs(5))
            }
            Task::Done { stays, why } => (Question::Done { stays: *stays, why: why.clone() }, MOMENT),
        };
        let is_new = self.link.is_none();
        let mut link = match self.link.take() {
            Some(link) => link,
            None => Link::open(&self.host, &self.own, &self.control)?,
        };
        if is_new && self.holds && !matches!(task, Task::Hold) {
            if let busy @ Said::Busy { .. } = link.ask(self.hold(), MOMENT)? {
                return Ok(result(busy));
            }
            if let Some(errand) = &self.errand
                && let failed @ Said::Failed(_) = link.ask(Question::Begin(errand.clone()), MOMENT)?
            {
                return Ok(result(failed));
            }
        }
        let may_stop = matches!(task, Task::Do(act, _) if waits(*act));
        let said = link.ask_until(question, within, may_stop.then_some(&*self.stop))?;
        self.link = Some(link);
        Ok(result(said))
    }

    /// Brings the file of a release to the host, if that is what the release is made of.
    fn bring(&mut self) -> std::result::Result<(), Vec<Trouble>> {
        let Some(errand) = self.errand.as_mut().filter(|errand| !errand.is_return && !self.brought) else {
            return Ok(());
        };
        let Some(file) = &errand.file else { return Ok(()) };
        let there = bring(&self.host, &self.control, Path::new(file));
        errand.file = Some(there.map_err(|why| vec![Trouble::new(why)])?);
        self.brought = true;
        let begin = Task::Begin(errand.clone());
        match self.perform(&begin) {
            Result::Failed(troubles) => Err(troubles),
            Result::Lost(why) | Result::Busy(why) => Err(vec![Trouble::new(why)]),
            Result::Done(_) | Result::Ended(_) | Result::Seen(..) => Ok(()),
        }
    }

    fn hold(&self) -> Question {
        Question::Hold { spec: Box::new(self.spec.clone()), by: self.by.clone() }
    }
}

fn result(said: Said) -> Result {
    match said {
        Said::Done { note } => Result::Done(note),
        Said::Ended { failed_requests } => Result::Ended(failed_requests),
        Said::Seen { observed, entries, held } => Result::Seen(Box::new(observed), entries, held),
        Said::Busy { holder } => Result::Busy(holder),
        Said::Failed(troubles) => Result::Failed(troubles),
        Said::Standings(_) | Said::Fates(_) => Result::Lost("it answers another question".to_owned()),
    }
}
