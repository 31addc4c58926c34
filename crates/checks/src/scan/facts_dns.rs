//! What was seen of a site's name service and of its mail records, as data.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::facts::Fact;

/// A zone and those who answer for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    /// Its name.
    pub name: String,
    /// The name servers that it names, each with all of its addresses.
    pub servers: Vec<NameServer>,
    /// Who may sign certificates for the host (CAA), as the nearest name says that has any; empty where nobody is named.
    pub caa: Fact<Vec<String>>,
}

/// One name server of a zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameServer {
    /// Its name.
    pub name: String,
    /// What each of its addresses says; nobody is there where its name has none.
    pub answers: Fact<Vec<Authority>>,
}

/// What one address of a name server says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authority {
    /// The address.
    pub ip: IpAddr,
    /// What it says.
    pub says: AuthoritySays,
}

/// What a name server says of the zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthoritySays {
    /// It answers for the zone.
    Answers {
        /// The serial number of the zone.
        serial: u32,
        /// The addresses of the host, sorted; none where it did not say.
        addresses: Option<Vec<IpAddr>>,
    },
    /// It answers, and not for this zone: it is lame.
    Lame {
        /// In which way.
        why: String,
    },
    /// It does not answer.
    Silent {
        /// The system's words, or how long it was waited for.
        why: String,
    },
    /// Nobody could ask it from here: this host has no way to addresses of its family.
    Unseen {
        /// Why.
        why: String,
    },
}

/// The mail records of a zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// The domain.
    pub domain: String,
    /// Who takes its mail; empty where nobody is named.
    pub exchangers: Fact<Vec<Exchanger>>,
    /// Who may send in its name.
    pub spf: Fact<Spf>,
    /// What becomes of mail that fails: the DMARC records, all of them.
    pub dmarc: Fact<Vec<String>>,
    /// The selectors of the common ones under which a DKIM key was found; that there is none proves nothing.
    pub dkim: Vec<String>,
}

/// One MX record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchanger {
    /// Lower goes first.
    pub preference: u16,
    /// Its name; a dot says that no mail is taken (RFC 7505).
    pub name: String,
    /// How many addresses the name has.
    pub addresses: Fact<usize>,
}

/// What became of reading SPF (RFC 7208).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spf {
    /// The records of the domain; there may be one at most.
    pub records: Vec<String>,
    /// The last word for everybody else: `-all`, `~all`, `?all`, `+all`; none where it is not said.
    pub all: Option<String>,
    /// How often a receiver has to ask the name service for it, `include` and `redirect` followed.
    pub lookups: usize,
    /// What cannot be read, or leads nowhere.
    pub mistakes: Vec<String>,
    /// What could not be asked for while counting, so that there may be more lookups.
    pub unseen: Vec<String>,
}
