//! One look: the deadline from outside, a panic survived, the assertions judged, the verdict.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use muster_config::assertion::Judgement;
use muster_config::assertion::facts::Value;
use muster_core::effect::Verdict;
use muster_core::expectation::Level;
use muster_core::look::Sight;
use muster_core::time::Span;
use tokio::time::{Instant, timeout_at};

use crate::notebook::Seen;
use crate::probe::{Class, Miss, Probe, Scene};

/// Most facts that one look hands on, and the most bytes of each.
const FACTS: usize = 32;
const FACT_LIMIT: usize = 200;

/// What a probe may keep of its time for saying what it was waiting for, at most, in milliseconds.
const LAST_WORDS: u128 = 1000;

/// What one look came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Looked {
    /// Ok, failed, or unknown where nobody could see.
    pub verdict: Verdict,
    /// How loud a failure is at most; none leaves it to the check. A look in which only lesser assertions are not met, or
    /// that came with a warning, is ok, and has a level.
    pub level: Option<Level>,
    /// What it saw.
    pub sight: Sight,
    /// How long it took.
    pub took: Duration,
}

impl Looked {
    /// Somebody else looked, and it was well.
    pub fn well(why: impl Into<String>) -> Self {
        Self { verdict: Verdict::Ok, level: None, sight: words(why), took: Duration::ZERO }
    }

    /// Somebody else looked, and it was bad in that way.
    pub fn down(class: Class, why: impl Into<String>) -> Self {
        bad(class, why.into())
    }

    /// Nobody could look, and why.
    pub fn blind(why: impl Into<String>) -> Self {
        Self { verdict: Verdict::Unknown, level: None, sight: words(why), took: Duration::ZERO }
    }
}

/// Looks once. Never takes longer than the scene's deadline, and never panics.
pub async fn look(probe: &dyn Probe, scene: &Scene) -> Looked {
    let began = Instant::now();
    let limit = (scene.deadline.saturating_duration_since(began).as_millis() + 5) / 10 * 10;
    let looking = AssertUnwindSafe(probe.probe(scene)).catch_unwind();
    let ended = match timeout_at(scene.deadline, looking).await {
        Ok(Ok(ended)) => ended,
        Ok(Err(panic)) => {
            Err(Miss::down(Class::Internal, format!("muster's own fault: {}", words_of(&panic))))
        }
        Err(_) => Err(Miss::down(Class::Timeout, "it took too long")),
    };
    let took = began.elapsed();
    let seen = scene.notebook.take();
    let mut looked = match ended {
        Ok(()) => judge(probe, &seen),
        Err(Miss::Down { class: Class::Timeout, why }) => {
            let so_far = match seen.phases.last() {
                Some((phase, _)) => format!("after {phase}"),
                None => "before anything came back".to_owned(),
            };
            // A step of several has an end of its own.
            let end = match took.as_millis() + LAST_WORDS < limit {
                true => format!("given up after {} ms", took.as_millis()),
                false => format!("cut off at {limit} ms"),
            };
            bad(Class::Timeout, format!("{why}: {end}, {so_far}"))
        }
        Err(Miss::Down { class, why }) => bad(class, why),
        Err(Miss::Blind { why }) => Looked::blind(why),
    };
    looked.took = took;
    looked.sight.words = seen.blot(&looked.sight.words);
    looked.sight.phases = seen.phases.iter().map(|(name, took)| (name.to_string(), (*took).into())).collect();
    looked.sight.facts = seen
        .values()
        .take(FACTS)
        .map(|(term, value)| (term.to_owned(), seen.blot(&short(&shown(value)))))
        .collect();
    // Each check keeps its last sight.
    looked.sight.facts.shrink_to_fit();
    for line in &mut looked.sight.unmet {
        *line = seen.blot(line);
    }
    looked.sight.lines = seen.trace;
    looked
}

fn judge(probe: &dyn Probe, seen: &Seen) -> Looked {
    let mut unmet = Vec::new();
    let mut loudest = Level::Ignore;
    for assertion in probe.assertions() {
        if let Judgement::Unmet(seen) = assertion.judge(seen) {
            unmet.push(format!("{}: {}", assertion.text, seen.join(", ")));
            if assertion.level == Level::Page || loudest == Level::Ignore {
                loudest = assertion.level;
            }
        }
    }
    if !seen.warnings.is_empty() && loudest == Level::Ignore {
        loudest = Level::Warn;
    }
    unmet.extend(seen.warnings.iter().cloned());
    let Some(first) = unmet.first() else {
        return Looked {
            verdict: Verdict::Ok,
            level: None,
            sight: words("as it should be"),
            took: Duration::ZERO,
        };
    };
    let more = match unmet.len() {
        1 => String::new(),
        several => format!(" (and {} more)", several - 1),
    };
    let mut sight = words(format!("{first}{more}"));
    sight.class = Some(Class::Unmet.word().to_owned());
    sight.unmet = unmet;
    let verdict = if loudest == Level::Page { Verdict::Failed } else { Verdict::Ok };
    Looked { verdict, level: (loudest != Level::Page).then_some(loudest), sight, took: Duration::ZERO }
}

fn bad(class: Class, why: String) -> Looked {
    let sight = Sight { class: Some(class.word().to_owned()), ..words(why) };
    Looked { verdict: Verdict::Failed, level: None, sight, took: Duration::ZERO }
}

fn words(words: impl Into<String>) -> Sight {
    Sight { words: words.into(), ..Sight::default() }
}

fn words_of(panic: &Box<dyn std::any::Any + Send>) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|words| (*words).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without words".to_owned())
}

/// A value as people read it.
fn shown(value: &Value) -> String {
    match value {
        Value::Nothing => "nothing".to_owned(),
        Value::Flag(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Time(millis) if *millis < 0 => format!("{} ago", Span::millis(millis.unsigned_abs())),
        Value::Time(millis) => Span::millis(millis.unsigned_abs()).to_string(),
        Value::Size(bytes) => format!("{bytes} B"),
        Value::Text(text) => text.clone(),
        Value::List(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
    }
}

fn short(text: &str) -> String {
    let mut end = text.len().min(FACT_LIMIT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].replace(['\r', '\n'], " ")
}
