//! What the deploying machine runs itself before a deploy changes anything, and after its end.

use std::ffi::OsStr;
use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use muster_config::plan::{Hooks, ServicePlan};
use muster_core::plan::{Act, Attempt};
use muster_core::time::Span;
use muster_host::state::private_dir;

use crate::program::{Input, Program};
use crate::trouble::Trouble;

/// The longest that a hook may take.
pub(super) const HOOK: Span = Span::minutes(5);
/// Bytes of its output that are kept.
const OUTPUT: usize = 1 << 20;

/// The hooks of one deploy or rollback.
#[derive(Debug, Clone)]
pub(super) struct Hooking {
    hooks: Hooks,
    service: String,
    hosts: String,
    release: String,
    by: String,
    /// Where their output is kept.
    folder: PathBuf,
}

impl Hooking {
    pub(super) fn new(service: &ServicePlan, attempt: Attempt, by: &str, folder: PathBuf) -> Self {
        let hosts: Vec<&str> = service.hosts.iter().map(|host| host.name.as_str()).collect();
        Self {
            hooks: service.hooks.clone(),
            service: service.name.clone(),
            hosts: hosts.join(" "),
            release: attempt.release.to_string(),
            by: by.to_owned(),
            folder,
        }
    }

    /// Whether there is one for this act.
    pub(super) fn has(&self, act: Act) -> bool {
        !self.command(act).is_empty()
    }

    /// Runs it. `step` is what it is told of how far the deploy came.
    pub(super) fn run(&self, act: Act, step: &str, within: Duration) -> Result<String, Vec<Trouble>> {
        let output = self.folder.join(format!("{}-{}.log", self.service, act.word()));
        let unkept = |error: std::io::Error| vec![Trouble::new(format!("{}: {error}", output.display()))];
        private_dir(&self.folder).map_err(unkept)?;
        let mut file = File::create(&output).map_err(unkept)?;
        let words: Vec<&OsStr> = self.command(act).iter().map(OsStr::new).collect();
        let env = [
            ("MUSTER_SERVICE", OsStr::new(&self.service)),
            ("MUSTER_RELEASE", OsStr::new(&self.release)),
            ("MUSTER_HOSTS", OsStr::new(&self.hosts)),
            ("MUSTER_STEP", OsStr::new(step)),
            ("MUSTER_BY", OsStr::new(&self.by)),
        ];
        let program = Program { words: &words, env: &env, within, output: OUTPUT, stdin: Input::Nothing };
        let kept = format!("its output is in {}", output.display());
        let ended = program.run_into(&mut file).map_err(|trouble| vec![trouble.help(&kept)])?;
        match ended.status.success() {
            true => Ok(String::new()),
            false => Err(vec![ended.trouble().help(kept)]),
        }
    }

    fn command(&self, act: Act) -> &[String] {
        match act {
            Act::Before => &self.hooks.before,
            Act::After => &self.hooks.after,
            Act::Failed => &self.hooks.failed,
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hooking(folder: PathBuf, command: &[&str]) -> Hooking {
        let command = command.iter().map(|word| (*word).to_owned()).collect();
        Hooking {
            hooks: Hooks { before: command, ..Hooks::default() },
            service: "api".to_owned(),
            hosts: "ams1 fra1".to_owned(),
            release: "7".to_owned(),
            by: "ada on laptop".to_owned(),
            folder,
        }
    }

    #[test]
    fn a_hook_is_told_of_the_deploy_and_its_words_are_no_shells() {
        let folder = tempfile::tempdir().expect("a folder");
        let script = "echo \"$MUSTER_SERVICE,$MUSTER_RELEASE,$MUSTER_HOSTS,$MUSTER_STEP,$MUSTER_BY,$1\"";
        let hook = hooking(folder.path().join("hooks"), &["sh", "-c", script, "sh", "$HOME; *"]);
        assert!(hook.has(Act::Before) && !hook.has(Act::After) && !hook.has(Act::Flip));
        assert_eq!(hook.run(Act::Before, "before", Duration::from_secs(20)), Ok(String::new()));
        let kept = folder.path().join("hooks/api-before.log");
        assert_eq!(
            std::fs::read_to_string(kept).expect("kept"),
            "api,7,ams1 fra1,before,ada on laptop,$HOME; *\n"
        );
    }

    #[test]
    fn one_that_fails_or_hangs_says_what_it_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let hook = hooking(folder.path().to_owned(), &["sh", "-c", "echo first; echo why >&2; exit 3"]);
        let told = hook.run(Act::Before, "before", Duration::from_secs(20)).expect_err("failed");
        assert_eq!((told[0].what.as_str(), told[0].lines.len()), ("sh: exit 3: why", 2));
        assert!(told[0].help.as_ref().is_some_and(|help| help.ends_with("/api-before.log")), "{told:?}");
        let hook = hooking(folder.path().to_owned(), &["sh", "-c", "echo begun; sleep 600"]);
        let told = hook.run(Act::Before, "before", Duration::from_millis(500)).expect_err("killed");
        assert!(told[0].what.contains("did not end within"), "{told:?}");
        assert_eq!(told[0].lines, ["begun"]);
    }
}
