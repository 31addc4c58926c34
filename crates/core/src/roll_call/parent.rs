//! Holding pages back in favour of a parent, one hop: any of several. Suppression hides a page, never a check; a parent
//! that is not surely down and told about suppresses nobody.

use crate::expectation::{Expectation, Hearing, Level, Rhythm};
use crate::ids::ExpectationId;
use crate::time::{Span, Timestamp};

use super::page::Telling;
use super::row::{Row, Scene};
use super::verdict::Standing;

/// Longest time that a child's page waits for its parent to be seen down.
const PARENT_GRACE: Span = Span::minutes(1);
/// Longest time that a child has to come back after its parent did.
const CHILD_GRACE: Span = Span::minutes(10);

/// What a child sees of its parents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ParentView {
    /// There is none, or nobody knows how they stand.
    Absent,
    /// It is up so far; it gets this long to be seen down as well. There may be doubt about one already.
    Watching { grace: Span, doubted: Option<ExpectationId> },
    /// It fires, and people hear of that.
    Down(ExpectationId),
}

impl ParentView {
    /// Two parents as one: whichever is down holds pages back, else the slower one is waited for.
    pub(super) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Down(parent), _) | (_, Self::Down(parent)) => Self::Down(parent),
            (Self::Absent, view) | (view, Self::Absent) => view,
            (Self::Watching { grace: one, doubted }, Self::Watching { grace: two, doubted: next }) => {
                Self::Watching { grace: one.max(two), doubted: doubted.or(next) }
            }
        }
    }

    /// The parent that may be behind what is bad: it fires, or is going bad.
    pub(super) fn suspect(&self) -> Option<&ExpectationId> {
        match self {
            Self::Down(parent) => Some(parent),
            Self::Watching { doubted, .. } => doubted.as_ref(),
            Self::Absent => None,
        }
    }
}

impl Row {
    /// True while pages about the children are held back.
    pub(super) fn suppresses(&self, now: Timestamp) -> bool {
        match &self.state.standing {
            Standing::Firing(incident) => incident.level == Level::Page && self.asked_until(now).is_none(),
            Standing::New | Standing::Ok | Standing::Pending { .. } | Standing::Unknown { .. } => false,
        }
    }

    /// What a child sees.
    pub(super) fn seen_by_child(&self) -> ParentView {
        if self.holding {
            return ParentView::Down(self.state.id.clone());
        }
        // It is told of its children's fall before they are bad for long enough: nobody has to wait for it.
        if self.spec.hearing == Hearing::Looked && self.spec.rhythm == Rhythm::OnReport {
            return ParentView::Absent;
        }
        match &self.state.standing {
            Standing::Ok => ParentView::Watching { grace: self.interval().min(PARENT_GRACE), doubted: None },
            Standing::Pending { .. } => {
                let doubted = Some(self.state.id.clone());
                ParentView::Watching { grace: self.interval().min(PARENT_GRACE), doubted }
            }
            Standing::New | Standing::Unknown { .. } | Standing::Firing(_) => ParentView::Absent,
        }
    }

    /// A parent that fires while this one is bad may be behind it; else one that is going bad as well.
    pub(super) fn blame(&mut self, scene: &Scene<'_>) {
        let Standing::Firing(incident) = &mut self.state.standing else { return };
        match &scene.parent {
            ParentView::Down(parent) => incident.behind = Some(parent.clone()),
            view => incident.behind = incident.behind.take().or_else(|| view.suspect().cloned()),
        }
    }

    /// The parent no longer holds our pages back: one full interval to come back as well.
    pub(super) fn released(&mut self, scene: &mut Scene<'_>) {
        // What is looked at is well only after some looks in a row, each of which takes its time.
        let back = match self.spec.hearing {
            Hearing::Looked => {
                self.interval().times(u64::from(self.spec.recover.max(1))) + self.spec.start_within
            }
            Hearing::Spooled | Hearing::Direct => self.interval(),
        };
        let grace = back.min(CHILD_GRACE);
        if let Standing::Firing(incident) = &mut self.state.standing
            && let Telling::Untold { not_before } = &mut incident.telling
        {
            *not_before = (*not_before).max(scene.now + grace);
        }
    }
}

/// The positions of each row's parents, without those that are unknown, and without the links of a circle, which would
/// hold back every page of it for ever.
pub(super) fn lineage(specs: &[&Expectation]) -> Vec<Vec<usize>> {
    let find = |id: &ExpectationId| specs.binary_search_by(|spec| spec.id.cmp(id)).ok();
    let mut parents: Vec<Vec<usize>> =
        specs.iter().map(|spec| spec.parents.iter().filter_map(find).collect()).collect();
    if parents.iter().all(Vec::is_empty) {
        return parents;
    }
    let circular = circular(&parents);
    for (place, found) in parents.iter_mut().enumerate() {
        found.retain(|parent| !(circular[place] && circular[*parent]));
    }
    parents
}

/// Those that lie on a circle, or on a way from one to another.
fn circular(parents: &[Vec<usize>]) -> Vec<bool> {
    let mut children = vec![Vec::new(); parents.len()];
    for (place, found) in parents.iter().enumerate() {
        for parent in found {
            children[*parent].push(place);
        }
    }
    let (up, down) = (ends(parents, &children), ends(&children, parents));
    up.into_iter().zip(down).map(|(up, down)| !up && !down).collect()
}

/// Those from which every way onward comes to an end (Kahn 1962).
fn ends(onward: &[Vec<usize>], back: &[Vec<usize>]) -> Vec<bool> {
    let mut left: Vec<usize> = onward.iter().map(Vec::len).collect();
    let mut ended: Vec<bool> = left.iter().map(|left| *left == 0).collect();
    let mut queue: Vec<usize> = (0..left.len()).filter(|place| ended[*place]).collect();
    while let Some(place) = queue.pop() {
        for before in &back[place] {
            left[*before] -= 1;
            if left[*before] == 0 {
                ended[*before] = true;
                queue.push(*before);
            }
        }
    }
    ended
}
