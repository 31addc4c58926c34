//! What other agents send. The password and the sign-in do not matter here: a message shows by its seal who sent it, and
//! whoever speaks with other agents knows that. This is only the door, and it is narrow.

use axum::body::{Body, Bytes};
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, Limited};

use crate::guard::who::Asker;
use crate::refusal::Refusal;
use crate::router::Web;

/// The longest beat, in bytes.
pub const MESSAGE_LIMIT: usize = 4096;

/// The longest request for a look, in bytes.
pub const LOOK_LIMIT: usize = 32 * 1024;

/// `POST /peer/beat`.
pub async fn beat(State(web): State<Web>, Extension(asker): Extension<Asker>, body: Body) -> Response {
    match read(body, MESSAGE_LIMIT).await {
        Ok(message) => answer(web.parts.envoy.hear(asker.far_end.origin(), &message)),
        Err(refusal) => refusal.json(),
    }
}

/// `POST /peer/look`.
pub async fn look(State(web): State<Web>, Extension(asker): Extension<Asker>, body: Body) -> Response {
    match read(body, LOOK_LIMIT).await {
        Ok(message) => answer(web.parts.envoy.look(asker.far_end.origin(), &message).await),
        Err(refusal) => refusal.json(),
    }
}

/// What a proxy adds to what it passes on.
const OF_PROXIES: [&str; 4] = ["forwarded", "via", "x-forwarded-for", "x-real-ip"];

/// `POST /peer/dial`. Where it came from decides what is connected to, so what a proxy passed on is refused: it would be the
/// proxy's address.
pub async fn dial(
    State(web): State<Web>,
    Extension(asker): Extension<Asker>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    if OF_PROXIES.iter().any(|name| headers.contains_key(*name)) {
        let what = "it came through a proxy, so where it came from cannot be seen";
        return Refusal::conflict(what, "let the peer's `url` lead to muster itself").json();
    }
    match read(body, MESSAGE_LIMIT).await {
        Ok(message) => answer(web.parts.envoy.dial(asker.far_end.address(), &message).await),
        Err(refusal) => refusal.json(),
    }
}

async fn read(body: Body, limit: usize) -> Result<Bytes, Refusal> {
    Limited::new(body, limit).collect().await.map(|message| message.to_bytes()).map_err(|_| {
        let what = format!("a message has at most {limit} bytes");
        let refusal = Refusal::bad(what, "see [peer.NAME] in muster.toml");
        Refusal { status: StatusCode::PAYLOAD_TOO_LARGE, ..refusal }
    })
}

fn answer((status, body): (u16, Vec<u8>)) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, body).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
