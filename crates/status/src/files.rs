//! All files of a page, by name, in the order in which they are written: whoever reads the first page finds what it links to.

use crate::html::GENERATOR;
use crate::page::Page;
use crate::{atom, html, json};

/// The names, the first page last.
pub const NAMES: [&str; 4] = ["history.html", "feed.atom", "status.json", "index.html"];

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// One of [`NAMES`].
    pub name: &'static str,
    /// What is in it.
    pub text: String,
}

/// Every file of the page.
pub fn files(page: &Page) -> [File; NAMES.len()] {
    let [history, feed, status, index] = NAMES;
    [
        File { name: history, text: html::history(page) },
        File { name: feed, text: atom::feed(page) },
        File { name: status, text: json::status(page) },
        File { name: index, text: html::index(page) },
    ]
}

/// True if the file of this name was made by us: its beginning says so.
pub fn is_ours(name: &str, beginning: &[u8]) -> bool {
    NAMES.contains(&name) && String::from_utf8_lossy(beginning).contains(GENERATOR)
}

#[cfg(test)]
mod tests;
