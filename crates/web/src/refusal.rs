//! Why a request was not done: one shape for pages and programs.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use muster_store::contract::StoreError;
use serde::Serialize;

use crate::api::VERSION;
use crate::guard::session::CredentialError;
use crate::parts::{Deaf, NotStarted};

/// A refusal with a stable code, a sentence and what to try.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Refusal {
    /// Status of the answer.
    pub status: StatusCode,
    /// Stable code.
    pub code: &'static str,
    /// What is wrong.
    pub what: String,
    /// What to try.
    pub help: String,
    /// Seconds after which trying again makes sense.
    pub retry_after: Option<u64>,
}

#[derive(Serialize)]
struct Body<'a> {
    version: u32,
    code: &'a str,
    what: &'a str,
    help: &'a str,
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { status, code, what: what.into(), help: help.into(), retry_after: None }
    }

    /// Nobody is signed in.
    pub fn sign_in() -> Self {
        let help = "run `muster open` for a sign-in link, or send `Authorization: Bearer TOKEN`";
        Self::new(StatusCode::UNAUTHORIZED, "M0701", "this needs a signed-in person or a token", help)
    }

    /// The token does not allow it.
    pub fn scope(scope: &str) -> Self {
        let what = format!("this needs the scope {scope:?}");
        Self::new(StatusCode::FORBIDDEN, "M0702", what, "use a token that has it, or sign in")
    }

    /// The request was made by a page of another site.
    pub fn origin() -> Self {
        let what = "the request was made by a page of another origin";
        Self::new(StatusCode::FORBIDDEN, "M0703", what, "open muster itself and try again there")
    }

    /// The Host header is none of ours.
    pub fn host() -> Self {
        let what = "this server is not known under that name";
        let help = "use 127.0.0.1 or localhost; with `password` and `tls` in muster.toml every name works";
        Self::new(StatusCode::MISDIRECTED_REQUEST, "M0704", what, help)
    }

    /// No such thing.
    pub fn not_found(what: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "M0705", what, "see `/` for all that is expected")
    }

    /// The request cannot be understood.
    pub fn bad(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "M0706", what, help)
    }

    /// The form is not one of ours, or too old.
    pub fn csrf() -> Self {
        let what = "the form does not belong to this session";
        Self::new(StatusCode::FORBIDDEN, "M0707", what, "load the page again and repeat it")
    }

    /// It does not fit how things stand.
    pub fn conflict(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "M0708", what, help)
    }

    /// Too many at once or too often.
    pub fn too_many(what: impl Into<String>, retry_after: u64) -> Self {
        let mut refusal = Self::new(StatusCode::TOO_MANY_REQUESTS, "M0709", what, "wait and try again");
        refusal.retry_after = Some(retry_after);
        refusal
    }

    /// It cannot be done at present.
    pub fn unavailable(what: impl Into<String>, help: impl Into<String>) -> Self {
        let mut refusal = Self::new(StatusCode::SERVICE_UNAVAILABLE, "M0710", what, help);
        refusal.retry_after = Some(10);
        refusal
    }

    /// As JSON.
    pub fn json(self) -> Response {
        let body = Body { version: VERSION, code: self.code, what: &self.what, help: &self.help };
        let mut response = (self.status, Json(body)).into_response();
        self.mark(&mut response);
        response
    }

    /// Adds what belongs in the headers.
    pub fn mark(&self, response: &mut Response) {
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        let mut refusal = Self::unavailable(error.to_string(), error.help());
        refusal.code = error.code();
        refusal
    }
}

impl From<Deaf> for Refusal {
    fn from(error: Deaf) -> Self {
        Self::unavailable(error.to_string(), "try again in a moment; `muster status` says how the agent is")
    }
}

impl From<NotStarted> for Refusal {
    fn from(error: NotStarted) -> Self {
        match error {
            NotStarted::Deaf(error) => error.into(),
            NotStarted::Refused { what, help } => Self::conflict(what, help),
        }
    }
}

impl From<CredentialError> for Refusal {
    fn from(error: CredentialError) -> Self {
        match error {
            CredentialError::Store(error) => error.into(),
            CredentialError::Randomness(error) => Self::unavailable(error.to_string(), "check /dev/urandom"),
        }
    }
}
