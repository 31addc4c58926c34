//! Puts a new release of a service in front, and the old one back.
//!
//! Two parts talk to each other in lines of JSON: the deployer, which carries out the plan of `muster_core::plan`, and one
//! helper on each host, which is the same binary. Only a helper changes its host, and it changes nothing that it was not
//! asked for while its lease lasts.
//!
//! | module | holds |
//! |---|---|
//! | [`deployer`] | reaches the hosts, carries out the plan, says how it goes |
//! | [`helper`] | the part on each host |
//! | [`wire`] | what the two say to each other |
//! | [`base`] | what must be on a host before anything is deployed to it |
//! | [`books`] | what a host keeps of a service, and its record |
//! | [`overview`] | what this host knows of its services, for whoever looks |
//! | [`release`] | one version of a service, and where it stands |
//! | [`environment`], [`health`] | what a release gets, and whether it is well |
//! | [`runtime`] | starts, watches and stops what runs on a side: Docker or systemd |
//! | [`program`] | programs with a deadline |
//! | [`front`] | the nginx that is there already, and which side it leads to |
//! | [`scaffold`] | a new service from nothing |
//! | [`trouble`] | what went wrong, for people |

pub mod base;
pub mod books;
pub mod deployer;
pub mod environment;
pub mod front;
pub mod health;
pub mod helper;
pub mod overview;
pub mod program;
pub mod release;
pub mod runtime;
pub mod scaffold;
pub mod trouble;
pub mod wire;
