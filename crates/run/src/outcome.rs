//! From what was seen to what is told: the ending, the evidence, the notes, the exit code.

use muster_config::plan::Expect;
use muster_core::signal::{Attempt, Ending, Outcome, Report};
use muster_core::time::{Now, Span};
use muster_core::words::size;
use muster_host::clock;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use rustix::process::{Signal, WaitStatus};

use crate::capture::Sink;
use crate::exit_code;
use crate::expect::{self, Found, idle::Worries};
use crate::fence::Fence;
use crate::ladder::Cause;
use crate::log::Source;
use crate::memory::Baseline;
use crate::tail;
use crate::watch::Seen;

/// Notes of one outcome, and the bytes of each: a record has a limit.
const NOTES: usize = 20;
const NOTE_BYTES: usize = 400;

/// What is known beside what was seen.
pub(crate) struct Evidence<'a> {
    /// When the run began.
    pub(crate) began: Now,
    /// Its hard limit.
    pub(crate) hard: Option<Span>,
    /// The kills for memory before the run.
    pub(crate) memory: Option<&'a Baseline>,
    /// What was noted at the soft limit.
    pub(crate) soft: Option<String>,
    /// What was expected of it.
    pub(crate) expect: &'a Expect,
    /// What its command gave to worry about.
    pub(crate) worries: &'a Worries,
    /// What it may use.
    pub(crate) fence: Option<&'a mut Fence>,
    /// Its standard input was ours.
    pub(crate) stdin: bool,
}

/// How one attempt went.
pub(crate) struct Verdict {
    pub(crate) ending: Ending,
    /// To the caller.
    pub(crate) code: u8,
    /// It counts as a success.
    pub(crate) is_good: bool,
    /// Somebody asked muster to end it.
    pub(crate) was_asked: bool,
    found: Found,
    notes: Vec<String>,
    left: Vec<String>,
}

/// The attempts of a run.
pub(crate) struct Attempts {
    /// Those before the last, oldest first.
    pub(crate) before: Vec<Attempt>,
    /// How long the last one took.
    pub(crate) last: Span,
}

/// What is told.
pub(crate) struct Told {
    /// To the agent.
    pub(crate) report: Report,
    /// To people on standard error, where the job's own output does not say it.
    pub(crate) words: Option<String>,
}

/// Judges an attempt that took place.
pub(crate) fn judge(seen: &mut Seen, mut evidence: Evidence<'_>) -> Verdict {
    let mut ending = ending(seen, &evidence);
    let code = exit_code::of_ending(&ending);
    let mut killed = None;
    if let (Some(fence), Some(found)) = (evidence.fence.as_mut(), seen.memory) {
        fence.saw(found);
        if let (Some(Cause::Memory), Some(limit)) = (seen.cause, fence.watched()) {
            let (limit, found) = (size(limit), size(found));
            seen.notes.push(format!("killed for memory: {found} in use by all of it, {limit} allowed"));
        }
    }
    if let Some(fence) = evidence.fence.as_mut()
        && fence.has_killed()
    {
        let limit = fence.limits().and_then(|limits| limits.memory);
        let peak = fence.peak().map(|peak| format!(", {} in use at most", size(peak))).unwrap_or_default();
        let limited = limit.map(|limit| format!(" at its limit of {}", size(limit))).unwrap_or_default();
        match ending {
            // Whoever goes on without a part of itself has not done its work.
            Ending::Exit { code: 0 } => {
                killed = Some(format!("the kernel killed a process of it for memory{limited}{peak}"));
            }
            Ending::Exit { .. } | Ending::Killed { .. } | Ending::OutOfMemory { .. } => {
                seen.notes.push(format!("{}; killed for memory{limited}{peak}", describe(&ending)));
                ending = Ending::OutOfMemory { limit };
            }
            _ => {}
        }
    }
    let exit = match ending {
        Ending::Exit { code } => Some(code),
        _ => None,
    };
    if let Some(lines) = &mut seen.sink.lines {
        lines.end();
    }
    let (expect, lines) = (evidence.expect, seen.sink.lines.as_ref());
    let mut found = expect::judge(expect, exit, lines, evidence.began, clock::now());
    let idle = evidence.worries.came_true(exit, evidence.stdin, seen.sink.bytes);
    found.unmet.extend(idle.unmet);
    found.unmet.extend(killed);
    found.unmet.truncate(NOTES);
    found.unmet.iter_mut().for_each(shorten);
    let mut notes = idle.notes;
    notes.extend(evidence.soft);
    let was_asked = seen.cause == Some(Cause::Asked);
    if was_asked {
        notes.push("muster was asked to end it".to_owned());
    }
    if !seen.left.is_empty() {
        notes.push(format!("left running: {}", seen.left.join(", ")));
    }
    notes.append(&mut seen.notes);
    let is_good = exit.is_some_and(|code| expect.exit.contains(&code)) && found.unmet.is_empty();
    Verdict { ending, code, is_good, was_asked, found, notes, left: std::mem::take(&mut seen.left) }
}

impl Verdict {
    /// One line about it for the log.
    pub(crate) fn line(&self) -> String {
        match self.found.unmet.as_slice() {
            [] => describe(&self.ending),
            unmet => format!("{}, but {}", describe(&self.ending), unmet.join("; ")),
        }
    }

    /// Closes the log, and says how the run went that ended with this attempt. It began then, and notes were taken
    /// before.
    pub(crate) fn tell(
        self,
        mut sink: Sink,
        began: Now,
        mut notes: Vec<String>,
        attempts: Attempts,
        fence: Option<Fence>,
    ) -> Told {
        let Self { ending, code, is_good, found, left, .. } = self;
        notes.extend(self.notes);
        let now = clock::now();
        let duration = now.uptime - began.uptime;
        let words = words(&ending, code, &left, &found.unmet);
        for note in notes.iter().chain(&found.unmet) {
            sink.log.line(now.wall, Source::Run, true, note.as_bytes());
        }
        let end = format!("{} after {duration}", describe(&ending));
        sink.log.line(now.wall, Source::Run, true, end.as_bytes());
        let closed = sink.log.close(now.wall);
        notes.extend(closed.note);
        notes.truncate(NOTES);
        notes.iter_mut().for_each(shorten);
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN).ok();
        let outcome = Outcome {
            duration: Some(duration),
            cpu: usage.map(|usage| {
                let millis = (usage.user_time() + usage.system_time()).num_milliseconds();
                Span::millis(millis.unsigned_abs())
            }),
            peak_memory: fence
                .as_ref()
                .and_then(Fence::peak)
                .or(usage.map(|usage| u64::try_from(usage.max_rss()).unwrap_or(0).saturating_mul(1024))),
            tail: tail::clean(&sink.tail.parts().concat()),
            log: closed.path.map(|path| path.to_string_lossy().into_owned()),
            host: host(),
            notes,
            output: Some(sink.bytes),
            artefact: found.artefact,
            unmet: found.unmet,
            last_attempt: (!attempts.before.is_empty()).then_some(attempts.last),
            attempts: attempts.before,
            limits: fence.as_ref().and_then(Fence::limits),
            ..Outcome::bare(ending)
        };
        let report = if is_good { Report::Success(outcome) } else { Report::Failure(outcome) };
        Told { report, words }
    }
}

/// The name of this host.
pub(crate) fn host() -> Option<String> {
    Some(rustix::system::uname().nodename().to_string_lossy().into_owned())
}

fn ending(seen: &Seen, evidence: &Evidence<'_>) -> Ending {
    if seen.cause == Some(Cause::Limit) {
        return Ending::TimedOut { limit: evidence.hard.unwrap_or_default() };
    }
    if seen.cause == Some(Cause::Memory) {
        return Ending::OutOfMemory { limit: evidence.fence.as_ref().and_then(|fence| fence.watched()) };
    }
    let Some(status) = seen.status else {
        return Ending::Lost { why: "somebody else took the exit status of the command".to_owned() };
    };
    let killed = Signal::KILL.as_raw();
    // A shell reports the death of its child as 128 + 9.
    let by_kill = status.terminating_signal() == Some(killed) || status.exit_status() == Some(128 + killed);
    if by_kill
        && !seen.killed
        && let Some(memory) = evidence.memory.filter(|memory| memory.has_grown())
    {
        return Ending::OutOfMemory { limit: memory.limit() };
    }
    of_status(status)
}

fn of_status(status: WaitStatus) -> Ending {
    let byte = |number: i32| u8::try_from(number).unwrap_or(u8::MAX);
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Ending::Exit { code: byte(code) },
        // Bit 7 of the status says that a core was dumped, see wait(2).
        (None, Some(signal)) => Ending::Killed { signal: byte(signal), core: status.as_raw() & 0x80 != 0 },
        (None, None) => {
            Ending::Lost { why: format!("the kernel gave an unknown status {:#x}", status.as_raw()) }
        }
    }
}

fn describe(ending: &Ending) -> String {
    match ending {
        Ending::Exit { code } => format!("exit code {code}"),
        Ending::Killed { signal, core } => {
            format!("killed by signal {signal}{}", if *core { ", core dumped" } else { "" })
        }
        Ending::OutOfMemory { limit: Some(limit) } => {
            format!("killed for memory at a limit of {limit} bytes")
        }
        Ending::OutOfMemory { limit: None } => "killed for memory".to_owned(),
        Ending::TimedOut { limit } => format!("ended at its limit of {limit}"),
        Ending::NotStarted { error } => format!("not started: {error}"),
        Ending::LockTimeout { waited } => format!("no lock after {waited}"),
        Ending::Lost { why } => format!("lost: {why}"),
        Ending::Reported { words } => words.clone(),
    }
}

fn words(ending: &Ending, code: u8, left: &[String], unmet: &[String]) -> Option<String> {
    match ending {
        Ending::Exit { .. } if !unmet.is_empty() => {
            Some(format!("{}, but {}", describe(ending), unmet.join("; ")))
        }
        Ending::Exit { .. } if left.is_empty() => None,
        Ending::Exit { .. } => Some(format!("left running: {}", left.join(", "))),
        other => Some(format!("{}; exit code {code}", describe(other))),
    }
}

fn shorten(note: &mut String) {
    if note.len() > NOTE_BYTES {
        let end = (0..=NOTE_BYTES).rev().find(|&at| note.is_char_boundary(at)).unwrap_or(0);
        note.truncate(end);
        note.push('…');
    }
}
