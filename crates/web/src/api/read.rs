//! The roll, expectations, runs, logs, the services, the host, what the doctor found, deliveries.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use muster_core::board::Line;
use muster_core::ids::ExpectationId;
use muster_core::outbox::Entry;
use muster_core::time::Timestamp;
use muster_store::history::{Cursor, Listed, Run, RunState};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::acts::on_roll;
use crate::api::VERSION;
use crate::doctor;
use crate::guard::gate::may_act;
use crate::guard::who::{Asker, Scope};
use crate::pages::run::{LogQuery, find, log as lines};
use crate::pages::words;
use crate::records::ask;
use crate::refusal::Refusal;
use crate::router::Web;
use crate::services;
use crate::times::Present;

/// Items on one page unless asked otherwise.
const PAGE: usize = 100;

/// A line of the board with its sentences.
#[derive(Debug, Serialize)]
pub struct Told<'a> {
    #[serde(flatten)]
    line: &'a Line,
    /// Why it stands so.
    why: String,
    /// Who was told, if there is an incident.
    told: Option<String>,
}

impl<'a> Told<'a> {
    /// The line, and what is said of it.
    pub fn new(line: &'a Line, present: &Present) -> Self {
        Self { line, why: words::why(line, present), told: words::told(line, present) }
    }
}

/// A page of history, and what it is about.
#[derive(Debug, Default, Deserialize)]
pub struct PageQuery {
    about: Option<ExpectationId>,
    before: Option<Cursor>,
    limit: Option<usize>,
    /// Milliseconds since the Unix epoch.
    since: Option<i64>,
}

/// A query that may be unreadable.
pub type Asked<T> = Result<Query<T>, QueryRejection>;

/// The inside of a query.
///
/// # Errors
/// [`Refusal`] that says what is wrong with it.
pub fn read_query<T>(query: Asked<T>) -> Result<T, Refusal> {
    let help = "see the reference of the API for the fields of the query";
    query.map(|Query(query)| query).map_err(|error| Refusal::bad(error.body_text(), help))
}

/// An answer: the fields, and the version.
pub fn answer(mut fields: Value) -> Response {
    if let Value::Object(map) = &mut fields {
        map.insert("version".to_owned(), VERSION.into());
    }
    Json(fields).into_response()
}

/// A result as an answer.
pub fn finish(result: Result<Value, Refusal>) -> Response {
    result.map_or_else(Refusal::json, answer)
}

fn listed<T: Serialize>(listed: &Listed<T>) -> Value {
    json!({ "items": listed.items, "next": listed.next.map(|next| next.to_string()) })
}

/// `GET /health`: 200 while the server answers and nothing is wrong with muster itself, else 503. Says no more than that
/// to strangers.
pub async fn health(State(web): State<Web>) -> Response {
    let snapshot = web.snapshot();
    let ready = snapshot.board.at != Timestamp::default();
    let (status, word) = match (ready, snapshot.faults.is_empty()) {
        (true, true) => (StatusCode::OK, "ok"),
        (true, false) => (StatusCode::SERVICE_UNAVAILABLE, "fault"),
        (false, _) => (StatusCode::SERVICE_UNAVAILABLE, "starting"),
    };
    (status, Json(json!({ "version": VERSION, "status": word }))).into_response()
}

/// Which part of the roll is wanted.
#[derive(Debug, Default, Deserialize)]
pub struct BoardQuery {
    /// Tables with commas between them; none: all.
    tables: Option<String>,
}

/// `GET board?tables=job,channel`: the headline is about all, the lines are those of these tables.
pub async fn board(State(web): State<Web>, query: Asked<BoardQuery>) -> Response {
    let BoardQuery { tables } = match read_query(query) {
        Ok(query) => query,
        Err(refusal) => return refusal.json(),
    };
    let wanted = |line: &&Line| match &tables {
        Some(tables) => tables.split(',').any(|table| table == line.id.table()),
        None => true,
    };
    let (snapshot, present) = (web.snapshot(), web.present());
    let said = words::headline(&snapshot.board);
    let lines: Vec<_> =
        snapshot.board.lines.iter().filter(wanted).map(|line| Told::new(line, &present)).collect();
    answer(json!({
        "at": snapshot.board.at,
        "headline": { "sentence": said.sentence, "also": said.also, "tone": said.tone },
        "lines": lines,
        "faults": snapshot.faults,
        "watchers": snapshot.watchers,
    }))
}

/// `GET expectations/{id}`.
pub async fn expectation(State(web): State<Web>, Path(id): Path<String>) -> Response {
    let snapshot = web.snapshot();
    finish(
        on_roll(&snapshot.board.lines, &id)
            .map(|line| json!({ "expectation": Told::new(line, &web.present()) })),
    )
}

fn id_of(text: &str) -> Result<ExpectationId, Refusal> {
    ExpectationId::new(text)
        .map_err(|error| Refusal::bad(error.to_string(), "see `GET /api/v1/board` for the names"))
}

/// `GET expectations/{id}/history`: changes of state, newest first.
pub async fn history(State(web): State<Web>, Path(id): Path<String>, query: Asked<PageQuery>) -> Response {
    let read = async {
        let (id, query) = (id_of(&id)?, read_query(query)?);
        let limit = query.limit.unwrap_or(PAGE);
        Ok(listed(
            &ask(&web.parts.store, move |store| store.transitions(Some(&id), query.before, limit)).await?,
        ))
    };
    finish(read.await)
}

/// `GET expectations/{id}/slots?since=`: verdicts, oldest first; the last day unless asked otherwise.
pub async fn slots(State(web): State<Web>, Path(id): Path<String>, query: Asked<PageQuery>) -> Response {
    let read = async {
        let (id, query) = (id_of(&id)?, read_query(query)?);
        let since =
            query.since.map_or_else(|| web.present().now.shifted(-86_400_000), Timestamp::from_millis);
        let slots = ask(&web.parts.store, move |store| store.slots(&id, since)).await?;
        Ok(json!({ "items": slots }))
    };
    finish(read.await)
}

/// `GET runs?about=&before=&limit=`.
pub async fn runs(
    State(web): State<Web>,
    Extension(asker): Extension<Asker>,
    query: Asked<PageQuery>,
) -> Response {
    let read = async {
        let query = read_query(query)?;
        let limit = query.limit.unwrap_or(PAGE);
        let read = ask(&web.parts.store, move |store| store.runs(query.about.as_ref(), query.before, limit));
        let mut found = read.await?;
        found.items.iter_mut().for_each(|run| withhold(run, &asker));
        Ok(listed(&found))
    };
    finish(read.await)
}

/// Takes the output away from those who may not read it.
fn withhold(run: &mut Run, asker: &Asker) {
    if let RunState::Ok(outcome) | RunState::Failed(outcome) = &mut run.state
        && !asker.may(Scope::Read)
    {
        outcome.tail.clear();
    }
}

/// `GET runs/{about}/{run}`.
pub async fn run(
    State(web): State<Web>,
    Extension(asker): Extension<Asker>,
    Path((about, run)): Path<(String, String)>,
) -> Response {
    let found = find(&web, &about, &run).await.map(|mut run| {
        withhold(&mut run, &asker);
        json!({ "run": run })
    });
    finish(found)
}

/// `GET runs/{about}/{run}/log?from=&q=`: the end of it unless asked otherwise. Needs the scope `read`.
pub async fn log(
    State(web): State<Web>,
    Extension(asker): Extension<Asker>,
    Path((about, run)): Path<(String, String)>,
    query: Asked<LogQuery>,
) -> Response {
    let read = async {
        let query = read_query(query)?;
        let run = find(&web, &about, &run).await?;
        let excerpt = lines(&web, &asker, &run, &query).await?;
        let excerpt = excerpt.ok_or_else(|| Refusal::not_found("no log of this run is on this host"))?;
        let lines = excerpt.lines.iter();
        let lines: Vec<_> = lines
            .map(|(line, place)| {
                let mut said = json!({ "at": line.at, "source": line.source.tag(), "whole": line.whole, "text": line.text });
                if let Some(place) = place {
                    said["number"] = place.lines.into();
                    said["offset"] = place.offset.into();
                }
                said
            })
            .collect();
        Ok(
            json!({ "lines": lines, "start": excerpt.start, "next": excerpt.next.map(|next| next.offset), "next_line": excerpt.next.map(|next| next.lines), "size": excerpt.size }),
        )
    };
    finish(read.await)
}

/// `GET host`.
pub async fn host(State(web): State<Web>) -> Response {
    answer(json!({ "host": web.snapshot().host }))
}

/// `GET services`: what is deployed to this host, as its books say; null of a service that was never deployed.
pub async fn services(State(web): State<Web>, Extension(asker): Extension<Asker>) -> Response {
    let (snapshot, present) = (web.snapshot(), web.present());
    let read = services::all(&web, &snapshot.board.lines, &asker).await;
    let told = |service: &services::Service| {
        let line = service.line.as_ref().map(|line| Told::new(line, &present));
        json!({ "name": service.name, "expectation": line, "host": service.seen })
    };
    let help = "the folder `deploy` of the state directory must be readable";
    finish(match read {
        Ok(services) => Ok(json!({ "services": services.iter().map(told).collect::<Vec<_>>() })),
        Err(why) => Err(Refusal::unavailable(why, help)),
    })
}

/// `GET doctor`: the last report as `muster doctor --json` printed it; null before the first.
pub async fn doctor(State(web): State<Web>, Extension(asker): Extension<Asker>) -> Response {
    let read = async {
        may_act(&asker, Scope::Read, None)?;
        let help = "`muster doctor --json` examines the host now";
        let chart = doctor::chart(&web.parts.layout).await.map_err(|why| Refusal::unavailable(why, help))?;
        Ok(json!({ "report": chart.map(|chart| chart.last) }))
    };
    finish(read.await)
}

/// `GET deliveries?before=&limit=`.
pub async fn deliveries(
    State(web): State<Web>,
    Extension(asker): Extension<Asker>,
    query: Asked<PageQuery>,
) -> Response {
    let read = async {
        let query = read_query(query)?;
        let limit = query.limit.unwrap_or(PAGE);
        let mut found = ask(&web.parts.store, move |store| store.deliveries(query.before, limit)).await?;
        found.items.iter_mut().for_each(|entry| withhold_evidence(entry, &asker));
        Ok(listed(&found))
    };
    finish(read.await)
}

fn withhold_evidence(entry: &mut Entry, asker: &Asker) {
    if let Some(evidence) = &mut entry.page.evidence
        && !asker.may(Scope::Read)
    {
        evidence.tail.clear();
    }
}
