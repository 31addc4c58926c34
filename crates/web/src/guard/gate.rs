//! The layer through which every request goes: is the name ours, who asks, may they look, was it made by a page of
//! ours; and afterwards the headers that every answer carries.

use std::net::IpAddr;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use muster_status::door;

use crate::guard::address::Named;
use crate::guard::far_end::FarEnd;
use crate::guard::session::recognise;
use crate::guard::who::{Asker, Scope, Who};
use crate::pages::refused;
use crate::refusal::Refusal;
use crate::router::Web;
use crate::subscribe;

/// Longest time for an answer to begin.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// The same for a look that is made for another agent: its own longest time, and the way.
pub const LOOK_WITHIN: Duration = Duration::from_secs(65);

/// The same for connections that are made for another agent, and for whoever waits for those of a peer.
pub const DIAL_WITHIN: Duration = Duration::from_secs(20);

/// What a browser may do with our pages: load our own style, script and images, and nothing else.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// How much of the gate an address goes through.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Programs anywhere send here with a key; the name they use and where they come from do not matter.
    Ping,
    /// No sign-in: the sign-in itself and what it needs.
    Open,
    /// People anywhere subscribe to the status page here, also by a form of another site. Nobody is recognised, so nothing is
    /// done in anybody's name; the name they use does not matter.
    Door,
    /// JSON.
    Api,
    /// Everything else.
    Page,
}

fn kind(path: &str) -> Kind {
    if path.starts_with("/ping/") || path.starts_with("/peer/") || path == "/health" {
        Kind::Ping
    } else if subscribe::ADDRESSES.contains(&path) {
        Kind::Door
    } else if path == "/signin" || path.starts_with("/assets/") {
        Kind::Open
    } else if path.starts_with("/api/") {
        Kind::Api
    } else {
        Kind::Page
    }
}

fn within(path: &str) -> Duration {
    match path {
        "/peer/look" => LOOK_WITHIN,
        "/peer/dial" => DIAL_WITHIN,
        _ if path.starts_with("/api/v1/peers/") => DIAL_WITHIN,
        _ => ANSWER_WITHIN,
    }
}

/// The layer.
pub async fn gate(State(web): State<Web>, request: Request, next: Next) -> Response {
    let (mut head, body) = request.into_parts();
    let kind = kind(head.uri.path());
    let within = within(head.uri.path());
    let mut response = match admit(&web, kind, &head).await {
        Ok(asker) => {
            let page = asker.clone();
            head.extensions.insert(asker);
            let request = Request::from_parts(head, body);
            match tokio::time::timeout(within, next.run(request)).await {
                Ok(response) => response,
                Err(_) => {
                    let late =
                        Refusal::unavailable("the answer took too long", "try again; see the agent's log");
                    shown(&web, kind, Some(&page), late)
                }
            }
        }
        Err(Stop::SignIn) => Redirect::to("/signin").into_response(),
        Err(Stop::Refused(refusal)) => shown(&web, kind, None, refusal),
    };
    finish(&mut response, kind);
    response
}

enum Stop {
    SignIn,
    Refused(Refusal),
}

fn shown(web: &Web, kind: Kind, asker: Option<&Asker>, refusal: Refusal) -> Response {
    match kind {
        Kind::Page | Kind::Open => refused::page(web, asker, refusal),
        Kind::Door => refusal.status.into_response(),
        Kind::Api | Kind::Ping => refusal.json(),
    }
}

async fn admit(web: &Web, kind: Kind, head: &Parts) -> Result<Asker, Stop> {
    let refused = |refusal| Err(Stop::Refused(refusal));
    // A listener that did not say where the request came from is trusted with nothing.
    let nowhere = IpAddr::from([0, 0, 0, 0]);
    let stranger = FarEnd::Tcp { from: nowhere, to: nowhere, tls: false };
    let far_end = head.extensions.get::<FarEnd>().copied().unwrap_or(stranger);
    if kind == Kind::Door {
        let who = Who::Nobody;
        return Ok(Asker { who, far_end, private: false, https: far_end.is_tls(), here: String::new() });
    }
    if let FarEnd::Unix { operator: true } = far_end {
        return Ok(Asker { who: Who::Operator, far_end, private: true, https: false, here: String::new() });
    }
    let headers = &head.headers;
    let named = match far_end {
        FarEnd::Unix { .. } => Named::Loopback,
        FarEnd::Tcp { tls, .. } => match web.addresses.host(headers) {
            // A rebound name fails at the certificate, before any request; so over TLS every name is fine.
            Named::Strange if tls => Named::Ours { https: true },
            named => named,
        },
    };
    let https = far_end.is_tls() || named == Named::Ours { https: true };
    let proxied = headers.contains_key("x-forwarded-for") || headers.contains_key("forwarded");
    let private = far_end.is_local() && named == Named::Loopback && !web.parts.settings.public && !proxied;
    if kind == Kind::Ping {
        let who = match headers.get(header::AUTHORIZATION) {
            Some(_) => recognise(&web.parts.store, headers, https, muster_host::clock::now().wall).await,
            None => Ok(Who::Nobody),
        };
        // With a store that is away the key in the address still counts.
        return Ok(Asker { who: who.unwrap_or(Who::Nobody), far_end, private, https, here: String::new() });
    }
    if named == Named::Strange {
        return refused(Refusal::host());
    }
    let reads = matches!(head.method, Method::GET | Method::HEAD);
    if !reads && !web.addresses.is_same_origin(headers) {
        return refused(Refusal::origin());
    }
    let now = muster_host::clock::now().wall;
    let who = match recognise(&web.parts.store, headers, https, now).await {
        Ok(who) => who,
        // Nobody can be recognised while the store is away; what everybody here may see stays visible.
        Err(_) if reads && private => Who::Nobody,
        Err(error) => return refused(error.into()),
    };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let here = format!("{}://{host}", if https { "https" } else { "http" });
    let asker = Asker { who, far_end, private, https, here };
    match kind {
        Kind::Open | Kind::Ping | Kind::Door => Ok(asker),
        Kind::Page if !asker.may_look() && reads => Err(Stop::SignIn),
        Kind::Page if !asker.may_look() => refused(Refusal::sign_in()),
        Kind::Api if reads && !asker.may_look() => refused(match asker.who {
            Who::Program { .. } => Refusal::scope(Scope::Read.word()),
            Who::Nobody | Who::Person { .. } | Who::Operator => Refusal::sign_in(),
        }),
        Kind::Page | Kind::Api => Ok(asker),
    }
}

/// Refuses an act unless the asker may do it and, in a browser, the form is one of ours.
///
/// # Errors
/// [`Refusal`]: not signed in, no such scope, a strange form.
pub fn may_act(asker: &Asker, scope: Scope, csrf: Option<&str>) -> Result<(), Refusal> {
    if !asker.may(scope) {
        return Err(match asker.who {
            Who::Program { .. } => Refusal::scope(scope.word()),
            Who::Nobody | Who::Person { .. } | Who::Operator => Refusal::sign_in(),
        });
    }
    match (asker.csrf(), csrf) {
        (None, _) => Ok(()),
        (Some(right), Some(given)) if crate::guard::digest::same(right, given) => Ok(()),
        (Some(_), _) => Err(Refusal::csrf()),
    }
}

fn finish(response: &mut Response, kind: Kind) {
    let headers = response.headers_mut();
    // With "no-referrer" browsers send `Origin: null` with our own forms, and the Origin check needs the truth. The door has
    // no such check, and addresses with seals in them.
    let referrer = if kind == Kind::Door { "no-referrer" } else { "same-origin" };
    let policy = (kind == Kind::Door).then(|| HeaderValue::from_str(&door::policy()).ok()).flatten();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy.unwrap_or(HeaderValue::from_static(POLICY)));
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, referrer),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}
