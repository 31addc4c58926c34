//! Acknowledge, pause, resume, run now, look now, test a channel: one way in for buttons and programs. What they do is decided by whoever
//! listens; here they are only checked and handed on.

use std::time::Duration;

use muster_core::board::Line;
use muster_core::ids::{ChannelName, ExpectationId, RunId, SignalId};
use muster_core::look::Last;
use muster_core::signal::{Report, Signal};
use muster_core::time::{Span, Timestamp};

use crate::guard::digest::secret;
use crate::guard::who::Asker;
use crate::parts::{Heard, Started};
use crate::refusal::Refusal;
use crate::router::Web;

/// Longest acknowledgement.
pub const LONGEST_ACKNOWLEDGEMENT: Span = Span::days(7);
/// Longest pause.
pub const LONGEST_PAUSE: Span = Span::days(90);
/// Longest reason, in bytes.
pub const REASON_LIMIT: usize = 500;

/// Longest wait for a look; it goes on when that is over, and asking again waits for the same one.
pub const LOOK_WITHIN: Duration = Duration::from_secs(8);

/// One act of a person about one expectation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Seen; reminders stop for so long.
    Acknowledge {
        /// For how long.
        lasts: Span,
    },
    /// No pages for so long.
    Pause {
        /// For how long.
        lasts: Span,
        /// Why.
        reason: String,
    },
    /// The pause ends.
    Resume,
    /// The job is started now.
    RunNow,
    /// The check looks now.
    LookNow,
}

/// What became of an act.
#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    /// It survives the process and the power.
    pub durable: bool,
    /// The run that it began.
    pub run: Option<RunId>,
    /// What was seen; none while the look goes on.
    pub last: Option<Last>,
}

impl Act {
    /// Reads an act from its word and the fields of a form or of JSON.
    ///
    /// # Errors
    /// [`Refusal`] that names the field.
    pub fn read(word: &str, lasts: Option<&str>, reason: Option<&str>) -> Result<Self, Refusal> {
        match word {
            "acknowledge" => Ok(Self::Acknowledge { lasts: span(lasts, LONGEST_ACKNOWLEDGEMENT)? }),
            "pause" => {
                let reason = reason.unwrap_or_default().trim();
                if reason.is_empty() {
                    let help = "say in a few words why, for whoever finds it paused";
                    return Err(Refusal::bad("a pause needs a `reason`", help));
                }
                if reason.len() > REASON_LIMIT {
                    let what = format!("`reason` is longer than {REASON_LIMIT} bytes");
                    return Err(Refusal::bad(what, "shorten it"));
                }
                Ok(Self::Pause { lasts: span(lasts, LONGEST_PAUSE)?, reason: reason.to_owned() })
            }
            "resume" => Ok(Self::Resume),
            "run" => Ok(Self::RunNow),
            "look" => Ok(Self::LookNow),
            _ => Err(Refusal::not_found(format!("there is no act {word:?}"))),
        }
    }

    /// What is to be heard of it; a start and a look are wishes and not signals.
    fn report(self, by: &str, now: Timestamp) -> Option<Report> {
        let by = by.to_owned();
        Some(match self {
            Self::RunNow | Self::LookNow => return None,
            Self::Acknowledge { lasts } => Report::Acknowledge { by, until: now + lasts },
            Self::Pause { lasts, reason } => Report::Pause { by, reason, until: now + lasts },
            Self::Resume => Report::Resume { by },
        })
    }
}

fn span(text: Option<&str>, longest: Span) -> Result<Span, Refusal> {
    let help = format!("give `for` as \"1h\", \"4h\" or \"1d\", up to {longest}");
    let span: Span = match text {
        Some(text) => text.parse().map_err(|error| Refusal::bad(format!("`for`: {error}"), &help))?,
        None => return Err(Refusal::bad("`for` is missing", help)),
    };
    if span.is_zero() || span > longest {
        return Err(Refusal::bad(format!("`for` must be more than nothing and at most {longest}"), help));
    }
    Ok(span)
}

/// The expectation with this id.
///
/// # Errors
/// [`Refusal`] if the id is no id or not on the roll.
pub fn on_roll<'a>(lines: &'a [Line], id: &str) -> Result<&'a Line, Refusal> {
    lines
        .iter()
        .find(|line| line.id.as_str() == id)
        .ok_or_else(|| Refusal::not_found("no expectation of that name is on the roll"))
}

/// Hands an act on.
///
/// # Errors
/// [`Refusal`]: not on the roll, nothing there to act upon, nobody listens.
pub async fn carry_out(web: &Web, asker: &Asker, id: &str, act: Act) -> Result<Done, Refusal> {
    let snapshot = web.snapshot();
    let line = on_roll(&snapshot.board.lines, id)?;
    match &act {
        Act::Acknowledge { .. } if line.incident.is_none() => {
            return Err(Refusal::conflict(
                "there is nothing to acknowledge",
                "it has recovered, or never failed",
            ));
        }
        Act::Resume if line.pause.is_none() => {
            return Err(Refusal::conflict("it is not paused", "nothing needs to be done"));
        }
        Act::Acknowledge { .. } | Act::Pause { .. } | Act::Resume | Act::RunNow => {}
        Act::LookNow => return look_now(web, &line.id).await,
    }
    let now = muster_host::clock::now().wall;
    let Some(report) = act.report(asker.name(), now) else {
        let Started { run, durable } = web.parts.ear.run_now(&line.id, asker.name()).await?;
        return Ok(Done { durable, run: Some(run), last: None });
    };
    let signal = signal(line.id.clone(), report, now)?;
    let Heard { durable } = web.parts.ear.hear(vec![signal]).await?;
    Ok(Done { durable, run: None, last: None })
}

/// Looks now, and waits for as long as a request may take.
async fn look_now(web: &Web, about: &ExpectationId) -> Result<Done, Refusal> {
    let last = match tokio::time::timeout(LOOK_WITHIN, web.parts.eye.look_now(about)).await {
        Ok(looked) => Some(looked?.ok_or_else(|| {
            let help = "only what has a `kind` in muster.toml is looked at; see `/checks`";
            Refusal::conflict(format!("{about} is not looked at"), help)
        })?),
        Err(_) => None,
    };
    Ok(Done { durable: true, run: None, last })
}

/// A signal that is made here.
///
/// # Errors
/// [`Refusal`] when the kernel gives no randomness for its id.
pub fn signal(about: ExpectationId, report: Report, now: Timestamp) -> Result<Signal, Refusal> {
    let no_id = || Refusal::unavailable("no id could be made", "check /dev/urandom");
    let secret = secret().map_err(|_| no_id())?;
    let id = SignalId::new(format!("web-{}-{}", now.millis(), &secret[..24])).map_err(|_| no_id())?;
    Ok(Signal { id, about, at: now, run: None, report })
}

/// Sends a test page through a channel; the answer is its receipt.
///
/// # Errors
/// [`Refusal`]: no such name, or what the channel says.
pub async fn test_channel(web: &Web, asker: &Asker, name: &str) -> Result<String, Refusal> {
    let name = ChannelName::new(name)
        .map_err(|error| Refusal::bad(error.to_string(), "use a name of `[notify]`"))?;
    let help =
        format!("see the channel's last deliveries, or run `muster notify test {name}` for its whole story");
    web.parts.ear.test_channel(&name, asker.name()).await.map_err(|why| {
        let mut refusal = Refusal::unavailable(format!("the test through {name} failed: {why}"), help);
        refusal.status = axum::http::StatusCode::BAD_GATEWAY;
        refusal.retry_after = None;
        refusal
    })
}
