//! SEC002: a file of secrets that git has, or that the web server hands out.

use super::{named, projects};
use crate::facts::files::Kind;
use crate::facts::nginx::{Directive, Nginx};
use crate::facts::projects::{SettingsFile, under};
use crate::facts::{Fact, Facts};
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "SEC002",
    severity: Severity::Critical,
    outlook: Outlook::Failing,
    title: "a file of secrets is published",
    silent: "What git tracks goes to every clone and stays in its history; what lies below a root of nginx is handed to whoever \
             asks for it. Neither leaves a trace that looks wrong.",
    cure: "Change the secrets: they are known. Then `git rm --cached FILE` and a line in .gitignore, or move the file out of the \
           root and deny names that begin with a dot.",
    fix: Fix::Told,
    unless: "The file holds no secret, is an example, or nginx denies it or may not read it.",
    judge,
    bad: Fixture::files(
        "a root of nginx that is the whole project",
        &[
            file("/etc/nginx/nginx.conf", "http {\n  server {\n    root /srv/shop;\n  }\n}\n"),
            file("/srv/shop/.env", "DB_PASSWORD=correct-horse\n"),
        ],
    ),
    good: [
        Fixture::files(
            "nginx serves a folder inside the project",
            &[
                file("/etc/nginx/nginx.conf", "http {\n  server {\n    root /srv/shop/public;\n  }\n}\n"),
                file("/srv/shop/.env", "DB_PASSWORD=correct-horse\n"),
                file("/srv/shop/public/index.html", "hello\n"),
            ],
        ),
        Fixture::files(
            "names that begin with a dot are denied",
            &[
                file(
                    "/etc/nginx/nginx.conf",
                    "http {\n  server {\n    root /srv/shop;\n    location ~ /\\.(?!well-known) { deny all; }\n  }\n}\n",
                ),
                file("/srv/shop/.env", "DB_PASSWORD=correct-horse\n"),
            ],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    projects(facts, |projects, answer| {
        for file in projects.settings.iter().filter(|file| !file.secrets.is_empty()) {
            if let Some(repository) = &file.repository {
                let observed = format!("git in {repository} tracks it; it holds {}", named(file));
                answer.find(Finding::new(format!("{} in git", file.path), Place::of(&file.path), observed));
            }
        }
        match &facts.nginx {
            Fact::Known(nginx) => served(facts, nginx, &projects.settings, answer),
            Fact::Unknown { why } => answer.blind(format!("nginx: {why}")),
            Fact::Nothing { .. } => {}
        }
    })
}

fn served(facts: &Facts, nginx: &Nginx, files: &[SettingsFile], answer: &mut Answer) {
    let mut told: Vec<String> = Vec::new();
    nginx.each(&mut |outer, directive| {
        if !matches!(directive.name.as_str(), "root" | "alias") {
            return;
        }
        let root = directive.word().trim_end_matches('/');
        let Some(server) = outer.iter().find(|outer| outer.name == "server") else { return };
        if !root.starts_with('/') || root.contains('$') || denies_dots(server) || hands_all_on(server, outer)
        {
            return;
        }
        let mut find = |path: &str, holds: String| {
            if told.iter().any(|known| known == path) {
                return;
            }
            told.push(path.to_owned());
            let place =
                Place::line(nginx.file(directive), directive.line, format!("{} {root}", directive.name));
            answer.find(Finding::new(
                format!("{path} by nginx"),
                place,
                format!("{path} lies below it{holds}"),
            ));
        };
        for file in files.iter().filter(|file| !file.secrets.is_empty() && under(&file.path, root)) {
            if may_read(facts, file.mode, file.uid, file.gid) {
                find(&file.path, format!("; it holds {}", named(file)));
            }
        }
        let path = format!("{root}/.env");
        if let Fact::Known(entry) = facts.entry(&path)
            && entry.kind == Kind::File
            && entry.size > 0
            && may_read(facts, entry.mode, entry.uid, entry.gid)
            && !files.iter().any(|file| file.path == path)
        {
            find(&path, String::new());
        }
    });
}

/// The user whom nginx becomes may read a file.
fn may_read(facts: &Facts, mode: u32, uid: u32, gid: u32) -> bool {
    let user = ["www-data", "nginx", "http"].iter().find_map(|name| facts.user(name).flatten());
    mode & 0o004 != 0
        || user.is_some_and(|user| {
            (user.uid == uid && mode & 0o400 != 0) || (user.gid == gid && mode & 0o040 != 0)
        })
}

/// A location for names with a dot that gives nothing out.
fn denies_dots(server: &Directive) -> bool {
    server.children().iter().any(|location| {
        let about = location.words.last().is_some_and(|word| word.contains(r"/\.") || word.contains("/.env"));
        let refuses = |inner: &&Directive| match inner.name.as_str() {
            "deny" => inner.word() == "all",
            "return" => inner.word().starts_with('4'),
            "internal" => true,
            _ => false,
        };
        location.name == "location" && about && location.children().iter().any(refuses)
    })
}

/// Everything goes to another program, so that the root of the server serves nothing.
fn hands_all_on(server: &Directive, outer: &[&Directive]) -> bool {
    let in_location = outer.iter().any(|outer| outer.name == "location");
    let all = server.children().into_iter().find(|inner| inner.name == "location" && inner.words == ["/"]);
    let hands = |location: &Directive| {
        let inner = location.children();
        let has = |name: &str| inner.iter().any(|inner| inner.name == name);
        inner.iter().any(|inner| inner.name.ends_with("_pass")) && !has("root") && !has("try_files")
    };
    !in_location && all.is_some_and(hands)
}
