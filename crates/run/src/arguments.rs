//! The arguments of `muster run`. Every option mirrors a key of `[job.NAME]` and wins over it.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::{Arg, Parser, ValueExt};
use muster_core::ids::RunId;
use muster_core::time::Span;

/// The help text, with the table of exit codes.
pub(crate) const HELP: &str = "\
Runs a command as the job NAME and reports how it went.

Usage: muster run [OPTIONS] NAME [--] [COMMAND [ARGUMENT]...]

Without COMMAND the one of [job.NAME] in muster.toml is run. Works without a configuration and without an agent: the
report waits in the spool until there is one.

Options (each wins over the key of the same name in [job.NAME]):
      --timeout TIME    end the job after this long: TERM, then KILL (timeout.hard)
      --soft TIME       note that the job is slow after this long (timeout.soft)
      --grace TIME      time between TERM and KILL; 10s by default (timeout.grace)
      --overlap POLICY  while an earlier run goes on: skip (default), wait, replace, allow
      --max-wait TIME   longest wait of --overlap wait; 30m by default
      --lock FILE       lock this file, as flock(1) does, instead of one in the state directory
      --skip-exit CODE  exit code of a skipped run; 75 by default
      --leak-grace TIME how long the output may stay open after the job's end; 200ms by default
      --turn RUN        this is the run RUN of the agent's rota: it begins once at most, in a session of its own
      --stdin           pass standard input on, even if it is no terminal
  -q, --quiet           do not pass the job's output on; it is in the log
      --config FILE     muster.toml; else MUSTER_CONFIG, ./muster.toml, /etc/muster/muster.toml
      --state DIR       state directory; else MUSTER_STATE, the file, /var/lib/muster or ~/.local/state/muster
  -h, --help            print this

Times are written 250ms, 90s, 10m, 2h, 1d, 1h30m. TERM and INT are passed on, and after the grace
all processes of the job are killed; a second one kills them at once. HUP, QUIT, USR1 and USR2 are passed on.

Exit codes:
  0-255  the job's own
     75  the job did not run: the lock is held
    124  the job ran past its limit and was ended
    125  muster could not begin: wrong arguments, no command
    126  the command is there and cannot be executed
    127  the command was not found
  128+n  signal n ended the job
";

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Request {
    /// The job's name as written; empty if there was none.
    pub(crate) name: String,
    /// Program and arguments; empty if there were none.
    pub(crate) command: Vec<OsString>,
    /// Options.
    pub(crate) options: Options,
    /// What was wrong and could be done without.
    pub(crate) complaints: Vec<String>,
}

/// The options. None: as the configuration or the default says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Options {
    pub(crate) hard: Option<Span>,
    pub(crate) soft: Option<Span>,
    pub(crate) grace: Option<Span>,
    pub(crate) overlap: Option<String>,
    pub(crate) max_wait: Option<Span>,
    pub(crate) lock: Option<PathBuf>,
    pub(crate) skip_exit: Option<u8>,
    pub(crate) leak_grace: Option<Span>,
    pub(crate) config: Option<PathBuf>,
    pub(crate) state: Option<PathBuf>,
    pub(crate) turn: Option<RunId>,
    pub(crate) stdin: bool,
    pub(crate) quiet: bool,
}

/// What the arguments come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// Print the help.
    Help,
    /// Run a job.
    Run(Box<Request>),
    /// They cannot be understood, and no command can be told from them.
    Wrong {
        /// The job, as far as it was named.
        name: String,
        /// What is wrong.
        why: String,
    },
}

/// Reads the arguments that follow `run`.
///
/// A wrong option must not stop a backup: as long as the command can be told, it is run and the fault is a complaint.
pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Parsed {
    let arguments: Vec<OsString> = arguments.collect();
    let mut request = Request::default();
    match read(&arguments, &mut request) {
        Ok(true) => Parsed::Help,
        Ok(false) if request.name.is_empty() => {
            Parsed::Wrong { name: String::new(), why: "which job? Give it a name".into() }
        }
        Ok(false) => Parsed::Run(Box::new(request)),
        Err(error) => {
            let why = error.to_string();
            let mut command = arguments.iter().skip_while(|argument| *argument != "--").skip(1).cloned();
            if request.name.is_empty() {
                // The name may stand after the option that was not understood.
                let before = arguments.iter().take_while(|argument| *argument != "--");
                let last = before.last().map(|name| name.to_string_lossy().into_owned());
                request.name = last.filter(|name| !name.starts_with('-')).unwrap_or_default();
            }
            request.command = command.by_ref().collect();
            if request.command.is_empty() {
                return Parsed::Wrong { name: request.name, why };
            }
            request.complaints.push(format!("{why}; the job is run without it"));
            Parsed::Run(Box::new(request))
        }
    }
}

/// True if help is asked for.
fn read(arguments: &[OsString], request: &mut Request) -> Result<bool, lexopt::Error> {
    let mut parser = Parser::from_args(arguments.iter().cloned());
    while let Some(argument) = parser.next()? {
        let option = match argument {
            Arg::Short('h') | Arg::Long("help") => return Ok(true),
            Arg::Short('q') | Arg::Long("quiet") => {
                request.options.quiet = true;
                continue;
            }
            Arg::Long("stdin") => {
                request.options.stdin = true;
                continue;
            }
            Arg::Value(name) if request.name.is_empty() => {
                request.name = name.to_string_lossy().into_owned();
                continue;
            }
            Arg::Value(program) => {
                request.command = vec![program];
                request.command.extend(parser.raw_args()?);
                return Ok(false);
            }
            Arg::Long(
                name @ ("timeout" | "soft" | "grace" | "overlap" | "max-wait" | "lock" | "skip-exit"
                | "leak-grace" | "turn" | "config" | "state"),
            ) => name.to_owned(),
            other => return Err(other.unexpected()),
        };
        let value = parser.value()?;
        if let Err(why) = set(&mut request.options, &option, value) {
            request.complaints.push(format!("--{option}: {why}; the option is ignored"));
        }
    }
    Ok(false)
}

fn set(options: &mut Options, option: &str, value: OsString) -> Result<(), String> {
    let path = |value: OsString| Some(PathBuf::from(value));
    match option {
        "lock" => options.lock = path(value),
        "config" => options.config = path(value),
        "state" => options.state = path(value),
        "turn" => options.turn = Some(value.parse().map_err(|error| error.to_string())?),
        "overlap" => {
            let word = value.string().map_err(|error| error.to_string())?;
            if !["skip", "wait", "replace", "allow"].contains(&word.as_str()) {
                return Err(format!("{word:?} is not skip, wait, replace or allow"));
            }
            options.overlap = Some(word);
        }
        "skip-exit" => options.skip_exit = Some(value.parse().map_err(|error| error.to_string())?),
        time => {
            let span = Some(value.parse::<Span>().map_err(|error| error.to_string())?);
            match time {
                "timeout" => options.hard = span,
                "soft" => options.soft = span,
                "grace" => options.grace = span,
                "max-wait" => options.max_wait = span,
                _ => options.leak_grace = span,
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Parsed {
        parse(line.split_ascii_whitespace().map(OsString::from))
    }

    fn run(line: &str) -> Request {
        match parsed(line) {
            Parsed::Run(request) => *request,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn the_dashes_are_optional_when_nothing_else_can_be_meant() {
        for line in [
            "backup tar -c --quiet /",
            "backup -- tar -c --quiet /",
            "--timeout 1h backup -- tar -c --quiet /",
        ] {
            let request = run(line);
            assert_eq!((request.name.as_str(), request.command.len()), ("backup", 4), "{line}");
            assert!(!request.options.quiet && request.complaints.is_empty());
        }
        let request = run("backup --timeout=90s -q --overlap wait -- x --");
        assert_eq!(request.options.hard, Some(Span::seconds(90)));
        assert!(request.options.quiet && request.command == ["x", "--"]);
        assert!(run("backup").command.is_empty());
    }

    #[test]
    fn a_wrong_option_stops_a_job_only_when_its_command_cannot_be_told() {
        let request = run("backup --timeout soon --overlap maybe --skip-exit 300 -- x");
        assert_eq!((request.complaints.len(), request.options.hard), (3, None));
        let request = run("--niec 3 backup -- x y");
        assert_eq!(
            (request.name.as_str(), request.command.len(), request.complaints.len()),
            ("backup", 2, 1)
        );
        assert!(matches!(parsed("backup --niec 3 x"), Parsed::Wrong { name, .. } if name == "backup"));
        assert!(matches!(parsed(""), Parsed::Wrong { .. }));
        assert!(matches!(parsed("--version"), Parsed::Wrong { name, .. } if name.is_empty()));
        assert_eq!(parsed("--help"), Parsed::Help);
    }

    #[test]
    fn the_help_names_every_option_and_fits_a_terminal() {
        for option in [
            "timeout",
            "soft",
            "grace",
            "overlap",
            "max-wait",
            "lock",
            "skip-exit",
            "leak-grace",
            "stdin",
            "quiet",
            "config",
            "state",
        ] {
            assert!(HELP.contains(&format!("--{option}")), "{option}");
        }
        assert!(HELP.lines().all(|line| line.len() <= 120));
    }
}
