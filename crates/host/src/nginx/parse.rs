//! The text of one nginx configuration file as a tree: every directive with its place, nothing refused. What cannot be
//! read to its end is read as far as it goes.

use super::directive::Directive;

/// Most directives of one file.
const DIRECTIVES: usize = 20_000;
/// Deepest braces.
const DEPTH: usize = 24;
/// Blocks that hold tables or programs, not directives.
const TABLES: [&str; 5] = ["types", "map", "geo", "charset_map", "split_clients"];

/// The directives of a text, which is the file of this number.
pub fn parse(text: &str, file: u32) -> Vec<Directive> {
    let mut reader = Reader { text, at: 0, line: 1, file, left: DIRECTIVES };
    reader.block(0)
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    line: u32,
    file: u32,
    left: usize,
}

enum Token {
    Word { text: String, line: u32, at: usize },
    Open,
    Close,
    End,
}

impl Reader<'_> {
    fn block(&mut self, depth: usize) -> Vec<Directive> {
        let mut directives = Vec::new();
        let mut open: Option<Directive> = None;
        while let Some(token) = self.token() {
            match (token, open.as_mut()) {
                (Token::Word { text, .. }, Some(directive)) => directive.words.push(text),
                (Token::Word { text, line, at }, None) => {
                    let (file, at) = (self.file, at as u64);
                    open =
                        Some(Directive { file, line, at, name: text, words: Vec::new(), inner: Vec::new() });
                }
                (Token::End, _) => self.keep(&mut directives, open.take()),
                (Token::Open, Some(directive)) => {
                    if directive.name.ends_with("_by_lua_block") || depth >= DEPTH {
                        self.skip();
                    } else {
                        let inner = self.block(depth + 1);
                        if !TABLES.contains(&directive.name.as_str()) {
                            directive.inner = inner;
                        }
                    }
                    self.keep(&mut directives, open.take());
                }
                (Token::Open, None) => self.skip(),
                (Token::Close, _) if depth > 0 => break,
                (Token::Close, _) => {}
            }
        }
        // The last one may lack its semicolon.
        self.keep(&mut directives, open);
        directives
    }

    fn keep(&mut self, directives: &mut Vec<Directive>, directive: Option<Directive>) {
        if self.left > 0
            && let Some(directive) = directive
        {
            self.left -= 1;
            directives.push(directive);
        }
    }

    /// Past the brace that closes what is open, whatever stands in it.
    fn skip(&mut self) {
        let mut open = 1_u32;
        while let Some(letter) = self.next() {
            match letter {
                '{' => open += 1,
                '}' => open -= 1,
                _ => {}
            }
            if open == 0 {
                return;
            }
        }
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let letter = self.peek()?;
        self.at += letter.len_utf8();
        self.line += u32::from(letter == '\n');
        Some(letter)
    }

    fn token(&mut self) -> Option<Token> {
        loop {
            let (line, at) = (self.line, self.at);
            match self.next()? {
                letter if letter.is_whitespace() => {}
                '#' => {
                    while self.peek().is_some_and(|letter| letter != '\n') {
                        self.next();
                    }
                }
                ';' => return Some(Token::End),
                '{' => return Some(Token::Open),
                '}' => return Some(Token::Close),
                quote @ ('"' | '\'') => return Some(Token::Word { text: self.quoted(quote), line, at }),
                letter => return Some(Token::Word { text: self.word(letter), line, at }),
            }
        }
    }

    fn quoted(&mut self, quote: char) -> String {
        let mut text = String::new();
        while let Some(letter) = self.next() {
            match letter {
                '\\' => match self.next() {
                    Some(next) if next == quote || next == '\\' => text.push(next),
                    next => {
                        text.push('\\');
                        text.extend(next);
                    }
                },
                letter if letter == quote => break,
                letter => text.push(letter),
            }
        }
        text
    }

    fn word(&mut self, first: char) -> String {
        let mut text = String::from(first);
        while let Some(letter) = self.peek() {
            let ends = match letter {
                '{' => !text.ends_with('$'),
                letter => letter.is_whitespace() || letter == ';',
            };
            if ends {
                break;
            }
            text.push(letter);
            self.next();
            if letter == '\\' {
                text.extend(self.next());
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(directives: &[Directive]) -> String {
        let one = |directive: &Directive| {
            let words: Vec<&str> =
                std::iter::once(&directive.name).chain(&directive.words).map(String::as_str).collect();
            match directive.inner.is_empty() {
                true => words.join("|"),
                false => format!("{}[{}]", words.join("|"), shown(&directive.inner)),
            }
        };
        directives.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_tree_is_read_with_quotes_variables_comments_and_programs() {
        for (text, tree) in [
            ("a b 'c d' \"e\\\"f\"; # g;\nh {i j;}", "a|b|c d|e\"f h[i|j]"),
            ("set $a ${b}c; proxy_pass http://${x}:80/;", "set|$a|${b}c proxy_pass|http://${x}:80/"),
            ("location ~ \\.php$ { return 403; }", "location|~|\\.php$[return|403]"),
            ("content_by_lua_block { local t = {a = 1; b = {}} } x y;", "content_by_lua_block x|y"),
            ("map $a $b { default 1; ~x 2; } x;", "map|$a|$b x"),
            ("a { b { c;", "a[b[c]]"),
            ("} } a;", "a"),
            ("a b", "a|b"),
            ("{ a } b;", "b"),
            ("", ""),
        ] {
            assert_eq!(shown(&parse(text, 0)), tree, "{text}");
        }
    }

    #[test]
    fn every_directive_has_its_place() {
        let text = "http {\n  # x\n  server {\n    listen 80;\n  }\n}\n";
        let tree = parse(text, 7);
        let listen = &tree[0].inner[0].inner[0];
        assert_eq!((listen.file, listen.line), (7, 4));
        assert!(text[listen.at as usize..].starts_with("listen 80;"));
    }

    #[test]
    fn any_text_is_read_in_bounded_time() {
        let deep = "a {".repeat(5_000);
        for text in ["\\", "'", "a\\", "${", "{{{{", &deep, "a;".repeat(50_000).as_str()] {
            assert!(parse(text, 0).len() <= DIRECTIVES);
        }
    }
}
