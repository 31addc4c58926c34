//! What is wrong with a file: data first, text last.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::codes::Code;

/// How bad a fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The file cannot be used.
    Error,
    /// The file can be used, and a person should know.
    Warning,
}

impl Level {
    /// `error` or `warning`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One thing that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Stable code and its meaning.
    pub code: Code,
    /// How bad.
    pub level: Level,
    /// What, in one sentence without a full stop. Never quotes a value that may be secret.
    pub what: String,
    /// The file.
    pub file: Arc<str>,
    /// The bytes at fault.
    pub span: Range<usize>,
    /// Line of the first byte, from 1.
    pub line: usize,
    /// Column of the first byte in characters, from 1.
    pub column: usize,
    /// What to write or do instead.
    pub help: Option<String>,
}

impl fmt::Display for Fault {
    /// One line: `muster.toml:9:5: error[M0104]: unknown key …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, what, .. } = self;
        write!(f, "{file}:{line}:{column}: {}[{}]: {what}", self.level.word(), self.code.id)
    }
}

/// Most faults of one file that are kept; the rest is only counted.
pub const FAULT_LIMIT: usize = 1000;

/// Everything that is wrong with a file, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Faults {
    list: Vec<Fault>,
    hidden: Vec<Range<usize>>,
    more: Count,
}

/// How many of each level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// The file cannot be used because of them.
    pub errors: usize,
    /// The file can be used in spite of them.
    pub warnings: usize,
}

impl Count {
    /// One more of that level.
    pub(crate) fn add(&mut self, level: Level) {
        match level {
            Level::Error => self.errors += 1,
            Level::Warning => self.warnings += 1,
        }
    }
}

impl fmt::Display for Count {
    /// `2 errors, 1 warning`; a level that has none is left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let many = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
        match (self.errors, self.warnings) {
            (0, warnings) => f.write_str(&many(warnings, "warning")),
            (errors, 0) => f.write_str(&many(errors, "error")),
            (errors, warnings) => write!(f, "{}, {}", many(errors, "error"), many(warnings, "warning")),
        }
    }
}

impl Faults {
    /// Sorts by place. `hidden` are the bytes that no excerpt may show, because they look like secrets.
    /// `more` counts what was found beyond [`FAULT_LIMIT`].
    pub fn new(mut list: Vec<Fault>, hidden: Vec<Range<usize>>, more: Count) -> Self {
        list.sort_by(|a, b| {
            (a.span.start, a.span.end, a.code.id).cmp(&(b.span.start, b.span.end, b.code.id))
        });
        list.dedup();
        Self { list, hidden, more }
    }

    /// The faults in order.
    pub fn list(&self) -> &[Fault] {
        &self.list
    }

    /// The bytes that no excerpt may show.
    pub fn hidden(&self) -> &[Range<usize>] {
        &self.hidden
    }

    /// True if nothing at all is wrong.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.more == Count::default()
    }

    /// True if the file cannot be used.
    pub fn has_errors(&self) -> bool {
        self.count().errors > 0
    }

    /// How many errors and how many warnings.
    pub fn count(&self) -> Count {
        let mut count = self.more;
        self.list.iter().for_each(|fault| count.add(fault.level));
        count
    }

    /// How many are not in the list because there were too many.
    pub fn more(&self) -> Count {
        self.more
    }
}

impl fmt::Display for Faults {
    /// One line per fault.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in &self.list {
            writeln!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
