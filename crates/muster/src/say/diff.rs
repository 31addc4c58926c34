//! How two texts differ, as `diff -u` shows it: only for texts that are nearly the same.

use super::paper::Paper;

/// Lines that are shown around a change.
const CONTEXT: usize = 3;

/// The unified diff; empty if there is no difference. `old` is none for a new file. Control characters are shown as
/// escapes, so that nothing in a file steers the reader's terminal.
pub(crate) fn unified(name: &str, old: Option<&[u8]>, new: &[u8], paper: &Paper) -> String {
    let (before, after) = (lines(old.unwrap_or_default()), lines(new));
    let changes = changes(&before, &after);
    if changes.is_empty() {
        return String::new();
    }
    let from = if old.is_some() { name } else { "/dev/null" };
    let mut text = paper.strong(&format!("--- {from}\n+++ {name}\n")).into_owned();
    for hunk in hunks(&changes) {
        let (first, last) = (hunk[0], hunk[hunk.len() - 1]);
        let lead = first.old.0.min(CONTEXT);
        let tail = (before.len() - last.old.1).min(CONTEXT);
        let (old, new) = ((first.old.0 - lead, last.old.1 + tail), (first.new.0 - lead, last.new.1 + tail));
        text.push_str(&format!("@@ -{} +{} @@\n", range(old), range(new)));
        let mut at = old.0;
        for change in hunk {
            put(&mut text, ' ', &before[at..change.old.0], paper);
            put(&mut text, '-', &before[change.old.0..change.old.1], paper);
            put(&mut text, '+', &after[change.new.0..change.new.1], paper);
            at = change.old.1;
        }
        put(&mut text, ' ', &before[at..old.1], paper);
    }
    text
}

/// Lines from..to of the old text stand for lines from..to of the new one.
#[derive(Debug, Clone, Copy)]
struct Change {
    old: (usize, usize),
    new: (usize, usize),
}

fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').collect()
}

/// What differs between the first and the last difference: line by line where both have as many lines, else as one.
fn changes(before: &[&[u8]], after: &[&[u8]]) -> Vec<Change> {
    let same = |(a, b): &(&&[u8], &&[u8])| a == b;
    let head = before.iter().zip(after).take_while(same).count();
    let (left, right) = (&before[head..], &after[head..]);
    let tail = left.iter().rev().zip(right.iter().rev()).take_while(same).count();
    let (left, right) = (left.len() - tail, right.len() - tail);
    if left != right {
        return vec![Change { old: (head, head + left), new: (head, head + right) }];
    }
    let mut found: Vec<Change> = Vec::new();
    for at in (head..head + left).filter(|at| before[*at] != after[*at]) {
        match found.last_mut() {
            Some(last) if last.old.1 == at => (last.old.1, last.new.1) = (at + 1, at + 1),
            _ => found.push(Change { old: (at, at + 1), new: (at, at + 1) }),
        }
    }
    found
}

/// Changes that are near enough to share their context.
fn hunks(changes: &[Change]) -> Vec<&[Change]> {
    changes.chunk_by(|one, next| next.old.0 - one.old.1 <= 2 * CONTEXT).collect()
}

fn range((from, to): (usize, usize)) -> String {
    let start = if from == to { from } else { from + 1 };
    if to - from == 1 { start.to_string() } else { format!("{start},{}", to - from) }
}

fn put(text: &mut String, mark: char, lines: &[&[u8]], paper: &Paper) {
    let colour = match mark {
        '-' if paper.bold => ("\x1b[31m", "\x1b[0m"),
        '+' if paper.bold => ("\x1b[32m", "\x1b[0m"),
        _ => ("", ""),
    };
    for line in lines {
        let whole = line.strip_suffix(b"\n");
        let shown: String = String::from_utf8_lossy(whole.unwrap_or(line))
            .chars()
            .map(|c| if c.is_control() && c != '\t' { c.escape_default().to_string() } else { c.to_string() })
            .collect();
        text.push_str(&format!("{}{mark}{shown}{}\n", colour.0, colour.1));
        if whole.is_none() {
            text.push_str("\\ No newline at end of file\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_line_is_shown_with_three_lines_around_it() {
        let old = b"1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n17\n18\n";
        let new = String::from_utf8_lossy(old).replace("5\n6", "five\n6").replace("17\n", "17\tx\r\n");
        assert_eq!(
            unified("/etc/x", Some(old), new.as_bytes(), &Paper::PLAIN),
            "--- /etc/x\n+++ /etc/x\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n\
             @@ -12,7 +12,7 @@\n 12\n 13\n 14\n-15\n+15\n"
                .split("@@ -12")
                .next()
                .expect("one")
                .to_owned()
                + "@@ -14,5 +14,5 @@\n 14\n 15\n 16\n-17\n+17\tx\\r\n 18\n"
        );
        assert_eq!(unified("x", Some(old), old, &Paper::PLAIN), "");
    }

    #[test]
    fn new_and_longer_files_are_shown() {
        assert_eq!(
            unified("n", None, b"a\nb\n", &Paper::PLAIN),
            "--- /dev/null\n+++ n\n@@ -0,0 +1,2 @@\n+a\n+b\n"
        );
        assert_eq!(
            unified("n", Some(b"a"), b"a\nb\n", &Paper::PLAIN),
            "--- n\n+++ n\n@@ -1 +1,2 @@\n-a\n\\ No newline at end of file\n+a\n+b\n"
        );
        let coloured = unified("n", None, b"a\n", &Paper { width: None, bold: true });
        assert!(coloured.contains("\x1b[32m+a\x1b[0m\n"), "{coloured:?}");
    }
}
