//! NGX006: an inner `add_header` drops those of the blocks around it.

use super::{nginx, place};
use crate::facts::Facts;
use crate::facts::nginx::Directive;
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "NGX006",
    severity: Severity::Medium,
    outlook: Outlook::Failing,
    title: "an inner add_header drops the headers that protect",
    silent: "A block with one add_header of its own inherits none from outside. The page looks the same; only its headers are gone.",
    cure: "Repeat the headers there, best by including one file in each such block; from nginx 1.29.3 `add_header_inherit merge` \
           keeps them.",
    fix: Fix::Told,
    unless: "The inner block repeats them, merges them, or what is dropped protects nothing.",
    judge,
    bad: Fixture::files(
        "a header for the cache in a location",
        &[file(
            "/etc/nginx/nginx.conf",
            "http {\n  server {\n    add_header Strict-Transport-Security max-age=31536000 always;\n    location /static/ {\n      add_header Cache-Control public;\n    }\n  }\n}\n",
        )],
    ),
    good: [
        Fixture::files(
            "the location includes them again",
            &[
                file(
                    "/etc/nginx/headers.conf",
                    "add_header Strict-Transport-Security max-age=31536000 always;\n",
                ),
                file(
                    "/etc/nginx/nginx.conf",
                    "http {\n  server {\n    include headers.conf;\n    location /static/ {\n      include headers.conf;\n      add_header Cache-Control public;\n    }\n  }\n}\n",
                ),
            ],
        ),
        Fixture::files(
            "what is dropped is no protection, and another location has none of its own",
            &[file(
                "/etc/nginx/nginx.conf",
                "http {\n  server {\n    add_header X-Served-By web1;\n    location /static/ {\n      add_header Cache-Control public;\n    }\n    location / {\n      root /srv/shop;\n    }\n  }\n}\n",
            )],
        ),
    ],
};

/// Headers that keep browsers from being used against their owner.
const PROTECT: [&str; 6] = [
    "strict-transport-security",
    "content-security-policy",
    "x-frame-options",
    "x-content-type-options",
    "referrer-policy",
    "permissions-policy",
];

fn judge(facts: &Facts) -> Answer {
    nginx(facts, |nginx, answer| {
        nginx.each(&mut |outer, block| {
            let own = headers(block);
            let merges = |block: &Directive| {
                block
                    .children()
                    .iter()
                    .any(|inner| inner.name == "add_header_inherit" && inner.word() != "off")
            };
            if own.is_empty() || merges(block) || outer.iter().any(|outer| merges(outer)) {
                return;
            }
            let Some(from) = outer.iter().rev().find(|outer| !headers(outer).is_empty()) else { return };
            let lost: Vec<String> = headers(from)
                .into_iter()
                .filter(|name| PROTECT.contains(&name.as_str()) && !own.contains(name))
                .collect();
            if !lost.is_empty() {
                let observed =
                    format!("its own add_header drops {} of the {} around it", lost.join(", "), from.name);
                let within: Vec<String> = outer.iter().chain([&block]).map(|one| title(one)).collect();
                answer.find(Finding::new(within.join(" > "), place(nginx, block), observed));
            }
        });
    })
}

/// The names of the headers that a block adds itself.
fn headers(block: &Directive) -> Vec<String> {
    let own = block.children().into_iter().filter(|inner| inner.name == "add_header");
    own.map(|inner| inner.word().to_ascii_lowercase()).collect()
}

/// What a block is called: of a server its name.
fn title(block: &Directive) -> String {
    let children = block.children();
    let name = children.iter().find(|inner| inner.name == "server_name").map(|inner| inner.word());
    let words = if block.name == "server" { name.unwrap_or("").to_owned() } else { block.words.join(" ") };
    format!("{} {words}", block.name).trim_end().to_owned()
}
