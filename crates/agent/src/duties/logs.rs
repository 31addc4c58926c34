//! Keeps the logs of runs within their bounds, and compresses those of runs that have ended. The cap on all together
//! does not depend on this: whoever writes a log keeps it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use muster_host::state::Layout;
use muster_run::log::account::Account;
use muster_run::log::bounds::Bounds;
use muster_run::log::pack::Packer;

use super::spool::blocking;
use super::table::{Context, Terms};
use crate::driver::{Duty, Performing, Why};
use crate::resident::Settings;

pub(super) const TERMS: Terms = Terms {
    name: "logs",
    sentence: "keeps the logs of runs within their bounds, and compresses them",
    period: Duration::from_secs(60),
    deadline: Duration::from_secs(60),
    after: 3,
};

/// Logs are listed at least this often: their age grows while nobody writes one.
const LIST: Duration = Duration::from_secs(3600);
/// How long one performance compresses; a long list is a matter for several.
const PACK: Duration = Duration::from_secs(5);

/// The duty.
pub(super) struct Logs {
    settings: tokio::sync::watch::Receiver<Settings>,
    shelf: Arc<Mutex<Shelf>>,
}

/// The logs, and what was seen of them.
struct Shelf {
    layout: Layout,
    packer: Packer,
    last: Option<Last>,
}

/// How it stood after the last performance.
struct Last {
    at: Instant,
    bounds: Bounds,
    /// Every run that writes a log changes the account.
    account: Option<SystemTime>,
}

impl Logs {
    pub(super) fn new(context: &Context) -> Self {
        let shelf = Shelf { layout: context.layout.clone(), packer: Packer::default(), last: None };
        Self { settings: context.settings.clone(), shelf: Arc::new(Mutex::new(shelf)) }
    }
}

impl Duty for Logs {
    fn perform(&mut self, _why: Why) -> Performing<'_> {
        Box::pin(async move {
            let Settings { logs, .. } = self.settings.borrow().clone();
            let shelf = Arc::clone(&self.shelf);
            blocking(move || shelf.lock().unwrap_or_else(PoisonError::into_inner).keep(logs)).await?
        })
    }
}

impl Shelf {
    fn keep(&mut self, bounds: Bounds) -> Result<String, String> {
        let place: PathBuf = self.layout.log_account();
        let changed = || std::fs::metadata(&place).and_then(|there| there.modified()).ok();
        let mut account = Account::new(&self.layout, Some(bounds));
        let nothing_new = self.last.as_ref().is_some_and(|last| {
            last.bounds == bounds && last.account == changed() && last.at.elapsed() < LIST
        });
        if nothing_new && !account.is_short_of_room() {
            return Ok("nothing was written".into());
        }
        let tidied = account.tidy(true).map_err(|error| format!("{}: {error}", place.display()))?;
        let round = self.packer.round(&mut account, PACK).map_err(|error| error.to_string())?;
        let last = Last { at: Instant::now(), bounds, account: changed() };
        self.last = Some(last).filter(|_| !round.more);
        Ok(format!("{} removed, {} compressed, {} bytes kept", tidied.removed, round.packed, tidied.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(layout: &Layout, run: u32) -> PathBuf {
        let folder = layout.runs().join("a");
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("{run}.log"));
        std::fs::write(&path, "2026-11-21T07:42:00.123Z out the same again\n".repeat(10_000)).unwrap();
        path
    }

    #[test]
    fn what_was_written_is_kept_within_bounds_and_compressed_and_then_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path());
        let (first, second) = (log(&layout, 1), log(&layout, 2));
        let mut shelf = Shelf { layout: layout.clone(), packer: Packer::default(), last: None };
        let bounds = Bounds { per_job: 1, ..Bounds::default() };
        assert!(shelf.keep(bounds).unwrap().starts_with("1 removed, 1 compressed, "));
        assert!(!first.exists() && !second.exists());
        assert_eq!(muster_run::log::read::tail(&second, 3).unwrap().lines.len(), 3);
        assert_eq!(shelf.keep(bounds).unwrap(), "nothing was written");
        log(&layout, 3);
        assert!(shelf.keep(Bounds::default()).unwrap().starts_with("0 removed, 1 compressed, "));
    }

    #[test]
    fn a_state_without_logs_is_no_fault() {
        let folder = tempfile::tempdir().unwrap();
        let mut shelf = Shelf { layout: Layout::new(folder.path()), packer: Packer::default(), last: None };
        assert_eq!(shelf.keep(Bounds::default()).unwrap(), "0 removed, 0 compressed, 0 bytes kept");
    }
}
