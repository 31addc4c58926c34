//! The ninety bars of a component: one list item for each day, and one for a row of days that nobody saw. Written by hand,
//! because twenty components have 1,800 of them, and a byte more in each is 2 KiB.
//!
//! Each has its date as text, and what was bad of it in words; a day without trouble gets its words from the style sheet.
//! The verdicts differ by shape as well as by colour.

use maud::{Markup, PreEscaped};

use crate::days::{Day, Lost, Trouble, Verdict};
use crate::words;

/// Less than this share of a good day seen is worth a word.
const WHOLE: f64 = 0.99;

/// The items of the list.
pub fn bars(days: &[Day]) -> Markup {
    let mut out = String::new();
    let mut rest = days;
    while let Some(first) = rest.first() {
        let alike = match first.verdict {
            Verdict::Unknown => rest.iter().take_while(|day| day.verdict == Verdict::Unknown).count(),
            Verdict::Well | Verdict::Trouble(_) | Verdict::Down(_) => 1,
        };
        let (now, later) = rest.split_at(alike);
        item(&mut out, now);
        rest = later;
    }
    PreEscaped(out)
}

fn item(out: &mut String, days: &[Day]) {
    let [first, ..] = days else { return };
    let date = words::short_date(first.begins);
    let item = match (first.verdict, days) {
        (Verdict::Unknown, [_, .., last]) => {
            let to = words::short_date(last.begins);
            format!("<li class=q style=\"grid-column:span {}\"><b>{date} to {to}: not known</b>", days.len())
        }
        (Verdict::Unknown, _) => format!("<li class=q><b>{date}: not known</b>"),
        (Verdict::Well, _) => match first.coverage {
            Some(seen) if seen < WHOLE => {
                format!("<li class=x><b>{date}: no trouble, {} seen</b>", words::percent(seen, 0))
            }
            _ => format!("<li><b>{date}</b>"),
        },
        (Verdict::Trouble(trouble), _) => format!("<li class=t><b>{date}: {}</b>", bad(&trouble)),
        (Verdict::Down(trouble), _) => format!("<li class=d><b>{date}: {}</b>", bad(&trouble)),
    };
    out.push_str(&item);
}

/// What was bad of a day: `trouble for 12 minutes`, `1 of 4 did not go well`.
pub fn bad(trouble: &Trouble) -> String {
    match trouble.lost {
        Lost::Time(span) => format!("trouble for {}", words::length(span)),
        Lost::Times { bad, of } => format!("{bad} of {of} did not go well"),
    }
}

/// The days with trouble, newest first, each with what was bad of it.
pub fn bad_days(days: &[Day]) -> Vec<(String, String)> {
    let bad_day = |day: &Day| match day.verdict {
        Verdict::Trouble(trouble) | Verdict::Down(trouble) => Some((words::date(day.begins), bad(&trouble))),
        Verdict::Well | Verdict::Unknown => None,
    };
    days.iter().rev().filter_map(bad_day).collect()
}
