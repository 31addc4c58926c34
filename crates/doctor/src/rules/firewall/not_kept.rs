//! FW008: rules that are gone after the next start.

use std::collections::BTreeMap;

use super::written::{self, Written};
use super::{DOCKER, host};
use crate::facts::filters::{Filters, Insertion};
use crate::facts::firewall::Firewall;
use crate::facts::{Fact, Facts};
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "FW008",
    severity: Severity::High,
    outlook: Outlook::Waiting,
    title: "a firewall rule is in no file, or in a race",
    silent: "It works now. After a restart it is missing, or stands where another program put its own before or after it; a script \
             that sleeps before it inserts rules is right on the day it was tried.",
    cure: "Write it where it is restored: `ufw allow` and `ufw route allow`, /etc/ufw/after.rules for DOCKER-USER, or \
           `netfilter-persistent save` where nothing but it keeps rules. Take the script with the pause away.",
    fix: Fix::Told,
    unless: "A file of ufw, of iptables-persistent or a script that runs at boot has the rule, or another program manages all of \
             them. Rules about bridges, with a comment, or in chains of programs are taken to be theirs; native tables of \
             nftables are not compared.",
    judge,
    bad: Fixture::files(
        "a script that waits for Docker and lets containers out",
        &[file("/etc/rc.local", "#!/bin/sh\nsleep 10\niptables -I FORWARD -i docker0 -j ACCEPT\nexit 0\n")],
    ),
    good: [
        Fixture::with(
            "a rule by hand that rules.v4 restores",
            &[file(
                "/etc/iptables/rules.v4",
                "*filter\n-A INPUT -s 198.51.100.9 -p tcp --dport 5432 -j ACCEPT\nCOMMIT\n",
            )],
            by_hand,
        ),
        Fixture::files(
            "a script that inserts at once when the interface is up",
            &[file("/etc/rc.local", "#!/bin/sh\niptables -I INPUT -p tcp --dport 5432 -j DROP\nexit 0\n")],
        ),
    ],
};

fn by_hand(facts: &mut Facts) {
    let own = "*filter\n:INPUT DROP\n:FORWARD DROP\n:OUTPUT ACCEPT\n-A INPUT -j ufw-before-input\n\
               -A INPUT -s 198.51.100.9/32 -p tcp -m tcp --dport 5432 -j ACCEPT\n\
               -A FORWARD -i docker0 ! -o docker0 -j ACCEPT\n-A DOCKER-USER -j RETURN\nCOMMIT\n";
    host(facts, true, &format!("{DOCKER}{own}"));
}

/// Chains into which people write, for each table.
const CHAINS: [(&str, &str); 5] = [
    ("filter", "INPUT"),
    ("filter", "OUTPUT"),
    ("filter", "FORWARD"),
    ("filter", "DOCKER-USER"),
    ("nat", "PREROUTING"),
];
const TARGETS: [&str; 5] = ["ACCEPT", "DROP", "REJECT", "DNAT", "REDIRECT"];

fn judge(facts: &Facts) -> Answer {
    Answer::of(&facts.filters, |files, answer| {
        for (place, why) in &files.unseen {
            answer.blind(format!("{place}: {why}"));
        }
        for script in files.scripts.iter().filter(|script| inserts(&script.at.text)) {
            let Some(pause) = &script.after else { continue };
            let place = Place::line(&script.at.file, script.at.line, &script.at.text);
            let observed = format!("`{pause}` stands before it: what starts later or is reloaded undoes it");
            answer.find(Finding::new(format!("{} {}", script.at.file, script.at.text), place, observed));
        }
        match &facts.firewall {
            Fact::Known(firewall) => unkept(files, firewall, answer),
            Fact::Unknown { why } => answer.blind(why.clone()),
            // A tree of files holds no rules of a kernel.
            Fact::Nothing { .. } => {}
        }
    })
}

/// The script puts a rule in.
fn inserts(text: &str) -> bool {
    let mut words = text.split_whitespace();
    words.any(|word| matches!(word, "-I" | "-A" | "--insert" | "--append" | "insert" | "add"))
}

/// Rules in the kernel that no file has.
fn unkept(files: &Filters, firewall: &Firewall, answer: &mut Answer) {
    if let Some(why) = written::why_unseen(firewall) {
        answer.blind(why);
    }
    // Whoever restores a whole file, or manages all rules, restores these too.
    if files.manager.is_some() || files.scripts.iter().any(|script| script.at.text.contains("-restore")) {
        return;
    }
    let bridges = firewall.interfaces.known().map(Vec::as_slice).unwrap_or_default();
    let of_bridge = |rule: &Written<'_>| {
        let named = [["-i", "--in-interface"], ["-o", "--out-interface"]].map(|names| rule.option(&names));
        named.into_iter().flatten().any(|name| {
            bridges.iter().any(|one| one.bridge && one.name == name)
                || ["virbr", "lxc", "lxd", "docker", "br-", "cni", "podman", "veth", "wg", "tun", "tailscale"]
                    .iter()
                    .any(|start| name.starts_with(start))
        })
    };
    let mut chains: BTreeMap<String, Vec<Written<'_>>> = BTreeMap::new();
    for rule in written::all(firewall) {
        let by_people = CHAINS.contains(&(rule.table, rule.chain))
            && rule.target().is_some_and(|target| TARGETS.contains(&target))
            && !rule.text.contains("--comment")
            && !rule.text.contains("169.254.")
            && !of_bridge(&rule);
        if by_people && !is_restored(files, &rule) {
            chains.entry(rule.source()).or_default().push(rule);
        }
    }
    for (source, rules) in chains {
        let Some(first) = rules.first() else { continue };
        let place =
            Place { text: format!("rule {}: {}", first.number, first.text), ..Place::of(source.clone()) };
        let observed = match rules.len() {
            1 => "no file and no script that is read at boot has this rule".to_owned(),
            many => format!(
                "no file and no script that is read at boot has {many} of its rules; this is the first"
            ),
        };
        answer.find(Finding::new(source, place, observed));
    }
}

fn is_restored(files: &Filters, rule: &Written<'_>) -> bool {
    let six = rule.family == "ip6";
    let in_file = files.restored.iter().any(|line| {
        (line.file.contains("6.rules") || line.file.ends_with(".v6") || line.file.ends_with("ip6tables"))
            == six
            && Written::of_line(&line.text)
                .is_some_and(|(chain, text)| chain == rule.chain && written::same(text, rule.text))
    });
    in_file || files.scripts.iter().any(|script| makes(script, rule))
}

/// The command could have made the rule.
fn makes(script: &Insertion, rule: &Written<'_>) -> bool {
    let text = &script.at.text;
    let chain = written::option(text, &["-I", "-A", "--insert", "--append"]);
    match chain {
        Some(chain) if chain == rule.chain || chain.contains('$') => {}
        // A loop or a function may fill in anything.
        _ => return text.contains('$'),
    }
    let Some((_, behind)) = text.split_once(&format!(" {} ", chain.unwrap_or_default())) else {
        return false;
    };
    let behind = behind.trim_start_matches(|letter: char| letter.is_ascii_digit()).trim();
    text.contains('$') || written::same(behind, rule.text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::tests::facts_of;

    #[test]
    fn a_rule_by_hand_is_found_where_no_file_has_it() {
        let answer = judge(&facts_of(&Fixture::facts("", by_hand)));
        assert_eq!(answer.findings.len(), 1, "{answer:?}");
        assert!(answer.findings[0].place.text.contains("--dport 5432"), "{answer:?}");
        let script = "[Service]\nExecStart=/usr/sbin/iptables -A INPUT -p tcp -s 198.51.100.9 --dport 5432 -j ACCEPT\n";
        let unit: &'static [crate::rules::fixture::Planted] =
            Box::leak(Box::new([file("/etc/systemd/system/fw.service", script)]));
        let answer = judge(&facts_of(&Fixture::with("", unit, by_hand)));
        assert!(answer.findings.is_empty(), "{answer:?}");
    }
}
