//! How a component stands, from the lines of its parts on the board.

use std::collections::BTreeMap;

use muster_config::plan::Component;
use muster_core::board::Line;
use muster_core::effect::Condition;
use muster_core::expectation::Level;
use muster_core::ids::ExpectationId;
use muster_core::notice::Extent;
use serde::Serialize;

/// The lines of the board by name.
pub type Lines<'a> = BTreeMap<&'a ExpectationId, &'a Line>;

/// How a component stands, for everybody to read; the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// All of its parts are known to be well.
    Well,
    /// Work on it was announced; what goes bad meanwhile was to be expected.
    Maintenance,
    /// Nobody can say.
    Unknown,
    /// A part of it is bad, or somebody said so.
    Trouble,
    /// It is bad.
    Down,
}

impl State {
    /// One or two words for the page.
    pub fn words(self) -> &'static str {
        match self {
            Self::Well => "Operational",
            Self::Maintenance => "Under maintenance",
            Self::Unknown => "Not known",
            Self::Trouble => "Has trouble",
            Self::Down => "Not available",
        }
    }

    /// One word for programs and style sheets.
    pub fn word(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Maintenance => "maintenance",
            Self::Unknown => "unknown",
            Self::Trouble => "trouble",
            Self::Down => "down",
        }
    }
}

/// How one part stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Well,
    Paused,
    Unknown,
    Bad(Extent),
}

/// How bad a line is for customers; none if it is not bad, or its pages are held back for planned work.
pub fn bad(line: &Line) -> Option<Extent> {
    match &line.condition {
        Condition::Firing { level, .. } if line.pause.is_none() => match level {
            // A run that went wrong is no service that is gone.
            Level::Page if line.id.table() == "job" => Some(Extent::Trouble),
            Level::Page => Some(Extent::Down),
            Level::Warn => Some(Extent::Trouble),
            Level::Ignore => None,
        },
        _ => None,
    }
}

fn part(line: Option<&Line>) -> Part {
    let Some(line) = line else { return Part::Unknown };
    match (bad(line), &line.pause, &line.condition) {
        (Some(extent), ..) => Part::Bad(extent),
        (None, Some(_), _) => Part::Paused,
        (None, None, Condition::New | Condition::Unknown { .. }) => Part::Unknown,
        (None, None, Condition::Ok | Condition::Pending { .. } | Condition::Firing { .. }) => Part::Well,
    }
}

/// How much of a component is touched by its bad parts; none if no part is bad.
pub fn extent(component: &Component, lines: &Lines<'_>) -> Option<Extent> {
    let parts: Vec<Part> = component.of.iter().map(|id| part(lines.get(id).copied())).collect();
    let worst = parts.iter().filter_map(|part| match part {
        Part::Bad(extent) => Some(*extent),
        Part::Well | Part::Paused | Part::Unknown => None,
    });
    let worst = worst.max()?;
    let all = parts.iter().all(|part| matches!(part, Part::Bad(_)));
    Some(if all { worst } else { Extent::Trouble })
}

/// How a component stands.
pub fn state(component: &Component, lines: &Lines<'_>) -> State {
    match extent(component, lines) {
        Some(Extent::Down) => return State::Down,
        Some(Extent::Trouble) => return State::Trouble,
        None => {}
    }
    let parts = || component.of.iter().map(|id| part(lines.get(id).copied()));
    if parts().any(|part| part == Part::Unknown) || component.of.is_empty() {
        State::Unknown
    } else if parts().any(|part| part == Part::Paused) {
        State::Maintenance
    } else {
        State::Well
    }
}
