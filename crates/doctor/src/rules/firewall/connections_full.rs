//! FW019: the kernel's table of connections is nearly full.

use super::{filter, with_filter};
use crate::facts::{Fact, Facts};
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "FW019",
    severity: Severity::Medium,
    outlook: Outlook::Waiting,
    title: "the table of connections is nearly full",
    silent: "When it is full, new connections are dropped at random, old ones go on: some users wait, others see nothing. The kernel \
             says `nf_conntrack: table full` to its own log.",
    cure: "Set `net.netfilter.nf_conntrack_max` higher in /etc/sysctl.d (each connection takes some 300 bytes) and load it with \
           `sysctl --system`; look for who opens that many (`conntrack -L`).",
    fix: Fix::Told,
    unless: "Less than 80 % is taken, or the kernel follows no connections.",
    judge,
    bad: Fixture::facts("90 % taken", |facts| taken(facts, "58982")),
    good: [
        Fixture::facts("a third taken", |facts| taken(facts, "21845")),
        Fixture::facts("just below 80 %", |facts| taken(facts, "52428")),
    ],
};

const COUNT: &str = "net.netfilter.nf_conntrack_count";
const MAX: &str = "net.netfilter.nf_conntrack_max";
/// Percent that are too many.
const FULL: u64 = 80;

fn taken(facts: &mut Facts, count: &str) {
    with_filter(facts, true, &filter("-A DOCKER-USER -j RETURN\n", "ACCEPT"));
    if let Fact::Known(firewall) = &mut facts.firewall
        && let Fact::Known(settings) = &mut firewall.settings
    {
        settings.insert(COUNT.to_owned(), count.to_owned());
        settings.insert(MAX.to_owned(), "65536".to_owned());
    }
}

fn judge(facts: &Facts) -> Answer {
    Answer::of(&facts.firewall, |firewall, answer| {
        let settings = match &firewall.settings {
            Fact::Known(settings) => settings,
            Fact::Unknown { why } => return answer.blind(why.clone()),
            Fact::Nothing { why } => {
                answer.nothing = Some(why.clone());
                return;
            }
        };
        let number = |name: &str| settings.get(name)?.parse::<u64>().ok();
        let (Some(count), Some(max)) = (number(COUNT), number(MAX)) else {
            answer.nothing = Some("the kernel follows no connections".to_owned());
            return;
        };
        let percent = count.saturating_mul(100).checked_div(max).unwrap_or(0);
        if percent >= FULL {
            let place = Place { text: format!("{count} of {max}"), ..Place::of(format!("sysctl {COUNT}")) };
            let observed = format!("{count} of {max} connections are taken, {percent} %");
            answer.find(Finding::new("nf_conntrack", place, observed));
        }
    })
}
