//! A step that waits for a mail: which one, and the mailbox into which it comes. Only mails that came in after the flow
//! began count, and the one that was waited for is deleted.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use muster_config::assertion::facts::Value;
use muster_config::field::{DAY, Field, SECOND, Shape};
use muster_config::section::Section;
use muster_core::words::length;
use muster_net::mail::error::MailError;
use muster_net::mail::imap::Session;
use tokio::time::Instant;

use super::letter::Letter;
use super::template::{Stop, Template, Unknown, Values};
use crate::contact::{CA, give_up};
use crate::mailbox;
use crate::mailserver::{PASSWORD, Server, Stream, TLS, USER, of_mail};
use crate::probe::{Class, Miss, Scene};

/// So much of a mail is read.
const LETTER: usize = 512 * 1024;
/// Most mails that one search reads.
const MOST: usize = 50;
/// The longest time from one search to the next.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Most subjects of other mails that are told.
const SUBJECTS: usize = 3;

/// The keys of the mailbox.
pub(super) const MAILBOX: &[Field] = &[
    Field::new("imap", Shape::Text, "Host and port of the server.", "\"imap.example.com:993\"").required(),
    TLS,
    USER.required(),
    PASSWORD.required(),
    CA,
    Field::new("keep", Shape::Flag, "Leaves the mails that were waited for where they are.", "true")
        .default("false"),
];

/// The keys of a mail that is waited for.
pub(super) const MAIL: &[Field] = &[
    Field::new(
        "subject",
        Shape::Text,
        "What its subject contains, upper and lower case as written.",
        "\"Your profile changed\"",
    )
    .required(),
    Field::new("to", Shape::Text, "An address that it is sent to.", "\"probe+{{unique}}@example.com\""),
    Field::new(
        "contains",
        Shape::OneOrMany(&Shape::Text),
        "Texts that must stand in it, as a reader sees it: with quoted-printable and base64 undone.",
        "\"{{unique}}\"",
    ),
    Field::new("within", Shape::Duration(SECOND, DAY), "How long it is waited for.", "\"5m\"")
        .default("\"2m\""),
];

/// The mailbox of a flow.
#[derive(Debug)]
pub(super) struct Mailbox {
    server: Server,
    keeps: bool,
}

/// The folders into which mail may come, and the first number that a new mail may have there.
#[derive(Debug, Clone, Default)]
pub(super) struct Before(Vec<(String, u32)>);

/// The mail that is waited for.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) subject: Template,
    to: Option<Template>,
    contains: Vec<Template>,
    pub(super) within: Duration,
}

/// The same, with all names filled in.
struct Sought {
    subject: String,
    to: Option<String>,
    contains: Vec<String>,
}

impl Wanted {
    /// Reads the table of the step.
    pub(super) fn read(mail: &Section<'_>, known: &[String]) -> Option<Self> {
        let template = |key: &str| Template::read(mail.reading(), &*mail.node(key)?, known);
        let subject = template("subject")?;
        let to = if mail.has("to") { Some(template("to")?) } else { None };
        let contains = match mail.node("contains").map(std::borrow::Cow::into_owned) {
            None => Vec::new(),
            Some(node) => match &node.value {
                muster_config::tree::Value::List(items) => items
                    .iter()
                    .map(|item| Template::read(mail.reading(), item, known))
                    .collect::<Option<_>>()?,
                _ => vec![Template::read(mail.reading(), &node, known)?],
            },
        };
        Some(Self { subject, to, contains, within: mail.duration("within")?.to_std() })
    }

    fn fill(&self, values: &Values) -> Result<Sought, Unknown> {
        let plain = |template: &Template| template.fill(values, str::to_owned);
        Ok(Sought {
            subject: plain(&self.subject)?,
            to: self.to.as_ref().map(plain).transpose()?,
            contains: self.contains.iter().map(plain).collect::<Result<_, _>>()?,
        })
    }
}

impl Sought {
    /// True if it is this mail.
    fn is(&self, letter: &Letter) -> bool {
        let is_for = |to: &String| {
            let to = to.to_ascii_lowercase();
            let lists = ["to", "cc", "delivered-to", "x-original-to"];
            lists
                .iter()
                .any(|name| letter.header(name).is_some_and(|list| list.to_ascii_lowercase().contains(&to)))
        };
        letter.subject().contains(&self.subject)
            && self.to.as_ref().is_none_or(is_for)
            && self.contains.iter().all(|text| letter.text.contains(text))
    }
}

impl Mailbox {
    /// Reads the table.
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        Some(Self { server: Server::read(section, "imap")?, keeps: section.flag("keep")? })
    }

    /// Where it is.
    pub(super) fn host(&self) -> &str {
        &self.server.endpoint.host
    }

    /// Finds out which mails are there before anything is done.
    pub(super) async fn before(&self, scene: &Scene) -> Result<Before, Miss> {
        let sink = |line: &str| scene.notebook.say(line);
        let mut met = self.server.receive(scene, &sink).await?;
        let mut before = Before::default();
        for folder in mailbox::incoming(&mut met.session, &met.offers).await.map_err(of_mail)? {
            let next = met.session.next_uid(&folder).await.map_err(of_mail)?;
            before.0.push((folder, next));
        }
        met.session.logout().await;
        Ok(before)
    }

    /// Waits until the mail is there, notes what is in it, and deletes it.
    pub(super) async fn wait(
        &self,
        scene: &Scene,
        wanted: &Wanted,
        before: &Before,
        values: &Values,
    ) -> Result<(), Stop> {
        let sought = wanted.fill(values)?;
        let began = Instant::now();
        // The tenth search for the same mail tells nothing new.
        let is_quiet = AtomicBool::new(false);
        let sink = |line: &str| {
            if !is_quiet.load(Ordering::Relaxed) {
                scene.notebook.say(line);
            }
        };
        let mut met = self.server.receive(scene, &sink).await?;
        // What is left must do for one last search.
        let end = give_up(scene) - Duration::from_millis(100);
        let mut pause = Duration::from_millis(125);
        let (mut others, mut read) = (Vec::new(), Vec::new());
        loop {
            let found = look(&mut met.session, before, &sought, &mut read, &mut others).await;
            if let Some((uid, letter)) = found.map_err(of_mail)? {
                is_quiet.store(false, Ordering::Relaxed);
                scene.notebook.say(format!("it came after {}", length(began.elapsed().into())));
                note(scene, letter);
                if !self.keeps
                    && let Err(error) = met.session.delete(&met.offers, &[uid]).await
                {
                    scene.notebook.say(format!("the mail could not be deleted: {error}"));
                }
                met.session.logout().await;
                return Ok(());
            }
            if Instant::now() >= end {
                break;
            }
            is_quiet.store(true, Ordering::Relaxed);
            pause = (pause * 2).min(LONGEST_PAUSE);
            tokio::time::sleep_until(end.min(Instant::now() + pause)).await;
        }
        let folders: Vec<&str> = before.0.iter().map(|(folder, _)| folder.as_str()).collect();
        let came = match (others.len(), others.iter().take(SUBJECTS).cloned().collect::<Vec<_>>().join(", "))
        {
            (0, _) => "no mail came in at all".to_owned(),
            (1, shown) => format!("the only mail that came in is {shown}"),
            (count, shown) => format!("{count} others came in, such as {shown}"),
        };
        let why = format!(
            "the mail did not come into {} within {}: {came}",
            folders.join(" or "),
            length(began.elapsed().into())
        );
        Err(Miss::down(Class::Absent, why).into())
    }
}

/// Looks once at the mails that came in and were not read yet.
async fn look<S: Stream>(
    session: &mut Session<'_, S>,
    before: &Before,
    sought: &Sought,
    read: &mut Vec<(String, u32)>,
    others: &mut Vec<String>,
) -> Result<Option<(u32, Letter)>, MailError> {
    for (folder, next) in &before.0 {
        session.open(folder, false).await?;
        let mut uids = session.search(&format!("UID {next}:*")).await?;
        // A range that begins behind the last mail holds that one all the same.
        uids.retain(|uid| uid >= next && !read.contains(&(folder.clone(), *uid)));
        uids.truncate(MOST);
        for uid in uids {
            let Some(bytes) = session.message(uid, LETTER).await? else { continue };
            let letter = Letter::read(&bytes);
            if sought.is(&letter) {
                return Ok(Some((uid, letter)));
            }
            read.push((folder.clone(), uid));
            others.push(format!("\"{}\"", muster_core::words::harmless(&letter.subject())));
        }
    }
    Ok(None)
}

fn note(scene: &Scene, letter: Letter) {
    scene.notebook.fact("subject", Value::Text(letter.subject()));
    scene.notebook.fact("from", Value::Text(letter.header("from").unwrap_or_default()));
    let kind = if letter.is_html { "text/html" } else { "text/plain" };
    scene.notebook.headers(vec![("content-type".to_owned(), kind.to_owned())]);
    scene.notebook.body(letter.text.into_bytes(), None);
}
