//! Paths with wildcards: `*` and `?` within a name, `[a-z]` for one letter, `**` for any number of folders. As in a
//! shell, a leading dot is matched only by a dot. Looking at the disk is left to others.

use std::fmt;

use crate::pattern::Mistake;

/// An absolute path with wildcards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    text: String,
    parts: Vec<Part>,
}

/// One name of the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Exactly this name.
    Name(String),
    /// Names that match.
    Wild(Vec<Piece>),
    /// Any number of folders, none included.
    Folders,
}

/// A piece of a name with wildcards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// This letter.
    Letter(char),
    /// Any letter.
    Any,
    /// Any number of letters.
    Many,
    /// One of the ranges; or, if the flag is set, none of them.
    Class(bool, Vec<(char, char)>),
}

impl Glob {
    /// Reads a path with wildcards.
    ///
    /// # Errors
    /// With the place of the first mistake.
    pub fn parse(text: &str) -> Result<Self, Mistake> {
        let wrong =
            |span, what: &str, help: &str| Mistake { what: what.into(), span, help: Some(help.into()) };
        let whole = 0..text.len();
        if text.starts_with('~') {
            return Err(wrong(0..1, "`~` is not expanded here", "write the path of the home directory"));
        }
        if !text.starts_with('/') {
            return Err(wrong(
                whole,
                "the path must be absolute: muster and cron start in different directories",
                "begin it with `/`",
            ));
        }
        if let Some(at) = text.find('$') {
            let help = "use wildcards in place of what changes, such as `/backup/db-*.sql.gz`";
            return Err(wrong(at..at + 1, "`$` is not expanded here", help));
        }
        if let Some(at) = text.find('{') {
            let help = "write the glob for one of them, or a wildcard such as `*.csv.*`";
            return Err(wrong(at..at + 1, "`{…}` is not expanded here", help));
        }
        if text.ends_with('/') || text.contains('\0') {
            return Err(wrong(whole, "this names a folder, and files are looked for", "end it with `/*`"));
        }
        let mut parts = Vec::new();
        let mut start = 1;
        for name in text[1..].split('/') {
            match name {
                "" | "." => {}
                "**" if parts.last() == Some(&Part::Folders) => {}
                "**" => parts.push(Part::Folders),
                _ => parts.push(part(name, start)?),
            }
            start += name.len() + 1;
        }
        if parts.last() == Some(&Part::Folders) {
            return Err(wrong(whole, "this names folders, and files are looked for", "end it with `/**/*`"));
        }
        Ok(Self { text: text.to_owned(), parts })
    }

    /// The names of the path, in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn part(name: &str, start: usize) -> Result<Part, Mistake> {
    if !name.contains(['*', '?', '[']) {
        return Ok(Part::Name(name.to_owned()));
    }
    let mut pieces = Vec::new();
    let mut letters = name.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        pieces.push(match letter {
            '*' => {
                while letters.next_if(|(_, next)| *next == '*').is_some() {}
                Piece::Many
            }
            '?' => Piece::Any,
            '[' => {
                let none = letters.next_if(|(_, next)| matches!(next, '!' | '^')).is_some();
                let mut ranges: Vec<(char, char)> = Vec::new();
                loop {
                    match letters.next() {
                        // A bracket in the first place stands for itself.
                        Some((_, ']')) if !ranges.is_empty() => break,
                        Some((_, first)) => {
                            let last = letters.clone().nth(1).map(|(_, last)| last);
                            match (letters.peek(), last) {
                                (Some((_, '-')), Some(last)) if last != ']' => {
                                    letters.nth(1);
                                    ranges.push((first, last));
                                }
                                _ => ranges.push((first, first)),
                            }
                        }
                        None => {
                            return Err(Mistake {
                                what: "`[` is not closed".into(),
                                span: start + at..start + at + 1,
                                help: Some("close it with `]`, or write `[[]` for the bracket itself".into()),
                            });
                        }
                    }
                }
                Piece::Class(none, ranges)
            }
            other => Piece::Letter(other),
        });
    }
    Ok(Part::Wild(pieces))
}

/// True if a name matches. Time grows with the product of both lengths at worst.
pub fn matches(pieces: &[Piece], name: &str) -> bool {
    if name.starts_with('.') && pieces.first() != Some(&Piece::Letter('.')) {
        return false;
    }
    let letters: Vec<char> = name.chars().collect();
    let (mut piece, mut letter) = (0, 0);
    // Where to go on after the last `*` if what follows it does not match.
    let mut again: Option<(usize, usize)> = None;
    while letter < letters.len() {
        match pieces.get(piece) {
            Some(Piece::Many) => {
                again = Some((piece + 1, letter));
                piece += 1;
            }
            Some(one) if is_one(one, letters[letter]) => {
                piece += 1;
                letter += 1;
            }
            _ => match again {
                Some((after, from)) => {
                    again = Some((after, from + 1));
                    piece = after;
                    letter = from + 1;
                }
                None => return false,
            },
        }
    }
    pieces[piece.min(pieces.len())..].iter().all(|rest| *rest == Piece::Many)
}

fn is_one(piece: &Piece, letter: char) -> bool {
    match piece {
        Piece::Letter(own) => *own == letter,
        Piece::Any => true,
        Piece::Many => false,
        Piece::Class(none, ranges) => {
            ranges.iter().any(|(first, last)| (*first..=*last).contains(&letter)) != *none
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(pattern: &str, name: &str) -> bool {
        match Glob::parse(&format!("/{pattern}")).expect(pattern).parts() {
            [Part::Wild(pieces)] => matches(pieces, name),
            [Part::Name(own)] => own == name,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn names_match_as_in_a_shell() {
        for (pattern, name, expected) in [
            ("*.csv.gz", "a.csv.gz", true),
            ("*.csv.gz", ".a.csv.gz", false),
            (".*", ".a", true),
            ("*.csv.gz", "a.csv.gz.tmp", false),
            ("db-????.sql", "db-2026.sql", true),
            ("db-????.sql", "db-26.sql", false),
            ("[a-c]?[!0-9]", "bxx", true),
            ("[a-c]?[!0-9]", "bx1", false),
            ("[]x]*", "]1", true),
            ("[a-]", "-", true),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXbXb", false),
            ("*", "\u{e4}", true),
            ("?", "\u{e4}", true),
            ("**x", "aax", true),
            ("plain", "plain", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
        // No time to speak of, where backtracking over every `*` would take for ever.
        assert!(!fits(&"*a".repeat(40), &"a".repeat(200).replace("aaaa", "aaab").repeat(3)));
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        for (text, span) in [
            ("~/x", 0..1),
            ("x/*.gz", 0..6),
            ("/a/$(date)/x", 3..4),
            ("/a/x.{gz,xz}", 5..6),
            ("/a/b[c", 4..5),
            ("/a/", 0..3),
            ("/a/**", 0..5),
        ] {
            assert_eq!(Glob::parse(text).expect_err(text).span, span, "{text}");
        }
        let parts = Glob::parse("//srv/./**/**/x*").expect("good").parts().len();
        assert_eq!(parts, 3);
    }
}
