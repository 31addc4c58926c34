//! What must be reached from here: hosts and ports of files of settings and of the resolver. What `muster.toml` names
//! is declared by whoever reads it.
//!
//! | module | holds |
//! |---|---|
//! | `settings` | hosts and ports in `NAME=value` lines |
//! | `names` | the addresses of hosts, within a time |

mod names;
mod settings;

use std::net::IpAddr;

pub use names::Lookup;
pub(crate) use settings::of_settings;

use super::ground::Ground;
use crate::facts::Fact;
use crate::facts::firewall::Protocol;
use crate::facts::needs::{By, Need};

/// The name servers that this host asks.
pub(crate) fn of_resolver(ground: &Ground) -> Vec<Need> {
    const FILE: &str = "/etc/resolv.conf";
    let text = ground.read(FILE).ok().flatten().map(|text| text.lossy()).unwrap_or_default();
    let server = |(line, text): (u32, &str)| {
        let mut words = text.split_whitespace();
        let address: IpAddr = (words.next()? == "nameserver").then(|| words.next()?.parse().ok())??;
        (!address.is_loopback()).then(|| Need {
            name: "nameserver".to_owned(),
            host: address.to_string(),
            port: 53,
            protocol: Protocol::Udp,
            addresses: Fact::Known(vec![address]),
            by: By::Host,
            file: FILE.to_owned(),
            line: Some(line),
        })
    };
    // The resolver reads no more than three (resolv.conf(5)).
    (1..).zip(text.lines()).filter_map(server).take(3).collect()
}
