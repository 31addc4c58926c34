//! `expect`: what a good run leaves behind.

use crate::field::{Field, LONGEST, SECOND, Shape};
use crate::glob::Glob;
use crate::pattern;
use crate::plan::expect::{Expect, ExpectedFile, NewerThan};
use crate::section::Section;

/// The keys.
pub(super) const FIELDS: &[Field] = &[
    Field::new(
        "exit",
        Shape::List(&Shape::Whole(0, 255), 1),
        "The exit codes that count as success.",
        "[0, 1]",
    )
    .default("[0]"),
    Field::new(
        "output",
        Shape::OneOrMany(&Shape::Regex),
        "Must match a line of the output; of several, each must match one.",
        "\"exported \\\\d+ rows\"",
    ),
    Field::new(
        "forbid",
        Shape::OneOrMany(&Shape::Regex),
        "May match no line of the output.",
        "[\"^ERROR\", \"Traceback\"]",
    ),
    Field::new(
        "file",
        Shape::Table(FILE),
        "The file that it writes.",
        "{ glob = \"/mnt/data/*.csv.gz\", min_size = \"1MiB\" }",
    ),
];

const FILE: &[Field] = &[
    Field::new("glob", Shape::Glob, "Where it is.", "\"/mnt/data/*.csv.gz\"").required(),
    Field::new(
        "newer_than",
        Shape::WordOr("start", &Shape::Duration(SECOND, LONGEST)),
        "A file counts if it was modified after the start of the run, or within this time.",
        "\"26h\"",
    )
    .default("\"start\""),
    Field::new("min_size", Shape::Size(1), "Least size of each file that counts.", "\"1MiB\""),
    Field::new("max_size", Shape::Size(1), "Largest size of each file that counts.", "\"2GiB\""),
    Field::new("min_count", Shape::Whole(1, 1_000_000), "How many files must count.", "3").default("1"),
];

/// Reads the table; what is faulty is not expected.
pub(super) fn read(section: &Section<'_>) -> Expect {
    let Some(table) = section.table("expect") else { return Expect::default() };
    let exit: Vec<u8> = table.wholes("exit").into_iter().filter_map(|code| u8::try_from(code).ok()).collect();
    let patterns = |key: &str| -> Vec<String> {
        table.one_or_many(key).into_iter().filter(|text| pattern::check(text).is_ok()).collect()
    };
    let (output, forbid) = (patterns("output"), patterns("forbid"));
    if let Some(both) = output.iter().find(|text| forbid.contains(text)) {
        table.contradiction(
            "forbid",
            format!("no run can write \"{both}\" and not write it"),
            "keep it in `output` or in `forbid`",
        );
    }
    Expect {
        exit: if exit.is_empty() { vec![0] } else { exit },
        output,
        forbid,
        file: table.table("file").and_then(|table| file(&table)),
    }
}

fn file(table: &Section<'_>) -> Option<ExpectedFile> {
    let (min_size, max_size) = (table.size("min_size"), table.size("max_size"));
    if let (Some(min), Some(max)) = (min_size, max_size)
        && min > max
    {
        table.contradiction(
            "max_size",
            "no file can be as large as `min_size` and as small as `max_size`",
            "make `min_size` smaller than `max_size`",
        );
    }
    Some(ExpectedFile {
        glob: Glob::parse(&table.text("glob")?).ok()?,
        newer_than: table.duration("newer_than").map_or(NewerThan::Start, NewerThan::Age),
        min_size,
        max_size,
        min_count: table.count("min_count").unwrap_or(1),
    })
}
