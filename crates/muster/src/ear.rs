//! The agent as the web server knows it: somebody who hears.

use muster_agent::handle::{Handle, HandleError};
use muster_core::ids::ChannelName;
use muster_core::outbox::Delivery;
use muster_core::signal::Signal;
use muster_web::parts::{Answer, Deaf, Ear, Heard};

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
}
