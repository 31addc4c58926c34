//! `credentials`: secrets of the hosts that systemd hands to a service.

use std::path::PathBuf;

use crate::codes;
use crate::plan::RuntimeSpec;
use crate::section::Section;

/// Most credentials of a service.
const LIMIT: usize = 50;

/// Reads the table: names, and the files on the hosts. None after a fault.
pub(super) fn read(section: &Section<'_>, runtime: &RuntimeSpec) -> Option<Vec<(String, PathBuf)>> {
    if section.has("credentials") && matches!(runtime, RuntimeSpec::Docker { .. }) {
        section.contradiction(
            "credentials",
            "credentials are handed over by systemd, and this service is run by Docker",
            "write a read-only volume in place of it, such as \"/etc/api/db.key:/run/db.key:ro\"",
        );
        return None;
    }
    let mut found = Vec::new();
    for (name, key, file, value) in section.plain("credentials") {
        let refuse = |place, what: &str, help: &str| {
            section.reading().error(codes::BAD_VALUE, place, what.to_owned()).help(help.to_owned());
        };
        if !is_credential(&name) {
            refuse(&key, "this is no name of a credential", "write letters, digits, `-`, `_` and `.`");
            return None;
        }
        if file.contains(char::is_control) {
            refuse(&value, "this cannot stand in a unit", "take the control characters out");
            return None;
        }
        if found.len() >= LIMIT {
            refuse(&key, "more credentials than are read", "keep it to fifty");
            return None;
        }
        found.push((name, PathBuf::from(file)));
    }
    Some(found)
}

/// It becomes the name of a file.
fn is_credential(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 100
        && !text.starts_with('.')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}
