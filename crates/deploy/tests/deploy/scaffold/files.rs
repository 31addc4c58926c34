//! What is planned, written and left alone.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use muster_config::compile::compile;
use muster_config::kind::Catalogue;
use muster_config::plan::RuntimeSpec;
use muster_config::source::Source;
use muster_deploy::scaffold::entries;
use muster_deploy::scaffold::languages::{LANGUAGES, Language, find};
use muster_deploy::scaffold::order::{Order, Way};
use muster_deploy::scaffold::plan::{Item, What, plan};
use muster_deploy::scaffold::write::{Standing, below, look, make, user};

pub(crate) fn docker() -> Way {
    Way::Docker { image: "ghcr.io/acme/shop-api".to_owned() }
}

pub(crate) fn systemd() -> Way {
    Way::Systemd { git: "git@github.com:acme/shop-api.git".to_owned() }
}

pub(crate) fn order(language: &'static Language, way: Way) -> Order {
    Order {
        name: "shop-api".to_owned(),
        language,
        way,
        domain: "api.example.com".to_owned(),
        port: 8080,
        hosts: Vec::new(),
        user: "daemon".to_owned(),
        group: "daemon".to_owned(),
    }
}

/// Every language in both ways.
pub(crate) fn every() -> Vec<Order> {
    let both = |language| [order(language, docker()), order(language, systemd())];
    LANGUAGES.iter().flat_map(both).collect()
}

/// The text of a planned file.
pub(crate) fn text_of(items: &[Item], path: &str) -> String {
    let item = items.iter().find(|item| item.path == Path::new(path)).expect("planned");
    match &item.what {
        What::File(text) | What::Begun(text) => text.clone(),
        What::Folder => panic!("{path} is a folder"),
    }
}

/// Writes all of a plan below a folder.
pub(crate) fn written(order: &Order) -> (tempfile::TempDir, Vec<Item>) {
    let root = tempfile::tempdir().expect("a folder");
    let items = plan(order).expect("planned");
    for item in &items {
        make(root.path(), item, None).expect("made");
    }
    (root, items)
}

/// Everything below a folder: path, mode, bytes.
fn all(root: &Path) -> Vec<(PathBuf, u32, Vec<u8>)> {
    let mut found = Vec::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let about = fs::symlink_metadata(&path).expect("there");
            let bytes = if about.is_file() { fs::read(&path).expect("read") } else { Vec::new() };
            if about.is_dir() {
                waiting.push(path.clone());
            }
            found.push((path, about.mode(), bytes));
        }
    }
    found.sort();
    found
}

pub(crate) fn every_template_is_filled() {
    for order in every() {
        let items = plan(&order).expect("every name has a value");
        for item in &items {
            let (What::File(text) | What::Begun(text)) = &item.what else { continue };
            assert!(!text.replace("${{", "").contains("{{"), "{}\n{text}", item.path.display());
            assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{}", item.path.display());
            assert!(!text.lines().any(|line| line.ends_with(' ')), "{}", item.path.display());
        }
        let mut seen: Vec<&Path> = Vec::new();
        for item in &items {
            assert!(!seen.contains(&item.path.as_path()), "{} is planned twice", item.path.display());
            seen.push(&item.path);
        }
        for path in [
            "code/Dockerfile",
            "code/run.sh",
            "code/compose.yaml",
            "code/.dockerignore",
            "logs",
            "locks",
            ".env",
        ] {
            assert!(seen.contains(&Path::new("/opt/shop-api").join(path).as_path()), "{path}");
        }
    }
}

pub(crate) fn a_second_run_changes_nothing() {
    for order in every() {
        let (root, items) = written(&order);
        let before = all(root.path());
        assert_eq!(before.iter().filter(|(path, _, _)| path.ends_with(".env")).count(), 1);
        for item in &items {
            assert_eq!(look(root.path(), item).expect("seen"), Standing::Same, "{}", item.path.display());
        }
        let mode = |path: &str| fs::metadata(root.path().join(path)).expect("there").mode() & 0o777;
        assert_eq!((mode("opt/shop-api/.env"), mode("opt/shop-api/logs")), (0o600, 0o750));
        assert_eq!((mode("opt/shop-api/code/run.sh"), mode("opt/shop-api/code/static")), (0o755, 0o755));
        // What somebody wrote into the environment is theirs.
        fs::write(root.path().join("opt/shop-api/.env"), "TOKEN=hunter2\n").expect("written");
        let env = items.iter().find(|item| item.path.ends_with(".env")).expect("planned");
        assert_eq!(look(root.path(), env).expect("seen"), Standing::Same);
    }
}

pub(crate) fn what_differs_is_seen() {
    let order = order(&LANGUAGES[0], docker());
    let (root, items) = written(&order);
    let item = |path: &str| items.iter().find(|item| item.path.ends_with(path)).expect("planned");
    let path = |name: &str| below(root.path(), &item(name).path);
    fs::write(path("compose.yaml"), "mine\n").expect("written");
    fs::set_permissions(path("run.sh"), fs::Permissions::from_mode(0o644)).expect("set");
    fs::set_permissions(path(".env"), fs::Permissions::from_mode(0o644)).expect("set");
    fs::remove_file(path("app.py")).expect("removed");
    symlink("/etc/passwd", path("app.py")).expect("linked");
    fs::remove_dir(path("locks")).expect("removed");
    fs::write(path("locks"), "").expect("written");
    for (name, why) in [
        ("compose.yaml", "it has another text"),
        ("run.sh", "it has other permissions"),
        (".env", "others than its owner may use it"),
        ("app.py", "it is no file"),
        ("locks", "it is no folder"),
    ] {
        let standing = look(root.path(), item(name)).expect("seen");
        assert_eq!(standing, Standing::Other(why.to_owned()), "{name}");
    }
    fs::remove_file(path("Dockerfile")).expect("removed");
    assert_eq!(look(root.path(), item("Dockerfile")).expect("seen"), Standing::Missing);
}

pub(crate) fn the_entries_read_back() {
    // A stand-in for the checks of the real catalogue, which lives on another floor.
    let catalogue: Catalogue<(), ()> = Catalogue { channels: &[], checks: &[] };
    for mut order in every() {
        let old = "[muster]\nname = \"acme\" # ours";
        let added = entries::add(&order, old).expect("filled");
        assert!(added.text.starts_with(old), "{}", added.text);
        assert_eq!(added.added, ["service.shop-api", "check.shop-api"]);
        let again = entries::add(&order, &added.text).expect("filled");
        assert_eq!((again.added.len(), &again.text), (0, &added.text));

        order.hosts = vec!["ams1".to_owned()];
        let text = entries::add(&order, "[host.ams1]\nssh = \"ams1\"\n").expect("filled").text;
        let text = text.split("[check.").next().expect("a part");
        let source = Source { file: "muster.toml", text, zone: "UTC", host: "ams1" };
        let (plan, faults) = compile(&source, &catalogue);
        let plan = plan.unwrap_or_else(|| panic!("{faults}\n{text}"));
        let service = &plan.services[0];
        assert_eq!((service.name.as_str(), service.hosts[0].name.as_str()), ("shop-api", "ams1"));
        assert_eq!(service.spec.domains, ["api.example.com"]);
        let is_docker = matches!(&service.spec.runtime, RuntimeSpec::Docker { image, .. } if image == "ghcr.io/acme/shop-api");
        assert_eq!(is_docker, matches!(order.way, Way::Docker { .. }));
    }
}

pub(crate) fn odd_texts_are_refused() {
    let good = order(&LANGUAGES[0], docker());
    assert!(good.check().is_ok() && order(&LANGUAGES[1], systemd()).check().is_ok());
    for name in ["", "Shop", "7shop", "-shop", "shop-", "shop api", "../shop", "shop;x", &"s".repeat(33)] {
        assert!(Order { name: name.to_owned(), ..good.clone() }.check().is_err(), "{name}");
    }
    for odd in ["a b", "a;b", "$(id)", "a\nb", "", "-a", "{{name}}"] {
        let odd = || odd.to_owned();
        for order in [
            Order { domain: odd(), ..good.clone() },
            Order { user: odd(), ..good.clone() },
            Order { group: odd(), ..good.clone() },
            Order { way: Way::Docker { image: odd() }, ..good.clone() },
            Order { way: Way::Systemd { git: odd() }, ..good.clone() },
        ] {
            assert!(order.check().is_err(), "{order:?}");
        }
    }
    assert!(find("python").is_some() && find("cobol").is_none());
}

pub(crate) fn whose_it_is() {
    let (owner, group) = user(Path::new("/"), "daemon").expect("every Debian has it");
    assert_eq!((owner.uid, owner.gid, group.as_str()), (1, 1, "daemon"));
    assert_eq!(user(Path::new("/"), "nobody-has-this-name"), None);
    let order = order(&LANGUAGES[0], docker());
    let root = tempfile::tempdir().expect("a folder");
    for item in plan(&order).expect("planned") {
        make(root.path(), &item, Some(owner)).expect("made");
        let about = fs::metadata(below(root.path(), &item.path)).expect("there");
        // Whoever may write to the project folder could exchange the releases in it.
        let is_theirs = item.path.starts_with("/opt") && item.path.parent() != Some(Path::new("/opt"));
        let expected = if is_theirs { (1, 1) } else { (0, 0) };
        assert_eq!((about.uid(), about.gid()), expected, "{}", item.path.display());
    }
}
