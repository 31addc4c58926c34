//! What the kinds that speak HTTP have in common: secrets fetched at the last moment, one request, and a verdict on the
//! answer. A status of 200 alone is no success: the body has to agree. What a delivery says is bounded and never holds
//! what the request kept secret, even where the receiver repeats it.

use std::time::Duration;

use muster_config::field::{Field, Shape};
use muster_config::secret::{MaybeSecret, Secret, SecretRef};
use muster_core::outbox::Delivery;
use muster_core::time::{Span, Timestamp};
use muster_host::{clock, secret};
use muster_net::dial::Dialer;
use muster_net::endpoint::Endpoint;
use muster_net::http::{Request, Response, send};
use muster_net::url::Url;
use serde_json::Value;

/// Longest wait that a receiver can ask for.
const LONGEST_WAIT: Span = Span::hours(6);
/// How much of an answer is quoted.
const QUOTED: usize = 160;
/// Longest receipt in characters.
const RECEIPT: usize = 200;
/// How long a request of these kinds may take, from dialling to the last byte of the answer.
pub const DEADLINE: Duration = Duration::from_secs(10);
/// The key for a receiver whose certificate is one's own.
pub const CA: Field =
    Field::new("ca", Shape::Path, "PEM file with a certificate to trust as well.", "\"/etc/muster/ca.pem\"");
/// Shorter parts of an address or a header are words, not secrets.
const LEAST_SECRET: usize = 8;

/// Where an address leads, unless it is a secret.
pub(crate) fn endpoint(url: &MaybeSecret) -> Option<Endpoint> {
    match url {
        MaybeSecret::Plain(plain) => Url::parse(plain).ok().map(|url| url.endpoint),
        MaybeSecret::Secret(_) => None,
    }
}

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
/// status with this body means the kind says. `secrets` are hidden in the words of the delivery, and so are the path of
/// the address and the values of the headers.
pub async fn post(
    dialer: &Dialer,
    request: Request,
    secrets: &[&str],
    judge: impl FnOnce(&Response) -> Delivery,
) -> Delivery {
    let mut hidden = private(&request);
    hidden.extend(secrets.iter().map(|&secret| secret.to_owned()));
    let delivery = match send(dialer, request).await {
        Ok(answer) => weigh(&answer, judge),
        Err(error) => not_now(error.to_string()),
    };
    hide(delivery, hidden)
}

fn weigh(answer: &Response, judge: impl FnOnce(&Response) -> Delivery) -> Delivery {
    let delivery = match answer.status {
        200..=299 => judge(answer),
        // The message itself is not acceptable; the same one will not be acceptable later.
        400 | 405 | 406 | 411 | 413 | 414 | 415 | 422 => Delivery::Refused { why: quote(answer) },
        // Everything else can be mended without changing the message: a token, an address, an outage.
        _ => not_now(quote(answer)),
    };
    match delivery {
        Delivery::NotNow { why, retry_at: None } => Delivery::NotNow { why, retry_at: wish(answer) },
        delivery => delivery,
    }
}

/// The parts of a request that nobody should read: all of the address behind the host, a password in it, and the
/// values of the headers.
fn private(request: &Request) -> Vec<String> {
    let address = request.url.split_once("://").map_or(request.url.as_str(), |(_, rest)| rest);
    let (authority, path) = address.split_at(address.find(['/', '?', '#']).unwrap_or(address.len()));
    let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
    let headers = request
        .headers
        .iter()
        .filter(|(name, _)| !["content-type", "idempotency-key"].contains(&name.as_str()))
        .map(|(_, value)| value.as_str());
    let mut parts: Vec<&str> = vec![path, path.trim_matches('/'), user];
    parts.extend(path.split(['/', '?', '&', '=', '#']));
    parts.extend(user.split(':'));
    parts.extend(headers.flat_map(|value| std::iter::once(value).chain(value.split(' '))));
    parts.into_iter().filter(|part| part.len() >= LEAST_SECRET).map(str::to_owned).collect()
}

fn hide(delivery: Delivery, mut hidden: Vec<String>) -> Delivery {
    // The longest first, so that no rest of a secret stays beside its hidden part.
    hidden.sort_by_key(|part| std::cmp::Reverse(part.len()));
    let cover = |text: String| {
        let mut text =
            hidden.iter().filter(|part| !part.is_empty()).fold(text, |text, part| text.replace(part, "***"));
        // A quote is cut somewhere, which may be inside a secret.
        if let Some(length) = hidden.iter().filter_map(|part| begun(&text, part)).max() {
            text.truncate(text.len() - length);
            text.push_str("***");
        }
        text
    };
    match delivery {
        Delivery::Accepted { receipt } => Delivery::Accepted { receipt: cover(receipt) },
        Delivery::Refused { why } => Delivery::Refused { why: cover(why) },
        Delivery::NotNow { why, retry_at } => Delivery::NotNow { why: cover(why), retry_at },
    }
}

/// How much of a secret stands at the end of a text, in bytes, if it is more than chance.
fn begun(text: &str, secret: &str) -> Option<usize> {
    (4..secret.len()).rev().find(|&length| secret.get(..length).is_some_and(|start| text.ends_with(start)))
}

/// A delivery that did not work now.
pub fn not_now(why: String) -> Delivery {
    Delivery::NotNow { why, retry_at: None }
}

/// The receiver took it; its words are cut to one line.
pub fn accepted(receipt: impl AsRef<str>) -> Delivery {
    Delivery::Accepted { receipt: one_line(receipt.as_ref(), RECEIPT) }
}

/// Status and the beginning of the body.
pub fn quote(answer: &Response) -> String {
    let body = one_line(&String::from_utf8_lossy(&answer.body), QUOTED);
    if body.is_empty() {
        format!("answered {}", answer.status)
    } else {
        format!("answered {}: {body}", answer.status)
    }
}

/// Foreign words on one line of at most so many characters.
pub fn one_line(text: &str, limit: usize) -> String {
    text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(limit).collect()
}

/// When the receiver wants to be asked again, at most [`LONGEST_WAIT`] from now: the header `Retry-After` (RFC 9110,
/// 10.2.3) as seconds or a date, else the seconds that Telegram and Discord put into the body.
fn wish(answer: &Response) -> Option<Timestamp> {
    let now = clock::now().wall;
    let header = || {
        let text = answer.header("retry-after")?.trim();
        if let Ok(seconds) = text.parse::<u64>() {
            return Some(now + Span::seconds(seconds));
        }
        let parser = jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true);
        let date = parser.parse_timestamp(text).ok()?;
        Some(Timestamp::from_seconds(date.as_second()))
    };
    let body = || {
        let body: Value = serde_json::from_slice(&answer.body).ok()?;
        let wait = ["/parameters/retry_after", "/retry_after"].iter().find_map(|path| body.pointer(path))?;
        let wait = Duration::try_from_secs_f64(wait.as_f64()?).ok()?;
        Some(now + Span::from(wait))
    };
    header().or_else(body).map(|at| at.min(now + LONGEST_WAIT))
}

/// What is wrong according to a body that says so itself: `ok: false`, `success: false`, `error: …`, `status: "failed"`,
/// `errcode: 93000`, `statusCode: 502`, or a text that begins with "error".
pub fn complaint(answer: &Response) -> Option<String> {
    let bad = match serde_json::from_slice(&answer.body) {
        Ok(Value::Object(object)) => {
            let any = |keys: &[&str], is_bad: fn(&Value) -> bool| {
                keys.iter().filter_map(|key| object.get(*key)).any(is_bad)
            };
            any(&["ok", "success"], |value| *value == Value::Bool(false))
                || any(&["error", "errors", "errcode", "error_code", "errorMessage"], speaks)
                || any(&["status", "result"], says_failed)
                || any(&["status", "statusCode", "status_code"], |value| {
                    value.as_u64().is_some_and(|code| (400..600).contains(&code))
                })
        }
        Ok(Value::String(text)) => begins_with_error(&text),
        Ok(_) => false,
        Err(_) => begins_with_error(&String::from_utf8_lossy(&answer.body)),
    };
    bad.then(|| quote(answer))
}

/// The value of a key such as `error` tells of one.
fn speaks(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Bool(true) => true,
        // `error: 0` is how many interfaces say that there is none.
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !["", "0", "ok", "none"].iter().any(|calm| text.eq_ignore_ascii_case(calm)),
        Value::Array(items) => !items.is_empty(),
        Value::Object(items) => !items.is_empty(),
    }
}

fn says_failed(value: &Value) -> bool {
    let bad = ["error", "fail", "failed", "failure"];
    value.as_str().is_some_and(|word| bad.iter().any(|bad| word.eq_ignore_ascii_case(bad)))
}

fn begins_with_error(text: &str) -> bool {
    text.trim_start().get(..5).is_some_and(|start| start.eq_ignore_ascii_case("error"))
}

#[cfg(test)]
mod tests {
    use muster_net::dial::Phases;

    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
        Response {
            status,
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            body: body.as_bytes().to_vec(),
            truncated: false,
            phases: Phases::default(),
            first_byte: Duration::ZERO,
        }
    }

    fn wait(headers: &[(&str, &str)], body: &str) -> Option<u64> {
        let before = clock::now().wall;
        wish(&answer(429, headers, body)).map(|at| (at.since(before).as_millis() + 500) / 1000)
    }

    #[test]
    fn a_wish_is_read_as_seconds_as_a_date_and_from_the_body() {
        assert_eq!(wait(&[("retry-after", " 7 ")], ""), Some(7));
        let later = jiff::Timestamp::from_second(clock::now().wall.seconds() + 90).expect("a moment");
        let date = later.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let seconds = wait(&[("retry-after", &date)], "").expect("a wish");
        assert!((88..=90).contains(&seconds), "{date}: {seconds}");
        assert_eq!(wait(&[], "{\"ok\":false,\"parameters\":{\"retry_after\":5}}"), Some(5));
        assert_eq!(wait(&[], "{\"retry_after\":2.5}"), Some(3));
        assert_eq!(wait(&[("retry-after", "3")], "{\"retry_after\":60}"), Some(3), "the header counts first");
    }

    #[test]
    fn a_wish_that_makes_no_sense_is_bounded_or_ignored() {
        let most = LONGEST_WAIT.as_millis() / 1000;
        assert_eq!(wait(&[("retry-after", "99999999999")], ""), Some(most));
        assert_eq!(wait(&[("retry-after", "Fri, 31 Dec 2199 23:59:59 GMT")], ""), Some(most));
        assert_eq!(wait(&[("retry-after", "Thu, 01 Jan 1970 00:00:00 GMT")], ""), Some(0), "long over");
        assert_eq!(wait(&[("retry-after", "soon")], ""), None);
        assert_eq!(wait(&[("retry-after", "-5")], "{\"retry_after\":-5}"), None);
        assert_eq!(wait(&[], ""), None);
    }

    #[test]
    fn a_good_status_with_a_body_that_complains_is_noticed() {
        for body in [
            "{\"ok\":false}",
            "{\"success\":false}",
            "{\"error\":\"invalid_token\"}",
            "{\"error\":{\"code\":5}}",
            "{\"errors\":[\"no such user\"]}",
            "{\"errcode\":93000,\"errmsg\":\"invalid webhook url\"}",
            "{\"status\":\"Failed\"}",
            "{\"status\":503}",
            "{\"statusCode\":502,\"body\":\"\"}",
            "{\"errorMessage\":\"Task timed out\"}",
            "\"error: nope\"",
            "ERROR 17: no such topic",
        ] {
            let what = complaint(&answer(200, &[], body)).unwrap_or_else(|| panic!("{body}"));
            assert!(what.starts_with("answered 200: "), "{what}");
        }
    }

    #[test]
    fn a_body_that_is_content_or_says_nothing_is_no_complaint() {
        for body in [
            "",
            "ok",
            "é",
            "Thanks, error-free",
            "{}",
            "[]",
            "null",
            "{\"ok\":true}",
            "{\"error\":null}",
            "{\"error\":\"\"}",
            "{\"error\":false,\"errors\":[],\"errcode\":0,\"errmsg\":\"ok\"}",
            "{\"status\":\"success\"}",
            "{\"status\":200}",
            "{\"result\":\"error_free\"}",
        ] {
            assert_eq!(complaint(&answer(200, &[], body)), None, "{body}");
        }
    }

    #[test]
    fn a_quote_is_one_short_line() {
        let quoted = quote(&answer(500, &[], &"bad\r\n\u{1b}[2J".repeat(10_000)));
        assert!(quoted.chars().count() <= QUOTED + 20 && !quoted.contains(char::is_control), "{quoted}");
        assert_eq!(quote(&answer(502, &[], " \n")), "answered 502");
        let Delivery::Accepted { receipt } = accepted("x\n".repeat(10_000)) else { panic!("accepted") };
        assert_eq!(receipt.chars().count(), RECEIPT);
    }

    #[test]
    fn what_the_request_keeps_secret_is_hidden_in_the_words() {
        let mut request =
            Request::json("https://bob:hunter2-hunter2@h.example/hook/T00000000/zUwKq8x?k=abcdefgh", vec![]);
        request.headers.push(("authorization".to_owned(), "Bearer s3cr3t-t0ken".to_owned()));
        for repeated in [
            "Cannot POST /hook/T00000000/zUwKq8x?k=abcdefgh",
            "no such team T00000000",
            "bad key abcdefgh",
            "bob:hunter2-hunter2 may not",
            "wrong password hunter2-hunter2",
            "Bearer s3cr3t-t0ken has run out",
            "token s3cr3t-t0ken has run out",
            "the words are cut in the middle of s3cr3t-t0k",
        ] {
            let Delivery::NotNow { why, .. } = hide(not_now(repeated.to_owned()), private(&request)) else {
                panic!("not now")
            };
            let kept = ["T00000000", "zUwKq8x", "abcdefgh", "hunter2", "s3cr3t"];
            assert!(!kept.iter().any(|secret| why.contains(secret)), "{why}");
            assert!(why.contains("***"), "{why}");
        }
        let plain = hide(not_now("answered 404: application/json only".to_owned()), private(&request));
        assert_eq!(plain, not_now("answered 404: application/json only".to_owned()));
    }

    #[test]
    fn a_status_decides_before_the_body_does() {
        let never = |_: &Response| -> Delivery { panic!("only a good status is judged by its body") };
        for status in [400, 405, 413, 422] {
            let delivery = weigh(&answer(status, &[], "no"), never);
            assert_eq!(delivery, Delivery::Refused { why: format!("answered {status}: no") });
        }
        for status in [301, 401, 403, 404, 408, 410, 429, 500, 502, 503, 504] {
            let delivery = weigh(&answer(status, &[], "no"), never);
            assert_eq!(delivery, not_now(format!("answered {status}: no")));
        }
    }
}
