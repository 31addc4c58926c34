//! Every address the server answers, and what all requests share.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use muster_core::board::Snapshot;
use tokio::sync::Semaphore;

use crate::checks;
use crate::guard::address::Addresses;
use crate::guard::gate::gate;
use crate::guard::password::Lock;
use crate::jobs::kept::Kept;
use crate::pages::strips::Strips;
use crate::parts::Parts;
use crate::ping::WrongKeys;
use crate::times::{Present, Times};
use crate::{api, assets, live, pages, peers, ping, subscribe};

/// Largest body of a form or of JSON, in bytes.
pub const BODY_LIMIT: usize = 64 * 1024;

/// Live streams at one time.
pub const STREAM_LIMIT: usize = 50;

/// What all requests share. Cheap to clone.
#[derive(Clone)]
pub struct Web(Arc<Shared>);

/// The inside of [`Web`].
pub struct Shared {
    /// What floor 5 handed over.
    pub parts: Parts,
    /// The names that are ours.
    pub addresses: Addresses,
    /// The sign-in form's password.
    pub lock: Lock,
    /// How times are shown.
    pub times: Times,
    /// Places for live streams.
    pub streams: Arc<Semaphore>,
    /// Strips that need not be read again.
    pub strips: Strips,
    /// Runs that need not be read again.
    pub jobs: Kept,
    /// Pasts of checks that need not be read again.
    pub checks: checks::kept::Kept,
    /// Wrong ping keys, for the log.
    pub wrong_keys: WrongKeys,
}

impl std::ops::Deref for Web {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Web {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> Self {
        let settings = &parts.settings;
        Self(Arc::new(Shared {
            addresses: Addresses::read(&settings.origins),
            lock: Lock::new(settings.password.as_ref()),
            times: Times::of_zone(&settings.zone),
            streams: Arc::new(Semaphore::new(STREAM_LIMIT)),
            strips: Strips::default(),
            jobs: Kept::default(),
            checks: checks::kept::Kept::default(),
            wrong_keys: WrongKeys::default(),
            parts,
        }))
    }

    /// The roll as last published.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.parts.board.borrow())
    }

    /// The present, in the zone of the settings.
    pub fn present(&self) -> Present {
        self.times.present()
    }
}

/// The router over these parts. A listener must say where a request came from with a
/// [`FarEnd`](crate::guard::far_end::FarEnd) extension; without it the request is a stranger's.
pub fn router(web: Web) -> Router {
    let mut router = Router::new();
    for (address, route) in subscribe::ADDRESSES.into_iter().zip(subscribe::routes()) {
        router = router.route(address, route);
    }
    router
        .route("/", get(pages::first::get))
        .route("/e/{id}", get(pages::expectation::get))
        .route("/jobs", get(pages::jobs::get))
        .route("/jobs/racing", get(pages::racing::get))
        .route("/checks", get(pages::checks::get))
        .route("/e/{id}/{act}", get(pages::act::ask).post(pages::act::post))
        .route("/runs/{about}/{run}", get(pages::run::get))
        .route("/runs/{about}/{run}/log", get(pages::run::download))
        .route("/services", get(pages::services::get))
        .route("/host", get(pages::host::get))
        .route("/doctor", get(pages::doctor::get))
        .route("/deliveries", get(pages::deliveries::get))
        .route("/channels/{name}/test", post(pages::act::test_channel))
        .route("/signin", get(pages::signin::get).post(pages::signin::post))
        .route("/signout", post(pages::signin::sign_out))
        .route("/assets/{file}", get(assets::get))
        .route("/health", get(api::health))
        .route("/ping/{key}/{name}", ping::route(ping::plain))
        .route("/ping/{key}/{name}/{action}", ping::route(ping::with_action))
        .route("/peer/beat", post(peers::beat))
        .route("/peer/look", post(peers::look))
        .route("/peer/dial", post(peers::dial))
        .nest("/api/v1", api::router())
        .route("/api/v1/events", get(live::get))
        .fallback(pages::refused::not_found)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn_with_state(web.clone(), gate))
        .with_state(web)
}
