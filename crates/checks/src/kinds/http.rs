//! `http`: asks a web server, follows its redirects, and looks at the answer, its phases and the certificate.
//!
//! Every look is a fresh connection: a keep-alive would hide a dead name or an expired certificate. HTTP/1.1 (RFC 9112)
//! and HTTP/2 (RFC 9113).

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use muster_config::assertion::Assertion;
use muster_config::assertion::term::{Takes, Term, Type};
use muster_config::field::{Field, Shape};
use muster_config::kind::Kind;
use muster_config::secret::MaybeSecret;
use muster_config::section::Section;
use muster_net::endpoint::Endpoint;
use muster_net::exchange::{Http as Spoken, Method};
use muster_net::reach::Family;
use muster_net::url::Url;

use crate::contact::{
    ADDRESS, CA, CERT_EXPIRES_IN, CERT_ISSUER, CERT_NAMES, CHAIN_EXPIRES_IN, FAMILY, TIME_CONNECT, TIME_DNS,
    TIME_TLS, TIME_TOTAL, TLS_CIPHER, TLS_VERSION, endpoint, family, is_outside, miss, word,
};
use crate::probe::{BoxFuture, Miss, Part, Probe, Scene};
use crate::visit::{Errand, GOOD_STATUS, Header, visit};

const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const VERSIONS: &[&str] = &["any", "1.1", "2"];

/// The largest `max_body`.
const MOST_BODY: u64 = 16 << 20;

/// The row of the kind.
pub const ROW: Kind<Part> = Kind {
    name: "http",
    sentence: "Asks a web server and looks at status, headers, body, time and certificate of its answer.",
    example: "[check.site]\nkind = \"http\"\nurl = \"https://example.com/health\"\nevery = \"60s\"\nexpect = [\"status \
              == 200\", \"json('$.database') == 'ok'\", \"time.total < 800ms\", \"cert.expires_in > 14d\"]\n",
    fields: &[
        Field::new(
            "url",
            Shape::OrSecret(&Shape::Url),
            "What is asked for. User, password and the values of its query are kept out of what is noted.",
            "\"https://example.com/health\"",
        )
        .required(),
        Field::new("method", Shape::Choice(METHODS), "How it is asked for.", "\"HEAD\"").default("\"GET\""),
        Field::new(
            "headers",
            Shape::Map(&Shape::OrSecret(&Shape::Text)),
            "Further headers; `host` asks for another name than that of the address. Answers are not asked to be \
             compressed.",
            "{ authorization = { env = \"SITE_TOKEN\" } }",
        )
        .default("{}"),
        Field::new(
            "body",
            Shape::OrSecret(&Shape::Text),
            "The body of the request; its type is a header.",
            "'{\"ping\":1}'",
        ),
        Field::new(
            "redirects",
            Shape::Whole(0, 20),
            "How many redirects are followed, and only to http and https; one more is bad news. With 0, the redirect is \
             the answer that is looked at. Secrets are not handed on to another host.",
            "0",
        )
        .default("5"),
        FAMILY,
        Field::new(
            "address",
            Shape::Text,
            "Host and port that are asked in place of those of `url`: one origin behind a name. The certificate must be \
             good for the name all the same.",
            "\"127.0.0.1:8443\"",
        ),
        Field::new(
            "version",
            Shape::Choice(VERSIONS),
            "Which HTTP is spoken. `any` lets the server choose (RFC 7301); without TLS that is 1.1, and `2` is spoken \
             without asking.",
            "\"2\"",
        )
        .default("\"any\""),
        CA,
        Field::new(
            "max_body",
            Shape::Size(1),
            "So much of the body is read, at most 16 MiB. What an assertion says about a longer one is not met, because \
             nobody has seen all of it.",
            "\"1MiB\"",
        )
        .default("\"256KiB\""),
        Field::new(
            "expect",
            Shape::Assertions(TERMS),
            "What must be true of the answer. Where none of them speaks of `status`, it must be 200 to 399. A certificate \
             that is not trusted is always bad.",
            "[\"status == 200\", \"json('$.database') == 'ok'\"]",
        ),
    ],
    read,
};

/// What can be said of an answer.
pub(crate) const TERMS: &[Term] = &[
    word("status", Type::Number, "The status code of the last answer.", "status == 200"),
    Term {
        name: "json",
        takes: Takes::JsonPath,
        gives: Type::Any,
        doc: "Something in the body, if that is JSON (RFC 9535).",
        example: "json('$.database') == 'ok'",
    },
    word("body", Type::Text, "The body; what is no UTF-8 in it is replaced.", "body contains 'Welcome'"),
    Term {
        name: "header",
        takes: Takes::Text,
        gives: Type::Text,
        doc: "The first header of that name, whatever its case.",
        example: "header('content-type') contains 'json'",
    },
    word("size", Type::Size, "How long the body is.", "size > 10KiB"),
    word("redirects", Type::Number, "How many redirects were followed.", "redirects == 0"),
    word(
        "url.final",
        Type::Text,
        "Where the redirects led, without user, password and query.",
        "url.final == 'https://www.example.com/'",
    ),
    word("http.version", Type::Text, "Which HTTP was spoken: '1.0', '1.1' or '2'.", "http.version == '2'"),
    TIME_TOTAL,
    TIME_DNS,
    TIME_CONNECT,
    TIME_TLS,
    word(
        "time.first_byte",
        Type::Time,
        "From the request until the answer began.",
        "time.first_byte < 500ms",
    ),
    word("time.body", Type::Time, "From there until the body's end.", "time.body < 2s"),
    ADDRESS,
    TLS_VERSION,
    TLS_CIPHER,
    CERT_EXPIRES_IN,
    CERT_NAMES,
    CERT_ISSUER,
    CHAIN_EXPIRES_IN,
];

/// A web server that is asked.
#[derive(Debug)]
struct Site {
    url: MaybeSecret,
    method: Method,
    headers: Vec<(String, MaybeSecret)>,
    body: Option<MaybeSecret>,
    redirects: u32,
    family: Family,
    address: Option<Endpoint>,
    version: Option<Spoken>,
    ca: Option<PathBuf>,
    max_body: usize,
    assertions: Vec<Assertion>,
    /// Somebody wants to know what is in the body.
    wants_body: bool,
}

fn read(section: &Section<'_>) -> Option<Part> {
    let url = section.maybe_secret("url")?;
    if let MaybeSecret::Plain(plain) = &url
        && let Err(error) = Url::parse(plain)
    {
        section.refuse("url", error.to_string(), "write it as in \"https://example.com/health\"");
        return None;
    }
    let max_body = section.size("max_body")?;
    if max_body > MOST_BODY {
        section.refuse("max_body", "more than 16 MiB are not read", "write \"16MiB\" or less");
        return None;
    }
    let address = if section.has("address") { Some(endpoint(section, "address", None)?) } else { None };
    let mut assertions = section.assertions("expect");
    let wants_body = assertions.iter().any(|one| one.asks("body") || one.asks("json"));
    if !assertions.iter().any(|one| one.asks("status")) {
        assertions.extend(Assertion::compile(GOOD_STATUS, TERMS));
        assertions.shrink_to_fit();
    }
    Some(Arc::new(Site {
        url,
        method: section.choice("method")?.parse().unwrap_or(Method::GET),
        headers: section.map("headers"),
        body: section.maybe_secret("body"),
        redirects: section.count("redirects")?,
        family: family(section),
        address,
        version: match section.choice("version")? {
            "1.1" => Some(Spoken::One),
            "2" => Some(Spoken::Two),
            _ => None,
        },
        ca: section.path_to("ca"),
        max_body: usize::try_from(max_body).ok()?,
        assertions,
        wants_body,
    }))
}

impl Site {
    /// What is asked for this time, with all secrets in it.
    async fn errand(&self, scene: &Scene) -> Result<Errand<'_>, Miss> {
        let url = Url::parse(&scene.value(&self.url).await?).map_err(miss)?;
        let mut headers = Vec::new();
        for (name, value) in &self.headers {
            let is_secret = matches!(value, MaybeSecret::Secret(_));
            headers.push(Header { name: name.clone(), value: scene.value(value).await?, is_secret });
        }
        let body = match &self.body {
            Some(body) => scene.value(body).await?.into_bytes(),
            None => Vec::new(),
        };
        Ok(Errand {
            url,
            is_hidden: matches!(self.url, MaybeSecret::Secret(_)),
            method: self.method.clone(),
            headers,
            body,
            is_body_secret: matches!(self.body, Some(MaybeSecret::Secret(_))),
            redirects: self.redirects,
            family: self.family,
            address: self.address.as_ref(),
            version: self.version,
            ca: self.ca.as_deref(),
            max_body: self.max_body,
            wants_body: self.wants_body,
        })
    }
}

impl Probe for Site {
    fn probe<'a>(&'a self, scene: &'a Scene) -> BoxFuture<'a, Result<(), Miss>> {
        Box::pin(async move { visit(self.errand(scene).await?, None, scene).await })
    }

    fn assertions(&self) -> &[Assertion] {
        &self.assertions
    }

    fn target(&self) -> String {
        match &self.url {
            MaybeSecret::Plain(plain) => Url::parse(plain).map_or_else(|_| "?".to_owned(), |url| url.shown()),
            MaybeSecret::Secret(reference) => format!("the address in {reference}"),
        }
    }

    fn endpoints(&self) -> Vec<Endpoint> {
        match (&self.address, &self.url) {
            (Some(address), _) => vec![address.clone()],
            (None, MaybeSecret::Plain(plain)) => {
                Url::parse(plain).map(|url| url.endpoint).into_iter().collect()
            }
            (None, MaybeSecret::Secret(_)) => Vec::new(),
        }
    }

    fn is_outside(&self) -> bool {
        match (&self.address, &self.url) {
            (Some(address), _) => is_outside(&address.host),
            (None, MaybeSecret::Plain(plain)) => {
                Url::parse(plain).is_ok_and(|url| is_outside(&url.endpoint.host))
            }
            (None, MaybeSecret::Secret(_)) => true,
        }
    }
}
