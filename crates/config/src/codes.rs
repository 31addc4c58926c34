//! The stable codes of configuration faults. A code is never given a second meaning; documents are generated from
//! this table.

/// One code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// `M01` and two digits.
    pub id: &'static str,
    /// What it means, in one sentence.
    pub sentence: &'static str,
}

macro_rules! codes {
    ($($name:ident = $id:literal, $sentence:literal;)*) => {
        $(#[doc = $sentence] pub const $name: Code = Code { id: $id, sentence: $sentence };)*
        /// Every code, in order.
        pub const CODES: &[Code] = &[$($name),*];
    };
}

codes! {
    SYNTAX = "M0101", "The file is not TOML.";
    TOO_LARGE = "M0102", "The file is larger than 1 MiB.";
    UNKNOWN_TABLE = "M0103", "No table of this name exists.";
    UNKNOWN_KEY = "M0104", "The table has no key of this name.";
    WRONG_TYPE = "M0105", "The value is of another type than the key takes.";
    MISSING = "M0106", "A key that the table cannot do without is missing.";
    BAD_VALUE = "M0107", "The value has the right type and is not one that the key takes.";
    INLINE_SECRET = "M0108", "A secret stands in the file itself instead of a reference to it.";
    BAD_REFERENCE = "M0109", "A secret reference does not say exactly one of env, file and command.";
    UNKNOWN_KIND = "M0110", "No kind of this name exists.";
    BAD_NAME = "M0111", "The name cannot be used as a name.";
    UNKNOWN_NAME = "M0112", "The value refers to something that the file does not define.";
    CYCLE = "M0113", "Names refer to each other in a circle.";
    CONTRADICTION = "M0114", "Two keys of a table cannot both hold.";
    SCHEDULE = "M0115", "The text is not a cron expression.";
    ZONE = "M0116", "The text is not an IANA time zone.";
    PUBLIC_LISTENER = "M0117", "The listener can be reached from other machines and has no password or no TLS.";
    NOT_YET = "M0118", "This release does not do it yet, and ignoring it would leave something unwatched.";
    TOO_MANY = "M0119", "The file has more than 5000 expectations.";
    NO_RHYTHM = "M0120", "Warning: nothing says when it should run, so its absence cannot be noticed.";
    NOBODY_TOLD = "M0121", "Warning: an alarm about it reaches nobody.";
    NO_EFFECT = "M0122", "Warning: the key has no effect here.";
    TOO_WIDE = "M0123", "Warning: a limit is so wide that it hides what it should show.";
    PATTERN = "M0124", "The text is not a regular expression, or not a path with wildcards.";
    ASSERTION = "M0125", "The text is not an assertion, or one about something else than this kind sees.";
    TAKEN = "M0126", "Two services of one host cannot answer for the same name.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_in_order() {
        assert!(CODES.windows(2).all(|pair| pair[0].id < pair[1].id));
    }
}
