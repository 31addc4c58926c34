//! Notices runs whose watcher died without a word: killed, or gone with an earlier boot.

use std::sync::Arc;
use std::time::Duration;

use muster_core::roll_call::OpenRun;
use muster_core::signal::{Ending, Outcome, Report, Signal};
use muster_host::lock::Holder;
use muster_host::state::Layout;
use muster_host::{clock, process};

use super::spool::{Intake, blocking};
use super::table::{Context, Terms};
use crate::clock::Clock;
use crate::driver::{Duty, Performing, Why};
use crate::handle::Handle;
use crate::resident::message::Message;

pub(super) const TERMS: Terms = Terms {
    name: "runs",
    sentence: "notices runs whose watcher died without a word",
    period: Duration::from_secs(3),
    deadline: Duration::from_secs(30),
    after: 2,
};

/// The duty.
pub(super) struct Runs {
    handle: Handle,
    clock: Arc<dyn Clock>,
    intake: Arc<Intake>,
    layout: Layout,
}

impl Runs {
    pub(super) fn new(context: &Context, intake: Arc<Intake>) -> Self {
        Self {
            handle: context.handle.clone(),
            clock: Arc::clone(&context.clock),
            intake,
            layout: context.layout.clone(),
        }
    }

    async fn dead(&self) -> Result<Vec<(OpenRun, String)>, String> {
        let answer = self.handle.ask(Duration::from_secs(10), Message::OpenRuns).await;
        let open = answer.map_err(|error| error.to_string())?;
        if open.is_empty() {
            return Ok(Vec::new());
        }
        let layout = self.layout.clone();
        blocking(move || {
            let boot = clock::boot_id().unwrap_or_default();
            open.into_iter().filter_map(|run| autopsy(&run, &boot, &layout).map(|why| (run, why))).collect()
        })
        .await
    }
}

/// Why the watcher of a run is gone; none while it lives.
fn autopsy(run: &OpenRun, boot: &str, layout: &Layout) -> Option<String> {
    if process::is_alive(&run.process) {
        return None;
    }
    if run.process.boot != boot {
        return Some("the machine was restarted while it ran".to_owned());
    }
    let gone = format!(
        "its watcher (process {}) is gone without a word: killed, or the machine ran out of memory",
        run.process.pid
    );
    Some(match survivor(run, layout) {
        Some(pid) => format!("{gone}; its command (process {pid}) goes on, and nobody will tell how it ends"),
        None => gone,
    })
}

/// The job's own process, if it outlived its watcher: the lock still names it.
fn survivor(run: &OpenRun, layout: &Layout) -> Option<u32> {
    let text = std::fs::read(layout.lock(run.about.name())).ok()?;
    let holder: Holder = serde_json::from_slice(&text).ok()?;
    let job = holder.job.filter(process::is_alive)?;
    (Some(&holder.run) == run.run.as_ref()).then_some(job.pid)
}

impl Duty for Runs {
    fn perform(&mut self, _why: Why) -> Performing<'_> {
        Box::pin(async move {
            if self.dead().await?.is_empty() {
                return Ok("none is lost".into());
            }
            // Its last word may lie in the spool: a watcher writes it, and then it ends.
            self.intake.drain().await?;
            let lost = self.dead().await?;
            let at = self.clock.now().wall;
            let signals: Vec<Signal> = lost
                .into_iter()
                .map(|(run, why)| Signal {
                    id: muster_host::ids::signal_id(at),
                    about: run.about,
                    at,
                    run: run.run,
                    report: Report::Failure(Outcome::bare(Ending::Lost { why })),
                })
                .collect();
            let count = signals.len();
            if count > 0 {
                self.handle.hear(signals).await.map_err(|error| error.to_string())?;
            }
            Ok(format!("{count} lost"))
        })
    }
}
