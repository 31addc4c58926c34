//! The rules in force, as text that stays the same while nobody changes them. What programs change by themselves is left
//! out: counts, the rules of each container and of its network, bans, the members of sets.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use muster_host::discover::ask::ask;

/// The longest that all programs together may take.
const WITHIN: Duration = Duration::from_secs(10);

/// The names of iptables' tables.
const IPTABLES: [&str; 5] = ["filter", "mangle", "nat", "raw", "security"];

/// How chains begin that a program keeps for itself.
const KEPT_CHAINS: [&str; 8] =
    ["DOCKER", "f2b-", "KUBE-", "CNI-", "NETAVARK", "cali-", "CROWDSEC", "sshguard"];

/// The tables of nftables that a program keeps for itself.
const KEPT_TABLES: [&str; 8] = [
    "docker-bridges",
    "f2b-table",
    "netavark",
    "crowdsec",
    "crowdsec6",
    "kube-proxy",
    "sshguard",
    "libvirt_network",
];

/// The rules of this host, each list with its name.
///
/// # Errors
/// Why they cannot be seen.
pub fn rules() -> Result<Vec<(&'static str, String)>, String> {
    let until = Instant::now() + WITHIN;
    let told = |program: &'static str, arguments: &[&str]| match ask(
        program,
        arguments,
        until.saturating_duration_since(Instant::now()),
    ) {
        Err(why) if why.ends_with("is not installed") => Ok(None),
        Err(why) => Err(format!("the rules in force: {why}; root sees them")),
        Ok(text) => Ok(Some(text)),
    };
    let (v4, v6) = (told("iptables-save", &[])?, told("ip6tables-save", &[])?);
    let nft = told("nft", &["-s", "list", "ruleset"])?;
    if v4.is_none() && nft.is_none() {
        return Err("the rules in force: neither iptables-save nor nft is installed to ask".to_owned());
    }
    let mut lists = Vec::new();
    // Where the usual program shows the new interface, the kernel may hold rules of the old one as well. It is asked only
    // then: asking loads the module.
    for (proc, program, name) in [
        ("ip_tables_names", "iptables-legacy-save", "iptables-legacy-save"),
        ("ip6_tables_names", "ip6tables-legacy-save", "ip6tables-legacy-save"),
    ] {
        let tables = match std::fs::read_to_string(format!("/proc/thread-self/net/{proc}")) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            other => other.map_err(|error| format!("the rules in force: {proc}: {error}; root sees them"))?,
        };
        if !tables.trim().is_empty()
            && let Some(text) = told(program, &[])?
        {
            lists.push((name, iptables(&text)));
        }
    }
    let covered = |list: &Option<String>| -> Vec<String> {
        let names = list.iter().flat_map(|text| text.lines()).filter_map(|line| line.strip_prefix('*'));
        names.map(str::to_owned).collect()
    };
    if let Some(text) = nft {
        lists.push(("nft list ruleset", nftables(&text, &covered(&v4), &covered(&v6))));
    }
    lists.extend(v4.map(|text| ("iptables-save", iptables(&text))));
    lists.extend(v6.map(|text| ("ip6tables-save", iptables(&text))));
    Ok(lists)
}

/// What `iptables-save` prints, without what changes by itself.
pub fn iptables(text: &str) -> String {
    let mut kept = String::new();
    let mut table = 0;
    for line in text.lines() {
        let line = line.trim_end();
        if line.starts_with('#') {
            continue;
        }
        if line.starts_with('*') {
            table = kept.len();
        }
        // A table that lets everything pass does as much as none: which of them exist depends on who asked first.
        let passes = |line: &str| line.starts_with(':') && line.ends_with(" ACCEPT");
        if line == "COMMIT" && kept[table..].lines().skip(1).all(passes) {
            kept.truncate(table);
            continue;
        }
        if let Some(chain) = line.strip_prefix(':') {
            let name = chain.split(' ').next().unwrap_or_default();
            if !is_kept(name) {
                kept.push_str(line.split(" [").next().unwrap_or(line));
                kept.push('\n');
            }
            continue;
        }
        // `[12:3456] -A INPUT …`, as `-c` prints it.
        let rule = match line.strip_prefix('[') {
            Some(rest) => rest.split_once("] ").map_or(line, |(_, rule)| rule),
            None => line,
        };
        if !changes_by_itself(rule) {
            kept.push_str(rule);
            kept.push('\n');
        }
    }
    kept
}

/// A chain that a program keeps for itself. `DOCKER-USER` is the operator's.
fn is_kept(chain: &str) -> bool {
    chain != "DOCKER-USER" && KEPT_CHAINS.iter().any(|start| chain.starts_with(start))
}

fn changes_by_itself(rule: &str) -> bool {
    let words: Vec<&str> = rule.split(' ').collect();
    let ["-A", chain, ..] = words.as_slice() else { return false };
    if is_kept(chain) {
        return true;
    }
    let after = |options: &[&str]| -> Vec<&str> {
        words.windows(2).filter(|pair| options.contains(&pair[0])).map(|pair| pair[1]).collect()
    };
    if after(&["-j", "-g"]).iter().any(|target| is_kept(target)) {
        return true;
    }
    // Docker's own rules in the chains of the kernel: one for each network and each published port.
    let is_builtin = matches!(*chain, "FORWARD" | "PREROUTING" | "POSTROUTING" | "OUTPUT");
    let of_container = after(&["-i", "-o"]).iter().any(|interface| is_bridge(interface));
    let (from, to) = (after(&["-s"]), after(&["-d"]));
    let to_itself = from == to && !from.is_empty() && after(&["-j"]).contains(&"MASQUERADE");
    is_builtin && (of_container || to_itself)
}

/// An interface that comes and goes with containers.
fn is_bridge(name: &str) -> bool {
    let is_hex = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    name.starts_with("docker")
        || name.starts_with("veth")
        || name.starts_with("cni")
        || name.starts_with("podman")
        || name.strip_prefix("br-").is_some_and(is_hex)
}

/// What `nft -s list ruleset` prints, without the tables that iptables shows, those that programs keep for themselves, and
/// the members of sets that fill by themselves.
pub fn nftables(text: &str, v4: &[String], v6: &[String]) -> String {
    let mut kept = String::new();
    let mut table: Vec<&str> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        table.push(line);
        if line != "}" {
            continue;
        }
        let header: Vec<&str> = table.first().map_or("", |line| line).split_whitespace().collect();
        let leaves_out = match header.as_slice() {
            ["table", family @ ("ip" | "ip6"), name, ..] if IPTABLES.contains(name) => {
                let shown = if *family == "ip" { v4 } else { v6 };
                shown.iter().any(|one| one == name)
            }
            ["table", _, name, ..] => KEPT_TABLES.contains(name),
            _ => false,
        };
        if !leaves_out {
            put_table(&mut kept, &table);
        }
        table.clear();
    }
    for line in table {
        kept.push_str(line);
        kept.push('\n');
    }
    kept
}

/// The lines of a table; a set whose members come and go keeps its frame.
fn put_table(kept: &mut String, lines: &[&str]) {
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        at += 1;
        let is_set = line.starts_with("\tset ") || line.starts_with("\tmap ");
        if !is_set {
            kept.push_str(line);
            kept.push('\n');
            continue;
        }
        let body = &lines[at..];
        let size = body.iter().position(|line| *line == "\t}").map_or(body.len(), |end| end + 1);
        let body = &body[..size];
        let fills = body.iter().any(|line| {
            let line = line.trim();
            line.starts_with("flags ") && (line.contains("dynamic") || line.contains("timeout"))
                || line.starts_with("timeout ")
        });
        kept.push_str(line);
        kept.push('\n');
        let mut in_members = false;
        for line in body {
            in_members |= fills && line.trim_start().starts_with("elements = ");
            if !in_members {
                kept.push_str(line);
                kept.push('\n');
            }
            if line.trim_end().ends_with('}') {
                in_members = false;
            }
        }
        at += size;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "# Generated by iptables-save v1.8.9 (nf_tables) on Sat Nov 21 07:42:00 2026\n*nat\n:PREROUTING ACCEPT \
        [12:345]\n:POSTROUTING ACCEPT [1:2]\n:DOCKER - [0:0]\n-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\n-A \
        POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE\n-A POSTROUTING -s 172.17.0.2/32 -d 172.17.0.2/32 -p tcp -m \
        tcp --dport 80 -j MASQUERADE\n-A POSTROUTING -s 10.8.0.0/24 -o eth0 -j MASQUERADE\n-A DOCKER ! -i docker0 -p tcp -m \
        tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80\nCOMMIT\n*filter\n:INPUT DROP [3:4]\n:FORWARD DROP [0:0]\n\
        :DOCKER-USER - [0:0]\n:f2b-sshd - [0:0]\n:ufw-user-input - [0:0]\n-A INPUT -p tcp -m multiport --dports 22 -j \
        f2b-sshd\n-A INPUT -i docker0 -j ACCEPT\n-A FORWARD -j DOCKER-USER\n-A FORWARD -o br-0123456789ab -j DOCKER\n-A \
        DOCKER-USER -i eth0 -p tcp --dport 8080 -j DROP\n-A f2b-sshd -s 192.0.2.7/32 -j REJECT\n-A ufw-user-input -p tcp \
        --dport 443 -j ACCEPT\nCOMMIT\n";

    #[test]
    fn what_containers_and_bans_change_is_left_out_and_the_rest_stays() {
        let shown = iptables(BEFORE);
        assert_eq!(
            shown,
            "*nat\n:PREROUTING ACCEPT\n:POSTROUTING ACCEPT\n-A POSTROUTING -s 10.8.0.0/24 -o eth0 -j MASQUERADE\nCOMMIT\n\
             *filter\n:INPUT DROP\n:FORWARD DROP\n:DOCKER-USER -\n:ufw-user-input -\n-A INPUT -i docker0 -j ACCEPT\n-A FORWARD \
             -j DOCKER-USER\n-A DOCKER-USER -i eth0 -p tcp --dport 8080 -j DROP\n-A ufw-user-input -p tcp --dport 443 -j \
             ACCEPT\nCOMMIT\n"
        );
        let restarted = BEFORE
            .replace("172.17.0.2", "172.17.0.5")
            .replace("0123456789ab", "ffff456789ab")
            .replace("192.0.2.7", "198.51.100.9")
            .replace("[3:4]", "[3000:4]");
        assert_eq!(iptables(&restarted), shown);
        for (from, to) in
            [("INPUT DROP", "INPUT ACCEPT"), ("--dport 443", "--dport 444"), ("eth0 -p", "eth1 -p")]
        {
            assert_ne!(iptables(&BEFORE.replacen(from, to, 1)), shown, "{to}");
        }
        assert_eq!(iptables("[5:6] -A INPUT -j DROP\n"), "-A INPUT -j DROP\n");
        assert_eq!(iptables("*raw\n:PREROUTING ACCEPT [1:2]\n:DOCKER - [0:0]\nCOMMIT\n"), "");
    }

    #[test]
    fn tables_that_iptables_shows_and_members_that_come_and_go_are_left_out() {
        let text = "# Warning: table ip filter is managed by iptables-nft, do not touch!\ntable ip filter {\n\tchain INPUT {\n\
            \t}\n}\ntable inet f2b-table {\n\tset x {\n\t}\n}\ntable inet fw {\n\tset bans {\n\t\ttype ipv4_addr\n\t\tflags \
            dynamic,timeout\n\t\telements = { 192.0.2.7,\n\t\t\t     192.0.2.8 }\n\t}\n\n\tset offices {\n\t\ttype ipv4_addr\n\
            \t\telements = { 192.0.2.9 }\n\t}\n\n\tchain in {\n\t\ttcp dport { 22, 443 } accept\n\t}\n}\n";
        let kept = nftables(text, &["filter".to_owned()], &[]);
        assert_eq!(
            kept,
            "table inet fw {\n\tset bans {\n\t\ttype ipv4_addr\n\t\tflags dynamic,timeout\n\t}\n\n\tset offices {\n\t\ttype \
             ipv4_addr\n\t\telements = { 192.0.2.9 }\n\t}\n\n\tchain in {\n\t\ttcp dport { 22, 443 } accept\n\t}\n}\n"
        );
        assert!(nftables(text, &[], &[]).starts_with("table ip filter {"), "nobody else shows it");
    }
}
