//! Rule sets as Docker, UFW, firewalld and people write them; made for these tests after the walker was written.

use std::fmt::Write as _;

/// One state of the host.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    pub(crate) name: String,
    pub(crate) four: String,
    pub(crate) six: String,
    pub(crate) nft: String,
    pub(crate) ipset: String,
    /// Rules of the old kernel interface.
    pub(crate) legacy: String,
    pub(crate) proxy: bool,
    /// Which connections are tried.
    pub(crate) asks: Asks,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Asks {
    #[default]
    Classic,
    Networks,
    Six,
}

/// Rules by table and chain, put together from several authors.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tables {
    pub(crate) filter: Part,
    pub(crate) nat: Part,
    pub(crate) raw: Part,
    pub(crate) mangle: Part,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Part {
    pub(crate) policies: [Option<&'static str>; 3],
    chains: Vec<String>,
    rules: Vec<String>,
}

impl Part {
    pub(crate) fn add(&mut self, rules: &str) {
        for line in rules.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let chain = line.split_whitespace().nth(1).unwrap().to_owned();
            let built_in =
                ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"].contains(&chain.as_str());
            if !built_in && !self.chains.contains(&chain) {
                self.chains.push(chain);
            }
            self.rules.push(line.to_owned());
        }
    }

    /// Puts a rule before all others.
    pub(crate) fn insert(&mut self, rule: &str) {
        self.add(rule);
        self.rules.rotate_right(1);
    }

    pub(crate) fn chain(&mut self, name: &str) {
        if !self.chains.iter().any(|one| one == name) {
            self.chains.push(name.to_owned());
        }
    }

    fn text(&self, name: &str) -> String {
        if self.rules.is_empty() && self.policies.iter().all(Option::is_none) {
            return String::new();
        }
        let mut text = format!("*{name}\n");
        if name == "filter" {
            for (chain, policy) in ["INPUT", "FORWARD", "OUTPUT"].iter().zip(self.policies) {
                writeln!(text, ":{chain} {} [0:0]", policy.unwrap_or("ACCEPT")).unwrap();
            }
        }
        for chain in &self.chains {
            writeln!(text, ":{chain} - [0:0]").unwrap();
        }
        text.push_str(&self.rules.join("\n"));
        text.push_str("\nCOMMIT\n");
        text
    }
}

impl Tables {
    pub(crate) fn text(&self) -> String {
        self.raw.text("raw")
            + &self.mangle.text("mangle")
            + &self.nat.text("nat")
            + &self.filter.text("filter")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Docker {
    None,
    V20,
    V27,
    V28First,
    V28,
    V29,
    V29Nft,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guard {
    None,
    Ufw,
    UfwDenyOut,
    UfwDenyOutBridges,
    UfwUserBlock,
    UfwRouted,
    UfwForwardReject,
    Firewalld,
    PlainInput,
    PlainForward,
}

const BRIDGES: [(&str, &str); 2] = [("docker0", "172.18.0.0/16"), ("br-5ec0d", "172.19.0.0/16")];
/// Bridge, host port, container, its port, host address.
const PUBLISHED: [(&str, u16, &str, u16, &str); 3] = [
    ("docker0", 8080, "172.18.0.2", 8080, ""),
    ("docker0", 8081, "172.18.0.2", 8082, "127.0.0.1"),
    ("br-5ec0d", 8090, "172.19.0.2", 80, ""),
];

fn docker_nat(t: &mut Tables, proxy: bool) {
    let not_loopback = if proxy { "! -d 127.0.0.0/8 " } else { "" };
    t.nat.chain("DOCKER");
    t.nat.add("-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER");
    t.nat.add(&format!("-A OUTPUT {not_loopback}-m addrtype --dst-type LOCAL -j DOCKER"));
    for (bridge, net) in BRIDGES {
        t.nat.add(&format!("-A POSTROUTING -s {net} ! -o {bridge} -j MASQUERADE"));
        if proxy {
            t.nat.add(&format!("-A DOCKER -i {bridge} -j RETURN"));
        } else {
            t.nat.add(&format!("-A POSTROUTING -o {bridge} -m addrtype --src-type LOCAL -j MASQUERADE"));
        }
    }
    for (bridge, port, container, inner, host) in PUBLISHED {
        let only = if host.is_empty() { String::new() } else { format!("-d {host}/32 ") };
        let side = if proxy { format!("! -i {bridge} ") } else { String::new() };
        t.nat.add(&format!(
            "-A POSTROUTING -s {container}/32 -d {container}/32 -p tcp -m tcp --dport {inner} -j MASQUERADE"
        ));
        t.nat.add(&format!(
            "-A DOCKER {only}{side}-p tcp -m tcp --dport {port} -j DNAT --to-destination {container}:{inner}"
        ));
    }
}

fn docker_accept(t: &mut Tables) {
    for (bridge, _, container, inner, _) in PUBLISHED {
        t.filter.add(&format!(
            "-A DOCKER -d {container}/32 ! -i {bridge} -o {bridge} -p tcp -m tcp --dport {inner} -j ACCEPT"
        ));
    }
}

fn isolation(t: &mut Tables) {
    for (bridge, _) in BRIDGES {
        t.filter.add(&format!(
            "-A DOCKER-ISOLATION-STAGE-1 -i {bridge} ! -o {bridge} -j DOCKER-ISOLATION-STAGE-2"
        ));
        t.filter.add(&format!("-A DOCKER-ISOLATION-STAGE-2 -o {bridge} -j DROP"));
    }
    t.filter.add("-A DOCKER-ISOLATION-STAGE-1 -j RETURN\n-A DOCKER-ISOLATION-STAGE-2 -j RETURN");
}

/// Containers' addresses are closed to all but their bridge, and loopback ports to the outside, since 28.
fn docker_raw(t: &mut Tables) {
    for (bridge, _, container, _, _) in PUBLISHED {
        t.raw.add(&format!("-A PREROUTING -d {container}/32 ! -i {bridge} -j DROP"));
    }
    t.raw.add("-A PREROUTING -d 127.0.0.1/32 ! -i lo -p tcp -m tcp --dport 8081 -j DROP");
}

pub(crate) fn docker(t: &mut Tables, which: Docker, proxy: bool) {
    if matches!(which, Docker::None | Docker::V29Nft) {
        return;
    }
    docker_nat(t, proxy);
    t.filter.policies[1] = Some("DROP");
    t.filter.chain("DOCKER");
    t.filter.chain("DOCKER-USER");
    match which {
        Docker::None | Docker::V29Nft => {}
        Docker::V20 | Docker::V27 => {
            t.filter.add("-A FORWARD -j DOCKER-USER\n-A FORWARD -j DOCKER-ISOLATION-STAGE-1");
            for (bridge, _) in BRIDGES {
                t.filter.add(&format!(
                    "-A FORWARD -o {bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
                     -A FORWARD -o {bridge} -j DOCKER
                     -A FORWARD -i {bridge} ! -o {bridge} -j ACCEPT
                     -A FORWARD -i {bridge} -o {bridge} -j ACCEPT"
                ));
            }
            docker_accept(t);
            isolation(t);
        }
        Docker::V28First => {
            t.filter.add(
                "-A FORWARD -j DOCKER-USER
                 -A FORWARD -m set --match-set docker-ext-bridges-v4 dst -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
                 -A FORWARD -j DOCKER-ISOLATION-STAGE-1
                 -A FORWARD -m set --match-set docker-ext-bridges-v4 dst -j DOCKER",
            );
            for (bridge, _) in BRIDGES {
                t.filter.add(&format!("-A FORWARD -i {bridge} -j ACCEPT"));
            }
            docker_accept(t);
            for (bridge, _) in BRIDGES {
                t.filter.add(&format!("-A DOCKER ! -i {bridge} -o {bridge} -j DROP"));
            }
            isolation(t);
            docker_raw(t);
        }
        Docker::V28 | Docker::V29 => {
            t.filter.add(
                "-A FORWARD -j DOCKER-USER\n-A FORWARD -j DOCKER-FORWARD\n-A DOCKER-FORWARD -j DOCKER-CT",
            );
            if which == Docker::V28 {
                t.filter.add("-A DOCKER-FORWARD -j DOCKER-ISOLATION-STAGE-1");
                isolation(t);
            } else {
                t.filter.chain("DOCKER-INTERNAL");
                t.filter.add("-A DOCKER-FORWARD -j DOCKER-INTERNAL");
            }
            t.filter.add("-A DOCKER-FORWARD -j DOCKER-BRIDGE");
            docker_accept(t);
            for (bridge, _) in BRIDGES {
                t.filter.add(&format!(
                    "-A DOCKER-FORWARD -i {bridge} -j ACCEPT
                     -A DOCKER-BRIDGE -o {bridge} -j DOCKER
                     -A DOCKER-CT -o {bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
                     -A DOCKER ! -i {bridge} -o {bridge} -j DROP"
                ));
            }
            docker_raw(t);
        }
    }
}

fn docker_nft(proxy: bool) -> String {
    let (mut jumps, mut chains, mut dnat, mut raw, mut post) =
        <(String, String, String, String, String)>::default();
    let (mut into, mut out) = (String::new(), String::new());
    for (bridge, net) in BRIDGES {
        write!(into, "\"{bridge}\" : jump filter-forward-in__{bridge}, ").unwrap();
        write!(out, "\"{bridge}\" : jump filter-forward-out__{bridge}, ").unwrap();
        let mut accept = String::new();
        for (_, port, container, inner, host) in PUBLISHED.iter().filter(|one| one.0 == bridge) {
            writeln!(accept, "ip daddr {container} tcp dport {inner} counter accept").unwrap();
            let only = if host.is_empty() { String::new() } else { format!("ip daddr {host} ") };
            let side = if proxy { format!("iifname != \"{bridge}\" ") } else { String::new() };
            writeln!(
                dnat,
                "{only}{side}tcp dport {port} counter dnat to {container}:{inner} comment \"DNAT\""
            )
            .unwrap();
            writeln!(
                raw,
                "ip daddr {container} iifname != \"{bridge}\" counter drop comment \"DROP DIRECT ACCESS\""
            )
            .unwrap();
        }
        write!(
            chains,
            "chain filter-forward-in__{bridge} {{
               ct state established,related counter accept
               iifname \"{bridge}\" counter accept comment \"ICC\"
               {accept}
               counter drop comment \"UNPUBLISHED PORT DROP\"
             }}
             chain filter-forward-out__{bridge} {{
               ct state established,related counter accept
               counter accept comment \"OUTGOING\"
             }}\n"
        )
        .unwrap();
        writeln!(post, "oifname != \"{bridge}\" ip saddr {net} counter masquerade comment \"MASQUERADE\"")
            .unwrap();
        if !proxy {
            writeln!(post, "oifname \"{bridge}\" fib saddr type local counter masquerade").unwrap();
        }
    }
    let not_loopback = if proxy { "ip daddr != 127.0.0.0/8 " } else { "" };
    write!(
        jumps,
        "map filter-forward-in-jumps {{ type ifname : verdict; elements = {{ {into} }}; }}
         map filter-forward-out-jumps {{ type ifname : verdict; elements = {{ {out} }}; }}"
    )
    .unwrap();
    format!(
        "table ip docker-bridges {{
           {chains}
           {jumps}
           chain filter-FORWARD {{
             type filter hook forward priority filter; policy accept;
             oifname vmap @filter-forward-in-jumps
             iifname vmap @filter-forward-out-jumps
           }}
           chain nat-prerouting-and-output {{ {dnat} }}
           chain nat-PREROUTING {{
             type nat hook prerouting priority dstnat; policy accept;
             fib daddr type local counter jump nat-prerouting-and-output
           }}
           chain nat-OUTPUT {{
             type nat hook output priority -100; policy accept;
             {not_loopback}fib daddr type local counter jump nat-prerouting-and-output
           }}
           chain nat-POSTROUTING {{ type nat hook postrouting priority srcnat; policy accept; {post} }}
           chain raw-PREROUTING {{
             type filter hook prerouting priority raw; policy accept;
             {raw}
             ip daddr 127.0.0.1 iifname != \"lo\" tcp dport 8081 counter drop
           }}
         }}\n"
    )
}

/// UFW's chains in short; `p` is `ufw` or `ufw6`.
fn ufw(t: &mut Tables, guard: Guard, six: bool) {
    let p = if six { "ufw6" } else { "ufw" };
    let icmp = if six { "ipv6-icmp" } else { "icmp" };
    let refuses = guard == Guard::UfwForwardReject;
    t.filter.policies[0] = Some("DROP");
    t.filter.policies[1] = Some("DROP");
    let deny_out = matches!(guard, Guard::UfwDenyOut | Guard::UfwDenyOutBridges);
    if deny_out {
        t.filter.policies[2] = Some("DROP");
    }
    for (hook, name) in [("INPUT", "input"), ("FORWARD", "forward"), ("OUTPUT", "output")] {
        for step in ["before-logging", "before", "after", "after-logging", "reject", "track"] {
            t.filter.chain(&format!("{p}-{step}-{name}"));
            t.filter.add(&format!("-A {hook} -j {p}-{step}-{name}"));
        }
        t.filter.chain(&format!("{p}-user-{name}"));
    }
    for chain in ["skip-to-policy-input", "logging-deny", "not-local"] {
        t.filter.chain(&format!("{p}-{chain}"));
    }
    t.filter.add(&format!(
        "-A {p}-before-input -i lo -j ACCEPT
         -A {p}-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
         -A {p}-before-input -m conntrack --ctstate INVALID -j {p}-logging-deny
         -A {p}-before-input -m conntrack --ctstate INVALID -j DROP
         -A {p}-before-input -p {icmp} -j ACCEPT
         -A {p}-before-input -p udp -m udp --sport 67 --dport 68 -j ACCEPT
         -A {p}-before-input -j {p}-user-input
         -A {p}-before-output -o lo -j ACCEPT
         -A {p}-before-output -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
         -A {p}-before-output -p {icmp} -j ACCEPT
         -A {p}-before-output -j {p}-user-output
         -A {p}-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
         -A {p}-before-forward -p {icmp} -j ACCEPT
         -A {p}-before-forward -j {p}-user-forward
         -A {p}-after-input -p udp -m udp --dport 137 -j {p}-skip-to-policy-input
         -A {p}-skip-to-policy-input -j DROP
         -A {p}-after-logging-input -m limit --limit 3/min --limit-burst 10 -j LOG --log-prefix \"[UFW BLOCK] \"
         -A {p}-after-logging-forward -m limit --limit 3/min --limit-burst 10 -j LOG --log-prefix \"[UFW BLOCK] \"
         -A {p}-logging-deny -m limit --limit 3/min --limit-burst 10 -j LOG --log-prefix \"[UFW BLOCK] \"
         -A {p}-user-input -p tcp -m tcp --dport 22 -j ACCEPT
         -A {p}-user-input -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -m recent --set --name DEFAULT --rsource
         -A {p}-user-input -p tcp -m multiport --dports 80,443 -m comment --comment \"dapp Nginx%20Full -j X\" -j ACCEPT"
    ));
    if refuses {
        t.filter.add(
            &format!(
                "-A {p}-reject-forward -j REJECT --reject-with {icmp}{}",
                if six { "6-port-unreachable" } else { "-port-unreachable" }
            )
            .replace("ipv6-icmp6", "icmp6"),
        );
    }
    if !deny_out {
        t.filter.add(&format!("-A {p}-track-output -p tcp -m conntrack --ctstate NEW -j ACCEPT"));
    }
    if guard == Guard::UfwDenyOutBridges && !six {
        t.filter.add(&format!("-A {p}-user-output -d 172.18.0.0/16 -o docker0 -j ACCEPT"));
        t.filter.add(&format!("-A {p}-user-output -p tcp -m tcp --dport 587 -j ACCEPT"));
    }
    if guard == Guard::UfwUserBlock {
        t.filter.add(&format!(
            "-A DOCKER-USER -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN
             -A DOCKER-USER -i wan0 -j {p}-user-forward
             -A DOCKER-USER -i wan0 -m conntrack --ctstate NEW -j DROP
             -A DOCKER-USER -j RETURN"
        ));
    }
    if guard == Guard::UfwRouted && !six {
        t.filter.add(&format!(
            "-A {p}-user-forward -i wan0 -o docker0 -p tcp -m tcp --dport 8080 -j ACCEPT
             -A {p}-user-forward -i docker0 -o wan0 -j ACCEPT
             -A {p}-user-input -i br-5ec0d -p tcp -m tcp --dport 9000 -j ACCEPT"
        ));
    }
}

const FIREWALLD: &str = r#"
table inet firewalld {
  chain filter_IN_public_allow { tcp dport 22 accept; tcp dport 9000 ct state new,untracked accept; }
  chain filter_IN_public { jump filter_IN_public_allow; meta l4proto { icmp, ipv6-icmp } accept; }
  chain filter_IN_trusted { accept; }
  chain filter_INPUT_ZONES { iifname "docker0" goto filter_IN_trusted; iifname "br-*" goto filter_IN_trusted; goto filter_IN_public; }
  chain filter_FWD_public { meta l4proto { icmp, ipv6-icmp } accept; }
  chain filter_FWD_trusted { accept; }
  chain filter_FORWARD_ZONES { iifname { "docker0", "br-*" } goto filter_FWD_trusted; goto filter_FWD_public; }
  chain mangle_PREROUTING { type filter hook prerouting priority mangle + 10; policy accept; }
  chain filter_PREROUTING {
    type filter hook prerouting priority filter + 10; policy accept;
    icmpv6 type { nd-router-advert, nd-neighbor-solicit } accept
    meta nfproto ipv6 fib saddr . mark . iif oif missing drop
  }
  chain filter_INPUT {
    type filter hook input priority filter + 10; policy accept;
    ct state { established, related } accept
    ct status dnat accept
    iifname "lo" accept
    ct state invalid drop
    jump filter_INPUT_ZONES
    reject with icmpx admin-prohibited
  }
  chain filter_FORWARD {
    type filter hook forward priority filter + 10; policy accept;
    ct state { established, related } accept
    ct status dnat accept
    iifname "lo" accept
    ct state invalid drop
    ip6 daddr { ::/96, ::ffff:0.0.0.0/96, 2002:7f00::/24 } reject with icmpv6 addr-unreachable
    jump filter_FORWARD_ZONES
    reject with icmpx admin-prohibited
  }
  chain filter_OUTPUT {
    type filter hook output priority filter + 10; policy accept;
    ct state { established, related } accept
    oifname "lo" accept
  }
}
"#;

const PLAIN_INPUT: &str = r#"
table inet mine {
  set open { type inet_service; flags interval; elements = { 22, 80, 443, 8000-8080 } }
  map ports { type inet_service : verdict; elements = { 9100 : accept, 9000 : jump private } }
  chain private { ip saddr 172.16.0.0/12 accept; ip6 saddr fd00::/8 accept; }
  chain input {
    type filter hook input priority filter; policy drop;
    ct state vmap { invalid : drop, established : accept, related : accept }
    iif "lo" accept
    meta l4proto { icmp, ipv6-icmp } accept
    tcp dport @open accept
    tcp dport vmap @ports
    limit rate 5/minute log prefix "dropped "
  }
}
"#;

const PLAIN_FORWARD: &str = r#"
table inet mine {
  chain input {
    type filter hook input priority 0; policy accept;
    iifname "wan0" tcp dport != { 22, 8090 } ct state new drop
  }
  chain forward {
    type filter hook forward priority 10; policy drop;
    ct state established,related accept
    iifname { "docker0", "br-5ec0d" } oifname "wan0" accept
    iifname . oifname . tcp dport { "wan0" . "docker0" . 8080 } accept
  }
}
"#;

pub(crate) fn build(which: Docker, guard: Guard, proxy: bool) -> State {
    let mut four = Tables::default();
    let mut nft = String::new();
    let mut ipset = String::new();
    docker(&mut four, which, proxy);
    if which == Docker::V29Nft {
        nft.push_str(&docker_nft(proxy));
    }
    if which == Docker::V28First {
        ipset.push_str("create docker-ext-bridges-v4 hash:net family inet\n");
        for (_, net) in BRIDGES {
            writeln!(ipset, "add docker-ext-bridges-v4 {net}").unwrap();
        }
    }
    match guard {
        Guard::None => {}
        Guard::Firewalld => nft.push_str(FIREWALLD),
        Guard::PlainInput => nft.push_str(PLAIN_INPUT),
        Guard::PlainForward => nft.push_str(PLAIN_FORWARD),
        _ => ufw(&mut four, guard, false),
    }
    let name = format!("docker {which:?}, guard {guard:?}{}", if proxy { "" } else { ", no proxy" });
    State { name, four: four.text(), nft, ipset, proxy, ..State::default() }
}

/// Every state that is tried.
pub(crate) fn states() -> Vec<State> {
    let mut states = Vec::new();
    let layouts =
        [Docker::V20, Docker::V27, Docker::V28First, Docker::V28, Docker::V29, Docker::V29Nft, Docker::None];
    let guards = [
        Guard::None,
        Guard::Ufw,
        Guard::UfwDenyOut,
        Guard::UfwDenyOutBridges,
        Guard::UfwUserBlock,
        Guard::UfwRouted,
        Guard::UfwForwardReject,
        Guard::Firewalld,
        Guard::PlainInput,
        Guard::PlainForward,
    ];
    for (row, which) in layouts.into_iter().enumerate() {
        for (column, guard) in guards.into_iter().enumerate() {
            let asks = if (row + column) % 2 == 0 { Asks::Classic } else { Asks::Networks };
            states.push(State { asks, ..build(which, guard, true) });
        }
    }
    for (which, guard) in [
        (Docker::V20, Guard::None),
        (Docker::V27, Guard::UfwDenyOut),
        (Docker::V28, Guard::Ufw),
        (Docker::V29, Guard::UfwUserBlock),
        (Docker::V29Nft, Guard::None),
        (Docker::V29Nft, Guard::Ufw),
    ] {
        states.push(build(which, guard, false));
        states.push(State { asks: Asks::Networks, ..build(which, guard, false) });
    }
    states.extend(by_hand());
    // Docker writes to the one interface, somebody else to the other.
    for asks in [Asks::Classic, Asks::Networks] {
        let mut forgotten = Tables::default();
        forgotten.filter.policies = [Some("DROP"), None, None];
        forgotten.filter.add(
            "-A INPUT -i lo -j ACCEPT
             -A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT
             -A FORWARD -i br-5ec0d -p tcp -m tcp --dport 587 -j REJECT",
        );
        let name = "rules of the old interface beside the new".to_owned();
        states.push(State { name, legacy: forgotten.text(), asks, ..build(Docker::V27, Guard::None, true) });
        let mut all = Tables::default();
        docker(&mut all, Docker::V20, true);
        let name = "Docker on the old interface".to_owned();
        states.push(State { name, legacy: all.text(), asks, ..build(Docker::None, Guard::PlainInput, true) });
    }
    states.extend(six());
    states
}

/// States with things that people write by hand.
fn by_hand() -> Vec<State> {
    let mut states = Vec::new();
    let mut add = |name: &str, which: Docker, edit: &dyn Fn(&mut Tables), nft: &str, asks: Asks| {
        let mut four = Tables::default();
        docker(&mut four, which, true);
        edit(&mut four);
        let nft = if which == Docker::V29Nft { docker_nft(true) + nft } else { nft.to_owned() };
        states.push(State {
            name: name.to_owned(),
            four: four.text(),
            nft,
            proxy: true,
            asks,
            ..State::default()
        });
    };
    let asks = [Asks::Classic, Asks::Networks];
    for asks in asks {
        add(
            "only new packets are accepted",
            Docker::None,
            &|t| {
                t.filter.policies = [Some("DROP"), None, None];
                t.filter.add("-A INPUT -i lo -j ACCEPT\n-A INPUT -p tcp -m state --state NEW -m tcp --dport 9000:9100 --tcp-flags FIN,SYN,RST,ACK SYN -j ACCEPT");
            },
            "",
            asks,
        );
        add(
            "answers may not leave",
            Docker::V20,
            &|t| {
                t.filter.add("-A OUTPUT -o wan0 -p tcp -m tcp --sport 9000 -j DROP\n-A FORWARD -p tcp -m tcp --sport 80 -j REJECT");
                t.mangle.add("-A FORWARD -i br-5ec0d -p tcp -m tcp --sport 80 -j DROP");
            },
            "",
            asks,
        );
        add(
            "marks decide",
            Docker::V27,
            &|t| {
                t.mangle.add(
                    "-A PREROUTING -i wan0 -p tcp -m tcp --dport 8080 -j MARK --set-xmark 0x10/0xf0
                 -A PREROUTING -m mark --mark 0x10/0xf0 -j CONNMARK --save-mark --nfmask 0xff --ctmask 0xff
                 -A PREROUTING -i docker0 -j CONNMARK --restore-mark --nfmask 0xff --ctmask 0xff",
                );
                t.filter.add("-A DOCKER-USER -m connmark --mark 0x10/0xf0 -j DROP\n-A INPUT -m mark ! --mark 0x10 -p tcp -m tcp --dport 9000 -j REJECT");
            },
            "",
            asks,
        );
        add(
            "a rule behind RETURN",
            Docker::V20,
            &|t| {
                t.filter.add("-A DOCKER-USER -j RETURN\n-A DOCKER-USER -i wan0 -j DROP");
            },
            "",
            asks,
        );
        add(
            "DOCKER-USER by original port",
            Docker::V28,
            &|t| {
                t.filter.add(
                    "-A DOCKER-USER -i wan0 -p tcp -m conntrack --ctorigdstport 8090 --ctdir ORIGINAL -j DROP
                 -A DOCKER-USER -i wan0 -m conntrack --ctstate DNAT --ctorigdst 203.0.113.1 -j ACCEPT",
                );
            },
            "",
            asks,
        );
        add(
            "goto and iprange",
            Docker::None,
            &|t| {
                t.filter.policies = [Some("DROP"), Some("ACCEPT"), None];
                t.filter.add(
                "-A INPUT -g choose
                 -A INPUT -j ACCEPT
                 -A choose -m iprange --src-range 172.18.0.1-172.18.0.5 -j ACCEPT
                 -A choose -m iprange ! --src-range 203.0.113.0-203.0.113.255 -m addrtype --src-type LOCAL -j ACCEPT
                 -A choose -i wan+ -p tcp -m tcp --dport 8080 -j ACCEPT
                 -A choose -s 203.0.113.2/32 -j RETURN",
            );
                t.nat.add("-A POSTROUTING -s 172.16.0.0/12 -o wan0 -j SNAT --to-source 203.0.113.1");
            },
            "",
            asks,
        );
        add(
            "redirected ports",
            Docker::V27,
            &|t| {
                t.nat.add(
                    "-A PREROUTING -i wan0 -p tcp -m tcp --dport 7777 -j REDIRECT --to-ports 9000
                 -A OUTPUT -d 127.0.0.1/32 -p tcp -m tcp --dport 8080 -j REDIRECT --to-ports 9000
                 -A PREROUTING -i docker0 -p tcp -m tcp --dport 587 -j DNAT --to-destination 172.19.0.2:80",
                );
            },
            "",
            asks,
        );
        add(
            "untracked",
            Docker::V20,
            &|t| {
                t.raw.add("-A PREROUTING -p tcp -m tcp --dport 9000 -j NOTRACK\n-A OUTPUT -p tcp -m tcp --sport 9000 -j NOTRACK");
                t.filter.policies[0] = Some("DROP");
                t.filter.add("-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED,UNTRACKED -j ACCEPT\n-A INPUT -i lo -j ACCEPT");
            },
            "",
            asks,
        );
        add(
            "chains of several priorities",
            Docker::V29Nft,
            &|_| {},
            r#"
          table ip early {
            chain pre { type filter hook prerouting priority -300; policy accept; iifname "wan0" tcp dport 8090 drop; }
          }
          table ip late {
            chain through { type filter hook forward priority 100; policy accept; iifname "docker0" oifname "wan0" tcp dport { 25, 587 } reject with tcp reset; }
            chain out { type route hook output priority 0; policy accept; meta mark set 0x7; }
            chain out2 { type filter hook output priority 5; policy accept; meta mark & 0x3 == 0x3 ip daddr 172.19.0.0/16 drop; }
          }
          table inet aside {
            flags dormant
            chain in { type filter hook input priority 0; policy drop; }
          }
        "#,
            asks,
        );
        add(
            "translation by map",
            Docker::None,
            &|_| {},
            r#"
          table ip nat2 {
            chain pre { type nat hook prerouting priority dstnat; policy accept;
              iifname "wan0" dnat ip addr . port to tcp dport map { 8080 : 172.18.0.2 . 8080, 7777 : 172.19.0.2 . 80 }
            }
            chain post { type nat hook postrouting priority srcnat; policy accept;
              ip saddr { 172.18.0.0/16, 172.19.0.0/16 } oifname "wan0" snat ip to 203.0.113.1
            }
            chain through { type filter hook forward priority filter; policy drop;
              ct state established,related accept
              ct status dnat accept
              iifname "br-5ec0d" oifname "wan0" ct direction original accept
            }
          }
        "#,
            asks,
        );
        add("flushed", Docker::None, &|_| {}, "", asks);
    }
    states
}

/// The same questions for IPv6.
fn six() -> Vec<State> {
    let mut states = Vec::new();
    let mut add = |name: &str, edit: &dyn Fn(&mut Tables), nft: &str| {
        let mut six = Tables::default();
        edit(&mut six);
        let mut four = Tables::default();
        docker(&mut four, Docker::V27, true);
        let (four, six) = (four.text(), six.text());
        let name = format!("IPv6: {name}");
        states.push(State {
            name,
            four,
            six,
            nft: nft.to_owned(),
            proxy: true,
            asks: Asks::Six,
            ..State::default()
        });
    };
    let docker6 = |t: &mut Tables| {
        t.filter.policies[1] = Some("DROP");
        t.filter.chain("DOCKER-USER");
        t.nat.add(
            "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
             -A OUTPUT ! -d ::1/128 -m addrtype --dst-type LOCAL -j DOCKER
             -A POSTROUTING -s fd00:18::/64 ! -o docker0 -j MASQUERADE
             -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination [fd00:18::2]:8080",
        );
        t.filter.add(
            "-A FORWARD -j DOCKER-USER
             -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
             -A FORWARD -o docker0 -j DOCKER
             -A FORWARD -i docker0 -j ACCEPT
             -A DOCKER -d fd00:18::2/128 ! -i docker0 -o docker0 -p tcp -m tcp --dport 8080 -j ACCEPT",
        );
    };
    add("no rules", &|_| {}, "");
    add("Docker with ip6tables", &docker6, "");
    add("UFW", &|t| ufw(t, Guard::Ufw, true), "");
    add("UFW, outgoing denied", &|t| ufw(t, Guard::UfwDenyOut, true), "");
    add(
        "Docker with ip6tables, UFW",
        &|t| {
            docker6(t);
            ufw(t, Guard::Ufw, true);
        },
        "",
    );
    add(
        "Docker with ip6tables, UFW, DOCKER-USER",
        &|t| {
            docker6(t);
            ufw(t, Guard::UfwUserBlock, true);
        },
        "",
    );
    add("firewalld", &|_| {}, FIREWALLD);
    add("Docker with ip6tables, firewalld", &docker6, FIREWALLD);
    add("plain input", &|_| {}, PLAIN_INPUT);
    add("plain forward", &docker6, PLAIN_FORWARD);
    add(
        "masquerade in nftables",
        &|_| {},
        r#"
      table ip6 n {
        chain post { type nat hook postrouting priority srcnat; policy accept; ip6 saddr fd00:18::/64 oifname "wan0" masquerade; }
        chain pre { type nat hook prerouting priority dstnat; policy accept; iifname "wan0" tcp dport 8080 dnat to [fd00:18::2]:8080; tcp dport 7777 redirect to :9000; }
        chain in { type filter hook input priority 0; policy accept; ip6 saddr 2001:db8:1::/64 tcp dport 9000 ct original proto-dst 9000 drop; }
      }
    "#,
    );
    add(
        "neighbours are forgotten",
        &|t| {
            t.filter.policies[0] = Some("DROP");
            t.filter.add("-A INPUT -i lo -j ACCEPT\n-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A INPUT -i docker0 -j ACCEPT");
        },
        "",
    );
    states
}
