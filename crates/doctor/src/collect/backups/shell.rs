//! Pipelines of a shell script, as far as rules need them: which commands stand before a `|`, on which line. No program is
//! understood whole; what is unclear is left out.

/// Commands joined by `|`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Pipeline {
    /// Line number of its beginning, from 1.
    pub(super) line: u32,
    /// Each command as written.
    pub(super) commands: Vec<String>,
}

/// Deepest programs within programs: `sh -c "sh -c '…'"`.
const DEPTH: usize = 3;

/// Every pipeline of a text in order; one command alone is one too.
pub(super) fn pipelines(text: &str) -> Vec<Pipeline> {
    let mut found = Vec::new();
    read(text, 1, DEPTH, &mut found);
    found
}

fn read(text: &str, first: u32, depth: usize, found: &mut Vec<Pipeline>) {
    let mut line = first;
    let mut open = Pipeline { line, commands: Vec::new() };
    let mut command = String::new();
    let mut word_begins = true;
    let mut here: Option<String> = None;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if open.commands.is_empty() && command.trim().is_empty() {
            open.line = line;
        }
        let begins = std::mem::replace(&mut word_begins, letter.is_whitespace() || ";|&(".contains(letter));
        match letter {
            '\\' if letters.peek() == Some(&'\n') => {
                letters.next();
                line += 1;
                command.push(' ');
                word_begins = true;
            }
            '\\' => {
                command.push(letter);
                command.extend(letters.next());
            }
            '\'' | '"' => {
                let began = line;
                let inner = quoted(&mut letters, letter, &mut line);
                if depth > 0 && is_program(&command) {
                    read(&inner, began, depth - 1, found);
                }
                command.extend([letter.to_string(), inner, letter.to_string()]);
            }
            '#' if begins => while letters.next_if(|letter| *letter != '\n').is_some() {},
            '<' if letters.peek() == Some(&'<') => {
                letters.next();
                if letters.next_if_eq(&'<').is_none() {
                    letters.next_if_eq(&'-');
                    let mut mark = String::new();
                    while letters.next_if_eq(&' ').is_some() {}
                    while let Some(letter) = letters.next_if(|c| !c.is_whitespace() && !";|&<>)".contains(*c))
                    {
                        mark.push(letter);
                    }
                    here = Some(mark.trim_matches(['"', '\'', '\\']).to_owned());
                }
            }
            '|' if letters.peek() == Some(&'|') || command.ends_with('>') => {
                if letters.next_if_eq(&'|').is_some() {
                    end(&mut open, &mut command, found);
                }
            }
            '|' => {
                letters.next_if_eq(&'&');
                open.commands.push(std::mem::take(&mut command).trim().to_owned());
                // A pipeline may go on after its sign on the next line.
                while letters.peek().is_some_and(|letter| letter.is_whitespace()) {
                    line += u32::from(letters.next() == Some('\n'));
                }
            }
            '&' if command.ends_with(['>', '<']) || letters.peek() == Some(&'>') => command.push(letter),
            ';' | '&' | '(' | ')' | '`' => end(&mut open, &mut command, found),
            '\n' => {
                end(&mut open, &mut command, found);
                line += 1;
                if let Some(mark) = here.take() {
                    skip_here(&mut letters, &mark, &mut line);
                }
            }
            _ => command.push(letter),
        }
    }
    end(&mut open, &mut command, found);
}

fn end(open: &mut Pipeline, command: &mut String, found: &mut Vec<Pipeline>) {
    let last = std::mem::take(command).trim().to_owned();
    let mut whole = std::mem::take(open);
    if !last.is_empty() {
        whole.commands.push(last);
    }
    if !whole.commands.is_empty() {
        found.push(whole);
    }
}

/// Up to the closing quote.
fn quoted(letters: &mut std::iter::Peekable<std::str::Chars<'_>>, quote: char, line: &mut u32) -> String {
    let mut text = String::new();
    while let Some(letter) = letters.next() {
        *line += u32::from(letter == '\n');
        match letter {
            letter if letter == quote => break,
            '\\' if quote == '"' => match letters.next() {
                Some(next) if "\"\\$`".contains(next) => text.push(next),
                next => {
                    text.push('\\');
                    text.extend(next);
                }
            },
            letter => text.push(letter),
        }
    }
    text
}

/// What follows is a program for a shell: the option before it ends with `c`.
fn is_program(command: &str) -> bool {
    let mut words = command.split_whitespace().rev();
    let takes = words.next().is_some_and(|word| {
        word.starts_with('-') && !word.starts_with("--") && word.ends_with('c') || word == "eval"
    });
    let shells = ["sh", "bash", "dash", "ash", "zsh", "ksh", "su", "flock", "eval"];
    let names = |word: &str| shells.contains(&word.rsplit('/').next().unwrap_or(word));
    takes && command.split_whitespace().any(names)
}

/// Past a document that stands in the script.
fn skip_here(letters: &mut std::iter::Peekable<std::str::Chars<'_>>, mark: &str, line: &mut u32) {
    loop {
        let mut text = String::new();
        while let Some(letter) = letters.next_if(|letter| *letter != '\n') {
            text.push(letter);
        }
        let is_last = letters.next().is_none();
        *line += 1;
        if is_last || text.trim() == mark {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pipelines_are_told_from_other_signs() {
        for (text, shown) in [
            ("a | b > c", "1:a|b > c"),
            ("a || b", "1:a 1:b"),
            ("a 'x | y' | b", "1:a 'x | y'|b"),
            ("a \\\n  | b\nc", "1:a|b 3:c"),
            ("a |\n b", "1:a|b"),
            ("a 2>&1 | b", "1:a 2>&1|b"),
            ("# a | b\nc # | d", "2:c"),
            ("sh -c 'a | b'", "1:a|b 1:sh -c 'a | b'"),
            ("echo 'a | b'", "1:echo 'a | b'"),
            ("cat <<EOF | x\na | b\nEOF\nc", "1:cat|x 4:c"),
            ("x=$(a | b)", "1:x=$ 1:a|b"),
            ("if a | b; then c; fi", "1:if a|b 1:then c 1:fi"),
            ("a >| b", "1:a > b"),
            ("cat <<< x | b", "1:cat  x|b"),
        ] {
            let one = |line: &Pipeline| format!("{}:{}", line.line, line.commands.join("|"));
            assert_eq!(pipelines(text).iter().map(one).collect::<Vec<_>>().join(" "), shown, "{text}");
        }
    }

    #[test]
    fn any_text_ends() {
        for text in ["'", "\"\\", "<<", "<<E", "|", "a |", "\\", "`", "$(", "sh -c '"] {
            let _ = pipelines(text);
        }
    }
}
