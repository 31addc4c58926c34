//! The log of a run, asked from async code: a page, the end, or the lines with a word in them.

use std::io;
use std::path::{Path, PathBuf};

use muster_core::ids::{ExpectationId, RunId};
use muster_host::state::Layout;
use muster_run::log::read::{Line, page, tail, text};
use muster_run::log::search::{Place, search};

use crate::records::blocking;

/// Lines on one page.
pub const LINES: usize = 400;
/// Bytes that are read at once for a download.
const CHUNK: u64 = 256 * 1024;

/// Which lines are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The last ones.
    End,
    /// From this offset in bytes on.
    From(u64),
    /// Those with this text in them, whatever its case, from this place on.
    With(String, Place),
}

/// Some lines of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The lines; those that were looked for with their places.
    pub lines: Vec<(Line, Option<Place>)>,
    /// The offset in bytes at which they begin.
    pub start: u64,
    /// Where the next ones begin; none at the end. Lines are counted where they were looked through.
    pub next: Option<Place>,
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

/// The next bytes of a log as it was written, from `offset` on; none at its end.
///
/// # Errors
/// When there is no such log, or it cannot be read.
pub async fn chunk(path: PathBuf, offset: u64) -> io::Result<Vec<u8>> {
    let read = blocking(move || text(&path, offset, CHUNK)).await;
    read.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))
}

fn select(path: &Path, wanted: &Wanted) -> io::Result<Excerpt> {
    let whole = |read: muster_run::log::read::Page| Excerpt {
        next: (!read.is_last()).then_some(Place { offset: read.next, lines: 0 }),
        lines: read.lines.into_iter().map(|line| (line, None)).collect(),
        start: read.start,
        size: read.size,
    };
    match wanted {
        Wanted::End => tail(path, LINES).map(whole),
        Wanted::From(offset) => page(path, *offset, LINES).map(whole),
        Wanted::With(text, from) => search(path, text, *from, LINES).map(|found| Excerpt {
            lines: found
                .hits
                .into_iter()
                .map(|hit| (hit.line, Some(Place { offset: hit.offset, lines: hit.number })))
                .collect(),
            start: from.offset,
            next: found.next,
            size: found.size,
        }),
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
        let with = |text: &str| Wanted::With(text.to_owned(), Place::default());
        let found = select(&path, &with("line 99")).expect("read");
        let texts: Vec<_> =
            found.lines.iter().map(|(line, at)| (line.text.as_str(), at.map(|at| at.lines))).collect();
        assert_eq!(texts.len(), 11);
        assert_eq!(
            (texts[0], texts[10], found.next),
            (("Line 99", Some(100)), ("Line 999", Some(1000)), None)
        );
        // A hit leads to its place among the others.
        let offset = found.lines[1].1.expect("a place").offset;
        let there = select(&path, &Wanted::From(offset)).expect("read");
        assert_eq!(there.lines[0].0.text, "Line 990");
        assert!(select(&path, &with("line")).expect("read").next.is_some());
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
