//! The part on each host. It does what it is asked for while the deployer is heard, and one thing unasked: it goes back from
//! a release that nobody confirmed.
//!
//! | module | holds |
//! |---|---|
//! | [`serve`] | hears questions and answers them; its end frees the lease |
//! | [`site`] | a service on this host |
//! | [`acts`] | what is done to it |
//! | [`preflight`] | what is missing before anything starts |
//! | [`tools`] | programs that a host must have |
//! | [`probation`] | waits until a release was well so many times in a row |
//! | [`heartbeat`] | waits until a worker reported in |
//! | [`guard`] | goes back in time, and stops what was warm long enough |
//! | [`tell`] | tells the agent of this host, and the record |

mod acts;
pub mod guard;
mod heartbeat;
mod preflight;
mod probation;
pub mod serve;
pub mod site;
mod tell;
mod tools;
