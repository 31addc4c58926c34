//! A date and a time of day without a zone, as people write it.

use jiff::civil::DateTime;

/// Reads `2026-12-01T02:00`, with seconds or without; none for anything else, a zone or an offset included.
pub(crate) fn read(text: &str) -> Option<DateTime> {
    let shape = "dddd-dd-ddTdd:dd:dd";
    let fits = [16, 19].contains(&text.len())
        && text.chars().zip(shape.chars()).all(|(c, wanted)| match wanted {
            'd' => c.is_ascii_digit(),
            other => c == other,
        });
    fits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_date_with_a_time_is_read() {
        for good in ["2026-12-01T02:00", "2026-12-01T02:00:30", "2024-02-29T23:59"] {
            assert!(read(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "2026-12-01",
            "2026-12-01 02:00",
            "2026-12-01T02:00Z",
            "2026-12-01T02:00+01:00",
            "2026-02-29T00:00",
            "2026-12-01T24:00",
            "26-12-01T02:00:00",
            "2026-12-01T02:0ü",
        ] {
            assert!(read(bad).is_none(), "{bad}");
        }
    }
}
