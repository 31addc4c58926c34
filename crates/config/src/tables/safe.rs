//! Words that become names of files, units and containers, or arguments of other programs.

/// Most letters of the name of a host or a service: names made of it must fit into 63, which is what a name of a host, a
/// label of Docker and a unit all take.
pub(crate) const NAME_LIMIT: usize = 40;

/// What a name must be, for the help of a refusal.
pub(crate) const NAME_HELP: &str = "it becomes the name of files, units and containers: write letters, digits and `-`, at most 40, and no `-` at an end";

/// True for a name that is safe wherever one is made of it.
pub(crate) fn is_name(text: &str) -> bool {
    text.len() <= NAME_LIMIT
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        && ends_with_letters(text)
}

/// True if the first and the last character are letters or digits.
fn ends_with_letters(text: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric();
    text.starts_with(is_letter) && text.ends_with(is_letter)
}

/// Why a text is no destination of ssh(1), and what to write.
pub(crate) fn ssh_objection(text: &str) -> Option<(&'static str, &'static str)> {
    let address = text.strip_prefix("ssh://");
    let rest = address.unwrap_or(text);
    let (user, host) = rest.rsplit_once('@').unwrap_or(("x", rest));
    if [text, user, host].iter().any(|part| part.starts_with('-')) {
        return Some(("ssh would take this for an option", "write \"user@host\", or a name from ssh_config"));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-:[]%".contains(c);
    let named = |c: char| c.is_ascii_alphanumeric() || "._-+".contains(c);
    if user.is_empty() || host.is_empty() || !host.chars().all(plain) || !user.chars().all(named) {
        return Some(("this is no destination of ssh", "write \"user@host\", or a name from ssh_config"));
    }
    if address.is_none() && host.matches(':').count() == 1 {
        return Some(("ssh takes no port behind a name", "write \"ssh://user@host:port\""));
    }
    None
}

/// True for the name or address under which users reach something.
pub(crate) fn is_address(text: &str) -> bool {
    text.parse::<std::net::IpAddr>().is_ok() || is_domain(text)
}

/// True for a host name (RFC 1123).
pub(crate) fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        label.len() <= 63
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && ends_with_letters(label)
    };
    text.len() <= 253 && text.split('.').all(label)
}

/// True for the name or number of a user; with a group behind a colon if `grouped`.
pub(crate) fn is_user(text: &str, grouped: bool) -> bool {
    let name = |part: &str| {
        part.len() <= 32
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
            && part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
    };
    match text.split_once(':') {
        Some((user, group)) => grouped && name(user) && name(group),
        None => name(text),
    }
}

/// True for the repository of an image, with or without a tag and without a digest.
pub(crate) fn is_image(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    let (repository, tag) = match text.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (text, "latest"),
    };
    let mut parts = repository.split('/');
    let is_deep = repository.contains('/');
    // The first of several parts may be a registry: a host, maybe with a port.
    let first = parts.next().unwrap_or_default();
    let is_first_good = ends_with_letters(first)
        && first.chars().all(|c| plain(c) || (is_deep && (c.is_ascii_uppercase() || c == ':')));
    let is_tag_good = !tag.is_empty()
        && tag.len() <= 128
        && !tag.starts_with(['.', '-'])
        && tag.chars().all(|c| plain(c) || c.is_ascii_uppercase());
    text.len() <= 255
        && is_first_good
        && is_tag_good
        && parts.all(|part| ends_with_letters(part) && part.chars().all(plain))
}

/// Why git(1) cannot be given an address, and what to write.
pub(crate) fn git_objection(url: &str) -> Option<(&'static str, &'static str)> {
    let help = "write \"git@host:path.git\", \"ssh://…\", \"https://…\" or an absolute path";
    if url.starts_with('-') {
        return Some(("git would take this for an option", help));
    }
    if url.contains("::") {
        return Some(("git would run a program of that name", help));
    }
    let is_plain = !url.chars().any(|c| c.is_whitespace() || c.is_control());
    let is_known = match url.split_once("://") {
        Some((scheme, rest)) => {
            ["https", "http", "ssh", "file"].contains(&scheme) && !rest.is_empty() && !rest.starts_with('-')
        }
        None if url.starts_with('/') => true,
        None => {
            url.split_once(':').is_some_and(|(host, path)| ssh_objection(host).is_none() && !path.is_empty())
        }
    };
    (!is_plain || !is_known).then_some(("this is no address of a repository", help))
}

/// True for an address with somebody's login in it, which a token is as well.
pub(crate) fn holds_login(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| rest.split('/').next().is_some_and(|authority| authority.contains('@')))
}

/// True for the name of a branch, a tag or a commit (git-check-ref-format(1)).
pub(crate) fn is_branch(text: &str) -> bool {
    text.len() <= 200
        && !text.starts_with(['-', '/', '.'])
        && !text.ends_with(['/', '.'])
        && !text.ends_with(".lock")
        && !text.contains("..")
        && !text.contains("//")
        && !text.contains("@{")
        && !text.chars().any(|c| c.is_whitespace() || c.is_control() || "~^:?*[\\".contains(c))
}

/// Whether a folder or volume, written as `docker run --volume` takes it, can be written to; none if it is none.
pub(crate) fn volume(text: &str) -> Option<bool> {
    let mut parts = text.split(':');
    let (source, target) = (parts.next()?, parts.next()?);
    let options = parts.next().unwrap_or_default();
    let is_named =
        ends_with_letters(source) && source.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    let is_good = parts.next().is_none()
        && (is_named || source.starts_with('/'))
        && target.starts_with('/')
        && target.len() > 1
        && options.chars().all(|c| c.is_ascii_lowercase() || c == ',')
        && !text.chars().any(char::is_control);
    is_good.then(|| options.split(',').all(|option| option != "ro"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_safe_in_files_units_and_containers() {
        for good in ["api", "a", "web-2", "7", "Api", &"x".repeat(40)] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "-api", "api-", "a.b", "a_b", "a b", "a/b", "ä", "a@b", "..", &"x".repeat(41)] {
            assert!(!is_name(bad), "{bad}");
        }
    }

    #[test]
    fn a_destination_of_ssh_is_never_an_option() {
        for good in
            ["deploy@203.0.113.10", "fra1", "ssh://deploy@fra1:2222", "deploy@fe80::1%eth0", "a.b@c.d"]
        {
            assert_eq!(ssh_objection(good), None, "{good}");
        }
        for bad in [
            "-oProxyCommand=x",
            "deploy@-oProxyCommand=x",
            "ssh://-oProxyCommand=x",
            "-x@fra1",
            "",
            "@fra1",
            "deploy@",
            "a b",
            "a;b",
            "$(id)@fra1",
            "fra1:22",
            "fra1\n",
        ] {
            assert!(ssh_objection(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn images_are_repositories_with_or_without_a_tag() {
        for good in
            ["redis", "ghcr.io/acme/api", "registry.example.com:5000/team/api:1.2-RC1", "localhost:5000/api"]
        {
            assert!(is_image(good), "{good}");
        }
        for bad in [
            "",
            "-x",
            "a b",
            "ghcr.io/acme/api@sha256:0a",
            "a//b",
            "a/",
            "a:",
            "a:-x",
            "ghcr.io/Acme/api",
            "a:b:c",
        ] {
            assert!(!is_image(bad), "{bad}");
        }
    }

    #[test]
    fn git_is_given_no_option_program_or_login() {
        for good in [
            "git@github.com:acme/api.git",
            "https://example.com/api.git",
            "ssh://git@h:22/x",
            "/srv/git/api.git",
        ] {
            assert_eq!(git_objection(good), None, "{good}");
        }
        for bad in
            ["-u", "ext::sh -c id", "--upload-pack=x", "api", "git@h:", "ftp://x/y", "https://a b", "-o@h:x"]
        {
            assert!(git_objection(bad).is_some(), "{bad}");
        }
        assert!(holds_login("https://token@example.com/x") && holds_login("http://a:b@c"));
        assert!(!holds_login("https://example.com/a@b") && !holds_login("ssh://git@h/x"));
        for (text, good) in [
            ("main", true),
            ("feature/x", true),
            ("v1.2", true),
            ("-x", false),
            ("a..b", false),
            ("a b", false),
        ] {
            assert_eq!(is_branch(text), good, "{text}");
        }
    }

    #[test]
    fn a_volume_is_told_from_other_text() {
        for (text, writable) in [
            ("/srv/data:/data", Some(true)),
            ("data:/data", Some(true)),
            ("/etc/api:/etc/api:ro", Some(false)),
            ("data:/data:z,ro", Some(false)),
            ("/data", None),
            ("data:data", None),
            ("./data:/data", None),
            ("-v:/data", None),
            ("a:/b:c:d", None),
            ("a:/", None),
        ] {
            assert_eq!(volume(text), writable, "{text}");
        }
    }

    #[test]
    fn users_and_domains_are_names() {
        assert!(is_user("api", false) && is_user("1000:1000", true) && is_user("_www", false));
        assert!(
            !is_user("1000:1000", false)
                && !is_user("-u", true)
                && !is_user("a b", true)
                && !is_user("", true)
        );
        assert!(is_domain("api.example.com") && is_domain("localhost") && is_address("2001:db8::7"));
        for bad in ["", "*.example.com", "a..b", "a_b.c", "a b", "-a.b", "https://a.b", "a.b:80"] {
            assert!(!is_domain(bad), "{bad}");
        }
    }
}
