//! The rows are the one source: each example and default reads back and satisfies the schema.

use muster_config::compile::compile;
use muster_config::field::{Duty, Field, Shape};
use muster_config::reference::reference;
use muster_config::schema::schema;
use muster_config::tables::{Form, TABLES, notify};
use serde_json::{Value, json};

use crate::catalogue::{CATALOGUE, KINDS};
use crate::{source, toml_files};

fn json_of(text: &str) -> Value {
    let table: toml::Table = text.parse().unwrap_or_else(|error| panic!("{error}\n{text}"));
    serde_json::to_value(table).expect("json")
}

fn validator() -> jsonschema::Validator {
    jsonschema::draft202012::new(&schema(&CATALOGUE)).expect("a schema")
}

/// Every row, the nested ones too, with the dotted name of its table.
fn all_rows() -> Vec<(String, Form, &'static Field)> {
    fn down(
        path: &str,
        form: Form,
        fields: &'static [Field],
        found: &mut Vec<(String, Form, &'static Field)>,
    ) {
        for field in fields {
            found.push((path.to_owned(), form, field));
            if let Shape::Table(inner) | Shape::Tables(inner, _) = field.shape {
                down(&format!("{path}.{}", field.key), form, inner, found);
            }
        }
    }
    let mut found = Vec::new();
    for row in TABLES {
        down(row.name, row.form, row.fields, &mut found);
    }
    for kind in KINDS {
        down("notify", Form::Family, kind.fields, &mut found);
    }
    found
}

#[test]
fn every_row_says_what_it_is_for() {
    for (path, _, field) in all_rows() {
        let name = format!("{path}.{}", field.key);
        assert!(
            field.doc.ends_with('.') && field.doc.starts_with(char::is_uppercase),
            "{name}: {}",
            field.doc
        );
        assert!(!field.example.is_empty(), "{name}");
    }
}

#[test]
fn every_example_and_default_satisfies_its_row() {
    for (path, _, field) in all_rows() {
        if field.duty == Duty::NotYet {
            continue;
        }
        for value in [Some(field.example), field.default].into_iter().flatten() {
            // Each value alone below a table of one row, so that only the row judges it.
            let faults = muster_config::section::judge_alone(field, value);
            assert!(faults.is_empty(), "{path}.{} = {value}\n{faults}", field.key);
        }
    }
}

#[test]
fn every_example_of_a_table_reads_back_and_satisfies_the_schema() {
    let validator = validator();
    let channels = "[notify.ops]\nkind = \"hook\"\nurl = \"https://example.com\"\n";
    for row in TABLES.iter().filter(|row| row.form != Form::Family) {
        let text = format!("{channels}{}", row.example);
        let (plan, faults) = compile(&source(&text), &CATALOGUE);
        assert!(plan.is_some() && !faults.has_errors(), "{faults}");
        assert!(validator.is_valid(&json_of(&text)), "{text}");
    }
    for kind in KINDS {
        kind.read_example(notify::FIELDS).unwrap_or_else(|faults| panic!("{}: {faults}", kind.name));
        assert!(validator.is_valid(&json_of(kind.example)), "{}", kind.name);
    }
}

#[test]
fn every_example_of_a_key_satisfies_the_schema_of_its_table() {
    let schema = schema(&CATALOGUE);
    for row in TABLES.iter().filter(|row| row.form != Form::Family) {
        for field in row.fields.iter().filter(|field| field.duty != Duty::NotYet) {
            let object = match row.form {
                Form::Single => &schema["properties"][row.name],
                Form::Named | Form::Family => &schema["properties"][row.name]["additionalProperties"],
            };
            let mut one = object["properties"][field.key].clone();
            one["$defs"] = schema["$defs"].clone();
            let validator = jsonschema::draft202012::new(&one).expect("a schema");
            let value = json_of(&format!("v = {}", field.example))["v"].clone();
            assert!(validator.is_valid(&value), "{}.{} = {value}", row.name, field.key);
            assert_eq!(one["examples"], json!([value]), "{}.{}", row.name, field.key);
        }
    }
}

#[test]
fn good_files_satisfy_the_schema_and_unknown_keys_do_not() {
    let validator = validator();
    for path in toml_files("good") {
        let text = std::fs::read_to_string(&path).expect("readable");
        assert!(validator.is_valid(&json_of(&text)), "{}", path.display());
    }
    for name in
        ["key-unknown-job", "key-misspelt", "table-unknown", "kind-misspelt", "secret-inline", "choice"]
    {
        let text = std::fs::read_to_string(crate::fixture(&format!("bad/{name}.toml"))).expect("readable");
        assert!(!validator.is_valid(&json_of(&text)), "{name}");
    }
}

#[test]
fn the_reference_page_names_every_key_and_code() {
    let page = reference(&CATALOGUE);
    for (_, _, field) in all_rows() {
        assert!(page.contains(field.doc), "{}", field.key);
        assert!(page.contains(&format!("{}`", field.key)), "{}", field.key);
    }
    for code in muster_config::codes::CODES {
        assert!(page.contains(code.id));
    }
    let broken = page.lines().filter(|line| line.starts_with('|') && !line.ends_with('|')).count();
    assert_eq!(broken, 0, "a cell breaks its row");
}
