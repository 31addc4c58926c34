//! LOG004: logrotate that does not come to its work.

use super::{each_config, in_stanza, taken};
use crate::facts::logrotate::State;
use crate::facts::{Fact, Facts};
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file, moded};
use crate::rules::{Fix, Outlook, Rule, Severity};

const CONF: &str = "weekly\nrotate 4\ninclude /etc/logrotate.d\n";
const SHOP: &str = "/opt/shop/logs/*.log {\n  daily\n}\n";

pub(in crate::rules) const RULE: Rule = Rule {
    id: "LOG004",
    severity: Severity::High,
    outlook: Outlook::Failing,
    title: "logrotate does not rotate",
    silent: "It skips logs in a folder that others may write to, and exits 1 to a timer whose result nobody reads; or it is not started \
             at all.",
    cure: "Add `su USER GROUP` of the folder's owner to the stanza; see `systemctl status logrotate.timer logrotate` and run \
           `logrotate -v /etc/logrotate.conf` once.",
    fix: Fix::Disruptive,
    unless: "A su line stands in the stanza or above it, or only root's own group may write to the folder.",
    judge,
    bad: Fixture::files(
        "a folder that everybody may write to",
        &[
            file("/etc/logrotate.conf", CONF),
            file("/etc/logrotate.d/shop", SHOP),
            moded("/opt/shop/logs/", 0o777, ""),
        ],
    ),
    good: [
        Fixture::files(
            "the same with su",
            &[
                file("/etc/logrotate.conf", "su root adm\nweekly\ninclude /etc/logrotate.d\n"),
                file("/etc/logrotate.d/shop", SHOP),
                moded("/opt/shop/logs/", 0o777, ""),
            ],
        ),
        Fixture::with(
            "it ran this morning",
            &[file("/etc/logrotate.conf", CONF), file("/etc/logrotate.d/shop", SHOP)],
            |facts| {
                facts.vantage.live = true;
                let written = facts.at.shifted(-6 * 3_600_000);
                if let Fact::Known(logrotate) = &mut facts.logrotate {
                    logrotate.state = Fact::Known(State { written, known: 3 });
                    // Its owner is whoever runs the test.
                    logrotate.files.iter_mut().for_each(|file| file.uid = 0);
                }
            },
        ),
    ],
};

/// Days after which something that runs daily has stopped.
const STALE: u64 = 3;

fn judge(facts: &Facts) -> Answer {
    each_config(facts, |logrotate, answer| {
        for stanza in taken(facts, logrotate).filter(|stanza| stanza.option("su").is_none()) {
            let mut folders: Vec<&str> =
                stanza.patterns.iter().filter_map(|pattern| Some(pattern.rsplit_once('/')?.0)).collect();
            folders.dedup();
            for folder in folders {
                let Fact::Known(entry) = facts.entry(folder) else { continue };
                let by_group = entry.mode & 0o020 != 0 && entry.gid != 0;
                if by_group || entry.mode & 0o002 != 0 {
                    let who = if entry.mode & 0o002 != 0 { "everybody" } else { "its group" };
                    let observed = format!(
                        "{who} may write to {folder} (mode {:04o}) and there is no su line: logrotate skips its logs",
                        entry.mode
                    );
                    answer.find(in_stanza(stanza, stanza.line, &stanza.patterns.join(" "), observed));
                }
            }
        }
        if !facts.vantage.live || logrotate.stanzas.is_empty() {
            return;
        }
        match &logrotate.state {
            Fact::Unknown { why } => answer.blind(why.clone()),
            Fact::Known(state) => {
                let days = facts.at.since(state.written).as_millis() / 86_400_000;
                if days >= STALE {
                    let place = Place::of("/var/lib/logrotate/status");
                    answer.find(Finding::new(
                        "logrotate",
                        place,
                        format!("it last wrote down what it did {days} days ago"),
                    ));
                }
            }
            Fact::Nothing { .. } => {
                let oldest = facts
                    .logs
                    .known()
                    .and_then(|logs| logs.files.iter().filter_map(|file| file.created).min());
                let days = oldest.map_or(0, |oldest| facts.at.since(oldest).as_millis() / 86_400_000);
                if days >= STALE {
                    let place = Place::of("/var/lib/logrotate/status");
                    let observed = format!("it has never run, and there are logs that are {days} days old");
                    answer.find(Finding::new("logrotate", place, observed));
                }
            }
        }
    })
}
