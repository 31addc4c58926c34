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

use super::ground::Ground;
use super::{Collector, Put, WITHIN};
use crate::facts::Fact;

/// Programs are asked a little less long than the whole may take.
pub(super) const COLLECTOR: Collector = Collector {
    name: "firewall",
    within: WITHIN,
    read,
    blind: |facts, why| facts.firewall = Fact::unknown(why),
};

fn read(ground: &Ground) -> Put {
    let firewall = match ground.live {
        true => collect(WITHIN.mul_f32(0.9)),
        false => Fact::nothing("only files were read"),
    };
    Box::new(|facts| facts.firewall = firewall)
}
