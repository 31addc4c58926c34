//! Where the commands of a crontab are, byte for byte: [`crontab`](crate::discover::crontab) says what they mean.

use std::ops::Range;

use crate::discover::crontab::{Daemon, Dialect};

/// Which columns stand before the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A crontab.
    Crontab(Dialect),
    /// `/etc/anacrontab`: period, delay, name.
    Anacrontab,
}

impl Form {
    /// Whether a bare `%` ends the command; none where versions of the daemon differ.
    fn cuts_at_percent(self) -> Option<bool> {
        match self {
            Self::Anacrontab => Some(false),
            Self::Crontab(dialect) => match dialect.daemon {
                Daemon::Debian | Daemon::Cronie => Some(true),
                Daemon::Busybox => Some(false),
                Daemon::Systemd => None,
            },
        }
    }

    /// The longest command that the daemon takes, in bytes; none where it takes any.
    pub(super) fn longest_command(self) -> Option<usize> {
        match self {
            // MAX_COMMAND of Debian's cron is 1000, the final zero included.
            Self::Crontab(Dialect { daemon: Daemon::Debian, .. }) => Some(998),
            Self::Crontab(_) | Self::Anacrontab => None,
        }
    }
}

/// A line that starts something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Line number, from 1.
    pub number: usize,
    /// The bytes of the command, without blanks around it and without what becomes its input.
    pub command: Range<usize>,
    /// The bytes from the command to the end of the line: with its input and trailing blanks.
    pub rest: Range<usize>,
    /// What follows the command becomes its input.
    pub input: Input,
    /// The shell that it is given to: `SHELL=` as far as the lines above say, else `/bin/sh`.
    pub shell: Vec<u8>,
    /// `CRON_TZ=` as far as the lines above say.
    pub zone: Option<Vec<u8>>,
}

/// Whether a bare `%` follows the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// It has none.
    None,
    /// What follows the `%` is its input.
    Given,
    /// There is a `%`, and what it does depends on the version of the daemon.
    Unclear,
}

/// Every line that starts something, in order. Lines that cannot be read are left out.
pub fn lines(bytes: &[u8], form: Form) -> Vec<Line> {
    let mut found = Vec::new();
    let mut shell = b"/bin/sh".to_vec();
    let mut zone = None;
    let mut start = 0;
    for (number, text) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        let at = start;
        start += text.len() + 1;
        let blanks = blanks(text);
        let inner = &text[blanks..];
        if inner.is_empty() || inner == b"\r" || inner[0] == b'#' {
            continue;
        }
        if let Some((name, value)) = setting(inner) {
            match name {
                b"SHELL" => shell = value.to_vec(),
                b"CRON_TZ" => zone = Some(value.to_vec()),
                _ => {}
            }
            continue;
        }
        let Some(from) = command(inner, form) else { continue };
        let rest = at + blanks + from..at + text.len();
        let (length, input) = end(&bytes[rest.clone()], form);
        if length > 0 {
            let command = rest.start..rest.start + length;
            found.push(Line { number, command, rest, input, shell: shell.clone(), zone: zone.clone() });
        }
    }
    found
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn blanks(text: &[u8]) -> usize {
    text.iter().take_while(|byte| is_blank(**byte)).count()
}

fn trim(text: &[u8]) -> &[u8] {
    let text = &text[blanks(text)..];
    let end = text.iter().rposition(|byte| !is_blank(*byte)).map_or(0, |at| at + 1);
    &text[..end]
}

/// `NAME=value`, as crontab(5) has it.
fn setting(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let sign = text.iter().position(|byte| *byte == b'=')?;
    let (name, value) = (bare(trim(&text[..sign])), bare(trim(&text[sign + 1..])));
    let first = name.first()?;
    let plain = name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    ((first.is_ascii_alphabetic() || *first == b'_') && plain).then_some((name, value))
}

fn bare(text: &[u8]) -> &[u8] {
    match text {
        [b'"', inner @ .., b'"'] | [b'\'', inner @ .., b'\''] => inner,
        _ => text,
    }
}

/// Where the command begins.
fn command(text: &[u8], form: Form) -> Option<usize> {
    let mut at = 0;
    let columns = match form {
        Form::Anacrontab => 3,
        Form::Crontab(dialect) => {
            if text[0] == b'-' {
                if dialect.daemon == Daemon::Debian {
                    return None;
                }
                at = 1;
            }
            let fields = if text.get(at) == Some(&b'@') { 1 } else { 5 };
            fields + usize::from(dialect.user_column)
        }
    };
    for _ in 0..columns {
        at += text.get(at..)?.iter().take_while(|byte| !is_blank(**byte)).count();
        let gap = blanks(text.get(at..)?);
        if gap == 0 {
            return None;
        }
        at += gap;
    }
    (at < text.len()).then_some(at)
}

/// How long the command is, and what follows it.
fn end(text: &[u8], form: Form) -> (usize, Input) {
    let mut escaped = false;
    let bare = text.iter().position(|byte| {
        let ends = *byte == b'%' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    });
    let (end, input) = match (bare, form.cuts_at_percent()) {
        (None, _) | (Some(_), Some(false)) => (text.len(), Input::None),
        (Some(at), Some(true)) => (at, Input::Given),
        (Some(_), None) => (text.len(), Input::Unclear),
    };
    let mut length = text[..end].iter().rposition(|byte| !is_blank(*byte)).map_or(0, |at| at + 1);
    // An escaped blank belongs to its word.
    if length < end && text[..length].last() == Some(&b'\\') {
        length += 1;
    }
    (length, input)
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: Form = Form::Crontab(Dialect { daemon: Daemon::Debian, user_column: false });

    fn one(text: &[u8], form: Form) -> (Vec<u8>, Input) {
        let found = lines(text, form);
        assert_eq!(found.len(), 1, "{found:?}");
        (text[found[0].command.clone()].to_vec(), found[0].input)
    }

    #[test]
    fn the_command_is_found_to_the_byte() {
        let system = Form::Crontab(Dialect { daemon: Daemon::Cronie, user_column: true });
        for (text, form, command, input) in [
            (&b"0 2 * * * /opt/x  \n"[..], USER, &b"/opt/x"[..], Input::None),
            (b"\t0\t2 * * *\t /opt/x\r\n", USER, b"/opt/x\r", Input::None),
            (b"@daily mail x%one%two\n", USER, b"mail x", Input::Given),
            (b"@daily date +\\%F \n", USER, b"date +\\%F", Input::None),
            (b"@daily echo \\\\%x", USER, b"echo \\\\", Input::Given),
            (b"@daily echo \\ \n", USER, b"echo \\ ", Input::None),
            (b"@daily cat \xff\xfe%", USER, b"cat \xff\xfe", Input::Given),
            (b"-*/5 * * * * root x=1 y\n", system, b"x=1 y", Input::None),
            (b"1 5 cron.daily  run-parts /x%y\n", Form::Anacrontab, b"run-parts /x%y", Input::None),
        ] {
            assert_eq!(one(text, form), (command.to_vec(), input), "{}", text.escape_ascii());
        }
        for none in [
            &b"0 2 * *\n"[..],
            b"",
            b"\n\n",
            b"# 0 2 * * * x\n",
            b"-0 2 * * * x\n",
            b"@daily",
            b"X = y",
            b"@daily %x",
        ] {
            assert_eq!(lines(none, USER), [], "{}", none.escape_ascii());
        }
    }

    #[test]
    fn a_line_has_the_shell_that_the_lines_above_say() {
        let found = lines(b"@daily a\nSHELL = \"/bin/bash\"\n@daily b\nSHELL=/bin/sh\r\n@daily c\n", USER);
        let shells: Vec<&[u8]> = found.iter().map(|line| line.shell.as_slice()).collect();
        assert_eq!(shells, [&b"/bin/sh"[..], b"/bin/bash", b"/bin/sh\r"]);
        assert_eq!(found.iter().map(|line| line.number).collect::<Vec<_>>(), [1, 3, 5]);
    }
}
