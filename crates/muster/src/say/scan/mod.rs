//! `muster scan`: a report on a site.
//!
//! | module | holds |
//! |---|---|
//! | [`terminal`] | one screen: the grade, what fails first with the fix, what is fine in one line for each part |
//! | [`page`] | the same, whole, as one web page |
//! | [`well`] | what is as it should be, in words |

pub(crate) mod page;
pub(crate) mod terminal;
pub(crate) mod well;
