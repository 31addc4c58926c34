//! What holds for every kind.

use muster_config::assertion::examples_compile;
use muster_config::compile::compile;
use muster_config::field::{Field, Shape};
use muster_config::kind::Catalogue;
use muster_config::plan::check::CheckPlan;
use muster_config::section::judge_alone;
use muster_config::source::Source;
use muster_core::time::Span;

use super::*;

const CATALOGUE: Catalogue<(), Part> = Catalogue { channels: &[], checks: KINDS };

fn plans(text: &str) -> Vec<CheckPlan<Part>> {
    let source = Source { file: "muster.toml", text, zone: "UTC", host: "web1" };
    let (plan, faults) = compile(&source, &CATALOGUE);
    assert!(!faults.has_errors(), "{faults}\n{text}");
    plan.map(|plan| plan.checks).unwrap_or_default()
}

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
fn every_example_is_a_check_of_its_kind() {
    for kind in KINDS {
        let plans = plans(kind.example);
        // One for each place that it is looked at from.
        assert!(!plans.is_empty() && plans.iter().all(|plan| plan.kind == kind.name), "{}", kind.name);
        assert!(kind.sentence.ends_with('.'), "{}", kind.name);
        judge(kind.name, kind.fields);
    }
}

#[test]
fn kinds_that_connect_name_where_they_go() {
    for (table, wanted) in [
        ("kind = \"tcp\"\naddress = \"smtp.example.com:587\"\n", "smtp.example.com:587"),
        ("kind = \"http\"\nurl = \"https://example.com/x?y=z\"\n", "example.com:443"),
        ("kind = \"http\"\nurl = \"https://example.com/\"\naddress = \"192.0.2.7:8443\"\n", "192.0.2.7:8443"),
        ("kind = \"http\"\nurl = { env = \"SECRET_URL\" }\n", ""),
        ("kind = \"tls\"\naddress = \"example.com:993\"\n", "example.com:993"),
        ("kind = \"redis\"\naddress = \"cache.example.com\"\n", "cache.example.com:6379"),
        ("kind = \"sql\"\ndsn = \"postgres://app@db.example.com/app\"\n", "db.example.com:5432"),
        ("kind = \"file\"\npath = \"/srv/x\"\n", ""),
    ] {
        let [plan] = plans(&format!("[check.x]\n{table}")).try_into().expect("one place");
        let named: Vec<String> = plan.part.endpoints().iter().map(ToString::to_string).collect();
        assert_eq!(named.join(" "), wanted, "{table}");
    }
}

/// Examples and defaults of rows satisfy them, and each row says in a sentence what it is for.
fn judge(path: &str, fields: &[Field]) {
    for field in fields {
        let path = format!("{path}.{}", field.key);
        assert!(field.doc.ends_with('.'), "{path}: {}", field.doc);
        for value in [Some(field.example), field.default].into_iter().flatten() {
            let found = judge_alone(field, value);
            assert!(found.is_empty(), "{path} = {value}: {found}");
        }
        if let Shape::Table(inner) | Shape::Tables(inner, _) = field.shape {
            judge(&path, inner);
        }
    }
}

#[test]
fn the_words_of_every_kind_have_examples_that_compile() {
    for kind in KINDS {
        for field in kind.fields {
            if let Shape::Tables(inner, _) = field.shape {
                inner.iter().for_each(|field| words(kind.name, field));
            }
            words(kind.name, field);
        }
    }
}

fn words(kind: &str, field: &Field) {
    if let Shape::Assertions(terms) | Shape::Captures(terms) = field.shape {
        assert_eq!(examples_compile(terms), Ok(()), "{kind}");
    }
}

#[test]
fn a_mail_has_more_time_than_other_looks_and_never_more_than_there_is() {
    let row = KINDS.iter().find(|kind| kind.name == "mail").expect("the kind");
    let without = row.example.replace("every = \"15m\"\n", "");
    assert_ne!(without, row.example);
    for (text, every, timeout) in [
        (row.example.to_owned(), Span::minutes(15), Span::minutes(5)),
        (without.clone(), Span::minutes(15), Span::minutes(5)),
        (without.clone() + "every = \"5m\"\n", Span::minutes(5), Span::minutes(4)),
        (without + "every = \"5m\"\ntimeout = \"30s\"\n", Span::minutes(5), Span::seconds(30)),
    ] {
        let plan = plans(&text).remove(0);
        assert_eq!((plan.every, plan.timeout), (every, timeout), "{text}");
    }
    let ping = KINDS.iter().find(|kind| kind.name == "ping").expect("the kind");
    assert_eq!(plans(ping.example)[0].timeout, Span::seconds(10));
}

#[test]
fn only_what_looks_over_the_network_is_borrowed_from_a_peer() {
    let borrowed = |text: &str| {
        let text = format!("[check.lent]\n{text}");
        muster_config::tables::lent::borrow(&text, KINDS).map(|(kind, _)| kind)
    };
    assert_eq!(borrowed("kind = \"tcp\"\naddress = \"127.0.0.1:22\"\n"), Ok("tcp"));
    assert_eq!(borrowed("kind = \"certificate\"\naddress = \"example.com:443\"\n"), Ok("certificate"));
    for (text, why) in [
        ("kind = \"command\"\nrun = [\"/bin/sh\"]\n", "not one that is lent"),
        ("kind = \"file\"\npath = \"/etc/shadow\"\n", "not one that is lent"),
        ("kind = \"certificate\"\nfile = \"/etc/muster/peer.key\"\n", "names a file of this host"),
        ("kind = \"tls\"\naddress = \"a:443\"\nca = \"/etc/muster/peer.key\"\n", "names a file of this host"),
        ("kind = \"http\"\nurl = { command = [\"/bin/sh\"] }\n", "refers to a secret"),
        (
            "kind = \"http\"\nurl = \"http://a\"\nheaders = { x = { file = \"/etc/shadow\" } }\n",
            "refers to a secret",
        ),
        ("kind = \"tcp\"\n", "lacks `address`"),
        ("kind = \"tcp\"\naddress = \"127.0.0.1:22\"\nnotify = []\n", "no key `notify`"),
        ("kind = 3", "not one that is lent"),
    ] {
        let error = borrowed(text).expect_err(text);
        assert!(error.contains(why), "{text}: {error}");
    }
    assert!(muster_config::tables::lent::borrow("kind = \"tcp\"", KINDS).is_err());
    assert!(borrowed(&format!("kind = \"tcp\"\naddress = \"{}\"", "a".repeat(9_000))).is_err());
}

#[test]
fn by_default_no_kind_tries_again_before_a_look_that_hangs_is_over() {
    for kind in KINDS {
        let judge = |text: &str| {
            for plan in plans(text) {
                let (timeout, retry) = (plan.timeout, plan.retry);
                assert!(timeout <= retry && retry <= plan.every, "{}: {timeout}, {retry}\n{text}", kind.name);
            }
        };
        let keys = ["every", "timeout", "retry"];
        let written = |line: &str| keys.iter().any(|key| line.starts_with(&format!("{key} = ")));
        let bare: String =
            kind.example.lines().filter(|line| !written(line)).flat_map(|line| [line, "\n"]).collect();
        let head = bare.find("\n[[").map_or(bare.len(), |at| at + 1);
        judge(&bare);
        for every in ["1s", "2s", "20s", "60s", "7m", "1d"] {
            if matches!(kind.name, "mail" | "certificate" | "domain" | "flow") && every.ends_with('s') {
                continue;
            }
            judge(&format!("{}every = \"{every}\"\n{}", &bare[..head], &bare[head..]));
        }
    }
}
