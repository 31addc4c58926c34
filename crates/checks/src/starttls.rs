//! A plain connection asks to become a private one: STARTTLS and its relatives. What is heard in the open is believed
//! only as far as it leads to the handshake.

use muster_config::field::{Field, Shape};
use muster_net::line::{Dialogue, LineError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use crate::probe::{Class, Miss, Scene};

/// The key of the kinds that can do it.
pub(crate) const PROTOCOL: Field = Field::new(
    "protocol",
    Shape::Choice(WORDS),
    "How STARTTLS is asked for: `smtp` (RFC 3207), `imap` (RFC 9051), `pop3` (RFC 2595), `ftp` (RFC 4217), `sieve` (RFC \
     5804).",
    "\"smtp\"",
);

const WORDS: &[&str] = &["smtp", "imap", "pop3", "ftp", "sieve"];

/// What is said in the open before the handshake.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Protocol {
    word: &'static str,
    /// Lines of ours, and how a good answer begins; the greeting comes without one.
    steps: &'static [(Option<&'static str>, &'static str)],
    /// True if that line is the last one of its answer.
    is_last: fn(&str) -> bool,
}

const PROTOCOLS: &[Protocol] = &[
    Protocol {
        word: "smtp",
        steps: &[(None, "220"), (Some("EHLO muster.invalid"), "250"), (Some("STARTTLS"), "220")],
        is_last: ends_reply,
    },
    Protocol {
        word: "imap",
        steps: &[(None, "* OK"), (Some("a1 STARTTLS"), "a1 OK")],
        is_last: |line| ["* OK", "* BYE", "* PREAUTH", "a1 "].iter().any(|start| line.starts_with(start)),
    },
    Protocol { word: "pop3", steps: &[(None, "+OK"), (Some("STLS"), "+OK")], is_last: |_| true },
    Protocol { word: "ftp", steps: &[(None, "220"), (Some("AUTH TLS"), "234")], is_last: ends_reply },
    Protocol {
        word: "sieve",
        steps: &[(None, "OK"), (Some("STARTTLS"), "OK")],
        is_last: |line| ["OK", "NO", "BYE"].iter().any(|start| line.starts_with(start)),
    },
];

/// A reply of several lines has a hyphen behind the code of all but the last (RFC 5321, section 4.2.1).
fn ends_reply(line: &str) -> bool {
    line.len() >= 3
        && line.as_bytes().get(3) != Some(&b'-')
        && line.bytes().take(3).all(|b| b.is_ascii_digit())
}

impl Protocol {
    /// The protocol of one of the words of [`PROTOCOL`].
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        PROTOCOLS.iter().copied().find(|known| known.word == word)
    }

    /// Talks until the server agrees to the handshake.
    pub(crate) async fn upgrade<S>(self, scene: &Scene, stream: S, until: Instant) -> Result<S, Miss>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let sink = |line: &str| scene.notebook.say(line);
        let mut dialogue = Dialogue::new(stream, &sink, until);
        for (ours, good) in self.steps {
            if let Some(ours) = ours {
                dialogue.send(ours).await.map_err(miss)?;
            }
            let last = loop {
                let line = dialogue.line().await.map_err(miss)?;
                if (self.is_last)(&line) {
                    break line;
                }
            };
            if !last.starts_with(good) {
                let what = ours.unwrap_or("the connection");
                return Err(Miss::down(Class::Refused, format!("the server answers {what} with: {last}")));
            }
        }
        dialogue.into_plain().map_err(miss)
    }
}

/// What a dialogue that cannot go on means for a check.
pub(crate) fn miss(error: LineError) -> Miss {
    let class = match &error {
        LineError::Silent => Class::Timeout,
        LineError::Injected => Class::Internal,
        LineError::Closed { .. } | LineError::Broken(_) | LineError::Endless(_) | LineError::Smuggled(_) => {
            Class::Protocol
        }
    };
    Miss::down(class, error.to_string())
}
