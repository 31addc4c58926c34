//! Jobs under a real cron.

use std::time::Duration;

use crate::server::{HEAD, await_page, beats, contains, exactly, server, start, told};

const JOBS: &str = r#"
[job.failing]
schedule = "* * * * *"
start_within = "15s"
notify = ["hook", "mail"]

[job.hanging]
schedule = "* * * * *"
start_within = "15s"
timeout = { hard = "5s", grace = "1s" }

[job.overlapping]
schedule = "* * * * *"
start_within = "15s"
overlap = "skip"
skip_alert = 3

[job.deleted]
schedule = "* * * * *"
start_within = "15s"

[job.hasty]
schedule = "* * * * *"
start_within = "15s"
min_runtime = "2s"

[job.greedy]
schedule = "* * * * *"
start_within = "15s"
"#;

const CRONTAB: &str = r#"MAILTO=""
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
* * * * * root muster run failing -- sh -c 'echo "row 17 is broken" >&2; test -e /srv/mended'
* * * * * root muster run hanging -- sh -c 'test -e /srv/mended || { echo "waiting for the lock"; sleep 600; }'
* * * * * root muster run overlapping -- sh -c 'test -e /srv/mended || sleep 230'
* * * * * root muster run hasty -- sh -c 'test ! -e /srv/mended || sleep 3'
* * * * * root systemd-run --quiet --scope -p MemoryMax=20M muster run greedy -- sh -c 'test -e /srv/mended || tail /dev/zero'
"#;

const DELETED: &str = "MAILTO=\"\"\n* * * * * root /usr/local/bin/muster run deleted -- true\n";

const NAMES: [&str; 6] =
    ["job.failing", "job.hanging", "job.overlapping", "job.deleted", "job.hasty", "job.greedy"];

/// Six ways to break, one page and one end each; then cron itself stops; then the agent is killed.
pub(crate) fn broken_jobs() -> Result<(), String> {
    let host = server("broken-jobs", Some(&format!("{HEAD}{JOBS}")))?;
    start(&host)?;
    host.put("/etc/cron.d/muster-deleted", DELETED.as_bytes(), "644")?;
    host.put("/etc/cron.d/muster-jobs", CRONTAB.as_bytes(), "644")?;

    host.wait(Duration::from_secs(80), "the first run of job.deleted", |host| {
        Ok(host.run("muster jobs history deleted --json")?.out.contains("\"ok\""))
    })?;
    host.must("rm /etc/cron.d/muster-deleted")?;

    let failing = await_page(&host, 90, "job.failing", "opened")?;
    let words = failing.whole.body.to_string();
    contains(&words, "row 17 is broken")?;
    contains(&words, "broken-jobs")?;
    let hanging = await_page(&host, 90, "job.hanging", "opened")?.whole.body.to_string();
    contains(&hanging, "waiting for the lock")?;
    await_page(&host, 90, "job.hasty", "opened")?;
    contains(&await_page(&host, 90, "job.greedy", "opened")?.whole.body.to_string(), "memory")?;
    await_page(&host, 120, "job.deleted", "opened")?;
    await_page(&host, 260, "job.overlapping", "opened")?;
    contains(&host.must("cat /var/mail/root")?, "job.failing")?;
    let status = host.run("muster status")?;
    if status.code != 1 {
        return Err(format!("status with six incidents must exit 1: {status:?}"));
    }

    host.must("touch /srv/mended")?;
    host.put("/etc/cron.d/muster-deleted", DELETED.as_bytes(), "644")?;
    for name in NAMES {
        await_page(&host, 150, name, "resolved")?;
    }
    for name in NAMES {
        exactly(&host, name, &["opened", "resolved"])?;
    }

    // More than twenty pages within five minutes are a storm and come as one digest; the doctor has a word to say as well.
    std::thread::sleep(Duration::from_secs(100));
    host.must("systemctl stop cron")?;
    host.wait(Duration::from_secs(120), "silence of cron to be noticed", |host| {
        Ok(told(host, "job.failing")?.iter().filter(|told| told.event == "opened").count() == 2)
    })?;
    host.must("systemctl start cron")?;
    for name in NAMES {
        host.wait(Duration::from_secs(120), &format!("{name} to be well again"), |host| {
            Ok(told(host, name)?.iter().filter(|told| told.event == "resolved").count() == 2)
        })?;
        exactly(&host, name, &["opened", "resolved", "opened", "resolved"])?;
    }

    agent_killed(&host)
}

/// systemd brings a killed agent back, a hung one too, and an outside heartbeat stays away while it is gone.
fn agent_killed(host: &muster_testbed::host::Host) -> Result<(), String> {
    let pages = told(host, "job.")?.len();
    let restarts =
        |host: &muster_testbed::host::Host| host.must("systemctl show muster --property NRestarts --value");
    let before = restarts(host)?;
    host.must("systemctl kill --signal KILL muster")?;
    host.wait(Duration::from_secs(30), "systemd to start the agent again", |host| {
        Ok(restarts(host)? != before && host.run("systemctl is-active muster")?.out.trim() == "active")
    })?;
    let hung = restarts(host)?;
    host.must("systemctl kill --signal STOP muster")?;
    host.wait(Duration::from_secs(90), "the watchdog of systemd to replace a hung agent", |host| {
        Ok(restarts(host)? != hung && host.run("systemctl is-active muster")?.out.trim() == "active")
    })?;
    let count = beats(host)?;
    host.wait(
        Duration::from_secs(60),
        "the outside heartbeat to come back",
        |host| Ok(beats(host)? > count),
    )?;
    host.must("systemctl stop muster")?;
    let stopped = beats(host)?;
    // Two periods of silence and more: a condition that must *not* come true.
    if host.wait(Duration::from_secs(25), "no beat", |host| Ok(beats(host)? > stopped)).is_ok() {
        return Err("the outside heartbeat was called although the agent was stopped".to_owned());
    }
    let after = told(host, "job.")?.len();
    if after == pages { Ok(()) } else { Err(format!("{} false pages around the restarts", after - pages)) }
}

/// No file at all: the roll of the host is read from its own crontabs.
pub(crate) fn no_configuration() -> Result<(), String> {
    let host = server("no-configuration", None)?;
    let crontab = "17 3 * * * root /opt/export/run.sh --all\n*/5 * * * * root /usr/local/bin/muster run refresh -- true\n";
    host.put("/etc/cron.d/app", crontab.as_bytes(), "644")?;
    start(&host)?;
    host.wait(Duration::from_secs(20), "the host's own schedules to be listed", |host| {
        let list = host.must("muster jobs list")?;
        Ok(list.contains("/opt/export/run.sh") && list.contains("refresh"))
    })?;
    let board = host.must("muster status --json")?;
    contains(&board, "job.refresh")?;
    host.must("muster run refresh -- true")?;
    host.wait(Duration::from_secs(10), "the run to be heard", |host| {
        Ok(host.run("muster jobs history refresh --json")?.out.contains("\"ok\""))
    })?;
    let written = host.must("muster init && muster config check && cat /etc/muster/muster.toml")?;
    contains(&written, "[job.refresh]")?;
    contains(&written, "/opt/export/run.sh")
}
