//! What people do about notices: say something, open one, keep one off the public page. One way in for programs, the command
//! line and pages; who stores it and writes the page is whoever listens.

use muster_core::notice::{
    Amendment, Extent, Notice, NoticeId, Stage, TITLE_LIMIT, Touched, UPDATE_LIMIT, Update, WORDS_LIMIT,
};
use muster_core::time::{Span, Timestamp};

use crate::guard::who::Asker;
use crate::parts::Heard;
use crate::records::ask;
use crate::refusal::Refusal;
use crate::router::Web;

/// How far back notices are listed.
pub const LISTED: Span = Span::days(90);

/// How many ids of one moment are tried.
const TRIES: u32 = 100;

/// The notices that go on, and those of [`LISTED`], newest beginning first.
///
/// # Errors
/// What the store says.
pub async fn list(web: &Web) -> Result<Vec<Notice>, Refusal> {
    let since = muster_host::clock::now().wall - LISTED;
    Ok(ask(&web.parts.store, move |store| store.notices(since)).await?)
}

/// The notice with this id.
///
/// # Errors
/// [`Refusal`] if there is none.
pub async fn find(web: &Web, id: &str) -> Result<Notice, Refusal> {
    let none = || {
        let mut refusal = Refusal::not_found("no notice has this id");
        "`muster incident list` shows them".clone_into(&mut refusal.help);
        refusal
    };
    let id = NoticeId::read(id).ok_or_else(none)?;
    ask(&web.parts.store, move |store| store.notice(&id)).await?.ok_or_else(none)
}

/// Says something about a notice.
///
/// # Errors
/// [`Refusal`]: no such notice, words that do not fit, an end that is not one.
pub async fn say(web: &Web, asker: &Asker, id: &str, stage: &str, words: &str) -> Result<Heard, Refusal> {
    let words = public(words, "words", WORDS_LIMIT)?;
    let stage = read_stage(stage)?;
    let notice = find(web, id).await?;
    fits(&notice, stage)?;
    amend(web, &notice.id, vec![said(asker, stage, words)]).await
}

/// Opens a notice for what no check sees; its id.
///
/// # Errors
/// [`Refusal`]: no such component, words that do not fit, no status page.
pub async fn open(
    web: &Web,
    asker: &Asker,
    components: &[String],
    title: &str,
    words: &str,
) -> Result<(NoticeId, Heard), Refusal> {
    let title = public(title, "title", TITLE_LIMIT)?;
    if title.contains('\n') {
        return Err(Refusal::bad("`title` has more than one line", "say the rest in `words`"));
    }
    let words = public(words, "words", WORDS_LIMIT)?;
    let touched = components.iter().map(|name| component(web, name)).collect::<Result<Vec<_>, _>>()?;
    if touched.is_empty() {
        return Err(Refusal::bad("it names no component", "say which one customers see in trouble"));
    }
    let at = muster_host::clock::now().wall;
    let id = unused(web, at).await?;
    let opened = Amendment::Opened { title, touched, at };
    let heard = amend(web, &id, vec![opened, said(asker, Stage::Investigating, words)]).await?;
    Ok((id, heard))
}

/// Keeps a notice off the public page, or shows it again.
///
/// # Errors
/// [`Refusal`] if there is no such notice.
pub async fn hide(web: &Web, id: &str, hidden: bool) -> Result<Heard, Refusal> {
    let notice = find(web, id).await?;
    amend(web, &notice.id, vec![Amendment::Hidden(hidden)]).await
}

async fn amend(web: &Web, id: &NoticeId, amendments: Vec<Amendment>) -> Result<Heard, Refusal> {
    let amendments = amendments.into_iter().map(|amendment| (id.clone(), amendment)).collect();
    Ok(web.parts.ear.amend(amendments).await?)
}

fn said(asker: &Asker, stage: Stage, words: String) -> Amendment {
    let at = muster_host::clock::now().wall;
    Amendment::Said(Update { at, stage, words, by: Some(asker.name().to_owned()) })
}

/// What is still bad is not said to be over, and what is over does not begin again by words.
fn fits(notice: &Notice, stage: Stage) -> Result<(), Refusal> {
    if notice.updates.len() >= UPDATE_LIMIT && notice.updates.iter().all(|update| update.by.is_some()) {
        return Err(Refusal::conflict(
            "nothing more can be said about it",
            "open another: `muster incident new`",
        ));
    }
    match (notice.ended, stage) {
        (None, Stage::Resolved) if !notice.is_said() => Err(Refusal::conflict(
            "it is still seen to be bad, so customers cannot be told that it is over",
            "say `monitoring`; the end is told by itself when it is seen, and `muster incident hide` keeps it off the page",
        )),
        (Some(_), Stage::Noticed | Stage::Investigating | Stage::Identified | Stage::Monitoring) => Err(
            Refusal::conflict("it is over", "say it with `resolved`, or open another: `muster incident new`"),
        ),
        (None | Some(_), _) => Ok(()),
    }
}

fn read_stage(word: &str) -> Result<Stage, Refusal> {
    Stage::said(word).ok_or_else(|| {
        let words: Vec<&str> = Stage::SAID.iter().map(|stage| stage.word()).collect();
        Refusal::bad(format!("{word:?} is no stage of a notice"), format!("say one of {}", words.join(", ")))
    })
}

/// Words for everybody: some, not too many, and nothing that steers a terminal.
fn public(text: &str, field: &str, limit: usize) -> Result<String, Refusal> {
    let text = text.replace("\r\n", "\n");
    let text = text.trim();
    if text.is_empty() {
        return Err(Refusal::bad(
            format!("`{field}` is empty"),
            "say it in a few words that customers understand",
        ));
    }
    if text.len() > limit {
        return Err(Refusal::bad(format!("`{field}` is longer than {limit} bytes"), "shorten it"));
    }
    if text.chars().any(|c| c.is_control() && c != '\n') {
        return Err(Refusal::bad(format!("`{field}` has control characters in it"), "take them out"));
    }
    Ok(text.to_owned())
}

fn component(web: &Web, name: &str) -> Result<Touched, Refusal> {
    let known = web.parts.ear.components().ok_or_else(|| {
        Refusal::conflict("there is no status page", "add [status_page] to muster.toml; see the reference")
    })?;
    let same = |known: &&String| known.to_lowercase() == name.trim().to_lowercase();
    match known.iter().find(same) {
        Some(known) => Ok(Touched { component: known.clone(), extent: Extent::Trouble }),
        None => Err(Refusal::bad(
            format!("the status page has no component {name:?}"),
            format!("it has {}", known.join(", ")),
        )),
    }
}

async fn unused(web: &Web, at: Timestamp) -> Result<NoticeId, Refusal> {
    for nth in 0..TRIES {
        let id = NoticeId::of(at, nth);
        let wanted = id.clone();
        if ask(&web.parts.store, move |store| store.notice(&wanted)).await?.is_none() {
            return Ok(id);
        }
    }
    Err(Refusal::unavailable("no id could be made", "try again in a moment"))
}
