//! The world outside, as far as the agent speaks to it: the channels, the address that hears from us while all is
//! well, and other agents.

use std::path::PathBuf;
use std::sync::Arc;

use muster_agent::parts::{Beacon, Telling};
use muster_agent::peers::peering::{Lent, Post};
use muster_agent::peers::{Peering, Reply};
use muster_config::plan::{PeerPlan, Plan};
use muster_config::secret::MaybeSecret;
use muster_config::tables::lent;
use muster_host::secret;
use muster_net::dial::Dialer;
use muster_net::http::{Request, send};
use muster_notify::channel::Wired;
use muster_notify::letter::Desk;

use crate::catalogue::{CATALOGUE, Part, Probe};

/// The way out of this machine. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Outside {
    dialer: Arc<Dialer>,
}

impl Outside {
    /// A way out that has not been used yet.
    pub(crate) fn new() -> Self {
        Self { dialer: Arc::new(Dialer::new()) }
    }

    /// The channels of a plan, ready to deliver.
    pub(crate) fn tellings(&self, plan: &Plan<Part, Probe>) -> Vec<Telling> {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let desk = Desk { site: plan.muster.name.clone(), host, zone: plan.muster.zone.clone() };
        plan.channels
            .iter()
            .map(|channel| Telling {
                name: channel.name.clone(),
                fallback: channel.fallback.clone(),
                quota: channel.quota.or_else(|| channel.part.quota()),
                channel: Arc::new(Wired {
                    part: Arc::clone(&channel.part),
                    desk: desk.clone(),
                    dialer: Arc::clone(&self.dialer),
                }),
            })
            .collect()
    }

    /// The peers of a plan, ready to be spoken with. A key is fetched when it is asked for.
    pub(crate) fn peerings(&self, plan: &Plan<Part, Probe>) -> Vec<Peering> {
        plan.peers
            .iter()
            .map(|peer| {
                let PeerPlan { name, id, url, key, every, after, certificate, looks } = peer.clone();
                Peering {
                    name,
                    about: id,
                    every,
                    after,
                    key: Arc::new(move || secret::resolve(&key).map_err(|error| error.to_string())),
                    post: url.map(|url| self.post(url, certificate)),
                    lent: looks.then(|| {
                        let read: Lent =
                            Arc::new(|table| lent::borrow(table, CATALOGUE.checks).map(|(_, part)| part));
                        read
                    }),
                }
            })
            .collect()
    }

    /// Posts messages to a peer.
    fn post(&self, url: String, certificate: Option<PathBuf>) -> Post {
        let dialer = Arc::clone(&self.dialer);
        Arc::new(move |path, body, deadline| {
            let (dialer, url, only) = (Arc::clone(&dialer), format!("{url}{path}"), certificate.clone());
            Box::pin(async move {
                let request = Request { deadline, only, ..Request::json(url, body) };
                let answer = send(&dialer, request).await.map_err(|error| error.to_string())?;
                Ok(Reply { status: answer.status, body: answer.body })
            })
        })
    }

    /// Calls the outside address. Its secret is fetched anew each time.
    pub(crate) fn beacon(&self, url: &MaybeSecret) -> Beacon {
        let (url, dialer) = (url.clone(), Arc::clone(&self.dialer));
        Arc::new(move || {
            let (url, dialer) = (url.clone(), Arc::clone(&dialer));
            Box::pin(async move {
                let fetched = tokio::task::spawn_blocking(move || secret::resolve_maybe(&url)).await;
                let url = fetched.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
                let answer =
                    send(&dialer, Request::get(url.expose())).await.map_err(|error| error.to_string())?;
                if (200..300).contains(&answer.status) {
                    Ok(())
                } else {
                    Err(format!("it answered {}", answer.status))
                }
            })
        })
    }
}
