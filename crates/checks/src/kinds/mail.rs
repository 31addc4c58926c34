//! `mail`: a mail that is sent comes in. Sends one with a token that nobody else knows, looks for it in the inbox and in
//! the folders for junk, tells how long it took and what the receiving server thought of it, and deletes it.
//!
//! The mailbox is opened first: where it cannot be read, nothing is sent. A mail that comes too late is deleted by a
//! look of a later day.

mod letter;
mod search;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use muster_config::assertion::Assertion;
use muster_config::assertion::facts::Value;
use muster_config::assertion::term::{Takes, Term, Type};
use muster_config::field::{DAY, Field, SECOND, Shape};
use muster_config::kind::Kind;
use muster_config::section::Section;
use muster_core::expectation::Level;
use muster_core::words::length;
use muster_net::endpoint::Endpoint;
use tokio::time::Instant;

use self::letter::Letter;
use self::search::{Found, Search};
use super::smtp::bare;
use crate::contact::{CA, TIME_TOTAL, give_up, time};
use crate::mailserver::{PASSWORD, Server, TLS, USER, of_mail};
use crate::probe::{BoxFuture, Class, Lane, Miss, Part, Probe, Scene};

const fn term(name: &'static str, gives: Type, doc: &'static str, example: &'static str) -> Term {
    Term { name, takes: Takes::Nothing, gives, doc, example }
}

const TERMS: &[Term] = &[
    term(
        "time.accepted_to_visible",
        Type::Time,
        "From the moment the sending server took the mail until it was seen in the mailbox, to the interval of looking \
         for it, which grows from half a second to 15 seconds.",
        "time.accepted_to_visible < 2m",
    ),
    term(
        "time.send",
        Type::Time,
        "From dialling the sending server until it had taken the mail.",
        "time.send < 5s",
    ),
    term(
        "spam",
        Type::Flag,
        "The mail came into a folder for junk, or with `X-Spam-Flag: YES`. Where no assertion asks for it, it is a warning.",
        "not spam",
    ),
    term("folder", Type::Text, "The folder in which the mail was.", "folder == 'INBOX'"),
    term(
        "auth",
        Type::List,
        "What the receiving server found out about the sender (Authentication-Results, RFC 8601): `spf=pass`, `dkim=pass`, \
         `dmarc=pass`. Only the results of the server that wrote the topmost header count.",
        "auth contains 'dkim=pass'",
    ),
    TIME_TOTAL,
];

const SEND: &[Field] = &[
    Field::new(
        "smtp",
        Shape::Text,
        "Host and port of the server that takes the mail.",
        "\"smtp.example.com:587\"",
    )
    .required(),
    TLS,
    USER,
    PASSWORD,
    Field::new(
        "address",
        Shape::Mailbox,
        "Who sends it; else `user`, at the domain of the server without its first label where that is no address.",
        "\"probe@example.com\"",
    ),
    Field::new(
        "ehlo",
        Shape::Text,
        "The name that we give ourselves; else that of this host.",
        "\"monitor.example.com\"",
    ),
    CA,
];

const RECEIVE: &[Field] = &[
    Field::new(
        "imap",
        Shape::Text,
        "Host and port of the server that holds the mailbox.",
        "\"imap.example.com:993\"",
    )
    .required(),
    TLS,
    USER.required(),
    PASSWORD.required(),
    Field::new(
        "address",
        Shape::Mailbox,
        "Who gets it; else `user`, at the domain of the server without its first label where that is no address.",
        "\"probe@example.com\"",
    ),
    CA,
];

/// The row of the kind.
pub const ROW: Kind<Part> = Kind {
    name: "mail",
    sentence: "Sends a mail and waits until it is in the mailbox.",
    example: "[check.mail-loop]\nkind = \"mail\"\nsend = { smtp = \"smtp.example.com:587\", user = \"probe\", password = { env = \"PROBE_SMTP\" } }\nreceive = { imap = \"imap.example.com:993\", user = \"probe\", password = { env = \"PROBE_IMAP\" } }\nevery = \"15m\"\n",
    fields: &[
        Field::new(
            "send",
            Shape::Table(SEND),
            "How the mail is sent.",
            "{ smtp = \"smtp.example.com:587\", user = \"probe\", password = { env = \"PROBE_SMTP\" } }",
        )
        .required(),
        Field::new(
            "receive",
            Shape::Table(RECEIVE),
            "Where the mail comes in. The mailbox should be for this alone.",
            "{ imap = \"imap.example.com:993\", user = \"probe\", password = { env = \"PROBE_IMAP\" } }",
        )
        .required(),
        Field::new(
            "every",
            Shape::Duration(60 * SECOND, DAY),
            "From one look to the next; each of them sends a mail.",
            "\"30m\"",
        )
        .default("\"15m\""),
        Field::new(
            "timeout",
            Shape::Duration(SECOND, DAY),
            "A mail that is not in the mailbox after this long counts as lost; shorter than `every`, and four fifths of it \
             where that is less.",
            "\"2m\"",
        )
        .default("\"5m\""),
        Field::new(
            "expect",
            Shape::Assertions(TERMS),
            "What must be true of what was seen.",
            "[\"time.accepted_to_visible < 2m\", \"auth contains 'dkim=pass'\"]",
        ),
    ],
    read,
};

fn read(section: &Section<'_>) -> Option<Part> {
    let (sending, receiving) = (section.table("send")?, section.table("receive")?);
    let sender = Server::read(&sending, "smtp")?;
    let receiver = Server::read(&receiving, "imap")?;
    let from = address(&sending, &sender)?;
    let to = address(&receiving, &receiver)?;
    let mut assertions = section.assertions("expect");
    if !assertions.iter().any(|assertion| assertion.asks("spam")) {
        // The words of our own row, so there is nothing to report.
        assertions.extend(Assertion::compile("not spam", TERMS).ok().map(|one| one.with_level(Level::Warn)));
    }
    let hello = sending.text("ehlo").unwrap_or_else(|| section.reading().source().host.to_owned());
    let name = section.path().rsplit('.').next().unwrap_or_default().to_owned();
    Some(Arc::new(Mail { sender, receiver, hello, from, to, name, assertions }))
}

/// The address of one side: as written, else made of the user and the server.
fn address(section: &Section<'_>, server: &Server) -> Option<String> {
    if let Some(written) = section.text("address") {
        return Some(bare(&written));
    }
    let host = &server.endpoint.host;
    let user = server.login.as_ref().map(|(user, _)| user.as_str());
    let domain = match host.split_once('.') {
        _ if host.parse::<std::net::IpAddr>().is_ok() => None,
        Some((_, rest)) if rest.contains('.') => Some(rest),
        _ => Some(host.as_str()),
    };
    let made = match (user, domain) {
        (Some(user), _) if user.contains('@') => Some(user.to_owned()),
        (Some(user), Some(domain)) => Some(format!("{user}@{domain}")),
        _ => None,
    };
    if made.is_none() {
        section.missing("nothing says which mail address this is", "add `address = \"probe@example.com\"`");
    }
    made
}

/// The longest time from one search to the next.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

#[derive(Debug)]
struct Mail {
    sender: Server,
    receiver: Server,
    hello: String,
    from: String,
    to: String,
    /// Of the check; it is in the header of the mail, so that mails of earlier looks are known.
    name: String,
    assertions: Vec<Assertion>,
}

impl Probe for Mail {
    fn probe<'a>(&'a self, scene: &'a Scene) -> BoxFuture<'a, Result<(), Miss>> {
        Box::pin(async move {
            let start = Instant::now();
            // The tenth search for the same mail tells nothing new.
            let is_quiet = AtomicBool::new(false);
            let sink = |line: &str| {
                if !is_quiet.load(Ordering::Relaxed) {
                    scene.notebook.say(line);
                }
            };
            let letter = Letter::new(&self.from, &self.to, &self.name).map_err(Miss::blind)?;
            let met = self.receiver.receive(scene, &sink).await?;
            let mut search = Search::begin(met.session, met.offers, &self.name).await.map_err(of_mail)?;
            let receipt = self.send(scene, &letter).await?;
            let accepted = Instant::now();
            let waited = self.wait(scene, &mut search, &letter, &is_quiet).await;
            is_quiet.store(false, Ordering::Relaxed);
            let found = match waited.map_err(|miss| with_receipt(miss, &receipt))? {
                Some(found) => found,
                None => {
                    return Err(Miss::down(
                        Class::Absent,
                        format!(
                            "the mail did not come within {}: {} took it at {} with the words \"{receipt}\", and it is \
                             in none of {}",
                            length(accepted.elapsed().into()),
                            self.sender.endpoint,
                            letter.sent,
                            search.folders().join(", "),
                        ),
                    ));
                }
            };
            scene.notebook.phase("delivery", accepted.elapsed());
            scene.notebook.fact("time.accepted_to_visible", time(accepted.elapsed()));
            note(scene, &found);
            if let Err(error) = search.clean(&found).await {
                scene.notebook.say(format!("the mail could not be deleted: {error}"));
            }
            search.end().await;
            scene.notebook.fact(TIME_TOTAL.name, time(start.elapsed()));
            Ok(())
        })
    }

    fn assertions(&self) -> &[Assertion] {
        &self.assertions
    }

    fn target(&self) -> String {
        format!("{} by {} to {}", self.to, self.sender.endpoint, self.receiver.endpoint)
    }

    fn endpoints(&self) -> Vec<Endpoint> {
        vec![self.sender.endpoint.clone(), self.receiver.endpoint.clone()]
    }

    fn lane(&self) -> Lane {
        Lane::Flow
    }

    fn is_outside(&self) -> bool {
        true
    }
}

impl Mail {
    /// Hands the mail over; the receipt is the server's own words, which hold the number in its queue.
    async fn send(&self, scene: &Scene, letter: &Letter) -> Result<String, Miss> {
        let start = Instant::now();
        let sink = |line: &str| scene.notebook.say(line);
        let mut met = self.sender.send(scene, &sink, &self.hello).await?;
        let session = &mut met.session;
        session.command(&format!("MAIL FROM:<{}>", self.from), "the sender").await.map_err(of_mail)?;
        session.command(&format!("RCPT TO:<{}>", self.to), "the recipient").await.map_err(of_mail)?;
        let receipt = session.data(&letter.text).await.map_err(of_mail)?.text();
        met.session.quit().await;
        scene.notebook.phase("send", start.elapsed());
        scene.notebook.fact("time.send", time(start.elapsed()));
        Ok(scene.notebook.without_secrets(&receipt))
    }

    /// Searches again and again, less and less often, until shortly before the end of the look.
    async fn wait<S: crate::mailserver::Stream>(
        &self,
        scene: &Scene,
        search: &mut Search<'_, S>,
        letter: &Letter,
        is_quiet: &AtomicBool,
    ) -> Result<Option<Found>, Miss> {
        // What is left must do for one last search.
        let end = give_up(scene) - Duration::from_millis(100);
        let mut pause = Duration::from_millis(250);
        loop {
            if let Some(found) = search.look(&letter.id).await.map_err(of_mail)? {
                return Ok(Some(found));
            }
            let now = Instant::now();
            if now >= end {
                return Ok(None);
            }
            is_quiet.store(true, Ordering::Relaxed);
            pause = (pause * 2).min(LONGEST_PAUSE);
            tokio::time::sleep_until(end.min(now + pause)).await;
        }
    }
}

/// What went wrong after the mail was taken, and that it was.
fn with_receipt(miss: Miss, receipt: &str) -> Miss {
    match miss {
        Miss::Down { class, why } => Miss::Down {
            class,
            why: format!("{why}; the mail itself was taken with the words \"{receipt}\""),
        },
        blind @ Miss::Blind { .. } => blind,
    }
}

fn note(scene: &Scene, found: &Found) {
    let is_spam = found.is_junk || found.is_flagged();
    scene.notebook.say(format!("found in {}", found.folder));
    scene.notebook.fact("spam", Value::Flag(is_spam));
    scene.notebook.fact("folder", Value::Text(found.folder.clone()));
    let results = found.auth();
    scene.notebook.fact("auth", Value::List(results.into_iter().map(Value::Text).collect()));
}
