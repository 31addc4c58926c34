//! A name as a person types it: with or without its table.

use std::fmt;
use std::str::FromStr;

use muster_core::ids::{ExpectationId, NameError};

/// Tables that a bare name is looked for in, in this order.
const TABLES: [&str; 6] = ["job", "check", "peer", "drift", "channel", "duty"];

/// `nightly-export` or `job.nightly-export`, checked to be safe as an expectation's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name(String);

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        ExpectationId::new(text)?;
        ExpectationId::of("job", text)?;
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a name may mean among what is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// This one.
    One(ExpectationId),
    /// More than one table has it.
    Many(Vec<ExpectationId>),
    /// Nothing; these are the nearest names.
    None(Vec<ExpectationId>),
}

impl Name {
    /// Finds what is meant: the whole id first, then a bare name in any table.
    pub(crate) fn among<'a>(&self, known: impl Iterator<Item = &'a ExpectationId> + Clone) -> Meaning {
        if let Some(id) = known.clone().find(|id| id.as_str() == self.0) {
            return Meaning::One(id.clone());
        }
        let mut same: Vec<ExpectationId> = known.clone().filter(|id| id.name() == self.0).cloned().collect();
        match (same.pop(), same.is_empty()) {
            (Some(only), true) => Meaning::One(only),
            (Some(last), false) => {
                same.push(last);
                Meaning::Many(same)
            }
            (None, _) => {
                let mut near: Vec<ExpectationId> = known
                    .filter(|id| is_near(id.name(), &self.0) || is_near(id.as_str(), &self.0))
                    .cloned()
                    .collect();
                near.truncate(3);
                Meaning::None(near)
            }
        }
    }

    /// The id if it names its table, or the one in `table` if it does not.
    ///
    /// # Errors
    /// [`NameError`] when the two together are too long.
    pub(crate) fn or_in(&self, table: &str) -> Result<ExpectationId, NameError> {
        match self.0.split_once('.') {
            Some((first, rest)) if TABLES.contains(&first) && !rest.is_empty() => ExpectationId::new(&self.0),
            _ => ExpectationId::of(table, &self.0),
        }
    }
}

/// The same but for case, or one contains the other.
fn is_near(known: &str, typed: &str) -> bool {
    let (known, typed) = (known.to_ascii_lowercase(), typed.to_ascii_lowercase());
    typed.len() >= 3 && (known.contains(&typed) || typed.contains(&known))
        || strsim::damerau_levenshtein(&known, &typed) <= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ExpectationId {
        ExpectationId::new(text).expect("valid")
    }

    #[test]
    fn a_bare_name_means_the_only_table_that_has_it() {
        let known = [id("job.export"), id("job.sync"), id("check.sync"), id("job.a.b")];
        let among = |text: &str| text.parse::<Name>().expect("valid").among(known.iter());
        assert_eq!(among("export"), Meaning::One(id("job.export")));
        assert_eq!(among("job.export"), Meaning::One(id("job.export")));
        assert_eq!(among("a.b"), Meaning::One(id("job.a.b")));
        assert_eq!(among("sync"), Meaning::Many(vec![id("job.sync"), id("check.sync")]));
        assert_eq!(among("exprot"), Meaning::None(vec![id("job.export")]));
        assert_eq!(among("zebra"), Meaning::None(vec![]));
    }

    #[test]
    fn a_name_without_a_table_goes_into_the_one_that_is_usual() {
        let name = |text: &str| text.parse::<Name>().expect("valid");
        assert_eq!(name("x").or_in("job"), Ok(id("job.x")));
        assert_eq!(name("check.x").or_in("job"), Ok(id("check.x")));
        assert_eq!(name("db.dump").or_in("job"), Ok(id("job.db.dump")));
        assert!("a/b".parse::<Name>().is_err());
        assert!("-x".parse::<Name>().is_err());
    }
}
