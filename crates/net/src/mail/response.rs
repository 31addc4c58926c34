//! What an IMAP server says (RFC 9051, 7), taken apart: words, texts and lists, with literals in their place.

use std::mem::take;

/// Lists in lists deeper than this are refused.
const DEPTH: usize = 16;

/// One piece of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A word, a number, a flag, `NIL`.
    Atom(String),
    /// A text in quotes, or a literal.
    Text(Vec<u8>),
    /// What stands in brackets.
    List(Vec<Item>),
}

impl Item {
    /// The word or text, where it is one; `NIL` is none.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Atom(word) if word.eq_ignore_ascii_case("NIL") => None,
            Self::Atom(word) => Some(word.clone()),
            Self::Text(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            Self::List(_) => None,
        }
    }

    /// True for this word, in capitals or not.
    pub fn is(&self, word: &str) -> bool {
        matches!(self, Self::Atom(own) if own.eq_ignore_ascii_case(word))
    }

    /// The pieces of a list; none of anything else.
    pub fn items(&self) -> &[Item] {
        match self {
            Self::List(items) => items,
            Self::Atom(_) | Self::Text(_) => &[],
        }
    }
}

/// How a command or the connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Well.
    Ok,
    /// Refused.
    No,
    /// Not understood.
    Bad,
    /// The server hangs up.
    Bye,
    /// Logged in already.
    Preauth,
}

/// One response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    /// How something stands, with the tag of the command or `*`, and the server's words.
    Status(String, Standing, String),
    /// The server wants more.
    More,
    /// Data, without the star in front.
    Data(Vec<Item>),
}

/// The length of the literal that a line announces at its end: `{12}`.
pub(super) fn announced(line: &str) -> Option<Result<usize, String>> {
    let digits = line.strip_suffix('}')?.rsplit_once('{')?.1;
    let digits = digits.strip_suffix('+').unwrap_or(digits);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().map_err(|_| format!("a literal of {digits} bytes was announced")))
}

/// Takes a response apart that came as lines, each but the last with the literal behind it.
///
/// # Errors
/// In words, when it is none.
pub(super) fn parse(pieces: &[(String, Option<Vec<u8>>)]) -> Result<Response, String> {
    let (first, _) = pieces.first().ok_or("an empty response")?;
    let (tag, rest) = first.split_once(' ').unwrap_or((first, ""));
    if tag == "+" {
        return Ok(Response::More);
    }
    let word = rest.split(' ').next().unwrap_or_default();
    let standing = match word.to_ascii_uppercase().as_str() {
        "OK" => Some(Standing::Ok),
        "NO" => Some(Standing::No),
        "BAD" => Some(Standing::Bad),
        "BYE" => Some(Standing::Bye),
        "PREAUTH" => Some(Standing::Preauth),
        _ => None,
    };
    if let Some(standing) = standing {
        let words = rest.get(word.len()..).unwrap_or_default().trim();
        return Ok(Response::Status(tag.to_owned(), standing, words.to_owned()));
    }
    if tag != "*" {
        return Err("neither a star nor a plus nor an answer to a command".into());
    }
    let mut tree = Tree::default();
    for (at, (line, literal)) in pieces.iter().enumerate() {
        let line = if at == 0 { rest } else { line.as_str() };
        let line = match literal {
            Some(_) => line.rfind('{').and_then(|end| line.get(..end)).unwrap_or(line),
            None => line,
        };
        tree.read(line)?;
        if let Some(literal) = literal {
            tree.put(Item::Text(literal.clone()));
        }
    }
    tree.close().map(Response::Data)
}

/// A list that is being read, and those around it.
#[derive(Default)]
struct Tree {
    open: Vec<Item>,
    outer: Vec<Vec<Item>>,
}

impl Tree {
    fn put(&mut self, item: Item) {
        self.open.push(item);
    }

    fn read(&mut self, line: &str) -> Result<(), String> {
        let mut rest = line;
        while let Some(c) = rest.chars().next() {
            rest = match c {
                ' ' => rest.get(1..).unwrap_or_default(),
                '(' => {
                    if self.outer.len() == DEPTH {
                        return Err(format!("lists more than {DEPTH} deep"));
                    }
                    self.outer.push(take(&mut self.open));
                    rest.get(1..).unwrap_or_default()
                }
                ')' => {
                    let outer = self.outer.pop().ok_or("a bracket too many")?;
                    let list = std::mem::replace(&mut self.open, outer);
                    self.put(Item::List(list));
                    rest.get(1..).unwrap_or_default()
                }
                '"' => {
                    let (text, behind) = quoted(rest.get(1..).unwrap_or_default())?;
                    self.put(Item::Text(text.into_bytes()));
                    behind
                }
                _ => {
                    let end = rest.find([' ', '(', ')', '"']).unwrap_or(rest.len());
                    let (word, behind) = rest.split_at(end);
                    self.put(Item::Atom(word.to_owned()));
                    behind
                }
            };
        }
        Ok(())
    }

    fn close(self) -> Result<Vec<Item>, String> {
        if self.outer.is_empty() { Ok(self.open) } else { Err("a bracket is not closed".into()) }
    }
}

/// The text up to the closing quote, and what is behind that.
fn quoted(rest: &str) -> Result<(String, &str), String> {
    let mut text = String::new();
    let mut chars = rest.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((text, rest.get(at + 1..).unwrap_or_default())),
            '\\' => text.extend(chars.next().map(|(_, c)| c)),
            c => text.push(c),
        }
    }
    Err("a quote is not closed".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Result<Response, String> {
        parse(&[(text.to_owned(), None)])
    }

    fn atom(word: &str) -> Item {
        Item::Atom(word.into())
    }

    #[test]
    fn standings_keep_the_words_of_the_server() {
        for (text, tag, standing, words) in [
            ("a1 OK [READ-WRITE] done (really", "a1", Standing::Ok, "[READ-WRITE] done (really"),
            ("* BYE", "*", Standing::Bye, ""),
            ("a2 no \"x", "a2", Standing::No, "\"x"),
            ("* PREAUTH hi", "*", Standing::Preauth, "hi"),
        ] {
            assert_eq!(line(text), Ok(Response::Status(tag.into(), standing, words.into())), "{text}");
        }
        assert_eq!(line("+ go on"), Ok(Response::More));
        assert_eq!(line("+"), Ok(Response::More));
    }

    #[test]
    fn lists_texts_and_literals_are_in_their_place() {
        assert_eq!(
            line("* LIST (\\HasNoChildren \\Junk) \"/\" \"a \\\"b\\\\\""),
            Ok(Response::Data(vec![
                atom("LIST"),
                Item::List(vec![atom("\\HasNoChildren"), atom("\\Junk")]),
                Item::Text(b"/".to_vec()),
                Item::Text(b"a \"b\\".to_vec()),
            ]))
        );
        let pieces =
            [("* 1 FETCH (UID 7 BODY[HEADER] {4}".into(), Some(b"a:)\n".to_vec())), (" X NIL)".into(), None)];
        let Ok(Response::Data(items)) = parse(&pieces) else { panic!("data") };
        let inner = vec![
            atom("UID"),
            atom("7"),
            atom("BODY[HEADER]"),
            Item::Text(b"a:)\n".to_vec()),
            atom("X"),
            atom("NIL"),
        ];
        assert_eq!(items, [atom("1"), atom("FETCH"), Item::List(inner)]);
        assert_eq!(items[2].items()[5].text(), None);
    }

    #[test]
    fn nonsense_is_an_error_and_never_a_panic() {
        let deep = format!("* {}", "(".repeat(10_000));
        for text in
            ["", "x", "HTTP/1.1 400", "* (", "* )", "* \"", "* \"\\", "* ((x)", "* é\"ü", deep.as_str()]
        {
            assert!(line(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_literal_is_announced_at_the_end_of_a_line() {
        assert_eq!(announced("* 1 FETCH (X {12}"), Some(Ok(12)));
        assert_eq!(announced("x {12+}"), Some(Ok(12)));
        for text in ["x {}", "x {a}", "x {12} ", "x 12}", "{-1}"] {
            assert_eq!(announced(text), None, "{text}");
        }
        assert!(announced("x {99999999999999999999999}").is_some_and(|length| length.is_err()));
    }
}
