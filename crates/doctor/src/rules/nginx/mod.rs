//! Traps in what nginx is told.

pub(super) mod dead_port;
pub(super) mod lost_header;
pub(super) mod not_reloaded;
pub(super) mod refused;
pub(super) mod resolved_once;
pub(super) mod unread_site;

use muster_core::time::Timestamp;

use super::answer::{Answer, Place};
use crate::facts::nginx::{Directive, Master, Nginx};
use crate::facts::{Fact, Facts};

/// Judges what nginx is told, and passes on what could not be read.
pub(super) fn nginx(facts: &Facts, judge: impl FnOnce(&Nginx, &mut Answer)) -> Answer {
    Answer::of(&facts.nginx, |nginx, answer| {
        for (what, why) in &nginx.unseen {
            answer.blind(format!("{what}: {why}"));
        }
        judge(nginx, answer);
    })
}

/// How much later than its workers a file may have been written, in milliseconds: clocks and ticks are not exact.
pub(super) const LAG: i64 = 2_000;

/// What runs of nginx; what could not be seen is passed on.
pub(super) fn masters<'n>(nginx: &'n Nginx, answer: &mut Answer) -> &'n [Master] {
    match &nginx.masters {
        Fact::Known(masters) => masters,
        Fact::Unknown { why } => {
            answer.blind(why.clone());
            &[]
        }
        Fact::Nothing { why } => {
            answer.nothing = Some(why.clone());
            &[]
        }
    }
}

/// What runs in a fixture, and read its files so many seconds ago.
pub(super) fn ran(facts: &mut Facts, ago: i64, master: impl FnOnce(Timestamp) -> Master) {
    let at = facts.at;
    if let Fact::Known(nginx) = &mut facts.nginx {
        let mut master = master(at);
        master.read_at = at.shifted(-ago * 1000);
        nginx.masters = Fact::Known(vec![master]);
    }
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
