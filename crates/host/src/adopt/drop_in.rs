//! Supervision of a systemd timer without touching its units: a drop-in for the service that it starts.
//!
//! `ExecStart=` stays as it is. The first line reports the start; the last one reports the end with systemd's own
//! verdict (`$SERVICE_RESULT`, `$EXIT_CODE`, `$EXIT_STATUS` of systemd.exec(5)), and also runs when the service could
//! not be started, ran past its time, or was killed for memory. `-` lets no fault of ours fail the service; `+` runs ours
//! with full rights, outside of the service's sandbox and user, so that it reaches the spool.

use std::path::{Path, PathBuf};

use muster_core::time::Span;

use super::shell;

/// The drop-in's place for a service.
pub fn path(root: &Path, service: &str) -> PathBuf {
    root.join(format!("etc/systemd/system/{service}.d/50-muster.conf"))
}

/// Its text. `program` is the absolute path of this binary; `options` as for
/// [`Wrapper::new`](super::rewrite::Wrapper::new).
pub fn text(program: &str, options: &[(&str, &str)], name: &str) -> String {
    let mut command = argument(program);
    for (option, value) in options {
        command.push_str(&format!(" {option} {}", argument(value)));
    }
    format!(
        "# Written by `muster jobs adopt`; `muster jobs release {name}` takes it away.\n\
         [Service]\n\
         ExecStartPre=-+{command} ping job.{name} start --run $INVOCATION_ID\n\
         ExecStopPost=-+{command} ping --run $INVOCATION_ID job.{name} service\n"
    )
}

/// One argument of an `Exec…=` line (systemd.service(5), "Command lines").
fn argument(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            // Both introduce substitutions.
            '%' | '$' => out.extend([c, c]),
            '"' | '\\' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    if out == text && shell::word(text.as_bytes()) == text.as_bytes() { out } else { format!("\"{out}\"") }
}

/// A service as a drop-in needs to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The timer.
    pub timer: String,
    /// The service that it starts.
    pub name: String,
    /// The timer came with the system, not from whoever runs this host.
    pub packaged: bool,
    /// By how much systemd may start it late.
    pub delay: Span,
}

/// The services that timers start, as systemd tells; empty where there is no systemd that answers.
pub fn services(timers: &[&str]) -> Vec<Service> {
    if timers.is_empty() {
        return Vec::new();
    }
    let mut words =
        vec!["show", "--no-pager", "--property=Id,Unit,FragmentPath,RandomizedDelayUSec,AccuracyUSec", "--"];
    words.extend(timers);
    let within = std::time::Duration::from_secs(5);
    let answer = crate::discover::ask::ask("systemctl", &words, within).unwrap_or_default();
    answer.split("\n\n").filter_map(service).collect()
}

fn service(block: &str) -> Option<Service> {
    let value = |key: &str| block.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    let (timer, name) = (value("Id")?, value("Unit")?);
    let fragment = value("FragmentPath").unwrap_or_default();
    let packaged =
        ["/usr/lib/", "/lib/", "/run/systemd/generator"].iter().any(|start| fragment.starts_with(start));
    let span = |key: &str| value(key).map_or(Span::ZERO, span);
    let delay = span("RandomizedDelayUSec") + span("AccuracyUSec");
    (!name.is_empty()).then(|| Service { timer: timer.to_owned(), name: name.to_owned(), packaged, delay })
}

/// A time span as systemd prints it: `1h 30min`. What cannot be read counts as nothing.
pub fn span(text: &str) -> Span {
    let one = |word: &str| {
        let digits = word.find(|c: char| !c.is_ascii_digit())?;
        let (count, unit) = word.split_at(digits);
        let seconds = match unit {
            "s" => 1,
            "min" => 60,
            "h" => 3600,
            "d" => 86_400,
            "w" => 7 * 86_400,
            "month" => 2_629_800,
            "y" => 31_557_600,
            _ => 0,
        };
        Some(Span::seconds(count.parse::<u64>().ok()?.checked_mul(seconds)?))
    };
    text.split_whitespace().filter_map(one).fold(Span::ZERO, |sum, part| sum + part)
}

/// The longest time between two starts by a timer, from its schedule as the host roll has it; none where nobody can
/// say.
pub fn longest_gap(schedule: &str) -> Option<Span> {
    let one = |part: &str| match part.split_once('=') {
        Some(("OnUnitActiveSec" | "OnUnitInactiveSec", time)) => {
            Some(span(time)).filter(|time| !time.is_zero())
        }
        Some(_) => None,
        None => {
            let words = ["calendar", "--iterations=64", part];
            gap(&crate::discover::ask::ask("systemd-analyze", &words, std::time::Duration::from_secs(3))
                .ok()?)
        }
    };
    // Each of them starts it, so the busiest one bounds the silence.
    schedule.split("; ").filter_map(one).min()
}

/// The longest gap between the times that `systemd-analyze calendar` lists.
fn gap(answer: &str) -> Option<Span> {
    let times: Vec<i64> = answer
        .lines()
        .filter_map(|line| line.trim().split_once(": "))
        .filter(|(key, _)| *key == "Next elapse" || key.starts_with("Iter"))
        .filter_map(|(_, time)| seconds(time))
        .collect();
    let gaps = times.windows(2).filter_map(|pair| u64::try_from(pair[1] - pair[0]).ok());
    gaps.max().map(Span::seconds)
}

/// `Sun 2027-01-31 23:00:00 UTC` as seconds of the civil calendar, whatever the zone.
fn seconds(text: &str) -> Option<i64> {
    let mut words = text.split_whitespace().skip(1);
    let (mut date, mut time) = (words.next()?.splitn(3, '-'), words.next()?.splitn(3, ':'));
    let number = |part: Option<&str>| part?.parse::<i64>().ok();
    let (year, month, day) = (number(date.next())?, number(date.next())?, number(date.next())?);
    let clock = number(time.next())? * 3600 + number(time.next())? * 60 + number(time.next())?;
    // Days since 1970 in the proleptic Gregorian calendar, counted from March so that leap days come last.
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    Some(days * 86_400 + clock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drop_in_adds_two_lines_and_overrides_nothing() {
        let text = text("/opt/my tools/muster", &[("--config", "/srv/50%.toml")], "dump");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[2],
            "ExecStartPre=-+\"/opt/my tools/muster\" --config \"/srv/50%%.toml\" ping job.dump start --run $INVOCATION_ID"
        );
        assert!(lines[3].starts_with("ExecStopPost=-+") && lines[3].ends_with(" job.dump service"));
        assert!(!text.contains("ExecStart="));
    }

    #[test]
    fn the_longest_gap_of_a_timer_is_found() {
        assert_eq!(seconds("Thu 1970-01-01 00:00:01 UTC"), Some(1));
        assert_eq!(seconds("Sun 2027-01-31 23:00:00 UTC"), Some(1_801_436_400));
        let answer = "Normalized form: Mon *-*-* 00:00:00\n    Next elapse: Mon 2026-11-23 00:00:00 UTC\n       From now: 1 day\n       Iter. #2: Mon 2026-11-30 00:00:00 UTC\n";
        assert_eq!(gap(answer), Some(Span::days(7)));
        assert_eq!(longest_gap("OnBootSec=15min; OnUnitActiveSec=1d"), Some(Span::days(1)));
        assert_eq!(longest_gap("OnBootSec=15min"), None);
    }

    #[test]
    fn a_timer_of_the_system_is_told_from_one_of_the_host() {
        let read =
            |path: &str| service(&format!("Unit=a.service\nId=a.timer\nFragmentPath={path}")).expect("one");
        assert!(read("/usr/lib/systemd/system/a.timer").packaged);
        assert!(!read("/etc/systemd/system/a.timer").packaged);
        assert_eq!(service("Id=x.timer\nUnit="), None);
        assert_eq!(span("1h 30min 5s 12ms"), Span::seconds(5405));
        assert_eq!(span("infinity"), Span::ZERO);
    }
}
