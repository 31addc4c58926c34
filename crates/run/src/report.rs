//! What a run tells the agent: a record in the spool, and one datagram.

use muster_core::ids::{ExpectationId, RunId};
use muster_core::signal::{Report, Signal};
use muster_core::time::Timestamp;
use muster_host::atomic::Durability;
use muster_host::ids;
use muster_host::spool::{Place, Spool, wake};
use muster_host::state::Layout;

/// The voice of one run.
#[derive(Debug)]
pub(crate) struct Reporter {
    spool: Spool,
    layout: Layout,
    about: ExpectationId,
    run: RunId,
}

impl Reporter {
    /// Speaks for this run.
    pub(crate) fn new(layout: &Layout, about: ExpectationId, run: RunId) -> Self {
        Self { spool: Spool::new(layout), layout: layout.clone(), about, run }
    }

    /// The run.
    pub(crate) fn run(&self) -> &RunId {
        &self.run
    }

    /// Writes the record and wakes the agent; what a person should know if it did not go the usual way.
    ///
    /// It is not forced to the disk: the agent reads it at once and does that, and should the power fail before, a run
    /// without an end is an alarm and not silence.
    pub(crate) fn send(&self, at: Timestamp, report: Report) -> Option<String> {
        let signal = Signal {
            id: ids::signal_id(at),
            about: self.about.clone(),
            at,
            run: Some(self.run.clone()),
            report,
        };
        let place = self.spool.write(&signal, Durability::Kernel);
        wake(&self.layout.datagram());
        let spool = self.layout.spool();
        let spool = spool.display();
        match place {
            Ok(Place::Disk(_)) => None,
            Ok(Place::Reserve(why)) => {
                Some(format!("{spool} cannot be written ({why}); the report is in the reserve"))
            }
            Ok(Place::Memory(path, why)) => {
                Some(format!("{spool} cannot be written ({why}); the report is in {}", path.display()))
            }
            Ok(Place::SystemLog(why)) => {
                Some(format!("{spool} cannot be written ({why}); the report is only in the system log"))
            }
            Err(error) => Some(format!("{spool} cannot be written ({error}); this run is not reported")),
        }
    }
}
