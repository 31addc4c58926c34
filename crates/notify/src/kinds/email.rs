//! `email`: plain text over SMTP.
//!
//! A 4xx answer is "not now", a 5xx a refusal for good. A recipient who is refused does not keep the others from getting
//! theirs: it counts as accepted once somebody has it, and the receipt names who has not. The Message-ID comes from the key, so that a mailbox that gets
//! the same message twice can tell. Without TLS only to this machine, unless the configuration says so.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::response::Response;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use muster_config::field::{Field, Shape};
use muster_config::kind::Kind;
use muster_config::secret::SecretRef;
use muster_config::section::Section;
use muster_core::outbox::Delivery;
use muster_net::dial::Dialer;
use muster_net::endpoint::Endpoint;

use crate::channel::BoxFuture;
use crate::letter::Letter;
use crate::medium::{Medium, Part};
use crate::post::{accepted, fetch_secret, not_now, one_line};

const SMTP: &[Field] = &[
    Field::new("host", Shape::Text, "The mail server.", "\"smtp.example.com\"").required(),
    Field::new("port", Shape::Whole(1, 65535), "Its port; 587, 465 or 25 by the kind of TLS.", "587"),
    Field::new(
        "tls",
        Shape::Choice(&["starttls", "tls", "none"]),
        "Upgrade the connection, TLS from the first byte, or none.",
        "\"starttls\"",
    )
    .default("\"starttls\""),
    Field::new("user", Shape::Text, "User name.", "\"ops\""),
    Field::new("password", Shape::Secret, "Password.", "{ env = \"SMTP_PASSWORD\" }"),
    Field::new("ca", Shape::Path, "PEM file with a certificate to trust as well.", "\"/etc/muster/ca.pem\""),
    Field::new("allow_plain", Shape::Flag, "Allow `tls = \"none\"` over a network.", "false")
        .default("false"),
];

/// The row of the kind.
pub const ROW: Kind<Part> = Kind {
    name: "email",
    sentence: "Sends mail over SMTP.",
    example: "[notify.ops]\nkind = \"email\"\nto = [\"ops@example.com\"]\nfrom = \"muster@example.com\"\nsmtp = { host = \"smtp.example.com\", port = 587, tls = \"starttls\", user = \"ops\", password = { env = \"SMTP_PASSWORD\" } }\n",
    fields: &[
        Field::new("to", Shape::List(&Shape::Mailbox, 1), "Who gets it.", "[\"ops@example.com\"]").required(),
        Field::new("from", Shape::Mailbox, "Who sends it.", "\"muster@example.com\"").required(),
        Field::new("smtp", Shape::Table(SMTP), "The mail server.", "{ host = \"smtp.example.com\" }")
            .required(),
    ],
    read,
};

fn read(section: &Section<'_>) -> Option<Part> {
    let smtp = section.table("smtp")?;
    let host = smtp.text("host")?;
    let security = match smtp.choice("tls") {
        Some("tls") => Security::Implicit,
        Some("none") => Security::None,
        _ => Security::StartTls,
    };
    if security == Security::None && !is_loopback(&host) && smtp.flag("allow_plain") != Some(true) {
        smtp.refuse(
            "tls",
            "mail would cross a network in the open",
            "use \"starttls\" or \"tls\", or say `allow_plain = true`",
        );
        return None;
    }
    let login = match (smtp.text("user"), smtp.secret("password")) {
        (Some(user), Some(password)) => Some((user, password)),
        (None, None) => None,
        _ => {
            smtp.missing("`user` and `password` go together", "write both or none");
            return None;
        }
    };
    let port = smtp.whole("port").and_then(|port| u16::try_from(port).ok());
    let Some(from) = section.text("from").and_then(|text| text.parse().ok()) else {
        section.refuse("from", "this is not a mail address", "write it as \"ops@example.com\"");
        return None;
    };
    let mut to = Vec::new();
    for text in section.texts("to") {
        let Ok(mailbox) = text.parse() else {
            section.refuse(
                "to",
                "there is something in it that is no mail address",
                "write \"ops@example.com\"",
            );
            return None;
        };
        to.push(mailbox);
    }
    let ca = smtp.path_to("ca");
    Some(Arc::new(Email { to, from, host, port, security, login, ca, deadline: DEADLINE }))
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

const DEADLINE: Duration = Duration::from_secs(30);

/// How the connection is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Upgraded by STARTTLS, which must succeed.
    StartTls,
    /// TLS from the first byte.
    Implicit,
    /// Not at all.
    None,
}

/// A mail server and who gets mail through it.
#[derive(Debug, Clone)]
pub struct Email {
    /// Who gets it.
    pub to: Vec<Mailbox>,
    /// Who sends it.
    pub from: Mailbox,
    /// The server.
    pub host: String,
    /// Its port; none for the usual one.
    pub port: Option<u16>,
    /// How the connection is secured.
    pub security: Security,
    /// User name and password.
    pub login: Option<(String, SecretRef)>,
    /// PEM file with a certificate to trust as well.
    pub ca: Option<PathBuf>,
    /// How long a delivery may take.
    pub deadline: Duration,
}

impl Medium for Email {
    fn carry<'a>(&'a self, letter: &'a Letter, _dialer: &'a Dialer) -> BoxFuture<'a, Delivery> {
        Box::pin(async move {
            match tokio::time::timeout(self.deadline, self.send(letter)).await {
                Ok(delivery) => delivery,
                Err(_) => not_now(format!("{} did not answer in time", self.host)),
            }
        })
    }

    fn endpoint(&self) -> Option<Endpoint> {
        Some(Endpoint { host: self.host.clone(), port: self.port() })
    }

    fn mail(&self) -> Option<&Email> {
        Some(self)
    }
}

impl Email {
    async fn send(&self, letter: &Letter) -> Delivery {
        let password = match &self.login {
            Some((_, reference)) => match fetch_secret(reference).await {
                Ok(password) => Some(password),
                Err(delivery) => return delivery,
            },
            None => None,
        };
        let tls = match self.tls() {
            Ok(tls) => tls,
            Err(why) => return not_now(why),
        };
        let message = match self.message(letter) {
            Ok(message) => message,
            Err(error) => return Delivery::Refused { why: format!("the mail cannot be made: {error}") },
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&self.host)
            .port(self.port())
            .tls(tls)
            .timeout(Some(self.deadline / 2));
        if let (Some((user, _)), Some(password)) = (&self.login, &password) {
            builder = builder.credentials(Credentials::new(user.clone(), password.expose().to_owned()));
        }
        let transport = builder.build();
        let (envelope, text) = (message.envelope().clone(), message.formatted());
        match transport.send_raw(&envelope, &text).await {
            Ok(response) => accepted(receipt(&response)),
            Err(error) if is_final(&error) && self.to.len() > 1 => {
                self.one_by_one(&transport, &envelope, &text).await
            }
            Err(error) => self.failed(&error),
        }
    }

    /// Sends to each recipient alone, after all together were refused because of some of them.
    async fn one_by_one(
        &self,
        transport: &AsyncSmtpTransport<Tokio1Executor>,
        envelope: &Envelope,
        text: &[u8],
    ) -> Delivery {
        let mut taken = None;
        let mut refused = Vec::new();
        let mut worst = None;
        for person in envelope.to() {
            let answer = match Envelope::new(envelope.from().cloned(), vec![person.clone()]) {
                Ok(alone) => transport.send_raw(&alone, text).await,
                Err(error) => return Delivery::Refused { why: error.to_string() },
            };
            match answer {
                Ok(response) => taken = Some(receipt(&response)),
                Err(error) => {
                    refused.push(person.to_string());
                    let failure = self.failed(&error);
                    if worst.is_none() || matches!(failure, Delivery::NotNow { .. }) {
                        worst = Some(failure);
                    }
                }
            }
        }
        match (taken, worst) {
            (Some(receipt), None) => accepted(receipt),
            (Some(receipt), Some(_)) => accepted(format!("{receipt}; not taken for {}", refused.join(", "))),
            (None, Some(worst)) => worst,
            (None, None) => not_now("nobody is to get it".to_owned()),
        }
    }

    fn failed(&self, error: &Error) -> Delivery {
        let why = format!("{}: {}", self.host, one_line(&error.to_string(), 200));
        if is_final(error) { Delivery::Refused { why } } else { not_now(why) }
    }

    /// The port that is written down, else the usual one.
    pub(crate) fn port(&self) -> u16 {
        self.port.unwrap_or(match self.security {
            Security::StartTls => 587,
            Security::Implicit => 465,
            Security::None => 25,
        })
    }

    fn tls(&self) -> Result<Tls, String> {
        let parameters = self.parameters()?;
        Ok(match (self.security, parameters) {
            (Security::None, _) | (_, None) => Tls::None,
            (Security::Implicit, Some(parameters)) => Tls::Wrapper(parameters),
            (Security::StartTls, Some(parameters)) => Tls::Required(parameters),
        })
    }

    /// What is expected of the server's certificate; none without TLS.
    pub(crate) fn parameters(&self) -> Result<Option<TlsParameters>, String> {
        if self.security == Security::None {
            return Ok(None);
        }
        let mut builder = TlsParameters::builder(self.host.clone());
        if let Some(path) = &self.ca {
            let refuse = |why: String| format!("cannot use the certificate in {}: {why}", path.display());
            let pem = std::fs::read(path).map_err(|error| refuse(error.to_string()))?;
            let certificate = Certificate::from_pem(&pem).map_err(|error| refuse(error.to_string()))?;
            builder = builder.add_root_certificate(certificate);
        }
        builder.build_rustls().map(Some).map_err(|error| format!("TLS cannot be set up: {error}"))
    }

    fn message(&self, letter: &Letter) -> Result<Message, lettre::error::Error> {
        let thread = message_id(letter.dispatch.entry.page.incident.as_str());
        let mut builder = Message::builder()
            .from(self.from.clone())
            .subject(letter.title.clone())
            .message_id(Some(message_id(&letter.key)))
            .references(thread)
            .header(ContentType::TEXT_PLAIN)
            .raw_header(raw("Auto-Submitted", "auto-generated"));
        for mailbox in &self.to {
            builder = builder.to(mailbox.clone());
        }
        if letter.event.is_urgent() {
            builder = builder.raw_header(raw("X-Priority", "1"));
        }
        builder.body(format!("{}\n\n{}", letter.title, letter.body))
    }
}

/// The server will never take it. A login that is refused is mended without another message; a recipient is not.
fn is_final(error: &Error) -> bool {
    let login = matches!(error.status().map(u16::from), Some(530 | 534 | 535 | 538));
    error.is_permanent() && !login
}

fn receipt(response: &Response) -> String {
    format!("{} {}", response.code(), response.message().collect::<Vec<_>>().join(" "))
}

fn raw(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// A Message-ID (RFC 5322, 3.6.4) that depends on nothing but the text.
fn message_id(text: &str) -> String {
    let local: String = text
        .bytes()
        .map(|b| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'/' | b'+' => char::from(b).to_string(),
            other => format!("={other:02X}"),
        })
        .collect();
    format!("<{local}@muster.invalid>")
}
