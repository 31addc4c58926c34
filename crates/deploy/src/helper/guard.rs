//! A process of its own that goes back from a release which nobody confirmed, and stops what was kept warm long enough. It
//! is there before requests are led anywhere, and neither the end of a connection nor that of the helper ends it.
//!
//! It counts by its own clock from the moment at which nobody holds the lease, so a step of the clock changes nothing. What
//! it could not do, because it was killed or the host was restarted, the next helper or the agent does.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use muster_core::plan::INSISTENCE;
use muster_host::lock::{self, Attempt};
use muster_host::state::Layout;

use super::site::Site;
use crate::books::{Books, Folder, Pending, Warm};
use crate::trouble::Trouble;

/// So long after the lease fell free it goes back. With the patience of a helper that hears nothing this is a minute.
pub const WAIT: Duration = Duration::from_secs(30);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(500);
/// Between two tries.
const MOMENT: Duration = Duration::from_millis(5);
/// Most services of a host.
const SERVICES: usize = 64;
/// The longest until a new guard is there.
const THERE: Duration = Duration::from_secs(5);

/// Sees to it that the service has a guard.
///
/// # Errors
/// None could be started.
pub fn ensure(layout: &Layout, service: &str) -> Result<(), Trouble> {
    let folder = Folder::new(layout, service);
    let is_there = || matches!(lock::try_lock(&folder.guard()), Ok(Attempt::Held(_)));
    if is_there() {
        return Ok(());
    }
    let wrong = |error: std::io::Error| Trouble::new(format!("no guard could be started: {error}"));
    // This program, also when another one was sent in its place meanwhile.
    let mut command = Command::new("/proc/self/exe");
    command
        .arg("--state")
        .arg(layout.root())
        .args(["host", "guard", service])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.spawn().map_err(wrong)?;
    let begin = Instant::now();
    while begin.elapsed() < THERE {
        if is_there() {
            return Ok(());
        }
        if let Ok(Some(status)) = child.try_wait()
            && !is_there()
        {
            return Err(Trouble::new(format!("the guard ended at once: {status}")));
        }
        std::thread::sleep(MOMENT);
    }
    Err(Trouble::new("the guard did not begin in time"))
}

/// Is the guard of a service, until nothing is left to guard. A second one ends at once.
///
/// # Errors
/// The folder of the service cannot be used.
pub fn stand(layout: &Layout, service: &str) -> std::io::Result<()> {
    // What ends the session of the helper does not end its guard. It fails for one that has a session of its own.
    _ = rustix::process::setsid();
    let folder = Folder::new(layout, service);
    loop {
        // Whoever looks whether there is a guard has the lock for a moment too.
        let Attempt::Locked(held) = lock::wait(&folder.guard(), THERE, |_| {
            std::thread::sleep(MOMENT);
            true
        })?
        else {
            return Ok(());
        };
        let mut watch = Watch::default();
        while watch.step(layout, service)? {
            std::thread::sleep(PAUSE);
        }
        held.release();
        // What was promised while it was about to end was promised to it.
        if !is_needed(&folder.read()?) {
            return Ok(());
        }
    }
}

fn is_needed(books: &Books) -> bool {
    books.spec.is_some() && (books.pending.is_some() || books.warm.is_some())
}

/// Looks after all services of a host that have no guard, because it was killed or the host was restarted; how many there
/// are.
///
/// # Errors
/// The folder of the services cannot be read, or the books of one of them; in one line.
pub fn stand_in(layout: &Layout, watches: &mut BTreeMap<String, Watch>) -> Result<usize, String> {
    let shown = layout.deploy().display().to_string();
    let folders = match std::fs::read_dir(layout.deploy()) {
        Ok(folders) => folders,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(format!("{shown}: {error}")),
    };
    let folders = folders.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let names = folders.filter_map(|entry| entry.file_name().into_string().ok());
    let names: Vec<String> = names.take(SERVICES).collect();
    watches.retain(|name, _| names.contains(name));
    let mut faults = Vec::new();
    let mut left = 0;
    for name in names {
        let folder = Folder::new(layout, &name);
        match lock::try_lock(&folder.guard()) {
            Ok(Attempt::Locked(held)) => {
                match watches.entry(name.clone()).or_default().step(layout, &name) {
                    Ok(is_left) => left += usize::from(is_left),
                    Err(error) => faults.push(format!("{name}: {error}")),
                }
                held.release();
            }
            Ok(Attempt::Held(_) | Attempt::Orphaned(_)) => drop(watches.remove(&name)),
            Err(error) => faults.push(format!("{name}: {error}")),
        }
    }
    if faults.is_empty() { Ok(left) } else { Err(faults.join("; ")) }
}

/// For how long nobody holds the lease of a service.
#[derive(Debug, Default)]
pub struct Watch {
    free_since: Option<Instant>,
}

impl Watch {
    /// Does what is due; true while something is left to guard.
    fn step(&mut self, layout: &Layout, service: &str) -> std::io::Result<bool> {
        let folder = Folder::new(layout, service);
        let books = folder.read()?;
        let Some(spec) = books.spec.clone().filter(|_| is_needed(&books)) else { return Ok(false) };
        let Attempt::Locked(lease) = lock::try_lock(&folder.lease())? else {
            self.free_since = None;
            return Ok(true);
        };
        let since = *self.free_since.get_or_insert_with(Instant::now);
        let is_over = books.warm.is_some_and(|warm| muster_host::clock::now().wall >= warm.until);
        if books.pending.is_some() {
            if since.elapsed() >= WAIT
                && let Ok(mut site) = Site::open(layout, spec)
            {
                site.take_back();
            }
        } else if is_over
            // A helper that died may have a successor in a moment, and a deploy that goes on.
            && since.elapsed() >= WAIT
            && let Ok(mut site) = Site::open(layout, spec)
        {
            site.cool();
        }
        lease.release();
        Ok(true)
    }
}

impl Site {
    /// Goes back from what nobody confirmed.
    pub fn take_back(&mut self) {
        let Some(Pending { attempt, to }) = self.books.pending.clone() else { return };
        match self.back() {
            Ok(_) => {
                // Whoever was led to it may end there in peace; and it may have been confirmed elsewhere, by a deployer
                // that insists on it when it reaches this host again.
                let until = self.in_a_while(self.spec.drain.max(INSISTENCE));
                self.books.warm = Some(Warm { side: to, release: attempt.release, until });
                drop(self.keep());
                super::tell::taken_back(self, attempt);
            }
            // It is tried again in a moment.
            Err(troubles) => super::tell::failed(self, attempt, &troubles),
        }
    }

    /// Stops what was kept warm, if its time is over.
    pub fn cool(&mut self) {
        let Some(warm) = self.books.warm else { return };
        // What runs there counts, and not what was fetched for that side since.
        let stands = self.runtime.look(warm.side).ok().flatten();
        if stands.is_some_and(|it| it.release == warm.release) && self.serving() != Some(warm.side) {
            drop(self.runtime.stop(warm.side, self.spec.stop_timeout.to_std()));
        }
        self.books.warm = None;
        drop(self.keep());
    }
}
