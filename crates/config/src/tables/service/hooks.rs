//! `hooks`: what the deploying machine runs itself.

use crate::field::{Field, Shape};
use crate::plan::Hooks;
use crate::section::Section;

/// The keys.
pub(super) const FIELDS: &[Field] = &[
    Field::new(
        "before",
        Shape::List(&Shape::Text, 1),
        "Program and arguments that run when all hosts passed their pre-flight and nothing was changed. When it fails, nothing \
         is.",
        "[\"./announce\", \"begins\"]",
    ),
    Field::new(
        "after",
        Shape::List(&Shape::Text, 1),
        "Program and arguments that run once the new release stays. When it fails that is told, and the release stays.",
        "[\"./purge-cache\"]",
    ),
    Field::new(
        "failed",
        Shape::List(&Shape::Text, 1),
        "Program and arguments that run once it is known that the release does not stay on all hosts. When it fails that is told.",
        "[\"./announce\", \"failed\"]",
    ),
];

/// Reads the table.
pub(super) fn read(section: &Section<'_>) -> Option<Hooks> {
    let table = section.table("hooks")?;
    Some(Hooks { before: table.texts("before"), after: table.texts("after"), failed: table.texts("failed") })
}
