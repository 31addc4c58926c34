//! Notices of the status page: list, say something, open one, hide and show. A browser session must send its form token as
//! `x-csrf`.

use axum::body::Bytes;
use axum::extract::{Extension, Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use muster_core::notice::Notice;
use muster_status::words;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::act::{csrf, read};
use crate::api::read::finish;
use crate::guard::gate::may_act;
use crate::guard::who::{Asker, Scope};
use crate::notices;
use crate::refusal::Refusal;
use crate::router::Web;

/// What is said about a notice.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    stage: String,
    words: String,
}

/// A notice that a person opens.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    components: Vec<String>,
    title: String,
    words: String,
}

/// A notice, with its title and how far it is.
fn told(notice: &Notice) -> Value {
    let mut value = serde_json::to_value(notice).unwrap_or_default();
    if let Value::Object(map) = &mut value {
        map.insert("title".to_owned(), words::title(notice).into());
        map.insert("stage".to_owned(), notice.stage().word().into());
        map.entry("ended").or_insert(Value::Null);
        map.insert("hidden".to_owned(), notice.hidden.into());
    }
    value
}

/// `GET incidents`: those that go on and those of the last 90 days, newest first.
pub async fn list(State(web): State<Web>) -> Response {
    finish(notices::list(&web).await.map(|all| json!({ "items": all.iter().map(told).collect::<Vec<_>>() })))
}

/// `POST incidents` with `{"components": ["API"], "title": "…", "words": "…"}`.
pub async fn open(
    State(web): State<Web>,
    Extension(asker): Extension<Asker>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let done = async {
        may_act(&asker, Scope::Act, csrf(&headers))?;
        let New { components, title, words } =
            read(&body, "{\"components\": [\"API\"], \"title\": \"…\", \"words\": \"…\"}")?;
        let (id, heard) = notices::open(&web, &asker, &components, &title, &words).await?;
        Ok(json!({ "id": id.as_str(), "durable": heard.durable }))
    };
    finish(done.await)
}

/// `POST incidents/{id}/update` with `{"stage": "identified", "words": "…"}`; `hide` and `show` without fields.
pub async fn act(
    State(web): State<Web>,
    Extension(asker): Extension<Asker>,
    Path((id, act)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let done = async {
        may_act(&asker, Scope::Act, csrf(&headers))?;
        let heard = match act.as_str() {
            "update" => {
                let Said { stage, words } = read(&body, "{\"stage\": \"identified\", \"words\": \"…\"}")?;
                notices::say(&web, &asker, &id, &stage, &words).await?
            }
            "hide" => notices::hide(&web, &id, true).await?,
            "show" => notices::hide(&web, &id, false).await?,
            _ => return Err(Refusal::not_found(format!("there is no act {act:?}"))),
        };
        Ok(json!({ "done": true, "durable": heard.durable }))
    };
    finish(done.await)
}
