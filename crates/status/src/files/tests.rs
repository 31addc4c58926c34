use std::collections::BTreeMap;

use base64::Engine;
use muster_config::plan::{Component, StatusPage};
use muster_core::board::{Incident, Line, Pause};
use muster_core::effect::{Condition, Reason};
use muster_core::expectation::Level;
use muster_core::ids::{ChannelName, ExpectationId, IncidentId};
use muster_core::look::Tally;
use muster_core::notice::{Amendment, Extent, Notice, NoticeId, Stage, Touched, Update};
use muster_core::time::{Span, Timestamp};
use sha2::Digest;

use super::*;
use crate::days::{DAYS, Past, first_day};
use crate::page::{Known, Page};
use crate::state::Lines;

const NOW: Timestamp = Timestamp::from_seconds(1_795_246_920);

fn id(text: &str) -> ExpectationId {
    ExpectationId::new(text).unwrap()
}

fn line(about: &ExpectationId, condition: Condition) -> Line {
    Line {
        id: about.clone(),
        condition,
        since: NOW - Span::hours(3),
        rhythm: "every 1m s3cret-rhythm".into(),
        last_heard: Some(NOW),
        last_success: Some(NOW),
        due: None,
        deadline: None,
        running: Vec::new(),
        incident: None,
        notify: vec![ChannelName::new("s3cret-channel").unwrap()],
        pause: None,
        maintenance: None,
        usage: None,
        suppressed_by: None,
        usual: None,
        retried: None,
        own: false,
    }
}

fn firing(about: &ExpectationId) -> Line {
    let incident = IncidentId::of(about, NOW - Span::minutes(20));
    let reason = Reason::Skipped { times: 3, why: "s3cret-reason at db7.internal".into() };
    let condition = Condition::Firing { incident: incident.clone(), reason, level: Level::Page };
    let acknowledged = Some(("s3cret-person".to_owned(), NOW));
    let since = NOW - Span::minutes(20);
    let incident = Incident {
        id: incident,
        since,
        told: true,
        refused: None,
        acknowledged,
        flapping: false,
        next_step: None,
    };
    Line { incident: Some(incident), ..line(about, condition) }
}

/// A page with so many components, all of them well for ninety days.
struct Stage0 {
    plan: StatusPage,
    lines: Vec<Line>,
    pasts: BTreeMap<ExpectationId, Past>,
    notices: Vec<Notice>,
}

impl Stage0 {
    fn of(count: usize) -> Self {
        let ids: Vec<ExpectationId> = (0..count).map(|n| id(&format!("check.s3cret-name-{n}"))).collect();
        let component = |(n, id): (usize, &ExpectationId)| Component {
            name: format!("Service {n}"),
            group: None,
            of: vec![id.clone()],
        };
        let tally = Tally { ok: 1440, ..Tally::default() };
        let days = (0..DAYS).map(|n| (first_day(NOW) + Span::days(n as u64), tally)).collect();
        let past = Past { days, every: Some(Span::minutes(1)) };
        Self {
            plan: StatusPage {
                title: "Acme".into(),
                url: "https://status.example.com".into(),
                folder: "/srv/s3cret-folder".into(),
                push: vec!["s3cret-push".into()],
                every: Span::minutes(1),
                components: ids.iter().enumerate().map(component).collect(),
                subscribe: None,
            },
            lines: ids.iter().map(|id| line(id, Condition::Ok)).collect(),
            pasts: ids.iter().map(|id| (id.clone(), past.clone())).collect(),
            notices: Vec::new(),
        }
    }

    fn page(&self) -> Page {
        let lines: Lines<'_> = self.lines.iter().map(|line| (&line.id, line)).collect();
        let Self { plan, pasts, notices, .. } = self;
        Page::of(&Known { plan, lines: &lines, pasts, notices, made: NOW })
    }

    fn notice(&mut self, component: &str, words: &[(&str, Stage)], ended: bool) {
        let incident = IncidentId::of(&id("check.s3cret-name-0"), NOW - Span::minutes(20));
        let touched = vec![Touched { component: component.into(), extent: Extent::Down }];
        let at = NOW - Span::minutes(20);
        let seen = Amendment::Seen { incident: incident.clone(), touched, at, words: "It began.".into() };
        let said = words.iter().enumerate().map(|(n, (words, stage))| {
            let by = Some("s3cret-person".to_owned());
            Amendment::Said(Update {
                at: at + Span::minutes(n as u64),
                stage: *stage,
                words: (*words).into(),
                by,
            })
        });
        let over = Amendment::Over { incident, at: NOW - Span::minutes(1), words: "It is over.".into() };
        let id = NoticeId::of(at, self.notices.len() as u32);
        let all = std::iter::once(seen).chain(said).chain(ended.then_some(over));
        self.notices.extend(all.fold(None, |notice, one| Notice::amended(notice, &id, &one)));
    }
}

fn text(page: &Page, name: &str) -> String {
    files(page).into_iter().find(|file| file.name == name).unwrap().text
}

#[test]
fn no_name_reason_person_or_place_gets_into_any_file() {
    let mut stage = Stage0::of(4);
    stage.lines[0] = firing(&stage.lines[0].id.clone());
    stage.lines[1].condition = Condition::Unknown { why: "s3cret-why 10.1.2.3".into() };
    let pause = Pause { by: "s3cret-person".into(), reason: "s3cret-pause".into(), until: NOW };
    stage.lines[2].pause = Some(pause);
    stage.notice("Service 0", &[("We are looking.", Stage::Investigating)], false);
    stage.notice("Service 1", &[], true);
    stage.notice("Service 3", &[("s3cret-hidden", Stage::Identified)], false);
    stage.notices[2].hidden = true;
    let page = stage.page();
    for file in files(&page) {
        for secret in ["s3cret", "internal", "10.1.2", "check.", "@17952"] {
            assert!(!file.text.contains(secret), "{} has {secret}", file.name);
        }
        assert!(is_ours(file.name, &file.text.as_bytes()[..file.text.len().min(2048)]), "{}", file.name);
    }
    assert!(text(&page, "index.html").contains("We are looking."));
}

#[test]
fn twenty_components_of_ninety_days_are_less_than_fifty_kib() {
    let mut stage = Stage0::of(20);
    assert_eq!(stage.page().sentence, "All systems operational");
    let size = text(&stage.page(), "index.html").len();
    assert!(size < 50 * 1024, "{size}");
    for past in stage.pasts.values_mut() {
        past.days.clear();
    }
    let size = text(&stage.page(), "index.html").len();
    assert!(size < 50 * 1024, "{size}");
}

#[test]
fn the_page_asks_for_nothing_and_its_only_script_is_ours() {
    let mut stage = Stage0::of(2);
    stage.notice("Service 0", &[("<script>alert(1)</script> & \"more\"", Stage::Identified)], false);
    let html = text(&stage.page(), "index.html");
    for outside in ["src=", "@import", "url(", "http-equiv=\"set-cookie\"", "<link rel=\"stylesheet\""] {
        assert!(!html.contains(outside), "{outside}");
    }
    assert!(html.contains("&lt;script&gt;alert(1)"));
    let script = html.split_once("<script>").unwrap().1.split_once("</script>").unwrap().0;
    let digest = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(script));
    assert!(html.contains(&format!("script-src 'sha256-{digest}'")));
    assert_eq!(html.matches("<script").count(), 1);
}

#[test]
fn each_bar_has_its_date_and_what_was_bad_of_it() {
    let mut stage = Stage0::of(1);
    let past = stage.pasts.values_mut().next().unwrap();
    past.days.drain(..57);
    past.days[30].1 = Tally { ok: 1310, failed: 130, ..Tally::default() };
    past.days[31].1 = Tally { ok: 1428, failed: 12, ..Tally::default() };
    let html = text(&stage.page(), "index.html");
    for there in [
        "<li class=q style=\"grid-column:span 57\"><b>24 Aug to 19 Oct: not known</b>",
        "<li class=d><b>19 Nov: trouble for 2 hours 10 minutes</b>",
        "<li class=t><b>20 Nov: trouble for 12 minutes</b><li><b>21 Nov</b>",
        "<summary>2 days with trouble</summary>",
        "<li>20 November 2026: trouble for 12 minutes</li>",
        " in 33 days · 100 % seen",
    ] {
        assert!(html.contains(there), "{there}\n{html}");
    }
}

#[test]
fn the_feed_is_atom_and_its_ids_stay() {
    let ns = "http://www.w3.org/2005/Atom";
    let mut stage = Stage0::of(2);
    let empty = text(&stage.page(), "feed.atom");
    assert!(roxmltree::Document::parse(&empty).is_ok());
    stage.notice("Service <0> & \"co\"", &[("One & two\nthree ]]> <b>", Stage::Identified)], false);
    let before = text(&stage.page(), "feed.atom");
    stage.notices.clear();
    stage.notice("Service <0> & \"co\"", &[("One & two\nthree ]]> <b>", Stage::Identified)], true);
    let after = text(&stage.page(), "feed.atom");
    let mut ids = Vec::new();
    for feed in [&before, &after] {
        let document = roxmltree::Document::parse(feed).unwrap();
        let root = document.root_element();
        assert!(root.has_tag_name((ns, "feed")));
        let child = |node: roxmltree::Node<'_, '_>, name: &str| {
            let found: Vec<_> = node.children().filter(|one| one.has_tag_name((ns, name))).collect();
            assert_eq!(found.len(), 1, "{name}");
            found[0].text().unwrap_or_default().to_owned()
        };
        for name in ["id", "title", "updated"] {
            assert!(!child(root, name).is_empty());
        }
        assert!(child(root, "updated").parse::<jiff::Timestamp>().is_ok());
        let links: Vec<_> = root.children().filter(|one| one.has_tag_name((ns, "link"))).collect();
        assert!(links.iter().any(|link| link.attribute("rel") == Some("self")));
        let entries: Vec<_> = root.children().filter(|one| one.has_tag_name((ns, "entry"))).collect();
        assert_eq!(entries.len(), 1);
        assert!(child(entries[0], "title").contains("Service <0> & \"co\""));
        assert!(child(entries[0], "content").contains("One &amp; two<br/>three ]]&gt; &lt;b&gt;"));
        let (published, updated) = (child(entries[0], "published"), child(entries[0], "updated"));
        assert!(published.parse::<jiff::Timestamp>().unwrap() <= updated.parse::<jiff::Timestamp>().unwrap());
        ids.push((child(entries[0], "id"), updated));
    }
    assert_eq!(ids[0].0, ids[1].0);
    assert!(ids[0].1 < ids[1].1);
}

#[test]
fn json_says_the_same() {
    let mut stage = Stage0::of(2);
    stage.lines[0] = firing(&stage.lines[0].id.clone());
    stage.notice("Service 0", &[("We know why.", Stage::Identified)], false);
    stage.notice("Service 1", &[], true);
    let status: serde_json::Value = serde_json::from_str(&text(&stage.page(), "status.json")).unwrap();
    assert_eq!(status["schema"], json::SCHEMA);
    assert_eq!(
        (&status["state"], &status["sentence"]),
        (&"down".into(), &"Service 0 is not available".into())
    );
    assert_eq!(status["components"][0]["days"].as_array().unwrap().len(), DAYS);
    assert_eq!(status["components"][1]["uptime"], 1.0);
    assert_eq!(status["incidents"][0]["state"], "identified");
    assert_eq!(status["incidents"][1]["state"], "resolved");
    assert!(status["incidents"][0]["ended_at"].is_null());
}

#[test]
fn a_person_can_say_what_no_check_sees_and_a_hidden_word_is_gone() {
    let mut stage = Stage0::of(2);
    let id = NoticeId::of(NOW, 0);
    let touched = vec![Touched { component: "Service 1".into(), extent: Extent::Trouble }];
    let opened = Amendment::Opened { title: "Slow mails".into(), touched, at: NOW };
    stage.notices.extend(Notice::amended(None, &id, &opened));
    let page = stage.page();
    assert_eq!(page.sentence, "Trouble with Service 1");
    assert!(text(&page, "index.html").contains("Slow mails"));
    stage.notices[0].hidden = true;
    assert_eq!(stage.page().sentence, "All systems operational");
}

#[test]
fn only_the_first_page_and_the_json_change_with_time_alone() {
    let mut stage = Stage0::of(2);
    stage.notice("Service 0", &[], true);
    let page = stage.page();
    let later = Page { made: NOW + Span::minutes(1), ..page.clone() };
    let changed: Vec<_> =
        files(&page).into_iter().zip(files(&later)).filter(|(a, b)| a != b).map(|(a, _)| a.name).collect();
    assert_eq!(changed, ["status.json", "index.html"]);
}

#[test]
fn people_can_subscribe_where_that_is_configured_and_nowhere_else() {
    let mut stage = Stage0::of(1);
    for name in NAMES {
        let text = text(&stage.page(), name);
        assert!(!text.contains("<form") && !text.contains("#subscribe"), "{name}");
    }
    stage.plan.subscribe = Some(muster_config::plan::Subscribe {
        notify: ChannelName::new("s3cret-channel").unwrap(),
        url: "https://status.example.com:8443/acme".into(),
        origin: "https://status.example.com:8443".into(),
    });
    let page = stage.page();
    let (index, history) = (text(&page, "index.html"), text(&page, "history.html"));
    // The first page loads itself anew, so there is only the way to the form.
    assert!(
        index.contains("href=\"history.html#subscribe\"") && index.contains("form-action 'none'"),
        "{index}"
    );
    let form = "<form class=\"ask\" method=\"post\" action=\"https://status.example.com:8443/acme/status/subscribe\">";
    assert!(history.contains(form), "{history}");
    assert!(history.contains("form-action https://status.example.com:8443\""), "{history}");
    assert!(!index.contains("s3cret") && !history.contains("s3cret"));
}
