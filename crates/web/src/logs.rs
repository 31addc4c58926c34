//! The log of a run, asked from async code: a page, the end, or the lines with a word in them.

use std::io;
use std::path::{Path, PathBuf};

use muster_core::ids::{ExpectationId, RunId};
use muster_host::state::Layout;
use muster_run::log::read::{Line, page, tail};

use crate::records::blocking;

/// Lines on one page.
pub const LINES: usize = 400;

/// Which lines are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The last ones.
    End,
    /// From this offset in bytes on.
    From(u64),
    /// Those with this text in them, whatever its case, from this offset on.
    With(String, u64),
}

/// Some lines of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The lines.
    pub lines: Vec<Line>,
    /// The offset in bytes at which they begin.
    pub start: u64,
    /// Where the next ones begin; none at the end.
    pub next: Option<u64>,
    /// Bytes in the whole log.
    pub size: u64,
}

/// Where the log of a run is, if a run of this expectation can have one here.
pub fn path(layout: &Layout, about: &ExpectationId, run: &RunId) -> Option<PathBuf> {
    // A name such as ".." is fit for an id and not for a folder.
    let safe = ExpectationId::of(about.table(), about.name()).is_ok();
    (safe && about.table() == "job").then(|| layout.run_log(about.name(), run))
}

/// Reads lines; none if there is no such log.
///
/// # Errors
/// When it is there and cannot be read.
pub async fn read(path: PathBuf, wanted: Wanted) -> io::Result<Option<Excerpt>> {
    let read = blocking(move || match select(&path, &wanted) {
        Ok(excerpt) => Ok(Some(excerpt)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    });
    read.await.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))
}

fn select(path: &Path, wanted: &Wanted) -> io::Result<Excerpt> {
    let whole = |read: muster_run::log::read::Page| Excerpt {
        next: (!read.is_last()).then_some(read.next),
        lines: read.lines,
        start: read.start,
        size: read.size,
    };
    match wanted {
        Wanted::End => tail(path, LINES).map(whole),
        Wanted::From(offset) => page(path, *offset, LINES).map(whole),
        Wanted::With(text, offset) => search(path, &text.to_lowercase(), *offset),
    }
}

fn search(path: &Path, text: &str, offset: u64) -> io::Result<Excerpt> {
    let mut found = Excerpt { lines: Vec::new(), start: offset, next: None, size: 0 };
    let mut at = offset;
    loop {
        let read = page(path, at, LINES)?;
        found.size = read.size;
        let (is_last, stuck) = (read.is_last(), read.next == at);
        at = read.next;
        found.lines.extend(read.lines.into_iter().filter(|line| line.text.to_lowercase().contains(text)));
        // A line that is being written is no progress either.
        if is_last || stuck {
            return Ok(found);
        }
        if found.lines.len() >= LINES {
            found.next = Some(at);
            return Ok(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_reads_past_the_first_page() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("r.log");
        let lines = (0..1000).map(|n| format!("2026-11-21T07:42:00.123Z err Line {n}\n"));
        std::fs::write(&path, lines.collect::<String>()).expect("written");
        let found = search(&path, "line 99", 0).expect("read");
        let texts: Vec<_> = found.lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts.len(), 11);
        assert_eq!((texts[0], texts[10], found.next), ("Line 99", "Line 999", None));
        assert!(search(&path, "line", 0).expect("read").next.is_some());
    }

    #[test]
    fn only_a_job_has_a_log_and_no_name_leads_elsewhere() {
        let layout = Layout::new("/state");
        let run = RunId::new("r").expect("valid");
        let at = |id| path(&layout, &ExpectationId::new(id).expect("valid"), &run);
        assert_eq!(at("job.x"), Some(PathBuf::from("/state/runs/x/r.log")));
        assert_eq!(at("job..."), None);
        assert_eq!(at("check.x"), None);
    }
}
