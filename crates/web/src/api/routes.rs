//! The addresses below `/api/v1`.

use axum::Router;
use axum::routing::{delete, get, post};

use crate::api::{act, checks, incidents, jobs, keys, peers, read, subscribers};
use crate::router::Web;

/// The router, without its prefix.
pub fn router() -> Router<Web> {
    Router::new()
        .route("/board", get(read::board))
        .route("/expectations/{id}", get(read::expectation))
        .route("/expectations/{id}/history", get(read::history))
        .route("/expectations/{id}/slots", get(read::slots))
        .route("/expectations/{id}/{act}", post(act::post))
        .route("/jobs", get(jobs::list))
        .route("/jobs/racing", get(jobs::racing))
        .route("/checks", get(checks::list))
        .route("/checks/{name}", get(checks::get))
        .route("/checks/{name}/look", post(checks::look))
        .route("/runs", get(read::runs))
        .route("/runs/{about}/{run}", get(read::run))
        .route("/runs/{about}/{run}/log", get(read::log))
        .route("/incidents", get(incidents::list).post(incidents::open))
        .route("/incidents/{id}/{act}", post(incidents::act))
        .route("/subscribers", get(subscribers::list))
        .route("/subscribers/remove", post(subscribers::remove))
        .route("/peers/{name}/dial", post(peers::dial))
        .route("/services", get(read::services))
        .route("/host", get(read::host))
        .route("/doctor", get(read::doctor))
        .route("/deliveries", get(read::deliveries))
        .route("/channels/{name}/test", post(act::test_channel))
        .route("/signin-links", post(keys::link))
        .route("/tokens", get(keys::list).post(keys::token))
        .route("/tokens/{id}", delete(keys::revoke))
}
