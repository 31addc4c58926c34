//! Carries a plan out, or back. It is told how each order went and what time it is, and says what to do next.
//!
//! Its promise, checked by simulation with a fault at every boundary: it ends with the old release everywhere or the new one
//! everywhere, or says which hosts it does not know of.

use std::collections::{BTreeMap, BTreeSet};

use super::CONFIRM;
use super::act::{Act, OnFailure};
use super::order::{Plan, Step};
use crate::time::Span;

/// Something to do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Where, by the place of the host in the list; none is the deployer itself.
    pub host: Option<usize>,
    /// What.
    pub act: Act,
    /// The longest that it may take.
    pub within: Span,
}

/// How an order went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// It is done.
    Done,
    /// It was tried, and why it is not done.
    Failed(String),
    /// The host was not heard; it may be done or not.
    Lost(String),
}

/// What the deploy came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The new release is in front everywhere.
    New {
        /// What went wrong afterwards, which nobody who asks the service notices.
        complaints: Vec<(Option<usize>, Act, String)>,
    },
    /// The old release is in front everywhere, or the service is as it was.
    Old {
        /// The host and the step that failed.
        failed: (Option<usize>, Act),
        /// Why.
        why: String,
        /// Hosts that were not heard since; they go back by themselves.
        unheard: Vec<usize>,
    },
    /// It was decided that the new release stays, and these hosts were not heard since: they may have gone back.
    Unsure {
        /// The hosts.
        unheard: Vec<usize>,
        /// Why.
        why: String,
    },
}

/// Between two tries to reach a host.
const AGAIN: Span = Span::seconds(1);

/// For how long a host is tried that has to go back: by then it has done so by itself.
const PATIENCE: Span = Span::seconds(75);

/// And one that has to hear that the new release stays; by then it has gone back, and is led forward again.
pub const INSISTENCE: Span = Span::seconds(120);

/// An order that was not answered well yet.
#[derive(Debug, Clone, Copy)]
struct Open {
    act: Act,
    within: Span,
    /// When it is given, and whether it was.
    due: Span,
    given: bool,
    /// When it was first given.
    first: Option<Span>,
}

#[derive(Debug, Clone)]
enum Mode {
    Forward,
    /// Leading back, then stopping the new release.
    Back(Failure),
    Withdraw(Failure),
    Ended(End),
}

#[derive(Debug, Clone)]
struct Failure {
    failed: (Option<usize>, Act),
    why: String,
}

/// A deploy on its way.
#[derive(Debug, Clone)]
pub struct Deploy {
    plan: Plan,
    at: usize,
    mode: Mode,
    open: BTreeMap<Option<usize>, Open>,
    failure: Option<Failure>,
    complaints: Vec<(Option<usize>, Act, String)>,
    /// Where the new release was started, or may have been.
    started: BTreeSet<usize>,
    /// Where requests were led to it, or may have been, or where the old one was stopped for it.
    led: BTreeSet<usize>,
    unheard: BTreeSet<usize>,
}

impl Deploy {
    /// Begins a plan.
    pub fn new(plan: Plan) -> Self {
        let mut new = Self {
            plan,
            at: 0,
            mode: Mode::Forward,
            open: BTreeMap::new(),
            failure: None,
            complaints: Vec::new(),
            started: BTreeSet::new(),
            led: BTreeSet::new(),
            unheard: BTreeSet::new(),
        };
        new.enter(Span::ZERO);
        new
    }

    /// The plan.
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What it came to, once it has ended.
    pub const fn end(&self) -> Option<&End> {
        match &self.mode {
            Mode::Ended(end) => Some(end),
            Mode::Forward | Mode::Back(_) | Mode::Withdraw(_) => None,
        }
    }

    /// What is to be done now. Each order is given once, and again only after it was lost.
    pub fn orders(&mut self, now: Span) -> Vec<Order> {
        let mut orders = Vec::new();
        for (host, open) in &mut self.open {
            if !open.given && open.due <= now {
                open.given = true;
                open.first.get_or_insert(now);
                orders.push(Order { host: *host, act: open.act, within: open.within });
            }
        }
        for order in &orders {
            let Some(host) = order.host else { continue };
            match order.act {
                Act::Start => drop(self.started.insert(host)),
                Act::Swap => {
                    self.started.insert(host);
                    self.led.insert(host);
                }
                Act::Flip => drop(self.led.insert(host)),
                _ => {}
            }
        }
        orders
    }

    /// When [`orders`](Self::orders) should be asked again, if nothing is heard before.
    pub fn next_due(&self) -> Option<Span> {
        self.open.values().filter(|open| !open.given).map(|open| open.due).min()
    }

    /// Hears how an order went. What nobody asked for is ignored.
    pub fn heard(&mut self, host: Option<usize>, act: Act, reply: Reply, now: Span) {
        let Some(open) = self.open.get(&host).copied().filter(|open| open.given && open.act == act) else {
            return;
        };
        match self.mode.clone() {
            Mode::Forward => self.forward(host, open, reply, now),
            Mode::Back(_) => self.backward(host, open, reply, now),
            Mode::Withdraw(_) => {
                // Nobody is led to it any more; what could not be stopped is found by the next deploy.
                if let Reply::Failed(why) | Reply::Lost(why) = reply {
                    self.complaints.push((host, act, why));
                }
                self.open.remove(&host);
            }
            Mode::Ended(_) => {}
        }
        if self.open.is_empty() {
            self.advance(now);
        }
    }

    /// Somebody wants it to end: it goes back, unless it was decided already. Orders that were given are waited for.
    pub fn interrupt(&mut self, why: &str, now: Span) {
        if !self.may_go_back() {
            return;
        }
        let act = self.step().map_or(Act::Finish, |step| step.act);
        self.failure.get_or_insert(Failure { failed: (None, act), why: why.to_owned() });
        self.open.retain(|_, open| open.given);
        if self.open.is_empty() {
            self.advance(now);
        }
    }

    /// Whether it would go back if it were interrupted now.
    pub fn may_go_back(&self) -> bool {
        matches!(self.mode, Mode::Forward) && !self.is_decided()
    }

    fn step(&self) -> Option<&Step> {
        self.plan.steps.get(self.at)
    }

    fn is_decided(&self) -> bool {
        self.step().is_none_or(|step| matches!(step.on_failure, OnFailure::Insist | OnFailure::Tell))
    }

    /// Opens the orders of the step that it is at.
    fn enter(&mut self, now: Span) {
        let Some(step) = self.plan.steps.get(self.at) else {
            self.mode = Mode::Ended(match self.unheard.is_empty() {
                true => End::New { complaints: std::mem::take(&mut self.complaints) },
                false => End::Unsure {
                    unheard: self.unheard.iter().copied().collect(),
                    why: self
                        .complaints
                        .iter()
                        .map(|(_, _, why)| why.as_str())
                        .collect::<Vec<_>>()
                        .join("; "),
                },
            });
            return;
        };
        let (act, within) = (step.act, step.within);
        let hosts: Vec<Option<usize>> = match step.hosts.is_empty() {
            true => vec![None],
            false => step
                .hosts
                .iter()
                .copied()
                // Whoever was not heard of the decision is not asked for what comes after it.
                .filter(|host| !self.unheard.contains(host))
                .map(Some)
                .collect(),
        };
        for host in hosts {
            self.open.insert(host, Open { act, within, due: now, given: false, first: None });
        }
        if self.open.is_empty() {
            self.at += 1;
            self.enter(now);
        }
    }

    fn forward(&mut self, host: Option<usize>, open: Open, reply: Reply, now: Span) {
        let on_failure = self.step().map_or(OnFailure::Tell, |step| step.on_failure);
        let (why, lost) = match reply {
            Reply::Done if on_failure == OnFailure::Insist && open.act == Act::Flip => {
                // It is in front again: now it has to stay.
                self.open.insert(host, Open { act: Act::Confirm, due: now, given: false, ..open });
                return;
            }
            Reply::Done => {
                self.open.remove(&host);
                return;
            }
            Reply::Failed(why) => (why, false),
            Reply::Lost(why) => (why, true),
        };
        match on_failure {
            OnFailure::Tell => {
                self.complaints.push((host, open.act, why));
                self.open.remove(&host);
            }
            OnFailure::Insist => self.insist(host, open, why, lost, now),
            OnFailure::Abort | OnFailure::Withdraw | OnFailure::Back => {
                self.failure.get_or_insert(Failure { failed: (host, open.act), why });
                self.open.remove(&host);
                // Hosts that have not begun need not.
                self.open.retain(|_, open| open.given);
            }
        }
    }

    /// It is decided that the new release stays. A host that went back meanwhile is led forward; if its release is gone,
    /// nobody keeps the new one.
    fn insist(&mut self, host: Option<usize>, open: Open, why: String, lost: bool, now: Span) {
        let past = open.first.is_some_and(|first| now - first >= INSISTENCE);
        if lost && !past {
            self.open.insert(host, Open { due: now + AGAIN, given: false, ..open });
        } else if lost {
            self.unheard.extend(host);
            self.complaints.push((host, open.act, why));
            self.open.remove(&host);
        } else if open.act == Act::Confirm && !past {
            self.open.insert(host, Open { act: Act::Flip, due: now + AGAIN, given: false, ..open });
        } else {
            self.failure.get_or_insert(Failure { failed: (host, open.act), why });
            self.open.remove(&host);
        }
    }

    fn backward(&mut self, host: Option<usize>, open: Open, reply: Reply, now: Span) {
        let why = match reply {
            Reply::Done => {
                self.open.remove(&host);
                return;
            }
            Reply::Failed(why) | Reply::Lost(why) => why,
        };
        if open.first.is_some_and(|first| now - first >= PATIENCE) {
            self.unheard.extend(host);
            self.complaints.push((host, open.act, why));
            self.open.remove(&host);
        } else {
            self.open.insert(host, Open { due: now + AGAIN, given: false, ..open });
        }
    }

    /// Nothing is open: what comes next.
    fn advance(&mut self, now: Span) {
        match (self.mode.clone(), self.failure.take()) {
            (Mode::Forward, None) => {
                self.at += 1;
                self.enter(now);
            }
            (Mode::Forward, Some(failure)) => {
                self.unheard.clear();
                let led = self.led.clone();
                self.open_all(Act::Back, &led, CONFIRM, now);
                self.mode = Mode::Back(failure);
                if self.open.is_empty() {
                    self.advance(now);
                }
            }
            (Mode::Back(failure), _) => {
                // Where nobody knows whether requests are led to it, it is not stopped: that host does it itself.
                let started = self.started.difference(&self.unheard).copied().collect();
                self.open_all(Act::Withdraw, &started, CONFIRM, now);
                self.mode = Mode::Withdraw(failure);
                if self.open.is_empty() {
                    self.advance(now);
                }
            }
            (Mode::Withdraw(failure), _) => {
                self.mode = Mode::Ended(End::Old {
                    failed: failure.failed,
                    why: failure.why,
                    unheard: self.unheard.iter().copied().collect(),
                });
            }
            (Mode::Ended(_), _) => {}
        }
    }

    fn open_all(&mut self, act: Act, hosts: &BTreeSet<usize>, within: Span, now: Span) {
        for host in hosts {
            self.open.insert(Some(*host), Open { act, within, due: now, given: false, first: None });
        }
    }
}
