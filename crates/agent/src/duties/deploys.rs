//! Stands in for guards of deploys that were killed, or that a restart of the host took away: goes back from what nobody
//! confirmed, and stops what was kept warm long enough.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_deploy::helper::guard::{Watch, stand_in};
use muster_host::state::Layout;

use super::spool::blocking;
use super::table::{Context, Terms};
use crate::driver::{Duty, Performing, Why};

pub(super) const TERMS: Terms = Terms {
    name: "deploys",
    sentence: "goes back from releases that nobody confirmed",
    period: Duration::from_secs(10),
    // What was stopped has to be started again before requests are led to it.
    deadline: Duration::from_secs(120),
    after: 3,
};

/// The duty.
pub(super) struct Deploys {
    layout: Layout,
    watches: BTreeMap<String, Watch>,
}

impl Deploys {
    pub(super) fn new(context: &Context) -> Self {
        Self { layout: context.layout.clone(), watches: BTreeMap::new() }
    }
}

impl Duty for Deploys {
    fn perform(&mut self, _why: Why) -> Performing<'_> {
        Box::pin(async move {
            let (layout, mut watches) = (self.layout.clone(), std::mem::take(&mut self.watches));
            let (left, watches) = blocking(move || {
                let left = stand_in(&layout, &mut watches);
                (left, watches)
            })
            .await?;
            self.watches = watches;
            Ok(match left? {
                0 => "nothing to look after".to_owned(),
                left => format!("{left} services looked after"),
            })
        })
    }
}
