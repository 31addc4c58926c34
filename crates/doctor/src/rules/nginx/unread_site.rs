//! NGX005: a file of a site that nginx does not read, or reads though it is a copy.

use super::{nginx, place};
use crate::facts::Facts;
use crate::facts::nginx::{Directive, Nginx, Site};
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file, link};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "NGX005",
    severity: Severity::Medium,
    outlook: Outlook::Waiting,
    title: "a file of a site has no effect, or not the one it seems to have",
    silent: "Only what an include matches is read; of the rest nginx says nothing. Of two servers with one name it takes the \
             first and warns only when it is started.",
    cure: "Give the file the name that the include asks for, put the link right, and move copies out of the folder.",
    fix: Fix::Told,
    unless: "The name says that the file is put aside (.bak, .disabled, .dpkg-old) and nothing includes it.",
    judge,
    bad: Fixture::files(
        "a file without the ending that is included",
        &[
            file("/etc/nginx/nginx.conf", "http {\n  include conf.d/*.conf;\n}\n"),
            file("/etc/nginx/conf.d/shop", "server { server_name shop.test; }\n"),
        ],
    ),
    good: [
        Fixture::files(
            "a copy that is put aside, and a file that is read",
            &[
                file("/etc/nginx/nginx.conf", "http {\n  include /etc/nginx/conf.d/*.conf;\n}\n"),
                file("/etc/nginx/conf.d/shop.conf", "server { server_name shop.test; }\n"),
                file("/etc/nginx/conf.d/shop.conf.bak", "server { server_name shop.test; }\n"),
            ],
        ),
        Fixture::files(
            "one name on two ports, by a link that is right",
            &[
                file("/etc/nginx/nginx.conf", "http {\n  include sites-enabled/*;\n}\n"),
                file(
                    "/etc/nginx/sites-available/shop",
                    "server { listen 80; server_name shop.test; }\nserver { listen 443 ssl; server_name shop.test; }\n",
                ),
                link("/etc/nginx/sites-enabled/shop", "../sites-available/shop"),
            ],
        ),
    ],
};

/// Endings of files that are put aside.
const ASIDE: [&str; 14] = [
    "bak",
    "backup",
    "old",
    "orig",
    "disabled",
    "off",
    "save",
    "saved",
    "dpkg-old",
    "dpkg-dist",
    "dpkg-new",
    "swp",
    "example",
    "sample",
];

fn judge(facts: &Facts) -> Answer {
    nginx(facts, |nginx, answer| {
        for site in nginx.sites.iter().filter(|site| site.package.is_none()) {
            if let Some(observed) = wrong(nginx, site) {
                answer.find(Finding::new(&site.path, Place::of(&site.path), observed));
            }
        }
        doubles(nginx, answer);
    })
}

fn wrong(nginx: &Nginx, site: &Site) -> Option<String> {
    let name = site.path.rsplit('/').next().unwrap_or(&site.path);
    let aside = name.ends_with('~')
        || name.rsplit('.').next().is_some_and(|ending| name.contains('.') && ASIDE.contains(&ending))
        || name.contains(".bak")
        || name.to_ascii_lowercase().starts_with("readme");
    let is_read = nginx.files.contains(&site.path);
    match (&site.link, site.is_there) {
        (Some(link), false) => Some(format!("the link leads to {link}, where nothing is")),
        (_, true) if is_read && aside => Some("it looks like a copy, and nginx reads it".to_owned()),
        (_, true) if !is_read && !aside && nginx.unseen.is_empty() => {
            Some("no include of nginx matches it, so nginx does not read it".to_owned())
        }
        _ => None,
    }
}

/// Servers with one name on one port.
fn doubles(nginx: &Nginx, answer: &mut Answer) {
    let mut seen: Vec<(String, String, &Directive)> = Vec::new();
    nginx.each(&mut |outer, directive| {
        if directive.name != "server" || outer.last().is_none_or(|outer| outer.name != "http") {
            return;
        }
        let children = directive.children();
        let words = |name: &'static str| children.iter().filter(move |inner| inner.name == name);
        let mut listens: Vec<String> = words("listen").map(|inner| inner.word().to_owned()).collect();
        if listens.is_empty() {
            listens.push("80".to_owned());
        }
        for name in words("server_name")
            .flat_map(|inner| &inner.words)
            .filter(|name| !matches!(name.as_str(), "_" | ""))
        {
            for listen in &listens {
                let listen = listen.trim_start_matches("0.0.0.0:").trim_start_matches("*:");
                match seen.iter().find(|(one, other, _)| one == name && other == listen) {
                    Some((.., first)) if (first.file, first.line) != (directive.file, directive.line) => {
                        let first = place(nginx, first);
                        let observed = format!(
                            "{name} on {listen} belongs to the server at {first}; this one is not asked"
                        );
                        answer.find(Finding::new(
                            format!("{name} on {listen}"),
                            place(nginx, directive),
                            observed,
                        ));
                    }
                    Some(_) => {}
                    None => seen.push((name.clone(), listen.to_owned(), directive)),
                }
            }
        }
    });
}
