//! What must be true of something that was looked at: `status == 200`, `cert.expires_in > 14d`,
//! `json('$.database') == 'ok'`.
//!
//! A small typed language, compiled when the configuration is read. A kind of check lists the words that it can give a
//! value to ([`term::Term`]); whoever looked gives the values ([`facts::Facts`]). It is bounded: a text has at most
//! [`LENGTH_LIMIT`] bytes and [`DEPTH_LIMIT`] brackets around each other, reading takes one pass, and judging looks at
//! every claim once.
//!
//! ```text
//! any    = all { "or" all }
//! all    = claim { "and" claim }
//! claim  = "not" claim | "(" any ")" | flag
//!        | side ( "==" | "!=" | "<" | "<=" | ">" | ">=" ) side
//!        | side "in" "[" value { "," value } "]" | side "contains" side | side "matches" text | word "exists"
//! side   = value | word | "count" "(" word ")"
//! word   = name [ "(" text ")" ]
//! value  = 200 | 0.5 | 800ms | 14d | 10KiB | text | true | false | null
//! text   = '…' | "…"
//! capture = side [ "matches" text ]
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`facts`] | the values, and where they come from |
//! | [`json`] | what a path finds in a body |
//! | [`term`] | the words of a kind |
//! | `lexer`, `quantity` | a text cut into tokens; numbers with units |
//! | `parse`, `operand` | tokens to an expression |
//! | `types` | which values can be compared with which |
//! | `expression` | what was read |
//! | `judge`, `say` | an expression judged by facts, and what was seen in words |
//! | `compiled` | one assertion as the plan holds it |
//! | `capture` | one side alone, taken to be used later |

mod capture;
mod compiled;
mod expression;
pub mod facts;
pub mod json;
mod judge;
mod lexer;
mod operand;
mod parse;
mod quantity;
mod say;
pub mod term;
#[cfg(test)]
mod tests;
mod types;

pub use capture::Capture;
pub use compiled::{Assertion, examples_compile};
pub use judge::{Judgement, SEEN_LIMIT};
pub use parse::{DEPTH_LIMIT, LENGTH_LIMIT};
