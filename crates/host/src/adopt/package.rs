//! Which files under `/etc` belong to a package (`deb-conffiles(5)`): the system's own, not the operator's.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Largest status file that is read, in bytes.
const LIMIT: u64 = 64 << 20;

/// Schedules that belong to a package, and to which. Empty where dpkg is not what installs packages.
pub(super) fn owners(root: &Path) -> BTreeMap<String, String> {
    let path = root.join("var/lib/dpkg/status");
    if fs::metadata(&path).is_ok_and(|about| about.len() > LIMIT) {
        return BTreeMap::new();
    }
    fs::read(path).map(|bytes| of_status(&String::from_utf8_lossy(&bytes), "/etc/cron")).unwrap_or_default()
}

/// The configuration files whose path begins so, and their packages, from the text of dpkg's status file.
pub fn of_status(text: &str, begins: &str) -> BTreeMap<String, String> {
    let mut owners = BTreeMap::new();
    let mut package = "";
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("Package: ") {
            package = name;
        } else if let Some(rest) = line.strip_prefix(' ')
            && rest.starts_with(begins)
            && let Some(path) = rest.split_whitespace().next()
        {
            owners.insert(path.to_owned(), package.to_owned());
        }
    }
    owners
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conffiles_belong_to_their_package() {
        let owners = of_status(
            "Package: logrotate\nStatus: install ok installed\nConffiles:\n /etc/cron.daily/logrotate 4d78\n /etc/x 1\n\n\
             Package: cron\nConffiles:\n /etc/crontab 5f\n",
            "/etc/cron",
        );
        assert_eq!(owners.get("/etc/cron.daily/logrotate").map(String::as_str), Some("logrotate"));
        assert_eq!(owners.len(), 2);
    }
}
