//! The world outside, as far as the agent speaks to it: the channels, and the address that hears from us while all is
//! well.

use std::sync::Arc;

use muster_agent::parts::{Beacon, Telling};
use muster_config::plan::Plan;
use muster_config::secret::MaybeSecret;
use muster_host::secret;
use muster_net::dial::Dialer;
use muster_net::http::{Request, send};
use muster_notify::channel::Wired;
use muster_notify::letter::Desk;

use crate::catalogue::{Part, Probe};

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
