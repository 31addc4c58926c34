//! `[escalation.NAME]`: who is told, and who next while nobody answers.

use std::collections::BTreeMap;

use muster_core::expectation::Step;
use muster_core::ids::ChannelName;
use muster_core::time::Span;

use crate::codes;
use crate::field::{DAY, Field, NO_TIME, Shape};
use crate::section::{Reading, Section};
use crate::tables::defaults::Defaults;
use crate::tables::names::Names;
use crate::tables::{Form, TableRow, named};
use crate::tree::Table;

/// The row of the table.
pub const ROW: TableRow = TableRow {
    name: "escalation",
    doc: "Who is told, and who next while nobody answers. Jobs and checks refer to it by `escalate`; the one called \
          `default` holds for those that say neither `escalate` nor `notify` themselves, before `notify` of [defaults].",
    form: Form::Named,
    fields: FIELDS,
    example: "[escalation.default]\nsteps = [{ after = \"0s\", notify = [\"ops\"] }, { after = \"10m\", notify = [\"ops\"] }]\n",
};

/// The name of the escalation that holds where nothing is said.
const DEFAULT: &str = "default";

const FIELDS: &[Field] = &[Field::new(
    "steps",
    Shape::Tables(STEP, 1),
    "The steps, in order of their time. They go on until somebody acknowledges it or it is over; when an \
     acknowledgement runs out they go on from there. Whoever was told by any step hears the end.",
    "[{ after = \"0s\", notify = [\"chat\"] }, { after = \"10m\", notify = [\"phone\", \"ops\"] }]",
)
.required()];

const STEP: &[Field] = &[
    Field::new(
        "after",
        Shape::Duration(NO_TIME, 30 * DAY),
        "How long nobody has answered, counted from the first page; the first step has \"0s\".",
        "\"10m\"",
    )
    .required(),
    Field::new(
        "notify",
        Shape::List(&Shape::Text, 1),
        "Whom to tell then: names of [notify] tables.",
        "[\"phone\", \"ops\"]",
    )
    .required(),
];

/// Whom to tell, and whom next.
#[derive(Debug, Clone, Default)]
pub(crate) struct Whom {
    /// At once.
    pub(crate) notify: Vec<ChannelName>,
    /// Later, in order.
    pub(crate) steps: Vec<Step>,
}

/// Every escalation, and what holds where none is named. One with a fault is there as well, so that the fault is not
/// reported again by whoever refers to it.
#[derive(Debug, Default)]
pub(crate) struct Escalations {
    all: BTreeMap<String, Whom>,
    /// For a job or a check that says nothing of its own.
    otherwise: Whom,
    /// For what has no table of its own.
    pub(crate) rest: Whom,
}

impl Escalations {
    /// Reads the tables, and what `[defaults]` says about them.
    pub(crate) fn read(reading: &Reading<'_>, document: &Table, names: &Names, defaults: &Defaults) -> Self {
        let mut all = BTreeMap::new();
        for (entry, table) in named(reading, document, ROW.name) {
            let path = format!("escalation.{}", entry.key);
            let section = Section::open(reading, table, vec![FIELDS], path, entry.node.span.clone());
            all.insert(entry.key.clone(), steps(&section, names));
        }
        // Here as well, for a file in which nothing makes use of the defaults.
        let told = Whom { notify: names.channels(reading, &defaults.notify), steps: Vec::new() };
        let chosen = match &defaults.escalate {
            Some((text, place)) => {
                names.has_escalation(reading, text, place);
                all.get(text)
            }
            None => all.get(DEFAULT),
        };
        let otherwise = chosen.cloned().unwrap_or_else(|| told.clone());
        let rest = if told.notify.is_empty() { otherwise.clone() } else { told };
        Self { all, otherwise, rest }
    }

    /// Whom to tell about a job or a check.
    pub(crate) fn whom(&self, section: &Section<'_>, names: &Names) -> Whom {
        let reading = section.reading();
        let told = || Whom { notify: names.channels(reading, &section.items("notify")), steps: Vec::new() };
        let Some(name) = section.text("escalate") else {
            return if section.has("notify") { told() } else { self.otherwise.clone() };
        };
        if section.has("notify") {
            section.contradiction(
                "escalate",
                format!("[{}] has both `notify` and `escalate`", section.path()),
                "keep `escalate`: its first step says whom to tell at once",
            );
            return told();
        }
        names.has_escalation(reading, &name, &section.place("escalate"));
        self.all.get(&name).cloned().unwrap_or_default()
    }
}

fn steps(section: &Section<'_>, names: &Names) -> Whom {
    let mut whom = Whom::default();
    let mut last: Option<Span> = None;
    for table in section.tables("steps") {
        let notify = names.channels(section.reading(), &table.items("notify"));
        let Some(after) = table.duration("after") else { continue };
        let place = table.place("after");
        match last {
            None if after > Span::ZERO => {
                section
                    .reading()
                    .error(codes::BAD_VALUE, &place, format!("the first step of [{}] waits {after}", section.path()))
                    .help("write after = \"0s\": the first page is never held back; a job's own `after` says how bad is bad".into());
            }
            Some(before) if after <= before => {
                section
                    .reading()
                    .error(
                        codes::BAD_VALUE,
                        &place,
                        format!("this step comes after {after}, and the one before it after {before}"),
                    )
                    .help("put the steps in order of their time, each later than the last".into());
            }
            None => whom.notify = notify,
            Some(_) => whom.steps.push(Step { after, notify }),
        }
        last = Some(after);
    }
    whom
}
