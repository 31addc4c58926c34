//! The web server that is there already, and which side of a service it leads to.

pub mod nginx;

use std::time::Instant;

use muster_config::plan::{ServiceSpec, Switch};

use crate::release::Side;
use crate::trouble::Trouble;
use nginx::failures::Mark;
use nginx::{Nginx, Place, Token};

/// The ports of loopback that the two sides of a service listen on; they never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Ports {
    /// Of the blue side.
    pub blue: u16,
    /// Of the green side.
    pub green: u16,
}

impl Ports {
    /// The port of a side.
    pub const fn of(self, side: Side) -> u16 {
        match side {
            Side::Blue => self.blue,
            Side::Green => self.green,
        }
    }
}

/// What a request through the front came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// The side that the front says it led to; none if it was not our front that answered.
    pub side: Option<Side>,
}

/// Requests that failed because the web server got no answer for them.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failures {
    /// So many.
    Counted(u64),
    /// Nobody could see; why.
    Unknown(String),
}

/// Leads requests for one service to one of its sides. It remembers nothing but the side, on disk.
pub trait Front: std::fmt::Debug {
    /// What on this host would keep it from working; changes nothing. Empty if nothing would.
    fn objections(&self) -> Vec<Trouble>;

    /// Makes what the front needs once and for all; true if anything changed. A change that does not come into force is
    /// taken back to the byte.
    ///
    /// # Errors
    /// The web server refuses it, or goes on with what it had before, which its exit code does not tell.
    fn install(&self, until: Instant) -> Result<bool, Trouble>;

    /// Takes away what [`Front::install`] made, as before the first release.
    ///
    /// # Errors
    /// A file that stays, or a web server that does not read its files again.
    fn remove(&self, until: Instant) -> Result<(), Trouble>;

    /// The side that requests are led to.
    ///
    /// # Errors
    /// Nobody could see.
    fn side(&self) -> Result<Side, Trouble>;

    /// Leads all requests from now on to a side. It is on disk when this returns.
    ///
    /// # Errors
    /// It could not be written; requests go where they went.
    fn point(&self, side: Side) -> Result<(), Trouble>;

    /// Asks for a path through the web server of this host, on a fresh connection.
    ///
    /// # Errors
    /// Nobody answered in time.
    fn ask(&self, path: &str, until: Instant) -> Result<Answer, Trouble>;

    /// Connections to a port of loopback that are established now, and workers of the web server that still serve by files of
    /// before. A request whose side has just been chosen may not have
    /// its connection yet, so a side is left when none was seen several times in a row.
    ///
    /// # Errors
    /// Nobody could see.
    fn connections(&self, port: u16) -> Result<usize, Trouble>;

    /// The moment from which failed requests are to be counted.
    fn mark(&self) -> Mark;

    /// How many requests failed since: those that the web server got no answer for.
    fn failures(&self, since: &Mark) -> Failures;
}

/// The front of a service on this host.
///
/// # Errors
/// A name that could not stand in a file of nginx, or a token that is none of ours.
pub fn of(spec: &ServiceSpec, ports: Ports, token: &str) -> Result<Box<dyn Front + Send>, Trouble> {
    let token = Token::parse(token).ok_or_else(|| Trouble::new("the token in the books is damaged"))?;
    let place = Place::of_host(&spec.service);
    let nginx = Nginx::new(&spec.service, spec.domains.clone(), ports, token, place)?;
    Ok(Box::new(match spec.switch {
        Switch::Flag => nginx,
        Switch::Reload => nginx.reloading(),
    }))
}
