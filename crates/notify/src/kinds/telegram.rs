//! `telegram`: a message from a bot.
//!
//! Plain text, so that nothing in a job's output is markup. `ok: false` is a failure whatever the status.

use std::sync::Arc;
use std::time::Duration;

use muster_config::field::{Field, Shape};
use muster_config::kind::Kind;
use muster_config::secret::SecretRef;
use muster_config::section::Section;
use muster_core::outbox::Delivery;
use muster_net::dial::Dialer;
use muster_net::endpoint::Endpoint;
use muster_net::http::{Request, Response};
use muster_net::url::Url;
use serde_json::{Value, json};

use crate::channel::BoxFuture;
use crate::letter::Letter;
use crate::medium::{Medium, Part};
use crate::post::{DEADLINE, accepted, fetch_secret, not_now, post, quote};

/// The row of the kind.
pub const ROW: Kind<Part> = Kind {
    name: "telegram",
    sentence: "Sends a message from a Telegram bot.",
    example: "[notify.telegram]\nkind = \"telegram\"\ntoken = { env = \"TELEGRAM_TOKEN\" }\nchat = \"-1001234567890\"\n",
    fields: &[
        Field::new("token", Shape::Secret, "The bot's token.", "{ env = \"TELEGRAM_TOKEN\" }").required(),
        Field::new("chat", Shape::Text, "Id of the chat, or @name of a channel.", "\"-1001234567890\"")
            .required(),
        Field::new("api", Shape::Url, "Bot API server.", "\"https://api.telegram.org\"")
            .default("\"https://api.telegram.org\""),
    ],
    read,
};

fn read(section: &Section<'_>) -> Option<Part> {
    Some(Arc::new(Telegram {
        token: section.secret("token")?,
        chat: section.text("chat")?,
        api: section.text("api").unwrap_or_else(|| "https://api.telegram.org".to_owned()),
        deadline: DEADLINE,
    }))
}

/// Bytes of a message; the limit is 4,096 characters.
const LIMIT: usize = 3500;

/// A bot and a chat.
#[derive(Debug)]
pub struct Telegram {
    /// The bot's token.
    pub token: SecretRef,
    /// The chat.
    pub chat: String,
    /// Bot API server.
    pub api: String,
    /// How long a delivery may take.
    pub deadline: Duration,
}

impl Medium for Telegram {
    fn carry<'a>(&'a self, letter: &'a Letter, dialer: &'a Dialer) -> BoxFuture<'a, Delivery> {
        Box::pin(async move {
            let token = match fetch_secret(&self.token).await {
                Ok(token) => token,
                Err(delivery) => return delivery,
            };
            let url = format!("{}/bot{}/sendMessage", self.api.trim_end_matches('/'), token.expose());
            let body = json!({
                "chat_id": self.chat,
                "text": letter.short(LIMIT),
                "link_preview_options": { "is_disabled": true },
                "disable_notification": !letter.event.is_urgent(),
            });
            let request =
                Request { deadline: self.deadline, ..Request::json(url, body.to_string().into_bytes()) };
            post(dialer, request, &[token.expose()], verdict).await
        })
    }

    fn endpoint(&self) -> Option<Endpoint> {
        Url::parse(&self.api).ok().map(|url| url.endpoint)
    }
}

fn verdict(answer: &Response) -> Delivery {
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let id = body.as_ref().and_then(|body| {
        let good = body.get("ok").and_then(Value::as_bool) == Some(true);
        body.pointer("/result/message_id").filter(|_| good)
    });
    match id {
        Some(id) => accepted(id.to_string()),
        None => not_now(quote(answer)),
    }
}
