//! One job out of a file that may be broken elsewhere.
//!
//! A broken configuration must never stop a job, so the wrapper reads only what it needs and goes on with defaults
//! where that is faulty. Whether the whole file holds is the agent's question, not asked here: schedules, channels
//! and references are not looked at.

use std::collections::BTreeSet;
use std::path::PathBuf;

use muster_core::ids::ExpectationId;

use crate::codes;
use crate::fault::Faults;
use crate::nearest::nearest;
use crate::plan::{JobPlan, Keep};
use crate::section::{Reading, Section};
use crate::source::{FILE_LIMIT, Source};
use crate::tables::{job, muster};
use crate::tree::{self, Table, Value};

/// What could be made out for one job.
#[derive(Debug, Clone)]
pub struct JobReading {
    /// The job; none if the file has no table for it.
    pub job: Option<JobPlan>,
    /// The state directory that `[muster]` names, if it names one.
    pub state: Option<PathBuf>,
    /// How long logs are kept, if `[muster]` says it.
    pub keep: Option<Keep>,
    /// What is wrong on the way there. With an error in it, something of the job fell back to its default.
    pub faults: Faults,
}

/// Reads `[job.NAME]` and the state directory, as far as they can be made out.
pub fn job_only(source: &Source<'_>, name: &str) -> JobReading {
    let reading = Reading::new(source);
    if source.text.len() > FILE_LIMIT {
        reading.error(codes::TOO_LARGE, &(0..0), "the file is larger than 1 MiB and was not read".into());
        return JobReading { job: None, state: None, keep: None, faults: reading.finish() };
    }
    let (document, errors) = tree::parse(source.text);
    let broken = !errors.is_empty();
    for error in errors {
        reading.error(codes::SYNTAX, &error.span, error.what);
    }
    let part = |path: &[&str]| if broken { tree::parse_only(source.text, path) } else { document.clone() };
    let (state, keep) = part(&["muster"])
        .table("muster")
        .map_or((None, None), |table| (state_of(&reading, table), keep_of(&reading, table)));
    let job = match part(&["job", name]).table("job") {
        Some(jobs) => job_of(&reading, jobs, name),
        None => None,
    };
    JobReading { job, state, keep, faults: reading.finish() }
}

/// The jobs, checks and deploys that a file names, in order of their names, well formed or not, as far as they can be made out: for telling a report
/// about something known from one about something unknown while the file is broken.
pub fn names_only(text: &str) -> Vec<ExpectationId> {
    if text.len() > FILE_LIMIT {
        return Vec::new();
    }
    let (document, errors) = tree::parse(text);
    let headers = if errors.is_empty() { Vec::new() } else { tree::headers(text) };
    let mut found = BTreeSet::new();
    for (family, kind) in [("job", "job"), ("check", "check"), ("service", "deploy")] {
        let tables = document.table(family).map(|table| table.entries.as_slice()).unwrap_or_default();
        let below = headers.iter().filter(|path| path.first().is_some_and(|first| first == family));
        let names = tables.iter().map(|entry| &entry.key).chain(below.filter_map(|path| path.get(1)));
        found.extend(names.filter_map(|name| ExpectationId::of(kind, name).ok()));
    }
    found.into_iter().collect()
}

fn state_of(reading: &Reading<'_>, table: &Table) -> Option<PathBuf> {
    let entry = table.get("state")?;
    // Only this key: the rest of [muster] does not concern a job.
    let only = Table { entries: vec![entry.clone()] };
    Section::open(reading, &only, vec![muster::ROW.fields], "muster".into(), entry.span.clone())
        .path_to("state")
}

fn keep_of(reading: &Reading<'_>, table: &Table) -> Option<Keep> {
    let entry = table.get("keep")?;
    let only = Table { entries: vec![entry.clone()] };
    let section =
        Section::open(reading, &only, vec![muster::ROW.fields], "muster".into(), entry.span.clone());
    muster::keep(&section.table("keep")?)
}

fn job_of(reading: &Reading<'_>, jobs: &Table, name: &str) -> Option<JobPlan> {
    let id = ExpectationId::of("job", name).ok()?;
    let Some(entry) = jobs.get(name) else {
        if let Some(meant) = nearest(name, jobs.entries.iter().map(|entry| entry.key.as_str())) {
            reading
                .warning(codes::UNKNOWN_NAME, &(0..0), format!("no [job.{name}] in this file"))
                .help(format!("did you mean \"{meant}\"?"));
        }
        return None;
    };
    let Value::Table(table) = &entry.node.value else {
        let what = format!("expected a table, found {}", entry.node.value.found());
        reading.error(codes::WRONG_TYPE, &entry.node.span, what);
        return None;
    };
    let path = format!("job.{name}");
    let section = Section::open(reading, table, vec![job::FIELDS], path, entry.node.span.clone());
    Some(job::wrapper(&section, &id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Overlap;
    use muster_core::time::Span;

    fn read(text: &str) -> JobReading {
        job_only(&Source { file: "muster.toml", text, zone: "UTC", host: "here" }, "export")
    }

    #[test]
    fn a_job_is_read_whatever_the_rest_of_the_file_says() {
        let found = read(
            "[notify.x]\nkind = \"no such kind\"\n[muster]\nstate = \"/srv/m\"\nlisten = 3\n\
             [job.export]\ncommand = [\"/bin/true\"]\noverlap = \"wait\"\nmax_wait = \"1m\"\n",
        );
        let job = found.job.expect("read");
        assert_eq!(job.command, ["/bin/true"]);
        assert_eq!(job.overlap, Overlap::Wait { at_most: Span::minutes(1) });
        assert_eq!(found.state, Some(PathBuf::from("/srv/m")));
        assert_eq!(found.keep, None);
        assert!(found.faults.is_empty(), "{}", found.faults);
    }

    #[test]
    fn what_is_kept_is_read_and_its_defaults_fill_the_rest() {
        let keep = read("[muster]\nlisten = 3\nkeep = { logs = \"2MiB\" }\n").keep.expect("read");
        assert_eq!((keep.logs, keep.logs_per_job, keep.runs), (2 << 20, 1000, Span::days(90)));
    }

    #[test]
    fn a_faulty_value_falls_back_to_its_default_and_is_told() {
        let found = read(
            "[job.export]\ncommand = [\"x\"]\ntimeout = { hard = 5, grace = \"1s\" }\noverlap = \"slip\"\n",
        );
        let job = found.job.expect("read");
        assert_eq!((job.timeout.hard, job.timeout.grace), (None, Span::seconds(1)));
        assert_eq!(job.overlap, Overlap::Skip);
        assert_eq!(found.faults.count().to_string(), "2 errors");
    }

    #[test]
    fn a_file_that_is_not_toml_still_gives_what_can_be_made_out() {
        let found = read(
            "[muster]\nthis is not toml\nstate = \"/srv/m\"\n[x]\ny = [\n[job.export]\ncommand = [\"x\"]\noverlap = \"allow\"\n",
        );
        let job = found.job.expect("read");
        assert_eq!((job.command, job.overlap), (vec!["x".to_owned()], Overlap::Allow));
        assert_eq!(found.state, Some(PathBuf::from("/srv/m")), "the line that is not TOML is passed over");
        assert_eq!(found.faults.count().to_string(), "2 errors");
    }

    #[test]
    fn names_are_made_out_of_a_broken_file() {
        let names = names_only("[job.a]\nevery = 3\n[check.\"b\"]\nthis is not toml\n[job.c]\n");
        let names: Vec<&str> = names.iter().map(ExpectationId::as_str).collect();
        assert_eq!(names, ["check.b", "job.a", "job.c"]);
    }

    #[test]
    fn a_job_without_a_table_is_no_fault_but_a_slip_is_told() {
        assert!(read("[job.other]\n").faults.is_empty());
        let found = read("[job.exprot]\n");
        assert!(found.job.is_none());
        assert_eq!(found.faults.count().to_string(), "1 warning");
    }
}
