//! The agent as the web server knows it: somebody who hears, who looks, and who speaks with other agents.

use std::net::IpAddr;
use std::sync::Arc;

use muster_agent::handle::{Handle, HandleError, NotStartable};
use muster_agent::peers;
use muster_agent::subscribe::desk::{self, Desk};
use muster_config::plan::StatusPage;
use muster_core::ids::{ChannelName, ExpectationId};
use muster_core::look::Last;
use muster_core::notice::{Amendment, NoticeId};
use muster_core::outbox::Delivery;
use muster_core::signal::Signal;
use muster_doctor::facts::outside::Dialled;
use muster_web::parts::{
    Answer, Deaf, DialFault, Ear, Envoy, Eye, Heard, Link, NotDialled, NotStarted, Registry, Started,
};

/// Hands everything on to a running agent.
pub(crate) struct AgentEar(pub(crate) Handle);

impl Ear for AgentEar {
    fn hear(&self, signals: Vec<Signal>) -> Answer<'_, Result<Heard, Deaf>> {
        Box::pin(async move {
            match self.0.hear(signals).await {
                Ok(heard) => Ok(Heard { durable: heard.durable }),
                Err(HandleError::Stopped) => Err(Deaf::Stopped),
                Err(HandleError::Busy(_)) => Err(Deaf::Busy),
            }
        })
    }

    fn run_now<'a>(
        &'a self,
        about: &'a ExpectationId,
        by: &'a str,
    ) -> Answer<'a, Result<Started, NotStarted>> {
        Box::pin(async move {
            match self.0.run_now(about.clone(), by.to_owned()).await {
                Ok(Ok(started)) => Ok(Started { run: started.run, durable: started.durable }),
                Ok(Err(why)) => Err(NotStarted::Refused {
                    what: format!("{about} was not started: {why}"),
                    help: help(about, why),
                }),
                Err(HandleError::Stopped) => Err(Deaf::Stopped.into()),
                Err(HandleError::Busy(_)) => Err(Deaf::Busy.into()),
            }
        })
    }

    fn test_channel<'a>(&'a self, name: &'a ChannelName, by: &'a str) -> Answer<'a, Result<String, String>> {
        Box::pin(async move {
            match self.0.test_channel(name.clone(), by.to_owned()).await {
                Ok(Some(Delivery::Accepted { receipt })) => Ok(receipt),
                Ok(Some(Delivery::Refused { why } | Delivery::NotNow { why, .. })) => Err(why),
                Ok(None) => Err(format!("no channel is called {name}")),
                Err(error) => Err(error.to_string()),
            }
        })
    }

    fn components(&self) -> Option<Vec<String>> {
        self.0.components()
    }

    fn amend(&self, amendments: Vec<(NoticeId, Amendment)>) -> Answer<'_, Result<Heard, Deaf>> {
        Box::pin(async move {
            match self.0.amend(amendments).await {
                Ok(durable) => Ok(Heard { durable }),
                Err(HandleError::Stopped) => Err(Deaf::Stopped),
                Err(HandleError::Busy(_)) => Err(Deaf::Busy),
            }
        })
    }
}

/// Shows what a running agent sees.
pub(crate) struct AgentEye(pub(crate) Handle);

impl Eye for AgentEye {
    fn all(&self) -> Vec<Arc<Last>> {
        self.0.sights().all()
    }

    fn of(&self, about: &ExpectationId) -> Option<Arc<Last>> {
        self.0.sights().of(about)
    }

    fn look_now<'a>(&'a self, about: &'a ExpectationId) -> Answer<'a, Result<Option<Last>, Deaf>> {
        Box::pin(async move {
            match self.0.look_now(about.clone()).await {
                Ok(last) => Ok(last),
                Err(HandleError::Stopped) => Err(Deaf::Stopped),
                Err(HandleError::Busy(_)) => Err(Deaf::Busy),
            }
        })
    }
}

/// Lets a running agent speak with others.
pub(crate) struct AgentEnvoy(pub(crate) Handle);

impl Envoy for AgentEnvoy {
    fn hear(&self, from: IpAddr, message: &[u8]) -> (u16, Vec<u8>) {
        let reply = self.0.hear_peer(from, message);
        (reply.status, reply.body)
    }

    fn look<'a>(&'a self, from: IpAddr, message: &'a [u8]) -> Answer<'a, (u16, Vec<u8>)> {
        Box::pin(async move {
            let reply = self.0.look_for_peer(from, message).await;
            (reply.status, reply.body)
        })
    }

    fn dial<'a>(&'a self, from: IpAddr, message: &'a [u8]) -> Answer<'a, (u16, Vec<u8>)> {
        Box::pin(async move {
            let reply = self.0.dial_for_peer(from, message).await;
            (reply.status, reply.body)
        })
    }

    fn have_dialled<'a>(
        &'a self,
        peer: &'a str,
        ports: &'a [u16],
    ) -> Answer<'a, Result<Dialled, NotDialled>> {
        Box::pin(async move { self.0.have_dialled(peer, ports).await.map_err(|why| not_dialled(&why)) })
    }
}

/// Why a peer did not connect, and what to try.
fn not_dialled(error: &peers::NotDialled) -> NotDialled {
    let (fault, help) = match error {
        peers::NotDialled::NoPeer { known, .. } if known.is_empty() => (
            DialFault::Unknown,
            "no other host of yours is known here: give both a [peer.NAME] table with the same `key`"
                .to_owned(),
        ),
        peers::NotDialled::NoPeer { known, .. } => {
            (DialFault::Unknown, format!("peers of this host: {}", known.join(", ")))
        }
        peers::NotDialled::NoAddress { name } => {
            (DialFault::Unaskable, format!("add `url = \"https://…:7077\"` to [peer.{name}]"))
        }
        peers::NotDialled::Ports => (DialFault::Unaskable, "ask for fewer".to_owned()),
        peers::NotDialled::TooOld { name } => (
            DialFault::There,
            format!("install this version of muster on {name} as well, and restart its agent"),
        ),
        peers::NotDialled::Failed { .. } => {
            (DialFault::There, "`muster status` says how this host and its peers hear each other".to_owned())
        }
    };
    NotDialled { fault, what: error.to_string(), help }
}

/// Keeps the list of subscribers by a running agent.
pub(crate) struct AgentRegistry(pub(crate) Arc<Desk>);

impl Registry for AgentRegistry {
    fn page(&self) -> Option<StatusPage> {
        self.0.page()
    }

    fn ask(&self, from: IpAddr, address: &str) -> bool {
        self.0.ask(from, address)
    }

    fn confirm<'a>(&'a self, query: &'a str, act: bool) -> Answer<'a, Link> {
        Box::pin(async move { link(self.0.confirm(query, act).await) })
    }

    fn leave<'a>(&'a self, query: &'a str, act: bool) -> Answer<'a, Link> {
        Box::pin(async move { link(self.0.leave(query, act).await) })
    }
}

fn link(link: desk::Link) -> Link {
    match link {
        desk::Link::Good(address) => Link::Good(address),
        desk::Link::TooOld => Link::TooOld,
        desk::Link::Nothing => Link::Nothing,
        desk::Link::Full => Link::Full,
        desk::Link::NotNow => Link::NotNow,
    }
}

/// What to try where a job was not started.
fn help(about: &ExpectationId, why: NotStartable) -> String {
    match why {
        NotStartable::NoCommand if about.table() == "job" => format!(
            "add `command = [\"/path/of/program\"]` to [{about}]; its crontab line is only read, so muster does not know how \
             its job is started"
        ),
        NotStartable::NoCommand => "only jobs can be started".to_owned(),
        NotStartable::Unknown => "`muster jobs list` shows the jobs of this host".to_owned(),
        NotStartable::NoStarter => "ask the agent of this host".to_owned(),
    }
}
