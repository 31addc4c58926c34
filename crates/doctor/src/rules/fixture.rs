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
    /// Permission bits.
    pub mode: u32,
    /// What it holds.
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
