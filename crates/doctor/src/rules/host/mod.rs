//! What a host as a whole depends on: time, names, upgrades, mail.

pub(super) mod clock;
pub(super) mod mail_waits;
pub(super) mod no_resolver;
pub(super) mod one_resolver;
pub(super) mod upgrades;
