//! `tcp`: connects to a port, and says and hears a few lines there if asked to, in the open or in private.

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use muster_config::assertion::Assertion;
use muster_config::assertion::facts::{Unseen, Value};
use muster_config::assertion::term::{Term, Type};
use muster_config::field::{Field, Shape};
use muster_config::kind::Kind;
use muster_config::section::Section;
use muster_net::endpoint::Endpoint;
use muster_net::inspect::Offer;
use muster_net::line::{Dialogue, LineError};
use muster_net::reach::Family;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use crate::contact::{
    self, ADDRESS, CA, CERT_EXPIRES_IN, CERT_ISSUER, CERT_NAMES, FAMILY, TIME_CONNECT, TIME_DNS, TIME_TLS,
    TIME_TOTAL, TLS_CIPHER, TLS_VERSION, connect, endpoint, family, give_up, is_outside, secure, time, word,
};
use crate::probe::{BoxFuture, Class, Miss, Part, Probe, Scene};
use crate::starttls::{self, PROTOCOL, Protocol};

/// The row of the kind.
pub const ROW: Kind<Part> = Kind {
    name: "tcp",
    sentence: "Connects to a port, and says and hears a few lines there if asked to.",
    example: "[check.mail-out]\nkind = \"tcp\"\naddress = \"smtp.example.com:587\"\ndialogue = [\"< 220\", \"> \
              EHLO muster.invalid\", \"< 250 \"]\n",
    fields: &[
        Field::new("address", Shape::Text, "Host and port.", "\"smtp.example.com:587\"").required(),
        FAMILY,
        Field::new(
            "tls",
            Shape::Choice(&["none", "starttls", "tls"]),
            "Whether the connection is private: from its first byte (`tls`), or after asking for it in the way of \
             `protocol` (`starttls`). A certificate that is not trusted is always bad.",
            "\"starttls\"",
        )
        .default("\"none\""),
        PROTOCOL,
        CA,
        Field::new(
            "dialogue",
            Shape::List(&Shape::Text, 1),
            "What is said (`> …`) and heard (`< …`), line by line. A line is waited for that contains the text; others \
             are passed over, at most 512 lines of 8 KiB.",
            "[\"> PING\", \"< PONG\"]",
        ),
        Field::new(
            "expect",
            Shape::Assertions(TERMS),
            "What must be true besides.",
            "[\"time.connect < 200ms\"]",
        ),
    ],
    read,
};

const TERMS: &[Term] = &[
    TIME_TOTAL,
    TIME_DNS,
    TIME_CONNECT,
    TIME_TLS,
    ADDRESS,
    word("banner", Type::Text, "The first line that the server says.", "banner contains 'ESMTP'"),
    word("answer", Type::Text, "The last line that was heard.", "answer matches '^2[0-9][0-9] '"),
    TLS_VERSION,
    TLS_CIPHER,
    CERT_EXPIRES_IN,
    CERT_NAMES,
    CERT_ISSUER,
];

/// A port.
#[derive(Debug)]
struct Port {
    endpoint: Endpoint,
    family: Family,
    privacy: Privacy,
    offer: Offer,
    dialogue: Vec<Step>,
    assertions: Vec<Assertion>,
}

#[derive(Debug, Clone, Copy)]
enum Privacy {
    None,
    After(Protocol),
    AtOnce,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Say(String),
    Hear(String),
}

fn read(section: &Section<'_>) -> Option<Part> {
    let endpoint = endpoint(section, "address", None)?;
    let protocol = section.choice("protocol").and_then(Protocol::of_word);
    let privacy = match (section.choice("tls")?, protocol) {
        ("starttls", Some(protocol)) => Privacy::After(protocol),
        ("starttls", None) => {
            section.missing(
                format!("[{}] lacks `protocol`", section.path()),
                "add `protocol = \"smtp\"`, or write `tls = \"tls\"` if it is private from the first byte",
            );
            return None;
        }
        (tls, protocol) => {
            if protocol.is_some() {
                section.no_effect("protocol", "`protocol` is for `tls = \"starttls\"`");
            }
            if tls == "tls" { Privacy::AtOnce } else { Privacy::None }
        }
    };
    if matches!(privacy, Privacy::None) && section.has("ca") {
        section.no_effect("ca", "without `tls` nobody shows a certificate");
    }
    let ca: Option<PathBuf> = section.path_to("ca");
    let assertions = section.assertions("expect");
    let mut dialogue = Vec::new();
    for text in section.texts("dialogue") {
        dialogue.push(match (text.strip_prefix('>'), text.strip_prefix('<')) {
            (Some(said), _) if !said.contains(['\r', '\n', '\0']) => Step::Say(said.trim_start().to_owned()),
            (_, Some(heard)) if !heard.contains(['\r', '\n']) => Step::Hear(heard.trim_start().to_owned()),
            _ => {
                section.refuse(
                    "dialogue",
                    format!("{text:?} is no line that is said or heard"),
                    "write [\"> PING\", \"< PONG\"]: `>` and what is said, `<` and what the answer contains",
                );
                return None;
            }
        });
    }
    if dialogue.is_empty() && assertions.iter().any(|one| one.asks("banner") || one.asks("answer")) {
        dialogue.push(Step::Hear(String::new()));
    }
    let offer = Offer { ca, ..Offer::default() };
    Some(Arc::new(Port { endpoint, family: family(section), privacy, offer, dialogue, assertions }))
}

impl Port {
    async fn look(&self, scene: &Scene) -> Result<(), Miss> {
        let (begun, until) = (Instant::now(), give_up(scene));
        let stream = connect(scene, self.family, &self.endpoint, until).await?;
        match self.privacy {
            Privacy::None => self.talk(scene, stream, until).await?,
            Privacy::AtOnce => self.talk_in_private(scene, stream, until).await?,
            Privacy::After(protocol) => {
                let stream = protocol.upgrade(scene, stream, until).await?;
                self.talk_in_private(scene, stream, until).await?;
            }
        }
        scene.notebook.fact("time.total", time(begun.elapsed()));
        Ok(())
    }

    async fn talk_in_private<S>(&self, scene: &Scene, stream: S, until: Instant) -> Result<(), Miss>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let inspected = secure(scene, stream, &self.endpoint.host, &self.offer, until).await;
        let stream = inspected.trusted().map_err(contact::miss)?;
        self.talk(scene, stream, until).await
    }

    async fn talk<S>(&self, scene: &Scene, stream: S, until: Instant) -> Result<(), Miss>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let sink = |line: &str| scene.notebook.say(line);
        let mut dialogue = Dialogue::new(stream, &sink, until);
        let mut last: Option<String> = None;
        for step in &self.dialogue {
            match step {
                Step::Say(line) => dialogue.send(line).await.map_err(starttls::miss)?,
                Step::Hear(wanted) => loop {
                    let line = match dialogue.line().await {
                        Ok(line) => line,
                        Err(error) => return Err(unheard(wanted, last.as_deref(), &error)),
                    };
                    let heard = Value::Text(line.clone());
                    if last.is_none() {
                        scene.notebook.fact("banner", heard.clone());
                    }
                    scene.notebook.fact("answer", heard);
                    let is_it = line.contains(wanted.as_str());
                    last = Some(line);
                    if is_it {
                        break;
                    }
                },
            }
        }
        if last.is_none() {
            for term in ["banner", "answer"] {
                scene.notebook.lacks(term, Unseen::Hidden("nothing was waited for".into()));
            }
        }
        Ok(())
    }
}

/// A line that was waited for did not come.
fn unheard(wanted: &str, last: Option<&str>, error: &LineError) -> Miss {
    let what = if wanted.is_empty() { "a line".to_owned() } else { format!("{wanted:?}") };
    let last = last.map_or_else(|| "nothing".to_owned(), |last| format!("{last:?} at last"));
    let Miss::Down { class, why } = starttls::miss(error.clone()) else {
        return Miss::blind(error.to_string());
    };
    let class = if class == Class::Timeout { Class::Timeout } else { Class::Protocol };
    Miss::down(class, format!("waited for {what} and heard {last}: {why}"))
}

impl Probe for Port {
    fn probe<'a>(&'a self, scene: &'a Scene) -> BoxFuture<'a, Result<(), Miss>> {
        Box::pin(self.look(scene))
    }

    fn assertions(&self) -> &[Assertion] {
        &self.assertions
    }

    fn target(&self) -> String {
        self.endpoint.to_string()
    }

    fn endpoints(&self) -> Vec<Endpoint> {
        vec![self.endpoint.clone()]
    }

    fn is_outside(&self) -> bool {
        is_outside(&self.endpoint.host)
    }
}
