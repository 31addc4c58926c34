//! LAY002: a link of a project that leads nowhere, or into another project.

use crate::facts::Facts;
use crate::facts::projects::Link;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file, link};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "LAY002",
    severity: Severity::High,
    outlook: Outlook::Waiting,
    title: "a link of a project leads nowhere or into another project",
    silent: "A link is not opened until something needs it. Whoever cleans up or moves one project breaks the other, and learns of \
             it there.",
    cure: "Put back or remove what leads nowhere. Give what two projects share a folder of its own, such as /opt/shared.",
    fix: Fix::Told,
    unless: "It stays inside its project, leads to a folder of the system or of shared things, or is itself the name of a version.",
    judge,
    bad: Fixture::files(
        "a link to a neighbour's module",
        &[file("/opt/blog/lib/mail.py", "x\n"), link("/opt/shop/mail.py", "/opt/blog/lib/mail.py")],
    ),
    good: [
        Fixture::files(
            "the release that is current, and logs in their place",
            &[
                file("/opt/shop/releases/12/app", "x\n"),
                link("/opt/shop/current", "releases/12"),
                file("/var/log/shop/app.log", "x\n"),
                link("/opt/shop/logs", "/var/log/shop"),
            ],
        ),
        Fixture::files(
            "one name for the version in use, and a folder that is meant to be shared",
            &[
                file("/opt/java-21/bin/java", "x\n"),
                link("/opt/java", "/opt/java-21"),
                file("/srv/shared/fonts/a.ttf", "x\n"),
                link("/srv/shop/fonts", "/srv/shared/fonts"),
            ],
        ),
    ],
};

/// Folders whose folders are projects.
const PLACES: [&str; 3] = ["/opt", "/srv", "/var/www"];

fn judge(facts: &Facts) -> Answer {
    Answer::of(&facts.projects, |projects, answer| {
        for (what, why) in projects.unseen.iter().filter(|(what, _)| project(what).is_some()) {
            answer.blind(format!("{what}: {why}"));
        }
        for link in &projects.links {
            let place = Place::of(&link.path);
            let Some((_, own)) = project(&link.path) else { continue };
            if is_dangling(link, facts.vantage.live) {
                let observed = format!("leads to {}, where nothing is", link.says);
                answer.find(Finding::new(&link.path, place, observed));
            } else if let Some((_, other)) = project(&link.to)
                && link.is_there
                && other != own
                && is_inside(&link.path)
                && !is_shared(other)
            {
                let observed = format!("leads to {}, which belongs to {other}", link.to);
                answer.find(Finding::new(&link.path, place, observed));
            }
        }
    })
}

/// The place and the project that a path belongs to.
fn project(path: &str) -> Option<(&str, &str)> {
    PLACES.iter().find_map(|place| {
        let rest = path.strip_prefix(place)?.strip_prefix('/')?;
        let name = rest.split('/').next().filter(|name| !name.is_empty())?;
        Some((*place, name))
    })
}

/// It lies in a project and is not the name of one.
fn is_inside(path: &str) -> bool {
    PLACES
        .iter()
        .any(|place| path.strip_prefix(place).is_some_and(|rest| rest.trim_start_matches('/').contains('/')))
}

/// What programs write into links that are no paths, and what only a running host has, is left out.
fn is_dangling(link: &Link, live: bool) -> bool {
    let fleeting =
        ["/run/", "/var/run/", "/tmp/", "/proc/", "/dev/"].iter().any(|start| link.to.starts_with(start));
    let is_mark = !link.says.contains('/') && link.says.contains([':', '@', '+']);
    !link.is_there && !is_mark && (live || !fleeting) && !link.to.starts_with("/proc/")
}

fn is_shared(name: &str) -> bool {
    ["shared", "common", "share", "lib", "libs", "data"].contains(&name)
}
