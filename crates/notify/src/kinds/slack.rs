//! `slack`: any incoming webhook that speaks Slack's dialect.
//!
//! The only success is status 200 with the body `ok`, or JSON with `ok: true` or `success: true`.

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
use crate::post::{CA, DEADLINE, accepted, complaint, endpoint, fetch, not_now, post, quote};

/// The row of the kind.
pub const ROW: Kind<Part> = Kind {
    name: "slack",
    sentence: "Posts to an incoming webhook of Slack, Mattermost or anything that takes the same.",
    example: "[notify.chat]\nkind = \"slack\"\nurl = { env = \"SLACK_WEBHOOK\" }\n",
    fields: &[
        Field::new(
            "url",
            Shape::OrSecret(&Shape::Url),
            "Address of the webhook. Whoever knows it can post, so keep it out of the file.",
            "{ env = \"SLACK_WEBHOOK\" }",
        )
        .required(),
        CA,
    ],
    read,
};

fn read(section: &Section<'_>) -> Option<Part> {
    Some(Arc::new(Slack { url: section.maybe_secret("url")?, ca: section.path_to("ca"), deadline: DEADLINE }))
}

/// A Slack-compatible webhook.
#[derive(Debug)]
pub struct Slack {
    /// Address.
    pub url: MaybeSecret,
    /// PEM file with certificates to trust as well.
    pub ca: Option<PathBuf>,
    /// How long a delivery may take.
    pub deadline: Duration,
}

impl Medium for Slack {
    fn carry<'a>(&'a self, letter: &'a Letter, dialer: &'a Dialer) -> BoxFuture<'a, Delivery> {
        Box::pin(async move {
            let url = match fetch(&self.url).await {
                Ok(url) => url,
                Err(delivery) => return delivery,
            };
            // A fence in foreign output would end ours.
            let body = escape(&letter.body).replace("```", "'''");
            let text = format!("*{}*\n```\n{body}\n```", escape(&letter.title));
            let body = json!({ "text": text }).to_string().into_bytes();
            let request =
                Request { deadline: self.deadline, ca: self.ca.clone(), ..Request::json(url.expose(), body) };
            post(dialer, request, &[], verdict).await
        })
    }

    fn endpoint(&self) -> Option<Endpoint> {
        endpoint(&self.url)
    }
}

fn verdict(answer: &Response) -> Delivery {
    let body = String::from_utf8_lossy(&answer.body);
    let says = |key: &str| serde_json::from_str::<Value>(&body).ok()?.get(key)?.as_bool();
    let good = body.trim().eq_ignore_ascii_case("ok") || says("ok").or(says("success")) == Some(true);
    if good && complaint(answer).is_none() { accepted("ok") } else { not_now(quote(answer)) }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
