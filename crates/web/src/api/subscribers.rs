//! Who is mailed what the status page reports. Addresses of people are shown to whoever may act, and to nobody else.

use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::Response;
use muster_store::mailing::{MailCounts, Subscriber};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::act::{csrf, read};
use crate::api::read::finish;
use crate::guard::gate::may_act;
use crate::guard::who::{Asker, Scope};
use crate::records::ask;
use crate::refusal::Refusal;
use crate::router::Web;

/// An address to take off the list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Gone {
    address: String,
}

/// `GET subscribers`: in the order in which they came, and how the queue of mails stands.
pub async fn list(State(web): State<Web>, Extension(asker): Extension<Asker>) -> Response {
    let done = async {
        // It changes nothing, so a browser needs no form token.
        let csrf = asker.csrf().map(str::to_owned);
        may_act(&asker, Scope::Act, csrf.as_deref())?;
        let both = ask(&web.parts.store, |store| Ok((store.subscribers()?, store.mail_counts()?)));
        let (subscribers, counts) = both.await?;
        let MailCounts { subscribers: _, waiting, unspread, taken, given_up, dropped } = counts;
        Ok(json!({
            "items": subscribers.iter().map(told).collect::<Vec<_>>(),
            "mails": {
                "waiting": waiting, "unspread": unspread, "taken": taken, "given_up": given_up, "dropped": dropped,
            },
        }))
    };
    finish(done.await)
}

/// `POST subscribers/remove` with `{"address": "…"}`.
pub async fn remove(
    State(web): State<Web>,
    Extension(asker): Extension<Asker>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let done = async {
        may_act(&asker, Scope::Act, csrf(&headers))?;
        let Gone { address } = read(&body, "{\"address\": \"…\"}")?;
        if ask(&web.parts.store, move |store| store.unsubscribe(&address)).await? {
            return Ok(json!({ "done": true }));
        }
        let mut refusal = Refusal::not_found("nobody subscribed with this address");
        "`muster incident subscribers` lists them".clone_into(&mut refusal.help);
        Err(refusal)
    };
    finish(done.await)
}

fn told(subscriber: &Subscriber) -> Value {
    json!({ "address": subscriber.address, "since": subscriber.since, "refused": subscriber.refused })
}
