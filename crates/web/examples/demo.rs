//! Serves a made-up host, for work on the pages: `cargo run -p muster-web --example demo [PORT] [calm|empty]`.
//!
//! Prints a sign-in link. Acts are heard by a stand-in that changes the snapshot as the agent would, in a small way.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use muster_host::state::Layout;
use muster_store::credential::CredentialKind;
use muster_store::memory::Memory;
use muster_web::guard::session::{LINK_LASTS, issue};
use muster_web::parts::{Ear, Eye, Parts, Password, Settings};
use muster_web::{Web, serve_tcp};
use tokio::net::TcpListener;
use tokio::sync::watch;

#[path = "demo/checks.rs"]
mod checks;
#[path = "demo/host.rs"]
mod host;
#[path = "demo/jobs.rs"]
mod jobs;
#[path = "demo/story.rs"]
mod story;

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "an example speaks on the terminal")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let port: u16 = words.next().map_or(Ok(7077), |word| word.parse())?;
    let kind = words.next().unwrap_or_default();
    let state = std::env::temp_dir().join(format!("muster-demo-{port}"));
    let store = Arc::new(Memory::new());
    let now = muster_host::clock::now().wall;
    let layout = Layout::new(&state);
    let (snapshot, lasts) = story::tell(&kind, now, store.as_ref(), &layout)?;
    let (board, seen) = watch::channel(Arc::new(snapshot));
    let stand_in = Arc::new(host::StandIn { board, lasts: Mutex::new(lasts) });
    let parts = Parts {
        board: seen,
        store,
        ear: Arc::clone(&stand_in) as Arc<dyn Ear>,
        eye: Arc::clone(&stand_in) as Arc<dyn Eye>,
        envoy: Arc::clone(&stand_in) as Arc<dyn muster_web::parts::Envoy>,
        registry: stand_in,
        layout,
        settings: Settings {
            name: "acme".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            zone: "Europe/Berlin".into(),
            ping_key: Some("demo-key".into()),
            password: Some(Password::Text("demo".into())),
            public: false,
            origins: Vec::new(),
        },
    };
    let web = Web::new(parts);
    let link = issue(&web.parts.store, CredentialKind::Link, "anna", "", now, Some(LINK_LASTS)).await?;
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).await?;
    println!("http://{}/signin?link={link}", listener.local_addr()?);
    let (_keep, shutdown) = watch::channel(false);
    serve_tcp(listener, web, None, shutdown).await?;
    Ok(())
}
