//! A clean Debian server, as its packages leave it: cron, sshd, nginx, logrotate, upgrades by themselves.

use muster_testbed::host::Host;
use serde_json::Value;

use crate::doctor_messy::{findings, read};
use crate::server::{binaries, code};

/// What may be found there, and why it is true.
const TRUE: [(&str, &str); 1] = [(
    "DNS002",
    "the host has one name server, that of the machine the test runs on, and nothing else answers for it",
)];

/// Few findings and all of them true; nothing unknown to root; somebody without rights is told what they do not see; the
/// screen fits the terminal.
pub(crate) fn clean_debian() -> Result<(), String> {
    let host = Host::start_web("doctor-plain")?;
    host.copy(&binaries()?.join("muster"), "/usr/local/bin/muster", "755")?;
    let done = host.run("muster doctor --json")?;
    let report = read(&done.out)?;
    code(&done, 0)?;
    let untrue: Vec<&Value> =
        findings(&report).iter().filter(|one| !TRUE.iter().any(|(id, _)| one["id"] == *id)).collect();
    if !untrue.is_empty() || findings(&report).len() > 3 {
        return Err(format!("found on a clean host: {untrue:#?}"));
    }
    if report["unknown"] != Value::Array(Vec::new()) {
        return Err(format!("root sees all of a clean host: {:#}", report["unknown"]));
    }

    let theirs =
        host.run("cd / && setpriv --reuid=nobody --regid=nogroup --clear-groups muster doctor --json")?;
    code(&theirs, 2)?;
    if theirs.err.contains("panicked") {
        return Err(theirs.err);
    }
    let theirs = read(&theirs.out)?;
    let unseen = theirs["unknown"].as_array().map(Vec::as_slice).unwrap_or_default();
    let told =
        |word: &str| unseen.iter().any(|one| one["why"].as_str().is_some_and(|why| why.contains(word)));
    for hidden in ["/var/spool/cron/crontabs", "/etc/shadow", "nginx -t", "/root", "who reaches what"] {
        if !told(hidden) {
            return Err(format!("{hidden} is hidden, and it is not said: {unseen:#?}"));
        }
    }
    let calls_well =
        |id: &str| theirs["fine"].as_array().is_some_and(|fine| fine.iter().any(|one| one == id));
    for id in ["CRON001", "CRON023", "FW010", "NGX001", "SEC001"] {
        if calls_well(id) {
            return Err(format!("{id} needs what is hidden, and is called well"));
        }
    }
    widths(&host)
}

/// No line is wider than the terminal.
pub(crate) fn widths(host: &Host) -> Result<(), String> {
    for width in [80, 120] {
        let screen = host
            .run(&format!(
                "script --quiet --command 'stty cols {width}; muster doctor' /dev/null </dev/null"
            ))?
            .out;
        let wide = screen.lines().map(plain).find(|line| line.chars().count() > width);
        if let Some(line) = wide {
            return Err(format!("wider than {width}: {line}"));
        }
    }
    Ok(())
}

/// A line without the signs that make it bold.
fn plain(line: &str) -> String {
    let mut parts = line.trim_end().split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').map_or(part, |(_, rest)| rest))
}
