//! The text of a configuration file, and where in it a byte lies.

use std::ops::Range;

/// Largest file that is read, in bytes.
pub const FILE_LIMIT: usize = 2 * 1024 * 1024;

/// A configuration file and what is known about the host that reads it.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Name of the file as people should see it, such as `/etc/muster/muster.toml`.
    pub file: &'a str,
    /// The whole text.
    pub text: &'a str,
    /// The host's IANA time zone, used where the file names none.
    pub zone: &'a str,
    /// The host's name, used where the file gives muster none.
    pub host: &'a str,
}

/// The starts of all lines of a text.
#[derive(Debug, Clone)]
pub struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    /// Looks the whole text over once.
    pub fn of(text: &str) -> Self {
        let mut starts = vec![0];
        starts.extend(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1));
        Self { starts }
    }

    /// Line and column of a byte offset, both from 1; the column counts characters. An offset past the end counts as
    /// the end.
    pub fn place(&self, text: &str, offset: usize) -> (usize, usize) {
        let offset = floor_boundary(text, offset);
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or(0);
        let column = text.get(start..offset).map_or(0, |before| before.chars().count()) + 1;
        (line, column)
    }

    /// The byte range of all lines that a range touches, line ends excluded, and the number of the first line.
    pub fn around(&self, text: &str, span: &Range<usize>) -> (usize, Range<usize>) {
        let (line, _) = self.place(text, span.start);
        let start = self.starts.get(line - 1).copied().unwrap_or(0);
        let last = floor_boundary(text, span.end.max(span.start));
        let end = text.get(last..).and_then(|rest| rest.find('\n')).map_or(text.len(), |at| last + at);
        (line, start..end)
    }
}

/// The largest character boundary that is not after `offset`.
fn floor_boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_counts_characters_and_not_bytes() {
        let text = "a = 1\nü = \"ß\" x\n";
        let lines = Lines::of(text);
        assert_eq!(lines.place(text, 0), (1, 1));
        assert_eq!(lines.place(text, text.find('x').expect("there")), (2, 9));
        assert_eq!(lines.place(text, 7), (2, 1), "inside the two bytes of ü");
        assert_eq!(lines.place(text, 9999), (3, 1));
        assert_eq!(Lines::of("").place("", 0), (1, 1));
    }

    #[test]
    fn around_gives_whole_lines() {
        let text = "one\ntwo\nthree\n";
        let (line, range) = Lines::of(text).around(text, &(5..9));
        assert_eq!((line, &text[range]), (2, "two\nthree"));
    }
}
