//! One look: the steps taken one behind the other, each with a notebook of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_config::assertion::facts::{Facts as _, Value};
use muster_config::assertion::term::Argument;
use muster_config::assertion::{Assertion, Judgement};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::html::unescaped;
use super::post::Before;
use super::step::{Act, Step};
use super::template::{Stop, UNIQUE, Values};
use super::{Flow, RESERVE};
use crate::contact::give_up;
use crate::cookies::Jar;
use crate::notebook::{Notebook, Seen};
use crate::probe::{Class, Miss, Probe as _, Scene};

/// Most bytes of the traces of steps that went well; the one that did not needs the room.
const TRACE: usize = 3 * 1024;
/// Longest value that is captured, in bytes.
const VALUE: usize = 16 * 1024;
/// The longest time from one look for a row or a file to the next.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Takes all steps.
pub(super) async fn run(flow: &Flow, scene: &Scene) -> Result<(), Miss> {
    let end = give_up(scene);
    let cleaning = flow.steps.iter().filter(|step| step.is_finally).count();
    let (work, cleanup) = flow.steps.split_at(flow.steps.len() - cleaning);
    let left = end.saturating_duration_since(Instant::now());
    let work_end = if cleanup.is_empty() { end } else { end - (left / 5).min(RESERVE) };
    let mut going = Going::begin(flow, scene, work_end).await?;
    let mut ended = Ok(());
    for (at, step) in work.iter().enumerate() {
        ended = going.take(at, step, work_end).await;
        if ended.is_err() {
            break;
        }
    }
    for (at, step) in cleanup.iter().enumerate() {
        // One that hangs leaves time for the others.
        let left = end.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(cleanup.len() - at).unwrap_or(1);
        let cleaned = going.take(work.len() + at, step, Instant::now() + share).await;
        ended = both(ended, cleaned);
    }
    ended
}

/// The first failure, and beside it what went wrong in cleaning up.
fn both(first: Result<(), Miss>, cleaned: Result<(), Miss>) -> Result<(), Miss> {
    let Err(second) = cleaned else { return first };
    let (Miss::Down { why: behind, .. } | Miss::Blind { why: behind }) = &second;
    match first {
        Ok(()) => Err(second),
        Err(Miss::Down { class, why }) => {
            Err(Miss::Down { class, why: format!("{why}; and in cleaning up, {behind}") })
        }
        Err(Miss::Blind { why }) => Err(Miss::Blind { why: format!("{why}; and in cleaning up, {behind}") }),
    }
}

/// How far it came.
struct Going<'f> {
    flow: &'f Flow,
    scene: &'f Scene,
    values: Values,
    jar: Jar,
    before: Before,
    /// What no step may note.
    secrets: Vec<String>,
    /// How much of the trace steps that went well have taken.
    written: usize,
}

impl<'f> Going<'f> {
    async fn begin(flow: &'f Flow, scene: &'f Scene, end: Instant) -> Result<Self, Miss> {
        let values = BTreeMap::from([(UNIQUE.to_owned(), unique()?)]);
        let (before, jar) = (Before::default(), Jar::default());
        let mut going = Self { flow, scene, values, jar, before, secrets: Vec::new(), written: 0 };
        if let Some(mailbox) = &flow.mailbox {
            let (inner, began) = (going.inner(end), Instant::now());
            let ended = timeout_at(end, mailbox.before(&inner)).await;
            let ended = ended.unwrap_or_else(|_| Err(late()));
            let seen = inner.notebook.take();
            let is_good = ended.is_ok();
            going.note("the mailbox", &seen, began.elapsed(), is_good);
            going.before = ended.map_err(|miss| going.named("the mailbox before the first step", miss))?;
        }
        Ok(going)
    }

    /// A scene of its own for one step.
    fn inner(&self, until: Instant) -> Scene {
        let notebook = Notebook::default();
        for secret in &self.secrets {
            notebook.hide(secret);
        }
        Scene { resolver: self.scene.resolver.clone(), notebook, ..Scene::here(until) }
    }

    /// Takes one step. One that needs what was never captured is left out.
    async fn take(&mut self, at: usize, step: &Step, end: Instant) -> Result<(), Miss> {
        let began = Instant::now();
        let title = format!("step {} of {}, {}", at + 1, self.flow.steps.len(), step.title());
        let (ended, seen) = self.act(step, end).await;
        let took = began.elapsed();
        self.scene.notebook.phase(step.phase(at + 1), took);
        self.note(&title, &seen, took, ended.is_ok());
        match ended {
            Ok(()) => Ok(()),
            Err(Stop::Missed(miss)) => Err(self.named(&title, miss)),
            Err(Stop::Lacking(name)) => {
                self.scene.notebook.say(format!("{title} is left out: nothing was captured as {name}"));
                Ok(())
            }
        }
    }

    /// Does it; what is waited for is looked at again and again.
    async fn act(&mut self, step: &Step, end: Instant) -> (Result<(), Stop>, Seen) {
        let began = Instant::now();
        let until = match (&step.act, step.within) {
            (Act::Wait, _) | (_, None) => end,
            (_, Some(within)) => end.min(began + within),
        };
        if began >= end {
            let why = "the time of the flow was up before it began";
            return (Err(Miss::down(Class::Timeout, why).into()), Seen::default());
        }
        let is_waited_for = step.within.is_some() && matches!(step.act, Act::Sql(_) | Act::File(_));
        let mut pause = Duration::from_millis(100);
        let mut earlier: Option<(Result<(), Stop>, Seen)> = None;
        loop {
            let inner = self.inner(until);
            let ended = timeout_at(until, self.once(step, &inner)).await;
            let ended = ended.unwrap_or_else(|_| Err(late().into()));
            let seen = inner.notebook.take();
            for secret in seen.secrets() {
                self.hide(secret);
            }
            let ended = match ended {
                Ok(()) => self.judge(step, &seen),
                other => other,
            };
            let is_late = matches!(ended, Err(Stop::Missed(Miss::Down { class: Class::Timeout, .. })));
            let is_bad = matches!(ended, Err(Stop::Missed(Miss::Down { .. })));
            // What the look before saw is better than that the time was up.
            if let (true, Some(before)) = (is_late, earlier.take()) {
                return before;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
            if !is_waited_for || !is_bad || Instant::now() + pause >= until {
                return (ended, seen);
            }
            earlier = Some((ended, seen));
            sleep(pause).await;
        }
    }

    async fn once(&mut self, step: &Step, inner: &Scene) -> Result<(), Stop> {
        match &step.act {
            Act::Web(request) => {
                request.run(inner, &self.values, &mut self.jar, self.flow.ca.as_deref()).await
            }
            Act::Mail(wanted) => match &self.flow.mailbox {
                Some(mailbox) => mailbox.wait(inner, wanted, &self.before, &self.values).await,
                None => Err(Miss::down(Class::Internal, "there is no mailbox").into()),
            },
            Act::Sql(query) => {
                let value =
                    |name: &String| self.values.get(name).cloned().ok_or_else(|| Stop::Lacking(name.clone()));
                let given = query.names.iter().map(value).collect::<Result<Vec<_>, _>>()?;
                Ok(query.sql.ask(inner, given).await?)
            }
            Act::File(part) => Ok(part.probe(inner).await?),
            Act::Wait => {
                sleep_until(Instant::now() + step.within.unwrap_or_default()).await;
                Ok(())
            }
        }
    }

    /// Takes what later steps need, and judges what was seen.
    fn judge(&mut self, step: &Step, seen: &Seen) -> Result<(), Stop> {
        let is_html = matches!(
            seen.value("header", Some(&Argument::Text("content-type".into()))),
            Ok(Value::Text(kind)) if kind.contains("html")
        );
        let mut lacking = None;
        for one in &step.captures {
            let taken = one.capture.take(seen).and_then(|value| match value.len() {
                ..=VALUE => Ok(value),
                length => Err(format!("{}: {length} bytes are too many", one.capture.text)),
            });
            match taken {
                Ok(value) => {
                    let value =
                        if is_html && one.capture.word() == "body" { unescaped(&value) } else { value };
                    if one.is_secret {
                        self.hide(&value);
                    }
                    self.values.insert(one.name.clone(), value);
                }
                Err(why) if lacking.is_none() => {
                    lacking = Some(format!("`{}` could not be captured: {why}", one.name));
                }
                Err(_) => {}
            }
        }
        let assertions: &[Assertion] = match &step.act {
            Act::Web(request) => &request.assertions,
            Act::Sql(query) => query.sql.assertions(),
            Act::File(part) => part.assertions(),
            Act::Mail(_) | Act::Wait => &[],
        };
        let unmet: Vec<String> = assertions
            .iter()
            .filter_map(|one| match one.judge(seen) {
                Judgement::Unmet(why) => Some(format!("{}: {}", one.text, why.join(", "))),
                Judgement::Met => None,
            })
            .collect();
        // A bad status says more than what is not in the page of the error.
        match (unmet.as_slice(), lacking) {
            ([], None) => Ok(()),
            ([], Some(why)) => Err(Miss::down(Class::Absent, why).into()),
            (unmet, _) => Err(Miss::down(Class::Unmet, unmet.join("; ")).into()),
        }
    }

    /// From now on this is noted nowhere.
    fn hide(&mut self, secret: &str) {
        self.scene.notebook.hide(secret);
        if !self.secrets.iter().any(|own| own == secret) {
            self.secrets.push(secret.to_owned());
        }
    }

    /// Writes down what a step saw.
    fn note(&mut self, title: &str, seen: &Seen, took: Duration, is_good: bool) {
        for secret in seen.secrets() {
            self.hide(secret);
        }
        let end = if is_good { "as it should be" } else { "not as it should be" };
        self.scene.notebook.say(format!("{title}: {end} ({} ms)", took.as_millis()));
        for line in &seen.trace {
            let line = format!("  {line}");
            if is_good && self.written + line.len() > TRACE {
                break;
            }
            self.written += if is_good { line.len() } else { 0 };
            self.scene.notebook.say(line);
        }
    }

    /// A miss with the name of the step, and without secrets.
    fn named(&self, title: &str, miss: Miss) -> Miss {
        let name = |why: String| self.scene.notebook.without_secrets(&format!("{title}: {why}"));
        match miss {
            Miss::Down { class, why } => Miss::Down { class, why: name(why) },
            Miss::Blind { why } => Miss::Blind { why: name(why) },
        }
    }
}

fn late() -> Miss {
    Miss::down(Class::Timeout, "it did not come to its end in time")
}

/// A word that no other look has.
fn unique() -> Result<String, Miss> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| Miss::blind(format!("there is no randomness: {error}")))?;
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("m{digits}"))
}
