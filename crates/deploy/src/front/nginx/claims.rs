//! Which server blocks answer for a domain, and where this host reaches them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use muster_host::nginx::{Configuration, Directive, each, fits};

use super::server::Nginx;

/// A server block of somebody else that answers for a domain.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim<'c> {
    /// The block.
    pub(super) block: &'c Directive,
    /// It has the line that leads to the sides.
    pub(super) includes: bool,
}

/// Where a server block listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Listen {
    /// As this host reaches it.
    pub(super) at: SocketAddr,
    /// It speaks TLS there.
    pub(super) tls: bool,
}

/// How well a name fits a domain, as nginx chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    None,
    /// By a wildcard with so many letters.
    Wild(usize),
    Exact,
}

/// The blocks that answer for a domain: those that name it; those with a wildcard for it where no other names it on the
/// same port; and those that have our line, by whatever name they are reached.
pub(super) fn of<'c>(conf: &'c Configuration, domain: &str, nginx: &Nginx) -> Vec<Claim<'c>> {
    let (own, snippet) = (nginx.upstreams(), nginx.snippet());
    let mut blocks: Vec<(Fit, Claim<'c>)> = Vec::new();
    each(&conf.tree, &mut |outer, block| {
        let is_server = block.name == "server" && outer.len() == 1 && outer[0].name == "http";
        if is_server && conf.file_of(block) != own {
            let includes = has_include(&block.inner, nginx.place.folder(), &snippet);
            blocks.push((fit(block, domain), Claim { block, includes }));
        }
    });
    let ports = |claim: &Claim<'c>| claim.listens().iter().map(|listen| listen.at.port()).collect::<Vec<_>>();
    let exact: Vec<u16> =
        blocks.iter().filter(|(fit, _)| *fit == Fit::Exact).flat_map(|(_, claim)| ports(claim)).collect();
    let best = blocks.iter().map(|(fit, _)| *fit).filter(|fit| *fit != Fit::Exact).max();
    let answers = |(fit, claim): &(Fit, Claim<'c>)| {
        claim.includes
            || *fit == Fit::Exact
            || (*fit != Fit::None
                && Some(*fit) == best
                && ports(claim).iter().any(|port| !exact.contains(port)))
    };
    blocks.into_iter().filter(answers).map(|(_, claim)| claim).collect()
}

/// Whether an `include` among these means the file, there or not.
pub(super) fn has_include(directives: &[Directive], folder: &Path, file: &Path) -> bool {
    directives.iter().filter(|one| one.name == "include").any(|one| {
        let pattern = folder.join(one.word());
        let is_meant = match one.word().contains(['*', '?', '[']) {
            true => fits(pattern.as_os_str().as_encoded_bytes(), file.as_os_str().as_encoded_bytes()),
            false => pattern == file,
        };
        is_meant || has_include(&one.inner, folder, file)
    })
}

impl Claim<'_> {
    /// Where the block listens, as far as this host can reach it.
    pub(super) fn listens(&self) -> Vec<Listen> {
        let children = self.block.children();
        let tls = children.iter().any(|one| one.name == "ssl" && one.word() == "on");
        let told: Vec<&&Directive> = children.iter().filter(|one| one.name == "listen").collect();
        if told.is_empty() {
            return listen("80", tls).into_iter().collect();
        }
        told.iter().filter_map(|one| listen(&one.words.join(" "), tls)).collect()
    }

    /// It sends people elsewhere, as a block does that leads from http to https.
    pub(super) fn leads_away(&self) -> bool {
        let (mut away, mut stays) = (false, false);
        each(&self.block.inner, &mut |_, one| {
            away |= one.name == "return" && one.word().starts_with("30");
            stays |= one.name.ends_with("_pass");
        });
        away && !stays
    }
}

fn fit(block: &Directive, domain: &str) -> Fit {
    let children = block.children();
    let names = children.iter().filter(|one| one.name == "server_name").flat_map(|one| &one.words);
    let domain = domain.to_ascii_lowercase();
    let one = |name: &String| {
        let name = name.to_ascii_lowercase();
        let ends = |end: &str| domain.strip_suffix(end).is_some_and(|rest| !rest.is_empty());
        if name == domain || name.strip_prefix('.') == Some(&domain) {
            return Fit::Exact;
        }
        match (name.strip_prefix('*').or(name.starts_with('.').then_some(&*name)), name.strip_suffix('*')) {
            (Some(end), _) if ends(end) => Fit::Wild(end.len()),
            (None, Some(begin)) if domain.starts_with(begin) => Fit::Wild(0),
            _ => Fit::None,
        }
    };
    names.map(one).max().unwrap_or(Fit::None)
}

/// Where `listen` is reached from this host over TCP; none where it is a socket of another kind, or wants to be told first
/// whom it speaks to.
pub(super) fn listen(words: &str, tls: bool) -> Option<Listen> {
    let mut words = words.split_whitespace();
    let word = words.next()?;
    let flags: Vec<&str> = words.collect();
    if flags.iter().any(|flag| ["proxy_protocol", "quic", "udp"].contains(flag)) {
        return None;
    }
    let (host, port) = match word.rfind(':') {
        Some(at) if !word.ends_with(']') => (&word[..at], word[at + 1..].parse().ok()?),
        _ => match word.parse::<u16>() {
            Ok(port) => ("*", port),
            Err(_) => (word, 80),
        },
    };
    let ip: IpAddr = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(six) => match six.parse::<Ipv6Addr>().ok()? {
            Ipv6Addr::UNSPECIFIED => Ipv6Addr::LOCALHOST.into(),
            other => other.into(),
        },
        None if matches!(host, "*" | "localhost") => Ipv4Addr::LOCALHOST.into(),
        None => match host.parse::<Ipv4Addr>().ok()? {
            Ipv4Addr::UNSPECIFIED => Ipv4Addr::LOCALHOST.into(),
            other => other.into(),
        },
    };
    Some(Listen { at: SocketAddr::new(ip, port), tls: tls || flags.contains(&"ssl") })
}

#[cfg(test)]
pub(super) mod tests {
    use muster_host::nginx::parse;

    use super::*;
    use crate::front::Ports;
    use crate::front::nginx::{Place, Token};

    /// A front that nothing stands behind.
    pub(in super::super) fn api() -> Nginx {
        let place = Place { conf: "/etc/nginx/nginx.conf".into(), ..Place::of_host("api") };
        let token = Token::parse(&"0".repeat(32)).expect("a token");
        let ports = Ports { blue: 1, green: 2 };
        Nginx::new("api", vec!["api.test".into()], ports, token, place).expect("a front")
    }

    /// The lines of the blocks that answer for a domain; negative without our line.
    fn lines(servers: &str, domain: &str) -> Vec<i64> {
        let tree = parse(&format!("http {{\n{servers}\n}}"), 0);
        let conf = Configuration { files: vec!["/x".into()], tree, unseen: Vec::new() };
        let one = |claim: Claim<'_>| i64::from(claim.block.line) * if claim.includes { 1 } else { -1 };
        of(&conf, domain, &api()).into_iter().map(one).collect()
    }

    #[test]
    fn the_blocks_that_answer_for_a_domain_are_found_as_nginx_finds_them() {
        let wild =
            "server { listen 80; server_name *.test; }\nserver { listen 443 ssl; server_name API.test; }";
        for (servers, domain, found) in [
            ("server { server_name api.test; }", "api.test", vec![-2]),
            ("server { server_name a.test .api.test; include muster/api.conf; }", "api.test", vec![2]),
            ("server { server_name a.test; include /etc/nginx/muster/*.conf; }", "api.test", vec![2]),
            ("server { server_name xapi.test _ \"\"; }", "api.test", vec![]),
            (wild, "api.test", vec![-2, -3]),
            (wild, "other.test", vec![-2]),
            (wild, "test", vec![]),
            (
                "server { listen 1; server_name *.b.c; }\nserver { listen 1; server_name *.c; }",
                "a.b.c",
                vec![-2],
            ),
            ("server { server_name *.test; }\nserver { server_name api.test; }", "api.test", vec![-3]),
            ("server { server_name api.*; }", "api.test", vec![-2]),
            ("upstream x { server api.test; }", "api.test", vec![]),
        ] {
            assert_eq!(lines(servers, domain), found, "{servers} {domain}");
        }
    }

    #[test]
    fn a_listener_is_reached_where_it_listens() {
        for (words, at) in [
            ("80", "127.0.0.1:80"),
            ("*:8080 default_server", "127.0.0.1:8080"),
            ("443 ssl http2", "127.0.0.1:443 tls"),
            ("[::]:80", "[::1]:80"),
            ("10.0.0.5", "10.0.0.5:80"),
            ("[2001:db8::1]", "[2001:db8::1]:80"),
            ("localhost:81", "127.0.0.1:81"),
            ("unix:/run/x.sock", ""),
            ("80 proxy_protocol", ""),
            ("443 quic", ""),
            ("somewhere:80", ""),
        ] {
            let shown = listen(words, false)
                .map_or(String::new(), |one| format!("{}{}", one.at, if one.tls { " tls" } else { "" }));
            assert_eq!(shown, at, "{words}");
        }
    }

    #[test]
    fn a_block_that_only_leads_to_https_is_told_from_one_that_answers() {
        for (block, away) in [
            ("return 301 https://$host$request_uri;", true),
            ("if ($host = a) { return 301 https://a; } return 404;", true),
            ("location /.well-known { root /x; } location / { return 302 https://a; }", true),
            ("location /old { return 301 /new; } location / { proxy_pass http://x; }", false),
            ("root /x;", false),
        ] {
            let tree = parse(&format!("server {{ {block} }}"), 0);
            assert_eq!(Claim { block: &tree[0], includes: false }.leads_away(), away, "{block}");
        }
    }
}
