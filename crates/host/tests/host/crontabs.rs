//! Crontabs of every shape: wrapped, read by the parser, wrapped again, released.

use std::fs;
use std::path::PathBuf;

use muster_host::adopt::line::{Form, Line, lines};
use muster_host::adopt::rewrite::{Unfit, Wrapper, own, released, replaced, wrapped};
use muster_host::discover::crontab::{Crontab, Daemon, Dialect, parse};

struct Shape {
    name: String,
    form: Form,
    bytes: Vec<u8>,
}

/// Every file of `tests/crontabs`: `NN.DAEMON-COLUMNS.WHAT`.
fn shapes() -> Vec<Shape> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/crontabs");
    let mut shapes: Vec<Shape> = fs::read_dir(folder)
        .expect("the corpus")
        .flatten()
        .map(|entry| entry.path())
        .filter_map(|path| {
            let name = path.file_name()?.to_str()?.to_owned();
            let form = form(name.split('.').nth(1)?)?;
            Some(Shape { name, form, bytes: fs::read(&path).expect("read") })
        })
        .collect();
    shapes.sort_by(|a, b| a.name.cmp(&b.name));
    shapes
}

fn form(kind: &str) -> Option<Form> {
    let crontab = |daemon, user_column| Some(Form::Crontab(Dialect { daemon, user_column }));
    match kind {
        "debian-user" => crontab(Daemon::Debian, false),
        "debian-system" => crontab(Daemon::Debian, true),
        "cronie-user" => crontab(Daemon::Cronie, false),
        "cronie-system" => crontab(Daemon::Cronie, true),
        "busybox-user" => crontab(Daemon::Busybox, false),
        "systemd-system" => crontab(Daemon::Systemd, true),
        "anacron" => Some(Form::Anacrontab),
        _ => None,
    }
}

/// Wraps every line that can be.
fn adopted(bytes: &[u8], form: Form) -> (Vec<u8>, Vec<(Line, Unfit)>) {
    let wrapper = Wrapper::new(b"/usr/local/bin/muster", &[]);
    let (mut commands, mut left) = (Vec::new(), Vec::new());
    for line in lines(bytes, form) {
        if own(&bytes[line.command.clone()]).is_some() {
            continue;
        }
        match wrapped(bytes, &line, &format!("job-{}", line.number), &wrapper, form) {
            Ok(command) => commands.push((line.number, command)),
            Err(unfit) => left.push((line, unfit)),
        }
    }
    (replaced(bytes, form, &commands), left)
}

pub(crate) fn come_back_to_the_byte() {
    let shapes = shapes();
    assert!(shapes.len() >= 60, "{} shapes", shapes.len());
    let mut entries = 0;
    for Shape { name, form, bytes } in shapes {
        let by_hand: Vec<String> = lines(&bytes, form)
            .iter()
            .filter_map(|line| Some(own(&bytes[line.command.clone()])?.name))
            .collect();
        let (wrapped, left) = adopted(&bytes, form);
        assert!(left.is_empty(), "{name}: {left:?}");
        assert_eq!(adopted(&wrapped, form).0, wrapped, "{name}: twice is once");
        let (back, names) = released(&wrapped, form, |name| !by_hand.contains(&name.to_owned()));
        assert_eq!(back, bytes, "{name}: {}", wrapped.escape_ascii());
        entries += names.len();
    }
    assert!(entries > 100, "{entries} entries");
}

pub(crate) fn keep_everything_but_the_command() {
    for Shape { name, form, bytes } in shapes() {
        let (wrapped, _) = adopted(&bytes, form);
        let (before, after) = (lines(&bytes, form), lines(&wrapped, form));
        assert_eq!(before.len(), after.len(), "{name}");
        let mut ends = (0, 0);
        for (before, after) in before.iter().zip(&after) {
            assert_eq!(
                (before.number, &before.shell, before.input),
                (after.number, &after.shell, after.input),
                "{name}"
            );
            assert_eq!(
                bytes[ends.0..before.command.start],
                wrapped[ends.1..after.command.start],
                "{name}: what stands before the command of line {}",
                before.number
            );
            ends = (before.command.end, after.command.end);
        }
        assert_eq!(bytes[ends.0..], wrapped[ends.1..], "{name}: what stands behind the last command");
        let Form::Crontab(dialect) = form else { continue };
        same_meaning(&name, &parse(&bytes, dialect), &parse(&wrapped, dialect));
    }
}

fn same_meaning(name: &str, before: &Crontab, after: &Crontab) {
    assert_eq!(
        (&before.settings, &before.faults, before.unfinished),
        (&after.settings, &after.faults, after.unfinished)
    );
    assert_eq!(before.entries.len(), after.entries.len(), "{name}");
    for (before, after) in before.entries.iter().zip(&after.entries) {
        assert_eq!(
            (before.line, &before.schedule, &before.user, before.cut),
            (after.line, &after.schedule, &after.user, after.cut),
            "{name}"
        );
        // Nothing to start, or a person has wrapped it already.
        if before.shell.is_empty() || before.shell.contains("muster run") {
            continue;
        }
        let own = own(after.shell.trim_end_matches([' ', '\t']).as_bytes());
        let own = own.unwrap_or_else(|| panic!("{name}: {}", after.shell));
        // What cron gave to the shell is what the shell behind the wrapper is given.
        let blanks = [' ', '\t', '\r'];
        assert_eq!(
            String::from_utf8(own.command).expect("text").trim_end_matches(blanks),
            before.shell.trim_end_matches(blanks),
            "{name}"
        );
    }
}

pub(crate) fn meanwhile_edited_keep_the_edits() {
    let form = form("debian-user").expect("known");
    let bytes = b"# a\n0 1 * * * /opt/a.sh\n0 2 * * * cd /b && ./b.sh\n0 3 * * * /opt/c.sh\n";
    let (wrapped, _) = adopted(bytes, form);
    let text = String::from_utf8(wrapped).expect("text");
    let edited = text
        .replace("# a", "# another comment\n@reboot /opt/new.sh")
        .replace("0 2 * * *", "30 2 * * *")
        .replace("./b.sh", "./b.sh --more");
    let (back, names) = released(edited.as_bytes(), form, |name| name != "job-2");
    assert_eq!(names, ["job-3", "job-4"]);
    assert_eq!(
        String::from_utf8(back).expect("text"),
        "# another comment\n@reboot /opt/new.sh\n0 1 * * * /usr/local/bin/muster run job-2 -- /opt/a.sh\n\
         30 2 * * * cd /b && ./b.sh --more\n0 3 * * * /opt/c.sh\n"
    );
}

pub(crate) fn of_every_rule_are_there() {
    // What a crontab's text can show of the rules about cron; the others are about files, daemons and history.
    let shapes = shapes();
    for (rule, shape) in [
        ("CRON001", "plain-script"),
        ("CRON002", "setting-quoted"),
        ("CRON003", "muted-failure"),
        ("CRON004", "no-last-newline"),
        ("CRON007", "user-column-missing"),
        ("CRON008", "unknown-user"),
        ("CRON008", "user-column-by-mistake"),
        ("CRON009", "percent-bare-by-mistake"),
        ("CRON010", "interpreter-without-script"),
        ("CRON011", "missing-script"),
        ("CRON012", "crlf"),
        ("CRON013", "relative-path"),
        ("CRON014", "path-with-dollar"),
        ("CRON015", "shell-bash"),
        ("CRON017", "never-comes"),
        ("CRON017", "both-days"),
        ("CRON020", "same-command-twice"),
        ("CRON021", "append-to-log"),
        ("LOCK002", "flock-nonblocking"),
        ("LOCK003", "flock-blocking-line"),
        ("LOCK004", "background"),
    ] {
        assert!(shapes.iter().any(|there| there.name.ends_with(shape)), "{rule}: {shape}");
    }
}
