//! One call from here to a peer, with one deadline for all of it.

use std::sync::Arc;
use std::time::Duration;

use super::circle::{Circle, Next};
use super::peering::Peering;

/// Where a peer takes beats, below its address.
pub(crate) const BEAT: &str = "/peer/beat";

/// Calls a peer once; twice where it has begun anew since the last call. What became of it is noted in the circle.
pub(crate) async fn call(circle: Arc<Circle>, peering: Peering, limit: Duration) {
    let Some(post) = &peering.post else { return };
    let until = tokio::time::Instant::now() + limit;
    for _ in 0..2 {
        let Some(sent) = circle.ask(&peering.name) else { return };
        let outcome = match tokio::time::timeout_at(until, post(BEAT, sent.body.clone(), limit)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(format!("no answer within {limit:?}")),
        };
        if circle.answered(&peering.name, &sent, outcome) == Next::Rest {
            return;
        }
    }
}
