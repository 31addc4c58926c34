//! What another agent sees of this host.

use axum::body::Bytes;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use crate::api::act::{csrf, read};
use crate::api::read::finish;
use crate::guard::gate::may_act;
use crate::guard::who::{Asker, Scope};
use crate::parts::{DialFault, NotDialled};
use crate::refusal::Refusal;
use crate::router::Web;

/// What is to be tried.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Doors {
    ports: Vec<u16>,
}

/// `POST peers/{name}/dial` with `{"ports": [22, 443]}`: has that peer connect to these TCP ports of this host, at the address
/// by which it sees this host, and says what became of each. At most 64, and once every ten seconds.
pub async fn dial(
    State(web): State<Web>,
    Extension(asker): Extension<Asker>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let done = async {
        may_act(&asker, Scope::Act, csrf(&headers))?;
        let doors: Doors = read(&body, "{\"ports\": [22, 443]}")?;
        let dialled = web.parts.envoy.have_dialled(&name, &doors.ports).await.map_err(refusal)?;
        Ok(json!({ "dialled": dialled }))
    };
    finish(done.await)
}

fn refusal(error: NotDialled) -> Refusal {
    let NotDialled { fault, what, help } = error;
    let refusal = Refusal::conflict(what, help);
    match fault {
        DialFault::Unknown => Refusal { status: StatusCode::NOT_FOUND, code: "M0705", ..refusal },
        DialFault::Unaskable => refusal,
        DialFault::There => Refusal { status: StatusCode::BAD_GATEWAY, code: "M0710", ..refusal },
    }
}
