//! NGX002: nginx works by what it read before its files were changed.

use muster_core::time::Timestamp;

use super::{LAG, masters, nginx, ran};
use crate::facts::Facts;
use crate::facts::nginx::Master;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "NGX002",
    severity: Severity::High,
    outlook: Outlook::Failing,
    title: "nginx has not read its files since they were changed",
    silent: "It reads them when it starts and when it is told to reload. A reload that it refuses is a line in its error log and \
             nothing else: the command ends well, and the old configuration goes on. A fault in the new one waits for the next reboot.",
    cure: "Run `nginx -t && nginx -s reload`, and look that its workers are new: `ps -o lstart,cmd -C nginx`.",
    fix: Fix::Disruptive,
    unless: "It does not run, runs in a container, or is in the two seconds of a reload. Files that are put back with an old date are not seen.",
    judge,
    bad: Fixture::with("a site that was changed an hour ago", CONF, |facts| {
        ran(facts, 86_400, |at| master(at, 3_600));
    }),
    good: [
        Fixture::with("reloaded in the second of the change", CONF, |facts| {
            ran(facts, 3_600, |at| master(at, 3_599));
        }),
        Fixture::with("reloaded after the change", CONF, |facts| {
            ran(facts, 60, |at| master(at, 3_600));
        }),
    ],
};

const CONF: &[crate::rules::fixture::Planted] =
    &[file("/etc/nginx/nginx.conf", "http {\n  include conf.d/*.conf;\n}\n")];

/// A first process with a file that was written so many seconds ago.
fn master(at: Timestamp, ago: i64) -> Master {
    let of = |path: &str, ago: i64| (path.to_owned(), at.shifted(-ago * 1000));
    Master {
        pid: 100,
        conf: "/etc/nginx/nginx.conf".to_owned(),
        read_at: at,
        files: vec![of("/etc/nginx/nginx.conf", 1 << 24), of("/etc/nginx/conf.d/shop.conf", ago)],
        shown: Vec::new(),
    }
}

fn judge(facts: &Facts) -> Answer {
    nginx(facts, |nginx, answer| {
        for master in masters(nginx, answer) {
            let young = |file: &&(String, Timestamp)| file.1 > master.read_at.shifted(LAG);
            let Some((newest, at)) = master.files.iter().filter(young).max_by_key(|(_, at)| *at) else {
                continue;
            };
            let more = match master.files.iter().filter(young).count() {
                1 => String::new(),
                count => format!("; {} other files as well", count - 1),
            };
            let observed = format!(
                "{newest} was written {} after nginx (process {}) last read its files{more}",
                at.since(master.read_at),
                master.pid
            );
            answer.find(Finding::new(&master.conf, Place::of(newest), observed));
        }
    })
}
