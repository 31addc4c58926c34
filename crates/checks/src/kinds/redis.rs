//! `redis`: a Redis, or anything that speaks as it does (Valkey, KeyDB), answers, and one command that reads says what it
//! should.

mod wire;

use std::sync::Arc;

use muster_config::assertion::Assertion;
use muster_config::assertion::facts::{Unseen, Value};
use muster_config::assertion::term::{Term, Type};
use muster_config::field::{Field, Shape};
use muster_config::kind::Kind;
use muster_config::secret::SecretRef;
use muster_config::section::Section;
use muster_core::words::harmless;
use muster_net::endpoint::Endpoint;
use muster_net::inspect::Offer;
use muster_net::reach::Family;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};

use self::wire::{Broken, Reply, Wire};
use crate::contact::{
    CA, FAMILY, TIME_CONNECT, TIME_DNS, TIME_TLS, TIME_TOTAL, connect, endpoint, family, give_up, is_outside,
    miss, secure, time, word,
};
use crate::notebook::Notebook;
use crate::probe::{BoxFuture, Class, Miss, Part, Probe, Scene};

/// The row of the kind.
pub const ROW: Kind<Part> = Kind {
    name: "redis",
    sentence: "Asks a Redis whether it answers, and judges what one command that reads says.",
    example: "[check.queue-depth]\nkind = \"redis\"\nevery = \"1m\"\naddress = \"127.0.0.1:6379\"\nquery = [\"LLEN\", \"queue\"]\nexpect = [\"value < 1000\"]\n",
    fields: &[
        Field::new("address", Shape::Text, "Host, and port if it is not 6379.", "\"127.0.0.1:6379\"")
            .required(),
        Field::new("tls", Shape::Flag, "With TLS from the first byte.", "true").default("false"),
        CA,
        FAMILY,
        Field::new("user", Shape::Text, "The user of an access list; else the default one.", "\"probe\""),
        Field::new("password", Shape::Secret, "The password.", "{ env = \"REDIS_PASSWORD\" }"),
        Field::new("database", Shape::Whole(0, 1_000_000), "The number of the database.", "1").default("0"),
        Field::new(
            "query",
            Shape::List(&Shape::Text, 1),
            "A command that reads, and its arguments; without it, PING alone is sent.",
            "[\"LLEN\", \"queue\"]",
        ),
        Field::new(
            "expect",
            Shape::Assertions(TERMS),
            "What must be true of the answers.",
            "[\"value < 1000\", \"role == 'primary'\"]",
        ),
    ],
    read,
};

const TERMS: &[Term] = &[
    word(
        "value",
        Type::Any,
        "What the command says: a number, also where a text is one, a text, several of them, or null.",
        "value < 1000",
    ),
    word("role", Type::Text, "Whether it is a 'primary' or a 'replica'.", "role == 'primary'"),
    word(
        "lag",
        Type::Time,
        "Of a replica: how long ago it last heard from its primary, in whole seconds. A primary has none.",
        "lag < 30s",
    ),
    word("time.ping", Type::Time, "From PING to its answer.", "time.ping < 50ms"),
    TIME_DNS,
    TIME_CONNECT,
    TIME_TLS,
    TIME_TOTAL,
];

/// The commands that only read, in constant or nearly constant time.
const READING: &[&str] = &[
    "BITCOUNT",
    "DBSIZE",
    "EXISTS",
    "EXPIRETIME",
    "GET",
    "GETBIT",
    "GETRANGE",
    "HEXISTS",
    "HGET",
    "HLEN",
    "HSTRLEN",
    "LASTSAVE",
    "LINDEX",
    "LLEN",
    "PEXPIRETIME",
    "PTTL",
    "SCARD",
    "SISMEMBER",
    "STRLEN",
    "TIME",
    "TTL",
    "TYPE",
    "XLEN",
    "ZCARD",
    "ZCOUNT",
    "ZLEXCOUNT",
    "ZRANK",
    "ZSCORE",
];

const PORT: u16 = 6379;

fn read(section: &Section<'_>) -> Option<Part> {
    let endpoint = endpoint(section, "address", Some(PORT))?;
    let query = section.texts("query");
    if let Some(command) = query.first()
        && !READING.contains(&command.to_ascii_uppercase().as_str())
    {
        let help = format!("write one of {}", READING.join(", "));
        section.refuse("query", format!("{command} is not among the commands that only read"), help);
        return None;
    }
    let (user, password) = (section.text("user"), section.secret("password"));
    if user.is_some() && !section.has("password") {
        section.missing(
            format!("[{}] has a `user` without `password`", section.path()),
            "add `password = { env = \"REDIS_PASSWORD\" }`",
        );
        return None;
    }
    let is_private = section.flag("tls")?;
    if !is_private && section.has("ca") {
        section.no_effect("ca", "`ca` does nothing without `tls = true`");
    }
    Some(Arc::new(Redis {
        endpoint,
        is_private,
        offer: Offer { ca: section.path_to("ca"), ..Offer::default() },
        family: family(section),
        user,
        password,
        database: section.count("database")?,
        query,
        assertions: section.assertions("expect"),
    }))
}

/// A Redis that is asked.
#[derive(Debug)]
struct Redis {
    endpoint: Endpoint,
    is_private: bool,
    offer: Offer,
    family: Family,
    user: Option<String>,
    password: Option<SecretRef>,
    database: u32,
    query: Vec<String>,
    assertions: Vec<Assertion>,
}

impl Probe for Redis {
    fn probe<'a>(&'a self, scene: &'a Scene) -> BoxFuture<'a, Result<(), Miss>> {
        Box::pin(async move {
            let began = Instant::now();
            let until = give_up(scene);
            let password = match &self.password {
                Some(reference) => Some(scene.secret(reference).await?),
                None => None,
            };
            let password = password.as_ref().map(|secret| secret.expose());
            let stream = connect(scene, self.family, &self.endpoint, until).await?;
            if self.is_private {
                let inspected = secure(scene, stream, &self.endpoint.host, &self.offer, until).await;
                self.talk(scene, inspected.trusted().map_err(miss)?, password, until).await?;
            } else {
                self.talk(scene, stream, password, until).await?;
            }
            scene.notebook.fact("time.total", time(began.elapsed()));
            Ok(())
        })
    }

    fn assertions(&self) -> &[Assertion] {
        &self.assertions
    }

    fn target(&self) -> String {
        match self.query.as_slice() {
            [] => self.endpoint.to_string(),
            words => format!("{}, {}", self.endpoint, words.join(" ")),
        }
    }

    fn endpoints(&self) -> Vec<Endpoint> {
        vec![self.endpoint.clone()]
    }

    fn is_outside(&self) -> bool {
        is_outside(&self.endpoint.host)
    }
}

impl Redis {
    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        scene: &Scene,
        stream: S,
        password: Option<&str>,
        until: Instant,
    ) -> Result<(), Miss> {
        let mut asked = "PING";
        let talk = self.ask(scene, Wire::new(stream), password, &mut asked);
        let ended = timeout_at(until, talk).await;
        ended.unwrap_or_else(|_| Err(Miss::down(Class::Timeout, format!("it did not answer {asked}"))))
    }

    async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        scene: &Scene,
        mut wire: Wire<S>,
        password: Option<&str>,
        asked: &mut &'static str,
    ) -> Result<(), Miss> {
        let notebook = &scene.notebook;
        if let Some(password) = password {
            *asked = "the login";
            let words: Vec<&str> = match &self.user {
                Some(user) => vec!["AUTH", user, password],
                None => vec!["AUTH", password],
            };
            good(wire.ask(&words).await, "the login")?;
        }
        if self.database != 0 {
            *asked = "SELECT";
            good(wire.ask(&["SELECT", &self.database.to_string()]).await, "SELECT")?;
        }
        *asked = "PING";
        let began = Instant::now();
        let reply = good(wire.ask(&["PING"]).await, "PING")?;
        let took = began.elapsed();
        notebook.phase("ping", took);
        notebook.fact("time.ping", time(took));
        if !matches!(&reply, Reply::Simple(word) if word == "PONG") {
            return Err(Miss::down(Class::Protocol, format!("it answered PING with {reply:?}")));
        }
        if self.assertions.iter().any(|one| one.asks("role") || one.asks("lag")) {
            *asked = "INFO";
            note_role(notebook, &good(wire.ask(&["INFO", "replication"]).await, "INFO")?);
        }
        if !self.query.is_empty() {
            *asked = "the command";
            let words: Vec<&str> = self.query.iter().map(String::as_str).collect();
            let reply = good(wire.ask(&words).await, &self.query.join(" "))?;
            notebook.say(format!("{}: {reply:?}", self.query.join(" ")));
            notebook.fact("value", value(&reply));
        }
        // It is said for politeness; whether it arrives does not matter.
        wire.leave().await;
        Ok(())
    }
}

/// The reply, unless it is a refusal.
fn good(asked: Result<Reply, Broken>, what: &str) -> Result<Reply, Miss> {
    match asked {
        Ok(Reply::Refusal(words)) => {
            Err(Miss::down(Class::Refused, format!("{what} was refused: {}", harmless(&words))))
        }
        Ok(reply) => Ok(reply),
        Err(Broken(why)) => {
            Err(Miss::down(Class::Protocol, format!("instead of an answer to {what}, {why}")))
        }
    }
}

fn value(reply: &Reply) -> Value {
    match reply {
        Reply::Nil => Value::Nothing,
        Reply::Number(number) => Value::Number(*number as f64),
        Reply::Simple(text) => Value::Text(text.clone()),
        Reply::Bulk(bytes) => {
            let text = String::from_utf8_lossy(bytes).into_owned();
            let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
            match text.parse() {
                Ok(number) if is_plain => Value::Number(number),
                _ => Value::Text(text),
            }
        }
        Reply::List(items) => Value::List(items.iter().map(value).collect()),
        Reply::Refusal(words) => Value::Text(words.clone()),
    }
}

/// Notes what the section on replication says.
fn note_role(notebook: &Notebook, reply: &Reply) {
    let Reply::Bulk(bytes) = reply else {
        for term in ["role", "lag"] {
            notebook.lacks(term, Unseen::Hidden(format!("INFO was answered with {reply:?}")));
        }
        return;
    };
    let text = String::from_utf8_lossy(bytes);
    let find = |key: &str| {
        text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).map(|word| word.trim())
    };
    match find("role") {
        Some("master") => {
            notebook.fact("role", Value::Text("primary".into()));
            notebook.lacks("lag", Unseen::Absent("it is a primary".into()));
        }
        Some("slave") => {
            notebook.fact("role", Value::Text("replica".into()));
            let seconds = |key: &str| find(key)?.parse::<i64>().ok().filter(|seconds| *seconds >= 0);
            // While the link is down, the time since then counts on.
            match seconds("master_link_down_since_seconds").or_else(|| seconds("master_last_io_seconds_ago"))
            {
                Some(seconds) => notebook.fact("lag", Value::Time(seconds.saturating_mul(1000))),
                None => notebook.lacks("lag", Unseen::Hidden("it has not heard from its primary yet".into())),
            }
        }
        other => {
            let why = format!("its role is {other:?}");
            notebook.lacks("role", Unseen::Hidden(why.clone()));
            notebook.lacks("lag", Unseen::Hidden(why));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_hold() {
        muster_config::assertion::examples_compile(TERMS).unwrap_or_else(|wrong| panic!("{wrong}"));
    }

    #[test]
    fn a_text_that_is_a_number_is_one() {
        let bulk = |text: &str| value(&Reply::Bulk(text.as_bytes().to_vec()));
        assert_eq!((bulk("12"), bulk("-1.5")), (Value::Number(12.0), Value::Number(-1.5)));
        for text in ["", "inf", "NaN", "12 apples", "1.2.3.4"] {
            assert_eq!(bulk(text), Value::Text(text.into()));
        }
    }
}
