//! Hosts made of a few files or facts, in which a rule finds its trap, or must not. They are its tests and its examples.

use crate::facts::Facts;

/// A host.
#[derive(Debug, Clone, Copy)]
pub struct Fixture {
    /// What it shows, in a few words.
    pub says: &'static str,
    /// Files that are put on an otherwise empty Debian.
    pub files: &'static [Planted],
    /// What only a running host can show, put into the facts afterwards.
    pub facts: fn(&mut Facts),
}

/// A file; a path that ends with `/` is a folder.
#[derive(Debug, Clone, Copy)]
pub struct Planted {
    /// Where.
    pub path: &'static str,
    /// Permission bits, or [`LINK`].
    pub mode: u32,
    /// What it holds, or where a link leads.
    pub text: &'static str,
}

impl Fixture {
    /// A host of files alone.
    pub const fn files(says: &'static str, files: &'static [Planted]) -> Self {
        Self { says, files, facts: |_| {} }
    }

    /// A host of files, of which something is told besides.
    pub const fn with(says: &'static str, files: &'static [Planted], facts: fn(&mut Facts)) -> Self {
        Self { says, files, facts }
    }

    /// A host of which only facts are told.
    pub const fn facts(says: &'static str, facts: fn(&mut Facts)) -> Self {
        Self { says, files: &[], facts }
    }
}

/// The mode of a symbolic link.
pub const LINK: u32 = 0o120_777;

/// A symbolic link.
pub const fn link(path: &'static str, target: &'static str) -> Planted {
    Planted { path, mode: LINK, text: target }
}

/// A folder that everybody may enter.
pub const fn folder(path: &'static str) -> Planted {
    Planted { path, mode: 0o755, text: "" }
}

/// A file that everybody may read.
pub const fn file(path: &'static str, text: &'static str) -> Planted {
    Planted { path, mode: 0o644, text }
}

/// A program.
pub const fn program(path: &'static str, text: &'static str) -> Planted {
    Planted { path, mode: 0o755, text }
}

/// A file with these permission bits.
pub const fn moded(path: &'static str, mode: u32, text: &'static str) -> Planted {
    Planted { path, mode, text }
}
