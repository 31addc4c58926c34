//! A report for other programs: one file for each format. The words for a terminal and for pages are made elsewhere.

pub mod json;
pub mod junit;
pub mod markdown;
pub mod reference;
pub mod sarif;
