//! Looks at a whole site from outside, with no configuration: collects facts, and judges them by a table of rules.
//!
//! | module | holds |
//! |---|---|
//! | [`facts`] | what was seen, as data, each part known or unknown with the reason |
//! | [`facts_dns`] | the same of name service and mail |
//! | [`collect`] | goes and looks, every part before its own deadline |
//! | [`rules`] | one row for each thing that can be wrong: facts in, observations out |
//! | [`report`] | findings, what is unknown, and the grade |
//! | [`sample`] | the facts of a site with which nothing is wrong, for tests |
//!
//! What is seen once is not watched: a scan decides nothing and tells nobody. The words around it are made elsewhere.

pub mod collect;
pub mod facts;
pub mod facts_dns;
pub mod report;
pub mod rules;
#[cfg(test)]
mod sample;
