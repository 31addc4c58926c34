//! A name becomes a TCP connection. Remembers the last address that worked for each name, because name service is often
//! part of the outage that has to be told.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::error::NetError;

/// Names whose address is remembered.
const REMEMBERED: usize = 64;

/// A name service that hangs must leave time for the remembered address.
const LOOKUP: Duration = Duration::from_secs(4);
/// One dead address (often the one of the newer family) must leave time for the others.
const ATTEMPT: Duration = Duration::from_secs(3);

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
        let found = match timeout(LOOKUP, tokio::net::lookup_host((name, port))).await {
            Ok(Ok(found)) => Ok(found.collect::<Vec<_>>()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer within {LOOKUP:?}")),
        };
        let addresses = match (found, self.remembered(&key)) {
            (Ok(found), _) => found,
            (Err(_), Some(address)) => vec![address],
            (Err(why), None) => return Err(NetError::Dns { host: name.to_owned(), why }),
        };
        let dns = start.elapsed();
        let mut why = "the name has no address".to_owned();
        for address in addresses {
            match timeout(ATTEMPT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    self.remember(key, address);
                    // A small request must not wait for the acknowledgement of the last one; failing that is no harm.
                    drop(stream.set_nodelay(true));
                    let connect = start.elapsed() - dns;
                    return Ok((stream, Phases { dns, connect, tls: Duration::ZERO }));
                }
                Ok(Err(error)) => why = error.to_string(),
                Err(_) => why = format!("no answer within {ATTEMPT:?}"),
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
