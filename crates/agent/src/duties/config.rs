//! Reads the configuration again when the file changed or somebody asked (SIGHUP). An invalid file leaves the old plan
//! in force and is bad news until it is valid again.

use std::time::Duration;

use super::spool::blocking;
use super::table::{Context, Terms};
use crate::driver::{Duty, Performing, Why};
use crate::handle::Handle;
use crate::parts::{BadConfig, ConfigSource, Mark};
use crate::resident::message::Message;

pub(super) const TERMS: Terms = Terms {
    name: "config",
    sentence: "reads the configuration again when it changed",
    period: Duration::from_secs(2),
    deadline: Duration::from_secs(30),
    after: 1,
};

/// The duty.
pub(super) struct Config {
    handle: Handle,
    source: Option<ConfigSource>,
    /// What was read last, and what came of it.
    last: Option<(Option<Mark>, Result<(), BadConfig>)>,
}

impl Config {
    pub(super) fn new(context: &Context) -> Self {
        // What the agent was started with need not be read again.
        let read = context.config.as_ref().and_then(|source| source.read_at.clone());
        let last = read.map(|mark| (Some(mark), Ok(())));
        Self { handle: context.handle.clone(), source: context.config.clone(), last }
    }
}

impl Duty for Config {
    fn perform(&mut self, why: Why) -> Performing<'_> {
        Box::pin(async move {
            let Some(source) = self.source.clone() else { return Ok("there is no file".into()) };
            let path = source.path.clone();
            let now = blocking(move || Mark::of(&path)).await?;
            if let Some((before, outcome)) = &self.last
                && *before == now
                && why != Why::Woken
            {
                return outcome.clone().map(|()| "unchanged".into()).map_err(|bad| bad.to_string());
            }
            let outcome = blocking(move || (source.read)()).await?;
            let brief = outcome.as_ref().map(drop).map_err(Clone::clone);
            let told = self
                .handle
                .ask(Duration::from_secs(15), |reply| Message::Reload {
                    outcome: outcome.map(Box::new),
                    reply,
                })
                .await;
            told.map_err(|error| error.to_string())?;
            self.last = Some((now, brief.clone()));
            brief.map(|()| "read".into()).map_err(|bad| bad.to_string())
        })
    }
}
