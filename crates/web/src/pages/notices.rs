//! What customers are told of an expectation's trouble, on the page of that expectation.

use maud::{Markup, html};
use muster_core::ids::ExpectationId;
use muster_core::notice::Notice;
use muster_core::time::{Span, Timestamp};
use muster_status::html::stage;
use muster_status::words;
use muster_store::contract::{Store, StoreError};

use crate::pages::frame::View;

/// How long ago a notice may have ended.
const SHOWN: Span = Span::days(14);
/// Notices that are shown.
const MOST: usize = 5;

/// The notices that tell of this expectation, newest first.
///
/// # Errors
/// What the store says.
pub fn of(store: &dyn Store, id: &ExpectationId, now: Timestamp) -> Result<Vec<Notice>, StoreError> {
    let about = |notice: &Notice| {
        let incident = |name: &str| name.rsplit_once('@').is_some_and(|(about, _)| about == id.as_str());
        notice.causes.keys().any(|cause| incident(cause.as_str()))
    };
    let mut all = store.notices(now - SHOWN)?;
    all.retain(about);
    all.truncate(MOST);
    Ok(all)
}

/// The section about them; nothing where there are none.
pub fn section(view: &View, notices: &[Notice]) -> Markup {
    html! {
        @if !notices.is_empty() {
            section {
                h2 { "What customers are told" }
                @for notice in notices {
                    p {
                        b { (words::title(notice)) } " · " (stage(notice.stage()))
                        @if notice.hidden { " · kept off the status page" }
                        " · " code { (notice.id) }
                    }
                    table.wide {
                        tbody {
                            @for update in notice.updates.iter().rev() {
                                tr {
                                    td { (view.present.stamp(update.at)) }
                                    td { (stage(update.stage)) }
                                    td { (update.words) }
                                    td { @if let Some(by) = &update.by { (by) } @else { span.none { "muster" } } }
                                }
                            }
                        }
                    }
                    @if notice.ended.is_none() {
                        p.facts {
                            "Say more: "
                            code { "muster incident update " (notice.id) " --stage investigating \"…\"" }
                        }
                    }
                }
            }
        }
    }
}
