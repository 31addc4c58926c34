//! Pages and tails of a log, for screens and terminals. Reads while the run writes, and after the agent has compressed
//! it, with the same offsets; never more than one mebibyte at once.

use std::io;
use std::path::Path;

use muster_core::time::Timestamp;

use super::Source;
use super::body::Body;

/// Most bytes that one call reads.
pub(super) const READ_LIMIT: u64 = 1 << 20;
/// Length of the time at the start of each line, in bytes.
const TIME: usize = 24;

/// One line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When muster read it. None in a line that is no line of a log.
    pub at: Option<Timestamp>,
    /// Who spoke.
    pub source: Source,
    /// False if the next line of the same source continues this one.
    pub whole: bool,
    /// The text; what is not UTF-8 shows as U+FFFD. May hold control characters.
    pub text: String,
}

/// A part of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The lines in order.
    pub lines: Vec<Line>,
    /// The offset in bytes at which this page begins.
    pub start: u64,
    /// Where the next page begins; read there again for lines that are written meanwhile.
    pub next: u64,
    /// Bytes of text in the whole log by now.
    pub size: u64,
}

impl Page {
    /// True if nothing followed when this was read.
    pub fn is_last(&self) -> bool {
        self.next >= self.size
    }
}

/// Reads at most `limit` lines from `offset` on, which is 0 or a page's `next`. Only whole lines are read; an offset
/// inside a line begins at the next one.
///
/// # Errors
/// When there is no such log, plain or compressed, or it cannot be read.
pub fn page(path: &Path, offset: u64, limit: usize) -> io::Result<Page> {
    page_of(&Body::open(path)?, offset, limit)
}

fn page_of(body: &Body, offset: u64, limit: usize) -> io::Result<Page> {
    let size = body.size()?;
    let bytes = body.read(offset, READ_LIMIT)?;
    let mut start = 0;
    if offset > 0 && body.read(offset - 1, 1)? != b"\n" {
        start = bytes.iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |at| at + 1);
    }
    let mut end = start;
    let mut lines = Vec::new();
    for piece in bytes.get(start..).unwrap_or_default().split_inclusive(|&byte| byte == b'\n') {
        let Some(line) = piece.strip_suffix(b"\n") else { break };
        if lines.len() >= limit {
            break;
        }
        lines.push(parse(line));
        end += piece.len();
    }
    Ok(Page { lines, start: offset + start as u64, next: offset + end as u64, size })
}

/// Reads the text of a log as it was written, from `offset` on, at most `limit` bytes and one mebibyte; empty at the end.
///
/// # Errors
/// As for [`page`].
pub fn text(path: &Path, offset: u64, limit: u64) -> io::Result<Vec<u8>> {
    Body::open(path)?.read(offset, limit.min(READ_LIMIT))
}

/// Reads the last `limit` lines, as far as one mebibyte holds them.
///
/// # Errors
/// As for [`page`].
pub fn tail(path: &Path, limit: usize) -> io::Result<Page> {
    let body = Body::open(path)?;
    let mut page = page_of(&body, body.size()?.saturating_sub(READ_LIMIT), usize::MAX)?;
    let extra = page.lines.len().saturating_sub(limit);
    if extra > 0 {
        // Every line was read from the file byte for byte but its text may have changed in
        // length, so the start of a cut page is found in the file again.
        page.start = start_of_last(&body, page.start, page.next, limit)?;
        page.lines.drain(..extra);
    }
    Ok(page)
}

/// Reads one line of a log. Anything else becomes a line of the job without a time.
pub fn parse(line: &[u8]) -> Line {
    let plain = || Line {
        at: None,
        source: Source::Out,
        whole: true,
        text: String::from_utf8_lossy(line).into_owned(),
    };
    let Some((time, rest)) = line.split_at_checked(TIME) else { return plain() };
    let time = std::str::from_utf8(time).ok().and_then(|text| text.parse::<jiff::Timestamp>().ok());
    let mut parts = rest.strip_prefix(b" ").unwrap_or_default().splitn(2, |&byte| byte == b' ');
    let (Some(time), Some(tag), Some(text)) = (time, parts.next(), parts.next()) else { return plain() };
    let (tag, whole) = match tag.strip_suffix(b"+") {
        Some(tag) => (tag, false),
        None => (tag, true),
    };
    let Some(source) =
        [Source::Out, Source::Err, Source::Run].into_iter().find(|source| source.tag().as_bytes() == tag)
    else {
        return plain();
    };
    Line {
        at: Some(Timestamp::from_millis(time.as_millisecond())),
        source,
        whole,
        text: String::from_utf8_lossy(text).into_owned(),
    }
}

fn start_of_last(body: &Body, start: u64, end: u64, lines: usize) -> io::Result<u64> {
    let bytes = body.read(start, end.saturating_sub(start))?;
    let ends = bytes.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n');
    Ok(ends.map(|(at, _)| start + at as u64 + 1).nth(lines).unwrap_or(start))
}

#[cfg(test)]
mod tests {
    use muster_host::state::Layout;

    use super::super::account::Account;
    use super::super::write::LogWriter;
    use super::*;

    const AT: Timestamp = Timestamp::from_millis(1_795_246_920_123);

    #[test]
    fn pages_join_to_the_whole_log() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("r.log");
        let mut log = LogWriter::create(&path, Account::new(&Layout::new(folder.path()), None));
        for n in 0..25 {
            log.line(AT.shifted(n), Source::Err, n != 3, format!("line {n} \u{fc}\t").as_bytes());
        }
        log.close(AT);
        let (mut offset, mut lines) = (0, Vec::new());
        loop {
            let page = page(&path, offset, 10).expect("read");
            lines.extend(page.lines.clone());
            offset = page.next;
            if page.is_last() {
                break;
            }
        }
        assert_eq!(lines.len(), 25);
        assert!(!lines[3].whole && lines[4].whole);
        assert_eq!(
            lines[24],
            Line {
                at: Some(AT.shifted(24)),
                source: Source::Err,
                whole: true,
                text: "line 24 \u{fc}\t".into()
            }
        );
        let last = tail(&path, 2).expect("read");
        assert_eq!(last.lines, lines[23..]);
        assert_eq!(page(&path, last.start, 10).expect("read").lines, lines[23..]);
        assert_eq!(page(&path, last.start + 5, 10).expect("read").lines, lines[24..], "inside a line");
        assert!(page(&path, 1 << 40, 10).expect("read").lines.is_empty());
    }

    #[test]
    fn a_line_that_is_being_written_is_left_for_the_next_page() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("r.log");
        std::fs::write(&path, b"2026-11-21T07:42:00.123Z out one\n2026-11-21T07:42:00.1").expect("written");
        let page = page(&path, 0, 10).expect("read");
        assert_eq!((page.lines.len(), page.next, page.is_last()), (1, 33, false));
    }

    #[test]
    fn garbage_is_shown_and_not_hidden() {
        for bad in [
            "",
            "hello",
            "2026-11-21T07:42:00.123Z",
            "2026-11-21T07:42:00.123Z who x",
            "2026-99-21T07:42:00.123Z out x",
        ] {
            let line = parse(bad.as_bytes());
            assert_eq!((line.at, line.text.as_str()), (None, bad));
        }
        assert_eq!(parse(b"2026-11-21T07:42:00.123Z out ").text, "");
    }
}
