//! The log of one run: one line of text per line of output, in the order in which it arrived.
//!
//! ```text
//! 2026-11-21T07:42:00.123Z out exporting table orders
//! 2026-11-21T07:42:00.124Z err warning: 3 rows without a customer
//! 2026-11-21T07:42:01.900Z out+ 42 %
//! 2026-11-21T07:42:02.100Z out  done
//! 2026-11-21T07:42:02.107Z run exit code 0
//! ```
//!
//! Each line is a time (UTC, milliseconds, always 24 bytes), a blank, a tag, a blank, and the text. The tags are `out`,
//! `err`, and `run` for muster's own words. A tag with `+` says that the text did not end in a newline there: it was a
//! prompt that stood for a second, or a line longer than 16 KiB, and the next text of that stream continues it. The
//! text is what the job wrote, byte for byte.
//!
//! A log has at most 16 MiB, and at most a sixteenth of what all logs together may have: its beginning and the last
//! sixteenth, with a `run` line between them that says how much is missing. The time is when muster read the text; programs that buffer write later than they speak.
//!
//! | module | holds |
//! |---|---|
//! | [`write`] | the wrapper's side |
//! | [`read`], [`search`] | pages, tails and lines with a text, for screens and terminals |
//! | `body`, `packed` | a log as bytes, compressed or not |
//! | [`recent`] | the last bytes of something endless |
//! | [`bounds`], [`account`] | how much stays, and who may write how much |
//! | `shelf`, [`pack`] | which logs there are, what goes first; compresses those that are finished |

pub mod account;
mod body;
pub mod bounds;
pub mod pack;
mod packed;
pub mod read;
pub(crate) mod recent;
pub mod search;
mod shelf;
pub(crate) mod write;

/// Longest text of one line in bytes; more goes on in the next line.
pub const LINE_LIMIT: usize = 16 << 10;

/// The run whose log is in a file of this name, compressed or not; none for other files.
pub fn run_of(file: &str) -> Option<&str> {
    file.strip_suffix(".zst").unwrap_or(file).strip_suffix(".log").filter(|run| !run.starts_with('.'))
}

/// Who speaks in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The job's standard output.
    Out,
    /// The job's standard error.
    Err,
    /// muster itself.
    Run,
}

impl Source {
    /// The tag in the file.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Out => "out",
            Self::Err => "err",
            Self::Run => "run",
        }
    }
}
