//! Writes the page for customers: soon after a change, and every so often while nothing changes, so that a page which is
//! old tells that nobody writes it. What becomes a notice is decided here as well, because it must not wait for a reader.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use muster_core::board::Snapshot;
use muster_core::effect::Transition;
use muster_core::ids::ExpectationId;
use muster_core::notice::{Amendment, Notice, NoticeId};
use muster_core::time::{Span, Timestamp};
use muster_status::days::Past;
use muster_status::gather::{Scene, amendments};
use muster_status::page::{Known, Page};
use muster_status::state::Lines;
use muster_store::contract::{Store, StoreError};
use tokio::sync::Notify;

use super::spool::blocking;
use super::table::{Context, Terms};
use crate::clock::Clock;
use crate::driver::{Duty, Performing, Why};
use crate::handle::Handle;
use crate::parts::Sheet;
use crate::resident::{Settings, message::Message};
use crate::status::pasts::Pasts;
use crate::status::shelf;

pub(super) const TERMS: Terms = Terms {
    name: "status-page",
    sentence: "writes the status page",
    period: Duration::from_secs(5),
    deadline: Duration::from_secs(30),
    after: 3,
};

/// How far back changes of state are read at the first time, and how much they overlap afterwards.
const BACK: (Span, Span) = (Span::minutes(15), Span::minutes(1));

/// How long notices are shown.
const SHOWN: Span = Span::days(90);

/// Which edition of the page lies in the folder.
#[derive(Default)]
pub(super) struct Edition {
    pub(super) number: AtomicU64,
    /// Woken at each new one.
    pub(super) news: Arc<Notify>,
}

/// The duty.
pub(super) struct Writes {
    handle: Handle,
    clock: Arc<dyn Clock>,
    settings: tokio::sync::watch::Receiver<Settings>,
    edition: Arc<Edition>,
    wake_mail: Arc<Notify>,
    desk: Desk,
}

/// What is remembered from one performance to the next.
#[derive(Default)]
struct Desk {
    pasts: Pasts,
    notices: Vec<Notice>,
    /// When changes of state were read last.
    read: Option<Timestamp>,
    /// The last page in the folder, without its bars.
    last: Option<Page>,
    sheet: Option<Arc<Sheet>>,
}

impl Writes {
    pub(super) fn new(context: &Context, edition: Arc<Edition>) -> Self {
        Self {
            handle: context.handle.clone(),
            clock: Arc::clone(&context.clock),
            settings: context.settings.clone(),
            edition,
            wake_mail: Arc::clone(&context.wake_mail),
            desk: Desk::default(),
        }
    }
}

impl Duty for Writes {
    fn perform(&mut self, _why: Why) -> Performing<'_> {
        Box::pin(async move {
            let Some(sheet) = self.settings.borrow().status.clone() else {
                self.desk = Desk::default();
                return Ok("there is no status page".into());
            };
            let snapshot = Arc::clone(&self.handle.board().borrow());
            if snapshot.board.at == Timestamp::default() {
                return Ok("waits for the first roll".into());
            }
            // What a performance that was cut off had in its hands is made anew.
            let mut desk = std::mem::take(&mut self.desk);
            if desk.sheet.as_ref() != Some(&sheet) {
                desk = Desk { sheet: Some(Arc::clone(&sheet)), ..Desk::default() };
            }
            let (store, now) = (self.handle.store(), self.clock.now().wall);
            let scene = (Arc::clone(&sheet), Arc::clone(&snapshot));
            let (desk, found) = blocking(move || {
                let found = desk.gather(store.as_ref(), &scene.0, &scene.1, now);
                (desk, found)
            })
            .await?;
            self.desk = desk;
            let found = found.map_err(|error| error.to_string())?;
            if !found.is_empty() {
                self.desk.amend(&found);
                let amended = self
                    .handle
                    .ask(Duration::from_secs(10), |reply| Message::Amend { amendments: found, reply });
                amended.await.map_err(|error| error.to_string())?;
            }
            let mut desk = std::mem::take(&mut self.desk);
            let store = self.handle.store();
            let (desk, written) = blocking(move || {
                let written = desk.write(store.as_ref(), &sheet, &snapshot, now);
                (desk, written)
            })
            .await?;
            self.desk = desk;
            let words = written?;
            if let Written::Anew(words) = words {
                self.edition.number.fetch_add(1, Ordering::SeqCst);
                self.edition.news.notify_one();
                // Whoever is mailed finds on the page what the mail says.
                self.wake_mail.notify_one();
                return Ok(words);
            }
            Ok("nothing changed".into())
        })
    }
}

/// What became of the files.
enum Written {
    /// They say what they said.
    Unchanged,
    /// Some were written.
    Anew(String),
}

fn lines(snapshot: &Snapshot) -> Lines<'_> {
    snapshot.board.lines.iter().map(|line| (&line.id, line)).collect()
}

impl Desk {
    /// Reads what happened, and decides what happens to which notice.
    fn gather(
        &mut self,
        store: &dyn Store,
        sheet: &Sheet,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<Vec<(NoticeId, Amendment)>, StoreError> {
        let since = self.read.map_or(now - BACK.0, |read| read - BACK.1);
        let transitions = changes(store, sheet, since)?;
        self.read = Some(now);
        self.read_notices(store, now)?;
        let lines = lines(snapshot);
        let scene = Scene { plan: &sheet.page, lines: &lines, transitions: &transitions, now };
        Ok(amendments(&scene, &self.notices))
    }

    /// While the disk is gone the store knows only what happened since: what was read before stays.
    fn read_notices(&mut self, store: &dyn Store, now: Timestamp) -> Result<(), StoreError> {
        let fresh = store.notices(now - SHOWN)?;
        if store.health().durable {
            self.notices = fresh;
            return Ok(());
        }
        for notice in fresh {
            if self.notices.iter().all(|known| known.id != notice.id) {
                self.notices.push(notice);
            }
        }
        Ok(())
    }

    fn amend(&mut self, found: &[(NoticeId, Amendment)]) {
        for (id, amendment) in found {
            let place = self.notices.iter().position(|notice| notice.id == *id);
            let before = place.map(|place| self.notices.swap_remove(place));
            self.notices.extend(Notice::amended(before, id, amendment));
        }
        self.notices.sort_by(|a, b| (b.began, &b.id).cmp(&(a.began, &a.id)));
    }

    /// Writes what changed, if anything did or the page is due again.
    fn write(
        &mut self,
        store: &dyn Store,
        sheet: &Sheet,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<Written, String> {
        let lines = lines(snapshot);
        let nothing: BTreeMap<ExpectationId, Past> = BTreeMap::new();
        let known =
            |pasts| Known { plan: &sheet.page, lines: &lines, pasts, notices: &self.notices, made: now };
        let brief = Page::of(&known(&nothing));
        if let Some(last) = &self.last
            && now >= last.made
            && now.since(last.made) < sheet.page.every
            && (Page { made: last.made, ..brief.clone() }) == *last
        {
            return Ok(Written::Unchanged);
        }
        self.pasts.read(store, sheet, now).map_err(|error| error.to_string())?;
        let page = Page::of(&Known { pasts: self.pasts.all(), ..known(&nothing) });
        let written = shelf::put(&sheet.page.folder, &muster_status::files::files(&page));
        let written = written.map_err(|error| error.to_string())?;
        // Only what lies in the folder counts as made.
        self.last = Some(Page { made: now, ..brief });
        Ok(Written::Anew(format!("{written} files written: {}", page.sentence)))
    }
}

/// The changes of state of everything on the page since then.
fn changes(store: &dyn Store, sheet: &Sheet, since: Timestamp) -> Result<Vec<Transition>, StoreError> {
    let mut all = Vec::new();
    let mut before = None;
    // What is shown has few changes of its own; of a storm of others the newest thousands are enough, because what goes
    // on is on the board as well.
    for _ in 0..50 {
        let page = store.transitions(None, before, 100)?;
        let old = page.items.last().is_none_or(|oldest| oldest.at < since);
        let shown = |change: &Transition| {
            change.at >= since && sheet.page.components.iter().any(|one| one.of.contains(&change.about))
        };
        all.extend(page.items.into_iter().filter(shown));
        before = page.next;
        if old || before.is_none() {
            break;
        }
    }
    Ok(all)
}
