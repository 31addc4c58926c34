//! Certbot: what it has to renew, what starts it, and how its last run ended.

use std::io::{Read, Seek, SeekFrom};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use muster_core::time::Timestamp;

use crate::collect::ground::Ground;
use crate::facts::Fact;
use crate::facts::tls::Certbot;

const RENEWAL: &str = "/etc/letsencrypt/renewal";
const WANTED: &str = "/etc/systemd/system/timers.target.wants";
const LOG: &str = "/var/log/letsencrypt/letsencrypt.log";
/// Bytes of the log that are read, from its end.
const TAIL: u64 = 256 << 10;
/// Most lines of a run that are searched for what failed.
const FAILED: usize = 20;

/// None where certbot has nothing to renew.
pub(super) fn read(ground: &Ground, unseen: &mut Vec<(String, String)>) -> Option<Certbot> {
    let names = match ground.list(RENEWAL) {
        Ok(names) => names?,
        Err(why) => {
            unseen.push((RENEWAL.to_owned(), why));
            return None;
        }
    };
    let lineages: Vec<String> =
        names.iter().filter_map(|name| name.strip_suffix(".conf")).map(str::to_owned).collect();
    if lineages.is_empty() {
        return None;
    }
    let debians = "/etc/cron.d/certbot";
    let text = |path: &str| ground.read(path).ok().flatten().map(|text| text.lossy()).unwrap_or_default();
    let stands_aside = text(debians).contains("/run/systemd/system");
    let systemd = match ground.live {
        true => std::path::Path::new("/run/systemd/system").exists(),
        false => ground.exists("/lib/systemd/systemd") || ground.exists("/usr/lib/systemd/systemd"),
    };
    let mut started_by = timers(ground);
    let mut tables = vec!["/etc/crontab".to_owned()];
    for folder in
        ["/etc/cron.d", "/var/spool/cron/crontabs", "/var/spool/cron", "/etc/cron.daily", "/etc/cron.weekly"]
    {
        let names = ground.list(folder).ok().flatten().unwrap_or_default();
        tables.extend(names.iter().map(|name| format!("{folder}/{name}")));
    }
    for path in tables {
        if path == debians && stands_aside && systemd {
            continue;
        }
        if text(&path).lines().any(starts_certbot) {
            started_by.push(path);
        }
    }
    Some(Certbot { lineages, started_by, stands_aside, systemd, last: last(ground) })
}

fn starts_certbot(line: &str) -> bool {
    !line.trim_start().starts_with('#')
        && (line.contains("certbot") || line.contains("letsencrypt"))
        && (line.contains("renew") || line.contains(".sh"))
}

/// Enabled timers that start certbot.
fn timers(ground: &Ground) -> Vec<String> {
    let names = ground.list(WANTED).ok().flatten().unwrap_or_default();
    let starts = |name: &String| {
        let stem = name.strip_suffix(".timer")?;
        let masked = ground.link(&format!("/etc/systemd/system/{name}")).is_some_and(|to| to == "/dev/null");
        let service = ["/etc/systemd/system", "/lib/systemd/system"]
            .iter()
            .find_map(|folder| ground.read(&format!("{folder}/{stem}.service")).ok().flatten());
        let named = stem.contains("certbot") || stem.contains("letsencrypt");
        let starts = service.is_some_and(|text| text.lossy().lines().any(starts_certbot));
        (!masked && (named || starts)).then(|| name.clone())
    };
    names.iter().filter_map(starts).collect()
}

fn last(ground: &Ground) -> Fact<(Option<Timestamp>, Vec<String>)> {
    let folder = LOG.rsplit_once('/').map_or(LOG, |(folder, _)| folder);
    if let Err(why) = ground.list(folder) {
        return Fact::unknown(format!("{folder}: {why}"));
    }
    let Some(mut log) = ground.large(LOG) else { return Fact::nothing("certbot has no log") };
    let mut bytes = Vec::new();
    let size = log.metadata().map_or(0, |about| about.len());
    let sought = log.seek(SeekFrom::Start(size.saturating_sub(TAIL)));
    if sought.and_then(|_| log.take(TAIL).read_to_end(&mut bytes)).is_err() {
        return Fact::unknown(format!("{LOG} cannot be read"));
    }
    Fact::Known(outcome(&String::from_utf8_lossy(&bytes)))
}

/// When the last run began, and the names that it could not renew.
fn outcome(log: &str) -> (Option<Timestamp>, Vec<String>) {
    let begins = |line: &str| line.contains(":certbot._internal.main:certbot version");
    let lines: Vec<&str> = log.lines().collect();
    let start = lines.iter().rposition(|line| begins(line)).unwrap_or(0);
    let at = lines.iter().skip(start).find_map(|line| time(line));
    let mut failed: Vec<String> = Vec::new();
    for line in &lines[start..] {
        if let Some((_, rest)) = line.split_once("Failed to renew certificate ")
            && let Some(name) = rest.split_whitespace().next()
            && failed.len() < FAILED
            && !failed.iter().any(|known| known == name)
        {
            failed.push(name.to_owned());
        }
    }
    (at, failed)
}

/// `2026-11-20 03:12:01,123:DEBUG:`, in the zone of the host.
fn time(line: &str) -> Option<Timestamp> {
    let stamp = line.get(..19)?;
    let civil: DateTime = stamp.replacen(' ', "T", 1).parse().ok()?;
    let at = civil.to_zoned(TimeZone::system()).ok()?;
    Some(Timestamp::from_seconds(at.timestamp().as_second()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_run_counts() {
        let log = "2026-11-19 03:00:00,1:DEBUG:certbot._internal.main:certbot version: 2.1.0\n\
                   2026-11-19 03:00:09,1:ERROR:certbot._internal.renewal:Failed to renew certificate old.example with error: x\n\
                   2026-11-20 03:00:00,1:DEBUG:certbot._internal.main:certbot version: 2.1.0\n\
                   2026-11-20 03:00:09,1:ERROR:certbot._internal.renewal:Failed to renew certificate a.example with error: x\n\
                   2026-11-20 03:00:09,1:ERROR:certbot._internal.renewal:  /etc/letsencrypt/live/a.example/fullchain.pem (failure)\n";
        let (at, failed) = outcome(log);
        assert!(at.is_some());
        assert_eq!(failed, ["a.example"]);
    }
}
