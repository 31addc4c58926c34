//! Jobs that end well and do nothing, and schedules that move under them: each is caught.

use muster_testbed::host::Host;

use crate::server::{HEAD, await_page, contains, server, start};

const JOBS: &str = r#"
[job.no-script]
schedule = "* * * * *"
start_within = "15s"

[job.empty-argument]
schedule = "* * * * *"
start_within = "15s"

[job.missing-script]
schedule = "* * * * *"
start_within = "15s"

[job.no-artefact]
schedule = "* * * * *"
start_within = "15s"
expect = { file = { glob = "/srv/none/*.csv", newer_than = "start" } }

[job.stale-artefact]
schedule = "* * * * *"
start_within = "15s"
expect = { file = { glob = "/srv/stale/*.csv", newer_than = "start" } }

[job.shrunken]
every = "1d"
severity = { odd = "page" }
expect = { file = { glob = "/srv/shrunken.db", newer_than = "start" } }

[job.slow]
every = "1d"
severity = { odd = "page" }

[job.skipped]
every = "1d"
skip_alert = 3
"#;

const CRONTAB: &str = r#"MAILTO=""
PATH=/usr/local/bin:/usr/bin:/bin
* * * * * root muster run no-script -- bash -e
* * * * * root muster run empty-argument -- sh -c "$NOT_SET"
* * * * * root muster run missing-script -- sh -c '/opt/gone.sh; true'
* * * * * root muster run no-artefact -- true
* * * * * root muster run stale-artefact -- true
"#;

/// All of them on one host.
pub(crate) fn are_caught() -> Result<(), String> {
    let host = server("idle-jobs", Some(&format!("{HEAD}{JOBS}")))?;
    host.must("mkdir -p /srv/stale && touch -d '2 days ago' /srv/stale/old.csv")?;
    start(&host)?;
    host.put("/etc/cron.d/idle", CRONTAB.as_bytes(), "644")?;

    let page = |name: &str, words: &str| -> Result<(), String> {
        contains(&await_page(&host, 100, name, "opened")?.whole.body.to_string(), words)
    };
    page("job.no-script", "without a script")?;
    page("job.empty-argument", "without a script")?;
    page("job.missing-script", "/opt/gone.sh")?;
    page("job.no-artefact", "/srv/none/*.csv")?;
    page("job.stale-artefact", "/srv/stale/")?;

    unlike_itself(&host)?;
    page("job.shrunken", "usually")?;
    page("job.slow", "usually")?;

    // Three nights at which the job of the first still holds the lock.
    host.must("muster run skipped -- sleep 60 >/dev/null 2>&1 & sleep 1; for night in 1 2 3; do muster run skipped -- true; done; true")?;
    page("job.skipped", "skip")?;
    zone_changed(&host)
}

/// Ten runs and more as usual, then one with half the artefact and one of four times the length.
fn unlike_itself(host: &Host) -> Result<(), String> {
    host.must(
        "for run in 1 2 3 4 5 6 7 8 9 10 11; do
             muster run shrunken -- dd if=/dev/zero of=/srv/shrunken.db bs=1k count=100 2>/dev/null
             muster run slow -- sleep 1
         done
         muster run shrunken -- dd if=/dev/zero of=/srv/shrunken.db bs=1k count=50 2>/dev/null
         muster run slow -- sleep 4",
    )
    .map(drop)
}

/// The host moves to another zone: cron follows, muster.toml does not.
fn zone_changed(host: &Host) -> Result<(), String> {
    let crontab = "0 2 * * * root muster run no-script -- bash -e\n";
    // The same in muster.toml, so that it is only the zone that differs.
    let nightly = JOBS.replacen("* * * * *", "0 2 * * *", 1);
    host.put("/etc/muster/muster.toml", format!("{HEAD}{nightly}").as_bytes(), "600")?;
    host.put("/etc/cron.d/idle", crontab.as_bytes(), "644")?;
    host.must("ln -sf /usr/share/zoneinfo/Asia/Tokyo /etc/localtime && systemctl restart cron muster")?;
    contains(&await_page(host, 60, "schedule.timezone", "opened")?.whole.body.to_string(), "Asia/Tokyo")?;
    host.must("ln -sf /usr/share/zoneinfo/Etc/UTC /etc/localtime && systemctl restart cron muster")?;
    await_page(host, 60, "schedule.timezone", "resolved").map(drop)
}
