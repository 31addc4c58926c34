//! `domain`: how long a domain is still registered, as its registry says through RDAP (RFC 9082, RFC 9083).
//!
//! Registries count who asks: an answer is kept for half a day and what it says is reckoned again at every look. While
//! the registry cannot be asked, the last answer holds for a week; after that, and before the first, nobody can see.

mod registry;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use muster_config::assertion::Assertion;
use muster_config::assertion::facts::{Unseen, Value};
use muster_config::assertion::term::{Term, Type};
use muster_config::field::{Field, Shape};
use muster_config::kind::Kind;
use muster_config::section::Section;
use muster_core::expectation::Level;
use muster_core::time::Timestamp;
use muster_host::clock;
use muster_net::url::Url;
use tokio::time::Instant;

use self::registry::{Failed, Registered};
use crate::contact::{CA, left, word};
use crate::probe::{BoxFuture, Class, Miss, Part, Probe, Scene};

/// How long an answer is not asked for again.
const FRESH: Duration = Duration::from_secs(12 * 3600);
/// How long it holds while the registry cannot be asked.
const HOLDS: Duration = Duration::from_secs(7 * 24 * 3600);
/// The pause after a lookup that failed.
const PAUSE: Duration = Duration::from_secs(600);

/// What must be true where the configuration says nothing.
const USUAL: &[(&str, Level)] = &[
    ("expires_in > 14d", Level::Page),
    ("expires_in > 30d", Level::Warn),
    ("not (status contains 'redemption period' or status contains 'pending delete')", Level::Page),
    ("not (status contains 'client hold' or status contains 'server hold')", Level::Page),
];

/// The row of the kind.
pub const ROW: Kind<Part> = Kind {
    name: "domain",
    sentence: "Looks how long a domain is still registered.",
    example: "[check.our-domain]\nkind = \"domain\"\nevery = \"1h\"\nname = \"example.com\"\n",
    fields: &[
        Field::new(
            "name",
            Shape::Text,
            "The domain as it is registered, not a host in it.",
            "\"example.com\"",
        )
        .required(),
        Field::new(
            "rdap",
            Shape::Url,
            "The registry's RDAP server (RFC 9082); else the one that IANA names for the last label (RFC 9224).",
            "\"https://rdap.example.net/v1/\"",
        ),
        CA,
        Field::new(
            "expect",
            Shape::Assertions(TERMS),
            "What must be true. If nothing is written: a page 14 days before its end and when it is on hold or about to \
             be deleted, a warning 30 days before.",
            "[\"expires_in > 21d\"]",
        ),
    ],
    read,
};

const TERMS: &[Term] = &[
    word("expires_in", Type::Time, "How long it is still registered.", "expires_in > 21d"),
    word(
        "status",
        Type::List,
        "Its states in the words of RFC 8056, such as 'active' and 'client transfer prohibited'.",
        "status contains 'client transfer prohibited'",
    ),
    word(
        "nameservers",
        Type::List,
        "The name servers in small letters.",
        "nameservers contains 'ns1.example.net'",
    ),
    word("registrar", Type::Text, "Through whom it is registered.", "registrar contains 'Example'"),
];

/// When a registration ends, as the registry says now; the deadline is that of the scene.
///
/// # Errors
/// In words: why nobody can say.
pub(crate) async fn registered_until(scene: &Scene, name: &str) -> Result<Timestamp, String> {
    match registry::ask(scene, name, None, None).await {
        Ok(registered) => {
            registered.expires.ok_or_else(|| "the registry does not say when it ends".to_owned())
        }
        Err(Failed::Unknown) => Err(format!("the registry knows no {name}")),
        // Nobody has a key `rdap` here.
        Err(Failed::NoAnswer(why)) => Err(why.trim_end_matches("; name one with `rdap`").to_owned()),
    }
}

/// A domain.
#[derive(Debug)]
struct Domain {
    name: String,
    rdap: Option<Url>,
    ca: Option<PathBuf>,
    assertions: Vec<Assertion>,
    memory: Mutex<Memory>,
}

/// What was found out by earlier looks.
#[derive(Debug, Clone, Default)]
struct Memory {
    answer: Option<(Instant, Registered)>,
    failed: Option<(Instant, String)>,
}

fn read(section: &Section<'_>) -> Option<Part> {
    let name = section.text("name")?.trim_end_matches('.').to_ascii_lowercase();
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if !name.contains('.') || name.len() > 253 || !name.split('.').all(is_label) {
        section.refuse(
            "name",
            "this is no name of a domain",
            "write it as in \"example.com\", and letters outside of ASCII as in \"xn--bcher-kva.example\"",
        );
        return None;
    }
    let rdap = match section.text("rdap").map(|text| Url::parse(&text)) {
        None => None,
        Some(Ok(url)) => Some(url),
        Some(Err(error)) => {
            section.refuse("rdap", error.to_string(), "write it as in \"https://rdap.example.net/v1/\"");
            return None;
        }
    };
    let mut assertions = section.assertions("expect");
    if assertions.is_empty() {
        let usual = USUAL.iter().filter_map(|(text, level)| {
            Assertion::compile(text, TERMS).ok().map(|assertion| assertion.with_level(*level))
        });
        assertions.extend(usual);
    }
    Some(Arc::new(Domain { name, rdap, ca: section.path_to("ca"), assertions, memory: Mutex::default() }))
}

impl Domain {
    async fn look(&self, scene: &Scene) -> Result<(), Miss> {
        let registered = self.registered(scene).await?;
        let now = clock::now().wall;
        match registered.expires {
            Some(expires) => {
                scene.notebook.say(format!("registered until {expires}"));
                scene.notebook.fact("expires_in", left(expires, now));
            }
            None => {
                let why = "the registry does not say until when".to_owned();
                scene.notebook.lacks("expires_in", Unseen::Absent(why));
            }
        }
        let texts = |texts: Vec<String>| Value::List(texts.into_iter().map(Value::Text).collect());
        scene.notebook.fact("status", texts(registered.status));
        scene.notebook.fact("nameservers", texts(registered.nameservers));
        match registered.registrar {
            Some(registrar) => scene.notebook.fact("registrar", Value::Text(registrar)),
            None => scene.notebook.lacks("registrar", Unseen::Absent("the registry does not say".into())),
        }
        Ok(())
    }

    /// What the registry says, or said not long ago.
    async fn registered(&self, scene: &Scene) -> Result<Registered, Miss> {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((at, answer)) = &memory.answer
            && at.elapsed() < FRESH
        {
            scene.notebook.say(format!("the registry was asked {} minutes ago", at.elapsed().as_secs() / 60));
            return Ok(answer.clone());
        }
        let why = match &memory.failed {
            Some((at, why)) if at.elapsed() < PAUSE => why.clone(),
            _ => match registry::ask(scene, &self.name, self.rdap.as_ref(), self.ca.as_ref()).await {
                Ok(answer) => {
                    let fresh = Memory { answer: Some((Instant::now(), answer.clone())), failed: None };
                    *self.memory.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
                    return Ok(answer);
                }
                Err(Failed::Unknown) => {
                    let why = format!("the registry does not know {}", self.name);
                    return Err(Miss::down(Class::Absent, why));
                }
                Err(Failed::NoAnswer(why)) => {
                    let failed = Some((Instant::now(), why.clone()));
                    self.memory.lock().unwrap_or_else(PoisonError::into_inner).failed = failed;
                    why
                }
            },
        };
        scene.notebook.say(format!("the registry could not be asked: {why}"));
        match memory.answer {
            Some((at, answer)) if at.elapsed() < HOLDS => {
                let hours = at.elapsed().as_secs() / 3600;
                scene.notebook.say(format!("its answer of {hours} hours ago still holds"));
                Ok(answer)
            }
            _ => Err(Miss::blind(format!("the registry could not be asked: {why}"))),
        }
    }
}

impl Probe for Domain {
    fn probe<'a>(&'a self, scene: &'a Scene) -> BoxFuture<'a, Result<(), Miss>> {
        Box::pin(self.look(scene))
    }

    fn assertions(&self) -> &[Assertion] {
        &self.assertions
    }

    fn target(&self) -> String {
        self.name.clone()
    }
}
