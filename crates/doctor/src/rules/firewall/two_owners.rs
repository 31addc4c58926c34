//! FW017: two programs that take each other's rules away.

use crate::facts::{Fact, Facts};
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, Planted, file, link};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "FW017",
    severity: Severity::High,
    outlook: Outlook::Waiting,
    title: "two programs own the packet filters",
    silent: "It works until one of them is restarted: `flush ruleset` takes away the rules of ufw and Docker with its own, and \
             nothing puts them back; ports that were closed are open. Tables of the old and the new interface are both in force, \
             and each tool shows one of them only.",
    cure: "Let one of them own the rules: disable nftables.service, or write `table inet filter; delete table inet filter` in place \
           of `flush ruleset`. Empty the tables of the old interface with iptables-legacy, and use one interface for all \
           (`update-alternatives --config iptables`).",
    fix: Fix::Told,
    unless: "The service of nftables is not started at boot, its file flushes nothing, or neither Docker nor ufw is there.",
    judge,
    bad: Fixture::files("nftables.service beside Docker", FLUSHING),
    good: [
        Fixture::files(
            "Debian's own file, and the service is not started",
            &[
                file("/etc/nftables.conf", FLUSH),
                link(
                    "/etc/systemd/system/multi-user.target.wants/docker.service",
                    "/lib/systemd/system/docker.service",
                ),
            ],
        ),
        Fixture::files(
            "a file that takes away its own table only",
            &[
                file("/etc/nftables.conf", "table inet mine\ndelete table inet mine\ntable inet mine { }\n"),
                link(
                    "/etc/systemd/system/sysinit.target.wants/nftables.service",
                    "/lib/systemd/system/nftables.service",
                ),
                link(
                    "/etc/systemd/system/multi-user.target.wants/docker.service",
                    "/lib/systemd/system/docker.service",
                ),
            ],
        ),
    ],
};

const FLUSH: &str = "#!/usr/sbin/nft -f\n\nflush ruleset\n\ntable inet filter { }\n";
const FLUSHING: &[Planted] = &[
    file("/etc/nftables.conf", FLUSH),
    link("/etc/systemd/system/sysinit.target.wants/nftables.service", "/lib/systemd/system/nftables.service"),
    link("/etc/systemd/system/multi-user.target.wants/docker.service", "/lib/systemd/system/docker.service"),
];

fn judge(facts: &Facts) -> Answer {
    Answer::of(&facts.filters, |files, answer| {
        for (place, why) in files.unseen.iter().filter(|(place, _)| place.contains("nftables")) {
            answer.blind(format!("{place}: {why}"));
        }
        let ufw = facts.ufw.known().is_some_and(|ufw| ufw.enabled).then_some("ufw");
        let docker = files.docker.as_ref().map(|_| "Docker");
        if let (true, Some(flush), Some(other)) = (files.nftables, &files.flush, ufw.or(docker)) {
            let place = Place::line(&flush.file, flush.line, &flush.text);
            let observed = format!(
                "nftables.service is started at boot and flushes all rules, those of {other} too: `systemctl restart nftables` \
                 takes them away"
            );
            answer.find(Finding::new("nftables.service", place, observed));
        }
        match &facts.firewall {
            Fact::Known(firewall) => {
                for (name, new, old) in [
                    ("iptables-legacy-save", &firewall.iptables, &firewall.iptables_legacy),
                    ("ip6tables-legacy-save", &firewall.ip6tables, &firewall.ip6tables_legacy),
                ] {
                    if let Some(why) = new.why_unknown().or(old.why_unknown()) {
                        answer.blind(why);
                    }
                    let (Some(new), Some(old)) = (rules(new), rules(old)) else { continue };
                    let place = Place { text: old.1.to_owned(), ..Place::of(name) };
                    let observed = format!(
                        "the old interface holds {} rules and the new one {}: both are in force",
                        old.0, new.0
                    );
                    answer.find(Finding::new(name, place, observed));
                }
            }
            Fact::Unknown { why } => answer.blind(why.clone()),
            Fact::Nothing { .. } => {}
        }
    })
}

/// How many rules a dump holds, and the first of them; none where it has none.
fn rules(dump: &Fact<String>) -> Option<(usize, &str)> {
    let mut rules = dump.known()?.lines().filter(|line| line.starts_with("-A "));
    let first = rules.next()?;
    Some((1 + rules.count(), first))
}

#[cfg(test)]
mod tests {
    use super::super::{filter, with_filter};
    use super::*;
    use crate::rules::tests::facts_of;

    #[test]
    fn rules_on_both_interfaces_are_found_and_empty_tables_are_not() {
        let found = |old: &'static str| {
            let mut facts = facts_of(&Fixture::facts("", |facts| {
                with_filter(facts, true, &filter("-A DOCKER-USER -j RETURN\n", "ACCEPT"));
            }));
            if let Fact::Known(firewall) = &mut facts.firewall {
                firewall.iptables_legacy = Fact::Known(old.to_owned());
            }
            judge(&facts).findings.len()
        };
        assert_eq!(found("*filter\n:INPUT DROP\n-A INPUT -i lo -j ACCEPT\nCOMMIT\n"), 1);
        assert_eq!(found("*filter\n:INPUT ACCEPT\nCOMMIT\n"), 0);
    }
}
