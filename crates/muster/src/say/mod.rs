//! Words for people: everything that is shown on a terminal is made here, from data, and printed elsewhere.
//!
//! | module | holds |
//! |---|---|
//! | [`clock`] | moments and spans as a person near them says it |
//! | [`paper`] | what is written on: its width, and whether it can show bold |
//! | [`table`] | aligned columns |
//! | [`reason`] | why something stands as it does |
//! | [`adoption`] | what would be adopted, and what is left |
//! | [`count`] | numbers of things |
//! | [`diff`] | how two texts differ |
//! | [`lines`] | text in lines of a width |
//! | [`doctor`] | `muster doctor` |
//! | [`beside`] | what a plan says beside its steps |
//! | [`mending`] | `muster doctor --fix`, `confirm`, `undo` |
//! | [`drift`] | `muster drift` |
//! | [`status`] | `muster status` |
//! | [`watchers`] | who watches this agent |
//! | [`jobs`] | `muster jobs` |
//! | [`scan`] | `muster scan` |
//! | [`checks`] | `muster checks`, `muster check` |
//! | [`refused`] | why a verb did not do what it was asked |
//! | [`log`] | the log of a run |
//! | [`new`] | `muster new` |
//! | [`prepare`] | `muster host prepare` |
//! | [`reference`] | the command line as a page |
//! | [`json`] | the same for programs |

pub(crate) mod adoption;
pub(crate) mod beside;
pub(crate) mod checks;
pub(crate) mod clock;
pub(crate) mod count;
pub(crate) mod deploy;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod drift;
pub(crate) mod incidents;
pub(crate) mod jobs;
pub(crate) mod json;
pub(crate) mod lines;
pub(crate) mod log;
pub(crate) mod mending;
pub(crate) mod new;
pub(crate) mod paper;
pub(crate) mod prepare;
pub(crate) mod reason;
pub(crate) mod reference;
pub(crate) mod refused;
pub(crate) mod scan;
pub(crate) mod status;
pub(crate) mod table;
pub(crate) mod watchers;
