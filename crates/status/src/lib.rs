//! The status page: what the customers of our users are told, as static files. Pure: what was seen and said goes in, public
//! words and bytes come out. Who reads the store, writes the files and takes them to another host is the agent.
//!
//! Two steps keep secrets in: [`page`] makes public data out of what the agent knows, and is the only part that sees an id
//! or a reason; the renderers see nothing but that.
//!
//! | module | holds |
//! |---|---|
//! | [`state`] | how a component stands, from the lines of its parts |
//! | [`days`] | ninety days of a component, from the tallies of its parts |
//! | [`gather`] | which trouble becomes a notice, and when that is over |
//! | [`mod@page`] | everything that the files show, public words only |
//! | [`words`] | sentences, dates and lengths as customers read them |
//! | [`html`], [`bars`] | `index.html` and `history.html` |
//! | [`atom`] | `feed.atom` |
//! | [`bulletin`] | what subscribers are mailed |
//! | [`door`] | the pages by which they subscribe and end it |
//! | [`json`] | `status.json` |
//! | [`files`] | all of them, by name |

pub mod atom;
pub mod bars;
pub mod bulletin;
pub mod days;
pub mod door;
pub mod files;
pub mod gather;
pub mod html;
pub mod json;
pub mod page;
pub mod state;
pub mod words;
