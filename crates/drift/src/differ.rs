//! Where a host and what was accepted of it no longer say the same.

use std::collections::{BTreeMap, BTreeSet};

use crate::patch::hunks;
use crate::thing::{Access, Kind, Thing};

/// One thing that is not as it was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference<'a> {
    /// Its name, a path in most cases.
    pub name: &'a str,
    /// As it was accepted; none if it is new.
    pub was: Option<&'a Thing>,
    /// As it is; none if it is gone.
    pub is: Option<&'a Thing>,
}

/// Everything that differs, in the order of the names.
pub fn differences<'a>(
    accepted: &'a BTreeMap<String, Thing>,
    seen: &'a BTreeMap<String, Thing>,
) -> Vec<Difference<'a>> {
    let names: BTreeSet<&str> = accepted.keys().chain(seen.keys()).map(String::as_str).collect();
    let all = names.into_iter().map(|name| Difference { name, was: accepted.get(name), is: seen.get(name) });
    all.filter(|one| !matches!((one.was, one.is), (Some(was), Some(is)) if was.is_as(is))).collect()
}

impl Difference<'_> {
    /// What became of it, in one word or a few.
    pub fn word(&self) -> &'static str {
        match (self.was, self.is) {
            (None, _) => "is new",
            (_, None) => "is gone",
            (Some(was), Some(is)) => match (&was.kind, &is.kind) {
                (Kind::Content(one), Kind::Content(other)) if one.digest != other.digest => "changed",
                (one, other)
                    if one != other && !matches!((one, other), (Kind::Content(_), Kind::Content(_))) =>
                {
                    "changed"
                }
                _ => "has another owner or mode",
            },
        }
    }

    /// The whole difference as a patch; `text` gives the texts without their secrets, by their names.
    pub fn patch(&self, text: impl Fn(&str) -> Option<String>) -> String {
        let from = if self.was.is_some() { self.name } else { "/dev/null" };
        let to = if self.is.is_some() { self.name } else { "/dev/null" };
        let mut lines = format!("--- {}\n+++ {}\n", plain(from), plain(to));
        let (was, is) = (self.was.and_then(|thing| thing.access), self.is.and_then(|thing| thing.access));
        if let (Some(was), Some(is)) = (was, is) {
            lines.push_str(&modes(was, is));
        }
        let (was, is) = (self.was.map(|thing| &thing.kind), self.is.map(|thing| &thing.kind));
        match (was, is) {
            (Some(Kind::Content(was)), Some(Kind::Content(is))) if was.digest == is.digest => {}
            (Some(Kind::Content(was)), Some(Kind::Content(is))) => match (&was.text, &is.text) {
                (Some(was), Some(is)) if was == is => {
                    lines.push_str("# a secret in it changed; it is not shown\n");
                }
                (Some(was), Some(is)) => match (text(was), text(is)) {
                    (Some(was), Some(is)) => lines.push_str(&hunks(&was, &is)),
                    _ => lines.push_str("# the texts are not at hand\n"),
                },
                _ => lines.push_str("# what it holds changed, and is no text\n"),
            },
            (was, is) => {
                if was.map(without_text) == is.map(without_text) {
                    return lines;
                }
                let side = |kind: Option<&Kind>| kind.map_or_else(String::new, |kind| whole(kind, &text));
                lines.push_str(&hunks(&side(was), &side(is)));
            }
        }
        lines
    }
}

fn modes(was: Access, is: Access) -> String {
    let mut lines = String::new();
    if was.mode != is.mode {
        lines.push_str(&format!("-mode {:04o}\n+mode {:04o}\n", was.mode, is.mode));
    }
    if (was.uid, was.gid) != (is.uid, is.gid) {
        lines.push_str(&format!("-owner {}:{}\n+owner {}:{}\n", was.uid, was.gid, is.uid, is.gid));
    }
    lines
}

fn without_text(kind: &Kind) -> Option<&Kind> {
    (!matches!(kind, Kind::Content(_))).then_some(kind)
}

/// A thing that came or went, as lines.
fn whole(kind: &Kind, text: impl Fn(&str) -> Option<String>) -> String {
    match kind {
        Kind::Folder => "a folder\n".to_owned(),
        Kind::Link(target) => format!("a link to {target}\n"),
        Kind::Other => "neither a file nor a folder\n".to_owned(),
        Kind::Content(content) => match &content.text {
            None => "a file that is no text\n".to_owned(),
            Some(name) => text(name).unwrap_or_else(|| "a text that is not at hand\n".to_owned()),
        },
    }
}

/// A name on one line.
fn plain(name: &str) -> String {
    name.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

/// A sentence about what differs: "/etc/a changed, /etc/b is new and 3 more".
pub fn sentence(found: &[Difference<'_>]) -> String {
    const NAMED: usize = 3;
    let named: Vec<String> =
        found.iter().take(NAMED).map(|one| format!("{} {}", plain(one.name), one.word())).collect();
    match found.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}
