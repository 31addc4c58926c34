//! `muster deploy` and what belongs to it, for people.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_core::plan::{Act, End, OnFailure, Plan, Settling};
use muster_deploy::books::{Entry, Holder};
use muster_deploy::deployer::crew::{Result as Heard, waits};
use muster_deploy::deployer::deploy::{Outcome, Progress};
use muster_deploy::front::Failures;
use muster_deploy::overview::{Deploy, deploys};
use serde::Serialize;

use super::clock::Clock;
use super::paper::{Paper, harmless};

/// Lines of a log that are shown.
const LINES: usize = 20;

/// Tells how a deploy goes, one line for each step.
#[derive(Debug)]
pub(crate) struct Telling<'a> {
    service: &'a str,
    hosts: &'a [String],
    paper: Paper,
    act: Option<Act>,
    done: Vec<(String, Duration, String)>,
}

impl<'a> Telling<'a> {
    pub(crate) fn new(service: &'a str, hosts: &'a [String], paper: Paper) -> Self {
        Self { service, hosts, paper, act: None, done: Vec::new() }
    }

    /// What there is to say now; often nothing.
    pub(crate) fn of(&mut self, progress: &Progress<'_>) -> String {
        match progress {
            Progress::Settling(settling) => match settling {
                Settling::Back { release, acts } => format!(
                    "Release {release} was left in the middle by a deploy that died: {} back first\n",
                    self.go(acts.len())
                ),
                Settling::Forward { release, acts } => format!(
                    "Release {release} was confirmed by a deploy that died: {} forward first\n",
                    self.go(acts.len())
                ),
                Settling::Settled | Settling::Torn { .. } => String::new(),
            },
            Progress::Planned(_, attempt) => format!(
                "{} release {} to {}\n",
                self.paper.strong(self.service),
                attempt.release,
                self.hosts.join(", ")
            ),
            Progress::Began(_, act) if self.act == Some(*act) => String::new(),
            Progress::Began(_, act) => {
                let text = self.flush();
                self.act = Some(*act);
                format!("{text}{}", self.going())
            }
            Progress::Interrupted(goes_back) => self.interrupted(*goes_back),
            Progress::Done(host, _, took, note) => {
                self.done.push((name(self.hosts, *host), *took, (*note).to_owned()));
                String::new()
            }
            Progress::Failed(host, act, took, troubles) => {
                let mut text = self.flush();
                for trouble in *troubles {
                    text.push_str(&format!(
                        "  {}  {:<10} {:>7}  {}: {}\n",
                        self.paper.strong("✗"),
                        act.word(),
                        seconds(*took),
                        name(self.hosts, *host),
                        harmless(&trouble.what)
                    ));
                    if let Some(help) = &trouble.help {
                        text.push_str(&format!("     {:<10} {:>7}  {}\n", "", "help:", harmless(help)));
                    }
                    let skip = trouble.lines.len().saturating_sub(LINES);
                    for line in trouble.lines.iter().skip(skip) {
                        text.push_str(&format!("     {:<10} {:>7}  | {}\n", "", "", harmless(line)));
                    }
                }
                text
            }
        }
    }

    fn go(&self, count: usize) -> String {
        match count {
            1 => "one host goes".to_owned(),
            count => format!("{count} hosts go"),
        }
    }

    /// What was not said yet when the deploy has ended.
    pub(crate) fn rest(&mut self) -> String {
        self.flush()
    }

    /// The step that goes on, on a terminal, where its line can be written over when it is done.
    fn going(&self) -> String {
        match (self.act, self.paper.bold) {
            (Some(act), true) => format!("     {} …", act.word()),
            (_, true | false) => String::new(),
        }
    }

    /// Takes the line of the step that goes on away.
    fn wipe(&self) -> &'static str {
        if self.paper.bold && self.act.is_some() { "\r\x1b[K" } else { "" }
    }

    fn interrupted(&self, goes_back: bool) -> String {
        let what = match (self.act, goes_back) {
            (Some(act), true) if waits(act) => {
                format!("{} ends now, then what was in front stays in front", act.word())
            }
            (Some(act), true) => {
                format!("what was in front stays in front; waiting for {} to end", act.word())
            }
            (None, true) => "what was in front stays in front".to_owned(),
            (_, false) => "it is decided already, and is brought to its end".to_owned(),
        };
        format!("{}  {}  {what}\n{}", self.wipe(), self.paper.strong("interrupted"), self.going())
    }

    /// The line of the step that went on until now.
    fn flush(&mut self) -> String {
        let (Some(act), false) = (self.act, self.done.is_empty()) else { return self.wipe().to_owned() };
        let longest = self.done.iter().map(|(_, took, _)| *took).max().unwrap_or_default();
        // Hosts that say the same are named together.
        let mut said: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (host, _, note) in self.done.drain(..) {
            said.entry(note).or_default().push(host);
        }
        let words = said.into_iter().map(|(note, hosts)| {
            let note = harmless(&note);
            if note.is_empty() { hosts.join(", ") } else { format!("{}: {note}", hosts.join(", ")) }
        });
        let words = words.collect::<Vec<_>>().join("; ");
        format!("{}     {:<10} {:>7}  {words}\n", self.wipe(), act.word(), seconds(longest))
    }
}

fn name(hosts: &[String], host: Option<usize>) -> String {
    host.map_or_else(|| "here".to_owned(), |host| hosts.get(host).cloned().unwrap_or_default())
}

fn names(hosts: &[String], those: &[usize]) -> String {
    let names: Vec<String> = those.iter().map(|host| name(hosts, Some(*host))).collect();
    names.join(", ")
}

fn seconds(took: Duration) -> String {
    match took.as_millis() {
        millis @ 0..1000 => format!("{millis} ms"),
        _ => format!("{:.1} s", took.as_secs_f64()),
    }
}

/// The steps, with what becomes of the deploy when each fails.
pub(crate) fn plan(plan: &Plan, hosts: &[String]) -> String {
    let mut text = String::new();
    for step in &plan.steps {
        let at = match step.hosts.is_empty() {
            true => "from here".to_owned(),
            false => names(hosts, &step.hosts),
        };
        text.push_str(&format!(
            "  {:<10} {:<28} at most {:<6} if it fails: {}\n",
            step.act.word(),
            at,
            step.within.to_string(),
            consequence(step.on_failure)
        ));
    }
    text
}

fn consequence(on_failure: OnFailure) -> &'static str {
    match on_failure {
        OnFailure::Abort => "nothing was touched",
        OnFailure::Withdraw => "the new release is stopped; nobody was led to it",
        OnFailure::Back => "all hosts go back",
        OnFailure::Insist => "it is told again; a host that hears nothing for 60 s goes back by itself",
        OnFailure::Tell => "it is told",
    }
}

/// The last words of a deploy.
pub(crate) fn end(service: &str, outcome: &Outcome, hosts: &[String], paper: &Paper) -> String {
    let took = seconds(outcome.took);
    let release = outcome.attempt.release;
    match &outcome.end {
        End::New { complaints } => {
            let mut text = format!("{} release {release} is in front, after {took}\n", paper.strong(service));
            text.push_str(&failed_requests(outcome, hosts));
            for (host, act, why) in complaints {
                text.push_str(&format!(
                    "  but {} on {}: {}\n",
                    act.word(),
                    name(hosts, *host),
                    harmless(why)
                ));
            }
            text
        }
        End::Old { failed: (host, act), why, unheard } => {
            let mut text = format!(
                "{} release {release} is not in front: {}{}\n",
                paper.strong(service),
                match (host, act) {
                    (None, Act::Public | Act::Before) => format!("{} failed: ", act.word()),
                    (None, _) => format!("at {}: ", act.word()),
                    (Some(_), _) => format!("{} failed on {}: ", act.word(), name(hosts, *host)),
                },
                harmless(why)
            );
            match act {
                Act::Preflight | Act::Before => text.push_str(
                    "Nothing was changed.
",
                ),
                _ if !outcome.had_release => text.push_str(
                    "Nothing was in front before, and nothing is.
",
                ),
                _ => text.push_str(&format!("What was in front before is in front, after {took}.\n")),
            }
            text.push_str(&failed_requests(outcome, hosts));
            if !unheard.is_empty() {
                text.push_str(&format!(
                    "Not heard since: {}; they go back by themselves within a minute.\n",
                    names(hosts, unheard)
                ));
            }
            text
        }
        End::Unsure { unheard, why } => format!(
            "{} release {release} stays, and {} was not heard since: {}\nWhen it is back: `muster deploy {service}` or `muster rollback {service}` settles it.\n",
            paper.strong(service),
            names(hosts, unheard),
            harmless(why)
        ),
    }
}

/// How many requests failed; nothing where requests were led nowhere.
fn failed_requests(outcome: &Outcome, hosts: &[String]) -> String {
    let all = &outcome.failed_requests;
    let counted = |(_, failed): &(usize, Failures)| match failed {
        Failures::Counted(count) => Some(*count),
        Failures::Unknown(_) => None,
    };
    let unknown = all.iter().filter_map(|(host, failed)| match failed {
        Failures::Counted(_) => None,
        Failures::Unknown(why) => Some(format!("unknown on {}: {}", name(hosts, Some(*host)), harmless(why))),
    });
    let counts: Vec<u64> = all.iter().filter_map(counted).collect();
    let mut parts: Vec<String> = unknown.collect();
    if !counts.is_empty() {
        let said = match counts.iter().sum::<u64>() {
            1 => "1 request failed during the switch".to_owned(),
            count => format!("{count} requests failed during the switch"),
        };
        parts.insert(0, said);
    } else if let Some(first) = parts.first_mut() {
        *first = format!("requests that failed during the switch: {first}");
    }
    if parts.is_empty() { String::new() } else { format!("{}\n", parts.join("; ")) }
}

/// What it came to, for programs.
#[derive(Debug, Serialize)]
pub(crate) struct Ended {
    release: u64,
    attempt: u64,
    end: &'static str,
    took_ms: u128,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unheard: Vec<String>,
    troubles: Vec<Told>,
    /// Of each host that led requests.
    failed_requests: BTreeMap<String, Failures>,
}

#[derive(Debug, Serialize)]
struct Told {
    host: String,
    step: &'static str,
    what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lines: Vec<String>,
}

pub(crate) fn ended(outcome: &Outcome, hosts: &[String]) -> Ended {
    let (end, why, unheard) = match &outcome.end {
        End::New { .. } => ("new", None, Vec::new()),
        End::Old { why, unheard, .. } => ("old", Some(why.clone()), unheard.clone()),
        End::Unsure { why, unheard } => ("unsure", Some(why.clone()), unheard.clone()),
    };
    let told = outcome.troubles.iter().flat_map(|(host, act, troubles)| {
        troubles.iter().map(|trouble| Told {
            host: name(hosts, *host),
            step: act.word(),
            what: trouble.what.clone(),
            help: trouble.help.clone(),
            lines: trouble.lines.clone(),
        })
    });
    Ended {
        release: outcome.attempt.release,
        attempt: outcome.attempt.number,
        end,
        took_ms: outcome.took.as_millis(),
        why,
        unheard: unheard.into_iter().map(|host| name(hosts, Some(host))).collect(),
        troubles: told.collect(),
        failed_requests: outcome
            .failed_requests
            .iter()
            .map(|(host, failed)| (name(hosts, Some(*host)), failed.clone()))
            .collect(),
    }
}

/// What the hosts know, for programs.
#[derive(Debug, Serialize)]
pub(crate) struct Listed {
    hosts: Vec<OfHost>,
}

#[derive(Debug, Serialize)]
struct OfHost {
    host: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed: Option<muster_core::plan::Observed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<String>,
    record: Vec<muster_deploy::books::Entry>,
}

pub(crate) fn listed(hosts: &[&str], heard: &[Heard]) -> Listed {
    let of = |(host, heard): (&&str, &Heard)| match heard {
        Heard::Seen(observed, entries, held) => OfHost {
            host: (*host).to_owned(),
            unknown: None,
            observed: Some((**observed).clone()),
            held: held.clone(),
            record: entries.clone(),
        },
        other => OfHost {
            host: (*host).to_owned(),
            unknown: Some(unknown(other)),
            observed: None,
            held: None,
            record: Vec::new(),
        },
    };
    Listed { hosts: hosts.iter().zip(heard).map(of).collect() }
}

fn unknown(heard: &Heard) -> String {
    match heard {
        Heard::Lost(why) | Heard::Busy(why) | Heard::Done(why) => harmless(why).into_owned(),
        Heard::Failed(troubles) => {
            let words: Vec<&str> = troubles.iter().map(|trouble| trouble.what.as_str()).collect();
            harmless(&words.join("; ")).into_owned()
        }
        Heard::Seen(..) | Heard::Ended(_) => String::new(),
    }
}

/// The record of each host, newest last, with what is in front.
pub(crate) fn releases(hosts: &[&str], heard: &[Heard], clock: &Clock, paper: &Paper) -> String {
    let mut text = String::new();
    for (host, heard) in hosts.iter().zip(heard) {
        let Heard::Seen(observed, entries, held) = heard else {
            text.push_str(&format!("{}  unknown: {}\n", paper.strong(host), unknown(heard)));
            continue;
        };
        let front = observed.serving().map_or_else(
            || "nothing is in front".to_owned(),
            |release| format!("release {release} is in front"),
        );
        let held = held.as_ref().map(|by| format!("; now: {}", holder(by, clock))).unwrap_or_default();
        let pending = observed
            .pending
            .map(|it| format!("; release {} waits to be confirmed", it.release))
            .unwrap_or_default();
        text.push_str(&format!("{}  {front}{pending}{held}\n", paper.strong(host)));
        let rows: Vec<Row> = rows(entries, clock);
        let wide = |of: fn(&Row) -> &str| rows.iter().map(|row| of(row).chars().count()).max().unwrap_or(0);
        let (what, version) = (wide(|row| &row.what), wide(|row| &row.version));
        let (at, failed) = (wide(|row| &row.at), wide(|row| &row.failed));
        for row in &rows {
            let line = format!(
                "  {:>4}  {:<what$}  {:<version$}  {:<at$}  {:>7}  {:<failed$}  {}",
                row.release, row.what, row.version, row.at, row.took, row.failed, row.rest
            );
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }
    text
}

/// One line of the list of releases.
struct Row {
    release: u64,
    what: String,
    version: String,
    at: String,
    took: String,
    failed: String,
    rest: String,
}

/// The lines of a record, one for each deploy.
fn rows(entries: &[Entry], clock: &Clock) -> Vec<Row> {
    let row = |deploy: Deploy| {
        let why = if deploy.why.is_empty() { String::new() } else { format!(": {}", deploy.why) };
        Row {
            release: deploy.release,
            what: harmless(&deploy.how).into_owned(),
            version: harmless(&deploy.version).into_owned(),
            at: clock.both(deploy.at),
            took: seconds(Duration::from_millis(deploy.took)),
            failed: match &deploy.failed_requests {
                Some(Failures::Counted(count)) => format!("{count} failed"),
                Some(Failures::Unknown(_)) => "failed: unknown".to_owned(),
                None => String::new(),
            },
            rest: harmless(&format!("{}{why}", deploy.by)).into_owned(),
        }
    };
    deploys(entries).into_iter().map(row).collect()
}

/// Who has a lease, with the time as it is here.
pub(crate) fn holder(text: &str, clock: &Clock) -> String {
    match Holder::parse(text) {
        Some(Holder { by, step, since }) => {
            format!("{}, at {} since {}", harmless(&by), harmless(&step), clock.both(since))
        }
        None => harmless(text).into_owned(),
    }
}

/// Who has the lease of each host.
pub(crate) fn leases(hosts: &[&str], heard: &[Heard], clock: &Clock) -> String {
    let line = |(host, heard): (&&str, &Heard)| match heard {
        Heard::Seen(_, _, Some(held)) => format!("{host}  {}\n", holder(held, clock)),
        Heard::Seen(_, _, None) => format!("{host}  nobody deploys\n"),
        other => format!("{host}  unknown: {}\n", unknown(other)),
    };
    hosts.iter().zip(heard).map(line).collect()
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use muster_core::plan::Attempt;
    use muster_core::time::Timestamp;

    use super::*;

    const SHORT: Duration = Duration::from_millis(12);

    /// What is said of a step that is done on one host.
    fn step(telling: &mut Telling<'_>, act: Act, note: &str) -> String {
        let began = telling.of(&Progress::Began(Some(0), act));
        began + &telling.of(&Progress::Done(Some(0), act, SHORT, note))
    }

    #[test]
    fn every_step_is_told_also_the_last_one() {
        let hosts = ["ams1".to_owned()];
        let mut telling = Telling::new("api", &hosts, Paper::PLAIN);
        let mut said = step(&mut telling, Act::Drain, "no connection left");
        said.push_str(&step(&mut telling, Act::Finish, ""));
        said.push_str(&telling.rest());
        assert_eq!(
            said,
            "     drain        12 ms  ams1: no connection left\n     finish       12 ms  ams1\n"
        );
        assert_eq!(telling.rest(), "", "once");
    }

    #[test]
    fn a_terminal_shows_the_step_that_goes_on_and_a_pipe_is_not_steered() {
        let hosts = ["ams1".to_owned()];
        let paper = Paper { width: Some(80), bold: true };
        let mut telling = Telling::new("api", &hosts, paper);
        assert_eq!(telling.of(&Progress::Began(Some(0), Act::Fetch)), "     fetch …");
        telling.of(&Progress::Done(Some(0), Act::Fetch, SHORT, ""));
        let said = telling.of(&Progress::Began(Some(0), Act::Start));
        assert_eq!(said, "\r\x1b[K     fetch        12 ms  ams1\n     start …");
        let mut telling = Telling::new("api", &hosts, Paper::PLAIN);
        let mut said = step(&mut telling, Act::Fetch, "a\x1b[2Jb");
        said.push_str(&telling.of(&Progress::Interrupted(true)));
        said.push_str(&telling.rest());
        assert!(!said.contains(['\r', '\x1b']), "{said:?}");
    }

    #[test]
    fn an_interruption_is_answered_at_once_with_what_is_waited_for() {
        let hosts = ["ams1".to_owned()];
        for (act, goes_back, words) in [
            (Act::Fetch, true, "waiting for fetch to end"),
            (Act::Watch, true, "watch ends now"),
            (Act::Drain, false, "it is decided already"),
        ] {
            let mut telling = Telling::new("api", &hosts, Paper::PLAIN);
            telling.of(&Progress::Began(Some(0), act));
            let said = telling.of(&Progress::Interrupted(goes_back));
            assert!(said.contains(words) && said.ends_with('\n'), "{said:?}");
        }
    }

    #[test]
    fn requests_that_failed_are_told_and_what_is_unknown_is_never_none() {
        let hosts = ["ams1".to_owned(), "fra1".to_owned()];
        let unknown = || Failures::Unknown("no log".into());
        for (failed, said) in [
            (vec![], ""),
            (vec![Failures::Counted(0), Failures::Counted(0)], "0 requests failed during the switch\n"),
            (vec![Failures::Counted(1)], "1 request failed during the switch\n"),
            (
                vec![Failures::Counted(2), unknown()],
                "2 requests failed during the switch; unknown on fra1: no log\n",
            ),
            (vec![unknown()], "requests that failed during the switch: unknown on ams1: no log\n"),
        ] {
            let outcome = Outcome {
                end: End::New { complaints: Vec::new() },
                attempt: Attempt { number: 2, release: 2 },
                troubles: Vec::new(),
                had_release: true,
                failed_requests: failed.into_iter().enumerate().collect(),
                took: SHORT,
            };
            assert_eq!(failed_requests(&outcome, &hosts), said);
        }
    }

    #[test]
    fn who_deploys_is_told_in_the_time_of_the_reader() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        // 2026-11-21, 14:02 in Berlin.
        let clock = Clock::new(Timestamp::from_seconds(1_795_266_120), zone);
        let text = "ann\x1b on desk, at fetch since 2026-11-21T12:02:00Z";
        assert_eq!(holder(text, &clock), "ann  on desk, at fetch since 13:02 (1h ago)");
        assert_eq!(holder("somebody\n", &clock), "somebody ");
    }
}
