//! A step that asks a web server: its keys, and the request that is made of them.

use std::path::Path;

use muster_config::assertion::Assertion;
use muster_config::codes;
use muster_config::section::Section;
use muster_config::tree::{Node, Value};
use muster_net::exchange::Method;
use muster_net::reach::Family;
use muster_net::url::Url;

use super::template::{Stop, Template, Values, Words, in_address, in_form};
use crate::contact::miss;
use crate::cookies::Jar;
use crate::kinds::http::TERMS;
use crate::probe::{Class, Miss, Scene};
use crate::visit::{Errand, GOOD_STATUS, Header, visit};

/// So much of an answer is read.
const BODY: usize = 1 << 20;

/// What is asked for.
#[derive(Debug)]
pub(super) struct Request {
    method: Method,
    pub(super) url: Words,
    headers: Vec<(String, Words)>,
    body: Body,
    redirects: u32,
    pub(super) assertions: Vec<Assertion>,
    /// Something of the body is looked at or captured.
    pub(super) wants_body: bool,
}

#[derive(Debug)]
enum Body {
    Nothing,
    Form(Vec<(String, Words)>),
    Json(Json),
    Text(Words),
}

/// What becomes JSON.
#[derive(Debug)]
enum Json {
    Words(Words),
    Known(serde_json::Value),
    List(Vec<Json>),
    Table(Vec<(String, Json)>),
}

impl Request {
    /// Reads it; `key` is the verb with the address.
    pub(super) fn read(step: &Section<'_>, key: &str, known: &[String]) -> Option<Self> {
        let reading = step.reading();
        let url = Words::read(reading, &*step.node(key)?, known)?;
        if let Words::Open(template) = &url
            && !template.is_one_name()
        {
            judge_address(step, key, template)?;
        }
        let mut bodies = ["form", "json", "body"].into_iter().filter(|key| step.has(key));
        if let (Some(first), Some(second)) = (bodies.next(), bodies.next()) {
            step.contradiction(second, format!("`{first}` is the body already"), "take one of them out");
            return None;
        }
        let body = if step.has("form") {
            Body::Form(pairs(step, "form", known)?)
        } else if step.has("json") {
            Body::Json(json(step, &*step.node("json")?, known)?)
        } else if step.has("body") {
            Body::Text(Words::read(reading, &*step.node("body")?, known)?)
        } else {
            Body::Nothing
        };
        if !matches!(body, Body::Nothing) && key == "head" {
            step.contradiction("head", "a request for the head alone has no body", "use `get` or `post`");
            return None;
        }
        let mut assertions = step.assertions("expect");
        if !assertions.iter().any(|one| one.asks("status")) {
            assertions.extend(Assertion::compile(GOOD_STATUS, TERMS));
        }
        Some(Self {
            method: key.to_ascii_uppercase().parse().unwrap_or(Method::GET),
            url,
            headers: pairs(step, "headers", known)?,
            body,
            redirects: step.count("redirects")?,
            wants_body: assertions.iter().any(|one| one.asks("body") || one.asks("json")),
            assertions,
        })
    }

    /// The verb, as the key writes it.
    pub(super) fn verb(&self) -> String {
        self.method.as_str().to_ascii_lowercase()
    }

    /// How the step is called where it has no name: verb and address, without what may be a secret.
    pub(super) fn title(&self) -> String {
        let verb = self.verb();
        match &self.url {
            Words::Secret(reference) => format!("{verb} {reference}"),
            Words::Open(template) => {
                let written = template.written();
                let bare = written.split(['?', '#']).next().unwrap_or_default();
                let shown = match bare.split_once("://") {
                    Some((scheme, rest)) => {
                        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
                        format!("{scheme}://{host}{path}")
                    }
                    None => bare.to_owned(),
                };
                format!("{verb} {shown}")
            }
        }
    }

    /// The host, as far as it is known before the look.
    pub(super) fn host(&self) -> Option<String> {
        let Words::Open(template) = &self.url else { return None };
        let written = template.written().replace("{{", "").replace("}}", "");
        Url::parse(&written).ok().map(|url| url.endpoint.host)
    }

    /// Asks, and notes the answer.
    pub(super) async fn run(
        &self,
        scene: &Scene,
        values: &Values,
        jar: &mut Jar,
        ca: Option<&Path>,
    ) -> Result<(), Stop> {
        let write = match &self.url {
            // A link that was captured is followed as it is.
            Words::Open(template) if template.is_one_name() => str::to_owned,
            Words::Open(_) | Words::Secret(_) => in_address,
        };
        let url = Url::parse(&self.url.fill_by(scene, values, write).await?).map_err(miss)?;
        let mut headers = Vec::new();
        for (name, words) in &self.headers {
            let (value, is_secret) = (words.fill(scene, values).await?, words.is_secret());
            headers.push(Header { name: name.clone(), value, is_secret });
        }
        let (body, kind, is_body_secret) = self.body(scene, values).await?;
        if let Some(kind) = kind
            && !headers.iter().any(|header| header.name.eq_ignore_ascii_case("content-type"))
        {
            let (name, value) = ("content-type".to_owned(), kind.to_owned());
            headers.push(Header { name, value, is_secret: false });
        }
        if headers.iter().any(|header| header.value.contains(['\r', '\n', '\0'])) {
            return Err(
                Miss::down(Class::Protocol, "a value with a line end cannot be sent in a header").into()
            );
        }
        let errand = Errand {
            url,
            is_hidden: self.url.is_secret(),
            method: self.method.clone(),
            headers,
            body,
            is_body_secret,
            redirects: self.redirects,
            family: Family::Any,
            address: None,
            version: None,
            ca,
            max_body: BODY,
            wants_body: self.wants_body,
        };
        Ok(visit(errand, Some(jar), scene).await?)
    }

    /// The body, its type, and whether it holds something that no other host may see.
    async fn body(
        &self,
        scene: &Scene,
        values: &Values,
    ) -> Result<(Vec<u8>, Option<&'static str>, bool), Stop> {
        match &self.body {
            Body::Nothing => Ok((Vec::new(), None, false)),
            Body::Text(words) => Ok((words.fill(scene, values).await?.into_bytes(), None, words.is_secret())),
            Body::Form(pairs) => {
                let mut written = Vec::new();
                for (name, words) in pairs {
                    let value = words.fill(scene, values).await?;
                    if words.is_secret() {
                        scene.notebook.hide(&in_form(&value));
                    }
                    written.push(format!("{}={}", in_form(name), in_form(&value)));
                }
                Ok((written.join("&").into_bytes(), Some("application/x-www-form-urlencoded"), true))
            }
            Body::Json(json) => {
                let tree = json.fill(scene, values).await?;
                Ok((tree.to_string().into_bytes(), Some("application/json"), true))
            }
        }
    }
}

impl Json {
    fn fill<'a>(
        &'a self,
        scene: &'a Scene,
        values: &'a Values,
    ) -> crate::probe::BoxFuture<'a, Result<serde_json::Value, Stop>> {
        Box::pin(async move {
            Ok(match self {
                Self::Words(words) => serde_json::Value::String(words.fill(scene, values).await?),
                Self::Known(value) => value.clone(),
                Self::List(items) => {
                    let mut filled = Vec::new();
                    for item in items {
                        filled.push(item.fill(scene, values).await?);
                    }
                    serde_json::Value::Array(filled)
                }
                Self::Table(entries) => {
                    let mut filled = serde_json::Map::new();
                    for (key, item) in entries {
                        filled.insert(key.clone(), item.fill(scene, values).await?);
                    }
                    serde_json::Value::Object(filled)
                }
            })
        })
    }
}

/// Scheme, host and port stand in the file; only what comes behind them may be filled in.
fn judge_address(step: &Section<'_>, key: &str, template: &Template) -> Option<()> {
    let is_fixed = template.is_plain()
        || template
            .start()
            .split_once("://")
            .is_some_and(|(_, rest)| rest.find(['/', '?', '#']).is_some_and(|end| end > 0));
    let written = template.written().replace("{{", "").replace("}}", "");
    match Url::parse(&written) {
        Ok(_) if is_fixed => Some(()),
        Ok(_) => {
            step.refuse(
                key,
                "scheme, host and port cannot be captured",
                "write them, or follow a link that was captured whole: \"{{link}}\"",
            );
            None
        }
        Err(error) => {
            step.refuse(key, error.to_string(), "write it as in \"https://example.com/login\"");
            None
        }
    }
}

fn pairs(step: &Section<'_>, key: &str, known: &[String]) -> Option<Vec<(String, Words)>> {
    let Some(node) = step.node(key) else { return Some(Vec::new()) };
    let Value::Table(table) = &node.value else { return None };
    let one = |entry: &muster_config::tree::Entry| {
        Some((entry.key.clone(), Words::read(step.reading(), &entry.node, known)?))
    };
    // All of them are read, so that every mistake is told.
    let read: Vec<_> = table.entries.iter().map(one).collect();
    read.into_iter().collect()
}

fn json(step: &Section<'_>, node: &Node, known: &[String]) -> Option<Json> {
    Some(match &node.value {
        Value::Text(_) => Json::Words(Words::read(step.reading(), node, known)?),
        Value::Table(_) if muster_config::section::secret_of(node).is_some() => {
            Json::Words(Words::read(step.reading(), node, known)?)
        }
        Value::Whole(number) => Json::Known((*number).into()),
        Value::Float(text) => Json::Known(text.replace('_', "").parse::<f64>().ok().into()),
        Value::Flag(flag) => Json::Known((*flag).into()),
        Value::Date(text) => {
            let what = format!("JSON has no dates: \"{text}\"");
            step.reading().error(codes::BAD_VALUE, &node.span, what);
            return None;
        }
        Value::List(items) => {
            Json::List(items.iter().map(|item| json(step, item, known)).collect::<Option<_>>()?)
        }
        Value::Table(table) => {
            let one = |entry: &muster_config::tree::Entry| {
                Some((entry.key.clone(), json(step, &entry.node, known)?))
            };
            Json::Table(table.entries.iter().map(one).collect::<Option<_>>()?)
        }
    })
}
