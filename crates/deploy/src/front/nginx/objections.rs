//! What on a host would keep the front from working. Nothing is changed to find out.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use muster_host::nginx::{Configuration, Directive, each};
use muster_host::process;

use super::claims::{self, Claim};
use super::server::Nginx;
use super::{program, sockets};
use crate::trouble::Trouble;

/// Time for what nginx itself is asked.
const WITHIN: Duration = Duration::from_secs(10);
/// Most processes that are looked at for who listens.
const PROCESSES: usize = 20_000;

pub(super) fn all(nginx: &Nginx) -> Vec<Trouble> {
    let until = Instant::now() + WITHIN;
    let built = match program::built(&nginx.place, until) {
        Ok(built) => built,
        Err(trouble) => return vec![trouble.help("install nginx, and try again")],
    };
    let conf = Configuration::read(&nginx.place.conf);
    if conf.files.is_empty() {
        return vec![Trouble::new(format!("{} cannot be read", nginx.place.conf.display()))];
    }
    let mut found: Vec<Trouble> =
        conf.unseen.iter().map(|(path, why)| Trouble::new(format!("{}: {why}", path.display()))).collect();
    if let Err(trouble) = program::test(&nginx.place, until)
        && !waits_for_us(nginx, &trouble)
    {
        found.push(trouble);
    }
    found.extend(of_files(nginx, &conf));
    match program::master(&nginx.place, &conf, &built) {
        None => found.push(Trouble::new("nginx does not run").help("systemctl enable --now nginx")),
        Some(master) => found.extend(barred(nginx, master)),
    }
    found.extend(taken(nginx, &conf));
    found
}

/// Our line stands in a block of somebody else before our file is there, as it should on the first deploy.
fn waits_for_us(nginx: &Nginx, trouble: &Trouble) -> bool {
    let snippet = nginx.snippet();
    let missing = format!("\"{}\" failed (2:", snippet.display());
    !snippet.exists() && trouble.lines.len() == 1 && trouble.what.contains(&missing)
}

/// What the files of nginx say that does not go together with ours.
pub(super) fn of_files(nginx: &Nginx, conf: &Configuration) -> Vec<Trouble> {
    let mut found = Vec::new();
    let file = nginx.upstreams();
    let mut is_read = false;
    each(&conf.tree, &mut |outer, one| {
        let is_http = outer.len() == 1 && outer[0].name == "http";
        is_read |= is_http && claims::has_include(std::slice::from_ref(one), nginx.place.folder(), &file);
    });
    if !is_read {
        let what = format!(
            "nginx does not read {}: {} has no include for it",
            file.display(),
            nginx.place.conf.display()
        );
        let folder = nginx.place.folder().display();
        found.push(
            Trouble::new(what).help(format!("write `include {folder}/conf.d/*.conf;` into its `http` block")),
        );
    }
    let mut seen: Vec<(u32, u64)> = Vec::new();
    for domain in &nginx.domains {
        let claims = claims::of(conf, domain, nginx);
        for claim in &claims {
            let place = (claim.block.file, claim.block.at);
            if claim.includes && !seen.contains(&place) {
                seen.push(place);
                found.extend(in_the_way(nginx, conf, claim.block));
            }
        }
        if let Some(claim) = unled(&claims)
            && !seen.contains(&(claim.block.file, claim.block.at))
        {
            seen.push((claim.block.file, claim.block.at));
            let what = format!(
                "{} answers for {domain} and does not lead to the sides of {}",
                place(conf, claim.block),
                nginx.service
            );
            let line = nginx.include_line();
            found
                .push(Trouble::new(what).help(format!("write `{line}` there, in place of its `location /`")));
        }
    }
    found.extend(links(nginx, conf));
    found.extend(passed_by(nginx, conf));
    found
}

/// A block that listens on one address takes all that comes there, whatever names blocks have that listen on every address.
fn passed_by(nginx: &Nginx, conf: &Configuration) -> Option<Trouble> {
    if nginx.domains.iter().any(|domain| !claims::of(conf, domain, nginx).is_empty()) {
        return None;
    }
    let on_all =
        nginx.place.listen.iter().filter(|word| word.parse::<u16>().is_ok() || word.starts_with("[::]:"));
    let ours: Vec<u16> =
        on_all.filter_map(|word| claims::listen(word, false)).map(|one| one.at.port()).collect();
    let mut found = None;
    each(&conf.tree, &mut |outer, one| {
        let is_http = one.name == "listen" && outer.first().is_some_and(|outer| outer.name == "http");
        let at = if is_http { claims::listen(&one.words.join(" "), false) } else { None };
        if let Some(listen) = at
            && !listen.at.ip().is_loopback()
            && ours.contains(&listen.at.port())
            && found.is_none()
        {
            let what = format!(
                "{} listens on {}, and what comes there passes by a block that listens on all addresses",
                place(conf, one),
                listen.at
            );
            found = Some(Trouble::new(what).help(format!(
                "write a server block of your own for {}, with `{}` in it",
                nginx.domains.join(" "),
                nginx.include_line()
            )));
        }
    });
    found
}

/// The block that answers for a domain and should lead to the sides.
fn unled<'c, 'a>(claims: &'a [Claim<'c>]) -> Option<&'a Claim<'c>> {
    let is_public = |claim: &&Claim<'_>| claim.listens().iter().any(|one| matches!(one.at.port(), 80 | 443));
    let answers = claims.iter().filter(|claim| !claim.includes && !claim.leads_away());
    if claims.iter().any(|claim| claim.includes) {
        // Others may be for something else, on ports that users do not come to.
        return answers.into_iter().find(is_public);
    }
    let tls = |claim: &&Claim<'_>| claim.listens().iter().any(|one| one.tls);
    answers.clone().find(tls).or_else(|| answers.into_iter().next()).or(claims.first())
}

/// What stands in a block beside our line and does not go together with it.
fn in_the_way(nginx: &Nginx, conf: &Configuration, block: &Directive) -> Vec<Trouble> {
    let snippet = nginx.snippet();
    let line = nginx.include_line();
    let one = |one: &Directive| {
        let place = place(conf, one);
        match one.name.as_str() {
            "location" if one.words == ["/"] => Some((
                format!("{place} has a `location /` beside `{line}`, which brings its own"),
                "remove that one",
            )),
            "open_file_cache" => Some((
                format!("{place} has an `open_file_cache` beside `{line}`, which must switch it off there"),
                "move it into the locations that need it",
            )),
            "return" => Some((
                format!("{place} has a `return` that ends every request before `{line}`"),
                "move it into a location, or the line into another block",
            )),
            _ => None,
        }
    };
    let theirs = block.children().into_iter().filter(|one| conf.file_of(one) != snippet);
    theirs.filter_map(one).map(|(what, help)| Trouble::new(what).help(help)).collect()
}

/// nginx would not follow a link on the way to the flag.
fn links(nginx: &Nginx, conf: &Configuration) -> Option<Trouble> {
    let folder = &nginx.place.flags;
    let there = folder.ancestors().find(|path| path.exists())?;
    if fs::canonicalize(there).is_ok_and(|path| path == there) {
        return None;
    }
    let mut found = None;
    each(&conf.tree, &mut |outer, one| {
        let outside = outer.iter().all(|outer| matches!(outer.name.as_str(), "http" | "server"));
        if one.name == "disable_symlinks" && one.word() != "off" && outside && found.is_none() {
            found = Some(place(conf, one));
        }
    });
    let what = format!("{} keeps nginx from links, and one is on the way to {}", found?, folder.display());
    Some(Trouble::new(what).help("write `disable_symlinks off;` into the server block of the service"))
}

/// A folder on the way to the flag that the workers of nginx may not pass.
fn barred(nginx: &Nginx, master: u32) -> Option<Trouble> {
    let is_worker = |pid: &u32| process::command(*pid).contains("worker process");
    let worker = process::children(master).into_iter().find(is_worker)?;
    let status = process::read_small(&format!("/proc/{worker}/status")).ok()?;
    let status = String::from_utf8_lossy(&status);
    // The one that counts for files is the last of four.
    let numbers = |name: &str| -> Vec<u32> {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.split_whitespace().filter_map(|word| word.parse().ok()).collect()
    };
    let (user, mut groups) = (numbers("Uid:").last().copied()?, numbers("Groups:"));
    groups.extend(numbers("Gid:").last());
    let folder = first_barred(&nginx.place.flags, user, &groups)?;
    let (shown, name) = (folder.display(), muster_host::user::name(user));
    let what = format!("{name}, as whom nginx works, may not pass {shown} on the way to its flag");
    Some(Trouble::new(what).help(format!("chmod o+x {shown}")))
}

/// The uppermost folder of a path, itself included, that a user may not pass. Those that are not there will be made passable.
fn first_barred(path: &Path, user: u32, groups: &[u32]) -> Option<PathBuf> {
    let mut folders: Vec<&Path> = path.ancestors().collect();
    folders.reverse();
    let is_barred = |folder: &&Path| {
        let Ok(found) = fs::metadata(folder) else { return false };
        let bit = match (found.uid() == user, groups.contains(&found.gid())) {
            (true, _) => 0o100,
            (false, true) => 0o010,
            (false, false) => 0o001,
        };
        user != 0 && found.mode() & bit == 0
    };
    folders.into_iter().find(is_barred).map(Path::to_owned)
}

/// Ports that somebody else has.
fn taken(nginx: &Nginx, conf: &Configuration) -> Vec<Trouble> {
    let mut found = Vec::new();
    for &port in &nginx.free {
        match sockets::listener(port) {
            Ok(None) => {}
            Ok(Some(inode)) => {
                let who = holder(inode)
                    .map_or_else(|| "somebody".to_owned(), |(pid, name)| format!("{name} (pid {pid})"));
                let what = format!("port {port}, which {} needs, is taken by {who}", nginx.service);
                found.push(Trouble::new(what).help(format!("ss -ltnp sport = :{port}")));
            }
            Err(trouble) => found.push(trouble),
        }
    }
    let (own, ports) = (nginx.upstreams(), [nginx.ports.blue, nginx.ports.green]);
    each(&conf.tree, &mut |outer, one| {
        let is_side =
            one.name == "server" && outer.last().is_some_and(|outer| outer.word().starts_with("muster_"));
        let port = one.word().strip_prefix("127.0.0.1:").and_then(|port| port.parse::<u16>().ok());
        if is_side && conf.file_of(one) != own && port.is_some_and(|port| ports.contains(&port)) {
            let place = place(conf, one);
            found.push(Trouble::new(format!("{place} leads another service to a port of {}", nginx.service)));
        }
    });
    // Only a block of our own may listen where nobody did before.
    if nginx.domains.iter().all(|domain| claims::of(conf, domain, nginx).is_empty()) {
        let ports = nginx.place.listen.iter().filter_map(|word| claims::listen(word, false));
        let mut ports: Vec<u16> = ports.map(|one| one.at.port()).collect();
        ports.dedup();
        for port in ports {
            let holder = sockets::listener(port).ok().flatten().and_then(holder);
            if let Some((pid, name)) = holder.filter(|(_, name)| name != "nginx") {
                let what =
                    format!("port {port}, on which nginx is to listen, is taken by {name} (pid {pid})");
                found.push(Trouble::new(what).help(format!("ss -ltnp sport = :{port}")));
            }
        }
    }
    found
}

/// A process that has a socket.
fn holder(inode: u64) -> Option<(u32, String)> {
    let wanted = format!("socket:[{inode}]");
    let pids = fs::read_dir("/proc").ok()?.flatten().take(PROCESSES);
    let mut pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let has = |pid: &u32| {
        let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        open.into_iter().any(|one| {
            fs::read_link(one.path())
                .is_ok_and(|link| link.as_os_str().as_encoded_bytes() == wanted.as_bytes())
        })
    };
    let pid = pids.find(has)?;
    Some((pid, process::stat(pid).ok()?.name))
}

fn place(conf: &Configuration, one: &Directive) -> String {
    format!("{}:{}", conf.file_of(one).display(), one.line)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use muster_host::nginx::parse;

    use super::*;
    use crate::front::Ports;
    use crate::front::nginx::{Place, Token};

    fn told(place: Place, http: &str) -> Vec<String> {
        let token = Token::parse(&"0".repeat(32)).expect("a token");
        let ports = Ports { blue: 1, green: 2 };
        let nginx = Nginx::new("api", vec!["api.test".into()], ports, token, place).expect("a front");
        let tree = parse(&format!("http {{ include conf.d/*.conf; {http} }}"), 0);
        let conf = Configuration { files: vec!["/n".into()], tree, unseen: Vec::new() };
        of_files(&nginx, &conf).into_iter().map(|trouble| trouble.what).collect()
    }

    fn usual() -> Place {
        Place { conf: "/etc/nginx/nginx.conf".into(), listen: vec!["80".into()], ..Place::of_host("api") }
    }

    #[test]
    fn a_block_on_one_address_that_takes_all_is_told() {
        for (http, count) in [
            ("server { listen 10.0.0.5:80; server_name x; }", 1),
            ("server { listen 10.0.0.5; server_name x; }", 1),
            ("server { listen 10.0.0.5:8080; server_name x; }", 0),
            ("server { listen 127.0.0.1:80; listen 80 default_server; server_name x; }", 0),
            ("server { listen 10.0.0.5:80; server_name api.test; include muster/api.conf; }", 0),
        ] {
            assert_eq!(told(usual(), http).len(), count, "{http}");
        }
    }

    #[test]
    fn a_link_that_nginx_would_not_follow_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        std::os::unix::fs::symlink("/", folder.path().join("link")).expect("a link");
        let linked = || Place { flags: folder.path().join("link/var"), ..usual() };
        assert_eq!(told(linked(), "disable_symlinks on;").len(), 1);
        assert_eq!(told(linked(), "disable_symlinks off;").len(), 0);
        assert_eq!(told(linked(), "server { location /x { disable_symlinks on; } }").len(), 0);
        assert_eq!(told(Place { flags: "/".into(), ..usual() }, "disable_symlinks on;").len(), 0);
    }

    #[test]
    fn of_two_blocks_the_one_that_leads_to_https_need_not_lead_to_the_sides() {
        let away = "server { listen 80; server_name api.test; return 301 https://api.test; }";
        let with = "server { listen 443 ssl; server_name api.test; include muster/api.conf; }";
        let without = "server { listen 443 ssl; server_name api.test; root /x; }";
        assert_eq!(told(usual(), &format!("{away} {with}")).len(), 0);
        assert_eq!(told(usual(), &format!("{away} {without}")).len(), 1);
        let plain = "server { listen 80; server_name api.test; include muster/api.conf; }";
        assert_eq!(told(usual(), &format!("{plain} {without}")).len(), 1, "users come to both");
    }

    #[test]
    fn a_folder_that_a_user_may_not_pass_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = folder.path();
        let (owner, group) = at.metadata().map(|found| (found.uid(), found.gid())).expect("there");
        fs::set_permissions(at, fs::Permissions::from_mode(0o700)).expect("set");
        assert_eq!(first_barred(&at.join("x"), 4_000_000, &[]), Some(at.to_owned()));
        assert_eq!(first_barred(&at.join("x"), 4_000_000, &[group]), Some(at.to_owned()));
        assert_eq!(first_barred(&at.join("x"), owner, &[]), None);
        assert_eq!(first_barred(&at.join("x"), 0, &[]), None);
    }
}
