//! Rules as they are written, by iptables or in files: only as much as rules about rules need. Where packets end, the
//! walker says.

use crate::facts::Fact;
use crate::facts::firewall::Firewall;

/// One rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Written<'t> {
    /// `ip filter`, `ip6 nat`.
    pub(super) family: &'static str,
    /// `filter`.
    pub(super) table: &'t str,
    pub(super) chain: &'t str,
    /// From 1, in its chain.
    pub(super) number: usize,
    /// What stands behind the chain's name.
    pub(super) text: &'t str,
}

impl<'t> Written<'t> {
    /// Reads `-A chain …`.
    pub(super) fn of_line(line: &'t str) -> Option<(&'t str, &'t str)> {
        let line = line.trim();
        // Counters may stand before it.
        let line = if line.starts_with('[') { line.split_once("] ")?.1 } else { line };
        let rest = line.strip_prefix("-A ").or_else(|| line.strip_prefix("--append "))?;
        Some(rest.split_once(' ').unwrap_or((rest, "")))
    }

    /// What follows one of these options.
    pub(super) fn option(&self, names: &[&str]) -> Option<&'t str> {
        option(self.text, names)
    }

    /// Where it jumps.
    pub(super) fn target(&self) -> Option<&'t str> {
        self.option(&["-j", "--jump", "-g", "--goto"])
    }

    /// It tests nothing.
    pub(super) fn is_unconditional(&self) -> bool {
        let mut words = self.text.split_whitespace();
        matches!(words.next(), Some("-j" | "--jump" | "-g" | "--goto"))
    }

    /// Where it was seen: `ip filter DOCKER-USER`.
    pub(super) fn source(&self) -> String {
        format!("{} {} {}", self.family, self.table, self.chain)
    }
}

/// What follows one of these options.
pub(super) fn option<'t>(text: &'t str, names: &[&str]) -> Option<&'t str> {
    let mut words = text.split_whitespace();
    words.by_ref().find(|word| names.contains(word))?;
    words.next()
}

/// All rules of iptables that the kernel holds.
pub(super) fn all(firewall: &Firewall) -> Vec<Written<'_>> {
    let dumps = [
        ("ip", &firewall.iptables),
        ("ip", &firewall.iptables_legacy),
        ("ip6", &firewall.ip6tables),
        ("ip6", &firewall.ip6tables_legacy),
    ];
    let known = dumps.into_iter().filter_map(|(family, dump)| Some((family, dump.known()?)));
    known.flat_map(|(family, text)| of_dump(family, text)).collect()
}

/// The rules of one dump.
pub(super) fn of_dump<'t>(family: &'static str, text: &'t str) -> Vec<Written<'t>> {
    let mut rules: Vec<Written<'t>> = Vec::new();
    let mut table = "";
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('*') {
            table = name.trim();
        } else if let Some((chain, text)) = Written::of_line(line) {
            let before = rules.iter().filter(|one| (one.table, one.chain) == (table, chain)).count();
            rules.push(Written { family, table, chain, number: before + 1, text });
        }
    }
    rules
}

/// Why some of iptables' tables were not seen.
pub(super) fn why_unseen(firewall: &Firewall) -> Option<&str> {
    let dumps =
        [&firewall.iptables, &firewall.iptables_legacy, &firewall.ip6tables, &firewall.ip6tables_legacy];
    dumps.into_iter().find_map(Fact::why_unknown)
}

/// Two spellings of one rule: what is written and what the kernel shows differ in order, in masks of single addresses and
/// in modules that are loaded by themselves.
pub(super) fn same(one: &str, other: &str) -> bool {
    words(one) == words(other)
}

fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut raw = text.split_whitespace().peekable();
    let mut negated = false;
    while let Some(word) = raw.next() {
        match word {
            // Words of the same meaning, or without one.
            "!" => {
                negated = true;
                continue;
            }
            "-m" | "--match" => {
                raw.next();
            }
            "--comment" | "--reject-with" | "--mask" => {
                raw.next();
            }
            _ if word.starts_with('-') => {
                let values: Vec<&str> =
                    std::iter::from_fn(|| raw.next_if(|next| !next.starts_with('-') && *next != "!"))
                        .collect();
                let mark = if negated { "!" } else { "" };
                words.push(format!("{mark}{} {}", plain(word), values.join(" ").replace("/32", "")));
            }
            _ => {}
        }
        negated = false;
    }
    words.sort();
    words
}

/// The short name of an option.
fn plain(option: &str) -> &str {
    match option {
        "--protocol" | "--proto" => "-p",
        "--source" | "--src" => "-s",
        "--destination" | "--dst" => "-d",
        "--in-interface" => "-i",
        "--out-interface" => "-o",
        "--jump" => "-j",
        "--goto" => "-g",
        "--destination-port" | "--destination-ports" | "--dports" => "--dport",
        "--source-port" | "--source-ports" | "--sports" => "--sport",
        "--state" => "--ctstate",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_rule_are_the_same() {
        for (file, kernel, is) in [
            ("-p tcp --dport 22 -j ACCEPT", "-p tcp -m tcp --dport 22 -j ACCEPT", true),
            ("-s 10.0.0.1 -i eth0 -j DROP", "-i eth0 -s 10.0.0.1/32 -j DROP", true),
            ("-m state --state NEW -j DROP", "-m conntrack --ctstate NEW -j DROP", true),
            ("! -i lo -j DROP", "-i lo -j DROP", false),
            ("-p tcp --dport 22 -j ACCEPT", "-p tcp -m tcp --dport 23 -j ACCEPT", false),
        ] {
            assert_eq!(same(file, kernel), is, "{file}");
        }
    }
}
