//! Moments as people read them, in the zone of the settings. Every page goes through here.

use jiff::tz::TimeZone;
use maud::{Markup, html};
use muster_core::time::Timestamp;

/// Shows times in one zone.
#[derive(Debug, Clone)]
pub struct Times {
    zone: TimeZone,
}

/// One page's idea of the present, so that it does not contradict itself.
#[derive(Debug, Clone)]
pub struct Present {
    /// Now.
    pub now: Timestamp,
    times: Times,
}

impl Times {
    /// Times in this IANA zone, or in UTC if there is no such zone.
    pub fn of_zone(name: &str) -> Self {
        Self { zone: TimeZone::get(name).unwrap_or(TimeZone::UTC) }
    }

    /// The present by this machine's clock.
    pub fn present(&self) -> Present {
        self.at(muster_host::clock::now().wall)
    }

    /// A present of the caller's choosing.
    pub fn at(&self, now: Timestamp) -> Present {
        Present { now, times: self.clone() }
    }

    fn civil(&self, at: Timestamp) -> Option<jiff::Zoned> {
        jiff::Timestamp::from_millisecond(at.millis()).ok().map(|at| at.to_zoned(self.zone.clone()))
    }
}

impl Present {
    /// As short as it can be said: `14:02` today, `Thu 14:02` within six days, `2 Nov 14:02`, `2025-11-02 14:02`.
    pub fn short(&self, at: Timestamp) -> String {
        let (Some(then), Some(now)) = (self.times.civil(at), self.times.civil(self.now)) else {
            return at.to_string();
        };
        let days = (at.millis() - self.now.millis()).abs() / 86_400_000;
        let form = if then.date() == now.date() {
            "%H:%M"
        } else if days < 6 {
            "%a %H:%M"
        } else if then.year() == now.year() {
            "%-d %b %H:%M"
        } else {
            "%Y-%m-%d %H:%M"
        };
        then.strftime(form).to_string()
    }

    /// In full, with the zone: `Sat 2026-11-21 14:02:11 CET`.
    pub fn full(&self, at: Timestamp) -> String {
        self.times
            .civil(at)
            .map_or_else(|| at.to_string(), |then| then.strftime("%a %Y-%m-%d %H:%M:%S %Z").to_string())
    }

    /// To the second, for tables of events: `21 Nov 14:02:11`.
    pub fn precise(&self, at: Timestamp) -> String {
        self.times
            .civil(at)
            .map_or_else(|| at.to_string(), |then| then.strftime("%-d %b %H:%M:%S").to_string())
    }

    /// The time of day to the second, for lines of a log: `14:02:11`.
    pub fn clock(&self, at: Timestamp) -> String {
        self.times.civil(at).map_or_else(|| at.to_string(), |then| then.strftime("%H:%M:%S").to_string())
    }

    /// Name of the zone at present: `CET`.
    pub fn zone(&self) -> String {
        self.times.civil(self.now).map_or_else(|| "UTC".to_owned(), |now| now.strftime("%Z").to_string())
    }

    /// The moments at which a quarter of a day begins (0, 6, 12, 18 o'clock) between two moments, with their words: the
    /// hour, or the day at midnight.
    pub fn quarters(&self, from: Timestamp, until: Timestamp) -> Vec<(Timestamp, String)> {
        let Some(first) = self.times.civil(from) else { return Vec::new() };
        let days = (0..=until.since(from).as_millis() as i64 / 86_400_000 + 1)
            .filter_map(|n| first.date().checked_add(jiff::Span::new().days(n)).ok());
        let hours = days.flat_map(|day| [0, 6, 12, 18].map(|hour| day.at(hour, 0, 0, 0)));
        let moments = hours.filter_map(|hour| {
            let at = hour.to_zoned(self.times.zone.clone()).ok()?;
            let word = at.strftime(if at.hour() == 0 { "%a %-d" } else { "%H:%M" }).to_string();
            Some((Timestamp::from_millis(at.timestamp().as_millisecond()), word))
        });
        moments.filter(|(at, _)| *at >= from && *at <= until).collect()
    }

    /// How far away: `3m ago`, `in 2h`, `now`. One unit, because it is read beside the time itself.
    pub fn distance(&self, at: Timestamp) -> String {
        let millis = at.millis() - self.now.millis();
        let seconds = millis.unsigned_abs() / 1000;
        let amount = match seconds {
            0..=4 => return "now".to_owned(),
            5..=59 => format!("{seconds}s"),
            60..=5_399 => format!("{}m", seconds / 60),
            5_400..=129_599 => format!("{}h", seconds / 3_600),
            _ => format!("{}d", seconds / 86_400),
        };
        if millis < 0 { format!("{amount} ago") } else { format!("in {amount}") }
    }

    /// A moment in a running text: short, with the full time on hover.
    pub fn moment(&self, at: Timestamp) -> Markup {
        html! { time datetime=(at) title=(self.full(at)) { (self.short(at)) } }
    }

    /// A moment with its distance, which the script keeps up to date.
    pub fn moment_and_distance(&self, at: Timestamp) -> Markup {
        html! {
            time datetime=(at) title=(self.full(at)) { (self.short(at)) }
            " " small.ago data-at=(at.millis()) { (self.distance(at)) }
        }
    }

    /// A moment in a table of events.
    pub fn stamp(&self, at: Timestamp) -> Markup {
        html! { time datetime=(at) title=(self.full(at)) { (self.precise(at)) } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_as_short_as_it_can_be_said() {
        // 2026-11-21 is a Saturday; 14:02 in Berlin is 13:02 UTC.
        let now = Timestamp::from_seconds(1_795_266_120);
        let present = Times::of_zone("Europe/Berlin").at(now);
        assert_eq!(present.short(now), "14:02");
        assert_eq!(present.short(now.shifted(-2 * 86_400_000)), "Thu 14:02");
        assert_eq!(present.short(now.shifted(-19 * 86_400_000)), "2 Nov 14:02");
        assert_eq!(present.short(now.shifted(-365 * 86_400_000)), "2025-11-21 14:02");
        assert_eq!(present.full(now), "Sat 2026-11-21 14:02:00 CET");
        assert_eq!(present.zone(), "CET");
    }

    #[test]
    fn the_quarters_of_two_days_are_those_of_the_clock_on_the_wall() {
        let now = Timestamp::from_seconds(1_795_266_120);
        let present = Times::of_zone("Europe/Berlin").at(now);
        let words: Vec<_> = present
            .quarters(now.shifted(-86_400_000), now.shifted(86_400_000))
            .into_iter()
            .map(|(_, word)| word)
            .collect();
        assert_eq!(words, ["18:00", "Sat 21", "06:00", "12:00", "18:00", "Sun 22", "06:00", "12:00"]);
    }

    #[test]
    fn a_distance_has_one_unit() {
        let present = Times::of_zone("nowhere").at(Timestamp::from_seconds(1_000_000));
        for (seconds, text) in
            [(0, "now"), (-30, "30s ago"), (-240, "4m ago"), (7_200, "in 2h"), (-172_800, "2d ago")]
        {
            assert_eq!(present.distance(present.now.shifted(seconds * 1000)), text);
        }
    }
}
