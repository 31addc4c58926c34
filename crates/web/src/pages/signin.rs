//! `/signin`: by a one-time link from `muster open`, or by the password; and `/signout`.

use axum::extract::rejection::FormRejection;
use axum::extract::{Extension, Form, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;
use muster_core::time::Timestamp;
use muster_store::credential::CredentialKind;
use serde::Deserialize;

use crate::guard::gate::may_act;
use crate::guard::password::Denied;
use crate::guard::session::{self, SESSION_LASTS};
use crate::guard::who::{Asker, Scope, Who};
use crate::pages::act::Fields;
use crate::pages::frame::{View, page};
use crate::pages::{refused, words};
use crate::refusal::Refusal;
use crate::router::Web;

/// The query of a one-time link.
#[derive(Debug, Deserialize)]
pub struct LinkQuery {
    link: Option<String>,
}

/// `GET /signin`, with or without a link.
pub async fn get(
    State(web): State<Web>,
    Extension(asker): Extension<Asker>,
    Query(query): Query<LinkQuery>,
    method: axum::http::Method,
) -> Response {
    match query.link {
        // Whoever only looks at a link (HEAD) must not use it up.
        Some(link) if method == axum::http::Method::GET => {
            if matches!(asker.who, Who::Person { .. }) {
                return Redirect::to("/").into_response();
            }
            by_link(&web, &asker, &link).await.unwrap_or_else(|refusal| form(&web, &asker, Some(&refusal)))
        }
        _ => form(&web, &asker, None),
    }
}

async fn by_link(web: &Web, asker: &Asker, link: &str) -> Result<Response, Refusal> {
    let now = web.present().now;
    let Some(spent) = session::spend_link(&web.parts.store, link, now).await? else {
        let mut refusal =
            Refusal::bad("this link was used, or is too old", "run `muster open` for a new one");
        refusal.status = StatusCode::FORBIDDEN;
        return Err(refusal);
    };
    enter(web, asker, &spent.by, now).await
}

async fn enter(web: &Web, asker: &Asker, name: &str, now: Timestamp) -> Result<Response, Refusal> {
    let store = &web.parts.store;
    let secret = session::issue(store, CredentialKind::Session, name, "", now, Some(SESSION_LASTS)).await?;
    let mut response = Redirect::to("/").into_response();
    let cookie = HeaderValue::from_str(&session::set_cookie(&secret, asker.https));
    let cookie = cookie.map_err(|_| Refusal::unavailable("no cookie could be made", "try again"))?;
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}

/// The field of the form.
#[derive(Debug, Deserialize)]
pub struct PasswordField {
    password: String,
}

/// `POST /signin`.
pub async fn post(
    State(web): State<Web>,
    Extension(asker): Extension<Asker>,
    given: Result<Form<PasswordField>, FormRejection>,
) -> Response {
    let given = match given {
        Ok(Form(field)) => field.password,
        Err(error) => return form(&web, &asker, Some(&Refusal::bad(error.body_text(), "fill in the form"))),
    };
    let now = web.present().now;
    let entered = match web.lock.open(asker.far_end.origin(), given, now).await {
        Ok(()) => enter(&web, &asker, "admin", now).await,
        Err(denied) => Err(refusal(denied)),
    };
    entered.unwrap_or_else(|refusal| form(&web, &asker, Some(&refusal)))
}

fn refusal(denied: Denied) -> Refusal {
    match denied {
        Denied::Wait { wait } => Refusal::too_many(denied.to_string(), wait.as_millis().div_ceil(1000)),
        Denied::Unable => {
            Refusal::unavailable(denied.to_string(), "try again; `muster open` works without it")
        }
        Denied::NoPassword | Denied::Wrong => {
            let mut refusal = Refusal::sign_in();
            refusal.what = denied.to_string();
            refusal.help = "run `muster open` on the host for a sign-in link".to_owned();
            refusal
        }
    }
}

/// `POST /signout`.
pub async fn sign_out(
    State(web): State<Web>,
    Extension(asker): Extension<Asker>,
    fields: Result<Form<Fields>, FormRejection>,
) -> Response {
    let csrf = fields.ok().and_then(|Form(fields)| fields.csrf);
    if let Err(refusal) = may_act(&asker, Scope::Act, csrf.as_deref()) {
        return refused::page(&web, Some(&asker), refusal);
    }
    let Who::Person { session, .. } = asker.who.clone() else { return Redirect::to("/").into_response() };
    if let Err(error) = session::end(&web.parts.store, session).await {
        return refused::page(&web, Some(&asker), error.into());
    }
    let mut response = Redirect::to("/").into_response();
    if let Ok(cookie) = HeaderValue::from_str(&session::clear_cookie(asker.https)) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

fn form(web: &Web, asker: &Asker, refusal: Option<&Refusal>) -> Response {
    let mut view = View::new(web, asker);
    if !asker.may_look() {
        view.snapshot = Default::default();
    }
    let body = html! {
        section.signin {
            h1 { "Sign in" }
            @if let Some(refusal) = refusal { p.fault.said role="alert" { (refusal.what) ". " span.help.said { (words::with_code(&refusal.help)) "." } } }
            @if web.lock.has_password() {
                form method="post" action="/signin" {
                    label { "Password " input type="password" name="password" required autofocus autocomplete="current-password"; }
                    button { "Sign in" }
                }
                p.facts { "Or, on the host itself:" }
            } @else {
                p { "On the host itself, as root or as the user that muster runs as:" }
            }
            pre.line { "muster open" }
            p.facts { "It prints a link that signs this browser in once, within ten minutes." }
        }
    };
    let mut response = page(&view, "Sign in", "/signin", None, &body).into_response();
    if let Some(refusal) = refusal {
        *response.status_mut() = refusal.status;
        refusal.mark(&mut response);
    }
    response
}
