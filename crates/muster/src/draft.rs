//! The text of a first muster.toml, made from what was found on a host. Wrapped jobs become live tables; the others are
//! written as comments, because an expectation of something that never reports would be a false alarm.

use muster_core::host_roll::{HostRoll, Scheduled, Starter};
use muster_core::ids::ExpectationId;

use crate::say::paper::harmless;

/// The whole file. It reads back without a fault.
pub(crate) fn draft(host: &HostRoll, zone: &str) -> String {
    let mut text = head(host, zone);
    let (wrapped, bare): (Vec<&Scheduled>, Vec<&Scheduled>) =
        host.scheduled.iter().partition(|scheduled| scheduled.covered.is_some());
    text.push_str(
        "\n# ── jobs that report ──────────────────────────────────────────────────────────────────\n",
    );
    if wrapped.is_empty() {
        text.push_str("# None yet: no scheduled command on this host starts with `muster run`.\n");
    }
    let mut seen: Vec<&ExpectationId> = Vec::new();
    for scheduled in wrapped {
        // Two crontab lines may start the same job; a table may stand only once.
        if let Some(id) = &scheduled.covered
            && !seen.contains(&id)
        {
            seen.push(id);
            text.push_str(&format!("\n{}{}", origin(scheduled), table(id.name(), scheduled, "")));
        }
    }
    if !bare.is_empty() {
        text.push_str(
            "\n# ── jobs that do not report yet ───────────────────────────────────────────────────────\n",
        );
        text.push_str(
            "# `muster jobs adopt` wraps them and writes their tables. Or, for each: put `muster run NAME --` in front of\n\
             # its command, then take away the \"# \" before its table.\n",
        );
        for scheduled in bare {
            text.push_str(&format!("\n{}{}", origin(scheduled), table(&scheduled.name, scheduled, "# ")));
        }
    }
    if !host.unseen.is_empty() {
        text.push_str(
            "\n# ── what could not be seen ────────────────────────────────────────────────────────────\n",
        );
        for unseen in &host.unseen {
            text.push_str(&format!("# {}: {}\n", harmless(&unseen.what), harmless(&unseen.why)));
        }
    }
    text
}

/// What stands before the jobs.
pub(crate) fn head(host: &HostRoll, zone: &str) -> String {
    let name = if host.name.is_empty() { "this-host" } else { &host.name };
    format!(
        "\
# What this host is expected to do, and who is told when it does not. `muster config check` reads it, and
# `muster up` picks up every change by itself. Durations: \"5s\" \"10m\" \"2h\" \"1d\".
# Secrets never stand here: write {{ env = \"NAME\" }}, {{ file = \"/path\" }} or {{ command = [\"…\"] }}.

[muster]
name = {}
timezone = {}
listen = \"127.0.0.1:7077\"                # dashboard, API and ping URLs

# ── people ────────────────────────────────────────────────────────────────────────────────
# Take away the \"# \" before one of them, then try it: `muster notify test ops`.

# [defaults]
# notify = [\"ops\"]

# [notify.ops]
# kind = \"email\"
# to = [\"you@example.com\"]
# from = \"muster@example.com\"
# smtp = {{ host = \"smtp.example.com\", port = 587, tls = \"starttls\", user = \"you\", password = {{ env = \"SMTP_PASSWORD\" }} }}

# [notify.phone]
# kind = \"ntfy\"
# url = \"https://ntfy.sh/a-long-secret-topic\"

# [notify.chat]
# kind = \"slack\"
# url = {{ env = \"SLACK_WEBHOOK\" }}
",
        quoted(name),
        quoted(zone)
    )
}

fn origin(scheduled: &Scheduled) -> String {
    let by = match scheduled.by {
        Starter::Cron => "cron",
        Starter::RunParts => "run-parts",
        Starter::Timer => "a systemd timer",
        Starter::Anacron => "anacron",
    };
    let mut text = format!(
        "# Started by {by} ({}) as {}, schedule {}:\n#   {}\n",
        harmless(&scheduled.source),
        harmless(&scheduled.user),
        harmless(&scheduled.schedule),
        harmless(&scheduled.command)
    );
    for odd in &scheduled.odd {
        text.push_str(&format!("# Odd: {}\n", harmless(odd)));
    }
    text
}

fn table(name: &str, scheduled: &Scheduled, mark: &str) -> String {
    let rhythm = match &scheduled.cron {
        Some(cron) => format!("schedule = {}", quoted(cron)),
        None => "every = \"1d\"                             # the longest time between two runs".to_owned(),
    };
    format!("{mark}[job.{}]\n{mark}{rhythm}\n", key(name))
}

/// A bare key where TOML allows one.
pub(crate) fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if bare { name.to_owned() } else { quoted(name) }
}

/// A TOML basic string.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in harmless(text).chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use muster_config::compile::compile;
    use muster_config::fault::Faults;
    use muster_config::source::Source;
    use muster_core::host_roll::Unseen;

    use super::*;
    use crate::catalogue::CATALOGUE;
    use crate::say::status::tests::scheduled;

    fn host() -> HostRoll {
        let mut odd = scheduled("b.c", None);
        odd.schedule = "@reboot".into();
        odd.cron = None;
        odd.command = "x \"quoted\" \\ \u{1b}[2J\n[job.injected]".into();
        odd.odd = vec!["the script is missing\n[job.injected]".into()];
        HostRoll {
            name: "web \"1\"".into(),
            scheduled: vec![
                scheduled("export", Some("job.export")),
                scheduled("again", Some("job.export")),
                odd,
            ],
            unseen: vec![Unseen { what: "/root".into(), why: "no\n[job.injected]".into() }],
            ..HostRoll::default()
        }
    }

    fn read(text: &str) -> (Vec<String>, Faults) {
        let source = Source { file: "muster.toml", text, zone: "UTC", host: "h" };
        let (plan, faults) = compile(&source, &CATALOGUE);
        let names = plan.map(|plan| plan.expectations.iter().map(|one| one.id.to_string()).collect());
        (names.unwrap_or_default(), faults)
    }

    #[test]
    fn what_was_found_reads_back_and_nothing_found_can_break_out_of_its_comment() {
        let (names, faults) = read(&draft(&host(), "Europe/Berlin"));
        assert!(!faults.has_errors(), "{faults}");
        assert_eq!(names, ["job.export"]);
    }

    #[test]
    fn a_commented_table_is_good_once_its_marks_are_taken_away() {
        let text = draft(&host(), "Europe/Berlin");
        let is_toml = |line: &str| {
            line.starts_with('[') || line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '))
        };
        let live: Vec<&str> = text
            .lines()
            .map(|line| line.strip_prefix("# ").filter(|rest| is_toml(rest)).unwrap_or(line))
            .collect();
        let (names, faults) = read(&live.join("\n"));
        assert!(!faults.has_errors(), "{faults}");
        assert_eq!(names, ["job.export", "job.b.c"]);
    }
}
