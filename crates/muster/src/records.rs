//! Where the history of runs is read: from the agent, or from its file if no agent runs.

use muster_core::ids::ExpectationId;
use muster_store::history::{Cursor, Run};
use muster_store::sqlite::Archive;
use serde::Deserialize;

use crate::client::{Client, Unanswered};
use crate::refusal::Refusal;
use crate::world::World;

/// One page of runs, newest first.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Runs {
    /// The runs.
    pub(crate) items: Vec<Run>,
    /// Where older ones begin.
    pub(crate) next: Option<Cursor>,
}

/// Reads runs of one expectation, or of all.
///
/// # Errors
/// [`Refusal`] when an agent is there and does not answer, or its file cannot be read.
pub(crate) fn runs(world: &World, about: Option<&ExpectationId>, limit: usize) -> Result<Runs, Refusal> {
    let layout = world.layout()?;
    let path = match about {
        Some(id) => format!("/api/v1/runs?about={id}&limit={limit}"),
        None => format!("/api/v1/runs?limit={limit}"),
    };
    match world.runtime()?.block_on(Client::new(layout.socket()).get(&path)) {
        Ok(runs) => Ok(runs),
        Err(Unanswered::NotRunning(_)) => match Archive::open(&layout.db())? {
            None => Ok(Runs::default()),
            Some(archive) => {
                let listed = archive.runs(about, None, limit)?;
                Ok(Runs { items: listed.items, next: listed.next })
            }
        },
        Err(other) => Err(other.into()),
    }
}
