//! A packet on its way, its connection, and what tests see of both.

use std::net::IpAddr;

use super::network::Network;
use super::rule::{Field, Pattern, Side, Test, state, status};
use crate::facts::firewall::within;

/// A packet as it is at one place of its way.
#[derive(Debug, Clone)]
pub(crate) struct Passing {
    pub(crate) protocol: u8,
    pub(crate) source: IpAddr,
    pub(crate) source_port: u16,
    pub(crate) target: IpAddr,
    pub(crate) port: u16,
    /// Empty while it starts here.
    pub(crate) enters: String,
    /// Empty before it is known.
    pub(crate) leaves: String,
    pub(crate) mark: u32,
    pub(crate) flags: u8,
    /// Type of an ICMP packet.
    pub(crate) icmp: Option<u8>,
    pub(crate) state: u64,
    pub(crate) reply: bool,
    /// The kernel has looked up its connection.
    pub(crate) tracked: bool,
}

/// What the kernel remembers of a connection.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    pub(crate) mark: u32,
    pub(crate) source: IpAddr,
    pub(crate) target: IpAddr,
    pub(crate) port: u16,
    /// Translations, once they were looked for.
    pub(crate) new_target: Option<(IpAddr, u16)>,
    pub(crate) new_source: Option<IpAddr>,
    pub(crate) target_sought: bool,
    pub(crate) source_sought: bool,
    pub(crate) untracked: bool,
}

/// What a test found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    Yes,
    No,
    Maybe(String),
}

enum Seen<'a> {
    Number(u64),
    Address(IpAddr),
    Name(&'a str),
    NotThere,
}

impl Passing {
    /// The result of one test.
    pub(crate) fn test(&self, test: &Test, connection: &Connection, network: &Network<'_>) -> Found {
        match test {
            Test::Never => Found::No,
            Test::Unclear(text) => Found::Maybe(text.clone()),
            Test::Among { fields, not, any } => {
                let seen: Vec<Seen<'_>> =
                    fields.iter().map(|field| self.see(field, connection, network)).collect();
                if seen.iter().any(|one| matches!(one, Seen::NotThere)) {
                    return Found::No;
                }
                let fits = any.iter().any(|patterns| fit(&seen, patterns));
                if fits == *not { Found::No } else { Found::Yes }
            }
        }
    }

    /// The first entry that fits.
    pub(crate) fn choose<'e, T>(
        &self,
        fields: &[Field],
        entries: &'e [(Vec<Pattern>, T)],
        connection: &Connection,
        network: &Network<'_>,
    ) -> Option<&'e T> {
        let seen: Vec<Seen<'_>> = fields.iter().map(|field| self.see(field, connection, network)).collect();
        entries.iter().find(|(patterns, _)| fit(&seen, patterns)).map(|(_, entry)| entry)
    }

    fn see(&self, field: &Field, connection: &Connection, network: &Network<'_>) -> Seen<'_> {
        let ported = matches!(self.protocol, 6 | 17);
        // Before the connection is looked up, or without one, its properties are not there.
        let known = self.tracked && !connection.untracked;
        let given = |there: bool, number: u64| if there { Seen::Number(number) } else { Seen::NotThere };
        match field {
            Field::Family => Seen::Number(if self.target.is_ipv4() { 4 } else { 6 }),
            Field::Protocol => Seen::Number(u64::from(self.protocol)),
            Field::Source => Seen::Address(self.source),
            Field::Target => Seen::Address(self.target),
            Field::SourcePort => given(ported, u64::from(self.source_port)),
            Field::TargetPort => given(ported, u64::from(self.port)),
            Field::PortOf { protocol, target } => {
                let port = if *target { self.port } else { self.source_port };
                given(ported && *protocol == self.protocol, u64::from(port))
            }
            Field::Enters => Seen::Name(&self.enters),
            Field::Leaves => Seen::Name(&self.leaves),
            Field::Mark(mask) => Seen::Number(u64::from(self.mark & mask)),
            Field::ConnectionMark(mask) => given(known, u64::from(connection.mark & mask)),
            Field::State => Seen::Number(self.state(connection)),
            Field::Status => {
                let answered = self.state & state::ESTABLISHED != 0;
                let mut bits = if answered { status::SEEN_REPLY | status::CONFIRMED } else { 0 };
                bits |= if connection.new_source.is_some() { status::SNAT } else { 0 };
                bits |= if connection.new_target.is_some() { status::DNAT } else { 0 };
                given(known, bits)
            }
            Field::Direction => given(known, u64::from(self.reply)),
            Field::TcpFlags(mask) => given(self.protocol == 6, u64::from(self.flags & mask)),
            Field::Unicast => Seen::Number(u64::from(!self.target.is_multicast())),
            Field::IcmpType => given(self.protocol == 1, u64::from(self.icmp.unwrap_or_default())),
            Field::Icmp6Type => given(self.protocol == 58, u64::from(self.icmp.unwrap_or_default())),
            Field::FirstTarget if known => Seen::Address(connection.target),
            Field::FirstSource if known => Seen::Address(connection.source),
            Field::FirstTarget | Field::FirstSource => Seen::NotThere,
            Field::FirstTargetPort => given(ported && known, u64::from(connection.port)),
            Field::Kind { target, on } => {
                let address = if *target { self.target } else { self.source };
                let on = on.map(|side| match side {
                    Side::Enters => self.enters.as_str(),
                    Side::Leaves => self.leaves.as_str(),
                });
                Seen::Number(network.kind(address, on))
            }
            Field::ReversePath { loose } => {
                Seen::Number(u64::from(network.is_reverse_path(self.source, &self.enters, *loose)))
            }
        }
    }

    fn state(&self, connection: &Connection) -> u64 {
        if connection.untracked {
            return state::UNTRACKED;
        }
        if !self.tracked {
            return state::INVALID;
        }
        let source = if connection.new_source.is_some() { state::SNAT } else { 0 };
        let target = if connection.new_target.is_some() { state::DNAT } else { 0 };
        self.state | source | target
    }
}

fn fit(seen: &[Seen<'_>], patterns: &[Pattern]) -> bool {
    seen.len() == patterns.len() && seen.iter().zip(patterns).all(|(seen, pattern)| fits(seen, pattern))
}

fn fits(seen: &Seen<'_>, pattern: &Pattern) -> bool {
    match (seen, pattern) {
        (Seen::NotThere, _) => false,
        (_, Pattern::Any) => true,
        (Seen::Address(address), Pattern::Network(network, prefix)) => within(*network, *prefix, *address),
        (Seen::Address(address), Pattern::Addresses(first, last)) => {
            first.is_ipv4() == address.is_ipv4() && first <= address && address <= last
        }
        (Seen::Number(number), Pattern::Numbers(first, last)) => first <= number && number <= last,
        (Seen::Number(number), Pattern::Bits(bits)) => number & bits != 0,
        (Seen::Name(name), Pattern::Name(other)) => name == other,
        (Seen::Name(name), Pattern::Beginning(beginning)) => name.starts_with(beginning),
        (Seen::Number(_) | Seen::Address(_) | Seen::Name(_), _) => false,
    }
}
