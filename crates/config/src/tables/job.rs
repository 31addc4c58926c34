//! `[job.NAME]`: something that is started, runs and ends.

use muster_core::expectation::{Expectation, Hearing, Rhythm};
use muster_core::ids::ExpectationId;
use muster_core::rota::{CatchUp, Entry};
use muster_core::time::Span;

mod expect;
mod retries;

use crate::codes;
use crate::field::{Field, LONGEST, NO_TIME, SECOND, Shape};
use crate::plan::{Allowance, JobPlan, Overlap, Timeout};
use crate::section::Section;
use crate::tables::rhythm::{self, Read, SEVERITY};
use crate::tables::{Form, TableRow, after, maintenance};

/// The row of the table.
pub const ROW: TableRow = TableRow {
    name: "job",
    doc: "A program that somebody starts, wrapped as `muster run NAME -- …`.",
    form: Form::Named,
    fields: FIELDS,
    example: "[job.nightly-export]\ncommand = [\"/opt/export/run.sh\"]\nschedule = \"0 2 * * *\"\nmax_runtime = \"1h\"\n\
              notify = [\"ops\"]\n",
};

pub(crate) const FIELDS: &[Field] = &[
    Field::new(
        "host",
        Shape::Text,
        "The host that it runs on; this release watches only its own host, so it must be this host's name or the name \
         in [muster].",
        "\"ams1\"",
    ),
    Field::new(
        "command",
        Shape::List(&Shape::Text, 1),
        "Program and arguments, started without a shell, for `muster run NAME` without `-- …`.",
        "[\"/opt/export/run.sh\", \"--all\"]",
    ),
    Field::new("schedule", Shape::Cron, "When it is due, as five cron fields.", "\"0 2 * * *\""),
    Field::new("every", Shape::Duration(SECOND, LONGEST), "It starts again within this time of its last start.", "\"15m\""),
    Field::new(
        "timer",
        Shape::Timer,
        "The systemd timer of this host that starts it; it is due when that is, also after the timer was changed.",
        "\"export.timer\"",
    ),
    Field::new("timezone", Shape::Zone, "Time zone of `schedule`; else that of [muster].", "\"Europe/Berlin\""),
    Field::new("by", Shape::Choice(&["cron", "systemd", "muster"]), "Who starts it.", "\"cron\"").default("\"cron\""),
    Field::new(
        "catch_up",
        Shape::Choice(&["once", "skip", "all"]),
        "With `by = \"muster\"`: what becomes of due times that nobody was there for: one run for all of them, none, or one \
         for each (at most the last fifty).",
        "\"skip\"",
    )
    .default("\"once\""),
    Field::new(
        "jitter",
        Shape::Duration(NO_TIME, LONGEST),
        "With `by = \"muster\"`: it starts up to so much after it is due, always by the same length, so that jobs of one \
         hour do not all start at once.",
        "\"2m\"",
    )
    .default("\"0s\""),
    Field::new(
        "start_within",
        Shape::Duration(SECOND, LONGEST),
        "How late it may begin before it counts as missed.",
        "\"5m\"",
    )
    .default("\"5m\""),
    Field::new("max_runtime", Shape::Duration(SECOND, LONGEST), "A run that lasts longer is bad news at that moment.", "\"1h\""),
    Field::new("min_runtime", Shape::Duration(SECOND, LONGEST), "A success in less time is a failure.", "\"20s\""),
    Field::new(
        "success_every",
        Shape::Duration(SECOND, LONGEST),
        "There must be a success at least this often, whatever the schedule says.",
        "\"26h\"",
    ),
    Field::new(
        "timeout",
        Shape::Table(TIMEOUT),
        "Limits that the wrapper enforces.",
        "{ soft = \"45m\", hard = \"1h\", grace = \"10s\" }",
    )
    .default("{}"),
    Field::new(
        "retries",
        Shape::Table(retries::FIELDS),
        "How often a failed run is tried again; `timeout` holds for each attempt.",
        "{ count = 2, delay = \"30s\", backoff = 2.0 }",
    ),
    Field::new(
        "overlap",
        Shape::Choice(&["skip", "wait", "replace", "allow"]),
        "What happens when the last run still goes on: the new one gives way, waits, ends the old one, or runs beside it.",
        "\"skip\"",
    )
    .default("\"skip\""),
    Field::new("skip_alert", Shape::Whole(1, 10_000), "Skipped runs in a row that are bad news.", "3").default("3"),
    Field::new("max_wait", Shape::Duration(SECOND, LONGEST), "The longest wait of `overlap = \"wait\"`.", "\"30m\"")
        .default("\"30m\""),
    Field::new(
        "lock",
        Shape::Path,
        "The lock file, to share a lock with flock(1); else one in the state directory.",
        "\"/run/lock/export.lock\"",
    ),
    Field::new("memory", Shape::Size(1024 * 1024), "Memory of the whole tree of processes.", "\"512MiB\""),
    Field::new("cpu", Shape::Factor(10, 1_000_000), "Processors that the whole tree may use, on average.", "0.5"),
    Field::new("pids", Shape::Whole(1, 4_000_000), "Processes and threads of the whole tree at once.", "200"),
    Field::new(
        "expect",
        Shape::Table(expect::FIELDS),
        "What a good run leaves behind; a run without it is a failure, whatever its exit code.",
        "{ output = \"exported \\\\d+ rows\", file = { glob = \"/mnt/data/*.csv.gz\" } }",
    )
    .default("{}"),
    Field::new("severity", Shape::Table(SEVERITY), "How loud each kind of bad news is.", "{ skipped = \"warn\" }").default("{}"),
    Field::new("notify", Shape::List(&Shape::Text, 0), "Whom to tell; else `notify` of [defaults].", "[\"ops\"]"),
    Field::new(
        "escalate",
        Shape::Text,
        "The [escalation] table that says who is told, and who next while nobody answers, in place of `notify`. Where a \
         table says neither, `escalate` of [defaults] holds, else [escalation.default], else `notify` of [defaults].",
        "\"default\"",
    ),
    Field::new(
        "after",
        after::SHAPE,
        "Bad runs before a page: so many in a row, or so many of the last ones.",
        "{ bad = 3, of = 5 }",
    )
    .default("1"),
    Field::new("recover", Shape::Whole(1, 100), "Good runs in a row before the end is told.", "1").default("1"),
    Field::new(
        "depends_on",
        Shape::List(&Shape::Text, 0),
        "While one of these is in alarm, pages about this one are held back; names such as `check.uplink`.",
        "[\"check.uplink\", \"check.database\"]",
    ),
    maintenance::KEY,
];

const TIMEOUT: &[Field] = &[
    Field::new(
        "soft",
        Shape::Duration(SECOND, LONGEST),
        "After this long the run is noted as slow, and goes on.",
        "\"45m\"",
    ),
    Field::new(
        "hard",
        Shape::Duration(SECOND, LONGEST),
        "After this long the run is asked to end (TERM).",
        "\"1h\"",
    ),
    Field::new(
        "grace",
        Shape::Duration(NO_TIME, LONGEST),
        "After this much longer it is killed (KILL).",
        "\"10s\"",
    )
    .default("\"10s\""),
];

/// Reads what the wrapper needs. Faults of the table are reported when it is opened; whatever is faulty falls back to
/// its default here, because a job must run with a broken configuration as well.
pub(crate) fn wrapper(section: &Section<'_>, id: &ExpectationId) -> JobPlan {
    let timeout = section.table("timeout");
    let limit = |key: &str| timeout.as_ref().and_then(|table| table.duration(key));
    let overlap = match section.choice("overlap") {
        Some("wait") => Overlap::Wait { at_most: section.duration("max_wait").unwrap_or(Span::minutes(30)) },
        Some("replace") => Overlap::Replace,
        Some("allow") => Overlap::Allow,
        _ => Overlap::Skip,
    };
    JobPlan {
        name: id.name().to_owned(),
        id: id.clone(),
        command: section.texts("command"),
        timeout: Timeout {
            soft: limit("soft"),
            hard: limit("hard"),
            grace: limit("grace").unwrap_or(Span::seconds(10)),
        },
        overlap,
        lock: section.path_to("lock"),
        expect: expect::read(section),
        allowance: Allowance {
            memory: section.size("memory"),
            cpu: section.factor("cpu"),
            pids: section.count("pids"),
        },
        retries: retries::read(section),
    }
}

/// Reads what the roll call needs; names are resolved later. `zone` is that of `[muster]`.
pub(crate) fn expectation(section: &Section<'_>, id: &ExpectationId, zone: &str) -> Option<Expectation> {
    let rhythm = if section.has("timer") { of_timer(section) } else { rhythm::read(section, zone) };
    check_together(section);
    let rhythm = rhythm?;
    let start_within = section.duration("start_within")?;
    rhythm::check_window(section, "start_within", start_within, rhythm.interval);
    if rhythm.rhythm == Rhythm::OnReport {
        if section.has("start_within") {
            section.no_effect(
                "start_within",
                "`start_within` has no effect without `schedule`, `every` or `timer`",
            );
        }
        if !section.has("success_every") {
            section
                .reading()
                .warning(
                    codes::NO_RHYTHM,
                    &section.place(""),
                    format!(
                        "nothing says when [{}] should run, so nobody notices if it does not",
                        section.path()
                    ),
                )
                .help("add `schedule`, `every`, `timer` or `success_every`".into());
        }
    }
    let mut expectation = Expectation::new(id.clone(), rhythm.rhythm, start_within);
    expectation.max_runtime = section.duration("max_runtime");
    expectation.min_runtime = section.duration("min_runtime");
    expectation.success_every = section.duration("success_every");
    let after = after::read(section)?;
    (expectation.after, expectation.of) = (after.bad, after.of);
    expectation.recover = section.count("recover")?;
    expectation.skip_alert = section.count("skip_alert")?;
    expectation.severity = rhythm::severity(section)?;
    expectation.hearing = Hearing::Spooled;
    Some(expectation)
}

/// The rhythm of a timer is known to the host alone, which is not asked here: until it has been, it is unknown.
fn of_timer(section: &Section<'_>) -> Option<Read> {
    for key in ["schedule", "every"] {
        if section.has(key) {
            section.contradiction(
                "timer",
                format!("[{}] has both `{key}` and `timer`", section.path()),
                "keep the one that says when it is due",
            );
            return None;
        }
    }
    if section.has("timezone") {
        section
            .no_effect("timezone", "a time zone has no effect on `timer`: systemd goes by that of the host");
    }
    let schedule = timer(section)?;
    let error = "this host was not asked for it; is the agent running? try `muster status`".to_owned();
    Some(Read { rhythm: Rhythm::Unknown { schedule, error }, interval: None })
}

/// The timer whose rhythm is that of the job.
pub(crate) fn timer(section: &Section<'_>) -> Option<String> {
    section.text("timer")
}

/// The job's line on the rota, if muster is to start it.
pub(crate) fn rota(section: &Section<'_>, expectation: &Expectation) -> Option<Entry> {
    if section.choice("by") != Some("muster") || section.texts("command").is_empty() {
        return None;
    }
    Some(Entry {
        about: expectation.id.clone(),
        rhythm: expectation.rhythm.clone(),
        start_within: expectation.start_within,
        catch_up: match section.choice("catch_up")? {
            "skip" => CatchUp::Skip,
            "all" => CatchUp::All,
            _ => CatchUp::Once,
        },
        jitter: section.duration("jitter")?,
    })
}

/// Judges what muster needs to start a job, and what it needs for nothing else.
fn check_starter(section: &Section<'_>) {
    if let Some(other) = section.choice("by").filter(|by| *by != "systemd" && section.has("by"))
        && section.has("timer")
    {
        section.contradiction(
            "by",
            format!("a timer starts [{}], and a timer is systemd's, not that of {other}", section.path()),
            "write `by = \"systemd\"`, or `schedule` in place of `timer`",
        );
        return;
    }
    if section.choice("by") != Some("muster") {
        for key in ["catch_up", "jitter"] {
            if section.has(key) {
                section.no_effect(key, format!("`{key}` has no effect without `by = \"muster\"`"));
            }
        }
        return;
    }
    if !section.has("command") {
        section.contradiction(
            "by",
            format!("muster cannot start [{}]: it has no `command`", section.path()),
            "add `command = [\"/path/of/program\"]`",
        );
    }
    if !section.has("schedule") && !section.has("every") {
        section.contradiction(
            "by",
            format!("muster does not know when to start [{}]", section.path()),
            "add `schedule` or `every`",
        );
    }
    if let (Some(jitter), Some(within)) = (section.duration("jitter"), section.duration("start_within"))
        && section.has("jitter")
        && jitter >= within
    {
        section.contradiction(
            "jitter",
            format!("with a jitter of {jitter} it would begin later than within the {within} that it may"),
            "make `jitter` shorter than `start_within`",
        );
    }
}

/// Judges how the values of the table go together.
fn check_together(section: &Section<'_>) {
    check_starter(section);
    let (max, min) = (section.duration("max_runtime"), section.duration("min_runtime"));
    if let (Some(max), Some(min)) = (max, min)
        && min >= max
    {
        section.contradiction(
            "min_runtime",
            format!("no run can last at least {min} and at most {max}"),
            "make `min_runtime` shorter than `max_runtime`",
        );
    }
    let timeout = section.table("timeout");
    let limit = |key: &str| timeout.as_ref().and_then(|table| table.duration(key));
    if let (Some(soft), Some(hard), Some(table)) = (limit("soft"), limit("hard"), &timeout)
        && soft >= hard
    {
        table.contradiction(
            "soft",
            format!("the soft limit of {soft} comes no sooner than the hard one of {hard}"),
            "make `soft` shorter than `hard`",
        );
    }
    if let (Some(hard), Some(max), Some(table)) = (limit("hard"), max, &timeout)
        && hard > max
    {
        section
            .reading()
            .warning(
                codes::TOO_WIDE,
                &table.place("hard"),
                format!("a run is ended after {hard}, and is bad news after {max} already"),
            )
            .help("make `timeout.hard` no longer than `max_runtime`, or leave `max_runtime` out".into());
    }
    if let (Some(hard), Some(min), Some(table)) = (limit("hard"), min, &timeout)
        && hard <= min
    {
        table.contradiction(
            "hard",
            format!("a run is ended after {hard}, and no success may take less than {min}"),
            "make `timeout.hard` longer than `min_runtime`",
        );
    }
    let overlap = section.choice("overlap");
    if section.has("max_wait") && overlap.is_some_and(|overlap| overlap != "wait") {
        section.no_effect("max_wait", "`max_wait` has no effect without `overlap = \"wait\"`");
    }
    if section.has("skip_alert") && overlap.is_some_and(|overlap| overlap != "skip") {
        section.no_effect("skip_alert", "`skip_alert` has no effect without `overlap = \"skip\"`");
    }
}
