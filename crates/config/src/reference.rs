//! The reference page of muster.toml, as Markdown. Made from the rows.

use crate::assertion::term::Term;
use crate::assertion::{DEPTH_LIMIT, LENGTH_LIMIT};
use crate::codes::CODES;
use crate::compile::EXPECTATION_LIMIT;
use crate::field::{Duty, Field, Shape};
use crate::kind::Catalogue;
use crate::shape::assertions;
use crate::source::FILE_LIMIT;
use crate::tables::{Form, NOT_YET, TABLES, TableRow};

/// The whole page.
pub fn reference<C, K>(catalogue: &Catalogue<C, K>) -> String {
    let mut page = String::from(HEAD);
    line(
        &mut page,
        &format!(
            "A file has at most {} KiB and {EXPECTATION_LIMIT} jobs and checks. A key or table that is not on this \
             page is an error.\n",
            FILE_LIMIT / 1024
        ),
    );
    for row in TABLES {
        table(&mut page, row, catalogue);
    }
    language(&mut page);
    not_yet(&mut page);
    codes(&mut page);
    page
}

const HEAD: &str = "\
<!-- Generated from the rows in crates/config. Do not edit. -->

# muster.toml

Durations are numbers with a unit (`ms`, `s`, `m`, `h`, `d`) or sums of them: `\"90s\"`, `\"1h30m\"`. Sizes are numbers
with one of `B`, `KiB`, `MiB`, `GiB`, `TiB`. A secret reference is one of `{ env = \"NAME\" }`,
`{ file = \"/path\" }` and `{ command = [\"program\", \"argument\"] }`; the secret itself never stands in the file.
Check a file with `muster config check FILE`.

";

fn line(page: &mut String, text: &str) {
    page.push_str(text);
    page.push('\n');
}

fn table<C, K>(page: &mut String, row: &TableRow, catalogue: &Catalogue<C, K>) {
    let header = match row.form {
        Form::Single => format!("[{}]", row.name),
        Form::Named | Form::Family => format!("[{}.NAME]", row.name),
    };
    line(page, &format!("## `{header}`\n\n{}\n", row.doc));
    if !row.example.is_empty() {
        line(page, &format!("```toml\n{}```\n", row.example));
    }
    keys(page, row.fields);
    if row.form == Form::Family {
        let mut shared = false;
        for kind in catalogue.entries(row.name) {
            if !kind.shared.is_empty() && !std::mem::replace(&mut shared, true) {
                line(page, "### Keys of every kind that looks\n");
                keys(page, kind.shared);
            }
            line(page, &format!("### `kind = \"{}\"`\n\n{}\n", kind.name, kind.sentence));
            line(page, &format!("```toml\n{}\n```\n", kind.example.trim_end()));
            keys(page, kind.fields);
        }
    }
}

fn keys(page: &mut String, fields: &[Field]) {
    line(page, "| key | value | default | what it says | example |\n|---|---|---|---|---|");
    rows(page, "", fields);
    line(page, "");
    for (key, terms) in asserted("", fields) {
        line(
            page,
            &format!("The words of `{key}`:\n\n| word | gives | what it is | example |\n|---|---|---|---|"),
        );
        for term in terms {
            let cells = [
                format!("`{}`", term.written()),
                term.gives.words().to_owned(),
                term.doc.to_owned(),
                format!("`{}`", term.example),
            ];
            line(page, &format!("| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | ")));
        }
        line(page, "");
    }
}

/// The keys that take assertions, the nested ones too, with their words.
fn asserted(prefix: &str, fields: &[Field]) -> Vec<(String, &'static [Term])> {
    fields
        .iter()
        .filter(|field| field.duty != Duty::NotYet)
        .flat_map(|field| {
            let key = format!("{prefix}{}", field.key);
            match field.shape {
                Shape::Assertions(terms) => vec![(key, terms)],
                Shape::Table(inner) | Shape::Tables(inner, _) => asserted(&format!("{key}."), inner),
                Shape::Captures(terms) => vec![(key, terms)],
                _ => Vec::new(),
            }
        })
        .collect()
}

const LANGUAGE: &str = "\
## Assertions

An assertion says what must be true of something that was looked at. It compares a word with a value:
`status == 200`, `time.total < 800ms`, `cert.expires_in > 14d`, `json('$.database') == 'ok'`.

| written | true if |
|---|---|
| `==`, `!=` | both are the same, or not |
| `<`, `<=`, `>`, `>=` | the left is smaller, or larger: numbers, times and sizes |
| `status in [200, 204]` | it is one of these values |
| `body contains 'ok'` | the text has this part, or the list this element |
| `body matches '^\\d+ rows'` | the regular expression finds something; `^` and `$` stand at the ends of a line |
| `header('x-id') exists` | it is there |
| `count(json('$.errors[*]')) == 0` | so many elements were found |
| `and`, `or`, `not`, `( )` | as in speech: `not` binds closest, then `and`, then `or` |

Values are numbers (`200`, `0.5`), times (`800ms`, `1h30m`), sizes (`10KiB`), texts in `'…'` or `\"…\"`, `true`, `false`
and `null`. A number is never compared with a time or a size: write the unit. In a text, a backslash stands for itself;
only in front of the quote that would end the text it takes the quote's meaning away. In a text that is compared, two
of them are one.

What is not there makes every comparison not met, `!=` and `not … == …` included; ask with `exists`. What could not be
looked at, or only in part, makes the whole assertion not met, unless the other side of an `or` is true. The same goes
for what is of another kind than the value: the text `\"5\"` in JSON is not the number 5.

What is captured is one word, such as `header('x-csrf')` or `json('$.id')`; or a part of it, found by a regular
expression: `body matches 'name=\"csrf\" value=\"([^\"]+)\"'` is what stands in the brackets of the pattern, or all
that it matches where it has none. What is not there, is null or is a list cannot be captured.

";

fn language(page: &mut String) {
    page.push_str(LANGUAGE);
    line(
        page,
        &format!(
            "In place of the text, a table says how loud it is. An assertion has at most {} KiB and {DEPTH_LIMIT} \
             brackets around each other.\n",
            LENGTH_LIMIT / 1024
        ),
    );
    keys(page, assertions::ROWS);
}

fn rows(page: &mut String, prefix: &str, fields: &[Field]) {
    for field in fields {
        let default = match (field.duty, field.default) {
            (Duty::NotYet, _) => "*not yet*".to_owned(),
            (Duty::Required, _) => "*required*".to_owned(),
            (Duty::Optional, None) => String::new(),
            (Duty::Optional, Some(default)) => format!("`{default}`"),
        };
        let value = match field.shape {
            _ if field.duty == Duty::NotYet => String::new(),
            Shape::Choice(words) => {
                words.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(", ")
            }
            Shape::Whole(least, most) if most < i64::MAX => format!("whole number, {least} to {most}"),
            Shape::WholeOr(least, most, _) => format!("whole number, {least} to {most}, or table"),
            shape => shape.word(),
        };
        let Field { key, doc, example, .. } = field;
        let cells = [format!("`{prefix}{key}`"), value, default, (*doc).to_owned(), format!("`{example}`")];
        line(page, &format!("| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | ")));
        if let (Shape::Table(inner) | Shape::Tables(inner, _) | Shape::WholeOr(_, _, inner), true) =
            (field.shape, field.duty != Duty::NotYet)
        {
            rows(page, &format!("{prefix}{key}."), inner);
        }
    }
}

fn not_yet(page: &mut String) {
    let quoted = |names: &[&str], open: &str, close: &str| {
        names.iter().map(|name| format!("`{open}{name}{close}`")).collect::<Vec<_>>().join(", ")
    };
    line(
        page,
        &format!(
            "## Not yet\n\nThese belong to the language and are refused by this release, because ignoring them would \
             leave unwatched what you asked to be watched: the tables {}, and the keys marked \
             *not yet*.\n",
            quoted(NOT_YET, "[", "]"),
        ),
    );
}

fn codes(page: &mut String) {
    line(page, "## Codes of faults\n\n| code | meaning |\n|---|---|");
    for code in CODES {
        line(page, &format!("| `{}` | {} |", code.id, code.sentence));
    }
}
