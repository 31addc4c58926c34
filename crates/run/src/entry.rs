//! `muster run`: the story of one run, from the arguments to the exit code.
//!
//! Every step that is muster's own business may fail without harm to the job: the failure becomes a note, and the job
//! runs. The job's exit code is never altered by what happens to its record.

use std::ffi::OsString;
use std::io::Write;
use std::time::{Duration, Instant};

use muster_core::ids::ExpectationId;
use muster_core::signal::{Attempt, Ending, Outcome, ProcessMark, Report};
use muster_core::time::{Now, Span, Timestamp};
use muster_host::claim::Claim;
use muster_host::lock::{Holder, Lock};
use muster_host::{clock, ids, process};

use crate::arguments::{self, HELP, Parsed, Request};
use crate::capture::{Sink, Stream};
use crate::exit_code;
use crate::expect::{idle::Worries, lines::Lines};
use crate::fence::Fence;
use crate::gate::{self, Gate};
use crate::ladder::Ladder;
use crate::log::Source;
use crate::log::account::Account;
use crate::log::write::LogWriter;
use crate::memory::Baseline;
use crate::mirror::Mirror;
use crate::outcome::{self, Attempts, Evidence, Verdict};
use crate::overlap::{self, Door, Entrance};
use crate::report::Reporter;
use crate::rescue::Rescue;
use crate::sample::Sampler;
use crate::settings::{self, Settings};
use crate::signals::Signals;
use crate::spawn::{self, NotStarted, Started};
use crate::terminal::Lent;
use crate::tree::{self, Tree};
use crate::turn;
use crate::watch::{Seen, Watch};

/// Runs a job as the arguments after `run` say, and returns the exit code (see [`exit_code`](crate::exit_code)). Help
/// goes to `out`, complaints go to `err`; the job's own output goes to file descriptors 1 and 2.
///
/// To be called on the main thread, before any other is started.
pub fn main(arguments: impl Iterator<Item = OsString>, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let mut arguments = arguments.peekable();
    if arguments.next_if(|word| word == gate::WORD).is_some() {
        return gate::wait(arguments);
    }
    match arguments::parse(arguments) {
        Parsed::Help => {
            drop(out.write_all(HELP.as_bytes()));
            0
        }
        Parsed::Wrong { name, why } => {
            say(err, &name, &format!("{why}; see `muster run --help`"));
            if !name.is_empty() {
                let run = Run::new(Request { name, ..Request::default() }, err);
                run.refuse(NotStartedBecause::Arguments(why), err);
            }
            exit_code::NOT_BEGUN
        }
        Parsed::Run(request) => {
            let rescue = Rescue::new(request.command.clone());
            rescue.guard(|rescue| Run::new(*request, err).take_place(rescue, err))
        }
    }
}

/// One line for people on standard error. A closed standard error is no reason to stop.
fn say(err: &mut dyn Write, name: &str, what: &str) {
    let colon = if name.is_empty() { "" } else { ": " };
    drop(writeln!(err, "muster run{colon}{name}: {what}"));
}

enum NotStartedBecause {
    Arguments(String),
    NoCommand,
}

/// How long the remains of an attempt may take to disappear.
const AFTER_KILL: Duration = Duration::from_secs(2);

/// An attempt that has just been started.
struct Running {
    started: Started,
    /// Children that were there before.
    strangers: Vec<u32>,
    began: Now,
    sink: Sink,
    signals: Option<Signals>,
}

/// One run.
struct Run {
    name: String,
    settings: Settings,
    reporter: Reporter,
    began: Now,
    mark: Option<ProcessMark>,
    /// Signals that were ignored when we were started.
    ignored: u64,
    notes: Vec<String>,
    /// For a turn of the agent's: whether it is ours to begin. Held to the end.
    claimed: Option<Option<Claim>>,
    /// What the command gives to worry about.
    worries: Worries,
    /// What it may use.
    fence: Option<Fence>,
}

impl Run {
    fn new(mut request: Request, err: &mut dyn Write) -> Self {
        let began = clock::now();
        let (about, fault) = expectation(&request.name);
        request.complaints.extend(fault);
        request.name = about.name().to_owned();
        let name = request.name.clone();
        let turn = request.options.turn.take();
        if turn.is_some() {
            turn::stand_alone();
        }
        let mut settings = settings::settle(request);
        for complaint in &settings.complaints {
            say(err, &name, complaint);
        }
        let notes = std::mem::take(&mut settings.complaints);
        let claimed = turn.as_ref().map(|run| turn::take(&settings.layout, &name, run));
        let run = turn.unwrap_or_else(|| ids::run_id(began.wall));
        let reporter = Reporter::new(&settings.layout, about, run);
        let own = process::stat(std::process::id()).ok();
        let mark = own.as_ref().and_then(|stat| {
            Some(ProcessMark { pid: stat.pid, started: stat.started, boot: clock::boot_id().ok()? })
        });
        Self {
            name,
            settings,
            reporter,
            began,
            mark,
            ignored: own.map_or(0, |stat| stat.ignored),
            notes,
            claimed,
            worries: Worries::default(),
            fence: None,
        }
    }

    /// The whole of it.
    fn take_place(mut self, rescue: &Rescue, err: &mut dyn Write) -> u8 {
        if let Some(None) = &self.claimed {
            say(err, &self.name, "this run has begun already");
            return exit_code::LOCK_HELD;
        }
        if self.settings.command.is_empty() {
            return self.refuse(NotStartedBecause::NoCommand, err);
        }
        rescue.know(&self.settings.command);
        let mut signals = match Signals::listen(self.ignored) {
            Ok(signals) => Some(signals),
            Err(error) => {
                self.note(err, format!("signals cannot be passed on ({error})"));
                None
            }
        };
        let lock = match self.enter(signals.as_mut(), err) {
            Ok(lock) => lock,
            Err(code) => return code,
        };
        self.sign(lock.as_ref(), None);
        let start = Report::Start { process: self.mark.clone() };
        if let Some(note) = self.reporter.send(self.began.wall, start) {
            self.note(err, note);
        }
        let log =
            LogWriter::create(&self.settings.layout.run_log(&self.name, self.reporter.run()), self.account());
        self.worries = Worries::about(&self.settings.command);
        let mut notes = Vec::new();
        self.fence = Fence::raise(&self.settings.allowance, self.reporter.run(), &mut notes);
        let strangers = tree::prepare();
        let result = self.start(&mut notes);
        for note in notes {
            self.note(err, note);
        }
        let started = match result {
            Ok(started) => started,
            Err(NotStarted::NoRoom(error)) => {
                // Without a child there is nothing to watch, but the job can still be done in our place.
                say(
                    err,
                    &self.name,
                    &format!("no room for another process ({error}); the job runs unwatched"),
                );
                return rescue.become_it(err);
            }
            Err(NotStarted::Exec(error)) => return self.not_executed(&error, log, lock, err),
        };
        rescue.watches(started.pid);
        let mut sink = Sink::new(log, None);
        for note in &self.notes {
            sink.log.line(self.began.wall, Source::Run, true, note.as_bytes());
        }
        let first = Running { started, strangers, began: self.began, sink, signals };
        self.see_through(first, lock, rescue, err)
    }

    /// Stays beside the job, through all its attempts, and tells how it went.
    fn see_through(mut self, first: Running, lock: Option<Lock>, rescue: &Rescue, err: &mut dyn Write) -> u8 {
        let mut before: Vec<Attempt> = Vec::new();
        let mut running = first;
        let (verdict, sink, took) = loop {
            self.sign(lock.as_ref(), Some(running.started.pid.as_raw_pid().unsigned_abs()));
            let began = running.began;
            let (verdict, mut seen) = self.stay_beside(running);
            let duration = clock::now().uptime - began.uptime;
            let attempts = u32::try_from(before.len() + 1).unwrap_or(u32::MAX);
            if !self.is_worth_another(&verdict, attempts) {
                break (verdict, seen.sink, duration);
            }
            match self.again(&verdict, &mut seen, attempts, err) {
                Ok((started, strangers)) => {
                    rescue.watches(started.pid);
                    before.push(Attempt { started: began.wall, duration, ending: verdict.ending.clone() });
                    let Seen { sink, signals, .. } = seen;
                    running = Running { started, strangers, began: clock::now(), sink, signals };
                }
                Err(why) => {
                    self.note(err, why);
                    break (verdict, seen.sink, duration);
                }
            }
        };
        if let Some(lock) = lock {
            lock.release();
        }
        let code = verdict.code;
        let attempts = Attempts { before, last: took };
        let told =
            verdict.tell(sink, self.began, std::mem::take(&mut self.notes), attempts, self.fence.take());
        if let Some(words) = &told.words {
            say(err, &self.name, words);
        }
        if let Some(note) = self.reporter.send(clock::now().wall, told.report) {
            say(err, &self.name, &note);
        }
        // A listing costs more than a run of `true`, and a few logs more or less are no harm.
        if self.reporter.run().as_str().ends_with('0') {
            self.account().tidy_if_old();
        }
        code
    }

    /// True if an attempt that went so is followed by another.
    fn is_worth_another(&self, verdict: &Verdict, attempts: u32) -> bool {
        let retries = &self.settings.retries;
        !verdict.is_good && !verdict.was_asked && attempts <= retries.count && retries.is_for(verdict.code)
    }

    /// Ends what an attempt has left, waits, and starts the job again. In words why not, if it does not come to that.
    fn again(
        &mut self,
        verdict: &Verdict,
        seen: &mut Seen,
        attempts: u32,
        err: &mut dyn Write,
    ) -> Result<(Started, Vec<u32>), String> {
        let Settings { retries, .. } = &self.settings;
        let all = retries.count + 1;
        let wait = retries.wait(attempts, ids::chance());
        let text = format!("attempt {attempts} of {all}: {}; the next in {wait}", verdict.line());
        say(err, &self.name, &text);
        seen.sink.log.line(clock::now().wall, Source::Run, true, text.as_bytes());
        seen.sink.log.flush();
        // Two copies of a job must not run at once.
        seen.tree.end(AFTER_KILL);
        let next = attempts + 1;
        let until = Instant::now() + wait.to_std();
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            if overlap::pause(seen.signals.as_mut(), left).is_some() {
                return Err(format!(
                    "muster was asked to end it while it waited for attempt {next} of {all}"
                ));
            }
        }
        let text = format!("attempt {next} of {all} begins");
        seen.sink.log.line(clock::now().wall, Source::Run, true, text.as_bytes());
        seen.sink.bytes = 0;
        let strangers = tree::prepare();
        let mut notes = Vec::new();
        let result = self.start(&mut notes);
        for note in notes {
            self.note(err, format!("attempt {next} of {all}: {note}"));
        }
        match result {
            Ok(started) => Ok((started, strangers)),
            Err(NotStarted::NoRoom(error) | NotStarted::Exec(error)) => {
                Err(format!("attempt {next} of {all} could not be started: {error}"))
            }
        }
    }

    /// Starts the job, inside of its limits.
    fn start(&mut self, notes: &mut Vec<String>) -> Result<Started, NotStarted> {
        let stdin = self.stdin();
        let Some(fence) = &mut self.fence else { return spawn::start(&self.settings.command, stdin) };
        fence.enter(notes);
        let gate = fence.has_a_door().then(|| Gate::set(&self.settings.command, stdin));
        if let Some(Ok(gate)) = gate {
            fence.leave(notes);
            fence.admit(gate.pid(), notes);
            return gate.open();
        }
        let result = spawn::start(&self.settings.command, stdin);
        fence.leave(notes);
        if let Some(Err(NotStarted::NoRoom(error) | NotStarted::Exec(error))) = gate {
            fence.shut(&format!("the job could not be made to wait ({error})"), notes);
        }
        if let Ok(started) = &result {
            fence.bind(started.pid, notes);
        }
        result
    }

    /// Watches one attempt.
    fn stay_beside(&mut self, running: Running) -> (Verdict, Seen) {
        let Running { started, strangers, began: began_at, mut sink, signals } = running;
        let began = Instant::now();
        let memory = Baseline::read();
        let terminal = if self.stdin() { Lent::to(started.pid) } else { None };
        let Settings { soft, hard, grace, leak_grace, quiet, ref expect, .. } = self.settings;
        sink.lines = Lines::of(&expect.output, &expect.forbid);
        let mut slow = None;
        let stdin = self.stdin();
        let reporter = &self.reporter;
        let mut seen = Watch {
            tree: Tree::new(started.pid, strangers),
            streams: [
                Stream::new(started.out, Source::Out, Mirror::stdout(quiet)),
                Stream::new(started.err, Source::Err, Mirror::stderr(quiet)),
            ],
            sink,
            signals,
            ladder: Ladder::new(soft.map(Span::to_std), hard.map(Span::to_std), grace.to_std()),
            sampler: self.fence.as_ref().and_then(Fence::watched).map(|limit| Sampler::new(limit, began)),
            terminal,
            leak_grace: leak_grace.to_std(),
            began,
            slow: &mut |at: Timestamp| {
                let text = format!("still running after its soft limit of {}", soft.unwrap_or_default());
                slow = Some(text.clone());
                drop(reporter.send(at, Report::Log { text }));
            },
        }
        .until_the_end();
        let evidence = Evidence {
            began: began_at,
            hard,
            memory: memory.as_ref(),
            soft: slow,
            expect,
            worries: &self.worries,
            fence: self.fence.as_mut(),
            stdin,
        };
        (outcome::judge(&mut seen, evidence), seen)
    }

    /// Takes the lock, or tells that it was not to be had: the exit code then.
    fn enter(&mut self, signals: Option<&mut Signals>, err: &mut dyn Write) -> Result<Option<Lock>, u8> {
        let Settings { layout, lock, overlap, grace, skip_exit, .. } = &self.settings;
        let own = layout.lock(&self.name);
        let door = Door {
            queue: own.with_extension("queue"),
            path: lock.clone().unwrap_or(own),
            policy: *overlap,
            grace: *grace,
            signals,
        };
        let skip_exit = *skip_exit;
        match door.enter() {
            Ok(Entrance::Open(lock)) => {
                // Waiting is no part of the run.
                self.began = clock::now();
                Ok(lock)
            }
            Err(error) => {
                self.note(err, format!("the lock could not be taken ({error}); the job runs without it"));
                Ok(None)
            }
            Ok(Entrance::GaveWay { holder, why }) => {
                say(err, &self.name, &format!("skipped: {why}"));
                self.tell(Report::Skip { holder, why }, err);
                Err(skip_exit)
            }
            Ok(Entrance::TimedOut { waited }) => {
                say(err, &self.name, &format!("not run: the lock did not become free within {waited}"));
                self.fail(Ending::LockTimeout { waited }, err);
                Err(exit_code::LOCK_HELD)
            }
            Ok(Entrance::Called(signal)) => {
                let error = format!("ended by signal {} while it waited for the lock", signal.as_raw());
                say(err, &self.name, &format!("not run: {error}"));
                self.fail(Ending::NotStarted { error }, err);
                Err(128_u8.saturating_add(u8::try_from(signal.as_raw()).unwrap_or(0)))
            }
        }
    }

    /// Writes into the lock who holds it, and which group the job is once it has started.
    fn sign(&self, lock: Option<&Lock>, job: Option<u32>) {
        if let (Some(lock), Some(mark)) = (lock, &self.mark) {
            let job = job.and_then(|pid| {
                let started = process::stat(pid).ok()?.started;
                Some(ProcessMark { pid, started, boot: mark.boot.clone() })
            });
            let holder = Holder { job, ..Holder::new(self.reporter.run().clone(), mark.clone()) };
            // A lock that cannot be signed is held all the same; others then do not learn by whom.
            drop(lock.sign(&holder));
        }
    }

    /// Nothing was started, and nothing could be.
    fn refuse(mut self, because: NotStartedBecause, err: &mut dyn Write) -> u8 {
        let error = match because {
            NotStartedBecause::Arguments(why) => why,
            NotStartedBecause::NoCommand => {
                let name = &self.name;
                let error =
                    format!("no command: write `muster run {name} -- COMMAND`, or `command` in [job.{name}]");
                say(err, name, &error);
                error
            }
        };
        self.fail(Ending::NotStarted { error }, err);
        exit_code::NOT_BEGUN
    }

    fn not_executed(
        mut self,
        error: &std::io::Error,
        mut log: LogWriter,
        lock: Option<Lock>,
        err: &mut dyn Write,
    ) -> u8 {
        if let Some(lock) = lock {
            lock.release();
        }
        let program = self.settings.command.first().map(|word| word.to_string_lossy().into_owned());
        let text = format!("{}: {error}", program.unwrap_or_default());
        say(err, &self.name, &text);
        log.line(clock::now().wall, Source::Run, true, text.as_bytes());
        let closed = log.close(clock::now().wall);
        self.notes.extend(closed.note);
        self.fail(Ending::NotStarted { error: text }, err);
        exit_code::of_exec(error)
    }

    fn fail(&mut self, ending: Ending, err: &mut dyn Write) {
        let mut outcome = Outcome::bare(ending);
        outcome.host = outcome::host();
        outcome.notes = std::mem::take(&mut self.notes);
        self.tell(Report::Failure(outcome), err);
    }

    fn tell(&self, report: Report, err: &mut dyn Write) {
        if let Some(note) = self.reporter.send(clock::now().wall, report) {
            say(err, &self.name, &note);
        }
    }

    fn note(&mut self, err: &mut dyn Write, note: String) {
        say(err, &self.name, &note);
        self.notes.push(note);
    }

    /// What all logs together may take.
    fn account(&self) -> Account {
        Account::new(&self.settings.layout, self.settings.bounds)
    }

    fn stdin(&self) -> bool {
        self.settings.stdin || rustix::termios::isatty(rustix::stdio::stdin())
    }
}

/// The expectation's id. A name that cannot be one must not stop the job: it is reported under the nearest name.
fn expectation(name: &str) -> (ExpectationId, Option<String>) {
    let error = match ExpectationId::of("job", name) {
        Ok(id) => return (id, None),
        Err(error) => error,
    };
    let safe: String =
        name.chars().take(90).map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let safe = safe.trim_start_matches('-');
    let safe = if safe.is_empty() { "unnamed" } else { safe };
    match ExpectationId::of("job", safe) {
        Ok(id) => {
            let fault = format!("{name:?} is not a name for a job ({error}); it is reported as {safe:?}");
            (id, Some(fault))
        }
        Err(_) => unreachable!("letters, digits and dashes make a name"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_cannot_be_one_is_reported_under_the_nearest() {
        assert_eq!(expectation("nightly.export").0.as_str(), "job.nightly.export");
        for (name, id) in [
            ("my job!", "job.my-job-"),
            ("../../etc", "job.etc"),
            ("\u{e4}", "job.unnamed"),
            ("", "job.unnamed"),
        ] {
            let (found, fault) = expectation(name);
            assert_eq!(found.as_str(), id);
            assert!(fault.is_some());
        }
    }
}
