//! The words of a shell's command line, with what joins and redirects them. Enough to see what a line does with its
//! output and its exit code; nothing is expanded or run. What it does not understand it passes on as words.

/// A simple command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Command {
    /// Its line, from 1.
    pub(crate) line: u32,
    /// What stands before it: `||`, `|`, `(`, `\n`; empty at the beginning.
    pub(crate) before: &'static str,
    /// What ends it.
    pub(crate) after: &'static str,
    /// Its words.
    pub(crate) words: Vec<Word>,
    /// Where its streams go.
    pub(crate) redirections: Vec<Redirection>,
}

/// A word.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Word {
    /// Without quotes; what would be expanded stands as written.
    pub(crate) text: String,
    /// As written.
    pub(crate) raw: String,
}

impl Word {
    /// Some of it is in quotes, or behind a backslash.
    pub(crate) fn is_quoted(&self) -> bool {
        self.raw.contains(['\'', '"', '\\'])
    }
}

/// `2>> file`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Redirection {
    /// The stream as written; none is left to the sign.
    pub(crate) stream: Option<u8>,
    /// `>`, `>>`, `<`, `>&`, `&>`, `<<<` and so on.
    pub(crate) sign: String,
    /// Where to.
    pub(crate) target: Word,
}

impl Command {
    /// Words without quotes, the assignments before them left out.
    pub(crate) fn arguments(&self) -> &[Word] {
        let first = self.words.iter().position(|word| !is_assignment(&word.raw));
        self.words.get(first.unwrap_or(self.words.len())..).unwrap_or_default()
    }

    /// The program's name as written; empty for assignments alone.
    pub(crate) fn program(&self) -> &str {
        self.arguments().first().map_or("", |word| word.text.as_str())
    }
}

/// `NAME=value`, perhaps of a member of a list.
pub(crate) fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        let name = name.strip_suffix('+').unwrap_or(name);
        let name = name.split_once('[').map_or(name, |(name, _)| name);
        !name.is_empty()
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

/// Signs that end a command, longest first.
const ENDS: [&str; 10] = [";;", "&&", "||", "|&", ";", "&", "|", "(", ")", "\n"];
/// Signs that redirect, longest first.
const ARROWS: [&str; 10] = ["&>>", "<<<", "<<-", "&>", ">>", ">&", ">|", "<<", "<&", "<>"];

/// Simple commands in order, those in brackets and braces among them.
pub(crate) fn commands(text: &str) -> Vec<Command> {
    let mut lexer =
        Lexer { rest: text, line: 1, found: Vec::new(), current: Command::default(), heredocs: Vec::new() };
    lexer.current.line = 1;
    lexer.run();
    lexer.found
}

struct Lexer<'t> {
    rest: &'t str,
    line: u32,
    found: Vec<Command>,
    current: Command,
    heredocs: Vec<(String, bool)>,
}

impl Lexer<'_> {
    fn run(&mut self) {
        let mut pending: Option<(Option<u8>, String)> = None;
        while let Some(letter) = self.rest.chars().next() {
            if letter == ' ' || letter == '\t' || letter == '\r' {
                self.rest = &self.rest[1..];
            } else if let Some(rest) = self.rest.strip_prefix("\\\n") {
                self.rest = rest;
                self.line += 1;
            } else if letter == '#' {
                self.rest = &self.rest[self.rest.find('\n').unwrap_or(self.rest.len())..];
            } else if let Some((stream, sign)) = self.arrow() {
                pending = Some((stream, sign));
            } else if let Some(end) = ENDS.iter().find(|end| self.rest.starts_with(**end)) {
                self.rest = &self.rest[end.len()..];
                pending = None;
                self.end(end);
            } else {
                let line = self.line;
                let word = self.word();
                match pending.take() {
                    None => self.push(word, line),
                    Some((stream, sign)) => {
                        if sign.starts_with("<<") && sign != "<<<" {
                            self.heredocs.push((word.text.clone(), sign == "<<-"));
                        }
                        self.current.redirections.push(Redirection { stream, sign, target: word });
                    }
                }
            }
        }
        self.end("");
    }

    fn push(&mut self, word: Word, line: u32) {
        if self.current.words.is_empty() {
            self.current.line = line;
        }
        self.current.words.push(word);
    }

    fn end(&mut self, sign: &'static str) {
        let mut done = std::mem::take(&mut self.current);
        let is_empty = done.words.is_empty() && done.redirections.is_empty();
        // A bracket says more of what comes next than the sign before it, an end of line less.
        self.current.before =
            if is_empty && sign == "\n" && !done.before.is_empty() { done.before } else { sign };
        if !is_empty {
            done.after = sign;
            self.found.push(done);
        }
        if sign == "\n" {
            self.line += 1;
            for (mark, tabs) in std::mem::take(&mut self.heredocs) {
                self.skip_heredoc(&mark, tabs);
            }
        }
        self.current.line = self.line;
    }

    fn skip_heredoc(&mut self, mark: &str, tabs: bool) {
        while !self.rest.is_empty() {
            let end = self.rest.find('\n').map_or(self.rest.len(), |at| at + 1);
            let line = self.rest[..end].trim_end_matches('\n');
            let line = if tabs { line.trim_start_matches('\t') } else { line };
            self.rest = &self.rest[end..];
            self.line += 1;
            if line == mark {
                return;
            }
        }
    }

    fn arrow(&mut self) -> Option<(Option<u8>, String)> {
        let digits = self.rest.len() - self.rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let after = &self.rest[digits..];
        let known = ARROWS.iter().find(|sign| after.starts_with(**sign)).copied();
        let sign = known.or_else(|| ["<", ">"].into_iter().find(|sign| after.starts_with(sign)))?;
        // `<(…)` is a word of bash; `5&>` is a word and a sign.
        let is_word =
            after.starts_with("<(") || after.starts_with(">(") || (digits > 0 && sign.starts_with('&'));
        if is_word {
            return None;
        }
        let stream = self.rest[..digits].parse().ok();
        self.rest = &after[sign.len()..];
        Some((stream, sign.to_owned()))
    }

    fn word(&mut self) -> Word {
        let (text, mut at) = (self.rest, 0);
        let mut plain = String::new();
        while let Some(letter) = text[at..].chars().next() {
            let rest = &text[at..];
            let taken = match letter {
                '\'' => {
                    let inner = rest[1..].find('\'').unwrap_or(rest.len() - 1);
                    plain.push_str(&rest[1..=inner]);
                    (inner + 2).min(rest.len())
                }
                '"' => double(rest, &mut plain),
                '\\' => {
                    let next = rest[1..].chars().next();
                    plain.extend(next.filter(|next| *next != '\n'));
                    1 + next.map_or(0, char::len_utf8)
                }
                '$' if rest.starts_with("$(") || rest.starts_with("${") => {
                    copy(rest, bracket(&rest[1..]) + 1, &mut plain)
                }
                '`' => copy(rest, rest[1..].find('`').map_or(rest.len(), |end| end + 2), &mut plain),
                '<' | '>' if rest[1..].starts_with('(') => copy(rest, bracket(&rest[1..]) + 1, &mut plain),
                // `name=(a b)` of bash.
                '(' if plain.ends_with('=') => copy(rest, bracket(rest), &mut plain),
                ' ' | '\t' | '\r' | '\n' | ';' | '&' | '|' | '(' | ')' | '<' | '>' => break,
                other => copy(rest, other.len_utf8(), &mut plain),
            };
            at += taken;
        }
        // Nothing was taken: a sign that begins no word; it is passed on, or we would stand still.
        if at == 0 {
            at = copy(text, text.chars().next().map_or(0, char::len_utf8), &mut plain);
        }
        let raw = &text[..at];
        self.line += u32::try_from(raw.matches('\n').count()).unwrap_or(u32::MAX);
        self.rest = &text[at..];
        Word { text: plain, raw: raw.to_owned() }
    }
}

fn copy(text: &str, length: usize, plain: &mut String) -> usize {
    plain.push_str(&text[..length]);
    length
}

/// The length of a word part in double quotes.
fn double(text: &str, plain: &mut String) -> usize {
    let mut at = 1;
    while let Some(letter) = text[at..].chars().next() {
        let rest = &text[at..];
        match letter {
            '"' => return at + 1,
            '\\' => {
                let next = rest[1..].chars().next();
                if !next.is_some_and(|next| "\"\\$`".contains(next)) {
                    plain.push('\\');
                }
                plain.extend(next);
                at += 1 + next.map_or(0, char::len_utf8);
            }
            '$' if rest.starts_with("$(") || rest.starts_with("${") => {
                at += copy(rest, bracket(&rest[1..]) + 1, plain);
            }
            other => at += copy(rest, other.len_utf8(), plain),
        }
    }
    at
}

/// The length up to the bracket that closes the first one, quotes passed over.
fn bracket(text: &str) -> usize {
    let (mut depth, mut quote, mut escaped) = (0_u32, None, false);
    for (at, letter) in text.char_indices() {
        if std::mem::take(&mut escaped) {
            continue;
        }
        match (letter, quote) {
            ('\\', None | Some('"')) => escaped = true,
            (mark @ ('\'' | '"'), None) => quote = Some(mark),
            (mark, Some(open)) if mark == open => quote = None,
            ('(' | '{', None) => depth += 1,
            (')' | '}', None) => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let words = |command: &Command| {
            let mut words: Vec<String> = command.words.iter().map(|word| word.text.clone()).collect();
            words.extend(command.redirections.iter().map(|to| {
                format!(
                    "{}{}{}",
                    to.stream.map_or(String::new(), |stream| stream.to_string()),
                    to.sign,
                    to.target.text
                )
            }));
            format!("{}[{}]{}", command.before, words.join(","), command.after)
        };
        commands(text).iter().map(words).collect()
    }

    #[test]
    fn a_line_is_taken_apart_with_its_signs() {
        for (line, seen) in [
            ("a 'b c' \"d $e\" > /x 2>&1", vec!["[a,b c,d $e,>/x,2>&1]"]),
            ("a &>/dev/null || true", vec!["[a,&>/dev/null]||", "||[true]"]),
            ("a 2>/x|b;c&", vec!["[a,2>/x]|", "|[b];", ";[c]&"]),
            ("(cd /x; ./y) >> z", vec!["([cd,/x];", ";[./y])", ")[>>z]"]),
            ("diff <(a b) $(c | d) `e f`", vec!["[diff,<(a b),$(c | d),`e f`]"]),
            ("x=(1 2) y", vec!["[x=(1 2),y]"]),
            ("a\\ b \\\n c # d", vec!["[a b,c]"]),
            ("cat <<E\nif $?\nE\nb", vec!["[cat,<<E]\n", "\n[b]"]),
            ("a\n\n# c\nb", vec!["[a]\n", "\n[b]"]),
            ("[ $? -ne 0 ] && b", vec!["[[,$?,-ne,0,]]&&", "&&[b]"]),
        ] {
            assert_eq!(told(line), seen, "{line}");
        }
        let lines: Vec<u32> = commands("a\nb 'x\ny'\nc\\\n d\ne").iter().map(|one| one.line).collect();
        assert_eq!(lines, [1, 2, 4, 6]);
    }

    #[test]
    fn any_text_comes_to_an_end() {
        for text in [
            "'", "\"", "\\", "$(", "${", "`", "<(", "<<", "<<E", ">", "&>", ")", "x=(", "\"\\", "ä\\ü", "2&>",
        ] {
            let _seen = commands(text);
            let _seen = commands(&format!("a{text}b\n{text}"));
        }
    }
}
