//! What holds for every kind.

use muster_config::compile::compile;
use muster_config::fault::Faults;
use muster_config::kind::Catalogue;
use muster_config::schema::schema;
use muster_config::section::judge_alone;
use muster_config::source::Source;
use muster_config::tables::notify::FIELDS;

use super::*;

const CATALOGUE: Catalogue<Part, ()> = Catalogue { channels: KINDS, checks: &[] };

fn source(text: &str) -> Source<'_> {
    Source { file: "muster.toml", text, zone: "UTC", host: "web1" }
}

fn faults(text: &str) -> Faults {
    compile(&source(text), &CATALOGUE).1
}

#[test]
fn every_file_of_the_folder_has_its_row() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/kinds");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .filter(|name| !["mod", "tests"].contains(&name.as_str()))
        .collect();
    let mut rows: Vec<String> = KINDS.iter().map(|kind| kind.name.to_owned()).collect();
    files.sort();
    rows.sort();
    assert_eq!(rows, files, "a kind is one file and one row, of the same name");
}

#[test]
fn channels_name_where_they_go_unless_it_is_a_secret() {
    for (name, wanted) in [
        ("email", Some("smtp.example.com:587")),
        ("webhook", Some("hooks.example.com:443")),
        ("ntfy", Some("ntfy.sh:443")),
        ("telegram", Some("api.telegram.org:443")),
        ("slack", None),
        ("command", None),
    ] {
        let kind = KINDS.iter().find(|kind| kind.name == name).expect("a kind");
        let (plan, faults) = compile(&source(kind.example), &CATALOGUE);
        let plan = plan.unwrap_or_else(|| panic!("{name}: {faults}"));
        let endpoint = plan.channels[0].part.endpoint().map(|endpoint| endpoint.to_string());
        assert_eq!(endpoint.as_deref(), wanted, "{name}");
    }
}

#[test]
fn every_example_reads_back() {
    for kind in KINDS {
        kind.read_example(FIELDS).unwrap_or_else(|faults| panic!("{}: {faults}", kind.name));
        let found = faults(kind.example);
        assert!(!found.has_errors(), "{}: {found}", kind.name);
        for field in kind.fields {
            assert!(field.doc.ends_with('.'), "{}.{}: {}", kind.name, field.key, field.doc);
            for value in [Some(field.example), field.default].into_iter().flatten() {
                let found = judge_alone(field, value);
                assert!(found.is_empty(), "{}.{} = {value}: {found}", kind.name, field.key);
            }
        }
        assert!(kind.sentence.ends_with('.'), "{}", kind.name);
    }
}

#[test]
fn every_example_satisfies_the_schema_and_not_with_a_foreign_key() {
    let validator = jsonschema::draft202012::new(&schema(&CATALOGUE)).expect("a schema");
    let json = |text: &str| {
        let table: toml::Table = text.parse().unwrap_or_else(|error| panic!("{error}\n{text}"));
        serde_json::to_value(table).expect("json")
    };
    for kind in KINDS {
        assert!(validator.is_valid(&json(kind.example)), "{}", kind.name);
        assert!(!validator.is_valid(&json(&format!("{}colour = \"red\"\n", kind.example))), "{}", kind.name);
    }
}

#[test]
fn every_kind_misses_what_it_cannot_do_without() {
    for kind in KINDS {
        let found = faults(&format!("\n[notify.x]\nkind = \"{}\"\n", kind.name));
        let lacking: Vec<_> = found.list().iter().filter(|fault| fault.what.contains("lacks")).collect();
        assert!(!lacking.is_empty(), "{}: {found}", kind.name);
        for fault in lacking {
            assert_eq!((fault.line, fault.column), (2, 1), "{fault}");
            assert!(fault.help.as_deref().is_some_and(|help| help.starts_with("add `")), "{fault}");
        }
    }
}

#[test]
fn every_bad_table_is_refused_with_its_place_and_what_to_write_instead() {
    for (text, line, what, help) in [
        ("[notify.x]\nkind = \"slack\"\nurl = \"hooks.slack.com/services/x\"\n", 3, "http", "https://"),
        ("[notify.x]\nkind = \"slack\"\nurl = { env = \"A\" }\nca = \"ca.pem\"\n", 4, "absolute", "/"),
        (
            "[notify.x]\nkind = \"webhook\"\nurl = \"https://a.example\"\nheaders = { \"x team\" = \"y\" }\n",
            4,
            "\"x team\" is not the name of a header",
            "x-team",
        ),
        ("[notify.x]\nkind = \"ntfy\"\nurl = \"https://ntfy.sh\"\n", 3, "names no topic", "acme-alerts"),
        ("[notify.x]\nkind = \"ntfy\"\nurl = \"https://ntfy.sh/?a=b\"\n", 3, "names no topic", "acme-alerts"),
        (
            "[notify.x]\nkind = \"ntfy\"\nurl = \"https://ntfy.sh/a\"\npriority = \"urgnt\"\n",
            4,
            "expected \"min\"",
            "urgent",
        ),
        ("[notify.x]\nkind = \"telegram\"\ntoken = \"123456:ABC\"\nchat = \"1\"\n", 3, "secret", "env"),
        ("[notify.x]\nkind = \"telegram\"\ntoken = { env = \"T\" }\nchat = -100\n", 4, "a text", "\""),
        ("[notify.x]\nkind = \"command\"\ncommand = []\n", 3, "at least 1", ""),
        ("[notify.x]\nkind = \"command\"\ncommand = \"page-me --urgent\"\n", 3, "array", "["),
        (
            "[notify.x]\nkind = \"email\"\nto = [\"ops\"]\nfrom = \"m@example.com\"\nsmtp = { host = \"h\" }\n",
            3,
            "mail address",
            "ops@example.com",
        ),
        (
            "[notify.x]\nkind = \"email\"\nto = [\"a@b.example\"]\nfrom = \"m@b.example\"\nsmtp = { host = \"h\", tls = \"none\" }\n",
            5,
            "mail would cross a network in the open",
            "starttls",
        ),
        (
            "[notify.x]\nkind = \"email\"\nto = [\"a@b.example\"]\nfrom = \"m@b.example\"\nsmtp = { host = \"h\", user = \"ops\" }\n",
            5,
            "`user` and `password` go together",
            "both",
        ),
        (
            "[notify.x]\nkind = \"email\"\nto = [\"a@b.example\"]\nfrom = \"m@b.example\"\nsmtp = { host = \"h\", port = 0 }\n",
            5,
            "from 1 to 65535",
            "",
        ),
    ] {
        let found = faults(text);
        let fault = found.list().iter().find(|fault| fault.line == line && fault.what.contains(what));
        let fault = fault.unwrap_or_else(|| {
            let list: Vec<_> = found.list().iter().map(|fault| (fault.to_string(), &fault.help)).collect();
            panic!("line {line}, {what}: {list:#?}\n{text}")
        });
        let words = fault.help.as_deref().unwrap_or_default();
        // A value of the wrong shape is told what is expected in the sentence itself.
        let told = fault.what.starts_with("expected") || (!words.is_empty() && words.contains(help));
        assert!(told, "{fault}: {words}");
        assert!(!fault.what.contains("ABC"), "{fault}");
    }
}
