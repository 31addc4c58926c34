//! What `[doctor]` says.

/// A finding that is meant to be so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allow {
    /// The rule.
    pub id: String,
    /// What it is about, with `*`; none: all that the rule finds.
    pub subject: Option<String>,
    /// Why.
    pub reason: String,
    /// The day from which it is a finding again: `2027-01-31`.
    pub until: String,
    /// Where it stands in the file, in bytes.
    pub at: usize,
}
