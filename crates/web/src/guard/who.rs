//! The asker, and what they may do.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::guard::far_end::FarEnd;

/// One thing that a token may allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Read everything, output of runs included.
    Read,
    /// Acknowledge, pause, resume, test a channel.
    Act,
    /// Send heartbeats.
    Ping,
}

impl Scope {
    /// One word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Act => "act",
            Self::Ping => "ping",
        }
    }
}

/// What a token allows; as text `read act`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scopes(Vec<Scope>);

/// A text that is no list of scopes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown scope {0:?}: use read, act and ping")]
pub struct ScopeError(String);

impl Scopes {
    /// These scopes.
    pub fn new(scopes: Vec<Scope>) -> Self {
        Self(scopes)
    }

    /// True if this one is among them.
    pub fn has(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }
}

impl FromStr for Scopes {
    type Err = ScopeError;
    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let scopes = text.split_whitespace().map(|word| {
            [Scope::Read, Scope::Act, Scope::Ping]
                .into_iter()
                .find(|scope| scope.word() == word)
                .ok_or_else(|| ScopeError(word.to_owned()))
        });
        Ok(Self(scopes.collect::<Result<_, _>>()?))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.0.iter().map(|scope| scope.word()).collect();
        f.write_str(&words.join(" "))
    }
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// Nobody known.
    Nobody,
    /// A signed-in person.
    Person {
        /// Their name.
        name: String,
        /// What a form of theirs must carry.
        csrf: String,
        /// The session, to end it.
        session: String,
    },
    /// A program with a token.
    Program {
        /// The token's name.
        name: String,
        /// What it allows.
        scopes: Scopes,
    },
    /// Root or the agent's own user, over the control socket.
    Operator,
}

/// One asker, as the gate saw them.
#[derive(Debug, Clone)]
pub struct Asker {
    /// Who.
    pub who: Who,
    /// From where.
    pub far_end: FarEnd,
    /// Nobody beyond this machine can have sent the request.
    pub private: bool,
    /// The browser speaks https (to us, or to a proxy of ours).
    pub https: bool,
    /// The origin under which they reach us, for addresses that are shown.
    pub here: String,
}

impl Asker {
    /// True if they may do what the scope names. Reading pages without a sign-in is [`Asker::may_look`].
    pub fn may(&self, scope: Scope) -> bool {
        match &self.who {
            Who::Nobody => false,
            Who::Person { .. } | Who::Operator => true,
            Who::Program { scopes, .. } => scopes.has(scope),
        }
    }

    /// True if they may see pages. Output of runs needs [`Scope::Read`], because it may hold secrets that an
    /// account on this machine must not see.
    pub fn may_look(&self) -> bool {
        self.private || self.may(Scope::Read)
    }

    /// How they are named in the record.
    pub fn name(&self) -> &str {
        match &self.who {
            Who::Nobody => "nobody",
            Who::Person { name, .. } | Who::Program { name, .. } => name,
            Who::Operator => "operator",
        }
    }

    /// What their forms must carry.
    pub fn csrf(&self) -> Option<&str> {
        match &self.who {
            Who::Person { csrf, .. } => Some(csrf),
            Who::Nobody | Who::Program { .. } | Who::Operator => None,
        }
    }
}
