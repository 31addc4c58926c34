//! What buttons send. Afterwards the browser goes back to where it was.

use axum::extract::rejection::FormRejection;
use axum::extract::{Extension, Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;
use serde::Deserialize;

use crate::acts::{self, Act};
use crate::guard::gate::may_act;
use crate::guard::who::{Asker, Scope};
use crate::pages::frame::{View, page};
use crate::pages::{forms, refused};
use crate::refusal::Refusal;
use crate::router::Web;

/// The fields of all our forms.
#[derive(Debug, Default, Deserialize)]
pub struct Fields {
    /// Shows that the form is one of ours.
    pub csrf: Option<String>,
    /// A length of time.
    #[serde(rename = "for")]
    pub lasts: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Where to go afterwards.
    pub back: Option<String>,
}

/// `GET /e/{id}/{act}`: asks before it is done, for a pause with its reason and its end.
pub async fn ask(
    State(web): State<Web>,
    Extension(asker): Extension<Asker>,
    Path((id, act)): Path<(String, String)>,
) -> Response {
    if !asker.may(Scope::Act)
        && let Err(refusal) = may_act(&asker, Scope::Act, None)
    {
        return refused::page(&web, Some(&asker), refusal);
    }
    let view = View::new(&web, &asker);
    let asked = acts::on_roll(&view.snapshot.board.lines, &id).and_then(|line| {
        let form = forms::asked(line, &act, &view);
        form.ok_or_else(|| Refusal::not_found(format!("there is no act {act:?}")))
    });
    match asked {
        Ok((title, body)) => page(&view, &title, "/jobs", None, &body).into_response(),
        Err(refusal) => refused::page(&web, Some(&asker), refusal),
    }
}

/// `POST /e/{id}/{act}`.
pub async fn post(
    State(web): State<Web>,
    Extension(asker): Extension<Asker>,
    Path((id, act)): Path<(String, String)>,
    form: Result<Form<Fields>, FormRejection>,
) -> Response {
    match done(&web, &asker, &id, &act, form).await {
        Ok(back) => Redirect::to(&back).into_response(),
        Err(refusal) => refused::page(&web, Some(&asker), refusal),
    }
}

async fn done(
    web: &Web,
    asker: &Asker,
    id: &str,
    act: &str,
    form: Result<Form<Fields>, FormRejection>,
) -> Result<String, Refusal> {
    let fields = checked(asker, form)?;
    let act = Act::read(act, fields.lasts.as_deref(), fields.reason.as_deref())?;
    acts::carry_out(web, asker, id, act).await?;
    // Only to pages of ours: never to an address that a form was made to carry.
    let here = format!("/e/{id}");
    Ok(match fields.back.as_deref() {
        Some(back @ ("/" | "/jobs")) => back.to_owned(),
        _ => here,
    })
}

fn checked(asker: &Asker, form: Result<Form<Fields>, FormRejection>) -> Result<Fields, Refusal> {
    // Who may not act learns nothing about the form.
    if !asker.may(Scope::Act) {
        may_act(asker, Scope::Act, None)?;
    }
    let Form(fields) =
        form.map_err(|error| Refusal::bad(error.body_text(), "load the page again and repeat it"))?;
    may_act(asker, Scope::Act, fields.csrf.as_deref())?;
    Ok(fields)
}

/// `POST /channels/{name}/test`.
pub async fn test_channel(
    State(web): State<Web>,
    Extension(asker): Extension<Asker>,
    Path(name): Path<String>,
    form: Result<Form<Fields>, FormRejection>,
) -> Response {
    let tested = match checked(&asker, form) {
        Ok(_) => acts::test_channel(&web, &asker, &name).await,
        Err(refusal) => Err(refusal),
    };
    match tested {
        Ok(receipt) => {
            let view = View::new(&web, &asker);
            let body = html! {
                section.refusal {
                    h1 { "A test went out through " (name) "." }
                    p { "The channel answered: " (receipt) }
                    p.facts { a href="/deliveries" { "back to the deliveries" } }
                }
            };
            page(&view, "Test", "/deliveries", None, &body).into_response()
        }
        Err(refusal) => refused::page(&web, Some(&asker), refusal),
    }
}
