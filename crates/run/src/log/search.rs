//! Finds the lines of a log that hold a text, from a place on, a bounded number at once.

use std::io;
use std::path::Path;

use super::body::Body;
use super::read::{Line, READ_LIMIT, parse};

/// Bytes of text that one call looks through at most.
pub const SCAN_LIMIT: u64 = 32 << 20;
/// Longest text that is looked for, in bytes; the rest of a longer one is not looked at.
pub const TEXT_LIMIT: usize = 1024;

/// A place in a log from which a search goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// Bytes of text before it; the start of a line.
    pub offset: u64,
    /// Lines before it.
    pub lines: u64,
}

/// A line with the text in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Its number, from 1 on.
    pub number: u64,
    /// Where it begins in the text of the log, in bytes: a page read from there begins with it.
    pub offset: u64,
    /// The line, with time and source.
    pub line: Line,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The lines in order.
    pub hits: Vec<Hit>,
    /// Where to look on for more; none once the end was reached.
    pub next: Option<Place>,
    /// Bytes of text in the whole log by now.
    pub size: u64,
}

/// Finds at most `limit` lines from `from` on whose text holds `text`, whatever its case. An empty text is in every line.
///
/// Where the log has shrunk since `from` was given, nothing is found.
///
/// # Errors
/// When there is no such log, plain or compressed, or it cannot be read.
pub fn search(log: &Path, text: &str, from: Place, limit: usize) -> io::Result<Found> {
    let wanted = Wanted::new(text);
    let body = Body::open(log)?;
    let size = body.size()?;
    let mut found = Found { hits: Vec::new(), next: None, size };
    let mut at = from;
    while at.offset < size {
        if at.offset - from.offset >= SCAN_LIMIT {
            found.next = Some(at);
            return Ok(found);
        }
        let bytes = body.read(at.offset, READ_LIMIT)?;
        let before = at.offset;
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            // A line that is being written is left for later.
            let Some(raw) = piece.strip_suffix(b"\n") else { break };
            let line = parse(raw);
            if wanted.is_in(&line.text) {
                if found.hits.len() >= limit {
                    found.next = Some(at);
                    return Ok(found);
                }
                found.hits.push(Hit { number: at.lines + 1, offset: at.offset, line });
            }
            at = Place { offset: at.offset + piece.len() as u64, lines: at.lines + 1 };
        }
        if at.offset == before {
            break;
        }
    }
    Ok(found)
}

/// A text without case.
struct Wanted {
    folded: String,
    ascii: bool,
}

impl Wanted {
    fn new(text: &str) -> Self {
        let end = (0..=text.len().min(TEXT_LIMIT)).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        let folded = text.get(..end).unwrap_or_default().to_lowercase();
        Self { ascii: folded.is_ascii(), folded }
    }

    fn is_in(&self, text: &str) -> bool {
        // Folding all text costs much more than looking at it.
        if self.ascii && text.is_ascii() {
            let wanted = self.folded.as_bytes();
            let Some(first) = wanted.first() else { return true };
            let text = text.as_bytes();
            return text.iter().enumerate().any(|(at, byte)| {
                byte.to_ascii_lowercase() == *first
                    && text.get(at..at + wanted.len()).is_some_and(|part| part.eq_ignore_ascii_case(wanted))
            });
        }
        text.to_lowercase().contains(&self.folded)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Source;
    use super::super::body::packed_path;
    use super::super::packed::pack;
    use super::*;

    fn log(folder: &Path) -> std::path::PathBuf {
        let path = folder.join("r.log");
        let lines = (0..20_000).map(|n| {
            let source = if n % 2 == 0 { "out" } else { "err" };
            format!("2026-11-21T07:42:00.123Z {source} Zeile {n} \u{c4}rger out of memory\n")
        });
        std::fs::write(&path, lines.collect::<String>() + "2026-11-21T07:42:00.123Z out half")
            .expect("written");
        path
    }

    #[test]
    fn a_search_names_the_line_its_source_and_its_place_whatever_the_case() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = log(folder.path());
        let found = search(&path, "zEILE 1999", Place::default(), 100).expect("read");
        let numbers: Vec<u64> = found.hits.iter().map(|hit| hit.number).collect();
        assert_eq!(
            numbers,
            [2000, 19_991, 19_992, 19_993, 19_994, 19_995, 19_996, 19_997, 19_998, 19_999, 20_000]
        );
        assert_eq!(found.next, None);
        assert_eq!(found.hits[0].line.source, Source::Err);
        assert_eq!(found.hits[0].line.at.map(|at| at.millis()), Some(1_795_246_920_123));
        let page = super::super::read::page(&path, found.hits[3].offset, 1).expect("read");
        assert_eq!(page.lines, [found.hits[3].line.clone()]);
        assert_eq!(search(&path, "\u{e4}RGER", Place::default(), 5).expect("read").hits.len(), 5);
        assert_eq!(search(&path, "half", Place::default(), 5).expect("read").hits, [], "it is being written");
        assert_eq!(
            search(&path, "2026-11", Place::default(), 5).expect("read").hits,
            [],
            "times are no text"
        );
    }

    #[test]
    fn pages_of_hits_join_without_gap_or_repetition_also_when_the_log_is_compressed_in_between() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = log(folder.path());
        let (mut from, mut numbers) = (Place::default(), Vec::new());
        let mut pages = 0;
        loop {
            let found = search(&path, "7 ", from, 700).expect("read");
            numbers.extend(found.hits.iter().map(|hit| hit.number));
            pages += 1;
            if pages == 2 {
                let mut text = std::fs::File::open(&path).expect("there");
                let mut to = std::fs::File::create(packed_path(&path)).expect("made");
                pack(&mut text, &mut to, &mut |_| true).expect("packed");
                std::fs::remove_file(&path).expect("removed");
            }
            let Some(next) = found.next else { break };
            from = next;
        }
        let all: Vec<u64> = (0..20_000).filter(|n| n % 10 == 7).map(|n| n + 1).collect();
        assert_eq!((numbers, pages), (all, 3));
    }
}
