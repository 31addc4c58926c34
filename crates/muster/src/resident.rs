//! The life of `muster up`: listeners first, then the agent, then the web server, until a signal says that it is over.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use muster_agent::agent::{Agent, StartError};
use muster_config::plan::Plan;
use muster_core::time::Timestamp;
use muster_host::state::Layout;
use muster_web::{Settings, Tls, Web, serve_tcp, serve_unix};
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::catalogue::{Part, Probe};
use crate::configuration::Configuration;
use crate::exit_code::ExitCode;
use crate::refusal::Refusal;
use crate::{address, wiring};

/// How long the first roll may take before the agent is said to be up all the same.
const FIRST_ROLL: Duration = Duration::from_secs(10);

/// What this agent is to do.
pub(crate) struct Orders {
    /// The file behind the plan, if there is one.
    pub(crate) source: Option<Configuration>,
    /// What it comes to.
    pub(crate) plan: Plan<Part, Probe>,
    /// Where the state is.
    pub(crate) layout: Layout,
    /// Where the web page listens.
    pub(crate) listen: SocketAddr,
}

/// Lives until SIGTERM or SIGINT. `ready` is told where the web page is and how many expectations there are.
///
/// # Errors
/// [`Refusal`] when a listener or a secret is not to be had at the start.
pub(crate) async fn live(
    orders: Orders,
    ready: impl FnOnce(&str, usize) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let no_signals = |error: std::io::Error| Refusal::system("signals cannot be received", &error);
    let mut terminate = signal(SignalKind::terminate()).map_err(no_signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(no_signals)?;

    let tls = tls(&orders.plan)?;
    let Orders { listen, layout, .. } = &orders;
    let (listen, layout) = (*listen, layout.clone());
    let settings = wiring::settings(&orders)?;
    let expected = orders.plan.expectations.len();
    // The agent comes first: it makes sure that it is the only one here before anything of another's is touched.
    let mut agent = Agent::start(wiring::agent(orders)?).await.map_err(|error| not_started(&error))?;
    let opened = match open(listen, tls.is_some(), &layout).await {
        Ok(opened) => opened,
        Err(refusal) => {
            if let Err(error) = agent.stop().await {
                tracing::warn!(%error, "the agent did not end well");
            }
            return Err(refusal);
        }
    };
    let Doors { tcp, page, control } = opened;
    let settings = Settings { origins: vec![page.clone()], ..settings };
    let handle = agent.handle();
    let web = Web::new(wiring::web(&handle, layout.clone(), settings));

    let (stop, stopped) = watch::channel(false);
    let mut servers = JoinSet::new();
    servers.spawn(serve_tcp(tcp, web.clone(), tls, stopped.clone()));
    servers.spawn(serve_unix(control, web, stopped));
    if let Err(error) = address::write(&layout, &page) {
        tracing::warn!(%error, "the address of the web page could not be written down");
    }
    // Whoever reads "up" may ask at once, so the first roll must have been called.
    let mut board = handle.board();
    let called = board.wait_for(|snapshot| snapshot.board.at != Timestamp::default());
    if tokio::time::timeout(FIRST_ROLL, called).await.is_err() {
        tracing::warn!("the first roll takes longer than {FIRST_ROLL:?}");
    }
    ready(&page, expected)?;

    let ended = loop {
        tokio::select! {
            _ = terminate.recv() => break Ok(()),
            _ = interrupt.recv() => break Ok(()),
            broken = agent.ended() => break Err(Refusal::system("the agent ended by itself", &broken)),
            Some(server) = servers.join_next() => match server {
                Ok(Ok(())) => {}
                Ok(Err(error)) => break Err(Refusal::system("the web server ended", &error)),
                Err(error) => break Err(Refusal::system("the web server broke down", &error)),
            },
        }
    };
    tracing::info!("ending");
    stop.send_replace(true);
    while servers.join_next().await.is_some() {}
    let stopped = agent.stop().await.map_err(|error| Refusal::system("the agent did not end well", &error));
    address::forget(&layout);
    drop(std::fs::remove_file(layout.socket()));
    ended.and(stopped)
}

fn not_started(error: &StartError) -> Refusal {
    match error {
        StartError::Running(_) => Refusal::new(ExitCode::Refused, error.to_string())
            .help("`muster status` asks it how things stand; a second agent needs a --state of its own"),
        StartError::State { .. } => Refusal::system("the agent did not start", error)
            .help("name another state directory with --state, or run as the user it belongs to"),
    }
}

/// What people and programs come in through.
struct Doors {
    tcp: TcpListener,
    page: String,
    control: UnixListener,
}

async fn open(address: SocketAddr, tls: bool, layout: &Layout) -> Result<Doors, Refusal> {
    let (tcp, page) = listen(address, tls).await?;
    Ok(Doors { tcp, page, control: control(&layout.socket())? })
}

async fn listen(address: SocketAddr, tls: bool) -> Result<(TcpListener, String), Refusal> {
    let refused = |error: std::io::Error| {
        Refusal::system(format!("cannot listen on {address}"), &error)
            .help("set another address as [muster].listen, or with --listen; port 0 lets the kernel choose")
    };
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let there = listener.local_addr().map_err(refused)?;
    let scheme = if tls { "https" } else { "http" };
    Ok((listener, format!("{scheme}://{there}")))
}

/// The control socket. One that is left from a dead agent is replaced: the running agent holds the state directory.
fn control(path: &Path) -> Result<UnixListener, Refusal> {
    let refused = |error: std::io::Error| {
        Refusal::system(format!("cannot listen on {}", path.display()), &error)
            .help("a socket's path may have at most 107 bytes; choose a shorter --state")
    };
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(refused(error)),
        _ => {}
    }
    UnixListener::bind(path).map_err(refused)
}

fn tls(plan: &Plan<Part, Probe>) -> Result<Option<Tls>, Refusal> {
    let Some(files) = &plan.muster.tls else { return Ok(None) };
    Tls::from_files(&files.certificate, &files.key)
        .map(Some)
        .map_err(|error| Refusal::system("TLS cannot be set up", &error))
}
