//! A made-up host on an ordinary night on which two things went wrong.

use std::error::Error;
use std::fs;
use std::sync::Arc;

use muster_core::board::{Board, Incident, Line, Pause, Peer, Running, Snapshot, Watchers};
use muster_core::effect::{Condition, News, Page, Reason, SlotClosed, Transition, Verdict};
use muster_core::expectation::Level;
use muster_core::host_roll::{Disk, FailedUnit, HostRoll, Memory, Scheduled, Starter, Unseen};
use muster_core::ids::{ChannelName, ExpectationId, IncidentId, RunId, SignalId};
use muster_core::look::Last;
use muster_core::outbox::{Entry, EntryState, Usage};
use muster_core::signal::{Ending, Outcome, Report, Signal};
use muster_core::time::{Span, Timestamp};
use muster_host::state::Layout;
use muster_store::contract::{Commit, Store};

/// The present, and how everything looked last.
pub(crate) type Told = (Snapshot, Vec<Arc<Last>>);

/// Puts the story into the store and returns its present.
pub(crate) fn tell(
    kind: &str,
    now: Timestamp,
    store: &dyn Store,
    layout: &Layout,
) -> Result<Told, Box<dyn Error>> {
    let host = host();
    if kind == "empty" {
        let board = Board { at: now, lines: Vec::new() };
        return Ok((Snapshot { board, host, ..Snapshot::default() }, Vec::new()));
    }
    let mut lines = lines(now)?;
    if kind == "calm" {
        for line in &mut lines {
            line.condition = Condition::Ok;
            line.incident = None;
            line.pause = None;
        }
    }
    let mut commit = Commit::default();
    for line in &lines {
        past(&mut commit, line, now)?;
    }
    if kind != "calm" {
        super::jobs::tell(&mut lines, &mut commit, now)?;
    }
    let lasts = if kind == "calm" { Vec::new() } else { super::checks::tell(&mut lines, &mut commit, now)? };
    if kind != "calm" {
        commit.outbox = deliveries(now)?;
    }
    store.commit(commit)?;
    write_log(layout, now)?;
    lines.sort_by(|a, b| a.id.cmp(&b.id));
    let board = Board { at: now, lines };
    let peers = vec![Peer {
        name: "fra1".into(),
        last_heard: Some(now - Span::seconds(4)),
        hears_us: Some(now - Span::seconds(14)),
        ahead: Some(if kind == "calm" { 40 } else { 7_300 }),
        trouble: None,
    }];
    let watchers = Watchers { beat: kind == "calm", peers, stranger: None };
    Ok((Snapshot { board, faults: Vec::new(), host, watchers }, lasts))
}

fn line(id: &str, rhythm: &str, every: Span, heard: Span, now: Timestamp) -> Result<Line, Box<dyn Error>> {
    let due = now + (every - heard);
    Ok(Line {
        id: ExpectationId::new(id)?,
        condition: Condition::Ok,
        since: now - Span::days(12),
        rhythm: if rhythm.starts_with("every ") {
            rhythm.to_owned()
        } else {
            format!("{rhythm} (Europe/Berlin)")
        },
        last_heard: Some(now - heard),
        last_success: Some(now - heard),
        due: Some(due),
        deadline: Some(due + Span::minutes(5)),
        running: Vec::new(),
        incident: None,
        pause: None,
        maintenance: None,
        usage: None,
        notify: Vec::new(),
        suppressed_by: None,
        usual: None,
        retried: None,
        own: false,
    })
}

fn firing(line: &mut Line, reason: Reason, since: Timestamp) -> Result<(), Box<dyn Error>> {
    let id = IncidentId::new(format!("{}-1", line.id))?;
    line.condition = Condition::Firing { incident: id.clone(), reason, level: Level::Page };
    line.since = since;
    line.incident = Some(Incident {
        id,
        since,
        told: true,
        refused: None,
        acknowledged: None,
        flapping: false,
        next_step: None,
    });
    Ok(())
}

fn lines(now: Timestamp) -> Result<Vec<Line>, Box<dyn Error>> {
    let (minute, hour, day) = (Span::minutes(1), Span::hours(1), Span::days(1));
    let mut lines = vec![
        line("job.certbot-renew", "17 3,15 * * *", hour.times(12), hour.times(5), now)?,
        line("job.log-rotate", "@daily", day, hour.times(8), now)?,
        line("job.invoice-mails", "*/15 6-22 * * 1-5", minute.times(15), minute.times(4), now)?,
        line("job.queue-sweeper", "* * * * *", minute, Span::seconds(21), now)?,
        line("job.reports", "30 5 * * *", day, hour.times(4), now)?,
        line("check.nas-sync", "every 1h", hour, minute.times(22), now)?,
        line("check.site", "every 1m", minute, Span::seconds(40), now)?,
        line("check.mail-out", "every 5m", minute.times(5), minute.times(2), now)?,
        line("peer.fra1", "every 20s", Span::seconds(20), Span::seconds(4), now)?,
        line("duty.spool", "every 5s", Span::seconds(30), Span::seconds(2), now)?,
        line("duty.store", "every 30s", minute, Span::seconds(12), now)?,
    ];
    lines[4].running = vec![Running {
        run: Some(RunId::new("20261121T053000Z-77aa")?),
        since: now - minute.times(6),
        limit: Some(hour),
        late: false,
    }];

    let mut export = line("job.nightly-export", "0 2 * * *", day, hour.times(31), now)?;
    let due = now - hour.times(7);
    let last_heard = export.last_heard;
    firing(&mut export, Reason::Missed { due, last_heard }, due + minute.times(5))?;
    (export.due, export.deadline) = (Some(due + day), Some(due + day + minute.times(5)));
    lines.push(export);

    let mut billing = line("job.billing-sync", "*/10 * * * *", minute.times(10), minute.times(3), now)?;
    firing(&mut billing, Reason::Failed { times: 3 }, now - minute.times(23))?;
    billing.last_success = Some(now - minute.times(33));
    lines.push(billing);

    let mut orders = line("check.orders", "every 5m", minute.times(5), minute.times(1), now)?;
    orders.condition = Condition::Pending { failures: 1, reason: Reason::Failed { times: 1 } };
    orders.since = now - minute;
    lines.push(orders);

    let mut sensor = line("check.sensor-9", "every 10m", minute.times(10), minute.times(40), now)?;
    sensor.condition = Condition::Unknown {
        why: "muster was down from 06:12 to 06:31, and this one reports straight to it".into(),
    };
    sensor.since = now - minute.times(31);
    lines.push(sensor);

    let mut fresh = line("job.vacuum", "0 4 * * 0", day.times(7), Span::ZERO, now)?;
    (fresh.condition, fresh.last_heard, fresh.last_success) = (Condition::New, None, None);
    fresh.since = now - hour.times(3);
    lines.push(fresh);

    let mut paused = line("check.staging", "every 1m", minute, Span::seconds(50), now)?;
    let reason = "moving to the new rack".to_owned();
    paused.pause = Some(Pause { by: "anna".into(), reason, until: now + hour.times(2) });
    lines.push(paused);

    let mut planned = line("check.warehouse", "every 5m", minute.times(5), minute.times(2), now)?;
    planned.maintenance = Some(now + minute.times(95));
    lines.push(planned);

    for (name, messages, quota) in [("channel.ops", 37, None), ("channel.phone", 250, Some(250))] {
        let mut channel = line(name, "every 1m", minute, minute.times(3), now)?;
        channel.rhythm = "on report".to_owned();
        (channel.due, channel.deadline) = (None, None);
        channel.usage = Some(Usage { messages, quota });
        if let Some(quota) = quota {
            firing(&mut channel, Reason::Spent { used: messages, quota }, now - hour)?;
        }
        lines.push(channel);
    }
    Ok(lines)
}

/// What happened before: slots, and for jobs the runs behind them.
fn past(commit: &mut Commit, line: &Line, now: Timestamp) -> Result<(), Box<dyn Error>> {
    let every = match (line.due, line.last_heard, line.condition.word()) {
        (_, _, "new") => return Ok(()),
        (Some(due), Some(heard), _) if line.id.name() != "nightly-export" => due.since(heard),
        _ => Span::days(1),
    };
    let last = line.last_heard.unwrap_or(now);
    for back in 0..60_u64 {
        let due = last - every.times(back);
        // A little arithmetic stands in for fate, so that each start shows the same picture.
        let fate = (back * 7 + line.id.as_str().len() as u64 * 13) % 47;
        let verdict = match (line.id.name(), back, fate) {
            ("billing-sync", 0..3, _) => Verdict::Failed,
            ("orders", 0, _) => Verdict::Failed,
            ("sensor-9", 0..3, _) => Verdict::Unknown,
            (_, _, 3) => Verdict::Failed,
            (_, _, 11) if line.id.table() == "job" => Verdict::Skipped,
            (_, _, 29) => Verdict::Missed,
            _ => Verdict::Ok,
        };
        let run = RunId::new(format!("{}-{back:04x}", due.seconds()))?;
        if back < 40 && line.id.table() == "job" && verdict != Verdict::Missed {
            runs(commit, line, due, verdict, &run, fate)?;
        }
        let run = (line.id.table() == "job").then_some(run);
        commit.slots.push(SlotClosed {
            about: line.id.clone(),
            due,
            at: due + Span::seconds(40),
            run,
            verdict,
        });
    }
    if line.id.name() == "nightly-export" {
        let due = now - Span::hours(7);
        let at = due + Span::minutes(5);
        commit.slots.push(SlotClosed {
            about: line.id.clone(),
            due,
            at,
            run: None,
            verdict: Verdict::Missed,
        });
    }
    if line.condition != Condition::Ok {
        let about = line.id.clone();
        commit.transitions.push(Transition {
            about,
            at: line.since,
            from: Condition::Ok,
            to: line.condition.clone(),
        });
    }
    Ok(())
}

fn runs(
    commit: &mut Commit,
    line: &Line,
    start: Timestamp,
    verdict: Verdict,
    run: &RunId,
    fate: u64,
) -> Result<(), Box<dyn Error>> {
    let took = match line.id.name() {
        "queue-sweeper" => Span::millis(4_100 + fate * 73),
        _ => Span::millis(41_000 + fate * 733),
    };
    let code = if verdict == Verdict::Failed { 1 } else { 0 };
    let outcome = Outcome {
        duration: Some(took),
        cpu: Some(took.over(3)),
        peak_memory: Some((80 + fate) << 20),
        tail: "fetching page 14\nError: upstream answered 503 <Service Unavailable>\n".into(),
        host: Some("ams1".into()),
        ..Outcome::bare(Ending::Exit { code })
    };
    let report = match verdict {
        Verdict::Failed => Report::Failure(outcome),
        Verdict::Skipped => Report::Skip { holder: None, why: "the run before still held the lock".into() },
        Verdict::Ok | Verdict::Missed | Verdict::Unknown => Report::Success(outcome),
    };
    for (word, at, report) in [("a", start, Report::Start { process: None }), ("b", start + took, report)] {
        let id = SignalId::new(format!("{}-{word}-{run}", line.id.name()))?;
        commit.signals.push(Signal { id, about: line.id.clone(), at, run: Some(run.clone()), report });
    }
    Ok(())
}

fn deliveries(now: Timestamp) -> Result<Vec<Entry>, Box<dyn Error>> {
    let entry =
        |about: &str, number, channel: &str, news, state, minutes: u64| -> Result<Entry, Box<dyn Error>> {
            let (incident, about) = (IncidentId::new(format!("{about}-1"))?, ExpectationId::new(about)?);
            let (channel, at) = (ChannelName::new(channel)?, now - Span::minutes(minutes));
            let page = Page {
                incident,
                number,
                about,
                news,
                to: vec![channel.clone()],
                at,
                causes: Vec::new(),
                evidence: None,
            };
            Ok(Entry {
                page,
                channel,
                fallback_for: None,
                state,
                attempts: 1,
                last_error: None,
                queued: at,
                digest: false,
                late: false,
                gathered: None,
            })
        };
    let opened = |minutes: u64| News::Opened {
        since: now - Span::minutes(minutes),
        reason: Reason::Failed { times: 3 },
    };
    let sent = |minutes: u64, receipt: &str| EntryState::Delivered {
        at: now - Span::minutes(minutes),
        receipt: receipt.into(),
    };
    let mut waiting = entry(
        "job.billing-sync",
        0,
        "chat",
        opened(23),
        EntryState::Waiting { next_try: now + Span::minutes(2) },
        23,
    )?;
    waiting.attempts = 6;
    waiting.last_error = Some("503 from hooks.example.com".into());
    Ok(vec![
        waiting,
        entry("job.billing-sync", 0, "ops", opened(23), sent(23, "250 2.0.0 Ok: queued as 4c1f"), 23)?,
        entry("job.nightly-export", 0, "ops", opened(415), sent(415, "250 2.0.0 Ok: queued as 9a77"), 415)?,
        entry("job.nightly-export", 1, "phone", opened(415), sent(115, "id hK2v"), 115)?,
    ])
}

fn host() -> HostRoll {
    let scheduled =
        |name: &str, by, source: &str, schedule: &str, user: &str, command: &str, covered: Option<&str>| {
            Scheduled {
                name: name.into(),
                by,
                source: source.into(),
                schedule: schedule.into(),
                cron: None,
                user: user.into(),
                command: command.into(),
                covered: covered.and_then(|id| ExpectationId::new(id).ok()),
                odd: Vec::new(),
            }
        };
    let mut archive = scheduled(
        "archive",
        Starter::Cron,
        "/etc/cron.d/archive:4",
        "30 1 * * *",
        "backup",
        "/opt/archive/run.sh --all",
        None,
    );
    archive.odd.push("/opt/archive/run.sh is not there, so it has been failing since it was moved.".into());
    HostRoll {
        zone: Some("Europe/Berlin".into()),
        timers: Vec::new(),
        name: "ams1".into(),
        scheduled: vec![
            archive,
            scheduled(
                "thumbs",
                Starter::Cron,
                "/var/spool/cron/crontabs/www-data:2",
                "*/5 * * * *",
                "www-data",
                "cd /srv/app && ./manage thumbs 2>&1 | logger -t thumbs",
                None,
            ),
            scheduled(
                "fstrim",
                Starter::Timer,
                "fstrim.timer",
                "weekly",
                "root",
                "/sbin/fstrim --listed-in /etc/fstab:/proc/self/mountinfo",
                None,
            ),
            scheduled(
                "nightly-export",
                Starter::Cron,
                "/etc/cron.d/export:1",
                "0 2 * * *",
                "root",
                "muster run nightly-export -- /opt/data_export/run.sh",
                Some("job.nightly-export"),
            ),
        ],
        failed_units: vec![FailedUnit {
            name: "apt-daily.service".into(),
            state: "failed (Result: exit-code)".into(),
        }],
        disks: vec![
            Disk { mount: "/".into(), size: 40 << 30, available: 17 << 30, inodes_used: Some(0.12) },
            Disk { mount: "/srv".into(), size: 200 << 30, available: 21 << 30, inodes_used: Some(0.81) },
        ],
        memory: Some(Memory {
            total: 3_900 << 20,
            available: 1_720 << 20,
            swap_total: 1 << 30,
            swap_free: 900 << 20,
        }),
        unseen: vec![Unseen {
            what: "/var/spool/cron/crontabs".into(),
            why: "permission denied; run as root to see other users' crontabs".into(),
        }],
    }
}

fn write_log(layout: &Layout, now: Timestamp) -> Result<(), Box<dyn Error>> {
    let start = now - Span::minutes(3);
    let run = RunId::new(format!("{}-0000", start.seconds()))?;
    let path = layout.run_log("billing-sync", &run);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let line = |millis: i64, tag: &str, text: &str| {
        let at = start.shifted(millis);
        let whole = at.to_string();
        format!("{}.{:03}Z {tag} {text}\n", whole.trim_end_matches('Z'), at.millis() % 1000)
    };
    let mut text = line(0, "out", "billing-sync 4.2.0, 312 accounts");
    for n in 0..220 {
        text.push_str(&line(
            400 + n * 170,
            "out",
            &format!("account {:05} synced, {} invoices", 40_100 + n * 3, n % 7),
        ));
        if n % 40 == 17 {
            text.push_str(&line(410 + n * 170, "err", "warning: rate limit near, waiting 1 s"));
        }
    }
    text.push_str(&line(38_000, "err", "Error: upstream answered 503 <Service Unavailable>"));
    text.push_str(&line(38_004, "err", "    at fetch_page (sync.py:211)"));
    text.push_str(&line(38_020, "run", "exit code 1"));
    fs::write(path, text)?;
    Ok(())
}
