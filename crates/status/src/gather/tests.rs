use muster_config::plan::Component;
use muster_core::board::Incident;
use muster_core::effect::Reason;
use muster_core::notice::Stage;

use super::*;

const T0: i64 = 1_795_246_920;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(T0 + seconds)
}

fn id(text: &str) -> ExpectationId {
    ExpectationId::new(text).unwrap()
}

fn plan() -> StatusPage {
    let component = |name: &str, of: &[&str]| Component {
        name: name.into(),
        group: None,
        of: of.iter().map(|name| id(name)).collect(),
    };
    StatusPage {
        title: "Acme".into(),
        url: "https://status.example.com".into(),
        folder: "/var/www/status".into(),
        push: Vec::new(),
        every: Span::minutes(1),
        components: vec![
            component("API", &["check.api", "check.login"]),
            component("Website", &["check.site"]),
            component("Reports", &["job.reports"]),
        ],
        subscribe: None,
    }
}

fn firing(about: &str, since: i64) -> Condition {
    Condition::Firing {
        incident: IncidentId::of(&id(about), at(since)),
        reason: Reason::Failed { times: 3 },
        level: Level::Page,
    }
}

fn line(about: &str, condition: Condition, since: i64) -> Line {
    let incident = match &condition {
        Condition::Firing { incident, .. } => Some(Incident {
            id: incident.clone(),
            since: at(since),
            told: true,
            refused: None,
            acknowledged: None,
            flapping: false,
            next_step: None,
        }),
        _ => None,
    };
    Line {
        id: id(about),
        condition,
        since: at(since),
        rhythm: "every 1m".into(),
        last_heard: None,
        last_success: None,
        due: None,
        deadline: None,
        running: Vec::new(),
        incident,
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

/// A page that is looked at again and again.
struct Story {
    plan: StatusPage,
    notices: Vec<Notice>,
}

impl Story {
    fn new() -> Self {
        Self { plan: plan(), notices: Vec::new() }
    }

    /// The bad ones as given, the others well; how many amendments that led to.
    fn looks(&mut self, now: i64, bad: &[(&str, i64)], transitions: &[Transition]) -> usize {
        let all = self.plan.components.iter().flat_map(|component| &component.of);
        let lines: Vec<Line> = all
            .map(|about| match bad.iter().find(|(name, _)| *name == about.as_str()) {
                Some((name, since)) => line(name, firing(name, *since), *since),
                None => line(about.as_str(), Condition::Ok, now),
            })
            .collect();
        self.sees(now, &lines, transitions)
    }

    fn sees(&mut self, now: i64, lines: &[Line], transitions: &[Transition]) -> usize {
        let lines = lines.iter().map(|line| (&line.id, line)).collect();
        let scene = Scene { plan: &self.plan, lines: &lines, transitions, now: at(now) };
        let found = amendments(&scene, &self.notices);
        for (id, amendment) in &found {
            let place = self.notices.iter().position(|notice| notice.id == *id);
            let before = place.map(|place| self.notices.swap_remove(place));
            self.notices.extend(Notice::amended(before, id, amendment));
        }
        assert!(amendments(&scene, &self.notices).is_empty(), "the same twice leads to nothing");
        found.len()
    }

    fn titles(&self) -> Vec<String> {
        self.notices.iter().map(words::title).collect()
    }
}

#[test]
fn trouble_begins_grows_and_ends_in_one_notice() {
    let mut story = Story::new();
    assert_eq!(story.looks(0, &[], &[]), 0);
    story.looks(5, &[("check.api", 0)], &[]);
    assert_eq!(story.titles(), ["Trouble with API"]);
    // The second part of the same component an hour later makes it worse, and no new notice.
    story.looks(3700, &[("check.api", 0), ("check.login", 3690)], &[]);
    assert_eq!(story.titles(), ["API is not available"]);
    story.looks(3800, &[("check.login", 3690)], &[]);
    assert_eq!(story.notices[0].ended, None);
    story.looks(3900, &[], &[]);
    assert_eq!(story.titles(), ["API was not available"]);
    let said: Vec<_> = story.notices[0].updates.iter().map(|update| update.words.as_str()).collect();
    assert_eq!(said.last(), Some(&"API is available again."));
}

#[test]
fn what_starts_together_is_told_together_and_what_comes_later_is_not() {
    let mut story = Story::new();
    story.looks(5, &[("check.site", 0)], &[]);
    story.looks(60, &[("check.site", 0), ("check.api", 50)], &[]);
    assert_eq!(story.titles(), ["Website is not available, trouble with API"]);
    story.looks(1000, &[("check.site", 0), ("check.api", 50), ("job.reports", 990)], &[]);
    assert_eq!(story.notices.len(), 2);
    assert!(story.titles().contains(&"Trouble with Reports".to_owned()));
}

#[test]
fn trouble_that_comes_back_soon_opens_its_notice_again() {
    let mut story = Story::new();
    story.looks(5, &[("check.site", 0)], &[]);
    story.looks(60, &[], &[]);
    assert!(story.notices[0].ended.is_some());
    story.looks(200, &[("check.site", 190)], &[]);
    assert_eq!((story.notices.len(), story.notices[0].stage()), (1, Stage::Noticed));
    story.looks(260, &[], &[]);
    story.looks(5000, &[("check.site", 4990)], &[]);
    assert_eq!(story.notices.len(), 2);
}

#[test]
fn what_was_over_before_anybody_looked_is_told_all_the_same() {
    let mut story = Story::new();
    let change = |seconds, from: Condition, to: Condition| Transition {
        about: id("check.site"),
        at: at(seconds),
        from,
        to,
    };
    let began = change(10, Condition::Ok, firing("check.site", 10));
    let ended = change(14, firing("check.site", 10), Condition::Ok);
    assert_eq!(story.looks(20, &[], &[ended, began]), 2);
    let notice = &story.notices[0];
    assert_eq!((notice.began, notice.ended), (at(10), Some(at(14))));
    assert_eq!(story.titles(), ["Website was not available"]);
}

#[test]
fn planned_work_and_what_is_only_recorded_open_no_notice() {
    let mut story = Story::new();
    let mut paused = line("check.site", firing("check.site", 0), 0);
    paused.pause = Some(muster_core::board::Pause {
        by: "ann".into(),
        reason: "a secret reason".into(),
        until: at(900),
    });
    let ignored = Condition::Firing {
        incident: IncidentId::of(&id("check.api"), at(0)),
        reason: Reason::Failed { times: 1 },
        level: Level::Ignore,
    };
    assert_eq!(story.sees(5, &[paused.clone(), line("check.api", ignored, 0)], &[]), 0);
    // What is still bad when the pause is over is told then.
    paused.pause = None;
    assert_eq!(story.sees(910, &[paused], &[]), 1);
}

#[test]
fn an_end_that_nobody_saw_is_not_said_to_be_well() {
    let mut story = Story::new();
    story.looks(5, &[("check.site", 0)], &[]);
    let gone: Vec<Line> = plan()
        .components
        .iter()
        .flat_map(|component| component.of.clone())
        .filter(|about| about.as_str() != "check.site")
        .map(|about| line(about.as_str(), Condition::Ok, 0))
        .collect();
    story.sees(60, &gone, &[]);
    let last = story.notices[0].updates.last().unwrap();
    assert_eq!(last.words, "It cannot be seen at present whether Website is well again.");
}
