//! What changed, as server-sent events: one stream per page, and only the parts that differ.
//!
//! A browser gets `fragment` events, `{"id", "html"}`, and puts each in place of the element with that id. A program
//! asks with `?as=json` and gets `line` and `gone` events.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use muster_core::board::{Line, Snapshot};
use muster_core::ids::ExpectationId;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, sleep, sleep_until};

use crate::api::read::{Asked, Told, read_query};
use crate::checks::card::Wanted;
use crate::guard::session::recognise;
use crate::guard::who::{Asker, Who};
use crate::pages::frame::{Fragment, View, faults};
use crate::pages::{checks, expectation, first, jobs, services};
use crate::refusal::Refusal;
use crate::router::Web;

/// A sign of life this often.
pub const BEAT: Duration = Duration::from_secs(15);
/// Changes that come together are told together.
const GATHER: Duration = Duration::from_millis(200);
/// The same for the screens of jobs and checks, whose rows are larger.
const GATHER_ROWS: Duration = Duration::from_secs(2);
/// What is deployed is on disk and tells nobody when it changes, so it is looked at this often.
const LOOK: Duration = Duration::from_secs(1);
/// The jobs screen moves its axis this often: by one place of it.
const MOVE: Duration = Duration::from_secs(240);

/// Which changes are wanted, and in which form.
#[derive(Debug, Default, Deserialize)]
pub struct EventsQuery {
    about: Option<ExpectationId>,
    /// `jobs`, `checks` and `services` for those screens; the first page otherwise.
    view: Option<String>,
    /// As of the checks screen.
    show: Option<String>,
    /// As of the checks screen.
    kind: Option<String>,
    /// As of the checks screen.
    page: Option<usize>,
    #[serde(rename = "as")]
    form: Option<String>,
    /// The moment of the roll that the page shows.
    at: Option<i64>,
}

/// `GET /api/v1/events`.
pub async fn get(
    State(web): State<Web>,
    Extension(asker): Extension<Asker>,
    headers: HeaderMap,
    query: Asked<EventsQuery>,
) -> Response {
    let query = match read_query(query) {
        Ok(query) => query,
        Err(refusal) => return refusal.json(),
    };
    let Ok(place) = Arc::clone(&web.streams).try_acquire_owned() else {
        return Refusal::too_many("too many live streams are open", 30).json();
    };
    let mut board = web.parts.board.clone();
    let now = Arc::clone(&board.borrow_and_update());
    let is_fresh = query.at == Some(now.board.at.millis());
    // A page that shows an older moment gets everything once.
    let shown = if is_fresh { Arc::clone(&now) } else { Arc::default() };
    let stream = Stream {
        web,
        asker,
        headers,
        screen: match (query.about, query.view.as_deref()) {
            (Some(about), _) => Screen::One(about),
            (None, Some("jobs")) => Screen::Jobs { moved: Instant::now() },
            (None, Some("checks")) => {
                Screen::Checks(Wanted { show: query.show, kind: query.kind, page: query.page })
            }
            (None, Some("services")) => Screen::Services(None),
            (None, _) => Screen::First,
        },
        json: query.form.as_deref() == Some("json"),
        board,
        shown,
        stale: !is_fresh,
        waiting: VecDeque::new(),
        beat: Instant::now() + BEAT,
        _place: place,
    };
    let stream = futures_util::stream::unfold(stream, |mut stream| async move {
        let event = stream.next().await?;
        Some((Ok::<_, Infallible>(event), stream))
    });
    Sse::new(stream).into_response()
}

/// What the page shows.
enum Screen {
    First,
    One(ExpectationId),
    /// The axis was moved then.
    Jobs {
        moved: Instant,
    },
    Checks(Wanted),
    /// What it shows; none before the first look.
    Services(Option<services::Read>),
}

struct Stream {
    web: Web,
    asker: Asker,
    headers: HeaderMap,
    screen: Screen,
    json: bool,
    board: watch::Receiver<Arc<Snapshot>>,
    shown: Arc<Snapshot>,
    stale: bool,
    waiting: VecDeque<Event>,
    beat: Instant,
    _place: OwnedSemaphorePermit,
}

impl Stream {
    /// The next event; none when the stream ends.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            if !self.stale {
                tokio::select! {
                    changed = self.board.changed() => {
                        changed.ok()?;
                        let rows = matches!(self.screen, Screen::Jobs { .. } | Screen::Checks(_));
                        sleep(if rows { GATHER_ROWS } else { GATHER }).await;
                    }
                    () = sleep(LOOK), if matches!(self.screen, Screen::Services(_)) => {}
                    () = sleep_until(self.beat) => {
                        self.beat = Instant::now() + BEAT;
                        if !self.may_stay().await {
                            return None;
                        }
                        return Some(Event::default().comment("alive"));
                    }
                }
            }
            self.stale = false;
            self.look().await;
        }
    }

    /// A session that ended ends its streams.
    async fn may_stay(&self) -> bool {
        match self.asker.who {
            Who::Nobody | Who::Operator => true,
            Who::Person { .. } | Who::Program { .. } => {
                let now = self.web.present().now;
                let who = recognise(&self.web.parts.store, &self.headers, self.asker.https, now).await;
                // While the store is away nobody is thrown out.
                !who.is_ok_and(|who| who != self.asker.who)
            }
        }
    }

    async fn look(&mut self) {
        let now = Arc::clone(&self.board.borrow_and_update());
        let before = std::mem::replace(&mut self.shown, Arc::clone(&now));
        if self.json {
            self.lines(&before.board.lines, &now.board.lines);
            return;
        }
        let view = View { snapshot: now, ..View::new(&self.web, &self.asker) };
        let lines = &before.board.lines;
        let mut parts = match &mut self.screen {
            Screen::One(id) => expectation::changed(&view, id, lines).await,
            Screen::Checks(wanted) => checks::changed(&view, lines, wanted).await,
            Screen::Jobs { moved } => {
                let move_axis = moved.elapsed() >= MOVE;
                if move_axis {
                    *moved = Instant::now();
                }
                jobs::changed(&view, lines, move_axis).await
            }
            Screen::Services(shown) => {
                let now = services::read(&view).await;
                // A page that was made a moment ago may lack what came since.
                let before = shown.replace(now.clone()).unwrap_or_else(|| Err(String::new()));
                services::changed(&view, &before, &now)
            }
            Screen::First => first::changed(&view, lines).await,
        };
        if before.faults != view.snapshot.faults {
            parts.push(Fragment::new("faults", faults(&view.snapshot.faults, &view)));
        }
        let title = match &self.screen {
            Screen::First => Some(crate::pages::words::headline(&view.snapshot.board).sentence),
            Screen::One(_) | Screen::Jobs { .. } | Screen::Checks(_) | Screen::Services(_) => None,
        };
        for part in parts {
            let data = json!({ "id": part.id, "html": part.html.into_string(), "title": title });
            self.waiting.push_back(Event::default().event("fragment").data(data.to_string()));
        }
    }

    fn lines(&mut self, before: &[Line], now: &[Line]) {
        let wanted = |line: &&Line| match &self.screen {
            Screen::One(id) => line.id == *id,
            Screen::Services(_) => line.id.table() == "deploy",
            Screen::First | Screen::Jobs { .. } | Screen::Checks(_) => true,
        };
        let present = self.web.present();
        let mut events = Vec::new();
        for line in now.iter().filter(wanted) {
            if before.iter().find(|old| old.id == line.id) != Some(line) {
                events
                    .push(Event::default().event("line").data(json!(Told::new(line, &present)).to_string()));
            }
        }
        for line in before.iter().filter(wanted) {
            if !now.iter().any(|new| new.id == line.id) {
                events.push(Event::default().event("gone").data(json!({ "id": line.id }).to_string()));
            }
        }
        self.waiting.extend(events);
    }
}
