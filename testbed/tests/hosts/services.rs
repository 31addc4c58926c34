//! What a service says beside its image and its port: a worker's heartbeat, tools, credentials, hooks, and releases that
//! cannot be undone. On one server with systemd that deploys to itself, with its agent.

#![expect(clippy::print_stdout, reason = "what a deploy said is read by people when a scenario fails")]

use muster_testbed::host::{Done, Host};

use crate::server::{HEAD, server, start};

const SERVICE: &str = r#"
[check.worker]
kind = "heartbeat"
every = "5m"

[service.worker]
artifact = "/srv/good/worker"
command = ["./worker"]
user = "worker"
env_file = "/etc/worker/env"
health = { heartbeat = "worker", within = "20s" }
tools = { tar = ">= 1.2" }
credentials = { key = "/etc/worker/key" }
hooks = { before = ["/srv/hook", "one word"], after = ["/srv/hook"], failed = ["/srv/hook"] }
"#;

/// Reports each second, if it was handed its key.
const GOOD: &str = "#!/bin/sh\n[ \"$(cat \"$CREDENTIALS_DIRECTORY/key\")\" = open ] || exit 9\n\
                    while :; do curl -fsS --max-time 5 \"$PING\"; sleep 1; done\n";

/// Runs and says nothing.
const MUTE: &str = "#!/bin/sh\nexec sleep 3600\n";

/// Notes what it was told, and fails when it is to.
const HOOK: &str = "#!/bin/sh\necho \"$MUSTER_STEP $MUSTER_RELEASE $MUSTER_SERVICE $1\" >> /srv/told\n\
                    [ ! -e /srv/refuse ] || { echo not today; exit 3; }\n";

pub(crate) fn are_held_to_what_they_say() -> Result<(), String> {
    let host = server("services", Some(&format!("{HEAD}{SERVICE}")))?;
    // As on a host: in a container systemd leaves its mounts private, so that what it hands over reaches nobody.
    host.must("mount --make-rshared /; useradd --system worker; mkdir -p /etc/worker /srv/good /srv/mute")?;
    for (path, text, mode) in [
        ("/srv/good/worker", GOOD, "755"),
        ("/srv/mute/worker", MUTE, "755"),
        ("/srv/hook", HOOK, "755"),
        ("/etc/worker/key", "open", "644"),
        ("/etc/worker/env", "PING=unknown\n", "600"),
    ] {
        host.put(path, text.as_bytes(), mode)?;
    }
    preflight(&host)?;
    worker(&host)?;
    hooks(&host)?;
    irreversible(&host)
}

/// What is missing is told before anything starts, all of it at once.
fn preflight(host: &Host) -> Result<(), String> {
    host.must("sed -i 's/tar = \">= 1.2\"/tar = \">= 99.1\", nosuch = \">= 1\"/' /etc/muster/muster.toml")?;
    let done = host.run("muster deploy worker")?;
    for words in [
        "of this host is too old: 99.1 or newer is needed",
        "nosuch is not on this host",
        "the credential key, can be read by others (mode 644)",
        "the agent of this host cannot be asked whether check.worker reports",
    ] {
        expect(&done, 5, words)?;
    }
    host.must("sed -i 's/^tools = .*/tools = { tar = \">= 1.2\" }/' /etc/muster/muster.toml")?;
    host.must("chmod 600 /etc/worker/key")?;
    start(host)?;
    host.must("echo \"PING=$(muster ping worker --url)\" > /etc/worker/env; muster ping worker")?;
    Ok(())
}

fn worker(host: &Host) -> Result<(), String> {
    // A report from before its start is none of it: that of a moment ago does not help a mute one.
    let done = host.run("muster deploy worker /srv/mute/worker")?;
    expect(&done, 1, "check.worker did not report since its start")?;
    println!("{}", host.must("muster deploy worker")?);
    one_runs(host, "good")?;
    let unit = "/etc/systemd/system/muster-worker@*.service";
    host.must(&format!(
        "grep -q LoadCredential=key:/etc/worker/key {unit} && systemd-analyze verify {unit}"
    ))?;
    let done = host.run("muster deploy worker /srv/mute/worker")?;
    println!("{}", done.out);
    expect(&done, 1, "check.worker did not report since its start")?;
    one_runs(host, "good")
}

/// Only one worker runs, and it is a good one, which a mute one is not.
fn one_runs(host: &Host, which: &str) -> Result<(), String> {
    let running =
        host.must("systemctl list-units --plain --no-legend --state running 'muster-worker@*' | wc -l")?;
    let reports = host.run("pgrep -u worker -f curl || pgrep -u worker -f ./worker")?;
    match (running.trim(), reports.code) {
        ("1", 0) => Ok(()),
        other => Err(format!("expected one {which} worker: {other:?}")),
    }
}

fn hooks(host: &Host) -> Result<(), String> {
    let told = host.must("cat /srv/told")?;
    let lines: Vec<&str> = told.lines().collect();
    let expected = [
        "preflight 1 worker ",
        "before 2 worker one word",
        "probation 2 worker ",
        "before 3 worker one word",
        "after 3 worker ",
        "before 4 worker one word",
        "probation 4 worker ",
    ];
    if lines != expected {
        return Err(format!("the hooks were told {lines:?}"));
    }
    let plan = host.must("muster deploy worker --plan")?;
    println!("{plan}");
    if !plan.contains("failed   /srv/hook") || !plan.contains("  before ") {
        return Err(format!("the plan does not name the hooks: {plan}"));
    }
    let before = host.must("ls /opt/worker/releases | wc -l")?;
    let done = host.run("touch /srv/refuse; muster deploy worker")?;
    println!("{}", done.out);
    expect(&done, 5, "hook: exit 3: not today")?;
    expect(&done, 5, "Nothing was changed.")?;
    host.must("rm /srv/refuse; grep -q 'not today' /var/lib/muster/hooks/worker-before.log")?;
    match host.must("ls /opt/worker/releases | wc -l")? == before {
        true => one_runs(host, "good"),
        false => Err("something was fetched although the hook refused".to_owned()),
    }
}

/// A release keeps the word that it was deployed with.
fn irreversible(host: &Host) -> Result<(), String> {
    host.must("echo 'irreversible = true' >> /etc/muster/muster.toml; muster deploy worker")?;
    host.must("sed -i '/^irreversible/d' /etc/muster/muster.toml")?;
    let done = host.run("muster rollback worker")?;
    expect(&done, 5, "changed data in a way that the releases before it may not understand")?;
    println!("{}", host.must("muster rollback worker --even-if-irreversible")?);
    one_runs(host, "good")
}

fn expect(done: &Done, code: i32, words: &str) -> Result<(), String> {
    match done.code == code && (done.out.contains(words) || done.err.contains(words)) {
        true => Ok(()),
        false => Err(format!("expected exit {code} and {words:?}: {done:?}")),
    }
}
