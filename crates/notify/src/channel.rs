//! The seam: deliver one dispatch, once.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use muster_core::outbox::{Delivery, Dispatch};
use muster_net::dial::Dialer;

use crate::letter::Desk;
use crate::medium::Part;

/// A future on the heap.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A way to tell people. Delivers one dispatch and says what became of it; never tries again and decides nothing.
pub trait Channel: Send + Sync {
    /// Delivers, within a deadline of its own: 10 s, for mail and commands 30 s.
    fn deliver<'a>(&'a self, dispatch: &'a Dispatch) -> BoxFuture<'a, Delivery>;
}

/// A channel of the configuration: writes the letter and has its medium carry it.
pub struct Wired {
    /// How it is carried.
    pub part: Part,
    /// Where it is written.
    pub desk: Desk,
    /// How hosts are reached; shared, because it remembers good addresses.
    pub dialer: Arc<Dialer>,
}

impl Channel for Wired {
    fn deliver<'a>(&'a self, dispatch: &'a Dispatch) -> BoxFuture<'a, Delivery> {
        Box::pin(async move {
            let letter = self.desk.write(dispatch);
            self.part.carry(&letter, &self.dialer).await
        })
    }
}
