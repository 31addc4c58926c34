//! What came back: read with suspicion, because anybody can send a packet.

use std::time::Duration;

use domain::base::iana::{Class, Rtype};
use domain::base::{Message, Name, ParseRecordData, ParsedName, ParsedRecord, ToName};
use domain::rdata::{A, Aaaa, Caa, Cname, Https, Mx, Ns, Ptr, Soa, Srv, Txt};

use super::question::{Question, RecordType};

/// Records of one answer that are looked at; an answer with more is refused.
const RECORD_LIMIT: usize = 512;
/// Aliases that are followed within one answer.
const ALIAS_LIMIT: usize = 16;

/// The answer to one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// How the server says that it went.
    pub code: Code,
    /// The records of the type that was asked for, behind all aliases.
    pub records: Vec<Record>,
    /// The aliases (CNAME) that lead there, in order; empty where a CNAME was asked for.
    pub aliases: Vec<String>,
    /// The server answers for the zone itself.
    pub authoritative: bool,
    /// It did not fit into a UDP packet and was fetched over TCP.
    pub over_tcp: bool,
    /// From the first packet to the whole answer.
    pub took: Duration,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its value in one line: names in lower case without a dot at the end, the texts of a TXT joined, the fields of
    /// the others separated by one space as in a zone file.
    pub text: String,
    /// How long it may be remembered.
    pub ttl: Duration,
}

/// How a server says that it went (RFC 1035, 4.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub u8);

impl Code {
    /// The name exists; whether it has records of that type is another question.
    pub const NO_ERROR: Self = Self(0);
    /// There is no such name.
    pub const NO_NAME: Self = Self(3);

    /// Its name in the registry.
    pub fn word(self) -> String {
        match self.0 {
            0 => "NOERROR".into(),
            1 => "FORMERR".into(),
            2 => "SERVFAIL".into(),
            3 => "NXDOMAIN".into(),
            4 => "NOTIMP".into(),
            5 => "REFUSED".into(),
            other => format!("RCODE{other}"),
        }
    }
}

/// Why a packet is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It belongs to another question, or is none of an answer: whoever waits goes on waiting.
    Foreign,
    /// It is the answer, and cannot be read.
    Garbled(String),
    /// It is the answer, and was cut off to fit.
    Truncated,
}

fn garbled(error: impl std::fmt::Display) -> Unfit {
    Unfit::Garbled(error.to_string())
}

/// Reads a packet as the answer to a question that was asked with this number.
pub(super) fn read(packet: &[u8], id: u16, question: &Question) -> Result<Reply, Unfit> {
    let message = Message::from_octets(packet).map_err(|_| Unfit::Foreign)?;
    let header = message.header();
    if header.id() != id || !header.qr() || header.opcode().to_int() != 0 {
        return Err(Unfit::Foreign);
    }
    let code = Code(header.rcode().to_int());
    match message.header_counts().qdcount() {
        // A server that could not read the question has nothing to repeat.
        0 if code != Code::NO_ERROR => {}
        1 => {
            let asked = message.sole_question().map_err(|_| Unfit::Foreign)?;
            let is_ours = asked.qtype() == question.record.code()
                && asked.qclass() == Class::IN
                && asked.qname().name_eq(&question.name);
            if !is_ours {
                return Err(Unfit::Foreign);
            }
        }
        _ => return Err(Unfit::Foreign),
    }
    if header.tc() {
        return Err(Unfit::Truncated);
    }
    let mut reply = Reply {
        code,
        records: Vec::new(),
        aliases: Vec::new(),
        authoritative: header.aa(),
        over_tcp: false,
        took: Duration::ZERO,
    };
    let records: Vec<ParsedRecord<'_, &[u8]>> = message
        .answer()
        .map_err(garbled)?
        .take(RECORD_LIMIT + 1)
        .collect::<Result<_, _>>()
        .map_err(garbled)?;
    if records.len() > RECORD_LIMIT {
        return Err(Unfit::Garbled(format!("it has more than {RECORD_LIMIT} records")));
    }
    let owner = follow(&records, question, &mut reply.aliases)?;
    for record in of_type(&records, question.record.code()) {
        if record.owner().name_eq(&owner) {
            let ttl = Duration::from_secs(u64::from(record.ttl().as_secs()));
            reply.records.push(Record { text: text_of(record, question.record)?, ttl });
        }
    }
    Ok(reply)
}

fn of_type<'r, 'a>(
    records: &'r [ParsedRecord<'a, &'a [u8]>],
    code: Rtype,
) -> impl Iterator<Item = &'r ParsedRecord<'a, &'a [u8]>> {
    records.iter().filter(move |record| record.rtype() == code && record.class() == Class::IN)
}

/// The name behind all aliases of the answer. A record that no alias leads to is nobody's business.
fn follow(
    records: &[ParsedRecord<'_, &[u8]>],
    question: &Question,
    aliases: &mut Vec<String>,
) -> Result<Name<Vec<u8>>, Unfit> {
    let mut owner = question.name.clone();
    if question.record == RecordType::Cname {
        return Ok(owner);
    }
    loop {
        let mut found = of_type(records, Rtype::CNAME).filter(|record| record.owner().name_eq(&owner));
        let Some(record) = found.next() else { return Ok(owner) };
        if aliases.len() == ALIAS_LIMIT {
            return Err(Unfit::Garbled(format!("more than {ALIAS_LIMIT} aliases lead on from each other")));
        }
        let alias: Cname<ParsedName<_>> = data(record)?;
        aliases.push(name(alias.cname()));
        owner = alias.cname().to_name();
    }
}

fn data<'a, D>(record: &ParsedRecord<'a, &'a [u8]>) -> Result<D, Unfit>
where
    D: ParseRecordData<'a, &'a [u8]>,
{
    match record.to_record::<D>() {
        Ok(Some(record)) => Ok(record.into_data()),
        Ok(None) => Err(Unfit::Garbled("a record is of another type than it says".into())),
        Err(error) => Err(garbled(error)),
    }
}

type Parsed<'a> = ParsedName<&'a [u8]>;

fn text_of(record: &ParsedRecord<'_, &[u8]>, wanted: RecordType) -> Result<String, Unfit> {
    Ok(match wanted {
        RecordType::A => data::<A>(record)?.addr().to_string(),
        RecordType::Aaaa => data::<Aaaa>(record)?.addr().to_string(),
        RecordType::Cname => name(data::<Cname<Parsed<'_>>>(record)?.cname()),
        RecordType::Ns => name(data::<Ns<Parsed<'_>>>(record)?.nsdname()),
        RecordType::Ptr => name(data::<Ptr<Parsed<'_>>>(record)?.ptrdname()),
        RecordType::Mx => {
            let mx = data::<Mx<Parsed<'_>>>(record)?;
            format!("{} {}", mx.preference(), name(mx.exchange()))
        }
        RecordType::Srv => {
            let srv = data::<Srv<Parsed<'_>>>(record)?;
            format!("{} {} {} {}", srv.priority(), srv.weight(), srv.port(), name(srv.target()))
        }
        RecordType::Soa => {
            let soa = data::<Soa<Parsed<'_>>>(record)?;
            let times = [soa.refresh(), soa.retry(), soa.expire(), soa.minimum()];
            let times: Vec<String> = times.iter().map(|ttl| ttl.as_secs().to_string()).collect();
            let serial = soa.serial().into_int();
            format!("{} {} {serial} {}", name(soa.mname()), name(soa.rname()), times.join(" "))
        }
        RecordType::Txt => {
            let txt = data::<Txt<&[u8]>>(record)?;
            visible(&txt.iter().collect::<Vec<_>>().concat())
        }
        RecordType::Https => {
            let https = data::<Https<&[u8], Parsed<'_>>>(record)?;
            let parameters = visible(https.params().to_string().trim().as_bytes());
            format!("{} {} {parameters}", https.priority(), name(https.target())).trim_end().to_owned()
        }
        RecordType::Caa => {
            let caa = data::<Caa<&[u8]>>(record)?;
            format!("{} {} \"{}\"", caa.flags().bits(), caa.tag(), visible(caa.value()))
        }
    })
}

/// In lower case and without the last dot; the root is a dot.
fn name(name: &Parsed<'_>) -> String {
    let text = name.to_string().to_ascii_lowercase();
    if text.is_empty() { ".".into() } else { text }
}

/// Text of strangers, without control characters.
fn visible(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}
