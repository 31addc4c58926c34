//! The call to the outside address.

use std::sync::Arc;

use muster_config::secret::MaybeSecret;
use muster_net::dial::Dialer;
use muster_net::http::{Request, send};

use crate::parts::Beacon;

/// A beacon that fetches this address; any status below 400 will do. The address may be a secret, because whoever
/// knows it can pretend to be us: it is fetched for each call and never part of an error.
pub fn outside(url: MaybeSecret, dialer: Arc<Dialer>) -> Beacon {
    Arc::new(move || {
        let (url, dialer) = (url.clone(), Arc::clone(&dialer));
        Box::pin(async move {
            let fetched = tokio::task::spawn_blocking(move || muster_host::secret::resolve_maybe(&url)).await;
            let url = fetched.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
            let answer =
                send(&dialer, Request::get(url.expose())).await.map_err(|error| error.to_string())?;
            if answer.status < 400 {
                Ok(())
            } else {
                Err(format!("the outside address answered {}", answer.status))
            }
        })
    })
}
