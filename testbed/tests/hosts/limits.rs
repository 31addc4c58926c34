//! Limits where muster may make no control group: systemd is asked for a scope.

use std::time::Duration;

use muster_testbed::host::{Done, Host};
use serde_json::Value;

use crate::server::{HEAD, await_page, code, contains, server, start};

const JOBS: &str = r#"
[job.greedy]
every = "1d"
memory = "48MiB"

[job.many]
every = "1d"
pids = 10
cpu = 0.5

[job.again]
every = "1d"
memory = "48MiB"
retries = { count = 1, delay = "10ms" }

[job.hanging]
every = "1d"
memory = "48MiB"
timeout = { hard = "1s", grace = "1s" }

[job.plain]
every = "1d"
memory = "48MiB"
"#;

/// What a user sets for jobs of its own.
const OWN: &str = "[muster]\nname = \"own\"\ntimezone = \"UTC\"\nstate = \"/home/deploy/state\"\n\n\
                   [job.own]\nevery = \"1d\"\nmemory = \"48MiB\"\n";

/// The bus of a user as a distribution sets it up.
const USER: &str = "
    useradd --create-home deploy
    mkdir -p /etc/systemd/system/user@.service.d /etc/systemd/user/sockets.target.wants
    printf '[Service]\\nEnvironment=XDG_RUNTIME_DIR=/run/user/%%i\\n' > /etc/systemd/system/user@.service.d/runtime.conf
    printf '[Socket]\\nListenStream=%%t/bus\\n' > /etc/systemd/user/dbus.socket
    printf '[Unit]\\nRequires=dbus.socket\\n[Service]\\nType=notify\\nExecStart=/usr/bin/dbus-daemon --session \
        --address=systemd: --nofork --nopidfile --systemd-activation --syslog-only\\n' > /etc/systemd/user/dbus.service
    ln -sf ../dbus.socket /etc/systemd/user/sockets.target.wants/dbus.socket
    systemctl daemon-reload";

/// Root in a unit that may not write control groups; a user; systemd that does not answer.
pub(crate) fn kept_by_systemd() -> Result<(), String> {
    let host = server("limits", Some(&format!("{HEAD}{JOBS}")))?;
    start(&host)?;

    run(&host, "greedy", "tail /dev/zero; true")?;
    let killed = last(&host, "greedy")?;
    kept(&killed, "memory", 48 << 20)?;
    contains(&killed["unmet"].to_string(), "killed a process of it for memory at its limit of 48 MiB, ")?;
    contains(&await_page(&host, 30, "job.greedy", "opened")?.whole.body.to_string(), "limit of 48 MiB")?;

    // All that a job can see of it: where it is from its first instruction, and what it was handed.
    let look = "cat /proc/self/cgroup; stat -c %%i /proc/self/fd/* | wc -l; ps -o ppid= -p $$$$ | xargs ps -o comm= -p; \
                n=0; while [ $n -lt 20 ]; do sleep 0.2 & n=$((n+1)); done; wait";
    code(&run(&host, "many", look)?, 2)?;
    let many = last(&host, "many")?;
    kept(&many, "pids", 10)?;
    kept(&many, "cpu", 500)?;
    let seen = many["tail"].as_str().unwrap_or_default();
    for words in ["pids:/", "/system.slice/muster-", ".scope\n", "\nmuster\n", "Cannot fork"] {
        contains(seen, words)?;
    }

    code(
        &run(
            &host,
            "again",
            "grep -c memory.*scope /proc/self/cgroup; test -e /srv/second || { touch /srv/second; exit 7; }",
        )?,
        0,
    )?;
    let again = last(&host, "again")?;
    kept(&again, "memory", 48 << 20)?;
    if again["attempts"].as_array().map(Vec::len) != Some(1) || again["tail"].as_str() != Some("1\n1") {
        return Err(format!("both attempts in the scope: {again:#}"));
    }

    code(&run(&host, "hanging", "trap \"\" TERM; sleep 600 & sleep 600")?, 124)?;
    kept(&last(&host, "hanging")?, "memory", 48 << 20)?;
    code(&run(&host, "plain", "kill -KILL $$$$")?, 137)?;
    contains(&last(&host, "plain")?["ending"].to_string(), "killed")?;
    code(&host.run("ps -eo args= | grep -c '[s]leep 600'")?, 1)?;
    host.wait(Duration::from_secs(10), "the scopes to be gone", |host| {
        Ok(host.must("systemctl list-units --all --plain --no-legend 'muster-*.scope'")?.is_empty())
    })?;
    users(&host)?;
    unheard(&host)
}

/// systemd that hangs costs its limit and nothing else.
fn unheard(host: &Host) -> Result<(), String> {
    host.must("pkill -STOP -o -x -u messagebus dbus-daemon")?;
    let ran = run(host, "plain", "exit 9");
    host.must("pkill -CONT -o -x -u messagebus dbus-daemon")?;
    code(&ran?, 9)?;
    let outcome = last(host, "plain")?;
    contains(&outcome["notes"].to_string(), "no scope of systemd (busctl did not answer in time)")?;
    by(&outcome, "rlimit")
}

/// A user whose manager stays, and one whose manager does not.
fn users(host: &Host) -> Result<(), String> {
    host.must(USER)?;
    host.put("/home/deploy/muster.toml", OWN.as_bytes(), "644")?;
    let script = "cd /home/deploy && setpriv --reuid=deploy --regid=deploy --clear-groups \
                  muster run --config muster.toml own -- cat /proc/self/cgroup";
    let done = host.run(script)?;
    code(&done, 0)?;
    contains(&done.err, "has no manager with a bus")?;
    host.must("loginctl enable-linger deploy")?;
    host.wait(Duration::from_secs(20), "the manager of the user", |host| {
        Ok(host.run("test -S /run/user/$(id -u deploy)/bus")?.code == 0)
    })?;
    let done = host.run(script)?;
    code(&done, 0)?;
    // Version 1 hands no controller on to a user's manager: then it is told, and nothing is claimed.
    if host.run("test -e /sys/fs/cgroup/cgroup.controllers")?.code == 0 {
        contains(&done.out, "/app.slice/muster-")
    } else {
        contains(&done.err, "scope was made and keeps no limit")
    }
}

/// Runs a job in a unit that may look at control groups and not write them. systemd reads `%%` and `$$` as one.
fn run(host: &Host, job: &str, script: &str) -> Result<Done, String> {
    let unit = format!(
        "[Service]\nType=oneshot\nProtectControlGroups=yes\n\
         ExecStart=/usr/local/bin/muster run {job} -- sh -c '{script}'\n"
    );
    host.put(&format!("/etc/systemd/system/{job}.service"), unit.as_bytes(), "644")?;
    host.run(&format!(
        "systemctl daemon-reload; systemctl start {job} 2>&1
         exit $(systemctl show {job} --property ExecMainStatus --value)"
    ))
}

/// The outcome of the last run of a job, once it is heard.
fn last(host: &Host, job: &str) -> Result<Value, String> {
    let mut found = None;
    host.wait(Duration::from_secs(20), &format!("the run of {job} to be heard"), |host| {
        let text = host.must(&format!("muster jobs history {job} --json"))?;
        let history: Value = serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))?;
        let state = &history["runs"][0]["state"];
        found = ["ok", "failed"].iter().find_map(|word| state.get(word)).cloned();
        Ok(found.is_some())
    })
    .map_err(|error| format!("{error}: {:?}", host.run(&format!("muster jobs history {job} --json"))))?;
    found.ok_or_else(|| "found and lost".to_owned())
}

fn by(outcome: &Value, who: &str) -> Result<(), String> {
    if outcome["limits"]["by"] == who { Ok(()) } else { Err(format!("by {who}: {outcome:#}")) }
}

/// Fails unless a scope kept this limit.
fn kept(outcome: &Value, key: &str, limit: u64) -> Result<(), String> {
    by(outcome, "systemd-scope")?;
    if outcome["limits"][key] == limit { Ok(()) } else { Err(format!("{key} {limit}: {outcome:#}")) }
}
