//! Packet filters, addresses, routes and listeners, as they were read.
//!
//! Rule sets stay as their own tools print them, so that a saved copy can be compared with the host by eye; the walker
//! reads them. What a tool could not tell is [`Fact::Unknown`]; what is not on this host is [`Fact::Nothing`].

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Fact;

/// All that decides where a packet ends on this host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Firewall {
    /// Rules of iptables for IPv4 that the kernel holds as nftables, as `iptables-save` prints them.
    pub iptables: Fact<String>,
    /// The same for IPv6.
    pub ip6tables: Fact<String>,
    /// Rules of the old kernel interface for IPv4, which apply beside the others.
    pub iptables_legacy: Fact<String>,
    /// The same for IPv6.
    pub ip6tables_legacy: Fact<String>,
    /// The objects of `nft -j list ruleset`, in their order.
    pub nftables: Fact<Vec<serde_json::Value>>,
    /// Address sets that iptables rules refer to, as `ipset save` prints them.
    pub ipsets: Fact<String>,
    /// Interfaces, by name.
    pub interfaces: Fact<Vec<Interface>>,
    /// Routes of all tables.
    pub routes: Fact<Vec<Route>>,
    /// Rules that choose a routing table by more than the target, one line each; none on most hosts.
    pub route_rules: Fact<Vec<String>>,
    /// Settings of the kernel by their name in sysctl(8), e.g. `net.ipv4.ip_forward`.
    pub settings: Fact<BTreeMap<String, String>>,
    /// Sockets that wait for connections or datagrams.
    pub listeners: Fact<Vec<Listener>>,
    /// Docker's user-space proxies.
    pub proxies: Fact<Vec<Proxy>>,
    /// Services of the kernel's own load balancer (IPVS), which takes packets for which nobody listens; one line each.
    pub ipvs: Fact<Vec<String>>,
}

/// One network interface.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Interface {
    /// Its name, at most 15 bytes.
    pub name: String,
    /// It is a bridge, like the networks of containers are.
    #[serde(default)]
    pub bridge: bool,
    /// The bridge that it belongs to.
    #[serde(default)]
    pub master: Option<String>,
    /// A program of its own (XDP) sees packets before any filter does.
    #[serde(default)]
    pub xdp: bool,
    /// A port of a bridge that sends packets back to where they came from; none where it is no port.
    #[serde(default)]
    pub hairpin: Option<bool>,
    /// Its addresses.
    #[serde(default)]
    pub addresses: Vec<Subnet>,
}

/// An address with the length of its network's prefix in bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Subnet {
    /// The address.
    pub address: IpAddr,
    /// How many leading bits name the network.
    pub prefix: u8,
}

/// What the kernel does with packets on a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteKind {
    /// Sends them on.
    Unicast,
    /// Takes them in.
    Local,
    /// Takes them in and treats them as sent to all.
    Broadcast,
    /// Throws them away, or refuses them.
    Barred,
}

/// One route.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Route {
    /// Which targets.
    pub to: Subnet,
    /// What happens to them.
    pub kind: RouteKind,
    /// The next router; none on the network itself.
    #[serde(default)]
    pub gateway: Option<IpAddr>,
    /// The interface they leave by; empty where there is none.
    #[serde(default)]
    pub interface: String,
    /// Lower wins among routes of one prefix.
    #[serde(default)]
    pub metric: u32,
    /// The table: 254 is main, 255 local.
    pub table: u32,
    /// The source address that the host prefers.
    #[serde(default)]
    pub source: Option<IpAddr>,
}

/// A transport protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// A socket that waits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Listener {
    /// Its protocol.
    pub protocol: Protocol,
    /// Its address; all zeros for every address.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// The socket's inode number.
    pub inode: u64,
    /// The process that holds it, where that was visible.
    #[serde(default)]
    pub pid: Option<u32>,
    /// The name of that process.
    #[serde(default)]
    pub program: Option<String>,
}

/// One process that passes connections from a port of the host to a container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Proxy {
    /// Its protocol.
    pub protocol: Protocol,
    /// Where it waits on the host.
    pub host: IpAddr,
    /// The port there.
    pub host_port: u16,
    /// The container.
    pub container: IpAddr,
    /// The port there.
    pub container_port: u16,
    /// Its process.
    pub pid: u32,
}

impl Subnet {
    /// True if the address is within the network.
    pub fn holds(&self, address: IpAddr) -> bool {
        within(self.address, self.prefix, address)
    }
}

/// True if the first `prefix` bits of both addresses are the same and both are of one family.
pub(crate) fn within(network: IpAddr, prefix: u8, address: IpAddr) -> bool {
    let differs = match (network, address) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            return prefix == 0 || (u32::from(a) ^ u32::from(b)).leading_zeros() >= u32::from(prefix.min(32));
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => u128::from(a) ^ u128::from(b),
        _ => return false,
    };
    prefix == 0 || differs.leading_zeros() >= u32::from(prefix.min(128))
}

impl Firewall {
    /// Facts of which nothing is known yet, for the given reason.
    pub fn unseen(why: &str) -> Self {
        Self {
            iptables: Fact::unknown(why),
            ip6tables: Fact::unknown(why),
            iptables_legacy: Fact::unknown(why),
            ip6tables_legacy: Fact::unknown(why),
            nftables: Fact::unknown(why),
            ipsets: Fact::unknown(why),
            interfaces: Fact::unknown(why),
            routes: Fact::unknown(why),
            route_rules: Fact::unknown(why),
            settings: Fact::unknown(why),
            listeners: Fact::unknown(why),
            proxies: Fact::unknown(why),
            ipvs: Fact::unknown(why),
        }
    }
}
