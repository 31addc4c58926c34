//! What nginx is told: its files with what they include, the folders of sites, and the ports that it could hand on to.

mod hello;
mod running;
pub(super) mod test;

use muster_host::nginx::{fits, parse};

use super::ground::Ground;
use super::{Collector, Put, WITHIN};
use crate::facts::Fact;
use crate::facts::nginx::{Directive, Nginx, Port, Site};

pub(super) const COLLECTOR: Collector = Collector {
    name: "nginx",
    within: WITHIN,
    read,
    // The test of the whole is another collector's.
    blind: |facts, why| facts.nginx = Fact::unknown(why),
};

const CONF: &str = "/etc/nginx/nginx.conf";
/// What relative paths begin with unless nginx was told otherwise.
const PREFIX: &str = "/etc/nginx";
/// Most files of one configuration.
const FILES: usize = 500;
/// Most directives of one configuration.
const DIRECTIVES: usize = 50_000;
/// Deepest includes.
const DEPTH: usize = 10;
/// Folders that people put sites into.
const SITES: [&str; 3] = ["/etc/nginx/sites-enabled", "/etc/nginx/conf.d", "/etc/nginx/streams-enabled"];
/// Directives whose arguments are kept. Headers and variables may hold secrets: of them only the name.
const KEPT: [&str; 28] = [
    "include",
    "server_name",
    "listen",
    "root",
    "alias",
    "location",
    "upstream",
    "server",
    "resolver",
    "deny",
    "return",
    "proxy_pass",
    "fastcgi_pass",
    "uwsgi_pass",
    "scgi_pass",
    "grpc_pass",
    "ssl_certificate",
    "ssl_certificate_key",
    "if",
    "try_files",
    "internal",
    "allow",
    "add_header_inherit",
    "ssl_trusted_certificate",
    "zone",
    "user",
    "index",
    "limit_except",
];
/// Directives of which only the first argument is kept.
const NAMED: [&str; 3] = ["add_header", "set", "map"];

fn read(ground: &Ground) -> Put {
    let mut nginx = blank(ground.runs("nginx"));
    nginx.ports = ports(ground);
    nginx.hosts = hosts(ground);
    nginx.hidden_ports = hidden_ports(ground);
    if !ground.exists(CONF) {
        return Box::new(|facts| facts.nginx = Fact::nothing("there is no nginx"));
    }
    let mut left = DIRECTIVES;
    let tree = file(ground, &mut nginx, CONF, 0, &mut left);
    nginx.tree = tree;
    for folder in SITES {
        match ground.list(folder) {
            Ok(names) => {
                for name in names.unwrap_or_default() {
                    let path = format!("{folder}/{name}");
                    nginx.sites.push(Site {
                        link: ground.link(&path),
                        is_there: ground.exists(&path),
                        package: ground.package(&path),
                        path,
                    });
                }
            }
            Err(why) => nginx.unseen.push((folder.to_owned(), why)),
        }
    }
    nginx.each(&mut |_, directive| {
        if matches!(directive.name.as_str(), "root" | "alias") && directive.word().starts_with('/') {
            ground.entry(&format!("{}/.env", directive.word().trim_end_matches('/')));
        }
        if let Some(socket) = unix_socket(directive) {
            ground.entry(&socket);
        }
    });
    nginx.masters = running::look(ground, &nginx);
    Box::new(|facts| facts.nginx = Fact::Known(nginx))
}

/// Of which nothing is known yet.
fn blank(running: Fact<bool>) -> Nginx {
    let nobody = || "nobody looked".to_owned();
    Nginx {
        running,
        files: Vec::new(),
        tree: Vec::new(),
        sites: Vec::new(),
        ports: Fact::unknown(nobody()),
        hosts: Vec::new(),
        hidden_ports: false,
        test: Fact::unknown(nobody()),
        masters: Fact::unknown(nobody()),
        unseen: Vec::new(),
    }
}

/// The socket that a directive hands on to.
fn unix_socket(directive: &Directive) -> Option<String> {
    if !directive.name.ends_with("_pass") && directive.name != "server" {
        return None;
    }
    let (_, path) = directive.word().split_once("unix:")?;
    let path = path.split(':').next().unwrap_or(path);
    (path.starts_with('/') && !path.contains('$')).then(|| path.to_owned())
}

/// A file and what it includes.
fn file(ground: &Ground, nginx: &mut Nginx, path: &str, depth: usize, left: &mut usize) -> Vec<Directive> {
    if nginx.files.len() >= FILES || depth >= DEPTH || *left == 0 {
        nginx.unseen.push((path.to_owned(), "too many files or too deep".to_owned()));
        return Vec::new();
    }
    let text = match ground.read(path) {
        Ok(Some(text)) => text.lossy(),
        // `nginx -t` complains of it.
        Ok(None) => return Vec::new(),
        Err(why) => {
            nginx.unseen.push((path.to_owned(), why));
            return Vec::new();
        }
    };
    let number = u32::try_from(nginx.files.len()).unwrap_or(u32::MAX);
    nginx.files.push(path.to_owned());
    let mut tree = parse(&text, number);
    complete(ground, nginx, &mut tree, depth, left);
    tree
}

/// Puts the files that are included into place, and drops what may be a secret.
fn complete(ground: &Ground, nginx: &mut Nginx, tree: &mut [Directive], depth: usize, left: &mut usize) {
    for directive in tree {
        *left = left.saturating_sub(1);
        if directive.name == "include" {
            for path in
                directive.words.first().map(|word| matching(ground, prefix(nginx), word)).unwrap_or_default()
            {
                let inner = file(ground, nginx, &path, depth + 1, left);
                directive.inner.extend(inner);
            }
        } else {
            complete(ground, nginx, &mut directive.inner, depth, left);
        }
        let name = directive.name.as_str();
        if NAMED.contains(&name) {
            directive.words.truncate(1);
        } else if !KEPT.contains(&name) {
            directive.words.clear();
        }
        for word in &mut directive.words {
            if word.contains("://") {
                *word = muster_host::discover::blot::blot(word);
            }
        }
    }
}

/// What relative paths begin with: the folder of the first file.
fn prefix(nginx: &Nginx) -> &str {
    nginx.files.first().and_then(|file| file.rsplit_once('/')).map_or(PREFIX, |(folder, _)| folder)
}

/// The files that an include means, as glob(3) orders them.
fn matching(ground: &Ground, prefix: &str, pattern: &str) -> Vec<String> {
    let whole = if pattern.starts_with('/') { pattern.to_owned() } else { format!("{prefix}/{pattern}") };
    let mut paths = vec![String::new()];
    for part in whole.split('/').filter(|part| !part.is_empty()) {
        if !part.contains(['*', '?', '[']) {
            paths.iter_mut().for_each(|path| path.extend(["/", part]));
            continue;
        }
        let names = |path: &String| ground.list(path).ok().flatten().unwrap_or_default();
        paths = paths
            .iter()
            .flat_map(|path| {
                let fitting = names(path).into_iter().filter(|name| fits(part.as_bytes(), name.as_bytes()));
                fitting.map(|name| format!("{path}/{name}")).collect::<Vec<_>>()
            })
            .take(FILES)
            .collect();
    }
    paths
}

/// Listening sockets of `/proc/net/tcp` and `tcp6`.
fn ports(ground: &Ground) -> Fact<Vec<Port>> {
    if !ground.live {
        return Fact::nothing("only files were read");
    }
    let read = |path: &str| muster_host::process::read_small(path).ok();
    let Some(v4) = read("/proc/net/tcp") else { return Fact::unknown("/proc/net/tcp cannot be read") };
    let v6 = read("/proc/net/tcp6").unwrap_or_default();
    let mut ports = listening(&String::from_utf8_lossy(&v4));
    ports.extend(listening(&String::from_utf8_lossy(&v6)));
    Fact::Known(ports)
}

fn listening(table: &str) -> Vec<Port> {
    let one = |line: &str| {
        let mut fields = line.split_whitespace().skip(1);
        let (address, port) = fields.next()?.split_once(':')?;
        if fields.nth(1)? != "0A" {
            return None;
        }
        let port = u16::from_str_radix(port, 16).ok()?;
        let (v4, v6) = match address {
            "00000000" => (true, false),
            // Words in the byte order of the machine: 127.0.0.0/8 ends with 7F.
            v4 if v4.len() == 8 && v4.ends_with("7F") => (true, false),
            "00000000000000000000000000000000" => (true, true),
            "00000000000000000000000001000000" => (false, true),
            mapped if mapped.starts_with("0000000000000000FFFF0000") && mapped.ends_with("7F") => {
                (true, false)
            }
            _ => return None,
        };
        Some(Port { port, v4, v6 })
    };
    table.lines().skip(1).filter_map(one).collect()
}

fn hosts(ground: &Ground) -> Vec<String> {
    let text = ground.read("/etc/hosts").ok().flatten().map(|text| text.lossy()).unwrap_or_default();
    let names = |line: &str| {
        let line = line.split('#').next().unwrap_or("");
        line.split_whitespace().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    text.lines().flat_map(names).take(1_000).collect()
}

/// Without its proxy Docker forwards a published port in the kernel: nobody listens.
fn hidden_ports(ground: &Ground) -> bool {
    let text = ground.read("/etc/docker/daemon.json").ok().flatten();
    let settings = text.and_then(|text| serde_json::from_slice::<serde_json::Value>(&text.bytes).ok());
    settings.is_some_and(|settings| settings.get("userland-proxy") == Some(&serde_json::Value::Bool(false)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_told_from_connections_and_other_addresses() {
        let table = "  sl  local_address rem_address   st\n   0: 0100007F:0BB8 00000000:0000 0A 0\n   \
                     1: 00000000:0050 00000000:0000 0A 0\n   2: 0100007F:1F90 0100007F:0050 01 0\n   \
                     3: 0A00000A:1F91 00000000:0000 0A 0\n";
        let ports: Vec<u16> = listening(table).iter().map(|port| port.port).collect();
        assert_eq!(ports, [3000, 80]);
        let table = "x\n 0: 00000000000000000000000001000000:0BB8 0:0 0A\n 1: 00000000000000000000000000000000:0BB9 0:0 0A\n";
        assert_eq!(
            listening(table),
            [Port { port: 3000, v4: false, v6: true }, Port { port: 3001, v4: true, v6: true }]
        );
    }
}
