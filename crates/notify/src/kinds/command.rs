//! `command`: runs a program for each message.
//!
//! The letter is on its standard input: the title, an empty line, the body. `MUSTER_KEY`, `MUSTER_EVENT`,
//! `MUSTER_ABOUT`, `MUSTER_INCIDENT`, and `MUSTER_TITLE` are in its environment. Exit 0 is accepted, 65 (`EX_DATAERR` of
//! sysexits(3)) a refusal for good. Any other exit is "not now", and so are a signal and the end of its 30 seconds, when
//! it is killed with its process group.

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
use crate::post::not_now;

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
/// Bytes of its output that are read.
const OUTPUT: u64 = 4096;

/// A program.
#[derive(Debug)]
pub struct Command {
    /// Program and arguments.
    pub words: Vec<String>,
    /// How long it may take.
    pub deadline: Duration,
}

/// Kills what is left of the group, also when the delivery itself is given up.
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
            let group = Group(pid);
            let text = format!("{}\n\n{}", letter.title, letter.body);
            let ended = tokio::time::timeout(self.deadline, talk(&mut child, &text)).await;
            drop(group);
            match ended {
                Err(_) => not_now(format!("{program} did not end within {:?} and was killed", self.deadline)),
                Ok(Err(error)) => not_now(format!("{program} could not be watched: {error}")),
                Ok(Ok((code, words))) => verdict(program, code, &words),
            }
        })
    }
}

fn verdict(program: &str, code: Option<i32>, words: &str) -> Delivery {
    let words: String = muster_core::words::harmless(words).chars().take(300).collect();
    match code {
        Some(0) => Delivery::Accepted { receipt: "exit 0".to_owned() },
        Some(REFUSED) => Delivery::Refused { why: format!("{program}: exit {REFUSED}: {words}") },
        // A script fails for many reasons; most of them pass, and a page must not be lost to one of them.
        Some(code) => not_now(format!("{program}: exit {code}: {words}")),
        None => not_now(format!("{program} was killed by a signal: {words}")),
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
    // A grandchild may keep the pipe open after the program's own end; that end is what counts.
    let status = tokio::select! {
        biased;
        status = child.wait() => status?,
        () = async { tokio::join!(feed, listen); std::future::pending::<()>().await } => return Ok((None, String::new())),
    };
    Ok((status.code(), String::from_utf8_lossy(&complaint).into_owned()))
}
