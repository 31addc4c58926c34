//! Reasons and endings as people say them: the same words in a page, on a screen and on the terminal. Each is a
//! fragment without a full stop. Moments are said by the caller, who knows zone and distance.

use crate::effect::Reason;
use crate::expectation::Hearing;
use crate::signal::{Ending, Outcome};
use crate::time::{Span, Timestamp};
use crate::usual::{Measure, Usual};

/// Why something is bad news. `moment` says a point in time, such as `02:05 today (3h ago)`.
pub fn reason(reason: &Reason, moment: &dyn Fn(Timestamp) -> String) -> String {
    match reason {
        Reason::Failed { times: 0 | 1 } => "it failed".to_owned(),
        Reason::Failed { times } => format!("it failed {times} times in a row"),
        Reason::Often { bad, of, hearing } => often(*bad, *of, *hearing),
        Reason::Missed { due, last_heard: Some(last) } => {
            format!("it was due {} and did not report; last heard {}", moment(*due), moment(*last))
        }
        Reason::Missed { due, last_heard: None } => {
            format!("it was due {} and did not report; it was never heard", moment(*due))
        }
        Reason::NeverReported { registered } => {
            format!("it has never reported since it was registered {}", moment(*registered))
        }
        Reason::TooLong { run, started, limit } => {
            let name = run.as_ref().map(|run| format!(" {run}")).unwrap_or_default();
            format!("run{name} began {} and is past its limit of {limit}", moment(*started))
        }
        Reason::TooShort { took, least } => {
            format!(
                "it ended well after {}, too fast to have done its work (at least {least})",
                length(*took)
            )
        }
        Reason::Odd { run: _, measure, observed, usual, running } => {
            format!("it {}", odd(*measure, *observed, usual, *running))
        }
        Reason::Skipped { times, why } => format!("it gave way {times} times in a row: {}", harmless(why)),
        Reason::NoSuccess { last: Some(last), every } => {
            format!("its last success was {}; there should be one every {every}", moment(*last))
        }
        Reason::NoSuccess { last: None, every } => {
            format!("it has never gone well; there should be a success every {every}")
        }
        Reason::Unschedulable { schedule, error } => {
            format!(
                "nobody knows when it is due: {} cannot be computed: {}",
                harmless(schedule),
                harmless(error)
            )
        }
        Reason::Spent { used, quota } => spent(*used, *quota),
        Reason::Unseen { since, why } => {
            format!("muster has not been able to see it since {}: {}", moment(*since), harmless(why))
        }
    }
}

/// How many were bad: `3 of the last 5 looks were bad`.
pub fn often(bad: u32, of: u32, hearing: Hearing) -> String {
    let what = match hearing {
        Hearing::Looked => "looks",
        Hearing::Spooled => "runs",
        Hearing::Direct => "reports",
    };
    format!("{bad} of the last {of} {what} were bad")
}

/// That a channel may take nothing more.
pub fn spent(used: u32, quota: u32) -> String {
    format!("its quota is spent: it took {used} messages within a day, and takes {quota}")
}

/// What is unlike itself and what it usually is: `took 41m, usually 9m to 12m`.
pub fn odd(measure: Measure, observed: u64, usual: &Usual, running: bool) -> String {
    let say = |value: u64| match measure {
        Measure::Duration => length(Span::millis(value)),
        Measure::Output | Measure::Artefact => size(value),
    };
    let did = match (measure, running) {
        (Measure::Duration, true) => format!("has been running for {}", say(observed)),
        (Measure::Duration, false) => format!("took {}", say(observed)),
        (Measure::Output, _) if observed == 0 => "wrote no output".to_owned(),
        (Measure::Output, _) => format!("wrote {} of output", say(observed)),
        (Measure::Artefact, _) => format!("left {}", say(observed)),
    };
    let (from, to) = (say(usual.from), say(usual.to));
    let range = if from == to { from } else { format!("{from} to {to}") };
    format!("{did}, usually {range}")
}

/// How it ended.
pub fn ending(ending: &Ending) -> String {
    match ending {
        Ending::Exit { code } => format!("exit {code}"),
        Ending::Killed { signal, core } => {
            let dumped = if *core { ", core dumped" } else { "" };
            format!("killed by {}{dumped}", signal_name(*signal))
        }
        Ending::OutOfMemory { limit: Some(limit) } => {
            format!("killed because it ran out of memory (limit {})", size(*limit))
        }
        Ending::OutOfMemory { limit: None } => "killed because memory ran out".to_owned(),
        Ending::TimedOut { limit } => format!("timed out after {limit}"),
        Ending::NotStarted { error } => format!("could not be started: {}", harmless(error)),
        Ending::LockTimeout { waited } => format!("its lock was still held after {waited}"),
        Ending::Lost { why } => format!("lost: {}", harmless(why)),
        Ending::Reported { words } => match words.lines().find(|line| !line.trim().is_empty()) {
            Some(line) => harmless(line),
            None => "reported".to_owned(),
        },
    }
}

/// How a run ended, and what was expected of it and not seen: `exited 0, but no file matches /srv/*.gz`.
pub fn result(outcome: &Outcome) -> String {
    let end = match outcome.ending {
        Ending::Exit { code: 0 } if !outcome.unmet.is_empty() => "exited 0".to_owned(),
        _ => ending(&outcome.ending),
    };
    let more = match outcome.unmet.len() {
        0 | 1 => String::new(),
        count => format!(" (and {} more)", count - 1),
    };
    match outcome.unmet.first() {
        Some(first) => format!("{end}, but {}{more}", harmless(first)),
        None => end,
    }
}

/// How a run went that was tried more than once: `2 attempts: exit 1, then ok`.
pub fn attempts(outcome: &Outcome) -> Option<String> {
    if outcome.attempts.is_empty() {
        return None;
    }
    let is_good = matches!(outcome.ending, Ending::Exit { code: 0 }) && outcome.unmet.is_empty();
    let last = if is_good { "ok".to_owned() } else { ending(&outcome.ending) };
    let before: Vec<String> = outcome.attempts.iter().map(|attempt| ending(&attempt.ending)).collect();
    Some(format!("{} attempts: {}, then {last}", outcome.attempts.len() + 1, before.join(", ")))
}

/// How a run ended and how long it took: `exit 2 after 1.4s`.
pub fn outcome(outcome: &Outcome) -> String {
    let end = result(outcome);
    if !outcome.unmet.is_empty() {
        return end;
    }
    match (&outcome.ending, outcome.duration) {
        (Ending::TimedOut { .. } | Ending::LockTimeout { .. }, _) | (_, None) => end,
        (_, Some(took)) => format!("{end} after {}", length(took)),
    }
}

/// A length of time with a tenth of a second where that matters: `<1ms`, `350ms`, `1.4s`, `4m 10s`.
pub fn length(span: Span) -> String {
    if span.is_zero() {
        // Spans are whole milliseconds: it took less.
        "<1ms".to_owned()
    } else if (1000..60_000).contains(&span.as_millis()) && span.as_millis() % 1000 >= 100 {
        format!("{:.1}s", span.as_seconds())
    } else {
        span.to_string()
    }
}

/// A number of bytes in binary units: `20 MiB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 || value.fract() < 0.05 || value >= 100.0 {
        format!("{value:.0} {}", UNITS[unit])
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

/// Foreign text without control characters, which could move a cursor or forge a line.
pub fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' { '\u{b7}' } else { c }).collect()
}

/// The name of a signal, as in signal(7).
pub fn signal_name(number: u8) -> String {
    const NAMES: [(u8, &str); 14] = [
        (1, "SIGHUP"),
        (2, "SIGINT"),
        (3, "SIGQUIT"),
        (4, "SIGILL"),
        (6, "SIGABRT"),
        (7, "SIGBUS"),
        (8, "SIGFPE"),
        (9, "SIGKILL"),
        (11, "SIGSEGV"),
        (13, "SIGPIPE"),
        (14, "SIGALRM"),
        (15, "SIGTERM"),
        (24, "SIGXCPU"),
        (25, "SIGXFSZ"),
    ];
    NAMES
        .iter()
        .find(|(known, _)| *known == number)
        .map_or_else(|| format!("signal {number}"), |(_, name)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(moment: Timestamp) -> String {
        format!("at {}", moment.seconds())
    }

    /// Of which one half was the one and the other half the other.
    fn usual(measure: Measure, one: u64, other: u64) -> Usual {
        Usual::of(measure, &[one, other].repeat(8)).expect("enough is known")
    }

    #[test]
    fn each_reason_is_a_sentence_that_a_person_can_act_on() {
        let due = Timestamp::from_seconds(7200);
        for (cause, words) in [
            (
                Reason::Missed { due, last_heard: None },
                "it was due at 7200 and did not report; it was never heard",
            ),
            (Reason::Failed { times: 3 }, "it failed 3 times in a row"),
            (Reason::Often { bad: 3, of: 5, hearing: Hearing::Looked }, "3 of the last 5 looks were bad"),
            (
                Reason::TooShort { took: Span::millis(1_230), least: Span::minutes(1) },
                "it ended well after 1.2s, too fast to have done its work (at least 1m)",
            ),
            (
                Reason::Odd {
                    run: None,
                    measure: Measure::Duration,
                    observed: 41 * 60_000,
                    usual: usual(Measure::Duration, 9 * 60_000, 12 * 60_000),
                    running: false,
                },
                "it took 41m, usually 9m to 12m",
            ),
            (
                Reason::Odd {
                    run: None,
                    measure: Measure::Artefact,
                    observed: 5 << 20,
                    usual: usual(Measure::Artefact, 10 << 20, 10 << 20),
                    running: false,
                },
                "it left 5 MiB, usually 10 MiB",
            ),
            (
                Reason::Skipped { times: 3, why: "run x\u{1b}[2J holds the lock".into() },
                "it gave way 3 times in a row: run x\u{b7}[2J holds the lock",
            ),
        ] {
            assert_eq!(reason(&cause, &at), words);
        }
    }

    #[test]
    fn an_ending_names_signal_limit_and_length() {
        let killed = Outcome {
            duration: Some(Span::millis(61_500)),
            ..Outcome::bare(Ending::Killed { signal: 9, core: false })
        };
        assert_eq!((length(Span::ZERO), length(Span::millis(1))), ("<1ms".to_owned(), "1ms".to_owned()));
        assert_eq!(outcome(&killed), "killed by SIGKILL after 1m 1s");
        let empty = Outcome {
            duration: Some(Span::seconds(2)),
            unmet: vec![
                "no file matches /srv/*.gz newer than the start".into(),
                "nothing was written".into(),
            ],
            ..Outcome::bare(Ending::Exit { code: 0 })
        };
        assert_eq!(
            outcome(&empty),
            "exited 0, but no file matches /srv/*.gz newer than the start (and 1 more)"
        );
        let memory = Ending::OutOfMemory { limit: Some(20 << 20) };
        assert_eq!(ending(&memory), "killed because it ran out of memory (limit 20 MiB)");
        assert_eq!(size(1536), "1.5 KiB");
    }
}
