//! Acknowledge, pause, resume, run now, test a channel. A browser session must send its form token as `x-csrf`.

use axum::body::Bytes;
use axum::extract::{Extension, Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::acts::{self, Act};
use crate::api::read::finish;
use crate::guard::gate::may_act;
use crate::guard::who::{Asker, Scope};
use crate::refusal::Refusal;
use crate::router::Web;

/// The fields of an act. All may be left out where the act needs none.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fields {
    #[serde(rename = "for")]
    lasts: Option<String>,
    reason: Option<String>,
}

/// The form token of a browser's session.
pub fn csrf(headers: &HeaderMap) -> Option<&str> {
    headers.get("x-csrf")?.to_str().ok()
}

/// What was sent, as it was meant; else one such as the example is asked for.
pub fn read<T: DeserializeOwned>(body: &Bytes, example: &str) -> Result<T, Refusal> {
    serde_json::from_slice(body)
        .map_err(|error| Refusal::bad(error.to_string(), format!("send JSON such as {example}")))
}

/// `POST expectations/{id}/{act}` with `{"for": "1h", "reason": "…"}`.
pub async fn post(
    State(web): State<Web>,
    Extension(asker): Extension<Asker>,
    Path((id, act)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let done = async {
        may_act(&asker, Scope::Act, csrf(&headers))?;
        // An act without fields may come without a body.
        let fields: Fields = match &body[..] {
            [] => Fields::default(),
            _ => read(&body, "{\"for\": \"1h\"}")?,
        };
        let act = Act::read(&act, fields.lasts.as_deref(), fields.reason.as_deref())?;
        let done = acts::carry_out(&web, &asker, &id, act).await?;
        Ok(match done.run {
            Some(run) => json!({ "done": true, "durable": done.durable, "run": run }),
            None => json!({ "done": true, "durable": done.durable }),
        })
    };
    finish(done.await)
}

/// `POST channels/{name}/test`.
pub async fn test_channel(
    State(web): State<Web>,
    Extension(asker): Extension<Asker>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let done = async {
        may_act(&asker, Scope::Act, csrf(&headers))?;
        let receipt = acts::test_channel(&web, &asker, &name).await?;
        Ok(json!({ "receipt": receipt }))
    };
    finish(done.await)
}
