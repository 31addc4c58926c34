//! `muster jobs`: what reports, what does not, what it did before.

use std::collections::{BTreeMap, BTreeSet};

use muster_core::board::{Line, Snapshot};
use muster_core::effect::Condition;
use muster_core::host_roll::{HostRoll, Scheduled, Starter};
use muster_core::ids::ExpectationId;
use muster_core::words;
use muster_store::history::{Run, RunState};

use super::clock::Clock;
use super::count::counted;
use super::paper::{Paper, harmless};
use super::status::state;
use super::table::Table;

/// The jobs of this host.
#[derive(Debug)]
pub(crate) struct Jobs {
    /// The roll and what the host starts by itself.
    pub(crate) snapshot: Snapshot,
    /// The last run of each job.
    pub(crate) last: BTreeMap<ExpectationId, Run>,
    /// False if the agent is not running: then conditions and due times are not known.
    pub(crate) watched: bool,
}

/// `muster jobs list`.
pub(crate) fn list(jobs: &Jobs, clock: &Clock, paper: &Paper) -> String {
    let host = &jobs.snapshot.host;
    let lines: Vec<&Line> =
        jobs.snapshot.board.lines.iter().filter(|line| line.id.table() == "job").collect();
    let known: BTreeSet<&ExpectationId> = lines.iter().map(|line| &line.id).collect();
    // Without an agent or its memory, a wrapped crontab line is still a wrapped job.
    let strangers: Vec<&Scheduled> = host
        .scheduled
        .iter()
        .filter(|scheduled| scheduled.covered.as_ref().is_some_and(|id| !known.contains(id)))
        .collect();
    let bare: Vec<&Scheduled> =
        host.scheduled.iter().filter(|scheduled| scheduled.covered.is_none()).collect();

    let mut text = String::new();
    text.push_str(&paper.strong(&headline(lines.len() + strangers.len(), bare.len(), jobs.watched)));
    text.push('\n');
    let mut table = Table::new(&["NAME", "STATE", "SCHEDULE", "LAST RUN", "TOOK", "NEXT DUE", "STARTED BY"]);
    for line in lines {
        table.row(watched_row(line, jobs, clock));
    }
    for scheduled in strangers {
        let name = scheduled.covered.as_ref().map_or("", ExpectationId::name);
        let schedule = scheduled.schedule.clone();
        table.row([
            name.to_owned(),
            "unknown".to_owned(),
            schedule,
            "never".to_owned(),
            String::new(),
            String::new(),
            starter(scheduled),
        ]);
    }
    if !table.is_empty() {
        text.push('\n');
        text.push_str(&table.lines(paper, 0));
    }
    if !bare.is_empty() {
        text.push('\n');
        text.push_str(&paper.strong("Nobody notices when these fail or stop:"));
        text.push('\n');
        text.push_str(&bare_table(&bare).lines(paper, 0));
        text.push_str(
            "\n`muster jobs adopt --dry-run` shows how they would be wrapped, all or those you name. By hand: put\n\
             `muster run NAME --` in front of a command; a line with pipes or && goes as `muster run NAME -- sh -c '…'`.\n",
        );
    }
    let odd: Vec<String> = host
        .scheduled
        .iter()
        .flat_map(|scheduled| {
            scheduled.odd.iter().map(move |odd| format!("  {}: {}\n", scheduled.source, harmless(odd)))
        })
        .collect();
    if !odd.is_empty() {
        text.push('\n');
        text.push_str(&paper.strong("Odd:"));
        text.push('\n');
        text.extend(odd);
    }
    text.push_str(&unseen(host));
    text
}

fn headline(wrapped: usize, bare: usize, watched: bool) -> String {
    let jobs = if wrapped == 1 { "1 job reports".to_owned() } else { format!("{wrapped} jobs report") };
    let mut text = match (wrapped, bare) {
        (0, 0) => "No job reports to muster, and this host schedules nothing that could be seen.".to_owned(),
        (0, _) => format!("No job reports to muster; {} on this host.", counted(bare, "scheduled command")),
        (_, 0) => format!("{jobs} to muster."),
        _ => format!(
            "{jobs} to muster, {} {} to nobody.",
            counted(bare, "scheduled command"),
            if bare == 1 { "reports" } else { "report" }
        ),
    };
    if !watched {
        text.push_str(" The agent is not running: nobody is watching.");
    }
    text
}

fn watched_row(line: &Line, jobs: &Jobs, clock: &Clock) -> [String; 7] {
    let covered =
        jobs.snapshot.host.scheduled.iter().find(|scheduled| scheduled.covered.as_ref() == Some(&line.id));
    let last = jobs.last.get(&line.id);
    let (when, took) = match last {
        Some(run) => (format!("{}, {}", clock.distance(run.started), result(run)), length(run)),
        None => (clock.distance_or_never(line.last_heard), String::new()),
    };
    let (state, due) = if jobs.watched {
        let due = match (&line.condition, line.due) {
            (
                Condition::Firing { .. } | Condition::Pending { .. } | Condition::New | Condition::Ok,
                Some(due),
            ) => clock.ahead(due),
            (Condition::Unknown { .. }, _) | (_, None) => String::new(),
        };
        (state(line, clock), due)
    } else {
        ("unknown".to_owned(), String::new())
    };
    let own = line.own.then(|| "muster".to_owned());
    let starter = own.into_iter().chain(covered.map(starter)).collect::<Vec<_>>().join("; ");
    [line.id.name().to_owned(), state, line.rhythm.clone(), when, took, due, starter]
}

fn starter(scheduled: &Scheduled) -> String {
    let by = match scheduled.by {
        Starter::Cron => "cron",
        Starter::RunParts => "run-parts",
        Starter::Timer => "systemd",
        Starter::Anacron => "anacron",
    };
    format!("{by}, {}", scheduled.source)
}

fn bare_table(bare: &[&Scheduled]) -> Table {
    let mut table = Table::new(&["NAME", "SCHEDULE", "USER", "STARTED BY", "COMMAND"]);
    for scheduled in bare {
        table.row([
            scheduled.name.clone(),
            scheduled.schedule.clone(),
            scheduled.user.clone(),
            starter(scheduled),
            scheduled.command.clone(),
        ]);
    }
    table
}

fn unseen(host: &HostRoll) -> String {
    if host.unseen.is_empty() {
        return String::new();
    }
    let mut text = "\n".to_owned();
    for unseen in &host.unseen {
        text.push_str(&format!("Not seen: {}: {}.\n", harmless(&unseen.what), harmless(&unseen.why)));
    }
    text
}

/// `muster jobs history NAME`, newest first.
pub(crate) fn history(id: &ExpectationId, runs: &[Run], more: bool, clock: &Clock, paper: &Paper) -> String {
    let mut text = String::new();
    text.push_str(&paper.strong(&summary(id, runs)));
    text.push('\n');
    if runs.is_empty() {
        return text;
    }
    let mut table = Table::new(&["STARTED", "TOOK", "RESULT", "CPU", "MEMORY", "RUN"]);
    for run in runs {
        let outcome = match &run.state {
            RunState::Ok(outcome) | RunState::Failed(outcome) => Some(outcome),
            RunState::Running | RunState::Skipped { .. } => None,
        };
        table.row([
            clock.stamp(run.started),
            match run.state {
                RunState::Running => format!("{} so far", clock.now().since(run.started)),
                RunState::Ok(_) | RunState::Failed(_) | RunState::Skipped { .. } => length(run),
            },
            result(run),
            outcome.and_then(|outcome| outcome.cpu).map(words::length).unwrap_or_default(),
            outcome.and_then(|outcome| outcome.peak_memory).map(words::size).unwrap_or_default(),
            run.id.to_string(),
        ]);
    }
    text.push('\n');
    text.push_str(&table.lines(paper, 0));
    if more {
        text.push_str("\nThere are older runs: `--limit` shows more.\n");
    }
    text
}

fn summary(id: &ExpectationId, runs: &[Run]) -> String {
    let count = |is: fn(&RunState) -> bool| runs.iter().filter(|run| is(&run.state)).count();
    let parts: Vec<String> = [
        (count(|state| matches!(state, RunState::Ok(_))), "ok"),
        (count(|state| matches!(state, RunState::Failed(_))), "failed"),
        (count(|state| matches!(state, RunState::Skipped { .. })), "skipped"),
        (count(|state| matches!(state, RunState::Running)), "running"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, word)| format!("{count} {word}"))
    .collect();
    if parts.is_empty() {
        format!("{id} has no runs on record.")
    } else {
        format!("{id}: {}: {}.", counted(runs.len(), "run"), parts.join(", "))
    }
}

/// One fragment: "ok", "exit 2", "skipped: …", "running".
fn result(run: &Run) -> String {
    match &run.state {
        RunState::Running => "running".to_owned(),
        RunState::Ok(outcome) => match outcome.attempts.len() {
            0 => "ok".to_owned(),
            before => format!("ok at attempt {} (flaky)", before + 1),
        },
        RunState::Failed(outcome) => match outcome.attempts.len() {
            0 => words::result(outcome),
            before => format!("{}, at attempt {}", words::result(outcome), before + 1),
        },
        RunState::Skipped { why, .. } => format!("skipped: {}", harmless(why)),
    }
}

fn length(run: &Run) -> String {
    let told = match &run.state {
        RunState::Ok(outcome) | RunState::Failed(outcome) => outcome.duration,
        RunState::Running | RunState::Skipped { .. } => None,
    };
    let reckoned = match run.state {
        RunState::Ok(_) | RunState::Failed(_) => run.ended.map(|ended| ended.since(run.started)),
        RunState::Running | RunState::Skipped { .. } => None,
    };
    told.or(reckoned).map(words::length).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use muster_core::board::Board;
    use muster_core::host_roll::Unseen;
    use muster_core::ids::RunId;
    use muster_core::signal::{Ending, Outcome};
    use muster_core::time::Span;

    use super::super::clock::tests::{NOON, clock};
    use super::super::status::tests::{line, scheduled};
    use super::*;

    fn run(id: &str, ago: Span, state: RunState) -> Run {
        let started = NOON - ago;
        let ended = (state != RunState::Running).then(|| started + Span::seconds(90));
        let about = ExpectationId::new("job.export").expect("valid");
        Run {
            about,
            id: RunId::new(id).expect("valid"),
            started,
            ended,
            state,
            process: None,
            anonymous: false,
        }
    }

    fn outcome(code: u8) -> Outcome {
        Outcome {
            duration: Some(Span::seconds(90)),
            cpu: Some(Span::millis(1_200)),
            peak_memory: Some(39 << 20),
            ..Outcome::bare(Ending::Exit { code })
        }
    }

    #[test]
    fn the_list_shows_what_reports_and_what_does_not() {
        let mut snapshot = Snapshot {
            board: Board {
                at: NOON,
                lines: vec![line("check.nas", Condition::Ok), line("job.export", Condition::Ok)],
            },
            ..Snapshot::default()
        };
        snapshot.host.scheduled = vec![scheduled("export", Some("job.export")), scheduled("backup", None)];
        snapshot.host.scheduled[1].odd = vec!["the script is missing".into()];
        snapshot.host.unseen = vec![Unseen { what: "/root".into(), why: "permission denied".into() }];
        let last = run("r2", Span::hours(6), RunState::Ok(outcome(0)));
        let jobs = Jobs { snapshot, last: BTreeMap::from([(last.about.clone(), last)]), watched: true };
        assert_eq!(
            list(&jobs, &clock(), &Paper::PLAIN),
            "\
1 job reports to muster, 1 scheduled command reports to nobody.

NAME    STATE  SCHEDULE                 LAST RUN    TOOK    NEXT DUE                 STARTED BY
export  ok     0 2 * * * Europe/Berlin  6h ago, ok  1m 30s  in 18h (tomorrow 02:00)  cron, /etc/crontab:12

Nobody notices when these fail or stop:
NAME    SCHEDULE   USER  STARTED BY             COMMAND
backup  0 3 * * *  root  cron, /etc/crontab:12  /opt/backup.sh

`muster jobs adopt --dry-run` shows how they would be wrapped, all or those you name. By hand: put
`muster run NAME --` in front of a command; a line with pipes or && goes as `muster run NAME -- sh -c '…'`.

Odd:
  /etc/crontab:12: the script is missing

Not seen: /root: permission denied.
"
        );
    }

    #[test]
    fn who_starts_a_job_is_said_also_where_it_is_muster() {
        let mut own = line("job.export", Condition::Ok);
        own.own = true;
        let board = Board { at: NOON, lines: vec![own] };
        let mut jobs = Jobs {
            snapshot: Snapshot { board, ..Snapshot::default() },
            last: BTreeMap::new(),
            watched: true,
        };
        let row = |jobs: &Jobs| {
            list(jobs, &clock(), &Paper::PLAIN)
                .lines()
                .find(|row| row.starts_with("export"))
                .map(str::to_owned)
        };
        assert!(row(&jobs).is_some_and(|row| row.ends_with(" muster")), "{:?}", row(&jobs));
        jobs.snapshot.host.scheduled = vec![scheduled("export", Some("job.export"))];
        let twice = row(&jobs);
        assert!(
            twice.as_ref().is_some_and(|row| row.ends_with(" muster; cron, /etc/crontab:12")),
            "{twice:?}"
        );
    }

    #[test]
    fn a_wrapped_line_that_no_agent_knows_is_still_a_job_and_never_looks_well() {
        let mut snapshot = Snapshot::default();
        snapshot.host.scheduled = vec![scheduled("export", Some("job.export"))];
        let jobs = Jobs { snapshot, last: BTreeMap::new(), watched: false };
        let text = list(&jobs, &clock(), &Paper::PLAIN);
        assert!(
            text.starts_with("1 job reports to muster. The agent is not running: nobody is watching.\n"),
            "{text}"
        );
        assert!(text.contains("export  unknown  0 3 * * *  never"), "{text}");
    }

    #[test]
    fn the_history_has_one_row_for_each_run_and_a_count() {
        let why = "run r1 holds the lock".to_owned();
        let runs = [
            run("r4", Span::minutes(5), RunState::Running),
            run("r3", Span::hours(1), RunState::Skipped { holder: None, why }),
            run("r2", Span::hours(6), RunState::Failed(outcome(2))),
            run("r1", Span::hours(30), RunState::Ok(outcome(0))),
        ];
        let text = history(&runs[0].about, &runs, true, &clock(), &Paper::PLAIN);
        assert_eq!(
            text,
            "\
job.export: 4 runs: 1 ok, 1 failed, 1 skipped, 1 running.

STARTED              TOOK       RESULT                          CPU   MEMORY  RUN
2026-11-21 07:55:00  5m so far  running                                       r4
2026-11-21 07:00:00             skipped: run r1 holds the lock                r3
2026-11-21 02:00:00  1m 30s     exit 2                          1.2s  39 MiB  r2
2026-11-20 02:00:00  1m 30s     ok                              1.2s  39 MiB  r1

There are older runs: `--limit` shows more.
"
        );
        assert_eq!(
            history(&runs[0].about, &[], false, &clock(), &Paper::PLAIN),
            "job.export has no runs on record.\n"
        );
    }
}
