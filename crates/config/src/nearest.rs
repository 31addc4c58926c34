//! "Did you mean": the known word that is nearest to a mistyped one.

/// The nearest of `known` to `word`, if it is near enough to be worth saying.
///
/// Near enough is one edit per three characters, at least one, swapped neighbours counting as one; or the same word in
/// other case or with `-` for `_`.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = plain(word);
    let limit = (plain.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&plain, &self::plain(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= limit && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn plain(word: &str) -> String {
    // An endless word cannot be a slip of any key, and the distance costs the product of both lengths.
    word.chars().take(64).map(|c| if c == '-' { '_' } else { c.to_ascii_lowercase() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_nonsense_finds_none() {
        let known = ["timeout", "max_runtime", "min_runtime", "notify", "to"];
        for (word, meant) in [
            ("timout", Some("timeout")),
            ("max-runtime", Some("max_runtime")),
            ("MAX_RUNTIME", Some("max_runtime")),
            ("ntoify", Some("notify")),
            ("colour", None),
            ("x", None),
        ] {
            assert_eq!(nearest(word, known), meant, "{word}");
        }
    }
}
