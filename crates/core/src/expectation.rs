//! What should happen: one row of the roll.

use serde::{Deserialize, Serialize};

use crate::ids::{ChannelName, ExpectationId};
use crate::maintenance::Maintenance;
use crate::schedule::Schedule;
use crate::time::Span;

/// One thing that must report in.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    /// Who.
    pub id: ExpectationId,
    /// When it should happen.
    pub rhythm: Rhythm,
    /// How long after it is due it may begin (a job) or be heard (a heartbeat) before it counts as missed.
    pub start_within: Span,
    /// A run that lasts longer is late, and bad news at that moment.
    pub max_runtime: Option<Span>,
    /// A success in less time is a failure.
    pub min_runtime: Option<Span>,
    /// There must be a success at least this often, whatever the schedule says.
    pub success_every: Option<Span>,
    /// Bad verdicts before a page, in a row unless `of` says otherwise; at least 1.
    pub after: u32,
    /// Of so many verdicts `after` have to be bad; at least `after`, at most 64. None if they count in a row.
    pub of: Option<u32>,
    /// Consecutive good verdicts before the end is told; at least 1.
    pub recover: u32,
    /// Consecutive skips that are bad news; at least 1.
    pub skip_alert: u32,
    /// Whom to tell at once: the first step of an escalation.
    pub notify: Vec<ChannelName>,
    /// The later steps of an escalation, in order of their time.
    pub steps: Vec<Step>,
    /// While one of these is firing, pages about ours are held back. One hop.
    pub parents: Vec<ExpectationId>,
    /// The host that it is about, where that is another one: pages about one host are told together.
    pub target: Option<String>,
    /// Planned times in which pages are held back.
    pub maintenance: Maintenance,
    /// How loud each kind of bad news is.
    pub severity: Severity,
    /// How its signals reach us, which decides what a blind interval means.
    pub hearing: Hearing,
}

impl Expectation {
    /// An expectation with the defaults of a job: page on the first failure, end told on the first success, three
    /// skips in a row are bad news.
    pub fn new(id: ExpectationId, rhythm: Rhythm, start_within: Span) -> Self {
        Self {
            id,
            rhythm,
            start_within,
            max_runtime: None,
            min_runtime: None,
            success_every: None,
            after: 1,
            of: None,
            recover: 1,
            skip_alert: 3,
            notify: Vec::new(),
            steps: Vec::new(),
            parents: Vec::new(),
            target: None,
            maintenance: Maintenance::default(),
            severity: Severity::default(),
            hearing: Hearing::Spooled,
        }
    }
}

/// A later step of an escalation: who is told as well while nobody has answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// How long nobody has answered, counted from the first page.
    pub after: Span,
    /// Whom to tell.
    pub notify: Vec<ChannelName>,
}

/// When something should happen.
#[derive(Debug, Clone, PartialEq)]
pub enum Rhythm {
    /// At the instants of a cron expression.
    Cron(Schedule),
    /// Again within this time of the last start (or of the last signal, for what has no starts).
    Every(Span),
    /// Whenever it happens; only its reports are judged.
    OnReport,
    /// It has a rhythm, and nobody can say which; that is itself an alarm.
    Unknown {
        /// The schedule as written, such as the name of a systemd timer.
        schedule: String,
        /// Why it cannot be computed, and what to do about it.
        error: String,
    },
}

impl Rhythm {
    /// As people read it: `30 2 * * * (Europe/Berlin)`, `every 1h`, `on report`, `export.timer, not known`.
    pub fn text(&self) -> String {
        match self {
            Self::Cron(schedule) => format!("{} ({})", schedule.text(), schedule.zone()),
            Self::Every(period) => format!("every {period}"),
            Self::OnReport => "on report".to_owned(),
            Self::Unknown { schedule, .. } => format!("{schedule}, not known"),
        }
    }

    /// Reads what [`Rhythm::text`] wrote, for those who know an expectation from the board only. None for anything else,
    /// and for what is not known. A period comes back with the two units that its text shows.
    pub fn of_text(text: &str) -> Option<Self> {
        if text == "on report" {
            return Some(Self::OnReport);
        }
        if let Some(period) = text.strip_prefix("every ") {
            return period.replace(' ', "").parse().ok().map(Self::Every);
        }
        let (text, zone) = text.strip_suffix(')')?.rsplit_once(" (")?;
        Schedule::parse(text, zone).ok().map(Self::Cron)
    }
}

/// How the signals of an expectation travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hearing {
    /// Through the spool on disk: what happened while the agent was down is read afterwards, so absence is evidence
    /// once the spool is drained.
    Spooled,
    /// Straight to the listener: what was sent while the agent was down is lost, so absence proves nothing.
    Direct,
    /// The agent itself looks: nothing is lost on the way and nothing is heard twice. Its slots are closed by the
    /// [rounds](crate::rounds); the roll call only notices that nobody looks any more.
    Looked,
}

/// How loud bad news is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Somebody is told.
    Page,
    /// Shown on every screen, nobody is told.
    Warn,
    /// Recorded only.
    Ignore,
}

/// A level for each kind of bad news.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Severity {
    /// It ran and went wrong: exit code, signal, time limit, too fast.
    pub failed: Level,
    /// It did not begin, or did not come back.
    pub missed: Level,
    /// It gave way too often in a row.
    pub skipped: Level,
    /// It went well and was unlike itself: far longer or shorter, far more or less output or artefact than usual.
    pub odd: Level,
}

impl Default for Severity {
    fn default() -> Self {
        Self { failed: Level::Page, missed: Level::Page, skipped: Level::Page, odd: Level::Warn }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rhythm_is_read_back_from_what_people_see() {
        let cron = |text, zone| Rhythm::Cron(Schedule::parse(text, zone).expect("a schedule"));
        for rhythm in [
            cron("30 2 * * 1-5", "Europe/Berlin"),
            cron("@daily", "UTC"),
            Rhythm::Every(Span::minutes(90)),
            Rhythm::Every(Span::seconds(30)),
            Rhythm::OnReport,
        ] {
            assert_eq!(Rhythm::of_text(&rhythm.text()), Some(rhythm));
        }
        let unknown =
            Rhythm::Unknown { schedule: "every.timer".to_owned(), error: "it is not there".to_owned() };
        for odd in
            ["", "every", "every moon", &unknown.text(), "30 2 * * *", "<i>every</i> 1h", "61 2 * * * (UTC)"]
        {
            assert_eq!(Rhythm::of_text(odd), None, "{odd}");
        }
    }
}
