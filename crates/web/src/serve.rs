//! Listeners: TCP with or without TLS, and the control socket; and the limits that keep one bad client from starving
//! the rest.

use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::guard::far_end::FarEnd;
use crate::router::{Web, router};

/// Connections of one listener at one time.
pub const CONNECTION_LIMIT: usize = 256;
/// Of these, from one address that is not this machine.
pub const CONNECTIONS_PER_ADDRESS: usize = 64;
/// Longest time for the head of a request, and for a connection without one.
pub const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// Longest TLS handshake.
pub const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// Longest time for requests that are under way when the server stops.
pub const LEAVE_WITHIN: Duration = Duration::from_secs(3);
/// Longest time that the far side may leave what we send unacknowledged.
const UNACKNOWLEDGED: Duration = Duration::from_secs(20);
/// Largest head of a request, in bytes, and most headers in it.
const HEAD_BYTES: usize = 32 * 1024;
const HEAD_COUNT: usize = 64;

/// Why a listener was not opened, or closed.
#[derive(Debug, thiserror::Error)]
pub enum Listening {
    /// Others could reach it without a password or in clear text.
    #[error("refusing to listen on {address}: {missing} missing, and other machines can reach it")]
    Public {
        /// The address.
        address: SocketAddr,
        /// `a password is`, `TLS is` or `a password and TLS are`.
        missing: &'static str,
    },
    /// The certificate or its key cannot be used.
    #[error("{path}: {why}")]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// The system's word.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// TLS of a listener.
#[derive(Clone)]
pub struct Tls(Arc<ServerConfig>);

impl Tls {
    /// Reads a certificate chain and its key from PEM files.
    ///
    /// # Errors
    /// [`Listening::Certificate`] with the file that is at fault.
    pub fn from_files(chain: &Path, key: &Path) -> Result<Self, Listening> {
        let fault = |path: &Path, why: String| Listening::Certificate { path: path.to_owned(), why };
        let certificates = CertificateDer::pem_file_iter(chain)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| fault(chain, error.to_string()))?;
        if certificates.is_empty() {
            return Err(fault(chain, "there is no certificate in it".to_owned()));
        }
        let private = PrivateKeyDer::from_pem_file(key).map_err(|error| fault(key, error.to_string()))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(certificates, private))
            .map_err(|error| fault(chain, error.to_string()))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(Arc::new(config)))
    }
}

/// Answers on a TCP listener until `shutdown` turns true.
///
/// # Errors
/// [`Listening::Public`] if other machines can reach the listener and a password or TLS is missing. Errors of single
/// connections are no errors of the server.
pub async fn serve_tcp(
    listener: TcpListener,
    web: Web,
    tls: Option<Tls>,
    shutdown: watch::Receiver<bool>,
) -> Result<(), Listening> {
    let address = listener.local_addr()?;
    refuse_open_door(address, web.lock.has_password(), tls.is_some())?;
    let acceptor = tls.map(|tls| TlsAcceptor::from(tls.0));
    let app = router(web);
    let accept = |cx: &mut Context<'_>| {
        listener.poll_accept(cx).map_ok(|(stream, from)| ((stream, from.ip()), from.ip()))
    };
    let leaving = shutdown.clone();
    let answer = move |(stream, from): (TcpStream, IpAddr)| {
        let (app, acceptor, shutdown) = (app.clone(), acceptor.clone(), leaving.clone());
        async move {
            impatient(&stream);
            let to = stream.local_addr().map_or(address.ip(), |local| local.ip());
            let far_end = FarEnd::Tcp { from, to, tls: acceptor.is_some() };
            match acceptor {
                None => converse(stream, app, far_end, shutdown).await,
                Some(acceptor) => {
                    let greeted = tokio::time::timeout(HANDSHAKE_WITHIN, acceptor.accept(stream)).await;
                    if let Ok(Ok(stream)) = greeted {
                        converse(stream, app, far_end, shutdown).await;
                    }
                }
            }
        }
    };
    attend(accept, answer, shutdown).await;
    Ok(())
}

/// Answers on the control socket until `shutdown` turns true. Root and the agent's own user are the operator.
///
/// # Errors
/// [`Listening::Io`]. Errors of single connections are no errors of the server.
pub async fn serve_unix(
    listener: UnixListener,
    web: Web,
    shutdown: watch::Receiver<bool>,
) -> Result<(), Listening> {
    let own = rustix::process::geteuid().as_raw();
    let app = router(web);
    let here = IpAddr::from([127, 0, 0, 1]);
    let accept = |cx: &mut Context<'_>| listener.poll_accept(cx).map_ok(|(stream, _)| (stream, here));
    let leaving = shutdown.clone();
    let answer = move |stream: UnixStream| {
        let (app, shutdown) = (app.clone(), leaving.clone());
        let far_end = FarEnd::Unix { operator: is_operator(&stream, own) };
        converse(stream, app, far_end, shutdown)
    };
    attend(accept, answer, shutdown).await;
    Ok(())
}

/// Gives each connection a seat and an answer until `shutdown` turns true, then waits for those that are under way.
/// `accept` gives a connection and the address that its seat counts for.
async fn attend<S, A>(
    accept: impl Fn(&mut Context<'_>) -> Poll<io::Result<(S, IpAddr)>>,
    answer: impl Fn(S) -> A,
    mut shutdown: watch::Receiver<bool>,
) where
    A: Future<Output = ()> + Send + 'static,
{
    let seats = Seats::default();
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = told(&mut shutdown) => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            accepted = poll_fn(|cx| accept(cx)) => accepted,
        };
        let Ok((stream, from)) = accepted else {
            // Out of file descriptors: accepting again at once would spin.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Some(seat) = seats.take(from) else { continue };
        let answered = answer(stream);
        connections.spawn(async move {
            let _seat = seat;
            answered.await;
        });
    }
    leave(connections).await;
}

fn is_operator(stream: &UnixStream, own: u32) -> bool {
    stream.peer_cred().is_ok_and(|far| far.uid() == 0 || far.uid() == own)
}

fn refuse_open_door(address: SocketAddr, password: bool, tls: bool) -> Result<(), Listening> {
    if address.ip().to_canonical().is_loopback() {
        return Ok(());
    }
    let missing = match (password, tls) {
        (true, true) => return Ok(()),
        (false, true) => "a password is",
        (true, false) => "TLS is",
        (false, false) => "a password and TLS are",
    };
    Err(Listening::Public { address, missing })
}

async fn told(shutdown: &mut watch::Receiver<bool>) {
    // A sender that is gone will not tell any more: that is the end too.
    drop(shutdown.wait_for(|stop| *stop).await);
}

async fn leave(mut connections: JoinSet<()>) {
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(LEAVE_WITHIN, all).await.is_err() {
        connections.shutdown().await;
    }
}

async fn converse<S>(stream: S, app: Router, far_end: FarEnd, mut shutdown: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let app = TowerToHyperService::new(app);
    let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(far_end);
        app.call(request)
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEAD_COUNT)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        // A broken connection concerns nobody but its far end.
        done = connection.as_mut() => return drop(done),
        () = told(&mut shutdown) => {}
    }
    connection.as_mut().graceful_shutdown();
    drop(connection.await);
}

/// A far side that stops reading would keep its connection for ever; the kernel ends it for us.
fn impatient(stream: &TcpStream) {
    let millis = u32::try_from(UNACKNOWLEDGED.as_millis()).unwrap_or(u32::MAX);
    // A kernel that will not hear of it leaves us with the limits on connections.
    rustix::net::sockopt::set_tcp_user_timeout(stream, millis).ok();
    drop(stream.set_nodelay(true));
}

/// Places for connections: so many in all, fewer from one address.
#[derive(Clone)]
struct Seats {
    all: Arc<Semaphore>,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Default for Seats {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(CONNECTION_LIMIT)), taken: Arc::default() }
    }
}

struct Seat {
    _permit: OwnedSemaphorePermit,
    from: IpAddr,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Seats {
    fn take(&self, from: IpAddr) -> Option<Seat> {
        let permit = Arc::clone(&self.all).try_acquire_owned().ok()?;
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(from).or_default();
        if *count >= CONNECTIONS_PER_ADDRESS && !from.is_loopback() {
            return None;
        }
        *count += 1;
        Some(Seat { _permit: permit, from, taken: Arc::clone(&self.taken) })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.from) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.from);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_door_to_the_world_needs_a_password_and_tls() {
        let (home, world) = ("127.0.0.1:1".parse().unwrap(), "0.0.0.0:1".parse().unwrap());
        assert!(refuse_open_door(home, false, false).is_ok());
        assert!(refuse_open_door("[::1]:1".parse().unwrap(), false, false).is_ok());
        for (password, tls, missing) in [
            (false, false, "a password and TLS are"),
            (true, false, "TLS is"),
            (false, true, "a password is"),
        ] {
            match refuse_open_door(world, password, tls) {
                Err(Listening::Public { missing: said, .. }) => assert_eq!(said, missing),
                other => panic!("{other:?}"),
            }
        }
        assert!(refuse_open_door(world, true, true).is_ok());
    }

    /// Whoever starts the listeners puts them on other threads; a change that forbids it does not compile here.
    #[expect(dead_code, reason = "it is only compiled")]
    fn listeners_can_be_spawned(tcp: TcpListener, unix: UnixListener, web: Web, stop: watch::Receiver<bool>) {
        fn spawn<F: Future + Send + 'static>(_: F) {}
        spawn(serve_tcp(tcp, web.clone(), None, stop.clone()));
        spawn(serve_unix(unix, web, stop));
    }

    #[test]
    fn one_address_does_not_take_every_seat() {
        let seats = Seats::default();
        let far = IpAddr::from([192, 0, 2, 1]);
        let held: Vec<_> = (0..CONNECTIONS_PER_ADDRESS).map_while(|_| seats.take(far)).collect();
        assert_eq!(held.len(), CONNECTIONS_PER_ADDRESS);
        assert!(seats.take(far).is_none());
        assert!(seats.take(IpAddr::from([192, 0, 2, 2])).is_some());
        drop(held);
        assert!(seats.take(far).is_some());
    }
}
