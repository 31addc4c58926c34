//! `webhook`: a JSON POST for programs.
//!
//! The payload has a version; keys are only ever added to it. The header `Idempotency-Key` (and the key `key`) is the
//! same on every try of the same message. A 2xx whose JSON body speaks of an error is a failure.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use muster_config::field::{Field, Shape};
use muster_config::kind::Kind;
use muster_config::secret::MaybeSecret;
use muster_config::section::Section;
use muster_core::outbox::Delivery;
use muster_net::dial::Dialer;
use muster_net::endpoint::Endpoint;
use muster_net::http::{Request, Response};
use serde_json::{Value, json};

use crate::channel::BoxFuture;
use crate::letter::Letter;
use crate::medium::{Medium, Part};
use crate::post::{CA, DEADLINE, accepted, complaint, endpoint, fetch, not_now, post};

/// The row of the kind.
pub const ROW: Kind<Part> = Kind {
    name: "webhook",
    sentence: "Posts a versioned JSON document to any address.",
    example: "[notify.hook]\nkind = \"webhook\"\nurl = \"https://hooks.example.com/muster\"\nheaders = { authorization = { env = \"HOOK_TOKEN\" } }\n",
    fields: &[
        Field::new(
            "url",
            Shape::OrSecret(&Shape::Url),
            "Where to post.",
            "\"https://hooks.example.com/muster\"",
        )
        .required(),
        Field::new(
            "headers",
            Shape::Map(&Shape::OrSecret(&Shape::Text)),
            "Further headers.",
            "{ authorization = { env = \"HOOK_TOKEN\" } }",
        ),
        CA,
    ],
    read,
};

fn read(section: &Section<'_>) -> Option<Part> {
    let headers = section.map("headers");
    if let Some((name, _)) = headers.iter().find(|(name, _)| !is_token(name)) {
        section.refuse("headers", format!("{name:?} is not the name of a header"), "write it as \"x-team\"");
        return None;
    }
    Some(Arc::new(Webhook {
        url: section.maybe_secret("url")?,
        headers,
        ca: section.path_to("ca"),
        deadline: DEADLINE,
    }))
}

/// True for a `token` (RFC 9110, 5.6.2).
fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// The version of the payload.
const VERSION: u32 = 1;

/// A generic webhook.
#[derive(Debug)]
pub struct Webhook {
    /// Address.
    pub url: MaybeSecret,
    /// Further headers.
    pub headers: Vec<(String, MaybeSecret)>,
    /// PEM file with certificates to trust as well.
    pub ca: Option<PathBuf>,
    /// How long a delivery may take.
    pub deadline: Duration,
}

impl Medium for Webhook {
    fn carry<'a>(&'a self, letter: &'a Letter, dialer: &'a Dialer) -> BoxFuture<'a, Delivery> {
        Box::pin(async move {
            let url = match fetch(&self.url).await {
                Ok(url) => url,
                Err(delivery) => return delivery,
            };
            let mut values = Vec::new();
            for (name, value) in &self.headers {
                match fetch(value).await {
                    Ok(value) => values.push((name.as_str(), value)),
                    Err(delivery) => return delivery,
                }
            }
            let mut request = Request {
                deadline: self.deadline,
                ca: self.ca.clone(),
                ..Request::json(url.expose(), payload(letter).to_string().into_bytes())
            };
            request.headers.push(("idempotency-key".to_owned(), letter.key.clone()));
            request
                .headers
                .extend(values.iter().map(|(name, value)| ((*name).to_owned(), value.expose().to_owned())));
            post(dialer, request, &[], verdict).await
        })
    }

    fn endpoint(&self) -> Option<Endpoint> {
        endpoint(&self.url)
    }
}

fn payload(letter: &Letter) -> Value {
    let entry = &letter.dispatch.entry;
    let told: Vec<Value> = letter
        .dispatch
        .folded
        .iter()
        .chain([entry])
        .map(|entry| {
            json!({
                "incident": entry.page.incident,
                "number": entry.page.number,
                "about": entry.page.about,
                "at": entry.page.at.to_string(),
                "late": entry.late,
                "news": entry.page.news,
            })
        })
        .collect();
    json!({
        "version": VERSION,
        "key": letter.key,
        "event": letter.event.word(),
        "urgent": letter.event.is_urgent(),
        "about": entry.page.about,
        "incident": entry.page.incident,
        "title": letter.title,
        "text": letter.body,
        "at": entry.page.at.to_string(),
        "late": entry.late,
        "pages": told,
    })
}

fn verdict(answer: &Response) -> Delivery {
    match complaint(answer) {
        Some(what) => not_now(what),
        None => accepted(format!("HTTP {}", answer.status)),
    }
}
