//! Compose files: those that running containers were made from, and those in the folders of projects.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use super::engine::Engine;
use super::ground::Ground;
use super::projects::HOMES;
use super::yaml::{self, Node, Value};
use super::{Collector, Put, WITHIN, containers};
use crate::facts::Fact;
use crate::facts::compose::{After, Compose, ComposeFile, ComposeService, Published, Said};

pub(super) const COLLECTOR: Collector = Collector {
    name: "compose",
    within: WITHIN,
    read,
    blind: |facts, why| facts.compose = Fact::unknown(why),
};

/// Most files, and most bytes of one.
const FILES: usize = 100;
const BYTES: usize = 256 << 10;
/// Most services of one file.
const SERVICES: usize = 200;
/// Most folders that are searched.
const FOLDERS: usize = 500;
/// Time for the engine to name the files.
const ANSWER: Duration = Duration::from_millis(250);
/// Names that compose takes by itself.
const NAMES: [&str; 8] = [
    "compose.yaml",
    "compose.yml",
    "docker-compose.yaml",
    "docker-compose.yml",
    "compose.override.yaml",
    "compose.override.yml",
    "docker-compose.override.yaml",
    "docker-compose.override.yml",
];

fn read(ground: &Ground) -> Put {
    let mut compose = Compose::default();
    let mut paths: BTreeSet<String> = BTreeSet::new();
    if ground.live {
        of_containers(ground, &mut paths);
    }
    in_folders(ground, &mut paths);
    if paths.len() > FILES {
        compose.unseen.push(("compose files".to_owned(), format!("more than {FILES}")));
    }
    for path in paths.into_iter().take(FILES) {
        match ground.read(&path) {
            Ok(None) => {}
            Ok(Some(text)) if text.bytes.len() > BYTES => {
                compose.unseen.push((path, "larger than 256 KiB".to_owned()));
            }
            Ok(Some(text)) => match yaml::parse(&text.lossy()) {
                Ok(tree) => {
                    let services = tree.iter().flat_map(services).collect();
                    compose.files.push(ComposeFile { path, services });
                }
                Err(why) => compose.unseen.push((path, why)),
            },
            Err(why) => compose.unseen.push((path, why)),
        }
    }
    let compose = match compose.files.is_empty() && compose.unseen.is_empty() {
        true => Fact::nothing("there is no compose file in the folders of projects"),
        false => Fact::Known(compose),
    };
    Box::new(|facts| facts.compose = compose)
}

/// The files that containers were made from, by their labels.
fn of_containers(ground: &Ground, paths: &mut BTreeSet<String>) {
    let Fact::Known(socket) = containers::socket(ground) else { return };
    let engine = Engine::new(Path::new(&socket), Instant::now() + ANSWER);
    // Who does not answer is told by the collector of containers.
    let Ok(Some(list)) = engine.get("/containers/json") else { return };
    for labels in list.as_array().into_iter().flatten().filter_map(|one| one.get("Labels")) {
        paths.extend(files_of(labels));
    }
}

/// The files that a container was made from, in their order.
pub(super) fn files_of(labels: &Json) -> Vec<String> {
    let label = |name: &str| labels.get(format!("com.docker.compose.project.{name}")).and_then(Json::as_str);
    let folder = label("working_dir").unwrap_or_default();
    let files = label("config_files").unwrap_or_default().split(',').filter(|file| !file.is_empty());
    let whole = |file: &str| match file.starts_with('/') {
        true => file.to_owned(),
        false => format!("{}/{file}", folder.trim_end_matches('/')),
    };
    files.map(whole).filter(|file| file.starts_with('/')).collect()
}

fn in_folders(ground: &Ground, paths: &mut BTreeSet<String>) {
    let mut folders = vec![("/root".to_owned(), 1)];
    folders.extend(HOMES.iter().map(|home| ((*home).to_owned(), 2)));
    let mut left = FOLDERS;
    while let Some((folder, depth)) = folders.pop() {
        let names = ground.names(&folder).ok().flatten().unwrap_or_default();
        for (name, kind) in names {
            let path = format!("{folder}/{name}");
            if NAMES.contains(&name.as_str()) {
                paths.insert(path);
            } else if depth > 0
                && left > 0
                && kind == rustix::fs::FileType::Directory
                && !name.starts_with('.')
                && !["node_modules", "vendor", "venv"].contains(&name.as_str())
            {
                left -= 1;
                folders.push((path, depth - 1));
            }
        }
    }
}

fn services(tree: &Node) -> Vec<ComposeService> {
    let all = tree.get("services").map(Node::map).unwrap_or_default();
    all.iter().take(SERVICES).map(|(name, line, node)| service(name, *line, node)).collect()
}

fn service(name: &str, line: u32, node: &Node) -> ComposeService {
    let said = |name: &str| {
        let node = node.get(name)?;
        let raw = node.text()?;
        Some(Said { text: filled(raw), line: node.line, plain: !raw.contains('$') })
    };
    let health = node.get("healthcheck").is_some_and(|check| {
        let off = check.get("disable").and_then(Node::text).is_some_and(|text| text == "true");
        !off && check.get("test").is_some_and(|test| {
            test.text() != Some("NONE") && test.list().first().and_then(Node::text) != Some("NONE")
        })
    });
    let words = |name: &str| match node.get(name).map(|node| &node.value) {
        Some(Value::Text(text)) => text.clone(),
        Some(Value::List(list)) => list.iter().filter_map(Node::text).collect::<Vec<_>>().join(" "),
        _ => String::new(),
    };
    ComposeService {
        name: name.to_owned(),
        line,
        image: said("image"),
        build: node.get("build").is_some(),
        restart: said("restart"),
        ports: node.get("ports").map(Node::list).unwrap_or_default().iter().filter_map(port).collect(),
        after: node.get("depends_on").map(after).unwrap_or_default(),
        health,
        elsewhere: node.get("extends").is_some(),
        waits: ["command", "entrypoint"].iter().any(|name| {
            ["wait", "dockerize", "pg_isready", "until "].iter().any(|word| words(name).contains(word))
        }),
    }
}

fn after(node: &Node) -> Vec<After> {
    match &node.value {
        Value::List(list) => {
            let one =
                |node: &Node| Some(After { name: node.text()?.to_owned(), line: node.line, ready: false });
            list.iter().filter_map(one).collect()
        }
        Value::Map(map) => {
            let one = |(name, line, node): &(String, u32, Node)| After {
                name: name.clone(),
                line: *line,
                ready: node
                    .get("condition")
                    .and_then(Node::text)
                    .is_some_and(|word| word != "service_started"),
            };
            map.iter().map(one).collect()
        }
        Value::Text(_) => Vec::new(),
    }
}

/// `127.0.0.1:5432:5432/tcp`, or the same with names.
fn port(node: &Node) -> Option<Published> {
    let line = node.line;
    if let Some(raw) = node.text() {
        let plain = !raw.contains('$');
        let text = filled(raw);
        let text = text.split('/').next().unwrap_or(&text);
        let (rest, inside) = text.rsplit_once(':').unwrap_or(("", text));
        let (address, host) = match rest.rsplit_once(':') {
            Some((address, host)) => (address, host),
            // `127.0.0.1::80` leaves the port to the engine.
            None => ("", rest),
        };
        let address = address.trim_matches(['[', ']']).to_owned();
        return Some(Published { address, host: host.to_owned(), inside: inside.to_owned(), line, plain });
    }
    let field = |name: &str| node.get(name).and_then(Node::text).unwrap_or_default();
    let plain = !["host_ip", "published", "target"].iter().any(|name| field(name).contains('$'));
    Some(Published {
        address: filled(field("host_ip")),
        host: filled(field("published")),
        inside: Some(filled(field("target"))).filter(|inside| !inside.is_empty())?,
        line,
        plain,
    })
}

/// `${NAME:-value}` and `${NAME-value}` put in; variables whose value stands elsewhere are left as written.
fn filled(text: &str) -> String {
    let mut done = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        done.push_str(&rest[..at]);
        let Some(end) = rest[at..].find('}').map(|end| at + end) else { break };
        let inner = &rest[at + 2..end];
        match inner.split_once(":-").or_else(|| inner.split_once('-')) {
            Some((_, value)) if !value.contains('$') => done.push_str(value),
            _ => done.push_str(&rest[at..=end]),
        }
        rest = &rest[end + 1..];
    }
    done.push_str(rest);
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read_in_both_ways_of_writing() {
        let text = "- 5432\n- 5432:5432\n- \"127.0.0.1:15432:5432/tcp\"\n- '[::1]:80:80'\n- \"${PORT:-80}:80\"\n- \"${IP}:80:80\"\n- target: 6379\n  published: '6379'\n  host_ip: 127.0.0.1\n";
        let tree = yaml::parse(text).expect("read").expect("there");
        let shown: Vec<String> = tree
            .list()
            .iter()
            .filter_map(port)
            .map(|port| format!("{}|{}|{}|{}", port.address, port.host, port.inside, port.plain))
            .collect();
        assert_eq!(
            shown,
            [
                "||5432|true",
                "|5432|5432|true",
                "127.0.0.1|15432|5432|true",
                "::1|80|80|true",
                "|80|80|false",
                "${IP}|80|80|false",
                "127.0.0.1|6379|6379|true"
            ]
        );
    }

    #[test]
    fn what_a_service_waits_for_is_read_in_both_ways() {
        let text = "services:\n  a:\n    depends_on: [b]\n  b:\n    depends_on:\n      c:\n        condition: service_healthy\n      d: {condition: service_started}\n  c:\n    healthcheck: {test: [NONE]}\n  d:\n    healthcheck: {test: true}\n";
        let all = services(&yaml::parse(text).expect("read").expect("there"));
        let waits: Vec<(&str, bool)> =
            all.iter().flat_map(|one| &one.after).map(|after| (after.name.as_str(), after.ready)).collect();
        assert_eq!(waits, [("b", false), ("c", true), ("d", false)]);
        assert_eq!(all.iter().map(|one| one.health).collect::<Vec<_>>(), [false, false, false, true]);
    }

    #[test]
    fn the_files_of_a_container_are_told_by_its_labels() {
        let labels = serde_json::json!({
            "com.docker.compose.project.working_dir": "/opt/shop",
            "com.docker.compose.project.config_files": "/opt/shop/compose.yaml,more.yaml",
        });
        assert_eq!(files_of(&labels), ["/opt/shop/compose.yaml", "/opt/shop/more.yaml"]);
        assert!(files_of(&serde_json::json!({})).is_empty());
    }
}
