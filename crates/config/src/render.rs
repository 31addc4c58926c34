//! A fault as text: the source line with the place underlined, and what to do. Without colour; nothing here prints.

use annotate_snippets::{AnnotationKind, Level as Tone, Renderer, Snippet};

use crate::codes;
use crate::fault::{Count, Fault, Faults, Level};
use crate::source::Lines;

/// Longest excerpt, in bytes. A line of a generated file may be endless.
const EXCERPT_LIMIT: usize = 2000;

/// All faults of a file one below the other, with an empty line between, and a count at the end. Values that look
/// like secrets show as `*`. Empty for no faults.
pub fn render(faults: &Faults, text: &str) -> String {
    if faults.is_empty() {
        return String::new();
    }
    let lines = Lines::of(text);
    let mut page = String::new();
    for fault in faults.list() {
        page.push_str(&one(fault, faults, text, &lines));
        page.push_str("\n\n");
    }
    page.push_str(&faults.count().to_string());
    if faults.more() != Count::default() {
        page.push_str(&format!("; {} of them not shown", faults.more()));
    }
    page.push('\n');
    page
}

fn one(fault: &Fault, faults: &Faults, text: &str, lines: &Lines) -> String {
    let tone = match fault.level {
        Level::Error => Tone::ERROR,
        Level::Warning => Tone::WARNING,
    };
    let (line, range) = lines.around(text, &fault.span);
    let excerpt = excerpt(fault, faults, text, &range);
    let group = tone.primary_title(fault.what.as_str()).id(fault.code.id);
    let mut report = match &excerpt {
        Some(excerpt) => {
            let start = fault.span.start.saturating_sub(range.start).min(excerpt.len());
            let end = fault.span.end.saturating_sub(range.start).clamp(start, excerpt.len());
            group.element(
                Snippet::source(excerpt.as_str())
                    .line_start(line)
                    .path(fault.file.as_ref())
                    .annotation(AnnotationKind::Primary.span(start..end)),
            )
        }
        None => group.element(
            annotate_snippets::Origin::path(fault.file.as_ref()).line(line).char_column(fault.column),
        ),
    };
    if let Some(help) = &fault.help {
        report = report.element(Tone::HELP.message(help.as_str()));
    }
    Renderer::plain().render(&[report])
}

/// The lines of a fault with secrets blanked; none if there is nothing to show or too much.
fn excerpt(fault: &Fault, faults: &Faults, text: &str, range: &std::ops::Range<usize>) -> Option<String> {
    let lines = text.get(range.clone())?;
    if lines.is_empty() || lines.len() > EXCERPT_LIMIT || fault.span == (0..0) {
        return None;
    }
    if fault.code == codes::SYNTAX {
        return Some(blank_assigned_secrets(lines));
    }
    let near: Vec<_> =
        faults.hidden().iter().filter(|span| span.start < range.end && range.start < span.end).collect();
    Some(blank(lines, |at| near.iter().any(|span| span.contains(&(range.start + at)))))
}

/// Replaces the bytes of hidden characters by as many `*`, so that places still fit.
fn blank(lines: &str, hidden: impl Fn(usize) -> bool) -> String {
    let mut shown = String::with_capacity(lines.len());
    for (at, c) in lines.char_indices() {
        if hidden(at) && c != '\n' {
            shown.extend(std::iter::repeat_n('*', c.len_utf8()));
        } else {
            shown.push(c);
        }
    }
    shown
}

/// A line that is not TOML has no values yet that a row could call secret, so the words of its keys must do.
fn blank_assigned_secrets(lines: &str) -> String {
    const SIGNS: [&str; 5] = ["pass", "secret", "token", "key", "://"];
    let lower = lines.to_ascii_lowercase();
    if !SIGNS.iter().any(|sign| lower.contains(sign)) {
        return lines.to_owned();
    }
    let from = lines.find('=').unwrap_or(0);
    blank(lines, |at| at > from && lines.as_bytes().get(at).is_some_and(|byte| !b" \"'{}[],=".contains(byte)))
}
