//! What the made-up host looks at, a check in every state: quick, slow, down, in doubt, unseen, missed for hours, paused,
//! new, and one that only a container can do.

use std::error::Error;
use std::sync::Arc;

use muster_core::board::{Incident, Line, Pause};
use muster_core::effect::{Condition, Reason, Verdict};
use muster_core::expectation::Level;
use muster_core::ids::{ExpectationId, IncidentId};
use muster_core::look::{Last, Look, Sight, Trace};
use muster_core::time::{Span, Timestamp};
use muster_store::contract::Commit;

/// One check and its fate.
struct Tale {
    name: &'static str,
    kind: &'static str,
    target: &'static str,
    from: &'static str,
    every: Span,
    usual: u64,
    fate: Fate,
}

enum Fate {
    Fine,
    /// A quarter of an hour of trouble that long ago.
    Was {
        minutes_ago: u64,
        class: &'static str,
        words: &'static str,
    },
    Down {
        since: u64,
        class: &'static str,
        words: &'static str,
    },
    Doubt {
        asked: &'static str,
        seen: &'static str,
    },
    Blind {
        since: u64,
        why: &'static str,
    },
    Missed {
        from: u64,
        until: u64,
    },
    Paused,
    Maintained,
    New,
}

const fn tale(
    name: &'static str,
    kind: &'static str,
    target: &'static str,
    every: u64,
    usual: u64,
    fate: Fate,
) -> Tale {
    Tale { name, kind, target, from: "host", every: Span::seconds(every), usual, fate }
}

const TALES: [Tale; 16] = [
    tale("site", "http", "https://shop.example.com/", 60, 84, Fate::Fine),
    tale(
        "api",
        "http",
        "https://api.example.com/health",
        30,
        46,
        Fate::Was {
            minutes_ago: 310,
            class: "timeout",
            words: "it took too long: cut off at 10000 ms, after tls",
        },
    ),
    tale(
        "mail-out",
        "smtp",
        "mail.example.com:587",
        300,
        210,
        Fate::Down {
            since: 190,
            class: "connect",
            words: "nothing comes back from 192.0.2.25:587 within 10 s; is the way out closed?",
        },
    ),
    Tale {
        from: "container:api",
        ..tale("mail-out@container:api", "smtp", "mail.example.com:587", 300, 180, Fate::Fine)
    },
    tale(
        "orders",
        "http",
        "https://api.example.com/orders/newest",
        300,
        120,
        Fate::Doubt { asked: "json('$.age') < 5m", seen: "7m 12s" },
    ),
    tale("database", "postgres", "postgres://app@10.0.0.4:5432/shop", 60, 4, Fate::Fine),
    tale("certificate", "tls", "shop.example.com:443", 21_600, 130, Fate::Fine),
    tale("domain", "domain", "example.com", 86_400, 640, Fate::Fine),
    tale(
        "backup-file",
        "file",
        "/srv/backup/*.dump",
        3600,
        2,
        Fate::Down { since: 400, class: "absent", words: "nothing matches /srv/backup/*.dump" },
    ),
    tale("names", "dns", "example.com A by 9.9.9.9", 60, 12, Fate::Missed { from: 620, until: 440 }),
    tale("gateway", "ping", "10.0.0.1", 30, 1, Fate::Fine),
    Tale {
        from: "container:worker",
        ..tale(
            "queue@container:worker",
            "tcp",
            "10.0.0.9:6379",
            60,
            3,
            Fate::Blind {
                since: 55,
                why: "the network of container worker cannot be entered: there is no container of that name",
            },
        )
    },
    tale("staging", "http", "https://staging.example.com/", 60, 160, Fate::Paused),
    tale("warehouse", "sql", "postgres://warehouse.example.com/orders", 300, 40, Fate::Maintained),
    tale("new-shop", "http", "https://new.example.com/", 60, 90, Fate::New),
    tale(
        "inbox",
        "imap",
        "imap.example.com:993",
        300,
        330,
        Fate::Was {
            minutes_ago: 1100,
            class: "refused",
            words: "the server says no to the login: NO [AUTHENTICATIONFAILED]",
        },
    ),
];

/// Adds the checks to the roll, their past to the commit, and tells how they looked last.
pub(crate) fn tell(
    lines: &mut Vec<Line>,
    commit: &mut Commit,
    now: Timestamp,
) -> Result<Vec<Arc<Last>>, Box<dyn Error>> {
    let mut lasts = Vec::new();
    // Enough of a sort that a second page is needed; first, because the memory forgets the first of too much.
    for n in 1..=48_u64 {
        let id = ExpectationId::of("check", &format!("tenant-{n:02}"))?;
        let target = format!("https://{n:02}.tenants.example.com/login?next=/home&lang=de");
        let tale = tale("", "http", "", 300, 60 + n * 17 % 90, Fate::Fine);
        let mut last = past(&tale, &id, commit, now);
        last.target = target;
        lines.push(line(&tale, &id, last.look.as_ref(), now));
        lasts.push(Arc::new(last));
    }
    for tale in &TALES {
        let id = ExpectationId::of("check", tale.name)?;
        lines.retain(|line| line.id != id);
        lasts.push(Arc::new(past(tale, &id, commit, now)));
        lines.push(line(tale, &id, lasts.last().and_then(|last| last.look.as_ref()), now));
    }
    Ok(lasts)
}

fn line(tale: &Tale, id: &ExpectationId, look: Option<&Look>, now: Timestamp) -> Line {
    let at = look.map(|look| look.at);
    let mut line = Line {
        id: id.clone(),
        condition: Condition::Ok,
        since: now - Span::days(9),
        rhythm: format!("every {}", tale.every),
        last_heard: at,
        last_success: at,
        due: at.map(|at| at + tale.every),
        deadline: at.map(|at| at + tale.every + Span::minutes(1)),
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
    };
    match &tale.fate {
        Fate::Fine | Fate::Was { .. } | Fate::Missed { .. } => {}
        Fate::Down { since, .. } => {
            line.since = now - Span::minutes(*since);
            line.last_success = Some(line.since - tale.every);
            let incident = IncidentId::of(id, line.since);
            line.condition = Condition::Firing {
                incident: incident.clone(),
                reason: Reason::Failed { times: 3 },
                level: Level::Page,
            };
            line.incident = Some(Incident {
                id: incident,
                since: line.since,
                told: true,
                refused: None,
                acknowledged: None,
                flapping: false,
                next_step: None,
            });
        }
        Fate::Doubt { .. } => {
            line.since = now - tale.every;
            line.condition = Condition::Pending { failures: 1, reason: Reason::Failed { times: 1 } };
        }
        Fate::Blind { since, why } => {
            line.since = now - Span::minutes(*since);
            line.condition = Condition::Unknown { why: (*why).to_owned() };
        }
        Fate::Paused => {
            let reason = "moving to the new rack".to_owned();
            line.pause = Some(Pause { by: "anna".into(), reason, until: now + Span::hours(2) });
        }
        Fate::Maintained => line.maintenance = Some(now + Span::minutes(95)),
        Fate::New => {
            (line.condition, line.last_heard, line.last_success) = (Condition::New, None, None);
            line.since = now - Span::seconds(20);
        }
    }
    line
}

fn past(tale: &Tale, id: &ExpectationId, commit: &mut Commit, now: Timestamp) -> Last {
    let mut last = Last {
        about: id.clone(),
        kind: tale.kind.into(),
        target: tale.target.into(),
        from: tale.from.into(),
        every: tale.every,
        look: None,
        sight: Sight::default(),
        well: None,
    };
    if matches!(tale.fate, Fate::New) {
        return last;
    }
    let every = tale.every.as_millis();
    let newest = now - Span::millis(every * (id.as_str().len() as u64 % 7 + 1) / 9);
    let slots = (Span::days(1).as_millis() / every).max(1);
    for back in (0..slots).rev() {
        let at = newest - Span::millis(back * every);
        let (verdict, took) = slot(tale, back, now.since(at).as_millis() / 60_000);
        let look =
            Look { about: id.clone(), due: Some(at), at, verdict, took, further: 0, every: tale.every };
        if verdict != Verdict::Ok && took.is_some() && back % 5 == 0 {
            commit.traces.push(Trace {
                about: id.clone(),
                at,
                sight: sight(tale, verdict, took.unwrap_or_default()),
            });
        }
        if let (Verdict::Ok, Some(took)) = (verdict, took) {
            last.well = Some((at, took));
        }
        if back == 0 {
            last.sight = sight(tale, verdict, took.unwrap_or_default());
            last.look = Some(look.clone());
        }
        commit.looks.push(look);
    }
    older(tale, id, commit, newest);
    last
}

/// The days before, each as a row of good slots and now and then one that is not.
fn older(tale: &Tale, id: &ExpectationId, commit: &mut Commit, newest: Timestamp) {
    let slots = u32::try_from(Span::days(1).as_millis() / tale.every.as_millis()).unwrap_or(1).max(1);
    for day in 1..80_u64 {
        let at = newest - Span::days(day + 1) + tale.every;
        let mut row = |verdict, from: u32, count: u32| {
            if count > 0 {
                let due = at + tale.every.times(u64::from(from));
                let took = (verdict == Verdict::Ok).then(|| Span::millis(tale.usual));
                let (about, further) = (id.clone(), count - 1);
                commit.looks.push(Look {
                    about,
                    due: Some(due),
                    at: due,
                    verdict,
                    took,
                    further,
                    every: tale.every,
                });
            }
        };
        let fate = (day * 7 + id.as_str().len() as u64 * 13) % 29;
        let (other, count) = match fate {
            3 => (Verdict::Failed, slots / 40 + 1),
            11 => (Verdict::Missed, slots / 6),
            19 => (Verdict::Unknown, slots / 3),
            _ => (Verdict::Ok, 0),
        };
        let count = count.min(slots);
        row(other, 0, count);
        row(Verdict::Ok, count, slots - count);
    }
}

/// What became of the slot that was due `minutes` ago.
fn slot(tale: &Tale, back: u64, minutes: u64) -> (Verdict, Option<Span>) {
    let noise = (back * 7919 + back / 13 * 104_729) % 100;
    let spike = if noise > 97 { 3 } else { 1 };
    let took = Some(Span::millis((tale.usual * (70 + noise * 6 / 10) / 100).max(1) * spike));
    let cut = Some(Span::seconds(10));
    match tale.fate {
        Fate::Was { minutes_ago, .. } if (minutes_ago..minutes_ago + 20).contains(&minutes) => {
            (Verdict::Failed, cut)
        }
        Fate::Down { since, .. } if minutes <= since => (Verdict::Failed, cut),
        Fate::Doubt { .. } if back == 0 => (Verdict::Failed, took),
        Fate::Blind { since, .. } if minutes <= since => (Verdict::Unknown, Some(Span::millis(2))),
        Fate::Missed { from, until } if (until..from).contains(&minutes) => (Verdict::Missed, None),
        _ => (Verdict::Ok, took),
    }
}

fn sight(tale: &Tale, verdict: Verdict, took: Span) -> Sight {
    let fact = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let share = |percent: u64| Span::millis(took.as_millis() * percent / 100);
    let mut sight = Sight { words: "as it should be".into(), ..Sight::default() };
    if matches!(tale.kind, "http" | "smtp" | "imap" | "tls") {
        sight.phases = [("dns", 9), ("connect", 21), ("tls", 34), ("first byte", 27), ("body", 6)]
            .iter()
            .take(if verdict == Verdict::Ok || took < Span::seconds(5) { 5 } else { 1 })
            .map(|(name, percent)| ((*name).to_owned(), share(*percent)))
            .collect();
    }
    if tale.kind == "http" {
        sight.facts = vec![
            fact("status", "200"),
            fact("time.total", &took.to_string()),
            fact("size", "18234 B"),
            fact("cert.expires_in", "47d"),
            fact("tls.version", "TLSv1.3"),
            fact("redirects", "0"),
        ];
    }
    sight.lines = vec![
        format!("looks at {}", tale.target),
        "192.0.2.25 by the host's name service, 1 address".into(),
        "connects to 192.0.2.25:443".into(),
        "TLSv1.3, TLS13_AES_256_GCM_SHA384, certificate of <shop.example.com> until 2027-01-07".into(),
        "> GET / HTTP/1.1".into(),
        "> authorization: ***".into(),
        "< HTTP/1.1 200 OK".into(),
    ];
    match (&tale.fate, verdict) {
        (_, Verdict::Ok) => {}
        (Fate::Doubt { asked, seen }, _) => {
            sight.words = format!("{asked}: {seen}");
            sight.class = Some("unmet".into());
            sight.unmet = vec![sight.words.clone()];
        }
        (Fate::Was { class, words, .. } | Fate::Down { class, words, .. }, _) => {
            (sight.class, sight.words) = (Some((*class).into()), (*words).into());
            sight.lines.truncate(3);
            sight.lines.push(format!("no answer after {took}"));
        }
        (Fate::Blind { why, .. }, _) => (sight.words, sight.lines) = ((*why).into(), Vec::new()),
        (Fate::Fine | Fate::Missed { .. } | Fate::Paused | Fate::Maintained | Fate::New, _) => {}
    }
    sight
}
