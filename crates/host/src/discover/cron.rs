//! Crontabs: `/etc/crontab`, `/etc/cron.d`, and those of the users.

use std::time::Duration;

use muster_core::host_roll::Starter;
use muster_core::ids::ExpectationId;

use super::ask::ask;
use super::command::Reading;
use super::crontab::{Crontab, Daemon, Dialect, Entry, parse};
use super::run_parts::FOLDERS;
use super::survey::{CrontabText, Found, Reach, Runner, RunnerLine, Survey, five_fields};
use crate::adopt::line::Form;
use crate::adopt::rewrite;

/// Where users' crontabs are.
pub fn spool(daemon: Daemon) -> &'static str {
    match daemon {
        Daemon::Debian | Daemon::Systemd => "/var/spool/cron/crontabs",
        Daemon::Cronie => "/var/spool/cron",
        // On Alpine the folder below /var is a link to it.
        Daemon::Busybox => "/etc/crontabs",
    }
}

/// Reads every crontab of the host.
pub(super) fn look(survey: &mut Survey) {
    if survey.daemon == Daemon::Busybox {
        return users(survey);
    }
    file(survey, "/etc/crontab", None, None);
    for name in survey.list("/etc/cron.d") {
        if !survey.goes_on() {
            return;
        }
        let ignored = ignored_name(&name, survey.daemon);
        file(survey, &format!("/etc/cron.d/{name}"), None, ignored);
    }
    users(survey);
}

fn users(survey: &mut Survey) {
    let spool = spool(survey.daemon);
    let blind = survey.roll.unseen.len();
    for name in survey.list(spool) {
        if !survey.goes_on() {
            return;
        }
        // Unfinished edits of crontab(1).
        if !name.starts_with("tmp.") {
            file(survey, &format!("{spool}/{name}"), Some(&name), None);
        }
    }
    if survey.roll.unseen.len() > blind && survey.reach == Reach::Machine {
        own(survey);
    }
}

/// The crontab of the user that we are: crontab(1) may read it where we may not.
fn own(survey: &mut Survey) {
    let Ok(answer) = ask("crontab", &["-l"], Duration::from_secs(2)) else { return };
    let Ok(user) = ask("id", &["-un"], Duration::from_secs(2)) else { return };
    let dialect = Dialect { daemon: survey.daemon, user_column: false };
    let crontab = parse(answer.as_bytes(), dialect);
    let place = format!("crontab of {}", user.trim());
    let runners = entries(survey, &place, &crontab, Some(user.trim()), &Verdict::default());
    survey.texts.push(CrontabText {
        place,
        by_crontab: true,
        form: Form::Crontab(dialect),
        bytes: answer.into_bytes(),
        runners,
    });
}

/// What holds for a whole file.
#[derive(Default)]
struct Verdict {
    /// Why cron does not run any of it.
    ignored: Vec<String>,
    /// What else is odd.
    odd: Vec<String>,
}

fn file(survey: &mut Survey, path: &str, owner: Option<&str>, ignored: Option<String>) {
    let Some(text) = survey.read(path) else { return };
    let dialect = Dialect { daemon: survey.daemon, user_column: owner.is_none() };
    let crontab = parse(&text.bytes, dialect);
    let mut verdict = Verdict { ignored: ignored.into_iter().collect(), odd: Vec::new() };
    if survey.daemon == Daemon::Debian {
        if crontab.unfinished {
            verdict.ignored.push("the last line has no newline: cron ignores the whole file".to_owned());
        }
        if let Some(fault) = crontab.faults.first() {
            verdict.ignored.push(format!("line {}: {}: cron ignores the whole file", fault.line, fault.what));
        }
        if text.mode & 0o022 != 0 {
            verdict
                .ignored
                .push(format!("others may write to it (mode {:04o}): cron refuses the file", text.mode));
        }
        if crontab.settings.iter().any(|(name, _)| name == "CRON_TZ") {
            verdict
                .odd
                .push("CRON_TZ is not known to Debian's cron: the times are in the host's zone".to_owned());
        }
    }
    if let Some(owner) = owner
        && survey.has_user(owner) == Some(false)
    {
        verdict.odd.push(format!(
            "{owner} is not in /etc/passwd: cron runs it only if another directory knows the user"
        ));
    }
    for fault in &crontab.faults {
        survey.unseen(format!("{path}:{}", fault.line), format!("this line cannot be read: {}", fault.what));
    }
    let runners = entries(survey, path, &crontab, owner, &verdict);
    let (place, form) = (path.to_owned(), Form::Crontab(dialect));
    survey.texts.push(CrontabText { place, by_crontab: false, form, bytes: text.bytes, runners });
}

/// Puts the entries on the roll; the lines that run a folder are given back.
fn entries(
    survey: &mut Survey,
    path: &str,
    crontab: &Crontab,
    owner: Option<&str>,
    verdict: &Verdict,
) -> Vec<RunnerLine> {
    let mut runners = Vec::new();
    for entry in &crontab.entries {
        let reading = Reading::of(&entry.shell);
        let (cron, fault) = five_fields(&entry.schedule);
        let runs = verdict.ignored.is_empty();
        let user = entry.user.as_deref().or(owner).unwrap_or("root");
        // Behind our own wrapper it may run a folder as well.
        let own = rewrite::own(entry.shell.as_bytes());
        let inner = own.as_ref().map(|own| Reading::of(&String::from_utf8_lossy(&own.command)));
        let folder =
            inner.as_ref().unwrap_or(&reading).run_parts().map(|folder| folder.trim_end_matches('/'));
        if runs
            && let Some(folder) = folder
            && FOLDERS.contains(&folder)
        {
            // Its scripts are listed one by one instead.
            let yields_to_anacron = entry.shell.contains("anacron");
            let covered = own.and_then(|own| ExpectationId::of("job", &own.name).ok());
            let runner = Runner {
                by: Starter::RunParts,
                schedule: entry.schedule.clone(),
                cron: cron.clone(),
                user: user.to_owned(),
                yields_to_anacron,
                covered: covered.clone(),
            };
            survey.folders.insert(folder.to_owned(), runner);
            runners.push(RunnerLine {
                line: entry.line,
                folder: folder.to_owned(),
                schedule: entry.schedule.clone(),
                cron: cron.clone(),
                user: user.to_owned(),
                idle: (yields_to_anacron && survey.has_anacron())
                    .then(|| "anacron runs the folder on this host".to_owned()),
            });
            if covered.is_none() {
                continue;
            }
        }
        let gives_way = survey.gives_way(&entry.shell);
        let runs = runs && gives_way.is_none();
        let mut odd = verdict.ignored.clone();
        odd.extend(gives_way);
        odd.extend(fault);
        odd.extend(verdict.odd.iter().cloned());
        odd.extend(of_entry(survey, entry, owner));
        survey.add(Found {
            by: Starter::Cron,
            source: format!("{path}:{}", entry.line),
            schedule: entry.schedule.clone(),
            cron: cron.filter(|_| runs),
            user: user.to_owned(),
            command: entry.command.clone(),
            reading,
            name: None,
            odd,
            within: None,
        });
    }
    runners
}

fn of_entry(survey: &Survey, entry: &Entry, owner: Option<&str>) -> Vec<String> {
    let mut odd = Vec::new();
    if entry.cut {
        odd.push(
            "a bare % ends the command; what follows becomes its input (write \\% for the sign)".to_owned(),
        );
    }
    if let Some(user) = &entry.user
        && survey.has_user(user) == Some(false)
    {
        odd.push(format!(
            "user {user} is not in /etc/passwd: unless another directory knows it, cron ignores the whole file"
        ));
    }
    let first = entry.command.split_whitespace().next().unwrap_or("");
    if owner.is_some_and(|owner| first == owner || first == "root") {
        odd.push(format!("{first:?} is run as a program: a user's crontab has no column for the user"));
    }
    odd
}

/// Why cron takes no notice of a file of this name in `/etc/cron.d`.
pub fn ignored_name(name: &str, daemon: Daemon) -> Option<String> {
    let left_over =
        [".dpkg-old", ".dpkg-dist", ".dpkg-new", ".dpkg-tmp", ".rpmnew", ".rpmsave", ".rpmorig", "~"];
    if left_over.iter().any(|end| name.ends_with(end)) {
        return Some("left over from a change: cron ignores the file".to_owned());
    }
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    (daemon == Daemon::Debian && !plain)
        .then(|| "cron ignores the file: its name may have letters, digits, \"-\" and \"_\" only".to_owned())
}
