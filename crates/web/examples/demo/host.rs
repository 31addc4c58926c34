//! A stand-in for the agent: it changes the snapshot as the roll call would, in a small way.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use muster_config::plan::StatusPage;
use muster_core::board::{Pause, Snapshot};
use muster_core::effect::Condition;
use muster_core::ids::{ChannelName, ExpectationId};
use muster_core::look::Last;
use muster_core::notice::{Amendment, NoticeId};
use muster_core::signal::{Report, Signal};
use muster_doctor::facts::outside::Dialled;
use muster_web::parts::{
    Answer, Deaf, DialFault, Ear, Envoy, Eye, Heard, Link, NotDialled, NotStarted, Registry, Started,
};
use tokio::sync::watch;

/// The stand-in.
pub(crate) struct StandIn {
    /// Where it publishes.
    pub(crate) board: watch::Sender<Arc<Snapshot>>,
    /// What it sees.
    pub(crate) lasts: Mutex<Vec<Arc<Last>>>,
}

impl Ear for StandIn {
    fn hear(&self, signals: Vec<Signal>) -> Answer<'_, Result<Heard, Deaf>> {
        self.board.send_modify(|shared| {
            let mut snapshot = Snapshot::clone(shared);
            for signal in signals {
                apply(&mut snapshot, signal);
            }
            *shared = Arc::new(snapshot);
        });
        Box::pin(async { Ok(Heard { durable: true }) })
    }

    fn run_now<'a>(
        &'a self,
        about: &'a ExpectationId,
        _by: &'a str,
    ) -> Answer<'a, Result<Started, NotStarted>> {
        Box::pin(async move {
            if about.table() == "job" {
                let run = muster_host::ids::run_id(muster_host::clock::now().wall);
                return Ok(Started { run, durable: true });
            }
            let what = format!("{about} is no job");
            Err(NotStarted::Refused { what, help: "only jobs can be started".into() })
        })
    }

    fn test_channel<'a>(&'a self, name: &'a ChannelName, _by: &'a str) -> Answer<'a, Result<String, String>> {
        Box::pin(async move { Ok(format!("250 2.0.0 queued for {name}")) })
    }

    fn components(&self) -> Option<Vec<String>> {
        None
    }

    fn amend(&self, _amendments: Vec<(NoticeId, Amendment)>) -> Answer<'_, Result<Heard, Deaf>> {
        Box::pin(async { Err(Deaf::Unstored("a demonstration has no status page".into())) })
    }
}

impl Registry for StandIn {
    fn page(&self) -> Option<StatusPage> {
        None
    }

    fn ask(&self, _from: IpAddr, _address: &str) -> bool {
        false
    }

    fn confirm<'a>(&'a self, _query: &'a str, _act: bool) -> Answer<'a, Link> {
        Box::pin(async { Link::NotNow })
    }

    fn leave<'a>(&'a self, _query: &'a str, _act: bool) -> Answer<'a, Link> {
        Box::pin(async { Link::NotNow })
    }
}

impl Envoy for StandIn {
    fn hear(&self, _from: IpAddr, _message: &[u8]) -> (u16, Vec<u8>) {
        (404, b"{}".to_vec())
    }

    fn look<'a>(&'a self, _from: IpAddr, _message: &'a [u8]) -> Answer<'a, (u16, Vec<u8>)> {
        Box::pin(async { (404, b"{}".to_vec()) })
    }

    fn dial<'a>(&'a self, _from: IpAddr, _message: &'a [u8]) -> Answer<'a, (u16, Vec<u8>)> {
        Box::pin(async { (404, b"{}".to_vec()) })
    }

    fn have_dialled<'a>(
        &'a self,
        _peer: &'a str,
        _ports: &'a [u16],
    ) -> Answer<'a, Result<Dialled, NotDialled>> {
        let what = "a demonstration has no peers".to_owned();
        Box::pin(async { Err(NotDialled { fault: DialFault::Unknown, what, help: String::new() }) })
    }
}

impl Eye for StandIn {
    fn all(&self) -> Vec<Arc<Last>> {
        self.lasts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn of(&self, about: &ExpectationId) -> Option<Arc<Last>> {
        self.all().into_iter().find(|last| last.about == *about)
    }

    /// It sees the same again.
    fn look_now<'a>(&'a self, about: &'a ExpectationId) -> Answer<'a, Result<Option<Last>, Deaf>> {
        let now = muster_host::clock::now().wall;
        let mut lasts = self.lasts.lock().unwrap_or_else(PoisonError::into_inner);
        let last = lasts.iter_mut().find(|last| last.about == *about).map(|shared| {
            let mut last = Last::clone(shared);
            if let Some(look) = &mut last.look {
                (look.at, look.due) = (now, None);
            }
            *shared = Arc::new(last.clone());
            last
        });
        self.board.send_modify(|shared| {
            let mut snapshot = Snapshot::clone(shared);
            snapshot.board.at = now;
            if let Some(line) = snapshot.board.lines.iter_mut().find(|line| line.id == *about) {
                line.last_heard = Some(now);
            }
            *shared = Arc::new(snapshot);
        });
        Box::pin(async move { Ok(last) })
    }
}

fn apply(snapshot: &mut Snapshot, signal: Signal) {
    snapshot.board.at = signal.at;
    let Some(line) = snapshot.board.lines.iter_mut().find(|line| line.id == signal.about) else { return };
    match signal.report {
        Report::Acknowledge { by, until } => {
            if let Some(incident) = &mut line.incident {
                incident.acknowledged = Some((by, until));
            }
        }
        Report::Pause { by, reason, until } => line.pause = Some(Pause { by, reason, until }),
        Report::Resume { .. } => line.pause = None,
        Report::Success(_) => {
            line.condition = Condition::Ok;
            line.incident = None;
            (line.last_heard, line.last_success, line.since) = (Some(signal.at), Some(signal.at), signal.at);
        }
        Report::Start { .. }
        | Report::Failure(_)
        | Report::Skip { .. }
        | Report::Unseen { .. }
        | Report::Alive
        | Report::Spent { .. }
        | Report::Log { .. } => {
            line.last_heard = Some(signal.at);
        }
    }
}
