//! Text in lines of a width; text of strangers made harmless.

/// The text on one line, without what could steer a terminal or turn the direction of writing.
pub(crate) fn clean(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    text.chars().map(|c| if steers(c) { ' ' } else { c }).collect()
}

/// The words in lines of at most `width` characters; a word that is longer has a line of its own, cut into pieces.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let width = width.max(20);
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        for c in word.chars() {
            if used == width {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push(c);
            used += 1;
        }
    }
    if used > 0 {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_whole_where_they_fit() {
        assert_eq!(
            wrapped("the quick brown fox jumps over it", 20),
            ["the quick brown fox", "jumps over it"]
        );
        assert_eq!(wrapped(&"x".repeat(45), 20), ["x".repeat(20), "x".repeat(20), "x".repeat(5)]);
        assert_eq!(wrapped("", 20), [""; 0]);
        assert_eq!(wrapped("ab", usize::MAX), ["ab"]);
    }

    #[test]
    fn what_steers_a_terminal_or_the_reader_is_gone() {
        assert_eq!(clean("a\x1b[2J\u{202e}b\r\nc"), "a [2J b  c");
    }
}
