//! One look at a web server: request, redirects, answer.

use muster_config::assertion::facts::{Unseen, Value};
use muster_config::secret::MaybeSecret;
use muster_net::exchange::{self, Answer, Ask, Body, Http, Method};
use muster_net::inspect::Offer;
use muster_net::url::Url;
use tokio::time::{Instant, timeout_at};

use super::Site;
use crate::contact::{connect, give_up, miss, secure, time};
use crate::probe::{Class, Miss, Scene};

/// Values of a query that are shorter are words and no secrets.
const SHORTEST_TOKEN: usize = 8;

/// What is asked for next.
struct Hop {
    url: Url,
    method: Method,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// Looks at the site.
pub(super) async fn visit(site: &Site, scene: &Scene) -> Result<(), Miss> {
    let (begun, until) = (Instant::now(), give_up(scene));
    let origin = address_of(site, scene).await?;
    let mut hop = Hop {
        url: origin.clone(),
        method: site.method.clone(),
        headers: Vec::new(),
        body: match &site.body {
            Some(body) => scene.value(body).await?.into_bytes(),
            None => Vec::new(),
        },
    };
    for (name, value) in &site.headers {
        let text = scene.value(value).await?;
        if names_secret(name) {
            scene.notebook.hide(&text);
        }
        hop.headers.push((name.clone(), text));
    }
    let mut followed = 0;
    loop {
        let mut answer = ask(site, scene, &origin, &hop, until).await?;
        let Some(next) = leads_to(&hop.url, &answer, site.redirects)? else {
            let headers = std::mem::take(&mut answer.headers);
            scene.notebook.headers(headers);
            scene.notebook.fact("redirects", Value::Number(f64::from(followed)));
            scene.notebook.fact("url.final", Value::Text(shown(site, &hop.url)));
            read(site, scene, answer, until).await?;
            scene.notebook.fact("time.total", time(begun.elapsed()));
            return Ok(());
        };
        scene.notebook.say(format!("{} leads to {}", answer.status, shown(site, &next)));
        if followed == site.redirects {
            let why =
                format!("more than {} redirects, the last one to {}", site.redirects, shown(site, &next));
            return Err(Miss::down(Class::Protocol, why));
        }
        followed += 1;
        hop = follow(site, hop, next, answer.status)?;
    }
}

/// The address, with what is secret in it hidden from all that is noted.
async fn address_of(site: &Site, scene: &Scene) -> Result<Url, Miss> {
    let text = scene.value(&site.url).await?;
    let url = Url::parse(&text).map_err(miss)?;
    if let Some(user) = url.user() {
        scene.notebook.hide(user);
        scene.notebook.hide(user.split_once(':').map_or(user, |(_, password)| password));
    }
    for value in url.query_values().filter(|value| value.len() >= SHORTEST_TOKEN) {
        scene.notebook.hide(value);
    }
    if matches!(site.url, MaybeSecret::Secret(_)) {
        scene.notebook.hide(url.path_and_query());
    }
    Ok(url)
}

/// How an address may be shown: where all of it is a secret, its origin alone.
fn shown(site: &Site, url: &Url) -> String {
    match site.url {
        MaybeSecret::Plain(_) => url.shown(),
        MaybeSecret::Secret(_) => format!("{}/***", url.origin()),
    }
}

/// True if the value of such a header is mostly a secret.
fn names_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["auth", "cookie", "key", "token", "secret", "pass", "sign"].iter().any(|part| name.contains(part))
}

/// Connects, asks, and waits for the head of the answer.
async fn ask(site: &Site, scene: &Scene, origin: &Url, hop: &Hop, until: Instant) -> Result<Answer, Miss> {
    let notebook = &scene.notebook;
    notebook.say(format!("{} {}", hop.method, shown(site, &hop.url)));
    let endpoint = match &site.address {
        Some(address) if hop.url.is_same_origin(origin) => address,
        _ => &hop.url.endpoint,
    };
    let stream = connect(scene, site.family, endpoint, until).await?;
    let asked = Ask { method: &hop.method, url: &hop.url, headers: &hop.headers, body: &hop.body };
    let answer = if hop.url.secure {
        let offer = Offer {
            ca: site.ca.clone(),
            alpn: match site.version {
                None => vec![Http::Two.alpn(), Http::One.alpn()],
                Some(version) => vec![version.alpn()],
            },
            ..Offer::default()
        };
        let inspected = secure(scene, stream, &hop.url.endpoint.host, &offer, until).await;
        let spoken = match (site.version, inspected.peer.alpn.as_deref()) {
            (Some(Http::Two), agreed) if agreed != Some(Http::Two.alpn()) => {
                inspected.trusted().map_err(miss)?;
                return Err(Miss::down(Class::Protocol, "the server does not agree to HTTP/2"));
            }
            (_, Some("h2")) => Http::Two,
            _ => Http::One,
        };
        let stream = inspected.trusted().map_err(miss)?;
        timeout_at(until, exchange::ask(stream, spoken, asked)).await
    } else {
        let spoken = site.version.unwrap_or(Http::One);
        for term in ["cert.expires_in", "cert.names", "cert.issuer", "chain.expires_in", "tls.version"] {
            notebook.lacks(term, Unseen::Absent("the last answer came without TLS".into()));
        }
        timeout_at(until, exchange::ask(stream, spoken, asked)).await
    };
    let answer = match answer {
        Ok(answer) => answer.map_err(miss)?,
        Err(_) => return Err(Miss::down(Class::Timeout, "the request was sent and no answer came")),
    };
    notebook.phase("first byte", answer.first_byte);
    notebook.fact("time.first_byte", time(answer.first_byte));
    notebook.fact("status", Value::Number(f64::from(answer.status)));
    notebook.fact("http.version", Value::Text(answer.version.to_owned()));
    let took = answer.first_byte.as_millis();
    notebook.say(format!("{} in HTTP/{} ({took} ms)", answer.status, answer.version));
    Ok(answer)
}

/// Where a redirect leads; `None` for every other answer, and where no redirect is followed at all.
fn leads_to(from: &Url, answer: &Answer, most: u32) -> Result<Option<Url>, Miss> {
    if most == 0 || !matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some(location) = answer.header("location") else { return Ok(None) };
    match from.join(location) {
        Ok(next) => Ok(Some(next)),
        Err(error) => Err(Miss::down(Class::Protocol, format!("the redirect is refused: {error}"))),
    }
}

/// What is asked for after a redirect (RFC 9110, section 15.4).
fn follow(site: &Site, hop: Hop, next: Url, status: u16) -> Result<Hop, Miss> {
    let Hop { url, method, mut headers, body } = hop;
    let (method, body) = match status {
        307 | 308 => (method, body),
        _ if method == Method::HEAD || method == Method::GET => (method, Vec::new()),
        _ => (Method::GET, Vec::new()),
    };
    if body.is_empty() {
        headers.retain(|(name, _)| !name.to_ascii_lowercase().starts_with("content-"));
    }
    if !next.is_same_origin(&url) {
        if !body.is_empty() && matches!(site.body, Some(MaybeSecret::Secret(_))) {
            let why = "the redirect leads to another host, to which the secret body is not handed on";
            return Err(Miss::down(Class::Protocol, why));
        }
        let is_open = |name: &str| {
            let secret = |(known, value): &(String, MaybeSecret)| {
                known.eq_ignore_ascii_case(name) && matches!(value, MaybeSecret::Secret(_))
            };
            !names_secret(name) && !name.eq_ignore_ascii_case("host") && !site.headers.iter().any(secret)
        };
        headers.retain(|(name, _)| is_open(name));
    }
    Ok(Hop { url: next, method, headers, body })
}

/// Reads the body of the last answer.
async fn read(site: &Site, scene: &Scene, answer: Answer, until: Instant) -> Result<(), Miss> {
    let (notebook, start) = (&scene.notebook, Instant::now());
    let Body { bytes, cut } = match timeout_at(until, answer.body(site.max_body)).await {
        Ok(body) => body.map_err(miss)?,
        Err(_) => return Err(Miss::down(Class::Timeout, "the answer began and did not end")),
    };
    notebook.phase("body", start.elapsed());
    notebook.fact("time.body", time(start.elapsed()));
    if cut {
        notebook.say(format!("the body goes on beyond {} bytes", site.max_body));
        let why = format!("the body was cut off at {} bytes", site.max_body);
        notebook.lacks("size", Unseen::Hidden(why));
    } else {
        notebook.say(format!("{} bytes of body ({} ms)", bytes.len(), start.elapsed().as_millis()));
        notebook.fact("size", Value::Size(u64::try_from(bytes.len()).unwrap_or(u64::MAX)));
    }
    if site.wants_body {
        notebook.body(bytes, cut.then_some(site.max_body));
    }
    Ok(())
}
