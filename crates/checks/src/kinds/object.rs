//! `object`: a key of an S3-compatible object store, or the newest of several, is there, is recent, has a plausible size and
//! says what it must.
//!
//! The store is asked by HEAD, by listings of a bounded number of pages, and by one GET of the first bytes; each request has
//! a connection of its own and a signature of its own in its address. How fast it grows is known from the second look on.

mod answer;
mod ask;
mod find;
mod keys;
mod refusal;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use muster_config::assertion::Assertion;
use muster_config::assertion::facts::{Unseen, Value};
use muster_config::assertion::term::{Takes, Term, Type};
use muster_config::field::{Field, Shape};
use muster_config::kind::Kind;
use muster_config::section::Section;
use muster_core::time::Timestamp;
use muster_net::endpoint::Endpoint;
use muster_net::reach::Family;
use rusty_s3::Bucket;

use self::ask::Desk;
use self::find::{Found, Place};
use self::keys::Signer;
use crate::contact::{
    ADDRESS, CA, CERT_EXPIRES_IN, FAMILY, TIME_CONNECT, TIME_DNS, TIME_TLS, TIME_TOTAL, family, give_up,
    is_outside, time, word,
};
use crate::lot::rules::{Rules, Sort};
use crate::lot::{self, CONTAINS, GROWTH, Growth, LACKS, MAX_AGE, MAX_SIZE, MIN_SIZE, Which};
use crate::notebook::Notebook;
use crate::probe::{BoxFuture, Miss, Part, Probe, Scene};

/// The row of the kind.
pub const ROW: Kind<Part> = Kind {
    name: "object",
    sentence: "Looks whether an object in an S3-compatible store, or the newest of several, is there, recent, of a plausible size, and says what it must.",
    example: "[check.backup-offsite]\nkind = \"object\"\nevery = \"15m\"\nendpoint = \"https://s3.example.com\"\nbucket = \"acme-backups\"\nkey = { env = \"S3_KEY\" }\nsecret = { env = \"S3_SECRET\" }\nprefix = \"backups/app-\"\nmax_age = \"26h\"\nmin_size = \"10KiB\"\n",
    fields: &[
        Field::new("endpoint", Shape::Url, "Where the store is.", "\"https://s3.example.com\"").required(),
        Field::new("region", Shape::Text, "Its region, as it goes into signatures.", "\"eu-west-1\"")
            .default("\"us-east-1\""),
        Field::new("bucket", Shape::Text, "The bucket.", "\"acme-backups\"").required(),
        Field::new(
            "style",
            Shape::Choice(&["path", "host"]),
            "Where the bucket stands in the address: behind the host, or before it as a part of its name.",
            "\"host\"",
        )
        .default("\"path\""),
        Field::new(
            "key",
            Shape::OrSecret(&Shape::Text),
            "The id of the key to sign with; reading and, for `prefix`, listing are all that it needs. Without `key` and \
             `secret` the look is anonymous, as it is possible with a public bucket.",
            "{ env = \"S3_KEY\" }",
        ),
        Field::new("secret", Shape::Secret, "The secret that belongs to it.", "{ env = \"S3_SECRET\" }"),
        Field::new(
            "token",
            Shape::Secret,
            "The token of a session, where the key is of one.",
            "{ file = \"/run/s3-token\" }",
        ),
        Field::new("object", Shape::Text, "The object; or else `prefix`.", "\"backups/app.tar.zst\""),
        Field::new(
            "prefix",
            Shape::Text,
            "How the names of the objects begin. Empty ones whose name ends in `/` stand for folders and do not count. At \
             most 50,000 are gone through; with more, the check is blind.",
            "\"backups/app-\"",
        ),
        Field::new(
            "which",
            Shape::Choice(Which::WORDS),
            "Which of the objects of `prefix` is looked at: age, size and content are its own.",
            "\"oldest\"",
        )
        .default("\"newest\""),
        Field::new(
            "min_count",
            Shape::Whole(0, 1_000_000),
            "How many objects must be there at least; 0 if there may be none, as it is with `max_count = 0`.",
            "3",
        )
        .default("1"),
        Field::new("max_count", Shape::Whole(0, 1_000_000), "How many objects may be there at most.", "100"),
        MAX_AGE,
        MIN_SIZE,
        MAX_SIZE,
        Field::new(
            "max_growth",
            Shape::Table(GROWTH),
            "How fast all objects together may grow, from one look to the next; judged from the second look on. Shrinking \
             is no growth.",
            "{ size = \"2GiB\", per = \"1d\" }",
        ),
        CONTAINS,
        LACKS,
        FAMILY,
        CA,
        Field::new(
            "expect",
            Shape::Assertions(TERMS),
            "What must be true of it besides.",
            "[\"size > 10KiB\", \"total < 20GiB\"]",
        ),
    ],
    read,
};

const TERMS: &[Term] = &[
    word("objects", Type::Number, "How many objects there are.", "objects <= 100"),
    word("object", Type::Text, "The object that is looked at.", "object matches '-v2'"),
    word("age", Type::Time, "How long ago it was modified.", "age < 26h"),
    word("size", Type::Size, "Its size.", "size > 10KiB"),
    word("total", Type::Size, "The size of all objects.", "total < 20GiB"),
    word(
        "growth",
        Type::Size,
        "How much all objects grew since the look before, for each minute of it; not known at the first look, which is \
         blind then.",
        "growth < 2MiB",
    ),
    word("body", Type::Text, "Its content.", "body matches '(?m)^state: (ok|done)$'"),
    Term {
        name: "json",
        takes: Takes::JsonPath,
        gives: Type::Any,
        doc: "Something in its content, if that is JSON.",
        example: "json('$.version') >= 3",
    },
    TIME_TOTAL,
    TIME_DNS,
    TIME_CONNECT,
    TIME_TLS,
    ADDRESS,
    CERT_EXPIRES_IN,
];

const SORT: Sort = Sort {
    thing: "object",
    none: "no object begins with",
    single: "1 object begins with",
    several: "objects begin with",
};

fn read(section: &Section<'_>) -> Option<Part> {
    let (place, credentials, bucket) =
        (keys::place(section), keys::credentials(section), keys::bucket(section));
    let name = section.text("object").or_else(|| section.text("prefix")).unwrap_or_default();
    let shown = format!("{}/{name}", section.text("bucket").unwrap_or_default());
    let rules = Rules::read(section, &SORT, shown.clone(), section.has("prefix"));
    let assertions = section.assertions("expect");
    let (endpoint, bucket) = bucket?;
    Some(Arc::new(Store {
        bucket,
        shown: format!("{shown}{} at {}", if section.has("prefix") { "*" } else { "" }, endpoint.origin()),
        is_outside: is_outside(&endpoint.endpoint.host),
        credentials: credentials?,
        place: place?,
        which: Which::of(section.choice("which").unwrap_or_default()),
        wants_body: rules.reads() || assertions.iter().any(|one| one.asks("body") || one.asks("json")),
        rules,
        family: family(section),
        ca: section.path_to("ca"),
        assertions,
        growth: Growth::default(),
    }))
}

/// A store that is asked.
#[derive(Debug)]
struct Store {
    bucket: Bucket,
    /// What is looked at and where, for people.
    shown: String,
    is_outside: bool,
    credentials: Option<Signer>,
    place: Place,
    which: Which,
    /// Somebody wants to know what is in it.
    wants_body: bool,
    rules: Rules,
    family: Family,
    ca: Option<PathBuf>,
    assertions: Vec<Assertion>,
    growth: Growth,
}

impl Probe for Store {
    fn probe<'a>(&'a self, scene: &'a Scene) -> BoxFuture<'a, Result<(), Miss>> {
        Box::pin(async move {
            let (began, until) = (Instant::now(), give_up(scene));
            let credentials = match &self.credentials {
                Some(signer) => Some(signer.fetch(scene).await?),
                None => None,
            };
            let desk = Desk {
                scene,
                bucket: &self.bucket,
                credentials,
                family: self.family,
                ca: self.ca.as_deref(),
                until,
            };
            let found = find::look(&desk, &self.place, self.which, self.wants_body).await?;
            scene.notebook.fact("time.total", time(began.elapsed()));
            let now = muster_host::clock::now().wall;
            let growth = self.growth.measure(found.bytes, Instant::now());
            note(&scene.notebook, &found, growth, now);
            let judged = self.rules.judge(&found.lot(self.bucket.name()), growth, now);
            lot::verdict(judged, found.one.is_some(), growth, &self.assertions)
        })
    }

    fn assertions(&self) -> &[Assertion] {
        &self.assertions
    }

    fn target(&self) -> String {
        self.shown.clone()
    }

    fn endpoints(&self) -> Vec<Endpoint> {
        let url = self.bucket.base_url();
        let endpoint = url.host_str().zip(url.port_or_known_default());
        let named =
            endpoint.map(|(host, port)| Endpoint { host: host.trim_matches(['[', ']']).to_owned(), port });
        named.into_iter().collect()
    }

    fn is_outside(&self) -> bool {
        self.is_outside
    }
}

/// Writes down what was seen.
fn note(notebook: &Notebook, found: &Found, growth: Option<f64>, now: Timestamp) {
    lot::note_all(notebook, "objects", found.objects, found.bytes, growth);
    let Some(one) = &found.one else {
        for term in ["object", "age", "size", "body"] {
            notebook.lacks(term, Unseen::Absent("there is no object".into()));
        }
        return;
    };
    lot::note_age(notebook, &one.object, one.modified, one.size, now);
    notebook.fact("object", Value::Text(one.object.clone()));
    notebook.fact("size", Value::Size(one.size));
    lot::note_body(notebook, one.body.as_ref());
}
