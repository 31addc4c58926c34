//! Where projects lie.

pub(super) mod in_a_home;
pub(super) mod strayed_link;
