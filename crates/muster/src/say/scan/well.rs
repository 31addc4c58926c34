//! What is as it should be, in words: one line for each part of a site. What is not known is not in it.

use muster_checks::scan::facts::{Fact, Facts, Page, Secure, WayEnd, WaySort};
use muster_checks::scan::facts_dns::AuthoritySays;
use muster_checks::scan::report::Report;
use muster_checks::scan::rules::Area;
use muster_core::time::Span;

use crate::say::count::counted;
use crate::say::lines::clean;

/// A line for each part of which something good is known.
pub(crate) fn well(report: &Report) -> Vec<(Area, String)> {
    let is_fine = |id: &str| report.findings.iter().all(|finding| finding.id != id);
    let lines = Area::ALL.into_iter().map(|area| {
        let pieces = match area {
            Area::Redirects => redirects(&report.facts, &is_fine),
            Area::Tls => tls(&report.facts, &is_fine),
            Area::Headers => headers(&report.facts, &is_fine),
            Area::Delivery => delivery(&report.facts),
            Area::Health => health(&report.facts, &is_fine),
            Area::Dns => dns(&report.facts, &is_fine),
            Area::Mail => mail(&report.facts, &is_fine),
            Area::Domain => domain(&report.facts, &is_fine),
        };
        (area, clean(&pieces.join("; ")))
    });
    lines.filter(|(_, line)| !line.is_empty()).collect()
}

/// What is neither good nor bad: parts of which there is nothing to look at, and hints that prove nothing.
pub(crate) fn not_judged(facts: &Facts) -> Vec<(Area, String)> {
    fn why<T>(area: Area, fact: &Fact<T>) -> Option<(Area, String)> {
        match fact {
            Fact::Nothing { why } => Some((area, clean(why))),
            Fact::Known(_) | Fact::Unknown { .. } => None,
        }
    }
    let all = [
        why(Area::Health, &facts.health),
        why(Area::Dns, &facts.zone),
        why(Area::Mail, &facts.mail),
        why(Area::Domain, &facts.domain),
    ];
    let no_key = facts
        .mail
        .known()
        .filter(|mail| mail.dkim.is_empty() && mail.spf.known().is_some_and(|spf| !spf.records.is_empty()));
    let no_key = no_key.map(|_| {
        (Area::Mail, "no DKIM key under the usual selectors; there may be one under another".to_owned())
    });
    all.into_iter().flatten().chain(no_key).collect()
}

type Fine<'a> = &'a dyn Fn(&str) -> bool;

fn piece(is_so: bool, words: impl Into<String>) -> Option<String> {
    is_so.then(|| words.into())
}

fn redirects(facts: &Facts, is_fine: Fine<'_>) -> Vec<String> {
    let mut pieces = Vec::new();
    for way in facts.ways.known().into_iter().flatten() {
        match (way.sort, &way.end) {
            (WaySort::Clear, WayEnd::Answered { url, .. }) if url.starts_with("https://") => {
                pieces.push("http:// leads to https://".to_owned());
            }
            (WaySort::Clear, WayEnd::Closed { .. }) => pieces.push("nobody answers by http".to_owned()),
            (WaySort::Twin, WayEnd::Answered { url, status }) if *status < 400 && is_fine("S07") => {
                pieces.push(match facts.page.known() {
                    Some(page) if page.url == *url => "with and without www it is the same".to_owned(),
                    _ => format!("the name with or without www answers too ({url})"),
                });
            }
            (WaySort::Twin, WayEnd::Nameless { .. }) if way.hops.is_empty() => {
                pieces.push("its twin with or without www has no address".to_owned());
            }
            _ => {}
        }
    }
    pieces.extend(piece(facts.path.known().is_some() && is_fine("S06"), "the path is kept"));
    pieces
}

fn tls(facts: &Facts, is_fine: Fine<'_>) -> Vec<String> {
    let Some(Secure::Open(tls)) = facts.tls.known() else { return Vec::new() };
    let mut pieces = Vec::new();
    match facts.new_tls.known().map(|new| (new.v12, new.v13)) {
        Some((true, true)) => pieces.push("1.2 and 1.3".to_owned()),
        Some((true, false)) => pieces.push("1.2".to_owned()),
        Some((false, true)) => pieces.push("1.3 alone".to_owned()),
        Some((false, false)) | None => {}
    }
    pieces.extend(piece(facts.old_tls.known().is_some() && is_fine("S20"), "1.0 and 1.1 refused"));
    if let Some(leaf) = tls.chain.first() {
        pieces.extend(piece(tls.distrust.is_none(), "trusted with what is served"));
        pieces.extend(piece(is_fine("S19"), leaf.key.clone()));
        let is_young = is_fine("S11") && is_fine("S16") && is_fine("S17");
        let (left, life) =
            (days(leaf.not_after.since(facts.at)), days(leaf.not_after.since(leaf.not_before)));
        pieces.extend(piece(is_young, format!("{left} of {life} days left")));
    }
    pieces
}

fn headers(facts: &Facts, is_fine: Fine<'_>) -> Vec<String> {
    let Some(page) = facts.page.known() else { return Vec::new() };
    let has = |name: &str| page.header(name).is_some();
    let all = [
        (has("strict-transport-security") && is_fine("S32"), "Strict-Transport-Security"),
        (has("content-security-policy"), "Content-Security-Policy"),
        ((has("x-frame-options") || has("content-security-policy")) && is_fine("S34"), "framing refused"),
        (is_fine("S35"), "nosniff"),
        (has("referrer-policy") && is_fine("S36"), "Referrer-Policy"),
        (has("permissions-policy"), "Permissions-Policy"),
        (is_fine("S38"), "no version told"),
        (has("set-cookie") && is_fine("S39") && is_fine("S40"), "cookies guarded"),
    ];
    let mut pieces: Vec<String> =
        all.into_iter().filter(|(is_so, _)| *is_so).map(|(_, words)| words.to_owned()).collect();
    if is_fine("S30") {
        pieces.insert(0, format!("it answers {}", page.status));
    }
    pieces
}

fn delivery(facts: &Facts) -> Vec<String> {
    let mut pieces = Vec::new();
    if let Some(Secure::Open(tls)) = facts.tls.known() {
        pieces.extend(piece(tls.alpn.as_deref() == Some("h2"), "HTTP/2"));
    }
    let is_told = |page: &Page| page.header("alt-svc").is_some_and(|value| value.contains("h3"));
    let by_name = facts.https_record.known().is_some_and(|records| {
        records
            .iter()
            .any(|record| record.split_whitespace().any(|word| word.contains("alpn") && word.contains("h3")))
    });
    pieces.extend(piece(facts.page.known().is_some_and(is_told) || by_name, "HTTP/3 announced"));
    if let Some(coding) = facts.page.known().and_then(|page| page.header("content-encoding")) {
        pieces.push(format!("compressed ({coding})"));
    }
    pieces
}

fn health(facts: &Facts, is_fine: Fine<'_>) -> Vec<String> {
    let is_well = ["S50", "S51", "S52", "S53"].iter().all(|id| is_fine(id));
    let known = facts.health.known().filter(|_| is_well);
    known
        .map(|health| format!("{} answers {}, and no cache shows itself", health.path, health.first.status))
        .into_iter()
        .collect()
}

fn dns(facts: &Facts, is_fine: Fine<'_>) -> Vec<String> {
    let mut pieces = Vec::new();
    let took: Vec<_> = facts.addresses.known().into_iter().flatten().collect();
    let good = took.iter().filter(|address| address.took.known() == Some(&true)).count();
    match (good, took.len()) {
        (0, _) => {}
        (1, 1) => pieces.push("its address answers".to_owned()),
        (good, all) if good == all => pieces.push(format!("all {all} addresses answer")),
        (good, all) => pieces.push(format!("{good} of {all} addresses answer")),
    }
    if let Some(zone) = facts.zone.known() {
        let answering = zone.servers.iter().filter(|server| {
            let answers = server.answers.known().map_or(&[][..], Vec::as_slice);
            answers.iter().any(|answer| matches!(answer.says, AuthoritySays::Answers { .. }))
        });
        let count = answering.count();
        let agree = if count > 1 && is_fine("S63") && is_fine("S64") { " and agree" } else { "" };
        let verb = if count == 1 { "answers" } else { "answer" };
        pieces.extend(piece(count > 0, format!("{} {verb}{agree}", counted(count, "name server"))));
        pieces.extend(piece(zone.caa.known().is_some_and(|caa| !caa.is_empty()), "CAA"));
    }
    pieces
}

fn mail(facts: &Facts, is_fine: Fine<'_>) -> Vec<String> {
    let Some(mail) = facts.mail.known() else { return Vec::new() };
    let mut pieces = Vec::new();
    match mail.exchangers.known().map(Vec::as_slice) {
        Some([]) => pieces.push("no mail server".to_owned()),
        Some([one]) if one.name == "." => pieces.push("takes no mail, and says so".to_owned()),
        Some(all) if is_fine("S70") => {
            pieces.push(format!("{} with an address", counted(all.len(), "mail server")))
        }
        Some(_) | None => {}
    }
    if let Some(spf) = mail.spf.known().filter(|spf| !spf.records.is_empty())
        && ["S71", "S72", "S73"].iter().all(|id| is_fine(id))
    {
        let all = spf.all.as_deref().map_or_else(String::new, |all| format!(" {all}"));
        pieces.push(format!("SPF{all}, {} of 10", counted(spf.lookups, "lookup")));
    }
    let has_dmarc = mail.dmarc.known().is_some_and(|records| !records.is_empty());
    pieces.extend(piece(has_dmarc && is_fine("S76") && is_fine("S77"), "DMARC"));
    pieces.extend(piece(!mail.dkim.is_empty(), format!("DKIM ({})", mail.dkim.join(", "))));
    pieces
}

fn domain(facts: &Facts, is_fine: Fine<'_>) -> Vec<String> {
    let known = facts.domain.known().filter(|_| is_fine("S80") && is_fine("S81"));
    known
        .map(|domain| {
            format!("{} is registered for {} more days", domain.name, days(domain.expires.since(facts.at)))
        })
        .into_iter()
        .collect()
}

fn days(span: Span) -> u64 {
    span.as_millis() / Span::days(1).as_millis()
}
