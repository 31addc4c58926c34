//! `dns`: a name has the records that it should have, as one server or those of this host see it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use muster_config::assertion::Assertion;
use muster_config::assertion::facts::{Unseen, Value};
use muster_config::assertion::term::{Takes, Term, Type};
use muster_config::field::{Field, Shape};
use muster_config::kind::Kind;
use muster_config::section::Section;
use muster_net::dns::client::{DnsError, ask};
use muster_net::dns::question::{Question, RecordType};
use muster_net::dns::reply::{Code, Reply};
use muster_net::dns::servers;
use muster_net::reach::Resolver;
use tokio::time::Instant;

use crate::contact::{give_up, time};
use crate::probe::{BoxFuture, Class, Miss, Part, Probe, Scene};

const fn term(name: &'static str, gives: Type, doc: &'static str, example: &'static str) -> Term {
    Term { name, takes: Takes::Nothing, gives, doc, example }
}

const TERMS: &[Term] = &[
    term(
        "rcode",
        Type::Text,
        "How the server says that it went (RFC 1035, 4.1.1): `NOERROR`, `NXDOMAIN`, `SERVFAIL`, `REFUSED`. Where this is \
         asked for, a code other than `NOERROR` is no failure of its own.",
        "rcode == 'NXDOMAIN'",
    ),
    term(
        "answers",
        Type::List,
        "The records of the type that was asked for: names in lower case without a dot at the end, `10 mx1.example.com` \
         for MX. Where this or its count is asked for, no record at all is no failure of its own.",
        "answers contains '192.0.2.10'",
    ),
    term("ttl", Type::Time, "The shortest time for which one of the answers may be remembered.", "ttl <= 1h"),
    term(
        "authoritative",
        Type::Flag,
        "The server answers for the zone itself, and not from memory.",
        "authoritative",
    ),
    term("time.total", Type::Time, "How long the answer took.", "time.total < 200ms"),
];

const RECORDS: &[&str] = &["A", "AAAA", "CAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT"];

/// The row of the kind.
pub const ROW: Kind<Part> = Kind {
    name: "dns",
    sentence: "Asks a name server for the records of a name.",
    example: "[check.mx]\nkind = \"dns\"\nname = \"example.com\"\nrecord = \"MX\"\nserver = \"192.0.2.53\"\nanswers = [\"10 mx1.example.com\", \"20 mx2.example.com\"]\nexpect = [\"authoritative\"]\n",
    fields: &[
        Field::new(
            "name",
            Shape::Text,
            "The name, complete and in ASCII; an address is asked for by its reverse name where `record` is `PTR`.",
            "\"example.com\"",
        )
        .required(),
        Field::new("record", Shape::Choice(RECORDS), "Which type of record.", "\"MX\"").default("\"A\""),
        Field::new(
            "server",
            Shape::Text,
            "The address of the name server, with or without a port; else those of /etc/resolv.conf in turn.",
            "\"192.0.2.53\"",
        ),
        Field::new(
            "answers",
            Shape::List(&Shape::Text, 1),
            "All records that there must be, and no others, in any order.",
            "[\"192.0.2.10\", \"192.0.2.11\"]",
        ),
        Field::new(
            "expect",
            Shape::Assertions(TERMS),
            "What must be true of what was seen.",
            "[\"ttl <= 1h\"]",
        ),
    ],
    read,
};

fn read(section: &Section<'_>) -> Option<Part> {
    let record = RecordType::named(section.choice("record")?)?;
    let question = match Question::new(&section.text("name")?, record) {
        Ok(question) => question,
        Err(why) => {
            section.refuse(
                "name",
                format!("this is no name that can be asked for: {why}"),
                "write \"example.com\"",
            );
            return None;
        }
    };
    let server = match section.text("server") {
        None => None,
        Some(text) => match servers::parse(&text) {
            Some(server) => Some(server),
            None => {
                section.refuse(
                    "server",
                    "a name server is given by its address",
                    "write \"192.0.2.53\" or \"192.0.2.53:5353\"",
                );
                return None;
            }
        },
    };
    let mut wanted: Vec<String> =
        section.texts("answers").iter().map(|answer| canonical(record, answer)).collect();
    wanted.sort();
    wanted.dedup();
    let assertions = section.assertions("expect");
    Some(Arc::new(Dns { question, server, wanted, assertions }))
}

/// An answer as a reply has it, however a person writes it.
fn canonical(record: RecordType, answer: &str) -> String {
    match record {
        RecordType::Txt | RecordType::Caa => answer.to_owned(),
        RecordType::A | RecordType::Aaaa => {
            answer.trim().parse::<IpAddr>().map_or_else(|_| answer.to_owned(), |address| address.to_string())
        }
        _ => {
            let words = answer.split_whitespace().map(|word| match word.strip_suffix('.') {
                Some(name) if !name.is_empty() => name.to_ascii_lowercase(),
                _ => word.to_ascii_lowercase(),
            });
            words.collect::<Vec<_>>().join(" ")
        }
    }
}

#[derive(Debug)]
struct Dns {
    question: Question,
    server: Option<SocketAddr>,
    /// Sorted, each once; empty where any answer will do.
    wanted: Vec<String>,
    assertions: Vec<Assertion>,
}

impl Probe for Dns {
    fn probe<'a>(&'a self, scene: &'a Scene) -> BoxFuture<'a, Result<(), Miss>> {
        Box::pin(async move {
            let servers = match (self.server, &scene.resolver) {
                (Some(server), _) => vec![server],
                (None, Resolver::Servers(servers)) => servers.clone(),
                (None, Resolver::Host) => servers::of_host()
                    .map_err(|error| Miss::blind(format!("/etc/resolv.conf cannot be read: {error}")))?,
            };
            let (server, reply) = self.ask(scene, &servers).await?;
            note(scene, &reply);
            self.judge(server, &reply)
        })
    }

    fn assertions(&self) -> &[Assertion] {
        &self.assertions
    }

    fn target(&self) -> String {
        let asked = format!("{} {}", self.question.name(), self.question.record().word());
        self.server.map_or_else(|| asked.clone(), |server| format!("{asked} at {server}"))
    }

    fn is_outside(&self) -> bool {
        !self.server.is_some_and(|server| server.ip().is_loopback())
    }
}

impl Dns {
    /// The answer of the first server that gives one.
    async fn ask(&self, scene: &Scene, servers: &[SocketAddr]) -> Result<(SocketAddr, Reply), Miss> {
        let start = Instant::now();
        let deadline = give_up(scene);
        let mut last = Miss::blind("there is no name server to ask");
        for (at, server) in servers.iter().enumerate() {
            let left = deadline.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(servers.len() - at).unwrap_or(u32::MAX);
            match ask(*server, &self.question, share).await {
                Ok(reply) => {
                    scene.notebook.phase("dns", start.elapsed());
                    scene.notebook.fact("time.total", time(start.elapsed()));
                    return Ok((*server, reply));
                }
                Err(error) => {
                    scene.notebook.say(error.to_string());
                    last = Miss::down(class(&error), error.to_string());
                }
            }
        }
        Err(last)
    }

    fn judge(&self, server: SocketAddr, reply: &Reply) -> Result<(), Miss> {
        let asks = |term: &str| self.assertions.iter().any(|assertion| assertion.asks(term));
        let name = self.question.name();
        let record = self.question.record().word();
        if reply.code != Code::NO_ERROR && !asks("rcode") {
            let class = if reply.code == Code::NO_NAME { Class::Name } else { Class::Refused };
            return Err(Miss::down(class, format!("{server} says {} to {name} {record}", reply.code.word())));
        }
        let mut found: Vec<String> = reply.records.iter().map(|record| record.text.clone()).collect();
        found.sort();
        found.dedup();
        if !self.wanted.is_empty() && found != self.wanted {
            let lacking = self.wanted.iter().filter(|answer| !found.contains(answer));
            let excess = found.iter().filter(|answer| !self.wanted.contains(answer));
            let list = |answers: Vec<&String>| {
                answers.iter().map(|answer| format!("{answer:?}")).collect::<Vec<_>>().join(", ")
            };
            let parts = [("it lacks", list(lacking.collect())), ("nobody asked for", list(excess.collect()))];
            let parts = parts.iter().filter(|(_, answers)| !answers.is_empty());
            let why = parts.map(|(what, answers)| format!("{what} {answers}")).collect::<Vec<_>>().join("; ");
            return Err(Miss::down(Class::Unmet, format!("{name} {record} is not what it should be: {why}")));
        }
        if found.is_empty() && !asks("answers") && !asks("rcode") {
            return Err(Miss::down(Class::Absent, format!("{name} has no record of type {record}")));
        }
        Ok(())
    }
}

fn note(scene: &Scene, reply: &Reply) {
    let notebook = &scene.notebook;
    notebook.say(format!(
        "{}, {} records{}{}{}",
        reply.code.word(),
        reply.records.len(),
        if reply.authoritative { ", authoritative" } else { "" },
        if reply.over_tcp { ", over TCP" } else { "" },
        reply.aliases.iter().map(|alias| format!(", by way of {alias}")).collect::<String>(),
    ));
    for record in &reply.records {
        notebook.say(format!("{} for {:?}", record.text, record.ttl));
    }
    let answers = reply.records.iter().map(|record| Value::Text(record.text.clone())).collect();
    notebook.fact("answers", Value::List(answers));
    notebook.fact("rcode", Value::Text(reply.code.word()));
    notebook.fact("authoritative", Value::Flag(reply.authoritative));
    match reply.records.iter().map(|record| record.ttl).min() {
        Some(ttl) => notebook.fact("ttl", time(ttl.min(Duration::from_secs(u64::from(u32::MAX))))),
        None => notebook.lacks("ttl", Unseen::Absent("there is no answer".into())),
    }
}

fn class(error: &DnsError) -> Class {
    match error {
        DnsError::Silent { .. } => Class::Timeout,
        DnsError::Unreachable { .. } => Class::Connect,
        DnsError::Garbled { .. } => Class::Protocol,
        DnsError::NoAddress { .. } => Class::Name,
    }
}
