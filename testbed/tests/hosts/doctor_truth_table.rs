//! What the doctor says of UFW and Docker together, beside what happens: one host, one state after the other. "The
//! internet" is a namespace with a public address at the far end of a link of the host.

#![expect(clippy::print_stdout, reason = "the tally is what the test is for")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::IpAddr;

use muster_doctor::facts::Facts;
use muster_doctor::facts::firewall::{Firewall, Protocol};
use muster_doctor::firewall::{Crossing, From, Need, Reach, crossings, published_by_proxies};
use muster_testbed::host::Host;
use serde_json::Value;

use crate::server::binaries;

/// The host, the world, and what the containers and the world answer with.
const PREPARE: &str = r#"
set -e
printf 'listen on 127.0.0.1\naction "local" mbox\nmatch from any for any action "local"\n' > /etc/smtpd.conf
systemctl restart opensmtpd
systemctl stop ssh nginx
ip netns add world
ip link add wan0 type veth peer name eth0 netns world
ip addr add 203.0.113.1/24 dev wan0
ip link set wan0 up
ip -n world link set lo up
ip -n world addr add 203.0.113.2/24 dev eth0
ip -n world addr add 52.95.110.7/32 dev eth0
ip -n world link set eth0 up
ip route replace default via 203.0.113.2 dev wan0
cp /etc/default/ufw /root/ufw
mkdir -p /etc/docker
echo '{"storage-driver":"vfs"}' > /etc/docker/daemon.json
systemctl start docker
tar -C / -chf - usr/local/bin/receiver $(ldd /usr/local/bin/receiver 2>/dev/null | grep -o '/[^ ]*') | docker import - web
docker run --detach --name api --restart always --stop-signal KILL --publish 8080:80 --publish 127.0.0.1:8081:80 \
    web /usr/local/bin/receiver 0.0.0.0:80 /
systemd-run --unit nine /usr/local/bin/receiver 0.0.0.0:9000 /srv
systemd-run --unit far ip netns exec world /usr/local/bin/receiver 203.0.113.2:587 /srv
"#;

/// The state that all others begin with: as packaged, Docker's rules in place.
const FRESH: &str = "
fresh() {
    ufw --force reset && cp /root/ufw /etc/default/ufw
    iptables -F DOCKER-USER && iptables -A DOCKER-USER -j RETURN
    ufw --force enable
}
docker_again() {
    systemctl reset-failed docker.service docker.socket; systemctl restart docker
    until docker ps --filter status=running --format '{{.Names}}' | grep -q api; do sleep 0.2; done
}
";

/// The block that closes published ports, as the doctor advises it.
const BLOCK: &str = "fresh && cat >> /etc/ufw/after.rules <<'END'
*filter
:ufw-user-forward - [0:0]
:DOCKER-USER - [0:0]
-A DOCKER-USER -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN
-A DOCKER-USER -i wan0 -j ufw-user-forward
-A DOCKER-USER -i wan0 -m conntrack --ctstate NEW -j DROP
-A DOCKER-USER -j RETURN
COMMIT
END
ufw reload";

/// What Docker 29 writes for itself, without iptables.
const NATIVE: &str = "fresh && cp /etc/docker/daemon.json /root/daemon.json
echo '{\"storage-driver\":\"vfs\",\"iptables\":false}' > /etc/docker/daemon.json
systemctl stop docker; iptables-save | grep -v -i docker | iptables-restore; docker_again
address=$(docker inspect --format '{{.NetworkSettings.IPAddress}}' api)
nft -f - <<END
table ip docker-bridges {
    chain filter-forward-in__docker0 {
        ct state established,related counter accept
        iifname \"docker0\" counter accept
        ip daddr $address tcp dport 80 counter accept
        counter drop
    }
    chain filter-forward-out__docker0 {
        ct state established,related counter accept
        counter accept
    }
    map filter-forward-in-jumps { type ifname : verdict; elements = { \"docker0\" : jump filter-forward-in__docker0 }; }
    map filter-forward-out-jumps { type ifname : verdict; elements = { \"docker0\" : jump filter-forward-out__docker0 }; }
    chain filter-FORWARD {
        type filter hook forward priority filter; policy accept;
        oifname vmap @filter-forward-in-jumps
        iifname vmap @filter-forward-out-jumps
    }
    chain nat-prerouting-and-output { iifname != \"docker0\" tcp dport 8080 counter dnat to $address:80; }
    chain nat-PREROUTING {
        type nat hook prerouting priority dstnat; policy accept;
        fib daddr type local counter jump nat-prerouting-and-output
    }
    chain nat-OUTPUT {
        type nat hook output priority -100; policy accept;
        ip daddr != 127.0.0.0/8 fib daddr type local counter jump nat-prerouting-and-output
    }
    chain nat-POSTROUTING {
        type nat hook postrouting priority srcnat; policy accept;
        oifname != \"docker0\" ip saddr $address counter masquerade
    }
}
END";

/// Which of the six connections that people ask about get an answer: `Y` or `T`.
/// From the world to the published port; from the host to it on 127.0.0.1, to the container, to a mail server; from the
/// container to that, and to a service of the host.
type Answers = &'static str;

struct State {
    number: &'static str,
    change: &'static str,
    answers: Answers,
    /// Rules of which the doctor must find the trap.
    found: &'static [&'static str],
    /// Rules that must find nothing.
    not_found: &'static [&'static str],
}

const STATES: &[State] = &[
    State { number: "0", change: "fresh", answers: "YYYYYT", found: &["FW001"], not_found: &["FW002", "FW003", "FW010", "FW011"] },
    State {
        number: "2",
        change: "ufw deny 8080/tcp",
        answers: "YYYYYT",
        found: &["FW001"],
        not_found: &["FW002", "FW003", "FW010", "FW011"],
    },
    State {
        number: "4",
        change: "fresh && ufw default deny outgoing",
        answers: "YTTTYT",
        found: &["FW001", "FW002"],
        not_found: &["FW003", "FW010", "FW011"],
    },
    State {
        number: "5",
        change: "ufw allow out to 127.0.0.1 port 8080 proto tcp",
        answers: "YTTTYT",
        found: &["FW001", "FW002"],
        not_found: &["FW003", "FW010", "FW011"],
    },
    State {
        number: "6",
        change: "ufw allow out on docker0 to 172.18.0.0/16",
        answers: "YYYTYT",
        found: &["FW001"],
        not_found: &["FW002", "FW003", "FW010", "FW011"],
    },
    State {
        number: "23",
        change: "docker network create --driver bridge shop_default
                 docker run --detach --name side --network shop_default --restart always --stop-signal KILL --publish 8090:80 \
                     web /usr/local/bin/receiver 0.0.0.0:80 /",
        answers: "YYYTYT",
        found: &["FW001", "FW002"],
        not_found: &["FW003", "FW010", "FW011"],
    },
    State {
        number: "8",
        change: "docker rm --force side; docker network rm shop_default; fresh && ufw allow from 10.0.0.0/8",
        answers: "YYYYYT",
        found: &["FW001"],
        not_found: &["FW002", "FW003", "FW010", "FW011"],
    },
    State {
        number: "13",
        change: "fresh && ufw allow in on docker0 to any port 9000",
        answers: "YYYYYY",
        found: &["FW001"],
        not_found: &["FW002", "FW003", "FW010", "FW011"],
    },
    State { number: "14", change: BLOCK, answers: "TYYYYT", found: &[], not_found: &["FW001", "FW002", "FW003", "FW010", "FW011"] },
    State {
        number: "15",
        change: "ufw route allow in on wan0 to any port 80 proto tcp",
        answers: "YYYYYT",
        found: &[],
        not_found: &["FW001", "FW002", "FW003", "FW010", "FW011"],
    },
    State {
        number: "16",
        change: "ufw reload && ufw reload && ufw reload && docker_again && test $(iptables -S DOCKER-USER | wc -l) -le 6",
        answers: "YYYYYT",
        found: &[],
        not_found: &["FW001", "FW002", "FW003", "FW010", "FW011"],
    },
    State {
        number: "17",
        change: "ufw route delete allow in on wan0 to any port 80 proto tcp && ufw disable",
        answers: "TYYYYY",
        found: &["FW010"],
        not_found: &["FW001", "FW002", "FW003", "FW011"],
    },
    State {
        number: "18",
        change: "fresh && ufw disable",
        answers: "YYYYYY",
        found: &["FW010"],
        not_found: &["FW001", "FW002", "FW003", "FW011"],
    },
    State {
        number: "9",
        change: "fresh && sed -i s/MANAGE_BUILTINS=no/MANAGE_BUILTINS=yes/ /etc/default/ufw && ufw reload",
        answers: "TYYYTT",
        found: &["FW003"],
        not_found: &["FW001", "FW002", "FW010", "FW011"],
    },
    State {
        number: "10",
        change: "iptables -I FORWARD -i docker0 -o docker0 -j ACCEPT && iptables -I FORWARD -i docker0 ! -o docker0 -j ACCEPT",
        answers: "TYYYTT",
        found: &["FW003"],
        not_found: &["FW001", "FW002", "FW010", "FW011"],
    },
    State {
        number: "11",
        change: "docker_again",
        answers: "YYYYYT",
        found: &["FW001"],
        not_found: &["FW002", "FW003", "FW010", "FW011"],
    },
    State {
        number: "21",
        change: "fresh && nft flush ruleset",
        answers: "YYYYTY",
        found: &["FW003", "FW010", "FW011"],
        not_found: &["FW002"],
    },
    State {
        number: "19",
        change: "echo '{\"storage-driver\":\"vfs\",\"iptables\":false}' > /etc/docker/daemon.json
                 ufw --force reset; cp /root/ufw /etc/default/ufw; ufw --force enable; docker_again",
        answers: "TYYYTT",
        found: &["FW006"],
        not_found: &["FW001", "FW002", "FW003", "FW010", "FW011"],
    },
    State {
        number: "24",
        change: NATIVE,
        answers: "TYYYTT",
        found: &["FW006"],
        not_found: &["FW001", "FW002", "FW010", "FW011"],
    },
];

/// One connection that is tried: who asks, and where.
type Probe = (From, IpAddr, u16);

/// Each state: what happens, what the table of the field notes says, the walker's verdicts, the findings.
pub(crate) fn verdicts() -> Result<(), String> {
    let folder = binaries()?;
    let host = Host::start_web("doctor-firewall")?;
    for name in ["muster", "receiver"] {
        host.copy(&folder.join(name), &format!("/usr/local/bin/{name}"), "755")?;
    }
    host.must(PREPARE)?;
    let mut wrong = String::new();
    let mut tally = Tally::default();
    for state in STATES {
        try_state(&host, state, &mut tally, &mut wrong)
            .map_err(|error| format!("state {}: {error}\n{wrong}", state.number))?;
    }
    println!(
        "{} connections in {} states: {} as foretold, {} unknown",
        tally.asked,
        STATES.len(),
        tally.agreed,
        tally.unknown
    );
    if tally.unknown * 50 > tally.asked {
        wrong.push_str("more than 2 % unknown\n");
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// What came of the walker's verdicts.
#[derive(Debug, Default)]
struct Tally {
    asked: usize,
    agreed: usize,
    unknown: usize,
}

fn try_state(host: &Host, state: &State, tally: &mut Tally, wrong: &mut String) -> Result<(), String> {
    host.must(&format!("{FRESH}\nset -e\n{}", state.change))?;
    let report = host.run("muster doctor --json --save-facts /root/facts")?;
    let report: Value = serde_json::from_str(&report.out).map_err(|error| format!("{error}: {report:?}"))?;
    let facts: Facts =
        serde_json::from_str(&host.must("cat /root/facts")?).map_err(|error| error.to_string())?;
    let firewall = facts.firewall.known().ok_or("no firewall was seen")?;
    let table = told(firewall)?;
    let six = six(firewall)?;
    let mut probes: Vec<Probe> = table.iter().map(|one| (one.from.clone(), one.address, one.port)).collect();
    probes.extend(six.iter().cloned());
    let happened = tried(host, &probes)?;

    let answers: String = happened[table.len()..].iter().map(|open| if *open { 'Y' } else { 'T' }).collect();
    if answers != state.answers {
        writeln!(wrong, "state {}: {answers} happens, {} was expected", state.number, state.answers).ok();
    }
    for (crossing, open) in table.iter().zip(&happened) {
        tally.asked += 1;
        let agrees = match &crossing.verdict.reach {
            Reach::Open => *open,
            Reach::Closed => !*open,
            Reach::Unknown { .. } => {
                tally.unknown += 1;
                continue;
            }
        };
        if agrees {
            tally.agreed += 1;
        } else {
            writeln!(wrong, "state {}: open is {open}, and: {crossing:?}", state.number).ok();
        }
    }
    judged(state, &report, wrong);
    Ok(())
}

/// The walker's table over TCP, with the mail server as what is needed outside.
fn told(firewall: &Firewall) -> Result<Vec<Crossing>, String> {
    let address = "203.0.113.2".parse().map_err(|_| "no address")?;
    let need = Need { name: "mail".to_owned(), protocol: Protocol::Tcp, address, port: 587 };
    let all = crossings(firewall, &published_by_proxies(firewall), &[need]);
    Ok(all.into_iter().filter(|one| one.protocol == Protocol::Tcp).collect())
}

/// The six of the field notes.
fn six(firewall: &Firewall) -> Result<[Probe; 6], String> {
    let proxies = published_by_proxies(firewall);
    let api = proxies.iter().find(|one| one.host_port == 8080).ok_or("no proxy of port 8080")?.container;
    let bridges = firewall.interfaces.known().ok_or("no interfaces")?;
    let bridge = bridges.iter().find(|one| one.name == "docker0").ok_or("no docker0")?;
    let own = bridge.addresses.iter().find(|own| own.address.is_ipv4()).ok_or("no address")?.address;
    let inside = From::Network { bridge: "docker0".to_owned() };
    let known = |text: &str| text.parse::<IpAddr>().map_err(|error| error.to_string());
    let far = known("203.0.113.2")?;
    Ok([
        (From::Internet, known("203.0.113.1")?, 8080),
        (From::Host, known("127.0.0.1")?, 8080),
        (From::Host, api, 80),
        (From::Host, far, 587),
        (inside.clone(), far, 587),
        (inside, own, 9000),
    ])
}

/// Whether a whole request gets its answer, for each; all at once.
fn tried(host: &Host, probes: &[Probe]) -> Result<Vec<bool>, String> {
    let pid =
        |name: &str| format!("{name}=$(docker inspect --format '{{{{.State.Pid}}}}' {name} 2>/dev/null)\n");
    let mut script = pid("api") + &pid("side");
    for (at, (from, address, port)) in probes.iter().enumerate() {
        let before = match from {
            From::Internet => "ip netns exec world",
            From::Host => "",
            From::Network { bridge } if bridge == "docker0" => "nsenter --target $api --net",
            From::Network { .. } => "nsenter --target $side --net",
        };
        let source = if *from == From::Internet { "--interface 52.95.110.7" } else { "" };
        let address = if address.is_ipv6() { format!("[{address}]") } else { address.to_string() };
        writeln!(
            script,
            "({before} curl --globoff --silent --output /dev/null --max-time 2 {source} http://{address}:{port}/; echo {at} $?) &"
        )
        .map_err(|error| error.to_string())?;
    }
    let said = host.must(&format!("{script}wait"))?;
    let ends: BTreeMap<usize, bool> = said
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(at, code)| Some((at.parse().ok()?, code == "0")))
        .collect();
    (0..probes.len())
        .map(|at| ends.get(&at).copied().ok_or(format!("no end of probe {at}: {said}")))
        .collect()
}

fn judged(state: &State, report: &Value, wrong: &mut String) {
    let findings = report["findings"].as_array().cloned().unwrap_or_default();
    let ids: BTreeSet<&str> = findings.iter().filter_map(|one| one["id"].as_str()).collect();
    for id in state.found.iter().filter(|id| !ids.contains(**id)) {
        writeln!(wrong, "state {}: {id} is not found", state.number).ok();
    }
    for id in state.not_found.iter().filter(|id| ids.contains(**id)) {
        let about: Vec<&Value> = findings.iter().filter(|one| one["id"] == **id).collect();
        writeln!(wrong, "state {}: {id} is found: {about:?}", state.number).ok();
    }
}
