//! `muster status`: the sentence, then what is wrong with muster itself, then each piece of bad news with its reason,
//! then everything in one table.

use std::collections::BTreeMap;

use muster_core::board::{Incident, Line, Snapshot};
use muster_core::effect::Condition;
use muster_core::expectation::Level;
use muster_core::host_roll::HostRoll;
use muster_core::ids::{ChannelName, ExpectationId};
use muster_core::outbox::Usage;
use muster_core::signal::Outcome;
use muster_core::words;

use super::clock::Clock;
use super::count::counted;
use super::paper::{Paper, harmless};
use super::reason;
use super::table::Table;
use super::watchers;

/// Lines of a run's last output that are shown under bad news.
const TAIL_LINES: usize = 3;

/// What was seen, and by whom.
#[derive(Debug)]
pub(crate) struct Seen {
    /// The state of everything.
    pub(crate) snapshot: Snapshot,
    /// How the last run of each firing job ended.
    pub(crate) evidence: BTreeMap<ExpectationId, Outcome>,
    /// Who says so.
    pub(crate) source: Source,
}

/// Who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// The agent, now, and in this sentence.
    Agent(String),
    /// Nobody watches; the rows are what was last written down.
    Memory,
}

/// The whole text.
pub(crate) fn status(seen: &Seen, clock: &Clock, paper: &Paper, all: bool) -> String {
    let Snapshot { board, faults, .. } = &seen.snapshot;
    let mut text = String::new();
    text.push_str(&paper.strong(&sentence(seen)));
    text.push('\n');
    for fault in faults {
        text.push_str(&format!(
            "\n{} {} (since {})\n    {}\n",
            paper.strong(&format!("muster itself [{}]:", fault.code)),
            harmless(&fault.what),
            clock.moment(fault.since),
            harmless(&fault.help),
        ));
    }
    for line in board.lines.iter().filter(|line| is_bad(&line.condition)) {
        text.push('\n');
        text.push_str(&bad_news(line, seen.evidence.get(&line.id), clock, paper));
    }
    let rows = table(seen, clock, all);
    if !rows.is_empty() {
        text.push('\n');
        text.push_str(&rows.lines(paper, 0));
    }
    let notes = notes(seen, clock, all);
    if !notes.is_empty() {
        text.push('\n');
        text.push_str(&notes);
    }
    if seen.source == Source::Memory {
        text.push_str(&afterword(board.lines.len()));
    }
    text
}

/// The sentence that says it all.
pub(crate) fn sentence(seen: &Seen) -> String {
    match &seen.source {
        Source::Agent(sentence) => sentence.clone(),
        Source::Memory => "The agent is not running: nothing on this host is being watched.".to_owned(),
    }
}

/// True for a part of muster itself: its duties and its ways of telling people.
fn is_own(line: &Line) -> bool {
    matches!(line.id.table(), "duty" | "channel" | "muster")
}

fn is_bad(condition: &Condition) -> bool {
    match condition {
        Condition::Firing { level, .. } => *level != Level::Ignore,
        Condition::New | Condition::Ok | Condition::Pending { .. } | Condition::Unknown { .. } => false,
    }
}

fn bad_news(line: &Line, evidence: Option<&Outcome>, clock: &Clock, paper: &Paper) -> String {
    let mut text = format!(
        "{}  since {} ({})\n",
        paper.strong(line.id.as_str()),
        clock.moment(line.since),
        clock.now().since(line.since),
    );
    if let Some(why) = reason::condition(&line.condition, clock) {
        text.push_str(&format!("    {why}\n"));
    }
    if line.incident.as_ref().is_some_and(|incident| incident.flapping) {
        text.push_str("    it goes to and fro: this is over once it has been well for a while\n");
    }
    if let Some(outcome) = evidence {
        // Neither a peer nor a channel runs; what is said of a peer, or of what was accepted, is a sentence of its own.
        let label = match line.id.table() {
            "peer" | "drift" => "",
            "channel" => "last try: ",
            _ => "last run: ",
        };
        text.push_str(&format!("    {label}{}\n", words::outcome(outcome)));
        for tail in last_lines(&outcome.tail) {
            text.push_str(&format!("    | {}\n", harmless(tail)));
        }
    }
    text.push_str(&format!("    {}\n", told(line, clock)));
    text
}

fn last_lines(tail: &str) -> Vec<&str> {
    let lines: Vec<&str> = tail.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].to_vec()
}

/// Who knows about it, and what to do next.
fn told(line: &Line, clock: &Clock) -> String {
    if let Some(pause) = &line.pause {
        return format!(
            "pages held back by {} until {}: {}",
            harmless(&pause.by),
            clock.moment(pause.until),
            harmless(&pause.reason)
        );
    }
    if let Some(until) = line.maintenance {
        return format!("in maintenance until {}: what is bad then is told then", clock.moment(until));
    }
    if let Some(parent) = &line.suppressed_by {
        return format!("pages held back while {parent} is firing");
    }
    let name = line.id.name();
    match &line.incident {
        Some(Incident { acknowledged: Some((by, until)), .. }) => {
            format!("acknowledged by {} until {}", harmless(by), clock.moment(*until))
        }
        Some(Incident { told: true, flapping: true, .. }) => {
            format!(
                "people were told that it goes to and fro; `muster ack {name}` says that you have seen it"
            )
        }
        Some(Incident { told: true, next_step: Some(next), .. }) => {
            let to: Vec<&str> = next.to.iter().map(ChannelName::as_str).collect();
            let (at, to) = (clock.moment(next.at), to.join(" and "));
            format!(
                "people were told, and {to} will be at {at}; `muster ack {name}` says that you have seen it"
            )
        }
        Some(Incident { told: true, .. }) => {
            format!("people were told; `muster ack {name}` says that you have seen it")
        }
        Some(Incident { told: false, .. }) | None => match &line.condition {
            Condition::Firing { level: Level::Page, .. } if line.notify.is_empty() => {
                "nobody was told: no channel is named for it; see `notify` in muster.toml".to_owned()
            }
            Condition::Firing { level: Level::Page, .. } => match refused(line) {
                Some(why) => format!("nobody was told yet, it is tried again: {}", harmless(why)),
                None => "nobody was told yet".to_owned(),
            },
            Condition::Firing { level: Level::Warn | Level::Ignore, .. }
            | Condition::New
            | Condition::Ok
            | Condition::Pending { .. }
            | Condition::Unknown { .. } => "nobody was told: it is set to be shown only".to_owned(),
        },
    }
}

fn refused(line: &Line) -> Option<&str> {
    line.incident.as_ref()?.refused.as_deref()
}

fn table(seen: &Seen, clock: &Clock, all: bool) -> Table {
    let mut table = Table::new(&["NAME", "STATE", "LAST HEARD", "LAST SUCCESS", "NEXT DUE", "WHY"]);
    for line in &seen.snapshot.board.lines {
        let well = matches!(line.condition, Condition::Ok | Condition::New);
        if is_own(line) && !all && (well || seen.source == Source::Memory) {
            continue;
        }
        let due = match seen.source {
            Source::Agent(_) => line.due.map(|due| clock.ahead(due)).unwrap_or_default(),
            Source::Memory => String::new(),
        };
        let why = match &line.condition {
            Condition::Pending { .. } => reason::condition(&line.condition, clock).unwrap_or_default(),
            Condition::Unknown { why } if seen.source != Source::Memory => why.clone(),
            Condition::Unknown { .. } | Condition::New | Condition::Ok | Condition::Firing { .. } => {
                line.usage.as_ref().map(usage).unwrap_or_default()
            }
        };
        table.row([
            line.id.to_string(),
            state(line, clock),
            clock.distance_or_never(line.last_heard),
            clock.distance_or_never(line.last_success),
            due,
            why,
        ]);
    }
    table
}

/// One or a few words: "ok", "firing, paused", "ok, in maintenance until 05:00", "ok, running 3m".
pub(crate) fn state(line: &Line, clock: &Clock) -> String {
    let mut words = line.condition.word().to_owned();
    if line.pause.is_some() {
        words.push_str(", paused");
    }
    if let Some(until) = line.maintenance {
        words.push_str(&format!(", in maintenance until {}", clock.moment(until)));
    }
    match line.running.as_slice() {
        [] => {}
        [run] => words.push_str(&format!(", running {}", clock.now().since(run.since))),
        [first, ..] => {
            words.push_str(&format!(
                ", {} running, longest {}",
                line.running.len(),
                clock.now().since(first.since)
            ));
        }
    }
    words
}

/// What a channel took: "37 of 250 messages within a day".
fn usage(usage: &Usage) -> String {
    match usage.quota {
        Some(quota) => format!("{} of {quota} messages within a day", usage.messages),
        None => format!("{} within a day", counted(usage.messages as usize, "message")),
    }
}

fn notes(seen: &Seen, clock: &Clock, all: bool) -> String {
    let mut text = String::new();
    if seen.source != Source::Memory && !all {
        let own = seen.snapshot.board.lines.iter().filter(|line| is_own(line));
        let well =
            own.clone().filter(|line| matches!(line.condition, Condition::Ok | Condition::New)).count();
        let odd = own.count() - well;
        match (well, odd) {
            (0, 0) => {}
            (well, 0) => text.push_str(&format!("muster itself: {}, all well.\n", counted(well, "part"))),
            (well, odd) => {
                text.push_str(&format!("muster itself: {odd} of {} not well.\n", counted(well + odd, "part")))
            }
        }
    }
    text.push_str(&host_notes(&seen.snapshot.host));
    if seen.source != Source::Memory {
        text.push_str(&watchers::notes(&seen.snapshot.watchers, clock));
    }
    text
}

fn host_notes(host: &HostRoll) -> String {
    let mut text = String::new();
    let unwrapped = host.scheduled.iter().filter(|scheduled| scheduled.covered.is_none()).count();
    if unwrapped > 0 {
        let verb = if unwrapped == 1 { "reports" } else { "report" };
        text.push_str(&format!(
            "{} on this host {verb} to nobody: `muster jobs list` shows them.\n",
            counted(unwrapped, "scheduled command"),
        ));
    }
    for unit in &host.failed_units {
        text.push_str(&format!("systemd: {} is {}.\n", harmless(&unit.name), harmless(&unit.state)));
    }
    for unseen in &host.unseen {
        text.push_str(&format!("Not seen: {}: {}.\n", harmless(&unseen.what), harmless(&unseen.why)));
    }
    text
}

fn afterword(rows: usize) -> String {
    let mut text = String::new();
    if rows > 0 {
        text.push_str(
            "\nThe rows above are the last that were written down; nobody knows how things stand now.\n",
        );
    }
    if rows == 0 {
        text.push_str("\nNothing was ever written down here.\n");
    }
    text.push_str(
        "Start it with `muster up`, or `systemctl start muster` where it is installed as a service.\n",
    );
    text
}

#[cfg(test)]
pub(crate) mod tests {
    use muster_core::board::{Board, Fault, Pause, Running, Watchers};
    use muster_core::effect::Reason;
    use muster_core::host_roll::{Scheduled, Starter, Unseen};
    use muster_core::ids::IncidentId;
    use muster_core::signal::Ending;
    use muster_core::time::Span;

    use super::super::clock::tests::{NOON, clock};
    use super::*;

    pub(crate) fn line(id: &str, condition: Condition) -> Line {
        Line {
            id: ExpectationId::new(id).expect("valid"),
            condition,
            since: NOON - Span::hours(3),
            rhythm: "0 2 * * * Europe/Berlin".into(),
            last_heard: Some(NOON - Span::minutes(3)),
            last_success: Some(NOON - Span::minutes(3)),
            due: Some(NOON + Span::hours(18)),
            deadline: Some(NOON + Span::hours(18) + Span::minutes(5)),
            running: vec![],
            incident: None,
            pause: None,
            maintenance: None,
            usage: None,
            notify: vec!["ops".parse().expect("a name")],
            suppressed_by: None,
            usual: None,
            retried: None,
            own: false,
        }
    }

    fn firing(reason: Reason) -> Condition {
        Condition::Firing { incident: IncidentId::new("i1").expect("valid"), reason, level: Level::Page }
    }

    fn incident(told: bool, acknowledged: Option<(&str, Span)>) -> Option<Incident> {
        Some(Incident {
            id: IncidentId::new("i1").expect("valid"),
            since: NOON,
            told,
            refused: None,
            acknowledged: acknowledged.map(|(by, span)| (by.to_owned(), NOON + span)),
            flapping: false,
            next_step: None,
        })
    }

    pub(crate) fn scheduled(name: &str, covered: Option<&str>) -> Scheduled {
        Scheduled {
            name: name.into(),
            by: Starter::Cron,
            source: "/etc/crontab:12".into(),
            schedule: "0 3 * * *".into(),
            cron: Some("0 3 * * *".into()),
            user: "root".into(),
            command: format!("/opt/{name}.sh"),
            covered: covered.map(|id| ExpectationId::new(id).expect("valid")),
            odd: vec![],
        }
    }

    fn seen(lines: Vec<Line>) -> Seen {
        let board = Board { at: NOON, lines };
        let watchers = Watchers { beat: true, ..Watchers::default() };
        let snapshot = Snapshot { board, watchers, ..Snapshot::default() };
        Seen { snapshot, evidence: BTreeMap::new(), source: Source::Agent("What the agent says.".into()) }
    }

    fn shown(seen: &Seen) -> String {
        status(seen, &clock(), &Paper::PLAIN, false)
    }

    #[test]
    fn a_healthy_host_is_one_sentence_and_one_table() {
        let mut sync = line("job.sync", Condition::Ok);
        sync.running = vec![Running { run: None, since: NOON - Span::minutes(3), limit: None, late: false }];
        let seen = seen(vec![
            line("check.nas", Condition::New),
            line("duty.spool", Condition::Ok),
            line("job.export", Condition::Ok),
            sync,
        ]);
        assert_eq!(
            shown(&seen),
            "\
What the agent says.

NAME        STATE           LAST HEARD  LAST SUCCESS  NEXT DUE
check.nas   new             3m ago      3m ago        in 18h (tomorrow 02:00)
job.export  ok              3m ago      3m ago        in 18h (tomorrow 02:00)
job.sync    ok, running 3m  3m ago      3m ago        in 18h (tomorrow 02:00)

muster itself: 1 part, all well.
"
        );
    }

    #[test]
    fn bad_news_comes_before_the_table_with_its_reason_its_evidence_and_what_to_do() {
        let due = NOON - Span::hours(6);
        let mut silent =
            line("job.export", firing(Reason::Missed { due, last_heard: Some(due - Span::days(1)) }));
        silent.last_heard = Some(due - Span::days(1));
        silent.incident = incident(true, None);
        let mut failed = line("job.sync", firing(Reason::Failed { times: 3 }));
        failed.incident = incident(true, Some(("ada", Span::hours(4))));
        let mut seen = seen(vec![silent, failed]);
        let mut outcome = Outcome::bare(Ending::Exit { code: 2 });
        outcome.duration = Some(Span::millis(1_430));
        outcome.tail = "one\n\ntwo\nthree\n\x1b[31mcannot connect\n".into();
        seen.evidence.insert(ExpectationId::new("job.sync").expect("valid"), outcome);
        let text = shown(&seen);
        let (news, table) = text.split_once("\nNAME").expect("a table");
        assert_eq!(
            news,
            "\
What the agent says.

job.export  since 05:00 (3h)
    it was due 02:00 (6h ago) and did not report; last heard yesterday 02:00 (1d 6h ago)
    people were told; `muster ack export` says that you have seen it

job.sync  since 05:00 (3h)
    it failed 3 times in a row
    last run: exit 2 after 1.4s
    | two
    | three
    |  [31mcannot connect
    acknowledged by ada until 12:00
"
        );
        assert!(table.contains("job.export  firing  1d 6h ago"), "{table}");
    }

    #[test]
    fn a_pause_and_a_firing_parent_are_named_as_the_reason_for_the_silence_of_pages() {
        let mut paused = line("job.a", firing(Reason::Failed { times: 1 }));
        paused.pause =
            Some(Pause { by: "ada".into(), reason: "disk swap".into(), until: NOON + Span::hours(2) });
        let mut child = line("job.b", firing(Reason::Failed { times: 1 }));
        child.suppressed_by = Some(ExpectationId::new("check.host").expect("valid"));
        let mut planned = line("job.c", firing(Reason::Failed { times: 1 }));
        planned.maintenance = Some(NOON + Span::hours(3));
        let text = shown(&seen(vec![paused, child, planned]));
        assert!(text.contains("pages held back by ada until 10:00: disk swap\n"), "{text}");
        assert!(text.contains("pages held back while check.host is firing\n"), "{text}");
        assert!(text.contains("job.a  firing, paused"), "{text}");
        assert!(text.contains("in maintenance until 11:00: what is bad then is told then\n"), "{text}");
        assert!(text.contains("job.c  firing, in maintenance until 11:00"), "{text}");
    }

    #[test]
    fn without_an_agent_nothing_looks_well() {
        let why = "the agent is not running".to_owned();
        let mut seen = seen(vec![line("job.export", Condition::Unknown { why })]);
        seen.source = Source::Memory;
        assert_eq!(
            shown(&seen),
            "\
The agent is not running: nothing on this host is being watched.

NAME        STATE    LAST HEARD  LAST SUCCESS
job.export  unknown  3m ago      3m ago

The rows above are the last that were written down; nobody knows how things stand now.
Start it with `muster up`, or `systemctl start muster` where it is installed as a service.
"
        );
    }

    #[test]
    fn faults_of_muster_itself_and_blind_spots_are_never_hidden() {
        let mut seen = seen(vec![line("duty.spool", Condition::Unknown { why: "store full".into() })]);
        seen.snapshot.faults = vec![Fault {
            code: "M0301".into(),
            what: "The store cannot be written.".into(),
            help: "free space: `df -h`".into(),
            since: NOON,
        }];
        seen.snapshot.host.scheduled = vec![scheduled("backup", None), scheduled("x", Some("job.x"))];
        seen.snapshot.host.unseen =
            vec![Unseen { what: "/var/spool/cron".into(), why: "permission denied".into() }];
        assert_eq!(
            shown(&seen),
            "\
What the agent says.

muster itself [M0301]: The store cannot be written. (since 08:00)
    free space: `df -h`

NAME        STATE    LAST HEARD  LAST SUCCESS  NEXT DUE                 WHY
duty.spool  unknown  3m ago      3m ago        in 18h (tomorrow 02:00)  store full

muster itself: 1 of 1 part not well.
1 scheduled command on this host reports to nobody: `muster jobs list` shows them.
Not seen: /var/spool/cron: permission denied.
"
        );
    }
}
