//! `command`: a program looks, and says by its exit code and its output what it saw.
//!
//! It runs without a shell, with nothing on its standard input, in a process group of its own, in the agent's
//! environment and with `MUSTER_ABOUT` (such as `check.queue`). It is asked to end (SIGTERM) shortly before its deadline
//! and its group is killed at the deadline; what it leaves behind in its group when it ends is killed as well. Its output
//! is kept up to 64 KiB and read to the end.

mod said;
#[cfg(test)]
mod tests;

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use muster_config::assertion::Assertion;
use muster_config::assertion::facts::Value;
use muster_config::assertion::term::{Takes, Term, Type};
use muster_config::field::{Field, Shape};
use muster_config::kind::Kind;
use muster_config::section::Section;
use muster_core::words::signal_name;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command as Program};
use tokio::time::{Instant, timeout_at};

use self::said::Said;
use crate::contact::word;
use crate::notebook::Notebook;
use crate::probe::{BoxFuture, Class, Lane, Miss, Part, Probe, Scene};

/// The row of the kind.
pub const ROW: Kind<Part> = Kind {
    name: "command",
    sentence: "Runs a program and judges its exit code and its output.",
    example: "[check.queue]\nkind = \"command\"\nevery = \"5m\"\ncommand = [\"/usr/local/bin/queue-depth\", \"--json\"]\nexpect = [\"json('$.waiting') < 100\"]\n",
    fields: &[
        Field::new(
            "command",
            Shape::List(&Shape::Text, 1),
            "Program and arguments; no shell.",
            "[\"/usr/lib/nagios/plugins/check_load\", \"-w\", \"4\"]",
        )
        .required(),
        Field::new(
            "exit",
            Shape::List(&Shape::Whole(0, 255), 1),
            "The exit codes that count as good.",
            "[0, 1]",
        )
        .default("[0]"),
        Field::new(
            "style",
            Shape::Choice(&["exit", "nagios"]),
            "How the exit code is read. With `nagios`, 0 is good, 1 is a warning (see `warning`), 2 is bad, 3 is that \
             nobody could see (monitoring plugins development guidelines).",
            "\"nagios\"",
        )
        .default("\"exit\""),
        Field::new(
            "warning",
            Shape::Choice(&["warn", "bad", "good"]),
            "What a warning of `style = \"nagios\"` counts as: shown on every screen and told to nobody, or bad, or good.",
            "\"bad\"",
        )
        .default("\"warn\""),
        Field::new(
            "expect",
            Shape::Assertions(TERMS),
            "What must be true of it besides.",
            "[\"output contains 'ready'\", \"time.total < 2s\"]",
        ),
    ],
    read,
};

const TERMS: &[Term] = &[
    word("exit", Type::Number, "Its exit code.", "exit in [0, 1]"),
    word("output", Type::Text, "What it wrote to standard output.", "output matches '^OK'"),
    Term {
        name: "json",
        takes: Takes::JsonPath,
        gives: Type::Any,
        doc: "Something in its standard output, if that is JSON.",
        example: "json('$.waiting') < 100",
    },
    word("time.total", Type::Time, "How long it took.", "time.total < 2s"),
];

fn read(section: &Section<'_>) -> Option<Part> {
    let words = section.texts("command");
    let style = match (section.choice("style")?, section.choice("warning")?) {
        ("nagios", warning) => {
            if section.has("exit") {
                section.contradiction(
                    "exit",
                    "with `style = \"nagios\"` the exit codes have their meaning",
                    "take `exit` or `style` out",
                );
            }
            let warning = match warning {
                "bad" => Warning::Bad,
                "good" => Warning::Good,
                _ => Warning::Shown,
            };
            Style::Nagios(warning)
        }
        (_, _) => {
            if section.has("warning") {
                section.no_effect("warning", "`warning` does nothing without `style = \"nagios\"`");
            }
            Style::Exit(section.wholes("exit"))
        }
    };
    let assertions = section.assertions("expect");
    let about = section.path().to_owned();
    if words.is_empty() { None } else { Some(Arc::new(Command { words, style, assertions, about })) }
}

/// From SIGTERM to SIGKILL at most; a quarter of a short deadline.
const GRACE: Duration = Duration::from_secs(2);

/// A program that looks.
#[derive(Debug)]
struct Command {
    words: Vec<String>,
    style: Style,
    assertions: Vec<Assertion>,
    about: String,
}

/// How its exit code is read.
#[derive(Debug)]
enum Style {
    /// These are good.
    Exit(Vec<i64>),
    /// As monitoring plugins mean it.
    Nagios(Warning),
}

/// What a warning counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Warning {
    /// Shown, and told to nobody.
    Shown,
    /// Bad.
    Bad,
    /// Good.
    Good,
}

impl Probe for Command {
    fn probe<'a>(&'a self, scene: &'a Scene) -> BoxFuture<'a, Result<(), Miss>> {
        Box::pin(async move {
            let notebook = &scene.notebook;
            let began = Instant::now();
            let (mut child, mut group) = self.start()?;
            let mut said = Said::new(&mut child);
            let left = scene.deadline.saturating_duration_since(began);
            // What is killed at the very deadline is told by nobody.
            let last = scene.deadline - (left / 20).min(Duration::from_millis(200));
            let polite = last - (left / 4).min(GRACE);
            let mut is_late = false;
            let mut status = timeout_at(polite, said.listen(&mut child)).await;
            if status.is_err() {
                is_late = true;
                group.send(Signal::TERM);
                status = timeout_at(last, said.listen(&mut child)).await;
            }
            let took = began.elapsed();
            notebook.phase("run", took);
            said.note(notebook);
            let program = self.target();
            let status = match status {
                Ok(Ok(status)) => status,
                Ok(Err(error)) => {
                    return Err(Miss::blind(format!("{program} could not be watched: {error}")));
                }
                Err(_) => {
                    group.send(Signal::KILL);
                    return Err(late(
                        &program,
                        &said,
                        "and was killed, for it did not end when it was asked to",
                    ));
                }
            };
            group.settle(&said, notebook);
            if is_late {
                return Err(late(&program, &said, "and was ended"));
            }
            notebook.fact("time.total", Value::Time(i64::try_from(took.as_millis()).unwrap_or(i64::MAX)));
            let Some(code) = status.code() else {
                let signal = std::os::unix::process::ExitStatusExt::signal(&status).unwrap_or_default();
                let name = signal_name(u8::try_from(signal).unwrap_or_default());
                let why = format!("{program} was killed by {name}{}", said.last());
                return Err(Miss::down(Class::Refused, why));
            };
            notebook.fact("exit", Value::Number(code.into()));
            self.judge(code, &said, notebook)
        })
    }

    fn assertions(&self) -> &[Assertion] {
        &self.assertions
    }

    fn target(&self) -> String {
        self.words.first().cloned().unwrap_or_default()
    }

    fn lane(&self) -> Lane {
        Lane::Process
    }
}

fn late(program: &str, said: &Said, end: &str) -> Miss {
    Miss::down(Class::Timeout, format!("{program} did not come to its end {end}{}", said.last()))
}

impl Command {
    fn start(&self) -> Result<(Child, Group), Miss> {
        let Some((program, words)) = self.words.split_first() else {
            return Err(Miss::blind("the command is empty"));
        };
        let child = Program::new(program)
            .args(words)
            .env("MUSTER_ABOUT", &self.about)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| {
                Miss::blind(format!(
                    "{program} could not be started: {error}; try: ls -l \"$(command -v {program})\""
                ))
            })?;
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Ok((child, Group(pid)))
    }

    fn judge(&self, code: i32, said: &Said, notebook: &Notebook) -> Result<(), Miss> {
        let program = self.target();
        let said = match self.style {
            Style::Exit(_) => said.last(),
            Style::Nagios(_) => said.first(),
        };
        let bad = |what: &str| Err(Miss::down(Class::Refused, format!("{program}: {what}{said}")));
        match (&self.style, code) {
            (Style::Exit(good), code) if good.contains(&code.into()) => Ok(()),
            (Style::Exit(_), code) => bad(&format!("exit {code}")),
            (Style::Nagios(_), 0) | (Style::Nagios(Warning::Good), 1) => Ok(()),
            (Style::Nagios(Warning::Bad), 1) => bad("warning"),
            (Style::Nagios(Warning::Shown), 1) => {
                notebook.warn(format!("{program}: warning{said}"));
                Ok(())
            }
            (Style::Nagios(_), 2) => bad("critical"),
            (Style::Nagios(_), 3) => Err(Miss::blind(format!("{program}: unknown{said}"))),
            (Style::Nagios(_), code) => {
                let why = format!("{program}: exit {code} has no meaning for a monitoring plugin");
                Err(Miss::blind(format!("{why}{said}")))
            }
        }
    }
}

/// The process group of a program. Killed when it is given up, also when the look itself is.
struct Group(Option<Pid>);

impl Group {
    fn send(&self, signal: Signal) {
        if let Some(pid) = self.0 {
            // Nobody left is what we want.
            _ = kill_process_group(pid, signal);
        }
    }

    /// The program has ended. Whoever still holds its output belongs to it and is killed; if nobody does, the number of
    /// the group may soon be another's and is not touched.
    fn settle(&mut self, said: &Said, notebook: &Notebook) {
        if said.is_open() {
            self.send(Signal::KILL);
            notebook.say("it left processes behind, which were killed");
        }
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.send(Signal::KILL);
    }
}
