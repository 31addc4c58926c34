//! A name becomes addresses, by servers of one's choice: the way a container's names are seen.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::time::Instant;

use super::client::{DnsError, ask};
use super::question::{Question, RecordType};
use super::reply::Code;

/// The addresses of a name, those of the given types. An address is its own; the servers are asked in turn until one of
/// them knows, the time divided among them. IPv4 comes first, because what is asked for by a server's address is
/// mostly a container without IPv6.
///
/// # Errors
/// [`DnsError::NoAddress`] with what each server said.
pub async fn resolve(
    servers: &[SocketAddr],
    name: &str,
    types: &[RecordType],
    limit: Duration,
) -> Result<Vec<IpAddr>, DnsError> {
    let fail = |why: String| DnsError::NoAddress { name: name.to_owned(), why };
    if let Some(own) = own_addresses(name) {
        let fits = |address: &IpAddr| types.contains(&type_of(*address));
        let own: Vec<IpAddr> = own.into_iter().filter(fits).collect();
        return if own.is_empty() { Err(fail("it is of another family".into())) } else { Ok(own) };
    }
    let end = Instant::now() + limit;
    let mut words = Vec::new();
    for (at, server) in servers.iter().enumerate() {
        let left = end.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(servers.len() - at).unwrap_or(u32::MAX);
        match from_one(*server, name, types, share).await {
            Ok(addresses) => return Ok(addresses),
            // That is what the name service says; another server would be another opinion.
            Err(Refusal::Final(why)) => return Err(fail(why)),
            Err(Refusal::Broken(why)) => words.push(why),
        }
    }
    Err(fail(if words.is_empty() { "there is no server to ask".into() } else { words.join("; ") }))
}

/// Why one server gave no address.
enum Refusal {
    /// There is none.
    Final(String),
    /// It could not say.
    Broken(String),
}

async fn from_one(
    server: SocketAddr,
    name: &str,
    types: &[RecordType],
    limit: Duration,
) -> Result<Vec<IpAddr>, Refusal> {
    let one = |record: RecordType| async move {
        if !types.contains(&record) {
            return Ok(None);
        }
        let question = Question::new(name, record).map_err(Refusal::Final)?;
        let reply = ask(server, &question, limit).await;
        reply.map(Some).map_err(|error| Refusal::Broken(error.to_string()))
    };
    let (old, new) = tokio::join!(one(RecordType::A), one(RecordType::Aaaa));
    let mut addresses: Vec<IpAddr> = Vec::new();
    let mut refusal = None;
    for asked in [old, new] {
        match asked {
            Ok(None) => {}
            Ok(Some(reply)) if reply.code == Code::NO_ERROR => {
                addresses
                    .extend(reply.records.iter().filter_map(|record| record.text.parse::<IpAddr>().ok()));
            }
            Ok(Some(reply)) if reply.code == Code::NO_NAME => {
                refusal.get_or_insert(Refusal::Final(format!("{server} says NXDOMAIN")));
            }
            Ok(Some(reply)) => {
                refusal = Some(Refusal::Broken(format!("{server} says {}", reply.code.word())))
            }
            Err(broken) => refusal = Some(broken),
        }
    }
    match (addresses.is_empty(), refusal) {
        (false, _) => Ok(addresses),
        (true, Some(refusal)) => Err(refusal),
        (true, None) => Err(Refusal::Final(format!("{server} knows the name and no address of it"))),
    }
}

fn type_of(address: IpAddr) -> RecordType {
    if address.is_ipv4() { RecordType::A } else { RecordType::Aaaa }
}

/// What is not asked for: addresses, and the names that never leave the host (RFC 6761, 6.3).
fn own_addresses(name: &str) -> Option<Vec<IpAddr>> {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    if let Ok(address) = name.trim_matches(['[', ']']).parse() {
        return Some(vec![address]);
    }
    (name == "localhost" || name.ends_with(".localhost"))
        .then(|| vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)])
}
