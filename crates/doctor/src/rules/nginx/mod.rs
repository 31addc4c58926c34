//! Traps in what nginx is told.

pub(super) mod dead_port;
pub(super) mod lost_header;
pub(super) mod refused;
pub(super) mod resolved_once;
pub(super) mod unread_site;

use super::answer::{Answer, Place};
use crate::facts::Facts;
use crate::facts::nginx::{Directive, Nginx};

/// Judges what nginx is told, and passes on what could not be read.
fn nginx(facts: &Facts, judge: impl FnOnce(&Nginx, &mut Answer)) -> Answer {
    Answer::of(&facts.nginx, |nginx, answer| {
        for (what, why) in &nginx.unseen {
            answer.blind(format!("{what}: {why}"));
        }
        judge(nginx, answer);
    })
}

/// Where a directive stands.
fn place(nginx: &Nginx, directive: &Directive) -> Place {
    let text = format!("{} {}", directive.name, directive.words.join(" "));
    Place::line(nginx.file(directive), directive.line, text.trim_end())
}

/// The names of `upstream` blocks, with the blocks.
fn upstreams(nginx: &Nginx) -> Vec<(&str, &Directive)> {
    let mut found = Vec::new();
    nginx.each(&mut |_, directive| {
        if directive.name == "upstream" {
            found.push((directive.word(), directive));
        }
    });
    found
}

/// Host and port that a `…_pass` hands on to; none where it holds a variable or names a socket.
fn target(directive: &Directive) -> Option<(&str, Option<u16>)> {
    let word = directive.word();
    let (scheme, rest) = word.split_once("://").map_or(("", word), |(scheme, rest)| (scheme, rest));
    let host = rest.split('/').next().unwrap_or(rest);
    if word.contains('$') || host.starts_with("unix:") || host.is_empty() {
        return None;
    }
    let without = match scheme {
        "http" | "grpc" => Some(80),
        "https" | "grpcs" => Some(443),
        _ => None,
    };
    Some(split_port(host, without))
}

/// `host:port`, `[::1]:port`.
fn split_port(host: &str, without: Option<u16>) -> (&str, Option<u16>) {
    let begin = host.rfind(']').map_or(0, |at| at + 1);
    match host[begin..].rfind(':') {
        Some(at) => (&host[..begin + at], host[begin + at + 1..].parse().ok()),
        None => (host, without),
    }
}

/// Directives that hand a request on.
fn hands_on(directive: &Directive) -> bool {
    matches!(
        directive.name.as_str(),
        "proxy_pass" | "fastcgi_pass" | "uwsgi_pass" | "scgi_pass" | "grpc_pass"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_port_are_told_apart() {
        for (word, told) in [
            ("http://127.0.0.1:3000/api", Some(("127.0.0.1", Some(3000)))),
            ("http://[::1]:3000", Some(("[::1]", Some(3000)))),
            ("https://example.org", Some(("example.org", Some(443)))),
            ("127.0.0.1:9000", Some(("127.0.0.1", Some(9000)))),
            ("http://unix:/run/x.sock:/", None),
            ("http://$name:80", None),
            ("backend", Some(("backend", None))),
        ] {
            let directive = Directive {
                file: 0,
                line: 1,
                at: 0,
                name: "proxy_pass".to_owned(),
                words: vec![word.to_owned()],
                inner: Vec::new(),
            };
            assert_eq!(target(&directive), told, "{word}");
        }
    }
}
