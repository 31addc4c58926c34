//! One look of one check, for the tests of the kinds.

use std::time::Duration;

use muster_config::assertion::Judgement;
use muster_config::kind::Kind;
use muster_config::source::Source;
use tokio::time::Instant;

use crate::notebook::Seen;
use crate::probe::{Class, Miss, Part, Scene};

/// Reads `[check.x]` with these keys.
pub(crate) fn part(row: &'static Kind<Part>, keys: &str) -> Part {
    let text = format!("[check.x]\nkind = \"{}\"\n{keys}\n", row.name);
    let source = Source { file: "muster.toml", text: &text, zone: "UTC", host: "web1" };
    row.read_text(&source, &[]).unwrap_or_else(|faults| panic!("{faults}\n{text}"))
}

/// What is wrong with these keys, as text.
pub(crate) fn faults(row: &'static Kind<Part>, keys: &str) -> String {
    let text = format!("[check.x]\nkind = \"{}\"\n{keys}\n", row.name);
    let source = Source { file: "muster.toml", text: &text, zone: "UTC", host: "web1" };
    row.read_text(&source, &[]).err().map(|faults| faults.to_string()).unwrap_or_default()
}

/// What a look came to: the miss, or what is unmet; and all that was seen.
pub(crate) async fn look(part: &Part, limit: Duration) -> (Result<Vec<String>, Miss>, Seen) {
    let scene = Scene::here(Instant::now() + limit);
    let ended = tokio::time::timeout_at(scene.deadline, part.probe(&scene)).await;
    let ended = ended.unwrap_or_else(|_| Err(Miss::down(Class::Timeout, "cut off")));
    let seen = scene.notebook.take();
    let unmet = ended.map(|()| {
        let judged = part.assertions().iter().map(|one| one.judge(&seen));
        judged
            .filter_map(|one| if let Judgement::Unmet(why) = one { Some(why.join("; ")) } else { None })
            .collect()
    });
    (unmet, seen)
}

/// The class and the words of a miss.
pub(crate) fn miss(ended: Result<Vec<String>, Miss>) -> (Option<Class>, String) {
    match ended {
        Err(Miss::Down { class, why }) => (Some(class), why),
        Err(Miss::Blind { why }) => (None, why),
        Ok(unmet) => panic!("a good look, unmet: {unmet:?}"),
    }
}
