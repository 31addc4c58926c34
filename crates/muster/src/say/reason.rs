//! Why an expectation stands as it does, in the words of the core and the moments of the reader.

use muster_core::effect::{Condition, Reason};
use muster_core::words;

use super::clock::Clock;
use super::paper::harmless;

/// Why it is bad news, as a fragment without a full stop.
fn reason(reason: &Reason, clock: &Clock) -> String {
    words::reason(reason, &|at| clock.both(at))
}

/// Why it stands as it does; none if there is nothing to explain.
pub(crate) fn condition(condition: &Condition, clock: &Clock) -> Option<String> {
    match condition {
        Condition::New | Condition::Ok => None,
        Condition::Pending { failures, reason: why } => {
            Some(format!("{} ({failures} so far, not yet enough to tell anybody)", reason(why, clock)))
        }
        Condition::Firing { reason: why, .. } => Some(reason(why, clock)),
        Condition::Unknown { why } => Some(harmless(why).into_owned()),
    }
}
