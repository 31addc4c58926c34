//! Changes that disturb: a published port that ufw does not see is closed, and opened again unless somebody confirms it.
//! The host has systemd, ufw and a Docker engine of its own; another host is the internet.

use std::path::PathBuf;
use std::time::Duration;

use muster_testbed::host::Host;

use crate::server::contains;

const FIX: &str = "muster doctor --only FW001 --fix --allow-disruptive --yes";
/// All that a rollback has to give back: files with their modes, and the rules of both families without their counters.
const SNAPSHOT: &str = "cd /etc && stat -c '%n %a %u %g' ufw/* default/ufw && sha256sum ufw/*.* default/ufw
    iptables -S; ip6tables -S; iptables -t nat -S; systemctl is-active docker ufw";

/// A host whose container answers on 8080 although ufw denies all but 22, and one that asks it from outside.
fn hosts() -> Result<(Host, Host, String), String> {
    let folder = std::env::var_os("MUSTER_BIN").ok_or("MUSTER_BIN must name the folder of the binaries")?;
    let folder = PathBuf::from(folder);
    let (host, outside) = (Host::start("mending")?, Host::start("outside")?);
    host.copy(&folder.join("muster"), "/usr/local/bin/muster", "755")?;
    host.copy(&folder.join("receiver"), "/usr/local/bin/receiver", "755")?;
    host.must(
        "mkdir -p /etc/docker && echo '{\"storage-driver\":\"vfs\"}' > /etc/docker/daemon.json
         systemctl start docker
         cd / && tar -hc usr/local/bin/receiver $(ldd usr/local/bin/receiver 2>/dev/null | grep -o '/[^ ]*' | cut -c2-) |
             docker import - receiver
         docker run --detach --name shop --publish 8080:9999 receiver /usr/local/bin/receiver 0.0.0.0:9999 /
         ufw allow 22/tcp && ufw --force enable",
    )?;
    // The bridge of its own engine has an address as well.
    let address = host.must("ip -4 -o address show dev eth0 | tr -s ' ' | cut -d' ' -f4 | cut -d/ -f1")?;
    Ok((host, outside, address.trim().to_owned()))
}

fn is_open(outside: &Host, address: &str) -> Result<bool, String> {
    let asked =
        outside.run(&format!("curl -s -o /dev/null -m 3 -w '%{{http_code}}' http://{address}:8080/"))?;
    Ok(asked.out == "200")
}

fn must_be(what: &str, is: bool, wanted: bool) -> Result<(), String> {
    if is == wanted { Ok(()) } else { Err(format!("{what}: {is}, and {wanted} was wanted")) }
}

fn same(host: &Host, before: &str, when: &str) -> Result<(), String> {
    let now = host.run(SNAPSHOT)?.out;
    if now == before {
        return Ok(());
    }
    let only = |one: &str, other: &str| -> Vec<String> {
        one.lines().filter(|line| !other.lines().any(|known| known == *line)).map(str::to_owned).collect()
    };
    Err(format!("{when}: gone {:?}, new {:?}", only(before, &now), only(&now, before)))
}

fn wait_for_rollback(host: &Host, before: &str, limit: u64, when: &str) -> Result<Duration, String> {
    host.wait(Duration::from_secs(limit), when, |host| Ok(host.run(SNAPSHOT)?.out == before)).map_err(
        |error| match same(host, before, when) {
            Err(differs) => format!("{error}; {differs}"),
            Ok(()) => error,
        },
    )
}

/// A port is closed, comes back unconfirmed, stays confirmed, and is given back to the byte.
pub(crate) fn confirmed_or_rolled_back() -> Result<(), String> {
    let (host, outside, address) = hosts()?;
    let before = host.run(SNAPSHOT)?.out;
    must_be("open past ufw", is_open(&outside, &address)?, true)?;
    let left = host.run("muster doctor --only FW001 --fix --yes")?.out;
    contains(&left, "disruptive, left: FW001")?;
    contains(&left, "--allow-disruptive")?;
    same(&host, &before, "without consent")?;

    let said = host.must(FIX)?;
    contains(&said, "+-A DOCKER-USER -i eth0 -m conntrack --ctstate NEW -j DROP")?;
    contains(&said, "/lib/ufw/ufw-init force-reload")?;
    contains(
        &said,
        "Rolls back in 60 s unless you confirm: open a NEW ssh session and run: muster doctor confirm",
    )?;
    must_be("closed", is_open(&outside, &address)?, false)?;
    let took = wait_for_rollback(&host, &before, 75, "nobody confirmed it")?;
    must_be("not before its time", took > Duration::from_secs(10), true)?;
    must_be("open again", is_open(&outside, &address)?, true)?;

    killed(&host, &before)?;

    host.must(FIX)?;
    contains(&host.must("muster doctor confirm")?, "stays")?;
    std::thread::sleep(Duration::from_secs(65));
    must_be("still closed", is_open(&outside, &address)?, false)?;
    contains(&host.must("muster doctor --only FW001")?, "Nothing was found")?;
    host.must("ufw route allow proto tcp from any to any port 9999")?;
    must_be("opened by a rule of ufw", is_open(&outside, &address)?, true)?;
    host.must("ufw route delete allow proto tcp from any to any port 9999")?;
    host.must("muster doctor undo")?;
    same(&host, &before, "undone")?;
    must_be("open as it was", is_open(&outside, &address)?, true)?;

    not_loaded(&host)?;
    cron(&host)
}

/// Killed at any moment it ends as it was, and so it does when the guard is killed as well.
fn killed(host: &Host, before: &str) -> Result<(), String> {
    for delay in ["0.1", "0.4", "0.7", "1.0", "1.5"] {
        host.must(&format!(
            "{FIX} --confirm-within 10 >/dev/null 2>&1 & sleep {delay}; kill -9 $! 2>/dev/null; true"
        ))?;
        std::thread::sleep(Duration::from_secs(11));
        wait_for_rollback(host, before, 20, &format!("killed after {delay} s"))?;
    }
    host.must(FIX)?;
    // Its guard is the one process with this verb.
    host.must("kill -9 $(grep -lza '^rollback' /proc/[0-9]*/cmdline | cut -d/ -f3 | grep -vx $$ | head -1)")?;
    contains(&host.run("muster doctor --only FW001")?.err, "taken back now")?;
    same(host, before, "the guard was killed as well")
}

/// ufw is enabled and somebody emptied its chains: loaded again, which counts as a way in, and given back.
fn not_loaded(host: &Host) -> Result<(), String> {
    host.must("/lib/ufw/ufw-init force-stop")?;
    let policies = "iptables -S | grep -- '^-P'";
    let before = host.must(policies)?;
    let said = host.must("muster doctor --only FW011 --fix --allow-disruptive --yes --confirm-within 10")?;
    contains(&said, "/lib/ufw/ufw-init force-reload")?;
    contains(&host.must("ufw status")?, "Status: active")?;
    host.wait(Duration::from_secs(25), "the policies to be as before", |host| {
        Ok(host.must(policies)? == before)
    })?;
    host.must("muster doctor --only FW011 --fix --allow-disruptive --yes && muster doctor confirm")?;
    contains(&host.must("ufw status")?, "Status: active")
}

/// A daemon is started and enabled, and is neither after an undo.
fn cron(host: &Host) -> Result<(), String> {
    host.put("/etc/cron.d/shop", b"0 2 * * * root /bin/true\n", "644")?;
    host.must("systemctl disable --now cron")?;
    let state =
        "systemctl is-active cron; systemctl is-enabled cron; ls /etc/rc2.d /etc/systemd/system/*.wants";
    let before = host.run(state)?.out;
    host.must("muster doctor --only CRON018 --fix --allow-disruptive --yes")?;
    contains(&host.run(state)?.out, "active\nenabled\n")?;
    host.must("muster doctor undo")?;
    let after = host.run(state)?.out;
    if after == before { Ok(()) } else { Err(format!("before: {before}\nafter: {after}")) }
}
