//! The engine for when the disk is gone: bounded, and lost at the end of the process. What it holds can be handed to
//! a durable engine as one commit when that comes back.
//!
//! | module | holds |
//! |---|---|
//! | `held` | what is held, and how it stays bounded |
//! | `watched` | looks and traces, the same |
//! | `engine` | [`Memory`], which puts these behind the contract |

mod engine;
mod held;
mod watched;

pub use engine::Memory;
