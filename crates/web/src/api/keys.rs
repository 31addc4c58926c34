//! One-time links and tokens. A token cannot make further ones.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Extension, Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use muster_core::ids::ChannelName;
use muster_core::time::Span;
use muster_store::credential::CredentialKind;
use serde::Deserialize;
use serde_json::json;

use crate::api::act::csrf;
use crate::api::read::finish;
use crate::guard::gate::may_act;
use crate::guard::session::{LINK_LASTS, issue};
use crate::guard::who::{Asker, Scope, Scopes, Who};
use crate::records::ask;
use crate::refusal::Refusal;
use crate::router::Web;

/// Digits of a digest that name a token.
const NAME_DIGITS: usize = 12;

fn operator_only(asker: &Asker) -> Result<(), Refusal> {
    match asker.who {
        Who::Operator => Ok(()),
        Who::Nobody | Who::Person { .. } | Who::Program { .. } => {
            let mut refusal = Refusal::sign_in();
            refusal.what = "only root, or the user that muster runs as, may do this".to_owned();
            refusal.help = "run `muster open` on the host".to_owned();
            Err(refusal)
        }
    }
}

fn person_only(asker: &Asker, headers: &HeaderMap) -> Result<(), Refusal> {
    match asker.who {
        Who::Program { .. } => Err(Refusal::scope("person")),
        Who::Nobody | Who::Person { .. } | Who::Operator => may_act(asker, Scope::Act, csrf(headers)),
    }
}

/// Who the link signs in.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkFields {
    name: Option<String>,
}

/// `POST signin-links`: the path of a link that signs in once. Over the control socket only.
pub async fn link(
    State(web): State<Web>,
    Extension(asker): Extension<Asker>,
    body: Result<Json<LinkFields>, JsonRejection>,
) -> Response {
    let made = async {
        operator_only(&asker)?;
        let fields = body.map(|Json(fields)| fields).unwrap_or_default();
        let name = named(fields.name.as_deref().unwrap_or("admin"))?;
        let now = web.present().now;
        let secret = issue(&web.parts.store, CredentialKind::Link, &name, "", now, Some(LINK_LASTS)).await?;
        Ok(json!({ "path": format!("/signin?link={secret}"), "expires": now + LINK_LASTS }))
    };
    finish(made.await)
}

fn named(name: &str) -> Result<String, Refusal> {
    // The alphabet of channels suits people and programs too.
    let name =
        ChannelName::new(name).map_err(|error| Refusal::bad(error.to_string(), "choose another `name`"))?;
    Ok(name.to_string())
}

/// What a token is for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenFields {
    name: String,
    scopes: Vec<Scope>,
    /// How long it lasts; without an end if left out.
    #[serde(rename = "for")]
    lasts: Option<String>,
}

/// `POST tokens` with `{"name": "ci", "scopes": ["read"], "for": "90d"}`. The token is in this answer and nowhere else.
pub async fn token(
    State(web): State<Web>,
    Extension(asker): Extension<Asker>,
    headers: HeaderMap,
    body: Result<Json<TokenFields>, JsonRejection>,
) -> Response {
    let made = async {
        person_only(&asker, &headers)?;
        let help = "send JSON such as {\"name\": \"ci\", \"scopes\": [\"read\"]}";
        let Json(fields) = body.map_err(|error| Refusal::bad(error.body_text(), help))?;
        if fields.scopes.is_empty() {
            return Err(Refusal::bad("`scopes` is empty", help));
        }
        let name = named(&fields.name)?;
        let lasts: Option<Span> = match fields.lasts.as_deref().map(str::parse) {
            Some(Err(error)) => return Err(Refusal::bad(format!("`for`: {error}"), help)),
            Some(Ok(span)) => Some(span),
            None => None,
        };
        let scopes = Scopes::new(fields.scopes).to_string();
        let now = web.present().now;
        let secret = issue(&web.parts.store, CredentialKind::Token, &name, &scopes, now, lasts).await?;
        Ok(json!({ "token": secret, "name": name, "scopes": scopes }))
    };
    finish(made.await)
}

/// `GET tokens`: who holds which, and when it was last used.
pub async fn list(State(web): State<Web>, Extension(asker): Extension<Asker>) -> Response {
    let read = async {
        if !asker.may(Scope::Act) || matches!(asker.who, Who::Program { .. }) {
            return Err(Refusal::sign_in());
        }
        let all = ask(&web.parts.store, |store| store.credentials()).await?;
        let tokens = all.iter().filter(|credential| credential.kind == CredentialKind::Token);
        let tokens: Vec<_> = tokens
            .map(|token| {
                json!({
                    "id": token.digest.get(..NAME_DIGITS), "name": token.by, "scopes": token.scope,
                    "created": token.created, "expires": token.expires, "used": token.used,
                })
            })
            .collect();
        Ok(json!({ "items": tokens }))
    };
    finish(read.await)
}

/// `DELETE tokens/{id}`.
pub async fn revoke(
    State(web): State<Web>,
    Extension(asker): Extension<Asker>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let done = async {
        person_only(&asker, &headers)?;
        let gone = ask(&web.parts.store, move |store| {
            let all = store.credentials()?;
            let token = all.iter().find(|credential| {
                credential.kind == CredentialKind::Token
                    && credential.digest.get(..NAME_DIGITS) == Some(id.as_str())
            });
            token.map_or(Ok(false), |token| store.drop_credential(&token.digest))
        });
        if gone.await? {
            Ok(json!({ "done": true }))
        } else {
            Err(Refusal::not_found("there is no such token"))
        }
    };
    finish(done.await)
}
