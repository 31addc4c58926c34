//! Looks at things from outside, once each time it is asked to, and says what it saw.
//!
//! A kind of check is a [`probe::Probe`]: it goes and looks, and writes what it sees into a [`notebook::Notebook`] as it
//! goes, so that a look that is cut off still tells how far it came. [`look::look`] sets the deadline from outside,
//! survives a panic, judges the assertions and gives a [`look::Look`]. Nothing here tries again, counts failures or
//! tells people: the roll call in the core does.
//!
//! | module | holds |
//! |---|---|
//! | [`probe`] | the seam: what a kind must do |
//! | [`notebook`] | what was seen so far: times, facts, and the trace without secrets |
//! | [`look`] | one look: deadline, panic, assertions, verdict |
//! | `contact` | connections and handshakes, noted as they come about |
//! | `visit` | an errand at a web server: request, redirects, answer |
//! | `cookies` | what a browser would keep from one request to the next |
//! | `starttls` | a plain connection asks to become a private one |
//! | `mailserver` | the way to a mail server, and what each failure means |
//! | `mailbox` | the folders into which mail may come |
//! | `lot` | things of one sort, such as files: which one is looked at, and what is demanded of it |
//! | [`apart`] | blocking work, off the runtime |
//! | [`kinds`] | one file per kind, one row each |
//! | [`scan`] | a whole site, once, with no configuration |

pub mod apart;
mod contact;
mod cookies;
pub mod kinds;
pub mod look;
mod lot;
mod mailbox;
mod mailserver;
pub mod notebook;
pub mod probe;
pub mod scan;
mod starttls;
#[cfg(test)]
mod trial;
mod visit;
