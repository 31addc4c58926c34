//! Folders of scripts that cron or anacron runs one after the other (`run-parts(8)`, `anacrontab(5)`).

use std::fs;
use std::os::unix::fs::MetadataExt;

use muster_core::host_roll::Starter;
use muster_core::ids::ExpectationId;

use super::command::Reading;
use super::crontab::{Daemon, parse_anacron};
use super::survey::{CrontabText, Found, Runner, RunnerLine, Survey};
use crate::adopt::line::Form;
use crate::adopt::rewrite::own;

/// The folders that a system crontab runs.
pub const FOLDERS: [&str; 5] =
    ["/etc/cron.hourly", "/etc/cron.daily", "/etc/cron.weekly", "/etc/cron.monthly", "/etc/cron.yearly"];

/// Lists the scripts of the folders, and what anacron runs besides.
pub(super) fn look(survey: &mut Survey) {
    if survey.has_anacron() {
        survey.folders.retain(|_, runner| !runner.yields_to_anacron);
        anacron(survey);
    }
    for folder in FOLDERS {
        for name in survey.list(folder) {
            if !survey.goes_on() {
                return;
            }
            script(survey, folder, &name);
        }
    }
}

fn anacron(survey: &mut Survey) {
    let path = "/etc/anacrontab";
    let Some(text) = survey.read(path) else { return };
    let (entries, faults) = parse_anacron(&text.bytes);
    for fault in faults {
        survey.unseen(format!("{path}:{}", fault.line), format!("this line cannot be read: {}", fault.what));
    }
    let mut runners = Vec::new();
    for entry in entries {
        let reading = Reading::of(&entry.command);
        let own = own(entry.command.as_bytes());
        let inner = own.as_ref().map(|own| Reading::of(&String::from_utf8_lossy(&own.command)));
        let schedule = match entry.period.as_str() {
            "1" => "every day, by anacron".to_owned(),
            days if days.bytes().all(|b| b.is_ascii_digit()) => format!("every {days} days, by anacron"),
            word => format!("{word}, by anacron"),
        };
        let folder =
            inner.as_ref().unwrap_or(&reading).run_parts().map(|folder| folder.trim_end_matches('/'));
        if let Some(folder) = folder
            && FOLDERS.contains(&folder)
        {
            let covered = own.and_then(|own| ExpectationId::of("job", &own.name).ok());
            let runner = Runner {
                by: Starter::Anacron,
                schedule: schedule.clone(),
                cron: None,
                user: "root".to_owned(),
                yields_to_anacron: false,
                covered: covered.clone(),
            };
            survey.folders.insert(folder.to_owned(), runner);
            runners.push(RunnerLine {
                line: entry.line,
                folder: folder.to_owned(),
                schedule: schedule.clone(),
                cron: None,
                user: "root".to_owned(),
                idle: None,
            });
            if covered.is_none() {
                continue;
            }
        }
        survey.add(Found {
            by: Starter::Anacron,
            source: format!("{path}:{}", entry.line),
            schedule,
            cron: None,
            user: "root".to_owned(),
            command: entry.command,
            reading,
            name: Some(entry.id),
            odd: Vec::new(),
            within: None,
        });
    }
    survey.texts.push(CrontabText {
        place: path.to_owned(),
        by_crontab: false,
        form: Form::Anacrontab,
        bytes: text.bytes,
        runners,
    });
}

fn script(survey: &mut Survey, folder: &str, name: &str) {
    let path = format!("{folder}/{name}");
    // A link to nowhere, or gone since: not a script.
    let Ok(about) = fs::metadata(survey.path(&path)) else { return };
    if !about.is_file() {
        return;
    }
    let mut ignored = Vec::new();
    if survey.daemon == Daemon::Debian
        && !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
    {
        ignored
            .push("run-parts skips it: the name may have letters, digits, \"-\" and \"_\" only".to_owned());
    }
    if about.mode() & 0o111 == 0 {
        ignored.push("run-parts skips it: not executable".to_owned());
    }
    let runner = survey.folders.get(folder).cloned();
    if runner.is_none() {
        ignored.push(format!("nothing found that runs {folder}"));
    }
    let runner = runner.unwrap_or_else(|| Runner {
        by: Starter::RunParts,
        schedule: format!("@{}", folder.trim_start_matches("/etc/cron.")),
        cron: None,
        user: "root".to_owned(),
        yields_to_anacron: false,
        covered: None,
    });
    let text = survey.read(&path).map(|text| shell_text(&text.bytes)).unwrap_or_default();
    ignored.extend(survey.gives_way(&text));
    let wrapped = text.lines().find(|line| line.contains("muster") && Reading::of(line).covered().is_some());
    survey.add(Found {
        by: runner.by,
        source: path.clone(),
        schedule: runner.schedule,
        cron: runner.cron.filter(|_| ignored.is_empty()),
        user: runner.user,
        reading: Reading::of(wrapped.unwrap_or(&path)),
        command: path,
        name: Some(name.to_owned()),
        odd: ignored,
        within: runner.covered,
    });
}

/// The beginning of a script, if a shell or another interpreter reads it.
fn shell_text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes.get(..64 << 10).unwrap_or(bytes));
    if text.starts_with("#!") { text.into_owned() } else { String::new() }
}
