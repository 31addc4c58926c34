//! A crontab with commands wrapped, and the way back. Text in, text out.
//!
//! A command that a shell would merely start is put behind `muster run NAME -- ` as it is; any other is handed to its
//! own shell as one quoted word. Either can be undone from the line alone, so a line can be released even if every
//! record of its adoption is lost.

use muster_core::ids::ExpectationId;

use super::line::{Form, Input, Line, lines};
use super::shell;

/// What is put in front of commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapper {
    /// This program, absolute, quoted for a shell.
    program: Vec<u8>,
    /// `--config` and `--state`, where the usual places do not do.
    options: Vec<u8>,
}

impl Wrapper {
    /// A wrapper of this program. The options are pairs such as `("--config", "/srv/muster.toml")`; only `--config` and
    /// `--state` can be undone.
    pub fn new(program: &[u8], options: &[(&str, &[u8])]) -> Self {
        let mut words = Vec::new();
        for (option, value) in options {
            words.push(b' ');
            words.extend_from_slice(option.as_bytes());
            words.push(b' ');
            words.extend_from_slice(&shell::word(value));
        }
        Self { program: shell::word(program), options: words }
    }
}

/// Why a line cannot be wrapped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It would be longer than the daemon allows.
    #[error("wrapped, its command would have {length} bytes, and this cron takes {limit} at most")]
    TooLong {
        /// Bytes of the wrapped command with its input.
        length: usize,
        /// What the daemon takes.
        limit: usize,
    },
    /// The shell quotes in ways of its own.
    #[error("its shell is {0}, whose quotes may not be those of sh")]
    Shell(String),
    /// What the `%` does depends on the version of the daemon.
    #[error("it has a bare %, which versions of this cron treat differently; write \\% or a script")]
    Percent,
}

/// The wrapped command of a line.
///
/// # Errors
/// [`Unfit`] when it would not do the same as before.
pub fn wrapped(
    bytes: &[u8],
    line: &Line,
    name: &str,
    wrapper: &Wrapper,
    form: Form,
) -> Result<Vec<u8>, Unfit> {
    let command = &bytes[line.command.clone()];
    if line.input == Input::Unclear {
        return Err(Unfit::Percent);
    }
    if !shell::is_known(&line.shell) {
        return Err(Unfit::Shell(String::from_utf8_lossy(&line.shell).trim().to_owned()));
    }
    let mut text = wrapper.program.clone();
    text.extend_from_slice(b" run");
    text.extend_from_slice(&wrapper.options);
    text.push(b' ');
    text.extend_from_slice(name.as_bytes());
    if line.input == Input::Given {
        text.extend_from_slice(b" --stdin");
    }
    text.extend_from_slice(b" -- ");
    // bash reads a script without an interpreter line itself, the wrapper gives it to /bin/sh.
    if line.shell == b"/bin/sh" && shell::is_plain(command) {
        text.extend_from_slice(command);
    } else {
        text.extend_from_slice(&line.shell);
        text.extend_from_slice(b" -c ");
        text.extend_from_slice(&shell::quoted(command));
    }
    let length = text.len() + line.rest.end - line.command.end;
    match form.longest_command() {
        Some(limit) if length > limit => Err(Unfit::TooLong { length, limit }),
        _ => Ok(text),
    }
}

/// A command as [`wrapped`] made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Own {
    /// The name of the job.
    pub name: String,
    /// The command as it was.
    pub command: Vec<u8>,
}

/// Reads a command that [`wrapped`] made; none for any other, also for one that a person wrapped with options of
/// their own.
pub fn own(command: &[u8]) -> Option<Own> {
    let (program, mut rest) = next(command)?;
    if program.rsplit(|byte| *byte == b'/').next()? != b"muster" {
        return None;
    }
    rest = rest.strip_prefix(b"run ")?;
    let name = loop {
        let (word, after) = next(rest)?;
        rest = after;
        match word.as_slice() {
            b"--config" | b"--state" => rest = next(rest)?.1,
            _ => break String::from_utf8(word).ok()?,
        }
    };
    ExpectationId::of("job", &name).ok()?;
    rest = rest.strip_prefix(b"--stdin ").unwrap_or(rest).strip_prefix(b"-- ")?;
    if shell::is_plain(rest) {
        return Some(Own { name, command: rest.to_vec() });
    }
    let (shell, line) = next(rest)?;
    let line = line.strip_prefix(b"-c ").filter(|_| shell::is_known(&shell))?;
    Some(Own { name, command: shell::unquoted(line)? })
}

/// The first word and what follows the single blank after it.
fn next(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut quoted = false;
    let end = text.iter().position(|byte| {
        quoted ^= *byte == b'\'';
        *byte == b' ' && !quoted
    })?;
    let word = &text[..end];
    let word = if word.starts_with(b"'") { shell::unquoted(word)? } else { word.to_vec() };
    Some((word, &text[end + 1..]))
}

/// The text with the commands of some lines replaced: line numbers and new commands. Numbers without a command are
/// passed over.
pub fn replaced(bytes: &[u8], form: Form, commands: &[(usize, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 64 * commands.len());
    let mut at = 0;
    for line in lines(bytes, form) {
        if let Some((_, command)) = commands.iter().find(|(number, _)| *number == line.number) {
            out.extend_from_slice(&bytes[at..line.command.start]);
            out.extend_from_slice(command);
            at = line.command.end;
        }
    }
    out.extend_from_slice(&bytes[at..]);
    out
}

/// The text with the commands unwrapped whose names are chosen, and those names.
pub fn released(bytes: &[u8], form: Form, chosen: impl Fn(&str) -> bool) -> (Vec<u8>, Vec<String>) {
    let own: Vec<(usize, Own)> = lines(bytes, form)
        .into_iter()
        .filter_map(|line| Some((line.number, own(&bytes[line.command])?)))
        .filter(|(_, own)| chosen(&own.name))
        .collect();
    let names = own.iter().map(|(_, own)| own.name.clone()).collect();
    let commands: Vec<(usize, Vec<u8>)> =
        own.into_iter().map(|(number, own)| (number, own.command)).collect();
    (replaced(bytes, form, &commands), names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::crontab::{Daemon, Dialect};

    const USER: Form = Form::Crontab(Dialect { daemon: Daemon::Debian, user_column: false });

    fn wrap(text: &str) -> String {
        let wrapper = Wrapper::new(b"/usr/local/bin/muster", &[]);
        let line = &lines(text.as_bytes(), USER)[0];
        let command = wrapped(text.as_bytes(), line, "x", &wrapper, USER).expect("fit");
        String::from_utf8(replaced(text.as_bytes(), USER, &[(line.number, command)])).expect("text")
    }

    #[test]
    fn a_line_is_wrapped_as_a_person_would() {
        for (line, shown) in [
            ("0 2 * * *\t/opt/x.sh -v  \n", "0 2 * * *\t/usr/local/bin/muster run x -- /opt/x.sh -v  \n"),
            (
                "@daily cd /x && ./y >> /l 2>&1\n",
                "@daily /usr/local/bin/muster run x -- /bin/sh -c 'cd /x && ./y >> /l 2>&1'\n",
            ),
            (
                "@daily echo 'it'%in%put\n",
                "@daily /usr/local/bin/muster run x --stdin -- /bin/sh -c 'echo '\\''it'\\'''%in%put\n",
            ),
        ] {
            assert_eq!(wrap(line), shown);
        }
    }

    #[test]
    fn only_what_was_wrapped_here_is_unwrapped() {
        for (command, back) in [
            ("/usr/local/bin/muster run x -- /opt/x -v", Some("/opt/x -v")),
            ("/opt/muster run --config '/a b/m.toml' --state /s x -- /bin/bash -c 'a; b'", Some("a; b")),
            ("'/my bin/muster' run x --stdin -- /bin/sh -c ''\\'''\\'''", Some("''")),
            ("/opt/muster run x --timeout 5m -- /opt/x", None),
            ("/opt/muster run x -- /opt/x > /l", None),
            ("/opt/muster run x -- /opt/fish -c 'a'", None),
            ("cd /x && muster run x -- y", None),
            ("/opt/muster run x", None),
            ("/opt/muster run -- x", None),
            ("nice muster run x -- y", None),
        ] {
            let found = own(command.as_bytes());
            assert_eq!(
                found.map(|own| String::from_utf8(own.command).expect("text")).as_deref(),
                back,
                "{command}"
            );
        }
    }

    #[test]
    fn what_would_not_do_the_same_is_left() {
        let wrapper = Wrapper::new(b"/usr/local/bin/muster", &[]);
        let fish = b"SHELL=/usr/bin/fish\n@daily x\n";
        let long = format!("@daily {}\n", "x".repeat(970));
        let timers = Form::Crontab(Dialect { daemon: Daemon::Systemd, user_column: false });
        for (text, form, why) in
            [(&fish[..], USER, "fish"), (long.as_bytes(), USER, "998"), (b"@daily x%y\n", timers, "bare %")]
        {
            let unfit = wrapped(text, &lines(text, form)[0], "x", &wrapper, form).expect_err("unfit");
            assert!(unfit.to_string().contains(why), "{unfit}");
        }
    }
}
