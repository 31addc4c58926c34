//! The resident: one task that owns the roll call and the outbox, and duties that keep running beside it.
//!
//! What is heard goes the same way always: known before? → the roll call hears it → decisions → one transaction in the
//! store → the sender is answered → pages go out. What becomes of a page, a duty or the store is heard again as a
//! signal, so nothing is exempt from the roll.
//!
//! | module | holds |
//! |---|---|
//! | [`agent`] | [`agent::Agent`]: starting and stopping |
//! | [`handle`] | [`handle::Handle`]: what the web and the command line may ask of it |
//! | [`parts`] | what it is given |
//! | [`clock`] | the clock as a part |
//! | [`driver`] | performs duties on time; knows nothing of the product |
//! | [`roster`] | how each duty stands |
//! | `duties` | one file per duty |
//! | `resident` | the task that owns the state |
//! | [`peers`] | agents that watch each other |
//! | [`looks`] | what is looked at: rounds, vantages, the last sight of each |
//! | `ledger` | the store, or memory while that is gone |
//! | `proof` | what the last audit found, for whoever tells the outside |
//! | `status` | the page for customers: its days, its folder, the way to another host |
//! | [`subscribe`] | people who have what is reported mailed to them |
//! | `couriers` | deliveries under way |
//! | `program` | programs that the agent waits for, with a deadline |
//! | `marks` | whether files changed |
//! | `drift` | where the host and the configuration no longer say the same |
//! | `timers` | jobs that are due when a systemd timer is |
//! | `adopted` | expectations that nobody wrote down: found on the host, or heard of |
//! | `faults` | what is wrong with muster itself |

mod adopted;
pub mod agent;
pub mod clock;
mod couriers;
mod drift;
pub mod driver;
mod duties;
mod faults;
pub mod handle;
mod ledger;
pub mod looks;
mod marks;
pub mod parts;
pub mod peers;
mod program;
mod proof;
mod resident;
pub mod roster;
mod status;
pub mod subscribe;
mod timers;
