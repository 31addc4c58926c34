//! Asks a registry through RDAP, and finds out which one (RFC 9224).

use std::path::PathBuf;

use muster_core::time::Timestamp;
use muster_net::exchange::{Answer, Ask, Http, Method, ask as exchange};
use muster_net::inspect::Offer;
use muster_net::reach::Family;
use muster_net::url::Url;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::contact::{connect, give_up, secure};
use crate::probe::{Miss, Scene};

/// Where IANA lists the registries.
const BOOTSTRAP: &str = "https://data.iana.org/rdap/dns.json";
/// A few of them, for when that list cannot be had.
const KNOWN: &[(&str, &str)] = &[
    ("com", "https://rdap.verisign.com/com/v1/"),
    ("net", "https://rdap.verisign.com/net/v1/"),
    ("org", "https://rdap.publicinterestregistry.org/rdap/"),
    ("info", "https://rdap.identitydigital.services/rdap/"),
    ("io", "https://rdap.identitydigital.services/rdap/"),
    ("dev", "https://pubapi.registry.google/rdap/"),
    ("app", "https://pubapi.registry.google/rdap/"),
    ("fr", "https://rdap.nic.fr/"),
    ("uk", "https://rdap.nominet.uk/uk/"),
];
/// Longest answer of a registry, and of IANA, in bytes.
const LIMIT: usize = 1 << 20;
/// The most redirects that are followed.
const REDIRECTS: usize = 3;

/// What a registry says about a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Registered {
    pub(super) expires: Option<Timestamp>,
    pub(super) status: Vec<String>,
    pub(super) nameservers: Vec<String>,
    pub(super) registrar: Option<String>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failed {
    /// The registry knows no such domain.
    Unknown,
    /// It could not be asked, or does not speak RDAP.
    NoAnswer(String),
}

/// Asks for a domain, at that server or at the one that IANA names.
pub(super) async fn ask(
    scene: &Scene,
    name: &str,
    rdap: Option<&Url>,
    ca: Option<&PathBuf>,
) -> Result<Registered, Failed> {
    let until = give_up(scene);
    let base = match rdap {
        Some(url) => url.clone(),
        None => base_of(scene, name, until).await?,
    };
    let text = format!("{}{}/domain/{name}", base.origin(), base.path_and_query().trim_end_matches('/'));
    let url = Url::parse(&text).map_err(|error| Failed::NoAnswer(error.to_string()))?;
    let tree = get(scene, url, ca, until).await?;
    understand(&tree, name)
}

/// The server for the last label of a name.
async fn base_of(scene: &Scene, name: &str, until: Instant) -> Result<Url, Failed> {
    let label = name.rsplit('.').next().unwrap_or(name);
    // Half of the time, so that the embedded list still has its turn.
    let half = Instant::now() + until.saturating_duration_since(Instant::now()) / 2;
    let listed = match Url::parse(BOOTSTRAP) {
        Ok(url) => get(scene, url, None, half).await.ok().and_then(|tree| listed(&tree, label)),
        Err(_) => None,
    };
    let known = || KNOWN.iter().find(|(known, _)| *known == label).map(|(_, base)| (*base).to_owned());
    let base = listed.or_else(known).ok_or_else(|| {
        Failed::NoAnswer(format!("no RDAP server is known for .{label}; name one with `rdap`"))
    })?;
    Url::parse(&base).map_err(|error| Failed::NoAnswer(error.to_string()))
}

/// The first server with TLS that the list of RFC 9224 has for a label.
fn listed(tree: &Value, label: &str) -> Option<String> {
    let services = tree.get("services")?.as_array()?;
    let service = services.iter().find(|service| {
        let labels = service.get(0).and_then(Value::as_array);
        labels.is_some_and(|labels| labels.iter().any(|known| known.as_str() == Some(label)))
    })?;
    let bases = service.get(1)?.as_array()?;
    bases.iter().filter_map(Value::as_str).find(|base| base.starts_with("https://")).map(str::to_owned)
}

/// Gets JSON.
async fn get(scene: &Scene, mut url: Url, ca: Option<&PathBuf>, until: Instant) -> Result<Value, Failed> {
    let lost = |why: String| Failed::NoAnswer(why);
    for _ in 0..=REDIRECTS {
        scene.notebook.say(format!("GET {}", url.shown()));
        let answer = hop(scene, &url, ca, until).await?;
        match answer.status {
            200 => {
                let body = timeout_at(until, answer.body(LIMIT)).await;
                let body = body.map_err(|_| lost("the answer did not end in time".into()))?;
                let body = body.map_err(|error| lost(error.to_string()))?;
                if body.cut {
                    return Err(lost(format!("an answer of more than {LIMIT} bytes")));
                }
                return serde_json::from_slice(&body.bytes)
                    .map_err(|error| lost(format!("the answer is not JSON: {error}")));
            }
            301 | 302 | 303 | 307 | 308 => {
                let location = answer.header("location").unwrap_or_default();
                url = url.join(location).map_err(|error| lost(error.to_string()))?;
            }
            404 => return Err(Failed::Unknown),
            429 => return Err(lost("the server says that it was asked too often (429)".into())),
            status => return Err(lost(format!("the server answers {status}"))),
        }
    }
    Err(lost(format!("more than {REDIRECTS} redirects")))
}

async fn hop(scene: &Scene, url: &Url, ca: Option<&PathBuf>, until: Instant) -> Result<Answer, Failed> {
    let unseen = |miss: Miss| match miss {
        Miss::Down { why, .. } | Miss::Blind { why } => Failed::NoAnswer(why),
    };
    let lost = |why: String| Failed::NoAnswer(why);
    let headers = [("accept".to_owned(), "application/rdap+json, application/json".to_owned())];
    let asked = Ask { method: &Method::GET, url, headers: &headers, body: &[] };
    let stream = connect(scene, Family::Any, &url.endpoint, until).await.map_err(unseen)?;
    let answer = if url.secure {
        let offer = Offer { ca: ca.cloned(), alpn: vec![Http::One.alpn()], ..Offer::default() };
        let inspected = secure(scene, stream, &url.endpoint.host, &offer, until).await;
        let stream = inspected.trusted().map_err(|error| lost(error.to_string()))?;
        timeout_at(until, exchange(stream, Http::One, asked)).await
    } else {
        timeout_at(until, exchange(stream, Http::One, asked)).await
    };
    answer.map_err(|_| lost("no answer came in time".into()))?.map_err(|error| lost(error.to_string()))
}

/// Reads an answer (RFC 9083, section 5.3).
fn understand(tree: &Value, name: &str) -> Result<Registered, Failed> {
    let is_it = tree
        .get("ldhName")
        .and_then(Value::as_str)
        .is_some_and(|ldh| ldh.trim_end_matches('.').eq_ignore_ascii_case(name));
    if !is_it {
        return Err(Failed::NoAnswer(format!("the answer is not about {name}")));
    }
    let list = |key: &str| tree.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let expires = list("events").iter().find_map(|event| {
        let is_end = event.get("eventAction")?.as_str()? == "expiration";
        let at: jiff::Timestamp = event.get("eventDate")?.as_str()?.parse().ok()?;
        is_end.then(|| Timestamp::from_millis(at.as_millisecond()))
    });
    let status = list("status").iter().filter_map(Value::as_str).map(str::to_ascii_lowercase).collect();
    let nameservers = list("nameservers")
        .iter()
        .filter_map(|server| {
            Some(server.get("ldhName")?.as_str()?.trim_end_matches('.').to_ascii_lowercase())
        })
        .collect();
    let registrar = list("entities").iter().find_map(|entity| {
        let roles = entity.get("roles")?.as_array()?;
        roles.iter().any(|role| role.as_str() == Some("registrar")).then_some(())?;
        let card = entity.get("vcardArray")?.get(1)?.as_array()?;
        let name = card.iter().find(|row| row.get(0).and_then(Value::as_str) == Some("fn"))?;
        Some(name.get(3)?.as_str()?.to_owned())
    });
    Ok(Registered { expires, status, nameservers, registrar })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_iana_names_a_server_with_tls() {
        let tree = serde_json::json!({ "services": [
            [["net", "com"], ["http://old.example/", "https://rdap.example/v1/"]],
            [["org"], ["https://rdap.example.org/"]],
        ]});
        assert_eq!(listed(&tree, "com").as_deref(), Some("https://rdap.example/v1/"));
        assert_eq!(listed(&tree, "org").as_deref(), Some("https://rdap.example.org/"));
        assert_eq!(listed(&tree, "example"), None);
        assert_eq!(listed(&serde_json::json!([]), "com"), None);
        assert!(KNOWN.iter().all(|(_, base)| Url::parse(base).is_ok_and(|url| url.secure)));
    }
}
