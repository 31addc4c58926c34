//! Has the host examined: once a day, and soon after packages, Docker or its configuration changed. What came since the
//! rule first looked is told, each finding as an expectation of its own for as long as it lasts. The report is on the page.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use muster_core::ids::ExpectationId;
use muster_core::time::{Span, Timestamp};
use muster_doctor::chart::Chart;
use muster_doctor::kept::{Found, Kept};
use muster_host::atomic::{self, Durability};
use muster_host::state::Layout;

use super::spool::blocking;
use super::table::{Context, Terms};
use crate::clock::Clock;
use crate::driver::{Duty, Performing, Why};
use crate::handle::Handle;
use crate::marks;
use crate::parts::Examiner;
use crate::program::Program;
use crate::resident::message::{Message, Troubles};

pub(super) const TERMS: Terms = Terms {
    name: "doctor",
    sentence: "has the host examined, daily and after changes",
    period: Duration::from_secs(60),
    deadline: Duration::from_secs(90),
    after: 3,
};

/// The table of the expectations.
const TABLE: &str = "doctor";
/// A report is no older than this.
const DAILY: Span = Span::days(1);
/// However much changes, this lies between two examinations.
const REST: Duration = Duration::from_secs(300);
/// How long one may take; it is a tenth of a second.
const WITHIN: Duration = Duration::from_secs(60);
/// Largest report, in bytes.
const REPORT: u64 = 8 << 20;
/// Exit codes of a doctor that has examined: nothing, findings, not all could be seen.
const EXAMINED: [i32; 3] = [0, 1, 2];
/// Most findings that are told one by one; the worst come first, and all are on the page.
const MOST: usize = 50;
/// Longest part of a name that is made of a subject.
const SUBJECT: usize = 60;

/// The duty.
pub(super) struct Doctor {
    handle: Handle,
    clock: Arc<dyn Clock>,
    layout: Layout,
    examiner: Option<Examiner>,
    /// The last examination, whatever became of it.
    last: Option<Instant>,
    /// How things looked a performance ago: what is still being changed is not examined yet.
    marks: Option<String>,
    /// What the chart says is to be told: after a start, which may have come between the two, and once more after each
    /// examination, so that what has ended leaves the roll.
    untold: bool,
}

impl Doctor {
    pub(super) fn new(context: &Context) -> Self {
        Self {
            handle: context.handle.clone(),
            clock: Arc::clone(&context.clock),
            layout: context.layout.clone(),
            examiner: context.examiner.clone(),
            last: None,
            marks: None,
            untold: true,
        }
    }

    async fn see_to(&mut self, examiner: &Examiner) -> Result<String, String> {
        let (layout, watched) = (self.layout.clone(), examiner.watched.clone());
        let (chart, marks) = blocking(move || (read(&layout), marks::of(&watched))).await?;
        let is_still = self.marks.replace(marks.clone()).is_some_and(|before| before == marks);
        let chart = match chart {
            Ok(chart) => chart,
            Err(why) => {
                tracing::warn!(why, "the chart of this host cannot be read, so a new one is begun");
                None
            }
        };
        let now = self.clock.now().wall;
        if let Some(chart) = &chart {
            let rested = self.last.is_none_or(|last| last.elapsed() >= REST);
            let changed = chart.marks != marks && is_still && rested;
            if !changed && is_recent(chart.last.at, now) {
                if std::mem::take(&mut self.untold) {
                    self.tell(chart).await?;
                }
                return Ok(format!("{} found on {}", chart.last.findings.len(), chart.last.at));
            }
        }
        self.last = Some(Instant::now());
        let report = examine(examiner).await?;
        let words = format!("{} found, {} not to be seen", report.findings.len(), report.unknown.len());
        let chart = match chart {
            Some(mut chart) => {
                chart.enter(report, marks);
                chart
            }
            None => Chart::new(report, marks),
        };
        let layout = self.layout.clone();
        let (chart, kept) = blocking(move || {
            let kept = keep(&layout, &chart);
            (chart, kept)
        })
        .await?;
        self.tell(&chart).await?;
        self.untold = true;
        kept.map(|()| words).map_err(|error| format!("the report cannot be kept: {error}"))
    }

    async fn tell(&self, chart: &Chart) -> Result<(), String> {
        let sent = self.handle.inbox.send(Message::Troubles(troubles(chart))).await;
        sent.map_err(|_| "the agent has stopped".to_owned())
    }
}

impl Duty for Doctor {
    fn perform(&mut self, _why: Why) -> Performing<'_> {
        Box::pin(async move {
            match self.examiner.clone() {
                Some(examiner) => self.see_to(&examiner).await,
                None => Ok("nobody examines this host".to_owned()),
            }
        })
    }
}

/// A report of the future is from a clock that was wrong.
fn is_recent(at: Timestamp, now: Timestamp) -> bool {
    at <= now && now < at + DAILY
}

async fn examine(examiner: &Examiner) -> Result<Kept, String> {
    let words: Vec<&OsStr> = examiner.words.iter().map(AsRef::as_ref).collect();
    let program =
        Program { path: examiner.program.as_os_str(), words: &words, within: WITHIN, output: REPORT };
    let ended = program.run().await?;
    if !ended.status.code().is_some_and(|code| EXAMINED.contains(&code)) {
        return Err(ended.words("muster doctor"));
    }
    Kept::read(&ended.output)
}

fn read(layout: &Layout) -> Result<Option<Chart>, String> {
    let text = match std::fs::read(layout.chart()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|error| error.to_string())?,
    };
    serde_json::from_slice(&text).map(Some).map_err(|error| error.to_string())
}

fn keep(layout: &Layout, chart: &Chart) -> io::Result<()> {
    let path: &Path = &layout.chart();
    atomic::write(path, &serde_json::to_vec(chart)?, 0o600, Durability::Disk)
}

/// What is told of a chart.
fn troubles(chart: &Chart) -> Troubles {
    let mut bad = BTreeMap::new();
    for found in chart.tellable().take(MOST) {
        if let Some(id) = name(&found.id, &found.subject) {
            bad.insert(id, words(found));
        }
    }
    let hidden = chart.hidden().filter_map(|(id, subject)| name(id, subject)).collect();
    Troubles { table: TABLE, bad, hidden, well: "the doctor does not find it any more" }
}

fn words(found: &Found) -> String {
    let Found { id, title, observed, .. } = found;
    let forecast = found.forecast.as_ref().map(|words| format!("; {words}")).unwrap_or_default();
    format!("{title}: {observed}{forecast} ({}); `muster doctor explain {id}` says what to do", found.place())
}

/// `doctor.fw001.8080-tcp-ipv4`: readable, and the same whenever the same thing is found.
fn name(rule: &str, subject: &str) -> Option<ExpectationId> {
    let mut plain = String::new();
    for c in subject.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }) {
        if !(c == '-' && (plain.is_empty() || plain.ends_with('-'))) {
            plain.push(c);
        }
    }
    // Two subjects that differ only in what a name cannot hold, or far behind, are two things.
    let is_whole = plain.len() <= SUBJECT && plain.trim_end_matches('-').replace('-', " ") == subject;
    plain.truncate(SUBJECT);
    let plain = plain.trim_end_matches('-');
    let rule = rule.to_ascii_lowercase();
    let name = match is_whole {
        true => format!("{rule}.{plain}"),
        false => format!("{rule}.{plain}-{}", marks::short(subject)),
    };
    ExpectationId::of(TABLE, &name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_readable_and_no_two_subjects_share_one() {
        let text = |subject: &str| name("FW001", subject).unwrap().to_string();
        assert!(text("8080/tcp IPv4").starts_with("doctor.fw001.8080-tcp-ipv4-"));
        assert_eq!(text("api"), "doctor.fw001.api");
        let long = "x".repeat(300);
        let subjects =
            ["/opt/a/b", "/opt/a-b", "opt a b", "Opt a b", "日本", "日", &long, &format!("{long}y"), "-", ""];
        let names: std::collections::BTreeSet<String> = subjects.iter().map(|one| text(one)).collect();
        assert_eq!(names.len(), subjects.len(), "{names:?}");
    }

    #[test]
    fn a_report_of_the_future_is_not_recent() {
        let now = Timestamp::from_seconds(1_795_262_400);
        assert!(is_recent(now, now) && is_recent(now - Span::hours(23), now));
        assert!(!is_recent(now - Span::hours(24), now) && !is_recent(now + Span::seconds(1), now));
    }
}
