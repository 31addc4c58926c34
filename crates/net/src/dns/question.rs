//! A name and the type of record that is asked for.

use std::net::IpAddr;
use std::str::FromStr;

use domain::base::iana::Rtype;
use domain::base::{MessageBuilder, Name};

/// The types of record that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordType {
    /// An IPv4 address (RFC 1035).
    A,
    /// An IPv6 address (RFC 3596).
    Aaaa,
    /// Who may sign certificates (RFC 8659).
    Caa,
    /// Another name for the same (RFC 1035).
    Cname,
    /// How a web server is reached (RFC 9460).
    Https,
    /// Who takes the mail (RFC 1035).
    Mx,
    /// Who answers for a zone (RFC 1035).
    Ns,
    /// The name of an address (RFC 1035).
    Ptr,
    /// The start of a zone (RFC 1035).
    Soa,
    /// Where a service is (RFC 2782).
    Srv,
    /// Free text (RFC 1035).
    Txt,
}

impl RecordType {
    /// All of them, in the order of the alphabet.
    pub const ALL: [Self; 11] = [
        Self::A,
        Self::Aaaa,
        Self::Caa,
        Self::Cname,
        Self::Https,
        Self::Mx,
        Self::Ns,
        Self::Ptr,
        Self::Soa,
        Self::Srv,
        Self::Txt,
    ];

    /// Its name in the registry.
    pub const fn word(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Caa => "CAA",
            Self::Cname => "CNAME",
            Self::Https => "HTTPS",
            Self::Mx => "MX",
            Self::Ns => "NS",
            Self::Ptr => "PTR",
            Self::Soa => "SOA",
            Self::Srv => "SRV",
            Self::Txt => "TXT",
        }
    }

    /// The type of that name.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|record| record.word() == word)
    }

    pub(super) fn code(self) -> Rtype {
        match self {
            Self::A => Rtype::A,
            Self::Aaaa => Rtype::AAAA,
            Self::Caa => Rtype::CAA,
            Self::Cname => Rtype::CNAME,
            Self::Https => Rtype::HTTPS,
            Self::Mx => Rtype::MX,
            Self::Ns => Rtype::NS,
            Self::Ptr => Rtype::PTR,
            Self::Soa => Rtype::SOA,
            Self::Srv => Rtype::SRV,
            Self::Txt => Rtype::TXT,
        }
    }
}

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub(super) name: Name<Vec<u8>>,
    pub(super) record: RecordType,
}

impl Question {
    /// Asks for the records of one type that a name has. The name counts as complete, with or without a dot at its end;
    /// an address stands for its name under `in-addr.arpa` or `ip6.arpa` where a PTR record is asked for.
    ///
    /// # Errors
    /// In words, when this cannot be a name.
    pub fn new(name: &str, record: RecordType) -> Result<Self, String> {
        let address = name.parse::<IpAddr>().ok().filter(|_| record == RecordType::Ptr);
        let name = address.map_or_else(|| name.to_owned(), reverse);
        if !name.is_ascii() {
            return Err("a name is asked for in ASCII: write the form that begins with xn--".into());
        }
        let name = Name::from_str(&name).map_err(|error| error.to_string())?;
        Ok(Self { name, record })
    }

    /// The name, without a dot at its end.
    pub fn name(&self) -> String {
        self.name.to_string()
    }

    /// What is asked for.
    pub fn record(&self) -> RecordType {
        self.record
    }

    /// The packet that asks it, recursion desired.
    pub(super) fn packet(&self, id: u16) -> Result<Vec<u8>, String> {
        let mut message = MessageBuilder::new_vec();
        message.header_mut().set_id(id);
        message.header_mut().set_rd(true);
        let mut message = message.question();
        message.push((&self.name, self.record.code())).map_err(|error| error.to_string())?;
        Ok(message.finish())
    }
}

/// The name of an address (RFC 1035, 3.5; RFC 3596, 2.5).
fn reverse(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(address) => {
            let nibbles = address.octets().into_iter().rev().flat_map(|byte| [byte & 15, byte >> 4]);
            nibbles.map(|nibble| format!("{nibble:x}.")).collect::<String>() + "ip6.arpa"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_found_by_its_word() {
        for record in RecordType::ALL {
            assert_eq!(RecordType::named(record.word()), Some(record));
        }
        assert_eq!(RecordType::named("a"), None);
    }

    #[test]
    fn an_address_is_asked_for_by_its_reverse_name() {
        for (address, name) in [
            ("192.0.2.7", "7.2.0.192.in-addr.arpa"),
            ("2001:db8::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"),
        ] {
            assert_eq!(Question::new(address, RecordType::Ptr).expect("a question").name(), name);
        }
    }

    #[test]
    fn what_cannot_be_a_name_is_refused() {
        let long = "a".repeat(64);
        for name in [long.as_str(), "a..b", "bücher.example", &"a.".repeat(200)] {
            assert!(Question::new(name, RecordType::A).is_err(), "{name}");
        }
        for name in ["example.com", "example.com.", "_dmarc.example.com", "."] {
            assert!(Question::new(name, RecordType::A).is_ok(), "{name}");
        }
    }
}
