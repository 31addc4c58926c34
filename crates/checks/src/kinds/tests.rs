//! What holds for every kind.

use muster_config::compile::compile;
use muster_config::kind::Catalogue;
use muster_config::section::judge_alone;
use muster_config::source::Source;

use super::*;

const CATALOGUE: Catalogue<(), Part> = Catalogue { channels: &[], checks: KINDS };

#[test]
fn every_file_of_the_folder_has_its_row() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/kinds");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_file())
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .filter(|name| !["mod", "tests"].contains(&name.as_str()))
        .collect();
    let mut rows: Vec<String> = KINDS.iter().map(|kind| kind.name.to_owned()).collect();
    files.sort();
    rows.sort();
    assert_eq!(rows, files, "a kind is one file and one row, of the same name");
}

#[test]
fn every_example_reads_back() {
    for kind in KINDS {
        let source = Source { file: "muster.toml", text: kind.example, zone: "UTC", host: "web1" };
        let (plan, faults) = compile(&source, &CATALOGUE);
        assert!(!faults.has_errors() && plan.is_some(), "{}: {faults}", kind.name);
        assert!(kind.sentence.ends_with('.'), "{}", kind.name);
        for field in kind.fields {
            assert!(field.doc.ends_with('.'), "{}.{}: {}", kind.name, field.key, field.doc);
            for value in [Some(field.example), field.default].into_iter().flatten() {
                let found = judge_alone(field, value);
                assert!(found.is_empty(), "{}.{} = {value}: {found}", kind.name, field.key);
            }
        }
    }
}
