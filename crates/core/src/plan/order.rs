//! From what is wanted and what is there to the steps of a deploy.

use serde::{Deserialize, Serialize};

use super::act::{Act, OnFailure};
use super::side::Side;
use crate::time::Span;

/// How the releases of a service follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flow {
    /// The new one starts beside the old one, then requests are led to it.
    Beside,
    /// The old one is stopped before the new one starts.
    StopFirst,
}

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goal {
    /// The number of the release.
    pub release: u64,
    /// True if it goes back to a release that was in front before: nothing runs once for it.
    pub is_return: bool,
    /// It may go back also from a release that changed data in a way that the one before may not understand.
    pub even_if_irreversible: bool,
    /// How it follows the old one.
    pub flow: Flow,
    /// True if requests are led to the service; false for a worker.
    pub has_front: bool,
    /// True if it has an address that can be asked from outside.
    pub is_public: bool,
    /// True if a command runs once for it, before it starts anywhere.
    pub once: bool,
    /// True if the deployer runs a command before anything is changed.
    pub before: bool,
    /// True if it runs one once the release stays.
    pub after: bool,
    /// The longest that each of them may take.
    pub hook: Span,
    /// The host that goes first alone, by its place in the list.
    pub canary: Option<usize>,
    /// For how long the canary is watched.
    pub hold: Span,
    /// True if the other hosts follow one after the other.
    pub rolling: bool,
    /// The longest that it may take to bring a release to a host.
    pub fetch: Span,
    /// The longest that the command may take that runs once.
    pub once_within: Span,
    /// The longest until a release is well.
    pub probation: Span,
    /// The longest that the old release is waited for.
    pub drain: Span,
    /// The longest that a release may take to end in order.
    pub stop: Span,
}

/// What stands on a side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stand {
    /// The number of the release.
    pub release: u64,
    /// It runs.
    pub running: bool,
    /// It was well here, and was not started anew since.
    pub proven: bool,
}

/// What one host says of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// The side that requests are led to, or that works; none before the first deploy.
    pub side: Option<Side>,
    /// What stands on the blue side.
    pub blue: Option<Stand>,
    /// What stands on the green side.
    pub green: Option<Stand>,
    /// What was confirmed last.
    pub confirmed: Option<Attempt>,
    /// What the host was led to and nobody has confirmed.
    pub pending: Option<Attempt>,
    /// The releases kept there whose changes to data are not undone by going back, as they themselves said.
    #[serde(default)]
    pub irreversible: Vec<u64>,
    /// The highest number of an attempt or a release that this host has seen, whatever became of it.
    pub highest: u64,
}

/// One deploy or rollback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its own number; each is higher than all before.
    pub number: u64,
    /// The release that it is about: a rollback is about an older one.
    pub release: u64,
}

impl Observed {
    /// What stands on a side.
    pub const fn stand(&self, side: Side) -> Option<Stand> {
        match side {
            Side::Blue => self.blue,
            Side::Green => self.green,
        }
    }

    /// The release that requests are led to.
    pub fn serving(&self) -> Option<u64> {
        self.stand(self.side?).map(|stand| stand.release)
    }

    /// The last release up to the one in front that cannot be undone by going back to this one.
    fn in_the_way(&self, release: u64) -> Option<u64> {
        let serving = self.serving()?;
        self.irreversible.iter().copied().filter(|it| (release + 1..=serving).contains(it)).max()
    }

    /// Where a release stands that runs and was well.
    pub fn ready(&self, release: u64) -> Option<Side> {
        let is = |side: &Side| {
            self.stand(*side).is_some_and(|stand| stand.release == release && stand.running && stand.proven)
        };
        Side::BOTH.into_iter().find(is)
    }
}

/// A step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What is done.
    pub act: Act,
    /// On which hosts at the same time, by their places in the list; empty for what the deployer does itself.
    pub hosts: Vec<usize>,
    /// The longest that it may take on a host.
    pub within: Span,
    /// What becomes of the deploy when it fails on any of them.
    pub on_failure: OnFailure,
}

/// The steps in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The number of the release.
    pub release: u64,
    /// How many hosts there are.
    pub hosts: usize,
    /// The steps.
    pub steps: Vec<Step>,
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Objection {
    /// A deploy was left in the middle; it has to be settled first.
    #[error("release {release} was left in the middle on host {host}")]
    Unsettled {
        /// The host, by its place in the list.
        host: usize,
        /// The release that nobody has confirmed.
        release: u64,
    },
    /// It would go back over a release that said of itself that its changes to data stay.
    #[error("release {release} changed data in a way that the releases before it may not understand")]
    Irreversible {
        /// The release.
        release: u64,
    },
    /// There are no hosts.
    #[error("no hosts")]
    Nowhere,
}

/// So long a host may take for what is done in moments.
const MOMENT: Span = Span::seconds(15);
/// And to look at everything beforehand.
const PREFLIGHT: Span = Span::seconds(60);
/// And to start a release.
const START: Span = Span::seconds(60);

/// Adds a step: what, where, how long at most, what if it fails.
type Add<'a> = dyn FnMut(Act, &[usize], Span, OnFailure) + 'a;

/// The steps that lead from what is there to what is wanted. A release that is ready on every host, as after a short while,
/// is not started again; one that stands where it stood is not fetched again.
///
/// # Errors
/// [`Objection`] when a deploy has to be settled first, or when nobody said that it may go back over a release which cannot
/// be undone.
pub fn plan(goal: &Goal, observed: &[Observed]) -> Result<Plan, Objection> {
    if observed.is_empty() {
        return Err(Objection::Nowhere);
    }
    for (host, seen) in observed.iter().enumerate() {
        if let Some(pending) = seen.pending {
            return Err(Objection::Unsettled { host, release: pending.release });
        }
    }
    let in_the_way = observed.iter().filter_map(|seen| seen.in_the_way(goal.release)).max();
    if let Some(release) = in_the_way.filter(|_| goal.is_return && !goal.even_if_irreversible) {
        return Err(Objection::Irreversible { release });
    }
    let all: Vec<usize> = (0..observed.len()).collect();
    let mut steps = Vec::new();
    let mut add = |act, hosts: &[usize], within, on_failure| {
        steps.push(Step { act, hosts: hosts.to_vec(), within, on_failure });
    };
    let cold: Vec<usize> = all
        .iter()
        .copied()
        .filter(|host| observed.get(*host).is_none_or(|seen| seen.ready(goal.release).is_none()))
        .collect();
    let stops_first = goal.flow == Flow::StopFirst;
    // What still runs everywhere, and was in front before, needs no trial: whoever goes back is in a hurry.
    let is_warm = cold.is_empty();
    if !is_warm {
        add(Act::Preflight, &all, PREFLIGHT, OnFailure::Abort);
    }
    if goal.before {
        add(Act::Before, &[], goal.hook, OnFailure::Abort);
    }
    if !is_warm {
        add(Act::Fetch, &cold, goal.fetch, OnFailure::Abort);
        if goal.once && !goal.is_return {
            add(Act::Once, &all[..1], goal.once_within, OnFailure::Abort);
        }
        if !stops_first {
            add(Act::Start, &cold, START, OnFailure::Withdraw);
            add(Act::Probation, &cold, goal.probation + MOMENT, OnFailure::Withdraw);
        }
    }
    // A release that may not run beside the old one is proven in its place, host by host if there is more than one.
    let lead = |add: &mut Add<'_>, hosts: &[usize]| {
        if stops_first {
            add(Act::Swap, hosts, goal.stop + START, OnFailure::Back);
            add(Act::Probation, hosts, goal.probation + MOMENT, OnFailure::Back);
        }
        add(Act::Flip, hosts, MOMENT, OnFailure::Back);
        if goal.has_front {
            add(Act::Verify, hosts, MOMENT, OnFailure::Back);
        }
    };
    let canary = goal.canary.filter(|_| all.len() > 1 && !is_warm);
    if let Some(canary) = canary {
        lead(&mut add, &[canary]);
        if !goal.hold.is_zero() {
            add(Act::Watch, &[canary], goal.hold + MOMENT, OnFailure::Back);
        }
    }
    let rest: Vec<usize> = all.iter().copied().filter(|host| Some(*host) != canary).collect();
    if goal.rolling && !is_warm {
        for host in rest {
            lead(&mut add, &[host]);
        }
    } else {
        lead(&mut add, &rest);
    }
    if goal.is_public {
        add(Act::Public, &[], Span::seconds(30), OnFailure::Back);
    }
    add(Act::Confirm, &all, MOMENT, OnFailure::Insist);
    if goal.has_front && !stops_first {
        add(Act::Drain, &all, goal.drain + MOMENT, OnFailure::Tell);
    }
    add(Act::Finish, &all, PREFLIGHT, OnFailure::Tell);
    if goal.after {
        add(Act::After, &[], goal.hook, OnFailure::Tell);
    }
    Ok(Plan { release: goal.release, hosts: all.len(), steps })
}
