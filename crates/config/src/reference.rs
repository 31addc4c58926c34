//! The reference page of muster.toml, as Markdown. Made from the rows.

use crate::codes::CODES;
use crate::compile::EXPECTATION_LIMIT;
use crate::field::{Duty, Field, Shape};
use crate::kind::Catalogue;
use crate::source::FILE_LIMIT;
use crate::tables::{Form, NOT_YET, TABLES, TableRow, check};

/// The whole page.
pub fn reference<C>(catalogue: &Catalogue<C>) -> String {
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

fn table<C>(page: &mut String, row: &TableRow, catalogue: &Catalogue<C>) {
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
        for kind in catalogue.channels {
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
            shape => shape.word(),
        };
        let Field { key, doc, example, .. } = field;
        let cells = [format!("`{prefix}{key}`"), value, default, (*doc).to_owned(), format!("`{example}`")];
        line(page, &format!("| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | ")));
        if let (Shape::Table(inner), true) = (field.shape, field.duty != Duty::NotYet) {
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
             leave unwatched what you asked to be watched: the tables {}, the checks of kind {}, and the keys marked \
             *not yet*.\n",
            quoted(NOT_YET, "[", "]"),
            quoted(check::NOT_YET, "", "")
        ),
    );
}

fn codes(page: &mut String) {
    line(page, "## Codes of faults\n\n| code | meaning |\n|---|---|");
    for code in CODES {
        line(page, &format!("| `{}` | {} |", code.id, code.sentence));
    }
}
