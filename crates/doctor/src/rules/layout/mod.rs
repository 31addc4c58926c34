//! Where projects lie.

pub(super) mod strayed_link;
