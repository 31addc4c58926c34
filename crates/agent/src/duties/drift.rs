//! Holds what this host is against what was accepted. Nothing of it stays in memory: what was accepted is on disk, and
//! of what is seen only the differences are kept, until they are told.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use muster_config::plan::{DriftPlan, WatchItem};
use muster_core::signal::TAIL_LIMIT;
use muster_core::time::Timestamp;
use muster_drift::differ::{Difference, differences, sentence};
use muster_drift::ground::Ground;
use muster_drift::look::{BYTES, Budget, Sight, look};
use muster_drift::record::{self, Record, RecordError};
use muster_host::state::Layout;

use super::spool::blocking;
use super::table::{Context, Terms};
use crate::clock::Clock;
use crate::driver::{Duty, Performing, Why};
use crate::handle::Handle;
use crate::parts::Mark;
use crate::resident::Settings;
use crate::resident::message::{Comparison, Message};

pub(super) const TERMS: Terms = Terms {
    name: "drift",
    sentence: "holds what this host is against what was accepted",
    // What a person accepts counts that soon.
    period: Duration::from_secs(5),
    deadline: Duration::from_secs(60),
    after: 3,
};

/// Most bytes of changed texts that are kept while they are compared.
const TEXTS: usize = 512 << 10;

/// What stands at the end of a patch that is longer than a tail may be.
const MORE: &str = "… and more: `muster drift` shows all of it\n";

/// The duty.
pub(super) struct Drift {
    handle: Handle,
    settings: tokio::sync::watch::Receiver<Settings>,
    clock: Arc<dyn Clock>,
    layout: Layout,
    last: Option<Last>,
}

/// The last look.
struct Last {
    at: Instant,
    plan: Arc<DriftPlan>,
    /// What was accepted then.
    accepted: Option<Mark>,
}

impl Drift {
    pub(super) fn new(context: &Context) -> Self {
        Self {
            handle: context.handle.clone(),
            settings: context.settings.clone(),
            clock: Arc::clone(&context.clock),
            layout: context.layout.clone(),
            last: None,
        }
    }

    /// Half a period early rather than half a period late; at once if something else was accepted or is to be watched.
    fn is_due(&self, plan: &DriftPlan) -> bool {
        self.last.as_ref().is_none_or(|last| {
            *last.plan != *plan
                || last.at.elapsed() + TERMS.period / 2 >= plan.every.to_std()
                || last.accepted != Mark::of(&self.layout.drift())
        })
    }
}

impl Duty for Drift {
    fn perform(&mut self, _why: Why) -> Performing<'_> {
        Box::pin(async move {
            let plan = self.settings.borrow().drift.clone();
            let Some(plan) = plan else {
                self.last = None;
                return Ok("nothing is held against an accepted state".into());
            };
            if !self.is_due(&plan) {
                return Ok("not due".into());
            }
            let at = Instant::now();
            let (layout, now, items) = (self.layout.clone(), self.clock.now().wall, Arc::clone(&plan));
            let (accepted, all) = blocking(move || compare(&layout, &items.watch, now)).await?;
            self.last = Some(Last { at, plan, accepted });
            let unlike = |one: &&(_, Comparison)| !matches!(one.1, Comparison::Same(_));
            let words =
                format!("{} looked at, {} not as accepted", all.len(), all.iter().filter(unlike).count());
            let sent = self.handle.inbox.send(Message::Compared(all)).await;
            sent.map(|()| words).map_err(|_| "the agent has stopped".to_owned())
        })
    }
}

type Compared = Vec<(muster_core::ids::ExpectationId, Comparison)>;

/// Looks at each item. What was accepted is marked as it was read: what is accepted meanwhile is seen next time.
fn compare(layout: &Layout, watch: &[WatchItem], now: Timestamp) -> (Option<Mark>, Compared) {
    let mut mark = Mark::of(&layout.drift());
    let all_unseen = |why: String| -> Compared {
        watch.iter().map(|item| (item.id.clone(), Comparison::Unseen(why.clone()))).collect()
    };
    let mut record = match Record::read(layout) {
        Ok(record) => record.unwrap_or_default(),
        Err(error) => return (mark, all_unseen(error.to_string())),
    };
    let ground = match Ground::new(Path::new("/")) {
        Ok(ground) => ground,
        Err(error) => return (mark, all_unseen(format!("/: {error}"))),
    };
    let mut budget = Budget::default();
    let mut all = Vec::with_capacity(watch.len());
    for item in watch {
        let comparison = match record.of(&item.text) {
            Some(accepted) => match look(&ground, item, accepted, TEXTS, &mut budget) {
                Err(why) => Comparison::Unseen(why),
                Ok(sight) => judge(item, &differences(accepted, &sight.things), &sight, layout),
            },
            None => match first(layout, item, &ground, &mut budget, now) {
                Err(why) => Comparison::Unseen(why),
                Ok((fresh, count)) => {
                    (record, mark) = (fresh, Mark::of(&layout.drift()));
                    Comparison::Same(format!("seen for the first time and accepted: {count} things"))
                }
            },
        };
        all.push((item.id.clone(), comparison));
    }
    (mark, all)
}

/// Accepts an item that nobody looked at before.
fn first(
    layout: &Layout,
    item: &WatchItem,
    ground: &Ground,
    budget: &mut Budget,
    now: Timestamp,
) -> Result<(Record, usize), String> {
    let told = |error: RecordError| format!("what was seen first could not be kept: {error}");
    let texts = usize::try_from(2 * BYTES).unwrap_or(usize::MAX);
    let sight = look(ground, item, &std::collections::BTreeMap::new(), texts, budget)?;
    let held = Record::hold(layout).map_err(told)?;
    let mut record = Record::read(layout).map_err(told)?.unwrap_or_default();
    let names: Vec<&str> = sight.things.keys().map(String::as_str).collect();
    if record.of(&item.text).is_none() {
        record.accept(&item.text, &names, &sight, ("muster", "seen for the first time"), now);
        record.write(layout, sight.texts.values(), &held).map_err(told)?;
        tracing::info!(item = item.text, things = names.len(), "seen for the first time and accepted");
    }
    Ok((record, names.len()))
}

fn judge(item: &WatchItem, found: &[Difference<'_>], sight: &Sight, layout: &Layout) -> Comparison {
    if found.is_empty() {
        return Comparison::Same("as it was accepted".to_owned());
    }
    let help = format!(
        "`muster drift` shows the whole difference, `muster drift accept {} --why \"…\"` accepts it",
        item.id.name()
    );
    let text = |name: &str| sight.texts.get(name).cloned().or_else(|| record::text(layout, name));
    let mut patch = String::new();
    for one in found {
        patch.push_str(&one.patch(text));
        if patch.len() > TAIL_LIMIT {
            break;
        }
    }
    Comparison::Differs { words: sentence(found), help, patch: cut(patch) }
}

/// As much of a patch as a tail may have, in whole lines.
fn cut(mut patch: String) -> String {
    if patch.len() > TAIL_LIMIT {
        let mut end = TAIL_LIMIT - MORE.len();
        while !patch.is_char_boundary(end) {
            end -= 1;
        }
        let end = patch[..end].rfind('\n').map_or(0, |at| at + 1);
        patch.truncate(end);
        patch.push_str(MORE);
    }
    patch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_patch_is_cut_at_a_line() {
        assert_eq!(cut("a\n".to_owned()), "a\n");
        let long = cut("+ää\n".repeat(2000));
        assert!(long.len() <= TAIL_LIMIT && long.ends_with(&format!("+ää\n{MORE}")), "{}", long.len());
    }
}
