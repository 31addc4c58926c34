//! One look at an item: everything in it, as things. An item that cannot be seen whole is not seen.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

use muster_config::plan::{Watch, WatchItem};

use crate::blot::blotted;
use crate::ground::{Ground, Stands, bytes, child, names};
use crate::thing::{Access, Content, Kind, Thing, digest, name_of};
use crate::{firewall, keys};

/// Most files, folders and links of all items.
pub const THINGS: usize = 2_000;
/// Most bytes of all files of all items.
pub const BYTES: u64 = 8 << 20;
/// How deep folders may lie in each other.
const DEPTH: usize = 32;

/// What cron reads, in the words of Debian and of Red Hat.
const CRONTABS: [&str; 11] = [
    "/etc/crontab",
    "/etc/anacrontab",
    "/etc/cron.allow",
    "/etc/cron.deny",
    "/etc/cron.d",
    "/etc/cron.hourly",
    "/etc/cron.daily",
    "/etc/cron.weekly",
    "/etc/cron.monthly",
    "/etc/cron.yearly",
    "/var/spool/cron/crontabs",
];
/// Where Red Hat keeps the crontabs of users: beside other things.
const SPOOL: &str = "/var/spool/cron";
/// What the SSH server reads.
const SSHD: [&str; 2] = ["/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d"];
/// What the rules of packet filters are made of.
const FIREWALL: [&str; 6] = [
    "/etc/ufw",
    "/etc/default/ufw",
    "/etc/nftables.conf",
    "/etc/nftables",
    "/etc/iptables",
    "/etc/firewalld",
];

/// What is left to be read.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    things: usize,
    bytes: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self { things: THINGS, bytes: BYTES }
    }
}

/// What was seen of an item.
#[derive(Debug, Default, Clone)]
pub struct Sight {
    /// Each thing by its name, a path in most cases.
    pub things: BTreeMap<String, Thing>,
    /// The texts of things that are new or not as they were, by [`Content::text`]; not all of them where there are many.
    pub texts: BTreeMap<String, String>,
}

/// Looks at an item. `known` is what was accepted of it: what is the same is not kept again. Of other texts so many bytes
/// are kept as `texts` says.
///
/// # Errors
/// Why it cannot be seen whole. The budget is then as it was.
pub fn look(
    ground: &Ground,
    item: &WatchItem,
    known: &BTreeMap<String, Thing>,
    texts: usize,
    budget: &mut Budget,
) -> Result<Sight, String> {
    let before = *budget;
    let mut eye = Eye { ground, known, texts, budget, sight: Sight::default(), only_keys: false };
    let seen = eye.item(&item.what);
    let sight = eye.sight;
    match seen {
        Ok(()) if sight.things.is_empty() && known.is_empty() => {
            *budget = before;
            Err(match &item.what {
                Watch::Path(path) => format!("there is nothing at {path}"),
                Watch::Glob(_) | Watch::Keys(_) => format!("nothing matches {}", item.text),
                Watch::Crontabs | Watch::Firewall | Watch::Sshd => {
                    format!("nothing of {} is on this host", item.text)
                }
            })
        }
        Ok(()) => Ok(sight),
        Err(why) => {
            *budget = before;
            Err(why)
        }
    }
}

struct Eye<'a> {
    ground: &'a Ground,
    known: &'a BTreeMap<String, Thing>,
    texts: usize,
    budget: &'a mut Budget,
    sight: Sight,
    only_keys: bool,
}

impl Eye<'_> {
    fn item(&mut self, what: &Watch) -> Result<(), String> {
        match what {
            Watch::Path(path) => self.top(path),
            Watch::Glob(glob) => self.ground.expand(glob.parts())?.iter().try_for_each(|path| self.top(path)),
            Watch::Keys(glob) => {
                self.only_keys = true;
                self.ground.expand(glob.parts())?.iter().try_for_each(|path| self.top(path))
            }
            Watch::Sshd => SSHD.iter().try_for_each(|path| self.top(path)),
            Watch::Crontabs => {
                CRONTABS.iter().try_for_each(|path| self.top(path))?;
                self.spool()
            }
            Watch::Firewall => {
                FIREWALL.iter().try_for_each(|path| self.top(path))?;
                if self.ground.live {
                    for (name, text) in firewall::rules()? {
                        self.text(name, None, text.as_bytes())?;
                    }
                }
                Ok(())
            }
        }
    }

    /// What was named: a link is remembered, and what it leads to is looked at as well.
    fn top(&mut self, path: &str) -> Result<(), String> {
        let Some((stands, access)) = self.ground.stands(path, false)? else { return Ok(()) };
        let Stands::Link(target) = stands else { return self.thing(path, stands, access, 0) };
        self.thing(path, Stands::Link(target.clone()), access, 0)?;
        let Some((stands, access)) = self.ground.stands(path, true)? else { return Ok(()) };
        match stands {
            Stands::Folder(handle) => self.below(path, &handle, 0),
            other => self.thing(&format!("{path} -> {target}"), other, access, 0),
        }
    }

    /// The crontabs of users where they lie beside other things.
    fn spool(&mut self) -> Result<(), String> {
        let Some((Stands::Folder(handle), _)) = self.ground.stands(SPOOL, true)? else { return Ok(()) };
        for name in names(&handle, SPOOL)? {
            let path = format!("{SPOOL}/{name}");
            if let Some((stands @ Stands::File(_), access)) = child(&handle, &name, &path)? {
                self.thing(&path, stands, access, 0)?;
            }
        }
        Ok(())
    }

    fn below(&mut self, path: &str, handle: &OwnedFd, depth: usize) -> Result<(), String> {
        if depth >= DEPTH {
            return Err(format!("{path} lies more than {DEPTH} folders deep"));
        }
        for name in names(handle, path)?.iter().filter(|name| !is_passing(name, path)) {
            let path = format!("{path}/{name}");
            // What is gone meanwhile is not there.
            if let Some((stands, access)) = child(handle, name, &path)? {
                self.thing(&path, stands, access, depth + 1)?;
            }
        }
        Ok(())
    }

    fn thing(&mut self, path: &str, stands: Stands, access: Access, depth: usize) -> Result<(), String> {
        match stands {
            Stands::File(file) => {
                let bytes = bytes(file, path)?;
                if self.only_keys {
                    let names = keys::names(&String::from_utf8_lossy(&bytes));
                    return self.text(path, Some(access), names.as_bytes());
                }
                if path.starts_with(SPOOL) {
                    let text = without_stamp(&String::from_utf8_lossy(&bytes));
                    return self.text(path, Some(access), text.as_bytes());
                }
                self.text(path, Some(access), &bytes)
            }
            Stands::Folder(handle) if self.only_keys => {
                drop(handle);
                Ok(())
            }
            Stands::Folder(handle) => {
                self.put(path, Kind::Folder, Some(access))?;
                self.below(path, &handle, depth)
            }
            Stands::Link(target) => self.put(path, Kind::Link(target), Some(access)),
            Stands::Other => self.put(path, Kind::Other, Some(access)),
        }
    }

    fn text(&mut self, name: &str, access: Option<Access>, bytes: &[u8]) -> Result<(), String> {
        let size = bytes.len() as u64;
        if size > self.budget.bytes {
            return Err(format!("it and what stands before it are larger than {} MiB in all", BYTES >> 20));
        }
        self.budget.bytes -= size;
        let digest = digest(bytes);
        let known = self.known.get(name).and_then(Thing::content);
        if let Some(known) = known.filter(|known| known.digest == digest) {
            return self.put(name, Kind::Content(known.clone()), access);
        }
        let text = std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
        let text = text.map(|text| blotted(name, text)).map(|text| {
            let name = name_of(&text);
            if text.len() <= self.texts {
                self.texts -= text.len();
                self.sight.texts.insert(name.clone(), text);
            }
            name
        });
        self.put(name, Kind::Content(Content { digest, text }), access)
    }

    fn put(&mut self, name: &str, kind: Kind, access: Option<Access>) -> Result<(), String> {
        let Some(left) = self.budget.things.checked_sub(1) else {
            return Err(format!("it and what stands before it have more than {THINGS} files"));
        };
        self.budget.things = left;
        self.sight.things.insert(name.to_owned(), Thing { kind, access });
        Ok(())
    }
}

/// A file that is there for a moment only: of an editor, or of a program that replaces one.
fn is_passing(name: &str, folder: &str) -> bool {
    let hidden = name.starts_with('.');
    (hidden && [".swp", ".swo", ".swx", ".tmp"].iter().any(|end| name.ends_with(end)))
        || name == "4913"
        || (folder.starts_with(SPOOL) && name.starts_with("tmp."))
}

/// crontab(1) writes when it was run into the file, whether or not anything changed.
fn without_stamp(text: &str) -> String {
    let is_stamp = |line: &str| line.starts_with("# (") && line.contains(" installed on ");
    text.split_inclusive('\n').filter(|line| !is_stamp(line)).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::Path;

    use muster_config::glob::Glob;
    use muster_core::ids::ExpectationId;

    use super::*;
    use crate::differ::{differences, sentence};

    fn item(what: Watch) -> WatchItem {
        WatchItem { id: ExpectationId::new("drift.x").unwrap(), text: "x".to_owned(), what }
    }

    fn put(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn seen(root: &Path, what: Watch) -> Result<Sight, String> {
        look(&Ground::new(root).unwrap(), &item(what), &BTreeMap::new(), usize::MAX, &mut Budget::default())
    }

    /// The whole difference between two looks, as a patch.
    fn patch(was: &Sight, is: &Sight) -> String {
        let text = |name: &str| is.texts.get(name).or_else(|| was.texts.get(name)).cloned();
        differences(&was.things, &is.things).iter().map(|one| one.patch(text)).collect()
    }

    #[test]
    fn a_folder_is_seen_whole_and_no_link_is_followed_out_of_it() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        put(root, "etc/nginx/nginx.conf", "worker_processes 4;\nlisten 80;\n");
        put(root, "etc/nginx/sites/a", "proxy_set_header Authorization \"Basic hunter2\";\n");
        put(root, "secret/file", "hunter2\n");
        symlink("/secret", root.join("etc/nginx/out")).unwrap();
        symlink("../sites/a", root.join("etc/nginx/on")).unwrap();
        put(root, "etc/nginx/.nginx.conf.swp", "x");
        let watch = || Watch::Path("/etc/nginx".to_owned());
        let was = seen(root, watch()).unwrap();
        let names: Vec<&str> = was.things.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "/etc/nginx",
                "/etc/nginx/nginx.conf",
                "/etc/nginx/on",
                "/etc/nginx/out",
                "/etc/nginx/sites",
                "/etc/nginx/sites/a"
            ]
        );
        assert_eq!(was.things["/etc/nginx/out"].kind, Kind::Link("/secret".to_owned()));
        assert!(!format!("{was:?}").contains("hunter2"));

        put(root, "etc/nginx/nginx.conf", "worker_processes 4;\nlisten 8080;\n");
        put(root, "etc/nginx/sites/a", "proxy_set_header Authorization \"Basic hunter3\";\n");
        put(root, "etc/nginx/sites/b", "deny all;\n");
        fs::remove_file(root.join("etc/nginx/out")).unwrap();
        fs::set_permissions(root.join("etc/nginx/sites"), fs::Permissions::from_mode(0o777)).unwrap();
        let is = seen(root, watch()).unwrap();
        let shown = patch(&was, &is);
        for part in [
            "@@ -1,2 +1,2 @@\n worker_processes 4;\n-listen 80;\n+listen 8080;\n",
            "--- /etc/nginx/out\n+++ /dev/null\n@@ -1 +0,0 @@\n-a link to /secret\n",
            "-mode 0755\n+mode 0777\n",
            "+++ /etc/nginx/sites/a\n# a secret in it changed; it is not shown\n",
            "--- /dev/null\n+++ /etc/nginx/sites/b\n@@ -0,0 +1 @@\n+deny all;\n",
        ] {
            assert!(shown.contains(part), "{part}\n in {shown}");
        }
        assert!(!shown.contains("hunter"), "{shown}");
        assert_eq!(
            sentence(&differences(&was.things, &is.things)),
            "/etc/nginx/nginx.conf changed, /etc/nginx/out is gone, /etc/nginx/sites has another owner or mode and 2 more"
        );
        let ground = Ground::new(root).unwrap();
        let again = look(&ground, &item(watch()), &is.things, usize::MAX, &mut Budget::default()).unwrap();
        assert!(again.texts.is_empty() && differences(&is.things, &again.things).is_empty());
    }

    #[test]
    fn of_keys_only_names_are_seen() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        put(root, "opt/a/.env", "TOKEN=hunter2\n");
        put(root, "opt/b/.env", "A=1\n");
        let keys = || Watch::Keys(Glob::parse("/opt/*/.env").unwrap());
        let was = seen(root, keys()).unwrap();
        put(root, "opt/a/.env", "TOKEN=hunter3\n");
        assert_eq!(patch(&was, &seen(root, keys()).unwrap()), "", "values do not count");
        put(root, "opt/a/.env", "TOKEN=hunter3\nDEBUG=1\n");
        fs::remove_file(root.join("opt/b/.env")).unwrap();
        let shown = patch(&was, &seen(root, keys()).unwrap());
        assert!(shown.contains("+DEBUG\n TOKEN\n") && shown.contains("-A\n"), "{shown}");
        assert!(!shown.contains("hunter") && !format!("{was:?}").contains("hunter"));
    }

    #[test]
    fn what_goes_beyond_its_bounds_is_not_seen_and_takes_nothing_from_others() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        put(root, "etc/big/one", &"x".repeat(256 << 10));
        put(root, "etc/small/one", "x");
        put(root, "etc/ssh/sshd_config", "Port 22\n");
        let path = |name: &str| Watch::Path(name.to_owned());
        assert!(seen(root, path("/etc/big")).is_ok());
        put(root, "etc/big/one", &"x".repeat((256 << 10) + 1));
        assert_eq!(seen(root, path("/etc/big")).unwrap_err(), "/etc/big/one is larger than 256 KiB");
        assert_eq!(seen(root, path("/etc/ngnix")).unwrap_err(), "there is nothing at /etc/ngnix");
        for name in 0..THINGS {
            put(root, &format!("etc/many/{name}"), "");
        }
        let ground = Ground::new(root).unwrap();
        let mut budget = Budget::default();
        let mut one = |what| look(&ground, &item(what), &BTreeMap::new(), usize::MAX, &mut budget);
        assert!(one(path("/etc/many")).unwrap_err().contains("more than 2000 files"));
        assert_eq!(one(path("/etc/small")).unwrap().things.len(), 2);
        assert_eq!(one(Watch::Sshd).unwrap().things.len(), 1);
        for name in 0..40 {
            put(root, &format!("etc/heavy/{name}"), &"x".repeat(250 << 10));
        }
        assert!(one(path("/etc/heavy")).unwrap_err().contains("larger than 8 MiB"));
    }

    #[test]
    fn a_link_that_was_named_is_followed_and_crontabs_are_told_without_their_stamp() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        put(root, "srv/sites/a", "x\n");
        put(root, "srv/one.conf", "y\n");
        fs::create_dir_all(root.join("etc")).unwrap();
        symlink("/srv/sites", root.join("etc/sites")).unwrap();
        symlink("/srv/one.conf", root.join("etc/one.conf")).unwrap();
        let sites = seen(root, Watch::Path("/etc/sites".to_owned())).unwrap();
        assert!(sites.things.contains_key("/etc/sites/a"), "{sites:?}");
        let one = seen(root, Watch::Glob(Glob::parse("/etc/*.conf").unwrap())).unwrap();
        assert!(one.things.contains_key("/etc/one.conf -> /srv/one.conf"), "{one:?}");

        let tab = |day: &str| format!("# (- installed on {day})\n0 2 * * * /opt/a\n");
        put(root, "var/spool/cron/crontabs/bob", &tab("Mon"));
        put(root, "etc/cron.d/shop", "0 3 * * * root /opt/b --password hunter2\n");
        let was = seen(root, Watch::Crontabs).unwrap();
        put(root, "var/spool/cron/crontabs/bob", &tab("Tue"));
        assert_eq!(patch(&was, &seen(root, Watch::Crontabs).unwrap()), "");
        put(root, "etc/cron.d/shop", "0 4 * * * root /opt/b --password hunter2\n");
        let shown = patch(&was, &seen(root, Watch::Crontabs).unwrap());
        assert!(shown.contains("+0 4 * * * root /opt/b --password ***\n"), "{shown}");
    }
}
