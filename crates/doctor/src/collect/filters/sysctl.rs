//! Settings of the kernel about forwarding, in the order in which they are applied (sysctl.d(5)): by the names of the
//! files, of which those in `/etc` stand for all others of the same name; then `/etc/sysctl.conf`; then ufw's own.

use std::collections::BTreeMap;

use super::super::ground::Ground;
use super::{line, text};
use crate::facts::filters::{Filters, Setting};

/// The first folder that has a name wins.
const FOLDERS: [&str; 5] =
    ["/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d"];
const LAST: [&str; 2] = ["/etc/sysctl.conf", "/etc/ufw/sysctl.conf"];
const KEYS: [&str; 2] = ["net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding"];

pub(super) fn read(ground: &Ground, filters: &mut Filters) {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for folder in FOLDERS {
        match ground.list(folder) {
            Ok(names) => {
                for name in names.unwrap_or_default().into_iter().filter(|name| name.ends_with(".conf")) {
                    let path = format!("{folder}/{name}");
                    files.entry(name).or_insert(path);
                }
            }
            Err(why) => filters.unseen.push((folder.to_owned(), why)),
        }
    }
    // Debian's link to the file that is read last anyway, and names that a link to nothing takes away.
    let links = |path: &String| {
        ground.link(path).is_some_and(|to| to.ends_with("sysctl.conf") || to.ends_with("/dev/null"))
    };
    for path in files.into_values().filter(|path| !links(path)).chain(LAST.map(str::to_owned)) {
        let said = text(ground, filters, &path);
        let own = path.starts_with("/etc/") && ground.package(&path).is_none()
            || path == "/etc/sysctl.conf"
            || path.starts_with("/usr/local/");
        filters.forwarding.extend(settings(&path, &said, own));
    }
}

fn settings(path: &str, text: &str, own: bool) -> Vec<Setting> {
    let mut settings = Vec::new();
    let mut begins = 0;
    for (number, piece) in (1..).zip(text.split_inclusive('\n')) {
        let at = begins;
        begins += piece.len();
        let said = piece.trim_start();
        if said.starts_with(['#', ';']) {
            continue;
        }
        let Some((key, value)) = piece.split_once('=') else { continue };
        let key = key.trim().trim_start_matches('-');
        // Whichever of the two comes first parts the words.
        let key = match key.find(['.', '/']).map(|place| key.as_bytes().get(place)) {
            Some(Some(b'/')) => key.replace('/', "."),
            _ => key.to_owned(),
        };
        if KEYS.contains(&key.as_str()) {
            let blanks = value.len() - value.trim_start().len();
            let byte = at + piece.len() - value.len() + blanks;
            settings.push(Setting {
                at: line(path, number, piece),
                key,
                value: value.trim().to_owned(),
                byte: byte as u64,
                own,
            });
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_read_with_their_place() {
        let text = "# x=1\nkernel.panic = 5\n-net/ipv4/ip_forward =  0\n";
        let [setting] = settings("/etc/sysctl.d/9.conf", text, true).try_into().unwrap();
        assert_eq!((setting.key.as_str(), setting.value.as_str(), setting.at.line), (KEYS[0], "0", 3));
        assert_eq!(&text[usize::try_from(setting.byte).unwrap()..], "0\n");
    }
}
