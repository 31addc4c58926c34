//! The text of one crontab. Reads what is written; knows nothing of files, users or the clock.
//!
//! Sources: `crontab(5)` of Debian and of cronie, `anacrontab(5)`.

/// Which daemon reads the file. They differ in what they ignore.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Daemon {
    /// Vixie cron as Debian and Ubuntu ship it.
    Debian,
    /// cronie: Fedora, RHEL, Arch, SUSE.
    Cronie,
    /// busybox: Alpine, OpenWrt. It has users' crontabs only.
    Busybox,
    /// systemd-cron: timers made from crontabs.
    Systemd,
}

/// How a crontab is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// Who reads it.
    pub daemon: Daemon,
    /// A column with the user stands before the command: `/etc/crontab` and `/etc/cron.d`.
    pub user_column: bool,
}

/// A crontab as read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Crontab {
    /// The lines that start something, in order.
    pub entries: Vec<Entry>,
    /// `NAME=value`, in order, quotes taken away.
    pub settings: Vec<(String, String)>,
    /// Lines that could not be read.
    pub faults: Vec<Fault>,
    /// The last line has no newline.
    pub unfinished: bool,
}

/// A line that starts something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Line number, from 1.
    pub line: usize,
    /// Five fields as written, single blanks between them, or a short form such as `@daily`.
    pub schedule: String,
    /// The user, where the dialect has the column.
    pub user: Option<String>,
    /// The command as written.
    pub command: String,
    /// What the shell is given: up to the first bare `%`, with `\%` as `%`.
    pub shell: String,
    /// A bare `%` ends the command; what follows becomes its input.
    pub cut: bool,
}

/// A line that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Line number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

/// Reads a crontab. Never fails: what it cannot read becomes a [`Fault`]. Bytes that are not UTF-8 are replaced.
pub fn parse(bytes: &[u8], dialect: Dialect) -> Crontab {
    let mut crontab = Crontab::default();
    let text = String::from_utf8_lossy(bytes);
    crontab.unfinished = !text.is_empty() && !text.ends_with('\n');
    for (line, text) in (1..).zip(text.lines()) {
        let text = text.trim_start_matches([' ', '\t']);
        if text.trim_end().is_empty() || text.starts_with('#') {
            continue;
        }
        if let Some(setting) = setting(text) {
            crontab.settings.push(setting);
            continue;
        }
        match entry(line, text, dialect) {
            Ok(entry) => crontab.entries.push(entry),
            Err(what) => crontab.faults.push(Fault { line, what: what.to_owned() }),
        }
    }
    crontab
}

/// `NAME=value`, blanks around the sign allowed, value and name perhaps quoted.
fn setting(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once('=')?;
    let name = bare(name.trim());
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (starts && plain).then(|| (name.to_owned(), bare(value.trim()).to_owned()))
}

fn bare(text: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(inner) = text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return inner;
        }
    }
    text
}

fn entry(line: usize, text: &str, dialect: Dialect) -> Result<Entry, &'static str> {
    let mut rest = text;
    if let Some(quiet) = text.strip_prefix('-') {
        if dialect.daemon == Daemon::Debian {
            return Err("a leading \"-\" is not known to Debian's cron");
        }
        rest = quiet;
    }
    let columns = if rest.starts_with('@') { 1 } else { 5 };
    let mut schedule = String::new();
    for _ in 0..columns {
        let word = next_word(&mut rest).ok_or("fewer than five fields and a command")?;
        if !schedule.is_empty() {
            schedule.push(' ');
        }
        schedule.push_str(word);
    }
    let user = match dialect.user_column {
        true => Some(next_word(&mut rest).ok_or("no user and no command")?.to_owned()),
        false => None,
    };
    let command = rest.trim();
    if command.is_empty() {
        return Err(if dialect.user_column { "no command after the user" } else { "no command" });
    }
    let (shell, cut) = match dialect.daemon {
        Daemon::Busybox => (command.to_owned(), false),
        Daemon::Debian | Daemon::Cronie | Daemon::Systemd => before_percent(command),
    };
    Ok(Entry { line, schedule, user, command: command.to_owned(), shell, cut })
}

/// Takes the next word off the front.
fn next_word<'t>(rest: &mut &'t str) -> Option<&'t str> {
    let text = rest.trim_start_matches([' ', '\t']);
    let end = text.find([' ', '\t']).unwrap_or(text.len());
    let (word, after) = text.split_at(end);
    *rest = after.trim_start_matches([' ', '\t']);
    (!word.is_empty()).then_some(word)
}

fn before_percent(command: &str) -> (String, bool) {
    let mut shell = String::with_capacity(command.len());
    let mut escaped = false;
    for letter in command.chars() {
        match letter {
            '%' if escaped => {
                shell.pop();
                shell.push('%');
            }
            '%' => return (shell, true),
            _ => shell.push(letter),
        }
        escaped = letter == '\\' && !escaped;
    }
    (shell, false)
}

/// A line of an anacrontab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anacron {
    /// Line number, from 1.
    pub line: usize,
    /// `1`, `7`, `@monthly`: days between runs, as written.
    pub period: String,
    /// The name under which anacron remembers the last run.
    pub id: String,
    /// The command as written.
    pub command: String,
}

/// Reads an anacrontab: period, delay, id, command. Lines of another shape are left out and named.
pub fn parse_anacron(bytes: &[u8]) -> (Vec<Anacron>, Vec<Fault>) {
    let (mut entries, mut faults) = (Vec::new(), Vec::new());
    for (line, text) in (1..).zip(String::from_utf8_lossy(bytes).lines()) {
        let mut rest = text.trim();
        if rest.is_empty() || rest.starts_with('#') || setting(rest).is_some() {
            continue;
        }
        let columns = (next_word(&mut rest), next_word(&mut rest), next_word(&mut rest));
        match columns {
            (Some(period), Some(_delay), Some(id)) if !rest.is_empty() => entries.push(Anacron {
                line,
                period: period.to_owned(),
                id: id.to_owned(),
                command: rest.to_owned(),
            }),
            _ => faults.push(Fault { line, what: "not period, delay, name and command".to_owned() }),
        }
    }
    (entries, faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYSTEM: Dialect = Dialect { daemon: Daemon::Debian, user_column: true };
    const USER: Dialect = Dialect { daemon: Daemon::Debian, user_column: false };

    #[test]
    fn a_system_crontab_has_settings_comments_and_users() {
        let crontab = parse(
            b"SHELL=/bin/sh\nMAILTO = \"ops@example.com\"\n\n  # a comment\n17 *\t* * *\troot\tcd / && run-parts /etc/cron.hourly\n@daily backup /opt/b.sh --to=x\n",
            SYSTEM,
        );
        assert_eq!(
            crontab.settings,
            [("SHELL".to_owned(), "/bin/sh".to_owned()), ("MAILTO".to_owned(), "ops@example.com".to_owned())]
        );
        assert!(crontab.faults.is_empty() && !crontab.unfinished);
        let [hourly, daily] = &crontab.entries[..] else { panic!("{crontab:?}") };
        assert_eq!(
            (hourly.line, hourly.schedule.as_str(), hourly.user.as_deref()),
            (5, "17 * * * *", Some("root"))
        );
        assert_eq!(hourly.command, "cd / && run-parts /etc/cron.hourly");
        assert_eq!((daily.schedule.as_str(), daily.user.as_deref()), ("@daily", Some("backup")));
        assert_eq!(daily.command, "/opt/b.sh --to=x");
    }

    #[test]
    fn a_bare_percent_cuts_the_command() {
        let crontab = parse(b"0 2 * * * tar c /x > /b/$(date +%F).tar\n0 3 * * * date +\\%F\n", USER);
        let [cut, whole] = &crontab.entries[..] else { panic!("{crontab:?}") };
        assert!(cut.cut && cut.shell == "tar c /x > /b/$(date +" && cut.command.ends_with(".tar"));
        assert!(!whole.cut && whole.shell == "date +%F");
        assert_eq!(whole.user, None);
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_line() {
        let crontab = parse(b"0 2 * *\n-*/5 * * * * root x\n0 2 * * * root\nnonsense", SYSTEM);
        assert!(crontab.unfinished && crontab.entries.is_empty());
        assert_eq!(crontab.faults.iter().map(|fault| fault.line).collect::<Vec<_>>(), [1, 2, 3, 4]);
        let cronie = parse(b"-*/5 * * * * root x\n", Dialect { daemon: Daemon::Cronie, user_column: true });
        assert_eq!(cronie.entries[0].schedule, "*/5 * * * *");
    }

    #[test]
    fn any_bytes_are_read() {
        for bytes in [&b"\xff\xfe\x00\n"[..], b"", b"\n\n", b"@", b"@daily", b"%%%%", b"= = = = = =\n"] {
            let _seen = parse(bytes, SYSTEM);
            let _seen = parse(bytes, USER);
            let _seen = parse_anacron(bytes);
        }
    }

    #[test]
    fn an_anacrontab_has_four_columns() {
        let (entries, faults) = parse_anacron(
            b"SHELL=/bin/sh\nSTART_HOURS_RANGE=3-22\n1\t5\tcron.daily\trun-parts --report /etc/cron.daily\n@monthly 15 x /opt/x.sh a b\nodd\n",
        );
        assert_eq!(entries.len(), 2);
        assert_eq!((entries[1].period.as_str(), entries[1].command.as_str()), ("@monthly", "/opt/x.sh a b"));
        assert_eq!(faults.len(), 1);
    }
}
