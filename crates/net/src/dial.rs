//! A name becomes a TCP connection. Remembers the last address that worked for each name, because name service is often
//! part of the outage that has to be told.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use crate::error::NetError;

/// Names whose address is remembered.
const REMEMBERED: usize = 64;

/// How long each phase took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Phases {
    /// Until the name had an address.
    pub dns: Duration,
    /// Until the connection stood.
    pub connect: Duration,
    /// Until TLS stood; zero without TLS.
    pub tls: Duration,
}

/// Makes connections.
#[derive(Debug, Default)]
pub struct Dialer {
    good: Mutex<HashMap<String, SocketAddr>>,
}

impl Dialer {
    /// Knows no address yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Connects to the first address of a name that takes the connection. The caller sets the deadline.
    ///
    /// # Errors
    /// [`NetError::Dns`] when the name has no address and none is remembered, [`NetError::Connect`] when no address
    /// takes the connection.
    pub async fn dial(&self, host: &str, port: u16) -> Result<(TcpStream, Phases), NetError> {
        let start = Instant::now();
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let key = format!("{name}:{port}");
        let addresses: Vec<SocketAddr> = match tokio::net::lookup_host((name, port)).await {
            Ok(found) => found.collect(),
            Err(error) => match self.remembered(&key) {
                Some(address) => vec![address],
                None => return Err(NetError::Dns { host: name.to_owned(), why: error.to_string() }),
            },
        };
        let dns = start.elapsed();
        let mut why = "the name has no address".to_owned();
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    self.remember(key, address);
                    // A small request must not wait for the acknowledgement of the last one; failing that is no harm.
                    drop(stream.set_nodelay(true));
                    let connect = start.elapsed() - dns;
                    return Ok((stream, Phases { dns, connect, tls: Duration::ZERO }));
                }
                Err(error) => why = error.to_string(),
            }
        }
        Err(NetError::Connect { host: name.to_owned(), port, why })
    }

    fn remembered(&self, key: &str) -> Option<SocketAddr> {
        self.good.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied()
    }

    fn remember(&self, key: String, address: SocketAddr) {
        let mut good = self.good.lock().unwrap_or_else(PoisonError::into_inner);
        if good.len() < REMEMBERED || good.contains_key(&key) {
            good.insert(key, address);
        }
    }
}
