//! The configuration file as it lies on disk: found, read, judged. Which file it is, and whether a verb can do without,
//! is the caller's matter.

use std::io;
use std::path::{Path, PathBuf};

use muster_agent::parts::Mark;
use muster_config::compile::compile;
use muster_config::fault::Faults;
use muster_config::job_only::{job_only, names_only};
use muster_config::plan::Plan;
use muster_config::source::{FILE_LIMIT, Source};
use muster_core::ids::ExpectationId;

use crate::catalogue::{self, Part, Probe};
use crate::exit_code::ExitCode;
use crate::refusal::Refusal;

/// A file and its text.
#[derive(Debug, Clone)]
pub(crate) struct Configuration {
    /// Where it lies.
    pub(crate) path: PathBuf,
    /// The whole text.
    pub(crate) text: String,
    /// The file as it was just before it was read; none where there is none.
    pub(crate) mark: Option<Mark>,
    zone: String,
    host: String,
}

impl Configuration {
    /// Reads the file. `zone` and `host` are those of this machine.
    ///
    /// # Errors
    /// [`Refusal`] when it is not there or cannot be read.
    pub(crate) fn read(path: &Path, zone: &str, host: &str) -> Result<Self, Refusal> {
        let mark = Mark::of(path);
        let text = match std::fs::read(path) {
            Ok(bytes) => String::from_utf8(bytes).map_err(|error| {
                Refusal::usage(format!("{} is not UTF-8", path.display())).because(&error.utf8_error())
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Refusal::new(ExitCode::Usage, format!("there is no file {}", path.display()))
                    .help("`muster init --dry-run` shows one for this host"));
            }
            Err(error) => return Err(Refusal::system(format!("cannot read {}", path.display()), &error)),
        };
        Ok(Self { path: path.to_owned(), text, mark, zone: zone.to_owned(), host: host.to_owned() })
    }

    /// A text that is not on disk yet, as if it were this file.
    pub(crate) fn with(self, path: &Path, text: String) -> Self {
        Self { path: path.to_owned(), text, mark: None, ..self }
    }

    /// What is in force where there is no file: every default.
    pub(crate) fn empty(zone: &str, host: &str) -> Self {
        Self {
            path: PathBuf::new(),
            text: String::new(),
            mark: None,
            zone: zone.to_owned(),
            host: host.to_owned(),
        }
    }

    /// Reads the same file again.
    ///
    /// # Errors
    /// As for [`Configuration::read`].
    pub(crate) fn again(&self) -> Result<Self, Refusal> {
        Self::read(&self.path, &self.zone, &self.host)
    }

    /// What the whole file comes to, and everything that is wrong with it.
    pub(crate) fn judge(&self) -> (Option<Plan<Part, Probe>>, Faults) {
        let file = self.path.display().to_string();
        compile(&self.source(&file), &catalogue::CATALOGUE)
    }

    /// The state directory that it names, even if it is faulty elsewhere.
    pub(crate) fn state(&self) -> Option<PathBuf> {
        if self.text.len() > FILE_LIMIT {
            return None;
        }
        let file = self.path.display().to_string();
        job_only(&self.source(&file), "").state
    }

    /// True if it has a table of this name, even if it is faulty: a report must not be lost because of a slip.
    pub(crate) fn has(&self, id: &ExpectationId) -> bool {
        names_only(&self.text).contains(id)
    }

    fn source<'a>(&'a self, file: &'a str) -> Source<'a> {
        Source { file, text: &self.text, zone: &self.zone, host: &self.host }
    }
}
