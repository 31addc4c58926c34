//! `status.json`: the same for programs. A field may be added without a new schema; none is changed or taken away.

use serde::Serialize;

use crate::days::{Day, Lost, Verdict};
use crate::html::GENERATOR;
use crate::page::{Component, Notice, Page};
use crate::state::State;
use crate::words;

/// The number of the shape.
pub const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Status<'a> {
    schema: u32,
    generator: &'static str,
    title: &'a str,
    url: &'a str,
    made_at: String,
    stale_after_seconds: u64,
    state: State,
    sentence: &'a str,
    components: Vec<One<'a>>,
    incidents: Vec<Told<'a>>,
}

#[derive(Serialize)]
struct One<'a> {
    name: &'a str,
    group: Option<&'a str>,
    state: State,
    uptime: Option<f64>,
    coverage: Option<f64>,
    days: Vec<Past>,
}

#[derive(Serialize)]
struct Past {
    date: String,
    state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    uptime: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    coverage: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble_seconds: Option<u64>,
}

#[derive(Serialize)]
struct Told<'a> {
    id: &'a str,
    title: &'a str,
    state: &'static str,
    components: &'a [String],
    began_at: String,
    ended_at: Option<String>,
    updates: Vec<Said<'a>>,
}

#[derive(Serialize)]
struct Said<'a> {
    at: String,
    state: &'static str,
    words: &'a str,
}

/// The file.
pub fn status(page: &Page) -> String {
    let status = Status {
        schema: SCHEMA,
        generator: GENERATOR,
        title: &page.title,
        url: &page.url,
        made_at: page.made.to_string(),
        stale_after_seconds: page.stale_after().as_millis() / 1000,
        state: page.state,
        sentence: &page.sentence,
        components: page.components.iter().map(component).collect(),
        incidents: page.notices.iter().map(notice).collect(),
    };
    // There is nothing in it that JSON cannot say.
    let mut text = serde_json::to_string(&status).unwrap_or_default();
    text.push('\n');
    text
}

/// Six digits: the rest is noise.
fn rounded(share: f64) -> f64 {
    (share * 1e6).floor() / 1e6
}

fn component(component: &Component) -> One<'_> {
    let quarter = &component.quarter;
    One {
        name: &component.name,
        group: component.group.as_deref(),
        state: component.state,
        uptime: quarter.uptime.map(rounded),
        coverage: quarter.coverage.map(rounded),
        days: quarter.days.iter().map(day).collect(),
    }
}

fn day(day: &Day) -> Past {
    let (state, trouble) = match day.verdict {
        Verdict::Unknown => (State::Unknown, None),
        Verdict::Well => (State::Well, None),
        Verdict::Trouble(trouble) => (State::Trouble, Some(trouble)),
        Verdict::Down(trouble) => (State::Down, Some(trouble)),
    };
    let uptime = match (day.verdict, trouble) {
        (_, Some(trouble)) => Some(rounded(trouble.uptime)),
        (Verdict::Well, None) => Some(1.0),
        (_, None) => None,
    };
    let seconds = trouble.and_then(|trouble| match trouble.lost {
        Lost::Time(span) => Some(span.as_millis() / 1000),
        Lost::Times { .. } => None,
    });
    Past {
        date: words::iso_date(day.begins),
        state,
        uptime,
        coverage: day.coverage.map(rounded),
        trouble_seconds: seconds,
    }
}

fn notice(notice: &Notice) -> Told<'_> {
    let said = notice.updates.iter().map(|update| Said {
        at: update.at.to_string(),
        state: update.stage.word(),
        words: &update.words,
    });
    Told {
        id: &notice.id,
        title: &notice.title,
        state: notice.stage.word(),
        components: &notice.components,
        began_at: notice.began.to_string(),
        ended_at: notice.ended.map(|ended| ended.to_string()),
        updates: said.collect(),
    }
}
