//! Folders of scripts that cron or anacron runs one after the other (`run-parts(8)`, `anacrontab(5)`).

use std::fs;
use std::os::unix::fs::MetadataExt;

use muster_core::host_roll::Starter;

use super::command::Reading;
use super::crontab::{Daemon, parse_anacron};
use super::survey::{Found, Runner, Survey};

/// The folders that a system crontab runs.
pub(super) const FOLDERS: [&str; 5] =
    ["/etc/cron.hourly", "/etc/cron.daily", "/etc/cron.weekly", "/etc/cron.monthly", "/etc/cron.yearly"];

/// Lists the scripts of the folders, and what anacron runs besides.
pub(super) fn look(survey: &mut Survey) {
    if survey.exists("/usr/sbin/anacron") || survey.exists("/usr/bin/anacron") {
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
    for entry in entries {
        let reading = Reading::of(&entry.command);
        let schedule = match entry.period.as_str() {
            "1" => "every day, by anacron".to_owned(),
            days if days.bytes().all(|b| b.is_ascii_digit()) => format!("every {days} days, by anacron"),
            word => format!("{word}, by anacron"),
        };
        if let Some(folder) = reading.run_parts()
            && FOLDERS.contains(&folder.trim_end_matches('/'))
        {
            let runner = Runner {
                by: Starter::Anacron,
                schedule,
                cron: None,
                user: "root".to_owned(),
                yields_to_anacron: false,
            };
            survey.folders.insert(folder.trim_end_matches('/').to_owned(), runner);
            continue;
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
        });
    }
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
    });
}

/// The beginning of a script, if a shell or another interpreter reads it.
fn shell_text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes.get(..64 << 10).unwrap_or(bytes));
    if text.starts_with("#!") { text.into_owned() } else { String::new() }
}
