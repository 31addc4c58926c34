//! Timers and units in trouble, as `systemctl` tells them. Asked in text that every version since 2015 prints alike.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use muster_core::host_roll::{FailedUnit, Starter, Timer};
use muster_core::ids::ExpectationId;

use super::ask::ask;
use super::calendar::cron_of;
use super::command::{Reading, SHELLS, basename};
use super::survey::{Found, Survey};
use super::timer::rhythm;
use crate::adopt::drop_in::span;

/// Time for all questions together; systemd that does not answer in it is itself unseen.
const WITHIN: Duration = Duration::from_secs(5);
/// Most units of which details are asked, so that a command line stays short.
const UNITS: usize = 500;

/// The properties of one unit; those that may come more than once are lists.
type Unit = BTreeMap<String, Vec<String>>;

/// Asks systemd, if it is what booted this machine.
pub(super) fn look(survey: &mut Survey) {
    if !Path::new("/run/systemd/system").is_dir() {
        survey.unseen("systemd timers and units", "this machine was not booted with systemd");
        return;
    }
    let until = Instant::now() + WITHIN.min(survey.left());
    if let Err(why) = timers(survey, until) {
        survey.unseen("systemd timers", why);
        // The next question would take as long to stay unanswered.
        return survey.unseen("systemd units", "systemd was not asked again");
    }
    if let Err(why) = troubled(survey, until) {
        survey.unseen("systemd units", why);
    }
    if std::fs::read_dir("/var/lib/systemd/linger").is_ok_and(|mut entries| entries.next().is_some()) {
        survey.unseen("systemd timers of users", "only the system's own manager is asked");
    }
}

fn timers(survey: &mut Survey, until: Instant) -> Result<(), String> {
    let listed =
        systemctl(until, &["list-units", "--all", "--type=timer", "--plain", "--no-legend", "--no-pager"])?;
    let names = first_words(&listed);
    if names.is_empty() {
        return Ok(());
    }
    let properties = "--property=Id,Unit,TimersCalendar,TimersMonotonic,ActiveState,UnitFileState,RandomizedDelayUSec,AccuracyUSec,NextElapseUSecRealtime,NextElapseUSecMonotonic,LoadState";
    let timers = units(&show(until, &names, properties)?);
    let services: Vec<String> =
        timers.iter().map(|timer| text(timer, "Unit").to_owned()).filter(|name| !name.is_empty()).collect();
    let services = match services.is_empty() {
        true => Vec::new(),
        false => units(&show(until, &services, "--property=Id,ExecStart,ExecStopPost,User,LoadState")?),
    };
    let empty = Unit::new();
    for timer in &timers {
        let service = services.iter().find(|unit| text(unit, "Id") == text(timer, "Unit")).unwrap_or(&empty);
        if let Some(found) = of_timer(timer, service) {
            survey.roll.timers.push(clock_of(timer));
            survey.add(found);
        }
    }
    Ok(())
}

fn of_timer(timer: &Unit, service: &Unit) -> Option<Found> {
    let id = text(timer, "Id");
    // Named by another unit, but not there.
    if id.is_empty() || text(timer, "LoadState") == "not-found" {
        return None;
    }
    let calendars = settings(timer, "TimersCalendar", "OnCalendar");
    let monotonic = monotonic(timer);
    let active = text(timer, "ActiveState") == "active";
    let mut odd = Vec::new();
    if !active {
        let (state, file) = (text(timer, "ActiveState"), text(timer, "UnitFileState"));
        odd.push(format!("the timer is {state} ({file}): it starts nothing"));
    } else if ["", "n/a", "0"].contains(&text(timer, "NextElapseUSecRealtime"))
        && ["", "infinity", "0"].contains(&text(timer, "NextElapseUSecMonotonic"))
    {
        odd.push("it has no next time: it will not fire again".to_owned());
    }
    if text(service, "LoadState") == "not-found" {
        odd.push(format!("{} does not exist", text(timer, "Unit")));
    }
    let command = settings(service, "ExecStart", "argv[]").join("; ");
    let cron = match &calendars[..] {
        [one] if monotonic.is_empty() && active => cron_of(one),
        _ => None,
    };
    let user = Some(text(service, "User")).filter(|user| !user.is_empty()).unwrap_or("root");
    Some(Found {
        by: Starter::Timer,
        source: id.to_owned(),
        schedule: calendars.iter().chain(&monotonic).cloned().collect::<Vec<_>>().join("; "),
        cron,
        user: user.to_owned(),
        reading: Reading::of(shell_line(&command)),
        command,
        name: Some(id.trim_end_matches(".timer").to_owned()),
        odd,
        within: of_drop_in(service),
    })
}

/// `OnBootSec=15min` and its kind.
fn monotonic(timer: &Unit) -> Vec<String> {
    let one = |entry: &String| {
        let (name, value) = entry.trim_start_matches('{').split(';').next()?.trim().split_once('=')?;
        Some(format!("{}={value}", name.replace("USec", "Sec")))
    };
    timer.get("TimersMonotonic").into_iter().flatten().filter_map(one).collect()
}

/// When it starts something.
fn clock_of(timer: &Unit) -> Timer {
    let (name, state) = (text(timer, "Id"), text(timer, "ActiveState"));
    let rhythm = if state == "active" {
        rhythm(&settings(timer, "TimersCalendar", "OnCalendar"), &monotonic(timer))
    } else {
        let file = Some(text(timer, "UnitFileState")).filter(|file| !file.is_empty()).unwrap_or("no file");
        Err(format!("it is {state} ({file}) and starts nothing; try `systemctl enable --now {name}`"))
    };
    let delay = span(text(timer, "RandomizedDelayUSec")) + span(text(timer, "AccuracyUSec"));
    Timer { name: name.to_owned(), rhythm, delay }
}

/// The job that the drop-in of [`crate::adopt::drop_in`] reports as.
fn of_drop_in(service: &Unit) -> Option<ExpectationId> {
    settings(service, "ExecStopPost", "argv[]").iter().find_map(|command| {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words[..] {
            [program, .., id, "service"] if basename(program) == "muster" && words.contains(&"ping") => {
                ExpectationId::new(id).ok()
            }
            _ => None,
        }
    })
}

/// systemd shows arguments without their quotes, so all that follows a shell's `-c` is what the shell is given.
fn shell_line(command: &str) -> &str {
    let mut words = command.splitn(3, ' ');
    match (words.next(), words.next(), words.next()) {
        (Some(shell), Some(option), Some(line))
            if SHELLS.contains(&basename(shell)) && option.starts_with('-') && option.ends_with('c') =>
        {
            line
        }
        _ => command,
    }
}

fn troubled(survey: &mut Survey, until: Instant) -> Result<(), String> {
    let listed = systemctl(
        until,
        &["list-units", "--all", "--state=failed,auto-restart", "--plain", "--no-legend", "--no-pager"],
    )?;
    let names = first_words(&listed);
    if names.is_empty() {
        return Ok(());
    }
    for unit in units(&show(until, &names, "--property=Id,ActiveState,SubState,Result,NRestarts")?) {
        let state = match (text(&unit, "ActiveState"), text(&unit, "Result")) {
            ("failed", result) => format!("failed (Result: {result})"),
            (_, result) if text(&unit, "SubState") == "auto-restart" => {
                format!("restarting (Result: {result}, restarts: {})", text(&unit, "NRestarts"))
            }
            // Well again since it was listed.
            _ => continue,
        };
        survey.roll.failed_units.push(FailedUnit { name: text(&unit, "Id").to_owned(), state });
    }
    Ok(())
}

fn show(until: Instant, names: &[String], properties: &str) -> Result<String, String> {
    let mut arguments = vec!["show", "--no-pager", properties, "--"];
    arguments.extend(names.iter().take(UNITS).map(String::as_str));
    systemctl(until, &arguments)
}

fn systemctl(until: Instant, arguments: &[&str]) -> Result<String, String> {
    ask("systemctl", arguments, until.saturating_duration_since(Instant::now()))
}

fn first_words(listed: &str) -> Vec<String> {
    listed.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

/// `systemctl show`: `Name=value` lines, an empty line between units.
fn units(shown: &str) -> Vec<Unit> {
    shown
        .split("\n\n")
        .map(|block| {
            let mut unit = Unit::new();
            for (name, value) in block.lines().filter_map(|line| line.split_once('=')) {
                unit.entry(name.to_owned()).or_default().push(value.to_owned());
            }
            unit
        })
        .filter(|unit| !unit.is_empty())
        .collect()
}

fn text<'u>(unit: &'u Unit, name: &str) -> &'u str {
    unit.get(name).and_then(|values| values.first()).map_or("", String::as_str)
}

/// The values of one key within `{ key=value ; key=value }`.
fn settings(unit: &Unit, property: &str, key: &str) -> Vec<String> {
    unit.get(property)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let inner = entry.trim().trim_start_matches('{').trim_end_matches('}');
            let value =
                inner.split(" ; ").find_map(|part| part.trim().strip_prefix(key)?.strip_prefix('='))?;
            Some(value.trim().to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use muster_core::host_roll::TimerRhythm;
    use muster_core::time::Span;

    use super::*;

    const TIMERS: &str = "\
Id=backup.timer
Unit=backup.service
TimersCalendar={ OnCalendar=*-*-* 03:30:00 ; next_elapse=Sun 2026-11-22 03:30:00 UTC }
ActiveState=active
UnitFileState=enabled
RandomizedDelayUSec=10min
AccuracyUSec=1min
NextElapseUSecRealtime=Sun 2026-11-22 03:30:00 UTC
NextElapseUSecMonotonic=infinity
LoadState=loaded

Id=clean.timer
Unit=clean.service
TimersMonotonic={ OnBootUSec=15min ; next_elapse=15min }
TimersMonotonic={ OnUnitActiveUSec=1d ; next_elapse=infinity }
ActiveState=active
NextElapseUSecRealtime=
NextElapseUSecMonotonic=infinity
LoadState=loaded

Id=old.timer
Unit=old.service
TimersCalendar={ OnCalendar=Mon *-*-* 00:00:00 ; next_elapse=n/a }
ActiveState=inactive
LoadState=loaded
";
    const SERVICES: &str = "\
Id=backup.service
ExecStart={ path=/usr/bin/muster ; argv[]=/usr/bin/muster run db-backup -- /opt/b.sh ; ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }
User=backup
LoadState=loaded

Id=old.service
LoadState=not-found
";

    #[test]
    fn a_timer_is_read_with_the_service_that_it_starts() {
        let (timers, services) = (units(TIMERS), units(SERVICES));
        let empty = Unit::new();
        let backup = of_timer(&timers[0], &services[0]).expect("loaded");
        assert_eq!(
            (backup.schedule.as_str(), backup.cron.as_deref()),
            ("*-*-* 03:30:00", Some("30 3 * * *"))
        );
        assert_eq!((backup.user.as_str(), backup.reading.covered()), ("backup", Some("db-backup")));
        assert!(backup.odd.is_empty(), "{:?}", backup.odd);
        let clean = of_timer(&timers[1], &empty).expect("loaded");
        assert_eq!((clean.schedule.as_str(), clean.cron), ("OnBootSec=15min; OnUnitActiveSec=1d", None));
        assert!(clean.odd[0].contains("no next time"));
        let old = of_timer(&timers[2], &services[1]).expect("loaded");
        assert!(old.odd[0].contains("inactive") && old.odd[1].contains("old.service does not exist"));
        assert_eq!(old.cron, None);
    }

    #[test]
    fn a_timer_tells_its_rhythm_and_how_late_it_may_be() {
        let clocks: Vec<Timer> = units(TIMERS).iter().map(clock_of).collect();
        let nightly = TimerRhythm::Cron { fields: "30 3 * * *".into(), zone: None };
        assert_eq!((&clocks[0].rhythm, clocks[0].delay), (&Ok(nightly), Span::minutes(11)));
        assert_eq!(
            (&clocks[1].rhythm, clocks[1].delay),
            (&Ok(TimerRhythm::Every(Span::days(1))), Span::ZERO)
        );
        let idle = clocks[2].rhythm.as_ref().expect_err("inactive");
        assert!(idle.contains("inactive") && idle.contains("systemctl enable --now old.timer"), "{idle}");
    }

    #[test]
    fn a_timer_with_our_drop_in_reports() {
        let service = &units(
            "Id=x.service\nExecStart={ path=/opt/x ; argv[]=/opt/x -v ; pid=0 }\nExecStopPost={ path=/usr/local/bin/muster ; \
             argv[]=/usr/local/bin/muster ping --run $INVOCATION_ID job.x service ; ignore_errors=yes ; pid=0 }\n",
        )[0];
        assert_eq!(of_drop_in(service).as_ref().map(ExpectationId::as_str), Some("job.x"));
        assert_eq!(of_drop_in(&Unit::new()), None);
    }

    #[test]
    fn a_shell_is_followed_though_its_quotes_are_gone() {
        assert_eq!(Reading::of(shell_line("/bin/sh -c muster run a -- b")).covered(), Some("a"));
        assert_eq!(Reading::of(shell_line("/bin/bash -lc cd /x && muster run a")).covered(), Some("a"));
        assert_eq!(shell_line("/opt/x.sh -c d"), "/opt/x.sh -c d");
    }
}
