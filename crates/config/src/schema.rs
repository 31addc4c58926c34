//! The JSON Schema (draft 2020-12) of muster.toml, for editors. Made from the rows; what rows cannot say (names that
//! refer to names, values that go together) only `muster config check` finds.

use serde_json::{Map, Value, json};

use crate::assertion::LENGTH_LIMIT;
use crate::assertion::term::Term;
use crate::field::{Duty, Field, Shape};
use crate::kind::{Catalogue, Entry, KIND};
use crate::shape::assertions;
use crate::tables::{Form, TABLES, TableRow};

/// The schema of the whole file.
pub fn schema<C, K>(catalogue: &Catalogue<C, K>) -> Value {
    let mut properties = Map::new();
    for row in TABLES {
        properties.insert(row.name.to_owned(), table(row, catalogue));
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "muster.toml",
        "description": "What should happen on this host, and who is told when it does not.",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "$defs": { "secret": secret() },
    })
}

fn table<C, K>(row: &TableRow, catalogue: &Catalogue<C, K>) -> Value {
    let mut schema = match row.form {
        Form::Single => object(&[row.fields]),
        Form::Named => json!({ "type": "object", "additionalProperties": object(&[row.fields]) }),
        Form::Family => {
            let kinds: Vec<Value> =
                catalogue.entries(row.name).iter().map(|kind| kind_schema(row, kind)).collect();
            json!({ "type": "object", "additionalProperties": { "oneOf": kinds } })
        }
    };
    describe(&mut schema, row.doc);
    schema
}

fn kind_schema(row: &TableRow, kind: &Entry) -> Value {
    let mut schema = object(&[KIND, row.fields, kind.shared, kind.fields]);
    if let Some(slot) = schema.pointer_mut("/properties/kind") {
        *slot = json!({ "const": kind.name });
    }
    describe(&mut schema, kind.sentence);
    schema
}

fn describe(schema: &mut Value, sentence: &str) {
    if let Value::Object(map) = schema {
        map.insert("description".to_owned(), sentence.into());
    }
}

/// An object of those keys and no others. Keys that are refused for now are left out, so that an editor marks them.
fn object(fields: &[&[Field]]) -> Value {
    let rows = || fields.iter().flat_map(|part| part.iter()).filter(|row| row.duty != Duty::NotYet);
    let properties: Map<String, Value> = rows().map(|row| (row.key.to_owned(), field(row))).collect();
    let required: Vec<&str> = rows().filter(|row| row.duty == Duty::Required).map(|row| row.key).collect();
    let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if let (false, Value::Object(map)) = (required.is_empty(), &mut schema) {
        map.insert("required".to_owned(), required.into());
    }
    schema
}

fn field(row: &Field) -> Value {
    let mut schema = shape(&row.shape);
    describe(&mut schema, row.doc);
    if let Value::Object(map) = &mut schema {
        if let Some(default) = row.default.and_then(to_json) {
            map.insert("default".to_owned(), default);
        }
        if let Some(example) = to_json(row.example) {
            map.insert("examples".to_owned(), json!([example]));
        }
    }
    schema
}

fn shape(shape: &Shape) -> Value {
    match shape {
        Shape::Text => json!({ "type": "string", "minLength": 1 }),
        Shape::Choice(words) => json!({ "enum": words }),
        Shape::Whole(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Shape::WholeOr(least, most, fields) => {
            json!({ "anyOf": [self::shape(&Shape::Whole(*least, *most)), object(&[fields])] })
        }
        Shape::Factor(least, most) => {
            json!({ "type": "number", "minimum": f64::from(*least) / 1000.0, "maximum": f64::from(*most) / 1000.0 })
        }
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::Duration(..) => {
            json!({ "type": "string", "pattern": "^\\s*([0-9]+\\s*(ms|s|m|h|d)\\s*)+$" })
        }
        Shape::Size(_) => json!({ "type": "string", "pattern": "^[0-9]+\\s*(B|KiB|MiB|GiB|TiB)$" }),
        Shape::Path | Shape::Glob => json!({ "type": "string", "pattern": "^/" }),
        Shape::Url => json!({ "type": "string", "pattern": "^https?://[^\\s]+$" }),
        Shape::Mailbox => json!({ "type": "string", "pattern": "^[^\\r\\n]+@[^\\r\\n]+$" }),
        Shape::Socket => json!({ "type": "string", "pattern": ":[0-9]+$" }),
        Shape::Moment => json!({ "type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?$" }),
        Shape::Timer => json!({ "type": "string", "pattern": r"^[A-Za-z0-9:_.\\@-]+\.timer$" }),
        Shape::Zone | Shape::Cron | Shape::Regex => json!({ "type": "string", "minLength": 1 }),
        Shape::Secret => json!({ "$ref": "#/$defs/secret" }),
        Shape::OrSecret(open) => json!({ "anyOf": [self::shape(open), { "$ref": "#/$defs/secret" }] }),
        Shape::List(of, least) => json!({ "type": "array", "items": self::shape(of), "minItems": least }),
        Shape::Table(fields) => object(&[fields]),
        Shape::Tables(fields, least) => {
            json!({ "type": "array", "items": object(&[fields]), "minItems": least })
        }
        Shape::Json => json!({ "type": ["object", "array"] }),
        Shape::Captures(terms) => {
            let words: Vec<String> = terms.iter().map(Term::written).collect();
            let doc = format!(
                "One of {}, or such a word, `matches` and a pattern with one group.",
                words.join(", ")
            );
            json!({
                "type": "object",
                "propertyNames": { "pattern": "^[A-Za-z_][A-Za-z0-9_-]{0,39}$" },
                "additionalProperties": { "type": "string", "minLength": 1, "description": doc },
            })
        }
        Shape::Map(of) => json!({ "type": "object", "additionalProperties": self::shape(of) }),
        Shape::WordOr(word, of) => json!({ "anyOf": [{ "const": word }, self::shape(of)] }),
        Shape::OneOrMany(of) => {
            json!({ "anyOf": [self::shape(of), { "type": "array", "items": self::shape(of), "minItems": 1 }] })
        }
        Shape::Assertions(terms) => {
            json!({ "type": "array", "minItems": 1, "items": { "anyOf": [claim(terms), assertion(terms)] } })
        }
    }
}

/// An assertion as a table. What the text may say only `muster config check` knows.
fn assertion(terms: &[Term]) -> Value {
    let mut schema = object(&[assertions::ROWS]);
    if let Some(slot) = schema.pointer_mut("/properties/that") {
        *slot = claim(terms);
    }
    schema
}

/// The text of an assertion.
fn claim(terms: &[Term]) -> Value {
    let words: Vec<String> = terms.iter().map(Term::written).collect();
    let doc = format!("What must be true of {}.", words.join(", "));
    let examples: Vec<&str> = terms.iter().map(|term| term.example).collect();
    json!({ "type": "string", "minLength": 1, "maxLength": LENGTH_LIMIT, "description": doc, "examples": examples })
}

fn secret() -> Value {
    json!({
        "description": "Where a secret is: an environment variable, a file, or the output of a program. Never the secret itself.",
        "type": "object",
        "properties": {
            "env": { "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" },
            "file": { "type": "string", "pattern": "^/" },
            "command": { "type": "array", "items": { "type": "string", "minLength": 1 }, "minItems": 1 },
        },
        "additionalProperties": false,
        "minProperties": 1,
        "maxProperties": 1,
    })
}

/// A TOML value as JSON.
fn to_json(toml: &str) -> Option<Value> {
    crate::tree::parse_value(toml).map(|node| json_of(&node.value))
}

pub(crate) fn json_of(value: &crate::tree::Value) -> Value {
    use crate::tree::Value as Toml;
    match value {
        Toml::Text(text) | Toml::Date(text) => text.as_str().into(),
        Toml::Whole(number) => (*number).into(),
        Toml::Float(number) => number.parse::<f64>().ok().into(),
        Toml::Flag(flag) => (*flag).into(),
        Toml::List(items) => items.iter().map(|item| json_of(&item.value)).collect::<Vec<_>>().into(),
        Toml::Table(table) => Value::Object(
            table.entries.iter().map(|entry| (entry.key.clone(), json_of(&entry.node.value))).collect(),
        ),
    }
}
