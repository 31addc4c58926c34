//! Everything that the files show: public words, numbers and times. Nothing that leaves this module names an expectation, an
//! incident, a person, a host or a reason.

use std::collections::BTreeMap;

use muster_config::plan::StatusPage;
use muster_core::ids::ExpectationId;
use muster_core::notice::{Notice as Kept, Stage, Touched};
use muster_core::time::{Span, Timestamp};

use crate::days::{Past, Quarter, quarter};
use crate::state::{Lines, State, state};
use crate::words;

/// The least age at which a page says that it is old.
const STALE: Span = Span::minutes(5);

/// How long the end of a notice keeps it on the first page.
pub const RECENT: Span = Span::days(14);

/// What the agent knows.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// What customers have names for.
    pub plan: &'a StatusPage,
    /// The roll.
    pub lines: &'a Lines<'a>,
    /// The days of everything that a component is made of.
    pub pasts: &'a BTreeMap<ExpectationId, Past>,
    /// The notices.
    pub notices: &'a [Kept],
    /// The moment.
    pub made: Timestamp,
}

/// A whole page.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Its heading.
    pub title: String,
    /// Where people read it, without a slash at the end.
    pub url: String,
    /// When it was made.
    pub made: Timestamp,
    /// How often it is made.
    pub every: Span,
    /// How all of it stands.
    pub state: State,
    /// The same in one sentence, without a full stop.
    pub sentence: String,
    /// What it shows, those of a group together.
    pub components: Vec<Component>,
    /// Newest beginning first.
    pub notices: Vec<Notice>,
    /// How people have all that mailed to them, if they may.
    pub subscribe: Option<Subscribe>,
}

/// Where somebody subscribes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe {
    /// The address that takes the form.
    pub action: String,
    /// Its origin, for the policy.
    pub origin: String,
}

/// One component.
#[derive(Debug, Clone, PartialEq)]
pub struct Component {
    /// Its public name.
    pub name: String,
    /// The heading under which it stands.
    pub group: Option<String>,
    /// How it stands.
    pub state: State,
    /// How it was.
    pub quarter: Quarter,
}

/// A notice without what is not public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its public name.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What it is about.
    pub components: Vec<String>,
    /// How far it is.
    pub stage: Stage,
    /// When it began.
    pub began: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// When it last changed.
    pub changed: Timestamp,
    /// What was said, newest first.
    pub updates: Vec<Update>,
}

/// One thing said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// When.
    pub at: Timestamp,
    /// How far people were.
    pub stage: Stage,
    /// In public words.
    pub words: String,
}

impl Page {
    /// The public part of what is known.
    pub fn of(known: &Known<'_>) -> Self {
        let Known { plan, lines, pasts, notices, made } = *known;
        let mut components: Vec<Component> = Vec::new();
        for one in &plan.components {
            let parts: Vec<&Past> = one.of.iter().filter_map(|id| pasts.get(id)).collect();
            let seen = state(one, lines);
            let state = if said(notices, &one.name) { seen.max(State::Trouble) } else { seen };
            let quarter = quarter(&parts, made);
            let component = Component { name: one.name.clone(), group: one.group.clone(), state, quarter };
            // A group stands where its first component is written.
            let with = |other: &Component| component.group.is_some() && other.group == component.group;
            let place = components.iter().rposition(with).map_or(components.len(), |last| last + 1);
            components.insert(place, component);
        }
        let named: Vec<(&str, State)> = components.iter().map(|one| (one.name.as_str(), one.state)).collect();
        Self {
            title: plan.title.clone(),
            url: plan.url.clone(),
            made,
            every: plan.every,
            state: components.iter().map(|one| one.state).max().unwrap_or(State::Unknown),
            sentence: words::sentence(&named),
            components,
            notices: notices.iter().filter(|notice| !notice.hidden).map(public).collect(),
            subscribe: plan.subscribe.as_ref().map(|one| Subscribe {
                action: format!("{}/status/subscribe", one.url),
                origin: one.origin.clone(),
            }),
        }
    }

    /// The age from which on the page says that it is old.
    pub fn stale_after(&self) -> Span {
        self.every.times(3).max(STALE)
    }

    /// Notices that go on.
    pub fn running(&self) -> impl Iterator<Item = &Notice> {
        self.notices.iter().filter(|notice| notice.ended.is_none())
    }

    /// Notices that ended within [`RECENT`].
    pub fn recent(&self) -> impl Iterator<Item = &Notice> {
        self.notices.iter().filter(|notice| notice.ended.is_some_and(|end| self.made.since(end) <= RECENT))
    }
}

/// True if a person's notice about this component goes on, and is not taken back by hiding it.
fn said(notices: &[Kept], component: &str) -> bool {
    let about = |touched: &Touched| touched.component == component;
    notices.iter().any(|notice| {
        notice.is_said() && notice.ended.is_none() && !notice.hidden && notice.touched.iter().any(about)
    })
}

pub(crate) fn public(notice: &Kept) -> Notice {
    let updates = notice.updates.iter().rev();
    Notice {
        id: notice.id.to_string(),
        title: words::title(notice),
        components: notice.touched.iter().map(|touched| touched.component.clone()).collect(),
        stage: notice.stage(),
        began: notice.began,
        ended: notice.ended,
        changed: notice.changed(),
        updates: updates
            .map(|update| Update { at: update.at, stage: update.stage, words: update.words.clone() })
            .collect(),
    }
}
