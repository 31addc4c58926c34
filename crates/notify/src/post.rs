//! What the kinds that speak HTTP have in common: secrets fetched at the last moment, one request, and a verdict on the
//! answer. A status of 200 alone is no success: the body has to agree.

use muster_config::secret::{MaybeSecret, Secret, SecretRef};
use muster_core::outbox::Delivery;
use muster_core::time::{Span, Timestamp};
use muster_host::{clock, secret};
use muster_net::dial::Dialer;
use muster_net::http::{Request, Response, send};

/// Longest wait that a receiver can ask for.
const LONGEST_WAIT: Span = Span::hours(6);
/// How much of an answer is quoted.
const QUOTED: usize = 160;

/// Fetches a value that may be a secret, without holding up the runtime.
///
/// # Errors
/// A delivery that did not work: the secret may be there the next time.
pub async fn fetch(value: &MaybeSecret) -> Result<Secret, Delivery> {
    match value {
        MaybeSecret::Plain(text) => Ok(Secret::new(text.clone())),
        MaybeSecret::Secret(reference) => fetch_secret(reference).await,
    }
}

/// Fetches a secret, without holding up the runtime.
///
/// # Errors
/// As for [`fetch`].
pub async fn fetch_secret(reference: &SecretRef) -> Result<Secret, Delivery> {
    let reference = reference.clone();
    match tokio::task::spawn_blocking(move || secret::resolve(&reference)).await {
        Ok(Ok(secret)) => Ok(secret),
        Ok(Err(error)) => Err(not_now(error.to_string())),
        Err(error) => Err(not_now(format!("the secret could not be fetched: {error}"))),
    }
}

/// Sends a request and judges the answer: what the receiver's status means is the same everywhere, what a good
/// status with this body means the kind says.
pub async fn post(dialer: &Dialer, request: Request, judge: impl FnOnce(&Response) -> Delivery) -> Delivery {
    let answer = match send(dialer, request).await {
        Ok(answer) => answer,
        Err(error) => return not_now(error.to_string()),
    };
    match answer.status {
        200..=299 => judge(&answer),
        // The message itself is not acceptable; the same one will not be acceptable later.
        400 | 405 | 406 | 411 | 413 | 414 | 415 | 422 => Delivery::Refused { why: quote(&answer) },
        // Everything else can be mended without changing the message: a token, an address, an outage.
        _ => Delivery::NotNow { why: quote(&answer), retry_at: wish(&answer) },
    }
}

/// A delivery that did not work now.
pub fn not_now(why: String) -> Delivery {
    Delivery::NotNow { why, retry_at: None }
}

/// The receiver took it.
pub fn accepted(receipt: impl Into<String>) -> Delivery {
    Delivery::Accepted { receipt: receipt.into() }
}

/// Status and the beginning of the body.
pub fn quote(answer: &Response) -> String {
    let body = String::from_utf8_lossy(&answer.body);
    let body: String =
        body.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(QUOTED).collect();
    if body.is_empty() {
        format!("answered {}", answer.status)
    } else {
        format!("answered {}: {body}", answer.status)
    }
}

/// `Retry-After` (RFC 9110, 10.2.3): seconds, or a date.
fn wish(answer: &Response) -> Option<Timestamp> {
    let text = answer.header("retry-after")?.trim();
    let now = clock::now().wall;
    let at = match text.parse::<u64>() {
        Ok(seconds) => now + Span::seconds(seconds),
        Err(_) => {
            let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
            Timestamp::from_seconds(date.as_second())
        }
    };
    Some(at.min(now + LONGEST_WAIT))
}

/// What is wrong according to a JSON body that says so itself: `ok: false`, `success: false`, `error: …`.
pub fn complaint(answer: &Response) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
    let object = body.as_object()?;
    let denied =
        ["ok", "success"].iter().any(|key| object.get(*key) == Some(&serde_json::Value::Bool(false)));
    let error = ["error", "errors"].iter().filter_map(|key| object.get(*key)).any(|value| match value {
        serde_json::Value::Null | serde_json::Value::Bool(false) => false,
        serde_json::Value::String(text) => !text.is_empty(),
        serde_json::Value::Array(items) => !items.is_empty(),
        serde_json::Value::Object(items) => !items.is_empty(),
        serde_json::Value::Bool(true) | serde_json::Value::Number(_) => true,
    });
    let status = object.get("status").and_then(serde_json::Value::as_str).is_some_and(|word| {
        ["error", "fail", "failed", "failure"].iter().any(|bad| word.eq_ignore_ascii_case(bad))
    });
    (denied || error || status).then(|| quote(answer))
}
