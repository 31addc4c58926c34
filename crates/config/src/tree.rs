//! The TOML tree with the place of every key and value, in the order of the file. The only module that knows the
//! TOML library.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

mod blocks;
mod inside;

pub use inside::inside;

/// A value and its place.
#[derive(Debug, Clone)]
pub struct Node {
    /// The bytes of the value; for a table its header or its braces.
    pub span: Range<usize>,
    /// The value.
    pub value: Value,
}

/// A TOML value.
#[derive(Debug, Clone)]
pub enum Value {
    /// A string, escapes undone.
    Text(String),
    /// An integer; one that is out of every range is kept as the largest.
    Whole(i64),
    /// A float, as written.
    Float(String),
    /// `true` or `false`.
    Flag(bool),
    /// A date, a time or both, as written.
    Date(String),
    /// An array.
    List(Vec<Node>),
    /// A table.
    Table(Table),
}

impl Value {
    /// The name of the type with its article, for the sentence "found …".
    pub fn found(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Whole(_) => "a whole number",
            Self::Float(_) => "a number with a fraction",
            Self::Flag(_) => "true or false",
            Self::Date(_) => "a date",
            Self::List(_) => "an array",
            Self::Table(_) => "a table",
        }
    }
}

/// The entries of a table in the order of the file.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// The entries.
    pub entries: Vec<Entry>,
}

/// One key with its value.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// The bytes of the key.
    pub span: Range<usize>,
    /// The value.
    pub node: Node,
}

impl Table {
    /// The entry of that key.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// The table below that key, if it is one.
    pub fn table(&self, key: &str) -> Option<&Self> {
        match &self.get(key)?.node.value {
            Value::Table(table) => Some(table),
            Value::Text(_)
            | Value::Whole(_)
            | Value::Float(_)
            | Value::Flag(_)
            | Value::Date(_)
            | Value::List(_) => None,
        }
    }
}

/// A place where the text is not TOML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// What is wrong, in words.
    pub what: String,
    /// Where.
    pub span: Range<usize>,
}

/// Reads a whole document. With errors, the tree holds whatever could be made out, which may be little: the library
/// goes no further than some errors. The errors of the tables behind are listed all the same.
pub fn parse(text: &str) -> (Table, Vec<SyntaxError>) {
    let (table, errors) = read(text);
    if errors.is_empty() {
        return (table, errors);
    }
    let blocks = blocks::split(text);
    let mut found: Vec<SyntaxError> = blocks.iter().flat_map(|block| errors_in(text, block)).collect();
    found.extend(
        blocks::twice(text, &blocks)
            .map(|span| SyntaxError { what: "this table is there twice".into(), span }),
    );
    if found.is_empty() {
        found.extend(errors.into_iter().take(1));
    }
    (table, found)
}

const DUPLICATE: &str = "duplicate key";

fn read(text: &str) -> (Table, Vec<SyntaxError>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let errors = errors
        .into_iter()
        .map(|error| SyntaxError { what: error.message().to_owned(), span: error.span().unwrap_or(0..0) })
        .collect();
    (table_of(table.into_inner()), errors)
}

/// The first error of one table, which may cause others, and every key that is there twice.
fn errors_in(text: &str, block: &blocks::Block) -> Vec<SyntaxError> {
    let start = block.span.start;
    let (_, errors) = text.get(block.span.clone()).map(read).unwrap_or_default();
    let first = errors.iter().position(|error| error.what != DUPLICATE);
    errors
        .into_iter()
        .enumerate()
        .filter(|(at, error)| Some(*at) == first || error.what == DUPLICATE)
        .map(|(_, error)| SyntaxError { span: error.span.start + start..error.span.end + start, ..error })
        .collect()
}

/// Reads the tables at and below that path out of a broken document. Lines of theirs that are not TOML are passed
/// over.
pub fn parse_only(text: &str, path: &[&str]) -> Table {
    let wanted = |block: &&blocks::Block| {
        block.path.iter().zip(path).all(|(a, b)| a == b) && block.path.len() >= path.len()
    };
    let mut kept = String::with_capacity(text.len());
    for block in blocks::split(text).iter().filter(wanted) {
        // Everything else becomes blank, so that places still fit.
        kept.extend(std::iter::repeat_n(' ', block.span.start.saturating_sub(kept.len())));
        kept.push_str(text.get(block.span.clone()).unwrap_or_default());
    }
    for _ in 0..REPAIRS {
        let (table, errors) = read(&kept);
        let Some(error) = errors.first() else { return table };
        let at = error.span.start.min(kept.len());
        let start = kept.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
        let end = kept.get(at..).and_then(|rest| rest.find('\n')).map_or(kept.len(), |length| at + length);
        if kept.get(start..end).is_none_or(|line| line.trim().is_empty()) {
            return table;
        }
        kept.replace_range(start..end, &" ".repeat(end - start));
    }
    read(&kept).0
}

/// Most lines that are passed over.
const REPAIRS: usize = 16;

/// The paths of all table headers of a document, broken or not.
pub fn headers(text: &str) -> Vec<Vec<String>> {
    blocks::split(text).into_iter().map(|block| block.path).collect()
}

/// Reads one value, such as the default of a row.
pub fn parse_value(text: &str) -> Option<Node> {
    DeValue::parse(text).ok().map(node_of)
}

fn table_of(table: DeTable<'_>) -> Table {
    let mut entries: Vec<Entry> = table
        .into_iter()
        .map(|(key, value)| Entry {
            span: key.span(),
            key: key.into_inner().into_owned(),
            node: node_of(value),
        })
        .collect();
    // The library sorts by key; people think in the order of the file.
    entries.sort_by_key(|entry| entry.span.start);
    Table { entries }
}

fn node_of(value: Spanned<DeValue<'_>>) -> Node {
    let span = value.span();
    let value = match value.into_inner() {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => {
            let digits = number.as_str();
            let far = if digits.starts_with('-') { i64::MIN } else { i64::MAX };
            Value::Whole(i64::from_str_radix(digits, number.radix()).unwrap_or(far))
        }
        DeValue::Float(number) => Value::Float(number.as_str().to_owned()),
        DeValue::Boolean(flag) => Value::Flag(flag),
        DeValue::Datetime(date) => Value::Date(date.to_string()),
        DeValue::Array(list) => Value::List(list.into_iter().map(node_of).collect()),
        DeValue::Table(table) => Value::Table(table_of(table)),
    };
    Node { span, value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_and_value_knows_its_place() {
        let text = "z = 1\n[job.b]\ncommand = [\"x\", 'yy']\n[job.a]\nt = { soft = \"1s\" }\n";
        let (table, errors) = parse(text);
        assert!(errors.is_empty());
        let keys: Vec<&str> = table.entries.iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!(keys, ["z", "job"]);
        let job = table.table("job").expect("a table");
        assert_eq!(job.entries[0].key, "b", "the order of the file");
        assert_eq!(&text[job.entries[0].span.clone()], "b");
        assert_eq!(&text[job.entries[0].node.span.clone()], "[job.b]");
        let a = job.table("a").expect("a table");
        assert_eq!(&text[a.get("t").expect("there").node.span.clone()], "{ soft = \"1s\" }");
    }

    #[test]
    fn one_error_does_not_hide_those_of_other_tables() {
        let text =
            "x = 1\n[a]\nfoo bar\n[b]\ny = [1,\n[c]\nz = 1\nz = 2\nz = 3\n[d]\nfine = 1\n[a]\n[[e]]\nq = '\n";
        let (_, errors) = parse(text);
        let lines: Vec<usize> =
            errors.iter().map(|error| text[..error.span.start].matches('\n').count() + 1).collect();
        assert_eq!(lines, [3, 5, 8, 9, 14, 12], "{errors:?}");
    }

    #[test]
    fn a_table_can_be_read_out_of_a_broken_file() {
        let text = "this is not toml\n[job.\"a\"]\nx = 1\n[b]\nfoo bar\n[job.a.t]\ny = 2\n[job.ab]\nz = [\n";
        let table = parse_only(text, &["job", "a"]);
        let a = table.table("job").and_then(|job| job.table("a")).expect("found");
        assert_eq!(&text[a.get("x").expect("there").span.clone()], "x");
        let y = a.table("t").and_then(|t| t.get("y")).expect("there");
        assert_eq!(&text[y.node.span.clone()], "2");
        assert_eq!(table.table("job").map(|job| job.entries.len()), Some(1));
        assert_eq!(headers(text).len(), 5);
    }

    #[test]
    fn a_part_of_a_string_is_found_in_the_file() {
        for (value, text, part) in [
            (r#""0 25 * * *""#, "0 25 * * *", "25"),
            ("'0 25 * * *'", "0 25 * * *", "25"),
            (r#""\u0030 25 * * *""#, "0 25 * * *", "25"),
            (r#""\\d+ \"x\" = 1""#, r#"\d+ "x" = 1"#, "="),
            (r#""\tü\U0001F600 ß=""#, "\tü\u{1F600} ß=", "="),
            ("\"\"\"\na \\  \n   b = \\\"c\"\"\"", "a b = \"c", "="),
            ("'''\r\na\r\n= b'''", "a\n= b", "="),
            ("\"\"\"\"a\" =\"\"\"", "\"a\" =", "="),
        ] {
            let file = format!("key = {value}");
            let (table, errors) = parse(&file);
            assert!(errors.is_empty(), "{value}");
            let node = &table.get("key").expect("there").node;
            assert!(matches!(&node.value, Value::Text(own) if own.replace("\r\n", "\n") == text), "{node:?}");
            let Value::Text(own) = &node.value else { continue };
            let at = own.find(part).expect(part);
            let place = inside(&file, node, &(at..at + part.len()));
            assert_eq!((&file[place.clone()], place.start), (part, file.rfind(part).expect(part)), "{value}");
            let end = inside(&file, node, &(own.len()..own.len()));
            assert!(file[end.clone()].starts_with(['"', '\'']), "{value}: {end:?}");
            assert_eq!(inside(&file, node, &(0..own.len() + 1)), node.span, "what is not there");
        }
    }

    #[test]
    fn a_number_beyond_every_range_is_the_largest() {
        let (table, _) = parse("a = 99999999999999999999999");
        assert!(matches!(table.get("a").expect("there").node.value, Value::Whole(i64::MAX)));
    }
}
