//! What a program writes, bounded, and read on beyond the bound so that nobody is stopped by a full pipe.

use std::process::ExitStatus;
use std::time::Duration;

use muster_config::assertion::facts::{Unseen, Value};
use muster_core::words::harmless;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, ChildStderr, ChildStdout};
use tokio::time::timeout;

use crate::notebook::Notebook;

/// Most of its standard output that is kept, in bytes.
const OUTPUT: usize = 64 * 1024;
/// Most of its complaints that are kept, in bytes.
const COMPLAINT: usize = 4 * 1024;
/// How long the end of its output may take after its own end, if something else holds on to it.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// Letters of its output in a reason.
const QUOTE: usize = 300;

/// What a program wrote.
#[derive(Debug)]
pub(super) struct Said {
    output: Kept<ChildStdout>,
    complaint: Kept<ChildStderr>,
}

/// The beginning of a stream.
#[derive(Debug)]
struct Kept<S> {
    /// None once it is at its end.
    from: Option<S>,
    bytes: Vec<u8>,
    /// How much came, kept or not.
    total: u64,
}

impl<S: AsyncRead + Unpin> Kept<S> {
    fn new(from: Option<S>) -> Self {
        Self { from, bytes: Vec::new(), total: 0 }
    }

    /// Reads to the end and keeps so much; reads on beyond, so that nobody is stopped by a full pipe. May be dropped
    /// and called again.
    async fn fill(&mut self, limit: usize) {
        let mut part = [0; 4096];
        while let Some(from) = &mut self.from {
            match from.read(&mut part).await {
                Ok(count @ 1..) => {
                    self.total += count as u64;
                    let room = limit - self.bytes.len();
                    self.bytes.extend_from_slice(&part[..count.min(room)]);
                }
                Ok(0) | Err(_) => self.from = None,
            }
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).trim().to_owned()
    }
}

impl Said {
    pub(super) fn new(child: &mut Child) -> Self {
        Self { output: Kept::new(child.stdout.take()), complaint: Kept::new(child.stderr.take()) }
    }

    async fn fill(&mut self) {
        tokio::join!(self.output.fill(OUTPUT), self.complaint.fill(COMPLAINT));
    }

    /// Its output goes on: somebody still holds it.
    pub(super) fn is_open(&self) -> bool {
        self.output.from.is_some() || self.complaint.from.is_some()
    }

    /// Listens until it ends, and a moment longer for what is on its way. May be dropped and called again.
    pub(super) async fn listen(&mut self, child: &mut Child) -> std::io::Result<ExitStatus> {
        let status = loop {
            tokio::select! {
                status = child.wait() => break status?,
                () = self.fill(), if self.is_open() => {}
            }
        };
        if self.is_open() {
            // What still is in the pipe is read at once; who holds it open says nothing more that counts.
            drop(timeout(LAST_WORDS, self.fill()).await);
        }
        Ok(status)
    }

    pub(super) fn note(&self, notebook: &Notebook) {
        let heads = [
            ("output", self.output.text(), self.output.bytes.len(), self.output.total),
            ("complaint", self.complaint.text(), self.complaint.bytes.len(), self.complaint.total),
        ];
        for (name, text, kept, total) in heads {
            for line in text.lines().take(20) {
                notebook.say(format!("{name}: {}", harmless(line)));
            }
            if total > kept as u64 {
                notebook.say(format!("{name} was cut off at {kept} of {total} bytes"));
            }
        }
        let (bytes, total) = (self.output.bytes.clone(), self.output.total);
        if total > bytes.len() as u64 {
            let why = format!("the output was cut off at {OUTPUT} of {total} bytes");
            notebook.lacks("output", Unseen::Hidden(why));
            notebook.body(bytes, Some(OUTPUT));
        } else {
            notebook.fact("output", Value::Text(String::from_utf8_lossy(&bytes).into_owned()));
            notebook.body(bytes, None);
        }
    }

    /// Its last words: the last line of its complaint, or of its output.
    pub(super) fn last(&self) -> String {
        let (complaint, output) = (self.complaint.text(), self.output.text());
        let said = if complaint.is_empty() { output } else { complaint };
        quoted(said.lines().last().unwrap_or_default())
    }

    /// The first line of its output, where monitoring plugins say what they saw; behind the bar stand figures for
    /// machines.
    pub(super) fn first(&self) -> String {
        let output = self.output.text();
        let line = output.lines().next().unwrap_or_default().split('|').next().unwrap_or_default();
        if line.is_empty() { self.last() } else { quoted(line) }
    }
}

fn quoted(line: &str) -> String {
    let short: String = harmless(line.trim()).chars().take(QUOTE).collect();
    if short.is_empty() { short } else { format!(": {short}") }
}
