//! Names. Each is a checked text of its own type, so that a run cannot be passed where a signal is meant.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// A text that cannot be used as a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing there.
    #[error("a name must not be empty")]
    Empty,
    /// More characters than the limit.
    #[error("a name may have at most {0} characters")]
    TooLong(usize),
    /// A character outside `A-Z a-z 0-9 . _ - @ :` or a leading dot or dash.
    #[error(
        "{0:?} is not allowed here: use letters, digits, '-', '_', '.', '@' and ':', not starting with '.' or '-'"
    )]
    Character(char),
}

fn check(text: &str, limit: usize) -> Result<(), NameError> {
    if text.len() > limit {
        return Err(NameError::TooLong(limit));
    }
    match text.chars().next() {
        None => return Err(NameError::Empty),
        // A leading dot or dash would be a hidden file or an option somewhere.
        Some(first @ ('.' | '-')) => return Err(NameError::Character(first)),
        Some(_) => {}
    }
    match text.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@' | ':'))) {
        Some(odd) => Err(NameError::Character(odd)),
        None => Ok(()),
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $limit:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(Arc<str>);

        impl $type {
            /// Checks and keeps the text.
            ///
            /// # Errors
            /// [`NameError`] for an empty, overlong or unsafe text.
            pub fn new(text: impl AsRef<str>) -> Result<Self, NameError> {
                check(text.as_ref(), $limit)?;
                Ok(Self(Arc::from(text.as_ref())))
            }

            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl FromStr for $type {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $type {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0.as_ref().to_owned()
            }
        }
    };
}

name! {
    /// Who must report: the table and the name of `muster.toml` joined by a dot, such as `job.nightly-export`,
    /// `check.nas-sync`, `duty.spool`, `channel.ops`. At most 128 bytes.
    ExpectationId, 128
}
name! {
    /// One run of a job, or the `rid` of a ping. Sortable by time when made by muster. At most 64 bytes.
    RunId, 64
}
name! {
    /// One signal; hearing the same id twice changes nothing. At most 64 bytes.
    SignalId, 64
}
name! {
    /// A way to tell people, as named under `[notify]`. At most 64 bytes.
    ChannelName, 64
}
name! {
    /// One incident: from the first bad news about an expectation to its end. At most 160 bytes.
    IncidentId, 160
}

impl ExpectationId {
    /// The table: `job` of `job.nightly-export`.
    pub fn table(&self) -> &str {
        self.0.split_once('.').map_or("", |(table, _)| table)
    }

    /// The name: `nightly-export` of `job.nightly-export`.
    pub fn name(&self) -> &str {
        self.0.split_once('.').map_or(&self.0, |(_, name)| name)
    }

    /// Joins a table and a name.
    ///
    /// # Errors
    /// [`NameError`] as for [`ExpectationId::new`].
    pub fn of(table: &str, name: &str) -> Result<Self, NameError> {
        check(name, 100)?;
        Self::new(format!("{table}.{name}"))
    }
}

impl IncidentId {
    /// The id of the incident of `about` that opened then: `job.nightly-export@1795246920000`. Always a valid name:
    /// the longest is 128 + 1 + 20 bytes.
    pub fn of(about: &ExpectationId, opened: Timestamp) -> Self {
        Self(Arc::from(format!("{about}@{}", opened.millis())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_safe_as_a_file_and_as_an_argument() {
        for bad in ["", "-x", ".hidden", "a/b", "a b", "ä", "a\nb"] {
            assert!(RunId::new(bad).is_err(), "{bad:?}");
        }
        assert!(RunId::new("a".repeat(65)).is_err());
        assert!(RunId::new("20261121T074200Z-1f").is_ok());
    }

    #[test]
    fn an_expectation_knows_its_table() {
        let id = ExpectationId::of("job", "nightly.export").expect("valid");
        assert_eq!((id.table(), id.name()), ("job", "nightly.export"));
    }
}
