//! Names of images: what a version means, and whether two names mean one repository.

use crate::trouble::Trouble;

/// The longest name that is taken, in bytes.
const LONGEST: usize = 512;

/// The image that a version of a service means: a tag (`v2`), a digest (`sha256:…`) or a whole name.
///
/// # Errors
/// It cannot be the name of an image.
pub(super) fn of(repository: &str, version: &str) -> Result<String, Trouble> {
    let name = if is_digest(version) {
        format!("{repository}@{version}")
    } else if version.contains(['/', ':', '@']) {
        version.to_owned()
    } else {
        format!("{repository}:{version}")
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
    let begins = version.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    if !begins || name.len() > LONGEST || !name.chars().all(fits) {
        return Err(Trouble::new(format!("`{}` is not a version of an image", version.escape_debug()))
            .help("a tag such as v2, a digest such as sha256:…, or the whole name of an image"));
    }
    Ok(name)
}

/// `sha256:` and 64 digits.
pub(super) fn is_digest(word: &str) -> bool {
    word.strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && hex.chars().all(|c| c.is_ascii_hexdigit()))
}

/// A name without its tag and digest.
pub(super) fn repository(name: &str) -> &str {
    let name = name.split('@').next().unwrap_or_default();
    // A colon before the last slash is that of a port.
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => name,
    }
}

/// Whether two names mean one repository: `api`, `library/api` and `docker.io/library/api` do.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    short(repository(one)) == short(repository(other))
}

fn short(repository: &str) -> &str {
    let home = ["docker.io/", "index.docker.io/"].iter().find_map(|home| repository.strip_prefix(home));
    let name = home.unwrap_or(repository);
    name.strip_prefix("library/").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_a_tag_a_digest_or_a_whole_name() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let of = |version: &str| of("ghcr.io/acme/api", version).ok();
        assert_eq!(of("v2").as_deref(), Some("ghcr.io/acme/api:v2"));
        assert_eq!(of(&digest), Some(format!("ghcr.io/acme/api@{digest}")));
        assert_eq!(of("localhost:5000/b:1").as_deref(), Some("localhost:5000/b:1"));
        for bad in ["", "--privileged", "-v", "a b", "v2;reboot", "v2\n", ".v", "@x", &"x".repeat(600)] {
            assert_eq!(of(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn names_of_one_repository_are_known_as_such() {
        assert_eq!(repository("localhost:5000/a/b:1"), "localhost:5000/a/b");
        assert_eq!(repository("localhost:5000/a"), "localhost:5000/a");
        assert_eq!(repository("a:1@sha256:00"), "a");
        assert!(is_same("busybox:1", "docker.io/library/busybox@sha256:00"));
        assert!(!is_same("acme/busybox", "busybox") && !is_same("ghcr.io/busybox", "busybox"));
    }
}
