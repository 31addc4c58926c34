//! Chooses the real parts: the clock, the places, the files, the agent's socket, the terminal. Verbs ask here and
//! nowhere else.

use std::cell::{Cell, OnceCell};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::tz::TimeZone;
use muster_core::board::{Board, Fault, Line, Snapshot, Watchers};
use muster_core::effect::Condition;
use muster_core::expectation::Expectation;
use muster_core::host_roll::HostRoll;
use muster_core::ids::{ExpectationId, NameError};
use muster_core::signal::Outcome;
use muster_core::time::{Now, Timestamp};
use muster_host::discover::Reach;
use muster_host::state::{self, Layout};
use muster_store::history::{Run, RunState};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::cli::command::Places;
use crate::client::{Client, Unanswered};
use crate::configuration::Configuration;
use crate::exit_code::ExitCode;
use crate::memory;
use crate::name::{Meaning, Name};
use crate::records;
use crate::refusal::Refusal;
use crate::say::clock::Clock;
use crate::say::status::{Seen, Source};

/// This machine, this user, these places.
#[derive(Debug)]
pub(crate) struct World {
    places: Places,
    runtime: OnceCell<Runtime>,
    reader_left: Cell<bool>,
}

/// `GET board`.
#[derive(Debug, Deserialize)]
struct BoardAnswer {
    at: Timestamp,
    headline: Headline,
    lines: Vec<Line>,
    faults: Vec<Fault>,
    #[serde(default)]
    watchers: Watchers,
}

/// The agent's first sentence, the same on every screen.
#[derive(Debug, Deserialize)]
struct Headline {
    sentence: String,
    also: Vec<String>,
}

impl Headline {
    /// "Nothing is known to be silent; 1 has never been heard yet."
    fn whole(&self) -> String {
        if self.also.is_empty() {
            return self.sentence.clone();
        }
        format!("{}; {}.", self.sentence.trim_end_matches('.'), self.also.join(", "))
    }
}

/// `GET host`.
#[derive(Debug, Deserialize)]
struct HostAnswer {
    host: HostRoll,
}

impl World {
    /// The world as seen from these places. Nothing is opened yet.
    pub(crate) fn new(places: Places) -> Self {
        Self { places, runtime: OnceCell::new(), reader_left: Cell::new(false) }
    }

    /// Both clocks of this machine.
    pub(crate) fn now(&self) -> Now {
        muster_host::clock::now()
    }

    /// The present in the reader's time zone.
    pub(crate) fn clock(&self) -> Clock {
        Clock::new(self.now().wall, TimeZone::system())
    }

    /// The IANA name of this machine's time zone, or UTC.
    pub(crate) fn zone_name(&self) -> String {
        TimeZone::system().iana_name().unwrap_or("UTC").to_owned()
    }

    /// The name of this machine.
    pub(crate) fn host_name(&self) -> String {
        rustix::system::uname().nodename().to_string_lossy().into_owned()
    }

    /// Whoever is at the keyboard, also behind sudo(8).
    pub(crate) fn who(&self) -> String {
        let own = muster_host::user::own();
        match std::env::var("SUDO_USER") {
            Ok(user) if !user.is_empty() && user != own && user.len() <= 64 => format!("{user} (as {own})"),
            _ => own,
        }
    }

    /// What this host does by itself.
    pub(crate) fn discover(&self) -> HostRoll {
        muster_host::discover::discover(Path::new("/"), Reach::Machine)
    }

    /// The configuration file that the flag or the environment names, whether or not it is there.
    pub(crate) fn named_config(&self) -> Option<PathBuf> {
        let variable =
            || std::env::var_os("MUSTER_CONFIG").filter(|value| !value.is_empty()).map(PathBuf::from);
        self.places.config.clone().or_else(variable)
    }

    /// The configuration in force; none if there is no file.
    ///
    /// # Errors
    /// [`Refusal`] when it is named and not there, or cannot be read.
    pub(crate) fn configuration(&self) -> Result<Option<Configuration>, Refusal> {
        match state::find_config(self.places.config.as_deref()) {
            Some(path) => self.configuration_at(path).map(Some),
            None => Ok(None),
        }
    }

    /// The configuration in this file.
    ///
    /// # Errors
    /// [`Refusal`] when it is not there or cannot be read.
    pub(crate) fn configuration_at(&self, path: PathBuf) -> Result<Configuration, Refusal> {
        Configuration::read(&path, &self.zone_name(), &self.host_name())
    }

    /// What is in force where there is no file.
    pub(crate) fn empty_configuration(&self) -> Configuration {
        Configuration::empty(&self.zone_name(), &self.host_name())
    }

    /// The state directory.
    ///
    /// # Errors
    /// [`Refusal`] when only the configuration could say and it cannot be read.
    pub(crate) fn layout(&self) -> Result<Layout, Refusal> {
        let is_set = std::env::var_os("MUSTER_STATE").is_some_and(|value| !value.is_empty());
        let named = match &self.places.state {
            Some(_) => None,
            None if is_set => None,
            None => self.configuration()?.and_then(|configuration| configuration.state()),
        };
        Ok(state::find_state(self.places.state.as_deref(), named.as_deref()))
    }

    /// The one runtime of this process, on this thread.
    ///
    /// # Errors
    /// [`Refusal`] when the kernel gives no event queue.
    pub(crate) fn runtime(&self) -> Result<&Runtime, Refusal> {
        if let Some(runtime) = self.runtime.get() {
            return Ok(runtime);
        }
        let made = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Refusal::system("no event loop could be made", &error))?;
        Ok(self.runtime.get_or_init(|| made))
    }

    /// Asks the agent.
    ///
    /// # Errors
    /// [`Refusal`] when it does not answer, or says no.
    pub(crate) fn ask_agent<T: DeserializeOwned>(&self, path: &str) -> Result<T, Refusal> {
        let client = Client::new(self.layout()?.socket());
        Ok(self.runtime()?.block_on(client.get(&format!("/api/v1/{path}")))?)
    }

    /// Tells the agent something to do.
    ///
    /// # Errors
    /// [`Refusal`] when it does not answer, or says no.
    pub(crate) fn tell_agent(&self, path: &str, body: &Value) -> Result<Value, Refusal> {
        let client = Client::new(self.layout()?.socket());
        Ok(self.runtime()?.block_on(client.post(&format!("/api/v1/{path}"), body))?)
    }

    /// How everything stands: by the agent, or what was last written down if none runs.
    ///
    /// # Errors
    /// [`Refusal`] when an agent is there and does not answer.
    pub(crate) fn see(&self) -> Result<Seen, Refusal> {
        let layout = self.layout()?;
        let client = Client::new(layout.socket());
        match self.runtime()?.block_on(client.get::<BoardAnswer>("/api/v1/board")) {
            Ok(answer) => {
                let HostAnswer { host } = self.ask_agent("host")?;
                let BoardAnswer { at, headline, lines, faults, watchers } = answer;
                let (board, sentence) = (Board { at, lines }, headline.whole());
                let snapshot = Snapshot { board, faults, host, watchers };
                let evidence = self.evidence(&snapshot);
                Ok(Seen { snapshot, evidence, source: Source::Agent(sentence) })
            }
            Err(Unanswered::NotRunning(_)) => {
                let plan = self.configuration()?.and_then(|configuration| configuration.judge().0);
                let (expected, rota) = plan.map(|plan| (plan.expectations, plan.rota)).unwrap_or_default();
                let mut snapshot = memory::recall(&layout, expected, self.now());
                for line in &mut snapshot.board.lines {
                    line.own = rota.iter().any(|entry| entry.about == line.id);
                }
                Ok(Seen { snapshot, evidence: BTreeMap::new(), source: Source::Memory })
            }
            Err(other) => Err(other.into()),
        }
    }

    /// These tables of the roll by the agent if it answers within that time, or the roll as last written down if none runs.
    ///
    /// # Errors
    /// Why nobody can say, in words.
    pub(crate) fn glance(
        &self,
        within: Duration,
        tables: &str,
        expected: impl FnOnce() -> Vec<Expectation>,
    ) -> Result<Vec<Line>, String> {
        let words = |refusal: Refusal| refusal.what;
        let layout = self.layout().map_err(words)?;
        let client = Client::new(layout.socket()).patient(within);
        let runtime = self.runtime().map_err(words)?;
        match runtime.block_on(client.get::<BoardAnswer>(&format!("/api/v1/board?tables={tables}"))) {
            Ok(answer) => Ok(answer.lines),
            Err(Unanswered::NotRunning(_)) if layout.db().exists() => {
                let snapshot = memory::recall(&layout, expected(), self.now());
                match snapshot.faults.into_iter().next() {
                    Some(fault) => Err(fault.what),
                    None => Ok(snapshot.board.lines),
                }
            }
            Err(Unanswered::NotRunning(_)) => {
                Err(format!("no agent runs, and none wrote anything down in {}", layout.root().display()))
            }
            Err(Unanswered::Late(_)) => {
                Err(format!("the agent did not answer within {} ms", within.as_millis()))
            }
            Err(other) => Err(other.to_string()),
        }
    }

    /// How the last run of each firing job ended. History that cannot be read leaves a gap, not an error: the roll
    /// itself is the news.
    fn evidence(&self, snapshot: &Snapshot) -> BTreeMap<ExpectationId, Outcome> {
        let mut evidence = BTreeMap::new();
        for line in &snapshot.board.lines {
            if !matches!(line.condition, Condition::Firing { .. }) {
                continue;
            }
            let last =
                records::runs(self, Some(&line.id), 1).ok().and_then(|runs| runs.items.into_iter().next());
            // A run that "succeeded" too fast is evidence as well.
            if let Some(Run { state: RunState::Failed(outcome) | RunState::Ok(outcome), .. }) = last {
                evidence.insert(line.id.clone(), outcome);
            }
        }
        evidence
    }

    /// The expectation that a person means.
    ///
    /// # Errors
    /// [`Refusal`] when there is none or more than one, or the agent does not answer.
    pub(crate) fn expectation(&self, name: &Name) -> Result<ExpectationId, Refusal> {
        let answer: BoardAnswer = self.ask_agent("board")?;
        match name.among(answer.lines.iter().map(|line| &line.id)) {
            Meaning::One(id) => Ok(id),
            Meaning::Many(ids) => {
                let ids: Vec<&str> = ids.iter().map(ExpectationId::as_str).collect();
                Err(Refusal::usage(format!("{name} may be any of {}", ids.join(", ")))
                    .help("say which, with its table"))
            }
            Meaning::None(near) => {
                let refusal =
                    Refusal::new(ExitCode::NotFound, format!("nothing on the roll is called {name}"));
                Err(match near.first() {
                    Some(near) => refusal.help(format!("did you mean {near}?")),
                    None => refusal.help("`muster status --all` lists every name"),
                })
            }
        }
    }

    /// True if this is on the roll, by the agent or as last written down.
    ///
    /// # Errors
    /// As for [`World::see`].
    pub(crate) fn knows(&self, id: &ExpectationId) -> Result<bool, Refusal> {
        Ok(self.see()?.snapshot.board.lines.iter().any(|line| line.id == *id))
    }

    /// Who is meant by a report: what the configuration has of that name, a check before a job; a job if it has
    /// neither.
    ///
    /// # Errors
    /// [`Refusal`] when the configuration cannot be read.
    pub(crate) fn reporter(&self, name: &Name) -> Result<ExpectationId, Refusal> {
        let too_long = |error: NameError| Refusal::usage(format!("{name} is no usable name")).because(&error);
        if let Some(configuration) = self.configuration()? {
            let check = name.or_in("check").map_err(too_long)?;
            if configuration.has(&check) {
                return Ok(check);
            }
        }
        name.or_in("job").map_err(too_long)
    }

    /// Prints data. A reader that went away is no error.
    ///
    /// # Errors
    /// [`Refusal`] when standard output cannot be written.
    pub(crate) fn say(&self, text: &str) -> Result<(), Refusal> {
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.reader_left.set(true);
                Ok(())
            }
            Err(error) => Err(Refusal::system("standard output cannot be written", &error)),
            Ok(()) => Ok(()),
        }
    }

    /// True once somebody closed the other end of standard output: nothing more needs to be said.
    pub(crate) fn reader_left(&self) -> bool {
        self.reader_left.get()
    }

    /// Tells people about something that did not stop the work.
    pub(crate) fn warn(&self, what: &str) {
        self.complain(&format!("warning: {what}\n"));
    }

    /// Words for standard error. If even that is gone there is nobody to tell.
    pub(crate) fn complain(&self, text: &str) {
        drop(io::stderr().lock().write_all(text.as_bytes()));
    }
}
