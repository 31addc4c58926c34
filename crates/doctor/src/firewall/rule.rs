//! Rules in one form, whichever tool wrote them: chains of tests and actions.
//!
//! iptables and nftables are read into this by [`save`](super::save) and [`nft`](super::nft); `chain` runs them.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// Where in the kernel a chain is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hook {
    /// Before the route of an entering packet is chosen.
    Prerouting,
    /// To this host.
    Input,
    /// Through this host.
    Forward,
    /// From this host.
    Output,
    /// On the way out.
    Postrouting,
}

/// What a chain is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Filter,
    Translate,
}

/// How a chain is attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Base {
    pub(crate) hook: Hook,
    pub(crate) priority: i64,
    pub(crate) purpose: Purpose,
    pub(crate) drops: bool,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Chain {
    pub(crate) base: Option<Base>,
    pub(crate) rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) number: usize,
    pub(crate) text: String,
    pub(crate) steps: Vec<Step>,
}

#[derive(Debug, Clone)]
pub(crate) enum Step {
    Test(Test),
    Act(Action),
}

/// One table; its chains run for IPv4, IPv6 or both.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    /// Family and name as a person writes them: `ip filter`.
    pub(crate) name: String,
    pub(crate) v4: bool,
    pub(crate) v6: bool,
    pub(crate) chains: BTreeMap<String, Chain>,
}

impl Table {
    /// True if it changes what a later chain may test.
    pub(crate) fn marks(&self) -> bool {
        let rules = self.chains.values().flat_map(|chain| &chain.rules);
        rules.flat_map(|rule| &rule.steps).any(|step| match step {
            Step::Act(Action::Choose { entries, .. }) => entries.iter().any(|(_, action)| action.marks()),
            Step::Act(action) => action.marks(),
            Step::Test(_) => false,
        })
    }
}

impl Action {
    fn marks(&self) -> bool {
        matches!(
            self,
            Self::Mark { .. }
                | Self::ConnectionMark { .. }
                | Self::SaveMark { .. }
                | Self::RestoreMark { .. }
                | Self::Untrack
        )
    }
}

/// A property of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Field {
    /// 4 or 6.
    Family,
    /// The number of the transport protocol.
    Protocol,
    Source,
    Target,
    SourcePort,
    TargetPort,
    /// As above, but only in packets of the given protocol.
    PortOf {
        protocol: u8,
        target: bool,
    },
    /// Name of the interface it came by; empty if it started here.
    Enters,
    /// Name of the interface it leaves by; empty before that is known.
    Leaves,
    /// The packet's mark within a mask.
    Mark(u32),
    /// The connection's mark within a mask.
    ConnectionMark(u32),
    /// State of the connection as bits, see [`state`].
    State,
    /// How the connection is translated as bits, see [`status`].
    Status,
    /// 0 from who asked, 1 towards them.
    Direction,
    /// TCP flags within a mask.
    TcpFlags(u8),
    /// 1 for a packet to one receiver.
    Unicast,
    IcmpType,
    Icmp6Type,
    /// Target of the connection's first packet, before translation.
    FirstTarget,
    FirstTargetPort,
    FirstSource,
    /// Kind of an address as bits, see [`kind`].
    Kind {
        target: bool,
        on: Option<Side>,
    },
    /// 1 if an answer to the source would leave by the interface that it entered by; with `loose`, by any.
    ReversePath {
        loose: bool,
    },
}

/// One of a packet's two interfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Enters,
    Leaves,
}

/// What a property is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pattern {
    Network(IpAddr, u8),
    Addresses(IpAddr, IpAddr),
    Numbers(u64, u64),
    /// Any of these bits.
    Bits(u64),
    /// A name; with `+` or `*` at its end, a beginning.
    Name(String),
    Beginning(String),
    Any,
}

/// One condition.
#[derive(Debug, Clone)]
pub(crate) enum Test {
    /// The fields together are (not) among the alternatives.
    Among {
        fields: Vec<Field>,
        not: bool,
        any: Vec<Vec<Pattern>>,
    },
    /// Nobody here knows; the text is what was not understood.
    Unclear(String),
    Never,
}

#[derive(Debug, Clone)]
pub(crate) enum Action {
    Accept,
    Drop,
    Reject,
    Return,
    Jump(String),
    Goto(String),
    /// `mark = (mark & keep) ^ flip`.
    Mark {
        keep: u32,
        flip: u32,
    },
    ConnectionMark {
        keep: u32,
        flip: u32,
    },
    /// Copies the packet's mark to the connection, or back, within masks: `to = (to & keep) ^ (from & take)`.
    SaveMark {
        keep: u32,
        take: u32,
    },
    RestoreMark {
        keep: u32,
        take: u32,
    },
    /// A new target; no address means this host.
    Target {
        address: Option<IpAddr>,
        port: Option<u16>,
        here: bool,
    },
    /// A new source; no address means that of the interface.
    Source {
        address: Option<IpAddr>,
    },
    Untrack,
    /// The first entry that fits acts; none fits: the rule ends.
    Choose {
        fields: Vec<Field>,
        entries: Vec<(Vec<Pattern>, Action)>,
    },
    /// Nobody here knows what it does, and it may decide.
    Unclear(String),
    /// Looks only.
    Watch,
}

/// Bits of [`Field::State`].
pub(crate) mod state {
    pub(crate) const INVALID: u64 = 1;
    pub(crate) const ESTABLISHED: u64 = 2;
    pub(crate) const RELATED: u64 = 4;
    pub(crate) const NEW: u64 = 8;
    pub(crate) const UNTRACKED: u64 = 64;
    pub(crate) const SNAT: u64 = 1 << 14;
    pub(crate) const DNAT: u64 = 1 << 15;

    /// The bit of a word, in either tool's spelling.
    pub(crate) fn named(word: &str) -> Option<u64> {
        match word.to_ascii_lowercase().as_str() {
            "invalid" => Some(INVALID),
            "established" => Some(ESTABLISHED),
            "related" => Some(RELATED),
            "new" => Some(NEW),
            "untracked" => Some(UNTRACKED),
            "snat" => Some(SNAT),
            "dnat" => Some(DNAT),
            _ => None,
        }
    }
}

/// Bits of [`Field::Status`].
pub(crate) mod status {
    pub(crate) const SEEN_REPLY: u64 = 2;
    pub(crate) const ASSURED: u64 = 4;
    pub(crate) const CONFIRMED: u64 = 8;
    pub(crate) const SNAT: u64 = 16;
    pub(crate) const DNAT: u64 = 32;
}

/// Bits of [`Field::Kind`].
pub(crate) mod kind {
    pub(crate) const UNICAST: u64 = 1;
    pub(crate) const LOCAL: u64 = 2;
    pub(crate) const BROADCAST: u64 = 4;
    pub(crate) const MULTICAST: u64 = 8;
    pub(crate) const OTHER: u64 = 16;

    /// The bit of a word, in either tool's spelling.
    pub(crate) fn named(word: &str) -> u64 {
        match word.to_ascii_lowercase().as_str() {
            "unicast" => UNICAST,
            "local" => LOCAL,
            "broadcast" => BROADCAST,
            "multicast" => MULTICAST,
            _ => OTHER,
        }
    }
}

/// The number of a transport protocol, by name or number.
pub(crate) fn protocol_number(word: &str) -> Option<u64> {
    Some(match word {
        "tcp" => 6,
        "udp" => 17,
        "icmp" => 1,
        "igmp" => 2,
        "ipip" => 4,
        "gre" => 47,
        "esp" => 50,
        "ah" => 51,
        "icmpv6" | "ipv6-icmp" => 58,
        "ospf" => 89,
        "pim" => 103,
        "vrrp" => 112,
        "sctp" => 132,
        "dccp" => 33,
        "udplite" => 136,
        "ipv6-nonxt" => 59,
        other => return other.parse().ok(),
    })
}

/// A number as both tools write it: decimal or with `0x`.
pub(crate) fn number(word: &str) -> Option<u64> {
    match word.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => word.parse().ok(),
    }
}

/// An address with an optional prefix or mask.
pub(crate) fn network(word: &str) -> Option<Pattern> {
    let Some((address, mask)) = word.split_once('/') else {
        let address: IpAddr = word.parse().ok()?;
        return Some(Pattern::Network(address, if address.is_ipv4() { 32 } else { 128 }));
    };
    let address: IpAddr = address.parse().ok()?;
    if let Ok(prefix) = mask.parse::<u8>() {
        return Some(Pattern::Network(address, prefix));
    }
    let ones = match mask.parse().ok()? {
        IpAddr::V4(mask) => contiguous(u128::from(u32::from(mask)) << 96)?,
        IpAddr::V6(mask) => contiguous(u128::from(mask))?,
    };
    Some(Pattern::Network(address, ones))
}

/// How many ones a mask begins with, if it holds no others.
fn contiguous(mask: u128) -> Option<u8> {
    let ones = mask.leading_ones();
    (mask.count_ones() == ones).then_some(u8::try_from(ones).ok()?)
}

/// A name of an interface, `+` or `*` at its end standing for any rest.
pub(crate) fn interface(word: &str, wild: char) -> Pattern {
    match word.strip_suffix(wild) {
        Some(beginning) => Pattern::Beginning(beginning.to_owned()),
        None => Pattern::Name(word.to_owned()),
    }
}

impl Test {
    pub(crate) fn one(field: Field, not: bool, pattern: Pattern) -> Self {
        Self::Among { fields: vec![field], not, any: vec![vec![pattern]] }
    }

    pub(crate) fn any(field: Field, not: bool, patterns: Vec<Pattern>) -> Self {
        Self::Among { fields: vec![field], not, any: patterns.into_iter().map(|one| vec![one]).collect() }
    }
}
