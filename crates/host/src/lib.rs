//! Contact with this machine: clocks, processes, files, locks. Blocking, without an async runtime; it decides nothing.
//!
//! | module | holds |
//! |---|---|
//! | [`claim`] | runs that are begun once at most |
//! | [`clock`] | what time it is |
//! | [`ids`] | fresh names of runs and signals |
//! | [`adopt`] | wraps what this host schedules, and takes it back |
//! | [`discover`] | what this host starts by itself, and how it stands |
//! | [`nginx`] | what nginx is told |
//! | [`process`] | who is alive, and whose child it is |
//! | [`scope`] | transient scopes of systemd |
//! | [`state`] | where muster keeps its files, and where its configuration is |
//! | [`atomic`] | files that are never half written |
//! | [`lock`] | kernel locks that flock(1) understands |
//! | [`secret`] | secrets, fetched when they are needed |
//! | [`spool`] | signals on their way to the agent |
//! | [`user`] | names of users |
//! | [`walk`] | the files that a glob matches |

pub mod adopt;
pub mod atomic;
pub mod claim;
pub mod clock;
pub mod discover;
pub mod ids;
pub mod lock;
pub mod nginx;
pub mod process;
pub mod scope;
pub mod secret;
pub mod spool;
pub mod state;
pub mod user;
pub mod walk;
