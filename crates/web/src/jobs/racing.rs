//! What meets, in sentences.

use muster_core::racing::ahead::Coming;
use muster_core::racing::memory::Fullest;
use muster_core::racing::past::{Cost, Pair, Side};
use muster_core::time::Span;

use crate::pages::words::{bytes, join};
use crate::times::Present;

/// Meetings shorter than this are told only in the whole list.
pub const WORTH: Span = Span::minutes(1);

/// True for a pair that people should look at.
pub fn is_notable(pair: &Pair) -> bool {
    !slower(pair).is_empty() || pair.longest >= WORTH || (pair.is_own() && pair.meetings > 1)
}

fn slower(pair: &Pair) -> Vec<(&Side, Cost)> {
    let sides = pair.sides.iter().take(if pair.is_own() { 1 } else { 2 });
    sides.filter_map(|side| Some((side, side.cost?))).filter(|(_, cost)| cost.is_slower()).collect()
}

/// What is known of a pair: who, how often, how long, at what cost. Names stand in `backticks`.
pub fn past(pair: &Pair) -> String {
    let (rarer, other) = pair.rarer();
    let mut text = if pair.is_own() {
        format!(
            "`{}` met itself: {} of its {} runs went on beside another run of it, for up to {}.",
            rarer.job.name(),
            rarer.met,
            rarer.runs,
            pair.longest
        )
    } else {
        format!(
            "`{}` and `{}` ran at the same time in {} of {} runs of `{}`, for up to {}.",
            other.job.name(),
            rarer.job.name(),
            rarer.met,
            rarer.runs,
            rarer.job.name(),
            pair.longest
        )
    };
    let slower = slower(pair);
    for (side, cost) in &slower {
        text.push_str(&format!(
            " `{}` took {:.1} times as long then: {} against {} alone.",
            side.job.name(),
            cost.factor(),
            cost.with,
            cost.alone
        ));
    }
    if slower.is_empty() {
        text.push_str(if pair.sides.iter().all(|side| side.cost.is_some()) {
            " Neither was slower for it."
        } else {
            " Whether it cost time cannot be told yet: too few runs with company, or too few without."
        });
    }
    text
}

/// What will happen. Names stand in `backticks`.
pub fn coming(pair: &Coming, present: &Present) -> String {
    let [one, other] = pair.jobs.each_ref().map(|job| job.name());
    let whom = if one == other { format!("A run of `{one}`") } else { format!("`{one}` and `{other}`") };
    let end = if one == other { "the run before" } else { "" };
    let when = present.short(pair.first);
    if pair.likely > 0 {
        let times = match pair.likely {
            1 => String::new(),
            n => {
                format!(", and {} more in the next 24 h", crate::pages::words::count(n - 1, "time", "times"))
            }
        };
        let meet = if end.is_empty() { "will meet".to_owned() } else { format!("will meet {end}") };
        format!("{whom} {meet} at {when}{times}, for up to {}.", pair.longest)
    } else {
        let meet = if end.is_empty() { "may meet".to_owned() } else { format!("may meet {end}") };
        format!("{whom} {meet} at {when} if one takes longer than usual.")
    }
}

/// How full the memory was or will be. `own` is the memory of the host in bytes.
pub fn memory(found: &Fullest, own: Option<u64>, present: &Present, ahead: bool) -> String {
    let names: Vec<_> = found.jobs.iter().take(4).map(|job| format!("`{}`", job.name())).collect();
    let rest = found.jobs.len().saturating_sub(4);
    let mut names = names;
    if rest > 0 {
        names.push(crate::pages::words::count(rest, "other", "others"));
    }
    let share = match own {
        Some(own) if own > 0 => {
            let percent = u128::from(found.bytes) * 100 / u128::from(own);
            format!(" of this host’s {} ({percent} %)", bytes(own))
        }
        _ => String::new(),
    };
    let lack = match found.unmeasured {
        0 => String::new(),
        n => format!(
            " {} not measured.",
            crate::pages::words::count(n, "run among them was", "runs among them were")
        ),
    };
    let verb = if ahead { "may need" } else { "needed up to" };
    format!(
        "{} {verb} {}{share} together at {}: their peaks, added up.{lack}",
        join(&names),
        bytes(found.bytes),
        present.short(found.at)
    )
}

#[cfg(test)]
mod tests {
    use muster_core::racing::past::look_back;
    use muster_core::racing::stint::Stint;
    use muster_core::time::Timestamp;

    use super::*;
    use crate::times::Times;

    fn stint(name: &str, from: i64, minutes: i64) -> Stint {
        let from = Timestamp::from_seconds(from * 60);
        Stint {
            job: format!("job.{name}").parse().expect("an id"),
            from,
            until: from + Span::minutes(minutes as u64),
            well: true,
            peak_memory: None,
        }
    }

    #[test]
    fn a_race_is_told_with_what_it_cost() {
        let mut stints = Vec::new();
        for night in 0..11 {
            let met = night < 6;
            stints.push(stint("export", night * 1440, if met { 18 } else { 10 }));
            stints.push(stint("backup", night * 1440 + if met { 5 } else { 600 }, 30));
        }
        assert_eq!(
            past(&look_back(&stints).pairs[0]),
            "`export` and `backup` ran at the same time in 6 of 11 runs of `backup`, for up to 13m. \
             `export` took 1.8 times as long then: 18m against 10m alone."
        );
        assert!(past(&look_back(&stints[..4]).pairs[0]).ends_with("too few without."));
    }

    #[test]
    fn what_may_come_is_not_said_to_come() {
        let present = Times::of_zone("UTC").at(Timestamp::from_seconds(0));
        let mut pair = Coming {
            jobs: ["job.a".parse().expect("an id"), "job.b".parse().expect("an id")],
            possible: 3,
            likely: 2,
            first: Timestamp::from_seconds(3600),
            longest: Span::minutes(4),
        };
        assert_eq!(
            coming(&pair, &present),
            "`a` and `b` will meet at 01:00, and 1 time more in the next 24 h, for up to 4m."
        );
        pair.likely = 0;
        assert_eq!(coming(&pair, &present), "`a` and `b` may meet at 01:00 if one takes longer than usual.");
        pair.jobs[1] = pair.jobs[0].clone();
        assert!(coming(&pair, &present).starts_with("A run of `a` may meet the run before at 01:00"));
    }

    #[test]
    fn memory_is_told_as_a_share_of_the_host() {
        let present = Times::of_zone("UTC").at(Timestamp::from_seconds(0));
        let found = Fullest {
            at: Timestamp::from_seconds(60),
            bytes: 3 << 30,
            jobs: vec!["job.a".parse().expect("an id"), "job.b".parse().expect("an id")],
            unmeasured: 1,
        };
        assert_eq!(
            memory(&found, Some(4 << 30), &present, false),
            "`a` and `b` needed up to 3 GiB of this host’s 4 GiB (75 %) together at 00:01: their peaks, added up. \
             1 run among them was not measured."
        );
    }
}
