//! What was counted. It reads back what it writes, so that clients on another machine can be asked for theirs.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::exchange::Failure;
use super::label::{Kind, Label};

/// So many failures are kept with their words, an equal share for each kind; all are counted.
const KEPT: usize = 200;

/// What became of all requests. Times are milliseconds since the start.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// How long it went on.
    pub elapsed: f64,
    /// Requests that failed, of all kinds.
    pub failed: u64,
    /// Each kind of client by itself.
    pub kinds: BTreeMap<Kind, Row>,
    /// Each version that gave a good answer.
    pub versions: BTreeMap<String, Seen>,
    /// The first failures, 200 at most.
    pub failures: Vec<Line>,
}

/// One kind of client.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// So many requests had this label.
    pub counts: BTreeMap<Label, u64>,
    /// Each version that gave one of this kind a good answer.
    pub versions: BTreeMap<String, Seen>,
    /// The longest that nobody of this kind had a good answer: between two, or from the last one to the end.
    pub gap: f64,
    /// The longest that a good answer took.
    pub worst: f64,
    /// Connections that were seen to be closed before a request was sent; no failure.
    pub closed_idle: u64,
    /// When the last good answer was there.
    pub last_good: Option<f64>,
}

/// When a version was seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// Its first good answer.
    pub first: f64,
    /// Its last one.
    pub last: f64,
    /// So many in all.
    pub count: u64,
}

/// One failure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// When it was known.
    pub at: f64,
    /// How long the request had taken until then.
    pub taken: f64,
    /// Whose it was.
    pub kind: Kind,
    /// What it counts as.
    pub label: Label,
    /// More about it.
    pub words: String,
}

impl std::fmt::Display for Line {
    fn fmt(&self, form: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { at, taken, kind, label, words } = self;
        write!(form, "{at:>10.1} ms  {:<10} {label} after {taken:.1} ms: {words}", kind.word())
    }
}

impl Report {
    /// An empty one for these kinds.
    pub(super) fn new(kinds: &[Kind]) -> Self {
        let kinds = kinds.iter().map(|kind| (*kind, Row::default())).collect();
        Self { kinds, ..Self::default() }
    }

    /// Requests of a kind that had this label.
    pub fn count(&self, kind: Kind, label: Label) -> u64 {
        self.kinds.get(&kind).and_then(|row| row.counts.get(&label)).copied().unwrap_or(0)
    }

    /// Requests of a kind that failed.
    pub fn failed(&self, kind: Kind) -> u64 {
        self.kinds.get(&kind).map_or(0, Row::failed)
    }

    /// Good answers of a kind.
    pub fn good_ones(&self, kind: Kind) -> u64 {
        self.count(kind, Label::Ok)
    }

    pub(super) fn good(&mut self, kind: Kind, version: &str, at: Duration, taken: Duration) {
        let (at, taken) = (ms(at), ms(taken));
        let row = self.kinds.entry(kind).or_default();
        *row.counts.entry(Label::Ok).or_default() += 1;
        row.worst = row.worst.max(taken);
        row.gap = row.gap.max(row.last_good.map_or(0.0, |last| at - last));
        row.last_good = Some(at);
        for versions in [&mut row.versions, &mut self.versions] {
            let seen = versions.entry(version.to_owned()).or_insert(Seen { first: at, last: at, count: 0 });
            seen.last = at;
            seen.count += 1;
        }
    }

    pub(super) fn bad(&mut self, kind: Kind, failure: Failure, at: Duration, taken: Duration) {
        let row = self.kinds.entry(kind).or_default();
        *row.counts.entry(failure.label).or_default() += 1;
        self.failed += 1;
        if row.failed() <= (KEPT / self.kinds.len()) as u64 {
            let Failure { label, words } = failure;
            self.failures.push(Line { at: ms(at), taken: ms(taken), kind, label, words });
        }
    }

    pub(super) fn saw_closed(&mut self, kind: Kind) {
        self.kinds.entry(kind).or_default().closed_idle += 1;
    }

    /// Says that it ended then.
    pub(super) fn end(&mut self, at: Duration) {
        self.elapsed = ms(at);
        for row in self.kinds.values_mut() {
            row.gap = row.gap.max(self.elapsed - row.last_good.unwrap_or(0.0));
        }
    }
}

impl Row {
    /// Requests that failed.
    pub fn failed(&self) -> u64 {
        self.counts.iter().filter(|(label, _)| **label != Label::Ok).map(|(_, count)| count).sum()
    }
}

fn ms(time: Duration) -> f64 {
    // A microsecond is fine enough, and short to read.
    (time.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_reads_back_and_counts_the_silence_at_its_end() {
        let mut report = Report::new(&[Kind::Get]);
        let at = Duration::from_millis;
        report.good(Kind::Get, "v1", at(10), at(3));
        report.good(Kind::Get, "v2", at(40), at(2));
        let label = Label::Broken { reused: true, begun: false };
        for _ in 0..300 {
            report.bad(Kind::Get, Failure::new(label, "reset"), at(41), at(1));
        }
        report.bad(Kind::Get, Failure::new(Label::Status(502), "502"), at(42), at(1));
        report.end(at(140));
        assert_eq!((report.failed, report.failures.len()), (301, KEPT));
        assert_eq!(report.kinds[&Kind::Get].gap, 100.0);
        assert_eq!(report.count(Kind::Get, label), 300);
        assert_eq!(report.versions["v2"], Seen { first: 40.0, last: 40.0, count: 1 });
        assert_eq!(report.kinds[&Kind::Get].versions, report.versions);
        let text = serde_json::to_string(&report).unwrap();
        assert!(
            text.contains("\"reused-before-first-byte\":300") && text.contains("\"status-502\":1"),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
    }
}
