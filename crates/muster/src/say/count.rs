//! Numbers of things.

/// "1 job", "2 jobs".
pub(crate) fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_one_is_singular() {
        assert_eq!([0, 1, 2].map(|count| super::counted(count, "job")), ["0 jobs", "1 job", "2 jobs"]);
    }
}
