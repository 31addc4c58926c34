//! What a kind of channel must do.

use std::fmt;
use std::sync::Arc;

use muster_core::outbox::Delivery;
use muster_net::dial::Dialer;
use muster_net::endpoint::Endpoint;

use crate::channel::BoxFuture;
use crate::kinds::email::Email;
use crate::letter::Letter;

/// Carries one letter. Within its deadline it says accepted, refused for good, or not now.
pub trait Medium: fmt::Debug + Send + Sync {
    /// Carries the letter once; its key is the same each time the same letter is tried.
    fn carry<'a>(&'a self, letter: &'a Letter, dialer: &'a Dialer) -> BoxFuture<'a, Delivery>;

    /// How many letters its receiver is known to take a day, where that is so.
    fn quota(&self) -> Option<u32> {
        None
    }

    /// The host and port that it connects to, as far as the configuration alone tells.
    fn endpoint(&self) -> Option<Endpoint> {
        None
    }

    /// The mail server behind it, where it is mail.
    fn mail(&self) -> Option<&Email> {
        None
    }
}

/// What a kind's row reads from the configuration.
pub type Part = Arc<dyn Medium>;
