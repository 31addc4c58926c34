//! `[status_page]`: what the customers of our users are shown.

use std::collections::BTreeSet;
use std::ops::Range;

use muster_core::ids::ExpectationId;

use crate::codes;
use crate::field::{Field, SECOND, Shape};
use crate::plan::{Component, StatusPage};
use crate::section::Section;
use crate::tables::names::Names;
use crate::tables::{Form, TableRow};

/// Most components of a page.
pub const COMPONENT_LIMIT: usize = 100;

/// Longest public name or title, in characters.
const PUBLIC_LIMIT: usize = 80;

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
        Shape::Text,
        "Lets people have what is reported sent to them by mail.",
        "{ notify = \"ops\", url = \"https://status.example.com\" }",
    )
    .not_yet(),
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

/// Reads the table. `on_roll` are the names of all jobs and checks, with the further places of a check.
pub(crate) fn read(
    section: &Section<'_>,
    names: &Names,
    on_roll: &BTreeSet<&ExpectationId>,
) -> Option<StatusPage> {
    let title = public(section, "title");
    let components = components(section, names, on_roll);
    Some(StatusPage {
        title: title?,
        url: section.text("url")?.trim_end_matches('/').to_owned(),
        folder: section.path_to("folder")?,
        push: section.texts("push"),
        every: section.duration("every")?,
        components,
    })
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
