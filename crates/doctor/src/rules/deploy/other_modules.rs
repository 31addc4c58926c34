//! DEP003: modules that are not those of the lock file.

use super::deploys;
use crate::facts::Facts;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, Planted, file, folder};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "DEP003",
    severity: Severity::High,
    outlook: Outlook::Waiting,
    title: "installed modules are not those that the project asks for",
    silent: "The code is new and its modules are old: tests ran with others than this host has. It fails in the first request that needs \
             the difference, or at the next restart.",
    cure: "Install what is asked for as a part of each deploy: `npm ci --omit=dev`, or `pip install -r requirements.txt` in the venv; then restart.",
    fix: Fix::Told,
    unless: "Nothing runs there; the module is only for development, optional or under a condition; npm installed after the lock file was written.",
    judge,
    bad: Fixture::files("a pin that was raised, and a venv of before", RAISED),
    good: [
        Fixture::files("the same versions, written otherwise", SAME),
        Fixture::files(
            "modules without a list, and pins without modules",
            &[
                file("/etc/cron.d/shop", "1 * * * * app /opt/shop/run\n"),
                file(
                    "/opt/shop/package-lock.json",
                    "{\"packages\":{\"node_modules/a\":{\"version\":\"1.0.0\"}}}",
                ),
                folder("/opt/shop/node_modules/a/"),
                file("/opt/shop/requirements.txt", "flask==3.0.3\n"),
            ],
        ),
    ],
};

/// A project with Flask 3.0.0 and idna 3.7, and these pins.
const fn project(pins: &'static str) -> [Planted; 5] {
    [
        file("/etc/systemd/system/shop.service", "[Service]\nExecStart=/opt/shop/venv/bin/flask run\n"),
        file("/opt/shop/requirements.txt", pins),
        file("/opt/shop/venv/pyvenv.cfg", "include-system-site-packages = false\n"),
        file("/opt/shop/venv/lib/python3.11/site-packages/Flask-3.0.0.dist-info/METADATA", ""),
        file("/opt/shop/venv/lib/python3.11/site-packages/idna-3.7.dist-info/METADATA", ""),
    ]
}

const RAISED: &[Planted] = &project("flask==3.0.3\nIdna==3.7\n");
const SAME: &[Planted] = &project("Flask==3.0\nidna==3.7 # why\npywin32==306; sys_platform == 'win32'\n");

/// Most modules that are named.
const NAMED: usize = 4;

fn judge(facts: &Facts) -> Answer {
    deploys(
        facts,
        |what| !what.ends_with("/.git/index"),
        |deploys, answer| {
            for install in deploys.installs.iter().filter(|install| !install.differs.is_empty()) {
                let names: Vec<String> = install
                    .differs
                    .iter()
                    .take(NAMED)
                    .map(|one| match &one.has {
                        Some(has) => format!("{} {has} in place of {}", one.name, one.wanted),
                        None => format!("{} {} is not installed", one.name, one.wanted),
                    })
                    .collect();
                let more = match (install.differs.len() + install.more).saturating_sub(NAMED) {
                    0 => String::new(),
                    more => format!("; {more} more"),
                };
                let observed = format!(
                    "{} has {}{more}; {} works there",
                    install.modules,
                    names.join(", "),
                    install.runs
                );
                answer.find(Finding::new(&install.lock, Place::of(&install.lock), observed));
            }
        },
    )
}
