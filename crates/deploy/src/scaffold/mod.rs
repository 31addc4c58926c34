//! A new service from nothing: its folder, unit, site, image and pipeline, and its entries in muster.toml.
//!
//! Everything is planned as data first; what is there already and differs is never overwritten.
//!
//! | module | holds |
//! |---|---|
//! | [`order`] | what the service is to be called, and where it is to run |
//! | [`languages`] | one file per language, and the table of them |
//! | [`plan`] | which files that comes to |
//! | [`template`] | names in templates, and their values |
//! | [`write`] | how a host stands to the plan, and what is made of it |
//! | [`entries`] | the tables of muster.toml |

pub mod entries;
pub mod languages;
pub mod order;
pub mod plan;
pub mod template;
pub mod write;
