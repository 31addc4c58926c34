//! The checks screen as JSON, one check in full, and looking now.

use axum::extract::{Extension, Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use muster_core::board::Line;
use muster_core::ids::ExpectationId;
use muster_core::look::{Last, Sight, Tally};
use muster_core::time::{Span, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::acts::{self, Act, on_roll};
use crate::api::act::csrf;
use crate::api::read::{Asked, Told, finish, read_query};
use crate::checks::card::{Wanted, cards, sheet};
use crate::checks::kept::pasts;
use crate::checks::past::Past;
use crate::guard::gate::may_act;
use crate::guard::who::{Asker, Scope};
use crate::records::ask;
use crate::refusal::Refusal;
use crate::router::Web;
use crate::times::Present;

/// Looks of one answer unless asked otherwise.
const LOOKS: usize = 1000;
/// Traces of one answer.
const TRACES: usize = 20;

/// `GET checks?show=unwell&kind=&page=`: one page of checks, what needs an eye first.
pub async fn list(
    State(web): State<Web>,
    Extension(asker): Extension<Asker>,
    query: Asked<Wanted>,
) -> Response {
    let read = async {
        let wanted = read_query(query)?;
        let (snapshot, present) = (web.snapshot(), web.present());
        let all = cards(&web, &snapshot.board.lines);
        let sheet = sheet(&all, &wanted);
        let cards: Vec<_> = sheet.groups.iter().flat_map(|group| &group.cards).collect();
        let found = pasts(&web, cards.iter().map(|card| &card.line.id), present.now).await?;
        let one = |card: &&crate::checks::card::Card<'_>| {
            one(
                card.line,
                card.table(),
                &card.last,
                found.get(&card.line.id).map(AsRef::as_ref),
                &asker,
                &present,
            )
        };
        let checks: Vec<_> = cards.iter().map(one).collect();
        Ok(json!({ "checks": checks, "all": all.len(), "page": sheet.page, "pages": sheet.pages }))
    };
    finish(read.await)
}

fn one(
    line: &Line,
    table: &str,
    last: &Last,
    past: Option<&Past>,
    asker: &Asker,
    present: &Present,
) -> Value {
    let mut last = last.clone();
    withhold(&mut last.sight, asker);
    json!({
        "expectation": Told::new(line, present),
        "table": table,
        "last": last,
        "up": past.map(|past| {
            let [day, week, quarter] = past.uptimes(present.now).map(|(_, tally)| told(&tally));
            json!({ "24h": day, "7d": week, "90d": quarter })
        }),
    })
}

/// A tally, and what it says: neither share is there where nothing tells it.
fn told(tally: &Tally) -> Value {
    json!({ "uptime": tally.uptime(), "coverage": tally.coverage(), "slots": tally })
}

/// What was found may be as private as the output of a run.
fn withhold(sight: &mut Sight, asker: &Asker) {
    if !asker.may(Scope::Read) {
        sight.facts.clear();
        sight.lines.clear();
    }
}

/// From when on looks are wanted, and how many at most.
#[derive(Debug, Default, Deserialize)]
pub struct LooksQuery {
    /// Milliseconds since the Unix epoch; the last day unless asked otherwise.
    since: Option<i64>,
    limit: Option<usize>,
}

/// What is looked at under this name, with or without its table.
fn find(web: &Web, lines: &[Line], name: &str) -> Result<(ExpectationId, std::sync::Arc<Last>), Refusal> {
    let whole = if name.starts_with("check.") { name.to_owned() } else { format!("check.{name}") };
    let line = on_roll(lines, &whole)?;
    let last = web.parts.eye.of(&line.id).ok_or_else(|| {
        let mut refusal = Refusal::not_found(format!("{} reports by itself; nobody looks at it", line.id));
        refusal.help = format!("see `GET /api/v1/expectations/{}`", line.id);
        refusal
    })?;
    Ok((line.id.clone(), last))
}

/// `GET checks/{name}?since=&limit=`: how it looked last, the looks since then (oldest first), ninety days, and the last
/// looks that went badly in full (newest first).
pub async fn get(
    State(web): State<Web>,
    Extension(asker): Extension<Asker>,
    Path(name): Path<String>,
    query: Asked<LooksQuery>,
) -> Response {
    let read = async {
        let query = read_query(query)?;
        let (snapshot, present) = (web.snapshot(), web.present());
        let (id, last) = find(&web, &snapshot.board.lines, &name)?;
        let line = on_roll(&snapshot.board.lines, id.as_str())?;
        let found = pasts(&web, std::iter::once(&id), present.now).await?;
        let since = query.since.map_or(present.now - Span::days(1), Timestamp::from_millis);
        let limit = query.limit.unwrap_or(LOOKS);
        let read = ask(&web.parts.store, move |store| {
            Ok((store.looks(&id, since, limit)?, store.traces(&id, TRACES)?))
        });
        let (looks, mut traces) = read.await?;
        traces.iter_mut().for_each(|trace| withhold(&mut trace.sight, &asker));
        let past = found.get(&line.id).map(AsRef::as_ref);
        let table = cards(&web, &snapshot.board.lines);
        let table = table.iter().find(|card| card.line.id == line.id).map_or("", |card| card.table());
        let days: Vec<_> = past.map_or(&[][..], |past| &past.days).iter().map(|(day, tally)| {
            json!({ "day": day, "slots": tally, "uptime": tally.uptime(), "coverage": tally.coverage() })
        }).collect();
        let mut answer = json!({ "looks": looks, "traces": traces, "days": days });
        answer["check"] = one(line, table, &last, past, &asker, &present);
        Ok(answer)
    };
    finish(read.await)
}

/// `POST checks/{name}/look`: looks now. `last` is none while the look goes on after all that a request may take; asking
/// again waits for the same look.
pub async fn look(
    State(web): State<Web>,
    Extension(asker): Extension<Asker>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let done = async {
        may_act(&asker, Scope::Act, csrf(&headers))?;
        let (id, _) = find(&web, &web.snapshot().board.lines, &name)?;
        let mut done = acts::carry_out(&web, &asker, id.as_str(), Act::LookNow).await?;
        if let Some(last) = &mut done.last {
            withhold(&mut last.sight, &asker);
        }
        Ok(json!({ "last": done.last }))
    };
    finish(done.await)
}
