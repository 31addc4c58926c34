//! The health endpoint that lies.

use super::headers::max_age;
use super::{Area, Rule};
use crate::scan::facts::{Health, HealthAnswer};
use crate::scan::report::Weight;

const NOT_STORED: &str = "\
location = HEALTH {
    proxy_pass http://app;
    proxy_cache off;
    proxy_no_cache 1;
    proxy_cache_bypass 1;
    add_header Cache-Control \"no-store\" always;
}";
/// Headers in which caches say that they answered.
const VERDICTS: &[&str] = &[
    "x-cache",
    "x-cache-status",
    "cf-cache-status",
    "x-proxy-cache",
    "x-nginx-cache",
    "x-varnish-cache",
    "cache-status",
];

pub(super) const FROM_CACHE: Rule = Rule {
    id: "S50",
    area: Area::Health,
    weight: Weight::Serious,
    title: "a cache answers for the health endpoint",
    why: "The application may be dead and this still says that it is well, and so does every monitor that asks here.",
    fix: "Keep this path out of every cache, the one of a CDN included.",
    place: "nginx",
    snippet: NOT_STORED,
    observe: |facts| {
        let Some(health) = facts.health.known().filter(|health| health.first.status < 400) else {
            return Vec::new();
        };
        let mut proofs = Vec::new();
        if let Some(fresh) = &health.fresh
            && fresh.status >= 500
        {
            proofs.push(format!(
                "{} answers {}; with a query that no cache has seen it answers {}",
                health.path, health.first.status, fresh.status
            ));
        }
        let said = [Some(&health.first), health.second.as_ref()].into_iter().flatten().find_map(hit);
        proofs.extend(said);
        proofs
    },
};

pub(super) const STANDS_STILL: Rule = Rule {
    id: "S51",
    area: Area::Health,
    weight: Weight::Serious,
    title: "the health endpoint stands still",
    why: "What changes with each answer of a living application did not change: somebody else may be answering for it.",
    fix: "Keep this path out of every cache, and let the application answer for itself.",
    place: "nginx",
    snippet: NOT_STORED,
    observe: |facts| {
        let Some(health) = facts.health.known() else { return Vec::new() };
        if !(FROM_CACHE.observe)(facts).is_empty() {
            return Vec::new();
        }
        standstill(health).into_iter().collect()
    },
};

pub(super) const SAYS_DOWN: Rule = Rule {
    id: "S52",
    area: Area::Health,
    weight: Weight::Serious,
    title: "the health endpoint answers 200 and says that it is not well",
    why: "Load balancers and monitors look at the status alone: they go on sending visitors.",
    fix: "Answer 503 where the body says no.",
    place: "",
    snippet: "",
    observe: |facts| match facts.health.known() {
        Some(health) if health.first.status < 300 => match admission(&health.first.body) {
            Some(words) => vec![format!("{} answers {} with {words}", health.path, health.first.status)],
            None => Vec::new(),
        },
        Some(_) | None => Vec::new(),
    },
};

pub(super) const FAILS: Rule = Rule {
    id: "S53",
    area: Area::Health,
    weight: Weight::Broken,
    title: "the health endpoint says that the site is not well",
    why: "It is the site's own word.",
    fix: "Read what it says, then the log of the application.",
    place: "",
    snippet: "",
    observe: |facts| match facts.health.known() {
        Some(health) if health.first.status >= 500 => {
            vec![format!("{} answers {}", health.path, health.first.status)]
        }
        Some(_) | None => Vec::new(),
    },
};

pub(super) const MAY_BE_CACHED: Rule = Rule {
    id: "S54",
    area: Area::Health,
    weight: Weight::Minor,
    title: "the health endpoint may be stored by caches",
    why: "The next proxy or CDN in front of it will answer for a dead application, and nobody will have decided so.",
    fix: "Say that it may not be stored.",
    place: "nginx",
    snippet: NOT_STORED,
    observe: |facts| {
        let Some(health) = facts.health.known().filter(|health| health.first.status < 400) else {
            return Vec::new();
        };
        match health.first.header("cache-control") {
            Some(value) => {
                let lower = value.to_ascii_lowercase();
                let is_kept_out = ["no-store", "no-cache", "private"].iter().any(|word| lower.contains(word));
                let lasts = max_age(&lower).is_some_and(|seconds| seconds > 0) || lower.contains("s-maxage");
                if !is_kept_out && (lasts || lower.contains("public")) {
                    vec![format!("cache-control: {value}")]
                } else {
                    Vec::new()
                }
            }
            None => Vec::new(),
        }
    },
};

/// What an answer says of having been stored.
fn hit(answer: &HealthAnswer) -> Option<String> {
    if let Some(age) = answer.header("age")
        && age.trim().parse::<u64>().is_ok_and(|seconds| seconds > 0)
    {
        return Some(format!("age: {age}"));
    }
    VERDICTS.iter().find_map(|name| {
        let value = answer.header(name)?;
        let lower = value.to_ascii_lowercase();
        let words: Vec<&str> = lower.split(|c: char| !c.is_ascii_alphanumeric()).collect();
        let is_hit = words.iter().any(|word| matches!(*word, "hit" | "stale" | "updating" | "revalidated"));
        is_hit.then(|| format!("{name}: {value}"))
    })
}

/// Two answers more than a second apart that should differ and do not.
fn standstill(health: &Health) -> Option<String> {
    let second = health.second.as_ref()?;
    let first = &health.first;
    if first.status >= 400 || second.status != first.status {
        return None;
    }
    let dates = (first.header("date"), second.header("date"));
    if let (Some(before), Some(after)) = &dates
        && before == after
    {
        return Some(format!("two answers a second apart carry the same date: {before}"));
    }
    let told = moment(&first.body)?;
    (first.body == second.body)
        .then(|| format!("the body says {told}, and says the same more than a second later"))
}

/// A time of day in a body, down to the second: `2026-11-21T07:42:00`.
fn moment(body: &str) -> Option<&str> {
    let shape = "dddd-dd-ddTdd:dd:dd";
    let is_like = |text: &str| {
        text.bytes().zip(shape.bytes()).all(|(byte, wanted)| match wanted {
            b'd' => byte.is_ascii_digit(),
            b'T' => matches!(byte, b'T' | b't' | b' '),
            other => byte == other,
        })
    };
    // A time that does not move on its own (when it was started, built or deployed) is no proof.
    let words = ["start", "boot", "build", "built", "deploy", "since", "release"];
    (0..body.len()).find_map(|at| {
        let found = body.get(at..at + shape.len()).filter(|text| is_like(text))?;
        let before = body.get(..at)?;
        let from = before.len().saturating_sub(24);
        let label = before.get(from..).unwrap_or(before).to_ascii_lowercase();
        let key = label.rsplit([',', '{', '\n']).next().unwrap_or_default();
        (!words.iter().any(|word| key.contains(word))).then_some(found)
    })
}

/// The place where a body says no: `"status":"down"`.
fn admission(body: &str) -> Option<String> {
    let tree: serde_json::Value = serde_json::from_str(body).ok()?;
    ["status", "state", "health", "ok", "healthy"].iter().find_map(|key| {
        let value = tree.get(key)?;
        let says_no = match value {
            serde_json::Value::Bool(well) => !well,
            serde_json::Value::String(word) => matches!(
                word.to_ascii_lowercase().as_str(),
                "down" | "error" | "fail" | "failed" | "failing" | "unhealthy" | "critical" | "dead"
            ),
            _ => false,
        };
        says_no.then(|| format!("\"{key}\": {value}"))
    })
}
