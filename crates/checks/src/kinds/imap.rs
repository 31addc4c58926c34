//! `imap`: a mailbox can be read: greeting, TLS, login, and how many mails are in a folder. Nothing is changed.

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
        doc: "What the server says first.",
        example: "banner contains 'ready'",
    },
    Term {
        name: "capabilities",
        takes: Takes::Nothing,
        gives: Type::List,
        doc: "What the server can do, in capitals; after the login where there is one.",
        example: "capabilities contains 'IDLE'",
    },
    Term {
        name: "messages",
        takes: Takes::Nothing,
        gives: Type::Number,
        doc: "How many mails are in `folder`.",
        example: "messages < 10000",
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
    name: "imap",
    sentence: "Opens a mailbox over IMAP and counts what is in it; nothing is changed.",
    example: "[check.mailbox]\nkind = \"imap\"\naddress = \"imap.example.com:993\"\nuser = \"probe\"\npassword = { env = \"PROBE_IMAP\" }\nfolder = \"INBOX\"\nexpect = [\"messages < 10000\", \"cert.expires_in > 14d\"]\n",
    fields: &[
        Field::new("address", Shape::Text, "Host and port.", "\"imap.example.com:993\"").required(),
        TLS,
        USER,
        PASSWORD,
        Field::new(
            "folder",
            Shape::Text,
            "Counts the mails of this folder after the login; its name in ASCII, as the server writes it.",
            "\"INBOX\"",
        ),
        CA,
        Field::new(
            "expect",
            Shape::Assertions(TERMS),
            "What must be true of what was seen.",
            "[\"messages < 10000\"]",
        ),
    ],
    read,
};

fn read(section: &Section<'_>) -> Option<Part> {
    let server = Server::read(section, "address")?;
    let folder = section.text("folder");
    if folder.is_some() && server.login.is_none() {
        section.missing("a folder is opened after a login only", "add `user` and `password`");
        return None;
    }
    if folder.as_ref().is_some_and(|name| !name.is_ascii()) {
        section.refuse(
            "folder",
            "the name of a folder is given in ASCII",
            "write it as the server does, in modified UTF-7: \"Entw&APw-rfe\"",
        );
        return None;
    }
    let assertions = section.assertions("expect");
    if folder.is_none() && assertions.iter().any(|assertion| assertion.asks("messages")) {
        section.missing("`messages` is asked for and no folder is opened", "add `folder = \"INBOX\"`");
        return None;
    }
    Some(Arc::new(Imap { server, folder, assertions }))
}

#[derive(Debug)]
struct Imap {
    server: Server,
    folder: Option<String>,
    assertions: Vec<Assertion>,
}

impl Probe for Imap {
    fn probe<'a>(&'a self, scene: &'a Scene) -> BoxFuture<'a, Result<(), Miss>> {
        Box::pin(async move {
            let start = Instant::now();
            let sink = |line: &str| scene.notebook.say(line);
            let mut met = self.server.receive(scene, &sink).await?;
            met.note(&scene.notebook);
            let capabilities = met.offers.iter().map(|word| Value::Text(word.clone())).collect();
            scene.notebook.fact("capabilities", Value::List(capabilities));
            if let Some(folder) = &self.folder {
                let count = met.session.open(folder, true).await.map_err(of_mail)?;
                scene.notebook.fact("messages", Value::Number(f64::from(count)));
            }
            met.session.logout().await;
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
