//! Every file of `bad/` beside its exact diagnosis; `MUSTER_BLESS=1` rewrites the diagnoses.

use std::collections::BTreeSet;

use muster_config::codes::{self, CODES};
use muster_config::compile::compile;
use muster_config::fault::Level;
use muster_config::render::render;

use crate::catalogue::CATALOGUE;
use crate::{fixture, source, toml_files};

#[test]
fn each_bad_file_gets_its_exact_diagnosis() {
    let bless = std::env::var_os("MUSTER_BLESS").is_some();
    let files = toml_files("bad");
    assert!(files.len() >= 48, "only {} bad files", files.len());
    let mut wrong = Vec::new();
    for path in &files {
        let text = std::fs::read_to_string(path).expect("readable");
        let (_, faults) = compile(&source(&text), &CATALOGUE);
        assert!(!faults.is_empty(), "{} passes", path.display());
        let diagnosis = render(&faults, &text);
        let beside = path.with_extension("txt");
        if bless {
            std::fs::write(&beside, &diagnosis).expect("writable");
        }
        let expected = std::fs::read_to_string(&beside).unwrap_or_default();
        if diagnosis != expected {
            wrong.push(format!("{}\n--- expected\n{expected}\n--- got\n{diagnosis}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_diagnosis_belongs_to_a_bad_file() {
    for entry in std::fs::read_dir(fixture("bad")).expect("a folder") {
        let path = entry.expect("an entry").path();
        assert!(path.with_extension("toml").exists(), "{} has no file", path.display());
    }
}

#[test]
fn a_file_with_one_mistake_gets_one_fault() {
    for path in toml_files("bad") {
        let name = path.file_stem().expect("named").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).expect("readable");
        let (_, faults) = compile(&source(&text), &CATALOGUE);
        let count = faults.list().len();
        assert_eq!(count > 1, name.starts_with("several-"), "{name} has {count} faults:\n{faults}");
    }
}

#[test]
fn every_code_has_a_bad_file() {
    let mut seen = BTreeSet::new();
    for path in toml_files("bad") {
        let text = std::fs::read_to_string(&path).expect("readable");
        let (plan, faults) = compile(&source(&text), &CATALOGUE);
        assert_eq!(plan.is_none(), faults.has_errors(), "{}", path.display());
        seen.extend(faults.list().iter().map(|fault| fault.code.id));
    }
    // Too large to lie in a folder; tested below.
    seen.extend([codes::TOO_LARGE.id, codes::TOO_MANY.id]);
    for code in CODES {
        assert!(seen.contains(code.id), "no bad file shows {}", code.id);
    }
}

#[test]
fn a_file_over_its_bounds_is_refused() {
    let text = format!("#{}", "x".repeat(2 * 1024 * 1024));
    let (plan, faults) = compile(&source(&text), &CATALOGUE);
    assert!(plan.is_none());
    assert_eq!(faults.list()[0].code, codes::TOO_LARGE);

    let many =
        |count: usize| -> String { (0..count).map(|n| format!("[job.j{n}]\nevery=\"1h\"\n")).collect() };
    let (plan, faults) = compile(&source(&many(20_000)), &CATALOGUE);
    assert_eq!(plan.map(|plan| plan.expectations.len()), Some(20_000), "{faults}");
    let (plan, faults) = compile(&source(&many(20_001)), &CATALOGUE);
    assert!(plan.is_none());
    assert_eq!(faults.list()[0].code, codes::TOO_MANY);
    assert_eq!(faults.list()[0].line, 40_001, "the first that is too many");
}

#[test]
fn no_diagnosis_shows_a_secret() {
    // Every bad file that holds a secret calls it this.
    for path in toml_files("bad") {
        let diagnosis = std::fs::read_to_string(path.with_extension("txt")).expect("readable");
        assert!(!diagnosis.contains("hunter2"), "{}:\n{diagnosis}", path.display());
    }
}

#[test]
fn any_prefix_of_a_good_file_is_read_without_a_crash() {
    let text = std::fs::read_to_string(fixture("good/full.toml")).expect("readable");
    for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)).step_by(7) {
        let (_, faults) = compile(&source(&text[..end]), &CATALOGUE);
        for fault in faults.list() {
            assert!(fault.span.end <= end + 1 && fault.line >= 1, "{fault}");
        }
        render(&faults, &text[..end]);
    }
}

#[test]
fn any_slip_in_a_good_file_is_read_without_a_crash() {
    let text = std::fs::read_to_string(fixture("good/full.toml")).expect("readable");
    for (at, old) in text.char_indices() {
        for new in ["", "\"", "[", "=", "ü", "\n", "\r\n", "\t", "{"] {
            if (at + new.len()) % 13 != 0 {
                continue;
            }
            let slip = format!("{}{new}{}", &text[..at], &text[at + old.len_utf8()..]);
            let (plan, faults) = compile(&source(&slip), &CATALOGUE);
            assert_eq!(plan.is_none(), faults.has_errors());
            render(&faults, &slip);
        }
    }
}

#[test]
fn a_hostile_file_is_refused_and_does_no_harm() {
    for (what, text) in [
        ("arrays", format!("a = {}", "[".repeat(100_000))),
        ("tables", format!("a = {}", "{ a = ".repeat(100_000))),
        ("a path", format!("[{}a]\nx = 1", "a.".repeat(200_000))),
        ("a key", format!("{}a = 1", "a.".repeat(200_000))),
        ("a path below a job", format!("[job.x]\n{}a = 1", "a.".repeat(200_000))),
        ("a long line", format!("[job.x]\ncommand = [{}]", "1,".repeat(200_000))),
        ("a long name", format!("[job.{}]\n", "n".repeat(500_000))),
        ("a long key", format!("[job.x]\n{} = 1\n", "n".repeat(500_000))),
        ("many keys", (0..50_000).map(|n| format!("k{n} = 1\n")).collect()),
        ("NUL", "[job.x]\ncommand = [\"a\\u0000b\"]\n\0".to_owned()),
    ] {
        let (plan, faults) = compile(&source(&text), &CATALOGUE);
        assert!(plan.is_none() && faults.has_errors(), "{what}");
        for fault in faults.list() {
            assert!(fault.to_string().len() < 2000, "{what}: {}", fault.to_string().len());
        }
        assert!(faults.list().len() <= 1000 && render(&faults, &text).len() < 1_000_000, "{what}");
    }
}

#[test]
fn line_ends_and_a_byte_order_mark_do_not_matter() {
    let text = std::fs::read_to_string(fixture("good/full.toml")).expect("readable");
    for other in [text.replace('\n', "\r\n"), format!("\u{feff}{text}")] {
        let (plan, faults) = compile(&source(&other), &CATALOGUE);
        assert!(plan.is_some() && faults.is_empty(), "{faults}");
    }
}

#[test]
fn the_whole_language_of_later_releases_is_known_and_refused_out_loud() {
    let text = std::fs::read_to_string(fixture("future.toml")).expect("readable");
    let (plan, faults) = compile(&source(&text), &crate::catalogue::FUTURE);
    assert!(plan.is_none());
    let other: Vec<String> = faults
        .list()
        .iter()
        .filter(|fault| fault.level == Level::Error && fault.code != codes::NOT_YET)
        .map(ToString::to_string)
        .collect();
    assert!(other.is_empty(), "{}", other.join("\n"));
    assert!(faults.list().len() >= 16, "{faults}");
}
