//! The log of a run, line by line: time of day, a mark for what came from standard error or from muster itself, text.

use muster_run::log::Source;
use muster_run::log::read::Line;

use super::clock::Clock;
use super::paper::Paper;

/// One line, ended by a newline.
///
/// On a terminal control characters are left out, because what a job prints must not steer the reader's terminal;
/// elsewhere the text stays as it is.
pub(crate) fn line(line: &Line, clock: &Clock, paper: &Paper) -> String {
    let mark = match line.source {
        Source::Out => "  ",
        Source::Err => "! ",
        Source::Run => "# ",
    };
    let time = line.at.map(|at| clock.second(at)).unwrap_or_else(|| " ".repeat(8));
    let text = if paper.width.is_some() { shown(&line.text) } else { line.text.clone() };
    let whole = format!("{time} {mark}{text}");
    let whole = whole.trim_end();
    match line.source {
        Source::Out => format!("{whole}\n"),
        Source::Err | Source::Run => format!("{}\n", paper.strong(whole)),
    }
}

/// Without escape sequences and other control characters; tabs stay.
fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' && chars.peek() == Some(&'[') {
            // A colour or the like: ESC [ parameters, then one letter.
            chars.next();
            while chars.next_if(|c| !('@'..='~').contains(c)).is_some() {}
            chars.next();
        } else if c == '\t' || !c.is_control() {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::clock::tests::{NOON, clock};
    use super::*;

    fn of(source: Source, text: &str) -> Line {
        Line { at: Some(NOON), source, whole: true, text: text.into() }
    }

    #[test]
    fn standard_error_and_muster_itself_are_marked() {
        let paper = Paper::PLAIN;
        assert_eq!(line(&of(Source::Out, "one"), &clock(), &paper), "08:00:00   one\n");
        assert_eq!(line(&of(Source::Err, "bad"), &clock(), &paper), "08:00:00 ! bad\n");
        assert_eq!(line(&of(Source::Run, "exit 2"), &clock(), &paper), "08:00:00 # exit 2\n");
        assert_eq!(line(&of(Source::Out, ""), &clock(), &paper), "08:00:00\n");
    }

    #[test]
    fn a_job_cannot_steer_the_readers_terminal() {
        let terminal = Paper { width: Some(80), bold: false };
        let text = "\x1b[31mred\x1b[0m\tand\x07 \x1b]0;title\x07rest";
        assert_eq!(line(&of(Source::Out, text), &clock(), &terminal), "08:00:00   red\tand ]0;titlerest\n");
        assert!(line(&of(Source::Out, text), &clock(), &Paper::PLAIN).contains("\x1b[31m"));
    }
}
