//! Jobs that are due when a timer of systemd is: as real systemd tells it, and when it no longer does.

use std::time::Duration;

use muster_testbed::host::Host;

use crate::server::{HEAD, await_page, contains, exactly, server, start};

const JOBS: &str = r#"
[job.often]
timer = "often.timer"
by = "systemd"

[job.period]
timer = "period.timer"

[job.half-minute]
timer = "half-minute.timer"

[job.later]
timer = "later.timer"
"#;

/// A timer and the service that it starts, wrapped.
fn put(host: &Host, name: &str, times: &str) -> Result<(), String> {
    let timer = format!("[Timer]\n{times}\n[Install]\nWantedBy=timers.target\n");
    let service =
        format!("[Service]\nType=oneshot\nExecStart=/usr/local/bin/muster run {name} -- /usr/bin/true\n");
    host.put(&format!("/etc/systemd/system/{name}.timer"), timer.as_bytes(), "644")?;
    host.put(&format!("/etc/systemd/system/{name}.service"), service.as_bytes(), "644")?;
    host.must(&format!("systemctl daemon-reload && systemctl enable --now {name}.timer")).map(drop)
}

fn rhythm(host: &Host, words: &'static str) -> Result<(), String> {
    host.wait(Duration::from_secs(30), words, |host| {
        host.run("muster jobs list").map(|done| done.out.contains(words))
    })
    .map(drop)
}

/// What is known of each, and what becomes of it when the timer is changed.
pub(crate) fn are_followed() -> Result<(), String> {
    let host = server("timers", Some(&format!("{HEAD}{JOBS}")))?;
    put(&host, "often", "OnCalendar=minutely")?;
    put(&host, "period", "OnBootSec=1d\nOnUnitActiveSec=2h\nRandomizedDelaySec=20min")?;
    put(&host, "half-minute", "OnCalendar=*-*-* *:*:30\nAccuracySec=1s")?;
    start(&host)?;

    rhythm(&host, "* * * * * (")?;
    rhythm(&host, "every 2h")?;
    let page = |name: &str, words: &[&str]| -> Result<(), String> {
        let text = await_page(&host, 30, name, "opened")?.whole.body.to_string();
        words.iter().try_for_each(|words| contains(&text, words))
    };
    page("job.half-minute", &["half-minute.timer", "OnCalendar=*-*-* *:*:30", "write `every`"])?;
    page("job.later", &["later.timer", "systemctl enable --now later.timer"])?;
    host.wait(Duration::from_secs(150), "a run by systemd", |host| {
        host.run("muster jobs history often --json").map(|done| done.out.contains("\"ok\""))
    })?;

    put(&host, "later", "OnCalendar=Mon..Fri 02:30 Asia/Tokyo")?;
    put(&host, "often", "OnCalendar=03:15")?;
    host.must("systemctl reload muster")?;
    await_page(&host, 30, "job.later", "resolved")?;
    rhythm(&host, "30 2 * * mon-fri (Asia/Tokyo)")?;
    rhythm(&host, "15 3 * * * (")?;
    exactly(&host, "job.often", &[])?;

    host.must(
        "systemctl stop often.timer && systemctl disable --now period.timer && systemctl reload muster",
    )?;
    page("job.often", &["it is inactive (enabled)", "systemctl enable --now often.timer"])?;
    page("job.period", &["not enabled", "systemctl enable --now period.timer"])
}
