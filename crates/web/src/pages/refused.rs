//! Refusals as a page.

use axum::extract::{Extension, State};
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use maud::html;

use crate::guard::far_end::FarEnd;
use crate::guard::who::{Asker, Who};
use crate::pages::frame::{View, page as frame};
use crate::pages::words;
use crate::refusal::Refusal;
use crate::router::Web;

/// The page of a refusal. Somebody who was not let in sees none of the roll.
pub fn page(web: &Web, asker: Option<&Asker>, refusal: Refusal) -> Response {
    let stranger = Asker {
        who: Who::Nobody,
        far_end: FarEnd::Unix { operator: false },
        private: false,
        https: false,
        here: String::new(),
    };
    let known = asker.filter(|asker| asker.may_look());
    let mut view = View::new(web, known.unwrap_or(&stranger));
    if known.is_none() {
        view.snapshot = Default::default();
    }
    let body = html! {
        section.refusal {
            h1.said { (refusal.what) "." }
            p.said { (words::with_code(&refusal.help)) "." }
            p.facts { (refusal.code) " · " a href="/" { "back to the roll" } }
        }
    };
    let mut response = (refusal.status, frame(&view, &refusal.what, "", None, &body)).into_response();
    refusal.mark(&mut response);
    response
}

/// Any address that is not ours.
pub async fn not_found(State(web): State<Web>, Extension(asker): Extension<Asker>, uri: Uri) -> Response {
    let refusal = Refusal::not_found("there is nothing at this address");
    if uri.path().starts_with("/api/") || uri.path().starts_with("/ping/") {
        return refusal.json();
    }
    page(&web, Some(&asker), refusal)
}
