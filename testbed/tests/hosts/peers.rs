//! Two hosts that watch each other: one of them is paused, killed or cut off, and the other one tells.

use std::time::Duration;

use muster_testbed::host::Host;
use muster_testbed::network::Network;

use crate::server::{await_page, contains, exactly, server, start, told};

/// Three missed beats and what the judge adds, with room for a busy machine.
const NOTICED: u64 = 90;

/// Two hosts on a network of their own. Each has its own receiver, which it reaches whatever happens to the network.
struct Pair {
    ams: Host,
    fra: Host,
    network: Network,
}

/// The commands of the README, but for the names.
const KEY: &str = "umask 077; openssl rand -hex 32 > /etc/muster/peer.key";
const CERTIFICATE: &str = "umask 077; openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
                           -days 3650 -subj /CN=$(hostname) -keyout /etc/muster/tls.key -out /etc/muster/tls.crt";

fn configuration(peer: &str, place: &str) -> String {
    format!(
        r#"
[muster]
timezone = "UTC"
state = "/var/lib/muster"
listen = "0.0.0.0:7077"
password = {{ file = "/etc/muster/password" }}
tls = {{ certificate = "/etc/muster/tls.crt", key = "/etc/muster/tls.key" }}

[defaults]
notify = ["hook"]

[notify.hook]
kind = "webhook"
url = "http://127.0.0.1:9999/hook"

[peer.{peer}]
url = "https://{place}:7077"
key = {{ file = "/etc/muster/peer.key" }}
certificate = "/etc/muster/{peer}.crt"
every = "5s"
"#
    )
}

impl Pair {
    fn up(name: &str) -> Result<Self, String> {
        let network = Network::new(name)?;
        let (ams, fra) = (server(&format!("{name}-ams1"), None)?, server(&format!("{name}-fra1"), None)?);
        for host in [&ams, &fra] {
            network.connect(host)?;
            host.must("mkdir -p /etc/muster && umask 077 && openssl rand -hex 16 > /etc/muster/password")?;
            host.must(CERTIFICATE)?;
        }
        ams.must(KEY)?;
        let key = ams.must("cat /etc/muster/peer.key")?;
        fra.put("/etc/muster/peer.key", key.as_bytes(), "600")?;
        for (here, there, peer) in [(&ams, &fra, "fra1"), (&fra, &ams, "ams1")] {
            let certificate = there.must("cat /etc/muster/tls.crt")?;
            here.put(&format!("/etc/muster/{peer}.crt"), certificate.as_bytes(), "644")?;
            let text = configuration(peer, there.container());
            here.put("/etc/muster/muster.toml", text.as_bytes(), "600")?;
            here.must("muster config check")?;
        }
        for host in [&ams, &fra] {
            start(host)?;
        }
        let pair = Self { ams, fra, network };
        for (host, peer) in [(&pair.ams, "fra1"), (&pair.fra, "ams1")] {
            await_well(host, peer)?;
        }
        let said = pair.ams.must("muster status")?;
        contains(&said, "Peer fra1: heard ")?;
        contains(&said, "took our beat ")?;
        Ok(pair)
    }
}

/// Waits until a host hears its peer and the peer hears it.
fn await_well(host: &Host, peer: &str) -> Result<(), String> {
    let now: i64 = host.must("date +%s")?.trim().parse().map_err(|error| format!("date: {error}"))?;
    host.wait(Duration::from_secs(60), &format!("{peer} to be heard"), |host| {
        let status: serde_json::Value =
            serde_json::from_str(&host.run("muster status --json")?.out).unwrap_or_default();
        let known = &status["watchers"]["peers"][0];
        let recent = |key: &str| known[key].as_i64().is_some_and(|at| at / 1000 >= now);
        let ok = status["board"]["lines"].as_array().is_some_and(|lines| {
            lines.iter().any(|line| {
                line["id"] == format!("peer.{peer}") && line["condition"].to_string().contains("ok")
            })
        });
        Ok(ok && recent("last_heard") && recent("hears_us"))
    })
    .map(drop)
    .map_err(|error| {
        let said = host.run("muster status; journalctl -u muster --no-pager | tail -n 20");
        format!("{error}\n{}", said.map(|done| done.out).unwrap_or_default())
    })
}

/// Fails if anybody was told anything about a peer.
fn nothing(host: &Host) -> Result<(), String> {
    match told(host, "peer.")?.as_slice() {
        [] => Ok(()),
        pages => Err(format!("told about a peer that was well: {pages:?}")),
    }
}

/// What a page says, as one text.
fn words(page: &crate::server::Told) -> String {
    page.whole.body.to_string()
}

/// Frozen, as a hypervisor does it: its listener still takes connections, and nobody answers.
pub(crate) fn paused() -> Result<(), String> {
    let pair = Pair::up("peer-paused")?;
    pair.fra.pause()?;
    let page = await_page(&pair.ams, NOTICED, "peer.fra1", "opened");
    pair.fra.unpause()?;
    let page = words(&page?);
    contains(&page, "no beat since")?;
    contains(&page, "the last try to reach it")?;
    await_page(&pair.ams, NOTICED, "peer.fra1", "resolved")?;
    await_well(&pair.fra, "ams1")?;
    exactly(&pair.ams, "peer.fra1", &["opened", "resolved"])?;
    nothing(&pair.fra)
}

/// Killed, and nobody starts it again.
pub(crate) fn killed() -> Result<(), String> {
    let pair = Pair::up("peer-killed")?;
    pair.fra.put("/etc/systemd/system/muster.service.d/once.conf", b"[Service]\nRestart=no\n", "644")?;
    pair.fra.must("systemctl daemon-reload && systemctl kill --signal KILL muster")?;
    let page = words(&await_page(&pair.ams, NOTICED, "peer.fra1", "opened")?);
    contains(&page, "does not take connections")?;
    pair.fra.must("systemctl reset-failed muster; systemctl start muster")?;
    await_page(&pair.ams, NOTICED, "peer.fra1", "resolved")?;
    await_well(&pair.fra, "ams1")?;
    exactly(&pair.ams, "peer.fra1", &["opened", "resolved"])?;
    nothing(&pair.fra)
}

/// Both are well, and nothing goes from one to the other.
pub(crate) fn cut_off() -> Result<(), String> {
    let pair = Pair::up("peer-cut-off")?;
    let sides = [(&pair.ams, "fra1"), (&pair.fra, "ams1")];
    pair.network.disconnect(&pair.fra)?;
    for (host, peer) in sides {
        await_page(host, NOTICED, &format!("peer.{peer}"), "opened")?;
    }
    pair.network.connect(&pair.fra)?;
    for (host, peer) in sides {
        await_page(host, NOTICED, &format!("peer.{peer}"), "resolved")?;
        await_well(host, peer)?;
        exactly(host, &format!("peer.{peer}"), &["opened", "resolved"])?;
    }
    Ok(())
}

/// What `muster doctor --from` found, by rule and subject, and all that it said.
fn examined(host: &Host) -> Result<(Vec<String>, String), String> {
    let done = host.run("muster doctor --only FW --from fra1 --save-facts /root/facts.json --json")?;
    if done.code == 3 {
        return Err(format!("nobody looked: {done:?}"));
    }
    let report: serde_json::Value =
        serde_json::from_str(&done.out).map_err(|error| format!("{error}: {done:?}"))?;
    let found = report["findings"].as_array().cloned().unwrap_or_default();
    let one = |finding: &serde_json::Value| {
        let text = |key: &str| finding[key].as_str().unwrap_or_default();
        format!("{} {}", text("id"), text("subject"))
    };
    Ok((found.iter().map(one).collect(), format!("{done:?}")))
}

/// A port that ufw lets in, one that it denies, and one that a rule before this host swallows.
pub(crate) fn seen_from_outside() -> Result<(), String> {
    let pair = Pair::up("peer-outside")?;
    for port in [8001, 8002, 8003] {
        pair.ams.must(&format!(
            "systemd-run --unit open-{port} systemd-socket-activate --listen=0.0.0.0:{port} --accept --inetd /bin/true"
        ))?;
    }
    pair.ams.must("ufw allow 7077/tcp && ufw allow 8001/tcp && ufw deny 8002/tcp && ufw allow 8003/tcp && ufw --force enable")?;
    // The other side plays the provider: what goes to this port is lost on the way.
    pair.fra.must("iptables -I OUTPUT -p tcp --dport 8003 -j DROP")?;
    let (found, said) = examined(&pair.ams)?;
    if !found.contains(&"FW021 tcp 8003".to_owned()) || found.iter().any(|one| one.starts_with("FW015")) {
        return Err(format!("{found:?}\n{said}"));
    }
    for quiet in ["FW021 tcp 8001", "FW021 tcp 8002"] {
        if found.contains(&quiet.to_owned()) {
            return Err(format!("{found:?}\n{said}"));
        }
    }
    // Too early again, and a name that nobody has.
    for (name, words) in [("fra1", "at most once every 10s"), ("nobody", "there is no [peer.nobody]")] {
        let done = pair.ams.run(&format!("muster doctor --from {name}"))?;
        if done.code != 3 {
            return Err(format!("expected exit 3: {done:?}"));
        }
        contains(&format!("{done:?}"), words)?;
    }
    pair.ams.must("systemctl stop muster")?;
    let done = pair.ams.run("muster doctor --from fra1")?;
    if done.code != 3 {
        return Err(format!("expected exit 3: {done:?}"));
    }
    contains(&format!("{done:?}"), "the agent is not running")
}
