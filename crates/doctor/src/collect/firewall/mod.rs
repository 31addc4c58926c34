//! Reads packet filters, addresses, routes and listeners.
//!
//! | module | holds |
//! |---|---|
//! | `survey` | [`collect`]: the order of things, the programs that are asked |
//! | `netlink` | the kernel's own lists: interfaces, addresses, routes, tables of nftables |
//! | `links` | those lists as facts |
//! | `sockets` | listeners, who holds them, and Docker's proxies |

mod links;
mod netlink;
mod sockets;
mod survey;

pub use survey::collect;
