//! The text that muster.toml gets for a job, and the file with such texts at its end. The bytes that are there stay.

use muster_core::host_roll::Starter;
use muster_core::time::Span;
use muster_host::adopt::candidate::{Candidate, Left, Standing};
use muster_host::adopt::drop_in::longest_gap;

use crate::draft::{key, quoted};
use crate::say::paper::harmless;

/// What the file says before the first entry of ours.
const HEADING: &str =
    "\n# ── jobs of this host ──────────────────────────────────────────────────────────────────────\n";

/// The default of `start_within`.
const START_WITHIN: Span = Span::minutes(5);

/// The table of one job, with an empty line before it.
pub(crate) fn entry(one: &Candidate, zone: &str) -> String {
    let mut text = format!(
        "\n# {}, as {}: {}\n[job.{}]\n",
        harmless(&one.place),
        harmless(&one.user),
        harmless(&one.command),
        key(&one.name)
    );
    let mut say = |key: &str, value: String| text.push_str(&format!("{key} = {}\n", quoted(&value)));
    match (&one.cron, one.by) {
        (Some(cron), _) => {
            say("schedule", cron.clone());
            if let Some(own) =
                one.zone.as_ref().filter(|own| *own != zone && jiff::tz::TimeZone::get(own).is_ok())
            {
                say("timezone", own.clone());
            }
        }
        // anacron has no times of day, only days.
        (None, Starter::Anacron) => {
            say("every", days(&one.schedule).to_string());
            say("start_within", Span::hours(12).to_string());
        }
        (None, Starter::Timer) => {
            if let Some(gap) = longest_gap(&one.schedule) {
                say("every", in_minutes(gap).to_string());
            }
        }
        (None, Starter::Cron | Starter::RunParts) => {}
    }
    if one.by == Starter::Timer {
        if let Some(late) = delay(&one.standing).filter(|late| *late > Span::minutes(1)) {
            say("start_within", in_minutes(START_WITHIN + late).to_string());
        }
        say("by", "systemd".to_owned());
    }
    if one.cron.is_none() && one.schedule == "@reboot" {
        text.push_str("# It starts with the host: its reports are judged, its absence is not.\n");
    }
    text
}

fn delay(standing: &Standing) -> Option<Span> {
    match standing {
        Standing::Timer(service) => Some(service.delay),
        Standing::Left(Left { unless_named: Some(inner), .. }) => delay(inner),
        Standing::Left(_) | Standing::Line(_) | Standing::Reports => None,
    }
}

/// "every 7 days, by anacron", "@monthly, by anacron".
fn days(schedule: &str) -> Span {
    let number = || schedule.split_whitespace().find_map(|word| word.parse::<u64>().ok());
    match schedule {
        monthly if monthly.starts_with("@monthly") => Span::days(31),
        weekly if weekly.starts_with("@weekly") => Span::days(7),
        yearly if yearly.starts_with("@yearly") || yearly.starts_with("@annually") => Span::days(366),
        _ => Span::days(number().unwrap_or(1)),
    }
}

fn in_minutes(span: Span) -> Span {
    Span::minutes(span.as_millis().div_ceil(60_000))
}

/// The file with more at its end.
pub(crate) fn appended(file: &str, entries: &[String]) -> String {
    let mut text = file.to_owned();
    if entries.is_empty() {
        return text;
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    if !text.contains(HEADING) {
        text.push_str(HEADING);
    }
    text.extend(entries.iter().map(String::as_str));
    text
}

/// The file without some texts; those that are not there as they were written, because a person changed them, are given
/// back.
pub(crate) fn taken_out<'e>(file: &str, entries: &[(&'e str, &str)]) -> (String, Vec<&'e str>) {
    let (mut text, mut stay) = (file.to_owned(), Vec::new());
    for (name, entry) in entries {
        match text.find(entry).filter(|_| !entry.is_empty()) {
            Some(at) => text.replace_range(at..at + entry.len(), ""),
            None => stay.push(*name),
        }
    }
    if let Some(at) = text.find(HEADING).filter(|at| at + HEADING.len() == text.len()) {
        text.truncate(at);
    }
    (text, stay)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(by: Starter, schedule: &str, cron: Option<&str>) -> Candidate {
        Candidate {
            name: "shop-run".into(),
            by,
            place: "/etc/cron.d/shop".into(),
            line: 2,
            schedule: schedule.into(),
            cron: cron.map(str::to_owned),
            zone: Some("Europe/Berlin".into()),
            user: "app".into(),
            command: "x \u{1b}[2J\n[job.injected]".into(),
            standing: Standing::Reports,
        }
    }

    #[test]
    fn an_entry_says_what_deviates() {
        let text = entry(&candidate(Starter::Cron, "@daily", Some("0 0 * * *")), "UTC");
        assert_eq!(
            text,
            "\n# /etc/cron.d/shop, as app: x  [2J [job.injected]\n[job.shop-run]\nschedule = \"0 0 * * *\"\n\
             timezone = \"Europe/Berlin\"\n"
        );
        let anacron = entry(&candidate(Starter::Anacron, "every 7 days, by anacron", None), "UTC");
        assert!(anacron.ends_with("every = \"7d\"\nstart_within = \"12h\"\n"), "{anacron}");
        let boot = entry(&candidate(Starter::Cron, "@reboot", None), "UTC");
        assert!(!boot.contains(" = "), "{boot}");
        let timer = entry(&candidate(Starter::Timer, "OnUnitActiveSec=90s", None), "UTC");
        assert!(timer.ends_with("every = \"2m\"\nby = \"systemd\"\n"), "{timer}");
    }

    #[test]
    fn what_was_added_can_be_taken_out_to_the_byte() {
        let one = entry(&candidate(Starter::Cron, "@daily", Some("0 0 * * *")), "UTC");
        for file in ["", "[muster]\nname = \"x\"\n", "# no newline at the end"] {
            let added = appended(file, std::slice::from_ref(&one));
            let (back, stay) = taken_out(&added, &[("shop-run", &one)]);
            assert!(stay.is_empty());
            assert_eq!(back.trim_end_matches('\n'), file.trim_end_matches('\n'));
            assert_eq!(appended(&added, &[]), added);
            let edited = added.replace("0 0", "5 0");
            assert_eq!(taken_out(&edited, &[("shop-run", &one)]), (edited.clone(), vec!["shop-run"]));
        }
    }
}
