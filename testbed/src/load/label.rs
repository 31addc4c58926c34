//! The kinds of clients, and what became of a request.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a client does over and over again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// GET on a connection that is kept.
    Get,
    /// POST on a connection that is kept.
    Post,
    /// A GET that takes [`super::SLOW`] milliseconds, on a connection that is kept.
    Slow,
    /// The same on a connection of its own.
    SlowClose,
    /// GET, each on a connection of its own.
    Close,
    /// A WebSocket that is kept open; a request is one echo.
    #[serde(rename = "websocket")]
    WebSocket,
    /// An event stream that is kept open; a request is one event.
    Events,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Get, Self::Post, Self::Slow, Self::SlowClose, Self::Close, Self::WebSocket, Self::Events];

    /// Its word, as in a report.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
            Self::Slow => "slow",
            Self::SlowClose => "slow-close",
            Self::Close => "close",
            Self::WebSocket => "websocket",
            Self::Events => "events",
        }
    }
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Label {
    /// A good answer.
    Ok,
    /// A whole answer with another status than was asked for.
    Status(u16),
    /// No connection: refused, or not in time.
    Connect,
    /// The connection ended or was reset.
    Broken {
        /// An answer had come over it before.
        reused: bool,
        /// The answer to this request had begun.
        begun: bool,
    },
    /// A whole answer, to something else than was asked.
    WrongBody,
    /// No whole answer in time.
    Timeout,
    /// A stream was ended, in order or not.
    StreamEnded,
}

impl fmt::Display for Label {
    fn fmt(&self, form: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => form.write_str("ok"),
            Self::Status(status) => write!(form, "status-{status}"),
            Self::Connect => form.write_str("connect"),
            Self::Broken { reused, begun } => {
                let connection = if *reused { "reused" } else { "fresh" };
                let place = if *begun { "after" } else { "before" };
                write!(form, "{connection}-{place}-first-byte")
            }
            Self::WrongBody => form.write_str("wrong-body"),
            Self::Timeout => form.write_str("timeout"),
            Self::StreamEnded => form.write_str("stream-ended"),
        }
    }
}

impl Label {
    fn read(text: &str) -> Option<Self> {
        let broken = |reused, begun| Some(Self::Broken { reused, begun });
        match text {
            "ok" => Some(Self::Ok),
            "connect" => Some(Self::Connect),
            "fresh-before-first-byte" => broken(false, false),
            "fresh-after-first-byte" => broken(false, true),
            "reused-before-first-byte" => broken(true, false),
            "reused-after-first-byte" => broken(true, true),
            "wrong-body" => Some(Self::WrongBody),
            "timeout" => Some(Self::Timeout),
            "stream-ended" => Some(Self::StreamEnded),
            _ => text.strip_prefix("status-")?.parse().ok().map(Self::Status),
        }
    }
}

impl Serialize for Label {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Label {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::read(&text).ok_or_else(|| serde::de::Error::custom(format!("no label {text:?}")))
    }
}
