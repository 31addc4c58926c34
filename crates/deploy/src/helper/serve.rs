//! Hears questions on standard input and answers them on standard output, one after the other. What it hears nothing from
//! for [`PATIENCE`] seconds it takes for dead: it ends, and with it the lease.

use std::io::{self, BufRead, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use muster_core::plan::Observed;
use muster_host::lock::{self, Attempt, Lock};
use muster_host::state::Layout;

use super::site::{Site, Wait, trouble};
use crate::base::Base;
use crate::books::{Folder, Holder};
use crate::trouble::Trouble;
use crate::wire::{self, Answer, Ask, PATIENCE, Question, Said};

/// The longest that a question may take.
const LONGEST: Duration = Duration::from_secs(3600);

/// So long somebody else may have the lease who only looks.
const MOMENT: Duration = Duration::from_secs(1);

/// A lease with what it is for.
struct Held {
    site: Site,
    lease: Lock,
    by: String,
}

/// Serves until the deployer is gone.
///
/// # Errors
/// Standard output is gone.
pub fn serve(
    layout: &Layout,
    input: impl BufRead + Send + 'static,
    mut output: impl Write,
) -> io::Result<()> {
    let (sender, questions) = mpsc::channel();
    let (alive, beats) = mpsc::channel();
    let stopped = Arc::new(AtomicU64::new(0));
    let stops = Arc::clone(&stopped);
    std::thread::Builder::new().name("listen".into()).spawn(move || {
        listen(input, &sender, &alive, &stops);
    })?;
    std::thread::Builder::new().name("patience".into()).spawn(move || wait(&beats))?;
    let mut held = None;
    while let Ok(Ask { id, what }) = questions.recv() {
        let said = answer(layout, &mut held, &Wait { id, stopped: Arc::clone(&stopped) }, what);
        output.write_all(&wire::line(&Answer { id, said })?)?;
        output.flush()?;
    }
    if let Some(held) = held {
        held.lease.release();
    }
    Ok(())
}

fn listen(
    mut input: impl BufRead,
    questions: &mpsc::Sender<Ask>,
    alive: &mpsc::Sender<()>,
    stopped: &AtomicU64,
) {
    while let Ok(Some(ask)) = wire::read::<Ask>(&mut input) {
        // Nobody waits any more: the helper is about to end.
        if alive.send(()).is_err() {
            return;
        }
        match ask.what {
            Question::Beat => {}
            Question::Stop { id } => stopped.store(id, Ordering::Relaxed),
            _ if questions.send(ask).is_err() => return,
            _ => {}
        }
    }
}

/// Ends the process when the deployer is not heard any more, also in the middle of an act: whoever comes next finds in the
/// books what was done.
#[expect(clippy::exit, reason = "an act that hangs must not keep the lease")]
fn wait(beats: &mpsc::Receiver<()>) {
    loop {
        match beats.recv_timeout(Duration::from_secs(PATIENCE)) {
            Ok(()) => {}
            Err(RecvTimeoutError::Timeout) => std::process::exit(75),
            // Standard input has ended; an act on its way may end in the time that a deployer has to come back.
            Err(RecvTimeoutError::Disconnected) => {
                std::thread::sleep(Duration::from_secs(PATIENCE));
                std::process::exit(75);
            }
        }
    }
}

fn answer(layout: &Layout, held: &mut Option<Held>, wait: &Wait, what: Question) -> Said {
    match what {
        Question::Beat | Question::Stop { .. } => Said::Done { note: String::new() },
        Question::Observe { service } => observe(layout, held.as_ref(), &service),
        Question::Hold { spec, by } => {
            let folder = Folder::new(layout, &spec.service);
            if let Err(error) = folder.create() {
                return Said::Failed(trouble(format!("the folder of {}: {error}", spec.service)));
            }
            // A guard looks at it for a moment, twice a second.
            let lease = match lock::wait(&folder.lease(), MOMENT, pause) {
                Ok(Attempt::Locked(lease)) => lease,
                Ok(Attempt::Held(_) | Attempt::Orphaned(_)) => {
                    return Said::Busy { holder: holder(&folder) };
                }
                Err(error) => return Said::Failed(trouble(format!("the lease: {error}"))),
            };
            sign(&folder, &by, "began");
            match Site::open(layout, *spec) {
                Ok(site) => {
                    let said = seen(&folder, site.observed(), None);
                    *held = Some(Held { site, lease, by });
                    said
                }
                Err(troubles) => Said::Failed(troubles),
            }
        }
        Question::Begin(errand) => with(held, |held| held.site.begin(*errand)),
        Question::Do { act, within } => with(held, |held| {
            sign(&held.site.folder, &held.by, act.word());
            held.site.wait = wait.clone();
            held.site.perform(act, Instant::now() + Duration::from_millis(within).min(LONGEST))
        }),
        Question::Done { stays, why } => {
            let Some(mut ended) = held.take() else { return Said::Ended { failed_requests: None } };
            let failed_requests = ended.site.done(stays, &why);
            ended.lease.release();
            Said::Ended { failed_requests }
        }
        Question::Look(wanted) => base(layout, |base| base.look(&wanted).map(Said::Standings)),
        Question::Make(pieces) => base(layout, |base| {
            base.make(&pieces).map(|()| Said::Done { note: String::new() }).map_err(|trouble| vec![trouble])
        }),
        Question::Undo { only_look } => base(layout, |base| {
            let fates = if only_look { base.fates() } else { base.undo() };
            fates.map(Said::Fates).map_err(|trouble| vec![trouble])
        }),
    }
}

fn base(layout: &Layout, act: impl FnOnce(&Base) -> Result<Said, Vec<Trouble>>) -> Said {
    let base = Base::of_host(layout).map_err(|trouble| vec![trouble]);
    base.and_then(|base| act(&base)).unwrap_or_else(Said::Failed)
}

fn pause(_most: Duration) -> bool {
    std::thread::sleep(Duration::from_millis(10));
    true
}

fn with(held: &mut Option<Held>, act: impl FnOnce(&mut Held) -> Result<String, Vec<Trouble>>) -> Said {
    let Some(held) = held.as_mut() else { return Said::Failed(trouble("the lease is not held")) };
    match act(held) {
        Ok(note) => Said::Done { note },
        Err(troubles) => Said::Failed(troubles),
    }
}

fn observe(layout: &Layout, held: Option<&Held>, service: &str) -> Said {
    let folder = Folder::new(layout, service);
    if let Some(held) = held.filter(|held| held.site.spec.service == service) {
        return seen(&folder, held.site.observed(), None);
    }
    // Without a name it is a greeting.
    if service.is_empty() || !folder.exists() {
        return Said::Seen { observed: Observed::default(), entries: Vec::new(), held: None };
    }
    let books = match folder.read() {
        Ok(books) => books,
        Err(error) => return Said::Failed(trouble(format!("the books of {service}: {error}"))),
    };
    let holder = folder.is_leased().unwrap_or(false).then(|| holder(&folder));
    let observed = match books.spec {
        Some(spec) => match Site::open(layout, spec) {
            Ok(site) => site.observed(),
            Err(troubles) => return Said::Failed(troubles),
        },
        None => Observed::default(),
    };
    seen(&folder, observed, holder)
}

fn seen(folder: &Folder, observed: Observed, held: Option<String>) -> Said {
    match folder.entries() {
        Ok((entries, _)) => {
            // A line has its limit; the newest are what people ask for.
            let skip = entries.len().saturating_sub(100);
            Said::Seen { observed, entries: entries.into_iter().skip(skip).collect(), held }
        }
        Err(error) => Said::Failed(trouble(format!("the record: {error}"))),
    }
}

/// Says who has the lease and what they are at.
fn sign(folder: &Folder, by: &str, act: &str) {
    let since = muster_host::clock::now().wall;
    // Words for people: nothing depends on them.
    drop(folder.sign(&Holder { by: by.to_owned(), step: act.to_owned(), since }));
}

fn holder(folder: &Folder) -> String {
    folder.signed().unwrap_or_else(|| "somebody".to_owned())
}
