//! When a systemd timer starts something (`systemd.timer(5)`), said as a cron expression or a period. What neither can
//! say is an error with the way out, because a rhythm that is only nearly right would hide a silence or invent one.

use muster_core::host_roll::TimerRhythm;
use muster_core::schedule::Schedule;

use super::calendar::cron_of;
use crate::adopt::drop_in::span;

/// What to do about a timer that cannot be said otherwise.
const INSTEAD: &str = "write `every` with the longest time between two runs in place of `timer`";

/// The rhythm of an active timer. `calendars` are its normalised `OnCalendar` times; `others` its further lines, such as
/// `OnBootSec=15min`.
///
/// # Errors
/// A sentence that says why there is none, and what to do.
pub(super) fn rhythm(calendars: &[String], others: &[String]) -> Result<TimerRhythm, String> {
    let of =
        |key: &'static str| others.iter().filter_map(move |line| line.strip_prefix(key)?.strip_prefix('='));
    if let Some(wait) = of("OnUnitInactiveSec").next() {
        return Err(format!(
            "OnUnitInactiveSec={wait} counts from the end of a run, whenever that is; {INSTEAD}"
        ));
    }
    let period = of("OnUnitActiveSec").map(span).min();
    match (calendars, period) {
        ([one], None) => cron(one).ok_or_else(|| format!("cron cannot say OnCalendar={one}; {INSTEAD}")),
        ([], Some(period)) if !period.is_zero() => Ok(TimerRhythm::Every(period)),
        ([], None) if others.is_empty() => Err("it says no time".to_owned()),
        ([], None) => Err(format!(
            "it starts once after each boot ({}); take `timer` out, and write `success_every` if it must go well now and then",
            others.join(", ")
        )),
        _ => {
            let lines: Vec<&str> = calendars.iter().chain(others).map(String::as_str).collect();
            Err(format!("it goes by several times ({}); {INSTEAD}", lines.join(", ")))
        }
    }
}

/// A calendar time with the zone that it may end with.
fn cron(calendar: &str) -> Option<TimerRhythm> {
    if let Some(fields) = cron_of(calendar) {
        return Some(TimerRhythm::Cron { fields, zone: None });
    }
    let (calendar, zone) = calendar.trim().rsplit_once(' ')?;
    let fields = cron_of(calendar)?;
    Schedule::parse(&fields, zone).ok()?;
    Some(TimerRhythm::Cron { fields, zone: Some(zone.to_owned()) })
}

#[cfg(test)]
mod tests {
    use muster_core::time::Span;

    use super::*;

    fn of(calendars: &[&str], others: &[&str]) -> Result<TimerRhythm, String> {
        let owned = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        rhythm(&owned(calendars), &owned(others))
    }

    fn cron(fields: &str, zone: Option<&str>) -> Result<TimerRhythm, String> {
        Ok(TimerRhythm::Cron { fields: fields.into(), zone: zone.map(str::to_owned) })
    }

    #[test]
    fn a_timer_is_said_as_cron_or_as_a_period() {
        assert_eq!(of(&["*-*-* 02:30:00"], &[]), cron("30 2 * * *", None));
        assert_eq!(
            of(&["Mon..Fri *-*-* 06:00:00 Asia/Tokyo"], &[]),
            cron("0 6 * * mon-fri", Some("Asia/Tokyo"))
        );
        assert_eq!(
            of(&["*-*-* 02:30:00"], &["OnBootSec=10min"]),
            cron("30 2 * * *", None),
            "and once more at boot"
        );
        let day = Ok(TimerRhythm::Every(Span::days(1)));
        assert_eq!(of(&[], &["OnBootSec=15min", "OnUnitActiveSec=1d"]), day);
        assert_eq!(
            of(&[], &["OnUnitActiveSec=2d", "OnUnitActiveSec=1d"]),
            day,
            "the shorter one bounds the silence"
        );
    }

    #[test]
    fn what_neither_can_say_is_an_error_with_the_way_out() {
        for (calendars, others, words) in [
            (&["*-*-* 00:00:30"][..], &[][..], "cron cannot say OnCalendar=*-*-* 00:00:30; write `every`"),
            (&["*-*-* 02:30:00 Moon/Base"], &[], "cron cannot say"),
            (
                &["*-*-* 02:30:00", "Sun *-*-* 12:00:00"],
                &[],
                "several times (*-*-* 02:30:00, Sun *-*-* 12:00:00)",
            ),
            (&["*-*-* 02:30:00"], &["OnUnitActiveSec=5h"], "several times"),
            (&[], &["OnUnitInactiveSec=1h"], "counts from the end of a run"),
            (&[], &["OnBootSec=15min"], "once after each boot"),
            (&[], &["OnUnitActiveSec=0"], "several times (OnUnitActiveSec=0)"),
            (&[], &[], "no time"),
        ] {
            let why = of(calendars, others).expect_err(words);
            assert!(why.contains(words), "{why}");
        }
    }
}
