//! Where a packet ends, by the rules of this host: open, closed, or unknown, and the rule that decides.
//!
//! A pure walker over [`Firewall`](crate::facts::firewall::Firewall) facts. Nothing is sent. A test that is not
//! understood and could decide makes the verdict unknown, never closed and never open.
//!
//! | module | holds |
//! |---|---|
//! | [`verdict`] | the question and the answer |
//! | [`walk`](mod@walk) | a connection from end to end |
//! | [`crossings`] | the questions that a host's ports and needs raise, and the table of answers |
//! | [`outside`] | what the rules say of connections that a peer really made |
//! | `chain` | the chains of one hook |
//! | `kernel` | what the kernel throws away by itself |
//! | `packet` | what tests see |
//! | `network` | addresses, routes and settings of the kernel |
//! | `oracle` | both answers to what nobody knows |
//! | `rule`, `rules` | rules in one form, and their order |
//! | `save`, `modules`, `targets`, `sets` | what `iptables-save` and `ipset save` print |
//! | `nft`, `statement`, `compare`, `nft_text` | what `nft -j list ruleset` prints |

mod chain;
mod compare;
pub mod crossings;
mod kernel;
mod modules;
mod network;
mod nft;
mod nft_text;
mod oracle;
pub mod outside;
mod packet;
mod rule;
mod rules;
mod save;
mod sets;
mod statement;
mod targets;
#[cfg(test)]
mod tests;
pub mod verdict;
pub mod walk;

pub use crossings::{
    Crossing, From, Need, Published, Question, To, crossings, needed, probes, published_by_proxies,
};
pub use verdict::{Cause, Decision, Hop, Packet, Reach, Verdict};
pub use walk::{Walker, walk};
