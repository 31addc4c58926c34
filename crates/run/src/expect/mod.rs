//! What a good run leaves behind, as `expect` says, and whether it is there. Nothing of this is touched for a job that
//! expects nothing beyond its exit code.
//!
//! | module | holds |
//! |---|---|
//! | `lines` | the output, line by line, while it is written |
//! | `files` | the files that it should have written, after its end |
//! | `idle` | commands that end well and do nothing |

mod files;
pub(crate) mod idle;
pub(crate) mod lines;

use muster_config::plan::Expect;
use muster_core::signal::Artefact;
use muster_core::time::{Now, Timestamp};

use self::lines::Lines;

/// What was found of what was expected.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// What was not seen, a sentence each.
    pub(crate) unmet: Vec<String>,
    /// The files, where some are expected.
    pub(crate) artefact: Option<Artefact>,
}

/// Looks for what was expected of a run that began then and ended now with that exit code; none if something else ended
/// it, which is told by itself.
pub(crate) fn judge(expect: &Expect, code: Option<u8>, lines: Option<&Lines>, began: Now, now: Now) -> Found {
    let mut found = Found::default();
    if let Some(code) = code.filter(|code| !expect.exit.contains(code))
        && expect.exit != [0]
    {
        let codes: Vec<String> = expect.exit.iter().map(u8::to_string).collect();
        let counts = if codes.len() == 1 { "counts" } else { "count" };
        found
            .unmet
            .push(format!("only {} {counts} as success, and the exit code was {code}", codes.join(", ")));
    }
    if let Some(lines) = lines {
        found.unmet.extend(lines.unmet());
    }
    if let Some(file) = &expect.file {
        let seen = files::look(file, start(began, now), now.wall);
        found.unmet.extend(seen.unmet);
        found.artefact = Some(seen.artefact);
    }
    found
}

/// When the run began by the clock that stamps files, even if that was set back meanwhile.
fn start(began: Now, now: Now) -> Timestamp {
    began.wall.min(now.wall - (now.uptime - began.uptime))
}
