//! What is written on: how wide it is, and whether it is a terminal that shows bold. Nothing needs more than that to be
//! understood.

use std::borrow::Cow;
use std::io::IsTerminal;

/// A terminal, a pipe or a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paper {
    /// Columns of the terminal; none for a pipe or a file, where nothing is cut.
    pub(crate) width: Option<usize>,
    /// It shows bold.
    pub(crate) bold: bool,
}

impl Paper {
    /// A pipe or a file.
    #[cfg(test)]
    pub(crate) const PLAIN: Self = Self { width: None, bold: false };

    /// What standard output is.
    pub(crate) fn of_stdout() -> Self {
        let stdout = std::io::stdout();
        if !stdout.is_terminal() {
            return Self { width: None, bold: false };
        }
        let width = rustix::termios::tcgetwinsize(&stdout).map_or(80, |size| usize::from(size.ws_col));
        // A terminal that does not know its size says 0.
        Self { width: Some(if width == 0 { 80 } else { width }), bold: shows_bold() }
    }

    /// What standard error is.
    pub(crate) fn of_stderr() -> Self {
        Self { width: None, bold: std::io::stderr().is_terminal() && shows_bold() }
    }

    /// The text in bold, where that can be shown.
    pub(crate) fn strong<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.bold { Cow::Owned(format!("\x1b[1m{text}\x1b[0m")) } else { Cow::Borrowed(text) }
    }
}

fn shows_bold() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::env::var_os("TERM").is_some_and(|term| term != "dumb")
}

/// The text on one line without control characters: what others wrote must not steer the reader's terminal.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    if text.chars().any(char::is_control) {
        Cow::Owned(text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// At most `limit` characters, the last one an ellipsis if something was cut.
pub(crate) fn cut(text: &str, limit: usize) -> Cow<'_, str> {
    if text.chars().count() <= limit {
        return Cow::Borrowed(text);
    }
    let mut short: String = text.chars().take(limit.saturating_sub(1)).collect();
    short.truncate(short.trim_end().len());
    short.push('…');
    Cow::Owned(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_of_others_do_not_reach_the_terminal() {
        assert_eq!(harmless("a\x1b[2Jb\nc\u{9b}d"), "a [2Jb c d");
        assert_eq!(harmless("plain"), "plain");
    }

    #[test]
    fn cutting_leaves_a_mark() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdefg", 6), "abcde…");
        assert_eq!(cut("über allem", 6), "über…");
    }
}
