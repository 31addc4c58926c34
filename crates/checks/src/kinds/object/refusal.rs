//! What the store's no means, in words that a person can act on.

use muster_core::time::{Span, Timestamp};
use muster_core::words::{harmless, length};
use muster_net::url::Url;

use super::answer::{self, Refusal};
use super::ask::{Desk, Reply};
use crate::probe::{Class, Miss};

/// Most of a refusal that is read, in bytes.
pub(super) const BODY: usize = 64 * 1024;
/// Letters of the store's own words that are shown.
const SHOWN: usize = 160;
/// Clocks that are further apart are spoken of.
const APART: Span = Span::minutes(2);

/// The code of an object that is not there.
pub(super) const NO_SUCH_KEY: &str = "NoSuchKey";

/// Why the store refused this.
pub(super) fn of(desk: &Desk<'_>, reply: &Reply, now: Timestamp) -> Miss {
    let status = reply.status;
    // Cut off behind the middle of a secret, it would not be known for one.
    let short = |text: &str| -> String {
        harmless(&desk.scene.notebook.without_secrets(text.trim())).chars().take(SHOWN).collect()
    };
    let read = answer::refusal(&reply.body.bytes);
    let region = region(reply, read.as_ref()).filter(|region| *region != desk.bucket.region());
    let Some(Refusal { code, message, .. }) = &read else {
        let said = format!("the store answered {status}");
        let why = match (region, leads_to(reply)) {
            (Some(region), _) => elsewhere(&said, region),
            (None, Some(origin)) => format!("{said}, which leads to {origin}; correct `endpoint`"),
            (None, None) => match short(&String::from_utf8_lossy(&reply.body.bytes)) {
                text if text.is_empty() => format!("{said} and gave no reason"),
                text => format!("{said} and gave no reason in XML; it said \"{text}\""),
            },
        };
        return Miss::down(Class::Refused, why);
    };
    let code = short(code);
    let said = format!("the store says {code} ({status})");
    // A wrong clock hides behind several codes.
    let clock = clock(reply, now);
    let (class, why) = match code.as_str() {
        NO_SUCH_KEY => (Class::Absent, format!("{said}: there is no such object")),
        "NoSuchBucket" => {
            (Class::Absent, format!("{said}: there is no bucket {}; correct `bucket`", desk.bucket.name()))
        }
        "SignatureDoesNotMatch" => {
            let own = desk.bucket.region();
            (Class::Refused, format!("{said}; correct `secret`, or `region`, which is {own} here"))
        }
        "InvalidAccessKeyId" => (Class::Refused, format!("{said}: it does not know the key; correct `key`")),
        "ExpiredToken" | "InvalidToken" => (Class::Refused, format!("{said}; fetch another `token`")),
        "RequestTimeTooSkewed" => {
            (Class::Refused, format!("{said}: the clocks of the store and of this host are too far apart"))
        }
        "SlowDown" | "ServiceUnavailable" | "InternalError" | "RequestLimitExceeded" => {
            (Class::Refused, format!("{said}: it is not able to answer now; {}", short(message)))
        }
        "AccessDenied" if desk.credentials.is_none() => {
            (Class::Refused, format!("{said}: nobody may look without a key; add `key` and `secret`"))
        }
        // Signatures that are over are refused so as well.
        "AccessDenied" if clock.is_some() => (Class::Refused, format!("{said}: {}", short(message))),
        "AccessDenied" => {
            let hint = "the key may not look at this; without the right to list, stores say so as well of objects that \
                        are not there";
            (Class::Refused, format!("{said}: {}; {hint}", short(message)))
        }
        _ => match region {
            Some(region) => (Class::Refused, elsewhere(&said, region)),
            None => (Class::Refused, format!("{said}: {}", short(message))),
        },
    };
    let clock = clock.filter(|_| class == Class::Refused && status < 500);
    Miss::down(class, why + &clock.unwrap_or_default())
}

/// The region in which the bucket is, if the store says that it is elsewhere.
fn region<'a>(reply: &'a Reply, refusal: Option<&'a Refusal>) -> Option<&'a str> {
    let said = refusal.and_then(|refusal| refusal.region.as_deref());
    let region = said.or_else(|| reply.header("x-amz-bucket-region"))?;
    let is_one = !region.is_empty()
        && region.len() <= 40
        && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    is_one.then_some(region)
}

/// Host and port of a redirect; what follows may be an address with a signature.
fn leads_to(reply: &Reply) -> Option<String> {
    let location = reply.header("location").filter(|_| (300..400).contains(&reply.status))?;
    Some(Url::parse(location).ok()?.origin())
}

fn elsewhere(said: &str, region: &str) -> String {
    format!(
        "{said}: the region is {region}; write `region = \"{region}\"`, and the `endpoint` of that region"
    )
}

/// How far the store's clock is from ours, where that is worth a word.
fn clock(reply: &Reply, now: Timestamp) -> Option<String> {
    let theirs = answer::moment(reply.header("date")?)?;
    let (ahead, behind) = (theirs.since(now), now.since(theirs));
    match () {
        () if ahead > APART => Some(format!("; its clock is {} ahead of this host's", length(ahead))),
        () if behind > APART => Some(format!("; its clock is {} behind this host's", length(behind))),
        () => None,
    }
}
