//! Assertions as the rows take them: in an array, as texts and as tables. The language itself is tested beside it.

use muster_config::assertion::examples_compile;
use muster_config::codes;
use muster_config::compile::compile;
use muster_config::field::{Field, Shape};
use muster_config::reference::reference;
use muster_config::schema::schema;
use muster_config::section::judge_alone;
use muster_core::expectation::Level;

use crate::catalogue::{CATALOGUE, Sample, TERMS};
use crate::source;

const EXPECT: Field =
    Field::new("expect", Shape::Assertions(TERMS), "What must be true.", "[\"status == 200\"]");

/// The assertions of a channel with this line below it.
fn read(line: &str) -> Vec<(String, Level)> {
    let text = format!("[notify.a]\nkind = \"hook\"\nurl = \"https://example.com\"\n{line}\n");
    let (plan, faults) = compile(&source(&text), &CATALOGUE);
    let plan = plan.unwrap_or_else(|| panic!("{faults}"));
    match &plan.channels[0].part {
        Sample::Hook { expect, .. } => expect.iter().map(|one| (one.text.clone(), one.level)).collect(),
        Sample::Letter { .. } => panic!("a letter"),
    }
}

#[test]
fn the_words_of_the_sample_kind_keep_their_promises() {
    assert_eq!(examples_compile(TERMS), Ok(()));
}

#[test]
fn assertions_are_texts_or_tables_with_a_severity() {
    let text = |text: &str, level| (text.to_owned(), level);
    assert_eq!(
        read(
            "expect = [\"status == 200\", { that = \"size < 1MiB\", severity = \"warn\" }, { that = 'resumed' }]"
        ),
        [text("status == 200", Level::Page), text("size < 1MiB", Level::Warn), text("resumed", Level::Page)]
    );
    assert_eq!(read(""), [text("status < 400", Level::Page)], "the default of the row");
}

#[test]
fn the_assertions_of_the_target_surface_are_read() {
    for line in [
        "[\"status == 200\", \"json('$.database') == 'ok'\", \"time.total < 800ms\", \"cert.expires_in > 14d\"]",
        "[\"value < 3600\"]",
        "[\"status == 303\"]",
        "[\"status in [200, 204]\", \"header('x-csrf') exists\"]",
    ] {
        let faults = judge_alone(&EXPECT, line);
        assert!(faults.is_empty(), "{line}\n{faults}");
    }
}

#[test]
fn a_mistake_is_underlined_where_it_stands() {
    for (toml, code, blamed) in [
        (r#"["status == 200", "statsu == 200"]"#, codes::ASSERTION, "statsu"),
        (r#"["time.total < 800"]"#, codes::ASSERTION, "800"),
        (r#"[{ that = "status == 'ok'", severity = "warn" }]"#, codes::ASSERTION, "'ok'"),
        (r#"['body matches "a(b"']"#, codes::ASSERTION, "("),
        (r#"["status =="]"#, codes::ASSERTION, "\""),
        (r#"["  "]"#, codes::ASSERTION, "  "),
        (r#"[200]"#, codes::WRONG_TYPE, "200"),
        (r#"[["status == 200"]]"#, codes::WRONG_TYPE, r#"["status == 200"]"#),
        (r#""status == 200""#, codes::WRONG_TYPE, r#""status == 200""#),
        ("[]", codes::BAD_VALUE, "[]"),
        (r#"[{ that = "" }]"#, codes::BAD_VALUE, r#""""#),
        (r#"[{ that = 200 }]"#, codes::WRONG_TYPE, "200"),
        (r#"[{ severity = "warn" }]"#, codes::MISSING, r#"{ severity = "warn" }"#),
        (r#"[{ that = "resumed", severity = "ignore" }]"#, codes::BAD_VALUE, "\"ignore\""),
        (r#"[{ that = "resumed", loud = true }]"#, codes::UNKNOWN_KEY, "loud"),
    ] {
        let faults = judge_alone(&EXPECT, toml);
        let text = format!("expect = {toml}");
        let found: Vec<_> =
            faults.list().iter().map(|fault| (fault.code, &text[fault.span.clone()])).collect();
        assert_eq!(found, [(code, blamed)], "{toml}\n{faults}");
    }
}

#[test]
fn the_schema_takes_both_forms() {
    let schema = schema(&CATALOGUE);
    let validator = jsonschema::draft202012::new(&schema).expect("a schema");
    let is_valid = |expect: serde_json::Value| {
        validator.is_valid(&serde_json::json!({
            "notify": { "a": { "kind": "hook", "url": "https://example.com", "expect": expect } }
        }))
    };
    assert!(is_valid(serde_json::json!(["status == 200", { "that": "resumed", "severity": "warn" }])));
    for bad in [
        serde_json::json!([]),
        serde_json::json!("status == 200"),
        serde_json::json!([200]),
        serde_json::json!([{ "severity": "warn" }]),
        serde_json::json!([{ "that": "resumed", "severity": "ignore" }]),
    ] {
        assert!(!is_valid(bad.clone()), "{bad}");
    }
    assert!(schema.to_string().contains("header('…')"), "an editor shows the words");
}

#[test]
fn the_reference_page_lists_the_words_of_a_kind() {
    let page = reference(&CATALOGUE);
    assert!(page.contains("## Assertions") && page.contains("The words of `expect`:"), "{page}");
    for term in TERMS {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{}` |", term.written())));
        assert!(row.is_some_and(|row| row.contains(term.doc)), "{}", term.name);
    }
    let broken: Vec<&str> =
        page.lines().filter(|line| line.starts_with('|') && !line.ends_with('|')).collect();
    assert!(broken.is_empty(), "{broken:?}");
}
