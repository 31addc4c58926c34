//! `smtp`: a mail server greets, upgrades to TLS, lets us log in and would take a mail. Nothing is sent.

use std::sync::Arc;

use muster_config::assertion::Assertion;
use muster_config::assertion::facts::Value;
use muster_config::assertion::term::{Takes, Term, Type};
use muster_config::field::{Field, Shape};
use muster_config::kind::Kind;
use muster_config::section::Section;
use muster_net::endpoint::Endpoint;
use tokio::time::Instant;

use crate::contact::{CA, CERT_EXPIRES_IN, TIME_CONNECT, TIME_DNS, TIME_TLS, TIME_TOTAL, TLS_VERSION, time};
use crate::mailserver::{PASSWORD, Server, TLS, USER, of_mail};
use crate::probe::{BoxFuture, Miss, Part, Probe, Scene};

const TERMS: &[Term] = &[
    Term {
        name: "banner",
        takes: Takes::Nothing,
        gives: Type::Text,
        doc: "What the server says first, without the code.",
        example: "banner contains 'mail.example.com'",
    },
    Term {
        name: "extensions",
        takes: Takes::Nothing,
        gives: Type::List,
        doc: "What the server can do over the secured connection (EHLO): the word in capitals, and what stands behind it.",
        example: "extensions contains 'AUTH PLAIN LOGIN'",
    },
    CERT_EXPIRES_IN,
    TLS_VERSION,
    TIME_DNS,
    TIME_CONNECT,
    TIME_TLS,
    TIME_TOTAL,
];

/// The row of the kind.
pub const ROW: Kind<Part> = Kind {
    name: "smtp",
    sentence: "Asks a mail server whether it would take mail, up to TLS, login and recipient; nothing is sent.",
    example: "[check.submission]\nkind = \"smtp\"\naddress = \"smtp.example.com:587\"\nuser = \"probe\"\npassword = { env = \"PROBE_SMTP\" }\nrcpt = \"probe@example.com\"\nexpect = [\"cert.expires_in > 14d\"]\n",
    fields: &[
        Field::new("address", Shape::Text, "Host and port.", "\"smtp.example.com:587\"").required(),
        TLS,
        Field::new(
            "ehlo",
            Shape::Text,
            "The name that we give ourselves; else that of this host.",
            "\"monitor.example.com\"",
        ),
        USER,
        PASSWORD,
        Field::new(
            "rcpt",
            Shape::Mailbox,
            "Asks whether the server would take mail for this one, and takes it back (RSET) before anything is sent. A \
             server with greylisting says no to it at first.",
            "\"ops@example.com\"",
        ),
        Field::new(
            "sender",
            Shape::Mailbox,
            "From whom `rcpt` would get mail; else from nobody (`<>`), as notices of failed delivery come.",
            "\"probe@example.com\"",
        ),
        CA,
        Field::new(
            "expect",
            Shape::Assertions(TERMS),
            "What must be true of what was seen.",
            "[\"cert.expires_in > 14d\"]",
        ),
    ],
    read,
};

fn read(section: &Section<'_>) -> Option<Part> {
    let server = Server::read(section, "address")?;
    let sender = section.text("sender");
    if sender.is_some() && !section.has("rcpt") {
        section.no_effect("sender", "a sender is named only where `rcpt` is asked for");
    }
    Some(Arc::new(Smtp {
        server,
        hello: section.text("ehlo").unwrap_or_else(|| section.reading().source().host.to_owned()),
        rcpt: section.text("rcpt").map(|rcpt| bare(&rcpt)),
        sender: sender.map(|sender| bare(&sender)).unwrap_or_default(),
        assertions: section.assertions("expect"),
    }))
}

/// The address without the name in front.
pub(super) fn bare(mailbox: &str) -> String {
    let inner = mailbox.split_once('<').and_then(|(_, rest)| rest.strip_suffix('>'));
    inner.unwrap_or(mailbox).to_owned()
}

#[derive(Debug)]
struct Smtp {
    server: Server,
    hello: String,
    rcpt: Option<String>,
    sender: String,
    assertions: Vec<Assertion>,
}

impl Probe for Smtp {
    fn probe<'a>(&'a self, scene: &'a Scene) -> BoxFuture<'a, Result<(), Miss>> {
        Box::pin(async move {
            let start = Instant::now();
            let sink = |line: &str| scene.notebook.say(line);
            let mut met = self.server.send(scene, &sink, &self.hello).await?;
            met.note(&scene.notebook);
            let extensions = met.offers.iter().map(|word| Value::Text(word.clone())).collect();
            scene.notebook.fact("extensions", Value::List(extensions));
            if let Some(rcpt) = &self.rcpt {
                met.session
                    .command(&format!("MAIL FROM:<{}>", self.sender), "the sender")
                    .await
                    .map_err(of_mail)?;
                met.session.command(&format!("RCPT TO:<{rcpt}>"), "the recipient").await.map_err(of_mail)?;
                met.session.command("RSET", "RSET").await.map_err(of_mail)?;
            }
            met.session.quit().await;
            scene.notebook.fact(TIME_TOTAL.name, time(start.elapsed()));
            Ok(())
        })
    }

    fn assertions(&self) -> &[Assertion] {
        &self.assertions
    }

    fn target(&self) -> String {
        self.server.endpoint.to_string()
    }

    fn endpoints(&self) -> Vec<Endpoint> {
        vec![self.server.endpoint.clone()]
    }

    fn is_outside(&self) -> bool {
        true
    }
}
