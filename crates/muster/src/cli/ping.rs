//! `muster ping`.

use std::collections::VecDeque;
use std::io::Read;
use std::str::FromStr;

use muster_core::ids::RunId;
use muster_core::signal::{Ending, Outcome, Report, Signal, TAIL_LIMIT};
use muster_host::atomic::Durability;
use muster_host::spool::{self, Place, Spool};

use crate::address;
use crate::exit_code::ExitCode;
use crate::name::Name;
use crate::ping_key;
use crate::refusal::Refusal;
use crate::world::World;

/// Reports by hand: it began, went well, went wrong, or just a word
///
/// The report is written down on this host and the agent is told, so it works while the agent is down: what was
/// reported meanwhile is heard when it is back.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Who reports: a name of [job] or [check], with or without its table ("check.nas-sync")
    name: Name,
    /// What happened: success, start, fail, log, an exit code from 0 to 255, or "service": as systemd says in
    /// $SERVICE_RESULT, for ExecStopPost=
    #[arg(default_value = "success", value_name = "success|start|fail|log|CODE|service")]
    what: What,
    /// Which run, to tell runs apart that go on at the same time
    #[arg(long, value_name = "ID")]
    run: Option<RunId>,
    /// Words for people; "-" takes the end of standard input
    #[arg(short, long, value_name = "WORDS")]
    message: Option<String>,
    /// Prints the address that anything can call instead, and reports nothing; whoever knows it can report
    #[arg(long, conflicts_with_all = ["what", "run", "message"])]
    url: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Success,
    Start,
    Fail,
    Log,
    Code(u8),
    Service,
}

impl FromStr for What {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "success" | "ok" => Ok(Self::Success),
            "start" => Ok(Self::Start),
            "fail" | "failure" => Ok(Self::Fail),
            "log" => Ok(Self::Log),
            "service" => Ok(Self::Service),
            code => code
                .parse()
                .map(Self::Code)
                .map_err(|_| "expected success, start, fail, log, service, or an exit code from 0 to 255"),
        }
    }
}

pub(crate) fn execute(world: &World, args: Args) -> Result<ExitCode, Refusal> {
    let about = world.reporter(&args.name)?;
    if args.url {
        return print_url(world, about.name());
    }
    let words = match args.message.as_deref() {
        Some("-") => read_tail(std::io::stdin().lock())
            .map_err(|error| Refusal::system("standard input cannot be read", &error))?,
        Some(words) => tail_of(words).to_owned(),
        None => String::new(),
    };
    let report = args.what.report(words, &world.host_name());
    let at = world.clock().now();
    let signal = Signal { id: muster_host::ids::signal_id(at), about, at, run: args.run, report };
    let layout = world.layout()?;
    let place = Spool::new(&layout).write(&signal, Durability::Disk).map_err(|error| {
        Refusal::system(format!("the report could not be written under {}", layout.root().display()), &error)
    })?;
    spool::wake(&layout.datagram());
    match place {
        Place::Disk(_) => Ok(ExitCode::Fine),
        Place::Reserve(why) | Place::Memory(_, why) => {
            world.warn(&format!(
                "the report went to a place for bad days, because the spool cannot be written: {why}"
            ));
            Ok(ExitCode::Fine)
        }
        Place::SystemLog(why) => Err(Refusal::new(
            ExitCode::System,
            "the report is in the system log only, where the agent does not see it",
        )
        .because_of(why)),
    }
}

fn print_url(world: &World, name: &str) -> Result<ExitCode, Refusal> {
    let layout = world.layout()?;
    let plan = match world.configuration()? {
        Some(configuration) => configuration.judge().0,
        None => None,
    };
    let key = ping_key::find(plan.and_then(|plan| plan.muster.ping_key).as_ref(), &layout)?;
    world.say(&format!("{}/ping/{key}/{name}\n", address::read(&layout)?))?;
    Ok(ExitCode::Fine)
}

impl What {
    fn report(self, words: String, host: &str) -> Report {
        let outcome = |ending: Ending, tail: String| Outcome {
            tail,
            host: Some(host.to_owned()),
            ..Outcome::bare(ending)
        };
        match self {
            Self::Start => Report::Start { process: None },
            Self::Log => Report::Log { text: words },
            Self::Success => Report::Success(outcome(reported(&words), words)),
            Self::Fail => Report::Failure(outcome(reported(&words), words)),
            Self::Code(0) => Report::Success(outcome(Ending::Exit { code: 0 }, words)),
            Self::Code(code) => Report::Failure(outcome(Ending::Exit { code }, words)),
            Self::Service => {
                let variable = |name: &str| std::env::var(name).unwrap_or_default();
                let ended = Service {
                    result: variable("SERVICE_RESULT"),
                    code: variable("EXIT_CODE"),
                    status: variable("EXIT_STATUS"),
                };
                match ended.result.as_str() {
                    "success" => Report::Success(outcome(ended.ending(), words)),
                    _ => Report::Failure(outcome(ended.ending(), words)),
                }
            }
        }
    }
}

/// How a service ended, in systemd's words (systemd.exec(5), "Environment Variables Set or Propagated").
struct Service {
    /// `success`, `exit-code`, `signal`, `timeout`, `oom-kill`, …
    result: String,
    /// `exited`, `killed` or `dumped`; empty if no process was started.
    code: String,
    /// The exit code or the name of the signal.
    status: String,
}

impl Service {
    fn ending(&self) -> Ending {
        let number = self.status.parse::<u8>();
        let signal = number.clone().ok().or_else(|| signal_number(&self.status));
        match (self.result.as_str(), self.code.as_str(), number, signal) {
            ("oom-kill", ..) => Ending::OutOfMemory { limit: None },
            ("success" | "exit-code", "exited", Ok(code), _) => Ending::Exit { code },
            ("signal" | "core-dump", code, _, Some(signal)) => {
                Ending::Killed { signal, core: code == "dumped" }
            }
            ("timeout", ..) => {
                Ending::Reported { words: "systemd ended it because it ran past its time".to_owned() }
            }
            ("", ..) => {
                Ending::Reported { words: "systemd did not say how it ended ($SERVICE_RESULT)".to_owned() }
            }
            (result, ..) => Ending::Reported { words: format!("{result} {}", self.status).trim().to_owned() },
        }
    }
}

/// The signals that end a process, by their names without SIG.
fn signal_number(name: &str) -> Option<u8> {
    let named = [
        ("HUP", 1),
        ("INT", 2),
        ("QUIT", 3),
        ("ILL", 4),
        ("TRAP", 5),
        ("ABRT", 6),
        ("BUS", 7),
        ("FPE", 8),
        ("KILL", 9),
        ("USR1", 10),
        ("SEGV", 11),
        ("USR2", 12),
        ("PIPE", 13),
        ("ALRM", 14),
        ("TERM", 15),
        ("XCPU", 24),
        ("XFSZ", 25),
        ("SYS", 31),
    ];
    named.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
}

/// The last line with something in it: what a failing program says last is usually why.
fn reported(words: &str) -> Ending {
    let line = words.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    Ending::Reported { words: line.trim().chars().take(200).collect() }
}

/// The last bytes of a stream, however long it is.
fn read_tail(mut input: impl Read) -> std::io::Result<String> {
    let mut last: VecDeque<u8> = VecDeque::with_capacity(TAIL_LIMIT * 2);
    let mut part = [0; 8192];
    loop {
        let read = input.read(&mut part)?;
        if read == 0 {
            break;
        }
        last.extend(&part[..read]);
        let surplus = last.len().saturating_sub(TAIL_LIMIT);
        last.drain(..surplus);
    }
    let bytes: Vec<u8> = last.into();
    // Replacement characters may be longer than the bytes they stand for.
    Ok(tail_of(&String::from_utf8_lossy(&bytes)).to_owned())
}

/// At most [`TAIL_LIMIT`] bytes from the end, cut between characters.
fn tail_of(text: &str) -> &str {
    let mut start = text.len().saturating_sub(TAIL_LIMIT);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    &text[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_exit_codes_become_reports() {
        let report = |what: &str| what.parse::<What>().expect("known").report("a\nwhy\n\n".into(), "h");
        assert!(
            matches!(report("success"), Report::Success(o) if o.tail == "a\nwhy\n\n" && o.host.as_deref() == Some("h"))
        );
        assert!(
            matches!(report("fail"), Report::Failure(o) if o.ending == Ending::Reported { words: "why".into() })
        );
        assert!(matches!(report("0"), Report::Success(o) if o.ending == Ending::Exit { code: 0 }));
        assert!(matches!(report("3"), Report::Failure(o) if o.ending == Ending::Exit { code: 3 }));
        assert!(matches!(report("log"), Report::Log { text } if text == "a\nwhy\n\n"));
        assert!(matches!(report("start"), Report::Start { process: None }));
        for bad in ["256", "-1", "sucess", ""] {
            assert!(bad.parse::<What>().is_err(), "{bad}");
        }
    }

    #[test]
    fn systemd_says_how_a_service_ended() {
        let ending = |result: &str, code: &str, status: &str| {
            Service { result: result.into(), code: code.into(), status: status.into() }.ending()
        };
        assert_eq!(ending("success", "exited", "0"), Ending::Exit { code: 0 });
        assert_eq!(ending("exit-code", "exited", "3"), Ending::Exit { code: 3 });
        assert_eq!(ending("signal", "killed", "TERM"), Ending::Killed { signal: 15, core: false });
        assert_eq!(ending("core-dump", "dumped", "SEGV"), Ending::Killed { signal: 11, core: true });
        assert_eq!(ending("oom-kill", "killed", "KILL"), Ending::OutOfMemory { limit: None });
        assert!(
            matches!(ending("timeout", "killed", "TERM"), Ending::Reported { words } if words.contains("past its time"))
        );
        assert!(matches!(ending("resources", "", ""), Ending::Reported { words } if words == "resources"));
    }

    #[test]
    fn the_end_of_a_long_stream_is_kept_and_cut_between_characters() {
        let long = format!("{}ü{}", "x".repeat(9000), "y".repeat(TAIL_LIMIT - 1));
        let tail = read_tail(long.as_bytes()).expect("read");
        assert_eq!(tail, "y".repeat(TAIL_LIMIT - 1));
        assert_eq!(tail_of(&long), tail);
        assert!(read_tail(&[0xff; 9000][..]).expect("read").len() <= TAIL_LIMIT);
    }
}
