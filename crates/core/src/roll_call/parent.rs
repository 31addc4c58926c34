//! Holding pages back in favour of a parent, one hop. Suppression hides a page, never a check; a parent that is not
//! surely down and told about suppresses nobody.

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

/// What a child sees of its parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ParentView {
    /// There is none, or nobody knows how it stands.
    Absent,
    /// It is up so far; it gets this long to be seen down as well.
    Watching { grace: Span },
    /// It fires, and people hear of that.
    Down(ExpectationId),
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
            Standing::Ok | Standing::Pending { .. } => {
                ParentView::Watching { grace: self.interval().min(PARENT_GRACE) }
            }
            Standing::New | Standing::Unknown { .. } | Standing::Firing(_) => ParentView::Absent,
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

/// The position of each row's parent; none where the parent is unknown or the parents form a circle, which would hold
/// back every page of the circle for ever.
pub(super) fn lineage(specs: &[&Expectation]) -> Vec<Option<usize>> {
    let find = |id: &ExpectationId| specs.binary_search_by(|spec| spec.id.cmp(id)).ok();
    let parents: Vec<Option<usize>> = specs.iter().map(|spec| spec.parent.as_ref().and_then(find)).collect();
    let circular = |start: usize| {
        let mut at = parents[start];
        for _ in 0..specs.len() {
            match at {
                None => return false,
                Some(place) if place == start => return true,
                Some(place) => at = parents[place],
            }
        }
        false
    };
    (0..specs.len()).map(|place| if circular(place) { None } else { parents[place] }).collect()
}
