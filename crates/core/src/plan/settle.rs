//! What is left to do of a deploy whose deployer died, judged from what the hosts say now.

use super::act::Act;
use super::order::Observed;

/// What is left to do, one list for each host, in the order of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settling {
    /// Nothing: all hosts agree.
    Settled,
    /// The new release was confirmed on some host, and every other one can be led to it.
    Forward {
        /// The release.
        release: u64,
        /// By the places of the hosts.
        acts: Vec<(usize, Vec<Act>)>,
    },
    /// Nobody has confirmed it: the hosts that were led to it go back.
    Back {
        /// The release.
        release: u64,
        /// By the places of the hosts.
        acts: Vec<(usize, Vec<Act>)>,
    },
    /// The release was confirmed on some host, and on these it cannot be put in front: it does not run there, or was not
    /// proven. A person has to deploy or to go back.
    Torn {
        /// The release.
        release: u64,
        /// The hosts without it.
        without: Vec<usize>,
    },
}

/// Judges what the hosts say. A host that was not heard is none; nothing is taken back then that it may have confirmed.
pub fn settle(observed: &[Option<Observed>]) -> Settling {
    let seen = || observed.iter().enumerate().filter_map(|(host, seen)| Some((host, seen.as_ref()?)));
    // Numbers grow with every deploy, so the highest one is what the last deployer was about.
    let attempts = seen().flat_map(|(_, seen)| seen.pending.into_iter().chain(seen.confirmed));
    let Some(last) = attempts.max_by_key(|attempt| attempt.number) else { return Settling::Settled };
    let release = last.release;
    let has_confirmed = |seen: &Observed| seen.confirmed == Some(last) && seen.serving() == Some(release);
    let is_pending = |seen: &Observed| seen.pending == Some(last);
    let pending: Vec<usize> = seen().filter(|(_, seen)| is_pending(seen)).map(|(host, _)| host).collect();
    if seen().any(|(_, seen)| has_confirmed(seen)) {
        let mut acts = Vec::new();
        let mut without = Vec::new();
        for (host, seen) in seen().filter(|(_, seen)| !has_confirmed(seen)) {
            if is_pending(seen) {
                acts.push((host, vec![Act::Confirm]));
            } else if seen.ready(release).is_some() {
                acts.push((host, vec![Act::Flip, Act::Confirm]));
            } else {
                without.push(host);
            }
        }
        match (acts.is_empty(), without.is_empty()) {
            (_, false) => Settling::Torn { release, without },
            (false, true) => Settling::Forward { release, acts },
            (true, true) => Settling::Settled,
        }
    } else if pending.is_empty() {
        Settling::Settled
    } else {
        let acts = pending.into_iter().map(|host| (host, vec![Act::Back, Act::Withdraw])).collect();
        Settling::Back { release, acts }
    }
}
