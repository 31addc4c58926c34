//! Words that both runtimes use for what they see.

/// Why something that was too large ended.
pub(super) fn killed_for_memory(most: Option<u64>) -> String {
    match most {
        Some(most) => format!("killed for memory ({})", bytes(most)),
        None => "killed for memory".to_owned(),
    }
}

/// Why something that had a limit was killed, where the kernel does not tell (control groups of version 1 did not, for Docker
/// 20.10 and systemd 252).
pub(super) fn killed_maybe_for_memory(most: u64) -> String {
    format!("killed by signal 9, maybe for memory ({})", bytes(most))
}

/// An amount of memory in the largest unit that leaves no rest.
fn bytes(amount: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit = units.iter().find(|(power, _)| amount > 0 && amount.trailing_zeros() >= *power);
    match unit {
        Some((power, name)) => format!("{} {name}", amount >> power),
        None => format!("{amount} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_told_as_people_write_it() {
        assert_eq!(killed_for_memory(Some(512 << 20)), "killed for memory (512 MiB)");
        assert_eq!(killed_for_memory(Some(1001)), "killed for memory (1001 bytes)");
        assert_eq!(bytes(2 << 30), "2 GiB");
        assert_eq!((bytes(0).as_str(), killed_for_memory(None).as_str()), ("0 bytes", "killed for memory"));
    }
}
