//! The last lines of output, made fit for a mail and a terminal.

use muster_core::signal::TAIL_LIMIT;

/// Makes valid text of at most [`TAIL_LIMIT`] bytes of the last bytes of output: escape sequences and control characters
/// are taken out, what is not UTF-8 becomes U+FFFD, and a first line that was cut is left out.
pub(crate) fn clean(bytes: &[u8]) -> String {
    // Twice the limit is enough whatever is taken out of ordinary output.
    let text = String::from_utf8_lossy(bytes);
    let plain = without_escapes(&text);
    let plain = plain.trim_end();
    if plain.len() <= TAIL_LIMIT {
        return plain.to_owned();
    }
    let from =
        (plain.len() - TAIL_LIMIT..plain.len()).find(|&at| plain.is_char_boundary(at)).unwrap_or(plain.len());
    let end = plain.get(from..).unwrap_or_default();
    // A last line that is longer than the limit by itself is cut in its middle.
    end.split_once('\n').map_or(end, |(_, whole)| if whole.is_empty() { end } else { whole }).to_owned()
}

fn without_escapes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\n' | '\t' => plain.push(c),
            // A progress bar writes over its own line: only its last state counts.
            '\r' => {
                if rest.peek().is_some_and(|next| *next != '\n') {
                    plain.truncate(plain.rfind('\n').map_or(0, |at| at + 1));
                }
            }
            '\u{1b}' => skip_sequence(&mut rest),
            c if c.is_control() => {}
            c => plain.push(c),
        }
    }
    plain
}

/// ECMA-48: CSI sequences end in `@` to `~`, OSC strings in BEL or ESC `\`; other escapes are one more character.
fn skip_sequence(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match rest.next() {
        Some('[') => while rest.next().is_some_and(|c| !('@'..='~').contains(&c)) {},
        Some(']') => {
            while let Some(c) = rest.next() {
                if c == '\u{7}' || c == '\u{1b}' && rest.next_if_eq(&'\\').is_some() {
                    break;
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_is_plain_text() {
        assert_eq!(clean(b"\x1b[31mred\x1b[0m\x07 \x1b]0;title\x07x\r\n\xff\n\n"), "red x\n\u{fffd}");
        assert_eq!(clean(b"start\n10%\r20%\r100%\ndone"), "start\n100%\ndone");
        assert_eq!(clean(b""), "");
        assert_eq!(clean(b"\x1b["), "");
    }

    #[test]
    fn a_long_tail_begins_with_a_whole_line() {
        let text: String = (0..1000).map(|n| format!("line {n} \u{e4}\n")).collect();
        let tail = clean(text.as_bytes());
        assert!(tail.len() <= TAIL_LIMIT && tail.len() > TAIL_LIMIT - 20);
        assert!(tail.starts_with("line ") && tail.ends_with("line 999 \u{e4}"));
        assert!(clean("\u{e4}".repeat(5000).as_bytes()).len() > TAIL_LIMIT - 4);
    }
}
