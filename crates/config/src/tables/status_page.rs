//! `[status_page]`: what the customers of our users are shown.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use muster_core::ids::{ChannelName, ExpectationId};

use crate::codes;
use crate::field::{Field, SECOND, Shape};
use crate::plan::{Component, MAIL_KIND, StatusPage, Subscribe};
use crate::section::Section;
use crate::tables::names::Names;
use crate::tables::{Form, TableRow};

/// Most components of a page.
pub const COMPONENT_LIMIT: usize = 100;

/// Longest public name or title, in characters.
const PUBLIC_LIMIT: usize = 80;

/// Longest address that links are made of, in bytes.
const URL_LIMIT: usize = 200;

/// The row of the table.
pub const ROW: TableRow = TableRow {
    name: "status_page",
    doc: "A public page for customers: static files, written after each change, that any web server can hand out, here or \
          on another host. It shows the names and words that are written here, and never why something is bad, nor the \
          name of a check, a host or an address.",
    form: Form::Single,
    fields: FIELDS,
    example: "[status_page]\ntitle = \"Acme\"\nurl = \"https://status.example.com\"\nfolder = \"/var/www/status\"\n\n\
              [[status_page.component]]\nname = \"API\"\nof = [\"check.api\"]\n\n\
              [check.api]\nkind = \"heartbeat\"\nevery = \"1m\"\n",
};

const FIELDS: &[Field] = &[
    Field::new("title", Shape::Text, "Its heading.", "\"Acme\"").required(),
    Field::new(
        "url",
        Shape::Url,
        "Where people read it; links and ids in the feed are made of it, so it should stay as it is.",
        "\"https://status.example.com\"",
    )
    .required(),
    Field::new(
        "folder",
        Shape::Path,
        "Where its files are written, readable by everybody, each by a rename; it is made if it is not there. A folder \
         with other files in it is refused.",
        "\"/var/www/status\"",
    )
    .required(),
    Field::new(
        "push",
        Shape::List(&Shape::Text, 1),
        "Program and arguments that take the folder to another host after each change; no shell, `{folder}` stands for the \
         folder, 50 s at most. When it fails it is tried again, and `duty.status-push` is an alarm.",
        "[\"rsync\", \"-a\", \"--delay-updates\", \"{folder}/\", \"deploy@other:/var/www/status/\"]",
    ),
    Field::new(
        "every",
        Shape::Duration(10 * SECOND, 3600 * SECOND),
        "How often it is made anew while nothing changes. A page that is three times as old, and five minutes at least, \
         says so itself.",
        "\"60s\"",
    )
    .default("\"60s\""),
    Field::new(
        "component",
        Shape::Tables(COMPONENT, 1),
        "What it shows, in this order: one [[status_page.component]] for each.",
        "[{ name = \"API\", of = [\"check.api\"], group = \"Core\" }]",
    )
    .required(),
    Field::new(
        "subscribe",
        Shape::Table(SUBSCRIBE),
        "Lets people have what is reported mailed to them, once they confirmed their address; 2000 at most. The page then has \
         a form for it.",
        "{ notify = \"ops\", url = \"https://status.example.com\" }",
    ),
];

const SUBSCRIBE: &[Field] = &[
    Field::new(
        "notify",
        Shape::Text,
        "The [notify] table of kind `email` whose server, login and `from` carry the mails; its `to` is not used for them.",
        "\"ops\"",
    )
    .required(),
    Field::new(
        "url",
        Shape::Url,
        "Where the agent's addresses below `/status/` are reached from outside, such as a web server that hands them on to \
         `listen`; https, unless it is this machine.",
        "\"https://status.example.com\"",
    )
    .required(),
];

const COMPONENT: &[Field] = &[
    Field::new("name", Shape::Text, "What customers call it.", "\"API\"").required(),
    Field::new(
        "of",
        Shape::List(&Shape::Text, 1),
        "What it is made of: names of checks and jobs. It is well when all of them are, and a day of it is as good as the \
         worst of them.",
        "[\"check.api\", \"job.invoices\"]",
    )
    .required(),
    Field::new(
        "group",
        Shape::Text,
        "A heading under which it stands with the others that name it; a group stands where its first component is written.",
        "\"Core\"",
    ),
];

/// The channels that could be read, and their kinds.
pub(crate) type Channels<'p> = BTreeMap<&'p ChannelName, &'static str>;

/// Reads the table. `on_roll` are the names of all jobs and checks, with the further places of a check.
pub(crate) fn read(
    section: &Section<'_>,
    names: &Names,
    on_roll: &BTreeSet<&ExpectationId>,
    channels: &Channels<'_>,
) -> Option<StatusPage> {
    let title = public(section, "title");
    let components = components(section, names, on_roll);
    // A fault in it is reported, and then there is no plan.
    let subscribe = section.table("subscribe").and_then(|table| subscribe(&table, names, channels));
    Some(StatusPage {
        title: title?,
        url: section.text("url")?.trim_end_matches('/').to_owned(),
        folder: section.path_to("folder")?,
        push: section.texts("push"),
        every: section.duration("every")?,
        components,
        subscribe,
    })
}

/// How people are mailed.
fn subscribe(table: &Section<'_>, names: &Names, channels: &Channels<'_>) -> Option<Subscribe> {
    let url = table.text("url").and_then(|url| reached(table, &url));
    let name = table.text("notify")?;
    let notify = names.channel(table.reading(), &name, &table.place("notify"))?;
    // One whose table is faulty was reported there.
    let kind = *channels.get(&notify)?;
    if kind != MAIL_KIND {
        let what =
            format!("[notify.{notify}] is not of kind \"{MAIL_KIND}\", and only mail can be subscribed to");
        let known = channels.iter().find(|(_, kind)| **kind == MAIL_KIND);
        let help = match known.map(|(name, _)| format!("\"{name}\"")) {
            Some(first) => format!("name one that is, such as {first}"),
            None => format!("add a [notify] table with `kind = \"{MAIL_KIND}\"`"),
        };
        table.refuse("notify", what, help);
        return None;
    }
    let (url, origin) = url?;
    Some(Subscribe { notify, url, origin })
}

/// An address that links can be made of, and its origin.
fn reached(table: &Section<'_>, text: &str) -> Option<(String, String)> {
    let url = text.trim_end_matches('/');
    let refuse = |what: &str, help: &str| {
        table.refuse("url", what, help);
        None
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/[]%".contains(c);
    let (scheme, rest) = url.split_once("://")?;
    if url.len() > URL_LIMIT || !rest.chars().all(plain) {
        return refuse(
            "links to it are made of scheme, host, port and path, and there is something else in it",
            "write it as \"https://status.example.com\"",
        );
    }
    let authority = rest.split('/').next().unwrap_or_default();
    if scheme != "https" && !is_loopback(authority) {
        return refuse(
            "addresses of people would cross a network in the open",
            "use https; the web server in front of the agent has the certificate",
        );
    }
    Some((url.to_owned(), format!("{scheme}://{authority}")))
}

fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A text that everybody reads.
fn public(section: &Section<'_>, key: &str) -> Option<String> {
    let text = section.text(key)?;
    let text = text.trim();
    let fits = text.chars().count() <= PUBLIC_LIMIT && !text.chars().any(char::is_control);
    if !fits {
        let what = format!("a text on one line, of {PUBLIC_LIMIT} characters at most, belongs here");
        section.refuse(key, what, "shorten it");
        return None;
    }
    Some(text.to_owned())
}

fn components(section: &Section<'_>, names: &Names, on_roll: &BTreeSet<&ExpectationId>) -> Vec<Component> {
    let mut found: Vec<Component> = Vec::new();
    for table in section.tables("component") {
        if found.len() == COMPONENT_LIMIT {
            let what = format!("more than {COMPONENT_LIMIT} components");
            section.reading().error(codes::TOO_MANY, &table.header(), what);
            break;
        }
        let of = table.items("of");
        let of = of.iter().filter_map(|(text, place)| part(&table, names, on_roll, text, place)).collect();
        let group = if table.has("group") { public(&table, "group") } else { None };
        let Some(name) = public(&table, "name") else { continue };
        if found.iter().any(|other| other.name == name) {
            table.refuse("name", "another component has this name", "customers could not tell them apart");
            continue;
        }
        found.push(Component { name, group, of });
    }
    found
}

/// One part of a component: a name on the roll.
fn part(
    table: &Section<'_>,
    names: &Names,
    on_roll: &BTreeSet<&ExpectationId>,
    text: &str,
    place: &Range<usize>,
) -> Option<ExpectationId> {
    let further = ExpectationId::new(text).ok().filter(|id| on_roll.contains(id));
    further.or_else(|| names.expectation(table.reading(), text, place))
}
