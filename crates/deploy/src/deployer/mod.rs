//! The part that deploys: reaches the hosts, carries out the plan of `muster_core::plan`, and says how it goes.
//!
//! | module | holds |
//! |---|---|
//! | [`link`] | a helper on a host, over ssh or on this machine |
//! | [`crew`] | all hosts of a service, each asked by a thread of its own |
//! | [`deploy`] | one deploy or rollback from its beginning to its end |
//! | [`prepare`] | one host, before anything is deployed to it |
//! | [`public`] | the service as its users see it |
//! | [`hooks`] | what the deploying machine runs itself |

pub mod crew;
pub mod deploy;
mod hooks;
pub mod link;
pub mod prepare;
mod public;
