//! Which trouble becomes a notice, and when that is over: what the board and the last changes of state say, against the
//! notices that there are. Pure, and the same twice: what is known already leads to nothing.

use muster_config::plan::StatusPage;
use muster_core::board::Line;
use muster_core::effect::{Condition, Transition};
use muster_core::expectation::Level;
use muster_core::ids::{ExpectationId, IncidentId};
use muster_core::notice::{Amendment, Extent, Notice, NoticeId, Touched};
use muster_core::time::{Span, Timestamp};

use crate::state::{Lines, bad, extent};
use crate::words;

/// Trouble that begins within this time of a notice's beginning is told with it, whatever it touches.
const TOGETHER: Span = Span::minutes(2);

/// Trouble with a component that comes back within this time of the last end opens the same notice again.
const AGAIN: Span = Span::minutes(10);

/// What is known at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// What customers have names for.
    pub plan: &'a StatusPage,
    /// The roll.
    pub lines: &'a Lines<'a>,
    /// The last changes of condition, in any order. What they leave out is found on the board as long as it lasts.
    pub transitions: &'a [Transition],
    /// The moment.
    pub now: Timestamp,
}

/// Trouble that no notice tells of yet.
struct Fresh {
    incident: IncidentId,
    touched: Vec<Touched>,
    at: Timestamp,
}

/// What happens to which notice. `notices` are those that go on, and those that ended lately.
pub fn amendments(scene: &Scene<'_>, notices: &[Notice]) -> Vec<(NoticeId, Amendment)> {
    let mut notices = notices.to_vec();
    let mut all = Vec::new();
    let mut apply = |notices: &mut Vec<Notice>, id: NoticeId, amendment: Amendment| {
        let place = notices.iter().position(|notice| notice.id == id);
        let before = place.map(|place| notices.swap_remove(place));
        notices.extend(Notice::amended(before, &id, &amendment));
        all.push((id, amendment));
    };
    let known = |notices: &[Notice], incident: &IncidentId| {
        notices.iter().any(|notice| notice.causes.contains_key(incident))
    };
    let mut fresh: Vec<Fresh> = present(scene).into_iter().chain(passed(scene)).collect();
    fresh.retain(|one| !known(&notices, &one.incident));
    fresh.sort_by_key(|one| one.at);
    for Fresh { incident, touched, at } in fresh {
        if known(&notices, &incident) {
            continue;
        }
        let id = place(&notices, &touched, at).unwrap_or_else(|| unused(&notices, at));
        let words = format!("{}.", words::trouble(&touched, false));
        apply(&mut notices, id, Amendment::Seen { incident, touched, at, words });
    }
    for (id, incident, touched) in ended(scene, &notices) {
        let (at, seen) = end(scene, &incident);
        let words = words::over(&touched, seen);
        apply(&mut notices, id, Amendment::Over { incident, at, words });
    }
    all
}

/// What a bad expectation touches.
fn touches(scene: &Scene<'_>, about: &ExpectationId, alone: Extent) -> Vec<Touched> {
    let components = scene.plan.components.iter().filter(|component| component.of.contains(about));
    components
        .map(|component| {
            // What is over by now left no trace on the board: it was as bad as one part alone can make it.
            let past = if component.of.len() == 1 { alone } else { Extent::Trouble };
            let extent = extent(component, scene.lines).unwrap_or(past);
            Touched { component: component.name.clone(), extent }
        })
        .collect()
}

/// The trouble of this moment.
fn present(scene: &Scene<'_>) -> Vec<Fresh> {
    let line = |line: &&Line| {
        let (extent, incident) = (bad(line)?, line.incident.as_ref()?);
        let touched = touches(scene, &line.id, extent);
        (!touched.is_empty()).then(|| Fresh { incident: incident.id.clone(), touched, at: incident.since })
    };
    scene.lines.values().filter_map(line).collect()
}

/// Trouble that began and ended since somebody looked last.
fn passed(scene: &Scene<'_>) -> Vec<Fresh> {
    let mut fresh = Vec::new();
    for Transition { about, at, to, .. } in scene.transitions {
        let Condition::Firing { incident, level, .. } = to else { continue };
        let line = scene.lines.get(about).copied();
        let goes_on = line.is_some_and(|line| is_now(line, incident));
        let paused = line.is_some_and(|line| line.pause.is_some());
        if goes_on || paused || *level == Level::Ignore {
            continue;
        }
        let job = about.table() == "job" || *level == Level::Warn;
        let touched = touches(scene, about, if job { Extent::Trouble } else { Extent::Down });
        if !touched.is_empty() {
            fresh.push(Fresh { incident: incident.clone(), touched, at: *at });
        }
    }
    fresh
}

fn is_now(line: &Line, incident: &IncidentId) -> bool {
    line.incident.as_ref().is_some_and(|now| now.id == *incident)
}

/// The notice that tells of it: one of the same component that goes on or ended just now, or one of the same moment.
fn place(notices: &[Notice], touched: &[Touched], at: Timestamp) -> Option<NoticeId> {
    let shares = |notice: &Notice| {
        notice.touched.iter().any(|known| touched.iter().any(|one| one.component == known.component))
    };
    let seen = || notices.iter().filter(|notice| !notice.is_said());
    let going = seen().filter(|notice| notice.ended.is_none());
    let same = going.clone().find(|notice| shares(notice));
    let near =
        |notice: &&Notice| !notice.hidden && at.since(notice.began).max(notice.began.since(at)) <= TOGETHER;
    let again = |notice: &&Notice| notice.ended.is_some_and(|end| at.since(end) <= AGAIN) && shares(notice);
    same.or_else(|| going.clone().find(near)).or_else(|| seen().find(again)).map(|notice| notice.id.clone())
}

fn unused(notices: &[Notice], at: Timestamp) -> NoticeId {
    let taken = |id: &NoticeId| notices.iter().any(|notice| notice.id == *id);
    let mut nth = 0;
    loop {
        let id = NoticeId::of(at, nth);
        if !taken(&id) {
            return id;
        }
        nth += 1;
    }
}

/// The incidents behind notices that are over.
fn ended(scene: &Scene<'_>, notices: &[Notice]) -> Vec<(NoticeId, IncidentId, Vec<Touched>)> {
    let going = |incident: &IncidentId| scene.lines.values().any(|line| is_now(line, incident));
    let mut over = Vec::new();
    for notice in notices {
        for (incident, _) in notice.causes.iter().filter(|(id, end)| end.is_none() && !going(id)) {
            over.push((notice.id.clone(), incident.clone(), notice.touched.clone()));
        }
    }
    over
}

/// When an incident ended, and whether it is seen that all is well since.
fn end(scene: &Scene<'_>, incident: &IncidentId) -> (Timestamp, bool) {
    let of_it =
        |condition: &Condition| matches!(condition, Condition::Firing { incident: id, .. } if id == incident);
    let left = |change: &&Transition| of_it(&change.from) && !of_it(&change.to);
    let about = incident.as_str().rsplit_once('@').map(|(about, _)| about);
    let line = scene.lines.values().find(|line| Some(line.id.as_str()) == about);
    let seen = line.is_some_and(|line| !matches!(line.condition, Condition::Unknown { .. } | Condition::New));
    let at = scene.transitions.iter().filter(left).map(|change| change.at).max();
    (at.or_else(|| line.map(|line| line.since)).unwrap_or(scene.now).min(scene.now), seen)
}

#[cfg(test)]
mod tests;
