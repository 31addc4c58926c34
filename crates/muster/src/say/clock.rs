//! Moments and spans as a person near them says it: "3m ago", "in 4h", "yesterday 02:00".

use jiff::tz::TimeZone;
use muster_core::time::{Span, Timestamp};

/// The present moment and the reader's time zone.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    now: Timestamp,
    zone: TimeZone,
}

impl Clock {
    /// A clock that stands at `now`.
    pub(crate) fn new(now: Timestamp, zone: TimeZone) -> Self {
        Self { now, zone }
    }

    /// Where it stands.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// "3m ago", "just now", "in 4h".
    pub(crate) fn distance(&self, at: Timestamp) -> String {
        let past = self.now.since(at);
        let ahead = at.since(self.now);
        if ahead >= Span::seconds(1) {
            format!("in {}", coarse(ahead))
        } else if past < Span::seconds(1) {
            "just now".to_owned()
        } else {
            format!("{} ago", coarse(past))
        }
    }

    /// "3m ago", or "never".
    pub(crate) fn distance_or_never(&self, at: Option<Timestamp>) -> String {
        at.map_or_else(|| "never".to_owned(), |at| self.distance(at))
    }

    /// The time of day, with the day if it is not today: "02:00", "yesterday 02:00", "Mon 02:00", "2026-11-03 02:00".
    pub(crate) fn moment(&self, at: Timestamp) -> String {
        let (Some(then), Some(now)) = (self.zoned(at), self.zoned(self.now)) else { return at.to_string() };
        let days = (then.date() - now.date()).get_days();
        let day = match days {
            0 => "",
            -1 => "yesterday ",
            1 => "tomorrow ",
            -6..=6 => "%a ",
            _ => "%Y-%m-%d ",
        };
        then.strftime(&format!("{day}%H:%M")).to_string()
    }

    /// The time of day with seconds, without the day.
    pub(crate) fn second(&self, at: Timestamp) -> String {
        self.zoned(at).map_or_else(|| at.to_string(), |then| then.strftime("%H:%M:%S").to_string())
    }

    /// Day and time with seconds, always the same width: for lists.
    pub(crate) fn stamp(&self, at: Timestamp) -> String {
        match self.zoned(at) {
            Some(then) => then.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            None => at.to_string(),
        }
    }

    /// "02:00 (6h ago)": both, for what has been.
    pub(crate) fn both(&self, at: Timestamp) -> String {
        format!("{} ({})", self.moment(at), self.distance(at))
    }

    /// "in 4h (02:00)": both, for what is to come.
    pub(crate) fn ahead(&self, at: Timestamp) -> String {
        format!("{} ({})", self.distance(at), self.moment(at))
    }

    fn zoned(&self, at: Timestamp) -> Option<jiff::Zoned> {
        Some(jiff::Timestamp::from_millisecond(at.millis()).ok()?.to_zoned(self.zone.clone()))
    }
}

/// A span in whole seconds above one second, so that "2s 340ms ago" is never said.
fn coarse(span: Span) -> Span {
    Span::seconds(span.as_millis() / 1000)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// 2026-11-21 08:00:00 UTC, a Saturday.
    pub(crate) const NOON: Timestamp = Timestamp::from_seconds(1_795_248_000);

    pub(crate) fn clock() -> Clock {
        Clock::new(NOON, TimeZone::UTC)
    }

    #[test]
    fn distances_read_as_people_say_them() {
        let clock = clock();
        for (shift, words) in [
            (0, "just now"),
            (-900, "just now"),
            (900, "just now"),
            (-2_340, "2s ago"),
            (-180_000, "3m ago"),
            (14_400_000, "in 4h"),
            (-93_600_000, "1d 2h ago"),
        ] {
            assert_eq!(clock.distance(NOON.shifted(shift)), words);
        }
        assert_eq!(clock.distance_or_never(None), "never");
    }

    #[test]
    fn a_moment_names_its_day_unless_it_is_today() {
        let clock = clock();
        let hour = 3_600_000;
        for (shift, words) in [
            (-6 * hour, "02:00"),
            (-30 * hour, "yesterday 02:00"),
            (18 * hour, "tomorrow 02:00"),
            (66 * hour, "Tue 02:00"),
            (-20 * 24 * hour, "2026-11-01 08:00"),
        ] {
            assert_eq!(clock.moment(NOON.shifted(shift)), words);
        }
        assert_eq!(clock.second(NOON.shifted(-1000)), "07:59:59");
        assert_eq!(clock.stamp(NOON), "2026-11-21 08:00:00");
    }

    #[test]
    fn the_readers_zone_is_used() {
        let berlin = TimeZone::get("Europe/Berlin").expect("bundled");
        assert_eq!(Clock::new(NOON, berlin).moment(NOON), "09:00");
    }
}
