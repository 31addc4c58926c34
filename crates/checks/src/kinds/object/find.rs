//! Finds the object and reads its beginning.

use muster_core::time::Timestamp;

use super::answer::{self, Listed};
use super::ask::{Desk, Question, Reply, is_askable};
use super::refusal;
use crate::lot::{self, BODY, Body, Lot, Which};
use crate::probe::{Class, Miss};

/// Most pages of a list that one look goes through; a page has 1,000 objects.
const PAGES: u32 = 50;
/// Most of one page that is read, in bytes: 1,000 names of the longest that there are, and what stands around them.
pub(super) const PAGE: usize = 4 << 20;

/// What is looked for.
#[derive(Debug)]
pub(super) enum Place {
    /// This one.
    Object(String),
    /// One of those that begin so.
    Prefix(String),
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// How many objects there are.
    pub(super) objects: u64,
    /// Their bytes together.
    pub(super) bytes: u64,
    /// The one that is looked at.
    pub(super) one: Option<One>,
    /// Why there is none, as far as that is known.
    hint: &'static str,
}

/// The object that is looked at.
#[derive(Debug)]
pub(super) struct One {
    pub(super) object: String,
    pub(super) modified: Timestamp,
    pub(super) size: u64,
    /// Its content, where that is asked for.
    pub(super) body: Option<Body>,
}

impl Found {
    /// It as the rules see it.
    pub(super) fn lot(&self, bucket: &str) -> Lot<'_> {
        let one = self.one.as_ref().map(|one| lot::One {
            name: format!("{bucket}/{}", one.object),
            modified: one.modified,
            size: one.size,
            body: one.body.as_ref(),
        });
        Lot { count: self.objects, one, hint: self.hint, template: None }
    }
}

/// Looks once.
pub(super) async fn look(
    desk: &Desk<'_>,
    place: &Place,
    which: Which,
    wants_body: bool,
) -> Result<Found, Miss> {
    let mut found = match place {
        Place::Object(object) => alone(desk, object).await?,
        Place::Prefix(prefix) => among(desk, prefix, which).await?,
    };
    if let Some(one) = found.one.as_mut().filter(|_| wants_body) {
        one.body = Some(open(desk, one).await?);
    }
    Ok(found)
}

fn now() -> Timestamp {
    muster_host::clock::now().wall
}

async fn alone(desk: &Desk<'_>, object: &str) -> Result<Found, Miss> {
    let head = desk.ask(Question::Head(object)).await?;
    if !head.is_good() {
        return unseen(desk, object, &head).await;
    }
    let size = head.header("content-length").and_then(|size| size.parse().ok());
    let modified = head.header("last-modified").and_then(answer::moment);
    let (Some(size), Some(modified)) = (size, modified) else {
        let why = "the store's answer says nothing of the object's size and time: it is no object store, or half an answer";
        return Err(Miss::down(Class::Protocol, why));
    };
    let one = One { object: object.to_owned(), modified, size, body: None };
    Ok(Found { objects: 1, bytes: size, one: Some(one), hint: "" })
}

/// An answer to HEAD has no body, and with it no reason: the same is asked for in a way that has one.
async fn unseen(desk: &Desk<'_>, object: &str, head: &Reply) -> Result<Found, Miss> {
    let reply = desk.ask(Question::Start(object, 1)).await?;
    if reply.is_good() || reply.status == 416 {
        let why = format!(
            "the store answered HEAD with {}, and GET of the same with {}",
            head.status, reply.status
        );
        return Err(Miss::down(Class::Protocol, why));
    }
    // Only the store's own word for it: a 404 can come from whatever stands in its place.
    match answer::refusal(&reply.body.bytes) {
        Some(said) if said.code == refusal::NO_SUCH_KEY => {
            Ok(Found { hint: ": no such object", ..Found::default() })
        }
        _ => Err(refusal::of(desk, &reply, now())),
    }
}

async fn among(desk: &Desk<'_>, prefix: &str, which: Which) -> Result<Found, Miss> {
    let (mut found, mut from) = (Found::default(), None::<String>);
    for _ in 0..PAGES {
        let reply = desk.ask(Question::List(prefix, from.as_deref(), PAGE)).await?;
        if !reply.is_good() {
            return Err(refusal::of(desk, &reply, now()));
        }
        let broken =
            |why: &str| Miss::down(Class::Protocol, format!("the store's list cannot be read: {why}"));
        if reply.body.cut {
            return Err(broken("one page of it has more than 4 MiB"));
        }
        let page = answer::page(&reply.body.bytes).map_err(|why| broken(&why))?;
        for listed in page.objects {
            if !listed.object.starts_with(prefix) {
                return Err(broken("it names objects that do not begin with the prefix"));
            }
            add(&mut found, listed, which);
        }
        match page.next {
            Some(next) => from = Some(next),
            None => return Ok(found),
        }
    }
    let why = format!("there are more than {} objects or {PAGES} pages of them", found.objects);
    Err(Miss::blind(format!("{why}; write a longer `prefix`")))
}

fn add(found: &mut Found, listed: Listed, which: Which) {
    let Listed { object, size, modified } = listed;
    if size == 0 && object.ends_with('/') {
        return;
    }
    found.objects += 1;
    found.bytes = found.bytes.saturating_add(size);
    let is_meant = found.one.as_ref().is_none_or(|best| {
        which.prefers((modified, size, object.as_str()), (best.modified, best.size, best.object.as_str()))
    });
    if is_meant {
        found.one = Some(One { object, modified, size, body: None });
    }
}

/// Reads the beginning of an object.
async fn open(desk: &Desk<'_>, one: &One) -> Result<Body, Miss> {
    if one.size == 0 {
        return Ok(Body { bytes: Vec::new(), is_cut: false });
    }
    if !is_askable(&one.object) {
        return Err(Miss::blind(format!("{} cannot be asked for: `.` and `..` are parts of it", one.object)));
    }
    let reply = desk.ask(Question::Start(&one.object, BODY)).await?;
    if !reply.is_good() {
        let gone = answer::refusal(&reply.body.bytes).is_some_and(|said| said.code == refusal::NO_SUCH_KEY);
        return Err(match gone {
            true => Miss::blind(format!("{} went away while it was looked at", one.object)),
            false => refusal::of(desk, &reply, now()),
        });
    }
    let whole = match reply.header("content-range").and_then(|range| range.rsplit_once('/')) {
        Some((_, whole)) => whole.parse().unwrap_or(u64::MAX),
        None if reply.status == 206 => one.size,
        None => 0,
    };
    let is_cut = reply.body.cut || (reply.body.bytes.len() as u64) < whole;
    Ok(Body { bytes: reply.body.bytes, is_cut })
}
