//! The jobs screen as JSON.

use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use crate::api::read::{Told, finish};
use crate::jobs::card::{Card, desk};
use crate::jobs::racing::{coming, past};
use crate::jobs::track::{Axis, PLACE};
use crate::router::Web;
use crate::times::Present;

/// `GET jobs`: every job, what needs an eye first, with two days of bars. Places count from `axis.begins` in steps of
/// `axis.place_ms`.
pub async fn list(State(web): State<Web>) -> Response {
    let read = async {
        let (snapshot, present) = (web.snapshot(), web.present());
        let desk = desk(&web, &snapshot, present.now).await?;
        let cards = desk.cards(&snapshot, present.now);
        let jobs: Vec<_> = cards.iter().map(|card| one(card, &present)).collect();
        let axis = Axis { now: present.now };
        let axis =
            json!({ "begins": axis.begins(), "now": present.now, "ends": axis.ends(), "place_ms": PLACE });
        Ok(json!({ "jobs": jobs, "axis": axis }))
    };
    finish(read.await)
}

fn one(card: &Card<'_>, present: &Present) -> Value {
    json!({
        "expectation": Told::new(card.line, present),
        "started_by": match card.starter {
            _ if card.line.own => Some(json!({ "by": "muster" })),
            Some(found) => Some(json!({ "by": found.by, "source": found.source, "user": found.user })),
            None => None,
        },
        "last": card.last(),
        "recent": card.recent,
        "lengths": card.lengths,
        "band_ms": card.line.usual.as_ref().map(|usual| usual.band()),
        "bars": card.bars,
    })
}

/// `GET jobs/racing`: which jobs ran at the same time, which will, and what it costs.
pub async fn racing(State(web): State<Web>) -> Response {
    let read = async {
        let (snapshot, present) = (web.snapshot(), web.present());
        let desk = desk(&web, &snapshot, present.now).await?;
        let past: Vec<_> = desk
            .weeks
            .past
            .pairs
            .iter()
            .map(|pair| json!({ "pair": pair, "lost": pair.lost(), "said": past(pair) }))
            .collect();
        let ahead = desk.ahead.pairs.iter();
        let ahead: Vec<_> =
            ahead.map(|pair| json!({ "pair": pair, "said": coming(pair, &present) })).collect();
        Ok(json!({
            "since": desk.weeks.past.cut.unwrap_or(desk.weeks.since),
            "past": past,
            "past_more": desk.weeks.past.more,
            "ahead": ahead,
            "ahead_more": desk.ahead.more,
            "unknown": desk.ahead.unknown,
            "cut": { "past": desk.weeks.past.cut, "ahead": desk.ahead.cut },
            "memory": {
                "host": snapshot.host.memory.as_ref().map(|memory| memory.total),
                "past": desk.weeks.fullest,
                "ahead": desk.ahead.fullest,
            },
        }))
    };
    finish(read.await)
}
