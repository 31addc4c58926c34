//! What puts packet filters in place when the host starts.
//!
//! | module | holds |
//! |---|---|
//! | `scripts` | commands that insert rules, in scripts, units, crontabs and files of networks |
//! | `sysctl` | settings of the kernel about forwarding, in their order |

mod scripts;
mod sysctl;

use super::ground::Ground;
use super::{Collector, Put, WITHIN};
use crate::facts::Fact;
use crate::facts::filters::{Filters, Line};

pub(super) const COLLECTOR: Collector = Collector {
    name: "filters",
    within: WITHIN,
    read,
    blind: |facts, why| facts.filters = Fact::unknown(why),
};

/// Files that `iptables-restore` is given.
const RESTORED: [&str; 10] = [
    "/etc/ufw/before.rules",
    "/etc/ufw/user.rules",
    "/etc/ufw/after.rules",
    "/etc/ufw/before6.rules",
    "/etc/ufw/user6.rules",
    "/etc/ufw/after6.rules",
    "/etc/iptables/rules.v4",
    "/etc/iptables/rules.v6",
    "/etc/sysconfig/iptables",
    "/etc/sysconfig/ip6tables",
];
/// Most rules of one file.
const RULES: usize = 2_000;
/// Longest line that is kept, in letters.
const LETTERS: usize = 400;
/// Where units are listed that are started at boot.
const WANTS: [&str; 2] =
    ["/etc/systemd/system/sysinit.target.wants", "/etc/systemd/system/multi-user.target.wants"];
/// Programs that write all rules anew when they start.
const MANAGERS: [&str; 8] = [
    "/etc/firewalld/zones",
    "/etc/ferm",
    "/etc/shorewall",
    "/etc/firehol",
    "/etc/csf",
    "/etc/apf",
    "/etc/arno-iptables-firewall",
    "/etc/kubernetes",
];
const NFTABLES: &str = "/etc/nftables.conf";

fn read(ground: &Ground) -> Put {
    let mut filters = Filters::default();
    for file in RESTORED {
        let text = text(ground, &mut filters, file);
        let rules = (1..).zip(text.lines()).filter(|(_, line)| line.trim_start().starts_with("-A "));
        filters.restored.extend(rules.take(RULES).map(|(number, said)| line(file, number, said)));
    }
    let enabled = |unit: &str| {
        WANTS.map(|folder| format!("{folder}/{unit}")).into_iter().find(|path| stands(ground, path))
    };
    filters.nftables = enabled("nftables.service").is_some();
    let rules = text(ground, &mut filters, NFTABLES);
    let flushes = |said: &&str| said.trim_start().starts_with("flush ruleset");
    let flush = (1..).zip(rules.lines()).find(|(_, said)| flushes(said));
    filters.flush = flush.map(|(number, said)| line(NFTABLES, number, said));
    filters.manager = MANAGERS.into_iter().find(|folder| ground.exists(folder)).map(str::to_owned);
    let settings = || Some("/etc/docker/daemon.json".to_owned()).filter(|path| ground.exists(path));
    filters.docker = enabled("docker.service").or_else(settings);
    scripts::read(ground, &mut filters);
    sysctl::read(ground, &mut filters);
    Box::new(|facts| facts.filters = Fact::Known(filters))
}

/// Something stands there, be it a link that leads out of a copied tree.
fn stands(ground: &Ground, path: &str) -> bool {
    ground.link(path).is_some() || ground.exists(path)
}

/// A file's text; empty where there is none. What cannot be read is kept.
fn text(ground: &Ground, filters: &mut Filters, file: &str) -> String {
    match ground.read(file) {
        Ok(text) => text.map(|text| text.lossy()).unwrap_or_default(),
        // A unit that is masked leads to /dev/null.
        Err(_) if ground.link(file).is_some_and(|to| to == "/dev/null") => String::new(),
        Err(why) => {
            filters.unseen.push((file.to_owned(), why));
            String::new()
        }
    }
}

fn line(file: &str, number: u32, text: &str) -> Line {
    Line { file: file.to_owned(), line: number, text: text.trim().chars().take(LETTERS).collect() }
}
