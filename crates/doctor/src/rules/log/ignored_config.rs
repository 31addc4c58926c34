//! LOG003: a configuration that logrotate does not take.

use std::collections::BTreeMap;

use super::{each_config, in_stanza, is_refused};
use crate::facts::Facts;
use crate::facts::logrotate::{Directive, Logrotate, Stanza};
use crate::mend::Mend;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file, moded};
use crate::rules::{Fix, Outlook, Rule, Severity};

const CONF: &str = "weekly\nrotate 4\ninclude /etc/logrotate.d\n";

pub(in crate::rules) const RULE: Rule = Rule {
    id: "LOG003",
    severity: Severity::High,
    outlook: Outlook::Failing,
    title: "logrotate does not take a configuration",
    silent: "It says so on its standard error and goes on with the rest; for a file that its group may write to it even exits 0. The log \
             grows as if nobody had written the file.",
    cure: "It takes mode 644 and owner root; users that exist; numbers without a comment behind them; each log in one stanza only. \
           `logrotate -d /etc/logrotate.conf` names them all.",
    fix: Fix::Safe,
    unless: "The file is switched off by its name (.disabled), or left over from an upgrade (.dpkg-old).",
    judge,
    bad: Fixture::files(
        "a file that the group may write to",
        &[
            file("/etc/logrotate.conf", CONF),
            moded("/etc/logrotate.d/shop", 0o664, "/opt/shop/*.log {\n  daily\n}\n"),
        ],
    ),
    good: [
        Fixture::files(
            "users that are there, and a file that is switched off",
            &[
                file("/etc/logrotate.conf", CONF),
                file("/etc/group", "root:x:0:\nadm:x:4:\n"),
                file(
                    "/etc/logrotate.d/shop",
                    "/opt/shop/*.log {\n  daily\n  create 0640 app adm\n  su root adm\n  rotate 7\n}\n",
                ),
                moded(
                    "/etc/logrotate.d/old.disabled",
                    0o664,
                    "/opt/shop/*.log {\n  create 0640 nobody9 adm\n}\n",
                ),
            ],
        ),
        Fixture::files(
            "two patterns that share no file",
            &[
                file("/etc/logrotate.conf", CONF),
                file(
                    "/etc/logrotate.d/shop",
                    "/opt/shop/logs/a*.log {\n  daily\n}\n/opt/shop/logs/b*.log {\n  create\n}\n",
                ),
                file("/opt/shop/logs/a.log", "x"),
                file("/opt/shop/logs/b.log", "x"),
            ],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    each_config(facts, |logrotate, answer| {
        for file in logrotate.files.iter().filter(|file| file.taboo.is_none() && is_refused(facts, file)) {
            let finding = |observed: String| Finding::new(&file.path, Place::of(&file.path), observed);
            if file.mode & 0o022 != 0 {
                let (from, to) = (file.mode, file.mode & !0o022);
                let mend = Mend::Mode { file: file.path.clone(), from, to };
                answer.find(
                    finding(format!("its mode is {from:04o}: logrotate ignores the whole file")).mended(mend),
                );
            } else {
                answer.find(finding(format!(
                    "it belongs to user {}, not to root: logrotate ignores the whole file",
                    file.uid
                )));
            }
        }
        for file in logrotate.files.iter().filter(|file| file.package.is_none()) {
            // What the operator meant to keep, and nothing took its place.
            if let Some(taboo) =
                file.taboo.as_deref().filter(|taboo| [".bak", ".cfsaved", ",v"].contains(taboo))
            {
                let plain = file.path.trim_end_matches(taboo);
                if !logrotate.files.iter().any(|other| other.path == plain) {
                    let observed =
                        format!("its name ends with {taboo}: logrotate ignores it, and there is no {plain}");
                    answer.find(Finding::new(&file.path, Place::of(&file.path), observed));
                }
            }
        }
        for stanza in logrotate.stanzas.iter().filter(|stanza| stanza.package.is_none()) {
            for option in &stanza.options {
                if let Some(why) = fault(facts, option) {
                    let text = format!("{} {}", option.name, option.value);
                    let observed =
                        format!("{why}: logrotate drops the stanza of {}", stanza.patterns.join(" "));
                    answer.find(in_stanza(stanza, option.line, text.trim(), observed));
                }
            }
        }
        twice(facts, logrotate, answer);
    })
}

/// What makes logrotate drop a stanza.
fn fault(facts: &Facts, option: &Directive) -> Option<String> {
    let words: Vec<&str> = option.value.split_whitespace().collect();
    let directories = facts.accounts.known().is_some_and(|accounts| !accounts.directories.is_empty());
    match option.name.as_str() {
        "rotate" | "start" | "maxage" | "minage" | "shredcycles" => {
            let is_number = option.value.parse::<i64>().is_ok();
            (!is_number).then(|| format!("{:?} is no number", option.value))
        }
        "create" | "su" | "createolddir" if !directories => {
            let mut names = words.iter().skip_while(|word| word.bytes().all(|b| b.is_ascii_digit()));
            let (user, group) = (names.next(), names.next());
            let no_user = user.filter(|user| matches!(facts.user(user), Some(None)));
            if let Some(user) = no_user {
                return Some(format!("there is no user {user}"));
            }
            let groups = &facts.accounts.known()?.groups;
            let no_group =
                group.filter(|group| !groups.is_empty() && !groups.iter().any(|(_, name)| name == *group));
            no_group.map(|group| format!("there is no group {group}"))
        }
        _ => None,
    }
}

/// A log that two stanzas want: the second one does not get it, and logrotate exits 1.
fn twice(facts: &Facts, logrotate: &Logrotate, answer: &mut Answer) {
    if let Some(why) = facts.logs.why_unknown() {
        answer.blind(why.to_owned());
    }
    let Some(logs) = facts.logs.known() else { return };
    let mut found: BTreeMap<(String, u32), (&Stanza, &Stanza, &str)> = BTreeMap::new();
    for file in &logs.files {
        let mut takers = super::taken(facts, logrotate).filter(|stanza| stanza.covers(&file.path));
        let (Some(first), Some(second)) = (takers.next(), takers.next()) else { continue };
        let ignores = first.option("ignoreduplicates").or(second.option("ignoreduplicates")).is_some();
        if !ignores && (first.package.is_none() || second.package.is_none()) {
            found.entry((second.file.clone(), second.line)).or_insert((first, second, &file.path));
        }
    }
    for (first, second, path) in found.into_values() {
        let observed = format!(
            "{path} is already in {}:{}: logrotate reports a duplicate and exits 1 each time",
            first.file, first.line
        );
        answer.find(in_stanza(second, second.line, &second.patterns.join(" "), observed));
    }
}
