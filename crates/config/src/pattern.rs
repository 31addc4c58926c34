//! Regular expressions as people write them here: over one line of output, in time that is linear in its length.

use std::ops::Range;

use regex::bytes::{Regex, RegexBuilder};

/// Largest automaton of one expression, in bytes.
const SIZE: usize = 1 << 20;

/// A mistake inside of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// What is wrong, in words.
    pub what: String,
    /// Where, as bytes of the text.
    pub span: Range<usize>,
    /// What to write instead.
    pub help: Option<String>,
}

/// Makes the automaton. `^` and `$` stand at the ends of a line, also where a carriage return ends it.
///
/// # Errors
/// With the place of the first mistake.
pub fn compile(text: &str) -> Result<Regex, Mistake> {
    RegexBuilder::new(text)
        .multi_line(true)
        .crlf(true)
        .size_limit(SIZE)
        .dfa_size_limit(SIZE)
        .build()
        .map_err(|_| mistake(text))
}

/// Judges an expression.
///
/// # Errors
/// As for [`compile`].
pub fn check(text: &str) -> Result<(), Mistake> {
    compile(text).map(|_| ())
}

/// Says what is wrong with an expression that was refused.
fn mistake(text: &str) -> Mistake {
    let at = |span: &regex_syntax::ast::Span, why: String| {
        Mistake {
        what: format!("this is no regular expression: {why}"),
        span: span.start.offset..span.end.offset,
        help: why.contains("look-around").then(|| {
            "it would not be linear in time; say what must be there in `output`, what must not in `forbid`".into()
        }),
    }
    };
    match regex_syntax::ParserBuilder::new().utf8(false).build().parse(text) {
        Err(regex_syntax::Error::Parse(error)) => at(error.span(), error.kind().to_string()),
        Err(regex_syntax::Error::Translate(error)) => at(error.span(), error.kind().to_string()),
        _ => Mistake {
            what: "this regular expression takes more than 1 MiB of memory".into(),
            span: 0..text.len(),
            help: Some("write a smaller number in `{…}`, or `(?-u)` in front of it".into()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_matched_as_people_mean_it() {
        for (pattern, line, matches) in [
            (r"exported \d+ rows", "2026 exported 12 rows in 3s", true),
            (r"^done$", "done\r", true),
            (r"^done$", "10%\r50%\rdone", true),
            (r"^done$", "not done", false),
            (r"caf.", "caf\u{e9}", true),
        ] {
            assert_eq!(
                compile(pattern).expect(pattern).is_match(line.as_bytes()),
                matches,
                "{pattern} {line:?}"
            );
        }
        assert!(compile("a(?-u:.)*b").expect("good").is_match(b"xa\xff\xfeb"));
    }

    #[test]
    fn a_mistake_is_told_with_its_place() {
        let mistake = check("exported (\\d+ rows").expect_err("open");
        assert_eq!((mistake.span, mistake.what.contains("unclosed group")), (9..10, true));
        assert!(check("(?=x)").expect_err("refused").help.is_some());
        assert!(check(r"(\w{1000}){1000}").expect_err("huge").what.contains("1 MiB"));
    }
}
