//! The output against the patterns of `expect`, line by line and in bounded memory.

use muster_config::pattern;
use regex::bytes::Regex;

use crate::log::Source;

/// A line is looked at in pieces of this many bytes if it is longer.
const PIECE: usize = 64 << 10;
/// How much of a forbidden line is told, in bytes.
const SHOWN: usize = 160;

/// The patterns, and what they have met so far.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    wanted: Vec<Wanted>,
    forbidden: Vec<Forbidden>,
    /// The beginnings of lines that have not ended: of standard output, of standard error.
    open: [Vec<u8>; 2],
    lines: u64,
}

#[derive(Debug)]
struct Wanted {
    pattern: Regex,
    seen: bool,
}

#[derive(Debug)]
struct Forbidden {
    pattern: Regex,
    /// The first line that matches.
    line: Option<String>,
}

impl Lines {
    /// Looks for these patterns; none if there are none.
    pub(crate) fn of(output: &[String], forbid: &[String]) -> Option<Self> {
        if output.is_empty() && forbid.is_empty() {
            return None;
        }
        // All of them were compiled once when the configuration was read.
        let compiled = |texts: &[String]| -> Vec<Regex> {
            texts.iter().filter_map(|text| pattern::compile(text).ok()).collect()
        };
        Some(Self {
            wanted: compiled(output).into_iter().map(|pattern| Wanted { pattern, seen: false }).collect(),
            forbidden: compiled(forbid)
                .into_iter()
                .map(|pattern| Forbidden { pattern, line: None })
                .collect(),
            ..Self::default()
        })
    }

    /// Looks at a text; `whole` says that its line ends there.
    pub(crate) fn text(&mut self, source: Source, whole: bool, text: &[u8]) {
        let at = usize::from(source == Source::Err);
        if whole && self.open[at].is_empty() {
            self.line(text);
            return;
        }
        let mut open = std::mem::take(&mut self.open[at]);
        open.extend_from_slice(text);
        if whole || open.len() >= PIECE {
            self.line(&open);
            open.clear();
        }
        self.open[at] = open;
    }

    /// Looks at lines that never ended.
    pub(crate) fn end(&mut self) {
        for at in 0..self.open.len() {
            let open = std::mem::take(&mut self.open[at]);
            if !open.is_empty() {
                self.line(&open);
            }
        }
    }

    fn line(&mut self, line: &[u8]) {
        self.lines += 1;
        for wanted in self.wanted.iter_mut().filter(|wanted| !wanted.seen) {
            wanted.seen = wanted.pattern.is_match(line);
        }
        for forbidden in self.forbidden.iter_mut().filter(|forbidden| forbidden.line.is_none()) {
            if forbidden.pattern.is_match(line) {
                let shown = line.get(..SHOWN).unwrap_or(line);
                forbidden.line = Some(crate::tail::clean(shown));
            }
        }
    }

    /// What was not as it should be, a sentence each.
    pub(crate) fn unmet(&self) -> Vec<String> {
        let written = match self.lines {
            0 => "nothing was written".to_owned(),
            1 => "1 line was written".to_owned(),
            lines => format!("{lines} lines were written"),
        };
        let wanted = self.wanted.iter().filter(|wanted| !wanted.seen);
        let forbidden =
            self.forbidden.iter().filter_map(|forbidden| Some((forbidden, forbidden.line.as_ref()?)));
        wanted
            .map(|wanted| format!("no line of the output matches \"{}\" ({written})", wanted.pattern))
            .chain(forbidden.map(|(forbidden, line)| {
                format!("the output matches \"{}\", which is forbidden: {line}", forbidden.pattern)
            }))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(output: &[&str], forbid: &[&str]) -> Lines {
        let owned = |texts: &[&str]| -> Vec<String> { texts.iter().map(|text| (*text).to_owned()).collect() };
        Lines::of(&owned(output), &owned(forbid)).expect("patterns")
    }

    #[test]
    fn a_line_is_joined_across_pieces_and_streams_are_kept_apart() {
        let mut lines = lines(&["exported \\d+ rows", "^all done$"], &["^ERROR"]);
        lines.text(Source::Out, false, b"expor");
        lines.text(Source::Err, true, b"no ERROR here");
        lines.text(Source::Out, true, b"ted 12 rows");
        lines.text(Source::Err, false, b"all ");
        lines.text(Source::Out, true, b"ted 12 rows");
        lines.text(Source::Err, false, b"done");
        assert_eq!(lines.unmet(), ["no line of the output matches \"^all done$\" (3 lines were written)"]);
        lines.end();
        assert_eq!(lines.unmet(), [""; 0]);
        lines.text(Source::Err, true, b"ERROR: \x1b[31mdisk\x1b[0m is full");
        lines.text(Source::Err, true, b"ERROR: again");
        assert_eq!(lines.unmet(), ["the output matches \"^ERROR\", which is forbidden: ERROR: disk is full"]);
    }

    #[test]
    fn a_line_without_an_end_takes_bounded_memory() {
        let mut lines = lines(&["needle$"], &[]);
        for _ in 0..1000 {
            lines.text(Source::Out, false, &[b'x'; 16 << 10]);
            assert!(lines.open[0].capacity() <= 4 * PIECE);
        }
        lines.text(Source::Out, true, b"needle");
        assert_eq!(lines.unmet(), [""; 0]);
    }

    #[test]
    fn nothing_is_looked_for_where_nothing_is_expected() {
        assert!(Lines::of(&[], &[]).is_none());
        assert_eq!(lines(&["x"], &[]).unmet(), ["no line of the output matches \"x\" (nothing was written)"]);
    }
}
