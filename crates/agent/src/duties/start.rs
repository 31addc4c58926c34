//! Starts the jobs whose turn has come, each by a wrapper of its own that outlives us.
//!
//! A turn is looked at again and again until it is heard of, and each look may find that an earlier life has started it:
//! its claim says so. What was begun and ended without a word is reported as lost.

use std::collections::HashMap;
use std::io;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use muster_core::ids::RunId;
use muster_core::rota::Turn;
use muster_core::signal::{Ending, Outcome, Report, Signal};
use muster_host::claim::{self, Standing};
use muster_host::state::Layout;

use super::spool::{Intake, blocking};
use super::table::{Context, Terms};
use crate::clock::Clock;
use crate::driver::{Duty, Performing, Why};
use crate::handle::Handle;
use crate::parts::Starter;
use crate::resident::message::Message;

pub(super) const TERMS: Terms = Terms {
    name: "start",
    sentence: "starts the jobs whose turn has come",
    period: Duration::from_secs(3),
    deadline: Duration::from_secs(30),
    after: 1,
};

/// How long the resident may take to say what is to be started.
const ASK: Duration = Duration::from_secs(10);

/// How often old claims are removed.
const SWEEP: Duration = Duration::from_secs(3600);

/// The duty.
pub(super) struct Start {
    handle: Handle,
    clock: Arc<dyn Clock>,
    layout: Layout,
    intake: Arc<Intake>,
    starter: Option<Starter>,
    children: HashMap<RunId, Child>,
    swept: Option<Instant>,
}

/// What one look at a turn found.
enum Found {
    /// It was started just now, or goes its way.
    UnderWay,
    /// It cannot be started.
    NotStarted(io::Error),
    /// It was begun, and whoever began it is gone.
    Gone(String),
}

impl Start {
    pub(super) fn new(context: &Context, intake: Arc<Intake>) -> Self {
        Self {
            handle: context.handle.clone(),
            clock: Arc::clone(&context.clock),
            layout: context.layout.clone(),
            intake,
            starter: context.starter.clone(),
            children: HashMap::new(),
            swept: None,
        }
    }

    async fn issued(&self) -> Result<Vec<Turn>, String> {
        self.handle.ask(ASK, Message::Issued).await.map_err(|error| error.to_string())
    }

    /// Removes old claims now and then; what cannot be removed is tried again.
    async fn sweep(&mut self) -> Result<(), String> {
        if self.swept.is_some_and(|at| at.elapsed() < SWEEP) {
            return Ok(());
        }
        self.swept = Some(Instant::now());
        let layout = self.layout.clone();
        blocking(move || claim::sweep(&layout)).await?.map_err(|error| error.to_string())
    }

    fn failed(&self, turn: Turn, ending: Ending) -> Signal {
        let at = self.clock.now().wall;
        Signal {
            id: muster_host::ids::signal_id(at),
            about: turn.about,
            at,
            run: Some(turn.run),
            report: Report::Failure(Outcome::bare(ending)),
        }
    }

    /// Looks at each turn, and starts those that nobody has begun.
    async fn see_to(&mut self, issued: Vec<Turn>, starter: Starter) -> Result<Vec<(Turn, Found)>, String> {
        let mut children = std::mem::take(&mut self.children);
        let layout = self.layout.clone();
        let (children, found) = blocking(move || {
            let mut ended = HashMap::new();
            children.retain(|run, child| match child.try_wait() {
                Ok(Some(status)) => {
                    ended.insert(run.clone(), status);
                    false
                }
                Ok(None) => true,
                Err(_) => false,
            });
            let found = issued
                .into_iter()
                .map(|turn| {
                    let found = match (children.contains_key(&turn.run), ended.get(&turn.run)) {
                        (true, _) => Found::UnderWay,
                        (false, ended) => look(&layout, &starter, &turn, ended, &mut children),
                    };
                    (turn, found)
                })
                .collect();
            (children, found)
        })
        .await?;
        self.children = children;
        Ok(found)
    }
}

fn look(
    layout: &Layout,
    starter: &Starter,
    turn: &Turn,
    ended: Option<&ExitStatus>,
    children: &mut HashMap<RunId, Child>,
) -> Found {
    match (claim::look(layout, turn.about.name(), &turn.run), ended) {
        (Standing::Held, _) => Found::UnderWay,
        (_, Some(status)) => Found::Gone(format!("its wrapper ended ({status}) without a word")),
        (Standing::Left, None) => {
            Found::Gone("its wrapper is gone without a word, and so was the agent that started it".into())
        }
        (Standing::Free, None) => match spawn(layout, starter, turn) {
            Ok(child) => {
                children.insert(turn.run.clone(), child);
                Found::UnderWay
            }
            Err(error) => Found::NotStarted(error),
        },
    }
}

fn spawn(layout: &Layout, starter: &Starter, turn: &Turn) -> io::Result<Child> {
    let mut command = Command::new(&starter.program);
    command
        .args(["run", "--quiet", "--turn", turn.run.as_str(), "--state"])
        .arg(std::path::absolute(layout.root())?);
    if let Some(config) = &starter.config {
        command.arg("--config").arg(config);
    }
    command
        .arg(turn.about.name())
        .env_clear()
        .envs(starter.environment.iter().cloned())
        .current_dir(&starter.folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

impl Duty for Start {
    fn perform(&mut self, _why: Why) -> Performing<'_> {
        Box::pin(async move {
            let issued = self.issued().await?;
            if issued.is_empty() {
                self.sweep().await?;
            }
            if issued.is_empty() && self.children.is_empty() {
                return Ok("nothing is to be started".into());
            }
            let Some(starter) = self.starter.clone() else {
                return Err("jobs are to be started and there is no program to do it with".into());
            };
            let mut signals = Vec::new();
            let mut gone = Vec::new();
            for (turn, found) in self.see_to(issued, starter).await? {
                match found {
                    Found::UnderWay => {}
                    Found::NotStarted(error) => {
                        let error = format!("no process could be made for it: {error}");
                        signals.push(self.failed(turn, Ending::NotStarted { error }));
                    }
                    Found::Gone(why) => gone.push((turn, why)),
                }
            }
            if !gone.is_empty() {
                // Its last word may lie in the spool.
                self.intake.drain().await?;
                let still = self.issued().await?;
                gone.retain(|(turn, _)| still.contains(turn));
            }
            for (turn, why) in gone {
                signals.push(self.failed(turn, Ending::Lost { why }));
            }
            let lost = signals.len();
            if lost > 0 {
                self.handle.hear(signals).await.map_err(|error| error.to_string())?;
            }
            Ok(format!("{} under way, {lost} failed", self.children.len()))
        })
    }
}
