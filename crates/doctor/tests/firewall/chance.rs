//! Rule sets thrown together by chance, always the same for one seed: what no author would write, the kernel still obeys.

use std::fmt::Write as _;

use crate::layouts::{Asks, Docker, State, Tables, docker};

/// A small generator (xorshift), so that a failure can be repeated.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % bound
    }

    fn often(&mut self, of_ten: usize) -> bool {
        self.below(10) < of_ten
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

/// Words for one address family.
struct Words {
    nets: &'static [&'static str],
    targets: &'static [&'static str],
    source: &'static str,
    v6: bool,
}

const FOUR: Words = Words {
    nets: &[
        "203.0.113.0/24",
        "172.16.0.0/12",
        "172.18.0.2/32",
        "172.19.0.0/16",
        "203.0.113.1/32",
        "127.0.0.0/8",
        "10.0.0.0/8",
    ],
    targets: &["172.18.0.2:8080", "172.19.0.2:80", "203.0.113.1:9000", "172.18.0.9:8080", "172.18.0.1:9000"],
    source: "203.0.113.1",
    v6: false,
};
const SIX: Words = Words {
    nets: &[
        "2001:db8:1::/64",
        "fd00::/8",
        "fd00:18::2/128",
        "2001:db8:1::1/128",
        "2001:db8::/32",
        "fd00:19::/64",
    ],
    targets: &["[fd00:18::2]:8080", "[2001:db8:1::1]:9000", "[fd00:18::1]:9000"],
    source: "2001:db8:1::1",
    v6: true,
};
const PORTS: [&str; 10] = ["8080", "8081", "8090", "9000", "9100", "587", "80", "7777", "8082", "1:1024"];

fn port(dice: &mut Dice) -> String {
    let which = dice.pick(&["--dport", "--dport", "--dport", "--sport"]);
    format!("{which} {}", dice.pick(&PORTS))
}

/// One condition of iptables; `into` and `out` say which interfaces the chain knows.
fn test(dice: &mut Dice, words: &Words, into: bool, out: bool) -> String {
    let not = if dice.often(2) { "! " } else { "" };
    let net = dice.pick(words.nets);
    match dice.below(15) {
        0 if into => format!("{not}-i {}", dice.pick(&["wan0", "docker0", "br-+", "lo"])),
        1 if out => format!("{not}-o {}", dice.pick(&["wan0", "docker0", "br-5ec0d", "lo", "d+"])),
        2 => format!("{not}-s {net}"),
        3 => format!("{not}-d {net}"),
        4 => format!(
            "-p tcp -m multiport {not}--{} 587,8000:8085,9000",
            dice.pick(&["dports", "sports", "ports"])
        ),
        5 => format!(
            "-m conntrack --ctstate {}",
            dice.pick(&["NEW", "RELATED,ESTABLISHED", "INVALID", "NEW,DNAT"])
        ),
        6 => format!("-m conntrack {not}--ctstate {}", dice.pick(&["NEW", "ESTABLISHED", "DNAT", "SNAT"])),
        7 => format!(
            "-m addrtype {not}--{}-type {}",
            dice.pick(&["src", "dst"]),
            dice.pick(&["LOCAL", "UNICAST", "MULTICAST"])
        ),
        8 => format!("-m mark {not}--mark {}", dice.pick(&["0x0", "0x1", "0x2/0x3"])),
        9 => format!("-m connmark {not}--mark {}", dice.pick(&["0x0", "0x1", "0x2/0x3"])),
        10 => format!("-m conntrack --ctdir {}", dice.pick(&["ORIGINAL", "REPLY"])),
        11 => format!("-p tcp -m conntrack {not}--ctorigdstport {}", dice.pick(&["8080", "9000", "587"])),
        12 => format!(
            "-p tcp -m tcp {not}--tcp-flags FIN,SYN,RST,ACK {}",
            dice.pick(&["SYN", "SYN,ACK", "ACK"])
        ),
        13 => format!("-p {}", dice.pick(&["udp", "tcp", "all"])),
        _ => format!("-p tcp -m tcp {}", port(dice)),
    }
}

/// Up to two conditions that do not name the protocol twice.
fn tests(dice: &mut Dice, words: &Words, into: bool, out: bool) -> String {
    let first = test(dice, words, into, out);
    let mut second = if dice.often(6) { test(dice, words, into, out) } else { String::new() };
    let same = |part: &str| first.contains(part) && second.contains(part);
    if ["-p ", "-s ", "-d ", "-i ", "-o ", "conntrack", "addrtype", "-m mark", "connmark"]
        .iter()
        .any(|part| same(part))
    {
        second.clear();
    }
    // Options without a module come first.
    if second.starts_with("-m") || second.is_empty() {
        format!("{first} {second}")
    } else {
        format!("{second} {first}")
    }
}

fn iptables(dice: &mut Dice, words: &Words) -> Tables {
    let mut t = Tables::default();
    if !words.v6 {
        let which = [Docker::None, Docker::V20, Docker::V27, Docker::V28, Docker::V29][dice.below(5)];
        docker(&mut t, which, true);
    }
    for policy in &mut t.filter.policies {
        if dice.often(2) {
            *policy = Some("DROP");
        }
    }
    t.filter.chain("one");
    t.filter.chain("two");
    if dice.often(7) {
        t.filter.add("-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A OUTPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT");
        t.filter.add("-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT");
    }
    if dice.often(6) {
        t.filter.add("-A INPUT -i lo -j ACCEPT\n-A OUTPUT -o lo -j ACCEPT");
    }
    if words.v6 {
        t.filter.add("-A INPUT -p ipv6-icmp -j ACCEPT\n-A OUTPUT -p ipv6-icmp -j ACCEPT");
    }
    for _ in 0..3 + dice.below(8) {
        let chain = dice.pick(&["INPUT", "FORWARD", "OUTPUT", "one", "two", "one", "FORWARD"]);
        let (into, out) = (chain == "FORWARD" || chain == "INPUT", chain == "FORWARD" || chain == "OUTPUT");
        let target = match chain {
            "one" => {
                dice.pick(&["-j ACCEPT", "-j DROP", "-j RETURN", "-j two", "-g two", "-j LOG", "-j REJECT"])
            }
            "two" => dice.pick(&["-j ACCEPT", "-j DROP", "-j RETURN", "-j LOG"]),
            _ => dice.pick(&[
                "-j ACCEPT",
                "-j DROP",
                "-j REJECT",
                "-j one",
                "-g one",
                "-j two",
                "-m limit --limit 3/min -j LOG",
                "-j one",
            ]),
        };
        let tests = tests(dice, words, into, out);
        // Insert some before what others wrote.
        let line = format!("-A {chain} {tests} {target}");
        if dice.often(5) { t.filter.insert(&line) } else { t.filter.add(&line) }
    }
    for _ in 0..dice.below(4) {
        let chain = dice.pick(&["PREROUTING", "FORWARD", "INPUT", "OUTPUT", "POSTROUTING"]);
        let (into, out) =
            (!matches!(chain, "OUTPUT" | "POSTROUTING"), !matches!(chain, "PREROUTING" | "INPUT"));
        let target = dice.pick(&[
            "-j MARK --set-xmark 0x1/0xffffffff",
            "-j MARK --or-mark 0x2",
            "-j CONNMARK --save-mark",
            "-j CONNMARK --restore-mark",
            "-j CONNMARK --set-xmark 0x3/0x3",
            "-j DROP",
        ]);
        let tests = tests(dice, words, into, out);
        t.mangle.add(&format!("-A {chain} {tests} {target}"));
    }
    for _ in 0..dice.below(4) {
        let chain = dice.pick(&["PREROUTING", "OUTPUT", "PREROUTING"]);
        let tests = tests(dice, words, chain == "PREROUTING", chain == "OUTPUT");
        let tests = if tests.contains("-p ") {
            "-p tcp -m tcp --dport 8080 ".to_owned()
        } else {
            format!("-p tcp {tests} ")
        };
        let target = match dice.below(4) {
            0 => "-j REDIRECT --to-ports 9000".to_owned(),
            1 => "-j RETURN".to_owned(),
            _ => format!("-j DNAT --to-destination {}", dice.pick(words.targets)),
        };
        let line = format!("-A {chain} {tests}{target}");
        if dice.often(5) { t.nat.insert(&line) } else { t.nat.add(&line) }
    }
    for _ in 0..dice.below(3) {
        let tests = tests(dice, words, false, true);
        let target = if dice.often(7) {
            "-j MASQUERADE".to_owned()
        } else {
            format!("-o wan0 -j SNAT --to-source {}", words.source)
        };
        let tests = if target.contains("-o ") { String::new() } else { tests };
        t.nat.add(&format!("-A POSTROUTING {tests} {target}"));
    }
    t
}

fn nft_test(dice: &mut Dice, words: &Words) -> String {
    let ip = if words.v6 { "ip6" } else { "ip" };
    let not = if dice.often(2) { "!= " } else { "" };
    let net = dice.pick(words.nets);
    let interface = dice.pick(&["\"wan0\"", "\"docker0\"", "\"br-*\"", "\"lo\"", "{ \"wan0\", \"lo\" }"]);
    match dice.below(14) {
        0 => format!("iifname {not}{interface}"),
        1 => format!("oifname {not}{interface}"),
        2 => format!("{ip} saddr {not}{net}"),
        3 => format!("{ip} daddr {not}{net}"),
        4 => format!(
            "ct state {}",
            dice.pick(&["new", "established,related", "invalid", "{ new, untracked }"])
        ),
        5 => format!("ct status {}", dice.pick(&["dnat", "snat"])),
        6 => format!(
            "tcp dport {not}{}",
            dice.pick(&["8080", "9000", "587", "{ 80, 8080-8090 }", "7000-9000"])
        ),
        7 => format!("tcp sport {not}{}", dice.pick(&["8080", "9000", "{ 80, 587 }"])),
        8 => format!("fib daddr type {not}{}", dice.pick(&["local", "unicast"])),
        9 => format!("meta mark {not}{}", dice.pick(&["0x0", "0x1"])),
        10 => format!("ct direction {}", dice.pick(&["original", "reply"])),
        11 => {
            format!("tcp flags {}", dice.pick(&["syn", "& (syn|ack) == syn", "& (syn | ack) == (syn | ack)"]))
        }
        // A protocol that is named twice is refused.
        12 => format!("meta pkttype {not}{}", dice.pick(&["host", "broadcast"])),
        _ => format!("iifname . tcp dport {not}{{ \"wan0\" . 8080, \"docker0\" . 9000, \"wan0\" . 9100 }}"),
    }
}

fn nft(dice: &mut Dice, words: &Words) -> String {
    let family = if words.v6 { dice.pick(&["ip6", "inet"]) } else { dice.pick(&["ip", "inet"]) };
    let mut text = format!("table {family} chance {{\n");
    for (name, inner) in [("two", ""), ("one", "two")] {
        writeln!(text, "chain {name} {{").unwrap();
        for _ in 0..dice.below(4) {
            let target = match dice.below(7) {
                0 if !inner.is_empty() => format!("jump {inner}"),
                1 if !inner.is_empty() => format!("goto {inner}"),
                2 => "return".to_owned(),
                3 => "drop".to_owned(),
                4 => "meta mark set 0x1".to_owned(),
                5 => "counter".to_owned(),
                _ => "accept".to_owned(),
            };
            writeln!(text, "{} {target}", nft_test(dice, words)).unwrap();
        }
        text.push_str("}\n");
    }
    for (at, hook) in ["input", "forward", "output", "prerouting", "postrouting"].into_iter().enumerate() {
        if dice.often(if at < 3 { 8 } else { 3 }) {
            let priority = dice.pick(&["-310", "-150", "-10", "0", "10", "110"]);
            let policy = if at < 3 && dice.often(3) { "drop" } else { "accept" };
            writeln!(
                text,
                "chain base{at} {{\n type filter hook {hook} priority {priority}; policy {policy};"
            )
            .unwrap();
            if words.v6 {
                text.push_str("meta l4proto ipv6-icmp accept\n");
            }
            if dice.often(8) {
                text.push_str("ct state vmap { established : accept, related : accept, invalid : drop }\n");
            }
            for _ in 0..1 + dice.below(4) {
                let target = dice.pick(&[
                    "accept",
                    "drop",
                    "jump one",
                    "jump two",
                    "goto one",
                    "reject",
                    "ct mark set 0x1",
                ]);
                let target = if target == "reject" && at > 2 { "drop" } else { target };
                let more = if dice.often(5) { nft_test(dice, words) } else { String::new() };
                let first = nft_test(dice, words);
                writeln!(text, "{first} {more} {target}").unwrap();
            }
            text.push_str("}\n");
        }
    }
    if dice.often(7) {
        let ip = if words.v6 { "ip6" } else { "ip" };
        let to = dice.pick(words.targets);
        writeln!(
            text,
            "chain to {{\n type nat hook prerouting priority -100; policy accept;\n {ip} daddr {} tcp dport {{ 8080, 7777 }} dnat {ip} to {to}\n }}",
            words.source
        )
        .unwrap();
    }
    if dice.often(7) {
        text.push_str("chain from {\n type nat hook postrouting priority 100; policy accept;\n oifname \"wan0\" masquerade\n }\n");
    }
    text + "}\n"
}

/// States by chance.
pub(crate) fn states(seed: u64, count: usize) -> Vec<State> {
    let mut states = Vec::new();
    for number in 0..count {
        let mut dice = Dice::new(seed + u64::try_from(number).unwrap());
        for _ in 0..8 {
            dice.below(2);
        }
        let asks = [Asks::Classic, Asks::Networks, Asks::Six, Asks::Networks][number % 4];
        let words = if asks == Asks::Six { &SIX } else { &FOUR };
        let mut state = State {
            name: format!("chance {}", seed + number as u64),
            proxy: dice.often(7),
            asks,
            ..State::default()
        };
        let way = dice.below(3);
        if way != 0 {
            state.nft = nft(&mut dice, words);
        }
        if way != 1 {
            let text = iptables(&mut dice, words).text();
            *(if words.v6 { &mut state.six } else { &mut state.four }) = text;
        }
        states.push(state);
    }
    states
}
