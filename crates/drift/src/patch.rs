//! How two texts differ, as `diff -u` shows it. The work is bounded: texts that have too little in common are shown as
//! one that went and one that came.

/// Lines that are shown around a change.
const CONTEXT: usize = 3;

/// Most lines that went or came for which the shortest way is looked for; its cost grows with their square.
const EDITS: usize = 500;

/// The unified diff without its header; empty if there is no difference. Control characters are shown as escapes, so
/// that nothing in a file steers the reader's terminal.
pub fn hunks(old: &str, new: &str) -> String {
    let (before, after) = (lines(old), lines(new));
    let mut text = String::new();
    for hunk in changes(&before, &after).chunk_by(|one, next| next.old.0 - one.old.1 <= 2 * CONTEXT) {
        let [first, ..] = hunk else { continue };
        let [.., last] = hunk else { continue };
        let lead = first.old.0.min(CONTEXT);
        let tail = (before.len() - last.old.1).min(CONTEXT);
        let (from, to) = ((first.old.0 - lead, last.old.1 + tail), (first.new.0 - lead, last.new.1 + tail));
        text.push_str(&format!("@@ -{} +{} @@\n", range(from), range(to)));
        let mut at = from.0;
        for change in hunk {
            put(&mut text, ' ', &before[at..change.old.0]);
            put(&mut text, '-', &before[change.old.0..change.old.1]);
            put(&mut text, '+', &after[change.new.0..change.new.1]);
            at = change.old.1;
        }
        put(&mut text, ' ', &before[at..from.1]);
    }
    text
}

/// Lines from..to of the old text stand for lines from..to of the new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Change {
    old: (usize, usize),
    new: (usize, usize),
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

fn changes(before: &[&str], after: &[&str]) -> Vec<Change> {
    let same = |(a, b): &(&&str, &&str)| a == b;
    let head = before.iter().zip(after).take_while(same).count();
    let (left, right) = (&before[head..], &after[head..]);
    let tail = left.iter().rev().zip(right.iter().rev()).take_while(same).count();
    let (left, right) = (&left[..left.len() - tail], &right[..right.len() - tail]);
    if left.is_empty() && right.is_empty() {
        return Vec::new();
    }
    let found =
        shortest(left, right).unwrap_or_else(|| vec![Change { old: (0, left.len()), new: (0, right.len()) }]);
    let moved = |(from, to): (usize, usize)| (from + head, to + head);
    found.into_iter().map(|one| Change { old: moved(one.old), new: moved(one.new) }).collect()
}

/// The shortest way from one to the other (Myers, "An O(ND) Difference Algorithm", 1986); none if it is too long.
fn shortest(left: &[&str], right: &[&str]) -> Option<Vec<Change>> {
    let most = EDITS.min(left.len() + right.len());
    // How far each diagonal reaches, with one more at both ends; `reach[most + 1]` is the diagonal that both begin on.
    let mut reach = vec![0_usize; 2 * most + 3];
    let mut trace: Vec<Vec<usize>> = Vec::new();
    for edits in 0..=most {
        trace.push(reach[most + 1 - edits..=most + 1 + edits].to_vec());
        for step in 0..=edits {
            let diagonal = most + 1 + 2 * step - edits;
            let down = step == 0 || (step < edits && reach[diagonal - 1] < reach[diagonal + 1]);
            let mut x = if down { reach[diagonal + 1] } else { reach[diagonal - 1] + 1 };
            // x - y is the diagonal; it cannot fall below nothing, because each step down adds to y only.
            let Some(mut y) = (x + most + 1).checked_sub(diagonal) else { continue };
            while x < left.len() && y < right.len() && left[x] == right[y] {
                (x, y) = (x + 1, y + 1);
            }
            reach[diagonal] = x;
            if x >= left.len() && y >= right.len() {
                return Some(way_back(left.len(), right.len(), &trace));
            }
        }
    }
    None
}

/// Which steps were taken, from the end to the beginning, gathered into changes.
fn way_back(left: usize, right: usize, trace: &[Vec<usize>]) -> Vec<Change> {
    let (mut x, mut y) = (left, right);
    let mut found: Vec<Change> = Vec::new();
    for (edits, reach) in trace.iter().enumerate().skip(1).rev() {
        // `reach` holds the diagonals -edits..=edits as they were before this step.
        let place = x + edits - y;
        let at = |place: usize| reach.get(place).copied().unwrap_or(0);
        let down = place == 0 || (place < 2 * edits && at(place - 1) < at(place + 1));
        let before = if down { at(place + 1) } else { at(place - 1) };
        let diagonal = if down { place + 1 } else { place - 1 };
        let (from_x, from_y) = (before, before + edits - diagonal);
        let one = if down {
            Change { old: (from_x, from_x), new: (from_y, from_y + 1) }
        } else {
            Change { old: (from_x, from_x + 1), new: (from_y, from_y) }
        };
        match found.last_mut() {
            Some(last) if last.old.0 == one.old.1 && last.new.0 == one.new.1 => {
                (last.old.0, last.new.0) = (one.old.0, one.new.0);
            }
            _ => found.push(one),
        }
        (x, y) = (from_x, from_y);
    }
    found.reverse();
    found
}

fn range((from, to): (usize, usize)) -> String {
    let start = if from == to { from } else { from + 1 };
    if to - from == 1 { start.to_string() } else { format!("{start},{}", to - from) }
}

fn put(text: &mut String, mark: char, lines: &[&str]) {
    for line in lines {
        let whole = line.strip_suffix('\n');
        text.push(mark);
        for letter in whole.unwrap_or(line).chars() {
            match letter {
                '\t' => text.push('\t'),
                odd if odd.is_control() => text.extend(odd.escape_default()),
                plain => text.push(plain),
            }
        }
        text.push('\n');
        if whole.is_none() {
            text.push_str("\\ No newline at end of file\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_shown_with_three_lines_around_it() {
        let old: String = (1..=20).map(|n| format!("{n}\n")).collect();
        let new = old.replace("\n5\n", "\nfive\nand\n").replace("17\n", "").replace("20\n", "20");
        assert_eq!(
            hunks(&old, &new),
            "@@ -2,7 +2,8 @@\n 2\n 3\n 4\n-5\n+five\n+and\n 6\n 7\n 8\n@@ -14,7 +15,6 @@\n 14\n 15\n 16\n-17\n 18\n 19\n-20\n\
             +20\n\\ No newline at end of file\n"
        );
        assert_eq!(hunks(&old, &old), "");
        assert_eq!(hunks("", "a\u{1b}[0m\n"), "@@ -0,0 +1 @@\n+a\\u{1b}[0m\n");
        assert_eq!(hunks("a\n", ""), "@@ -1 +0,0 @@\n-a\n");
    }

    /// Applies what was found.
    fn applied(old: &str, new: &str) -> String {
        let (before, after) = (lines(old), lines(new));
        let mut text = String::new();
        let mut at = 0;
        for change in changes(&before, &after) {
            text.extend(before[at..change.old.0].iter().copied());
            text.extend(after[change.new.0..change.new.1].iter().copied());
            at = change.old.1;
        }
        text.extend(before[at..].iter().copied());
        text
    }

    #[test]
    fn the_changes_lead_from_one_text_to_the_other_and_are_few() {
        let mut seed = 7_u32;
        let mut next = |below: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 16) % below
        };
        for _ in 0..2000 {
            let mut text = || -> String { (0..next(12)).map(|_| format!("{}\n", next(4))).collect() };
            let (old, new) = (text(), text());
            assert_eq!(applied(&old, &new), new, "{old:?} {new:?}");
        }
        let old: String = (0..3000).map(|n| format!("{n}\n")).collect();
        let new: String = (0..3000).filter(|n| n % 100 != 7).map(|n| format!("{n}\n")).collect();
        assert_eq!(changes(&lines(&old), &lines(&new)).len(), 30);
        let other: String = (0..3000).map(|n| format!("x{n}\n")).collect();
        assert_eq!(changes(&lines(&old), &lines(&other)).len(), 1, "too far apart");
        assert_eq!(applied(&old, &other), other);
    }
}
