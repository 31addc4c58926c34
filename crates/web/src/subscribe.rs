//! The public door: people subscribe to the status page, confirm, and end it. It needs no sign-in, so it is narrow: three
//! addresses, no cookie, a tiny body, one answer for every address, and nothing is done by a GET, because mail is read by
//! machines that follow links. Who is on the list, and how many mails are sent, whoever keeps it knows.

use std::net::IpAddr;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, FormRejection};
use axum::extract::{DefaultBodyLimit, Extension, Form, FromRequestParts, RawQuery, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use muster_config::plan::StatusPage;
use muster_status::door::{self, Door};
use serde::Deserialize;

use crate::guard::far_end::FarEnd;
use crate::guard::who::Asker;
use crate::parts::Link;
use crate::router::Web;

/// Largest body, in bytes: a field with an address, as forms write it.
pub const BODY_LIMIT: usize = 2048;

/// The addresses of the door. Nothing else is reached without the guard.
pub const ADDRESSES: [&str; 3] = ["/status/subscribe", "/status/confirm", "/status/unsubscribe"];

/// The field of the form.
#[derive(Debug, Deserialize)]
pub struct Field {
    email: String,
}

/// The routes, in the order of [`ADDRESSES`].
pub fn routes() -> [MethodRouter<Web>; 3] {
    let tiny = DefaultBodyLimit::max(BODY_LIMIT);
    [
        get(form).post(ask).layer(tiny),
        get(confirm).post(confirmed).layer(tiny),
        get(leave).post(left).layer(tiny),
    ]
}

/// `GET /status/subscribe`.
async fn form(Open(page): Open) -> Response {
    answer(&page, StatusCode::OK, &Door::Ask)
}

/// `POST /status/subscribe`.
async fn ask(
    Open(page): Open,
    State(web): State<Web>,
    Extension(asker): Extension<Asker>,
    headers: HeaderMap,
    field: Result<Form<Field>, FormRejection>,
) -> Response {
    let given = match field {
        Ok(Form(Field { email })) => email,
        Err(rejection) => {
            let large = rejection.status() == StatusCode::PAYLOAD_TOO_LARGE;
            let status = if large { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::BAD_REQUEST };
            return answer(&page, status, &Door::NoAddress);
        }
    };
    if web.parts.registry.ask(client(&asker, &headers), &given) {
        answer(&page, StatusCode::OK, &Door::Asked)
    } else {
        answer(&page, StatusCode::BAD_REQUEST, &Door::NoAddress)
    }
}

/// `GET /status/confirm`: asks, and does nothing.
async fn confirm(Open(page): Open, State(web): State<Web>, RawQuery(query): RawQuery) -> Response {
    let link = web.parts.registry.confirm(query.as_deref().unwrap_or_default(), false).await;
    told(&page, &link, |address| Door::Confirm { address })
}

/// `POST /status/confirm`.
async fn confirmed(
    Open(page): Open,
    State(web): State<Web>,
    RawQuery(query): RawQuery,
    _: Result<Bytes, BytesRejection>,
) -> Response {
    let link = web.parts.registry.confirm(query.as_deref().unwrap_or_default(), true).await;
    told(&page, &link, |address| Door::Subscribed { address })
}

/// `GET /status/unsubscribe`: asks, and does nothing.
async fn leave(Open(page): Open, State(web): State<Web>, RawQuery(query): RawQuery) -> Response {
    let link = web.parts.registry.leave(query.as_deref().unwrap_or_default(), false).await;
    told(&page, &link, |address| Door::Leave { address })
}

/// `POST /status/unsubscribe`: by the button, or by a mail program (RFC 8058). Twice is as good as once.
async fn left(
    Open(page): Open,
    State(web): State<Web>,
    RawQuery(query): RawQuery,
    _: Result<Bytes, BytesRejection>,
) -> Response {
    let link = web.parts.registry.leave(query.as_deref().unwrap_or_default(), true).await;
    told(&page, &link, |address| Door::Left { address })
}

fn told<'a>(page: &StatusPage, link: &'a Link, good: impl FnOnce(&'a str) -> Door<'a>) -> Response {
    let (status, door) = match link {
        Link::Good(address) => (StatusCode::OK, good(address)),
        Link::TooOld => (StatusCode::GONE, Door::TooOld),
        Link::Nothing => (StatusCode::BAD_REQUEST, Door::NoLink),
        Link::Full => (StatusCode::SERVICE_UNAVAILABLE, Door::Full),
        Link::NotNow => (StatusCode::SERVICE_UNAVAILABLE, Door::NotNow),
    };
    answer(page, status, &door)
}

fn answer(page: &StatusPage, status: StatusCode, door: &Door<'_>) -> Response {
    (status, Html(door::page(page, door))).into_response()
}

/// The page that people subscribe to. Where they cannot there is no door.
struct Open(StatusPage);

impl FromRequestParts<Web> for Open {
    type Rejection = StatusCode;

    async fn from_request_parts(_: &mut Parts, web: &Web) -> Result<Self, StatusCode> {
        web.parts.registry.page().map(Self).ok_or(StatusCode::NOT_FOUND)
    }
}

/// Who asks: the far end, or behind a web server of this machine whoever that says it was. What stands last in the header is
/// what the web server itself wrote.
fn client(asker: &Asker, headers: &HeaderMap) -> IpAddr {
    let far = asker.far_end;
    if !far.is_local() {
        return far.origin();
    }
    let header = headers.get_all("x-forwarded-for").iter().next_back().and_then(|value| value.to_str().ok());
    let last = header.and_then(|list| list.rsplit(',').next()).and_then(|last| last.trim().parse().ok());
    last.map_or(far.origin(), |from: IpAddr| FarEnd::Tcp { from, to: from, tls: false }.origin())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::who::Who;

    fn from(far: &str, header: &[&str]) -> String {
        let from = far.parse().unwrap();
        let far_end = FarEnd::Tcp { from, to: "127.0.0.1".parse().unwrap(), tls: false };
        let asker = Asker { who: Who::Nobody, far_end, private: false, https: false, here: String::new() };
        let mut headers = HeaderMap::new();
        for value in header {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        client(&asker, &headers).to_string()
    }

    #[test]
    fn only_a_web_server_of_this_machine_says_who_asks() {
        assert_eq!(from("127.0.0.1", &["192.0.2.1"]), "192.0.2.1");
        assert_eq!(
            from("127.0.0.1", &["203.0.113.9, 192.0.2.1"]),
            "192.0.2.1",
            "the rest is what a client wrote"
        );
        assert_eq!(from("127.0.0.1", &["203.0.113.9", "192.0.2.1"]), "192.0.2.1");
        assert_eq!(from("127.0.0.1", &["2001:db8:1:2:3:4:5:6"]), "2001:db8:1:2::", "a whole network is one");
        assert_eq!(from("127.0.0.1", &["unknown"]), "127.0.0.1");
        assert_eq!(from("127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(from("198.51.100.7", &["192.0.2.1"]), "198.51.100.7");
    }
}
