//! A whole file to a plan.
//!
//! Tables are read one after the other and all faults are collected; there is a plan only if there is no error.

use std::collections::BTreeMap;
use std::ops::Range;

use muster_core::expectation::Expectation;
use muster_core::ids::ExpectationId;

use crate::codes;
use crate::fault::Faults;
use crate::kind::{Catalogue, KIND, Kind};
use crate::nearest::nearest;
use crate::plan::{CheckPlan, JobPlan, PeerPlan, Plan, ServicePlan, Vantage};
use crate::section::{Reading, Section};
use crate::shape::{looks_secret, shown};
use crate::source::{FILE_LIMIT, Source};
use crate::tables::claimed::Claimed;
use crate::tables::defaults::Defaults;
use crate::tables::escalation::{Escalations, Whom};
use crate::tables::host::Hosts;
use crate::tables::names::{Names, circle_fault, circles};
use crate::tables::{
    Form, NOT_YET, TABLES, TableRow, check, defaults, doctor, drift, job, lent, maintenance, muster, named,
    notify, peer, safe, service, status_page,
};
use crate::tree::{self, Entry, Table, Value};

/// The table of a deploy on the roll.
const DEPLOY: &str = "deploy";

/// Most jobs and checks in one file.
pub const EXPECTATION_LIMIT: usize = 20_000;

/// Reads a whole file. There is a plan if and only if no fault is an error; warnings come with a plan.
pub fn compile<C, K: Clone>(
    source: &Source<'_>,
    catalogue: &Catalogue<C, K>,
) -> (Option<Plan<C, K>>, Faults) {
    let reading = Reading::new(source);
    if source.text.len() > FILE_LIMIT {
        reading
            .error(
                codes::TOO_LARGE,
                &(0..0),
                format!("{} bytes, and at most {FILE_LIMIT} are read", source.text.len()),
            )
            .help("generated files belong elsewhere; keep one muster.toml per host".into());
        return (None, reading.finish());
    }
    let (document, errors) = tree::parse(source.text);
    if !errors.is_empty() {
        for error in errors {
            reading.error(codes::SYNTAX, &error.span, error.what);
        }
        return (None, reading.finish());
    }
    let plan = read(&reading, &document, catalogue);
    let faults = reading.finish();
    (plan.filter(|_| !faults.has_errors()), faults)
}

fn read<C, K: Clone>(
    reading: &Reading<'_>,
    document: &Table,
    catalogue: &Catalogue<C, K>,
) -> Option<Plan<C, K>> {
    let source = reading.source();
    let empty = Table::default();
    refuse_unknown_tables(reading, document);
    let muster = muster::read(&single(reading, document, &empty, &muster::ROW), source.zone, source.host);
    let zone = muster.as_ref().map_or(source.zone, |muster| muster.zone.as_str());
    let defaults = defaults::read(&single(reading, document, &empty, &defaults::ROW), zone);
    let name = muster.as_ref().map_or(source.host, |muster| muster.name.as_str());

    let jobs = named(reading, document, "job");
    let checks = named(reading, document, "check");
    if let Some(entry) = jobs.iter().chain(&checks).nth(EXPECTATION_LIMIT) {
        reading.error(
            codes::TOO_MANY,
            &entry.0.span,
            format!(
                "{} jobs and checks, and at most {EXPECTATION_LIMIT} are read",
                jobs.len() + checks.len()
            ),
        );
        return None;
    }
    let peers = named(reading, document, peer::ROW.name);
    if let Some((entry, _)) = peers.get(peer::PEER_LIMIT) {
        let what = format!("{} peers, and at most {} are read", peers.len(), peer::PEER_LIMIT);
        reading.error(codes::TOO_MANY, &entry.span, what);
        return None;
    }
    let services = named(reading, document, service::ROW.name);
    if let Some((entry, _)) = services.get(service::SERVICE_LIMIT) {
        let what = format!("{} services, and at most {} are read", services.len(), service::SERVICE_LIMIT);
        reading.error(codes::TOO_MANY, &entry.span, what);
        return None;
    }
    let hosts = Hosts::read(reading, document);
    let families: &[(&str, &[_])] =
        &[("peer", &peers), ("job", &jobs), ("check", &checks), (DEPLOY, &services)];
    let names = Names::of(reading, document, families);
    let channels = notify::channels(reading, document, catalogue.channels, &names);
    let escalations = Escalations::read(reading, document, &names, &defaults);
    let mut roll = Roll {
        reading,
        zone,
        names: &names,
        defaults: &defaults,
        escalations: &escalations,
        hosts: &hosts,
        found: Vec::new(),
        jobs: Vec::new(),
        rota: Vec::new(),
        timers: BTreeMap::new(),
    };
    for (entry, table) in jobs {
        roll.job(entry, table, name);
    }
    let peers = peers.into_iter().filter_map(|(entry, table)| roll.peer(entry, table)).collect();
    let mut plans = Vec::new();
    for (entry, table) in checks {
        plans.extend(roll.check(entry, table, catalogue.checks));
    }
    let mut claimed = Claimed::default();
    let services =
        services.into_iter().filter_map(|(entry, table)| roll.service(entry, table, &mut claimed)).collect();
    let drift = document.get(drift::ROW.name).and_then(|entry| {
        let section = single(reading, document, &empty, &drift::ROW);
        let (plan, expectations) = drift::read(&section).unzip();
        roll.add(&section, entry, expectations.unwrap_or_default());
        plan
    });
    let Roll { mut found, jobs, rota, timers, .. } = roll;
    // Jobs and checks may be mixed in the file; people look for them in its order.
    found.sort_by_key(|(place, _)| place.start);
    refuse_circles(reading, &names, &found);
    say_if_nobody_is_told(reading, &names, &defaults, &found);
    let status_page = document.get(status_page::ROW.name).and_then(|_| {
        let section = single(reading, document, &empty, &status_page::ROW);
        let on_roll = found.iter().map(|(_, told)| &told.expectation.id).collect();
        let channels = channels.iter().map(|one| (&one.name, one.kind)).collect();
        status_page::read(&section, &names, &on_roll, &channels)
    });
    let allow = document
        .get(doctor::ROW.name)
        .map(|_| doctor::read(&single(reading, document, &empty, &doctor::ROW)));
    Some(Plan {
        allow: allow.unwrap_or_default(),
        drift,
        hosts: hosts.plans,
        services,
        muster: muster?,
        channels,
        notify: escalations.rest.notify,
        steps: escalations.rest.steps,
        expectations: found.into_iter().map(|(_, told)| told.expectation).collect(),
        checks: plans,
        peers,
        jobs,
        rota,
        timers,
        status_page,
    })
}

fn refuse_unknown_tables(reading: &Reading<'_>, document: &Table) {
    for entry in &document.entries {
        if NOT_YET.contains(&entry.key.as_str()) {
            refuse_for_now(reading, entry);
            continue;
        }
        match TABLES.iter().find(|row| row.name == entry.key) {
            None => unknown_table(reading, entry),
            Some(row) => {
                let example = match row.form {
                    Form::Single => format!("[{}]", row.name),
                    Form::Named | Form::Family => format!("[{}.NAME]", row.name),
                };
                if !matches!(entry.node.value, Value::Table(_)) {
                    let what = format!("expected the table {example}, found {}", entry.node.value.found());
                    let mut fault = reading.error(codes::WRONG_TYPE, &entry.span, what);
                    match home(entry) {
                        Some(home) => fault.help(format!("put `{}` below [{}]", row.name, home.name)),
                        None => fault.help(format!("write {example}")),
                    }
                }
            }
        }
    }
}

/// The single table that has a key of this name, for a key that stands outside of every table.
fn home(entry: &Entry) -> Option<&'static TableRow> {
    if matches!(entry.node.value, Value::Table(_)) {
        return None;
    }
    TABLES
        .iter()
        .filter(|row| row.form == Form::Single)
        .find(|row| row.fields.iter().any(|field| field.key == entry.key))
}

fn refuse_for_now(reading: &Reading<'_>, entry: &Entry) {
    let named: Vec<&Entry> = match &entry.node.value {
        Value::Table(table) => {
            table.entries.iter().filter(|inner| matches!(inner.node.value, Value::Table(_))).collect()
        }
        _ => Vec::new(),
    };
    if named.is_empty() {
        reading.not_yet(&entry.span, &format!("[{}]", entry.key));
    }
    for inner in named {
        reading.not_yet(&inner.span, &format!("[{}.{}]", entry.key, shown(&inner.key)));
    }
}

fn unknown_table(reading: &Reading<'_>, entry: &Entry) {
    let known = || TABLES.iter().map(|row| row.name).chain(NOT_YET.iter().copied());
    let is_table = matches!(entry.node.value, Value::Table(_));
    let what = if is_table {
        format!("no table is called [{}]", shown(&entry.key))
    } else {
        if looks_secret(&entry.key) {
            reading.hide(&entry.node.span);
        }
        format!("`{}` stands outside of every table", shown(&entry.key))
    };
    let mut fault = reading.error(codes::UNKNOWN_TABLE, &entry.span, what);
    match (home(entry), nearest(&entry.key, known())) {
        (Some(row), _) => fault.help(format!("put it below [{}]", row.name)),
        (None, Some(meant)) => fault.help(format!("did you mean [{meant}]?")),
        (None, None) => {
            let names: Vec<&str> = TABLES.iter().map(|row| row.name).collect();
            fault.help(format!("the tables are {}", names.join(", ")));
        }
    }
}

/// Opens `[muster]` or `[defaults]`; where it is not written, an empty one.
fn single<'a>(
    reading: &'a Reading<'a>,
    document: &'a Table,
    empty: &'a Table,
    row: &TableRow,
) -> Section<'a> {
    let place = document.get(row.name).map_or(0..0, |entry| entry.node.span.clone());
    let table = document.table(row.name).unwrap_or(empty);
    Section::open(reading, table, vec![row.fields], row.name.to_owned(), place)
}

/// What becomes of the jobs and checks.
struct Roll<'a> {
    reading: &'a Reading<'a>,
    /// That of `[muster]`.
    zone: &'a str,
    names: &'a Names,
    defaults: &'a Defaults,
    escalations: &'a Escalations,
    hosts: &'a Hosts,
    found: Vec<(Range<usize>, Told)>,
    jobs: Vec<JobPlan>,
    rota: Vec<muster_core::rota::Entry>,
    timers: BTreeMap<ExpectationId, String>,
}

/// An expectation, and whether its own table says whom to tell.
struct Told {
    expectation: Expectation,
    by_itself: bool,
}

impl Roll<'_> {
    fn job(&mut self, entry: &Entry, table: &Table, name: &str) {
        let path = format!("job.{}", entry.key);
        let section = Section::open(self.reading, table, vec![job::FIELDS], path, entry.node.span.clone());
        let Ok(id) = ExpectationId::of("job", &entry.key) else { return };
        if let Some(host) = section.text("host")
            && host != name
            && host != self.reading.source().host
            && host != self.hosts.here().name
        {
            self.reading.not_yet(&section.place("host"), "jobs of other hosts");
        }
        self.jobs.push(job::wrapper(&section, &id));
        let expectation = job::expectation(&section, &id, self.zone);
        self.timers.extend(job::timer(&section).map(|timer| (id.clone(), timer)));
        self.rota.extend(expectation.as_ref().and_then(|expectation| job::rota(&section, expectation)));
        self.add(&section, entry, expectation);
    }

    fn peer(&mut self, entry: &Entry, table: &Table) -> Option<PeerPlan> {
        let path = format!("peer.{}", entry.key);
        let section = Section::open(self.reading, table, vec![peer::FIELDS], path, entry.node.span.clone());
        let id = ExpectationId::of("peer", &entry.key).ok()?;
        let (plan, expectation) = peer::read(&section, &entry.key, &id).unzip();
        self.add(&section, entry, expectation);
        plan
    }

    /// What is deployed, and that each deploy must end.
    fn service(&mut self, entry: &Entry, table: &Table, claimed: &mut Claimed) -> Option<ServicePlan> {
        let path = format!("service.{}", shown(&entry.key));
        let section =
            Section::open(self.reading, table, vec![service::FIELDS], path, entry.node.span.clone());
        let id = ExpectationId::of(DEPLOY, &entry.key).ok()?;
        if !safe::is_name(&entry.key) {
            self.reading
                .error(codes::BAD_NAME, &entry.span, "this is no usable name of a service".into())
                .help(safe::NAME_HELP.into());
            return None;
        }
        let (plan, expectation) = service::read(&section, &entry.key, &id, self.hosts).unzip();
        self.add(&section, entry, expectation);
        if let Some(plan) = &plan {
            claimed.add(&section, plan);
        }
        plan
    }

    /// What is looked at, once for each place that it is looked at from; a heartbeat is only listened to.
    fn check<K: Clone>(
        &mut self,
        entry: &Entry,
        table: &Table,
        kinds: &'static [Kind<K>],
    ) -> Vec<CheckPlan<K>> {
        let path = format!("check.{}", entry.key);
        let place = entry.node.span.clone();
        let also = &[check::HEARTBEAT.name];
        if matches!(table.get("kind").map(|kind| &kind.node.value), Some(Value::Text(kind)) if kind == also[0])
        {
            let rows = vec![KIND, check::FIELDS, check::HEARTBEAT.fields];
            let section = Section::open(self.reading, table, rows, path, place);
            if let Ok(id) = ExpectationId::of("check", &entry.key) {
                let expectation = check::listened(&section, &id, self.zone, self.defaults);
                self.add(&section, entry, expectation);
            }
            return Vec::new();
        }
        if let Some(Entry { node, .. }) = table.get("kind")
            && let Value::Text(word) = &node.value
            && check::NOT_YET.contains(&word.as_str())
            && kinds.iter().all(|kind| kind.name != word)
        {
            self.reading.not_yet(&node.span, &format!("checks of kind \"{word}\""));
            return Vec::new();
        }
        let Some(kind) = notify::kind_of(self.reading, entry, table, kinds, also, &path) else {
            return Vec::new();
        };
        // The first row of a key holds: a kind may have a default of its own for one of the common keys.
        let rows = vec![KIND, check::FIELDS, kind.fields, check::LOOKED];
        let section = Section::open(self.reading, table, rows, path, place);
        let (looks, part) = (check::Looks::read(&section, self.defaults), (kind.read)(&section));
        let (Some(looks), Some(part)) = (looks, part) else {
            self.add(&section, entry, None);
            return Vec::new();
        };
        let (mut plans, mut expectations) = (Vec::new(), Vec::new());
        for from in &looks.from {
            let Ok(id) = ExpectationId::of("check", &looks.name(&entry.key, from)) else { continue };
            let lent = match from {
                Vantage::Peer(name) if !self.names.is_callable(&section, name) => continue,
                Vantage::Peer(_) => match lent::lend(&section, kind, looks.timeout) {
                    Some(table) => Some(table),
                    None => continue,
                },
                Vantage::Host | Vantage::Container(_) => None,
            };
            let expectation =
                Expectation { target: check::target(&section), ..looks.expectation(id.clone()) };
            expectations.push(expectation);
            let check::Looks { every, timeout, retry, .. } = looks;
            plans.push(CheckPlan {
                id,
                kind: kind.name,
                every,
                timeout,
                retry,
                after: looks.after.bad,
                from: from.clone(),
                lent,
                part: part.clone(),
            });
        }
        self.add(&section, entry, expectations);
        plans
    }

    /// Resolves the names of a table, also of one whose own values are faulty, and adds what is expected because of it.
    fn add(
        &mut self,
        section: &Section<'_>,
        entry: &Entry,
        expectations: impl IntoIterator<Item = Expectation>,
    ) {
        let by_itself = section.has("notify") || section.has("escalate");
        let Whom { notify, steps } = self.escalations.whom(section, self.names);
        let parents = self.names.parents(section);
        let planned = maintenance::read(section, self.zone);
        let maintenance = planned.unwrap_or_else(|| self.defaults.maintenance.clone());
        for mut expectation in expectations {
            expectation.notify.clone_from(&notify);
            expectation.steps.clone_from(&steps);
            expectation.parents.clone_from(&parents);
            expectation.maintenance = maintenance.clone();
            self.found.push((entry.span.clone(), Told { expectation, by_itself }));
        }
    }
}

fn refuse_circles(reading: &Reading<'_>, names: &Names, found: &[(Range<usize>, Told)]) {
    let parents = found
        .iter()
        .map(|(_, told)| (told.expectation.id.clone(), told.expectation.parents.clone()))
        .collect();
    for circle in circles(&parents) {
        let places: Vec<&Range<usize>> = circle.iter().filter_map(|id| names.expectations.get(id)).collect();
        let words = circle.iter().map(ExpectationId::as_str).collect();
        circle_fault(reading, "the dependencies", words, places.first());
    }
}

fn say_if_nobody_is_told(
    reading: &Reading<'_>,
    names: &Names,
    defaults: &Defaults,
    found: &[(Range<usize>, Told)],
) {
    if !defaults.notify.is_empty() {
        return;
    }
    // An empty list in its own table is somebody's decision.
    let mut silent = found.iter().filter(|(_, told)| told.expectation.notify.is_empty() && !told.by_itself);
    if names.channels.is_empty() {
        if let Some((place, _)) = silent.next() {
            reading
                .warning(codes::NOBODY_TOLD, place, "alarms are shown and nobody is told".into())
                .help("add a [notify.NAME] table and `notify = [\"NAME\"]` below [defaults]".into());
        }
        return;
    }
    for (place, told) in silent {
        let id = &told.expectation.id;
        reading
            .warning(codes::NOBODY_TOLD, place, format!("alarms about [{id}] are shown and nobody is told"))
            .help("add `notify` here or below [defaults]; `notify = []` says that this is meant".into());
    }
}
