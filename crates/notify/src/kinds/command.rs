//! `command`: runs a program for each message.
//!
//! The letter is on its standard input: the title, an empty line, the body. `MUSTER_KEY`, `MUSTER_EVENT`,
//! `MUSTER_ABOUT`, `MUSTER_INCIDENT`, and `MUSTER_TITLE` are in its environment. Exit 0 is accepted, 65 (`EX_DATAERR` of
//! sysexits(3)) a refusal for good. Any other exit is "not now", and so are a signal and the end of its 30 seconds, when
//! it is killed with its process group. What it leaves behind when it ends by itself is left alone: that may be what
//! carries the message.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use muster_config::field::{Field, Shape};
use muster_config::kind::Kind;
use muster_config::section::Section;
use muster_core::outbox::Delivery;
use muster_net::dial::Dialer;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command as Program};

use crate::channel::BoxFuture;
use crate::letter::Letter;
use crate::medium::{Medium, Part};
use crate::post::{accepted, not_now, one_line};

/// The row of the kind.
pub const ROW: Kind<Part> = Kind {
    name: "command",
    sentence: "Runs a program with the message on its standard input.",
    example: "[notify.pager]\nkind = \"command\"\ncommand = [\"/usr/local/bin/page-me\", \"--urgent\"]\n",
    fields: &[Field::new(
        "command",
        Shape::List(&Shape::Text, 1),
        "Program and arguments; no shell. Exit 0 is delivered, 65 a refusal for good, anything else \"not now\".",
        "[\"/usr/local/bin/page-me\", \"--urgent\"]",
    )
    .required()],
    read,
};

fn read(section: &Section<'_>) -> Option<Part> {
    let words = section.texts("command");
    if words.is_empty() { None } else { Some(Arc::new(Command { words, deadline: DEADLINE })) }
}

const DEADLINE: Duration = Duration::from_secs(30);
/// `EX_DATAERR` of sysexits(3): this message will never be taken.
const REFUSED: i32 = 65;
/// Bytes of its complaints that are kept.
const OUTPUT: u64 = 4096;
/// How long the end of its complaints may take after its own end: a grandchild may keep the pipe open for ever.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A program.
#[derive(Debug)]
pub struct Command {
    /// Program and arguments.
    pub words: Vec<String>,
    /// How long it may take.
    pub deadline: Duration,
}

/// Kills the group of a program that is given up, also when the delivery itself is.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            // Nobody left is what we want.
            _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

impl Medium for Command {
    fn carry<'a>(&'a self, letter: &'a Letter, _dialer: &'a Dialer) -> BoxFuture<'a, Delivery> {
        Box::pin(async move {
            let Some((program, words)) = self.words.split_first() else {
                return Delivery::Refused { why: "the command is empty".to_owned() };
            };
            let page = &letter.dispatch.entry.page;
            let started = Program::new(program)
                .args(words)
                .env("MUSTER_KEY", &letter.key)
                .env("MUSTER_EVENT", letter.event.word())
                .env("MUSTER_ABOUT", page.about.as_str())
                .env("MUSTER_INCIDENT", page.incident.as_str())
                .env("MUSTER_TITLE", &letter.title)
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .process_group(0)
                .kill_on_drop(true)
                .spawn();
            let mut child = match started {
                Ok(child) => child,
                Err(error) => return not_now(format!("{program} could not be started: {error}")),
            };
            let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
            let mut group = Group(pid);
            let text = format!("{}\n\n{}", letter.title, letter.body);
            let ended = tokio::time::timeout(self.deadline, talk(&mut child, &text)).await;
            if let Ok(Ok(_)) = &ended {
                // Its number may belong to another by now.
                group.0 = None;
            }
            match ended {
                Err(_) => not_now(format!("{program} did not end within {:?} and was killed", self.deadline)),
                Ok(Err(error)) => not_now(format!("{program} could not be watched: {error}")),
                Ok(Ok((code, words))) => verdict(program, code, &words),
            }
        })
    }
}

fn verdict(program: &str, code: Option<i32>, words: &str) -> Delivery {
    let words = one_line(words, 300);
    let words = if words.is_empty() { words } else { format!(": {words}") };
    match code {
        Some(0) => accepted("exit 0"),
        Some(REFUSED) => Delivery::Refused { why: format!("{program}: exit {REFUSED}{words}") },
        // A script fails for many reasons; most of them pass, and a page must not be lost to one of them.
        Some(code) => not_now(format!("{program}: exit {code}{words}")),
        None => not_now(format!("{program} was killed by a signal{words}")),
    }
}

/// Feeds it, and waits for its end: its exit code and what it complained about.
async fn talk(child: &mut Child, text: &str) -> std::io::Result<(Option<i32>, String)> {
    let input = child.stdin.take();
    let output = child.stderr.take();
    let feed = async {
        if let Some(mut input) = input {
            // A program that does not read its input may still deliver.
            drop(input.write_all(text.as_bytes()).await);
        }
    };
    let mut complaint = Vec::new();
    let listen = async {
        if let Some(output) = output {
            let mut some = output.take(OUTPUT);
            drop(some.read_to_end(&mut complaint).await);
            // Read on, so that a talkative program is not stopped by a full pipe.
            drop(tokio::io::copy(&mut some.into_inner(), &mut tokio::io::sink()).await);
        }
    };
    let status = {
        let mut pipes = std::pin::pin!(async { tokio::join!(feed, listen) });
        let mut open = true;
        let status = loop {
            tokio::select! {
                status = child.wait() => break status?,
                _ = &mut pipes, if open => open = false,
            }
        };
        if open && !status.success() {
            drop(tokio::time::timeout(LAST_WORDS, pipes).await);
        }
        status
    };
    Ok((status.code(), String::from_utf8_lossy(&complaint).into_owned()))
}
