//! Zone, name servers, addresses.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::future::join_all;
use muster_net::dns::question::{Question, RecordType};
use muster_net::dns::reply::Code;
use muster_net::dns::servers::PORT;
use muster_net::error::NetError;
use tokio::join;
use tokio::time::Instant;

use super::session::Session;
use crate::scan::facts::{Address, Fact};
use crate::scan::facts_dns::{Authority, AuthoritySays, NameServer, Zone};

/// The most name servers of a zone, and the most addresses of each, that are asked.
const SERVERS: usize = 13;
const ADDRESSES: usize = 4;
/// How long an address is waited for.
const CONNECT: Duration = Duration::from_secs(4);

/// The name of the zone that the host is in: the nearest name above it that has name servers.
pub(super) async fn zone_of(session: &Session<'_>, until: Instant) -> Fact<String> {
    let host = session.host().trim_end_matches('.').to_ascii_lowercase();
    if host.parse::<IpAddr>().is_ok() {
        return Fact::nothing("an address has no zone");
    }
    if !host.contains('.') || host.ends_with(".localhost") {
        return Fact::nothing("the name is no part of the public name service");
    }
    let mut name = host.as_str();
    loop {
        match session.records(name, RecordType::Ns, until).await {
            Ok(servers) if !servers.is_empty() => return Fact::Known(name.to_owned()),
            Ok(_) => {}
            Err(why) => return Fact::Unknown { why },
        }
        match name.split_once('.') {
            Some((_, above)) if above.contains('.') => name = above,
            _ => return Fact::unknown(format!("no name servers were found for {host}")),
        }
    }
}

/// The zone, and what each of its servers says.
pub(super) async fn zone(session: &Session<'_>, zone: &Fact<String>, until: Instant) -> Fact<Zone> {
    let name = match zone {
        Fact::Known(name) => name.clone(),
        Fact::Unknown { why } => return Fact::unknown(why.clone()),
        Fact::Nothing { why } => return Fact::nothing(why.clone()),
    };
    let mut servers = match session.records(&name, RecordType::Ns, until).await {
        Ok(servers) => servers,
        Err(why) => return Fact::Unknown { why },
    };
    servers.sort();
    servers.dedup();
    servers.truncate(SERVERS);
    let asked = join_all(servers.into_iter().map(|server| name_server(session, &name, server, until)));
    let (servers, caa) = join!(asked, caa(session, until));
    Fact::Known(Zone { name, servers, caa })
}

async fn name_server(session: &Session<'_>, zone: &str, name: String, until: Instant) -> NameServer {
    let answers = match server_addresses(session, &name, until).await {
        Ok(addresses) => Fact::Known(
            join_all(addresses.into_iter().map(|address| authority(session, zone, address, until))).await,
        ),
        Err(why) => Fact::Unknown { why },
    };
    NameServer { name, answers }
}

async fn server_addresses(
    session: &Session<'_>,
    name: &str,
    until: Instant,
) -> Result<Vec<SocketAddr>, String> {
    match session.addresses(name, PORT, until).await {
        Ok(mut addresses) => {
            addresses.truncate(ADDRESSES);
            Ok(addresses)
        }
        // Whether there is none, or nobody could say, is told by asking again in so many words.
        Err(NetError::Dns { .. }) => {
            let (old, new) = join!(
                session.records(name, RecordType::A, until),
                session.records(name, RecordType::Aaaa, until)
            );
            let all = [old?, new?].concat();
            let parsed = all.iter().filter_map(|text| text.parse::<IpAddr>().ok());
            Ok(parsed.map(|ip| SocketAddr::new(ip, PORT)).collect())
        }
        Err(error) => Err(error.to_string()),
    }
}

async fn authority(session: &Session<'_>, zone: &str, address: SocketAddr, until: Instant) -> Authority {
    let host = session.host();
    let soa = asked(session, address, zone, RecordType::Soa, until);
    let (soa, old, new) = join!(
        soa,
        asked(session, address, host, RecordType::A, until),
        asked(session, address, host, RecordType::Aaaa, until)
    );
    let says = match soa {
        Err(why) if is_blind(&why) => AuthoritySays::Unseen { why },
        Err(why) => AuthoritySays::Silent { why },
        Ok((code, _, _)) if code != Code::NO_ERROR => {
            AuthoritySays::Lame { why: format!("it says {} for {zone}", code.word()) }
        }
        Ok((_, false, _)) => AuthoritySays::Lame { why: format!("it is no authority for {zone}") },
        Ok((_, true, records)) => match serial(&records) {
            Some(serial) => AuthoritySays::Answers { serial, addresses: together(old, new) },
            None => AuthoritySays::Lame { why: format!("it has no SOA record of {zone}") },
        },
    };
    Authority { ip: address.ip(), says }
}

type Said = Result<(Code, bool, Vec<String>), String>;

async fn asked(
    session: &Session<'_>,
    server: SocketAddr,
    name: &str,
    record: RecordType,
    until: Instant,
) -> Said {
    let question = Question::new(name, record)?;
    let reply = session.ask(server, &question, until).await?;
    let records = reply.records.into_iter().map(|record| record.text).collect();
    Ok((reply.code, reply.authoritative, records))
}

fn serial(records: &[String]) -> Option<u32> {
    records.first()?.split(' ').nth(2)?.parse().ok()
}

/// Both families, sorted; none unless both were said by the authority itself.
fn together(old: Said, new: Said) -> Option<Vec<IpAddr>> {
    let mut all = Vec::new();
    for said in [old, new] {
        let (code, authoritative, records) = said.ok()?;
        if !authoritative || !matches!(code, Code::NO_ERROR | Code::NO_NAME) {
            return None;
        }
        all.extend(records.iter().filter_map(|text| text.parse::<IpAddr>().ok()));
    }
    all.sort();
    Some(all)
}

/// Each address of the host, and whether it takes connections.
pub(super) async fn addresses(session: &Session<'_>, until: Instant) -> Fact<Vec<Address>> {
    let port = session.wanted.url.endpoint.port;
    let all = match session.addresses(session.host(), port, until).await {
        Ok(all) => all,
        Err(error) => return Fact::unknown(error.to_string()),
    };
    let until = until.min(Instant::now() + CONNECT);
    let one = |address: SocketAddr| async move {
        let ip = address.ip();
        match session.dial_address(address, until).await {
            Ok(_) => Address { ip, took: Fact::Known(true), why: None },
            Err(error @ (NetError::Connect { .. } | NetError::Silent { .. })) => {
                Address { ip, took: Fact::Known(false), why: Some(error.to_string()) }
            }
            Err(error) => Address { ip, took: Fact::unknown(error.to_string()), why: None },
        }
    };
    Fact::Known(join_all(all.into_iter().map(one)).await)
}

/// The HTTPS record of the host.
pub(super) async fn https_record(session: &Session<'_>, until: Instant) -> Fact<Vec<String>> {
    if session.host().parse::<IpAddr>().is_ok() || !session.host().contains('.') {
        return Fact::nothing("it has no name in the public name service");
    }
    session.fact(session.host(), RecordType::Https, until).await
}

/// The CAA records that count: those of the nearest name upwards that has any (RFC 8659, 3).
async fn caa(session: &Session<'_>, until: Instant) -> Fact<Vec<String>> {
    let mut name = session.host().trim_end_matches('.');
    loop {
        match session.records(name, RecordType::Caa, until).await {
            Ok(records) if records.is_empty() => {}
            Ok(records) => return Fact::Known(records),
            Err(why) => return Fact::Unknown { why },
        }
        match name.split_once('.') {
            Some((_, above)) if above.contains('.') => name = above,
            _ => return Fact::Known(Vec::new()),
        }
    }
}

/// This host has no way to it, so that nothing is known of the other side.
fn is_blind(why: &str) -> bool {
    ["unreachable", "No route to host", "assign requested address"].iter().any(|words| why.contains(words))
}
