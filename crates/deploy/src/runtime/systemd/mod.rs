//! Releases as services of the systemd of the host.
//!
//! A release is a folder `/opt/SERVICE/releases/CONTENT` that belongs to root; the user of the service reads it and cannot
//! change it. What the service writes goes to `/opt/SERVICE/data`. A side is the unit `muster-SERVICE@SIDE.service`, whose
//! file is written for each release with all that it needs, so that no change of the other side reaches it; it is enabled
//! while it runs and disabled once it was stopped. Additions by hand belong in `muster-SERVICE@.service.d/`.
//!
//! | module | holds |
//! |---|---|
//! | `service` | [`Systemd`]: one service, and what it is asked |
//! | `unit` | the file of a unit, and its environment |
//! | `credentials` | secrets of the host that are handed to it |
//! | `manager` | systemctl: how a unit stands |
//! | `source` | brings commits and files |
//! | `folder` | gives a folder to a user, and takes it back |
//! | `errand` | commands that run once as the user of the service |

mod credentials;
mod errand;
mod folder;
mod manager;
mod service;
mod source;
mod unit;

pub use service::Systemd;
