//! One errand at a web server: request, redirects, answer.

use std::path::Path;

use muster_config::assertion::facts::{Unseen, Value};
use muster_net::endpoint::Endpoint;
use muster_net::exchange::{self, Answer, Ask, Body, Http, Method};
use muster_net::inspect::Offer;
use muster_net::reach::Family;
use muster_net::url::Url;
use tokio::time::{Instant, timeout_at};

use crate::contact::{connect, give_up, miss, secure, time};
use crate::cookies::Jar;
use crate::probe::{Class, Miss, Scene};

/// Values of a query that are shorter are words and no secrets.
const SHORTEST_TOKEN: usize = 8;

/// What holds where no assertion speaks of the status.
pub(crate) const GOOD_STATUS: &str = "status >= 200 and status < 400";

/// What is asked for, and how; all secrets are fetched.
pub(crate) struct Errand<'a> {
    pub(crate) url: Url,
    /// All of the address is a secret.
    pub(crate) is_hidden: bool,
    pub(crate) method: Method,
    pub(crate) headers: Vec<Header>,
    pub(crate) body: Vec<u8>,
    /// The body is not handed on to another host.
    pub(crate) is_body_secret: bool,
    /// How many redirects are followed; with none, the redirect is the answer.
    pub(crate) redirects: u32,
    pub(crate) family: Family,
    /// Asked in place of the host of the address.
    pub(crate) address: Option<&'a Endpoint>,
    pub(crate) version: Option<Http>,
    pub(crate) ca: Option<&'a Path>,
    pub(crate) max_body: usize,
    /// Somebody wants to know what is in the body.
    pub(crate) wants_body: bool,
}

/// A header of a request.
#[derive(Clone)]
pub(crate) struct Header {
    pub(crate) name: String,
    pub(crate) value: String,
    /// It is not handed on to another host.
    pub(crate) is_secret: bool,
}

/// What is asked for next.
struct Hop {
    url: Url,
    method: Method,
    headers: Vec<Header>,
    body: Vec<u8>,
}

/// Runs the errand. Cookies are sent and kept where there is a jar.
pub(crate) async fn visit(errand: Errand<'_>, mut jar: Option<&mut Jar>, scene: &Scene) -> Result<(), Miss> {
    let (begun, until) = (Instant::now(), give_up(scene));
    hide_address(&errand, scene);
    for header in errand.headers.iter().filter(|header| names_secret(&header.name)) {
        scene.notebook.hide(&header.value);
    }
    let mut hop = Hop {
        url: errand.url.clone(),
        method: errand.method.clone(),
        headers: errand.headers.clone(),
        body: errand.body.clone(),
    };
    let mut followed = 0;
    loop {
        let mut answer = ask(&errand, scene, &hop, jar.as_deref(), until).await?;
        if let Some(jar) = jar.as_deref_mut() {
            jar.keep(&hop.url, &answer.headers, &scene.notebook);
        }
        let Some(next) = leads_to(&hop.url, &answer, errand.redirects)? else {
            let headers = std::mem::take(&mut answer.headers);
            scene.notebook.headers(headers);
            scene.notebook.fact("redirects", Value::Number(f64::from(followed)));
            scene.notebook.fact("url.final", Value::Text(shown(&errand, &hop.url)));
            read(&errand, scene, answer, until).await?;
            scene.notebook.fact("time.total", time(begun.elapsed()));
            return Ok(());
        };
        scene.notebook.say(format!("{} leads to {}", answer.status, shown(&errand, &next)));
        if followed == errand.redirects {
            let why = format!(
                "more than {} redirects, the last one to {}",
                errand.redirects,
                shown(&errand, &next)
            );
            return Err(Miss::down(Class::Protocol, why));
        }
        followed += 1;
        hop = follow(&errand, hop, next, answer.status)?;
    }
}

/// What is secret in the address stays out of all that is noted.
fn hide_address(errand: &Errand<'_>, scene: &Scene) {
    let url = &errand.url;
    if let Some(user) = url.user() {
        scene.notebook.hide(user);
        scene.notebook.hide(user.split_once(':').map_or(user, |(_, password)| password));
    }
    for value in url.query_values().filter(|value| value.len() >= SHORTEST_TOKEN) {
        scene.notebook.hide(value);
    }
    if errand.is_hidden {
        scene.notebook.hide(url.path_and_query());
    }
}

/// How an address may be shown: where all of it is a secret, its origin alone.
fn shown(errand: &Errand<'_>, url: &Url) -> String {
    if errand.is_hidden { format!("{}/***", url.origin()) } else { url.shown() }
}

/// True if the value of something that is called so is mostly a secret.
pub(crate) fn names_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["auth", "cookie", "key", "token", "secret", "pass", "sign"].iter().any(|part| name.contains(part))
}

/// Connects, asks, and waits for the head of the answer.
async fn ask(
    errand: &Errand<'_>,
    scene: &Scene,
    hop: &Hop,
    jar: Option<&Jar>,
    until: Instant,
) -> Result<Answer, Miss> {
    let notebook = &scene.notebook;
    notebook.say(format!("{} {}", hop.method, shown(errand, &hop.url)));
    let endpoint = match errand.address {
        Some(address) if hop.url.is_same_origin(&errand.url) => address,
        _ => &hop.url.endpoint,
    };
    let stream = connect(scene, errand.family, endpoint, until).await?;
    let mut headers: Vec<_> =
        hop.headers.iter().map(|header| (header.name.clone(), header.value.clone())).collect();
    headers.extend(jar.and_then(|jar| jar.header(&hop.url)).map(|value| ("cookie".to_owned(), value)));
    let asked = Ask { method: &hop.method, url: &hop.url, headers: &headers, body: &hop.body };
    let answer = if hop.url.secure {
        let offer = Offer {
            ca: errand.ca.map(Path::to_path_buf),
            alpn: match errand.version {
                None => vec![Http::Two.alpn(), Http::One.alpn()],
                Some(version) => vec![version.alpn()],
            },
            ..Offer::default()
        };
        let inspected = secure(scene, stream, &hop.url.endpoint.host, &offer, until).await;
        let spoken = match (errand.version, inspected.peer.alpn.as_deref()) {
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
        let spoken = errand.version.unwrap_or(Http::One);
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
fn follow(errand: &Errand<'_>, hop: Hop, next: Url, status: u16) -> Result<Hop, Miss> {
    let Hop { url, method, mut headers, body } = hop;
    let (method, body) = match status {
        307 | 308 => (method, body),
        _ if method == Method::HEAD || method == Method::GET => (method, Vec::new()),
        _ => (Method::GET, Vec::new()),
    };
    if body.is_empty() {
        headers.retain(|header| !header.name.to_ascii_lowercase().starts_with("content-"));
    }
    if !next.is_same_origin(&url) {
        if !body.is_empty() && errand.is_body_secret {
            let why = "the redirect leads to another host, to which the secret body is not handed on";
            return Err(Miss::down(Class::Protocol, why));
        }
        headers.retain(|header| {
            !header.is_secret && !names_secret(&header.name) && !header.name.eq_ignore_ascii_case("host")
        });
    }
    Ok(Hop { url: next, method, headers, body })
}

/// Reads the body of the last answer.
async fn read(errand: &Errand<'_>, scene: &Scene, answer: Answer, until: Instant) -> Result<(), Miss> {
    let (notebook, start) = (&scene.notebook, Instant::now());
    let Body { bytes, cut } = match timeout_at(until, answer.body(errand.max_body)).await {
        Ok(body) => body.map_err(miss)?,
        Err(_) => return Err(Miss::down(Class::Timeout, "the answer began and did not end")),
    };
    notebook.phase("body", start.elapsed());
    notebook.fact("time.body", time(start.elapsed()));
    if cut {
        notebook.say(format!("the body goes on beyond {} bytes", errand.max_body));
        let why = format!("the body was cut off at {} bytes", errand.max_body);
        notebook.lacks("size", Unseen::Hidden(why));
    } else {
        notebook.say(format!("{} bytes of body ({} ms)", bytes.len(), start.elapsed().as_millis()));
        notebook.fact("size", Value::Size(u64::try_from(bytes.len()).unwrap_or(u64::MAX)));
    }
    if errand.wants_body {
        notebook.body(bytes, cut.then_some(errand.max_body));
    }
    Ok(())
}
