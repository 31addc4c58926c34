//! `ntfy`: push to a phone through ntfy.sh or a server of one's own.
//!
//! Published as JSON; the answer must carry the message's id.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use muster_config::field::{Field, Shape};
use muster_config::kind::Kind;
use muster_config::secret::{MaybeSecret, SecretRef};
use muster_config::section::Section;
use muster_core::outbox::Delivery;
use muster_net::dial::Dialer;
use muster_net::endpoint::Endpoint;
use muster_net::http::{Request, Response};
use serde_json::{Value, json};

use crate::channel::BoxFuture;
use crate::letter::Letter;
use crate::medium::{Medium, Part};
use crate::post::{CA, DEADLINE, accepted, complaint, endpoint, fetch, fetch_secret, not_now, post, quote};

const PRIORITIES: &[&str] = &["min", "low", "default", "high", "urgent"];

/// The row of the kind.
pub const ROW: Kind<Part> = Kind {
    name: "ntfy",
    sentence: "Pushes to a phone through ntfy.",
    example: "[notify.phone]\nkind = \"ntfy\"\nurl = \"https://ntfy.sh/acme-alerts\"\npriority = \"urgent\"\n",
    fields: &[
        Field::new(
            "url",
            Shape::OrSecret(&Shape::Url),
            "Server and topic. Whoever knows the topic can read along.",
            "\"https://ntfy.sh/acme-alerts\"",
        )
        .required(),
        Field::new(
            "priority",
            Shape::Choice(PRIORITIES),
            "Priority of bad news; its end comes with the default one.",
            "\"urgent\"",
        )
        .default("\"high\""),
        Field::new("token", Shape::Secret, "Access token.", "{ env = \"NTFY_TOKEN\" }"),
        CA,
    ],
    read,
};

fn read(section: &Section<'_>) -> Option<Part> {
    let word = section.choice("priority").unwrap_or("high");
    let rank = PRIORITIES.iter().position(|known| *known == word).unwrap_or(3);
    let url = section.maybe_secret("url")?;
    if let MaybeSecret::Plain(plain) = &url
        && split(plain).is_none()
    {
        section.refuse("url", NO_TOPIC, "write the topic behind the server: \"https://ntfy.sh/acme-alerts\"");
        return None;
    }
    Some(Arc::new(Ntfy {
        url,
        priority: u8::try_from(rank + 1).unwrap_or(4),
        token: section.secret("token"),
        ca: section.path_to("ca"),
        deadline: DEADLINE,
    }))
}

const NO_TOPIC: &str = "the address names no topic";

/// The address to publish at, and the topic.
fn split(url: &str) -> Option<(String, &str)> {
    let (path, query) = url.split_at(url.find('?').unwrap_or(url.len()));
    let (server, topic) = path.trim_end_matches('/').rsplit_once('/')?;
    (!topic.is_empty() && !server.ends_with('/')).then(|| (format!("{server}/{query}"), topic))
}

/// The public server.
const PUBLIC: &str = "https://ntfy.sh/";
/// Messages a day that it takes from somebody who does not pay (ntfy.sh, "Limitations").
const PUBLIC_QUOTA: u32 = 250;

/// Bytes of a message; a server takes 4,096 and turns longer ones into attachments.
const LIMIT: usize = 3500;

/// A topic on an ntfy server.
#[derive(Debug)]
pub struct Ntfy {
    /// Server and topic.
    pub url: MaybeSecret,
    /// 1 (least) to 5 for bad news.
    pub priority: u8,
    /// Access token.
    pub token: Option<SecretRef>,
    /// PEM file with certificates to trust as well.
    pub ca: Option<PathBuf>,
    /// How long a delivery may take.
    pub deadline: Duration,
}

impl Medium for Ntfy {
    fn carry<'a>(&'a self, letter: &'a Letter, dialer: &'a Dialer) -> BoxFuture<'a, Delivery> {
        Box::pin(async move {
            let url = match fetch(&self.url).await {
                Ok(url) => url,
                Err(delivery) => return delivery,
            };
            let bearer = match &self.token {
                Some(token) => match fetch_secret(token).await {
                    Ok(token) => Some(format!("Bearer {}", token.expose())),
                    Err(delivery) => return delivery,
                },
                None => None,
            };
            let Some((server, topic)) = split(url.expose()) else {
                return Delivery::Refused { why: NO_TOPIC.to_owned() };
            };
            let body = self.message(letter, topic).to_string().into_bytes();
            let mut request =
                Request { deadline: self.deadline, ca: self.ca.clone(), ..Request::json(server, body) };
            request.headers.extend(bearer.map(|bearer| ("authorization".to_owned(), bearer)));
            post(dialer, request, &[topic], verdict).await
        })
    }

    fn endpoint(&self) -> Option<Endpoint> {
        endpoint(&self.url)
    }

    fn quota(&self) -> Option<u32> {
        match &self.url {
            MaybeSecret::Plain(url) if url.starts_with(PUBLIC) => Some(PUBLIC_QUOTA),
            MaybeSecret::Plain(_) | MaybeSecret::Secret(_) => None,
        }
    }
}

impl Ntfy {
    fn message(&self, letter: &Letter, topic: &str) -> Value {
        let (priority, tag) = if letter.event.is_urgent() {
            (self.priority, "rotating_light")
        } else {
            (3, "white_check_mark")
        };
        let mut end = letter.body.len().min(LIMIT);
        while !letter.body.is_char_boundary(end) {
            end -= 1;
        }
        json!({
            "topic": topic,
            "title": letter.title,
            "message": &letter.body[..end],
            "priority": priority,
            "tags": [tag],
        })
    }
}

fn verdict(answer: &Response) -> Delivery {
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    match body.as_ref().and_then(|body| body.get("id")?.as_str()) {
        Some(id) if complaint(answer).is_none() => accepted(id),
        _ => not_now(quote(answer)),
    }
}
