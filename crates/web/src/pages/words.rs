//! Conditions, reasons and endings as people say them. The JSON answers carry the same sentences.

use maud::{Markup, html};
use muster_core::board::{Board, Line};
use muster_core::effect::{Condition, News, Reason};
use muster_core::expectation::Level;
use muster_core::outbox::Usage;
use muster_core::signal::Outcome;
use muster_core::time::Timestamp;
pub use muster_core::words::{ending, size as bytes};

use crate::times::Present;

/// The first sentence of the first page, and how loud it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headline {
    /// The sentence.
    pub sentence: String,
    /// What qualifies it.
    pub also: Vec<String>,
    /// `good`, `bad` or `unsure`.
    pub tone: &'static str,
}

/// `1 thing`, `2 things`.
pub fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// Says how the whole roll stands. What is unknown or new is never counted as fine.
pub fn headline(board: &Board) -> Headline {
    if board.at == Timestamp::default() {
        return Headline {
            sentence: "The roll has not been called yet.".into(),
            also: Vec::new(),
            tone: "unsure",
        };
    }
    let own = board.lines.iter().all(|line| matches!(line.id.table(), "duty" | "channel"));
    if own && board.lines.iter().all(|line| line.condition == Condition::Ok) {
        let also = vec!["so nothing of yours can be missed".to_owned()];
        return Headline { sentence: "Nothing is expected yet.".into(), also, tone: "unsure" };
    }
    let (mut silent, mut wrong, mut late, mut odd) = (0, 0, 0, 0);
    let (mut doubt, mut unknown, mut new) = (0, 0, 0);
    for line in &board.lines {
        match &line.condition {
            Condition::Ok => {}
            Condition::New => new += 1,
            Condition::Unknown { .. } => unknown += 1,
            Condition::Pending { .. } => doubt += 1,
            Condition::Firing { reason, .. } => match reason {
                Reason::Missed { .. } | Reason::NeverReported { .. } | Reason::NoSuccess { .. } => {
                    silent += 1
                }
                Reason::TooLong { .. } => late += 1,
                Reason::Odd { .. } => odd += 1,
                Reason::Failed { .. }
                | Reason::Often { .. }
                | Reason::Spent { .. }
                | Reason::TooShort { .. }
                | Reason::Skipped { .. }
                | Reason::Unschedulable { .. }
                | Reason::Unseen { .. } => wrong += 1,
            },
        }
    }
    let mut bad = Vec::new();
    if silent > 0 {
        bad.push(format!("{} should have reported and did not", count(silent, "thing", "things")));
    }
    if wrong > 0 {
        bad.push(if bad.is_empty() {
            format!("{} went wrong", count(wrong, "thing", "things"))
        } else {
            format!("{wrong} went wrong")
        });
    }
    if late > 0 {
        bad.push(if bad.is_empty() {
            format!("{} past its limit", count(late, "thing is running", "things are running"))
        } else {
            format!("{} past its limit", count(late, "is running", "are running"))
        });
    }
    let mut also = Vec::new();
    if odd > 0 {
        also.push(format!("{} unlike what is usual", count(odd, "is", "are")));
    }
    if doubt > 0 {
        also.push(format!("{} in doubt", count(doubt, "is", "are")));
    }
    if unknown > 0 {
        also.push(format!("{} unknown", count(unknown, "is", "are")));
    }
    if new > 0 {
        also.push(format!("{} never been heard yet", count(new, "has", "have")));
    }
    let tone = match (bad.is_empty(), also.is_empty()) {
        (true, true) => "good",
        (true, false) => "unsure",
        (false, _) => "bad",
    };
    let sentence = match (bad.is_empty(), also.is_empty()) {
        (true, true) => "Nothing is silent.".to_owned(),
        (true, false) => "Nothing is known to be silent.".to_owned(),
        (false, _) => format!("{}.", bad.join("; ")),
    };
    Headline { sentence, also, tone }
}

/// `a`, `a and b`, `a, b and c`.
pub fn join(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Why it stands as it does, with the arithmetic of its deadline.
pub fn why(line: &Line, present: &Present) -> String {
    let t = |at| present.short(at);
    match &line.condition {
        Condition::New => {
            let mut text = format!("On the roll since {} and not heard yet.", t(line.since));
            push_deadline(&mut text, line, present);
            text
        }
        Condition::Ok => {
            let mut text = match line.last_success.or(line.last_heard) {
                Some(at) => format!("Went well {} ({}).", t(at), present.distance(at)),
                None => "As it should be.".to_owned(),
            };
            push_deadline(&mut text, line, present);
            text
        }
        Condition::Pending { reason: cause @ Reason::Often { .. }, .. } => {
            format!("{} Not enough to tell people.", reason(cause, line, present))
        }
        Condition::Pending { failures, reason: cause } => {
            let so_far = count(*failures as usize, "bad verdict", "bad verdicts");
            format!("{} {so_far} so far; not enough in a row to tell people.", reason(cause, line, present))
        }
        Condition::Firing { reason: cause, .. } => reason(cause, line, present),
        Condition::Unknown { why } => format!("Nobody can say how it stands: {}.", why.trim_end_matches('.')),
    }
}

fn push_deadline(text: &mut String, line: &Line, present: &Present) {
    let Some(deadline) = line.deadline else { return };
    match line.due {
        Some(due) if due != deadline => {
            let (due, deadline) = (present.short(due), present.short(deadline));
            text.push_str(&format!(" Due {due}, may come until {deadline}; silence after that is an alarm."));
        }
        _ => text.push_str(&format!(" Silence past {} is an alarm.", present.short(deadline))),
    }
}

/// One reason as a sentence.
pub fn reason(reason: &Reason, line: &Line, present: &Present) -> String {
    let t = |at| present.short(at);
    match reason {
        Reason::Failed { times: 1 } => match line.id.table() {
            "job" => "Its last run failed.".to_owned(),
            _ => "Its last report was bad.".to_owned(),
        },
        Reason::Failed { times } => match line.id.table() {
            "job" => format!("Its last {times} runs failed."),
            _ => format!("Its last {times} reports were bad."),
        },
        Reason::Often { bad, of, hearing } => {
            format!("{}.", muster_core::words::often(*bad, *of, *hearing))
        }
        Reason::Missed { due, last_heard } => {
            let heard = match last_heard {
                Some(at) => format!("nothing was heard since {}", t(*at)),
                None => "it was never heard".to_owned(),
            };
            match (line.due, line.deadline) {
                // The allowance is the same for every slot, so the next one tells that of the missed one.
                (Some(next), Some(end)) if end > next => {
                    format!("Due {}, had until {}, and {heard}.", t(*due), t(*due + end.since(next)))
                }
                _ => format!("Due {}, and {heard}.", t(*due)),
            }
        }
        Reason::NeverReported { registered } => {
            format!("On the roll since {} and never heard.", t(*registered))
        }
        Reason::TooLong { started, limit, .. } => {
            let gone = present.now.since(*started);
            format!("The run that began {} may take {limit} and has been going for {gone}.", t(*started))
        }
        Reason::TooShort { took, least } => {
            format!("It said “done” after {took}; its work takes {least} at the least.")
        }
        Reason::Odd { measure, observed, usual, running, .. } => {
            format!("It {}.", muster_core::words::odd(*measure, *observed, usual, *running))
        }
        Reason::Skipped { times, why } => {
            let times = count(*times as usize, "time", "times");
            format!("It gave way {times} in a row: {}.", why.trim_end_matches('.'))
        }
        Reason::NoSuccess { last: Some(last), every } => {
            format!("No success since {}; there must be one every {every}.", t(*last))
        }
        Reason::NoSuccess { last: None, every } => {
            format!("Never succeeded; there must be a success every {every}.")
        }
        Reason::Unschedulable { schedule, error } => {
            let error = error.trim_end_matches('.');
            format!("Nobody knows when it is due: “{schedule}” cannot be computed ({error}).")
        }
        Reason::Spent { used, quota } => {
            format!(
                "Its quota is spent: it took {used} messages within a day and takes {quota}. What is new is told in few \
                 messages, and by its fallback."
            )
        }
        Reason::Unseen { since, why } => {
            format!("muster could not see it since {}: {}.", t(*since), why.trim_end_matches('.'))
        }
    }
}

/// What is being done about an incident: told, acknowledged, held back.
pub fn told(line: &Line, present: &Present) -> Option<String> {
    let incident = line.incident.as_ref()?;
    let loud = match &line.condition {
        Condition::Firing { level, .. } => *level,
        Condition::New | Condition::Ok | Condition::Pending { .. } | Condition::Unknown { .. } => Level::Page,
    };
    let mut parts = Vec::new();
    match (&incident.acknowledged, incident.told, loud) {
        (Some((by, until)), ..) => parts.push(format!("Seen by {by} until {}", present.short(*until))),
        (None, _, Level::Warn) => parts.push("Shown here only; its level is “warn”".to_owned()),
        (None, _, Level::Ignore) => parts.push("Recorded only; its level is “ignore”".to_owned()),
        (None, true, Level::Page) => parts.push("People were told; nobody has answered".to_owned()),
        (None, false, Level::Page) if line.notify.is_empty() => {
            parts.push("Nobody was told: no channel is named for it, see notify in muster.toml".to_owned());
        }
        (None, false, Level::Page) => parts.push(match &incident.refused {
            Some(why) => format!("Nobody was told yet, it is tried again: {why}"),
            None => "Nobody was told yet".to_owned(),
        }),
    }
    if let Some(parent) = &line.suppressed_by {
        parts.push(format!("held back in favour of {parent}"));
    } else if let (Some(next), false) = (&incident.next_step, line.is_quiet()) {
        let to: Vec<String> = next.to.iter().map(ToString::to_string).collect();
        parts.push(format!("at {} {} will be told as well", present.short(next.at), join(&to)));
    }
    if incident.flapping {
        parts.push("it goes to and fro".to_owned());
    }
    Some(format!("{}.", parts.join("; ")))
}

/// Why nobody is told about it for now: a person or the plan wants no pages, and until when. One part for each.
pub fn quiet(line: &Line, present: &Present) -> Vec<String> {
    let maintenance = line.maintenance.map(|until| format!("In maintenance until {}", present.short(until)));
    let pause = line.pause.as_ref().map(|pause| {
        format!("Paused by {} until {}: {}", pause.by, present.short(pause.until), pause.reason)
    });
    maintenance.into_iter().chain(pause).collect()
}

/// What a channel took of what it takes: `37 of 250 messages within a day`.
pub fn usage(usage: &Usage) -> String {
    match usage.quota {
        Some(quota) => format!("{} of {quota} messages within a day", usage.messages),
        None => format!("{} within a day", count(usage.messages as usize, "message", "messages")),
    }
}

/// Duration, processor time and memory of an outcome.
pub fn cost(outcome: &Outcome) -> Vec<(&'static str, String)> {
    let mut parts = Vec::new();
    if let Some(took) = outcome.duration {
        parts.push(("Took", took.to_string()));
    }
    if let Some(cpu) = outcome.cpu {
        parts.push(("CPU", cpu.to_string()));
    }
    if let Some(peak) = outcome.peak_memory {
        parts.push(("Memory", bytes(peak)));
    }
    parts
}

/// A text in which `backticks` mark what is typed.
pub fn with_code(text: &str) -> Markup {
    html! {
        @for (i, part) in text.split('`').enumerate() { @if i % 2 == 1 { code { (part) } } @else { (part) } }
    }
}

/// What a page said, in a few words.
pub fn news(news: &News) -> &'static str {
    match news {
        News::Opened { .. } => "bad news",
        News::Reminder { .. } => "reminder",
        News::AcknowledgementExpired { .. } => "acknowledgement ran out",
        News::Escalated { .. } => "nobody answered",
        News::Flapping { .. } => "to and fro",
        News::Resolved { .. } => "resolved",
        News::Withdrawn { .. } => "no longer expected",
        News::Test { .. } => "test",
    }
}

#[cfg(test)]
mod tests {
    use muster_core::ids::{ExpectationId, IncidentId};

    use super::*;
    use crate::times::Times;

    fn line(id: &str, condition: Condition) -> Line {
        Line {
            id: ExpectationId::new(id).unwrap(),
            condition,
            since: Timestamp::from_seconds(1000),
            rhythm: "0 2 * * *".into(),
            last_heard: None,
            last_success: None,
            due: None,
            deadline: None,
            running: Vec::new(),
            incident: None,
            pause: None,
            maintenance: None,
            usage: None,
            notify: vec!["ops".parse().expect("a name")],
            suppressed_by: None,
            usual: None,
            retried: None,
            own: false,
        }
    }

    fn firing(reason: Reason) -> Condition {
        Condition::Firing { incident: IncidentId::new("i").unwrap(), reason, level: Level::Page }
    }

    fn missed() -> Reason {
        Reason::Missed { due: Timestamp::from_seconds(7200), last_heard: Some(Timestamp::from_seconds(3600)) }
    }

    fn sentence(conditions: Vec<Condition>) -> (String, &'static str, usize) {
        let lines = conditions.into_iter().map(|condition| line("job.x", condition)).collect();
        let said = headline(&Board { at: Timestamp::from_seconds(1), lines });
        (said.sentence, said.tone, said.also.len())
    }

    #[test]
    fn the_first_sentence_never_counts_doubt_as_fine() {
        let unknown = || Condition::Unknown { why: "asleep".into() };
        assert_eq!(sentence(vec![Condition::Ok]), ("Nothing is silent.".into(), "good", 0));
        let unsure = ("Nothing is known to be silent.".to_owned(), "unsure", 1);
        assert_eq!(sentence(vec![Condition::Ok, unknown()]), unsure);
        assert_eq!(sentence(vec![Condition::Ok, Condition::New]), unsure);
        assert_eq!(
            sentence(vec![firing(missed()), firing(missed()), unknown()]),
            ("2 things should have reported and did not.".into(), "bad", 1)
        );
        assert_eq!(
            sentence(vec![firing(missed()), firing(Reason::Failed { times: 3 })]).0,
            "1 thing should have reported and did not; 1 went wrong."
        );
        assert_eq!(sentence(vec![]).1, "unsure");
        assert_eq!(headline(&Board::default()).tone, "unsure");
    }

    #[test]
    fn what_holds_pages_back_is_named_with_its_end() {
        let present = Times::of_zone("UTC").at(Timestamp::from_seconds(7800));
        let mut quiet_line = line("job.x", firing(missed()));
        assert!(quiet(&quiet_line, &present).is_empty() && !quiet_line.is_quiet());
        quiet_line.maintenance = Some(Timestamp::from_seconds(10_800));
        assert_eq!(quiet(&quiet_line, &present), ["In maintenance until 03:00"]);
    }

    #[test]
    fn why_shows_the_arithmetic_of_the_deadline() {
        let present = Times::of_zone("UTC").at(Timestamp::from_seconds(7800));
        let mut late = line("job.x", firing(missed()));
        late.due = Some(Timestamp::from_seconds(10_800));
        late.deadline = Some(Timestamp::from_seconds(11_100));
        assert_eq!(why(&late, &present), "Due 02:00, had until 02:05, and nothing was heard since 01:00.");
        let mut ok = line("job.x", Condition::Ok);
        ok.last_success = Some(Timestamp::from_seconds(7200));
        ok.due = late.due;
        ok.deadline = late.deadline;
        assert_eq!(
            why(&ok, &present),
            "Went well 02:00 (10m ago). Due 03:00, may come until 03:05; silence after that is an alarm."
        );
    }
}
