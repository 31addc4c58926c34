//! What the wrapper needs from `muster.toml`, read without judging the rest: a mistake elsewhere in the file, or in
//! the job's own table, is told and the job runs all the same. The file as a whole is judged by `muster config check`.

use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use muster_config::job_only::{JobReading, job_only};
use muster_config::plan::{Allowance, Expect, Overlap, Retries};
use muster_config::source::{FILE_LIMIT, Source};
use muster_core::time::Span;
use muster_host::state::{self, Layout};

use crate::arguments::{Options, Request};
use crate::log::bounds::Bounds;
use crate::{excerpt, exit_code};

/// Most faults of the file that are repeated by each run; `muster config check` tells all.
const FAULTS: usize = 5;

/// Everything that decides how a job is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Program and arguments; empty if nobody said.
    pub(crate) command: Vec<OsString>,
    /// Where state is kept.
    pub(crate) layout: Layout,
    /// How much of logs stays, if the file says it.
    pub(crate) bounds: Option<Bounds>,
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
    /// What a good run leaves behind.
    pub(crate) expect: Expect,
    /// What the whole tree may use.
    pub(crate) allowance: Allowance,
    /// How often a failed run is tried again.
    pub(crate) retries: Retries,
    /// Standard input is passed on.
    pub(crate) stdin: bool,
    /// Output is not passed on.
    pub(crate) quiet: bool,
    /// What was wrong, a sentence each.
    pub(crate) complaints: Vec<String>,
}

/// Joins the arguments and the file.
pub(crate) fn settle(request: Request) -> Settings {
    let Request { name, command, options, mut complaints } = request;
    let Options { config, state, hard, soft, grace, lock, skip_exit, leak_grace, stdin, quiet, .. } = options;
    let reading = state::find_config(config.as_deref()).and_then(|path| read(&path, &name, &mut complaints));
    let (job, of_file, keep) =
        reading.map_or((None, None, None), |reading| (reading.job, reading.state, reading.keep));
    let timeout = job.as_ref().map(|job| job.timeout);
    let told = job.as_ref().map_or(Overlap::Skip, |job| job.overlap);
    let wait = options.max_wait.unwrap_or(match told {
        Overlap::Wait { at_most } => at_most,
        _ => Span::minutes(30),
    });
    let overlap = match options.overlap.as_deref() {
        Some("wait") => Overlap::Wait { at_most: wait },
        Some("replace") => Overlap::Replace,
        Some("allow") => Overlap::Allow,
        Some(_) => Overlap::Skip,
        None if matches!(told, Overlap::Wait { .. }) => Overlap::Wait { at_most: wait },
        None => told,
    };
    let (of_job, lock_of_job, expect, retries, allowance) = job.map_or_else(Default::default, |job| {
        (
            job.command.into_iter().map(OsString::from).collect::<Vec<_>>(),
            job.lock,
            job.expect,
            job.retries,
            job.allowance,
        )
    });
    Settings {
        command: if command.is_empty() { of_job } else { command },
        layout: state::find_state(state.as_deref(), of_file.as_deref()),
        bounds: keep.map(|keep| Bounds { age: keep.runs, per_job: keep.logs_per_job, bytes: keep.logs }),
        soft: soft.or(timeout.and_then(|timeout| timeout.soft)),
        hard: hard.or(timeout.and_then(|timeout| timeout.hard)),
        grace: grace.or(timeout.map(|timeout| timeout.grace)).unwrap_or(Span::seconds(10)),
        overlap,
        lock: lock.or(lock_of_job),
        skip_exit: skip_exit.unwrap_or(exit_code::LOCK_HELD),
        leak_grace: leak_grace.unwrap_or(Span::millis(200)),
        expect,
        allowance,
        retries,
        stdin,
        quiet,
        complaints,
    }
}

/// Reads the file for one job; none if it cannot be read at all.
fn read(path: &Path, job: &str, complaints: &mut Vec<String>) -> Option<JobReading> {
    let place = path.display().to_string();
    let text = match text_of(path) {
        Ok(text) => text,
        Err(why) => {
            complaints.push(format!("{place}: {why}"));
            return None;
        }
    };
    // Zone and host decide about schedules, which do not concern the wrapper.
    let read = |text: &str| job_only(&Source { file: &place, text, zone: "UTC", host: "localhost" }, job);
    // What is wrong is told from the whole file: there a fault may look different.
    let short =
        excerpt::of_job(&text, job).map(|excerpt| read(&excerpt)).filter(|short| short.faults.is_empty());
    let reading = short.unwrap_or_else(|| read(&text));
    for fault in reading.faults.list().iter().take(FAULTS) {
        let help = fault.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
        complaints.push(format!("{place}:{}:{}: {}{help}", fault.line, fault.column, fault.what));
    }
    Some(reading)
}

fn text_of(path: &Path) -> Result<String, String> {
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    let size = file.metadata().map_or(0, |there| there.len()).min(FILE_LIMIT as u64);
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 2);
    // One byte more than a configuration may have, so that the reader says that it is too long.
    file.take(FILE_LIMIT as u64 + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text and was not read".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(file: &str, options: Options) -> Settings {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("muster.toml");
        fs::write(&path, file).expect("written");
        let options = Options { config: Some(path), ..options };
        settle(Request { name: "a".into(), options, ..Request::default() })
    }

    const FILE: &str = "[muster]\nstate = \"/srv/state\"\n[job.a]\ncommand = [\"tar\", \"-c\"]\noverlap = \"wait\"\n\
        max_wait = \"5m\"\nlock = \"/run/a.lock\"\ntimeout = { soft = \"45m\", hard = \"1h\" }\n";

    #[test]
    fn the_file_speaks_and_options_win() {
        let settings = settled(FILE, Options::default());
        assert_eq!(settings.complaints, [""; 0]);
        assert_eq!(settings.command, ["tar", "-c"]);
        assert_eq!((settings.soft, settings.hard), (Some(Span::minutes(45)), Some(Span::hours(1))));
        assert_eq!(settings.overlap, Overlap::Wait { at_most: Span::minutes(5) });
        assert_eq!(settings.lock.as_deref(), Some(Path::new("/run/a.lock")));
        let options =
            Options { max_wait: Some(Span::seconds(1)), hard: Some(Span::ZERO), ..Options::default() };
        let settings = settled(FILE, options);
        assert_eq!(settings.overlap, Overlap::Wait { at_most: Span::seconds(1) });
        assert_eq!((settings.hard, settings.grace), (Some(Span::ZERO), Span::seconds(10)));
        let settings = settled(FILE, Options { overlap: Some("allow".into()), ..Options::default() });
        assert_eq!(settings.overlap, Overlap::Allow);
    }

    #[test]
    fn a_broken_file_gives_what_can_be_read_and_says_where_it_is_broken() {
        let settings = settled(&format!("{FILE}[[job.b\n"), Options::default());
        assert_eq!(settings.hard, Some(Span::hours(1)));
        assert!(
            settings.complaints.iter().any(|what| what.contains("muster.toml:9:")),
            "{:?}",
            settings.complaints
        );
        let settings = settled("\u{0}", Options::default());
        assert!(settings.complaints.len() == 1 && settings.command.is_empty());
    }
}
