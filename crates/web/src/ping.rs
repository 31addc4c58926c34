//! Heartbeats: `/ping/<key>/<name>` with `/start`, `/fail`, `/log` or an exit code, as healthchecks.io has them, so that
//! scripts and clients move here by changing the host.
//!
//! An answer of 200 means that the ping is stored. A wrong key and an unknown name look the same from outside.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use axum::body::Body;
use axum::extract::{Extension, Path, RawQuery, State};
use axum::handler::Handler;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use http_body_util::BodyExt;
use muster_core::board::Snapshot;
use muster_core::ids::{ExpectationId, RunId};
use muster_core::signal::{Ending, Outcome, Report, TAIL_LIMIT};
use muster_core::time::{Span, Timestamp};

use crate::acts;
use crate::guard::digest::same;
use crate::guard::who::{Asker, Scope};
use crate::router::Web;

/// Most bytes of a body that are read; of these the last [`TAIL_LIMIT`] are kept. A longer body is cut here and the
/// ping counts all the same.
pub const PING_BODY_LIMIT: usize = 100 * 1024;

/// Accepts the methods that healthchecks.io accepts (and PUT).
pub fn route<H, T>(handler: H) -> MethodRouter<Web>
where
    H: Handler<T, Web>,
    T: 'static,
{
    on(MethodFilter::GET.or(MethodFilter::HEAD).or(MethodFilter::POST).or(MethodFilter::PUT), handler)
}

/// `/ping/{key}/{name}`.
pub async fn plain(
    State(web): State<Web>,
    Extension(asker): Extension<Asker>,
    Path((key, name)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    body: Body,
) -> Response {
    take(&web, &asker, [&key, &name, ""], query.as_deref(), body).await
}

/// `/ping/{key}/{name}/{action}`.
pub async fn with_action(
    State(web): State<Web>,
    Extension(asker): Extension<Asker>,
    Path((key, name, action)): Path<(String, String, String)>,
    RawQuery(query): RawQuery,
    body: Body,
) -> Response {
    take(&web, &asker, [&key, &name, &action], query.as_deref(), body).await
}

/// What a ping says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Success,
    Start,
    Fail,
    Log,
    Exit(u8),
}

impl Action {
    fn read(text: &str) -> Option<Self> {
        match text {
            "" => Some(Self::Success),
            "start" => Some(Self::Start),
            "fail" => Some(Self::Fail),
            "log" => Some(Self::Log),
            code => code.parse().ok().map(Self::Exit),
        }
    }

    fn report(self, tail: String) -> Report {
        let outcome = |ending| Outcome { tail: tail.clone(), ..Outcome::bare(ending) };
        let reported = || Ending::Reported { words: String::new() };
        match self {
            Self::Success => Report::Success(outcome(reported())),
            Self::Start => Report::Start { process: None },
            Self::Fail => Report::Failure(outcome(reported())),
            Self::Log => Report::Log { text: tail },
            Self::Exit(0) => Report::Success(outcome(Ending::Exit { code: 0 })),
            Self::Exit(code) => Report::Failure(outcome(Ending::Exit { code })),
        }
    }
}

async fn take(
    web: &Web,
    asker: &Asker,
    [key, name, action]: [&str; 3],
    query: Option<&str>,
    body: Body,
) -> Response {
    let key_is_right = web.parts.settings.ping_key.as_deref().is_some_and(|right| same(right, key));
    if !key_is_right && !asker.may(Scope::Ping) {
        web.wrong_keys.note(asker, muster_host::clock::now().wall);
        return text(StatusCode::NOT_FOUND, "not found");
    }
    let Some(action) = Action::read(action) else { return text(StatusCode::NOT_FOUND, "not found") };
    let run = match run_id(query) {
        Ok(run) => run,
        Err(()) => return text(StatusCode::BAD_REQUEST, "invalid uuid format"),
    };
    let tail = tail(body).await;
    let snapshot = web.snapshot();
    if snapshot.board.at == Timestamp::default() {
        return not_now("the roll has not been read yet");
    }
    let Some(about) = resolve(&snapshot, name) else { return text(StatusCode::NOT_FOUND, "not found") };
    let now = muster_host::clock::now().wall;
    let Ok(mut signal) = acts::signal(about, action.report(tail), now) else {
        return not_now("no id could be made");
    };
    signal.run = run;
    match web.parts.ear.hear(vec![signal]).await {
        Ok(heard) if heard.durable => text(StatusCode::OK, "OK"),
        Ok(_) => not_now("heard, but it cannot be stored at present"),
        Err(deaf) => not_now(&deaf.to_string()),
    }
}

/// `check.<name>`, else `job.<name>`.
fn resolve(snapshot: &Snapshot, name: &str) -> Option<ExpectationId> {
    let on_roll = |table| {
        let id = ExpectationId::of(table, name).ok()?;
        snapshot.board.lines.iter().any(|line| line.id == id).then_some(id)
    };
    on_roll("check").or_else(|| on_roll("job"))
}

fn run_id(query: Option<&str>) -> Result<Option<RunId>, ()> {
    let pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    let Some((_, rid)) = pairs.into_iter().find(|(name, _)| *name == "rid") else { return Ok(None) };
    let groups: Vec<_> = rid.split('-').map(str::len).collect();
    let is_uuid = groups == [8, 4, 4, 4, 12] && rid.chars().all(|c| c == '-' || c.is_ascii_hexdigit());
    if !is_uuid {
        return Err(());
    }
    RunId::new(rid.to_ascii_lowercase()).map(Some).map_err(|_| ())
}

/// The last [`TAIL_LIMIT`] bytes of the first [`PING_BODY_LIMIT`], cut at a character. What breaks off counts as far as
/// it came: the ping itself is the news.
async fn tail(mut body: Body) -> String {
    let (mut kept, mut read) = (VecDeque::with_capacity(TAIL_LIMIT), 0);
    while let Some(Ok(frame)) = body.frame().await {
        let Ok(bytes) = frame.into_data() else { continue };
        let bytes = &bytes[..bytes.len().min(PING_BODY_LIMIT - read)];
        read += bytes.len();
        kept.extend(&bytes[bytes.len().saturating_sub(TAIL_LIMIT)..]);
        kept.drain(..kept.len().saturating_sub(TAIL_LIMIT));
        if read >= PING_BODY_LIMIT {
            break;
        }
    }
    let kept = Vec::from(kept);
    // A character cut in half at the front would become a question mark.
    let start = kept.iter().take(3).take_while(|byte| **byte & 0xC0 == 0x80).count();
    let mut text = String::from_utf8_lossy(&kept[start..]).into_owned();
    while text.len() > TAIL_LIMIT {
        text.pop();
    }
    text
}

fn text(status: StatusCode, words: &str) -> Response {
    let mut response = (status, words.to_owned()).into_response();
    let headers = response.headers_mut();
    // Clients that know this header send no more than is kept.
    headers.insert("ping-body-limit", HeaderValue::from(TAIL_LIMIT));
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

fn not_now(why: &str) -> Response {
    let mut response = text(StatusCode::SERVICE_UNAVAILABLE, why);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
    response
}

/// Wrong keys, written to the log once a minute at most: a guesser must not fill the disk.
#[derive(Default)]
pub struct WrongKeys(Mutex<(Timestamp, u64)>);

impl WrongKeys {
    fn note(&self, asker: &Asker, now: Timestamp) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.1 += 1;
        if now.since(state.0) >= Span::minutes(1) {
            tracing::warn!(times = state.1, last_from = %asker.far_end.origin(), "pings with a wrong key");
            *state = (now, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_those_of_healthchecks() {
        for (text, action) in [
            ("", Some(Action::Success)),
            ("start", Some(Action::Start)),
            ("fail", Some(Action::Fail)),
            ("log", Some(Action::Log)),
            ("0", Some(Action::Exit(0))),
            ("255", Some(Action::Exit(255))),
            ("256", None),
            ("-1", None),
            ("stop", None),
        ] {
            assert_eq!(Action::read(text), action, "{text:?}");
        }
    }

    #[test]
    fn a_run_id_is_a_uuid() {
        let rid = "3f1c9a40-5f58-4a3e-9d0b-2f6a51d3c111";
        assert_eq!(run_id(Some(&format!("create=1&rid={rid}"))), Ok(Some(RunId::new(rid).unwrap())));
        assert_eq!(run_id(Some("create=1")), Ok(None));
        assert_eq!(run_id(Some("rid=12")), Err(()));
    }

    #[tokio::test]
    async fn the_end_of_a_body_is_kept_and_no_character_is_torn() {
        let body = format!("{}{}", "x".repeat(50_000), "ä".repeat(3_000));
        let kept = tail(Body::from(body)).await;
        assert_eq!(kept, "ä".repeat(TAIL_LIMIT / 2));
        let odd = format!("{}y", "ä".repeat(3_000));
        assert_eq!(tail(Body::from(odd)).await, format!("{}y", "ä".repeat(2_047)));
        assert!(tail(Body::from(vec![0xFF; 200_000])).await.len() <= TAIL_LIMIT);
    }
}
