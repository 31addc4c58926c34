//! What the wrapper needs from `muster.toml`, read without judging the rest: a mistake elsewhere in the file, or in
//! the job's own table, is told and the job runs all the same. The file as a whole is judged by `muster config check`.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use muster_core::time::Span;
use muster_host::state::{self, Layout};
use toml::de::{DeTable, DeValue};

use crate::arguments::{Options, Request};
use crate::exit_code;

/// Largest configuration that is read, in bytes.
const CONFIG_LIMIT: u64 = 4 << 20;

/// Everything that decides how a job is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Program and arguments; empty if nobody said.
    pub(crate) command: Vec<OsString>,
    /// Where state is kept.
    pub(crate) layout: Layout,
    /// The run is noted as slow after this.
    pub(crate) soft: Option<Span>,
    /// The run is ended after this.
    pub(crate) hard: Option<Span>,
    /// From TERM to KILL.
    pub(crate) grace: Span,
    /// What happens while an earlier run goes on.
    pub(crate) overlap: Overlap,
    /// The lock file.
    pub(crate) lock: Option<PathBuf>,
    /// Exit code of a skipped run.
    pub(crate) skip_exit: u8,
    /// How long the output may stay open after the end.
    pub(crate) leak_grace: Span,
    /// Standard input is passed on.
    pub(crate) stdin: bool,
    /// Output is not passed on.
    pub(crate) quiet: bool,
    /// What was wrong, a sentence each.
    pub(crate) complaints: Vec<String>,
}

/// What happens while an earlier run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overlap {
    /// This one gives way.
    Skip,
    /// This one waits so long, if no other waits already.
    Wait { at_most: Span },
    /// The earlier one is ended.
    Replace,
    /// Both run.
    Allow,
}

/// Joins the arguments and the file.
pub(crate) fn settle(request: Request) -> Settings {
    let Request { name, command, options, mut complaints } = request;
    let file = File::find(options.config.as_deref(), &name, &mut complaints);
    let wait = options.max_wait.or(file.max_wait).unwrap_or(Span::minutes(30));
    let overlap = match options.overlap.as_deref().or(file.overlap.as_deref()) {
        Some("wait") => Overlap::Wait { at_most: wait },
        Some("replace") => Overlap::Replace,
        Some("allow") => Overlap::Allow,
        _ => Overlap::Skip,
    };
    let Options { hard, soft, grace, lock, skip_exit, leak_grace, state, stdin, quiet, .. } = options;
    Settings {
        command: if command.is_empty() { file.command } else { command },
        layout: state::find_state(state.as_deref(), file.state.as_deref()),
        soft: soft.or(file.soft),
        hard: hard.or(file.hard),
        grace: grace.or(file.grace).unwrap_or(Span::seconds(10)),
        overlap,
        lock: lock.or(file.lock),
        skip_exit: skip_exit.unwrap_or(exit_code::LOCK_HELD),
        leak_grace: leak_grace.unwrap_or(Span::millis(200)),
        stdin,
        quiet,
        complaints,
    }
}

/// What the file says.
#[derive(Debug, Default)]
struct File {
    state: Option<PathBuf>,
    command: Vec<OsString>,
    soft: Option<Span>,
    hard: Option<Span>,
    grace: Option<Span>,
    overlap: Option<String>,
    max_wait: Option<Span>,
    lock: Option<PathBuf>,
}

impl File {
    fn find(flag: Option<&Path>, job: &str, complaints: &mut Vec<String>) -> Self {
        let Some(path) = state::find_config(flag) else { return Self::default() };
        let mut faults = Vec::new();
        let file = match text_of(&path) {
            Ok(text) => Self::read(&text, job, &mut faults),
            Err(why) => {
                faults.push(why);
                Self::default()
            }
        };
        complaints.extend(faults.into_iter().map(|fault| format!("{}: {fault}", path.display())));
        file
    }

    fn read(text: &str, job: &str, faults: &mut Vec<String>) -> Self {
        let (root, errors) = DeTable::parse_recoverable(text);
        if let Some(error) = errors.first() {
            let line =
                error.span().map_or(1, |span| text.get(..span.start).unwrap_or(text).lines().count().max(1));
            faults.push(format!("line {line}: {}; run `muster config check`", error.message()));
        }
        let mut file = Self::default();
        if let Some(muster) = table(root.get_ref(), "muster") {
            file.state = Reader { table: muster, place: "[muster]", faults }.text("state").map(PathBuf::from);
        }
        let Some(job_table) = table(root.get_ref(), "job").and_then(|jobs| table(jobs, job)) else {
            return file;
        };
        let place = format!("[job.{job}]");
        let mut reader = Reader { table: job_table, place: &place, faults };
        file.command = reader.texts("command");
        file.overlap = reader.choice("overlap", &["skip", "wait", "replace", "allow"]);
        file.max_wait = reader.span("max_wait");
        file.lock = reader.text("lock").map(PathBuf::from);
        if let Some(timeout) = table(job_table, "timeout") {
            let mut reader = Reader { table: timeout, place: &place, faults };
            file.soft = reader.span("soft");
            file.hard = reader.span("hard");
            file.grace = reader.span("grace");
        } else if job_table.get("timeout").is_some() {
            faults.push(format!("{place}: `timeout` is not a table; it is ignored"));
        }
        file
    }
}

fn text_of(path: &Path) -> Result<String, String> {
    let size = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > CONFIG_LIMIT {
        return Err(format!("{size} bytes are too long for a configuration"));
    }
    fs::read_to_string(path).map_err(|error| error.to_string())
}

fn table<'a, 'i>(parent: &'a DeTable<'i>, key: &str) -> Option<&'a DeTable<'i>> {
    parent.get(key)?.get_ref().as_table()
}

/// One table, and what is wrong in it.
struct Reader<'a, 'i> {
    table: &'a DeTable<'i>,
    place: &'a str,
    faults: &'a mut Vec<String>,
}

impl<'a> Reader<'a, '_> {
    fn value(&self, key: &str) -> Option<&'a DeValue<'_>> {
        self.table.get(key).map(toml::Spanned::get_ref)
    }

    fn fault(&mut self, key: &str, why: &str) {
        self.faults.push(format!("{}: `{key}` {why}; it is ignored", self.place));
    }

    fn text(&mut self, key: &str) -> Option<String> {
        let text = self.value(key)?.as_str().map(str::to_owned);
        if text.is_none() {
            self.fault(key, "is not a text");
        }
        text
    }

    fn choice(&mut self, key: &str, words: &[&str]) -> Option<String> {
        let word = self.text(key)?;
        if words.contains(&word.as_str()) {
            return Some(word);
        }
        self.fault(key, &format!("is not one of {}", words.join(", ")));
        None
    }

    fn span(&mut self, key: &str) -> Option<Span> {
        match self.text(key)?.parse() {
            Ok(span) => Some(span),
            Err(error) => {
                self.fault(key, &format!("is no length of time ({error})"));
                None
            }
        }
    }

    fn texts(&mut self, key: &str) -> Vec<OsString> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let words: Option<Vec<OsString>> = value
            .as_array()
            .and_then(|array| array.iter().map(|word| word.get_ref().as_str().map(OsString::from)).collect());
        words.unwrap_or_else(|| {
            self.fault(key, "is not a list of texts");
            Vec::new()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
[muster]
state = "/srv/state"
[job.a]
command = ["tar", "-c"]
timeout = { soft = "45m", hard = "1h", grace = "1s" }
overlap = "wait"
max_wait = "5m"
lock = "/run/a.lock"
unknown = 3
[job.b]
command = "tar"
"#;

    fn read(text: &str) -> (File, Vec<String>) {
        let mut faults = Vec::new();
        let file = File::read(text, "a", &mut faults);
        (file, faults)
    }

    #[test]
    fn the_jobs_table_is_read_and_other_tables_are_not_judged() {
        let (file, faults) = read(GOOD);
        assert_eq!(faults, [""; 0]);
        assert_eq!(file.command, ["tar", "-c"]);
        assert_eq!(
            (file.soft, file.hard, file.grace, file.max_wait),
            (Some(Span::minutes(45)), Some(Span::hours(1)), Some(Span::seconds(1)), Some(Span::minutes(5)))
        );
        assert_eq!(file.state.as_deref(), Some(Path::new("/srv/state")));
        assert_eq!(file.overlap.as_deref(), Some("wait"));
    }

    #[test]
    fn a_broken_file_gives_what_can_be_read_and_says_what_cannot() {
        let (file, faults) = read(&GOOD.replace("[job.b]", "[[job.b"));
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].contains("line 11"), "{faults:?}");
        assert_eq!(file.hard, Some(Span::hours(1)));
        let (file, faults) =
            read("[job.a]\ncommand = [1]\ntimeout = 5\noverlap = 'x'\nmax_wait = '9'\nlock = 1\n");
        assert_eq!((file.command.len(), faults.len()), (0, 5), "{faults:?}");
    }
}
