//! One request to the store: signed, over a connection of its own, with a bounded answer.

use std::path::Path;
use std::time::Duration;

use muster_net::exchange::{self, Ask, Body, Http, Method};
use muster_net::inspect::Offer;
use muster_net::reach::Family;
use muster_net::url::Url;
use rusty_s3::actions::{GetObject, HeadObject};
use rusty_s3::{Bucket, Credentials, S3Action};
use tokio::time::{Instant, timeout_at};

use crate::contact::{connect, miss, secure};
use crate::probe::{Class, Miss, Scene};

/// How long a signature in an address is good: as far as clocks may be apart where it stands in a header.
const SIGNED_FOR: Duration = Duration::from_secs(15 * 60);

/// What of an address could be used by others, or tells too much.
const KEPT_BACK: &[&str] = &["X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token"];

/// Where questions to the store are handed in, during one look.
pub(super) struct Desk<'a> {
    pub(super) scene: &'a Scene,
    pub(super) bucket: &'a Bucket,
    /// None where the look is anonymous.
    pub(super) credentials: Option<Credentials>,
    pub(super) family: Family,
    pub(super) ca: Option<&'a Path>,
    pub(super) until: Instant,
}

/// What is asked for.
#[derive(Clone, Copy)]
pub(super) enum Question<'a> {
    /// What is known of an object.
    Head(&'a str),
    /// The first bytes of an object, so many.
    Start(&'a str, usize),
    /// What begins with this, from there on, in an answer of at most so many bytes.
    List(&'a str, Option<&'a str>, usize),
}

/// What the store said.
pub(super) struct Reply {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
    pub(super) body: Body,
}

impl Reply {
    /// The first header of that name, given in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The store did as it was asked.
    pub(super) fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// True if an address can name this object: `.` and `..` are carried out wherever addresses are read.
pub(super) fn is_askable(object: &str) -> bool {
    !object.split('/').any(|part| part == "." || part == "..")
}

impl Desk<'_> {
    /// Asks once.
    pub(super) async fn ask(&self, question: Question<'_>) -> Result<Reply, Miss> {
        let notebook = &self.scene.notebook;
        let (method, signed, limit) = self.signed(question);
        let url = Url::parse(&signed).map_err(miss)?;
        for (name, value) in url.path_and_query().split(['?', '&']).filter_map(|pair| pair.split_once('=')) {
            if KEPT_BACK.contains(&name) {
                notebook.hide(value);
            }
        }
        notebook.say(question.words(self.bucket.name()));
        let range = match question {
            Question::Start(_, limit) => {
                vec![("range".to_owned(), format!("bytes=0-{}", limit.saturating_sub(1)))]
            }
            _ => Vec::new(),
        };
        let asked = Ask { method: &method, url: &url, headers: &range, body: b"" };
        let stream = connect(self.scene, self.family, &url.endpoint, self.until).await?;
        let answer = if url.secure {
            let offer = Offer {
                ca: self.ca.map(Path::to_path_buf),
                alpn: vec![Http::One.alpn()],
                ..Offer::default()
            };
            let inspected = secure(self.scene, stream, &url.endpoint.host, &offer, self.until).await;
            let stream = inspected.trusted().map_err(miss)?;
            timeout_at(self.until, exchange::ask(stream, Http::One, asked)).await
        } else {
            timeout_at(self.until, exchange::ask(stream, Http::One, asked)).await
        };
        let late = |why: &str| Miss::down(Class::Timeout, why);
        let mut answer = answer.map_err(|_| late("the store was asked and no answer came"))?.map_err(miss)?;
        notebook.phase("first byte", answer.first_byte);
        notebook.say(format!("{} ({} ms)", answer.status, answer.first_byte.as_millis()));
        let (status, headers) = (answer.status, std::mem::take(&mut answer.headers));
        let began = Instant::now();
        let body = timeout_at(self.until, answer.body(limit)).await;
        notebook.phase("body", began.elapsed());
        let body = body.map_err(|_| late("the store's answer began and did not end"))?.map_err(miss)?;
        Ok(Reply { status, headers, body })
    }

    /// How it is asked, the address with its signature, and how much of the answer is read.
    fn signed(&self, question: Question<'_>) -> (Method, String, usize) {
        let credentials = self.credentials.as_ref();
        match question {
            Question::Head(object) => {
                let asked = HeadObject::new(self.bucket, credentials, object).sign(SIGNED_FOR);
                (Method::HEAD, asked.into(), 0)
            }
            Question::Start(object, limit) => {
                let asked = GetObject::new(self.bucket, credentials, object).sign(SIGNED_FOR);
                (Method::GET, asked.into(), limit.max(super::refusal::BODY))
            }
            Question::List(prefix, from, limit) => {
                // The bucket itself is the object without a name. Names are not asked to be encoded: stores do not agree
                // on how.
                let mut asked = GetObject::new(self.bucket, credentials, "");
                let query = asked.query_mut();
                query.insert("list-type", "2");
                query.insert("prefix", prefix);
                if let Some(from) = from {
                    query.insert("continuation-token", from);
                }
                (Method::GET, asked.sign(SIGNED_FOR).into(), limit)
            }
        }
    }
}

impl Question<'_> {
    /// For the trace; the address with its signature is never shown.
    fn words(self, bucket: &str) -> String {
        match self {
            Self::Head(object) => format!("HEAD {bucket}/{object}"),
            Self::Start(object, limit) => format!("GET {bucket}/{object}, {limit} bytes at most"),
            Self::List(prefix, None, _) => format!("list of {bucket}/{prefix}"),
            Self::List(prefix, Some(_), _) => format!("list of {bucket}/{prefix}, the next page"),
        }
    }
}
