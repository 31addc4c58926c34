//! A notice: trouble as customers are told of it on the status page, with what people say about it while it goes on.
//!
//! Notices are kept by what happens to them ([`Amendment`]), so that the agent and a person may both amend one without
//! reading it first, and the same amendment twice changes nothing. Which trouble becomes a notice is decided elsewhere.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::IncidentId;
use crate::time::Timestamp;

/// Longest words of one update, in bytes.
pub const WORDS_LIMIT: usize = 2_000;
/// Longest title, in bytes.
pub const TITLE_LIMIT: usize = 120;
/// Most updates of one notice.
pub const UPDATE_LIMIT: usize = 60;
/// Most incidents behind one notice.
const CAUSE_LIMIT: usize = 500;

/// The public name of a notice, such as `mi9w3k2f`: it tells when it began and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NoticeId(String);

impl NoticeId {
    /// The id of a notice that began then; another one for each `nth` of the same moment.
    pub fn of(at: Timestamp, nth: u32) -> Self {
        let mut rest = at.millis().unsigned_abs().saturating_add(u64::from(nth));
        let mut digits = Vec::new();
        while rest > 0 || digits.is_empty() {
            digits.push(char::from_digit((rest % 36) as u32, 36).unwrap_or('0'));
            rest /= 36;
        }
        Self(digits.iter().rev().collect())
    }

    /// The id of this text, if it could be one.
    pub fn read(text: &str) -> Option<Self> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        (!text.is_empty() && text.len() <= 16 && text.chars().all(fits)).then(|| Self(text.to_owned()))
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NoticeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// How much of a component is touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extent {
    /// A part of it, or it is known only that something is wrong.
    Trouble,
    /// It is not available.
    Down,
}

/// A component that a notice is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touched {
    /// Its public name.
    pub component: String,
    /// The worst of it so far.
    pub extent: Extent,
}

/// How far people are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// A machine saw it; nobody has said anything yet.
    Noticed,
    /// Somebody looks for the reason.
    Investigating,
    /// The reason is known.
    Identified,
    /// It was mended, and is watched.
    Monitoring,
    /// It is over.
    Resolved,
}

impl Stage {
    /// What a person may say.
    pub const SAID: [Self; 4] = [Self::Investigating, Self::Identified, Self::Monitoring, Self::Resolved];

    /// One word, as written and shown.
    pub fn word(self) -> &'static str {
        match self {
            Self::Noticed => "noticed",
            Self::Investigating => "investigating",
            Self::Identified => "identified",
            Self::Monitoring => "monitoring",
            Self::Resolved => "resolved",
        }
    }

    /// The stage that a person means.
    pub fn said(word: &str) -> Option<Self> {
        Self::SAID.into_iter().find(|stage| stage.word() == word)
    }
}

/// One thing said about a notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Update {
    /// When. Of two updates of the same moment and stage the second is a repetition.
    pub at: Timestamp,
    /// How far people are.
    pub stage: Stage,
    /// In public words.
    pub words: String,
    /// Who said it; none for muster itself. Never public.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// Trouble as customers are told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Its public name.
    pub id: NoticeId,
    /// A person's title; none for what muster saw itself, whose title follows from the components.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it is about, in the order in which it was touched.
    pub touched: Vec<Touched>,
    /// When it began.
    pub began: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// The incidents behind it, each with its end. Never public.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub causes: BTreeMap<IncidentId, Option<Timestamp>>,
    /// What was said, oldest first.
    pub updates: Vec<Update>,
    /// It is kept off the public page.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
}

/// What happens to a notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Amendment {
    /// An incident touches components: it opens the notice, joins it, or opens it again.
    Seen {
        /// The incident.
        incident: IncidentId,
        /// What it touches.
        touched: Vec<Touched>,
        /// Since when.
        at: Timestamp,
        /// What is said of it.
        words: String,
    },
    /// An incident behind it is over; the notice is over with the last of them.
    Over {
        /// The incident.
        incident: IncidentId,
        /// When it ended.
        at: Timestamp,
        /// What is said at the end of the last one.
        words: String,
    },
    /// A person opens one, for what no check sees.
    Opened {
        /// Its title.
        title: String,
        /// What it is about.
        touched: Vec<Touched>,
        /// Since when.
        at: Timestamp,
    },
    /// A person says something.
    Said(Update),
    /// A person keeps it off the public page, or shows it again.
    Hidden(bool),
}

impl Notice {
    fn opened(id: &NoticeId, title: Option<String>, began: Timestamp) -> Self {
        Self {
            id: id.clone(),
            title,
            touched: Vec::new(),
            began,
            ended: None,
            causes: BTreeMap::new(),
            updates: Vec::new(),
            hidden: false,
        }
    }

    /// True if a person opened it; then a person ends it as well.
    pub fn is_said(&self) -> bool {
        self.title.is_some()
    }

    /// How far it is: what a person said last since it began or began again, and nothing but the end when it is over.
    pub fn stage(&self) -> Stage {
        if self.ended.is_some() {
            return Stage::Resolved;
        }
        let mut since = self.updates.iter().rev().take_while(|update| update.stage != Stage::Resolved);
        since.find(|update| update.by.is_some()).map_or(Stage::Noticed, |update| update.stage)
    }

    /// When it last changed for a reader.
    pub fn changed(&self) -> Timestamp {
        let said = self.updates.iter().map(|update| update.at);
        said.chain(self.ended).max().unwrap_or(self.began).max(self.began)
    }

    /// The notice after an amendment; none if there is none and the amendment opens none.
    #[must_use]
    pub fn amended(existing: Option<Self>, id: &NoticeId, amendment: &Amendment) -> Option<Self> {
        let mut notice = match (existing, amendment) {
            (Some(notice), _) => notice,
            (None, Amendment::Seen { at, .. }) => Self::opened(id, None, *at),
            (None, Amendment::Opened { at, title, .. }) => Self::opened(id, Some(title.clone()), *at),
            (None, Amendment::Over { .. } | Amendment::Said(_) | Amendment::Hidden(_)) => return None,
        };
        match amendment {
            Amendment::Seen { incident, touched, at, words } => {
                notice.touch(touched);
                let known = notice.causes.contains_key(incident) || notice.causes.len() >= CAUSE_LIMIT;
                if !known {
                    notice.causes.insert(incident.clone(), None);
                    notice.began = notice.began.min(*at);
                    notice.ended = None;
                    notice.say(*at, Stage::Noticed, words);
                }
            }
            Amendment::Over { incident, at, words } => {
                let Some(end @ None) = notice.causes.get_mut(incident) else { return Some(notice) };
                *end = Some(*at);
                if notice.causes.values().all(Option::is_some) {
                    let last = notice.causes.values().flatten().max().copied().unwrap_or(*at);
                    notice.ended = Some(last.max(notice.began));
                    notice.say(last, Stage::Resolved, words);
                }
            }
            Amendment::Opened { touched, .. } => notice.touch(touched),
            Amendment::Said(update) => {
                notice.put(update.clone());
                if notice.is_said() && notice.ended.is_none() && update.stage == Stage::Resolved {
                    notice.ended = Some(update.at.max(notice.began));
                }
            }
            Amendment::Hidden(hidden) => notice.hidden = *hidden,
        }
        Some(notice)
    }

    fn touch(&mut self, touched: &[Touched]) {
        for one in touched {
            match self.touched.iter_mut().find(|known| known.component == one.component) {
                Some(known) => known.extent = known.extent.max(one.extent),
                None => self.touched.push(one.clone()),
            }
        }
    }

    fn say(&mut self, at: Timestamp, stage: Stage, words: &str) {
        self.put(Update { at, stage, words: words.to_owned(), by: None });
    }

    /// Adds what was said, in its place in time; of too many the oldest of muster's own go first.
    fn put(&mut self, update: Update) {
        let same = |known: &Update| {
            (known.at, known.stage, &known.words) == (update.at, update.stage, &update.words)
        };
        if self.updates.iter().any(same) {
            return;
        }
        let place = self.updates.iter().position(|known| known.at > update.at).unwrap_or(self.updates.len());
        self.updates.insert(place, update);
        if self.updates.len() > UPDATE_LIMIT {
            let own = self.updates.iter().skip(1).position(|known| known.by.is_none());
            self.updates.remove(own.map_or(0, |nth| nth + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ExpectationId;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_795_246_920 + seconds)
    }

    fn incident(seconds: i64) -> IncidentId {
        IncidentId::of(&ExpectationId::new("check.api").unwrap(), at(seconds))
    }

    fn seen(seconds: i64, extent: Extent) -> Amendment {
        Amendment::Seen {
            incident: incident(seconds),
            touched: vec![Touched { component: "API".into(), extent }],
            at: at(seconds),
            words: "API is not available.".into(),
        }
    }

    fn over(began: i64, ended: i64) -> Amendment {
        Amendment::Over { incident: incident(began), at: at(ended), words: "It is over.".into() }
    }

    fn said(seconds: i64, stage: Stage) -> Amendment {
        let (words, by) = ("We know.".to_owned(), Some("ann".to_owned()));
        Amendment::Said(Update { at: at(seconds), stage, words, by })
    }

    fn after(amendments: &[Amendment]) -> Option<Notice> {
        let id = NoticeId::of(at(0), 0);
        amendments.iter().fold(None, |notice, amendment| Notice::amended(notice, &id, amendment))
    }

    #[test]
    fn it_is_over_with_the_last_incident_and_never_before() {
        let begun = [seen(0, Extent::Trouble), seen(30, Extent::Down), over(0, 60)];
        let notice = after(&begun).unwrap();
        assert_eq!((notice.ended, notice.stage()), (None, Stage::Noticed));
        assert_eq!(notice.touched[0].extent, Extent::Down);
        let all: Vec<_> = begun.into_iter().chain([over(30, 90)]).collect();
        let notice = after(&all).unwrap();
        assert_eq!((notice.ended, notice.stage()), (Some(at(90)), Stage::Resolved));
        // Trouble that comes back opens it again.
        let again: Vec<_> = all.into_iter().chain([seen(120, Extent::Down)]).collect();
        assert_eq!(after(&again).unwrap().ended, None);
    }

    #[test]
    fn what_a_person_said_last_is_how_far_it_is() {
        let joined = [seen(0, Extent::Down), said(10, Stage::Identified), seen(20, Extent::Down)];
        assert_eq!(after(&joined).unwrap().stage(), Stage::Identified);
        let again = [over(0, 30), over(20, 30), seen(60, Extent::Down)];
        let all: Vec<_> = joined.into_iter().chain(again).collect();
        assert_eq!(after(&all).unwrap().stage(), Stage::Noticed);
    }

    #[test]
    fn an_amendment_twice_changes_nothing() {
        let once = [seen(0, Extent::Down), said(10, Stage::Identified), over(0, 60), Amendment::Hidden(true)];
        let twice: Vec<_> =
            once.iter().flat_map(|one| [one.clone(), one.clone()]).chain(once.clone()).collect();
        assert_eq!(after(&once), after(&twice));
    }

    #[test]
    fn what_a_machine_sees_ends_when_the_machine_says_so_and_what_a_person_says_when_the_person_does() {
        let notice = after(&[seen(0, Extent::Down), said(5, Stage::Resolved)]).unwrap();
        assert_eq!((notice.ended, notice.stage()), (None, Stage::Noticed));
        let opened = Amendment::Opened { title: "Slow mails".into(), touched: Vec::new(), at: at(0) };
        let notice = after(&[opened.clone(), said(5, Stage::Monitoring)]).unwrap();
        assert_eq!((notice.ended, notice.stage()), (None, Stage::Monitoring));
        let notice = after(&[opened, said(5, Stage::Resolved)]).unwrap();
        assert_eq!((notice.ended, notice.stage()), (Some(at(5)), Stage::Resolved));
    }

    #[test]
    fn updates_are_bounded_and_a_persons_words_stay() {
        let many = (0..200).flat_map(|n| [seen(n * 10, Extent::Down), over(n * 10, n * 10 + 5)]);
        let all: Vec<_> = std::iter::once(seen(-10, Extent::Down))
            .chain([said(-5, Stage::Identified)])
            .chain(many)
            .collect();
        let notice = after(&all).unwrap();
        assert_eq!(notice.updates.len(), UPDATE_LIMIT);
        assert!(notice.updates.iter().any(|update| update.by.is_some()));
    }

    #[test]
    fn nothing_is_said_about_a_notice_that_is_not_there() {
        assert_eq!(after(&[said(0, Stage::Identified), over(0, 5), Amendment::Hidden(true)]), None);
        assert_eq!(NoticeId::read(NoticeId::of(at(0), 1).as_str()), Some(NoticeId::of(at(0), 1)));
        assert_eq!((NoticeId::read("../x"), NoticeId::read("")), (None, None));
    }
}
