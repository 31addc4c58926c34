//! `file`: a file, or the newest of several, is there, is recent, has a plausible size and says what it must.
//!
//! Files are looked at on a thread of their own and never waited for: only regular files are opened, and not for longer
//! than it takes to read 1 MiB. How fast it grows is known from the second look on; it is kept in memory only.

mod find;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use muster_config::assertion::Assertion;
use muster_config::assertion::facts::{Unseen, Value};
use muster_config::assertion::term::{Takes, Term, Type};
use muster_config::field::{Field, Shape};
use muster_config::glob::Glob;
use muster_config::kind::Kind;
use muster_config::section::Section;
use muster_core::time::Timestamp;

use self::find::{Found, Place, Wanted};
use crate::apart::Apart;
use crate::contact::word;
use crate::lot::rules::{Rules, Sort};
use crate::lot::{self, CONTAINS, GROWTH, Growth, LACKS, MAX_AGE, MAX_SIZE, MIN_SIZE, Which};
use crate::notebook::Notebook;
use crate::probe::{BoxFuture, Lane, Miss, Part, Probe, Scene};

/// The row of the kind.
pub const ROW: Kind<Part> = Kind {
    name: "file",
    sentence: "Looks whether a file, or the newest of several, is there, recent, of a plausible size, and says what it must.",
    example: "[check.report-fresh]\nkind = \"file\"\nevery = \"5m\"\nglob = \"/srv/reports/*.parquet\"\nmax_age = \"26h\"\nmin_size = \"10KiB\"\n",
    fields: FIELDS,
    read,
};

/// The keys of the kind.
pub(crate) const FIELDS: &[Field] = &[
        Field::new("path", Shape::Path, "The file; or else `glob`.", "\"/opt/assistant/CLAUDE.md\""),
        Field::new("glob", Shape::Glob, "Where the files are.", "\"/srv/reports/*.parquet\""),
        Field::new(
            "which",
            Shape::Choice(Which::WORDS),
            "Which of the files of `glob` is looked at: age, size and content are its own. `oldest` notices what is left \
             lying in a queue.",
            "\"oldest\"",
        )
        .default("\"newest\""),
        Field::new(
            "min_count",
            Shape::Whole(0, 1_000_000),
            "How many files must be there at least; 0 if there may be none, as it is with `max_count = 0`.",
            "3",
        )
        .default("1"),
        Field::new("max_count", Shape::Whole(0, 1_000_000), "How many files may be there at most.", "100"),
        MAX_AGE,
        MIN_SIZE,
        MAX_SIZE,
        Field::new(
            "max_growth",
            Shape::Table(GROWTH),
            "How fast all files together may grow, from one look to the next; judged from the second look on. Shrinking \
             is no growth.",
            "{ size = \"2MiB\", per = \"1m\" }",
        ),
        CONTAINS,
        LACKS,
        Field::new(
            "not_same_as",
            Shape::Path,
            "A file that it may not be equal to, such as the template that it was made from; white space at the ends of \
             lines does not count.",
            "\"/opt/assistant/CLAUDE.template.md\"",
        ),
        Field::new(
            "expect",
            Shape::Assertions(TERMS),
            "What must be true of it besides.",
            "[\"mode == '0600'\", \"owner == 'app'\"]",
        ),
];

const SORT: Sort =
    Sort { thing: "file", none: "no file matches", single: "1 file matches", several: "files match" };

const TERMS: &[Term] = &[
    word("files", Type::Number, "How many files match.", "files <= 100"),
    word("path", Type::Text, "The file that is looked at.", "path matches '-v2'"),
    word("age", Type::Time, "How long ago it was modified.", "age < 26h"),
    word("size", Type::Size, "Its size.", "size > 10KiB"),
    word("total", Type::Size, "The size of all files that match.", "total < 20GiB"),
    word(
        "growth",
        Type::Size,
        "How much all files grew since the look before, for each minute of it; not known at the first look, which is \
         blind then.",
        "growth < 2MiB",
    ),
    word("mode", Type::Text, "Its permissions in four octal digits.", "mode == '0600'"),
    word("owner", Type::Text, "The user that it belongs to.", "owner == 'app'"),
    word("body", Type::Text, "Its content.", "body matches '(?m)^state: (ok|done)$'"),
    Term {
        name: "json",
        takes: Takes::JsonPath,
        gives: Type::Any,
        doc: "Something in its content, if that is JSON.",
        example: "json('$.version') >= 3",
    },
];

/// Reads the keys.
pub(crate) fn read(section: &Section<'_>) -> Option<Part> {
    let place = place(section)?;
    let name = section.text("path").or_else(|| section.text("glob")).unwrap_or_default();
    let rules = Rules::read(section, &SORT, name, section.has("glob"));
    let template = section.text("not_same_as");
    if template.is_some() && template == section.text("path") {
        section.refuse("not_same_as", "a file is always the same as itself", "name its template");
    }
    let assertions = section.assertions("expect");
    let wanted = Wanted {
        place,
        which: Which::of(section.choice("which").unwrap_or_default()),
        body: rules.reads() || assertions.iter().any(|one| one.asks("body") || one.asks("json")),
        template: section.path_to("not_same_as"),
    };
    Some(std::sync::Arc::new(File {
        wanted,
        rules,
        assertions,
        template,
        apart: Apart::default(),
        growth: Growth::default(),
    }))
}

fn place(section: &Section<'_>) -> Option<Place> {
    match (section.has("path"), section.has("glob")) {
        (true, true) => {
            section.contradiction("glob", "`path` names the file already", "take one of them out");
            None
        }
        (false, false) => {
            let path = section.path();
            section.missing(
                format!("[{path}] lacks `path` or `glob`"),
                "add `path = \"/opt/assistant/CLAUDE.md\"` or `glob = \"/srv/reports/*.parquet\"`",
            );
            None
        }
        (true, false) => {
            for key in ["which", "max_count"].into_iter().filter(|key| section.has(key)) {
                section.no_effect(key, format!("`{key}` does nothing where `path` names one file"));
            }
            section.path_to("path").map(Place::Path)
        }
        (false, true) => Glob::parse(&section.text("glob")?).ok().map(Place::Glob),
    }
}

/// A file that is looked at.
#[derive(Debug)]
struct File {
    wanted: Wanted,
    rules: Rules,
    assertions: Vec<Assertion>,
    template: Option<String>,
    apart: Apart,
    growth: Growth,
}

impl Probe for File {
    fn probe<'a>(&'a self, scene: &'a Scene) -> BoxFuture<'a, Result<(), Miss>> {
        Box::pin(async move {
            let wanted = self.wanted.clone();
            let left = scene.deadline.saturating_duration_since(tokio::time::Instant::now());
            // The walk ends a little earlier, to say how far it came.
            let limit = left.saturating_sub((left / 10).min(Duration::from_millis(500)));
            let began = Instant::now();
            let looked =
                self.apart.work(&self.target(), scene.deadline, move || find::look(&wanted, limit)).await;
            scene.notebook.phase("look", began.elapsed());
            let found = looked??;
            let now = muster_host::clock::now().wall;
            let growth = self.growth.measure(found.bytes, Instant::now());
            note(&scene.notebook, &found, growth, now);
            let judged = self.rules.judge(&found.lot(self.template.as_deref()), growth, now);
            lot::verdict(judged, found.one.is_some(), growth, &self.assertions)
        })
    }

    fn assertions(&self) -> &[Assertion] {
        &self.assertions
    }

    fn target(&self) -> String {
        match &self.wanted.place {
            Place::Path(path) => path.display().to_string(),
            Place::Glob(glob) => glob.to_string(),
        }
    }

    fn lane(&self) -> Lane {
        Lane::Disk
    }
}

/// Writes down what was seen.
fn note(notebook: &Notebook, found: &Found, growth: Option<f64>, now: Timestamp) {
    lot::note_all(notebook, "files", found.files, found.bytes, growth);
    let Some(one) = &found.one else {
        for term in ["path", "age", "size", "mode", "owner", "body"] {
            notebook.lacks(term, Unseen::Absent("there is no file".into()));
        }
        return;
    };
    let path = one.path.display().to_string();
    lot::note_age(notebook, &path, one.modified, one.size, now);
    notebook.fact("path", Value::Text(path));
    notebook.fact("size", Value::Size(one.size));
    notebook.fact("mode", Value::Text(format!("{:04o}", one.mode)));
    notebook.fact("owner", Value::Text(muster_host::user::name(one.owner)));
    lot::note_body(notebook, one.body.as_ref());
}
