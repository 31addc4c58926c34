//! The line to write so that a schedule reports in.

use muster_core::host_roll::{Scheduled, Starter};

/// How to wrap one schedule: where, and what stands there afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrap {
    /// What to open.
    pub place: String,
    /// Text before what is new.
    pub before: String,
    /// What is new.
    pub new: String,
    /// Text after it.
    pub after: String,
}

/// How to wrap this schedule.
pub fn wrap(found: &Scheduled) -> Wrap {
    let (new, after) = wrapped(&found.name, &found.command);
    match found.by {
        Starter::Cron | Starter::Anacron => {
            let file = found.source.split(':').next().unwrap_or(&found.source);
            // Only the system's own tables have a column for the user.
            let shared = file == "/etc/crontab" || file.starts_with("/etc/cron.d/");
            let place = if file.starts_with("/var/spool/cron") {
                format!("crontab -e -u {}", found.user)
            } else {
                found.source.clone()
            };
            let user = if shared { format!("{} ", found.user) } else { String::new() };
            Wrap { place, before: format!("{} {user}", found.schedule), new, after }
        }
        Starter::RunParts => Wrap {
            place: format!("a line in /etc/cron.d in place of {}", found.source),
            before: format!("{} {} ", found.cron.as_deref().unwrap_or(&found.schedule), found.user),
            new,
            after,
        },
        Starter::Timer => {
            let service = found.source.strip_suffix(".timer").unwrap_or(&found.source);
            Wrap {
                place: format!("systemctl edit {service}.service"),
                before: "[Service]\nExecStart=\nExecStart=".to_owned(),
                new,
                after,
            }
        }
    }
}

/// The wrapper, and the command as it must stand after it. What needs a shell gets one.
fn wrapped(name: &str, command: &str) -> (String, String) {
    let needs_shell = command
        .contains(['&', '|', ';', '<', '>', '$', '`', '(', '*', '?', '~', '"', '\'', '\\', '{'])
        || command.split_whitespace().next().is_some_and(|first| first.contains('=') || first == "cd");
    if needs_shell {
        (format!("muster run {name} -- sh -c "), format!("'{}'", command.replace('\'', r"'\''")))
    } else {
        (format!("muster run {name} -- "), command.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(by: Starter, source: &str, schedule: &str, command: &str) -> Scheduled {
        Scheduled {
            name: "sync".into(),
            by,
            source: source.into(),
            schedule: schedule.into(),
            cron: None,
            user: "www".into(),
            command: command.into(),
            covered: None,
            odd: Vec::new(),
        }
    }

    fn line(found: &Scheduled) -> String {
        let wrap = wrap(found);
        format!("{}{}{}", wrap.before, wrap.new, wrap.after)
    }

    #[test]
    fn the_line_can_be_pasted() {
        let system = found(Starter::Cron, "/etc/cron.d/sync:3", "*/5 * * * *", "/opt/sync --all");
        assert_eq!(line(&system), "*/5 * * * * www muster run sync -- /opt/sync --all");
        let own = found(
            Starter::Cron,
            "/var/spool/cron/crontabs/www:1",
            "@daily",
            "cd /srv && ./sync 'a b' | tee x",
        );
        assert_eq!(line(&own), r"@daily muster run sync -- sh -c 'cd /srv && ./sync '\''a b'\'' | tee x'");
        assert_eq!(wrap(&own).place, "crontab -e -u www");
        let timer = found(Starter::Timer, "sync.timer", "*-*-* 02:00:00", "/opt/sync");
        assert!(line(&timer).ends_with("ExecStart=\nExecStart=muster run sync -- /opt/sync"));
    }
}
