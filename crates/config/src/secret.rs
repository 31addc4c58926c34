//! Secrets: references in the file, and resolved text that never prints.
//!
//! The file only ever says where a secret is. The host's floor fetches it when it is needed.

use std::fmt;
use std::path::PathBuf;

/// Where a secret is to be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// In this environment variable of the agent: `{ env = "SMTP_PASSWORD" }`.
    Env(String),
    /// In this file, one trailing newline not counted: `{ file = "/etc/muster/smtp.password" }`.
    File(PathBuf),
    /// On the standard output of this program, run without a shell, one trailing newline not counted:
    /// `{ command = ["pass", "show", "smtp"] }`. Never empty.
    Command(Vec<String>),
}

impl fmt::Display for SecretRef {
    /// As the file says it; the place is no secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "{{ env = {name:?} }}"),
            Self::File(path) => write!(f, "{{ file = {path:?} }}"),
            Self::Command(words) => write!(f, "{{ command = {words:?} }}"),
        }
    }
}

/// A value that may be written openly or referred to, such as an URL with or without a token in it.
#[derive(Clone, PartialEq, Eq)]
pub enum MaybeSecret {
    /// Written in the file.
    Plain(String),
    /// Referred to.
    Secret(SecretRef),
}

impl fmt::Debug for MaybeSecret {
    /// A plain value may still carry a token (an URL does), so only a reference is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(_) => f.write_str("Plain(***)"),
            Self::Secret(reference) => f.debug_tuple("Secret").field(reference).finish(),
        }
    }
}

/// The text of a secret. It shows as `***` wherever it is printed.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Keeps the text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that sends or compares it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_prints() {
        let secret = Secret::new("hunter2");
        assert_eq!(
            format!("{secret} {secret:?} {:?}", MaybeSecret::Plain("hunter2".into())),
            "*** *** Plain(***)"
        );
        assert_eq!(secret.expose(), "hunter2");
    }
}
