//! Reads muster.toml and refuses what it does not know, with line and column.
//!
//! Text in, one plan per room out, and every fault of the file in one run. Nothing here opens a file, asks the
//! environment or knows a single kind of channel: the text, the host's zone and name, and the catalogue of kinds come
//! in as arguments. Secrets stay references; the host's floor resolves them.
//!
//! Reading takes two passes over a tree that knows the place of every key and value: the rows of a table
//! ([`field::Field`]) refuse unknown keys and wrong types; then the table's own reader sees only what is well formed
//! and judges how the values go together. Reader, JSON Schema and reference page come from the same rows.
//!
//! | module | holds |
//! |---|---|
//! | [`source`] | the text, and line and column of a byte |
//! | [`tree`] | the TOML tree with places; the only module that knows the TOML library |
//! | [`assertion`] | what must be true of something that was looked at |
//! | [`codes`] | the stable codes of faults, one sentence each |
//! | [`fault`] | what is wrong, where, and what to do |
//! | [`render`] | a fault as text with the source line underlined |
//! | [`nearest`] | "did you mean" |
//! | [`field`] | the rows: key, shape, sentence, default, example |
//! | [`shape`] | one value judged by its row |
//! | [`pattern`], [`mod@glob`] | regular expressions, and paths with wildcards |
//! | [`section`] | one table being read |
//! | [`secret`] | secrets as references, and as text that never prints |
//! | [`kind`] | the row of a kind, and the catalogue |
//! | [`plan`] | what reading gives, one part per room |
//! | [`tables`] | the tables of muster.toml |
//! | [`compile`] | a whole file to a plan |
//! | [`job_only`] | one job out of a file that may be broken elsewhere |
//! | [`schema`] | the JSON Schema |
//! | [`mod@reference`] | the reference page |

pub mod assertion;
pub mod codes;
pub mod compile;
pub mod fault;
pub mod field;
pub mod glob;
pub mod job_only;
pub mod kind;
pub mod nearest;
pub mod pattern;
pub mod plan;
pub mod reference;
pub mod render;
pub mod schema;
pub mod secret;
pub mod section;
pub mod shape;
pub mod source;
pub mod tables;
pub mod tree;
