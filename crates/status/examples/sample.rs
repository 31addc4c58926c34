//! Writes status pages with made-up contents, to be looked at: `cargo run -p muster-status --example sample -- FOLDER`.
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "an example writes files, says so, and may stop"
)]

use std::collections::BTreeMap;
use std::path::Path;

use muster_config::plan::{Component, StatusPage};
use muster_core::board::{Line, Pause};
use muster_core::effect::{Condition, Reason};
use muster_core::expectation::Level;
use muster_core::ids::{ExpectationId, IncidentId};
use muster_core::look::Tally;
use muster_core::notice::{Amendment, Extent, Notice, NoticeId, Stage, Touched, Update};
use muster_core::time::{Span, Timestamp};
use muster_status::days::{DAYS, Past, first_day};
use muster_status::files::files;
use muster_status::page::{Known, Page};

const NOW: Timestamp = Timestamp::from_seconds(1_795_296_600);

struct Sample {
    plan: StatusPage,
    lines: Vec<Line>,
    pasts: BTreeMap<ExpectationId, Past>,
    notices: Vec<Notice>,
}

fn line(id: &ExpectationId, condition: Condition) -> Line {
    Line {
        id: id.clone(),
        condition,
        since: NOW,
        rhythm: String::new(),
        last_heard: None,
        last_success: None,
        due: None,
        deadline: None,
        running: Vec::new(),
        incident: None,
        notify: Vec::new(),
        pause: None,
        maintenance: None,
        usage: None,
        suppressed_by: None,
        usual: None,
        retried: None,
        own: false,
    }
}

fn tally(ok: u32, failed: u32, unknown: u32) -> Tally {
    Tally { ok, failed, unknown, ..Tally::default() }
}

fn sample(names: &[(&str, Option<&str>)], known: usize) -> Sample {
    let mut sample = Sample {
        plan: StatusPage {
            title: "Acme Cloud".into(),
            url: "https://status.example.com".into(),
            folder: "/nowhere".into(),
            push: Vec::new(),
            every: Span::minutes(1),
            components: Vec::new(),
            subscribe: None,
        },
        lines: Vec::new(),
        pasts: BTreeMap::new(),
        notices: Vec::new(),
    };
    for (n, (name, group)) in names.iter().enumerate() {
        let id = ExpectationId::new(format!("check.c{n}")).expect("a name");
        let group = group.map(str::to_owned);
        sample.plan.components.push(Component { name: (*name).into(), group, of: vec![id.clone()] });
        sample.lines.push(line(&id, Condition::Ok));
        let days = (DAYS - known..DAYS).map(|day| {
            let slots = match (day * 7 + n * 13) % 97 {
                3 => tally(1428, 12, 0),
                41 if n.is_multiple_of(3) => tally(1290, 150, 0),
                57 => tally(300, 0, 1140),
                58 => tally(1380, 0, 60),
                _ => tally(1440, 0, 0),
            };
            (first_day(NOW) + Span::days(day as u64), slots)
        });
        sample.pasts.insert(id, Past { days: days.collect(), every: Some(Span::minutes(1)) });
    }
    sample
}

fn firing(sample: &mut Sample, nth: usize) {
    let id = sample.lines[nth].id.clone();
    let incident = IncidentId::of(&id, NOW);
    sample.lines[nth] =
        line(&id, Condition::Firing { incident, reason: Reason::Failed { times: 3 }, level: Level::Page });
}

fn notice(sample: &mut Sample, components: &[&str], ago: Span, said: &[(Stage, &str)], ended: Option<Span>) {
    let at = NOW - ago;
    let id = NoticeId::of(at, 0);
    let incident = IncidentId::of(&sample.lines[0].id, at);
    let touched: Vec<Touched> =
        components.iter().map(|name| Touched { component: (*name).into(), extent: Extent::Down }).collect();
    let words = format!("{}.", muster_status::words::trouble(&touched, false));
    let over = muster_status::words::over(&touched, true);
    let seen = Amendment::Seen { incident: incident.clone(), touched, at, words };
    let said = said.iter().enumerate().map(|(n, (stage, words))| {
        let at = at + Span::minutes(4 + 9 * n as u64);
        Amendment::Said(Update { at, stage: *stage, words: (*words).into(), by: Some("ann".into()) })
    });
    let end = ended.map(|after| Amendment::Over { incident, at: at + after, words: over });
    let all = std::iter::once(seen).chain(said).chain(end);
    sample.notices.extend(all.fold(None, |notice, one| Notice::amended(notice, &id, &one)));
    sample.notices.sort_by_key(|notice| std::cmp::Reverse(notice.began));
}

fn put(folder: &Path, name: &str, sample: &Sample) {
    let Sample { plan, lines, pasts, notices } = sample;
    let lines = lines.iter().map(|line| (&line.id, line)).collect();
    let begun = std::time::Instant::now();
    let page = Page::of(&Known { plan, lines: &lines, pasts, notices, made: NOW });
    let files = files(&page);
    let took = begun.elapsed();
    let folder = folder.join(name);
    std::fs::create_dir_all(&folder).expect("made");
    for file in files {
        println!("{name}/{}: {} bytes", file.name, file.text.len());
        std::fs::write(folder.join(file.name), file.text).expect("written");
    }
    println!("{name}: made in {took:?}");
}

const FIVE: [(Stage, &str); 4] = [
    (Stage::Investigating, "We see errors for about a third of all requests and are looking for the reason."),
    (
        Stage::Identified,
        "A certificate between two of our systems ran out. We are renewing it on all machines.",
    ),
    (
        Stage::Monitoring,
        "The certificate is renewed. Requests succeed again; we are watching.\nIf you still see errors, please write to support@example.com.",
    ),
    (Stage::Monitoring, "No errors for ten minutes."),
];

fn main() {
    let folder = std::env::args().nth(1).expect("a folder");
    let folder = Path::new(&folder);
    let plain = [("API", None), ("Website", None), ("Sign-in", None), ("Outgoing mail", None)];
    let mut well = sample(&plain, DAYS);
    notice(&mut well, &["Website"], Span::days(5), &FIVE[..2], Some(Span::minutes(47)));
    put(folder, "well", &well);
    let mut bad = sample(&plain, DAYS);
    firing(&mut bad, 0);
    notice(&mut bad, &["API"], Span::minutes(52), &FIVE, None);
    notice(&mut bad, &["Website", "Sign-in"], Span::days(3), &[], Some(Span::minutes(12)));
    put(folder, "bad", &bad);
    let mut unknown = sample(&plain, 0);
    let why = Condition::Unknown { why: String::new() };
    unknown.lines.iter_mut().for_each(|line| line.condition = why.clone());
    put(folder, "unknown", &unknown);
    put(folder, "one", &sample(&plain[..1], 33));
    let names: Vec<String> = (0..20)
        .map(|n| match n {
            4 => "Zahlungsverkehrsüberwachungsschnittstelle für Großkundinnen und Großkunden in Europa"
                .to_owned(),
            n => format!("Service {n}"),
        })
        .collect();
    let groups = ["Core", "Core", "Europe", "United States"];
    let named: Vec<(&str, Option<&str>)> =
        names.iter().enumerate().map(|(n, name)| (name.as_str(), Some(groups[n / 5]))).collect();
    let mut many = sample(&named, DAYS);
    firing(&mut many, 4);
    many.lines[7].condition = why;
    let pause = Pause { by: String::new(), reason: String::new(), until: NOW };
    many.lines[12].pause = Some(pause);
    notice(&mut many, &[&names[4]], Span::minutes(4), &[], None);
    put(folder, "many", &many);
}
