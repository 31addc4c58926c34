//! `ping`: a host answers to ICMP echo.

use std::net::IpAddr;
use std::sync::Arc;

use muster_config::assertion::Assertion;
use muster_config::assertion::facts::Value;
use muster_config::assertion::term::{Takes, Term, Type};
use muster_config::field::{Field, Shape};
use muster_config::kind::Kind;
use muster_config::section::Section;
use muster_net::ping::{PingError, ping};
use muster_net::reach::{Family, addresses};
use tokio::time::Instant;

use crate::contact::{give_up, miss, time};
use crate::probe::{BoxFuture, Class, Miss, Part, Probe, Scene};

const TERMS: &[Term] = &[
    Term {
        name: "loss",
        takes: Takes::Nothing,
        gives: Type::Number,
        doc: "The share of packets without an answer, from 0 to 1; if all are lost, the look has failed anyway.",
        example: "loss < 0.5",
    },
    Term {
        name: "time.avg",
        takes: Takes::Nothing,
        gives: Type::Time,
        doc: "The mean time until an answer.",
        example: "time.avg < 50ms",
    },
    Term {
        name: "time.max",
        takes: Takes::Nothing,
        gives: Type::Time,
        doc: "The longest time until an answer.",
        example: "time.max < 200ms",
    },
];

/// The row of the kind.
pub const ROW: Kind<Part> = Kind {
    name: "ping",
    sentence: "Sends ICMP echo packets and waits for their answers.",
    example: "[check.router]\nkind = \"ping\"\naddress = \"192.0.2.1\"\ncount = 3\nexpect = [\"loss < 0.5\", \"time.avg < 50ms\"]\n",
    fields: &[
        Field::new("address", Shape::Text, "A name or an IP address.", "\"192.0.2.1\"").required(),
        Field::new("count", Shape::Whole(1, 20), "How many packets, one every 200 ms.", "5").default("3"),
        Field::new(
            "family",
            Shape::Choice(Family::WORDS),
            "Which of the addresses of a name counts; the first one of them is asked.",
            "\"v6\"",
        )
        .default("\"any\""),
        Field::new(
            "expect",
            Shape::Assertions(TERMS),
            "What must be true of what was seen.",
            "[\"loss < 0.5\"]",
        ),
    ],
    read,
};

fn read(section: &Section<'_>) -> Option<Part> {
    let address = section.text("address")?;
    let is_name = address.parse::<IpAddr>().is_ok()
        || !address.contains(|c: char| c.is_whitespace() || "/@:[]".contains(c));
    if !is_name {
        section.refuse(
            "address",
            "this is no name and no IP address",
            "write \"192.0.2.1\" or \"router.example\"",
        );
        return None;
    }
    Some(Arc::new(Ping {
        address,
        family: Family::of_word(section.choice("family")?),
        count: u16::try_from(section.count("count")?).ok()?,
        assertions: section.assertions("expect"),
    }))
}

#[derive(Debug)]
struct Ping {
    address: String,
    family: Family,
    count: u16,
    assertions: Vec<Assertion>,
}

impl Probe for Ping {
    fn probe<'a>(&'a self, scene: &'a Scene) -> BoxFuture<'a, Result<(), Miss>> {
        Box::pin(async move {
            let start = Instant::now();
            let deadline = give_up(scene);
            let found = addresses(&scene.resolver, self.family, &self.address, 0, deadline).await;
            let found = found.map_err(miss)?;
            let Some(address) = found.first().map(std::net::SocketAddr::ip) else {
                return Err(Miss::down(Class::Name, format!("{} has no address", self.address)));
            };
            scene.notebook.phase("dns", start.elapsed());
            let echoes = match ping(address, self.count, deadline).await {
                Ok(echoes) => echoes,
                Err(error @ PingError::Unreachable { .. }) => {
                    return Err(Miss::down(Class::Connect, error.to_string()));
                }
                Err(error @ (PingError::NotPermitted | PingError::NoSocket(_))) => {
                    return Err(Miss::blind(error.to_string()));
                }
            };
            for (at, time) in echoes.times.iter().enumerate() {
                let words = time.map_or_else(|| "lost".to_owned(), |time| format!("{time:.1?}"));
                scene.notebook.say(format!("packet {} to {address}: {words}", at + 1));
            }
            if let Some(complaint) = &echoes.complaint {
                scene.notebook.say(complaint);
            }
            scene.notebook.fact("loss", Value::Number(echoes.loss()));
            let Some((mean, longest)) = echoes.mean_and_longest() else {
                let count = echoes.times.len();
                let because = echoes.complaint.map(|words| format!(": {words}")).unwrap_or_default();
                let why = format!("none of {count} packets to {address} was answered{because}");
                return Err(Miss::down(Class::Connect, why));
            };
            scene.notebook.phase("echo", longest);
            scene.notebook.fact("time.avg", time(mean));
            scene.notebook.fact("time.max", time(longest));
            Ok(())
        })
    }

    fn assertions(&self) -> &[Assertion] {
        &self.assertions
    }

    fn target(&self) -> String {
        self.address.clone()
    }

    fn is_outside(&self) -> bool {
        !self.address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}
