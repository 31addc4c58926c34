//! Handshakes, one for each question.

use muster_core::time::Timestamp;
use muster_net::certificate::Certificate;
use muster_net::error::NetError;
use muster_net::inspect::{Offer, Peer, Versions, inspect};
use tokio::join;
use tokio::time::Instant;

use super::get::offer;
use super::session::Session;
use crate::scan::facts::{Fact, NewTls, Secure, Shown, Tls};

/// The most certificates of a chain that are kept.
const CHAIN: usize = 10;

/// What the https port shows.
pub(super) async fn look(session: &Session<'_>, until: Instant) -> Fact<Secure> {
    let (host, port) = (session.host(), session.port());
    let stream = match session.dial(host, port, until).await {
        Ok(stream) => stream,
        Err(error @ (NetError::Connect { .. } | NetError::Silent { .. })) => {
            return Fact::Known(Secure::Closed { why: error.to_string() });
        }
        Err(error) => return Fact::unknown(error.to_string()),
    };
    let inspected = inspect(stream, host, &offer(session), until).await;
    let peer = inspected.peer.clone();
    if !peer.chain.is_empty() {
        return Fact::Known(Secure::Open(Box::new(shown(peer, host, session.wanted.at))));
    }
    match inspected.trusted() {
        Err(NetError::Tls { why, .. }) => Fact::Known(Secure::Silent { why }),
        Err(error) => Fact::unknown(error.to_string()),
        Ok(_) => Fact::unknown("it shows no certificate"),
    }
}

/// Which of 1.2 and 1.3 is accepted when it is offered alone.
pub(super) async fn versions(session: &Session<'_>, until: Instant) -> Fact<NewTls> {
    let one = |versions| async move {
        let stream =
            session.dial(session.host(), session.port(), until).await.map_err(|error| error.to_string())?;
        let inspected = inspect(stream, session.host(), &Offer { versions, ..offer(session) }, until).await;
        let is_agreed = inspected.peer.version.is_some();
        match inspected.trusted() {
            _ if is_agreed => Ok(true),
            Ok(_) | Err(NetError::Tls { .. }) => Ok(false),
            Err(error) => Err(error.to_string()),
        }
    };
    match join!(one(Versions::Only12), one(Versions::Only13)) {
        (Ok(v12), Ok(v13)) => Fact::Known(NewTls { v12, v13 }),
        (Err(why), _) | (_, Err(why)) => Fact::Unknown { why },
    }
}

fn shown(peer: Peer, host: &str, now: Timestamp) -> Tls {
    let read: Vec<Certificate> =
        peer.chain.iter().take(CHAIN).filter_map(|der| Certificate::from_der(der).ok()).collect();
    let fits = read.first().is_some_and(|leaf| leaf.is_for(host));
    let chain = read.into_iter().map(|one| Shown {
        left: one.left(now),
        subject: one.subject,
        issuer: one.issuer,
        names: one.names,
        not_before: one.not_before,
        not_after: one.not_after,
        key: one.key,
        self_signed: one.self_signed,
    });
    Tls {
        version: peer.version.map(str::to_owned),
        cipher: peer.cipher,
        alpn: peer.alpn,
        distrust: peer.distrust,
        fits,
        chain: chain.collect(),
    }
}
