//! What SPF says (RFC 7208), `include` and `redirect` followed, lookups counted.

use std::net::{Ipv4Addr, Ipv6Addr};

use muster_net::dns::question::RecordType;
use tokio::time::Instant;

use super::session::Session;
use crate::scan::facts::Fact;
use crate::scan::facts_dns::Spf;

/// The most records that are followed: a receiver has given up long before.
const FOLLOWED: usize = 20;

/// One record, read.
#[derive(Debug, Default, PartialEq, Eq)]
struct Record {
    all: Option<String>,
    lookups: usize,
    /// Names that are read as well.
    includes: Vec<String>,
    redirect: Option<String>,
    mistakes: Vec<String>,
}

/// Reads the SPF of a domain.
pub(super) async fn read(session: &Session<'_>, domain: &str, until: Instant) -> Fact<Spf> {
    let records = match records(session, domain, until).await {
        Ok(records) => records,
        Err(why) => return Fact::Unknown { why },
    };
    let mut spf = Spf { records, all: None, lookups: 0, mistakes: Vec::new(), unseen: Vec::new() };
    let Some(first) = spf.records.first() else { return Fact::Known(spf) };
    let first = parse(first);
    spf.all = first.all.clone();
    // A name, and whether its last word counts for the domain itself.
    let mut ahead: Vec<(String, bool)> = Vec::new();
    take(&mut spf, first, true, &mut ahead);
    let mut followed: Vec<String> = vec![domain.to_ascii_lowercase()];
    while let Some((name, is_last)) = ahead.pop() {
        if followed.len() == FOLLOWED {
            spf.unseen.push(format!("more than {FOLLOWED} records are included"));
            break;
        }
        if name.contains('%') {
            continue;
        }
        if followed.contains(&name) {
            spf.mistakes.push(format!("{name} is included by itself or twice"));
            continue;
        }
        followed.push(name.clone());
        match self::records(session, &name, until).await {
            Ok(found) => match found.as_slice() {
                [] => spf.mistakes.push(format!("{name} is included and has no SPF record")),
                [one] => {
                    let record = parse(one);
                    if is_last {
                        spf.all = record.all.clone();
                    }
                    take(&mut spf, record, is_last, &mut ahead);
                }
                several => spf.mistakes.push(format!("{name} has {} SPF records", several.len())),
            },
            Err(why) => spf.unseen.push(why),
        }
    }
    Fact::Known(spf)
}

fn take(spf: &mut Spf, record: Record, is_last: bool, ahead: &mut Vec<(String, bool)>) {
    spf.lookups += record.lookups;
    spf.mistakes.extend(record.mistakes);
    ahead.extend(record.includes.into_iter().map(|name| (name, false)));
    ahead.extend(record.redirect.map(|name| (name, is_last)));
}

async fn records(session: &Session<'_>, name: &str, until: Instant) -> Result<Vec<String>, String> {
    let texts = session.records(name, RecordType::Txt, until).await?;
    let is_spf = |text: &String| {
        let lower = text.to_ascii_lowercase();
        lower == "v=spf1" || lower.starts_with("v=spf1 ")
    };
    Ok(texts.into_iter().filter(is_spf).collect())
}

/// Reads one record that begins with `v=spf1`.
fn parse(text: &str) -> Record {
    let mut record = Record::default();
    for term in text.split_ascii_whitespace().skip(1) {
        let lower = term.to_ascii_lowercase();
        if let Some(name) = lower.strip_prefix("redirect=") {
            record.redirect = Some(name.to_owned());
            continue;
        }
        let (qualifier, mechanism) = match lower.strip_prefix(['+', '-', '~', '?']) {
            Some(rest) => (lower.get(..1).unwrap_or("+"), rest),
            None => ("+", lower.as_str()),
        };
        let (name, argument) = match mechanism.find([':', '/']) {
            Some(at) => (&mechanism[..at], Some(mechanism[at..].trim_start_matches(':'))),
            None => (mechanism, None),
        };
        match (name, argument) {
            ("all", None) => {
                record.all.get_or_insert(format!("{qualifier}all"));
            }
            ("include", Some(domain)) if !domain.is_empty() => {
                record.lookups += 1;
                record.includes.push(domain.to_owned());
            }
            ("exists", Some(domain)) if !domain.is_empty() => record.lookups += 1,
            ("a" | "mx" | "ptr", _) => record.lookups += 1,
            ("ip4", Some(range)) if is_range::<Ipv4Addr>(range, 32) => {}
            ("ip6", Some(range)) if is_range::<Ipv6Addr>(range, 128) => {}
            // An unknown modifier is passed over (RFC 7208, 6), an unknown mechanism is not.
            _ if qualifier == "+" && is_modifier(&lower) => {}
            _ => record.mistakes.push(format!("{term:?} is nothing that SPF knows")),
        }
    }
    if record.all.is_some() {
        record.redirect = None;
    }
    record.lookups += usize::from(record.redirect.is_some());
    record
}

fn is_range<T: std::str::FromStr>(text: &str, bits: u8) -> bool {
    let (address, length) =
        text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let fits = |length: &str| length.parse::<u8>().is_ok_and(|length| length <= bits);
    address.parse::<T>().is_ok() && length.is_none_or(fits)
}

fn is_modifier(term: &str) -> bool {
    term.split_once('=').is_some_and(|(name, _)| {
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookups_are_counted_and_the_last_word_is_kept() {
        for (text, lookups, all, includes, redirect) in [
            ("v=spf1 -all", 0, Some("-all"), vec![], None),
            ("v=spf1 a mx/24 ptr exists:%{i}.x -ALL", 4, Some("-all"), vec![], None),
            ("v=spf1 ip4:192.0.2.0/28 ip6:2001:db8::/32 all", 0, Some("+all"), vec![], None),
            ("v=spf1 include:a.example ~all redirect=b.example", 1, Some("~all"), vec!["a.example"], None),
            ("v=spf1 a:x.example redirect=b.example exp=c.example", 2, None, vec![], Some("b.example")),
        ] {
            let record = parse(text);
            assert_eq!((record.lookups, record.all.as_deref()), (lookups, all), "{text}");
            assert_eq!(
                (record.includes, record.redirect.as_deref()),
                (includes.iter().map(|name| (*name).to_owned()).collect(), redirect)
            );
            assert_eq!(record.mistakes, [""; 0], "{text}");
        }
    }

    #[test]
    fn what_spf_does_not_know_is_a_mistake() {
        for text in [
            "ipv4:192.0.2.1",
            "ip4:192.0.2",
            "ip4:192.0.2.0/33",
            "ip6:192.0.2.1",
            "include:",
            "+x=1",
            "mx1",
            "all:x",
        ] {
            assert_eq!(parse(&format!("v=spf1 {text} -all")).mistakes.len(), 1, "{text}");
        }
    }
}
