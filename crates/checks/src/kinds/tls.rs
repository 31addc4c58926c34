//! `tls`: shakes hands with a server and looks at what it shows: certificate, chain, version, cipher.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use muster_config::assertion::Assertion;
use muster_config::assertion::facts::Value;
use muster_config::assertion::term::{Term, Type};
use muster_config::field::{Field, Shape};
use muster_config::kind::Kind;
use muster_config::section::Section;
use muster_net::endpoint::Endpoint;
use muster_net::inspect::{Offer, Versions};
use muster_net::reach::Family;
use tokio::time::Instant;

use crate::contact::{
    ADDRESS, CA, CERT_EXPIRES_IN, CERT_ISSUER, CERT_NAMES, CHAIN_EXPIRES_IN, FAMILY, TIME_CONNECT, TIME_DNS,
    TIME_TLS, TIME_TOTAL, TLS_CIPHER, TLS_VERSION, connect, endpoint, family, give_up, is_outside, miss,
    secure, time, word,
};
use crate::probe::{BoxFuture, Miss, Part, Probe, Scene};
use crate::starttls::{PROTOCOL, Protocol};

/// The row of the kind.
pub const ROW: Kind<Part> = Kind {
    name: "tls",
    sentence: "Shakes hands with a server and looks at certificate, chain, version and cipher.",
    example: "[check.imap-tls]\nkind = \"tls\"\naddress = \"imap.example.com:993\"\nexpect = [\"chain.expires_in > 7d\", \
              \"tls.version == '1.3'\"]\n",
    fields: &[
        Field::new(
            "address",
            Shape::Text,
            "Host and port; 443 if no port is written.",
            "\"imap.example.com:993\"",
        )
        .required(),
        SNI,
        FAMILY,
        PROTOCOL,
        Field::new(
            "versions",
            Shape::Choice(&["both", "1.2", "1.3"]),
            "Which versions of TLS are offered. Older ones are not spoken (RFC 8996).",
            "\"1.3\"",
        )
        .default("\"both\""),
        CA,
        Field::new(
            "expect",
            Shape::Assertions(TERMS),
            "What must be true besides. A certificate that is not trusted is always bad.",
            "[\"cert.expires_in > 14d\"]",
        ),
    ],
    read,
};

/// `sni`, which the kinds that only shake hands share.
pub(crate) const SNI: Field = Field::new(
    "sni",
    Shape::Text,
    "The name that is asked for and that the certificate must be good for; else the host of `address`.",
    "\"www.example.com\"",
);

const TERMS: &[Term] = &[
    TLS_VERSION,
    TLS_CIPHER,
    CERT_EXPIRES_IN,
    CERT_NAMES,
    CERT_ISSUER,
    CHAIN_EXPIRES_IN,
    word("chain.length", Type::Number, "How many certificates were shown.", "chain.length >= 2"),
    TIME_TOTAL,
    TIME_DNS,
    TIME_CONNECT,
    TIME_TLS,
    ADDRESS,
];

/// A server with TLS.
#[derive(Debug)]
struct Server {
    endpoint: Endpoint,
    name: String,
    family: Family,
    protocol: Option<Protocol>,
    offer: Offer,
    assertions: Vec<Assertion>,
}

fn read(section: &Section<'_>) -> Option<Part> {
    let endpoint = endpoint(section, "address", Some(443))?;
    let versions = match section.choice("versions")? {
        "1.2" => Versions::Only12,
        "1.3" => Versions::Only13,
        _ => Versions::Both,
    };
    Some(Arc::new(Server {
        name: section.text("sni").unwrap_or_else(|| endpoint.host.clone()),
        endpoint,
        family: family(section),
        protocol: section.choice("protocol").and_then(Protocol::of_word),
        offer: Offer { ca: section.path_to("ca"), versions, ..Offer::default() },
        assertions: section.assertions("expect"),
    }))
}

impl Server {
    async fn look(&self, scene: &Scene) -> Result<(), Miss> {
        let (begun, until) = (Instant::now(), give_up(scene));
        let mut stream = connect(scene, self.family, &self.endpoint, until).await?;
        if let Some(protocol) = self.protocol {
            stream = protocol.upgrade(scene, stream, until).await?;
        }
        let inspected = secure(scene, stream, &self.name, &self.offer, until).await;
        let length = u32::try_from(inspected.peer.chain.len()).unwrap_or(u32::MAX);
        scene.notebook.fact("chain.length", Value::Number(f64::from(length)));
        scene.notebook.fact("time.total", time(begun.elapsed()));
        inspected.trusted().map(drop).map_err(miss)
    }
}

impl Probe for Server {
    fn probe<'a>(&'a self, scene: &'a Scene) -> BoxFuture<'a, Result<(), Miss>> {
        Box::pin(self.look(scene))
    }

    fn assertions(&self) -> &[Assertion] {
        &self.assertions
    }

    fn target(&self) -> String {
        if self.name == self.endpoint.host {
            self.endpoint.to_string()
        } else {
            format!("{} as {}", self.endpoint, self.name)
        }
    }

    fn endpoints(&self) -> Vec<Endpoint> {
        vec![self.endpoint.clone()]
    }

    fn is_outside(&self) -> bool {
        is_outside(&self.endpoint.host)
    }
}
