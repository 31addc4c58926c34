//! What must survive: a receiver that is away, an agent that is killed, a disk that is full.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::server::{HEAD, await_page, code, contains, exactly, server, start, told};

const JOBS: &str = r#"
[job.one]
success_every = "7d"
[job.two]
success_every = "7d"
[job.three]
success_every = "7d"
"#;

/// The receiver refuses for a while and the agent is killed in the middle.
pub(crate) fn receiver_away() -> Result<(), String> {
    let seconds: u64 =
        std::env::var("MUSTER_TESTBED_OUTAGE").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    let host = server("receiver-away", Some(&format!("{HEAD}{JOBS}")))?;
    start(&host)?;
    host.must("systemctl stop receiver")?;
    code(&host.run("muster run one -- sh -c 'echo first; exit 3'")?, 3)?;
    // Bad and well again while nobody can be told: one message says both.
    code(&host.run("muster run two -- false")?, 1)?;
    code(&host.run("muster run two -- true")?, 0)?;
    wait_for(seconds / 2);
    host.must("systemctl kill --signal KILL muster")?;
    code(&host.run("muster run three -- sh -c 'exit 9'")?, 9)?;
    wait_for(seconds - seconds / 2);
    host.must("systemctl reset-failed receiver; systemctl start receiver")?;

    await_page(&host, 75, "job.one", "opened")?;
    await_page(&host, 75, "job.three", "opened")?;
    let late = await_page(&host, 75, "job.two", "resolved")?.whole.body.to_string();
    contains(&late, "was")?;
    code(&host.run("muster run one -- true; muster run three -- true")?, 0)?;
    await_page(&host, 30, "job.one", "resolved")?;
    await_page(&host, 30, "job.three", "resolved")?;
    exactly(&host, "job.one", &["opened", "resolved"])?;
    exactly(&host, "job.two", &["resolved"])?;
    exactly(&host, "job.three", &["opened", "resolved"])?;
    let mut keys = BTreeMap::new();
    for told in told(&host, "")? {
        *keys.entry(told.whole.key).or_insert(0) += 1;
    }
    let twice: Vec<_> = keys.iter().filter(|(_, count)| **count > 1).collect();
    if twice.is_empty() { Ok(()) } else { Err(format!("delivered more than once: {twice:?}")) }
}

/// An outage has a length; nothing can be waited for but the time itself.
fn wait_for(seconds: u64) {
    std::thread::sleep(Duration::from_secs(seconds));
}

/// State and logs on a disk of three megabytes that somebody fills.
pub(crate) fn disk_full() -> Result<(), String> {
    let host = server("disk-full", Some(&format!("{HEAD}{JOBS}")))?;
    host.must("mkdir -p /var/lib/muster && mount -t tmpfs -o size=6m,mode=700 tmpfs /var/lib/muster")?;
    start(&host)?;
    code(&host.run("muster run one -- true")?, 0)?;
    host.must(
        "dd if=/dev/zero of=/var/lib/muster/filler bs=4k 2>/dev/null; df /var/lib/muster | grep -q 100%",
    )?;

    code(&host.run("muster run one -- sh -c 'echo the disk is full; exit 7'")?, 7)?;
    let page = await_page(&host, 30, "job.one", "opened")?.whole.body.to_string();
    contains(&page, "the disk is full")?;
    await_page(&host, 60, "duty.store", "opened")?;
    let status = host.run("muster status")?;
    contains(&status.out, "store")?;
    code(&host.run("muster run two -- sh -c 'exit 5'")?, 5)?;
    await_page(&host, 30, "job.two", "opened")?;

    host.must("rm /var/lib/muster/filler")?;
    await_page(&host, 90, "duty.store", "resolved")?;
    code(&host.run("muster run one -- true")?, 0)?;
    await_page(&host, 30, "job.one", "resolved")?;
    exactly(&host, "job.one", &["opened", "resolved"])?;
    exactly(&host, "job.two", &["opened"])?;
    contains(&host.must("muster jobs history one")?, "7")
}
