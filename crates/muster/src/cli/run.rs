//! `muster run`, as far as the other verbs need to know it. `main` hands a plain `muster run …` over before anything
//! here is set up; only with global options in front of the verb does it come this way.

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use super::command::Places;

/// Wraps a job: lock, log, time limit, and a report of how it ended
///
/// Put it in front of a command in a crontab: `muster run nightly-export -- /opt/export.sh`. It needs neither the agent
/// nor a configuration, and passes the command's exit code through.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// See `muster run --help`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "NAME [-- COMMAND]")]
    words: Vec<OsString>,
}

impl Args {
    /// Gives the words and the places to the wrapper.
    pub(crate) fn hand_over(self, places: &Places) -> ExitCode {
        let mut words = Vec::new();
        for (option, path) in [("--config", &places.config), ("--state", &places.state)] {
            if let Some(path) = path {
                words.extend([OsString::from(option), path.clone().into_os_string()]);
            }
        }
        words.extend(self.words);
        ExitCode::from(muster_run::main(words.into_iter(), &mut io::stdout(), &mut io::stderr()))
    }
}
