//! Releases in containers of the Docker engine of the host.
//!
//! The engine is asked through its command, which agrees on a version with the engine, knows its address and reads the
//! credentials of registries; podman understands the same words. A side is one container, `muster-SERVICE-SIDE`, which has
//! its release in its labels and is kept when it is stopped.
//!
//! | module | holds |
//! |---|---|
//! | `service` | [`Docker`]: one service, and what it is asked |
//! | `client` | the command, and its complaints in words that help |
//! | `reference` | names of images |
//! | `image` | brings images, and removes those that nobody needs |
//! | `container` | makes, starts and stops containers |
//! | `look` | how a container stands, and whether its port is its own |

mod client;
mod container;
mod image;
mod look;
mod reference;
mod service;

pub use service::Docker;
